//! Executes a draft: commit, back up, journal, write, read again.
//!
//! The document and the new base are one transaction, which also holds the journal of what is about
//! to be written; only then is an app's file touched. Whatever happens afterwards, the next pass
//! finds the truth by reading, and the journal tells it which differences are ours.

use std::collections::{BTreeMap, HashSet};

use segue_model::{
    BaseCollection, BaseItem, Heads, LinkId, Listing, ListingEdit, NativeId, OperationId,
};
use segue_store::{Intent, LinkRow, OperationLink, OperationRow, Tx};
use segue_translator::{ErrorKind, Library, Written};

use crate::command::{Found, LibraryState};
use crate::failure::Failure;
use crate::hiding;
use crate::home::Home;
use crate::journal::Note;
use crate::limits::unsaid;
use crate::pass::{Draft, ListPlan, Member, MemberDraft, Sight, Work};
use crate::progress::{Moment, Progress};
use crate::read_back::{Left, as_left, edited_fields, keep_refused, note_kept};
use crate::reading::Difference;

/// What is being executed, for the log.
#[derive(Clone)]
pub(crate) struct Operation {
    /// Its number, if it has begun already.
    pub(crate) number: Option<i64>,
    pub(crate) id: OperationId,
    pub(crate) kind: &'static str,
    pub(crate) summary: String,
    pub(crate) plan: Option<String>,
    pub(crate) undoes: Option<i64>,
    pub(crate) time: i64,
    /// A person confirmed: budgets begin anew.
    pub(crate) confirmed: bool,
}

/// What became of it.
pub(crate) struct Executed {
    /// Its number; `None` if nothing happened that is worth a number.
    pub(crate) number: Option<i64>,
    pub(crate) libraries: Vec<Found>,
}

/// Persists a draft and writes the libraries that can be written now.
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
    let mut libraries = Vec::new();
    for (member, draft) in members.iter_mut().zip(&draft.members) {
        let mut found = match number {
            Some(number) if writes(member, draft) => {
                progress.step(&format!("Writing {}", member.label), None);
                lower(home, number, member, draft, progress)?
            }
            _ => untouched(member, draft),
        };
        if found.reason.is_none() {
            found.reason = contested(home, member, draft)?;
        }
        libraries.push(found);
    }
    if let Some(number) = number {
        finish(home, operation, number, &libraries)?;
    }
    Ok(Executed { number, libraries })
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
        tx.put_operation(&row(operation, number, "begun"))?;
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
        kind: operation.kind.into(),
        at: operation.time,
        summary: operation.summary.clone(),
        plan: operation.plan.clone(),
        undoes: operation.undoes,
        undone_by: None,
        state: state.into(),
    }
}

fn put_link(
    tx: &Tx<'_>,
    member: &Member,
    plan: &MemberDraft,
    operation: &Operation,
) -> Result<(), Failure> {
    let mut row = member.row.clone();
    row.active = true;
    let revision = match &member.difference {
        Some(difference) => difference.reading.revision.0.clone(),
        None => member.revision.0.clone(),
    };
    // What is held is not in the base: only reading again finds it, when a person lets it pass.
    // What waits may be behind although nobody wrote since: an app that reset its own count.
    let waits = member.waits().is_some() && !plan.edits.is_empty();
    let revision = (plan.held.is_empty() && !waits).then_some(revision);
    row.revision = revision.filter(|_| !plan.is_partial);
    if operation.confirmed {
        row.confirmed_at = operation.time;
    }
    Ok(tx.put_link(&row)?)
}

/// A link that begins while this device may only read gives nothing; its first contact is due when
/// it may write, and the base from before is no longer what it says.
fn put_first_contact(tx: &Tx<'_>, member: &Member, may_write: bool) -> Result<(), Failure> {
    let setting = crate::members::gave_nothing(member.row.id);
    if may_write && member.gave_nothing {
        tx.clear_base(member.row.id)?;
        tx.remove_setting(&setting)?;
    } else if !may_write && member.pairing {
        tx.put_setting(&setting, "only reads")?;
    }
    Ok(())
}

