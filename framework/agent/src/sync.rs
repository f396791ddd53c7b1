//! One pass over what is linked.

use segue_model::OperationId;
use segue_store::LinkRow;

use crate::agent::Agent;
use crate::command::{
    Found, LibraryPlan, LibrarySpec, LibraryState, Limited, PassReport, PlanReport,
};
use crate::exclusion::Rules;
use crate::failure::Failure;
use crate::libraries::{self, Open};
use crate::names::Names;
use crate::operate::Operation;
use crate::pass::{Member, Planned};
use crate::plan::{self, Drafted};
use crate::progress::Progress;
use crate::record;
use crate::report;
use crate::rounds;
use crate::services;

/// Syncs what is linked, as far as it can be reached.
pub(crate) fn sync(
    agent: &mut Agent,
    specs: &[LibrarySpec],
    yes: bool,
    progress: &dyn Progress,
) -> Result<PassReport, Failure> {
    if !yes && let Some(complaint) = crate::clock::complaint(agent)? {
        return crate::clock::held(agent, &complaint);
    }
    let mut report = believing_the_clock(agent, specs, yes, progress)?;
    crate::limits::record(agent, yes)?;
    report.ending = crate::limits::ending::all(agent)?;
    if yes || report.operation.is_some() {
        crate::clock::note(agent, yes)?;
    }
    Ok(report)
}

fn believing_the_clock(
    agent: &mut Agent,
    specs: &[LibrarySpec],
    yes: bool,
    progress: &dyn Progress,
) -> Result<PassReport, Failure> {
    let operation = operation(agent, yes);
    let Some(resumed) = crate::undo::resume(agent, progress)? else {
        return pass(agent, specs, &operation, progress);
    };
    let mut report = resumed.report;
    if agent.home.store.links()?.iter().any(|row| row.active) {
        let done = pass(agent, specs, &operation, progress)?;
        let waits =
            |found: &Found| done.libraries.iter().all(|other| other.library != found.library);
        report.libraries.retain(waits);
        report.libraries.extend(done.libraries);
        report.operation = done.operation.or(report.operation);
        report.conflicts = done.conflicts;
        report.held = done.held;
    }
    Ok(report)
}

/// A pass of its own; `confirmed` if a person lets guards pass.
pub(crate) fn operation(agent: &Agent, confirmed: bool) -> Operation {
    Operation {
        number: None,
        id: OperationId(agent.world.random_bytes()),
        kind: "sync".into(),
        summary: "synced".into(),
        plan: None,
        undoes: None,
        time: (agent.world.now)(),
        confirmed,
    }
}

/// Runs one pass as part of an operation.
pub(crate) fn pass(
    agent: &mut Agent,
    specs: &[LibrarySpec],
    operation: &Operation,
    progress: &dyn Progress,
) -> Result<PassReport, Failure> {
    crate::recover::recover(agent)?;
    crate::limits::seats::tend(agent)?;
    let documents = documents(agent, specs)?;
    let interrupted = match operation.number {
        Some(_) => None,
        None => gone_on_with(agent, &documents, operation)?,
    };
    let operation = interrupted.as_ref().unwrap_or(operation);
    let mut report = PassReport {
        operation: operation.number,
        libraries: Vec::new(),
        conflicts: 0,
        held: Vec::new(),
        kept: Vec::new(),
        away: Vec::new(),
        ending: Limited::default(),
    };
    let mut is_over = false;
    for rows in documents {
        let mut drafted = draft(agent, rows, operation, libraries::open_finished, progress)?;
        report.libraries.extend(drafted.away.iter().map(left_out));
        if drafted.members.is_empty() {
            continue;
        }
        // However many documents it is about, one pass is one operation.
        let this = Operation { number: report.operation, ..operation.clone() };
        let done = rounds::execute(agent, &this, &mut drafted, progress)?;
        is_over = true;
        report.operation = report.operation.or(done.operation);
        report.libraries.extend(done.libraries);
        report.conflicts += done.conflicts;
        report.held.extend(done.held);
    }
    if let Some(number) = report.operation.filter(|_| is_over) {
        crate::operate::finish(&mut agent.home, operation, number, &report.libraries)?;
    }
    Ok(report)
}

/// The last operation, if it was interrupted and is about nothing but these documents: what is left of it is a part of it
/// whenever it is done, so that it is taken back as one.
fn gone_on_with(
    agent: &mut Agent,
    documents: &[Vec<LinkRow>],
    operation: &Operation,
) -> Result<Option<Operation>, Failure> {
    crate::recover::note_interrupted(agent)?;
    let store = &agent.home.store;
    let last = store.operations()?.pop().filter(|row| {
        let is_open = row.state == record::BEGUN || row.state == record::INTERRUPTED;
        is_open && row.undoes.is_none() && row.undone_by.is_none()
    });
    let Some(row) = last else { return Ok(None) };
    let known = record::Record::of(store, row.n)?;
    for link in known.links() {
        let link = store.link(link)?.filter(|link| link.active);
        let is_here = |document| documents.iter().flatten().any(|row| row.document == document);
        if link.is_some_and(|link| !is_here(link.document)) {
            return Ok(None);
        }
    }
    Ok(Some(Operation {
        number: Some(row.n),
        id: row.id,
        kind: row.kind,
        summary: known.summary().map_or(row.summary, str::to_owned),
        plan: row.plan,
        undoes: None,
        time: row.at,
        confirmed: operation.confirmed,
    }))
}

