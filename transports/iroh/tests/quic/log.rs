//! A replica in memory: a log of bytes, since what a change says is no matter of the transport.

use std::collections::{BTreeMap, BTreeSet};

use segue_access::SignedStatement;
use segue_model::{ChangeHash, DeviceId, Heads};
use segue_sync::{Batch, History, Ingested, Replica, ShortHash, SignedChange, StatementId};

/// Changes of some devices, each of which writes one after the other.
#[derive(Default)]
pub(crate) struct Log {
    statements: BTreeSet<StatementId>,
    heads: BTreeMap<u8, Heads>,
    tips: BTreeMap<DeviceId, ChangeHash>,
    history: History,
    changes: BTreeMap<ChangeHash, SignedChange>,
}

/// A change's bytes are the hash before, its own, and whatever.
fn hashes(raw: &[u8]) -> [ChangeHash; 2] {
    let (parent, own) = raw[..64].split_at(32);
    [parent, own].map(|hash| ChangeHash(hash.try_into().unwrap()))
}

impl Log {
    pub(crate) fn len(&self) -> usize {
        self.changes.len()
    }

    /// A new change with so many bytes of chance.
    pub(crate) fn write(&mut self, author: DeviceId, seed: u64, bytes: usize) {
        let mut chance = fastrand::Rng::with_seed(seed);
        let mut raw = vec![0; 64 + bytes];
        chance.fill(&mut raw[32..]);
        raw[..32].copy_from_slice(&self.tips.get(&author).map_or([0; 32], |tip| tip.0));
        let signature = [0; 64];
        self.keep(SignedChange { shard: 0, author, signature, raw });
    }

    fn keep(&mut self, change: SignedChange) -> ChangeHash {
        let [parent, own] = hashes(&change.raw);
        if self.changes.contains_key(&own) {
            return own;
        }
        self.history.push(own, &[parent]);
        self.tips.insert(change.author, own);
        self.heads.insert(0, Heads::new(self.tips.values().copied().collect()));
        self.changes.insert(own, change);
        own
    }

    pub(crate) fn ingest(&mut self, number: u64, batch: Batch) -> Ingested {
        let before = self.changes.len();
        let held = batch.changes.into_iter().map(|change| (0, self.keep(change))).collect();
        let brought_news = self.changes.len() > before;
        Ingested { number, brought_news, held, ..Ingested::default() }
    }
}

impl Replica for Log {
    fn may_read(&self, _: &DeviceId) -> bool {
        true
    }

    fn statements(&self) -> &BTreeSet<StatementId> {
        &self.statements
    }

    fn statement(&self, _: &StatementId) -> Option<SignedStatement> {
        None
    }

    fn heads(&self) -> &BTreeMap<u8, Heads> {
        &self.heads
    }

    fn holds(&self, _: u8, hash: &ShortHash) -> bool {
        self.history.contains(hash)
    }

    fn locator(&self, _: u8) -> Vec<ShortHash> {
        self.history.locator()
    }

    fn missing(
        &self,
        _: u8,
        known: &BTreeSet<ShortHash>,
        bytes_max: usize,
    ) -> Vec<(ChangeHash, SignedChange)> {
        let mut bytes = 0;
        let missing = self.history.missing(known).map(|hash| (hash, self.changes[&hash].clone()));
        missing
            .take_while(|(_, change)| {
                let fits = bytes < bytes_max;
                bytes += change.raw.len();
                fits
            })
            .collect()
    }
}
