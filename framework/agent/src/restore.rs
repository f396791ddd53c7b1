//! Brings the files of apps back, for an undo.
//!
//! Where nobody touched them since, by their backup; else edit by edit, for a link that begins or
//! ends with the undo. Other touched libraries get their part from the pass that follows.
//!
//! Invariant: what a library was before is backed up and noted, and what changes in it journaled,
//! before anything is written, so that an undo that was interrupted here can be gone on with, and
//! itself be taken back, and nothing of it is taken for an edit of the app's user.

use std::path::PathBuf;

use segue_document::Record;
use segue_model::{
    BaseCollection, BaseItem, ChangeSet, CollectionEdit, CollectionId, EntryId, LinkId, NativeId,
    Schema,
};
use segue_reconcile::exclusion::Exclusion;
use segue_store::{LinkRow, OperationLink, Tx};
use segue_translator::{Collector, ErrorKind, Library, Revision};

use crate::agent::Agent;
use crate::command::{Found, LibraryState};
use crate::exclusion::Rules;
use crate::failure::Failure;
use crate::journal::Note;
use crate::libraries;
use crate::links::{self, Turn};
use crate::operate::find_out;
use crate::shards::Shards;
use crate::shared::{self, Seen};

/// What became of the files.
#[derive(Default)]
pub(crate) struct Restored {
    pub(crate) found: Vec<Found>,
    /// What was changed since and stays, in words.
    pub(crate) kept: Vec<String>,
    /// Whether a library that no pass will look at again is not back yet, and may be later.
    pub(crate) waits: bool,
}

/// Brings back what operation `undone` did to files, as part of operation `number`; what an earlier
/// attempt has brought back is left alone.
pub(crate) fn restore(agent: &mut Agent, undone: i64, number: i64) -> Result<Restored, Failure> {
    let mut out = Restored::default();
    let mut turned = links::turned(&agent.home.store, undone, Turn::Linked)?;
    turned.extend(links::turned(&agent.home.store, undone, Turn::Unlinked)?);
    let own = agent.home.store.operation_links(number)?;
    let touched = agent.home.store.operation_links(undone)?;
    let named = named(agent, &touched)?;
    for link in touched {
        let Some(known) = agent.home.store.link(link.link)? else { continue };
        // Who speaks for the library now: it may have been linked anew since.
        let known = links::active_of(&agent.home.store, &known)?.unwrap_or(known);
        // The base of a link that ends or begins here is kept for the way back. One that an earlier
        // attempt began again has a pass, which does the rest.
        let keep = known.id == link.link && turned.contains(&link.link) && !known.active;
        let noted = own.iter().find(|own| own.link == known.id).cloned();
        if noted.as_ref().is_some_and(|noted| noted.after.is_some()) {
            continue;
        }
        let label = libraries::label(&known.app, &known.path, &named);
        match one(agent, &known, &link, number, keep, noted) {
            Ok(None) => {}
            Ok(Some((written, left))) => {
                if left > 0 {
                    out.kept.push(format!("{label}: {left} values that were changed since"));
                }
                out.found.push(outcome(&label, LibraryState::Written, written, None));
            }
            Err(Failure::Library(error)) => {
                use ErrorKind::{Absent, Corrupt, TooLarge, Unsupported};
                out.waits |=
                    keep && !matches!(error.kind, Absent | Corrupt | TooLarge | Unsupported);
                out.found.push(not_taken_back(&label, &error));
            }
            Err(other) => return Err(other),
        }
    }
    Ok(out)
}

/// The libraries that an undo is about or that are linked, to tell those of one app apart.
fn named(agent: &Agent, touched: &[OperationLink]) -> Result<Vec<(String, PathBuf)>, Failure> {
    let is_named = |row: &LinkRow| row.active || touched.iter().any(|link| link.link == row.id);
    let rows = agent.home.store.links()?.into_iter().filter(is_named);
    let mut named: Vec<_> = rows.map(|row| (row.app, row.path)).collect();
    named.sort();
    named.dedup();
    Ok(named)
}

