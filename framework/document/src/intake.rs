//! Changes of others, tried before they count.
//!
//! A signature says who made a change, not that it is sound: a change can be built by hand so that
//! automerge panics, that a document cannot be loaded any more, that it reads differently on two
//! devices, or that it buries what others wrote. So a change is taken only if
//! - its [header](crate::header) is that of a change, and its numbers follow from what it depends on;
//! - it does what our own commits do: put and delete keys of the shard's own records in the maps, and
//!   make new maps, naming only what its author had seen;
//! - a copy of the shard takes it, and can be saved and loaded with it.
//!
//! All but the last depend on nothing but the change and its past, so all devices agree.
//! Whether its author may write at all is not judged here.
//!
//! Invariant: the shard holds what it held, and the changes that were taken.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::legacy::{Key, ObjectId, Op, OpId, OpType};
use automerge::{
    ActorId, Automerge, Change, ChangeHash as Hash, LoadOptions, ObjId, ObjType, ROOT, ReadDoc,
};
use segue_model::{ChangeHash, Heads, OperationId};

use crate::commit::Committed;
use crate::error::DocumentError;
use crate::header::{ChangeHeader, HeaderError};
use crate::key;
use crate::shard::{RawChange, Shard};
use crate::write::Puts;

/// A key of ours is a fraction of this.
const KEY_BYTES_MAX: usize = 8 << 10;

/// Why a change can never count, whoever made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its bytes are no change.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// Its hash is another than was said.
    #[error("a change under another change's hash")]
    Hash,
    /// Its place in history contradicts what it depends on.
    #[error("a change whose numbers do not follow from what it depends on")]
    Numbers,
    /// It does what no commit does.
    #[error("a change that does what Segue never does: {0}")]
    Foreign(&'static str),
    /// automerge cannot take it, or not load what it makes of the shard.
    #[error("a change that damages the document")]
    Damaging,
}

/// What became of changes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Intake {
    /// The shard holds these now.
    pub taken: Vec<ChangeHash>,
    /// The shard held these already.
    pub known: Vec<ChangeHash>,
    /// What these depend on is missing.
    pub waiting: Vec<ChangeHash>,
    /// These have the actor and number of another change: which counts is for the access rules.
    pub rivals: Vec<ChangeHash>,
    /// These can never count.
    pub refused: Vec<(ChangeHash, Refusal)>,
    /// The shard with what was taken, for [`Shard::open`]: that had to be made anyway, to try it.
    pub saved: Option<Vec<u8>>,
}

impl Shard {
    /// Takes in changes of the shard `index`, in any order.
    pub fn take_in(&mut self, index: u8, changes: &[RawChange]) -> Intake {
        let mut intake = Intake::default();
        let mut history = History::of(&self.doc);
        let mut queue = Vec::new();
        for change in changes {
            match ChangeHeader::read(&change.bytes) {
                Err(error) => intake.refused.push((change.hash, error.into())),
                Ok(header) if header.hash != change.hash => {
                    intake.refused.push((change.hash, Refusal::Hash));
                }
                Ok(header) if history.knows(&header.hash) => intake.known.push(header.hash),
                Ok(header) => queue.push((header, &change.bytes)),
            }
        }
        let mut sound = Vec::new();
        loop {
            let before = queue.len();
            queue.retain(|(header, bytes)| {
                if !header.deps.iter().all(|dep| history.knows(dep)) {
                    return true;
                }
                match history.judge(header, bytes, index, &self.buckets) {
                    Ok((change, maps)) => {
                        history.add(header, &change, maps);
                        sound.push(change);
                    }
                    Err(Verdict::Rival) => intake.rivals.push(header.hash),
                    Err(Verdict::Known) => intake.known.push(header.hash),
                    Err(Verdict::Refused(refusal)) => intake.refused.push((header.hash, refusal)),
                }
                false
            });
            if queue.len() == before {
                break;
            }
        }
        intake.waiting.extend(queue.iter().map(|(header, _)| header.hash));
        self.try_all(sound, &mut intake);
        intake
    }

