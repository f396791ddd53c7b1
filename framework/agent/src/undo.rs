//! Takes operations back, exactly: the document by new edits where the operation's value is still
//! current, an app's files by their backup where nobody touched them since, else by inverse edits.
//!
//! Invariant: once the document is back, the way is gone to its end, by the next command that writes
//! if this one is killed or an app runs ([`resume`]).

use std::collections::BTreeMap;

use segue_document::{COLLECTION_SHARD, Record, Write, resolve, revert};
use segue_model::{DocumentId, OperationId};
use segue_store::OperationRow;

use crate::agent::Agent;
use crate::command::{LibrarySpec, LibraryState, Limited, PassReport, UnlinkReport};
use crate::failure::Failure;
use crate::libraries;
use crate::links::{self, Turn};
use crate::operate::Operation;
use crate::progress::Progress;
use crate::record;
use crate::restore::{self, Restored};
use crate::settle::Writes;
use crate::shards::{Changed, Shards};

/// Takes an operation back; without a number the last one that was not taken back.
pub(crate) fn undo(
    agent: &mut Agent,
    number: Option<i64>,
    progress: &dyn Progress,
) -> Result<PassReport, Failure> {
    // Who asks again after an interruption means the same operation, not the one before it.
    if let Some(resumed) = resume(agent, progress)?
        && number.is_none_or(|number| number == resumed.undone)
    {
        return Ok(resumed.report);
    }
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
    if let Some(resumed) = resume(agent, progress)?
        && (resumed.kind == "redo" || !resumed.is_done)
    {
        return Ok(resumed.report);
    }
    let operations = agent.home.store.operations()?;
    let last = operations.iter().rev().find(|row| row.kind == "undo" && row.undone_by.is_none());
    let Some(row) = last.cloned() else {
        return Err(Failure::refused("there is nothing to redo", "see: segue log"));
    };
    take_back(agent, &row, "redo", progress)
}

/// What became of an interrupted undo or redo.
pub(crate) struct Resumed {
    /// The operation that it takes back.
    undone: i64,
    kind: &'static str,
    /// Whether nothing of it is left to do.
    pub(crate) is_done: bool,
    pub(crate) report: PassReport,
}

/// Goes on with an undo or redo that a killed process began, or that waits for an app to be quit.
/// Until it is done nothing else may write: the document is back already, and a library may not be.
pub(crate) fn resume(
    agent: &mut Agent,
    progress: &dyn Progress,
) -> Result<Option<Resumed>, Failure> {
    let operations = agent.home.store.operations()?;
    let begun = operations.iter().find(|row| row.undoes.is_some() && row.state == record::BEGUN);
    let undone = |n| operations.iter().find(|row| row.n == n);
    let Some((begun, undone)) = begun.and_then(|row| Some((row, undone(row.undoes?)?))) else {
        return Ok(None);
    };
    crate::recover::recover(agent)?;
    let begun_as = record::Record::of(&agent.home.store, begun.n)?;
    let kind = if begun.kind == "redo" { "redo" } else { "undo" };
    let operation = Operation {
        number: Some(begun.n),
        id: begun.id,
        kind: kind.to_owned(),
        summary: begun_as.summary().unwrap_or(&begun.summary).to_owned(),
        plan: None,
        undoes: Some(undone.n),
        time: begun.at,
        confirmed: true,
    };
    let report = carry_out(agent, undone, begun.n, &operation, progress)?;
    let is_done = agent.home.store.operation(begun.n)?.is_none_or(|row| row.state != record::BEGUN);
    Ok(Some(Resumed { undone: undone.n, kind, is_done, report }))
}

/// Goes on with what was interrupted, for a command that can only begin when it is done.
pub(crate) fn finish_first(agent: &mut Agent, progress: &dyn Progress) -> Result<(), Failure> {
    let Some(Resumed { undone, is_done: false, report, .. }) = resume(agent, progress)? else {
        return Ok(());
    };
    let reason = report.libraries.into_iter().find_map(|found| found.reason).unwrap_or_default();
    let sentence = format!("taking back op {undone} is not done yet: {reason}");
    Err(Failure::refused(sentence, "then go on with it: segue sync"))
}

fn take_back(
    agent: &mut Agent,
    row: &OperationRow,
    kind: &'static str,
    progress: &dyn Progress,
) -> Result<PassReport, Failure> {
    links::refuse_replaced(agent, row)?;
    refuse_reader(agent, row)?;
    refuse_paused(agent, row)?;
    crate::recover::recover(agent)?;
    crate::recover::note_interrupted(agent)?;
    progress.step(&format!("Taking back op {}", row.n), None);
    let number = agent.home.store.next_operation()?;
    let operation = Operation {
        number: Some(number),
        id: OperationId(agent.world.random_bytes()),
        kind: kind.to_owned(),
        summary: format!("took back op {}", row.n),
        plan: None,
        undoes: Some(row.n),
        time: (agent.world.now)(),
        confirmed: true,
    };
    let kept = begin(agent, row, number, &operation)?;
    let mut report = carry_out(agent, row, number, &operation, progress)?;
    report.kept.splice(0..0, kept);
    Ok(report)
}

