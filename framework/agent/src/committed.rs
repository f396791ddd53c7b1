//! What the first transaction of an operation says of one library: its link, its base, and what it has been shown.
//!
//! It holds nothing that is only about to be written: that is in the journal.

use std::collections::BTreeMap;

use segue_model::{Heads, LinkId};
use segue_store::Tx;

use crate::failure::Failure;
use crate::operate::Operation;
use crate::pass::{Member, MemberDraft, Sight, Work};

pub(crate) fn put_link(
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
pub(crate) fn put_first_contact(
    tx: &Tx<'_>,
    member: &Member,
    may_write: bool,
) -> Result<(), Failure> {
    let setting = crate::members::gave_nothing(member.row.id);
    if may_write && member.gave_nothing {
        tx.clear_base(member.row.id)?;
        tx.remove_setting(&setting)?;
    } else if !may_write && member.pairing {
        tx.put_setting(&setting, "only reads")?;
    }
    Ok(())
}

pub(crate) fn put_base(tx: &Tx<'_>, member: &Member, plan: &MemberDraft) -> Result<(), Failure> {
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
    if let Some(parked) = &plan.parked {
        parked.each(|row, shown| {
            tx.put_packed_base_item(link, row.native, row.item, shown, row.packed)
        })?;
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
pub(crate) fn put_heads(
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
pub(crate) fn to_be_shown(
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

pub(crate) fn spend(
    tx: &Tx<'_>,
    link: LinkId,
    plan: &MemberDraft,
    confirmed: bool,
) -> Result<(), Failure> {
    if confirmed {
        return Ok(tx.reset_budgets(link)?);
    }
    for (batch, count) in plan.tally.iter() {
        tx.add_budget(link, &batch.key(), count.changed)?;
    }
    Ok(())
}
