//! One shard: an automerge document of flat keys.
//!
//! It starts from a genesis change of constant bytes that creates 256 bucket maps, so that two
//! devices which begin on their own still share their maps. A batch of new keys that nobody else can
//! write meanwhile (an import) goes into a map of its own, named by its operation, because that can
//! be built at once. A key is written where it stands, else into its bucket; reading takes the union.

use std::collections::{BTreeMap, HashMap};

use automerge::hydrate;
use automerge::transaction::{CommitOptions, Transactable};
use automerge::{
    ActorId, Automerge, Change, ChangeHash as Hash, LoadOptions, ObjId, ObjType, PatchAction,
    PatchLog, Prop, ROOT, ReadDoc, Value, ValueRef, VerificationMode,
};
use segue_model::{ChangeHash, Heads, OperationId};

use crate::error::DocumentError;
use crate::key::{self, Key};
use crate::record::Record;
use crate::write::{self, Puts, Write};

static GENESIS: &[u8] = include_bytes!("genesis.automerge");

/// From so many records on, a commit decodes the whole shard instead of searching it for each.
const SCAN_MIN: usize = 16;

/// From so many new keys on, a commit builds one map instead of putting key by key.
const BATCH_KEYS_MIN: usize = 48;

/// One change, as it is signed, kept and sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawChange {
    /// The hash that is signed.
    pub hash: ChangeHash,
    /// The bytes that hash to it.
    pub bytes: Vec<u8>,
}

/// What a commit made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The change.
    pub change: RawChange,
    /// The state of the branch on which it was made: what its author has seen.
    pub branch: Heads,
}

/// One change as a step in history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What its author had seen.
    pub before: Heads,
    /// What there was afterwards, on its branch.
    pub after: Heads,
    /// The records that it touched.
    pub touched: Vec<[u8; 16]>,
}

/// One shard in memory.
#[derive(Debug, Clone)]
pub struct Shard {
    doc: Automerge,
    buckets: Vec<ObjId>,
    batches: Vec<ObjId>,
}

impl Shard {
    /// An empty shard whose commits are made by `actor`.
    pub fn create(actor: [u8; 16]) -> Result<Self, DocumentError> {
        Self::open(GENESIS, actor)
    }

    /// A shard from what [`Shard::save`] returned.
    pub fn open(saved: &[u8], actor: [u8; 16]) -> Result<Self, DocumentError> {
        // The cache is our own file, its heads are compared by the caller, and the log is the truth.
        let options = LoadOptions::new().verification_mode(VerificationMode::DontCheck);
        let doc = Automerge::load_with_options(saved, options)?.with_actor(ActorId::from(actor));
        let mut shard = Self { doc, buckets: Vec::new(), batches: Vec::new() };
        shard.find_maps()?;
        Ok(shard)
    }

    /// The shard as bytes, for a cache.
    pub fn save(&self) -> Vec<u8> {
        self.doc.save()
    }

    /// Adds changes from the log or a peer, in any order.
    pub fn apply(&mut self, changes: &[Vec<u8>]) -> Result<(), DocumentError> {
        let changes: Vec<Change> = changes
            .iter()
            .map(|bytes| Change::from_bytes(bytes.clone()))
            .collect::<Result<_, _>>()
            .map_err(|error| DocumentError::Automerge(error.to_string()))?;
        self.doc.apply_changes(changes)?;
        self.find_maps()
    }

    /// The present state.
    pub fn heads(&self) -> Heads {
        heads(&self.doc.get_heads())
    }

    /// The state of a shard in which nothing was written yet.
    pub fn genesis_heads() -> Result<Heads, DocumentError> {
        Ok(Self::create([0; 16])?.heads())
    }

    /// All changes that this shard holds beyond the genesis, in causal order.
    pub fn changes(&self) -> Vec<RawChange> {
        self.doc.get_changes(&[]).iter().skip(1).map(raw).collect()
    }

    /// The step that a change made; `None` if the shard does not hold it.
    pub fn step(&self, change: &ChangeHash) -> Option<Step> {
        let change = self.doc.get_change_by_hash(&Hash(change.0))?;
        let after = [change.hash()];
        let mut touched = std::collections::BTreeSet::new();
        for patch in self.doc.diff(change.deps(), &after) {
            let key = match &patch.action {
                PatchAction::PutMap { key, .. }
                | PatchAction::DeleteMap { key }
                | PatchAction::Conflict { prop: Prop::Map(key) } => Some(key),
                _ => None,
            };
            touched.extend(key.and_then(|key| Key::parse(key)).map(|(id, _)| id));
        }
        let touched = touched.into_iter().collect();
        Some(Step { before: heads(change.deps()), after: heads(&after), touched })
    }

    /// All records, decoded.
    pub fn records(&self) -> Result<BTreeMap<[u8; 16], Record>, DocumentError> {
        let mut records = BTreeMap::new();
        for map in self.buckets.iter().chain(&self.batches) {
            for item in self.doc.map_range(map, ..) {
                let Some((id, key)) = Key::parse(&item.key) else { continue };
                let record: &mut Record = records.entry(id).or_default();
                record.id = id;
                if item.conflict {
                    for (value, _) in self.doc.get_all(map, item.key.as_ref())? {
                        record.learn(&key, value.as_scalar());
                    }
                } else {
                    let value: Value<'_> = item.value.into();
                    record.learn(&key, value.as_scalar());
                }
            }
        }
        Ok(records)
    }

