//! The projection that queries read: rows of items and collections, and open conflicts, made from
//! the document and made anew for every shard that changed since.

use std::collections::HashMap;

use segue_document::{DOCUMENT_RECORD, Record, resolve};
use segue_model::{DocumentId, ItemId, Schema};
use segue_store::{ConflictRow, ViewRow};
use serde_json::{Map, json};

use crate::agent::Agent;
use crate::failure::Failure;
use crate::pass::SameAs;
use crate::report;
use crate::shards::{Records, Shards};

/// What a row stands for.
pub(crate) const ITEM: u8 = 0;
/// What a row stands for.
pub(crate) const COLLECTION: u8 = 1;

/// The schema of a document.
pub(crate) fn schema(name: &str) -> Result<&'static Schema, Failure> {
    Schema::named(name).ok_or_else(|| {
        let sentence = format!("this Segue does not know the kind of library `{name}`");
        Failure::refused(sentence, "a newer Segue may know it")
    })
}

/// Brings the projection of a document up to date.
pub(crate) fn refresh(agent: &mut Agent, document: &DocumentId) -> Result<(), Failure> {
    let (same, stale) = {
        let store = &agent.home.store;
        let mut shards = Shards::new(store, *document, agent.home.actor)?;
        let same = SameAs::of(&shards.record(&DOCUMENT_RECORD, None)?);
        let seen = store.view_heads(document)?;
        let stale: Vec<u8> = shards
            .written()
            .into_iter()
            .filter(|shard| seen.get(shard) != Some(&shards.heads(*shard)))
            .collect();
        (same, stale)
    };
    let joined_shards = same.joined().map(|(item, _)| segue_document::shard_of(&item.0));
    let mut stale = stale;
    if !stale.is_empty() {
        // Items that read as one are shown by the smallest, wherever the others are.
        stale.extend(joined_shards);
        stale.sort_unstable();
        stale.dedup();
    }
    let row = agent.home.store.document(document)?;
    let Some(row) = row else { return Ok(()) };
    let schema = schema(&row.schema)?;
    for shard in stale {
        refresh_shard(agent, document, shard, schema, &same)?;
    }
    Ok(())
}

fn refresh_shard(
    agent: &mut Agent,
    document: &DocumentId,
    shard: u8,
    schema: &'static Schema,
    same: &SameAs,
) -> Result<(), Failure> {
    let (heads, rows, conflicts) = {
        let mut shards = Shards::new(&agent.home.store, *document, agent.home.actor)?;
        let records = shards.records(shard)?;
        let joined = joined(&mut shards, &records, same)?;
        let (mut rows, mut conflicts) = (Vec::new(), Vec::new());
        for (id, record) in &records {
            if record.live.is_none() || same.shown(ItemId(*id)).0 != *id || *id == DOCUMENT_RECORD {
                continue;
            }
            let record = joined.get(id).unwrap_or(record);
            rows.push(row(record, schema));
            for field in crate::conflicts::of_record(record, schema) {
                let field = field.to_owned();
                conflicts.push(ConflictRow { id: *id, field, body: "{}".into() });
            }
        }
        (shards.heads(shard), rows, conflicts)
    };
    let tx = agent.home.store.transaction()?;
    tx.put_view(document, shard, &heads, &rows, &conflicts)?;
    Ok(tx.commit()?)
}

fn joined(
    shards: &mut Shards<'_>,
    records: &Records,
    same: &SameAs,
) -> Result<HashMap<[u8; 16], Record>, Failure> {
    let mut joined = HashMap::new();
    for id in records.keys() {
        if let Some(component) = same.component(&ItemId(*id)) {
            joined.insert(*id, merged(shards, ItemId(*id), component)?);
        }
    }
    Ok(joined)
}

/// An item with everything that reads as one with it.
pub(crate) fn merged(
    shards: &mut Shards<'_>,
    item: ItemId,
    component: &std::collections::BTreeSet<ItemId>,
) -> Result<Record, Failure> {
    let mut record = shards.record(&item.0, None)?;
    for other in component.iter().filter(|other| **other != item) {
        record.absorb(shards.record(&other.0, None)?);
    }
    Ok(record)
}

fn row(record: &Record, schema: &Schema) -> ViewRow {
    let title = report::title(record);
    let body = if record.kind.is_some() {
        json!({ "title": title, "kind": record.kind })
    } else {
        let mut fields = Map::new();
        for field in schema.fields {
            if let Some(value) = resolve::value(record, field) {
                fields.insert(field.name.to_owned(), report::json(Some(&value)));
            }
        }
        let location = record.any_location().map(ToString::to_string);
        json!({ "title": title, "kind": "item", "fields": fields, "location": location })
    };
    ViewRow {
        id: record.id,
        kind: if record.kind.is_some() { COLLECTION } else { ITEM },
        sort_text: title.to_lowercase(),
        body: body.to_string(),
    }
}
