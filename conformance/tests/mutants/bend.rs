//! Defects that change what is written: edits are bent before the sane translator makes them.

use std::collections::HashSet;

use segue_translator::Access;
use segue_translator::model::{
    Catalog, ChangeSet, CollectionEdit, Field, FieldEdit, NativeId, Rule, Value,
};

use crate::broken::Defect;

/// The edits that a translator with this defect makes instead of `changes`; `now` is what the
/// library holds.
pub(crate) fn bend(defect: Defect, changes: &ChangeSet, now: &Catalog) -> ChangeSet {
    let mut bent = changes.clone();
    bent.fields.retain(|edit| keeps(defect, edit, now));
    for edit in &mut bent.fields {
        if defect == Defect::IgnoresOld {
            let item = now.item(&edit.item);
            edit.old = item.and_then(|item| item.fields.value(edit.field).cloned());
        }
        edit.new = edit.new.take().and_then(|value| bend_value(defect, edit.field, value));
    }
    bent.collections.retain(|edit| match edit {
        CollectionEdit::Rename { .. } => defect != Defect::KeepsNames,
        CollectionEdit::Remove { .. } => defect != Defect::KeepsRemoved,
        _ => true,
    });
    bent.collections.iter_mut().for_each(|edit| bend_collection(defect, edit, now));
    bent
}

fn keeps(defect: Defect, edit: &FieldEdit, now: &Catalog) -> bool {
    match defect {
        Defect::DropsComposer => edit.field.name != "composer",
        Defect::SkipsStrangers => now.item(&edit.item).is_some(),
        Defect::SilentlyReadOnly => {
            let support = segue_memory::Kind::Coarse.capabilities().field(edit.field);
            support.is_some_and(|support| support.access == Access::Write)
        }
        _ => true,
    }
}

fn bend_value(defect: Defect, field: &Field, value: Value) -> Option<Value> {
    let is_time = field.name == "last_played" || field.name == "added_at";
    Some(match (defect, value) {
        (Defect::Erodes, Value::Int(number)) if field.name == "rating" => {
            Value::Int((number - 1).max(0))
        }
        (Defect::ShortCounters, Value::Int(number)) if field.rule == Rule::Counter => {
            Value::Int(number.min(65_535))
        }
        (Defect::ShortTimes, Value::Int(number)) if is_time => {
            Value::Int(number.min(i64::from(i32::MAX)))
        }
        (Defect::ZeroIsAbsent, Value::Int(0)) => return None,
        (Defect::ComposesText, Value::Text(text)) => {
            Value::text(text.replace("e\u{301}", "\u{e9}"))
        }
        (Defect::ShortLists, Value::List(texts)) => Value::list(texts.iter().take(2).cloned()),
        (_, value) => value,
    })
}

fn bend_collection(defect: Defect, edit: &mut CollectionEdit, now: &Catalog) {
    if defect == Defect::IgnoresOld {
        expect_what_is(edit, now);
    }
    if let (Defect::LosesRenamed, CollectionEdit::Rename { id, .. }) = (defect, &edit) {
        let old = now.collection(id).map(|one| one.entries.clone()).unwrap_or_default();
        *edit = CollectionEdit::Remove { id: id.clone(), old };
        return;
    }
    match (defect, edit) {
        (Defect::CreatesEmpty, CollectionEdit::Create { entries, .. }) => entries.clear(),
        (Defect::SortsEntries, CollectionEdit::Reorder { new, .. }) => new.sort(),
        (
            Defect::DropsRepeats,
            CollectionEdit::Create { entries, .. } | CollectionEdit::Reorder { new: entries, .. },
        ) => {
            let mut seen = HashSet::new();
            entries.retain(|entry: &NativeId| seen.insert(entry.clone()));
        }
        (
            Defect::CleansNames,
            CollectionEdit::Create { name, .. } | CollectionEdit::Rename { new: name, .. },
        ) => *name = name.replace('/', "-").into(),
        _ => {}
    }
}

fn expect_what_is(edit: &mut CollectionEdit, now: &Catalog) {
    match edit {
        CollectionEdit::Create { .. } => {}
        CollectionEdit::Rename { id, old, .. } => {
            if let Some(one) = now.collection(id) {
                old.clone_from(&one.name);
            }
        }
        CollectionEdit::Reorder { id, old, .. } | CollectionEdit::Remove { id, old } => {
            if let Some(one) = now.collection(id) {
                old.clone_from(&one.entries);
            }
        }
    }
}
