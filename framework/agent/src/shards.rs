//! Shards of one document: loaded from the cache or the log when needed, changed in memory, and
//! handed over as signed log entries.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::ops::Range;

use flate2::Compression;
use flate2::read::{DeflateDecoder, DeflateEncoder};
use segue_access::{DeviceKey, sign_change};
use segue_document::{Committed, RawChange, Record, Shard, Step, Write};
use segue_model::{ChangeHash, DocumentId, Heads, OperationId};
use segue_store::{LogEntry, Reader, Spill, StoreError, Tx};

use crate::failure::Failure;

/// After so many entries of the log, a shard's cache is made anew.
pub(crate) const CACHE_LAG_MAX: u64 = 32;

/// And after so many bytes of them, where that costs nothing: loading the cache takes a tenth of the time.
pub(crate) const CACHE_LAG_BYTES: u64 = 16 << 10;

/// Records of one shard by id.
pub(crate) type Records = BTreeMap<[u8; 16], Record>;

/// The shards that were needed so far.
pub(crate) struct Shards<'s> {
    reader: &'s Reader,
    document: DocumentId,
    actor: [u8; 16],
    known: BTreeMap<u8, Heads>,
    loaded: BTreeMap<u8, Loaded>,
    /// Shards that are done with.
    released: BTreeMap<u8, Released>,
    /// A shard in which nothing was written yet: copying it is cheaper than making another.
    empty: Shard,
    /// Where changes wait that are many.
    spill: Spill,
}

struct Loaded {
    shard: Shard,
    /// Entries of the log that it was made from.
    log_len: u64,
    /// Entries that the cache holds.
    cached_len: u64,
    /// Bytes of those that it does not hold.
    lag_bytes: u64,
    changes: Vec<RawChange>,
}

/// What is left of a changed shard that is done with: an automerge document takes many times its
/// changes' memory.
struct Released {
    heads: Heads,
    log_len: u64,
    changes: Changes,
    /// The shard as its cache, if that is due.
    saved: Option<Waiting>,
}

/// More bytes of changes than this wait deflated, and on disk: those of a million first sights are half a gigabyte.
const DEFLATED_FROM: usize = 16 << 10;

/// Fewer bytes than this are not worth a place on disk.
const PUT_ASIDE_FROM: usize = 4 << 10;

/// Changes that wait to be persisted.
struct Changes {
    /// The hash and the length of each.
    each: Vec<(ChangeHash, usize)>,
    /// All of them, one after the other; deflated if they are many.
    bytes: Waiting,
    is_deflated: bool,
}

/// Bytes that are not needed now.
enum Waiting {
    Here(Vec<u8>),
    PutAside(Range<u64>),
}

impl Waiting {
    /// Puts bytes aside if they are many. What cannot be put aside waits here.
    fn of(mut bytes: Vec<u8>, spill: &mut Spill) -> Self {
        let place = (bytes.len() > PUT_ASIDE_FROM).then(|| spill.put(&bytes).ok()).flatten();
        place.map_or_else(
            || {
                bytes.shrink_to_fit();
                Self::Here(bytes)
            },
            Self::PutAside,
        )
    }

    fn bytes(&self, spill: &Spill) -> Result<Cow<'_, [u8]>, StoreError> {
        match self {
            Self::Here(bytes) => Ok(Cow::Borrowed(bytes)),
            Self::PutAside(place) => spill.get(place).map(Cow::Owned),
        }
    }
}

impl Changes {
    fn of(changes: Vec<RawChange>, spill: &mut Spill) -> Self {
        let each = changes.iter().map(|change| (change.hash, change.bytes.len())).collect();
        let mut bytes: Vec<u8> = changes.into_iter().flat_map(|change| change.bytes).collect();
        let mut is_deflated = false;
        if bytes.len() > DEFLATED_FROM {
            let mut deflated = Vec::new();
            // Into memory it cannot fail; if it does, they are kept as they are.
            let mut encoder = DeflateEncoder::new(&bytes[..], Compression::fast());
            if encoder.read_to_end(&mut deflated).is_ok() {
                (bytes, is_deflated) = (deflated, true);
            }
        }
        Self { each, bytes: Waiting::of(bytes, spill), is_deflated }
    }

