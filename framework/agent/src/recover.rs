//! Finishes what a killed process began: the journal says which differences are our own.
//!
//! An app's file is replaced whole or not at all, so an intent was carried out or it was not. If it
//! was, the base takes what we wrote, and what differs beyond that is the user's. If not, nothing
//! happened, and the next pass plans it again.

use std::collections::HashMap;

use segue_model::{
    BaseCollection, Catalog, ChangeSet, Collection, CollectionEdit, CollectionId, EntryId,
    FieldEdit, LinkId, NativeId, Rule, Value,
};
use segue_store::{Intent, LinkRow, Tx};
use segue_translator::Collector;

use crate::agent::Agent;
use crate::failure::Failure;
use crate::libraries;

/// Settles every intent whose library can be read.
pub(crate) fn recover(agent: &mut Agent) -> Result<(), Failure> {
    for intent in agent.home.store.intents()? {
        let Some(row) = agent.home.store.link(intent.link)? else { continue };
        let read = libraries::open(agent, &row.app, &row.path)
            .and_then(|library| Ok((library.capabilities(), Collector::collect(&*library)?.0)));
        // A library that cannot be read now keeps its intent; its own pass fails and says why.
        let Ok((capabilities, catalog)) = read else { continue };
        let changes = intent.changes(capabilities.schema)?;
        let tx = agent.home.store.transaction()?;
        settle_fields(&tx, &row, capabilities.schema, &changes, &catalog)?;
        settle_lists(&tx, &row, capabilities.schema, &changes, &intent, &catalog)?;
        let mut row = row;
        row.revision = None;
        tx.put_link(&row)?;
        tx.clear_intent(intent.operation, intent.link)?;
        if let Some(mut operation) = tx.operation(intent.operation)? {
            operation.state = "partly".into();
            tx.put_operation(&operation)?;
        }
        tx.commit()?;
    }
    Ok(())
}

fn settle_fields(
    tx: &Tx<'_>,
    row: &LinkRow,
    schema: &'static segue_model::Schema,
    changes: &ChangeSet,
    catalog: &Catalog,
) -> Result<(), Failure> {
    let now = |edit: &FieldEdit| catalog.item(&edit.item).map(|item| item.fields.value(edit.field));
    // Counts and dates of play only grow: one beyond ours was ours before the user played on.
    let reached = |is: Option<&Value>, edit: &FieldEdit| {
        let grew = matches!(edit.field.rule, Rule::Counter | Rule::Max) && edit.new > edit.old;
        is == edit.new.as_ref() || (grew && is > edit.new.as_ref())
    };
    let count = |wanted: &dyn Fn(&FieldEdit) -> bool| {
        changes.fields.iter().filter(|edit| wanted(edit)).count()
    };
    let new = count(&|edit| now(edit).is_some_and(|is| reached(is, edit)));
    let old = count(&|edit| now(edit).is_some_and(|is| is == edit.old.as_ref()));
    if new <= old {
        return Ok(());
    }
    for edit in &changes.fields {
        if let Some(mut base) = tx.base_item(row.id, &edit.item, schema)? {
            base.held.fields.set(edit.field, edit.new.clone());
            tx.put_base_item(row.id, &base)?;
        }
    }
    Ok(())
}

fn settle_lists(
    tx: &Tx<'_>,
    row: &LinkRow,
    schema: &'static segue_model::Schema,
    changes: &ChangeSet,
    intent: &Intent,
    catalog: &Catalog,
) -> Result<(), Failure> {
    let ids = ids(&intent.extra);
    let mut ids = ids.into_iter();
    let base: HashMap<NativeId, BaseCollection> = tx
        .base_collections(row.id, schema)?
        .into_iter()
        .map(|base| (base.held.id.clone(), base))
        .collect();
    let is = |now: &Collection, entries: &[NativeId]| now.entries == entries;
    for edit in &changes.collections {
        match edit {
            CollectionEdit::Create { kind, name, entries, .. } => {
                let Some((collection, ids)) = ids.next() else { continue };
                let made = catalog.collections.iter().find(|now| {
                    now.kind == *kind
                        && now.name == *name
                        && is(now, entries)
                        && !base.contains_key(&now.id)
                });
                put(tx, row.id, collection, &ids, made)?;
            }
            CollectionEdit::Reorder { id, new, .. } => {
                let Some((collection, ids)) = ids.next() else { continue };
                let now = catalog.collection(id).filter(|now| is(now, new));
                put(tx, row.id, collection, &ids, now)?;
            }
            CollectionEdit::Rename { id, new, .. } => {
                if let (Some(base), true) =
                    (base.get(id), catalog.collections.iter().any(|now| now.name == *new))
                {
                    let mut base = base.clone();
                    base.held.name.clone_from(new);
                    tx.put_base_collection(row.id, &base)?;
                }
            }
            CollectionEdit::Remove { id, .. } => {
                if catalog.collection(id).is_none() {
                    tx.remove_base_collection(row.id, id)?;
                }
            }
        }
    }
    Ok(())
}

fn put(
    tx: &Tx<'_>,
    link: LinkId,
    collection: CollectionId,
    ids: &[EntryId],
    now: Option<&Collection>,
) -> Result<(), Failure> {
    let Some(now) = now.filter(|now| now.entries.len() == ids.len()) else { return Ok(()) };
    let held = now.clone();
    let base = BaseCollection { collection, held, entries: ids.to_vec(), shown: None };
    Ok(tx.put_base_collection(link, &base)?)
}

/// The journal's lines: a collection and the ids of its entries.
fn ids(extra: &[u8]) -> Vec<(CollectionId, Vec<EntryId>)> {
    let text = String::from_utf8_lossy(extra);
    let line = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let collection = words.next()?.parse().ok()?;
        Some((collection, words.map(str::parse).collect::<Result<_, _>>().ok()?))
    };
    text.lines().filter_map(line).collect()
}
