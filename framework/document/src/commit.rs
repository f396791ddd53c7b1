//! Writing into a shard: from writes of records to changes.
//!
//! A commit at an older state is made on a copy that ends there, so that the numbers of its
//! operations follow from what its author had seen, and from nothing else: whoever gets the change
//! can check them (see [`intake`](crate::intake)). A large commit becomes several changes, so that
//! each is one that others take.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use automerge::hydrate;
use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, Automerge, ChangeHash as Hash, ObjId, ROOT, ReadDoc, ScalarValue};
use segue_model::{Heads, OperationId};

use crate::error::DocumentError;
use crate::header::CHANGE_BYTES_MAX;
use crate::key::Key;
use crate::record::Record;
use crate::shard::{RawChange, Shard, hashes, heads, raw};
use crate::write::{self, Puts, Write};

/// From so many records on, a commit decodes the whole shard instead of searching it for each.
const SCAN_MIN: usize = 16;

/// From so many new keys on, a commit builds one map instead of putting key by key.
const BATCH_KEYS_MIN: usize = 48;

/// A change holds keys and values of so many bytes, or a single one.
const CHANGE_BYTES_AIM: usize = 1 << 20;

/// What a commit made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The changes, one after the other: one unless it was large.
    pub changes: Vec<RawChange>,
    /// The state of the branch on which they were made: what their author has seen.
    pub branch: Heads,
}

/// What is the same for all changes of one commit.
#[derive(Clone, Copy)]
struct Stamp {
    operation: OperationId,
    time: i64,
}

impl Shard {
    /// Writes into records, as somebody who has seen the state `at` (or, without it, all of it).
    /// Returns nothing if that changes nothing.
    ///
    /// # Errors
    /// If `at` is no state of this shard.
    pub fn commit(
        &mut self,
        at: Option<&Heads>,
        operation: OperationId,
        time: i64,
        writes: &BTreeMap<[u8; 16], Vec<Write>>,
    ) -> Result<Option<Committed>, DocumentError> {
        let at = at.filter(|at| **at != self.heads());
        if let Some(at) = at {
            let known = |hash: &Hash| self.doc.get_change_by_hash(hash).is_some();
            if !hashes(at).iter().all(known) {
                return Err(DocumentError::UnknownHeads);
            }
        }
        if at.is_none() && writes.len() >= SCAN_MIN {
            let mut records = self.records()?;
            return self.commit_seen(&mut records, operation, time, writes.clone());
        }
        let (mut puts, mut fresh) = (Puts::new(), Puts::new());
        for (id, writes) in writes {
            let mut record = self.record(id, at)?;
            write::apply(&mut record, writes.clone(), operation, &mut puts, &mut fresh);
        }
        puts.append(&mut fresh);
        self.commit_puts(at, Stamp { operation, time }, puts, Puts::new())
    }

    /// Writes into records as [`Shard::commit`] does, as somebody who has seen all of the shard:
    /// `records` is what [`Shard::records`] returns now, and then what it returns afterwards.
    ///
    /// # Errors
    /// If automerge refuses a write.
    pub fn commit_seen(
        &mut self,
        records: &mut BTreeMap<[u8; 16], Record>,
        operation: OperationId,
        time: i64,
        writes: BTreeMap<[u8; 16], Vec<Write>>,
    ) -> Result<Option<Committed>, DocumentError> {
        let (mut puts, mut fresh) = (Puts::new(), Puts::new());
        for (id, writes) in writes {
            let record = records.entry(id).or_default();
            record.id = id;
            write::apply(record, writes, operation, &mut puts, &mut fresh);
            if record.is_empty() {
                records.remove(&id);
            }
        }
        if fresh.len() < BATCH_KEYS_MIN {
            puts.append(&mut fresh);
        }
        self.commit_puts(None, Stamp { operation, time }, puts, fresh)
    }

    /// Puts and deletes keys as somebody who has seen the state `at`.
    pub(crate) fn put_keys(
        &mut self,
        at: Option<&Heads>,
        operation: OperationId,
        time: i64,
        puts: Puts,
    ) -> Result<Option<Committed>, DocumentError> {
        let at = at.filter(|at| **at != self.heads());
        self.commit_puts(at, Stamp { operation, time }, puts, Puts::new())
    }

    fn commit_puts(
        &mut self,
        at: Option<&Heads>,
        stamp: Stamp,
        puts: Puts,
        batch: Puts,
    ) -> Result<Option<Committed>, DocumentError> {
        if puts.is_empty() && batch.is_empty() {
            return Ok(None);
        }
        let pieces = Piece::of(puts, batch);
        let homes = Homes { buckets: &self.buckets, batches: &self.batches };
        let mut changes = Vec::with_capacity(pieces.len());
        if let Some(at) = at {
            let mut branch = self.branch(at)?;
            for piece in &pieces {
                changes.push(piece.put(&mut branch, &homes, stamp)?);
            }
            let branch = heads(&branch.get_heads());
            let bytes: Vec<Vec<u8>> = changes.iter().map(|change| change.bytes.clone()).collect();
            self.apply(&bytes)?;
            return Ok(Some(Committed { changes, branch }));
        }
        for piece in &pieces {
            changes.push(piece.put(&mut self.doc, &homes, stamp)?);
        }
        self.find_maps()?;
        Ok(Some(Committed { changes, branch: self.heads() }))
    }

    /// The document as it was at `at`, ready for a commit: by our actor if its last commit is there,
    /// else by one derived from it, since an actor's commits follow each other.
    fn branch(&self, at: &Heads) -> Result<Automerge, DocumentError> {
        let at = hashes(at);
        let mut branch = self.doc.fork_at(&at)?;
        let beyond = self.doc.get_changes_meta(&at);
        let beyond: BTreeSet<&[u8]> = beyond.iter().map(|change| change.actor.to_bytes()).collect();
        let mut actor = self.actor().to_vec();
        let mut level = 0u64;
        while beyond.contains(&actor[..]) {
            level += 1;
            actor = branch_actor(&self.actor(), level);
        }
        branch.set_actor(ActorId::from(actor));
        Ok(branch)
    }
}