    fn inflated(&self, spill: &Spill) -> Result<Vec<RawChange>, StoreError> {
        let mut bytes = self.bytes.bytes(spill)?;
        if self.is_deflated {
            let mut inflated = Vec::with_capacity(self.each.iter().map(|(_, length)| length).sum());
            let read = DeflateDecoder::new(&bytes[..]).read_to_end(&mut inflated);
            read.map_err(|error| StoreError::Damaged { detail: error.to_string() })?;
            bytes = Cow::Owned(inflated);
        }
        let mut rest = &bytes[..];
        let mut change = |(hash, length): &(ChangeHash, usize)| {
            let (own, others) = rest.split_at(*length);
            rest = others;
            RawChange { hash: *hash, bytes: own.to_vec() }
        };
        Ok(self.each.iter().map(&mut change).collect())
    }
}

/// What became of the shards: to be persisted, or dropped if it was only a plan.
pub(crate) struct Changed {
    document: DocumentId,
    shards: BTreeMap<u8, Released>,
    spill: Spill,
}

impl<'s> Shards<'s> {
    pub(crate) fn new(
        reader: &'s Reader,
        document: DocumentId,
        actor: [u8; 16],
    ) -> Result<Self, Failure> {
        let known = reader.heads(&document)?;
        let empty = Shard::create(actor)?;
        let (loaded, released) = (BTreeMap::new(), BTreeMap::new());
        let spill = reader.spill();
        Ok(Self { reader, document, actor, known, loaded, released, empty, spill })
    }

    /// The state of a shard, without loading it.
    pub(crate) fn heads(&self, index: u8) -> Heads {
        if let Some(loaded) = self.loaded.get(&index) {
            return loaded.shard.heads();
        }
        let released = self.released.get(&index).map(|released| &released.heads);
        released.or_else(|| self.known.get(&index)).cloned().unwrap_or_else(|| self.empty.heads())
    }

