//! Finishes what a killed process began: the journal says which differences are our own.
//!
//! An app's file is replaced whole or not at all, so an intent was carried out or it was not, or only
//! its first file was; of these pasts the one is taken in which the user did less since. If it was,
//! the base takes what we wrote, the app had been shown it, and what differs beyond that is the
//! user's. If not, nothing happened, and the next pass plans it again. A library that is written piece by
//! piece says of each piece what became of it ([`crate::pieces`]). It writes nothing into an app but what the
//! translator itself left unfinished.

use segue_model::{
    BaseCollection, Catalog, ChangeSet, Collection, CollectionEdit, FieldEdit, NativeId, Rule,
    Schema,
};
use segue_reconcile::list::distance;
use segue_store::{Intent, LinkRow, OperationLink, Tx};
use segue_translator::{Collector, Library};

use crate::agent::Agent;
use crate::failure::Failure;
use crate::hiding;
use crate::home::Home;
use crate::journal::Note;
use crate::lists_after::in_document;
use crate::{libraries, pieces, record, report};

/// Settles every intent whose library can be read.
pub(crate) fn recover(agent: &mut Agent) -> Result<(), Failure> {
    for intent in agent.home.store.intents()? {
        let Some(row) = agent.home.store.link(intent.link)? else { continue };
        if let Ok(library) = libraries::open(agent, &row.app, &row.path) {
            settle(&mut agent.home, row, &*library, &intent)?;
        }
    }
    Ok(())
}

/// Says in the log of operations that were killed before or after their writes that they were. Called before another one
/// begins.
pub(crate) fn note_interrupted(agent: &mut Agent) -> Result<(), Failure> {
    let operations = agent.home.store.operations()?;
    let begun = operations.iter().filter(|row| row.state == record::BEGUN && row.undoes.is_none());
    for row in begun {
        let tx = agent.home.store.transaction()?;
        record::interrupted(&tx, row.n)?;
        tx.commit()?;
    }
    Ok(())
}

/// Settles what became of one write that did not say so itself: it was killed, or failed midway. Returns how many edits
/// were made.
pub(crate) fn settle(
    home: &mut Home,
    row: LinkRow,
    library: &dyn Library,
    intent: &Intent,
) -> Result<u64, Failure> {
    // A library that cannot be finished or read now keeps its intent; its own pass fails and says why.
    let read = library.finish().and_then(|()| Collector::collect(library));
    let Ok((catalog, _)) = read else { return Ok(0) };
    let schema = library.capabilities().schema;
    let changes = intent.changes(schema)?;
    let tx = home.store.transaction()?;
    let lists = tx.base_collections(row.id, schema)?;
    hiding::recover(&tx, row.id, schema, &changes, &catalog)?;
    let note = Note::parse(&intent.extra);
    let made = if library.capabilities().piecewise {
        pieces::settle(&tx, row.id, schema, &changes, &catalog, &note.shown)?
    } else if is_carried_out(&changes, &catalog, &lists) {
        settle_fields(&tx, &row, schema, &changes)?;
        settle_lists(&tx, &row, lists, &changes, &note, &catalog)?;
        for (shard, heads) in &note.shown {
            tx.put_link_heads(row.id, *shard, heads)?;
        }
        changes
    } else {
        ChangeSet::default()
    };
    let written = made.len() as u64;
    let noted = tx.operation_links(intent.operation)?.into_iter().find(|one| one.link == row.id);
    if let Some(noted) = noted.filter(|_| written > 0) {
        // What it was afterwards is not known: what the app's user did since is in the file too.
        let written = noted.written + written;
        tx.put_operation_link(&OperationLink { after: None, written, ..noted })?;
    }
    record::wrote(&tx, intent.operation, row.id, written, &report::counts(schema, &made))?;
    record::interrupted(&tx, intent.operation)?;
    tx.put_link(&LinkRow { revision: None, ..row })?;
    tx.clear_intent(intent.operation, intent.link)?;
    tx.commit()?;
    Ok(written)
}

