//! What a pass would do to one member: lifts, edits, and the base that follows.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use segue_model::{
    BaseItem, ChangeSet, Collection, CollectionEdit, CollectionId, EntryId, FieldEdit, Heads, Item,
    ItemId, Listing, NativeId,
};
use segue_reconcile::guard::{Batch, Count, Tally, is_loss};
use segue_store::StoreError;

use super::aside::{Aside, Own};
use super::{Frame, Member};
use crate::failure::Failure;
use crate::hiding::Mark;
use crate::parked::Parked;

/// What happened to one item of a library. What was known is boxed, because of a million items most are new.
#[derive(Debug)]
pub(crate) enum Sight {
    /// The link sees it for the first time.
    New(Item),
    /// The app changed it.
    Changed(Box<BaseItem>, Item),
    /// It moved, or came back, or the app rebuilt its library: what it lost on the way is no edit.
    Again(Box<BaseItem>, Item),
    /// It moved, and the app still lists the old place too, as missing.
    Beside(Box<BaseItem>, Item),
    /// A person removed it from the app.
    Dropped(Box<BaseItem>),
    /// The app no longer lists it and its file is missing.
    Gone(Box<BaseItem>),
}

impl Sight {
    /// The item's row of the base, if it has one.
    pub(crate) fn base(&self) -> Option<&BaseItem> {
        match self {
            Self::New(_) => None,
            Self::Changed(base, _)
            | Self::Again(base, _)
            | Self::Beside(base, _)
            | Self::Dropped(base)
            | Self::Gone(base) => Some(base),
        }
    }

    /// The item as the library holds it now, if it does.
    pub(crate) fn now(&self) -> Option<&Item> {
        match self {
            Self::New(now) | Self::Changed(_, now) | Self::Again(_, now) | Self::Beside(_, now) => {
                Some(now)
            }
            Self::Dropped(_) | Self::Gone(_) => None,
        }
    }
}

/// One item with its place in the document.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) item: ItemId,
    pub(crate) sight: Sight,
    /// What the app had been shown of it after this pass's lift, where that differs from the shard.
    pub(crate) shown: Option<Heads>,
}

impl Work {
    /// What the library calls the item, or called it.
    pub(crate) fn native(&self) -> Option<&NativeId> {
        let base = || self.sight.base().map(|base| &base.held);
        self.sight.now().or_else(base).map(|item| &item.id)
    }

    /// The native id whose base row goes, and the row that comes.
    pub(crate) fn outcome(&self, draft: &MemberDraft) -> (Option<&NativeId>, Option<BaseItem>) {
        let row = |held: Item, listing| {
            Some(BaseItem { item: self.item, held, shown: self.shown.clone(), listing })
        };
        match &self.sight {
            Sight::New(now) | Sight::Beside(_, now) => {
                (None, row(draft.kept.get(&now.id).unwrap_or(now).clone(), Listing::Listed))
            }
            Sight::Changed(base, now) | Sight::Again(base, now) => {
                let moved = base.held.id != now.id;
                let held = super::items::restore_frozen(draft, &base.held, now);
                (moved.then_some(&base.held.id), row(held, Listing::Listed))
            }
            Sight::Dropped(base) => (Some(&base.held.id), None),
            Sight::Gone(base) => {
                (None, Some(BaseItem { listing: Listing::Gone, ..(**base).clone() }))
            }
        }
    }
}

/// A batch that a guard holds.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) batch: Batch,
    pub(crate) count: Count,
}

/// One collection of a member.
#[derive(Debug, Clone)]
pub(crate) struct ListPlan {
    pub(crate) collection: CollectionId,
    /// What the library holds, entries that nobody knows left out.
    pub(crate) held: Collection,
    /// The document's ids of its entries.
    pub(crate) entries: Vec<EntryId>,
    /// What the app had been shown of it.
    pub(crate) shown: Option<Heads>,
    /// Whether entries of the library are left out of `held`: then it must not be written.
    pub(crate) partial: bool,
    /// Entries that are left out of `held` because they stay on this device.
    pub(crate) own: Vec<Own>,
}

