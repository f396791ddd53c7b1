//! Says what happened to each item of each member, and which item of the document it is.

use std::collections::{HashMap, HashSet};

use segue_document::shard_of;
use segue_model::{
    Availability, BaseItem, Item, ItemId, LinkId, Listing, Location, NativeId, OperationId, Schema,
};
use segue_reconcile::arrival;
use segue_reconcile::guard::{Batch, Tally, is_loss, looks_rebuilt};
use segue_reconcile::identify::{self, Evidence, Identified, Known, Party, Question, Rung};
use sha2::{Digest, Sha256};

use super::draft::Sight;
use super::{Member, MemberDraft, Pass, roots};
use crate::failure::Failure;
use crate::reading::has_use;

/// What binding found out beside the bindings.
pub(super) struct Bound {
    pub(super) questions: Vec<Question>,
    pub(super) matched: Vec<(Rung, u64)>,
    /// How many items the document has then; what reads as one counts once.
    pub(super) items: Option<u64>,
}

/// Binds every item that is new to its link, and sorts all work by shard.
pub(super) fn bind(pass: &mut Pass<'_>, members: &mut [Member]) -> Result<Bound, Failure> {
    propose_roots(pass, members)?;
    let mut arrived: Vec<Vec<Item>> = Vec::new();
    for (index, member) in members.iter_mut().enumerate() {
        let moved = moved_from_missing(pass, member)?;
        leave_parked(pass, index, member)?;
        arrived.push(sort_differences(pass, index, member, moved));
    }
    let any_parked = pass.drafts.iter().any(|draft| draft.parked.is_some());
    if arrived.iter().all(Vec::is_empty) && !any_parked {
        return Ok(Bound { questions: Vec::new(), matched: Vec::new(), items: None });
    }
    if members.iter().any(|member| member.capabilities.schema.key.is_some()) {
        return super::keyed::bind(pass, members, arrived);
    }
    let (identified, elsewhere) = by_evidence(pass, members, &arrived)?;
    let mut matched: Vec<_> = identified.matched.into_iter().collect();
    matched.sort_unstable();
    let mut seen: HashMap<ItemId, u32> = HashMap::new();
    for item in identified.items.iter().flatten() {
        *seen.entry(*item).or_default() += 1;
    }
    for ((draft, items), ids) in pass.drafts.iter_mut().zip(arrived).zip(identified.items) {
        for (item, id) in items.into_iter().zip(ids) {
            if seen[&id] == 1 && !elsewhere.contains(&id) {
                draft.only_here.insert(id);
            }
            if !pass.frame.may_write && !elsewhere.contains(&id) {
                draft.is_partial = true;
                continue;
            }
            draft.add(id, Sight::New(item));
        }
    }
    let (may_write, mut questions) = (pass.frame.may_write, identified.questions);
    questions.retain(|_| may_write);
    let fresh = seen.keys().filter(|_| may_write);
    let all: HashSet<ItemId> =
        elsewhere.iter().chain(fresh).map(|item| pass.same.shown(*item)).collect();
    Ok(Bound { questions, matched, items: Some(all.len() as u64) })
}

/// Says what items are by comparing them with each other and with all of the document, which is told, too.
fn by_evidence(
    pass: &mut Pass<'_>,
    members: &[Member],
    arrived: &[Vec<Item>],
) -> Result<(Identified, HashSet<ItemId>), Failure> {
    let party = |(member, items): (&Member, &Vec<Item>)| {
        let view = member.view();
        let items = items.iter().map(|item| Evidence::of_item(&view, item)).collect();
        Party { link: member.row.id, items }
    };
    let parties: Vec<Party> = members.iter().zip(arrived).map(party).collect();
    let known = known(pass, members)?;
    let elsewhere = known.iter().map(|known| known.item).collect();
    let natives: HashMap<LinkId, &Vec<Item>> =
        members.iter().map(|member| member.row.id).zip(arrived).collect();
    let operation = pass.frame.operation;
    let fresh = |link, index: usize| fresh_id(operation, link, &natives[&link][index].id);
    Ok((identify::identify(known, &parties, &fresh), elsewhere))
}

