//! Items, both ways: edits of apps are committed at what each app had been shown, then every
//! library that is behind is compared with what the document says.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use segue_document::{Record, Shard, Write, resolve};
use segue_model::{BaseItem, Heads, Item, ItemId, LinkId, Listing, NativeId, OperationId};
use segue_reconcile::lift::{self, Lifted};
use segue_reconcile::project;
use segue_translator::Capabilities;

use super::draft::{Sight, Work};
use super::{Member, MemberDraft, Pass, aside, withholding};
use crate::failure::Failure;
use crate::hiding::times_again;
use crate::shards::{Records, Shards};

/// For more items than this, a whole shard is decoded instead of searched for each.
const SCAN_MIN: usize = 16;

/// Lifts what must be lifted before any shard is compared: shards that hold lists, or items which
/// read as one with items of other shards.
pub(super) fn lift_shared(pass: &mut Pass<'_>, members: &[Member]) -> Result<(), Failure> {
    for shard in shared(pass) {
        unpark(pass, shard)?;
        lift_shard(pass, members, shard)?;
        park(pass, shard);
    }
    Ok(())
}

/// Lifts and compares every other shard, one after the other, so that only one is in memory.
pub(super) fn each(pass: &mut Pass<'_>, members: &[Member]) -> Result<(), Failure> {
    let shared = shared(pass);
    let work = pass.drafts.iter().flat_map(MemberDraft::shards);
    let mut all: BTreeSet<u8> = work.chain(pass.shards.written()).collect();
    all.retain(|shard| !shared.contains(shard));
    pass.frame.progress.step("Comparing", Some(all.len() as u64));
    for (done, shard) in all.into_iter().enumerate() {
        unpark(pass, shard)?;
        let records = lift_shard(pass, members, shard)?;
        let due: BTreeSet<usize> = (0..members.len())
            .filter(|index| pass.is_due(*index, &members[*index], shard))
            .collect();
        project_shard(pass, members, shard, records, &due)?;
        park(pass, shard);
        pass.frame.progress.advance(done as u64 + 1);
    }
    Ok(())
}

/// Compares the shards of [`lift_shared`], once all that changes them is lifted.
pub(super) fn project_shared(pass: &mut Pass<'_>, members: &[Member]) -> Result<(), Failure> {
    let shared = shared(pass);
    let mut due: BTreeMap<u8, BTreeSet<usize>> = BTreeMap::new();
    for (index, member) in members.iter().enumerate() {
        let mut shards = shared.clone();
        shards.retain(|shard| pass.is_due(index, member, *shard));
        widen_to_components(pass, &mut shards);
        for shard in shards {
            due.entry(shard).or_default().insert(index);
        }
    }
    for (shard, due) in due {
        unpark(pass, shard)?;
        project_shard(pass, members, shard, None, &due)?;
        park(pass, shard);
    }
    Ok(())
}

/// Takes up what is parked of a shard, of all members.
fn unpark(pass: &mut Pass<'_>, shard: u8) -> Result<(), Failure> {
    Ok(pass.drafts.iter_mut().try_for_each(|draft| draft.unpark(shard))?)
}

fn park(pass: &mut Pass<'_>, shard: u8) {
    pass.drafts.iter_mut().for_each(|draft| draft.park(shard));
}

fn shared(pass: &Pass<'_>) -> BTreeSet<u8> {
    let joined = pass.same.joined().map(|(item, _)| segue_document::shard_of(&item.0));
    joined.chain([super::LISTS]).collect()
}

/// Lifts the work of all members in one shard. Returns its records as they are then, if they are
/// at hand.
fn lift_shard(
    pass: &mut Pass<'_>,
    members: &[Member],
    shard: u8,
) -> Result<Option<Records>, Failure> {
    let mut records = None;
    for index in 0..members.len() {
        if let Some(mut work) = pass.drafts[index].work.remove(&shard) {
            lift_work(pass, members, index, shard, &mut work, &mut records)?;
            pass.drafts[index].work.insert(shard, work);
        }
    }
    Ok(records)
}