    /// Shards in which anything was ever written.
    pub(crate) fn written(&self) -> Vec<u8> {
        let changed = self.loaded.iter().filter(|(_, loaded)| !loaded.changes.is_empty());
        let changed = changed.map(|(index, _)| index).chain(self.released.keys());
        let mut all: Vec<u8> = self.known.keys().chain(changed).copied().collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Whether anything was ever written in a shard.
    pub(crate) fn is_written(&self, index: u8) -> bool {
        self.known.contains_key(&index)
            || self.released.contains_key(&index)
            || self.loaded.get(&index).is_some_and(|loaded| !loaded.changes.is_empty())
    }

    /// Whether anything was changed here.
    pub(crate) fn is_changed(&self) -> bool {
        let mut loaded = self.loaded.values();
        !self.released.is_empty() || loaded.any(|loaded| !loaded.changes.is_empty())
    }

    /// All records of a shard.
    pub(crate) fn records(&mut self, index: u8) -> Result<Records, Failure> {
        Ok(self.load(index)?.shard.records()?)
    }

    /// One record, now or as it was.
    pub(crate) fn record(&mut self, id: &[u8; 16], at: Option<&Heads>) -> Result<Record, Failure> {
        Ok(self.load(segue_document::shard_of(id))?.shard.record(id, at)?)
    }

    /// The step that a change made.
    pub(crate) fn step(&mut self, index: u8, hash: &ChangeHash) -> Result<Option<Step>, Failure> {
        Ok(self.load(index)?.shard.step(hash))
    }

    /// One record as it was; empty where nothing had been written yet.
    pub(crate) fn record_or_empty(&mut self, id: &[u8; 16], at: &Heads) -> Result<Record, Failure> {
        if at.hashes().is_empty() {
            return Ok(Record { id: *id, ..Record::default() });
        }
        self.record(id, Some(at))
    }

    /// Commits writes to one shard; see [`Shard::commit`].
    pub(crate) fn commit(
        &mut self,
        index: u8,
        at: Option<&Heads>,
        operation: OperationId,
        time: i64,
        writes: &BTreeMap<[u8; 16], Vec<Write>>,
    ) -> Result<Option<Committed>, Failure> {
        let loaded = self.load(index)?;
        let committed = loaded.shard.commit(at, operation, time, writes)?;
        if let Some(committed) = &committed {
            loaded.changes.extend(committed.changes.iter().cloned());
        }
        Ok(committed)
    }

    /// Commits writes of somebody who has seen `records`, which are all that the shard has now, and
    /// all that it has afterwards.
    pub(crate) fn commit_seen(
        &mut self,
        index: u8,
        records: &mut Records,
        operation: OperationId,
        time: i64,
        writes: BTreeMap<[u8; 16], Vec<Write>>,
    ) -> Result<Option<Committed>, Failure> {
        let loaded = self.load(index)?;
        let committed = loaded.shard.commit_seen(records, operation, time, writes)?;
        if let Some(committed) = &committed {
            loaded.changes.extend(committed.changes.iter().cloned());
        }
        Ok(committed)
    }

    /// Forgets a shard, to keep memory small; if it is needed again it is made again.
    pub(crate) fn release(&mut self, index: u8) {
        if let Some(loaded) = self.loaded.remove(&index)
            && !loaded.changes.is_empty()
        {
            self.released.insert(index, loaded.release(&mut self.spill));
        }
    }

    /// What was changed.
    pub(crate) fn into_changed(mut self) -> Changed {
        let loaded: Vec<u8> = self.loaded.keys().copied().collect();
        for index in loaded {
            self.release(index);
        }
        Changed { document: self.document, shards: self.released, spill: self.spill }
    }

    fn load(&mut self, index: u8) -> Result<&mut Loaded, Failure> {
        if !self.loaded.contains_key(&index) {
            let mut loaded = open(self.reader, &self.document, index, self.actor, &self.empty)?;
            if let Some(released) = self.released.remove(&index) {
                loaded.changes = released.changes.inflated(&self.spill)?;
                let changes: Vec<_> = loaded.changes.iter().map(|c| c.bytes.clone()).collect();
                loaded.shard.apply(&changes)?;
            }
            self.loaded.insert(index, loaded);
        }
        self.loaded.get_mut(&index).ok_or_else(|| {
            Failure::refused("a shard was lost while it was loaded", "run the command again")
        })
    }
}

impl Loaded {
    fn release(self, spill: &mut Spill) -> Released {
        let log_len = self.log_len + self.changes.len() as u64;
        let is_due = log_len - self.cached_len >= CACHE_LAG_MAX;
        Released {
            heads: self.shard.heads(),
            log_len,
            saved: is_due.then(|| Waiting::of(self.shard.save(), spill)),
            changes: Changes::of(self.changes, spill),
        }
    }
}

impl Changed {
    /// Whether anything was written.
    pub(crate) fn is_empty(&self) -> bool {
        self.shards.is_empty()
    }

    /// The state of each changed shard.
    pub(crate) fn heads(&self) -> BTreeMap<u8, Heads> {
        self.shards.iter().map(|(index, shard)| (*index, shard.heads.clone())).collect()
    }