/// Whether more of what was to be written is there than of what was there before; or the items, and
/// no list, for an app that has its lists in a file of their own, which comes second.
fn is_carried_out(changes: &ChangeSet, now: &Catalog, lists: &[BaseCollection]) -> bool {
    let fields = changes.fields.iter().map(|edit| field_says(edit, now));
    let lists: Vec<i64> =
        changes.collections.iter().map(|edit| list_says(edit, now, lists)).collect();
    // Nobody needs to have done anything since, so this is likelier than any other past.
    let is_made = |edit: &FieldEdit| {
        now.item(&edit.item).is_some_and(|item| item.fields.value(edit.field) == edit.new.as_ref())
    };
    let listing: Vec<i64> = changes.listing.iter().map(|edit| hiding::says(edit, now)).collect();
    let is_half = !(changes.fields.is_empty() && listing.is_empty())
        && changes.fields.iter().all(is_made)
        && listing.iter().all(|says| *says > 0)
        && lists.iter().all(|says| *says < 0);
    is_half || fields.chain(listing).sum::<i64>() + lists.iter().sum::<i64>() > 0
}

/// 1 if the edit was made, as far as its field tells, -1 if not, 0 if that says nothing.
fn field_says(edit: &FieldEdit, now: &Catalog) -> i64 {
    let Some(item) = now.item(&edit.item) else { return 0 };
    let is = item.fields.value(edit.field);
    // Counts and dates of play only grow: one beyond ours was ours before the user played on.
    let grew = matches!(edit.field.rule, Rule::Counter | Rule::Max) && edit.new > edit.old;
    let reached = is == edit.new.as_ref() || (grew && is > edit.new.as_ref());
    i64::from(reached) - i64::from(is == edit.old.as_ref())
}

/// The same for an edit of a list.
fn list_says(edit: &CollectionEdit, now: &Catalog, lists: &[BaseCollection]) -> i64 {
    match edit {
        CollectionEdit::Create { entries, .. } => match made(edit, now, lists) {
            // A list of that name that lacks some of ours may be the user's own.
            Some(list) => {
                let more = list.entries.len().checked_sub(entries.len());
                i64::from(more == Some(distance(entries, &list.entries)))
            }
            None => -1,
        },
        CollectionEdit::Reorder { id, old, new } => {
            now.collection(id).map_or(0, |list| nearer(&list.entries, old, new))
        }
        CollectionEdit::Rename { id, old, new } => {
            let is = |name: &str| now.collection(id).is_some_and(|list| *list.name == *name);
            let found = is(new) || (now.collection(id).is_none() && named(now, new));
            i64::from(found) - i64::from(is(old))
        }
        CollectionEdit::Remove { id, .. } => {
            if now.collection(id).is_some() {
                -1
            } else {
                1
            }
        }
    }
}

/// 1 if a list is nearer to what we would have made of it, -1 if it is nearer to what it was.
fn nearer(now: &[NativeId], old: &[NativeId], new: &[NativeId]) -> i64 {
    match distance(now, old).cmp(&distance(now, new)) {
        std::cmp::Ordering::Greater => 1,
        std::cmp::Ordering::Equal => 0,
        std::cmp::Ordering::Less => -1,
    }
}

fn named(now: &Catalog, name: &str) -> bool {
    now.collections.iter().any(|list| *list.name == *name)
}

/// The list that an edit made: of several, the one that is most like it.
fn made<'c>(
    edit: &CollectionEdit,
    now: &'c Catalog,
    lists: &[BaseCollection],
) -> Option<&'c Collection> {
    let CollectionEdit::Create { kind, name, entries, .. } = edit else { return None };
    let is_new = |id: &NativeId| lists.iter().all(|base| base.held.id != *id);
    let candidates = now.collections.iter();
    let candidates =
        candidates.filter(|list| list.kind == *kind && list.name == *name && is_new(&list.id));
    candidates.min_by_key(|list| distance(entries, &list.entries))
}

