//! What a policy withholds from a library: which shards that concerns, and what it does to an item.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use segue_document::{Record, shard_of};
use segue_model::{Availability, BaseItem, Item, ItemId, Listing, ListingEdit, NativeId};
use segue_reconcile::project;
use segue_translator::Collector;

use super::aside::Aside;
use super::{LISTS, Member, Pass};
use crate::failure::Failure;
use crate::hiding::{self, AGAIN_MAX, Mark};
use crate::limits::{Carried, Outlook, Withholding, plays, unsaid};

/// What limits the items of all libraries carry: of those that take no part in this pass what was kept.
pub(super) fn carried(pass: &Pass<'_>, members: &[Member]) -> Result<Vec<Carried>, Failure> {
    let mut all = Vec::new();
    for (member, draft) in members.iter().zip(&pass.drafts) {
        if member.carried.is_empty() {
            continue;
        }
        // Nothing is said of what stays, not even what limits it.
        let carried = || member.carried.iter().filter(|(native, _)| !draft.aside.native(native));
        let natives: HashSet<&NativeId> = carried().map(|(native, _)| native).collect();
        let mut items: HashMap<NativeId, ItemId> = HashMap::new();
        if !member.pairing {
            pass.frame.store.bindings(member.row.id, |native, item, _| {
                let native = NativeId::new(native);
                if natives.contains(&native) {
                    items.insert(native, item);
                }
            })?;
        }
        for work in draft.work.values().flatten() {
            items.extend(work.sight.now().map(|now| (now.id.clone(), work.item)));
        }
        if let Some(parked) = &draft.parked {
            parked.each(|row, _| {
                let native = NativeId::new(row.native);
                if natives.contains(&native) {
                    items.insert(native, row.item);
                }
                Ok(())
            })?;
        }
        all.extend(
            carried().filter_map(|(native, limit)| Some((*items.get(native)?, limit.clone()))),
        );
    }
    let takes_part = |link| members.iter().any(|member| member.row.id == link);
    let links = pass.frame.store.links()?;
    let of_document = links.iter().filter(|row| row.active && row.document == pass.frame.document);
    for row in of_document.filter(|row| !takes_part(row.id)) {
        all.extend(unsaid::of_link(pass.frame.store, row.id)?);
    }
    Ok(all)
}

/// Finds the shards that have to be looked at because the policy withholds other items than when each
/// library was last brought in step with it.
pub(super) fn find(pass: &mut Pass<'_>, members: &[Member]) -> Result<(), Failure> {
    for (index, member) in members.iter().enumerate() {
        let known = Mark::known(pass.frame.store, member.row.id)?;
        let policy = &pass.policy;
        if known.name == policy.mark() {
            continue;
        }
        let written = pass.shards.written().into_iter();
        let now: BTreeSet<u8> = written.filter(|shard| policy.concerns(*shard)).collect();
        let mut shards = &now | &known.shards;
        shards.extend(pass.frame.store.hidden(member.row.id)?.iter().map(|item| shard_of(&item.0)));
        shards.insert(LISTS);
        let draft = &mut pass.drafts[index];
        (draft.withholding, draft.mark) =
            (shards, Some(Mark { name: policy.mark().to_owned(), shards: now }));
    }
    Ok(())
}

/// How what is limited stands after the pass.
pub(super) fn outlook(
    pass: &mut Pass<'_>,
    limited: Option<&Withholding>,
) -> Result<Vec<Outlook>, Failure> {
    let Some(limited) = limited else { return Ok(Vec::new()) };
    limited.outlook(|item| Ok(plays(&merged(pass, item)?)))
}

/// An item with all that reads as one with it.
fn merged(pass: &mut Pass<'_>, item: ItemId) -> Result<Record, Failure> {
    let mut record = pass.shards.record(&item.0, None)?;
    for other in pass.same.component(&item).cloned().into_iter().flatten() {
        if other != item {
            record.absorb(pass.shards.record(&other.0, None)?);
        }
    }
    Ok(record)
}

/// Finds what libraries hide already without their bases saying so: a link that begins anew, and a store that
/// was brought back, find hidden what others hid. That is what a library lists as missing although its file
/// is there, if it may be withheld, or an earlier link of the library hid it.
pub(super) fn take_over(pass: &mut Pass<'_>, members: &[Member]) -> Result<(), Failure> {
    for (index, member) in members.iter().enumerate().filter(|(_, it)| it.capabilities.hides) {
        let draft = &pass.drafts[index];
        let before = hidden_before(pass, member)?;
        let is_ours = |item: ItemId, held: &Item| {
            held.availability == Availability::Missing
                && (before.contains(&item) || pass.policy.may_withhold(item))
                && held.location.as_ref().is_none_or(pass.frame.present)
        };
        let mut hidden = BTreeMap::new();
        let mut take = |item: ItemId, held: &Item| {
            let held = Item { availability: Availability::Present, ..held.clone() };
            let row = BaseItem { item, held, shown: None, listing: Listing::Hidden };
            hidden.insert(row.held.id.clone(), row);
        };
        let mut seen: HashSet<&NativeId> = draft.absent.iter().chain(draft.moved.keys()).collect();
        for work in draft.work.values().flatten() {
            let Some(now) = work.sight.now() else { continue };
            seen.insert(&now.id);
            if is_ours(work.item, now) {
                take(work.item, now);
            }
        }
        // What was missing before anybody had heard of its limit.
        let shards = draft.withholding.iter().filter(|shard| pass.policy.concerns(**shard));
        for shard in shards.filter(|_| !member.pairing) {
            let schema = member.capabilities.schema;
            for base in pass.frame.store.base_of_shard(member.row.id, *shard, schema)? {
                let is_listed = base.listing == Listing::Listed && !seen.contains(&base.held.id);
                if is_listed && is_ours(base.item, &base.held) {
                    take(base.item, &base.held);
                }
            }
        }
        pass.drafts[index].taken_over = hidden;
    }
    Ok(())
}

