//! Ids of new collections and entries: random, because an operation's id is, yet the same when a plan
//! is made again.

use segue_model::{Collection, CollectionId, EntryId, NativeId, OperationId};
use sha2::{Digest, Sha256};

use super::{LISTS, Member};

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
