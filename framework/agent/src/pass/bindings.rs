//! How one library's items and the document's belong together, as far as its collections need it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use segue_model::{Availability, ItemId, ListingEdit, NativeId};
use segue_reconcile::list::Bindings;

use super::draft::Sight;
use super::{Member, Pass};
use crate::failure::Failure;

/// The bindings of one member that its collections need.
#[derive(Default)]
pub(super) struct Known {
    pub(super) items: HashMap<NativeId, ItemId>,
    pub(super) natives: HashMap<ItemId, NativeId>,
    /// Natives whose item moved in this pass: their absence from a list is no removal.
    moved: HashSet<NativeId>,
}

impl Bindings for Known {
    fn native(&self, item: ItemId) -> Option<NativeId> {
        self.natives.get(&item).filter(|native| !self.moved.contains(*native)).cloned()
    }
    fn item(&self, native: &NativeId) -> Option<ItemId> {
        self.items.get(native).copied()
    }
}

/// The same bindings with what moved in its new place: for writing.
pub(super) struct Settled<'a>(pub(super) &'a Known);

impl Bindings for Settled<'_> {
    fn native(&self, item: ItemId) -> Option<NativeId> {
        self.0.natives.get(&item).cloned()
    }
    fn item(&self, native: &NativeId) -> Option<ItemId> {
        self.0.item(native)
    }
}

/// The bindings that the member's collections, and the items in `wanted`, need.
pub(super) fn known(
    pass: &Pass<'_>,
    index: usize,
    member: &Member,
    wanted: &BTreeSet<ItemId>,
) -> Result<Known, Failure> {
    let draft = &pass.drafts[index];
    let now = member.difference.iter().flat_map(|difference| &difference.collections);
    let held = member.base_collections.iter().map(|base| &base.held);
    let natives: HashSet<&NativeId> =
        now.chain(held).flat_map(|collection| &collection.entries).collect();
    let moved = draft.moved.values().cloned().collect();
    let mut known = Known { moved, ..Known::default() };
    if natives.is_empty() && wanted.is_empty() && draft.moved.is_empty() {
        // Folders of mail hold no entries, however many messages there are.
        return Ok(known);
    }
    let mut rivals: BTreeMap<ItemId, Vec<NativeId>> = BTreeMap::new();
    let mut learn = |native: &NativeId, item: ItemId| {
        let component = pass.same.component(&item);
        let any_wanted =
            || component.is_some_and(|all| all.iter().any(|item| wanted.contains(item)));
        if draft.aside.native(native) {
            return;
        }
        let named = natives.contains(native) || draft.moved.values().any(|new| new == native);
        if !named && !wanted.contains(&item) && !any_wanted() {
            return;
        }
        known.items.insert(native.clone(), item);
        if let Some(other) = known.natives.insert(item, native.clone())
            && other != *native
        {
            rivals.entry(item).or_default().extend([other, native.clone()]);
        }
        for other in component.into_iter().flatten() {
            known.natives.entry(*other).or_insert_with(|| native.clone());
        }
    };
    // Entries of what this pass shows again come back with it.
    let shown: HashSet<&NativeId> = draft.edits.listing.iter().filter_map(shows).collect();
    let is_hidden =
        |native: &NativeId| draft.taken_over.contains_key(native) && !shown.contains(native);
    let mut missing: HashMap<NativeId, bool> = HashMap::new();
    for work in draft.work.values().flatten() {
        match &work.sight {
            Sight::New(now)
            | Sight::Changed(_, now)
            | Sight::Again(_, now)
            | Sight::Beside(_, now)
                if !is_hidden(&now.id) =>
            {
                missing.insert(now.id.clone(), now.availability == Availability::Missing);
                learn(&now.id, work.item);
            }
            _ => {}
        }
    }
    if !member.pairing {
        pass.frame.store.bindings(member.row.id, |native, item, gone| {
            let native = NativeId::new(native);
            let left = draft.absent.contains(&native) || draft.moved.contains_key(&native);
            if (!gone && !left && !is_hidden(&native)) || shown.contains(&native) {
                learn(&native, item);
            }
        })?;
    }
    settle_rivals(pass, member, &mut known, rivals, &missing)?;
    Ok(known)
}

fn shows(edit: &ListingEdit) -> Option<&NativeId> {
    match edit {
        ListingEdit::Show { item } => Some(&item.id),
        ListingEdit::Hide { .. } => None,
    }
}

/// Of several places of one item, lists name the first whose file is there.
fn settle_rivals(
    pass: &Pass<'_>,
    member: &Member,
    known: &mut Known,
    rivals: BTreeMap<ItemId, Vec<NativeId>>,
    missing: &HashMap<NativeId, bool>,
) -> Result<(), Failure> {
    let schema = member.capabilities.schema;
    for (item, mut places) in rivals {
        places.sort_unstable();
        for native in places.iter().rev() {
            let lost = if let Some(lost) = missing.get(native) {
                *lost
            } else {
                let base = pass.frame.store.base_item(member.row.id, native, schema)?;
                base.is_some_and(|base| base.held.availability == Availability::Missing)
            };
            if !lost {
                known.natives.insert(item, native.clone());
            }
        }
    }
    Ok(())
}