/// Says what a pass would do, over all documents.
pub(crate) fn dry_run(
    agent: &mut Agent,
    specs: &[LibrarySpec],
    progress: &dyn Progress,
) -> Result<PlanReport, Failure> {
    let operation = operation(agent, false);
    let mut report = PlanReport::default();
    for rows in documents(agent, specs)? {
        let drafted = draft(agent, rows, &operation, libraries::open, progress)?;
        let names = Names::of(agent, &drafted.members)?;
        let store = &agent.home.store;
        report.add(report::plan(store, &drafted.draft, &drafted.members, &names, String::new())?);
        report.libraries.extend(drafted.away.iter().map(waits));
    }
    if let Some(complaint) = crate::clock::complaint(agent)? {
        report.held.extend(crate::clock::batches(agent, &complaint)?);
    }
    Ok(report)
}

/// The links to sync, by document. Naming one library syncs its whole document, because what it
/// brings is for the others.
fn documents(agent: &Agent, specs: &[LibrarySpec]) -> Result<Vec<Vec<LinkRow>>, Failure> {
    let specs = plan::resolve(agent, specs)?;
    let links = agent.home.store.links()?;
    let mut documents = Vec::new();
    for spec in &specs {
        let row = libraries::link_of(agent, spec)?.ok_or_else(|| {
            let sentence = format!("{} is not linked", spec.app);
            Failure::refused(sentence, format!("link it first: segue plan {}", spec.app))
        })?;
        if !documents.contains(&row.document) {
            documents.push(row.document);
        }
    }
    let of = |document| {
        let rows = links.iter().filter(|row| row.active && row.document == document);
        rows.cloned().collect::<Vec<_>>()
    };
    Ok(documents.into_iter().map(of).collect())
}

/// Opens what can be opened and drafts a pass over it; the rest failed and lost nothing.
pub(crate) fn draft(
    agent: &Agent,
    rows: Vec<LinkRow>,
    operation: &Operation,
    open: Open,
    progress: &dyn Progress,
) -> Result<Drafted, Failure> {
    let Some(document) = rows.first().map(|row| row.document) else {
        return Err(Failure::refused("nothing is linked yet", "link two libraries: segue plan"));
    };
    let all: Vec<_> = rows.iter().map(|row| (row.app.clone(), row.path.clone())).collect();
    let (mut opened, mut labels) = (Vec::new(), Vec::new());
    let (mut members, mut away) = (Vec::new(), Vec::new());
    for row in rows {
        let label = libraries::label(&row.app, &row.path, &all);
        if services::is_paused(&agent.home.store, row.id)? {
            away.push((label, Away::Paused(row.app)));
            continue;
        }
        match open(agent, &row.app, &row.path) {
            Ok(library) => {
                labels.push(label.clone());
                opened.push((row, label, library));
            }
            Err(Failure::Library(error)) => away.push((label, Away::Failed(error))),
            Err(other) => return Err(other),
        }
    }
    let rules = Rules::now(agent)?;
    let read = Member::open_all(opened, &agent.home.store, &rules, progress);
    for (label, member) in labels.into_iter().zip(read) {
        match member {
            Ok(mut member) => {
                let planned = crate::operate::planned(&agent.home, operation, &member);
                member.planned = Planned::of(planned);
                members.push(member);
            }
            Err(Failure::Library(error)) => away.push((label, Away::Failed(error))),
            Err(other) => return Err(other),
        }
    }
    let id = operation.id;
    let confirmed = operation.confirmed;
    let draft = plan::draft_members(agent, &mut members, document, id, confirmed, progress)?;
    Ok(Drafted::over(members, draft, document, away))
}

/// Why a linked library takes no part in a pass.
pub(crate) enum Away {
    /// It cannot be had.
    Failed(segue_translator::Error),
    /// A person wants the library of this app left alone.
    Paused(String),
}

/// What a plan says of a library that takes no part.
pub(crate) fn waits(away: &(String, Away)) -> LibraryPlan {
    let Found { library, reason, .. } = left_out(away);
    LibraryPlan { library, waits: reason, ..Default::default() }
}

fn left_out((library, away): &(String, Away)) -> Found {
    let (state, reason) = match away {
        Away::Failed(error) => (state_of(error), format!("{error}; {}", error.kind.hint())),
        Away::Paused(app) => {
            (LibraryState::Paused, format!("go on with it: segue service {app} play"))
        }
    };
    Found { reason: Some(reason), ..Found::new(library, state) }
}

fn state_of(error: &segue_translator::Error) -> LibraryState {
    use segue_translator::ErrorKind;
    match error.kind {
        ErrorKind::Busy | ErrorKind::NotRunning | ErrorKind::Stale => LibraryState::Waiting,
        _ => LibraryState::Failed,
    }
}
