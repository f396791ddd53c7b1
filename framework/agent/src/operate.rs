//! Executes a draft: commit, back up, journal, write, read again.
//!
//! The document and the new base are one transaction, which also holds the journal of what is about
//! to be written; only then is an app's file touched. Whatever happens afterwards, the next pass
//! finds the truth by reading, and the journal tells it which differences are ours.

use std::collections::HashSet;

use segue_model::{
    BaseCollection, BaseItem, ChangeSet, LinkId, Listing, ListingEdit, NativeId, OperationId,
};
use segue_store::{Intent, LinkRow, OperationLink, OperationRow, Tx};
use segue_translator::{ErrorKind, Library, Written};

use crate::command::{Found, LibraryState};
use crate::committed::{put_base, put_first_contact, put_heads, put_link, spend, to_be_shown};
use crate::doubt;
use crate::failure::Failure;
use crate::hiding;
use crate::home::Home;
use crate::journal::Note;
use crate::limits::unsaid;
use crate::pass::{Draft, ListPlan, Member, MemberDraft};
use crate::progress::{Moment, Progress};
use crate::read_back::{Left, as_left, edited_fields, keep_refused, note_outcome, unshown};
use crate::reading::Difference;
use crate::record::{self, Begun};
use crate::shared::{self, Round};
use crate::unheld::Unmade;
use crate::{losses, unheld};

/// What is being executed, for the log.
#[derive(Clone)]
pub(crate) struct Operation {
    /// Its number, if it has begun already.
    pub(crate) number: Option<i64>,
    pub(crate) id: OperationId,
    pub(crate) kind: String,
    pub(crate) summary: String,
    pub(crate) plan: Option<String>,
    pub(crate) undoes: Option<i64>,
    pub(crate) time: i64,
    /// A person confirmed: budgets begin anew.
    pub(crate) confirmed: bool,
}

/// What became of one round of it.
pub(crate) struct Executed {
    /// Its number; `None` if nothing happened that is worth a number.
    pub(crate) number: Option<i64>,
    pub(crate) libraries: Vec<Found>,
    /// What was written to one library made another one change: it has to be planned again.
    pub(crate) again: bool,
}

/// Persists a draft and writes the libraries that can be written now. It is over when [`finish`] says so.
pub(crate) fn execute(
    home: &mut Home,
    operation: &Operation,
    draft: &Draft,
    members: &mut [Member],
    progress: &dyn Progress,
) -> Result<Executed, Failure> {
    let writes =
        |member: &Member, draft: &MemberDraft| !draft.edits.is_empty() && member.waits().is_none();
    let counts = !draft.changed.is_empty()
        || members.iter().any(|member| !member.row.active)
        || members.iter().zip(&draft.members).any(|(member, draft)| writes(member, draft));
    let number = match operation.number {
        Some(number) => Some(number),
        None => counts.then(|| home.store.next_operation()).transpose()?,
    };
    commit(home, operation, number, draft, members)?;
    if !draft.changed.is_empty() {
        progress.reached(Moment::Committed);
    }
    // All are backed up before one is written: what is written to one may change another's files.
    let mut ready = Vec::new();
    for (member, draft) in members.iter().zip(&draft.members) {
        ready.push(match number.filter(|_| writes(member, draft)) {
            Some(number) => Some((number, prepare(home, number, member, draft)?)),
            None => None,
        });
    }
    let (mut libraries, mut round) = (Vec::new(), Round::default());
    for (index, ready) in ready.into_iter().enumerate() {
        let (member, draft) = (&members[index], &draft.members[index]);
        let mut found = match ready {
            Some((number, Ok(copies))) => {
                progress.step(&format!("Writing {}", member.label), None);
                let found = lower(home, number, (index, member, draft), &mut round, progress)?;
                Found { backup: copies, ..found }
            }
            Some((_, Err(error))) => unwritten(member, draft, 0, &error),
            None => untouched(member, draft),
        };
        if found.reason.is_none() {
            found.reason = contested(home, member, draft)?;
        }
        found.lost = losses::known(&home.store, member.row.id)?;
        libraries.push(found);
    }
    let again = match number {
        Some(number) => shared::settle(home, number, members, &draft.members, &round)?,
        None => false,
    };
    Ok(Executed { number, libraries, again })
}

