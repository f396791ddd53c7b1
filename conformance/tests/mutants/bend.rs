//! Defects that change what is written: edits are bent before the sane translator makes them.

use std::collections::HashSet;

use segue_translator::Access;
use segue_translator::model::{
    Catalog, ChangeSet, CollectionEdit, Field, FieldEdit, Fields, Item, ListingEdit, NativeId,
    Rule, Shape, Value, mail,
};

use crate::broken::Defect;

/// The edits that a translator with this defect makes instead of `changes`; `now` is what the
/// library holds.
pub(crate) fn bend(defect: Defect, changes: &ChangeSet, now: &Catalog) -> ChangeSet {
    let mut bent = changes.clone();
    bent.fields.retain(|edit| keeps(defect, edit, now));
    if defect == Defect::FirstOnly {
        bent.fields.truncate(1);
    }
    for edit in &mut bent.fields {
        bend_item(defect, edit, now);
        if defect == Defect::IgnoresOld {
            let item = now.item(&edit.item);
            edit.old = item.and_then(|item| item.fields.value(edit.field).cloned());
        }
        bend_set(defect, edit, now);
        if defect == Defect::AbsentIsZero && edit.field.shape.admits(&Value::Int(0)) {
            edit.new.get_or_insert(Value::Int(0));
        }
        edit.new = edit.new.take().and_then(|value| bend_value(defect, edit.field, value));
    }
    bend_listing(defect, &mut bent, now);
    bent.collections.retain(|edit| match edit {
        CollectionEdit::Rename { .. } => defect != Defect::KeepsNames,
        CollectionEdit::Remove { .. } => defect != Defect::KeepsRemoved,
        _ => true,
    });
    if defect == Defect::SkipsUnknown {
        bent.collections.retain(|edit| match edit {
            CollectionEdit::Create { .. } => true,
            CollectionEdit::Rename { id, .. }
            | CollectionEdit::Reorder { id, .. }
            | CollectionEdit::Remove { id, .. } => now.collection(id).is_some(),
        });
    }
    if defect == Defect::RemovesNamesakes {
        let twins = bent.collections.iter().flat_map(|edit| namesakes(edit, now));
        let twins: Vec<_> = twins.collect();
        bent.collections.extend(twins);
    }
    bent.collections.iter_mut().for_each(|edit| bend_collection(defect, edit, now));
    bent
}

fn bend_listing(defect: Defect, bent: &mut ChangeSet, now: &Catalog) {
    let listed = |edit: &ListingEdit| now.item(edit.item()).is_some();
    match defect {
        Defect::HidesNothing => bent.listing.clear(),
        Defect::SkipsHiding => bent.listing.retain(|edit| match edit {
            ListingEdit::Hide { .. } => listed(edit),
            ListingEdit::Show { .. } => !listed(edit),
        }),
        Defect::ShowsBare => {
            for edit in &mut bent.listing {
                if let ListingEdit::Show { item } = edit {
                    item.fields = Fields::default();
                }
            }
        }
        _ => {}
    }
}

/// Finds the item where the id is nearly that of one.
fn bend_item(defect: Defect, edit: &mut FieldEdit, now: &Catalog) {
    let id = edit.item.to_string();
    match defect {
        Defect::TrimsIds => edit.item = NativeId::from(id.trim()),
        Defect::FoldsIds => {
            let same = |item: &&Item| item.id.to_string().eq_ignore_ascii_case(&id);
            if let Some(item) = now.items.iter().find(same) {
                edit.item = item.id.clone();
            }
        }
        _ => {}
    }
}

