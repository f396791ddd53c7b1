//! Digests: equal ones mean equal content.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use segue_model::Heads;
use sha2::{Digest, Sha256};

use crate::StatementId;

const ROOT_TAG: &[u8] = b"segue root\x01";
const STATEMENTS_TAG: &[u8] = b"segue statements\x01";
const SHARD_TAG: &[u8] = b"segue shard heads\x01";

/// Everything that a replica counts, in 16 bytes: its statements and the admitted heads of its shards.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Root(pub [u8; 16]);

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Root {
    /// The root of a replica with these statements and heads. Shards in which nothing was written are
    /// not among the heads.
    pub fn of(statements: &BTreeSet<StatementId>, heads: &BTreeMap<u8, Heads>) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(ROOT_TAG);
        hasher.update(statements_digest(statements));
        for (shard, heads) in heads {
            hash_heads(&mut hasher, *shard, heads);
        }
        Self(cut(hasher))
    }
}

/// A digest of a set of statements.
pub(crate) fn statements_digest(statements: &BTreeSet<StatementId>) -> [u8; 16] {
    let mut hasher = Sha256::new();
    hasher.update(STATEMENTS_TAG);
    for id in statements {
        hasher.update(id);
    }
    cut(hasher)
}

/// Eight bytes that tell a shard's heads from others. They are salted with the root that is sent beside
/// them, so that nobody can prepare two states which look equal.
pub(crate) fn shard_digest(salt: &Root, shard: u8, heads: &Heads) -> [u8; 8] {
    let mut hasher = Sha256::new();
    hasher.update(SHARD_TAG);
    hasher.update(salt.0);
    hash_heads(&mut hasher, shard, heads);
    cut(hasher)
}

fn hash_heads(hasher: &mut Sha256, shard: u8, heads: &Heads) {
    hasher.update([shard]);
    hasher.update((heads.hashes().len() as u64).to_be_bytes());
    for hash in heads.hashes() {
        hasher.update(hash.0);
    }
}

fn cut<const N: usize>(hasher: Sha256) -> [u8; N] {
    let digest: [u8; 32] = hasher.finalize().into();
    let mut out = [0; N];
    out.copy_from_slice(&digest[..N]);
    out
}