/// What a rival of ours puts back in this library each time, in words.
fn contested(home: &Home, member: &Member, draft: &MemberDraft) -> Result<Option<String>, Failure> {
    let Some((native, field)) = draft.contested.first() else { return Ok(None) };
    let base = home.store.base_item(member.row.id, native, member.capabilities.schema)?;
    let title = base.map_or_else(|| native.to_string(), |base| crate::shown::title(&base.held));
    let more = match draft.contested.len() - 1 {
        0 => String::new(),
        more => format!(" and {more} more values"),
    };
    Ok(Some(format!(
        "another program puts back {field} of {title}{more} each time; no longer written, \
         `segue sync --yes` tries once more"
    )))
}

/// The first transaction: log, caches, base, journal.
fn commit(
    home: &mut Home,
    operation: &Operation,
    number: Option<i64>,
    draft: &Draft,
    members: &[Member],
) -> Result<(), Failure> {
    let tx = home.store.transaction()?;
    draft.changed.persist(&tx, &home.device, operation.id)?;
    if let Some(number) = number {
        let libraries = members.iter().zip(&draft.members).map(|(member, plan)| {
            let planned = if member.waits().is_none() { plan.edits.len() as u64 } else { 0 };
            let (link, label) = (member.row.id, member.label.as_str());
            Begun { link, label, lifted: plan.lifts, planned }
        });
        record::begin(&tx, operation, number, libraries)?;
        let fresh = members.iter().filter(|member| !member.row.active);
        crate::links::note(&tx, number, crate::links::Turn::Linked, fresh.map(|m| m.row.id))?;
    }
    crate::conflicts::note(&tx, draft)?;
    for statement in &draft.statements {
        crate::peers::circle::keep(&tx, &draft.document, statement)?;
    }
    for (member, plan) in members.iter().zip(&draft.members) {
        put_link(&tx, member, plan, operation)?;
        put_first_contact(&tx, member, draft.may_write)?;
        put_base(&tx, member, plan)?;
        doubt::end(&tx, member.row.id)?;
        if member.difference.is_some() {
            let is_whole = plan.held.is_empty() && plan.kept.is_empty() && !plan.is_partial;
            crate::reading::note_fixed(&tx, member, is_whole)?;
        }
        put_heads(&tx, &draft.changed.heads(), member, plan)?;
        spend(&tx, member.row.id, plan, operation.confirmed)?;
        crate::exclusion::settle(&tx, member, plan)?;
        member.looked.keep(&tx, member.row.id, draft.may_write)?;
        unsaid::keep(&tx, member.row.id, &member.carried, draft.may_write)?;
        hiding::forgive(&tx, member.row.id, &plan.allowed)?;
        unheld::forget(&tx, member, plan)?;
        if let Some(difference) = &member.difference {
            losses::keep(&tx, member, difference)?;
        }
        if plan.edits.is_empty() {
            hiding::put_mark(&tx, member.row.id, plan)?;
        }
        if let Some(number) = number.filter(|_| !plan.edits.is_empty() && member.waits().is_none())
        {
            let shown = to_be_shown(&tx, &draft.changed.heads(), member, plan)?;
            let note = Note { lists: Note::lists_of(plan), shown };
            tx.put_intent(number, member.row.id, &plan.edits, &note.to_bytes())?;
        }
    }
    Ok(tx.commit()?)
}

pub(crate) fn row(operation: &Operation, number: i64, state: &str) -> OperationRow {
    OperationRow {
        n: number,
        id: operation.id,
        kind: operation.kind.clone(),
        at: operation.time,
        summary: operation.summary.clone(),
        plan: operation.plan.clone(),
        undoes: operation.undoes,
        undone_by: None,
        state: state.into(),
    }
}

