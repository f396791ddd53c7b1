//! The document without automerge: what its merge rules say, in the plainest form that says it.
//!
//! Every put of a key is an operation that knows which others it had seen. A state is a set of operations;
//! what stands under a key are the puts that no other of the state had seen. That is all of it, and
//! slow for anything but a short history. That the real document does the same is tried by `tests/automerge.rs`.
//!
//! Invariant: a history has at most [`OPERATIONS_MAX`] operations; [`History::is_full`] says so before.

use segue_document::{Origin, Record, Register, Write, resolve};
use segue_model::{LinkId, Location, OperationId, Value};

/// Each is one bit of a [`Version`].
pub const OPERATIONS_MAX: usize = 128;

/// What one commit adds at most: fields, a first sight, a place, and that it is alive.
const ONE_COMMIT: usize = 16;

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
}

#[derive(Debug, Clone)]
struct Operation {
    item: [u8; 16],
    key: Key,
    stored: Stored,
    /// Puts of the same key that it had seen.
    overrides: Version,
    /// One more than the largest that it had seen, and whose: the last of concurrent puts wins.
    order: (u32, u8),
}

/// All operations of all devices, in the order in which they were made.
#[derive(Debug, Clone, Default)]
pub struct History(Vec<Operation>);

impl History {
    /// Whether a commit more may be too much.
    pub fn is_full(&self) -> bool {
        self.0.len() + ONE_COMMIT > OPERATIONS_MAX
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn of(&self, version: Version, item: &[u8; 16]) -> impl Iterator<Item = (usize, &Operation)> {
        let bits = std::iter::successors(Some(version), |bits| Some(bits & bits.wrapping_sub(1)));
        bits.take_while(|bits| *bits != 0)
            .map(|bits| bits.trailing_zeros() as usize)
            .map(|index| (index, &self.0[index]))
            .filter(move |(_, operation)| operation.item == *item)
    }

    /// What a state says of an item.
    pub fn record(&self, version: Version, item: &[u8; 16]) -> Record {
        let overridden = self.of(version, item).fold(0, |all, (_, one)| all | one.overrides);
        let mut standing: Vec<&Operation> =
            self.of(version & !overridden, item).map(|(_, operation)| operation).collect();
        standing.sort_by_key(|operation| operation.order);
        let mut record = Record { id: *item, ..Record::default() };
        for operation in standing {
            learn(&mut record, operation);
        }
        record
    }

    /// Writes as somebody who has seen `at`; the state after it.
    pub fn commit(
        &mut self,
        at: Version,
        device: u8,
        id: OperationId,
        item: &[u8; 16],
        writes: Vec<Write>,
    ) -> Version {
        let record = self.record(at, item);
        let mut touched = false;
        let deletes = writes.contains(&Write::Delete);
        let mut effects = Vec::new();
        for write in writes {
            let is_touch = !deletes && !matches!(write, Write::Member(_, None));
            if let Some(effect) = effect(&record, write, id) {
                touched |= is_touch;
                // Of two puts of one key the later is made.
                effects.retain(|(key, _): &(Key, Stored)| *key != effect.0);
                effects.push(effect);
            }
        }
        if touched && record.live != Some(id) {
            effects.push((Key::Live, Stored::Live(id)));
        }
        let highest = self.highest(at);
        let mut branch = at;
        for ((key, stored), count) in effects.into_iter().zip(1..) {
            let same = self.of(at, item).filter(|(_, operation)| operation.key == key);
            let overrides = same.fold(0, |all, (index, _)| all | 1 << index);
            branch |= 1 << self.0.len();
            let order = (highest + count, device);
            self.0.push(Operation { item: *item, key, stored, overrides, order });
        }
        branch
    }

    fn highest(&self, at: Version) -> u32 {
        let seen = self.0.iter().enumerate().filter(|(index, _)| at & (1 << index) != 0);
        seen.map(|(_, operation)| operation.order.0).max().unwrap_or(0)
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
        _ => {}
    }
}

/// What a write puts; nothing, if it is so already.
fn effect(record: &Record, write: Write, id: OperationId) -> Option<(Key, Stored)> {
    Some(match write {
        Write::Origin(link, origin) => {
            let is_new = record.origins.get(&link) != Some(&origin);
            is_new.then(|| (Key::Origin(link), Stored::Origin(Box::new(origin))))?
        }
        Write::Member(link, place) => {
            let is_known = record.members.contains_key(&link) || record.origins.contains_key(&link);
            let is_so = record.has_member(link) == place.is_some()
                && record.location(link) == place.as_ref();
            (!(is_known && is_so)).then_some((Key::Member(link), Stored::Member(place)))?
        }
        Write::Register { name, value, link } => {
            let is = resolve::register(record, &name);
            let is_exact = is.0.last().is_none_or(|candidate| candidate.is_exact);
            if !is.is_conflict() && is.winner() == value.as_ref() && is_exact {
                return None;
            }
            set(record, name, value, link, id)
        }
        Write::Compete { name, value, link } => set(record, name, value, link, id),
        Write::Raise(name, to) => {
            let is_more = record.maxima.get(&name).is_none_or(|is| *is < to);
            is_more.then_some((Key::Max(name), Stored::Max(to)))?
        }
        Write::Counter { name, link, baseline, added } => {
            let is = record.counters.get(&name).and_then(|links| links.get(&link));
            let is_so = is == Some(&(baseline, added));
            (!is_so).then_some((Key::Counter(name, link), Stored::Counter(baseline, added)))?
        }
        Write::Element { name, element, present } => {
            let is = record.sets.get(&name).is_some_and(|all| all.contains(&element));
            let stored = if present { Stored::Element } else { Stored::Nothing };
            (is != present).then_some((Key::Element(name, element), stored))?
        }
        Write::Delete => record.live.is_some().then_some((Key::Live, Stored::Nothing))?,
        Write::Revive => record.live.is_none().then_some((Key::Live, Stored::Live(id)))?,
        // No history has collections, and no person settles or takes a link back.
        Write::Kind(_) | Write::Replace(..) | Write::Entry(..) | Write::Forget(_) => return None,
    })
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
