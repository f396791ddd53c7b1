//! What became of a write that is made piece by piece and was interrupted.
//!
//! Each value tells for itself whether our edit reached it, and of a set each element. What did is in the
//! base, as after any write; what did not is as it was, and the next pass plans it again.
//!
//! Invariant: nothing that a killed write left half done is taken for an edit of the app's user.

use std::collections::{BTreeMap, BTreeSet};

use segue_model::{Catalog, ChangeSet, FieldEdit, Heads, LinkId, NativeId, Rule, Schema, Value};
use segue_store::Tx;

use crate::failure::Failure;

/// Brings the base to what was reached of `changes`; returns the edits that were made whole.
pub(crate) fn settle(
    tx: &Tx<'_>,
    link: LinkId,
    schema: &'static Schema,
    changes: &ChangeSet,
    now: &Catalog,
    shown: &BTreeMap<u8, Heads>,
) -> Result<ChangeSet, Failure> {
    let mut items: BTreeMap<&NativeId, Vec<&FieldEdit>> = BTreeMap::new();
    for edit in &changes.fields {
        items.entry(&edit.item).or_default().push(edit);
    }
    let mut made = ChangeSet::default();
    for (native, edits) in items {
        let (Some(item), Some(mut base)) = (now.item(native), tx.base_item(link, native, schema)?)
        else {
            continue;
        };
        let mut is_whole = true;
        for edit in edits {
            let reached = reached(edit.old.as_ref(), edit, item.fields.value(edit.field));
            let is_made = reached == edit.new;
            is_whole &= is_made;
            made.fields.extend(is_made.then(|| edit.clone()));
            base.held.fields.set(edit.field, reached);
        }
        if is_whole && let Some(heads) = shown.get(&segue_document::shard_of(&base.item.0)) {
            base.shown = Some(heads.clone());
        }
        tx.put_base_item(link, &base)?;
    }
    Ok(made)
}

/// What a field held when our edit had reached it as far as it did: `base` before, and `now` with whatever else was done.
pub(crate) fn reached(
    base: Option<&Value>,
    edit: &FieldEdit,
    now: Option<&Value>,
) -> Option<Value> {
    if edit.field.rule != Rule::Set {
        return if now == edit.new.as_ref() { edit.new.clone() } else { base.cloned() };
    }
    let elements = |set: Option<&Value>| -> BTreeSet<Box<str>> {
        set.and_then(Value::as_list).unwrap_or_default().iter().cloned().collect()
    };
    let [base, now] = [base, now].map(elements);
    let [old, new] = [edit.old.as_ref(), edit.new.as_ref()].map(elements);
    let touched = |element: &str| old.contains(element) != new.contains(element);
    let all: BTreeSet<&Box<str>> = base.union(&now).collect();
    let set = all.into_iter().filter(|element| {
        let is_ours = touched(element) && now.contains(*element) == new.contains(*element);
        if is_ours { now.contains(*element) } else { base.contains(*element) }
    });
    let set: BTreeSet<Box<str>> = set.cloned().collect();
    (!set.is_empty()).then(|| Value::list(set))
}

#[cfg(test)]
mod tests {
    use super::*;
    use segue_model::{mail, music};

    fn set(texts: &[&str]) -> Option<Value> {
        (!texts.is_empty()).then(|| Value::list(texts.iter().copied()))
    }

    #[test]
    fn f29_of_a_set_that_was_half_written_each_element_tells_for_itself() {
        for (old, new, now, expected) in [
            (&["a"][..], &["b"][..], &["a", "b"][..], &["a", "b"][..]),
            (&["a"], &["b"], &["a"], &["a"]),
            (&["a"], &["b"], &["b"], &["b"]),
            (&["a"], &["a", "b"], &["b", "c"], &["a", "b"]),
            (&["a"], &[], &[], &[]),
        ] {
            let edit = FieldEdit {
                item: "1".into(),
                field: &mail::KEYWORDS,
                old: set(old),
                new: set(new),
            };
            let reached = reached(edit.old.as_ref(), &edit, set(now).as_ref());
            assert_eq!(reached, set(expected), "{old:?} {new:?} {now:?}");
        }
    }

    #[test]
    fn f29_another_value_is_new_or_as_it_was() {
        let (old, new) = (Some(Value::Int(20)), Some(Value::Int(40)));
        let edit = FieldEdit { item: "1".into(), field: &music::RATING, old, new };
        for (now, expected) in [(40, 40), (20, 20), (60, 20)] {
            let reached = reached(edit.old.as_ref(), &edit, Some(&Value::Int(now)));
            assert_eq!(reached, Some(Value::Int(expected)));
        }
    }
}