fn untouched(member: &Member, plan: &MemberDraft) -> Found {
    let held = held_back(plan);
    let (state, reason) = match (member.waits().filter(|_| !plan.edits.is_empty()), held) {
        (_, Some(held)) => (LibraryState::Held, Some(held)),
        (Some(waits), None) => (LibraryState::Waiting, Some(waits)),
        (None, None) => (LibraryState::Unchanged, None),
    };
    found(member, plan, state, 0, reason)
}

/// What a guard holds, in words.
fn held_back(plan: &MemberDraft) -> Option<String> {
    let held = plan.held.iter().find(|held| !held.batch.is_lasting());
    held.map(|held| held.batch.sentence(held.count.changed, held.count.total))
}

fn found(
    member: &Member,
    plan: &MemberDraft,
    state: LibraryState,
    written: u64,
    reason: Option<String>,
) -> Found {
    let fields = if state == LibraryState::Written {
        crate::report::counts(member.capabilities.schema, &plan.edits)
    } else {
        Vec::new()
    };
    let lifted = plan.lifts;
    Found { written, lifted, reason, fields, ..Found::new(&member.label, state) }
}

/// What an operation that goes on was about to write before: it was judged then.
pub(crate) fn planned(home: &Home, operation: &Operation, member: &Member) -> ChangeSet {
    let Some(number) = operation.number else { return ChangeSet::default() };
    let folder = home.backup_folder(&format!("{number}/{}", member.row.id));
    // Where that cannot be read, all is judged anew.
    crate::inverse::kept(&folder, member.capabilities.schema).ok().flatten().unwrap_or_default()
}

/// Backs a library up, and notes what it was and what is about to be written: all of it is on disk before the library is
/// touched. The inner error is the library's.
fn prepare(
    home: &mut Home,
    number: i64,
    member: &Member,
    plan: &MemberDraft,
) -> Result<Result<Vec<(String, u64)>, segue_translator::Error>, Failure> {
    let link = member.row.id;
    let name = format!("{number}/{link}");
    let folder = home.backup_folder(&name);
    // An operation may write a library twice, restoring and then editing: what counts is the state
    // before the first.
    let noted = home.store.operation_links(number)?.into_iter().any(|noted| noted.link == link);
    let backed_up = if noted && folder.exists() {
        Ok(Vec::new())
    } else {
        crate::backup::make(&home.folder, &folder, &*member.library)
    };
    let kept = backed_up.and_then(|copies| {
        let schema = member.capabilities.schema;
        let before = if noted { crate::inverse::kept(&folder, schema)? } else { None };
        let edits = crate::inverse::join(before.unwrap_or_default(), &plan.edits);
        crate::inverse::keep(&folder, &edits).map(|()| copies)
    });
    if kept.is_err() {
        give_up(home, number, link)?;
    } else if !noted {
        let tx = home.store.transaction()?;
        tx.put_operation_link(&OperationLink {
            operation: number,
            link,
            before: Some(member.revision_read().0.clone()),
            after: None,
            backup: Some(name),
            written: 0,
        })?;
        tx.commit()?;
    }
    Ok(kept)
}

/// Writes one library, and reads it again.
fn lower(
    home: &mut Home,
    number: i64,
    (index, member, plan): (usize, &Member, &MemberDraft),
    round: &mut Round,
    progress: &dyn Progress,
) -> Result<Found, Failure> {
    let before = member.revision_read();
    let written = match member.library.write(before, &plan.edits) {
        Ok(written) => written,
        Err(error) => {
            let link = member.row.id;
            let is_ours = error.kind == ErrorKind::Stale && round.is_ours(index, member);
            // What reached it through another library is found before its part of the journal is forgotten.
            let made =
                if is_ours { 0 } else { find_out(home, number, link, &*member.library, &error)? };
            return Ok(unwritten(member, plan, made, &error));
        }
    };
    progress.reached(Moment::Written);
    let unmade = settle(home, number, member, plan, &written)?;
    let reason = match (unmade.meanwhile, held_back(plan)) {
        (0, held) => held,
        (some, _) => Some(format!("{some} changed meanwhile and wait for the next pass")),
    };
    let state = if plan.is_held_back() { LibraryState::Held } else { LibraryState::Written };
    let (meanwhile, fields) = (unmade.meanwhile, unmade.counts(member, plan));
    let made = unmade.made(plan);
    round.wrote(index, member, written.revision, meanwhile > 0 && made > 0);
    let found = found(member, plan, state, made, reason);
    Ok(Found { meanwhile, fields, ..found })
}

