//! Takes one write of an app back edit by edit, for a library that its user changed since.
//!
//! What was written is kept beside the backup. An edit is taken back only where its value still
//! stands; it never touches what the user changed, and it never looks at the document.

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