/// Brings one library back. Returns how many edits that were and how many values stay, or nothing
/// if the pass that follows has to do it.
fn one(
    agent: &mut Agent,
    known: &LinkRow,
    link: &OperationLink,
    number: i64,
    keep: bool,
    noted: Option<OperationLink>,
) -> Result<Option<(u64, usize)>, Failure> {
    let Some(backup) = &link.backup else { return Ok(None) };
    let library = libraries::open_finished(agent, &known.app, &known.path)?;
    let revision = library.revision()?;
    let folder = agent.home.backup_folder(backup);
    let written = crate::inverse::kept(&folder, library.capabilities().schema)?;
    let written = written.unwrap_or_default();
    // A backup in which something is listed that a limit withholds must not come back.
    let hides = !written.listing.is_empty();
    let untouched = link.after.as_ref() == Some(&revision.0) && folder.exists() && !hides;
    if !untouched && !keep {
        return Ok(None);
    }
    let (catalog, reading) = Collector::collect(&*library)?;
    let (back, left) = crate::inverse::inverse(&written, &catalog);
    let noted = match noted {
        Some(noted) => noted,
        None => back_up(agent, known.id, &*library, &revision, &back, number)?,
    };
    begin(agent, known, &*library, &noted, &back, keep)?;
    let made = if untouched {
        library.restore(&revision, &folder).map(|restored| (restored, link.written, 0))
    } else {
        write_back(&*library, reading.revision, &back, left)
    };
    let (restored, written, left) = match made {
        Ok(made) => made,
        Err(error) => {
            find_out(&mut agent.home, number, known.id, &*library, &error)?;
            return Err(error.into());
        }
    };
    // What was done between an earlier attempt and this one is in the file, and not in the backup.
    let after = (noted.before.as_ref() == Some(&revision.0)).then_some(restored.0);
    rebase(agent, known, &*library, keep, |tx| {
        tx.clear_intent(number, known.id)?;
        Ok(tx.put_operation_link(&OperationLink { after, written, ..noted })?)
    })?;
    tell_others(agent, (known, &*library), &back, untouched, number)?;
    Ok(Some((written, left)))
}

/// What came back in one library came back in those that hold the same files too: that is no edit of their users.
fn tell_others(
    agent: &mut Agent,
    (known, library): (&LinkRow, &dyn Library),
    back: &ChangeSet,
    untouched: bool,
    number: i64,
) -> Result<(), Failure> {
    let places = shared::places(known, library);
    let rules = Rules::now(agent)?;
    for row in agent.home.store.links()? {
        if !row.active || row.id == known.id || row.document != known.document {
            continue;
        }
        // Its own pass says why it cannot be read.
        let Ok(other) = libraries::open(agent, &row.app, &row.path) else { continue };
        if !shared::overlap(&places, &shared::places(&row, &*other)) {
            continue;
        }
        let exclusion = rules.of(&row);
        // Nobody touched the files since, so how the lists are is our doing.
        if untouched {
            let store = &agent.home.store;
            let difference = match crate::reading::read(&*other, store, Some(row.id), &exclusion) {
                Ok(difference) => difference,
                Err(Failure::Library(_)) => continue,
                Err(error) => return Err(error),
            };
            let schema = other.capabilities().schema;
            let now = &difference.collections;
            let lists = rebase_lists(agent, &row, schema, now, &exclusion)?;
            let tx = agent.home.store.transaction()?;
            put_lists(&tx, row.id, schema, &lists)?;
            tx.commit()?;
        }
        let seen = Seen { row: &row, library: &*other, exclusion: &exclusion };
        shared::follow(&mut agent.home, number, &seen, None, &[(known.id, back)])?;
    }
    Ok(())
}

/// Backs a library up, and keeps beside it what is about to be written.
fn back_up(
    agent: &Agent,
    link: LinkId,
    library: &dyn Library,
    revision: &Revision,
    back: &ChangeSet,
    operation: i64,
) -> Result<OperationLink, Failure> {
    let name = format!("{operation}/{link}");
    let folder = agent.home.backup_folder(&name);
    crate::backup::make(&agent.home.folder, &folder, library)?;
    crate::inverse::keep(&folder, back)?;
    let before = Some(revision.0.clone());
    Ok(OperationLink { operation, link, before, after: None, backup: Some(name), written: 0 })
}

/// Notes what the library was before, and journals what the way back will change in it: killed, it
/// would be taken for edits of the app's user. A base that is kept needs no journal, because no pass
/// compares it before the way back is gone.
fn begin(
    agent: &mut Agent,
    known: &LinkRow,
    library: &dyn Library,
    noted: &OperationLink,
    back: &ChangeSet,
    keep: bool,
) -> Result<(), Failure> {
    let schema = library.capabilities().schema;
    let base = agent.home.store.base_collections(known.id, schema)?;
    let mut shards = Shards::new(&agent.home.store, known.document, agent.home.actor)?;
    let records = shards.records(segue_document::COLLECTION_SHARD)?;
    let mut note = Note::default();
    for edit in &back.collections {
        let CollectionEdit::Reorder { id, new, .. } = edit else { continue };
        let row = base.iter().find(|base| base.held.id == *id);
        let record = row.and_then(|base| records.get(&base.collection.0));
        let (Some(row), Some(record)) = (row, record) else {
            // The journal names every list that is reordered: this one with no entries, as unknown.
            note.lists.push((CollectionId([0; 16]), Vec::new()));
            continue;
        };
        let (_, entries) = in_document(agent, known, schema, record, new)?;
        note.lists.push((row.collection, entries));
    }
    let tx = agent.home.store.transaction()?;
    tx.put_operation_link(noted)?;
    if !keep {
        tx.put_intent(noted.operation, known.id, back, &note.to_bytes())?;
    }
    Ok(tx.commit()?)
}

fn not_taken_back(app: &str, error: &segue_translator::Error) -> Found {
    let state = match error.kind {
        ErrorKind::Busy | ErrorKind::NotRunning | ErrorKind::Stale => LibraryState::Waiting,
        _ => LibraryState::Failed,
    };
    outcome(app, state, 0, Some(format!("{error}; {}", error.kind.hint())))
}

