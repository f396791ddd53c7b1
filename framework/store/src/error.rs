//! What can go wrong with the store, each with what a person can do. The words carry their cause;
//! the variants are what the agent tells apart.

use std::io;
use std::path::{Path, PathBuf};

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system refused.
    #[error("cannot {operation} {}: {detail}", path.display())]
    Io {
        /// What was being done.
        operation: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's words.
        detail: String,
    },
    /// The file belongs to another program.
    #[error("{} is no Segue store; move it away or set SEGUE_HOME to another folder", path.display())]
    NotAStore {
        /// The file.
        path: PathBuf,
    },
    /// The file has a format that this version does not know.
    #[error(
        "{} was written by a newer Segue (format {found}, this one knows {known}); \
         nothing was changed, please update Segue", path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format that this version knows.
        known: u32,
    },
    /// A record names something that this version does not know. Nothing of it was dropped.
    #[error("the store holds {what}, written by a newer Segue; please update Segue")]
    NewerRecord {
        /// What is unknown, such as "the field `mood`".
        what: String,
    },
    /// The file's content contradicts itself.
    #[error(
        "the store is damaged: {detail}; run `segue doctor`, or restore the file from a backup"
    )]
    Damaged {
        /// What was found.
        detail: String,
    },
    /// A row refers to something that is not in the store.
    #[error("the store holds no {what} {id}")]
    Unknown {
        /// What kind of thing.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// The caller's rows contradict each other or what is kept.
    #[error("the store refuses a row: {detail}")]
    Refused {
        /// Why.
        detail: String,
    },
    /// Another process works in the same folder.
    #[error(
        "another Segue is working in this folder{}; wait for it or end it, then try again",
        holder.map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    Locked {
        /// The other process, if it said so.
        holder: Option<u32>,
    },
    /// The disk is full. The transaction did not happen.
    #[error("the disk is full; free some space, then run the command again")]
    Full,
    /// The file, or the disk that it is on, may not be written.
    #[error(
        "cannot write {}; check who owns it and its folder, their permissions, and whether the \
         disk is read-only",
        path.display()
    )]
    ReadOnly {
        /// The file; empty until [`StoreError::named`] says which.
        path: PathBuf,
    },
    /// SQLite failed in another way.
    #[error("the store failed: {detail}")]
    Database {
        /// SQLite's words.
        detail: String,
    },
}

impl StoreError {
    pub(crate) fn io(operation: &'static str, path: &Path, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Io { operation, path: path.to_owned(), detail: error.to_string() },
        }
    }

    /// Not a `From`, so that no foreign type shows in the public API.
    #[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
    pub(crate) fn sql(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        let detail = error.to_string();
        match error.sqlite_error_code() {
            Some(Code::DiskFull) => Self::Full,
            // To open a store is to write beside it.
            Some(Code::ReadOnly | Code::CannotOpen | Code::PermissionDenied) => {
                Self::ReadOnly { path: PathBuf::new() }
            }
            Some(Code::DatabaseCorrupt | Code::NotADatabase) => Self::Damaged { detail },
            Some(Code::ConstraintViolation) => Self::Refused { detail },
            _ => Self::Database { detail },
        }
    }

    /// The same error with the store's file in it, where SQLite does not say which.
    #[must_use]
    pub fn named(self, store: &Path) -> Self {
        match self {
            Self::ReadOnly { path } if path.as_os_str().is_empty() => {
                Self::ReadOnly { path: store.to_owned() }
            }
            other => other,
        }
    }

    pub(crate) fn damaged(detail: impl Into<String>) -> Self {
        Self::Damaged { detail: detail.into() }
    }
}