/// Commits one member's work in one shard, at each state that its app had been shown.
fn lift_work(
    pass: &mut Pass<'_>,
    members: &[Member],
    index: usize,
    shard: u8,
    work: &mut [Work],
    at_hand: &mut Option<Records>,
) -> Result<(), Failure> {
    if !pass.frame.may_write {
        return super::stays::items(pass, &members[index], index, shard, work);
    }
    let member = &members[index];
    let shown = member.heads.get(&shard).cloned();
    let mut states: BTreeMap<Option<Heads>, Vec<usize>> = BTreeMap::new();
    for (place, item) in work.iter().enumerate() {
        states.entry(seen_at(&item.sight, shown.as_ref())).or_default().push(place);
    }
    for (at, places) in states {
        let mut writes: BTreeMap<[u8; 16], Vec<Write>> = BTreeMap::new();
        let seen = match at_hand.take() {
            Some(records) if at.is_none() => Some(records),
            None if at.is_none() && places.len() > SCAN_MIN => Some(pass.shards.records(shard)?),
            _ => None,
        };
        let twins = twins(&pass.drafts, members, index, shard);
        let (mut lifts, mut unseen) = (0, BTreeMap::new());
        for place in &places {
            let item = &work[*place];
            let record = record_of(&mut pass.shards, seen.as_ref(), item.item, at.as_ref())?;
            let others = others(&mut pass.shards, &pass.ended, member, item)?;
            let (operation, draft) = (pass.frame.operation, &pass.drafts[index]);
            let made = writes_of(operation, member, draft, item, &record, &twins, others);
            let Lifted { writes: made, unseen: others } = made;
            let (made, mut rest) =
                aside::returning(pass, index, &member.view(), item, &record, made)?;
            rest.extend(others);
            if !matches!(item.sight, Sight::New(_)) {
                let all = made.iter().chain(&rest);
                lifts += all.filter(|write| is_edit(write)).count() as u64;
            }
            writes.entry(item.item.0).or_default().extend(made);
            unseen.insert(item.item.0, rest);
        }
        pass.drafts[index].lifts += lifts;
        spread_over_components(pass, &mut writes)?;
        let (mine, others): (BTreeMap<_, _>, BTreeMap<_, _>) =
            writes.into_iter().partition(|(id, _)| segue_document::shard_of(id) == shard);
        let branch = match seen {
            Some(mut records) => {
                let branch = commit_seen(pass, shard, &mut records, mine)?;
                *at_hand = Some(records);
                branch
            }
            None => commit(pass, shard, at.as_ref(), &mine)?,
        };
        commit_elsewhere(pass, member, others)?;
        commit_unseen(pass, shard, &unseen, at_hand)?;
        let Some(branch) = branch.or_else(|| at.clone()) else { continue };
        if at == shown || shown.is_none() {
            pass.drafts[index].lifted.insert(shard, branch);
        } else {
            for place in places {
                work[place].shown = Some(branch.clone());
            }
        }
    }
    Ok(())
}

/// What an app was shown of an item: from the records at hand, if there are any.
fn record_of<'r>(
    shards: &mut Shards<'_>,
    at_hand: Option<&'r Records>,
    item: ItemId,
    at: Option<&Heads>,
) -> Result<Cow<'r, Record>, Failure> {
    let Some(records) = at_hand else { return Ok(Cow::Owned(shards.record(&item.0, at)?)) };
    let empty = || Cow::Owned(Record { id: item.0, ..Record::default() });
    Ok(records.get(&item.0).map_or_else(empty, Cow::Borrowed))
}

/// The state of the shard that the app had been shown of an item; `None` is the present one.
fn seen_at(sight: &Sight, shown: Option<&Heads>) -> Option<Heads> {
    match sight {
        Sight::New(_) => None,
        Sight::Changed(base, _)
        | Sight::Again(base, _)
        | Sight::Beside(base, _)
        | Sight::Dropped(base)
        | Sight::Gone(base) => base.shown.as_ref().or(shown).cloned(),
    }
}

/// Whether any other live link still has an item that the app dropped: now, not when the app was
/// shown it, because two apps may drop it in one pass.
fn others(
    shards: &mut Shards<'_>,
    ended: &BTreeSet<LinkId>,
    member: &Member,
    work: &Work,
) -> Result<bool, Failure> {
    if !matches!(work.sight, Sight::Dropped(_)) {
        return Ok(true);
    }
    let links = shards.record(&work.item.0, None)?.member_links();
    Ok(links.into_iter().any(|link| link != member.row.id && !ended.contains(&link)))
}