/// Takes back edit by edit. Returns the new state, how many edits that were, and how many values
/// were changed since and stay.
fn write_back(
    library: &dyn Library,
    revision: Revision,
    back: &ChangeSet,
    left: usize,
) -> Result<(Revision, u64, usize), segue_translator::Error> {
    if back.is_empty() {
        return Ok((revision, 0, left));
    }
    let written = library.write(&revision, back)?;
    let refused = written.refused.len() + written.unable.len();
    let made = back.len().saturating_sub(refused) as u64;
    Ok((written.revision, made, left + refused))
}

fn outcome(library: &str, state: LibraryState, written: u64, reason: Option<String>) -> Found {
    Found { written, reason, ..Found::new(library, state) }
}

/// After a restore the base is what the library holds: the difference is our own doing.
fn rebase(
    agent: &mut Agent,
    known: &LinkRow,
    library: &dyn Library,
    keep: bool,
    also: impl FnOnce(&Tx<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let schema = library.capabilities().schema;
    // What the operation wrote may be what the document still says, and a list may have come back
    // without a base row: the pass that follows reads the library and compares all of it.
    let row = LinkRow { revision: None, ..known.clone() };
    if keep {
        let tx = agent.home.store.transaction()?;
        tx.put_link(&row)?;
        also(&tx)?;
        return Ok(tx.commit()?);
    }
    let exclusion = Rules::now(agent)?.of(known);
    let difference = crate::reading::read(library, &agent.home.store, Some(known.id), &exclusion)?;
    let lists = rebase_lists(agent, known, schema, &difference.collections, &exclusion)?;
    let tx = agent.home.store.transaction()?;
    for (base, now) in difference.changed {
        // What stays here is no doing of ours: its base is left for when the rule ends.
        if exclusion.item(Some(base.item), now.location.as_ref()) {
            continue;
        }
        let row = BaseItem {
            item: base.item,
            held: now,
            shown: base.shown,
            listing: segue_model::Listing::Listed,
        };
        tx.put_base_item(known.id, &row)?;
    }
    put_lists(&tx, known.id, schema, &lists)?;
    tx.put_link(&row)?;
    also(&tx)?;
    Ok(tx.commit()?)
}

fn put_lists(
    tx: &Tx<'_>,
    link: LinkId,
    schema: &'static Schema,
    lists: &[BaseCollection],
) -> Result<(), Failure> {
    for base in tx.base_collections(link, schema)? {
        tx.remove_base_collection(link, &base.held.id)?;
    }
    for base in lists {
        tx.put_base_collection(link, base)?;
    }
    Ok(())
}

/// Base rows of the collections that are there again: found by name, entries in the document's
/// order.
fn rebase_lists(
    agent: &Agent,
    known: &LinkRow,
    schema: &'static Schema,
    now: &[segue_model::Collection],
    exclusion: &Exclusion,
) -> Result<Vec<BaseCollection>, Failure> {
    let base = agent.home.store.base_collections(known.id, schema)?;
    let mut shards = Shards::new(&agent.home.store, known.document, agent.home.actor)?;
    let records = shards.records(segue_document::COLLECTION_SHARD)?;
    let mut free: Vec<&segue_model::Collection> = now.iter().collect();
    let mut out = Vec::new();
    for base in &base {
        let found = free
            .iter()
            .position(|now| now.id == base.held.id)
            .or_else(|| free.iter().position(|now| now.entries == base.held.entries));
        let Some(found) = found.map(|index| free.remove(index)) else { continue };
        if exclusion.collection(&base.held) || exclusion.collection(found) {
            out.push(base.clone());
            continue;
        }
        if found.entries == base.held.entries {
            // As it was: the way back did not touch it, and what it shows is known.
            out.push(BaseCollection { held: found.clone(), ..base.clone() });
            continue;
        }
        let Some(record) = records.get(&base.collection.0) else { continue };
        let (natives, entries) = in_document(agent, known, schema, record, &found.entries)?;
        let held = segue_model::Collection { entries: natives, ..found.clone() };
        out.push(BaseCollection { collection: base.collection, held, entries, shown: None });
    }
    Ok(out)
}

/// Those of a list's entries that the document has in this order, and its ids of them.
fn in_document(
    agent: &Agent,
    known: &LinkRow,
    schema: &'static Schema,
    record: &Record,
    listed: &[NativeId],
) -> Result<(Vec<NativeId>, Vec<EntryId>), Failure> {
    let (mut natives, mut entries) = (Vec::new(), Vec::new());
    let mut order = record.ordered().into_iter();
    for native in listed {
        let base = agent.home.store.base_item(known.id, native, schema)?;
        let Some(item) = base.map(|base| base.item) else { continue };
        let mut rest = order.clone();
        if let Some((id, _)) = rest.find(|(_, entry)| entry.item == item) {
            entries.push(id);
            natives.push(native.clone());
            order = rest;
        }
    }
    Ok((natives, entries))
}
