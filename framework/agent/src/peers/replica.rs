//! What a session reads of a document: the store, seen as a [`Replica`].
//!
//! It has a connection of its own, which only reads. What it answers is of the moment when it was last
//! [refreshed](StoredReplica::refresh); the shape of a shard's history is read when it is first asked for.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use segue_access::{Role, SignedStatement};
use segue_document::{ChangeHeader, Shard};
use segue_model::{ChangeHash, DeviceId, DocumentId, Heads};
use segue_store::{Reader, StoreError};
use segue_sync::{History, Replica, ShortHash, SignedChange, StatementId, short, statement_id};

use super::circle::{Circle, Circles};

/// One document of the store.
pub(crate) struct StoredReplica {
    reader: Reader,
    document: DocumentId,
    /// Unix seconds: whether a role has ended.
    now: Arc<dyn Fn() -> i64 + Send + Sync>,
    circles: Circles,
    circle: Arc<Circle>,
    ids: BTreeSet<StatementId>,
    heads: BTreeMap<u8, Heads>,
    shapes: RefCell<BTreeMap<u8, Shape>>,
    /// How much lies aside of each shard.
    aside: BTreeMap<u8, u64>,
    /// The state of a shard in which nothing was written.
    genesis: Option<Heads>,
}

/// What is known of a shard's log.
#[derive(Default)]
struct Shape {
    history: History,
    aside: BTreeSet<ShortHash>,
}

impl StoredReplica {
    /// The document as it is now.
    pub(crate) fn open(
        reader: Reader,
        document: DocumentId,
        now: Arc<dyn Fn() -> i64 + Send + Sync>,
    ) -> Result<Self, StoreError> {
        let mut circles = Circles::default();
        let circle = circles.of(&reader, &document)?;
        let mut replica = Self {
            reader,
            document,
            now,
            circles,
            circle,
            ids: BTreeSet::new(),
            heads: BTreeMap::new(),
            shapes: RefCell::new(BTreeMap::new()),
            aside: BTreeMap::new(),
            genesis: Shard::genesis_heads().ok(),
        };
        replica.refresh()?;
        Ok(replica)
    }

    /// Looks what changed in the store; returns whether anything did.
    pub(crate) fn refresh(&mut self) -> Result<bool, StoreError> {
        let (mut heads, circle, aside) = self.reader.at_one_instant(|reader| {
            let circle = self.circles.of(reader, &self.document)?;
            let aside = reader.shards_with_aside(&self.document)?;
            Ok::<_, StoreError>((reader.heads(&self.document)?, circle, aside))
        })??;
        // Whatever was written in a shard may have gone aside: then it is as if nothing ever was.
        heads.retain(|_, heads| Some(&*heads) != self.genesis.as_ref());
        let relevant = circle.members.relevant().copied().collect::<BTreeSet<_>>();
        let ids = relevant.iter().filter_map(|hash| hash.first_chunk().copied()).collect();
        let is_news = heads != self.heads || ids != self.ids;
        let mut shapes = self.shapes.borrow_mut();
        shapes.retain(|shard, _| {
            heads.get(shard) == self.heads.get(shard) && aside.get(shard) == self.aside.get(shard)
        });
        drop(shapes);
        (self.heads, self.ids, self.circle, self.aside) = (heads, ids, circle, aside);
        Ok(is_news)
    }

    /// The members as of the last look.
    pub(crate) fn circle(&self) -> &Circle {
        &self.circle
    }

    fn with_shape<T>(&self, shard: u8, read: impl FnOnce(&Shape) -> T) -> T {
        let mut shapes = self.shapes.borrow_mut();
        let shape = shapes.entry(shard).or_insert_with(|| {
            // What cannot be read is not there: the peer then sends it again, which costs only bytes.
            Shape::read(&self.reader, &self.document, shard).unwrap_or_default()
        });
        read(shape)
    }

    fn change(&self, shard: u8, hash: &ChangeHash) -> Option<SignedChange> {
        let entry = self.reader.log_entry(&self.document, shard, hash).ok().flatten()?;
        let (author, signature, raw) = (entry.author, entry.signature, entry.raw);
        Some(SignedChange { shard, author, signature, raw })
    }
}

impl Shape {
    fn read(reader: &Reader, document: &DocumentId, shard: u8) -> Result<Self, StoreError> {
        let mut history = History::default();
        reader.log_shape(document, shard, 0, |hash, raw| {
            let header = ChangeHeader::read(raw);
            history.push(hash, &header.map(|header| header.deps).unwrap_or_default());
        })?;
        let aside = reader.aside_hashes(document, shard)?.iter().map(short).collect();
        Ok(Self { history, aside })
    }
}

impl Replica for StoredReplica {
    fn may_read(&self, device: &DeviceId) -> bool {
        self.circle.members.role_at(device, (self.now)()) >= Some(Role::Read)
    }

    fn statements(&self) -> &BTreeSet<StatementId> {
        &self.ids
    }

    fn statement(&self, id: &StatementId) -> Option<SignedStatement> {
        self.circle.statements.iter().find(|statement| statement_id(statement) == *id).cloned()
    }

    fn heads(&self) -> &BTreeMap<u8, Heads> {
        &self.heads
    }

    fn holds(&self, shard: u8, hash: &ShortHash) -> bool {
        self.with_shape(shard, |shape| shape.history.contains(hash) || shape.aside.contains(hash))
    }

    fn locator(&self, shard: u8) -> Vec<ShortHash> {
        self.with_shape(shard, |shape| shape.history.locator())
    }

    fn missing(
        &self,
        shard: u8,
        known: &BTreeSet<ShortHash>,
        bytes_max: usize,
    ) -> Vec<(ChangeHash, SignedChange)> {
        let hashes: Vec<ChangeHash> =
            self.with_shape(shard, |shape| shape.history.missing(known).collect());
        let mut bytes = 0;
        let mut found = Vec::new();
        for hash in hashes {
            if bytes >= bytes_max {
                break;
            }
            let Some(change) = self.change(shard, &hash) else { break };
            bytes += change.raw.len();
            found.push((hash, change));
        }
        found
    }
}
