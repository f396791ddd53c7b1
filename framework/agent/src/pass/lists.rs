//! Collections, both ways. Names are no keys: a collection is followed by its id, its name or its
//! entries, whichever still tells.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use segue_document::{Origin, Record, Weight, Write, resolve};
use segue_model::{
    BaseCollection, Collection, CollectionEdit, CollectionId, EntryId, Heads, ItemId, Location,
    NativeId, Value,
};
use segue_reconcile::guard::{Batch, Tally};
use segue_reconcile::identify::Question;
use segue_reconcile::list::{self, Bindings};
use segue_translator::{Access, CollectionSupport};

use super::aside::{Own, woven};
use super::bindings::{Known, Settled, known};
use super::draft::{ListPlan, MemberDraft};
use super::ids::{entry_ids, fresh_id};
use super::list_names::{is_shown_as, name_of, names_of, shown_name};
use super::{LISTS, Member, Pass};
use crate::failure::Failure;
use crate::shards::Records;

/// One collection's lift, before the guards judge.
pub(super) struct Lifted {
    pub(super) id: [u8; 16],
    at: Option<Heads>,
    pub(super) writes: Vec<Write>,
    pub(super) plan: Option<ListPlan>,
    /// The native id of a base row that it replaces.
    pub(super) replaces: Option<NativeId>,
    removed: u64,
}

/// Lifts what apps did to their collections.
pub(super) fn lift(pass: &mut Pass<'_>, members: &[Member]) -> Result<(), Failure> {
    for (index, member) in members.iter().enumerate() {
        let Some(difference) = &member.difference else {
            keep_base(pass, index, member);
            continue;
        };
        // Lists of others are compared in the items that this library has.
        let records = pass.shards.records(LISTS)?;
        let mut known = known(pass, index, member, &listed_items(&records))?;
        // What the library hides stands in no list of it yet, even if this pass shows it.
        let hidden = &pass.drafts[index].taken_over;
        known.natives.retain(|_, native| !hidden.contains_key(native));
        let lifted = lift_member(pass, members, index, &difference.collections, &known)?;
        if !pass.frame.may_write {
            super::stays::lists(pass, index, member, lifted)?;
            continue;
        }
        let mut tally = Tally::default();
        tally.add(Batch::ListRemovals, lifted.iter().map(|lifted| lifted.removed).sum());
        let entries = member.base_collections.iter().map(|base| base.entries.len().max(1) as u64);
        tally.total(Batch::ListRemovals, entries.sum());
        pass.drafts[index].judge(pass.frame, member, &tally);
        for lifted in lifted {
            commit(pass, index, member, lifted)?;
        }
    }
    Ok(())
}

/// Takes lists that stay on this device out of what is looked at.
fn leave_out(pass: &mut Pass<'_>, index: usize, member: &Member, pairs: &mut Pairs<'_>) {
    let aside = &mut pass.drafts[index].aside;
    let all = pairs.arrived.len();
    pairs.arrived.retain(|now| !aside.list(now.kind.name, [&*now.name]));
    aside.left_out.lists += (all - pairs.arrived.len()) as u64;
    let is_own = |base: &BaseCollection, now: &Collection| {
        aside.list(now.kind.name, [&*base.held.name, &*now.name])
    };
    let both = pairs.both.extract_if(.., |(base, now)| is_own(base, now)).map(|(base, _)| base);
    let mut own: Vec<_> = both.collect();
    own.extend(pairs.vanished.extract_if(.., |base| is_own(base, &base.held)));
    for base in own {
        stays(pass, index, member, base);
    }
}

/// A library that was not read holds what its base says.
fn keep_base(pass: &mut Pass<'_>, index: usize, member: &Member) {
    for base in &member.base_collections {
        if pass.drafts[index].aside.list(base.held.kind.name, [&*base.held.name]) {
            stays(pass, index, member, base);
        } else {
            pass.drafts[index].lists.push(plan_of(base));
        }
    }
}

/// Neither lifted nor written; the base stays, with what the app had been shown then.
pub(super) fn stays(pass: &mut Pass<'_>, index: usize, member: &Member, base: &BaseCollection) {
    let mut plan = plan_of(base);
    plan.shown = plan.shown.or_else(|| member.heads.get(&LISTS).cloned());
    let draft = &mut pass.drafts[index];
    draft.lists_held.insert(base.held.id.clone());
    draft.lists.push(plan);
}

pub(super) fn plan_of(base: &BaseCollection) -> ListPlan {
    ListPlan {
        collection: base.collection,
        held: base.held.clone(),
        entries: base.entries.clone(),
        shown: base.shown.clone(),
        partial: false,
        own: Vec::new(),
    }
}