/// What a branch's actor begins with; automerge derives its own in the same way.
const BRANCH: [u8; 4] = [0x13, 0xb2, 0x23, 0x09];

/// The actor of a branch: others must see whose it is, so its form is part of the protocol.
fn branch_actor(actor: &[u8; 16], mut level: u64) -> Vec<u8> {
    let mut bytes = BRANCH.to_vec();
    while level >= 0x80 {
        bytes.push((level & 0x7f) as u8 | 0x80);
        level >>= 7;
    }
    bytes.push(level as u8);
    bytes.extend(actor);
    bytes
}

/// The maps of keys.
struct Homes<'s> {
    buckets: &'s [ObjId],
    batches: &'s [ObjId],
}

impl Homes<'_> {
    /// The maps in which a key stands: several, if devices made it on their own; else its bucket.
    fn of(&self, doc: &Automerge, key: &str) -> Vec<ObjId> {
        let stands = |map: &&ObjId| matches!(doc.get(*map, key), Ok(Some(_)));
        let index = Key::parse(key).map_or(0, |(id, _)| usize::from(id[1]));
        let bucket = &self.buckets[index % self.buckets.len()];
        let all = std::iter::once(bucket).chain(self.batches);
        let homes: Vec<ObjId> = all.filter(stands).cloned().collect();
        if homes.is_empty() { vec![bucket.clone()] } else { homes }
    }
}

/// The keys of one change: those that go where they stand, and new ones for a map of their own.
#[derive(Default)]
struct Piece {
    puts: Puts,
    batch: Puts,
}

impl Piece {
    fn of(puts: Puts, batch: Puts) -> Vec<Self> {
        let (mut puts, mut batches) = (portions(puts).into_iter(), portions(batch).into_iter());
        let mut pieces = Vec::new();
        loop {
            match (puts.next(), batches.next()) {
                (None, None) => return pieces,
                (puts, batch) => pieces.push(Self {
                    puts: puts.unwrap_or_default(),
                    batch: batch.unwrap_or_default(),
                }),
            }
        }
    }

    fn put(
        &self,
        doc: &mut Automerge,
        homes: &Homes<'_>,
        stamp: Stamp,
    ) -> Result<RawChange, DocumentError> {
        let targets: Vec<Vec<ObjId>> = self.puts.keys().map(|key| homes.of(doc, key)).collect();
        let name = batch_name(doc, stamp.operation)?;
        let mut transaction = doc.transaction();
        for ((key, value), maps) in self.puts.iter().zip(&targets) {
            for (index, map) in maps.iter().enumerate() {
                match value.as_ref().filter(|_| index == 0) {
                    Some(value) => transaction.put(map, key.as_str(), value.clone())?,
                    None => transaction.delete(map, key.as_str())?,
                }
            }
        }
        if !self.batch.is_empty() {
            let map: HashMap<String, hydrate::Value> = self
                .batch
                .iter()
                .filter_map(|(k, v)| Some((k.clone(), hydrate::Value::Scalar(v.clone()?))))
                .collect();
            let map = hydrate::Value::Map(hydrate::Map::from(map));
            transaction.batch_create_object(ROOT, name, &map, false)?;
        }
        let message = stamp.operation.to_string();
        let options = CommitOptions::default().with_message(message).with_time(stamp.time);
        let hash = transaction.commit_with(options).0.ok_or(DocumentError::UnknownHeads)?;
        let change = doc.get_change_by_hash(&hash).ok_or(DocumentError::UnknownHeads)?;
        if change.raw_bytes().len() > CHANGE_BYTES_MAX {
            return Err(DocumentError::TooLarge);
        }
        Ok(raw(&change))
    }
}

/// A name for a map of new keys. An operation may need several: one for each library and piece.
fn batch_name(doc: &Automerge, operation: OperationId) -> Result<String, DocumentError> {
    let first = format!("batch/{operation}");
    let mut name = first.clone();
    let mut count = 1;
    while doc.get(ROOT, name.as_str())?.is_some() {
        count += 1;
        name = format!("{first}/{count}");
    }
    Ok(name)
}

/// Keys in portions for one change each.
fn portions(puts: Puts) -> Vec<Puts> {
    let mut portions: Vec<Puts> = Vec::new();
    let mut room = 0;
    for (key, value) in puts {
        let bytes = key.len() + value.as_ref().map_or(0, value_bytes);
        if bytes > room {
            portions.push(Puts::new());
            room = CHANGE_BYTES_AIM;
        }
        if let Some(portion) = portions.last_mut() {
            portion.insert(key, value);
        }
        room = room.saturating_sub(bytes);
    }
    portions
}

fn value_bytes(value: &ScalarValue) -> usize {
    match value {
        ScalarValue::Str(text) => text.len(),
        ScalarValue::Bytes(bytes) => bytes.len(),
        _ => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_actor_of_a_branch_never_changes_its_form() {
        let expected = |level: &[u8]| [&BRANCH[..], level, &[7; 16]].concat();
        assert_eq!(branch_actor(&[7; 16], 1), expected(&[1]));
        assert_eq!(branch_actor(&[7; 16], 0x7f), expected(&[0x7f]));
        assert_eq!(branch_actor(&[7; 16], 0x80), expected(&[0x80, 1]));
        assert_eq!(branch_actor(&[7; 16], u64::MAX).len(), 4 + 10 + 16);
    }
}
