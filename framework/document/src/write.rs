//! What can be written into a shard, and which keys that changes.

use std::collections::BTreeMap;

use automerge::ScalarValue;
use segue_model::{EntryId, LinkId, Location, OperationId, Rule, Value};

use crate::DOCUMENT_RECORD;
use crate::encode;
use crate::key::Key;
use crate::record::{Entry, Origin, Record, Register};
use crate::resolve;

/// One write into one record. Writing what is there already changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Makes the record a collection of this kind.
    Kind(String),
    /// A link's first sight of the record, or its present opinion where its values are weak.
    Origin(LinkId, Origin),
    /// Where the link has it now; `None` ends the membership.
    Member(LinkId, Option<Location>),
    /// Sets or clears a register; supersedes every value that was visible.
    Register {
        /// The field.
        name: String,
        /// The value; `None` clears.
        value: Option<Value>,
        /// The link whose app set it, or `None` for a person.
        link: Option<LinkId>,
    },
    /// Writes a register also if that is what it shows: several, each at the same state, compete.
    Compete {
        /// The field.
        name: String,
        /// The value; `None` clears.
        value: Option<Value>,
        /// The link whose app set it, or `None` for a person.
        link: Option<LinkId>,
    },
    /// Raises a maximum.
    Raise(String, i64),
    /// Sets a maximum, also downwards or (`None`) away: only to settle or undo.
    Replace(String, Option<i64>),
    /// Sets a link's part of a counter.
    Counter {
        /// The field.
        name: String,
        /// The link.
        link: LinkId,
        /// The link's count at first sight.
        baseline: i64,
        /// What the link added since.
        added: i64,
    },
    /// Adds or removes an element of a set.
    Element {
        /// The field.
        name: String,
        /// The element.
        element: String,
        /// Whether it shall be there.
        present: bool,
    },
    /// Puts an entry into a collection, moves it, or (`None`) takes it out.
    Entry(EntryId, Option<Entry>),
    /// Takes away everything that a link brought: to undo its first sight.
    Forget(LinkId),
    /// Deletes the record; a concurrent edit wins.
    Delete,
    /// Brings a deleted record back.
    Revive,
}

/// Keys with the values they shall have; `None` removes the key.
pub(crate) type Puts = BTreeMap<String, Option<ScalarValue>>;

/// Adds to `puts` what `writes` change in the record, given its state; to `fresh` those keys that
/// do not exist and that nobody else can make meanwhile. The record is then as they leave it.
pub(crate) fn apply(
    record: &mut Record,
    writes: Vec<Write>,
    operation: OperationId,
    puts: &mut Puts,
    fresh: &mut Puts,
) {
    let id = record.id;
    let is_new = record.is_empty();
    let mut touched = false;
    // Reviving names an operation of its own; an edit beside a deletion does not undo it. The
    // document's own record is no item that could be deleted.
    let deletes = writes.contains(&Write::Delete) || id == DOCUMENT_RECORD;
    let mut effects = Vec::with_capacity(writes.len());
    for write in writes {
        if let Write::Forget(link) = write {
            forgotten(record, link, &mut effects);
            continue;
        }
        let Some((key, value)) = effect(record, &write, operation) else { continue };
        touched |= !deletes && !matches!(write, Write::Member(_, None));
        let origin = if let Write::Origin(_, origin) = write { Some(origin) } else { None };
        effects.push(Effect { key, value, origin });
    }
    if touched && record.live != Some(operation) {
        let live = ScalarValue::Bytes(operation.as_bytes().to_vec());
        effects.push(Effect { key: Key::Live, value: Some(live), origin: None });
    }
    let is_own = |key: &Key| is_new || is_first_of_link(record, key);
    let own: Vec<bool> =
        effects.iter().map(|effect| effect.value.is_some() && is_own(&effect.key)).collect();
    for (effect, is_own) in effects.into_iter().zip(own) {
        let key = effect.key.of(&id);
        match effect.origin {
            // What is at hand need not be decoded.
            Some(origin) => record.put_origin(&effect.key, origin),
            None => record.put(&effect.key, effect.value.as_ref()),
        }
        if is_own { &mut *fresh } else { &mut *puts }.insert(key, effect.value);
    }
}

/// One key of the record with the value that it shall have.
struct Effect {
    key: Key,
    value: Option<ScalarValue>,
    /// What the value decodes to, if it is a first sight.
    origin: Option<Origin>,
}

