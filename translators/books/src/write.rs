//! The writing half, which writes nothing: ratings and shelves are for apps that hold them.
//!
//! Invariant: nothing here opens a file to write it, so there is nothing to bring back either.

use segue_translator::model::ChangeSet;
use segue_translator::{Error, ErrorKind, Library, Revision, Written};

use crate::read::Shelves;

/// Why nothing is written.
pub(crate) const READ_ONLY: &str = "Segue does not write into EPUBs yet";

/// Says that nothing was to be done, or that it cannot be.
pub(crate) fn write(
    library: &Shelves,
    expected: &Revision,
    changes: &ChangeSet,
) -> Result<Written, Error> {
    let revision = library.revision()?;
    if revision != *expected {
        let detail = "the folder changed since it was read";
        return Err(Error::new(ErrorKind::Stale, "write", &library.folder, detail));
    }
    if changes.is_empty() {
        return Ok(Written { revision, ..Written::default() });
    }
    Err(Error::new(ErrorKind::Unsupported, "write", &library.folder, READ_ONLY))
}

/// Says that what was never written needs not be brought back.
pub(crate) fn restore(library: &Shelves) -> Error {
    Error::new(ErrorKind::Unsupported, "restore", &library.folder, READ_ONLY)
}