    /// Takes what a copy survives: all at once, or else one by one, to find the culprit.
    fn try_all(&mut self, sound: Vec<Change>, intake: &mut Intake) {
        if sound.is_empty() {
            return;
        }
        if let Some((taken, saved)) = self.with(&sound) {
            *self = taken;
            intake.saved = Some(saved);
            intake.taken.extend(sound.iter().map(|change| ChangeHash(change.hash().0)));
            return;
        }
        if let [culprit] = &sound[..] {
            intake.refused.push((ChangeHash(culprit.hash().0), Refusal::Damaging));
            return;
        }
        for change in sound {
            let hash = ChangeHash(change.hash().0);
            let is_ready = change.deps().iter().all(|dep| self.has(dep));
            match is_ready.then(|| self.with(std::slice::from_ref(&change))) {
                None => intake.waiting.push(hash),
                Some(None) => intake.refused.push((hash, Refusal::Damaging)),
                Some(Some((taken, saved))) => {
                    *self = taken;
                    intake.saved = Some(saved);
                    intake.taken.push(hash);
                }
            }
        }
    }

    fn has(&self, hash: &Hash) -> bool {
        self.doc.get_change_by_hash(hash).is_some()
    }

    /// A copy with these changes, if it can be saved and loaded again; and as what it is saved.
    fn with(&self, changes: &[Change]) -> Option<(Self, Vec<u8>)> {
        let attempt = || -> Option<(Self, Vec<u8>)> {
            let mut copy = self.clone();
            copy.doc.apply_changes(changes.iter().cloned()).ok()?;
            if changes.iter().any(|change| !copy.has(&change.hash())) {
                return None;
            }
            copy.find_maps().ok()?;
            // Packing it would take a third of all this.
            let saved = copy.doc.save_nocompress();
            let again = Self::load(&saved, LoadOptions::new(), self.actor()).ok()?;
            let is_equal = again.heads() == copy.heads() && again.reads_as(&copy);
            is_equal.then_some((copy, saved))
        };
        catch_unwind(AssertUnwindSafe(attempt)).ok().flatten()
    }

    fn maps(&self) -> impl Iterator<Item = &ObjId> {
        self.buckets.iter().chain(&self.batches)
    }

    /// Whether every key of both has the same values, the concurrent ones included.
    fn reads_as(&self, other: &Self) -> bool {
        self.buckets.len() == other.buckets.len()
            && self.batches.len() == other.batches.len()
            && self
                .maps()
                .zip(other.maps())
                .all(|(own, theirs)| is_equal((&self.doc, own), (&other.doc, theirs)))
    }

    /// Makes changes of ours again that were set aside because another has their actor and number:
    /// the same keys with the same values, by our present actor, as somebody who has seen `at`.
    ///
    /// # Errors
    /// If the bytes are no changes of ours, or `at` is no state of this shard.
    pub fn author_again(
        &mut self,
        at: &Heads,
        operation: OperationId,
        time: i64,
        lost: &[RawChange],
    ) -> Result<Option<Committed>, DocumentError> {
        let mut puts = Puts::new();
        for change in lost {
            let change = Change::from_bytes(change.bytes.clone())
                .map_err(|error| DocumentError::Automerge(error.to_string()))?;
            for op in change.decode().operations {
                match (op.key, op.action) {
                    (Key::Map(key), OpType::Put(value)) => _ = puts.insert(key.into(), Some(value)),
                    (Key::Map(key), OpType::Delete) => _ = puts.insert(key.into(), None),
                    _ => {}
                }
            }
        }
        self.put_keys(Some(at), operation, time, puts)
    }
}