fn unwritten(
    member: &Member,
    plan: &MemberDraft,
    made: u64,
    error: &segue_translator::Error,
) -> Found {
    let (state, reason) = match error.kind {
        ErrorKind::Busy | ErrorKind::NotRunning | ErrorKind::Stale => {
            (LibraryState::Waiting, error.to_string())
        }
        _ => (LibraryState::Failed, format!("{error}; {}", error.kind.hint())),
    };
    found(member, plan, state, made, Some(reason))
}

/// A write failed, and a part of it may be in place all the same: what is must not be taken for an
/// edit of the app. If the library cannot be read now, the journal keeps that for the next pass. Returns how many edits
/// were made.
pub(crate) fn find_out(
    home: &mut Home,
    number: i64,
    link: LinkId,
    library: &dyn Library,
    error: &segue_translator::Error,
) -> Result<u64, Failure> {
    if matches!(error.kind, ErrorKind::Busy | ErrorKind::NotRunning | ErrorKind::Stale) {
        give_up(home, number, link)?;
        return Ok(0);
    }
    let intents = home.store.intents()?;
    let is_ours = |intent: &&Intent| intent.operation == number && intent.link == link;
    let row = home.store.link(link)?;
    let (Some(intent), Some(row)) = (intents.iter().find(is_ours), row) else { return Ok(0) };
    crate::recover::settle(home, row, library, intent)
}

/// Nothing was written: the next pass compares the whole library again.
fn give_up(home: &mut Home, number: i64, link: LinkId) -> Result<(), Failure> {
    let tx = home.store.transaction()?;
    tx.clear_intent(number, link)?;
    if let Some(row) = tx.link(link)? {
        tx.put_link(&LinkRow { revision: None, ..row })?;
    }
    Ok(tx.commit()?)
}

/// The second transaction: the base is what the library reads as now.
fn settle(
    home: &mut Home,
    number: i64,
    member: &Member,
    plan: &MemberDraft,
    written: &Written,
) -> Result<Unmade, Failure> {
    let link = member.row.id;
    let difference =
        crate::reading::read(&*member.library, &home.store, Some(link), &member.exclusion)?;
    let unmade = Unmade::of(&home.store, member, plan, written, &difference, number)?;
    let refused: HashSet<&NativeId> = written.refused.iter().map(|refusal| &refusal.id).collect();
    let stay = unshown(written);
    let listed: HashSet<&NativeId> = plan.edits.listing.iter().map(ListingEdit::item).collect();
    let mut lost = difference.vanished.iter().filter(|base| base.listing == Listing::Listed);
    let mut unexpected =
        !difference.arrived.is_empty() || lost.any(|base| !listed.contains(&base.held.id));
    let edited = edited_fields(plan, written);
    let same = difference.reading.revision == written.revision;
    let left = if same { Left::Alone } else { Left::Touched };
    let heads = home.store.heads(&member.row.document)?;
    let tx = home.store.transaction()?;
    for (base, now) in difference.changed.iter().filter(|(_, now)| !listed.contains(&now.id)) {
        let fields = edited.get(&now.id).map_or(&[][..], Vec::as_slice);
        let left = if refused.contains(&now.id) { Left::Partly } else { left };
        let held = as_left(member, &base.held, now, fields, left);
        unexpected |= held != *now;
        let shard = segue_document::shard_of(&base.item.0);
        let kept = stay.contains(&now.id).then(|| plan.shown(member, shard).cloned()).flatten();
        let stays = stay.contains(&now.id) || plan.kept.contains_key(&now.id);
        let shown = kept.or_else(|| base.shown.clone().filter(|_| stays));
        let row = BaseItem { item: base.item, held, shown, listing: Listing::Listed };
        tx.put_base_item(link, &row)?;
    }
    keep_refused(&tx, member, plan, &stay)?;
    for base in &plan.overridden {
        let pending = plan.pending.contains(&segue_document::shard_of(&base.item.0));
        if pending && !stay.contains(&base.held.id) && !edited.contains_key(&base.held.id) {
            tx.put_base_item(link, base)?;
        }
    }
    note_outcome(&tx, member, plan, &difference, &unmade)?;
    unexpected |= !hiding::settle(&tx, member, plan, &refused, &difference)?;
    unexpected |= settle_lists(&tx, member, plan, written, &difference)?;
    if !plan.is_held_back() {
        for shard in &plan.projected {
            if let Some(heads) = heads.get(shard) {
                tx.put_link_heads(link, *shard, heads)?;
            }
        }
    }
    let mut row = tx.link(link)?.unwrap_or_else(|| member.row.clone());
    let settled = !unexpected && plan.held.is_empty();
    row.revision = settled.then(|| difference.reading.revision.0.clone());
    tx.put_link(&row)?;
    let made = unmade.made(plan);
    note_written(&tx, number, member, written, made)?;
    record::wrote(&tx, number, link, made, &unmade.counts(member, plan))?;
    tx.clear_intent(number, link)?;
    tx.commit()?;
    Ok(unmade)
}

