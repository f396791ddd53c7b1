//! Turns what an app changed into writes of the document.
//!
//! The writes are committed at the state that the app had been shown; this module never looks at
//! what others wrote since. It judges nothing: [`crate::guard`] does that before.

use std::collections::BTreeMap;

use segue_document::{Origin, Record, Weight, Write, resolve};
use segue_model::{Item, OperationId, Rule, Value};
use segue_translator::{Capabilities, FieldSupport};

use crate::{LinkView, project};

/// What happened to one item of a library since the base.
#[derive(Debug, Clone, Copy)]
pub enum Seen<'a> {
    /// The link sees it for the first time (or again after its base was lost).
    New(&'a Item),
    /// The app changed it.
    Changed {
        /// What the library held.
        base: &'a Item,
        /// What it holds.
        now: &'a Item,
    },
    /// The app lists it anew: its file moved, or the app rebuilt its library. Values that it lost
    /// on the way are no edits.
    Again {
        /// What the library held.
        base: &'a Item,
        /// What it holds.
        now: &'a Item,
    },
    /// A person removed it from the app: the membership ends.
    Dropped,
}

/// The same item in other libraries of the same pass, also seen for the first time.
pub type Twins<'a> = [(&'static Capabilities, &'a Item)];

/// What tells the document what was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lifted {
    /// To be committed at what the app had been shown.
    pub writes: Vec<Write>,
    /// To be committed as by somebody who has seen nothing: an edit where the app holds something else than
    /// the document says, because nothing was written there yet or its base was lost. Its user edited
    /// what nobody had told, so that nothing is superseded by it.
    pub unseen: Vec<Write>,
}

/// The writes that tell the document what was seen. `record` is the item as the app was shown it.
pub fn item(
    view: &LinkView<'_>,
    record: &Record,
    seen: Seen<'_>,
    twins: &Twins<'_>,
    operation: OperationId,
) -> Lifted {
    match seen {
        Seen::New(now) => Lifted {
            writes: first_sight(view, record, now, twins, operation),
            unseen: relinked(view, record, now),
        },
        Seen::Changed { base, now } => changed(view, record, base, now, false),
        Seen::Again { base, now } => changed(view, record, base, now, true),
        Seen::Dropped => {
            Lifted { writes: vec![Write::Member(view.link, None)], unseen: Vec::new() }
        }
    }
}

/// What a link that was there before, and whose base was lost, holds beside what the document says: an edit may be
/// among it, so it is kept as a conflict. What the link had at its first sight is none.
fn relinked(view: &LinkView<'_>, record: &Record, now: &Item) -> Vec<Write> {
    let Some(origin) = record.origins.get(&view.link) else { return Vec::new() };
    let mut writes = Vec::new();
    for (field, value) in now.fields.iter().filter(|(field, _)| field.rule == Rule::Register) {
        let support = view.capabilities.field(field).filter(|support| !support.lossy);
        let had = origin.fields.get(field.name).is_some_and(|(had, _)| had == value);
        let is_said = |support| project::says(record, support, Some(value));
        if !had && support.is_some_and(|support| !is_said(support)) {
            let (name, value) = (field.name.to_owned(), Some(value.clone()));
            writes.push(Write::Compete { name, value, link: Some(view.link) });
        }
    }
    writes
}

