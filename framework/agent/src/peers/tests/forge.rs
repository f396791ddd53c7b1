//! Changes made by hand, signed with a key that their maker really has.

use std::collections::BTreeMap;

use segue_access::{actor_of, sign_change};
use segue_document::{RawChange, Shard, Write};
use segue_model::{ChangeHash, DocumentId, Heads, LinkId, OperationId};
use segue_sync::{Batch, SignedChange};
use sha2::{Digest, Sha256};

use super::device::Device;

/// A hand that writes into one shard, on top of what its device had when it began.
pub(super) struct Hand {
    pub(super) held: Shard,
    operations: u8,
}

impl Hand {
    /// Writes as this device in an incarnation that it never had.
    pub(super) fn of(device: &Device, index: u8) -> Self {
        Self::under(device, index, actor_of(&device.id(), [0xee; 4]))
    }

    /// Writes on top of what a device has, under any name.
    pub(super) fn under(device: &Device, index: u8, actor: [u8; 16]) -> Self {
        let document = device.document();
        let mut held = Shard::create(actor).unwrap();
        let log = device.store().log(&document, index).unwrap();
        held.apply(&log.into_iter().map(|entry| entry.raw).collect::<Vec<_>>()).unwrap();
        Self { held, operations: 0x80 }
    }

    /// The same state again, and the same name.
    pub(super) fn twin(&self) -> Self {
        Self { held: self.held.clone(), operations: self.operations.wrapping_add(0x40) }
    }

    /// A rating, on top of all that the hand holds or of an older state.
    pub(super) fn rate(&mut self, item: [u8; 16], rating: i64, at: Option<&Heads>) -> RawChange {
        let link = Some(LinkId([9; 8]));
        let write = Write::Register { name: "rating".into(), value: Some(rating.into()), link };
        self.write(item, write, at)
    }

    pub(super) fn write(&mut self, item: [u8; 16], write: Write, at: Option<&Heads>) -> RawChange {
        self.operations = self.operations.wrapping_add(1);
        let operation = OperationId([self.operations; 8]);
        let writes = BTreeMap::from([(item, vec![write])]);
        let made = self.held.commit(at, operation, 0, &writes).unwrap().unwrap();
        made.changes.into_iter().next().unwrap()
    }

    /// Two changes of one number on top of the same state, the lower hash first.
    pub(super) fn two(&self, item: [u8; 16], ratings: [i64; 2]) -> [RawChange; 2] {
        let mut two = [self.twin().rate(item, ratings[0], None), {
            self.twin().twin().rate(item, ratings[1], None)
        }];
        two.sort_by_key(|change| change.hash);
        two
    }
}

impl Device {
    /// Signs a change of a shard with the key of this device.
    pub(super) fn sign(&self, shard: u8, change: &RawChange) -> SignedChange {
        self.sign_for(&self.document(), shard, change)
    }

    pub(super) fn sign_for(
        &self,
        document: &DocumentId,
        shard: u8,
        change: &RawChange,
    ) -> SignedChange {
        let key = &self.agent.home.device;
        let signature = sign_change(key, document, shard, &change.hash);
        SignedChange { shard, author: key.id(), signature, raw: change.bytes.clone() }
    }

    /// The item of a song.
    pub(super) fn item(&self, song: usize) -> [u8; 16] {
        let title = segue_model::Value::text(format!("Song {song}"));
        let document = self.document();
        for index in self.store().shards_with_log(&document).unwrap().into_keys() {
            let records = Hand::of(self, index).held.records().unwrap();
            let found = records.values().find(|record| {
                segue_document::resolve::value(record, &segue_model::music::TITLE).as_ref()
                    == Some(&title)
            });
            if let Some(record) = found {
                return record.id;
            }
        }
        panic!("there is no song {song}")
    }

    /// What a shard was when `hash` had just been made.
    pub(super) fn has(&self, shard: u8, hash: &ChangeHash) -> bool {
        self.store().log_entry(&self.document(), shard, hash).unwrap().is_some()
    }
}

pub(super) fn changes(changes: impl IntoIterator<Item = SignedChange>) -> Batch {
    Batch { statements: Vec::new(), changes: changes.into_iter().collect() }
}

/// A change chunk made byte by byte: one put into the root, unless columns say otherwise.
pub(super) struct Chunk {
    pub(super) deps: Vec<ChangeHash>,
    pub(super) actor: Vec<u8>,
    pub(super) seq: u64,
    pub(super) start_op: u64,
    pub(super) columns: BTreeMap<u32, Vec<u8>>,
}

impl Chunk {
    pub(super) fn on(heads: &Heads, actor: [u8; 16], start_op: u64) -> Self {
        let columns = BTreeMap::from([
            (0x15, vec![0x7f, 1, b'k']),
            (0x34, vec![1]),
            (0x42, vec![0x7f, 1]),
            (0x56, vec![0x7f, 0x14]),
            (0x57, vec![7]),
            (0x70, vec![0x7f, 0]),
        ]);
        Self { deps: heads.hashes().to_vec(), actor: actor.to_vec(), seq: 1, start_op, columns }
    }

    /// With two thousand million operations, of which automerge would make each; no number overflows.
    pub(super) fn bomb(mut self) -> Self {
        let many = [0x80, 0x80, 0x80, 0x80, 0x08];
        self.columns.insert(0x15, [&many[..], &[1, b'k']].concat());
        self.columns.insert(0x42, [&many[..], &[1]].concat());
        self.columns.insert(0x56, [&many[..], &[0]].concat());
        self.columns.remove(&0x57);
        self
    }

    pub(super) fn change(self) -> RawChange {
        let mut body = unsigned(self.deps.len() as u64);
        body.extend(self.deps.iter().flat_map(|dep| dep.0));
        body.extend(unsigned(self.actor.len() as u64));
        body.extend(self.actor);
        body.extend(unsigned(self.seq));
        body.extend(unsigned(self.start_op));
        body.extend([0, 0, 0, self.columns.len() as u8]);
        for (spec, bytes) in &self.columns {
            body.extend(unsigned((*spec).into()));
            body.extend(unsigned(bytes.len() as u64));
        }
        body.extend(self.columns.into_values().flatten());
        let inner = [&[1][..], &unsigned(body.len() as u64), &body].concat();
        let hash: [u8; 32] = Sha256::digest(&inner).into();
        let bytes = [&[0x85, 0x6f, 0x4a, 0x83][..], &hash[..4], &inner].concat();
        RawChange { hash: ChangeHash(hash), bytes }
    }
}

fn unsigned(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        bytes.push(if number == 0 { low } else { low | 0x80 });
        if number == 0 {
            return bytes;
        }
    }
}
