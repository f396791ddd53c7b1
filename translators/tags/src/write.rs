//! Says no. Tags are read and never written: files that several programs hold, and that backups know by
//! their content, are not changed for a rating.
//!
//! Invariant: nothing here opens a file.

use std::path::Path;

use segue_translator::model::ChangeSet;
use segue_translator::{Error, ErrorKind, Revision, Written};

/// Why nothing is written, for a person. No edit comes this far: nothing is declared as writable.
const READ_ONLY: &str = "tags in audio files are read and not written";

/// Makes no edits at all, or fails.
pub(crate) fn write(
    folder: &Path,
    now: Revision,
    expected: &Revision,
    changes: &ChangeSet,
) -> Result<Written, Error> {
    if !changes.is_empty() {
        return Err(Error::new(ErrorKind::Unsupported, "write", folder, READ_ONLY));
    }
    if now != *expected {
        return Err(Error::new(ErrorKind::Stale, "write", folder, "the files changed meanwhile"));
    }
    Ok(Written { revision: now, ..Written::default() })
}

/// Nothing was written, so there is nothing to bring back.
pub(crate) fn restore(folder: &Path) -> Error {
    Error::new(ErrorKind::Unsupported, "restore", folder, READ_ONLY)
}