fn bend_set(defect: Defect, edit: &mut FieldEdit, now: &Catalog) {
    let elements = |value: Option<&Value>| -> Vec<Box<str>> {
        value.and_then(Value::as_list).unwrap_or_default().to_vec()
    };
    let (old, new) = (elements(edit.old.as_ref()), elements(edit.new.as_ref()));
    let is_places = edit.field.name == "folders";
    match defect {
        Defect::OverwritesSets if edit.field.rule == Rule::Set => {
            let item = now.item(&edit.item);
            edit.old = item.and_then(|item| item.fields.value(edit.field).cloned());
        }
        Defect::LosesCopies if is_places && new.iter().all(|one| old.contains(one)) => {
            edit.new = (new == old).then_some(edit.new.take()).flatten();
        }
        Defect::KeepsOldPlaces if is_places => {
            let mut both = [old, new].concat();
            both.sort();
            both.dedup();
            edit.new = (!both.is_empty()).then(|| Value::list(both));
        }
        Defect::MovesToNowhere if is_places => {
            let is_odd = |one: &str| mail::names(one).is_none();
            edit.new = edit.new.take().filter(|_| !new.iter().any(|one| is_odd(one)));
        }
        _ => {}
    }
}

/// Removals of the others that have the name of what is removed.
fn namesakes(edit: &CollectionEdit, now: &Catalog) -> Vec<CollectionEdit> {
    let CollectionEdit::Remove { id, .. } = edit else { return Vec::new() };
    let Some(gone) = now.collection(id) else { return Vec::new() };
    let twins = now.collections.iter().filter(|one| one.name == gone.name && one.id != gone.id);
    twins
        .map(|one| CollectionEdit::Remove { id: one.id.clone(), old: one.entries.clone() })
        .collect()
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
        (Defect::WholeStars, Value::Int(number)) if field.name == "rating" => {
            Value::Int((number + 10) / 20 * 20)
        }
        (Defect::Milliseconds, Value::Int(number)) if is_time => {
            Value::Int((number * 1_000).min(TIME_MAX))
        }
        (Defect::WholeMinutes, Value::Int(number)) if is_time => Value::Int(number / 60 * 60),
        (Defect::SummerHour, Value::Int(number)) if is_time && number >= SUMMER => {
            Value::Int((number + 3_600).min(TIME_MAX))
        }
        (Defect::Clamps, Value::Int(number)) => match field.shape {
            Shape::Int(low, high) => Value::Int(number.clamp(low, high)),
            _ => Value::Int(number),
        },
        (_, Value::Text(text)) => Value::text(bend_text(defect, &text)),
        (Defect::SplitsLists, Value::List(texts)) => {
            let parts = texts.iter().flat_map(|text| text.split("; "));
            Value::list(parts.map(str::to_owned).collect::<Vec<_>>())
        }
        (Defect::ZeroIsAbsent, Value::Int(0)) => return None,
        (Defect::ShortLists, Value::List(texts)) => Value::list(texts.iter().take(2).cloned()),
        (_, value) => value,
    })
}

const TIME_MAX: i64 = 253_402_300_799;
/// When clocks in Europe went forward in 2026.
const SUMMER: i64 = 1_774_746_000;

fn bend_text(defect: Defect, text: &str) -> String {
    match defect {
        Defect::ComposesText => text.replace("e\u{301}", "\u{e9}"),
        Defect::TrimsText => text.trim().to_owned(),
        Defect::LowersText => text.to_lowercase(),
        Defect::DropsEmoji => text.replace(|c| c > '\u{ffff}', "?"),
        Defect::JoinsSpaces => text.split_whitespace().collect::<Vec<_>>().join(" "),
        Defect::EscapesTwice => text.replace('&', "&amp;"),
        _ => text.to_owned(),
    }
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
        (Defect::DropsLast, CollectionEdit::Create { entries, .. }) => drop(entries.pop()),
        (Defect::DropsParents, CollectionEdit::Create { parent, .. }) => *parent = None,
        (Defect::SwapsEntries, CollectionEdit::Reorder { new, .. }) if new.len() > 1 => {
            new.swap(0, 1);
        }
        (Defect::AppendsEntries, CollectionEdit::Reorder { old, new, .. }) => {
            new.splice(0..0, old.iter().cloned());
        }
        (
            Defect::DropsStrangeEntries,
            CollectionEdit::Create { entries, .. } | CollectionEdit::Reorder { new: entries, .. },
        ) => entries.retain(|entry| now.item(entry).is_some()),
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
