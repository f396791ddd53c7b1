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

/// Doubts the base of every link.
pub(crate) fn begin(tx: &Tx<'_>, links: &[LinkRow]) -> Result<(), StoreError> {
    links.iter().try_for_each(|row| tx.put_setting(&key(row.id), ""))
}

/// Whether a base may be of another time.
pub(crate) fn is_in_doubt(store: &Reader, link: LinkId) -> Result<bool, StoreError> {
    Ok(store.setting(&key(link))?.is_some())
}

/// The base of a link is of now again.
pub(crate) fn end(tx: &Tx<'_>, link: LinkId) -> Result<(), StoreError> {
    tx.remove_setting(&key(link))
}