/// What earlier links of a library that begins anew hid there, in the same document.
fn hidden_before(pass: &Pass<'_>, member: &Member) -> Result<BTreeSet<ItemId>, Failure> {
    let mut hidden = BTreeSet::new();
    if !member.pairing {
        return Ok(hidden);
    }
    let row = &member.row;
    for link in pass.frame.store.links()? {
        if (&link.app, &link.path, link.document) == (&row.app, &row.path, row.document) {
            hidden.extend(pass.frame.store.hidden(link.id)?);
        }
    }
    Ok(hidden)
}

/// What the policy withholds of a set of items, from one library.
pub(super) fn of_items(
    pass: &mut Pass<'_>,
    member: &Member,
    items: &BTreeSet<ItemId>,
) -> Result<BTreeSet<ItemId>, Failure> {
    let mut withheld = BTreeSet::new();
    for item in items {
        if !pass.policy.concerns(shard_of(&item.0)) {
            continue;
        }
        let record = merged(pass, *item)?;
        if !pass.policy.may_hold(member.row.id, *item, &record) {
            withheld.insert(*item);
        }
    }
    Ok(withheld)
}

/// Hides an item that is withheld and that a library lists; one that the app lists again each time, or that
/// it cannot hide, stays.
pub(super) fn hide(
    pass: &mut Pass<'_>,
    index: usize,
    member: &Member,
    held: &Item,
) -> Result<(), Failure> {
    if held.availability == Availability::Missing {
        return Ok(());
    }
    let link = member.row.id;
    let times = hiding::times_again(pass.frame.store, link, &held.id)?;
    let draft = &mut pass.drafts[index];
    if member.capabilities.hides && times < AGAIN_MAX {
        draft.edits.listing.push(ListingEdit::Hide { item: held.id.clone() });
    }
    Ok(())
}

/// Shows what a library hides and may hold again. Returns whether there is any.
pub(super) fn show(
    pass: &mut Pass<'_>,
    index: usize,
    member: &Member,
    shard: u8,
    record_of: &dyn Fn(ItemId) -> Option<Record>,
) -> Result<bool, Failure> {
    let schema = member.capabilities.schema;
    let mut rows = Vec::new();
    if !member.pairing {
        rows = pass.frame.store.base_of_shard(member.row.id, shard, schema)?;
    }
    let taken_over = pass.drafts[index].taken_over.values();
    rows.extend(taken_over.filter(|base| shard_of(&base.item.0) == shard).cloned());
    let listed = |native: &NativeId| pass.drafts[index].listed_again.contains(native);
    let hidden = rows.into_iter().filter(|base| base.listing == Listing::Hidden);
    let mut shown = Vec::new();
    for base in hidden.filter(|base| !listed(&base.held.id)) {
        let Some(record) = record_of(base.item).filter(|record| record.live.is_some()) else {
            continue;
        };
        if pass.policy.may_hold(member.row.id, base.item, &record) {
            let aside = &pass.drafts[index].aside;
            let all = aside.item(base.item, base.held.location.as_ref());
            let stays = |name: &str| all || aside.field(name);
            shown.push(as_wanted(member, &record, base, &stays));
        }
    }
    keep_what_stays(member, &pass.drafts[index].aside, &mut shown)?;
    let shown: Vec<ListingEdit> =
        shown.into_iter().map(|item| ListingEdit::Show { item }).collect();
    let any = !shown.is_empty();
    pass.drafts[index].edits.listing.extend(shown);
    Ok(any)
}

/// What stays on this device is not in the base: items that are shown again keep what the library itself has.
fn keep_what_stays(member: &Member, aside: &Aside, shown: &mut [Item]) -> Result<(), Failure> {
    let fields = member.capabilities.schema.fields;
    let any = fields.iter().any(|field| aside.field(field.name));
    if shown.is_empty() || !(any || shown.iter().any(|item| aside.native(&item.id))) {
        return Ok(());
    }
    let (catalog, _) = Collector::collect(&*member.library).map_err(Failure::Library)?;
    for item in shown {
        let Some(held) = catalog.items.iter().find(|held| held.id == item.id) else { continue };
        let all = aside.native(&item.id);
        for field in fields.iter().filter(|field| all || aside.field(field.name)) {
            item.fields.set(field, held.fields.value(field).cloned());
        }
    }
    Ok(())
}

/// The item as the library held it, with what the document says now.
fn as_wanted(
    member: &Member,
    record: &Record,
    base: BaseItem,
    stays: &dyn Fn(&str) -> bool,
) -> Item {
    let mut item = base.held;
    for edit in project::item(&member.view(), record, &item.clone(), stays) {
        item.fields.set(edit.field, edit.new);
    }
    item
}