fn writes_of(
    operation: OperationId,
    member: &Member,
    draft: &MemberDraft,
    work: &Work,
    record: &Record,
    twins: &HashMap<ItemId, Vec<Twin<'_>>>,
    others: bool,
) -> Lifted {
    let view = member.view();
    let frozen = |base: &Item, now: &Item| restore_frozen(draft, base, now);
    match &work.sight {
        Sight::New(now) => {
            let twins = twins.get(&work.item).map_or(&[][..], Vec::as_slice);
            lift::item(&view, record, lift::Seen::New(now), twins, operation)
        }
        Sight::Changed(base, now) => {
            let now = frozen(&base.held, now);
            let seen = lift::Seen::Changed { base: &base.held, now: &now };
            lift::item(&view, record, seen, &[], operation)
        }
        Sight::Again(base, now) | Sight::Beside(base, now) => {
            let now = frozen(&base.held, now);
            let seen = lift::Seen::Again { base: &base.held, now: &now };
            lift::item(&view, record, seen, &[], operation)
        }
        Sight::Dropped(_) => {
            let mut lifted = lift::item(&view, record, lift::Seen::Dropped, &[], operation);
            if !others {
                lifted.writes.push(Write::Delete);
            }
            lifted
        }
        Sight::Gone(_) => Lifted::default(),
    }
}

/// An item as another member of this pass sees it for the first time.
type Twin<'a> = (&'static Capabilities, &'a Item);

/// Everything in a shard that is new to other members of this pass.
fn twins<'d>(
    drafts: &'d [MemberDraft],
    members: &[Member],
    index: usize,
    shard: u8,
) -> HashMap<ItemId, Vec<Twin<'d>>> {
    let mut twins: HashMap<ItemId, Vec<Twin<'_>>> = HashMap::new();
    for (other, draft) in drafts.iter().enumerate().filter(|(other, _)| *other != index) {
        for work in draft.work.get(&shard).into_iter().flatten() {
            if let Sight::New(now) = &work.sight {
                twins.entry(work.item).or_default().push((members[other].capabilities, now));
            }
        }
    }
    twins
}

/// What the library holds, with values whose loss is held put back: neither lifted nor forgotten.
pub(crate) fn restore_frozen(draft: &MemberDraft, base: &Item, now: &Item) -> Item {
    if let Some(kept) = draft.kept.get(&now.id) {
        return kept.clone();
    }
    let mut restored = now.clone();
    if let Some(names) = draft.frozen.get(&now.id) {
        for (field, value) in base.fields.iter().filter(|(field, _)| names.contains(field.name)) {
            restored.fields.set(field, value.clone());
        }
    }
    restored
}

const fn is_edit(write: &Write) -> bool {
    !matches!(write, Write::Origin(..) | Write::Member(..))
}

/// Items that read as one are edited as one: a register is written to each that has an opinion, so
/// that taking the edge away gives each back what was written to it.
fn spread_over_components(
    pass: &mut Pass<'_>,
    writes: &mut BTreeMap<[u8; 16], Vec<Write>>,
) -> Result<(), Failure> {
    let joined: Vec<(ItemId, Vec<ItemId>)> = writes
        .keys()
        .filter_map(|id| {
            let component = pass.same.component(&ItemId(*id))?;
            let others = component.iter().copied().filter(|other| other.0 != *id);
            Some((ItemId(*id), others.collect()))
        })
        .collect();
    for (item, others) in joined {
        let registers: Vec<Write> = writes[&item.0]
            .iter()
            .filter(|write| matches!(write, Write::Register { .. }))
            .cloned()
            .collect();
        for other in others {
            let record = pass.shards.record(&other.0, None)?;
            let known = registers.iter().filter(|write| match write {
                Write::Register { name, .. } => !resolve::register(&record, name).0.is_empty(),
                _ => false,
            });
            let known: Vec<Write> = known.cloned().collect();
            if !known.is_empty() {
                writes.entry(other.0).or_default().extend(known);
            }
        }
    }
    Ok(())
}

