//! Turns a record into edits of one app: the document as that library may hold it.
//!
//! What the app cannot hold, or may not be given, is left as it is there.

use segue_document::{Record, resolve};
use segue_model::{FieldEdit, Item, Rule, Value};
use segue_translator::FieldSupport;

use crate::LinkView;

/// The edits that bring `held` to what the document says. Fields named in `frozen` are left alone.
pub fn item(
    view: &LinkView<'_>,
    record: &Record,
    held: &Item,
    frozen: &dyn Fn(&str) -> bool,
) -> Vec<FieldEdit> {
    let mut edits = Vec::new();
    for support in view.capabilities.fields {
        let field = support.field;
        if view.writable(field).is_none() || frozen(field.name) {
            continue;
        }
        let old = held.fields.value(field);
        if view.capabilities.schema.is_places(field) && is_nowhere_here(record, support) {
            continue;
        }
        let new = match wanted(record, support, old) {
            Wanted::Leave => continue,
            Wanted::Hold(value) => value,
        };
        if old != new.as_ref() {
            edits.push(FieldEdit { item: held.id.clone(), field, old: old.cloned(), new });
        }
    }
    edits
}

/// Whether the document says what a library holds of a field, as far as that can hold it; of what
/// only grows, whether it says at least that.
pub fn says(record: &Record, support: &FieldSupport, held: Option<&Value>) -> bool {
    let hold = |value: Option<&Value>| value.and_then(|value| support.hold(value));
    let value = || hold(resolve::value(record, support.field).as_ref());
    match support.field.rule {
        Rule::Register => {
            let candidates = resolve::register(record, support.field.name).0;
            let is = |value: Option<&Value>| hold(value).as_ref() == held;
            candidates.iter().any(|candidate| is(candidate.value.as_ref()))
        }
        Rule::Max | Rule::Counter => {
            value().as_ref().and_then(Value::as_int) >= held.and_then(Value::as_int)
        }
        Rule::Set => value().as_ref() == held,
    }
}

/// Whether an item lies in places of which a library can hold none. Then it stays where it is: it was not
/// taken out.
fn is_nowhere_here(record: &Record, support: &FieldSupport) -> bool {
    let places = resolve::value(record, support.field);
    places.is_some_and(|places| support.hold(&places).is_none())
}

enum Wanted {
    /// The document has no opinion, or an open conflict that includes what is held.
    Leave,
    /// The app shall hold this.
    Hold(Option<Value>),
}

fn wanted(record: &Record, support: &FieldSupport, old: Option<&Value>) -> Wanted {
    let field = support.field;
    let hold = |value: Option<&Value>| value.and_then(|value| support.hold(value));
    match field.rule {
        Rule::Register => {
            let candidates = resolve::register(record, field.name);
            let held = |value: Option<&Value>| hold(value).as_ref() == old;
            let keeps = candidates.is_conflict()
                && candidates.0.iter().any(|candidate| held(candidate.value.as_ref()));
            let sound = |value: &&Value| field.shape.admits(value);
            match candidates.0.last() {
                None => Wanted::Leave,
                Some(_) if keeps => Wanted::Leave,
                Some(winner) if winner.value.as_ref().is_some_and(|v| !sound(&v)) => Wanted::Leave,
                Some(winner) => Wanted::Hold(hold(winner.value.as_ref())),
            }
        }
        Rule::Max if !record.maxima.contains_key(field.name) => Wanted::Leave,
        Rule::Counter if !record.counters.contains_key(field.name) => Wanted::Leave,
        Rule::Set if !record.sets.contains_key(field.name) && old.is_none() => Wanted::Leave,
        Rule::Max | Rule::Counter | Rule::Set => {
            Wanted::Hold(hold(resolve::value(record, field).as_ref()))
        }
    }
}
