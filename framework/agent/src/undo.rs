//! Takes operations back, exactly: the document by new edits where the operation's value is still
//! current, an app's files by their backup where nobody touched them since, else by inverse edits.

use std::collections::BTreeMap;

use segue_document::{Record, Write, resolve, revert};
use segue_model::{
    BaseCollection, BaseItem, CollectionEdit, CollectionId, DocumentId, EntryId, NativeId,
    OperationId,
};
use segue_store::{LinkRow, OperationLink, OperationRow};
use segue_translator::Revision;

use crate::agent::Agent;
use crate::command::{Found, LibrarySpec, LibraryState, PassReport, UnlinkReport};
use crate::failure::Failure;
use crate::journal::Note;
use crate::libraries;
use crate::links::{self, Turn};
use crate::operate::Operation;
use crate::progress::Progress;
use crate::settle::Writes;
use crate::shards::{Changed, Shards};

/// Takes an operation back; without a number the last one that was not taken back.
pub(crate) fn undo(
    agent: &mut Agent,
    number: Option<i64>,
    progress: &dyn Progress,
) -> Result<PassReport, Failure> {
    let operations = agent.home.store.operations()?;
    let open = |row: &&OperationRow| row.undone_by.is_none() && row.kind != "undo";
    let row = match number {
        Some(number) => operations.iter().find(|row| row.n == number),
        None => operations.iter().rev().find(open),
    };
    let Some(row) = row.cloned() else {
        return Err(Failure::refused("there is nothing to undo", "see: segue log"));
    };
    if let Some(by) = row.undone_by {
        let sentence = format!("op {} was taken back by op {by} already", row.n);
        return Err(Failure::refused(sentence, "bring it back with: segue redo"));
    }
    take_back(agent, &row, "undo", progress)
}

/// Takes the last undo back.
pub(crate) fn redo(agent: &mut Agent, progress: &dyn Progress) -> Result<PassReport, Failure> {
    let operations = agent.home.store.operations()?;
    let last = operations.iter().rev().find(|row| row.kind == "undo" && row.undone_by.is_none());
    let Some(row) = last.cloned() else {
        return Err(Failure::refused("there is nothing to redo", "see: segue log"));
    };
    take_back(agent, &row, "redo", progress)
}

fn take_back(
    agent: &mut Agent,
    row: &OperationRow,
    kind: &'static str,
    progress: &dyn Progress,
) -> Result<PassReport, Failure> {
    links::refuse_replaced(agent, row)?;
    crate::recover::recover(agent)?;
    progress.step(&format!("Taking back op {}", row.n), None);
    let number = agent.home.store.next_operation()?;
    let operation = Operation {
        number: Some(number),
        id: OperationId(agent.world.random_bytes()),
        kind,
        summary: format!("took back op {}", row.n),
        plan: None,
        undoes: Some(row.n),
        time: (agent.world.now)(),
        confirmed: true,
    };
    let mut kept = Vec::new();
    for document in agent.home.store.documents()? {
        let changed = inverse(agent, document.id, row.id, &operation, &mut kept)?;
        crate::settle::persist(agent, &operation, &changed)?;
    }
    let mut restored = restore(agent, row, number, &operation, &mut kept)?;
    links::turn_back(agent, row.n, number, &operation)?;
    let mut report = bring_in_step(agent, &operation, progress)?;
    for found in &mut report.libraries {
        if let Some(index) = restored.iter().position(|other| other.library == found.library) {
            let other = restored.remove(index);
            if found.state == LibraryState::Unchanged {
                *found = other;
            }
        }
    }
    report.libraries.extend(restored);
    report.libraries.sort_by(|a, b| a.library.cmp(&b.library));
    report.kept = kept;
    Ok(report)
}

/// Takes an operation's changes of a document back, one after the other, the last one first.
fn inverse(
    agent: &Agent,
    document: DocumentId,
    undone: OperationId,
    operation: &Operation,
    kept: &mut Vec<String>,
) -> Result<Changed, Failure> {
    let mut shards = Shards::new(&agent.home.store, document, agent.home.actor)?;
    let log = agent.home.store.log_operation(&document, undone)?;
    for entry in log.iter().rev() {
        let Some(step) = shards.step(entry.shard, &entry.hash)? else { continue };
        let many = step.touched.len() > 16;
        let now = if many { shards.records(entry.shard)? } else { BTreeMap::new() };
        let heads = shards.heads(entry.shard);
        let (mut writes, mut sides) = (Writes::new(), Vec::new());
        for id in step.touched {
            let before = shards.record_or_empty(&id, &step.before)?;
            let after = shards.record(&id, Some(&step.after))?;
            let now = match now.get(&id) {
                Some(record) => record.clone(),
                None => shards.record(&id, None)?,
            };
            let (mut made, left) = revert(&before, &after, &now, operation.id);
            made.retain(|write| !reopens(&mut sides, &before, write));
            let title = crate::report::title(&now);
            kept.extend(left.into_iter().map(|what| format!("{title}: {what}")));
            if !made.is_empty() {
                writes.insert(id, made);
            }
        }
        shards.commit(entry.shard, None, operation.id, operation.time, &writes)?;
        // As if nobody had seen the other: so they compete again.
        for side in sides {
            shards.commit(entry.shard, Some(&heads), operation.id, operation.time, &side)?;
        }
    }
    Ok(shards.into_changed())
}

