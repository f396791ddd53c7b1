//! One shard: an automerge document of flat keys.
//!
//! It starts from a genesis change of constant bytes that creates 256 bucket maps, so that two
//! devices which begin on their own still share their maps. A batch of new keys that nobody else can
//! write meanwhile (an import) goes into a map of its own, named by its operation, because that can
//! be built at once. A key is written where it stands, else into its bucket; reading takes the union.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use automerge::{
    ActorId, Automerge, Change, ChangeHash as Hash, LoadOptions, ObjId, ObjType, PatchAction, Prop,
    ROOT, ReadDoc, Value, ValueRef, VerificationMode,
};
use segue_model::{ChangeHash, Heads};

use crate::error::DocumentError;
use crate::key::{self, Key};
use crate::record::Record;

static GENESIS: &[u8] = include_bytes!("genesis.automerge");

/// One change, as it is signed, kept and sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawChange {
    /// The hash that is signed.
    pub hash: ChangeHash,
    /// The bytes that hash to it.
    pub bytes: Vec<u8>,
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
    pub(crate) doc: Automerge,
    pub(crate) buckets: Vec<ObjId>,
    pub(crate) batches: Vec<ObjId>,
    actor: [u8; 16],
}

impl Shard {
    /// An empty shard whose commits are made by `actor`.
    pub fn create(actor: [u8; 16]) -> Result<Self, DocumentError> {
        static EMPTY: OnceLock<Shard> = OnceLock::new();
        let empty = if let Some(empty) = EMPTY.get() {
            empty
        } else {
            let made = Self::open(GENESIS, actor)?;
            EMPTY.get_or_init(|| made)
        };
        let Self { doc, buckets, batches, .. } = empty.clone();
        Ok(Self { doc: doc.with_actor(ActorId::from(actor)), buckets, batches, actor })
    }

    /// A shard from what [`Shard::save`] returned.
    ///
    /// # Errors
    /// Bytes that are no shard, also those over which automerge panics.
    pub fn open(saved: &[u8], actor: [u8; 16]) -> Result<Self, DocumentError> {
        // The cache is our own file, its heads are compared by the caller, and the log is the truth.
        let options = LoadOptions::new().verification_mode(VerificationMode::DontCheck);
        let opened = catch_unwind(AssertUnwindSafe(|| Self::load(saved, options, actor)));
        opened.unwrap_or_else(|_| Err(DocumentError::Automerge("it is damaged".to_owned())))
    }

    pub(crate) fn load(
        saved: &[u8],
        options: LoadOptions<'_>,
        actor: [u8; 16],
    ) -> Result<Self, DocumentError> {
        let doc = Automerge::load_with_options(saved, options)?.with_actor(ActorId::from(actor));
        let mut shard = Self { doc, buckets: Vec::new(), batches: Vec::new(), actor };
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

    /// Who commits to this shard.
    pub(crate) fn actor(&self) -> [u8; 16] {
        self.actor
    }

    pub(crate) fn bucket(&self, id: &[u8; 16]) -> &ObjId {
        &self.buckets[usize::from(id[1]) % self.buckets.len()]
    }

    pub(crate) fn find_maps(&mut self) -> Result<(), DocumentError> {
        let (mut buckets, mut batches) = (Vec::with_capacity(256), Vec::new());
        // One walk: looking each key up costs as much as a small import.
        for item in self.doc.map_range(ROOT, ..) {
            match item.value {
                ValueRef::Object(ObjType::Map) if item.key.len() == 2 => buckets.push(item.id()),
                // Two of one name stand beside each other: none may hide another.
                ValueRef::Object(ObjType::Map) if item.conflict => {
                    let all = self.doc.get_all(ROOT, item.key.as_ref())?;
                    batches.extend(all.into_iter().map(|(_, id)| id));
                }
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

pub(crate) fn raw(change: &Change) -> RawChange {
    RawChange { hash: ChangeHash(change.hash().0), bytes: change.raw_bytes().to_vec() }
}

pub(crate) fn heads(hashes: &[Hash]) -> Heads {
    Heads::new(hashes.iter().map(|hash| ChangeHash(hash.0)).collect())
}

pub(crate) fn hashes(heads: &Heads) -> Vec<Hash> {
    heads.hashes().iter().map(|hash| Hash(hash.0)).collect()
}
