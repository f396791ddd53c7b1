//! Items, collections and edits as bytes.
//!
//! Fields and kinds go by name. A name that the schema lacks was written by a newer Segue: that is
//! an error and never a field less, because a field less would be lifted as the person's edit.

use std::collections::BTreeMap;

use segue_model::{
    Availability, ChangeSet, Collection, CollectionEdit, CollectionKind, Field, FieldEdit, Fields,
    Item, ListingEdit, Location, NativeId, Schema,
};

use crate::StoreError;
use crate::packed::{Bytes, Writer, malformed};

const HAS_LOCATION: u8 = 1;
const IS_MISSING: u8 = 2;
const HAS_EXT: u8 = 4;

/// An item as bytes, without its id, which is the key of its row. Two items with the same id are
/// equal exactly if their bytes are.
pub fn pack(item: &Item) -> Vec<u8> {
    let mut writer = Writer(Vec::with_capacity(256));
    let is_missing = item.availability == Availability::Missing;
    let flag = |flag: u8, is_set: bool| if is_set { flag } else { 0 };
    writer.byte(
        flag(HAS_LOCATION, item.location.is_some())
            | flag(IS_MISSING, is_missing)
            | flag(HAS_EXT, item.ext.is_some()),
    );
    if let Some(location) = &item.location {
        writer.bytes(location.as_bytes());
    }
    writer.number(item.fields.len() as u64);
    for (field, value) in item.fields.iter() {
        writer.text(field.name);
        writer.value(value);
    }
    if let Some(ext) = &item.ext {
        writer.each(ext.iter(), |writer, (key, value)| {
            writer.text(key);
            writer.text(value);
        });
    }
    writer.0
}

/// The item with this id and these bytes.
///
/// # Errors
/// `NewerRecord` if a field is not in `schema`; `Damaged` for bytes that [`pack`] does not make.
pub fn unpack(native: &[u8], packed: &[u8], schema: &'static Schema) -> Result<Item, StoreError> {
    let mut bytes = Bytes(packed);
    let flags = bytes.byte()?;
    if flags > (HAS_LOCATION | IS_MISSING | HAS_EXT) {
        return Err(StoreError::NewerRecord { what: "an item with unknown marks".into() });
    }
    let mut item = Item::new(NativeId::new(native));
    if flags & HAS_LOCATION != 0 {
        item.location = Some(Location::new(bytes.bytes()?));
    }
    if flags & IS_MISSING != 0 {
        item.availability = Availability::Missing;
    }
    item.fields = read_fields(&mut bytes, schema)?;
    if flags & HAS_EXT != 0 {
        item.ext = Some(Box::new(read_ext(&mut bytes)?));
    }
    bytes.end()?;
    Ok(item)
}

fn read_fields(bytes: &mut Bytes<'_>, schema: &'static Schema) -> Result<Fields, StoreError> {
    let pairs = bytes.each(|bytes| Ok((read_field(bytes, schema)?, bytes.value()?)))?;
    if !pairs.is_sorted_by(|(a, _), (b, _)| a < b) {
        return Err(malformed("a list of fields"));
    }
    let mut fields: Fields = pairs.into_iter().collect();
    fields.shrink();
    Ok(fields)
}

type Ext = BTreeMap<Box<str>, Box<str>>;

fn read_ext(bytes: &mut Bytes<'_>) -> Result<Ext, StoreError> {
    let pairs: Vec<(Box<str>, Box<str>)> =
        bytes.each(|bytes| Ok((bytes.text()?.into(), bytes.text()?.into())))?;
    if !pairs.is_sorted_by(|(a, _), (b, _)| a < b) {
        return Err(malformed("a list of what an app holds beyond the schema"));
    }
    Ok(pairs.into_iter().collect())
}

fn read_field(
    bytes: &mut Bytes<'_>,
    schema: &'static Schema,
) -> Result<&'static Field, StoreError> {
    let name = bytes.text()?;
    let what = || format!("the field `{name}`");
    schema.field(name).ok_or_else(|| StoreError::NewerRecord { what: what() })
}

fn read_kind(
    bytes: &mut Bytes<'_>,
    schema: &'static Schema,
) -> Result<&'static CollectionKind, StoreError> {
    let name = bytes.text()?;
    let what = || format!("collections of kind `{name}`");
    schema.kind(name).ok_or_else(|| StoreError::NewerRecord { what: what() })
}

fn write_native(writer: &mut Writer, id: &NativeId) {
    writer.bytes(id.as_bytes());
}

fn read_native(bytes: &mut Bytes<'_>) -> Result<NativeId, StoreError> {
    bytes.bytes().map(NativeId::new)
}

/// A collection as bytes, without its id, like [`pack`].
pub fn pack_collection(collection: &Collection) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.text(collection.kind.name);
    writer.text(&collection.name);
    writer.optional(collection.parent.as_ref(), write_native);
    writer.each(collection.entries.iter(), write_native);
    writer.optional(collection.rule.as_deref(), Writer::text);
    writer.0
}

