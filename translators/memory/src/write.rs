//! Writes a library: edits are made in the document, which then replaces the file as a whole.
//!
//! Invariant: an edit that does not find what it expects changes nothing and is refused alone.

use std::collections::{HashMap, HashSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json, json};

use segue_translator::file::{self, Replacement};
use segue_translator::model::{
    ChangeSet, CollectionEdit, CollectionKind, FieldEdit, Item, ListingEdit, NativeId, Value,
};
use segue_translator::{
    Access, CollectionSupport, Error, ErrorKind, Library as _, Refusal, Revision, Written,
};

use crate::Kind;
use crate::discover::FILE;
use crate::format::{BYTES_MAX, Document, MISSING, collection, encode, field, id_of};
use crate::read::Open;

pub(crate) fn write(
    library: &Open,
    expected: &Revision,
    changes: &ChangeSet,
) -> Result<Written, Error> {
    check(library, expected)?;
    let (mut document, revision) = library.document()?;
    if revision != *expected {
        return Err(stale(library));
    }
    if let Some(why) = document.read_only() {
        return Err(Error::new(ErrorKind::Unsupported, "write", &library.file, why));
    }
    let before = document.clone();
    let mut written = apply(library.kind, &mut document, changes);
    if document != before {
        replace(library, expected, &document.to_bytes())?;
    }
    written.revision = library.revision()?;
    Ok(written)
}

pub(crate) fn back_up(library: &Open, into: &Path) -> Result<Vec<PathBuf>, Error> {
    let copy = into.join(FILE);
    file::copy(&library.file, &copy)?;
    Ok(vec![copy])
}

pub(crate) fn restore(library: &Open, expected: &Revision, from: &Path) -> Result<Revision, Error> {
    check(library, expected)?;
    let bytes = file::read_bounded(&from.join(FILE), BYTES_MAX)?;
    replace(library, expected, &bytes)?;
    library.revision()
}

/// Replaces the file, unless the app was started or the file changed until the last moment.
fn replace(library: &Open, expected: &Revision, bytes: &[u8]) -> Result<(), Error> {
    let mut replacement = Replacement::create(&library.file)?;
    replacement.write_all(bytes).map_err(|error| Error::io("write", &library.file, &error))?;
    replacement.commit(|| check(library, expected))
}

fn check(library: &Open, expected: &Revision) -> Result<(), Error> {
    if let Some(what) = library.running() {
        return Err(Error::new(ErrorKind::Busy, "write", &library.file, what));
    }
    if library.revision()? == *expected { Ok(()) } else { Err(stale(library)) }
}

fn stale(library: &Open) -> Error {
    Error::new(ErrorKind::Stale, "write", &library.file, "the file changed since it was read")
}

/// Makes the edits that find what they expect; refuses the others.
fn apply(kind: Kind, document: &mut Document, changes: &ChangeSet) -> Written {
    let mut written = Written::default();
    let mut index = HashMap::new();
    for (position, item) in document.items().iter().enumerate() {
        // The first entry of an id is the one that reading shows.
        index.entry(id_of(item).unwrap_or_default().to_owned()).or_insert(position);
    }
    let mut refuse =
        |id: &NativeId, reason: String| written.refused.push(Refusal { id: id.clone(), reason });
    for edit in &changes.listing {
        if let Err(reason) = list(kind, document, &mut index, edit) {
            refuse(edit.item(), reason);
        }
    }
    for edit in &changes.fields {
        let known = text(&edit.item).and_then(|id| index.get(id));
        let made = known
            .ok_or_else(|| "there is no such item".to_owned())
            .and_then(|position| set_field(kind, &mut document.items_mut()[*position], edit));
        match made {
            Ok(()) => make_places(kind, document, edit),
            Err(reason) => refuse(&edit.item, reason),
        }
    }
    for edit in &changes.collections {
        match edit_collection(kind, document, &index, edit) {
            Ok(None) => {}
            Ok(Some(id)) => written.created.push(id),
            Err((id, reason)) => refuse(&id, reason),
        }
    }
    written
}

