//! What stays in an app while this device may only read the document.
//!
//! Nobody would take what this device writes, so nothing is lifted. An edit of the app's user is
//! neither overwritten nor forgotten: the base stays as it was, with the state that the app had been
//! shown then, so that the edit is found in each pass, and lifted there if the right to write comes.
//! Everything else is given to the app as ever. A link that begins so gives nothing: its base says
//! what it was given, its own values count as edits, and what the document does not know has no base.
//!
//! Invariant: a pass without the right to write changes no shard.

use std::collections::BTreeSet;

use segue_document::{Record, shard_of};
use segue_model::{Collection, EntryId, Item, ItemId, NativeId, Rule};
use segue_reconcile::guard::{Batch, Count};
use segue_reconcile::project;

use super::draft::{Held, Sight, Work};
use super::lists::{Lifted, plan_of};
use super::{LISTS, Member, Pass};
use crate::failure::Failure;
use crate::shards::Records;

/// For more items than this, a whole shard is decoded instead of searched for each.
const SCAN_MIN: usize = 16;

/// Says of each item what stays in the app.
pub(super) fn items(
    pass: &mut Pass<'_>,
    member: &Member,
    index: usize,
    shard: u8,
    work: &mut [Work],
) -> Result<(), Failure> {
    let all = if work.len() > SCAN_MIN { Some(pass.shards.records(shard)?) } else { None };
    for item in work {
        let (base, now) = match &item.sight {
            Sight::New(now) => (None, now),
            Sight::Changed(base, now) | Sight::Again(base, now) | Sight::Beside(base, now) => {
                (Some(base), now)
            }
            Sight::Dropped(_) | Sight::Gone(_) => continue,
        };
        let record = record(pass, item.item, all.as_ref())?;
        let mut kept = now.clone();
        let own = match base {
            None => unknown(member, &record, now),
            Some(base) => {
                // Where it lies, and what the app holds beside the schema, is told then, too.
                kept.location.clone_from(&base.held.location);
                kept.ext.clone_from(&base.held.ext);
                edited(member, &record, &base.held, now, !matches!(item.sight, Sight::Changed(..)))
            }
        };
        for support in member.capabilities.fields.iter().filter(|it| own.contains(it.field.name)) {
            let value = base.and_then(|base| base.held.fields.value(support.field)).cloned();
            kept.fields.set(support.field, value);
        }
        let id = now.id.clone();
        let draft = &mut pass.drafts[index];
        draft.stays += own.len() as u64;
        if !own.is_empty() {
            let usual = base.and(member.heads.get(&shard));
            item.shown = base.and_then(|base| base.shown.as_ref()).or(usual).cloned();
            draft.frozen.insert(id.clone(), own);
        }
        draft.kept.insert(id, kept);
    }
    Ok(())
}

/// The item as it is shown, with everything that reads as one with it.
fn record(pass: &mut Pass<'_>, item: ItemId, all: Option<&Records>) -> Result<Record, Failure> {
    let mut record = match all {
        Some(all) => all.get(&item.0).cloned().unwrap_or_default(),
        None => pass.shards.record(&item.0, None)?,
    };
    let others = pass.same.component(&item).cloned().unwrap_or_default();
    for other in others.into_iter().filter(|other| *other != item) {
        record.absorb(pass.shards.record(&other.0, None)?);
    }
    Ok(record)
}

/// What a library brings that the document does not say, of all that it would be given.
fn unknown(member: &Member, record: &Record, now: &Item) -> BTreeSet<&'static str> {
    let view = member.view();
    let own = view.capabilities.fields.iter().filter(|support| {
        let value = now.fields.value(support.field);
        let is_given = view.writable(support.field).is_some();
        value.is_some() && is_given && !project::says(record, support, value)
    });
    own.map(|support| support.field.name).collect()
}

/// What the app's user edited, and the document does not say.
fn edited(
    member: &Member,
    record: &Record,
    base: &Item,
    now: &Item,
    again: bool,
) -> BTreeSet<&'static str> {
    let own = member.capabilities.fields.iter().filter(|support| {
        let (old, new) = (base.fields.value(support.field), now.fields.value(support.field));
        let is_lost = again && new.is_none();
        // Two who play a song once played it twice; two who give it four stars agree.
        let is_said = support.field.rule == Rule::Register && project::says(record, support, new);
        old != new && !is_lost && !is_said
    });
    own.map(|support| support.field.name).collect()
}

/// Keeps what an app did to its lists out of the document, and in the app.
pub(super) fn lists(
    pass: &mut Pass<'_>,
    index: usize,
    member: &Member,
    lifted: Vec<Lifted>,
) -> Result<(), Failure> {
    for lifted in lifted {
        let id = lifted.id;
        let mut bases = member.base_collections.iter().filter(|base| base.collection.0 == id);
        let Some(base) = bases.next() else {
            joined(pass, index, lifted)?;
            continue;
        };
        let draft = &mut pass.drafts[index];
        if lifted.writes.is_empty() {
            draft.lists_removed.extend(lifted.replaces);
            draft.lists.extend(lifted.plan);
            continue;
        }
        let mut plan = plan_of(base);
        plan.shown = plan.shown.or_else(|| member.heads.get(&LISTS).cloned());
        draft.lists_held.insert(base.held.id.clone());
        draft.lists.push(plan);
        draft.stays += 1;
    }
    Ok(())
}

/// A list of the library that the document has: entries that only the library has stay there.
fn joined(pass: &mut Pass<'_>, index: usize, lifted: Lifted) -> Result<(), Failure> {
    let Some(mut plan) = lifted.plan else { return Ok(()) };
    debug_assert_eq!(shard_of(&lifted.id), LISTS);
    let record = pass.shards.record(&lifted.id, None)?;
    let held = plan.held.entries.iter().cloned().zip(plan.entries.iter().copied());
    let known = held.filter(|(_, entry)| record.entries.contains_key(entry));
    let (natives, entries): (Vec<NativeId>, Vec<EntryId>) = known.unzip();
    let draft = &mut pass.drafts[index];
    if natives.len() < plan.held.entries.len() {
        draft.lists_held.insert(plan.held.id.clone());
        draft.stays += 1;
    }
    (plan.held.entries, plan.entries) = (natives, entries);
    draft.lists.push(plan);
    Ok(())
}

/// A list of the library that the document does not have.
pub(super) fn own_list(pass: &mut Pass<'_>, index: usize, member: &Member, now: &Collection) {
    let draft = &mut pass.drafts[index];
    draft.is_partial = true;
    draft.own_lists.insert(now.name.clone());
    if !member.pairing && !member.gave_nothing {
        draft.stays += 1;
    }
}

/// Tells how many edits stay.
pub(super) fn tell(pass: &mut Pass<'_>) {
    for draft in &mut pass.drafts {
        let count = Count { changed: draft.stays, total: draft.stays };
        if count.changed > 0 {
            draft.held.push(Held { batch: Batch::Reading, count });
        }
    }
}