/// What a pass would do to one member.
#[derive(Debug, Default)]
pub(crate) struct MemberDraft {
    /// What stays on this device.
    pub(crate) aside: Aside,
    /// Items with something to say, by shard.
    pub(crate) work: BTreeMap<u8, Vec<Work>>,
    /// New items that are no work but while the pass is at their shard.
    pub(crate) parked: Option<Parked>,
    /// Native ids of moved items, old to new.
    pub(crate) moved: HashMap<NativeId, NativeId>,
    /// Native ids that the library no longer lists.
    pub(crate) absent: HashSet<NativeId>,
    /// Fields whose loss is held, by item: neither lifted nor written.
    pub(crate) frozen: HashMap<NativeId, BTreeSet<&'static str>>,
    /// What the base says of items whose edits stay in the app, instead of what was read.
    pub(crate) kept: HashMap<NativeId, Item>,
    /// How many edits stay in the app because this device may only read the document.
    pub(crate) stays: u64,
    /// Names of lists that have no place in the document for that reason.
    pub(crate) own_lists: HashSet<Box<str>>,
    /// Something of the library has no base: it is read again in each pass.
    pub(crate) is_partial: bool,
    /// What the library had been shown after its lift.
    pub(crate) lifted: BTreeMap<u8, Heads>,
    /// Shards whose items were compared with what the library holds.
    pub(crate) projected: BTreeSet<u8>,
    /// Shards in which something is to be written.
    pub(crate) pending: BTreeSet<u8>,
    /// Rows whose own `shown` is no longer needed once the library is in step.
    pub(crate) overridden: Vec<BaseItem>,
    /// Collections as the library holds them.
    pub(crate) lists: Vec<ListPlan>,
    /// Collections of the base that the library no longer has.
    pub(crate) lists_removed: Vec<NativeId>,
    /// Collections whose loss is held: neither lifted nor written.
    pub(crate) lists_held: HashSet<NativeId>,
    /// What the app lists again though it was hidden.
    pub(crate) listed_again: HashSet<NativeId>,
    /// What the library hides already without its base saying so.
    pub(crate) taken_over: BTreeMap<NativeId, BaseItem>,
    /// What may be listed, and was hidden in vain before.
    pub(crate) allowed: Vec<NativeId>,
    /// Shards that have to be looked at because other items are withheld than before.
    pub(crate) withholding: BTreeSet<u8>,
    /// What the policy withholds now, if the library was last written under another one.
    pub(crate) mark: Option<Mark>,
    /// Entries of lists that go because they are withheld.
    pub(crate) entries_withheld: u64,
    /// What is to be written.
    pub(crate) edits: ChangeSet,
    /// For each `Create` in `edits`, the collection and its entries' ids.
    pub(crate) creates: Vec<(CollectionId, Vec<EntryId>)>,
    /// For each `Reorder` in `edits`, its entries' ids.
    pub(crate) reorders: HashMap<NativeId, Vec<EntryId>>,
    /// Entries that the library cannot show.
    pub(crate) lacking: u64,
    /// Batches that wait for a person.
    pub(crate) held: Vec<Held>,
    /// What was counted against the guards' budgets and let pass.
    pub(crate) tally: Tally,
    /// How many edits of the app's user were lifted.
    pub(crate) lifts: u64,
    /// New items of the library that nobody else has.
    pub(crate) only_here: HashSet<ItemId>,
    /// How many such are parked.
    pub(crate) parked_only_here: u64,
    /// Values that something puts back each time: no longer written.
    pub(crate) contested: Vec<(NativeId, &'static str)>,
    /// Fields of items of which nothing is to be remembered any more: what they could not be given nobody asks for.
    pub(crate) no_longer_asked: Vec<(NativeId, String)>,
    /// The app rebuilt its library.
    pub(crate) rebuilt: bool,
}

impl MemberDraft {
    /// What the member had been shown of a shard, its own lift included.
    pub(crate) fn shown<'a>(&'a self, member: &'a Member, shard: u8) -> Option<&'a Heads> {
        self.lifted.get(&shard).or_else(|| member.heads.get(&shard))
    }

    /// Takes an item up, as far as it does not stay on this device.
    pub(crate) fn add(&mut self, item: ItemId, sight: Sight) {
        let Some(sight) = self.aside.admits(item, sight) else { return };
        let shard = segue_document::shard_of(&item.0);
        self.work.entry(shard).or_default().push(Work { item, sight, shown: None });
    }

    /// Whether there is work in a shard, parked or not.
    pub(crate) fn has_work(&self, shard: u8) -> bool {
        let parked = self.parked.as_ref();
        self.work.contains_key(&shard) || parked.is_some_and(|parked| parked.count(shard) > 0)
    }

    /// The shards with work.
    pub(crate) fn shards(&self) -> impl Iterator<Item = u8> {
        self.work.keys().copied().chain(self.parked.iter().flat_map(Parked::shards))
    }

    /// Takes up what is parked of a shard, behind its other work.
    pub(super) fn unpark(&mut self, shard: u8) -> Result<(), StoreError> {
        let Some(parked) = self.parked.as_ref().filter(|parked| parked.count(shard) > 0) else {
            return Ok(());
        };
        let shown = parked.shown(shard);
        let new = |(item, now)| Work { item, sight: Sight::New(now), shown: shown.cloned() };
        let items = parked.items(shard)?;
        self.work.entry(shard).or_default().extend(items.into_iter().map(new));
        Ok(())
    }

    /// Forgets again what [`Self::unpark`] took up. All of them saw the shard for the first time: what the app was
    /// shown of one, it was shown of all.
    pub(super) fn park(&mut self, shard: u8) {
        let Some(parked) = self.parked.as_mut().filter(|parked| parked.count(shard) > 0) else {
            return;
        };
        let Some(work) = self.work.get_mut(&shard) else { return };
        parked.show(shard, work.last().and_then(|last| last.shown.clone()));
        work.truncate(work.len().saturating_sub(parked.count(shard)));
        if work.is_empty() {
            self.work.remove(&shard);
        }
    }

