//! Values that an app does not keep, however often they are written.
//!
//! After three writes that the library did not read back, or that something put back afterwards, the
//! value is left alone until the document says another or a person says it again, so that two
//! programs never fight over it for ever.
//!
//! Only a value that was put back before counts as written again: who changes their mind in one app
//! is no rival of the other.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use segue_model::{FieldEdit, Item, LinkId};
use segue_store::{Reader, StoreError, Tx};

/// So often a value is written in vain.
const WRITES_MAX: u32 = 3;

/// Whether anything is remembered of a link. Most never meet a rival, and are asked for each of
/// many thousand edits.
pub(crate) fn is_any(reader: &Reader, link: LinkId) -> Result<bool, StoreError> {
    Ok(reader.has_writes(link)? || reader.has_setting_below(&format!("contested {link} "))?)
}

/// Remembers whether the library kept what was written.
pub(crate) fn note(
    tx: &Tx<'_>,
    link: LinkId,
    edit: &FieldEdit,
    kept: bool,
) -> Result<(), StoreError> {
    if kept {
        let (back, again) = pair(edit);
        let [back, seen] =
            [back, again].map(|hash| tx.times_written(link, &edit.item, edit.field.name, hash));
        if back? > seen? {
            tx.note_write(link, &edit.item, edit.field.name, again)?;
        }
        return Ok(());
    }
    let hash = hash(edit.new.as_ref());
    if tx.note_write(link, &edit.item, edit.field.name, hash)? >= WRITES_MAX {
        tx.put_setting(&key(link, edit), &hash.to_string())?;
        tx.clear_writes(link, &edit.item, edit.field.name)?;
    }
    Ok(())
}

/// Remembers what became another in the library, perhaps because a rival put it back.
pub(crate) fn note_changes(
    tx: &Tx<'_>,
    link: LinkId,
    before: &Item,
    now: &Item,
) -> Result<(), StoreError> {
    let fields = before.fields.iter().chain(now.fields.iter()).map(|(field, _)| field);
    let mut seen = BTreeSet::new();
    for field in fields.filter(|field| seen.insert(field.name)) {
        let (old, new) = (before.fields.value(field), now.fields.value(field));
        if old != new {
            tx.note_write(link, &now.id, field.name, hash(("was", old, new)))?;
        }
    }
    Ok(())
}

/// The names under which are counted that this edit's value was put back, and that it was written
/// after that.
fn pair(edit: &FieldEdit) -> (u64, u64) {
    let (old, new) = (edit.old.as_ref(), edit.new.as_ref());
    (hash(("was", new, old)), hash(("again", old, new)))
}

/// Whether an edit was written in vain often enough.
pub(crate) fn is_given_up(
    reader: &Reader,
    link: LinkId,
    edit: &FieldEdit,
) -> Result<bool, StoreError> {
    let (back, again) = pair(edit);
    let times = |hash| reader.times_written(link, &edit.item, edit.field.name, hash);
    let writes = times(again)?;
    if writes + 1 >= WRITES_MAX && times(back)? >= writes {
        return Ok(true);
    }
    let hash = hash(edit.new.as_ref()).to_string();
    Ok(reader.setting(&key(link, edit))?.as_ref() == Some(&hash))
}

fn key(link: LinkId, edit: &FieldEdit) -> String {
    format!("contested {link} {} {}", edit.field.name, edit.item.as_bytes().escape_ascii())
}

/// The hasher has fixed keys: the same value has the same hash in every process.
fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
