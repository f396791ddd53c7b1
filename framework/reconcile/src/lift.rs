//! Turns what an app changed into writes of the document.
//!
//! The writes are committed at the state that the app had been shown; this module never looks at
//! what others wrote since. It judges nothing: [`crate::guard`] does that before.

use std::collections::BTreeMap;

use segue_document::{Origin, Record, Weight, Write, resolve};
use segue_model::{Item, OperationId, Rule, Value};
use segue_translator::{Capabilities, FieldSupport};

use crate::LinkView;

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

/// The writes that tell the document what was seen. `record` is the item as the app was shown it.
pub fn item(
    view: &LinkView<'_>,
    record: &Record,
    seen: Seen<'_>,
    twins: &Twins<'_>,
    operation: OperationId,
) -> Vec<Write> {
    match seen {
        Seen::New(now) => first_sight(view, record, now, twins, operation),
        Seen::Changed { base, now } => changed(view, record, base, now, false),
        Seen::Again { base, now } => changed(view, record, base, now, true),
        Seen::Dropped => vec![Write::Member(view.link, None)],
    }
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
    for (name, value) in record.origins.get(&view.link).iter().flat_map(|origin| &origin.fields) {
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

fn changed(
    view: &LinkView<'_>,
    record: &Record,
    base: &Item,
    now: &Item,
    again: bool,
) -> Vec<Write> {
    let mut writes = Vec::new();
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
            Rule::Register => {
                let link = Some(view.link);
                writes.push(Write::Register { name, value: new.cloned(), link });
            }
            Rule::Max => writes.extend(new.and_then(Value::as_int).map(|n| Write::Raise(name, n))),
            Rule::Counter => writes.extend(count(view, record, &name, old, new)),
            Rule::Set => {
                let gone = elements(old).filter(|e| !elements(new).any(|kept| kept == *e));
                writes.extend(gone.map(|e| element(field.name, e, false)));
                let come = elements(new).filter(|e| !elements(old).any(|had| had == *e));
                writes.extend(come.map(|e| element(field.name, e, true)));
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
    writes
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