pub(crate) fn unpack_collection(
    native: &[u8],
    packed: &[u8],
    schema: &'static Schema,
) -> Result<Collection, StoreError> {
    let mut bytes = Bytes(packed);
    let collection = Collection {
        id: NativeId::new(native),
        kind: read_kind(&mut bytes, schema)?,
        name: bytes.text()?.into(),
        parent: bytes.optional(read_native)?,
        entries: bytes.each(read_native)?,
        rule: bytes.optional(|bytes| bytes.text().map(Into::into))?,
    };
    bytes.end()?;
    Ok(collection)
}

/// What stands in place of the number of fields where items are hidden or shown, which come first then.
const WITH_LISTING: u64 = u64::MAX;

/// Edits as bytes.
pub fn pack_changes(changes: &ChangeSet) -> Vec<u8> {
    let mut writer = Writer::default();
    if !changes.listing.is_empty() {
        writer.number(WITH_LISTING);
        writer.each(changes.listing.iter(), |writer, edit| {
            write_native(writer, edit.item());
            let shown = match edit {
                ListingEdit::Hide { .. } => None,
                ListingEdit::Show { item } => Some(pack(item)),
            };
            writer.optional(shown.as_deref(), Writer::bytes);
        });
    }
    writer.each(changes.fields.iter(), |writer, edit| {
        write_native(writer, &edit.item);
        writer.text(edit.field.name);
        writer.optional(edit.old.as_ref(), Writer::value);
        writer.optional(edit.new.as_ref(), Writer::value);
    });
    writer.each(changes.collections.iter(), write_collection_edit);
    writer.0
}

fn write_collection_edit(writer: &mut Writer, edit: &CollectionEdit) {
    let natives = |writer: &mut Writer, ids: &[NativeId]| writer.each(ids.iter(), write_native);
    match edit {
        CollectionEdit::Create { kind, name, parent, entries } => {
            writer.byte(0);
            writer.text(kind.name);
            writer.text(name);
            writer.optional(parent.as_ref(), write_native);
            natives(writer, entries);
        }
        CollectionEdit::Rename { id, old, new } => {
            writer.byte(1);
            write_native(writer, id);
            writer.text(old);
            writer.text(new);
        }
        CollectionEdit::Reorder { id, old, new } => {
            writer.byte(2);
            write_native(writer, id);
            natives(writer, old);
            natives(writer, new);
        }
        CollectionEdit::Remove { id, old } => {
            writer.byte(3);
            write_native(writer, id);
            natives(writer, old);
        }
    }
}

/// The edits with these bytes.
///
/// # Errors
/// `NewerRecord` if a field or kind is not in `schema`; `Damaged` for bytes that [`pack_changes`]
/// does not make.
pub fn unpack_changes(packed: &[u8], schema: &'static Schema) -> Result<ChangeSet, StoreError> {
    let mut bytes = Bytes(packed);
    let listing = read_listing(&mut bytes, schema)?;
    let fields = bytes.each(|bytes| {
        Ok(FieldEdit {
            item: read_native(bytes)?,
            field: read_field(bytes, schema)?,
            old: bytes.optional(Bytes::value)?,
            new: bytes.optional(Bytes::value)?,
        })
    })?;
    let collections = bytes.each(|bytes| read_collection_edit(bytes, schema))?;
    bytes.end()?;
    Ok(ChangeSet { listing, fields, collections, ..ChangeSet::default() })
}

fn read_listing(
    bytes: &mut Bytes<'_>,
    schema: &'static Schema,
) -> Result<Vec<ListingEdit>, StoreError> {
    let mut ahead = Bytes(bytes.0);
    if ahead.number()? != WITH_LISTING {
        return Ok(Vec::new());
    }
    *bytes = ahead;
    let listing = bytes.each(|bytes| read_listing_edit(bytes, schema))?;
    if listing.is_empty() { Err(malformed("a list of what is hidden")) } else { Ok(listing) }
}

fn read_listing_edit(
    bytes: &mut Bytes<'_>,
    schema: &'static Schema,
) -> Result<ListingEdit, StoreError> {
    let item = read_native(bytes)?;
    let shown = bytes.optional(Bytes::bytes)?;
    Ok(match shown {
        None => ListingEdit::Hide { item },
        Some(packed) => ListingEdit::Show { item: unpack(item.as_bytes(), packed, schema)? },
    })
}

fn read_collection_edit(
    bytes: &mut Bytes<'_>,
    schema: &'static Schema,
) -> Result<CollectionEdit, StoreError> {
    Ok(match bytes.byte()? {
        0 => CollectionEdit::Create {
            kind: read_kind(bytes, schema)?,
            name: bytes.text()?.into(),
            parent: bytes.optional(read_native)?,
            entries: bytes.each(read_native)?,
        },
        1 => CollectionEdit::Rename {
            id: read_native(bytes)?,
            old: bytes.text()?.into(),
            new: bytes.text()?.into(),
        },
        2 => CollectionEdit::Reorder {
            id: read_native(bytes)?,
            old: bytes.each(read_native)?,
            new: bytes.each(read_native)?,
        },
        3 => CollectionEdit::Remove { id: read_native(bytes)?, old: bytes.each(read_native)? },
        kind => {
            let what = format!("an edit of kind {kind}");
            return Err(StoreError::NewerRecord { what });
        }
    })
}

#[cfg(test)]
#[path = "packed_tests.rs"]
mod tests;