    /// One record as it is now, or as it was at `at`.
    pub fn record(&self, id: &[u8; 16], at: Option<&Heads>) -> Result<Record, DocumentError> {
        let mut record = Record { id: *id, ..Record::default() };
        let prefix = key::prefix(id);
        let range = prefix.clone()..format!("{}0", &prefix[..32]);
        let at = at.map(hashes);
        for map in std::iter::once(self.bucket(id)).chain(&self.batches) {
            let items: Vec<String> = match &at {
                Some(at) => self.doc.map_range_at(map, range.clone(), at).map(key_of).collect(),
                None => self.doc.map_range(map, range.clone()).map(key_of).collect(),
            };
            for text in items {
                let Some((_, key)) = Key::parse(&text) else { continue };
                let values = match &at {
                    Some(at) => self.doc.get_all_at(map, text.as_str(), at)?,
                    None => self.doc.get_all(map, text.as_str())?,
                };
                for (value, _) in values {
                    record.learn(&key, value.as_scalar());
                }
            }
        }
        Ok(record)
    }

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
        self.commit_puts(at, operation, time, &puts, &Puts::new())
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
        self.commit_puts(None, operation, time, &puts, &fresh)
    }

    fn commit_puts(
        &mut self,
        at: Option<&Heads>,
        operation: OperationId,
        time: i64,
        puts: &Puts,
        batch: &Puts,
    ) -> Result<Option<Committed>, DocumentError> {
        if puts.is_empty() && batch.is_empty() {
            return Ok(None);
        }
        let hash = self.put(at, operation, time, puts, batch)?;
        let change = self.doc.get_change_by_hash(&hash).ok_or(DocumentError::UnknownHeads)?;
        let branch = if at.is_some() { heads(&[hash]) } else { self.heads() };
        let committed = Committed { change: raw(&change), branch };
        if !batch.is_empty() {
            self.find_maps()?;
        }
        Ok(Some(committed))
    }

    fn put(
        &mut self,
        at: Option<&Heads>,
        operation: OperationId,
        time: i64,
        puts: &Puts,
        batch: &Puts,
    ) -> Result<Hash, DocumentError> {
        let targets: Vec<Vec<ObjId>> = puts.keys().map(|key| self.homes_of(key, at)).collect();
        let batch_name = self.batch_name(operation)?;
        let at = at.map(hashes);
        let mut transaction = match &at {
            Some(at) => self
                .doc
                .transaction_at(PatchLog::inactive(), at)
                .map_err(|error| DocumentError::Automerge(error.to_string()))?,
            None => self.doc.transaction(),
        };
        for ((key, value), maps) in puts.iter().zip(&targets) {
            for (index, map) in maps.iter().enumerate() {
                match value.as_ref().filter(|_| index == 0) {
                    Some(value) => transaction.put(map, key.as_str(), value.clone())?,
                    None => transaction.delete(map, key.as_str())?,
                }
            }
        }
        if !batch.is_empty() {
            let map: HashMap<String, hydrate::Value> = batch
                .iter()
                .filter_map(|(k, v)| Some((k.clone(), hydrate::Value::Scalar(v.clone()?))))
                .collect();
            let map = hydrate::Value::Map(hydrate::Map::from(map));
            transaction.batch_create_object(ROOT, batch_name, &map, false)?;
        }
        let options = CommitOptions::default().with_message(operation.to_string()).with_time(time);
        transaction.commit_with(options).0.ok_or(DocumentError::UnknownHeads)
    }

    /// The maps in which a key stands: several, if devices made it on their own; else its bucket.
    fn homes_of(&self, key: &str, at: Option<&Heads>) -> Vec<ObjId> {
        let at = at.map(hashes);
        let stands = |map: &&ObjId| {
            let value = match &at {
                Some(at) => self.doc.get_at(*map, key, at),
                None => self.doc.get(*map, key),
            };
            matches!(value, Ok(Some(_)))
        };
        let bucket = match Key::parse(key) {
            Some((id, _)) => self.bucket(&id),
            None => &self.buckets[0],
        };
        let all = std::iter::once(bucket).chain(&self.batches);
        let homes: Vec<ObjId> = all.filter(stands).cloned().collect();
        if homes.is_empty() { vec![bucket.clone()] } else { homes }
    }

    /// A name for a map of new keys. An operation may need several, one for each library.
    fn batch_name(&self, operation: OperationId) -> Result<String, DocumentError> {
        let first = format!("batch/{operation}");
        let mut name = first.clone();
        let mut count = 1;
        while self.doc.get(ROOT, name.as_str())?.is_some() {
            count += 1;
            name = format!("{first}/{count}");
        }
        Ok(name)
    }

    fn bucket(&self, id: &[u8; 16]) -> &ObjId {
        &self.buckets[usize::from(id[1]) % self.buckets.len()]
    }

    fn find_maps(&mut self) -> Result<(), DocumentError> {
        let (mut buckets, mut batches) = (Vec::with_capacity(256), Vec::new());
        // One walk: looking each key up costs as much as a small import.
        for item in self.doc.map_range(ROOT, ..) {
            match item.value {
                ValueRef::Object(ObjType::Map) if item.key.len() == 2 => buckets.push(item.id()),
                ValueRef::Object(ObjType::Map) => batches.push(item.id()),
                _ => {}
            }
        }
        if buckets.len() != 256 {
            return Err(DocumentError::Automerge("its first change is missing".into()));
        }
        (self.buckets, self.batches) = (buckets, batches);
        Ok(())
    }
}

fn key_of(item: automerge::iter::MapRangeItem<'_>) -> String {
    item.key.into_owned()
}

fn raw(change: &Change) -> RawChange {
    RawChange { hash: ChangeHash(change.hash().0), bytes: change.raw_bytes().to_vec() }
}

fn heads(hashes: &[Hash]) -> Heads {
    Heads::new(hashes.iter().map(|hash| ChangeHash(hash.0)).collect())
}

fn hashes(heads: &Heads) -> Vec<Hash> {
    heads.hashes().iter().map(|hash| Hash(hash.0)).collect()
}