fn first_sight(
    view: &LinkView<'_>,
    record: &Record,
    now: &Item,
    twins: &Twins<'_>,
    operation: OperationId,
) -> Vec<Write> {
    let mut writes = Vec::new();
    let mut fields = BTreeMap::new();
    for (field, value) in now.fields.iter() {
        let Some(support) = view.capabilities.field(field) else { continue };
        match field.rule {
            Rule::Register => {
                if !explained(support, value, record, twins) {
                    let weight = weight(support, value);
                    fields.insert(field.name.to_owned(), (value.clone(), weight));
                }
            }
            Rule::Max => writes.extend(value.as_int().map(|n| Write::Raise(field.name.into(), n))),
            Rule::Counter => writes.extend(
                value.as_int().and_then(|total| first_count(view, record, field.name, total)),
            ),
            Rule::Set => {
                writes.extend(elements(Some(value)).map(|e| element(field.name, e, true)));
            }
        }
    }
    fields.extend(carried(view, now));
    // Seen before, but its base was lost or it was gone: what it lacks now was not cleared.
    let before = record.origins.get(&view.link);
    for (name, value) in before.iter().flat_map(|origin| &origin.fields) {
        let holds = now.fields.iter().find(|(field, _)| field.name == name);
        if holds.is_some_and(|(_, held)| *held != value.0) {
            continue;
        }
        fields.entry(name.clone()).or_insert_with(|| value.clone());
    }
    let location = view.relative(now.location.as_ref());
    if record.members.contains_key(&view.link) {
        writes.push(Write::Member(view.link, Some(location.clone().unwrap_or_else(nowhere))));
    }
    writes.push(Write::Origin(view.link, Origin { operation, location, fields }));
    writes
}

/// Whether the value is only how this app shows an exact one that is known: 4 stars for 70.
///
/// Such a value would never be a candidate, so the document need not grow by it. One that is not
/// exact explains nothing here: an exact one may join later which it shows and this value does not.
/// [`resolve::register`] decides among these.
fn explained(support: &FieldSupport, value: &Value, record: &Record, twins: &Twins<'_>) -> bool {
    let shows = |exact: &Value| exact != value && support.hold(exact).as_ref() == Some(value);
    let known = resolve::register(record, support.field.name).0;
    let known = known.iter().filter(|candidate| candidate.is_exact);
    if known.filter_map(|candidate| candidate.value.as_ref()).any(shows) {
        return true;
    }
    twins.iter().any(|(capabilities, twin)| {
        let (held, value) = (capabilities.field(support.field), twin.fields.value(support.field));
        let exact = held.zip(value).filter(|(held, value)| weight(held, value) == Weight::Full);
        exact.is_some_and(|(_, value)| shows(value))
    })
}

/// A link that joins brings its total less what it may have been shown already, so that joining
/// again never inflates.
pub fn first_count(view: &LinkView<'_>, record: &Record, name: &str, total: i64) -> Option<Write> {
    let (baseline, added) = part(record, name, view);
    let fresh = total.saturating_sub(resolve::added(record, name)).max(0);
    (fresh > baseline).then(|| Write::Counter {
        name: name.to_owned(),
        link: view.link,
        baseline: fresh,
        added,
    })
}

fn changed(view: &LinkView<'_>, record: &Record, base: &Item, now: &Item, again: bool) -> Lifted {
    let Lifted { mut writes, mut unseen } = Lifted::default();
    let mut weak = false;
    for support in view.capabilities.fields {
        let field = support.field;
        let (old, new) = (base.fields.value(field), now.fields.value(field));
        if old == new || (again && new.is_none()) {
            continue;
        }
        let name = field.name.to_owned();
        match field.rule {
            Rule::Register if support.lossy => weak = true,
            // What we wrote since, as this app shows it.
            Rule::Register if view.in_doubt && project::says(record, support, new) => {}
            Rule::Register => {
                let (value, link) = (new.cloned(), Some(view.link));
                if was_shown(record, support, old, new) {
                    writes.push(Write::Register { name, value, link });
                } else {
                    unseen.push(Write::Compete { name, value, link });
                }
            }
            Rule::Max => writes.extend(new.and_then(Value::as_int).map(|n| Write::Raise(name, n))),
            Rule::Counter => writes.extend(count(view, record, &name, old, new)),
            Rule::Set => {
                let gone = elements(old).filter(|e| !elements(new).any(|kept| kept == *e));
                writes.extend(gone.map(|e| element(field.name, e, false)));
                let known = record.sets.get(field.name);
                for come in elements(new).filter(|e| !elements(old).any(|had| had == *e)) {
                    // Known, but not to the app: its user adds it beside whoever did.
                    let is_known = known.is_some_and(|known| known.contains(come));
                    let to = if is_known { &mut unseen } else { &mut writes };
                    to.push(element(field.name, come, true));
                }
            }
        }
    }
    if weak || base.ext != now.ext {
        writes.extend(opinion(view, record, now));
    }
    let location = view.relative(now.location.as_ref());
    if location != view.relative(base.location.as_ref()) || again {
        writes.push(Write::Member(view.link, Some(location.unwrap_or_else(nowhere))));
    }
    Lifted { writes, unseen }
}

