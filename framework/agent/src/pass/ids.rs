//! Ids of new collections and entries: random, because an operation's id is, yet the same when a plan
//! is made again.

use segue_model::{Collection, CollectionId, DocumentId, EntryId, Heads, NativeId, OperationId};
use segue_store::Reader;
use sha2::{Digest, Sha256};

use super::{LISTS, Member};
use crate::failure::Failure;

/// What the ids of a draft are drawn from: its operation. One that has written into the document already, and goes on,
/// draws others, or a new entry would take the place of one from before.
pub(super) fn seed(
    store: &Reader,
    document: DocumentId,
    operation: OperationId,
) -> Result<OperationId, Failure> {
    if store.log_operation_first(&document, operation)?.is_none() {
        return Ok(operation);
    }
    let mut hasher = Sha256::new();
    hasher.update(b"segue goes on v1\0");
    hasher.update(operation.0);
    for hash in store.heads(&document)?.get(&LISTS).into_iter().flat_map(Heads::hashes) {
        hasher.update(hash.0);
    }
    let mut seed = [0; 8];
    seed.copy_from_slice(&hasher.finalize()[..8]);
    Ok(OperationId(seed))
}

/// A collection's id: random, yet the same when the plan is made again.
pub(super) fn fresh_id(operation: OperationId, member: &Member, now: &Collection) -> CollectionId {
    let mut id = [0; 16];
    id.copy_from_slice(&digest(b"segue collection v1\0", operation, member, &now.id, 0)[..16]);
    id[0] = LISTS;
    // The document's own record is all zeros.
    id[15] |= 1;
    CollectionId(id)
}

/// Ids for new entries of one collection.
pub(super) fn entry_ids<'a>(
    operation: OperationId,
    native: &'a NativeId,
    member: &'a Member,
) -> impl FnMut() -> EntryId + 'a {
    let mut count = 0;
    move || {
        count += 1;
        let mut id = [0; 8];
        let digest = digest(b"segue entry v1\0", operation, member, native, count);
        id.copy_from_slice(&digest[..8]);
        EntryId(id)
    }
}

fn digest(
    tag: &[u8],
    operation: OperationId,
    member: &Member,
    native: &NativeId,
    count: u64,
) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(tag);
    hasher.update(operation.0);
    hasher.update(member.row.id.0);
    hasher.update(count.to_le_bytes());
    hasher.update(native.as_bytes());
    hasher.finalize().into()
}
