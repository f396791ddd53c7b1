//! Takes one write of an app back edit by edit, for a library that its user changed since.
//!
//! What was written is kept beside the backup. An edit is taken back only where its value still
//! stands; it never touches what the user changed, and it never looks at the document.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use segue_model::{Catalog, ChangeSet, CollectionEdit, FieldEdit, NativeId, Schema};
use segue_store::{pack_changes, unpack_changes};
use segue_translator::file::Replacement;
use segue_translator::{Error, ErrorKind};

/// Keeps what is about to be written beside the backup in `folder`.
pub(crate) fn keep(folder: &Path, changes: &ChangeSet) -> Result<(), Error> {
    let file = file(folder);
    let mut new = Replacement::create(&file)?;
    new.write_all(&pack_changes(changes)).map_err(|error| Error::io("write", &file, &error))?;
    new.commit(|| Ok(()))
}

/// What was written after the backup in `folder` was made; `None` if that was not kept.
pub(crate) fn kept(folder: &Path, schema: &'static Schema) -> Result<Option<ChangeSet>, Error> {
    let file = file(folder);
    let bytes = match std::fs::read(&file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("read", &file, &error)),
    };
    let damaged = |error: segue_store::StoreError| {
        Error::new(ErrorKind::Corrupt, "read", &file, error.to_string())
    };
    unpack_changes(&bytes, schema).map(Some).map_err(damaged)
}

/// What two writes of one library, one after the other, did together: what the first was to do counts where the second
/// found it done, in part, or not at all, and what somebody did in between stays.
pub(crate) fn join(first: ChangeSet, second: &ChangeSet) -> ChangeSet {
    if first.is_empty() {
        return second.clone();
    }
    let mut all = first;
    let index = |all: &ChangeSet| -> HashMap<(NativeId, &'static str), usize> {
        let fields = all.fields.iter().enumerate();
        fields.map(|(index, edit)| ((edit.item.clone(), edit.field.name), index)).collect()
    };
    let known = index(&all);
    for edit in &second.fields {
        let Some(index) = known.get(&(edit.item.clone(), edit.field.name)) else {
            all.fields.push(edit.clone());
            continue;
        };
        let before = &mut all.fields[*index];
        let left = crate::pieces::reached(before.old.as_ref(), before, edit.old.as_ref());
        let old = if left == edit.old { before.old.clone() } else { edit.old.clone() };
        *before = FieldEdit { old, ..edit.clone() };
    }
    for edit in &second.collections {
        join_list(&mut all.collections, edit);
    }
    all.listing.extend(second.listing.iter().cloned());
    all
}

fn join_list(all: &mut Vec<CollectionEdit>, edit: &CollectionEdit) {
    if let CollectionEdit::Create { kind, name, .. } = edit {
        // One that is made again was not made before.
        all.retain(|one| {
            let CollectionEdit::Create { kind: k, name: n, .. } = one else { return true };
            (k, n) != (kind, name)
        });
    }
    if let CollectionEdit::Reorder { id, old, new } = edit {
        let before = all.iter_mut().find_map(|one| match one {
            CollectionEdit::Reorder { id: other, old: o, new: n } if other == id => Some((o, n)),
            _ => None,
        });
        if let Some((before_old, before_new)) = before {
            if old != before_new && old != before_old {
                before_old.clone_from(old);
            }
            before_new.clone_from(new);
            return;
        }
    }
    all.push(edit.clone());
}

/// Forgets what was kept beside a backup that is removed.
pub(crate) fn forget(folder: &Path) {
    // What cannot be removed now is some kilobytes that nobody looks at.
    let _ = std::fs::remove_file(file(folder));
}

fn file(folder: &Path) -> PathBuf {
    folder.with_extension("edits")
}