    /// How many new items of the library nobody else has.
    pub(crate) fn alone(&self) -> u64 {
        self.only_here.len() as u64 + self.parked_only_here
    }

    /// Whether `batch` is held.
    pub(crate) fn holds(&self, batch: &Batch) -> bool {
        self.held.iter().any(|held| held.batch == *batch)
    }

    /// Whether something is held for which the library stays behind the document.
    pub(crate) fn is_held_back(&self) -> bool {
        self.held.iter().any(|held| !held.batch.is_lasting())
    }

    /// Compares a tally with the budgets; what is over budget is held, the rest will be spent.
    pub(crate) fn judge(&mut self, frame: &Frame<'_>, member: &Member, tally: &Tally) {
        let spent = |batch: &Batch| super::spent(frame, member.row.id, batch);
        let over =
            if frame.confirmed { Vec::new() } else { tally.over_budget(&frame.budgets, &spent) };
        for (batch, count) in tally.iter() {
            if over.iter().all(|(held, _)| held != batch) {
                self.tally.add(batch.clone(), count.changed);
            }
        }
        self.held.extend(over.into_iter().map(|(batch, count)| Held { batch, count }));
    }
}

/// Holds what would clear or remove too much in the app.
pub(super) fn guard_lowering(
    frame: &Frame<'_>,
    member: &Member,
    draft: &mut MemberDraft,
) -> Result<(), Failure> {
    let mut fields = std::mem::take(&mut draft.edits.fields);
    let mut given_up = Ok(());
    let mut contested = Vec::new();
    // A person who confirms wants it written once more.
    let may_be = !frame.confirmed && crate::contested::is_any(frame.store, member.row.id)?;
    let is_given_up = |edit: &FieldEdit| {
        if !may_be {
            return Ok(false);
        }
        crate::contested::is_given_up(frame.store, member.row.id, edit)
    };
    fields.retain(|edit| match is_given_up(edit) {
        Ok(false) => true,
        Ok(true) => {
            contested.push((edit.item.clone(), edit.field.name));
            false
        }
        Err(error) => {
            given_up = Err(error);
            true
        }
    });
    given_up?;
    draft.edits.fields = fields;
    draft.contested = contested;
    let mut tally = Tally::default();
    let schema = member.capabilities.schema;
    let is_loss = |edit: &FieldEdit| {
        is_loss(schema, edit.field, edit.old.as_ref(), edit.new.as_ref())
            && !member.planned.has(edit)
    };
    for edit in &draft.edits.fields {
        if is_loss(edit) {
            tally.add(Batch::cleared(schema, edit.field), 1);
        }
    }
    let blanked: Vec<_> = tally.iter().map(|(batch, _)| batch.clone()).collect();
    for batch in blanked {
        let Some(field) = batch.field() else { continue };
        tally.total(batch, present(frame, member, field)?);
    }
    let lists = draft.edits.collections.iter().filter(|edit| !member.planned.has_list(edit));
    let removed: usize = lists.map(removed_entries).sum();
    // What a limit takes out of a list is no accident.
    let removed = (removed as u64).saturating_sub(draft.entries_withheld);
    tally.add(Batch::LowerListRemovals, removed);
    let entries: usize = draft.lists.iter().map(|list| list.held.entries.len()).sum();
    tally.total(Batch::LowerListRemovals, entries as u64);
    draft.judge(frame, member, &tally);
    let held = |batch: &Batch| draft.holds(batch);
    let drops = |edit: &FieldEdit| is_loss(edit) && held(&Batch::cleared(schema, edit.field));
    let fields: Vec<_> = draft.edits.fields.iter().filter(|edit| !drops(edit)).cloned().collect();
    if held(&Batch::LowerListRemovals) {
        draft.edits.collections.retain(|edit| removed_entries(edit) == 0);
    }
    draft.edits.fields = fields;
    Ok(())
}

/// How many items of the library have a field.
fn present(frame: &Frame<'_>, member: &Member, field: &'static str) -> Result<u64, Failure> {
    if let Some(difference) = &member.difference {
        return Ok(difference.present.get(field).copied().unwrap_or(0));
    }
    let mut cursor = frame.store.base_cursor(member.row.id)?;
    let mut count = 0;
    while let Some(raw) = cursor.next()? {
        let base = raw.decode(member.capabilities.schema)?;
        count += u64::from(base.held.fields.iter().any(|(present, _)| present.name == field));
    }
    Ok(count)
}

fn removed_entries(edit: &CollectionEdit) -> usize {
    match edit {
        CollectionEdit::Remove { old, .. } => old.len().max(1),
        CollectionEdit::Reorder { old, new, .. } => old.len().saturating_sub(new.len()),
        CollectionEdit::Create { .. } | CollectionEdit::Rename { .. } => 0,
    }
}
