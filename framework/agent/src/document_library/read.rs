//! A document as a catalog.

use std::collections::BTreeMap;

use segue_document::{DOCUMENT_RECORD, Record, resolve};
use segue_model::{
    Catalog, Collection, CollectionId, DocumentId, Fields, Item, ItemId, NativeId, Schema, Value,
};
use segue_translator::{Container, Error, Revision, Sink, Want};
use sha2::{Digest, Sha256};

use super::CAPABILITIES;
use crate::failure::Failure;
use crate::home::Home;
use crate::pass::SameAs;
use crate::shards::Shards;
use crate::views;

/// The state of every shard, in one hash.
pub(super) fn revision(home: &Home, document: DocumentId) -> Result<Revision, Failure> {
    let mut hasher = Sha256::new();
    for (shard, heads) in home.store.heads(&document)? {
        hasher.update([shard]);
        heads.hashes().iter().for_each(|hash| hasher.update(hash.0));
    }
    Ok(Revision(DocumentId(hasher.finalize().into()).to_string()))
}

/// Everything that is live, by id.
pub(super) fn catalog(home: &Home, document: DocumentId) -> Result<Catalog, Failure> {
    let mut shards = Shards::new(&home.store, document, home.actor)?;
    let same = SameAs::of(&shards.record(&DOCUMENT_RECORD, None)?);
    let mut catalog = Catalog::default();
    for shard in shards.written() {
        for (id, record) in shards.records(shard)? {
            if record.live.is_none() || id == DOCUMENT_RECORD {
                continue;
            }
            if record.kind.is_some() {
                catalog.collections.extend(collection(&record, &same));
                continue;
            }
            let item_id = ItemId(id);
            match same.component(&item_id) {
                Some(_) if same.shown(item_id) != item_id => {}
                Some(component) => {
                    let merged = views::merged(&mut shards, item_id, component)?;
                    catalog.items.push(item(&merged));
                }
                None => catalog.items.push(item(&record)),
            }
        }
        shards.release(shard);
    }
    catalog.items.sort_by(|a, b| a.id.cmp(&b.id));
    catalog.collections.sort_by(|a, b| a.id.cmp(&b.id));
    keep_known_entries(&mut catalog);
    Ok(catalog)
}

/// Entries of items that are not live are withheld, as from any library.
fn keep_known_entries(catalog: &mut Catalog) {
    let known: std::collections::HashSet<NativeId> =
        catalog.items.iter().map(|item| item.id.clone()).collect();
    for collection in &mut catalog.collections {
        collection.entries.retain(|entry| known.contains(entry));
    }
}

pub(super) fn native(id: impl std::fmt::Display) -> NativeId {
    NativeId::from(id.to_string())
}

fn item(record: &Record) -> Item {
    let mut item = Item::new(native(ItemId(record.id)));
    item.location = record.any_location().cloned();
    item.fields = fields(record, CAPABILITIES.schema);
    let carried = record.origins.values().flat_map(|origin| origin.fields.keys());
    let ext: BTreeMap<Box<str>, Box<str>> = carried
        .filter(|name| name.starts_with("ext/"))
        .filter_map(|name| {
            let value = resolve::register(record, name).winner()?.as_text()?.to_owned();
            Some((name.as_str().into(), value.into()))
        })
        .collect();
    item.ext = (!ext.is_empty()).then(|| Box::new(ext));
    item
}

fn fields(record: &Record, schema: &Schema) -> Fields {
    let value = |field| Some((field, resolve::value(record, field)?));
    schema.fields.iter().filter_map(|&field| value(field)).collect()
}

fn collection(record: &Record, same: &SameAs) -> Option<Collection> {
    let text = |name| {
        let winner = resolve::register(record, name).winner().cloned();
        winner.as_ref().and_then(Value::as_text).map(Box::<str>::from)
    };
    Some(Collection {
        id: native(CollectionId(record.id)),
        kind: CAPABILITIES.schema.kind(record.kind.as_deref()?)?,
        name: text("name").unwrap_or_else(|| "Unnamed".into()),
        parent: None,
        entries: record
            .ordered()
            .into_iter()
            .map(|(_, entry)| native(same.shown(entry.item)))
            .collect(),
        rule: text("rule"),
    })
}

/// Sends a catalog, in order.
pub(super) fn send(catalog: Catalog, sink: &mut dyn Sink) -> Result<(), Error> {
    let container = Container { id: NativeId::from(""), revision: Revision::default() };
    if sink.container(container) == Want::Items {
        catalog.items.into_iter().try_for_each(|item| sink.item(item))?;
    }
    catalog.collections.into_iter().try_for_each(|collection| sink.collection(collection))
}