/// Whether two maps have the same keys with the same values.
fn is_equal((own, map): (&Automerge, &ObjId), (other, twin): (&Automerge, &ObjId)) -> bool {
    let (mut items, mut others) = (own.map_range(map, ..), other.map_range(twin, ..));
    loop {
        let (one, two) = match (items.next(), others.next()) {
            (Some(one), Some(two)) => (one, two),
            (None, None) => return true,
            _ => return false,
        };
        let (key, conflict) = (&one.key, one.conflict);
        // What is not a number is not even equal to itself; its text is.
        let is_same = || one.value == two.value || text(&one.value) == text(&two.value);
        if *key != two.key || conflict != two.conflict || !is_same() {
            return false;
        }
        if conflict && values(own, map, key) != values(other, twin, key) {
            return false;
        }
    }
}

fn text(value: &impl Debug) -> String {
    format!("{value:?}")
}

/// All values of a key that has several, as text.
fn values(doc: &Automerge, map: &ObjId, key: &str) -> Vec<String> {
    let values = doc.get_all(map, key).unwrap_or_default();
    values.iter().map(|(value, _)| text(value)).collect()
}

enum Verdict {
    Known,
    Rival,
    Refused(Refusal),
}

/// What one actor did.
#[derive(Default)]
struct Actor {
    /// The last operation of each change, in the order of their numbers.
    last_ops: Vec<u64>,
    /// The numbers of operations that made a map.
    maps: BTreeSet<u64>,
}

/// How many changes of each actor a change had behind it, itself included.
type Clock = BTreeMap<ActorId, usize>;

/// Who made what in a shard, as far as a change has to name it.
#[derive(Default)]
struct History {
    actors: HashMap<ActorId, Actor>,
    changes: HashMap<Hash, (ActorId, u64, u64)>,
    clocks: HashMap<Hash, Clock>,
}

impl History {
    fn of(doc: &Automerge) -> Self {
        let mut history = Self::default();
        for meta in doc.get_changes_meta(&[]) {
            let actor = meta.actor.into_owned();
            history.record(meta.hash, &meta.deps, actor, meta.seq, meta.max_op);
        }
        for item in doc.map_range(ROOT, ..) {
            // Looking each key up takes longer than the walk.
            let ids = if item.conflict {
                let all = doc.get_all(ROOT, item.key.as_ref()).unwrap_or_default();
                all.into_iter().map(|(_, id)| id).collect()
            } else {
                vec![item.id()]
            };
            for id in ids {
                if let ObjId::Id(number, actor, _) = id {
                    history.actors.entry(actor).or_default().maps.insert(number);
                }
            }
        }
        history
    }

    fn knows(&self, hash: &ChangeHash) -> bool {
        self.changes.contains_key(&Hash(hash.0))
    }

    fn add(&mut self, header: &ChangeHeader, change: &Change, maps: BTreeSet<u64>) {
        let actor = change.actor_id().clone();
        self.actors.entry(actor.clone()).or_default().maps.extend(maps);
        self.record(change.hash(), change.deps(), actor, header.seq, header.last_op());
    }

    fn record(&mut self, hash: Hash, deps: &[Hash], actor: ActorId, seq: u64, last_op: u64) {
        let mut clock = self.clock(deps);
        clock.insert(actor.clone(), seq as usize);
        self.clocks.insert(hash, clock);
        self.actors.entry(actor.clone()).or_default().last_ops.push(last_op);
        self.changes.insert(hash, (actor, seq, last_op));
    }

    fn clock(&self, deps: &[Hash]) -> Clock {
        let mut clock = Clock::new();
        for (actor, seq) in deps.iter().filter_map(|dep| self.clocks.get(dep)).flatten() {
            let known = clock.entry(actor.clone()).or_default();
            *known = (*known).max(*seq);
        }
        clock
    }

