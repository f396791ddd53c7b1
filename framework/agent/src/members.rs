//! Who the devices of a document are, by the signed statements about it.

use segue_access::{Members, SignedStatement};
use segue_model::DocumentId;
use segue_store::{Reader, StoreError};

/// The devices of a document with their roles and names. Checks every signature: ask once for each
/// report or pass.
pub(crate) fn members(reader: &Reader, document: &DocumentId) -> Result<Members, StoreError> {
    let rows = reader.statements(document)?.into_iter();
    let signed = rows.map(|row| SignedStatement {
        bytes: row.bytes,
        signature: row.signature,
        signer: row.signer,
    });
    Ok(Members::of(&signed.collect::<Vec<_>>(), document))
}