fn lift_member(
    pass: &mut Pass<'_>,
    members: &[Member],
    index: usize,
    now: &[Collection],
    known: &Known,
) -> Result<Vec<Lifted>, Failure> {
    let member = &members[index];
    let mut pairs = pair(&member.base_collections, now);
    leave_out(pass, index, member, &mut pairs);
    let mut out = Vec::new();
    let mut bound: HashSet<CollectionId> = HashSet::new();
    for (base, now) in pairs.both {
        bound.insert(base.collection);
        out.push(changed(pass, index, member, base, now, known)?);
    }
    let missing = member.difference.as_ref().is_some_and(|d| d.reading.collections_missing);
    let forgive = member.pairing || missing || pass.drafts[index].rebuilt;
    for base in pairs.vanished {
        let writes = if forgive {
            Vec::new()
        } else {
            vec![Write::Member(member.row.id, None), Write::Delete]
        };
        let removed = if forgive { 0 } else { base.entries.len().max(1) as u64 };
        out.push(Lifted {
            id: base.collection.0,
            at: shown(pass, index, member, base),
            writes,
            plan: None,
            replaces: Some(base.held.id.clone()),
            removed,
        });
    }
    let records = pass.shards.records(LISTS)?;
    let links = if pairs.arrived.is_empty() { Vec::new() } else { pass.frame.store.links()? };
    let apps: HashSet<String> = links.into_iter().map(|row| row.app).collect();
    for now in pairs.arrived {
        // An empty list that nobody used yet is no news: every player opens with one.
        if now.kind.has_entries && now.entries.is_empty() {
            continue;
        }
        let only_here = &pass.drafts[index].only_here;
        let join = joinable(&records, member, &apps, now, known, &bound, only_here);
        if join.is_none() && !pass.frame.may_write {
            super::stays::own_list(pass, index, member, now);
            continue;
        }
        if join.is_none()
            && let Some(other) = namesake(&records, member, &apps, now, &bound)
        {
            pass.questions.push(Question {
                item: ItemId(other.0),
                other: ItemId(fresh_id(pass.seed, member, now).0),
                reason: "two lists of one name with different entries; both are kept",
            });
        }
        let id = join.unwrap_or_else(|| fresh_id(pass.seed, member, now));
        bound.insert(id);
        let record = join.and_then(|id| records.get(&id.0).cloned());
        let record = record.unwrap_or_else(|| Record { id: id.0, ..Record::default() });
        out.push(arrived(pass, index, member, now, &record, known));
    }
    Ok(out)
}

/// What the app had been shown of a collection.
fn shown(pass: &Pass<'_>, index: usize, member: &Member, base: &BaseCollection) -> Option<Heads> {
    base.shown.as_ref().or_else(|| pass.drafts[index].shown(member, LISTS)).cloned()
}

fn changed(
    pass: &mut Pass<'_>,
    index: usize,
    member: &Member,
    base: &BaseCollection,
    now: &Collection,
    known: &Known,
) -> Result<Lifted, Failure> {
    let id = base.collection.0;
    let at = shown(pass, index, member, base);
    let record = pass.shards.record(&id, at.as_ref())?;
    let moved = &pass.drafts[index].moved;
    let old: Vec<(EntryId, NativeId)> = base
        .entries
        .iter()
        .zip(&base.held.entries)
        .map(|(entry, native)| (*entry, moved.get(native).unwrap_or(native).clone()))
        .collect();
    let aside = &pass.drafts[index].aside;
    let old = aside.with_those_back(old, &record, &now.entries, &Settled(known));
    let mut fresh = entry_ids(pass.seed, &now.id, member);
    let keep = member.pairing || pass.drafts[index].rebuilt;
    let said =
        if member.time.is_in_doubt() { as_said(pass, member, base, now, known)? } else { None };
    let is_said = said.is_some();
    let mut lifted =
        said.unwrap_or_else(|| list::lift(&record, &old, &now.entries, known, keep, &mut fresh));
    let link = Some(member.row.id);
    if base.held.name != now.name {
        let value = Some(Value::text(now.name.clone()));
        lifted.writes.push(Write::Register { name: "name".into(), value, link });
    }
    if base.held.rule != now.rule {
        let value = now.rule.clone().map(Value::Text);
        lifted.writes.push(Write::Register { name: "rule".into(), value, link });
    }
    if !lifted.writes.is_empty() && name_of(&pass.shards.record(&id, None)?).is_none() {
        // What was taken back meanwhile comes back whole: an edit tells its kind and name again.
        let value = Some(Value::text(now.name.clone()));
        lifted.writes.push(Write::Kind(now.kind.name.to_owned()));
        lifted.writes.push(Write::Register { name: "name".into(), value, link });
    }
    let replaces = (base.held.id != now.id).then(|| base.held.id.clone());
    let own = pass.drafts[index].aside.own(&now.entries, known);
    let mut lifted = assemble(id, at, now, lifted, replaces, own);
    if let Some(plan) = lifted.plan.as_mut().filter(|_| is_said) {
        plan.shown = Some(pass.shards.heads(LISTS));
    }
    Ok(lifted)
}

