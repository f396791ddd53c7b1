//! Values that an app does not keep, however often they are written.
//!
//! After three writes that the library did not read back, the value is left alone until the
//! document says another, so that two programs never fight over it for ever.

use std::hash::{DefaultHasher, Hash, Hasher};

use segue_model::{FieldEdit, LinkId, Value};
use segue_store::{Reader, StoreError, Tx};

/// So often a value is written in vain.
const WRITES_MAX: u32 = 3;

/// Remembers whether the library kept what was written.
pub(crate) fn note(
    tx: &Tx<'_>,
    link: LinkId,
    edit: &FieldEdit,
    kept: bool,
) -> Result<(), StoreError> {
    if kept {
        return Ok(());
    }
    let hash = hash(edit.new.as_ref());
    if tx.note_write(link, &edit.item, edit.field.name, hash)? >= WRITES_MAX {
        tx.put_setting(&key(link, edit), &hash.to_string())?;
        tx.clear_writes(link, &edit.item, edit.field.name)?;
    }
    Ok(())
}

/// Whether an edit was written in vain often enough.
pub(crate) fn is_given_up(
    reader: &Reader,
    link: LinkId,
    edit: &FieldEdit,
) -> Result<bool, StoreError> {
    let hash = hash(edit.new.as_ref()).to_string();
    Ok(reader.setting(&key(link, edit))?.as_ref() == Some(&hash))
}

fn key(link: LinkId, edit: &FieldEdit) -> String {
    format!("contested {link} {} {}", edit.field.name, edit.item.as_bytes().escape_ascii())
}

/// The hasher has fixed keys: the same value has the same hash in every process.
fn hash(value: Option<&Value>) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