/// Whether the app held what the document says there, before its user changed it. Where it says nothing, anything is
/// news; but what was cleared came from somewhere: it was written beside what had to wait.
fn was_shown(
    record: &Record,
    support: &FieldSupport,
    old: Option<&Value>,
    new: Option<&Value>,
) -> bool {
    let is_unknown = resolve::register(record, support.field.name).0.is_empty();
    (is_unknown && new.is_some()) || project::says(record, support, old)
}

/// The link's origin with its weak and carried values brought up to date: what may be less than
/// the user's value is an opinion for ever and never becomes a register.
fn opinion(view: &LinkView<'_>, record: &Record, now: &Item) -> Option<Write> {
    let mut origin = record.origins.get(&view.link)?.clone();
    for support in view.capabilities.fields.iter().filter(|support| support.lossy) {
        match now.fields.value(support.field) {
            Some(value) => {
                let value = (value.clone(), Weight::Weak);
                origin.fields.insert(support.field.name.to_owned(), value);
            }
            None => _ = origin.fields.remove(support.field.name),
        }
    }
    let own = format!("ext/{}/", view.capabilities.app);
    origin.fields.retain(|name, _| !name.starts_with(&own));
    origin.fields.extend(carried(view, now));
    Some(Write::Origin(view.link, origin))
}

/// What the app holds beyond the schema, under names that no other app uses.
fn carried(view: &LinkView<'_>, now: &Item) -> impl Iterator<Item = (String, (Value, Weight))> {
    let app = view.capabilities.app;
    now.ext.iter().flat_map(|ext| ext.iter()).map(move |(name, value)| {
        (format!("ext/{app}/{name}"), (Value::text(value.clone()), Weight::Full))
    })
}

fn count(
    view: &LinkView<'_>,
    record: &Record,
    name: &str,
    old: Option<&Value>,
    new: Option<&Value>,
) -> Option<Write> {
    let number = |value: Option<&Value>| value.and_then(Value::as_int).unwrap_or(0);
    // A fall is a reset, not a negative play.
    let more = number(new).saturating_sub(number(old));
    if view.in_doubt && more > 0 {
        return first_count(view, record, name, number(new));
    }
    let (baseline, added) = part(record, name, view);
    (more > 0).then(|| Write::Counter {
        name: name.to_owned(),
        link: view.link,
        baseline,
        added: added.saturating_add(more),
    })
}

fn part(record: &Record, name: &str, view: &LinkView<'_>) -> (i64, i64) {
    record.counters.get(name).and_then(|links| links.get(&view.link)).copied().unwrap_or((0, 0))
}

fn element(name: &str, element: &str, present: bool) -> Write {
    Write::Element { name: name.to_owned(), element: element.to_owned(), present }
}

fn elements(value: Option<&Value>) -> impl Iterator<Item = &str> {
    value.and_then(Value::as_list).unwrap_or_default().iter().map(|text| &**text)
}

/// How much the app's value counts, and how exactly the app knows it.
fn weight(support: &FieldSupport, value: &Value) -> Weight {
    if support.lossy {
        return Weight::Weak;
    }
    match value.as_int().map(|number| support.alike(number)) {
        None | Some((0, 0)) => Weight::Full,
        Some((below, above)) => Weight::Coarse { below, above },
    }
}

/// The location of an item that has none: a stream.
fn nowhere() -> segue_model::Location {
    segue_model::Location::from("")
}
