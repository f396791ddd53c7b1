//! The signature under one change of a document.
//!
//! It covers the document and the shard, so that a change cannot be replayed elsewhere. The hash
//! covers the change's content and its dependencies; whoever verifies computes the hash itself.

use segue_model::{ChangeHash, DeviceId, DocumentId};

use crate::AccessError;
use crate::key::{DeviceKey, Signature, verify_bytes};

const TAG: &[u8] = b"segue change\x01";

/// Signs a change as this device.
pub fn sign_change(
    key: &DeviceKey,
    document: &DocumentId,
    shard: u8,
    hash: &ChangeHash,
) -> Signature {
    key.sign_bytes(&message(document, shard, hash))
}

/// Checks that `author` signed this change for this shard of this document.
///
/// # Errors
/// [`AccessError::Signature`] or [`AccessError::Key`].
pub fn verify_change(
    author: &DeviceId,
    document: &DocumentId,
    shard: u8,
    hash: &ChangeHash,
    signature: &Signature,
) -> Result<(), AccessError> {
    verify_bytes(&author.0, &message(document, shard, hash), signature)
}

fn message(document: &DocumentId, shard: u8, hash: &ChangeHash) -> Vec<u8> {
    [TAG, &document.0, &[shard], &hash.0].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: DocumentId = DocumentId([3; 32]);
    const HASH: ChangeHash = ChangeHash([9; 32]);

    fn flipped<const N: usize>(bytes: [u8; N]) -> impl Iterator<Item = [u8; N]> {
        (0..N).map(move |index| {
            let mut bytes = bytes;
            bytes[index] ^= 1;
            bytes
        })
    }

    #[test]
    fn a_signed_change_verifies_and_any_flipped_byte_does_not() {
        let key = DeviceKey::from_seed([5; 32]);
        let author = key.id();
        let signature = sign_change(&key, &DOCUMENT, 17, &HASH);
        let verify = |author: &DeviceId, document: &DocumentId, shard, hash: &ChangeHash, s: &_| {
            verify_change(author, document, shard, hash, s).is_ok()
        };
        assert!(verify(&author, &DOCUMENT, 17, &HASH, &signature));
        for shard in (0..=255).filter(|shard| *shard != 17) {
            assert!(!verify(&author, &DOCUMENT, shard, &HASH, &signature));
        }
        for document in flipped(DOCUMENT.0) {
            assert!(!verify(&author, &DocumentId(document), 17, &HASH, &signature));
        }
        for hash in flipped(HASH.0) {
            assert!(!verify(&author, &DOCUMENT, 17, &ChangeHash(hash), &signature));
        }
        for author in flipped(author.0) {
            assert!(!verify(&DeviceId(author), &DOCUMENT, 17, &HASH, &signature));
        }
        for signature in flipped(signature) {
            assert!(!verify(&author, &DOCUMENT, 17, &HASH, &signature));
        }
    }

    #[test]
    fn the_signed_message_never_changes() {
        let message = message(&DOCUMENT, 17, &HASH);
        let mut expected = b"segue change\x01".to_vec();
        expected.extend([3; 32]);
        expected.push(17);
        expected.extend([9; 32]);
        assert_eq!(message, expected);
    }
}
