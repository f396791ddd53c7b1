//! Edits as they travel to a program, and what it made of each.

use segue_translator::json_file::json_of;
use segue_translator::model::{ChangeSet, CollectionEdit, FieldEdit, NativeId};
use segue_translator::{Refusal, Written};

use crate::convert::{broke, id};
use crate::outside::Trouble;
use crate::wire::{self, Bytes, Edit, Outcome};

/// The edits, fields first.
pub(crate) fn edits(changes: &ChangeSet) -> Vec<Edit> {
    let fields = changes.fields.iter().map(field);
    fields.chain(changes.collections.iter().map(collection)).collect()
}

/// What the outcomes mean; there must be one for each edit.
pub(crate) fn written(changes: &ChangeSet, outcomes: Vec<Outcome>) -> Result<Written, Trouble> {
    // A program knows no copies.
    let told = changes.len() - changes.copies.len();
    if outcomes.len() != told {
        return broke(format!("{told} edits have {} results", outcomes.len()));
    }
    let fields = changes.fields.iter().map(|edit| (edit.item.clone(), false));
    let collections = changes.collections.iter().map(concerned);
    let mut written = Written::default();
    for ((concerned, creates), outcome) in fields.chain(collections).zip(outcomes) {
        match outcome {
            Outcome::Refused(why) => {
                let reason = why.chars().filter(|c| !c.is_control()).take(400).collect();
                written.refused.push(Refusal { id: concerned, reason });
            }
            Outcome::Created(made) if creates => written.created.push(id(made)?),
            Outcome::Ok if !creates => {}
            _ => return broke("a made collection is `created`, every other edit is `ok`"),
        }
    }
    Ok(written)
}

/// What an edit is about, and whether it makes a collection.
fn concerned(edit: &CollectionEdit) -> (NativeId, bool) {
    match edit {
        CollectionEdit::Create { name, .. } => (NativeId::from(&**name), true),
        CollectionEdit::Rename { id, .. }
        | CollectionEdit::Reorder { id, .. }
        | CollectionEdit::Remove { id, .. } => (id.clone(), false),
    }
}

fn field(edit: &FieldEdit) -> Edit {
    let (old, new) = (json_of(edit.old.as_ref()), json_of(edit.new.as_ref()));
    Edit::Field { item: bytes(&edit.item), field: edit.field.name, old, new }
}

fn collection(edit: &CollectionEdit) -> Edit {
    match edit {
        CollectionEdit::Create { kind, name, parent, entries } => {
            let (name, entries) = (name.to_string(), ids(entries));
            let parent = parent.as_ref().map(bytes);
            Edit::Create { create: wire::Create { kind: kind.name, name, parent, entries } }
        }
        CollectionEdit::Rename { id, old, new } => {
            let (old, new) = (old.to_string(), new.to_string());
            Edit::Rename { rename: wire::Renamed { collection: bytes(id), old, new } }
        }
        CollectionEdit::Reorder { id, old, new } => {
            let (old, new) = (ids(old), ids(new));
            Edit::Reorder { reorder: wire::Reordered { collection: bytes(id), old, new } }
        }
        CollectionEdit::Remove { id, old } => {
            Edit::Remove { remove: wire::Removed { collection: bytes(id), old: ids(old) } }
        }
    }
}

fn bytes(id: &NativeId) -> Bytes {
    Bytes::new(id.as_bytes())
}

fn ids(ids: &[NativeId]) -> Vec<Bytes> {
    ids.iter().map(bytes).collect()
}
