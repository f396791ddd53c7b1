//! What the base says of collections after a write: what the library reads as, with the document's
//! ids of the entries.

use std::collections::{HashMap, HashSet};

use segue_model::{BaseCollection, Collection, CollectionEdit, EntryId, NativeId};
use segue_translator::Written;

use crate::pass::{ListPlan, MemberDraft, OWN};

/// Base rows after a write.
pub(crate) struct After {
    pub(crate) rows: Vec<BaseCollection>,
    /// Whether the library holds something else than was asked for.
    pub(crate) unexpected: bool,
}

/// Finds every collection that was known or made in what the library reads as now.
///
/// A library whose lists have no ids of their own knows a renamed one by another id.
pub(crate) fn after(plan: &MemberDraft, written: &Written, now: &[Collection]) -> After {
    let refused: HashSet<&NativeId> = written.refused.iter().map(|refusal| &refusal.id).collect();
    let mut wanted: Vec<ListPlan> = Vec::new();
    let edits = &plan.edits.collections;
    let by_id: HashMap<&NativeId, Vec<&CollectionEdit>> = edits.iter().fold(
        HashMap::new(),
        |mut all: HashMap<&NativeId, Vec<&CollectionEdit>>, edit| {
            if let Some(id) = subject(edit) {
                all.entry(id).or_default().push(edit);
            }
            all
        },
    );
    let mut out = After { rows: Vec::new(), unexpected: false };
    let now: Vec<Collection> = now
        .iter()
        .map(|list| Collection { entries: plan.aside.without_own(&list.entries), ..list.clone() })
        .collect();
    let mut free: Vec<&Collection> = now.iter().collect();
    for list in &plan.lists {
        if plan.lists_held.contains(&list.held.id) {
            // What the app's user did to it is not in the base, and was not written over.
            free.retain(|now| now.id != list.held.id);
            out.rows.push(list.base());
            out.unexpected = true;
            continue;
        }
        let edits = by_id.get(&list.held.id).map_or(&[][..], Vec::as_slice);
        let edits = if refused.contains(&list.held.id) { &[] } else { edits };
        wanted.extend(expected(plan, list, edits));
    }
    wanted.extend(made(plan, written));
    for same in SAME {
        wanted.retain(|list| {
            let Some(index) = free.iter().position(|now| same(now, &list.held)) else {
                return true;
            };
            let now = free.remove(index);
            let row = row(list, now);
            out.unexpected |= row.held.entries != now.entries && !list.partial;
            out.rows.push(row);
            false
        });
    }
    out.unexpected |= !wanted.is_empty();
    out.unexpected |= free.iter().any(|now| now.kind.has_entries && !now.entries.is_empty());
    out
}

/// How a list is found again, surest first. The old id of a renamed list may be the id of another
/// one now.
const SAME: [fn(&Collection, &Collection) -> bool; 4] = [
    |now, held| now.id == held.id && alike(now, held) && now.entries == held.entries,
    |now, held| alike(now, held) && now.entries == held.entries,
    alike,
    |now, held| now.id == held.id,
];

fn alike(now: &Collection, held: &Collection) -> bool {
    now.kind == held.kind && now.name == held.name
}

fn subject(edit: &CollectionEdit) -> Option<&NativeId> {
    match edit {
        CollectionEdit::Create { .. } => None,
        CollectionEdit::Rename { id, .. }
        | CollectionEdit::Reorder { id, .. }
        | CollectionEdit::Remove { id, .. } => Some(id),
    }
}

/// A known collection as it should be after its edits; `None` if it was removed.
fn expected(plan: &MemberDraft, list: &ListPlan, edits: &[&CollectionEdit]) -> Option<ListPlan> {
    let mut list = list.clone();
    for edit in edits {
        match edit {
            CollectionEdit::Remove { .. } => return None,
            CollectionEdit::Rename { new, .. } => list.held.name.clone_from(new),
            CollectionEdit::Reorder { id, new, .. } => {
                let ids = plan.reorders.get(id).into_iter().flatten().copied();
                (list.entries, list.held.entries) = in_document(ids, new);
            }
            CollectionEdit::Create { .. } => {}
        }
    }
    Some(list)
}

/// What a list holds beside entries that stay on this device.
pub(crate) fn in_document(
    ids: impl IntoIterator<Item = EntryId>,
    natives: &[NativeId],
) -> (Vec<EntryId>, Vec<NativeId>) {
    ids.into_iter().zip(natives.iter().cloned()).filter(|(id, _)| *id != OWN).unzip()
}

/// The collections that were made.
fn made(plan: &MemberDraft, written: &Written) -> Vec<ListPlan> {
    let creates = plan.edits.collections.iter().filter_map(|edit| match edit {
        CollectionEdit::Create { kind, name, parent, entries } => {
            Some((*kind, name, parent, entries))
        }
        _ => None,
    });
    let natives = written.created.iter();
    creates
        .zip(&plan.creates)
        .zip(natives)
        .map(|(((kind, name, parent, natives), (collection, entries)), id)| ListPlan {
            collection: *collection,
            held: Collection {
                id: id.clone(),
                kind,
                name: name.clone(),
                parent: parent.clone(),
                entries: natives.clone(),
                rule: None,
            },
            entries: entries.clone(),
            shown: None,
            partial: false,
            own: Vec::new(),
        })
        .collect()
}

/// The base row of what is expected and what is there. Entries that somebody else added meanwhile
/// are left for the next pass.
fn row(list: &ListPlan, now: &Collection) -> BaseCollection {
    let mut expected = list.held.entries.iter().zip(&list.entries);
    let mut kept: Vec<(NativeId, EntryId)> = Vec::new();
    for native in &now.entries {
        let mut rest = expected.clone();
        if let Some((native, entry)) = rest.find(|(wanted, _)| *wanted == native) {
            kept.push((native.clone(), *entry));
            expected = rest;
        }
    }
    let (entries, ids): (Vec<NativeId>, Vec<EntryId>) = kept.into_iter().unzip();
    let held = Collection { entries, ..now.clone() };
    BaseCollection { collection: list.collection, held, entries: ids, shown: None }
}
