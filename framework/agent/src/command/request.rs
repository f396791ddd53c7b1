//! What can be asked.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{ExcludeAction, LicenceAction, RoleName, SeatAction, ServiceAction};
use crate::net::choice::Reach;

/// A library on the command line: `APP` (the discovered one) or `APP=PATH`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Carried", into = "Carried")]
pub struct LibrarySpec {
    /// The app.
    pub app: String,
    /// Where the library is, if it was said.
    pub path: Option<PathBuf>,
    /// Where its content lies (`--root DIR`), if it was said.
    pub root: Option<PathBuf>,
}

/// A library as it travels: paths need not be text.
#[derive(Serialize, Deserialize)]
struct Carried(String, Option<OsString>, Option<OsString>);

impl From<Carried> for LibrarySpec {
    fn from(Carried(app, path, root): Carried) -> Self {
        Self { app, path: path.map(PathBuf::from), root: root.map(PathBuf::from) }
    }
}

impl From<LibrarySpec> for Carried {
    fn from(spec: LibrarySpec) -> Self {
        let bytes = PathBuf::into_os_string;
        Self(spec.app, spec.path.map(bytes), spec.root.map(bytes))
    }
}

/// A text that names no library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecError(pub String);

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no library; say APP or APP=PATH, such as rhythmbox=/mnt/old", self.0)
    }
}

impl std::error::Error for SpecError {}

impl FromStr for LibrarySpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let (app, path) = match text.split_once('=') {
            Some((app, path)) => (app, Some(path)),
            None => (text, None),
        };
        let named = !app.is_empty() && app.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !named || path.is_some_and(str::is_empty) {
            return Err(SpecError(text.to_owned()));
        }
        Ok(Self { app: app.to_owned(), path: path.map(PathBuf::from), root: None })
    }
}

/// What `segue conformance` shall try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conformance {
    /// The program.
    pub executable: PathBuf,
    /// A library of the app, or a folder with one for each version; else `fixtures` beside the
    /// program.
    pub fixture: Option<PathBuf>,
    /// What random edits follow from.
    pub seed: u64,
    /// Only trials whose name has this part.
    pub only: Option<String>,
}

/// One command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Looks at this computer.
    Look,
    /// Plans linking or syncing these libraries; without any, those that are linked.
    Plan {
        /// The libraries.
        libraries: Vec<LibrarySpec>,
        /// Whether descriptive tags may be written into the apps too.
        write_tags: bool,
    },
    /// Shows the edits of a kind (`ratings`, `plays`, `playlists`, `all`, a field) of a plan.
    ShowPlan {
        /// The plan's id.
        plan: String,
        /// What to show.
        what: String,
    },
    /// Executes a plan.
    Apply {
        /// The plan's id.
        plan: String,
    },
    /// One pass over what is linked.
    Sync {
        /// Only these; all if empty.
        libraries: Vec<LibrarySpec>,
        /// Only say what would be done.
        dry_run: bool,
        /// Let guards pass.
        yes: bool,
    },
    /// Lists doubtful matches.
    Matches,
    /// Says that two items are the same, or (`apart`) that they are not.
    Match {
        /// An item: an id, the beginning of one, or a title.
        item: String,
        /// Another.
        other: String,
        /// Whether to separate them.
        apart: bool,
    },
    /// What is linked and what waits.
    Status,
    /// The operations.
    Log,
    /// The whole document as canonical JSON.
    Export {
        /// The document, if there are several: an id or the beginning of one, or a schema's name.
        document: Option<String>,
    },
    /// Items and collections in which a text stands.
    Find {
        /// The text.
        text: String,
    },
    /// Tries the laws of a translator on a program. It needs no agent.
    Conformance(Conformance),
    /// Where the values of an item came from.
    Why {
        /// The item.
        item: String,
        /// Only this field.
        field: Option<String>,
    },
    /// Concurrent values that nobody has settled.
    Conflicts,
    /// Settles one.
    Resolve {
        /// The item.
        item: String,
        /// The field.
        field: String,
        /// The value, as text or JSON; or `None` with `keep`.
        value: Option<String>,
        /// Take the value that this app holds.
        keep: Option<String>,
    },
    /// Takes an operation back; without a number, the last that was not taken back.
    Undo {
        /// The operation's number.
        operation: Option<i64>,
    },
    /// Takes the last undo back.
    Redo,
    /// Ends a link.
    Unlink {
        /// The library.
        library: LibrarySpec,
    },
    /// Checks everything; rebuilds caches from the log and proves them equal.
    Doctor,
    /// The services.
    Services {
        /// Only that of this library.
        library: Option<LibrarySpec>,
    },
    /// Plays or pauses a service.
    Service {
        /// The library.
        library: LibrarySpec,
        /// What to do.
        action: ServiceAction,
    },
    /// What the agent that runs has said.
    ServiceLog {
        /// Only of this library.
        library: Option<LibrarySpec>,
    },
    /// The numbers of the agent that runs.
    Metrics,
    /// Makes a ticket.
    Invite {
        /// What it lets into: an id, the beginning of one, or a schema; else the only one there is.
        document: Option<String>,
        /// With which role.
        role: RoleName,
        /// For how long it is good, in seconds.
        seconds: i64,
        /// Whoever comes with it is let in without being asked about.
        yes: bool,
        /// How far to reach, if that was said; an agent that runs reaches as it does.
        reach: Option<Reach>,
    },
    /// Takes back all tickets that nobody has used.
    CancelInvitations,
    /// Joins a document with a ticket.
    Join {
        /// The ticket.
        ticket: String,
        /// Libraries here that belong to another document of the kind move to it.
        moves: bool,
        /// How far to reach, if that was said; an agent that runs reaches as it does.
        reach: Option<Reach>,
    },
    /// Lets a device in that showed a ticket, or not.
    Admit {
        /// Its id, the beginning of it, or its name.
        peer: String,
        /// Whether it may.
        yes: bool,
    },
    /// What stays on this device.
    Exclusions,
    /// Says what stays on this device, or no longer.
    Exclude {
        /// What to do.
        action: ExcludeAction,
    },
    /// What is limited.
    Licences,
    /// Writes the licence beside a file.
    Licence {
        /// What to do.
        action: LicenceAction,
    },
    /// Takes a seat of an item, or gives it away.
    Seat {
        /// Its id, the beginning of it, or its title.
        item: String,
        /// What to do with it.
        action: SeatAction,
    },
    /// Whether seats are given out here.
    Office {
        /// The folder that gave them out is gone for good: this one does from now on.
        take_over: bool,
    },
    /// Strikes what a member said of an item's limits.
    Strike {
        /// The item: an id, the beginning of one, or a title.
        item: String,
        /// Which limit, by the beginning of its id; else the only one there is.
        limit: Option<String>,
    },
    /// The other devices.
    Peers,
    /// Puts a device out.
    Revoke {
        /// Its id, the beginning of it, or its name.
        peer: String,
        /// Whether what it said of limits of its own account ends, too.
        limits: bool,
    },
}

