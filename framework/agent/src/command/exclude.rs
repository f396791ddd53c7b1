//! What can be said about what stays on this device, and the answers.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::LibrarySpec;

/// What shall stay, or no longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExcludeAction {
    /// Makes a rule.
    Add {
        /// What it covers.
        what: Excluded,
        /// The libraries of this app, or this one; otherwise all.
        library: Option<LibrarySpec>,
        /// From this second on, in Unix time; otherwise since ever.
        from: Option<i64>,
        /// Until before this second; otherwise for ever.
        until: Option<i64>,
    },
    /// Takes a rule back.
    Remove {
        /// Its number.
        rule: u64,
    },
}

/// What a rule covers, as a person says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Excluded {
    /// A field of every item.
    Field(String),
    /// An item of the document: an id, the beginning of one, or a title.
    Item(String),
    /// A file, or everything below a folder; absolute. Paths need not be text.
    Place(std::ffi::OsString),
    /// Collections of this name, this kind, or both.
    Collection {
        /// The name.
        name: Option<String>,
        /// The kind.
        kind: Option<String>,
    },
}

impl Excluded {
    /// A place by its path.
    pub fn place(path: PathBuf) -> Self {
        Self::Place(path.into_os_string())
    }
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExclusionRow {
    /// Its number.
    pub rule: u64,
    /// `field`, `item`, `place` or `playlist`.
    pub target: String,
    /// The field, the item's title, the path, or the playlist's name; empty for all of a kind.
    pub what: String,
    /// The kind of collection, if it was said.
    pub kind: Option<String>,
    /// The app of the libraries that it is about, or `APP=PATH`; null for all.
    pub library: Option<String>,
    /// The first second, in Unix time.
    pub from: Option<i64>,
    /// The end, in Unix time.
    pub until: Option<i64>,
    /// `holds`, `not yet` or `over`.
    pub state: String,
    /// How much of what it covers the libraries here and the document have agreed on already.
    pub shared: u64,
}

/// A rule that was made or taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExclusionReport {
    /// The rule.
    #[serde(flatten)]
    pub row: ExclusionRow,
    /// Whether it was taken back.
    pub removed: bool,
}