fn put_base(tx: &Tx<'_>, member: &Member, plan: &MemberDraft) -> Result<(), Failure> {
    let link = member.row.id;
    // What goes first: a place that one song left may be another's. And in the order of the table,
    // which then grows at its end. A million rows are made one by one.
    for work in plan.work.values().flatten().filter(|work| work.sight.base().is_some()) {
        let (old, new) = work.outcome(plan);
        if let Some(old) = old {
            tx.remove_base_item(link, old)?;
        }
        if let (Sight::Changed(base, _), Some(new)) = (&work.sight, &new) {
            crate::contested::note_changes(tx, link, &base.held, &new.held)?;
        }
    }
    let mut rows: Vec<&Work> = plan.work.values().flatten().collect();
    rows.sort_unstable_by_key(|work| work.native());
    for work in rows {
        if let (_, Some(row)) = work.outcome(plan) {
            tx.put_base_item(link, &row)?;
        }
    }
    for row in plan.taken_over.values() {
        tx.put_base_item(link, row)?;
    }
    for base in &plan.aside.apart {
        tx.put_base_item(link, base)?;
    }
    for base in &plan.overridden {
        if !plan.pending.contains(&segue_document::shard_of(&base.item.0)) {
            tx.put_base_item(link, base)?;
        }
    }
    if member.difference.is_some() {
        for native in &plan.lists_removed {
            tx.remove_base_collection(link, native)?;
        }
        for list in &plan.lists {
            tx.put_base_collection(link, &list.base())?;
        }
    }
    Ok(())
}

/// Shards in which nothing is left to write are in step; the others stay at the app's own edits.
fn put_heads(
    tx: &Tx<'_>,
    changed: &BTreeMap<u8, Heads>,
    member: &Member,
    plan: &MemberDraft,
) -> Result<(), Failure> {
    let known = tx.heads(&member.row.document)?;
    for (shard, heads) in &plan.lifted {
        // A first sight is committed at the present state, of which the app was shown nothing yet:
        // until it is written, the link has no heads here, or a crash would forget what is left.
        if member.heads.contains_key(shard) || !plan.pending.contains(shard) {
            tx.put_link_heads(member.row.id, *shard, heads)?;
        }
    }
    for shard in plan.projected.difference(&plan.pending) {
        if let Some(heads) = changed.get(shard).or_else(|| known.get(shard)) {
            tx.put_link_heads(member.row.id, *shard, heads)?;
        }
    }
    Ok(())
}

/// The state of each shard in which something is to be written. What is held will not be shown.
fn to_be_shown(
    tx: &Tx<'_>,
    changed: &BTreeMap<u8, Heads>,
    member: &Member,
    plan: &MemberDraft,
) -> Result<BTreeMap<u8, Heads>, Failure> {
    if plan.is_held_back() {
        return Ok(BTreeMap::new());
    }
    let known = tx.heads(&member.row.document)?;
    let heads =
        |shard: &u8| Some((*shard, changed.get(shard).or_else(|| known.get(shard))?.clone()));
    Ok(plan.pending.iter().filter_map(heads).collect())
}

fn spend(tx: &Tx<'_>, link: LinkId, plan: &MemberDraft, confirmed: bool) -> Result<(), Failure> {
    if confirmed {
        return Ok(tx.reset_budgets(link)?);
    }
    for (batch, count) in plan.tally.iter() {
        tx.add_budget(link, &batch.key(), count.changed)?;
    }
    Ok(())
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
    Found {
        library: member.label.clone(),
        state,
        written,
        lifted: plan.lifts,
        reason,
        backup: Vec::new(),
        fields,
    }
}

/// Backs up and writes one library, and reads it again.
fn lower(
    home: &mut Home,
    number: i64,
    member: &mut Member,
    plan: &MemberDraft,
    progress: &dyn Progress,
) -> Result<Found, Failure> {
    let name = format!("{number}/{}", member.row.id);
    let folder = home.backup_folder(&name);
    let before = match &member.difference {
        Some(difference) => difference.reading.revision.clone(),
        None => member.revision.clone(),
    };
    // An operation may write a library twice, restoring and then editing: what counts is the state
    // before the first.
    let first = home.store.operation_links(number)?.into_iter().find(|l| l.link == member.row.id);
    let backed_up = match &first {
        Some(_) if folder.exists() => Ok(Vec::new()),
        _ => crate::backup::make(&folder, &*member.library),
    };
    let before_first = first.and_then(|first| first.before);
    let kept =
        backed_up.and_then(|copies| crate::inverse::keep(&folder, &plan.edits).map(|()| copies));
    let copies = match kept {
        Ok(copies) => copies,
        Err(error) => {
            give_up(home, number, member.row.id)?;
            return Ok(unwritten(member, plan, &error));
        }
    };
    let written = match member.library.write(&before, &plan.edits) {
        Ok(written) => written,
        Err(error) => {
            find_out(home, number, member.row.id, &*member.library, &error)?;
            return Ok(unwritten(member, plan, &error));
        }
    };
    progress.reached(Moment::Written);
    let refused = written.refused.len();
    let before = before_first.as_ref().unwrap_or(&before.0);
    settle(home, number, member, plan, &written, before, &name)?;
    let count = (plan.edits.len() - refused.min(plan.edits.len())) as u64;
    let reason = match (refused, held_back(plan)) {
        (0, held) => held,
        (some, _) => Some(format!("{some} changed meanwhile and wait for the next pass")),
    };
    let state = if plan.is_held_back() { LibraryState::Held } else { LibraryState::Written };
    Ok(Found { backup: copies, ..found(member, plan, state, count, reason) })
}