/// Hides an item, or shows one again.
fn list(
    kind: Kind,
    document: &mut Document,
    index: &mut HashMap<String, usize>,
    edit: &ListingEdit,
) -> Result<(), String> {
    if !kind.capabilities().hides {
        return Err("this app hides nothing".into());
    }
    match edit {
        ListingEdit::Hide { item } => {
            let known = text(item).and_then(|id| index.remove(id));
            let position = known.ok_or("there is no such item")?;
            if document.items()[position].get(MISSING) == Some(&true.into()) {
                return Err("it is not shown now".into());
            }
            document.items_mut()[position][MISSING] = true.into();
        }
        ListingEdit::Show { item } => {
            let id = text(&item.id).ok_or("the id is no text")?.to_owned();
            let is_it = |json: &Json| id_of(json) == Some(&id);
            let is_marked = |json: &Json| json.get(MISSING) == Some(&true.into());
            let position = match document.items().iter().position(is_it) {
                Some(position) if is_marked(&document.items()[position]) => position,
                Some(_) => return Err("it is listed already".into()),
                None => {
                    document.items_mut().push(new_item(&id, item));
                    document.items().len() - 1
                }
            };
            let json = &mut document.items_mut()[position];
            json.as_object_mut().map(|json| json.remove(MISSING));
            for support in kind.capabilities().fields {
                let held = item.fields.value(support.field).and_then(|value| support.hold(value));
                if support.access == Access::Write && field(kind, support, json) != Ok(held.clone())
                {
                    put(kind, json, support.field, held.as_ref());
                }
            }
            index.insert(id, position);
        }
    }
    Ok(())
}

fn new_item(id: &str, item: &Item) -> Json {
    let mut json = Map::new();
    json.insert("id".into(), id.into());
    if let Some(location) = &item.location {
        json.insert("location".into(), location.to_string().into());
    }
    Json::Object(json)
}

fn text(id: &NativeId) -> Option<&str> {
    std::str::from_utf8(id.as_bytes()).ok()
}

fn set_field(kind: Kind, item: &mut Json, edit: &FieldEdit) -> Result<(), String> {
    let support = kind.capabilities().field(edit.field);
    let support = support
        .filter(|support| support.access == Access::Write)
        .ok_or_else(|| format!("`{}` cannot be written", edit.field.name))?;
    let current = match field(kind, support, item) {
        // Nothing is shown and nothing shall be: what cannot be shown stays.
        Err(_) if edit.old.is_none() && edit.new.is_none() => return Ok(()),
        current => current?,
    };
    if current != edit.old {
        return Err(format!("`{}` is no longer what it was", edit.field.name));
    }
    if edit.new.as_ref().is_some_and(|new| !edit.field.shape.admits(new)) {
        return Err(format!("`{}` cannot have this value", edit.field.name));
    }
    let held = edit.new.as_ref().and_then(|new| support.hold(new));
    if held != current {
        put(kind, item, edit.field, held.as_ref());
    }
    Ok(())
}

/// Makes the places into which an item was put and that are not there yet.
fn make_places(kind: Kind, document: &mut Document, edit: &FieldEdit) {
    let capabilities = kind.capabilities();
    let mut kinds = capabilities.collections.iter().map(|support| support.kind);
    let Some(of) = kinds.find(|of| of.named_in == Some(edit.field)) else { return };
    let support = capabilities.field(edit.field);
    let held = edit.new.as_ref().and_then(|new| support?.hold(new));
    for name in held.as_ref().and_then(Value::as_list).unwrap_or_default() {
        let is_it = |json: &Json| json["kind"] == of.name && json["name"] == **name;
        if !document.collections().iter().any(is_it) {
            let new = json!({ "id": free_id(document), "kind": of.name, "name": &**name });
            document.collections_mut().push(new);
        }
    }
}

/// Puts a value that the app holds into an item's JSON.
pub(crate) fn put(
    kind: Kind,
    item: &mut Json,
    field: &segue_translator::model::Field,
    held: Option<&segue_translator::model::Value>,
) {
    let Some(item) = item.as_object_mut() else { return };
    let fields = item.entry("fields").or_insert_with(|| Json::Object(Map::new()));
    let Some(fields) = fields.as_object_mut() else { return };
    match held.and_then(|value| encode(kind, field, value)) {
        Some(json) => fields.insert(field.name.into(), json),
        None => fields.remove(field.name),
    };
}