/// Leaves parked what is parked, if the pass asks nothing of it before its shard: not what of it stays on this
/// device, and not whether the document has it.
fn leave_parked(pass: &mut Pass<'_>, index: usize, member: &mut Member) -> Result<(), Failure> {
    let Some(difference) = member.difference.as_mut() else { return Ok(()) };
    let Some(parked) = difference.parked.take() else { return Ok(()) };
    let draft = &mut pass.drafts[index];
    if pass.frame.may_write && draft.aside.is_nothing() {
        draft.parked = Some(parked);
        return Ok(());
    }
    parked.each(|row, _| {
        difference.arrived.push(parked.item(row)?);
        Ok(())
    })?;
    Ok(())
}

/// Finds out where the content of new libraries lies.
fn propose_roots(pass: &mut Pass<'_>, members: &mut [Member]) -> Result<(), Failure> {
    if !members.iter().any(roots::is_open) {
        return Ok(());
    }
    let mut places = roots::Places::default();
    for shard in pass.shards.written() {
        pass.shards.records(shard)?.values().for_each(|record| places.learn(record));
        pass.shards.release(shard);
    }
    for member in members.iter_mut().filter(|member| roots::is_open(member)) {
        roots::settle(member, &places);
    }
    Ok(())
}

/// Sorts out what changed, moved, vanished; returns what is left to identify.
fn sort_differences(
    pass: &mut Pass<'_>,
    index: usize,
    member: &mut Member,
    moved: Vec<(BaseItem, Item)>,
) -> Vec<Item> {
    let Some(difference) = member.difference.as_mut() else { return Vec::new() };
    let (used, base_len) = (difference.used, difference.base);
    let mut changed = std::mem::take(&mut difference.changed);
    let mut vanished = std::mem::take(&mut difference.vanished);
    let mut arrived = std::mem::take(&mut difference.arrived);
    let draft = &mut pass.drafts[index];
    for (from, to) in moved {
        draft.add(from.item, Sight::Beside(Box::new(from), to));
    }
    for (from, to) in moves(member.capabilities.schema, &mut vanished, &mut arrived) {
        if from.listing == Listing::Hidden {
            draft.listed_again.insert(to.id.clone());
        }
        draft.moved.insert(from.held.id.clone(), to.id.clone());
        draft.add(from.item, Sight::Again(Box::new(from), to));
    }
    leave_out(draft, &mut vanished, &mut arrived);
    draft.rebuilt = rebuilt(used, &changed);
    let frame = pass.frame;
    let (gone, dropped): (Vec<BaseItem>, Vec<BaseItem>) = vanished.into_iter().partition(|base| {
        let there = || base.held.location.as_ref().is_some_and(frame.present);
        base.listing != Listing::Listed || !there()
    });
    if frame.may_write {
        let mut tally = Tally::default();
        count_blanks(member, draft, &changed, &mut tally);
        tally.add(Batch::Removals, dropped.len() as u64);
        tally.total(Batch::Removals, base_len);
        if !member.pairing {
            tally.add(Batch::Additions, arrived.len() as u64);
            tally.total(Batch::Additions, base_len);
        }
        draft.judge(frame, member, &tally);
    } else {
        draft.stays += dropped.len() as u64;
    }
    draft.absent.extend(gone.iter().chain(&dropped).map(|base| base.held.id.clone()));
    let fresh_loss = gone.into_iter().filter(|base| base.listing == Listing::Listed);
    for base in fresh_loss {
        draft.add(base.item, Sight::Gone(Box::new(base)));
    }
    if frame.may_write && !draft.holds(&Batch::Removals) {
        for base in dropped {
            draft.add(base.item, Sight::Dropped(Box::new(base)));
        }
    }
    if draft.holds(&Batch::Additions) {
        arrived.clear();
    }
    for (base, now) in changed.drain(..) {
        freeze(member.capabilities.schema, draft, &base, &now);
        if base.listing == Listing::Hidden {
            draft.listed_again.insert(now.id.clone());
        }
        let again = base.listing != Listing::Listed || draft.rebuilt;
        let (item, base) = (base.item, Box::new(base));
        let sight = if again { Sight::Again(base, now) } else { Sight::Changed(base, now) };
        draft.add(item, sight);
    }
    arrived
}