fn unwritten(member: &Member, plan: &MemberDraft, error: &segue_translator::Error) -> Found {
    let (state, reason) = match error.kind {
        ErrorKind::Busy | ErrorKind::NotRunning | ErrorKind::Stale => {
            (LibraryState::Waiting, error.to_string())
        }
        _ => (LibraryState::Failed, format!("{error}; {}", error.kind.hint())),
    };
    found(member, plan, state, 0, Some(reason))
}

/// A write failed, and a part of it may be in place all the same: what is must not be taken for an
/// edit of the app. If the library cannot be read now, the journal keeps that for the next pass.
pub(crate) fn find_out(
    home: &mut Home,
    number: i64,
    link: LinkId,
    library: &dyn Library,
    error: &segue_translator::Error,
) -> Result<(), Failure> {
    if matches!(error.kind, ErrorKind::Busy | ErrorKind::NotRunning | ErrorKind::Stale) {
        return give_up(home, number, link);
    }
    let intents = home.store.intents()?;
    let is_ours = |intent: &&Intent| intent.operation == number && intent.link == link;
    let row = home.store.link(link)?;
    if let (Some(intent), Some(row)) = (intents.iter().find(is_ours), row) {
        crate::recover::settle(home, row, library, intent)?;
    }
    Ok(())
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
    before: &str,
    backup: &str,
) -> Result<(), Failure> {
    let link = member.row.id;
    let difference =
        crate::reading::read(&*member.library, &home.store, Some(link), &member.exclusion)?;
    let refused: HashSet<&NativeId> = written.refused.iter().map(|refusal| &refusal.id).collect();
    let listed: HashSet<&NativeId> = plan.edits.listing.iter().map(ListingEdit::item).collect();
    let mut lost = difference.vanished.iter().filter(|base| base.listing == Listing::Listed);
    let mut unexpected =
        !difference.arrived.is_empty() || lost.any(|base| !listed.contains(&base.held.id));
    let edited = edited_fields(plan);
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
        let kept = refused.contains(&now.id).then(|| plan.shown(member, shard).cloned()).flatten();
        let stays = refused.contains(&now.id) || plan.kept.contains_key(&now.id);
        let shown = kept.or_else(|| base.shown.clone().filter(|_| stays));
        tx.put_base_item(
            link,
            &BaseItem { item: base.item, held, shown, listing: Listing::Listed },
        )?;
    }
    keep_refused(&tx, member, plan, &refused)?;
    for base in &plan.overridden {
        let pending = plan.pending.contains(&segue_document::shard_of(&base.item.0));
        if pending && !refused.contains(&base.held.id) && !edited.contains_key(&base.held.id) {
            tx.put_base_item(link, base)?;
        }
    }
    note_kept(&tx, link, plan, &difference)?;
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
    tx.put_operation_link(&OperationLink {
        operation: number,
        link,
        before: Some(before.to_owned()),
        after: Some(written.revision.0.clone()),
        backup: Some(backup.to_owned()),
        written: plan.edits.len() as u64,
    })?;
    tx.clear_intent(number, link)?;
    Ok(tx.commit()?)
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
    let part = libraries.iter().any(|found| {
        matches!(found.state, LibraryState::Waiting | LibraryState::Failed | LibraryState::Held)
    });
    let tx = home.store.transaction()?;
    let summary = crate::report::summary(operation, libraries);
    let row = row(operation, number, if part { "partly" } else { "done" });
    tx.put_operation(&OperationRow { summary, ..row })?;
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