fn commit(
    pass: &mut Pass<'_>,
    shard: u8,
    at: Option<&Heads>,
    writes: &BTreeMap<[u8; 16], Vec<Write>>,
) -> Result<Option<Heads>, Failure> {
    if writes.values().all(Vec::is_empty) {
        return Ok(None);
    }
    let (operation, time) = (pass.frame.operation, pass.frame.time);
    let committed = pass.shards.commit(shard, at, operation, time, writes)?;
    Ok(committed.map(|committed| committed.branch))
}

fn commit_seen(
    pass: &mut Pass<'_>,
    shard: u8,
    records: &mut Records,
    writes: BTreeMap<[u8; 16], Vec<Write>>,
) -> Result<Option<Heads>, Failure> {
    let (operation, time) = (pass.frame.operation, pass.frame.time);
    let committed = pass.shards.commit_seen(shard, records, operation, time, writes)?;
    Ok(committed.map(|committed| committed.branch))
}

/// Commits what competes with whatever was written: as somebody who has seen nothing of the shard.
fn commit_unseen(
    pass: &mut Pass<'_>,
    shard: u8,
    writes: &BTreeMap<[u8; 16], Vec<Write>>,
    at_hand: &mut Option<Records>,
) -> Result<(), Failure> {
    if writes.values().any(|writes| !writes.is_empty()) {
        commit(pass, shard, Some(&Shard::genesis_heads()?), writes)?;
        *at_hand = None;
    }
    Ok(())
}

fn commit_elsewhere(
    pass: &mut Pass<'_>,
    member: &Member,
    writes: BTreeMap<[u8; 16], Vec<Write>>,
) -> Result<(), Failure> {
    for (id, writes) in writes {
        let shard = segue_document::shard_of(&id);
        let at = member.heads.get(&shard).cloned();
        commit(pass, shard, at.as_ref(), &BTreeMap::from([(id, writes)]))?;
    }
    Ok(())
}

/// Compares every library that is behind with one shard, and is done with the shard.
fn project_shard(
    pass: &mut Pass<'_>,
    members: &[Member],
    shard: u8,
    records: Option<Records>,
    due: &BTreeSet<usize>,
) -> Result<(), Failure> {
    if !due.is_empty() {
        let records = match records {
            Some(records) => records,
            None => pass.shards.records(shard)?,
        };
        let joined = joined_records(pass, shard)?;
        if let Some(schema) = members.first().map(|member| member.capabilities.schema) {
            let conflicts = crate::conflicts::of_shard(&records, &joined, &pass.same, schema);
            pass.conflicts.insert(shard, conflicts);
        }
        for index in due {
            project_member(pass, *index, &members[*index], shard, &records, &joined)?;
        }
    }
    pass.shards.release(shard);
    Ok(())
}

fn widen_to_components(pass: &Pass<'_>, shards: &mut BTreeSet<u8>) {
    let shard = |item: &ItemId| segue_document::shard_of(&item.0);
    for (_, component) in pass.same.joined() {
        if component.iter().any(|item| shards.contains(&shard(item))) {
            shards.extend(component.iter().map(shard));
        }
    }
}

/// Records of this shard that read as one with others, merged.
fn joined_records(pass: &mut Pass<'_>, shard: u8) -> Result<HashMap<[u8; 16], Record>, Failure> {
    let same = pass.same.clone();
    let mut joined = HashMap::new();
    for (item, component) in same.joined() {
        if segue_document::shard_of(&item.0) != shard {
            continue;
        }
        let mut merged = pass.shards.record(&item.0, None)?;
        for other in component.iter().filter(|other| *other != item) {
            merged.absorb(pass.shards.record(&other.0, None)?);
        }
        joined.insert(item.0, merged);
    }
    Ok(joined)
}