    /// Appends the changes, signed, and brings the caches up to date.
    pub(crate) fn persist(
        &self,
        tx: &Tx<'_>,
        key: &DeviceKey,
        operation: OperationId,
    ) -> Result<(), StoreError> {
        for (index, shard) in &self.shards {
            for change in shard.changes.inflated(&self.spill)? {
                tx.append(&signed(key, self.document, *index, Some(operation), change))?;
            }
            if let Some(saved) = &shard.saved {
                let saved = saved.bytes(&self.spill)?;
                tx.put_shard(&self.document, *index, &shard.heads, &saved, shard.log_len)?;
            }
            tx.put_heads(&self.document, *index, &shard.heads)?;
        }
        Ok(())
    }
}

/// A change of ours as the log keeps it.
pub(crate) fn signed(
    key: &DeviceKey,
    document: DocumentId,
    shard: u8,
    operation: Option<OperationId>,
    change: RawChange,
) -> LogEntry {
    let RawChange { hash, bytes: raw } = change;
    let signature = sign_change(key, &document, shard, &hash);
    LogEntry { document, shard, hash, author: key.id(), signature, operation, raw }
}

/// A shard from the cache and what the log has beyond it; from the log alone if they disagree.
fn open(
    reader: &Reader,
    document: &DocumentId,
    index: u8,
    actor: [u8; 16],
    empty: &Shard,
) -> Result<Loaded, Failure> {
    if let Some(saved) = reader.shard(document, index)?
        && let Ok(mut shard) = Shard::open(&saved.saved, actor)
        && shard.heads() == saved.heads
    {
        let rest = reader.log_from(document, index, saved.log_len)?;
        let (log_len, lag_bytes) = (saved.log_len + rest.len() as u64, bytes(&rest));
        shard.apply(&raw(rest))?;
        let cached_len = saved.log_len;
        return Ok(Loaded { shard, log_len, cached_len, lag_bytes, changes: Vec::new() });
    }
    let log = reader.log(document, index)?;
    let (log_len, lag_bytes) = (log.len() as u64, bytes(&log));
    let mut shard = empty.clone();
    if !log.is_empty() {
        shard.apply(&raw(log))?;
    }
    Ok(Loaded { shard, log_len, cached_len: 0, lag_bytes, changes: Vec::new() })
}

/// A shard as it is stored, to be changed by what others wrote.
pub(crate) struct Loading {
    pub(crate) shard: Shard,
    /// Entries of the log that it was made from.
    pub(crate) log_len: u64,
    /// Entries that the cache holds.
    pub(crate) cached_len: u64,
    /// Bytes of those that it does not hold.
    pub(crate) lag_bytes: u64,
}

/// A shard from the store.
pub(crate) fn load(
    reader: &Reader,
    document: &DocumentId,
    index: u8,
    actor: [u8; 16],
) -> Result<Loading, Failure> {
    let empty = Shard::create(actor)?;
    let Loaded { shard, log_len, cached_len, lag_bytes, .. } =
        open(reader, document, index, actor, &empty)?;
    Ok(Loading { shard, log_len, cached_len, lag_bytes })
}

/// The change with which every shard begins.
pub(crate) fn genesis() -> Result<ChangeHash, Failure> {
    let heads = Shard::genesis_heads()?;
    heads.hashes().first().copied().ok_or_else(|| Failure::refused("a shard has no beginning", ""))
}

/// A shard as the log alone makes it.
pub(crate) fn rebuild(
    reader: &Reader,
    document: &DocumentId,
    index: u8,
    actor: [u8; 16],
) -> Result<Shard, Failure> {
    let mut shard = Shard::create(actor)?;
    shard.apply(&raw(reader.log(document, index)?))?;
    Ok(shard)
}

fn bytes(entries: &[LogEntry]) -> u64 {
    entries.iter().map(|entry| entry.raw.len() as u64).sum()
}

fn raw(entries: Vec<LogEntry>) -> Vec<Vec<u8>> {
    entries.into_iter().map(|entry| entry.raw).collect()
}

/// Whether a cached shard and the log beyond it are what the log alone makes.
pub(crate) fn is_equal(
    rebuilt: &Shard,
    reader: &Reader,
    document: &DocumentId,
    index: u8,
    saved: &segue_store::SavedShard,
) -> bool {
    let cached = || -> Result<bool, Failure> {
        let mut shard = Shard::open(&saved.saved, [0; 16])?;
        if shard.heads() != saved.heads {
            return Ok(false);
        }
        shard.apply(&raw(reader.log_from(document, index, saved.log_len)?))?;
        Ok(shard.heads() == rebuilt.heads() && shard.records()? == rebuilt.records()?)
    };
    cached().unwrap_or(false)
}