/// Nobody would take the way back of what was written into a document; and a file that comes back
/// would take along what its user may not give.
fn refuse_reader(agent: &Agent, row: &OperationRow) -> Result<(), Failure> {
    let store = &agent.home.store;
    let mut documents = Vec::new();
    for touched in store.operation_links(row.n)? {
        documents.extend(store.link(touched.link)?.map(|link| link.document));
    }
    for document in store.documents()? {
        if store.log_operation_first(&document.id, row.id)?.is_some() {
            documents.push(document.id);
        }
    }
    documents.iter().try_for_each(|document| crate::members::refuse_reader(&agent.home, document))
}

/// What an operation wrote to a library that a person wants left alone is not taken back.
fn refuse_paused(agent: &Agent, row: &OperationRow) -> Result<(), Failure> {
    let store = &agent.home.store;
    for touched in store.operation_links(row.n)? {
        if let Some(link) = store.link(touched.link)?.filter(|link| link.active)
            && crate::services::is_paused(store, link.id)?
        {
            let sentence = format!("op {} wrote to {}, which is paused", row.n, link.app);
            let hint = format!("go on with it first: segue service {} play", link.app);
            return Err(Failure::refused(sentence, hint));
        }
    }
    Ok(())
}

/// One transaction: the document goes back, and links that the operation began end. Were they to
/// end later, a pass in between would take the way back for removals, and carry them out.
fn begin(
    agent: &mut Agent,
    row: &OperationRow,
    number: i64,
    operation: &Operation,
) -> Result<Vec<String>, Failure> {
    let mut kept = Vec::new();
    let mut changed = Vec::new();
    for document in agent.home.store.documents()? {
        changed.push(inverse(agent, document.id, row.id, operation, &mut kept)?);
    }
    let tx = agent.home.store.transaction()?;
    for changed in &changed {
        changed.persist(&tx, &agent.home.device, operation.id)?;
    }
    tx.put_operation(&crate::operate::row(operation, number, record::BEGUN))?;
    links::end(&tx, row.n, number)?;
    tx.commit()?;
    Ok(kept)
}

/// Everything after the first transaction. Each step may be done again.
fn carry_out(
    agent: &mut Agent,
    row: &OperationRow,
    number: i64,
    operation: &Operation,
    progress: &dyn Progress,
) -> Result<PassReport, Failure> {
    let Restored { mut found, kept, waits } = restore::restore(agent, row.n, number)?;
    if waits {
        // A link that ended has no pass that would find what is left.
        return Ok(PassReport {
            operation: Some(number),
            libraries: found,
            conflicts: 0,
            held: Vec::new(),
            kept,
            away: Vec::new(),
            ending: Limited::default(),
        });
    }
    links::begin_again(agent, row.n, number)?;
    let mut report = bring_in_step(agent, operation, progress)?;
    for library in &mut report.libraries {
        if let Some(index) = found.iter().position(|other| other.library == library.library) {
            let other = found.remove(index);
            // What could not come back as it was, the pass brought in step, or says itself why not.
            if library.state == LibraryState::Unchanged && other.state == LibraryState::Written {
                *library = other;
            }
        }
    }
    report.libraries.extend(found);
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
    let mut log = agent.home.store.log_operation(&document, undone)?;
    // Another device may call its changes what it likes.
    let own = agent.home.device.id();
    log.retain(|entry| entry.author == own);
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
    tx.put_operation(&crate::operate::row(operation, number, record::DONE))?;
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
        away: Vec::new(),
        ending: Limited::default(),
    })
}

/// Ends a link, and says so in the document. Nothing is written to the app, nothing is forgotten.
pub(crate) fn unlink(agent: &mut Agent, library: &LibrarySpec) -> Result<UnlinkReport, Failure> {
    let Some(mut link) = libraries::link_of(agent, library)? else {
        let sentence = format!("{} is not linked", library.app);
        return Err(Failure::refused(sentence, "see: segue status"));
    };
    let number = agent.home.store.next_operation()?;
    let operation = Operation {
        number: Some(number),
        id: OperationId(agent.world.random_bytes()),
        kind: "unlink".into(),
        summary: format!("unlinked {}", library.app),
        plan: None,
        undoes: None,
        time: (agent.world.now)(),
        confirmed: true,
    };
    link.active = false;
    let (changed, shown) = links::say_ended(agent, &link, &operation)?;
    let tx = agent.home.store.transaction()?;
    changed.persist(&tx, &agent.home.device, operation.id)?;
    for (link, heads) in shown {
        tx.put_link_heads(link, COLLECTION_SHARD, &heads)?;
    }
    tx.put_operation(&crate::operate::row(&operation, number, record::DONE))?;
    tx.put_link(&link)?;
    links::note(&tx, number, Turn::Unlinked, std::iter::once(link.id))?;
    tx.commit()?;
    agent.home.remove_cache(&link.app, &link.path);
    Ok(UnlinkReport { library: library.app.clone(), operation: number })
}