fn project_member(
    pass: &mut Pass<'_>,
    index: usize,
    member: &Member,
    shard: u8,
    records: &Records,
    joined: &HashMap<[u8; 16], Record>,
) -> Result<(), Failure> {
    let concerns = pass.policy.concerns(shard);
    let draft = &pass.drafts[index];
    let (mut edits, mut overridden, mut is_pending) = (Vec::new(), Vec::new(), false);
    let is_limited = concerns || draft.withholding.contains(&shard);
    let (mut withheld, mut allowed) = (Vec::new(), Vec::new());
    let (mut no_longer_asked, mut copies) = (Vec::new(), Vec::new());
    for row in rows_of_shard(pass, index, member, shard)? {
        let record = joined.get(&row.item.0).or_else(|| records.get(&row.item.0));
        let Some(record) = record.filter(|record| record.live.is_some()) else { continue };
        if concerns && !pass.policy.may_hold(member.row.id, row.item, record) {
            withheld.push(row.held.into_owned());
            continue;
        }
        if draft.aside.item(row.item, row.held.location.as_ref()) {
            continue;
        }
        if is_limited && times_again(pass.frame.store, member.row.id, &row.held.id)? > 0 {
            allowed.push(row.held.id.clone());
        }
        let names = draft.frozen.get(&row.held.id);
        let is_held = |name: &str| names.is_some_and(|names| names.contains(name));
        let frozen = |name: &str| is_held(name) || draft.aside.field(name);
        let mut made = project::item(&member.view(), record, &row.held, &frozen);
        member.without_kept(&mut made);
        let verdict = member.unheld.judge(&row.held, &mut made, pass.frame.confirmed);
        no_longer_asked.extend(verdict.over);
        is_pending |= !verdict.copies.is_empty();
        copies.extend(verdict.copies);
        // What stays for good keeps its own heads; what a guard holds keeps the shard's.
        is_pending |= !made.is_empty() || (names.is_some() && pass.frame.may_write);
        edits.extend(made);
        if row.shown.is_some() && names.is_none() && !verdict.is_any {
            overridden.push(row.into_base());
        }
    }
    for held in &withheld {
        withholding::hide(pass, index, member, held)?;
        is_pending |= member.capabilities.hides;
    }
    let record_of = |item: ItemId| joined.get(&item.0).or_else(|| records.get(&item.0)).cloned();
    is_pending |= withholding::show(pass, index, member, shard, &record_of)?;
    let draft = &mut pass.drafts[index];
    draft.projected.insert(shard);
    draft.allowed.extend(allowed);
    draft.no_longer_asked.extend(no_longer_asked);
    if is_pending {
        draft.pending.insert(shard);
    }
    draft.edits.fields.extend(edits);
    draft.edits.copies.extend(copies);
    draft.overridden.extend(overridden);
    Ok(())
}

/// One item as the library holds it now.
struct Row<'a> {
    item: ItemId,
    held: Cow<'a, Item>,
    shown: Option<Heads>,
}

impl Row<'_> {
    fn into_base(self) -> BaseItem {
        BaseItem {
            item: self.item,
            held: self.held.into_owned(),
            shown: None,
            listing: Listing::Listed,
        }
    }
}

/// What the library holds of a shard: its base, overlaid with what was read.
fn rows_of_shard<'p>(
    pass: &'p Pass<'_>,
    index: usize,
    member: &Member,
    shard: u8,
) -> Result<Vec<Row<'p>>, Failure> {
    let draft = &pass.drafts[index];
    let work = draft.work.get(&shard).map_or(&[][..], Vec::as_slice);
    let mut rows = Vec::with_capacity(work.len());
    let row = |work: &Work, now: &'p Item| Row {
        item: work.item,
        held: Cow::Borrowed(now),
        shown: work.shown.clone(),
    };
    let mut replaced: BTreeSet<&[u8]> = BTreeSet::new();
    let is_hidden = |native: &NativeId| draft.taken_over.contains_key(native);
    for work in work.iter().filter(|work| !work.sight.now().is_some_and(|now| is_hidden(&now.id))) {
        match &work.sight {
            Sight::New(now) | Sight::Beside(_, now) => rows.push(row(work, now)),
            Sight::Changed(base, now) | Sight::Again(base, now) => {
                replaced.insert(base.held.id.as_bytes());
                rows.push(row(work, now));
            }
            Sight::Dropped(base) | Sight::Gone(base) => {
                replaced.insert(base.held.id.as_bytes());
            }
        }
    }
    if !member.pairing {
        let schema = member.capabilities.schema;
        for base in pass.frame.store.base_of_shard(member.row.id, shard, schema)? {
            let native = base.held.id.as_bytes();
            let absent = base.listing != Listing::Listed || draft.absent.contains(&base.held.id);
            let absent = absent || is_hidden(&base.held.id);
            if !absent && !replaced.contains(native) {
                let held = Cow::Owned(base.held);
                rows.push(Row { item: base.item, held, shown: base.shown });
            }
        }
    }
    Ok(rows)
}