/// Takes what stays on this device out of what came and went: it is no accident either.
fn leave_out(draft: &mut MemberDraft, vanished: &mut Vec<BaseItem>, arrived: &mut Vec<Item>) {
    arrived.retain(|item| !draft.aside.keeps_new(item));
    vanished.retain(|base| !draft.aside.item(base.item, base.held.location.as_ref()));
}

/// Takes what an app lists anew, while it still lists it as missing in its old place, out of what
/// arrived. Both places then belong to one item.
fn moved_from_missing(
    pass: &Pass<'_>,
    member: &mut Member,
) -> Result<Vec<(BaseItem, Item)>, Failure> {
    let schema = member.capabilities.schema;
    let Some(difference) = member.difference.as_mut() else { return Ok(Vec::new()) };
    if member.pairing || difference.arrived.is_empty() {
        return Ok(Vec::new());
    }
    let now: HashMap<&NativeId, Availability> =
        difference.changed.iter().map(|(_, now)| (&now.id, now.availability)).collect();
    let (mut missing, mut there) = (Vec::new(), HashSet::new());
    let mut cursor = pass.frame.store.base_cursor(member.row.id)?;
    while let Some(raw) = cursor.next()? {
        let base = raw.decode(schema)?;
        let held = now.get(&base.held.id).copied().unwrap_or(base.held.availability);
        if base.listing != Listing::Listed {
        } else if held == Availability::Missing {
            missing.push(base);
        } else {
            there.insert(base.item);
        }
    }
    missing.retain(|base| !there.contains(&base.item));
    let (mut arrived, ghosts): (Vec<Item>, Vec<Item>) = std::mem::take(&mut difference.arrived)
        .into_iter()
        .partition(|item| item.availability == Availability::Present);
    let moved = moves(schema, &mut missing, &mut arrived);
    arrived.extend(ghosts);
    difference.arrived = arrived;
    Ok(moved)
}

/// Takes the pairs of one thing that moved out of both lists.
fn moves(
    schema: &Schema,
    vanished: &mut Vec<BaseItem>,
    arrived: &mut Vec<Item>,
) -> Vec<(BaseItem, Item)> {
    if vanished.is_empty() || arrived.is_empty() {
        return Vec::new();
    }
    let old: Vec<&Item> = vanished.iter().map(|base| &base.held).collect();
    let new: Vec<&Item> = arrived.iter().collect();
    let pairs: HashMap<usize, usize> = arrival::pair(schema, &old, &new).into_iter().collect();
    let mut arrivals: Vec<Option<Item>> = std::mem::take(arrived).into_iter().map(Some).collect();
    let mut moved = Vec::new();
    let mut index = 0;
    vanished.retain_mut(|base| {
        let to = pairs.get(&index).and_then(|to| arrivals[*to].take());
        index += 1;
        match to {
            Some(item) => {
                moved.push((base.clone(), item));
                false
            }
            None => true,
        }
    });
    arrived.extend(arrivals.into_iter().flatten());
    moved
}

/// Whether nearly everything that people did with the library is gone at once: the app made it anew
/// from the files.
fn rebuilt(used: u64, changed: &[(BaseItem, Item)]) -> bool {
    let known = changed.iter().filter(|(base, _)| base.listing == Listing::Listed);
    let count = |lost: bool| {
        let turned =
            |(base, now): &&(BaseItem, Item)| has_use(&base.held) == lost && has_use(now) != lost;
        known.clone().filter(turned).count() as u64
    };
    let (lost, gained) = (count(true), count(false));
    looks_rebuilt(used.saturating_sub(gained).saturating_add(lost), lost)
}

