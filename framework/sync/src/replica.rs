//! What a session reads of the replica that it speaks for.

use std::collections::{BTreeMap, BTreeSet};

use segue_access::SignedStatement;
use segue_model::{ChangeHash, DeviceId, Heads};

use crate::SignedChange;

/// The first 16 bytes of a statement's hash.
pub type StatementId = [u8; 16];

/// The first 16 bytes of a change's hash: peers name changes so where they only compare.
pub type ShortHash = [u8; 16];

/// Cuts a hash.
pub const fn short(hash: &ChangeHash) -> ShortHash {
    match hash.0.first_chunk() {
        Some(short) => *short,
        None => [0; 16],
    }
}

/// Names a statement as sessions do.
pub fn statement_id(statement: &SignedStatement) -> StatementId {
    let mut id = [0; 16];
    id.copy_from_slice(&statement.hash()[..16]);
    id
}

/// One document on this device, read only. All answers of one instant fit together.
pub trait Replica {
    /// Whether this device may get the document now: its role is at least *read*, and has not ended.
    fn may_read(&self, device: &DeviceId) -> bool;

    /// The ids of the statements that matter for the document.
    fn statements(&self) -> &BTreeSet<StatementId>;

    /// One of these statements.
    fn statement(&self, id: &StatementId) -> Option<SignedStatement>;

    /// The admitted heads of the shards in which anything was written.
    fn heads(&self) -> &BTreeMap<u8, Heads>;

    /// Whether the log holds a change, admitted or not.
    fn holds(&self, shard: u8, hash: &ShortHash) -> bool;

    /// Hashes at growing distances in the past of a shard; see [`History::locator`](crate::History::locator).
    fn locator(&self, shard: u8) -> Vec<ShortHash>;

    /// Admitted changes of a shard that are neither among `known` nor in their past, each after those
    /// it builds on; hashes that are not there are ignored. The answer may be cut off once it holds
    /// `bytes_max` raw bytes, but it is empty only if there are none.
    fn missing(
        &self,
        shard: u8,
        known: &BTreeSet<ShortHash>,
        bytes_max: usize,
    ) -> Vec<(ChangeHash, SignedChange)>;
}
