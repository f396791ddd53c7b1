//! What a session believes about the replica at the other end.
//!
//! Beliefs only save bytes. One that is wrong makes the roots differ, and then the session asks again.

use std::collections::{BTreeMap, BTreeSet};

use segue_model::{ChangeHash, Heads};

use crate::limits::SHUNNED_MAX;
use crate::{Replica, Root, ShortHash, StatementId, short};

/// What a replica holds, in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holdings {
    pub(crate) root: Root,
    pub(crate) statements: BTreeSet<StatementId>,
    pub(crate) heads: BTreeMap<u8, Heads>,
}

impl Holdings {
    pub(crate) fn of(replica: &dyn Replica) -> Self {
        let (statements, heads) = (replica.statements().clone(), replica.heads().clone());
        Self { root: Root::of(&statements, &heads), statements, heads }
    }

    pub(crate) fn of_shard(&self, shard: u8) -> BTreeSet<ShortHash> {
        self.heads.get(&shard).map(Heads::hashes).unwrap_or_default().iter().map(short).collect()
    }
}

/// What the peer holds, as far as we know.
#[derive(Debug, Default)]
pub(crate) struct Peer {
    /// The root that it told last.
    pub(crate) root: Option<Root>,
    statements: Option<BTreeSet<StatementId>>,
    /// It has these changes and their past. Nothing is known of a shard that is not there.
    shards: BTreeMap<u8, BTreeSet<ShortHash>>,
    /// It asked not to be sent these.
    skip: BTreeMap<u8, BTreeSet<ShortHash>>,
    /// It sent these, of which the rest of the shard or set is not known yet.
    sent_statements: BTreeSet<StatementId>,
    sent_changes: BTreeMap<u8, BTreeSet<ShortHash>>,
}

impl Peer {
    /// Nothing is believed but the root it told.
    pub(crate) fn forgotten(&self) -> Self {
        Self { root: self.root, ..Self::default() }
    }

    /// It holds what is in `holdings`.
    pub(crate) fn has_all(&mut self, holdings: &Holdings) {
        *self = self.forgotten();
        self.statements = Some(holdings.statements.clone());
        self.shards = (0..=u8::MAX).map(|shard| (shard, holdings.of_shard(shard))).collect();
    }

    /// It has these changes and their past, and what it sent.
    pub(crate) fn has_in_shard(&mut self, shard: u8, mut known: BTreeSet<ShortHash>) {
        known.extend(self.sent_changes.remove(&shard).unwrap_or_default());
        self.shards.insert(shard, known);
    }

    pub(crate) fn skips(&mut self, shard: u8, hashes: BTreeSet<ShortHash>) {
        self.skip.insert(shard, hashes);
    }

    /// It has these statements, and those that it sent.
    pub(crate) fn has_statements(&mut self, mut known: BTreeSet<StatementId>) {
        known.append(&mut self.sent_statements);
        self.statements = Some(known);
    }

    pub(crate) fn sent_statement(&mut self, id: StatementId) {
        self.statements.as_mut().unwrap_or(&mut self.sent_statements).insert(id);
    }

    pub(crate) fn sent_change(&mut self, shard: u8, hash: &ChangeHash) {
        let hash = short(hash);
        match self.shards.get_mut(&shard) {
            Some(known) => known.insert(hash),
            None => self.sent_changes.entry(shard).or_default().insert(hash),
        };
    }

    /// The statements that it holds, if we know.
    pub(crate) fn statements(&mut self) -> Option<&mut BTreeSet<StatementId>> {
        self.statements.as_mut()
    }

    /// What it has of a shard, if we know, and what it does not want of it.
    pub(crate) fn shard(
        &mut self,
        shard: u8,
    ) -> Option<(&mut BTreeSet<ShortHash>, Option<&BTreeSet<ShortHash>>)> {
        Some((self.shards.get_mut(&shard)?, self.skip.get(&shard)))
    }
}

/// Changes that must not be asked for again: refused ones, and those that wait here for others.
#[derive(Debug, Default)]
pub(crate) struct Shunned {
    shards: BTreeMap<u8, BTreeSet<ShortHash>>,
    count: usize,
}

impl Shunned {
    pub(crate) fn insert(&mut self, shard: u8, hash: &ChangeHash) {
        if self.count < SHUNNED_MAX && self.shards.entry(shard).or_default().insert(short(hash)) {
            self.count += 1;
        }
    }

    pub(crate) fn contains(&self, shard: u8, hash: &ShortHash) -> bool {
        self.shards.get(&shard).is_some_and(|hashes| hashes.contains(hash))
    }

    /// Those of a shard, as many as can be named.
    pub(crate) fn of_shard(&self, shard: u8, most: usize) -> Vec<ShortHash> {
        self.shards.get(&shard).into_iter().flatten().take(most).copied().collect()
    }
}
