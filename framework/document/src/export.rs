//! The whole document as canonical JSON: the same bytes on every peer with the same state.

use segue_model::{Schema, Terms};
use serde_json::{Map, Value as Json, json};

use crate::encode::{location_text, value_json};
use crate::record::Record;
use crate::resolve;

/// One item of the export.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportItem(Json);

/// One collection of the export.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportCollection(Json);

impl ExportItem {
    /// The item of a live record, with what is allowed of it.
    pub fn of(record: &Record, schema: &Schema, terms: &Terms) -> Self {
        let mut out = Map::new();
        out.insert("fields".into(), Json::Object(fields(record, schema)));
        out.insert("id".into(), json!(segue_model::ItemId(record.id).to_string()));
        out.insert("limits".into(), Json::Object(limits(terms)));
        if let Some(location) = record.any_location() {
            out.insert("location".into(), json!(location_text(location)));
        }
        Self(Json::Object(out))
    }

    /// The JSON.
    pub const fn json(&self) -> &Json {
        &self.0
    }
}

/// Terms by their names; what is not restricted is not there.
fn limits(terms: &Terms) -> Map<String, Json> {
    let mut out = Map::new();
    let moments = [("valid_from", terms.valid_from), ("valid_until", terms.valid_until)];
    for (name, moment) in moments {
        out.extend(moment.map(|moment| (name.to_owned(), json!(moment))));
    }
    if let Some(devices) = &terms.devices {
        let devices: Vec<String> = devices.iter().map(ToString::to_string).collect();
        out.insert("devices".into(), json!(devices));
    }
    out.extend(terms.amounts.iter().map(|(amount, most)| (amount.name().to_owned(), json!(most))));
    out.extend(terms.denied.iter().map(|denied| (denied.name().to_owned(), json!(false))));
    if !terms.unknown.is_empty() {
        out.insert("unknown".into(), json!(terms.unknown));
    }
    out
}

impl ExportCollection {
    /// The collection of a live record. `shown` says by which id an item is known, which for items
    /// joined by an edge is the smallest.
    pub fn of(record: &Record, shown: &dyn Fn(segue_model::ItemId) -> segue_model::ItemId) -> Self {
        let mut out = Map::new();
        let entries = record.ordered().into_iter().map(|(_, e)| json!(shown(e.item).to_string()));
        out.insert("entries".into(), entries.collect());
        out.insert("id".into(), json!(segue_model::CollectionId(record.id).to_string()));
        out.insert("kind".into(), json!(record.kind));
        for name in ["name", "parent", "rule"] {
            if let Some(value) = resolve::register(record, name).winner() {
                out.insert(name.into(), value_json(value));
            }
        }
        Self(Json::Object(out))
    }

    /// The JSON.
    pub const fn json(&self) -> &Json {
        &self.0
    }
}

/// Canonical JSON of items and collections, each sorted by id by the caller.
pub fn export(schema: &Schema, items: &[ExportItem], collections: &[ExportCollection]) -> String {
    let items: Vec<&Json> = items.iter().map(ExportItem::json).collect();
    let collections: Vec<&Json> = collections.iter().map(ExportCollection::json).collect();
    // serde_json's map is sorted by key.
    json!({ "schema": schema.name, "items": items, "collections": collections }).to_string()
}

/// Fields of the schema by their rules, and carried ones (`ext/<app>/<name>`) as registers.
fn fields(record: &Record, schema: &Schema) -> Map<String, Json> {
    let mut out = Map::new();
    for field in schema.fields {
        if let Some(value) = resolve::value(record, field) {
            out.insert(field.name.into(), value_json(&value));
        }
    }
    let carried = record.origins.values().flat_map(|origin| origin.fields.keys());
    for name in carried.chain(record.registers.keys()) {
        if name.starts_with("ext/")
            && let Some(value) = resolve::register(record, name).winner()
        {
            out.insert(name.clone(), value_json(value));
        }
    }
    out
}
