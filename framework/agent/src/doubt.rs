//! What a copied store may believe of what it knows of libraries.
//!
//! Its bases are of the time of the copy. What an app holds otherwise now was edited since, or written by us: if the copy
//! is a backup, the same play or the same new entry of a list may be in several libraries, and counts once.

use segue_model::LinkId;
use segue_store::{LinkRow, Reader, StoreError, Tx};

/// The setting that says of a link that its base may be of another time.
fn key(link: LinkId) -> String {
    format!("in doubt {link}")
}

/// Doubts the base of every link beside another one of its document. What a library that is alone counted since is one part
/// of its counts, and the same as others heard of it before the copy came back.
pub(crate) fn begin(tx: &Tx<'_>, links: &[LinkRow]) -> Result<(), StoreError> {
    let others = |row: &LinkRow| {
        links
            .iter()
            .any(|other| other.active && other.document == row.document && other.id != row.id)
    };
    let mut doubted = links.iter().filter(|row| row.active && others(row));
    doubted.try_for_each(|row| tx.put_setting(&key(row.id), ""))
}

/// Of which time a base is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Time {
    /// Of the last pass.
    Last,
    /// Of the last pass before a copy was made.
    Unknown,
}

impl Time {
    /// Of which time the base of a link is.
    pub(crate) fn of(store: &Reader, link: LinkId) -> Result<Self, StoreError> {
        let is_known = store.setting(&key(link))?.is_none();
        Ok(if is_known { Self::Last } else { Self::Unknown })
    }

    /// Whether what the base lacks may be in several libraries.
    pub(crate) fn is_in_doubt(self) -> bool {
        self == Self::Unknown
    }
}

/// The base of a link is of now again.
pub(crate) fn end(tx: &Tx<'_>, link: LinkId) -> Result<(), StoreError> {
    tx.remove_setting(&key(link))
}