/// The entries of a list that is as the document says by now: what a base of another time lacks is no edit then.
fn as_said(
    pass: &mut Pass<'_>,
    member: &Member,
    base: &BaseCollection,
    now: &Collection,
    known: &Known,
) -> Result<Option<list::Lifted>, Failure> {
    let record = pass.shards.record(&base.collection.0, None)?;
    let repeats = member.capabilities.collection(now.kind).is_none_or(|support| support.repeats);
    let said = list::shown(&record, known, repeats);
    let is_same = said.iter().map(|(_, native)| native).eq(&now.entries);
    let entries = said.into_iter().map(|(entry, native)| (native, entry)).collect();
    Ok(is_same.then(|| list::Lifted { entries, ..list::Lifted::default() }))
}

fn arrived(
    pass: &Pass<'_>,
    index: usize,
    member: &Member,
    now: &Collection,
    record: &Record,
    known: &Known,
) -> Lifted {
    let support = member.capabilities.collection(now.kind);
    let repeats = support.is_none_or(|support| support.repeats);
    let old = list::shown(record, known, repeats);
    let mut fresh = entry_ids(pass.seed, &now.id, member);
    let mut lifted = list::lift(record, &old, &now.entries, known, true, &mut fresh);
    let mut fields = BTreeMap::new();
    fields.insert("name".to_owned(), (Value::text(now.name.clone()), Weight::Full));
    if let Some(rule) = &now.rule {
        fields.insert("rule".into(), (Value::text(rule.clone()), Weight::Full));
    }
    let operation = pass.frame.operation;
    lifted.writes.push(Write::Kind(now.kind.name.to_owned()));
    // A list that we once wrote under another name is a guest here: the name is not the app's word.
    let guest = name_of(record).is_some_and(|name| *name != *now.name);
    lifted.writes.push(if guest {
        Write::Member(member.row.id, Some(Location::from("")))
    } else {
        Write::Origin(member.row.id, Origin { operation, location: None, fields })
    });
    let own = pass.drafts[index].aside.own(&now.entries, known);
    assemble(record.id, None, now, lifted, None, own)
}

fn assemble(
    id: [u8; 16],
    at: Option<Heads>,
    now: &Collection,
    lifted: list::Lifted,
    replaces: Option<NativeId>,
    (own, partial): (Vec<Own>, bool),
) -> Lifted {
    let (natives, entries): (Vec<NativeId>, Vec<EntryId>) = lifted.entries.into_iter().unzip();
    let held = Collection { entries: natives, ..now.clone() };
    let collection = CollectionId(id);
    let plan = ListPlan { collection, held, entries, shown: None, partial, own };
    let (removed, writes) = (lifted.removed, lifted.writes);
    Lifted { id, at, writes, plan: Some(plan), replaces, removed }
}

fn commit(
    pass: &mut Pass<'_>,
    index: usize,
    member: &Member,
    lifted: Lifted,
) -> Result<(), Failure> {
    // A library that seems to have lost most of its items did not lose its lists on purpose.
    let held = [Batch::ListRemovals, Batch::Removals];
    if lifted.removed > 0 && held.iter().any(|batch| pass.drafts[index].holds(batch)) {
        // Neither lifted nor written; the base stays, so that it is found again.
        let id = CollectionId(lifted.id);
        for base in member.base_collections.iter().filter(|base| base.collection == id) {
            pass.drafts[index].lists_held.insert(base.held.id.clone());
            pass.drafts[index].lists.push(plan_of(base));
        }
        return Ok(());
    }
    let mut plan = lifted.plan;
    if !lifted.writes.is_empty() {
        let writes = BTreeMap::from([(lifted.id, lifted.writes)]);
        let (operation, time) = (pass.frame.operation, pass.frame.time);
        let at = lifted.at;
        let made = pass.shards.commit(LISTS, at.as_ref(), operation, time, &writes)?;
        if let Some(made) = made {
            let draft = &mut pass.drafts[index];
            let edits = writes.values().flatten();
            draft.lifts += edits.filter(|write| !matches!(write, Write::Origin(..))).count() as u64;
            let usual = draft.shown(member, LISTS).cloned();
            match (&at, &mut plan) {
                _ if at == usual || usual.is_none() => _ = draft.lifted.insert(LISTS, made.branch),
                (_, Some(plan)) => plan.shown = Some(made.branch),
                _ => {}
            }
        }
    }
    let draft = &mut pass.drafts[index];
    draft.lists_removed.extend(lifted.replaces);
    draft.lists.extend(plan);
    Ok(())
}

