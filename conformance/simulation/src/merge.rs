//! The document without automerge: what its merge rules say, in the plainest form that says it.
//!
//! Each record has a history of its own. Every put of a key is an operation that knows which others it had
//! seen. A state is a set of operations; what stands under a key are the puts that no other of the state had
//! seen. That is all of it. That the real document does the same is tried by `tests/automerge.rs`.
//!
//! Invariant: a history has at most [`OPERATIONS_MAX`] operations; [`History::is_full`] says so before.

use std::rc::Rc;

use segue_document::{Entry, Origin, Record, Register, Write, resolve};
use segue_model::{EntryId, LinkId, Location, OperationId, Value};

/// Each is one bit of a [`Version`].
pub const OPERATIONS_MAX: usize = 128;

/// What all links write at most until everything is at rest.
const ONE_ROUND: usize = 56;

/// A state of the document: the operations that it has.
pub type Version = u128;

/// What is put.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Key {
    Live,
    Origin(LinkId),
    Member(LinkId),
    Register(String),
    Max(String),
    Counter(String, LinkId),
    Element(String, String),
    Kind,
    Entry(EntryId),
}

/// What stands there then; nothing, if the key is taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stored {
    Nothing,
    Live(OperationId),
    Origin(Box<Origin>),
    Member(Option<Location>),
    Register(Box<Register>),
    Max(i64),
    Counter(i64, i64),
    Element,
    Kind(String),
    Entry(Entry),
}

#[derive(Debug)]
struct Operation {
    key: Key,
    stored: Stored,
    /// Puts of the same key that it had seen.
    overrides: Version,
    /// One more than the largest that it had seen, and whose: the last of concurrent puts wins.
    order: (u32, u8),
}

/// All operations of all devices on one record, in the order in which they were made.
#[derive(Debug, Clone)]
pub struct History {
    id: [u8; 16],
    operations: Vec<Rc<Operation>>,
    /// What was asked last, because it is asked again.
    told: Vec<(Version, Rc<Record>)>,
}

/// So many answers are remembered.
const TOLD: usize = 4;

impl History {
    /// That of a record that nobody has written.
    pub const fn new(id: [u8; 16]) -> Self {
        Self { id, operations: Vec::new(), told: Vec::new() }
    }