impl Request {
    /// The name of a command that may write more than caches and plans: one process at a time does
    /// it, the agent if it runs.
    pub fn writing(&self) -> Option<&'static str> {
        match self {
            Self::Apply { .. } => Some("apply"),
            Self::Sync { .. } => Some("sync"),
            Self::Match { .. } => Some("match"),
            Self::Resolve { .. } => Some("resolve"),
            Self::Undo { .. } => Some("undo"),
            Self::Redo => Some("redo"),
            Self::Unlink { .. } => Some("unlink"),
            Self::Service { .. } => Some("service"),
            Self::Invite { .. } | Self::CancelInvitations => Some("invite"),
            Self::Join { .. } => Some("join"),
            Self::Admit { .. } => Some("peers"),
            Self::Revoke { .. } => Some("revoke"),
            Self::Licence { .. }
            | Self::Seat { .. }
            | Self::Office { take_over: true }
            | Self::Strike { .. } => Some("licences"),
            Self::Exclude { .. } => Some("exclude"),
            Self::Look
            | Self::Plan { .. }
            | Self::ShowPlan { .. }
            | Self::Matches
            | Self::Status
            | Self::Log
            | Self::Export { .. }
            | Self::Find { .. }
            | Self::Conformance(_)
            | Self::Why { .. }
            | Self::Conflicts
            | Self::Exclusions
            | Self::Licences
            | Self::Office { take_over: false }
            | Self::Doctor
            | Self::Services { .. }
            | Self::ServiceLog { .. }
            | Self::Peers
            | Self::Metrics => None,
        }
    }

    /// Whether an app's library may have to be looked at. What else there is, the document answers.
    pub(crate) fn needs_apps(&self) -> bool {
        !matches!(
            self,
            Self::Conflicts
                | Self::Export { .. }
                | Self::Exclusions
                | Self::Find { .. }
                | Self::Licence { .. }
                | Self::Log
                | Self::Matches
                | Self::Office { .. }
                | Self::Peers
                | Self::Strike { .. }
                | Self::Why { .. }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_is_an_app_or_an_app_with_a_path() {
        let spec = |text: &str| text.parse::<LibrarySpec>();
        assert_eq!(spec("rhythmbox").unwrap().path, None);
        assert_eq!(spec("strawberry=/a=b").unwrap().path, Some(PathBuf::from("/a=b")));
        assert!(spec("").is_err() && spec("=x").is_err() && spec("a=").is_err());
        assert!(spec("../x").is_err());
    }
}