/// Whether `write` goes back to values that competed; each becomes a write on a side of its own.
fn reopens(sides: &mut Vec<Writes>, before: &Record, write: &Write) -> bool {
    let Write::Register { name, .. } = write else { return false };
    let candidates = resolve::register(before, name);
    if !candidates.is_conflict() {
        return false;
    }
    sides.resize_with(sides.len().max(candidates.0.len()), Writes::new);
    for (side, candidate) in sides.iter_mut().zip(candidates.0) {
        let link = candidate.links.first().copied();
        let value = Write::Compete { name: name.clone(), value: candidate.value, link };
        side.entry(before.id).or_default().push(value);
    }
    true
}

/// Brings back the files that are still as the operation left them.
fn restore(
    agent: &mut Agent,
    row: &OperationRow,
    number: i64,
    operation: &Operation,
    kept: &mut Vec<String>,
) -> Result<Vec<Found>, Failure> {
    let mut out = Vec::new();
    let mut turned = links::turned(&agent.home.store, row.n, Turn::Linked)?;
    turned.extend(links::turned(&agent.home.store, row.n, Turn::Unlinked)?);
    for link in agent.home.store.operation_links(row.n)? {
        let Some(backup) = &link.backup else { continue };
        let Some(known) = agent.home.store.link(link.link)? else { continue };
        // Who speaks for the library now: it may have been linked anew since.
        let known = links::active_of(&agent.home.store, &known)?.unwrap_or(known);
        let library = match libraries::open(agent, &known.app, &known.path) {
            Ok(library) => library,
            Err(error) => {
                out.push(outcome(&known.app, LibraryState::Failed, 0, Some(error.to_string())));
                continue;
            }
        };
        let revision = library.revision()?;
        let folder = agent.home.backup_folder(backup);
        // The base of a link that ends or begins here is kept for the way back.
        let keep = known.id == link.link && turned.contains(&link.link);
        let untouched = link.after.as_ref() == Some(&revision.0) && folder.exists();
        if !untouched && !keep {
            continue;
        }
        let name = format!("{number}/{}", link.link);
        let backup = agent.home.backup_folder(&name);
        let made = begin(agent, &known, &*library, operation, number, &folder).and_then(|()| {
            let made = if untouched {
                bring_back(&*library, &revision, &folder, &backup, link.written)
            } else {
                write_back(&*library, &folder, &backup)
            };
            made.map_err(Failure::Library)
        });
        match made {
            Ok((restored, count, left)) => {
                rebase(agent, &known, &*library, keep, |tx| {
                    tx.clear_intent(number, known.id)?;
                    Ok(tx.put_operation_link(&OperationLink {
                        operation: number,
                        link: link.link,
                        before: Some(revision.0.clone()),
                        after: Some(restored.0.clone()),
                        backup: Some(name.clone()),
                        written: count,
                    })?)
                })?;
                if left > 0 {
                    kept.push(format!("{}: {left} values that were changed since", known.app));
                }
                out.push(outcome(&known.app, LibraryState::Written, count, None));
            }
            Err(Failure::Library(error)) => {
                let tx = agent.home.store.transaction()?;
                tx.clear_intent(number, known.id)?;
                tx.commit()?;
                out.push(not_taken_back(&known.app, &error));
            }
            Err(other) => return Err(other),
        }
    }
    Ok(out)
}

/// Journals what the way back will change in an app, or a killed undo would be taken for edits of
/// its user.
fn begin(
    agent: &mut Agent,
    known: &LinkRow,
    library: &dyn segue_translator::Library,
    operation: &Operation,
    number: i64,
    folder: &std::path::Path,
) -> Result<(), Failure> {
    let schema = library.capabilities().schema;
    let (catalog, _) = segue_translator::Collector::collect(library)?;
    let written = crate::inverse::kept(folder, schema)?.unwrap_or_default();
    let (back, _) = crate::inverse::inverse(&written, &catalog);
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
    tx.put_operation(&crate::operate::row(operation, number, "begun"))?;
    tx.put_intent(number, known.id, &back, &note.to_bytes())?;
    Ok(tx.commit()?)
}

fn not_taken_back(app: &str, error: &segue_translator::Error) -> Found {
    use segue_translator::ErrorKind;
    let state = match error.kind {
        ErrorKind::Busy | ErrorKind::Stale => LibraryState::Waiting,
        _ => LibraryState::Failed,
    };
    outcome(app, state, 0, Some(error.to_string()))
}