    /// Whether what a whole round of all links commits may be too much.
    pub const fn is_full(&self) -> bool {
        self.operations.len() + ONE_ROUND > OPERATIONS_MAX
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.operations.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    fn of(&self, version: Version) -> impl Iterator<Item = (usize, &Operation)> {
        let bits = std::iter::successors(Some(version), |bits| Some(bits & bits.wrapping_sub(1)));
        bits.take_while(|bits| *bits != 0)
            .map(|bits| bits.trailing_zeros() as usize)
            .map(|index| (index, &*self.operations[index]))
    }

    /// What a state says.
    pub fn record(&mut self, version: Version) -> Rc<Record> {
        if let Some((_, record)) = self.told.iter().find(|(of, _)| *of == version) {
            return record.clone();
        }
        let overridden = self.of(version).fold(0, |all, (_, one)| all | one.overrides);
        let standing = self.of(version & !overridden).map(|(_, operation)| operation);
        let mut standing: Vec<&Operation> = standing.collect();
        standing.sort_by_key(|operation| operation.order);
        let mut record = Record { id: self.id, ..Record::default() };
        for operation in standing {
            learn(&mut record, operation);
        }
        let record = Rc::new(record);
        if self.told.len() == TOLD {
            self.told.remove(0);
        }
        self.told.push((version, record.clone()));
        record
    }

    /// Writes as somebody who has seen `at`; the state after it.
    pub fn commit(
        &mut self,
        at: Version,
        actor: u8,
        id: OperationId,
        writes: Vec<Write>,
    ) -> Version {
        if writes.is_empty() {
            return at;
        }
        let record = self.record(at);
        let mut touched = false;
        let deletes = writes.contains(&Write::Delete);
        let mut effects = Vec::new();
        for write in writes {
            let is_touch = !deletes && !matches!(write, Write::Member(_, None) | Write::Forget(_));
            for effect in effect(&record, write, id) {
                touched |= is_touch;
                // Of two puts of one key the later is made.
                effects.retain(|(key, _): &(Key, Stored)| *key != effect.0);
                effects.push(effect);
            }
        }
        if touched && record.live != Some(id) {
            effects.push((Key::Live, Stored::Live(id)));
        }
        let highest = self.of(at).map(|(_, operation)| operation.order.0).max().unwrap_or(0);
        let mut branch = at;
        for ((key, stored), count) in effects.into_iter().zip(1..) {
            let same = self.of(at).filter(|(_, operation)| operation.key == key);
            let overrides = same.fold(0, |all, (index, _)| all | 1 << index);
            branch |= 1 << self.operations.len();
            let order = (highest + count, actor);
            self.operations.push(Rc::new(Operation { key, stored, overrides, order }));
        }
        branch
    }
}

fn learn(record: &mut Record, operation: &Operation) {
    match (&operation.key, &operation.stored) {
        (Key::Live, Stored::Live(id)) => record.live = record.live.max(Some(*id)),
        (Key::Origin(link), Stored::Origin(origin)) => {
            record.origins.insert(*link, (**origin).clone());
        }
        (Key::Member(link), Stored::Member(place)) => {
            record.members.insert(*link, place.clone());
        }
        (Key::Register(name), Stored::Register(register)) => {
            record.registers.entry(name.clone()).or_default().push((**register).clone());
        }
        (Key::Max(name), Stored::Max(number)) => {
            let is = record.maxima.entry(name.clone()).or_insert(*number);
            *is = (*is).max(*number);
        }
        (Key::Counter(name, link), Stored::Counter(baseline, added)) => {
            let links = record.counters.entry(name.clone()).or_default();
            let is = links.entry(*link).or_insert((*baseline, *added));
            *is = (is.0.max(*baseline), is.1.max(*added));
        }
        (Key::Element(name, element), Stored::Element) => {
            record.sets.entry(name.clone()).or_default().insert(element.clone());
        }
        (Key::Kind, Stored::Kind(kind)) => record.kind = Some(kind.clone()),
        (Key::Entry(id), Stored::Entry(entry)) => {
            record.entries.insert(*id, entry.clone());
        }
        _ => {}
    }
}

/// What a write puts; nothing, if it is so already.
fn effect(record: &Record, write: Write, id: OperationId) -> Vec<(Key, Stored)> {
    if let Write::Forget(link) = write {
        return forgotten(record, link).into_iter().map(|key| (key, Stored::Nothing)).collect();
    }
    one_effect(record, write, id).into_iter().collect()
}

/// Every key that a link brought.
fn forgotten(record: &Record, link: LinkId) -> Vec<Key> {
    let origin = record.origins.contains_key(&link).then_some(Key::Origin(link));
    let member = record.members.contains_key(&link).then_some(Key::Member(link));
    let counters = record.counters.iter().filter(|(_, links)| links.contains_key(&link));
    let counters = counters.map(|(name, _)| Key::Counter(name.clone(), link));
    origin.into_iter().chain(member).chain(counters).collect()
}

fn one_effect(record: &Record, write: Write, id: OperationId) -> Option<(Key, Stored)> {
    let (key, stored, is_so) = match write {
        Write::Origin(link, origin) => {
            let is_so = record.origins.get(&link) == Some(&origin);
            (Key::Origin(link), Stored::Origin(Box::new(origin)), is_so)
        }
        Write::Member(link, place) => {
            let is_known = record.members.contains_key(&link) || record.origins.contains_key(&link);
            let is_so = record.has_member(link) == place.is_some()
                && record.location(link) == place.as_ref();
            (Key::Member(link), Stored::Member(place), is_known && is_so)
        }
        Write::Register { name, value, link } => {
            let is = resolve::register(record, &name);
            let is_exact = is.0.last().is_none_or(|candidate| candidate.is_exact);
            let is_so = !is.is_conflict() && is.winner() == value.as_ref() && is_exact;
            let (key, stored) = set(record, name, value, link, id);
            (key, stored, is_so)
        }
        Write::Compete { name, value, link } => {
            let (key, stored) = set(record, name, value, link, id);
            (key, stored, false)
        }
        Write::Raise(name, to) => {
            let is_so = record.maxima.get(&name).is_some_and(|is| *is >= to);
            (Key::Max(name), Stored::Max(to), is_so)
        }
        Write::Replace(name, to) => {
            let is_so = record.maxima.get(&name) == to.as_ref();
            (Key::Max(name), to.map_or(Stored::Nothing, Stored::Max), is_so)
        }
        Write::Counter { name, link, baseline, added } => {
            let is = record.counters.get(&name).and_then(|links| links.get(&link));
            let is_so = is == Some(&(baseline, added));
            (Key::Counter(name, link), Stored::Counter(baseline, added), is_so)
        }
        Write::Element { name, element, present } => {
            let is = record.sets.get(&name).is_some_and(|all| all.contains(&element));
            let stored = if present { Stored::Element } else { Stored::Nothing };
            (Key::Element(name, element), stored, is == present)
        }
        Write::Kind(kind) => {
            let is_so = record.kind.as_ref() == Some(&kind);
            (Key::Kind, Stored::Kind(kind), is_so)
        }
        Write::Entry(entry, to) => {
            let is_so = record.entries.get(&entry) == to.as_ref();
            (Key::Entry(entry), to.map_or(Stored::Nothing, Stored::Entry), is_so)
        }
        Write::Delete => (Key::Live, Stored::Nothing, record.live.is_none()),
        Write::Revive => (Key::Live, Stored::Live(id), record.live.is_some()),
        // That is many.
        Write::Forget(_) => return None,
    };
    (!is_so).then_some((key, stored))
}

fn set(
    record: &Record,
    name: String,
    value: Option<Value>,
    link: Option<LinkId>,
    operation: OperationId,
) -> (Key, Stored) {
    let known = record.origins.iter().filter(|(_, origin)| origin.fields.contains_key(&name));
    let named = known.map(|(link, _)| *link).collect();
    let register = Register { value, named, link, operation };
    (Key::Register(name), Stored::Register(Box::new(register)))
}