type Refused = (NativeId, String);

fn edit_collection(
    kind: Kind,
    document: &mut Document,
    items: &HashMap<String, usize>,
    edit: &CollectionEdit,
) -> Result<Option<NativeId>, Refused> {
    match edit {
        CollectionEdit::Create { kind: of, name, parent, entries } => {
            let refuse = |reason: String| (NativeId::from(name.as_ref()), reason);
            let support = writable(kind, of).map_err(refuse)?;
            let entries = known_entries(support, items, entries).map_err(refuse)?;
            let id = free_id(document);
            let mut new = Map::new();
            new.insert("id".into(), id.as_str().into());
            new.insert("kind".into(), of.name.into());
            new.insert("name".into(), name.as_ref().into());
            if let Some(parent) = parent.as_ref().and_then(text) {
                new.insert("parent".into(), parent.into());
            }
            new.insert("entries".into(), entries.into());
            document.collections_mut().push(Json::Object(new));
            Ok(Some(id.into()))
        }
        CollectionEdit::Rename { id, old, new } => {
            let (position, shown, _) = find(kind, document, id)?;
            if shown.name != *old {
                return Err((id.clone(), "the name is no longer what it was".into()));
            }
            document.collections_mut()[position]["name"] = new.as_ref().into();
            Ok(None)
        }
        CollectionEdit::Reorder { id, old, new } => {
            let (position, shown, support) = find(kind, document, id)?;
            expect_entries(&shown.entries, old, id)?;
            let new = known_entries(support, items, new).map_err(|why| (id.clone(), why))?;
            if shown.entries.iter().filter_map(text).ne(new.iter().map(String::as_str)) {
                document.collections_mut()[position]["entries"] = new.into();
            }
            Ok(None)
        }
        CollectionEdit::Remove { id, old } => {
            let (position, shown, _) = find(kind, document, id)?;
            expect_entries(&shown.entries, old, id)?;
            document.collections_mut().remove(position);
            Ok(None)
        }
    }
}

fn writable(kind: Kind, of: &CollectionKind) -> Result<&'static CollectionSupport, String> {
    let support = kind.capabilities().collection(of);
    support
        .filter(|support| support.access == Access::Write)
        .ok_or_else(|| format!("a {} cannot be written", of.name))
}

type Found = (usize, segue_translator::model::Collection, &'static CollectionSupport);

fn find(kind: Kind, document: &Document, id: &NativeId) -> Result<Found, Refused> {
    let refuse = |reason: String| (id.clone(), reason);
    let mut collections = document.collections().iter();
    let position = text(id).and_then(|id| collections.position(|json| id_of(json) == Some(id)));
    let position = position.ok_or_else(|| refuse("there is no such collection".into()))?;
    let shown = collection(kind, &document.collections()[position])
        .map_err(|reason| refuse(reason.into()))?;
    let support = writable(kind, shown.kind).map_err(refuse)?;
    Ok((position, shown, support))
}

fn expect_entries(shown: &[NativeId], old: &[NativeId], id: &NativeId) -> Result<(), Refused> {
    if shown == old {
        Ok(())
    } else {
        Err((id.clone(), "the entries are no longer what they were".into()))
    }
}

fn known_entries(
    support: &CollectionSupport,
    items: &HashMap<String, usize>,
    entries: &[NativeId],
) -> Result<Vec<String>, String> {
    let held = support.hold(entries);
    let known = held.iter().map(|id| {
        let known = text(id).filter(|id| items.contains_key(*id));
        known.map(str::to_owned).ok_or_else(|| format!("there is no item `{id}`"))
    });
    known.collect()
}

fn free_id(document: &Document) -> String {
    let taken: HashSet<&str> = document.collections().iter().filter_map(id_of).collect();
    let mut number = taken.len() + 1;
    while taken.contains(number.to_string().as_str()) {
        number += 1;
    }
    number.to_string()
}