    /// Judges a change all of whose dependencies are known.
    fn judge(
        &self,
        header: &ChangeHeader,
        bytes: &[u8],
        index: u8,
        buckets: &[ObjId],
    ) -> Result<(Change, BTreeSet<u64>), Verdict> {
        if self.knows(&header.hash) {
            return Err(Verdict::Known);
        }
        let refused = |refusal| Err(Verdict::Refused(refusal));
        let deps: Vec<Hash> = header.deps.iter().map(|dep| Hash(dep.0)).collect();
        let behind: Vec<_> = deps.iter().filter_map(|dep| self.changes.get(dep)).collect();
        let last_op = behind.iter().map(|(.., last)| *last).max();
        let actor = ActorId::from(&header.actor[..]);
        let follows = header.seq == 1
            || behind.iter().any(|(by, seq, _)| *by == actor && seq + 1 == header.seq);
        if last_op.is_none_or(|last| last + 1 != header.start_op) || !follows {
            return refused(Refusal::Numbers);
        }
        let done = self.actors.get(&actor).map_or(0, |actor| actor.last_ops.len() as u64);
        if header.seq <= done {
            return Err(Verdict::Rival);
        }
        let decoded = catch_unwind(|| {
            let change = Change::from_bytes(bytes.to_vec()).ok()?;
            let operations = change.decode().operations;
            Some((change, operations))
        });
        let Ok(Some((change, operations))) = decoded else { return refused(Refusal::Damaging) };
        if change.len() as u64 != header.operations || change.actor_id() != &actor {
            return refused(Refusal::Damaging);
        }
        let clock = self.clock(&deps);
        let past = Past { history: self, clock, index, buckets, header, actor: &actor };
        match past.sound(&operations) {
            Ok(maps) => Ok((change, maps)),
            Err(foreign) => refused(Refusal::Foreign(foreign)),
        }
    }
}

/// What the author of a change had seen.
struct Past<'h> {
    history: &'h History,
    clock: Clock,
    index: u8,
    buckets: &'h [ObjId],
    header: &'h ChangeHeader,
    actor: &'h ActorId,
}

impl Past<'_> {
    /// The maps that the operations make, if they are such as ours.
    fn sound(&self, operations: &[Op]) -> Result<BTreeSet<u64>, &'static str> {
        let mut made = BTreeSet::new();
        for (number, op) in (self.header.start_op..).zip(operations) {
            let Key::Map(key) = &op.key else { return Err("it writes into a list") };
            if op.insert || key.len() > KEY_BYTES_MAX {
                return Err("its keys are none of ours");
            }
            match (&op.obj, &op.action) {
                (ObjectId::Root, OpType::Make(ObjType::Map)) => {
                    if !key.starts_with("batch/") || !op.pred.is_empty() {
                        return Err("it puts a map in the place of another");
                    }
                    made.insert(number);
                }
                (ObjectId::Root, _) => return Err("it changes what holds the maps"),
                (ObjectId::Id(map), OpType::Put(_) | OpType::Delete) => {
                    let is_own = map.1 == *self.actor && made.contains(&map.0);
                    if key::shard(key).is_some_and(|shard| shard != self.index) {
                        return Err("it writes into a record of another shard");
                    }
                    if !is_own && !self.is_map(map) {
                        return Err("it writes into a map that its author cannot have seen");
                    }
                }
                _ => return Err("it makes more than keys and maps"),
            }
            if !op.pred.iter().all(|pred| self.has_seen(pred) || self.is_own(pred, number)) {
                return Err("it replaces what its author cannot have seen");
            }
        }
        Ok(made)
    }

    fn is_own(&self, id: &OpId, before: u64) -> bool {
        id.1 == *self.actor && (self.header.start_op..before).contains(&id.0)
    }

    fn is_map(&self, id: &OpId) -> bool {
        let is_bucket = |bucket: &ObjId| matches!(bucket, ObjId::Id(number, actor, _) if *number == id.0 && *actor == id.1);
        let is_made = || self.history.actors.get(&id.1).is_some_and(|a| a.maps.contains(&id.0));
        self.buckets.iter().any(is_bucket) || (is_made() && self.has_seen(id))
    }

    /// Whether an operation belongs to a change in the past.
    fn has_seen(&self, id: &OpId) -> bool {
        let seen = self.clock.get(&id.1).copied().unwrap_or(0);
        let Some(actor) = self.history.actors.get(&id.1) else { return false };
        seen > 0 && actor.last_ops.get(seen - 1).is_some_and(|last| id.0 <= *last)
    }
}
