//! Who the devices of a document are, by the signed statements about it, and what that means here.

use segue_access::Members;
use segue_model::{DocumentId, LinkId};
use segue_store::{Reader, StoreError};

use crate::failure::Failure;
use crate::home::Home;
use crate::peers::circle::signed;

/// The devices of a document with their roles and names. Checks every signature: ask once for each
/// report or pass.
pub(crate) fn members(reader: &Reader, document: &DocumentId) -> Result<Members, StoreError> {
    let signed: Vec<_> = reader.statements(document)?.into_iter().map(signed).collect();
    Ok(Members::of(&signed, document))
}

/// Whether others take what this device writes into a document; one that does not exist yet begins
/// here.
pub(crate) fn may_write(home: &Home, document: &DocumentId) -> Result<bool, StoreError> {
    Ok(home.store.document(document)?.is_none()
        || members(&home.store, document)?.may_write(&home.device.id()))
}

/// Why nothing is written into a document.
pub(crate) const ONLY_READS: &str = "this device may read this document, not write it";

/// Refuses what a person asked for if nobody would take it.
pub(crate) fn refuse_reader(home: &Home, document: &DocumentId) -> Result<(), Failure> {
    if may_write(home, document)? {
        return Ok(());
    }
    Err(Failure::refused(ONLY_READS, "ask its owner for the right to write"))
}

/// The setting that says of a link that it never gave anything: it began while this device could
/// only read. Its base says what it was given; with the right to write, its first contact is due.
pub(crate) fn gave_nothing(link: LinkId) -> String {
    format!("gave nothing {link}")
}