/// The edits that take `written` back where it still stands in `now`, and how many do not.
pub(crate) fn inverse(written: &ChangeSet, now: &Catalog) -> (ChangeSet, usize) {
    let mut back = ChangeSet::default();
    let stands = |edit: &&FieldEdit| {
        now.item(&edit.item).is_some_and(|item| item.fields.value(edit.field) == edit.new.as_ref())
    };
    back.fields.extend(written.fields.iter().filter(stands).map(|edit| FieldEdit {
        item: edit.item.clone(),
        field: edit.field,
        old: edit.new.clone(),
        new: edit.old.clone(),
    }));
    back.collections.extend(written.collections.iter().rev().filter_map(|edit| list(edit, now)));
    // What is withheld is not for an undo to say: the policy hides and shows.
    let left = written.len() - written.listing.len() - back.len();
    (back, left)
}

fn list(edit: &CollectionEdit, now: &Catalog) -> Option<CollectionEdit> {
    let entries = |id: &NativeId, entries: &[NativeId]| {
        now.collection(id).filter(|list| list.entries == entries)
    };
    match edit {
        CollectionEdit::Create { kind, name, entries, .. } => {
            let same = |list: &&segue_model::Collection| {
                list.kind == *kind && list.name == *name && list.entries == *entries
            };
            let list = now.collections.iter().find(same)?;
            Some(CollectionEdit::Remove { id: list.id.clone(), old: list.entries.clone() })
        }
        CollectionEdit::Reorder { id, old, new } => entries(id, new).map(|list| {
            let (id, old, new) = (list.id.clone(), list.entries.clone(), old.clone());
            CollectionEdit::Reorder { id, old, new }
        }),
        CollectionEdit::Rename { id, old, new } => {
            let renamed = |list: &&segue_model::Collection| list.name == *new;
            // An app whose lists have no ids names them by their names.
            let by_id = now.collection(id).filter(renamed);
            let list = by_id.or_else(|| now.collections.iter().find(renamed))?;
            let id = list.id.clone();
            Some(CollectionEdit::Rename { id, old: new.clone(), new: old.clone() })
        }
        // What became of it is in the backup alone.
        CollectionEdit::Remove { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use segue_model::{Value, mail, music};

    use super::*;

    fn rated(old: i64, new: i64) -> ChangeSet {
        let (old, new) = (Some(Value::Int(old)), Some(Value::Int(new)));
        let edit = FieldEdit { item: "1".into(), field: &music::RATING, old, new };
        ChangeSet { fields: vec![edit], ..ChangeSet::default() }
    }

    #[test]
    fn two_writes_are_taken_back_to_what_was_before_the_first_or_to_what_a_person_did_between() {
        // The second found the first made, not made, and something else.
        for (second, old) in [(40, 20), (20, 20), (50, 50)] {
            assert_eq!(join(rated(20, 40), &rated(second, 60)), rated(old, 60), "{second}");
        }
        let set = |texts: &[&str]| Some(Value::list(texts.iter().copied()));
        let edit = |old: &[&str], new: &[&str]| {
            let (old, new) = (set(old), set(new));
            let edit = FieldEdit { item: "1".into(), field: &mail::KEYWORDS, old, new };
            ChangeSet { fields: vec![edit], ..ChangeSet::default() }
        };
        let torn = join(edit(&["a"], &["b"]), &edit(&["a", "b"], &["b"]));
        assert_eq!(torn, edit(&["a"], &["b"]));
    }

    #[test]
    fn a_list_that_two_writes_made_or_ordered_is_one() {
        let list = |edit| ChangeSet { collections: vec![edit], ..ChangeSet::default() };
        let ids = |all: &[&str]| all.iter().map(|id| NativeId::from(*id)).collect::<Vec<_>>();
        let create = |entries: &[&str]| {
            let (name, entries) = ("A".into(), ids(entries));
            let kind = &music::PLAYLIST;
            list(CollectionEdit::Create { kind, name, parent: None, entries })
        };
        assert_eq!(join(create(&["1"]), &create(&["1", "2"])), create(&["1", "2"]));
        let order = |old: &[&str], new: &[&str]| {
            list(CollectionEdit::Reorder { id: "A".into(), old: ids(old), new: ids(new) })
        };
        for (second, old) in [(&["2"][..], &["1"][..]), (&["1"], &["1"]), (&["3"], &["3"])] {
            let joined = join(order(&["1"], &["2"]), &order(second, &["4"]));
            assert_eq!(joined, order(old, &["4"]), "{second:?}");
        }
    }
}