/// Whether a key does not exist and only one link, so only one device, ever writes it.
fn is_first_of_link(record: &Record, key: &Key) -> bool {
    match key {
        Key::Origin(link) => !record.origins.contains_key(link),
        Key::Member(link) => !record.members.contains_key(link),
        Key::Counter(name, link) => {
            record.counters.get(name).is_none_or(|links| !links.contains_key(link))
        }
        _ => false,
    }
}

fn effect(record: &Record, write: &Write, op: OperationId) -> Option<(Key, Option<ScalarValue>)> {
    let text = |text: String| Some(ScalarValue::Str(text.into()));
    Some(match write {
        Write::Kind(kind) if record.kind.as_ref() != Some(kind) => (Key::Kind, text(kind.clone())),
        Write::Origin(link, origin) if record.origins.get(link) != Some(origin) => {
            (Key::Origin(*link), text(encode::origin_text(origin)))
        }
        Write::Member(link, to) if !same_member(record, *link, to.as_ref()) => {
            let value = to.as_ref().map_or(ScalarValue::Null, |location| {
                ScalarValue::Str(encode::location_text(location).into())
            });
            (Key::Member(*link), Some(value))
        }
        Write::Register { name, value, .. } if shows(record, name, value.as_ref()) => return None,
        Write::Register { name, value, link } | Write::Compete { name, value, link } => {
            register(record, name, value.as_ref(), *link, op)
        }
        Write::Raise(name, to) if record.maxima.get(name).is_none_or(|is| is < to) => {
            (Key::Field(Rule::Max, name.clone()), Some(ScalarValue::Int(*to)))
        }
        Write::Replace(name, to) if record.maxima.get(name) != to.as_ref() => {
            (Key::Field(Rule::Max, name.clone()), to.map(ScalarValue::Int))
        }
        Write::Counter { name, link, baseline, added } => {
            let is = record.counters.get(name).and_then(|links| links.get(link));
            if is == Some(&(*baseline, *added)) {
                return None;
            }
            (Key::Counter(name.clone(), *link), text(encode::counter_text(*baseline, *added)))
        }
        Write::Element { name, element, present } => {
            let is = record.sets.get(name).is_some_and(|elements| elements.contains(element));
            if is == *present {
                return None;
            }
            let value = present.then_some(ScalarValue::Boolean(true));
            (Key::Element(name.clone(), element.clone()), value)
        }
        Write::Entry(entry, to) if record.entries.get(entry) != to.as_ref() => {
            (Key::Entry(*entry), to.as_ref().and_then(|to| text(encode::entry_text(to))))
        }
        Write::Delete if record.live.is_some() => (Key::Live, None),
        Write::Revive if record.live.is_none() => {
            (Key::Live, Some(ScalarValue::Bytes(op.as_bytes().to_vec())))
        }
        _ => return None,
    })
}

/// The removal of every key that names the link.
fn forgotten(record: &Record, link: LinkId, effects: &mut Vec<Effect>) {
    let origin = record.origins.contains_key(&link).then_some(Key::Origin(link));
    let member = record.members.contains_key(&link).then_some(Key::Member(link));
    let counters = record
        .counters
        .iter()
        .filter(|(_, links)| links.contains_key(&link))
        .map(|(name, _)| Key::Counter(name.clone(), link));
    let keys = origin.into_iter().chain(member).chain(counters);
    effects.extend(keys.map(|key| Effect { key, value: None, origin: None }));
}

fn same_member(record: &Record, link: LinkId, to: Option<&Location>) -> bool {
    let known = record.members.contains_key(&link) || record.origins.contains_key(&link);
    known && record.has_member(link) == to.is_some() && record.location(link) == to
}

fn register(
    record: &Record,
    name: &str,
    value: Option<&Value>,
    link: Option<LinkId>,
    operation: OperationId,
) -> (Key, Option<ScalarValue>) {
    let named = record
        .origins
        .iter()
        .filter(|(_, origin)| origin.fields.contains_key(name))
        .map(|(link, _)| *link)
        .collect();
    let register = Register { value: value.cloned(), named, link, operation };
    let text = ScalarValue::Str(encode::register_text(&register).into());
    (Key::Field(Rule::Register, name.to_owned()), Some(text))
}

/// Whether a register has exactly this value and no other. What only a coarse app shows is not exact:
/// who sets the same means it.
fn shows(record: &Record, name: &str, value: Option<&Value>) -> bool {
    let is = resolve::register(record, name);
    let is_exact = is.0.last().is_none_or(|candidate| candidate.is_exact);
    !is.is_conflict() && is.winner() == value && is_exact
}