fn settle_fields(
    tx: &Tx<'_>,
    row: &LinkRow,
    schema: &'static Schema,
    changes: &ChangeSet,
) -> Result<(), Failure> {
    for edit in &changes.fields {
        if let Some(mut base) = tx.base_item(row.id, &edit.item, schema)? {
            base.held.fields.set(edit.field, edit.new.clone());
            tx.put_base_item(row.id, &base)?;
        }
    }
    Ok(())
}

pub(crate) fn settle_lists(
    tx: &Tx<'_>,
    row: &LinkRow,
    mut lists: Vec<BaseCollection>,
    changes: &ChangeSet,
    note: &Note,
    now: &Catalog,
) -> Result<(), Failure> {
    for base in &lists {
        tx.remove_base_collection(row.id, &base.held.id)?;
    }
    let mut notes = note.lists.iter();
    for edit in &changes.collections {
        match edit {
            CollectionEdit::Create { entries, .. } => {
                let Some((collection, ids)) = notes.next() else { continue };
                let list = made(edit, now, &lists).filter(|_| entries.len() == ids.len());
                lists.extend(list.map(|list| BaseCollection {
                    collection: *collection,
                    held: Collection { entries: entries.clone(), ..list.clone() },
                    entries: ids.clone(),
                    shown: None,
                }));
            }
            CollectionEdit::Reorder { id, new, .. } => {
                let Some((_, ids)) = notes.next() else { continue };
                // One that is more like before was refused, or the user took our part out again:
                // writing it once more loses nothing.
                let stands = list_says(edit, now, &lists) >= 0 && new.len() == ids.len();
                if let Some(base) = lists.iter_mut().find(|base| base.held.id == *id && stands) {
                    (base.entries, base.held.entries) = in_document(ids.iter().copied(), new);
                    base.shown = None;
                }
            }
            CollectionEdit::Rename { id, new, .. } => {
                let renamed = list_says(edit, now, &lists) > 0;
                if let Some(base) = lists.iter_mut().find(|base| base.held.id == *id && renamed) {
                    base.held.name.clone_from(new);
                }
            }
            CollectionEdit::Remove { id, .. } => {
                lists.retain(|base| base.held.id != *id || now.collection(id).is_some());
            }
        }
    }
    for base in &lists {
        tx.put_base_collection(row.id, base)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use segue_model::{Item, Value, music};

    use super::*;

    /// A write of two songs' counts and three lists, of which the app's second file has the lists.
    fn writes() -> (ChangeSet, Catalog) {
        let (mut changes, mut catalog) = (ChangeSet::default(), Catalog::default());
        for id in ["1", "2"] {
            catalog.items.push(Item::new(id));
            let (item, field) = (NativeId::from(id), &music::PLAY_COUNT);
            changes.fields.push(FieldEdit { item, field, old: None, new: Some(Value::Int(2)) });
        }
        for name in ["A", "B", "C"] {
            let (kind, name) = (&music::PLAYLIST, name.into());
            let entries = vec!["1".into()];
            changes.collections.push(CollectionEdit::Create { kind, name, parent: None, entries });
        }
        (changes, catalog)
    }

    fn played(catalog: &mut Catalog, counts: [i64; 2]) {
        for (item, count) in catalog.items.iter_mut().zip(counts) {
            item.fields.set(&music::PLAY_COUNT, Some(Value::Int(count)));
        }
    }

    #[test]
    fn f29_a_write_whose_first_file_alone_is_in_place_was_made() {
        let (changes, mut catalog) = writes();
        assert!(!is_carried_out(&changes, &catalog, &[]));
        played(&mut catalog, [2, 2]);
        assert!(is_carried_out(&changes, &catalog, &[]));
        // Plays of the app's user, before anything was written: the lists say so.
        played(&mut catalog, [2, 3]);
        assert!(!is_carried_out(&changes, &catalog, &[]));
    }
}