fn count_blanks(
    member: &Member,
    draft: &MemberDraft,
    changed: &[(BaseItem, Item)],
    tally: &mut Tally,
) {
    if draft.rebuilt {
        return;
    }
    let schema = member.capabilities.schema;
    for (base, now) in changed.iter().filter(|(base, _)| base.listing == Listing::Listed) {
        for (field, old) in base.held.fields.iter() {
            if is_loss(schema, field, Some(old), now.fields.value(field)) {
                tally.add(Batch::lost(schema, field), 1);
            }
        }
    }
    let present = member.difference.as_ref().map(|difference| &difference.present);
    let blanked: Vec<(Batch, u64)> =
        tally.iter().map(|(batch, count)| (batch.clone(), count.changed)).collect();
    for (batch, lost) in blanked {
        let Some(field) = batch.field() else { continue };
        let left = present.and_then(|present| present.get(field)).copied().unwrap_or(0);
        tally.total(batch, left + lost);
    }
}

/// Remembers which lost values of an item are held.
fn freeze(schema: &Schema, draft: &mut MemberDraft, base: &BaseItem, now: &Item) {
    let held = base.held.fields.iter().filter(|(field, old)| {
        let new = now.fields.value(field);
        is_loss(schema, field, Some(old), new) && draft.holds(&Batch::lost(schema, field))
    });
    let names: std::collections::BTreeSet<_> = held.map(|(field, _)| field.name).collect();
    if !names.is_empty() {
        draft.frozen.insert(now.id.clone(), names);
    }
}

/// All live items of the document with their evidence. Needed only when something is new.
fn known(pass: &mut Pass<'_>, members: &[Member]) -> Result<Vec<Known>, Failure> {
    let Some(schema) = members.first().map(|member| member.capabilities.schema) else {
        return Ok(Vec::new());
    };
    let mut bound: HashMap<ItemId, Vec<LinkId>> = HashMap::new();
    let roots: HashMap<LinkId, Option<&Location>> =
        members.iter().map(|member| (member.row.id, member.row.root.as_ref())).collect();
    let begins = |link| members.iter().any(|member| member.row.id == link && member.pairing);
    for row in pass.frame.store.links()?.iter().filter(|row| row.active && !begins(row.id)) {
        pass.frame.store.bindings(row.id, |_, item, _| {
            bound.entry(item).or_default().push(row.id);
        })?;
    }
    let file = |link: LinkId, path: &Location| absolute(*roots.get(&link)?, path);
    let mut known = Vec::new();
    for shard in pass.shards.written() {
        for (id, record) in pass.shards.records(shard)? {
            if record.live.is_none() || record.kind.is_some() {
                continue;
            }
            let item = ItemId(id);
            let evidence = Evidence::of_record(schema, &record, &file);
            let mut links = bound.get(&item).cloned().unwrap_or_default();
            for other in pass.same.component(&item).into_iter().flatten() {
                links.extend(bound.get(other).into_iter().flatten());
            }
            known.push(Known { item, evidence, bound: links });
        }
        pass.shards.release(shard);
    }
    Ok(known)
}

fn absolute(root: Option<&Location>, path: &Location) -> Option<Location> {
    if path.as_bytes().first() == Some(&b'/') {
        return Some(path.clone());
    }
    Some(Location::new([root?.as_bytes(), b"/", path.as_bytes()].concat()))
}

/// A random id that the same plan gives again: drawn from the operation's own random id.
pub(super) fn fresh_id(operation: OperationId, link: LinkId, native: &NativeId) -> ItemId {
    let mut hasher = Sha256::new();
    hasher.update(b"segue item v1\0");
    hasher.update(operation.0);
    hasher.update(link.0);
    hasher.update(native.as_bytes());
    let mut id = [0; 16];
    id.copy_from_slice(&hasher.finalize()[..16]);
    // Shard 0 is for collections and the document's own record.
    if shard_of(&id) == super::LISTS {
        id[0] = 1 + id[15] % 255;
    }
    ItemId(id)
}