struct Pairs<'a> {
    both: Vec<(&'a BaseCollection, &'a Collection)>,
    vanished: Vec<&'a BaseCollection>,
    arrived: Vec<&'a Collection>,
}

/// Which collection of the base is which now. An app whose lists have no ids may have renamed one,
/// or shuffled two of the same name.
fn pair<'a>(base: &'a [BaseCollection], now: &'a [Collection]) -> Pairs<'a> {
    type Same = fn(&Collection, &Collection) -> bool;
    let rules: [Same; 4] = [
        |a, b| a.id == b.id && a.kind == b.kind && a.entries == b.entries,
        |a, b| a.kind == b.kind && a.name == b.name && a.entries == b.entries,
        |a, b| a.id == b.id && a.kind == b.kind,
        |a, b| a.kind == b.kind && a.entries == b.entries && !a.entries.is_empty(),
    ];
    let mut left: Vec<&BaseCollection> = base.iter().collect();
    let mut right: Vec<&Collection> = now.iter().collect();
    let mut both = Vec::new();
    for same in rules {
        left.retain(|base| {
            let Some(found) = right.iter().position(|now| same(&base.held, now)) else {
                return true;
            };
            both.push((*base, right.remove(found)));
            false
        });
    }
    Pairs { both, vanished: left, arrived: right }
}

/// A collection of the same name and kind with the same entries, which the member does not have.
fn joinable(
    records: &Records,
    member: &Member,
    apps: &HashSet<String>,
    now: &Collection,
    known: &Known,
    bound: &HashSet<CollectionId>,
    only_here: &HashSet<ItemId>,
) -> Option<CollectionId> {
    let elsewhere =
        |native: &NativeId| known.item(native).is_some_and(|item| !only_here.contains(&item));
    namesakes(records, member, apps, now, bound).find_map(|(id, record)| {
        let rule = resolve::register(record, "rule");
        let joins = if now.kind.has_entries {
            let theirs = list::shown(record, known, true).into_iter().map(|(_, native)| native);
            list::joins(&theirs.collect::<Vec<_>>(), &now.entries, &elsewhere)
        } else {
            rule.winner().and_then(Value::as_text) == now.rule.as_deref()
        };
        joins.then_some(id)
    })
}

/// Live collections of the same name and kind that the member does not have.
fn namesakes<'r>(
    records: &'r Records,
    member: &'r Member,
    apps: &'r HashSet<String>,
    now: &'r Collection,
    bound: &'r HashSet<CollectionId>,
) -> impl Iterator<Item = (CollectionId, &'r Record)> {
    let base = &member.base_collections;
    records
        .iter()
        .filter(move |(_, record)| {
            record.live.is_some()
                && record.kind.as_deref() == Some(now.kind.name)
                && names_of(record, member.row.id).any(|name| is_shown_as(&name, &now.name, apps))
        })
        .map(|(id, record)| (CollectionId(*id), record))
        .filter(|(id, _)| !bound.contains(id) && base.iter().all(|base| base.collection != *id))
}

/// A list of the same name that is at home in another library.
fn namesake(
    records: &Records,
    member: &Member,
    apps: &HashSet<String>,
    now: &Collection,
    bound: &HashSet<CollectionId>,
) -> Option<CollectionId> {
    if !now.kind.has_entries {
        return None;
    }
    namesakes(records, member, apps, now, bound).next().map(|(id, _)| id)
}

fn listed_items(records: &Records) -> BTreeSet<ItemId> {
    records.values().flat_map(|record| record.entries.values().map(|entry| entry.item)).collect()
}