/// Puts the files of the backup in `folder` back. Returns as [`write_back`] does.
fn bring_back(
    library: &dyn segue_translator::Library,
    revision: &Revision,
    folder: &std::path::Path,
    backup: &std::path::Path,
    written: u64,
) -> Result<(Revision, u64, usize), segue_translator::Error> {
    crate::backup::make(backup, library)?;
    Ok((library.restore(revision, folder)?, written, 0))
}

/// Takes back, edit by edit, what was written after the backup in `folder`. Returns the new state,
/// how many edits that were, and how many values were changed since and stay.
fn write_back(
    library: &dyn segue_translator::Library,
    folder: &std::path::Path,
    backup: &std::path::Path,
) -> Result<(Revision, u64, usize), segue_translator::Error> {
    let (catalog, reading) = segue_translator::Collector::collect(library)?;
    let written = crate::inverse::kept(folder, library.capabilities().schema)?;
    let (back, left) = crate::inverse::inverse(&written.unwrap_or_default(), &catalog);
    crate::backup::make(backup, library)?;
    crate::inverse::keep(backup, &back)?;
    if back.is_empty() {
        return Ok((reading.revision, 0, left));
    }
    let written = library.write(&reading.revision, &back)?;
    let refused = written.refused.len();
    let made = back.len().saturating_sub(refused) as u64;
    Ok((written.revision, made, left + refused))
}

fn outcome(library: &str, state: LibraryState, written: u64, reason: Option<String>) -> Found {
    Found {
        library: library.to_owned(),
        state,
        written,
        lifted: 0,
        reason,
        backup: Vec::new(),
        fields: Vec::new(),
    }
}

/// After a restore the base is what the library holds: the difference is our own doing.
fn rebase(
    agent: &mut Agent,
    known: &LinkRow,
    library: &dyn segue_translator::Library,
    keep: bool,
    also: impl FnOnce(&segue_store::Tx<'_>) -> Result<(), Failure>,
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
    let difference = crate::reading::read(library, &agent.home.store, Some(known.id))?;
    let lists = rebase_lists(agent, known, schema, &difference.collections)?;
    let tx = agent.home.store.transaction()?;
    for (base, now) in difference.changed {
        let row = BaseItem { item: base.item, held: now, shown: base.shown, gone: false };
        tx.put_base_item(known.id, &row)?;
    }
    for base in tx.base_collections(known.id, schema)? {
        tx.remove_base_collection(known.id, &base.held.id)?;
    }
    for base in &lists {
        tx.put_base_collection(known.id, base)?;
    }
    tx.put_link(&row)?;
    also(&tx)?;
    Ok(tx.commit()?)
}

/// Base rows of the collections that are there again: found by name, entries in the document's
/// order.
fn rebase_lists(
    agent: &Agent,
    known: &LinkRow,
    schema: &'static segue_model::Schema,
    now: &[segue_model::Collection],
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
    schema: &'static segue_model::Schema,
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

/// Runs a pass over everything that is linked, as part of an operation that has begun.
pub(crate) fn bring_in_step(
    agent: &mut Agent,
    operation: &Operation,
    progress: &dyn Progress,
) -> Result<PassReport, Failure> {
    let linked = agent.home.store.links()?.iter().any(|row| row.active);
    if linked {
        return crate::sync::pass(agent, &[], operation, progress);
    }
    let Some(number) = operation.number else {
        return Err(Failure::refused("nothing is linked", "link two libraries: segue plan"));
    };
    let tx = agent.home.store.transaction()?;
    tx.put_operation(&crate::operate::row(operation, number, "done"))?;
    if let Some(undone) = operation.undoes
        && let Some(mut row) = tx.operation(undone)?
    {
        row.undone_by = Some(number);
        tx.put_operation(&row)?;
    }
    tx.commit()?;
    Ok(PassReport {
        operation: Some(number),
        libraries: Vec::new(),
        conflicts: 0,
        held: Vec::new(),
        kept: Vec::new(),
    })
}

/// Ends a link. Nothing is written to the app, and nothing is forgotten.
pub(crate) fn unlink(agent: &mut Agent, library: &LibrarySpec) -> Result<UnlinkReport, Failure> {
    let Some(mut link) = libraries::link_of(agent, library)? else {
        let sentence = format!("{} is not linked", library.app);
        return Err(Failure::refused(sentence, "see: segue status"));
    };
    let number = agent.home.store.next_operation()?;
    let operation = Operation {
        number: Some(number),
        id: OperationId(agent.world.random_bytes()),
        kind: "unlink",
        summary: format!("unlinked {}", library.app),
        plan: None,
        undoes: None,
        time: (agent.world.now)(),
        confirmed: true,
    };
    link.active = false;
    let tx = agent.home.store.transaction()?;
    tx.put_operation(&crate::operate::row(&operation, number, "done"))?;
    tx.put_link(&link)?;
    links::note(&tx, number, Turn::Unlinked, std::iter::once(link.id))?;
    tx.commit()?;
    Ok(UnlinkReport { library: library.app.clone(), operation: number })
}
