//! The whole document as canonical JSON: the same bytes on every peer with the same state.

use segue_model::Schema;
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
    /// The item of a live record.
    pub fn of(record: &Record, schema: &Schema) -> Self {
        let mut out = Map::new();
        out.insert("fields".into(), Json::Object(fields(record, schema)));
        out.insert("id".into(), json!(segue_model::ItemId(record.id).to_string()));
        out.insert("limits".into(), json!({}));
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