/// Compares every library that is behind with the document's collections.
pub(super) fn project(pass: &mut Pass<'_>, members: &[Member]) -> Result<(), Failure> {
    let due: Vec<bool> = members
        .iter()
        .enumerate()
        .map(|(index, member)| {
            let moved = !pass.drafts[index].moved.is_empty();
            // What is hidden or shown in this pass goes out of its lists and comes back to them with it.
            let draft = &pass.drafts[index];
            let lists = !draft.lists_removed.is_empty() || !draft.edits.listing.is_empty();
            member.difference.is_some() || moved || lists || pass.is_due(index, member, LISTS)
        })
        .collect();
    if !due.contains(&true) {
        return Ok(());
    }
    let records = pass.shards.records(LISTS)?;
    let wanted = listed_items(&records);
    for (index, member) in members.iter().enumerate().filter(|(index, _)| due[*index]) {
        let mut known = known(pass, index, member, &wanted)?;
        let mut natives = HashSet::new();
        for item in super::withholding::of_items(pass, member, &wanted)? {
            natives.extend(known.natives.remove(&item));
        }
        let lists = pass.drafts[index].lists.iter().filter(|_| !natives.is_empty());
        let entries = lists.flat_map(|list| &list.held.entries);
        let gone = entries.filter(|native| natives.contains(*native)).count();
        pass.drafts[index].entries_withheld = gone as u64;
        project_member(pass, index, member, members, &records, &Settled(&known));
    }
    Ok(())
}

fn project_member(
    pass: &mut Pass<'_>,
    index: usize,
    member: &Member,
    members: &[Member],
    records: &Records,
    bindings: &dyn Bindings,
) {
    let draft = &mut pass.drafts[index];
    draft.projected.insert(LISTS);
    let lists = draft.lists.clone();
    let held: HashMap<CollectionId, &ListPlan> =
        lists.iter().map(|list| (list.collection, list)).collect();
    let before = draft.edits.collections.len();
    for (id, record) in records {
        let Some(support) = writable(member, record) else { continue };
        let list = held.get(&CollectionId(*id)).copied();
        if list.is_some_and(|list| list.partial || draft.lists_held.contains(&list.held.id)) {
            continue;
        }
        let shown = list::shown(record, bindings, support.repeats);
        draft.lacking += (record.entries.len() - shown.len()) as u64;
        let (entries, natives): (Vec<EntryId>, Vec<NativeId>) = shown.into_iter().unzip();
        match (list, record.live) {
            (Some(list), Some(_)) => {
                let name = shown_name(record, records, member, members, Some(&list.held.name));
                if *list.held.name != *name && support.holds_name(&name) {
                    draft.edits.collections.push(CollectionEdit::Rename {
                        id: list.held.id.clone(),
                        old: list.held.name.clone(),
                        new: name.into(),
                    });
                }
                reorder(draft, list, &entries, &natives);
            }
            // Not all of it is in the document: what stays is left.
            (Some(list), None) if !list.own.is_empty() => reorder(draft, list, &[], &[]),
            (Some(list), None) => draft.edits.collections.push(CollectionEdit::Remove {
                id: list.held.id.clone(),
                old: list.held.entries.clone(),
            }),
            (None, Some(_)) if !natives.is_empty() => {
                let name = shown_name(record, records, member, members, None);
                let names = [Some(name.clone()), name_of(record)];
                if draft.aside.list(support.kind.name, names.iter().flatten().map(String::as_str)) {
                    continue;
                }
                if !support.holds_name(&name) || draft.own_lists.contains(&*name) {
                    draft.lacking += natives.len() as u64;
                    continue;
                }
                draft.creates.push((CollectionId(*id), entries));
                draft.edits.collections.push(CollectionEdit::Create {
                    kind: support.kind,
                    name: name.into(),
                    parent: None,
                    entries: natives,
                });
            }
            (None, _) => {}
        }
    }
    if draft.edits.collections.len() > before {
        draft.pending.insert(LISTS);
    }
}

/// Gives a list the entries that the document says, around those that stay.
fn reorder(draft: &mut MemberDraft, list: &ListPlan, entries: &[EntryId], natives: &[NativeId]) {
    if list.held.entries == natives {
        return;
    }
    let (_, old) = woven(&list.own, &list.entries, &list.entries, &list.held.entries);
    let (entries, new) = woven(&list.own, &list.entries, entries, natives);
    draft.reorders.insert(list.held.id.clone(), entries);
    draft.edits.collections.push(CollectionEdit::Reorder { id: list.held.id.clone(), old, new });
}

fn writable(member: &Member, record: &Record) -> Option<&'static CollectionSupport> {
    let kind = member.capabilities.schema.kind(record.kind.as_deref()?)?;
    let support = member.capabilities.collection(kind)?;
    (support.access == Access::Write && kind.has_entries).then_some(support)
}