/// What the operation did to a library, which [`prepare`] noted before.
fn note_written(
    tx: &Tx<'_>,
    number: i64,
    member: &Member,
    written: &Written,
    count: u64,
) -> Result<(), Failure> {
    let link = member.row.id;
    let Some(noted) = tx.operation_links(number)?.into_iter().find(|noted| noted.link == link)
    else {
        return Ok(());
    };
    // What was done to it since an earlier write of this operation is in the library, and not in the backup.
    let is_known = match (&noted.after, noted.written) {
        (Some(after), _) => *after == member.revision_read().0,
        (None, 0) => noted.before.as_ref() == Some(&member.revision_read().0),
        (None, _) => false,
    };
    let after = is_known.then(|| written.revision.0.clone());
    Ok(tx.put_operation_link(&OperationLink { after, written: noted.written + count, ..noted })?)
}

/// Base rows of collections after a write. Returns whether anything is not as it was asked for.
fn settle_lists(
    tx: &Tx<'_>,
    member: &Member,
    plan: &MemberDraft,
    written: &Written,
    difference: &Difference,
) -> Result<bool, Failure> {
    if plan.edits.collections.is_empty() {
        return Ok(false);
    }
    let link = member.row.id;
    let outcome = crate::lists_after::after(plan, written, &difference.collections);
    for base in tx.base_collections(link, member.capabilities.schema)? {
        tx.remove_base_collection(link, &base.held.id)?;
    }
    for base in &outcome.rows {
        tx.put_base_collection(link, base)?;
    }
    Ok(outcome.unexpected)
}

/// Says in the log how it ended.
pub(crate) fn finish(
    home: &mut Home,
    operation: &Operation,
    number: i64,
    libraries: &[Found],
) -> Result<(), Failure> {
    let torn = home.store.intents()?.iter().any(|intent| intent.operation == number);
    let torn = torn
        || libraries.iter().any(|found| found.state == LibraryState::Failed && found.written > 0);
    let tx = home.store.transaction()?;
    tx.put_operation(&record::end(&tx, operation, number, libraries, torn)?)?;
    if let Some(undone) = operation.undoes
        && let Some(mut row) = tx.operation(undone)?
    {
        row.undone_by = Some(number);
        tx.put_operation(&row)?;
    }
    tx.commit()?;
    crate::backup::prune(home)
}

impl ListPlan {
    /// The base row of the collection as the library holds it.
    pub(crate) fn base(&self) -> BaseCollection {
        BaseCollection {
            collection: self.collection,
            held: self.held.clone(),
            entries: self.entries.clone(),
            shown: self.shown.clone(),
        }
    }
}
