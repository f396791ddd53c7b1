//! Arguments of `segue exclude`.

use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

use clap::Subcommand;

use crate::command::Excluded;

/// List what stays on this device, or say what shall
///
/// What a rule covers is neither given to others nor written here, from the next sync on. What was
/// given before stays with others as it was then. It does not pass between two apps of this device
/// either. When the rule ends, what your apps hold then is passed on.
///
///   $ segue exclude field comment
///   Rule 1: field comment stays on this device.
///   None of it was given to others yet, as far as the libraries here tell.
///   See that it is left out:   segue sync --dry-run
///
///   $ segue exclude item ~/Music/Demos --until 2027-01-01
///   $ segue exclude playlist Diary --library rhythmbox
///   $ segue exclude --remove 1
///
/// A rule with --until is an embargo; one with --from keeps here what is changed from then on.
///
/// With --json: a list, each "rule", "target" (field, item, place, playlist), "what", "kind",
/// "library", "from", "until", "state" (holds, not yet, over), "shared" (how much was passed on
/// before); of a rule that is made or removed the same, with "removed".
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment, args_conflicts_with_subcommands = true)]
pub(super) struct ExcludeArgs {
    #[command(subcommand)]
    pub(super) what: Option<ExcludeCommand>,
    /// Take this rule back
    #[arg(long, value_name = "RULE")]
    pub(super) remove: Option<u64>,
}

/// What shall stay on this device.
#[derive(Debug, Subcommand)]
pub(super) enum ExcludeCommand {
    /// A field of every item, such as comment; or ext/APP, what an app holds beyond what Segue knows
    Field {
        /// The field
        field: String,
        #[command(flatten)]
        scope: ScopeArgs,
    },
    /// A file, everything below a folder, or one ITEM
    Item {
        /// A path that begins with / or ./, or an item as `segue why` takes it
        item: OsString,
        #[command(flatten)]
        scope: ScopeArgs,
    },
    /// Playlists of this name, or all of a kind
    Playlist {
        /// The name, exactly as the app shows it
        #[arg(required_unless_present = "kind")]
        name: Option<String>,
        /// Only this kind: playlist, `smart_playlist` or folder
        #[arg(long, value_name = "KIND")]
        kind: Option<String>,
        #[command(flatten)]
        scope: ScopeArgs,
    },
}

/// Where and when a rule holds.
#[derive(Debug, clap::Args)]
pub(super) struct ScopeArgs {
    /// Only what this library has; otherwise every library of this device
    #[arg(long, value_name = "LIBRARY")]
    pub(super) library: Option<OsString>,
    /// From then on: a day such as 2027-01-01, or a moment such as 2027-01-01T12:00:00Z
    #[arg(long, value_name = "T", value_parser = moment)]
    pub(super) from: Option<i64>,
    /// Until then
    #[arg(long, value_name = "T", value_parser = moment)]
    pub(super) until: Option<i64>,
}

impl ExcludeCommand {
    /// What is meant, where, and when.
    pub(super) fn parts(self) -> (Excluded, ScopeArgs) {
        match self {
            Self::Field { field, scope } => (Excluded::Field(field), scope),
            Self::Item { item, scope } => (place_or_item(&item), scope),
            Self::Playlist { name, kind, scope } => (Excluded::Collection { name, kind }, scope),
        }
    }
}

/// A path if it looks like one: the agent works in another folder, so it is made absolute.
fn place_or_item(word: &OsStr) -> Excluded {
    let path = Path::new(word);
    let first = path.components().next();
    let is_path =
        matches!(first, Some(Component::RootDir | Component::CurDir | Component::ParentDir));
    match word.to_str() {
        Some(text) if !is_path => Excluded::Item(text.to_owned()),
        _ => Excluded::place(plain(&std::path::absolute(path).unwrap_or_else(|_| path.into()))),
    }
}

/// An absolute path without `..`, which no library has in its own.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => _ = plain.pop(),
            part => plain.push(part),
        }
    }
    plain
}

/// A day or a moment, in Unix seconds.
fn moment(text: &str) -> Result<i64, String> {
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return Ok(moment.as_second());
    }
    let day = text.parse::<jiff::civil::Date>().ok();
    let first = day.and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok());
    first.map(|first| first.timestamp().as_second()).ok_or_else(|| {
        "neither a day such as 2027-01-01 nor a moment such as 2027-01-01T12:00:00Z".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_told_from_a_title_and_made_plain() {
        let place = |word: &str| match place_or_item(word.as_ref()) {
            Excluded::Place(path) => path.into_string().ok(),
            _ => None,
        };
        assert_eq!(place("/m/diary/").as_deref(), Some("/m/diary"));
        assert_eq!(place("/m/x/../diary").as_deref(), Some("/m/diary"));
        assert!(
            place("./diary").is_some_and(|path| path.starts_with('/') && path.ends_with("/diary"))
        );
        assert_eq!(place("Either/Or"), None);
        assert_eq!(place("5f0c2a91"), None);
    }

    #[test]
    fn a_day_begins_at_midnight_in_utc() {
        assert_eq!(moment("2027-01-01"), Ok(1_798_761_600));
        assert_eq!(moment("2027-01-01T00:00:01Z"), Ok(1_798_761_601));
        assert!(moment("tomorrow").is_err());
    }
}
