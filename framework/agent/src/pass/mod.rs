//! One pass: from what libraries hold and what the document says to what would be written.
//!
//! `bind` says who is who; `items` and `lists` lift all libraries before they project any, shard by
//! shard. The result is a [`Draft`]: a plan prints it and forgets it, an operation persists and
//! writes it. A pass reads the store and the document, and changes neither.
//!
//! Invariant: the same libraries, the same store and the same operation id make the same draft.

mod aside;
mod bind;
mod bindings;
mod descriptors;
mod draft;
mod ids;
mod items;
mod keyed;
mod list_names;
mod lists;
mod member;
mod roots;
mod stays;
#[cfg(test)]
mod tests;
mod withholding;

use std::collections::{BTreeMap, BTreeSet};

use segue_access::SignedStatement;
use segue_document::{COLLECTION_SHARD, DOCUMENT_RECORD, SAME_AS};
use segue_model::{DeviceId, DocumentId, ItemId, LinkId, OperationId};
use segue_reconcile::guard::{Batch, Budgets};
use segue_reconcile::identify::{Question, Rung};
use segue_reconcile::policy::{Policy, Unrestricted};
use segue_store::Reader;

use crate::failure::Failure;
use crate::limits::{Carried, Outlook, Ruling};
use crate::progress::Progress;
use crate::shards::{Changed, Shards};

pub(crate) use aside::OWN;
pub(crate) use draft::{ListPlan, MemberDraft, Sight, Work};
pub(crate) use member::{Member, Planned};

/// What a pass needs beside its members.
pub(crate) struct Frame<'a> {
    pub(crate) store: &'a Reader,
    pub(crate) document: DocumentId,
    pub(crate) actor: [u8; 16],
    /// This device.
    pub(crate) device: DeviceId,
    pub(crate) operation: OperationId,
    pub(crate) time: i64,
    /// How much may change before a person is asked.
    pub(crate) budgets: Budgets,
    /// Says what libraries may be given, by what they carry.
    pub(crate) rule: &'a Rule<'a>,
    /// A person confirmed: guards let everything pass.
    pub(crate) confirmed: bool,
    /// Others take what this device writes into the document. Else nothing is written into it.
    pub(crate) may_write: bool,
    /// Whether a file is there; asked only for items that an app no longer lists, or lists as missing.
    pub(crate) present: &'a dyn Fn(&segue_model::Location) -> bool,
    pub(crate) progress: &'a dyn Progress,
}

/// Says what libraries may be given, by what they carry and which items read as one.
pub(crate) type Rule<'a> = dyn Fn(&[Carried], &SameAs) -> Result<Ruling, Failure> + 'a;

/// What a pass would do.
pub(crate) struct Draft {
    pub(crate) members: Vec<MemberDraft>,
    pub(crate) changed: Changed,
    pub(crate) questions: Vec<Question>,
    pub(crate) matched: Vec<(Rung, u64)>,
    /// How many items the document has then, if that was found out.
    pub(crate) items: Option<u64>,
    pub(crate) document: DocumentId,
    pub(crate) may_write: bool,
    /// What this device says of limits that its libraries carry.
    pub(crate) statements: Vec<SignedStatement>,
    /// Open conflicts of every shard that was looked at.
    pub(crate) conflicts: BTreeMap<u8, ShardConflicts>,
    /// What is withheld, or ends soon.
    pub(crate) limited: Vec<Outlook>,
}

/// Open conflicts of one shard.
#[derive(Default)]
pub(crate) struct ShardConflicts {
    pub(crate) count: u64,
    /// The first few records that have some.
    pub(crate) examples: Vec<segue_document::Record>,
}

/// Works out a pass over `members`.
pub(crate) fn draft(frame: &Frame<'_>, members: &mut [Member]) -> Result<Draft, Failure> {
    for member in members.iter_mut().filter(|member| member.gave_nothing && frame.may_write) {
        member.begin_again(frame.store)?;
    }
    let mut pass = Pass::new(frame, members.len())?;
    aside::set_apart(&mut pass, members)?;
    let bound = bind::bind(&mut pass, members)?;
    let carried = withholding::carried(&pass, members)?;
    let ruling = (frame.rule)(&carried, &pass.same)?;
    pass.policy = ruling.policy;
    withholding::find(&mut pass, members)?;
    withholding::take_over(&mut pass, members)?;
    items::lift_shared(&mut pass, members)?;
    items::each(&mut pass, members)?;
    lists::lift(&mut pass, members)?;
    descriptors::describe(&mut pass, members)?;
    stays::tell(&mut pass);
    items::project_shared(&mut pass, members)?;
    lists::project(&mut pass, members)?;
    for (member, draft) in members.iter().zip(&mut pass.drafts) {
        draft::guard_lowering(frame, member, draft)?;
    }
    let limited = withholding::outlook(&mut pass, ruling.limited.as_ref())?;
    Ok(Draft {
        members: pass.drafts,
        changed: pass.shards.into_changed(),
        questions: bound.questions.into_iter().chain(pass.questions).collect(),
        matched: bound.matched,
        items: bound.items,
        document: frame.document,
        may_write: frame.may_write,
        statements: ruling.statements,
        conflicts: pass.conflicts,
        limited,
    })
}

/// The state of a pass while it is worked out.
pub(crate) struct Pass<'a> {
    frame: &'a Frame<'a>,
    /// What new ids are drawn from.
    seed: OperationId,
    policy: Box<dyn Policy>,
    shards: Shards<'a>,
    drafts: Vec<MemberDraft>,
    same: SameAs,
    conflicts: BTreeMap<u8, ShardConflicts>,
    /// Lists of one name that differ: one list or two?
    questions: Vec<Question>,
    /// Links that ended, of whichever device: what they have keeps nothing alive.
    ended: BTreeSet<LinkId>,
}

impl<'a> Pass<'a> {
    fn new(frame: &'a Frame<'a>, members: usize) -> Result<Self, Failure> {
        let mut shards = Shards::new(frame.store, frame.document, frame.actor)?;
        let record = shards.record(&DOCUMENT_RECORD, None)?;
        let same = SameAs::of(&record);
        let drafts = (0..members).map(|_| MemberDraft::default()).collect();
        let (conflicts, questions) = (BTreeMap::new(), Vec::new());
        let ended = descriptors::ended(frame.store, &record)?;
        let policy = Box::new(Unrestricted);
        let seed = ids::seed(frame.store, frame.document, frame.operation)?;
        Ok(Self { frame, seed, policy, shards, drafts, same, conflicts, questions, ended })
    }

    /// Whether a shard changed since the member was shown it, or the member has work in it. Every
    /// shard counts where the last pass left something unwritten, which it says by forgetting the
    /// revision.
    fn is_due(&self, index: usize, member: &Member, shard: u8) -> bool {
        let draft = &self.drafts[index];
        let behind = || {
            let shown = draft.shown(member, shard);
            let is_current = shown.is_some_and(|heads| *heads == self.shards.heads(shard));
            self.shards.is_written(shard) && (member.row.revision.is_none() || !is_current)
        };
        let tries = member.unheld.tries(shard, self.frame.confirmed);
        draft.has_work(shard) || draft.withholding.contains(&shard) || tries || behind()
    }
}

/// Which items read as one: the components of the same-as edges.
#[derive(Debug, Default, Clone)]
pub(crate) struct SameAs(BTreeMap<ItemId, BTreeSet<ItemId>>);

impl SameAs {
    /// The components that the document's own record says.
    pub(crate) fn of(record: &segue_document::Record) -> Self {
        let mut all: BTreeMap<ItemId, BTreeSet<ItemId>> = BTreeMap::new();
        for edge in record.sets.get(SAME_AS).into_iter().flatten() {
            let Some((a, b)) = edge.split_once('.') else { continue };
            let (Ok(a), Ok(b)) = (a.parse::<ItemId>(), b.parse::<ItemId>()) else { continue };
            let mut joined = all.get(&a).cloned().unwrap_or_else(|| BTreeSet::from([a]));
            joined.extend(all.get(&b).cloned().unwrap_or_else(|| BTreeSet::from([b])));
            for item in &joined {
                all.insert(*item, joined.clone());
            }
        }
        Self(all)
    }

    /// All items that read as one with `item`, itself included; `None` if it is alone.
    pub(crate) fn component(&self, item: &ItemId) -> Option<&BTreeSet<ItemId>> {
        self.0.get(item)
    }

    /// All items that read as one with `item`, itself included.
    pub(crate) fn all(&self, item: ItemId) -> Vec<ItemId> {
        let alone = || vec![item];
        self.component(&item).map_or_else(alone, |all| all.iter().copied().collect())
    }

    /// The id by which `item` is known.
    pub(crate) fn shown(&self, item: ItemId) -> ItemId {
        self.component(&item).and_then(BTreeSet::first).copied().unwrap_or(item)
    }

    /// Every item that is joined with another.
    pub(crate) fn joined(&self) -> impl Iterator<Item = (&ItemId, &BTreeSet<ItemId>)> {
        self.0.iter()
    }
}

/// The edge between two items, as the set's element.
pub(crate) fn edge(a: ItemId, b: ItemId) -> String {
    let (small, large) = if a < b { (a, b) } else { (b, a) };
    format!("{small}.{large}")
}

/// Whether a link's base says that a person let a batch pass.
fn spent(frame: &Frame<'_>, link: LinkId, batch: &Batch) -> u64 {
    frame.store.budget(link, &batch.key()).unwrap_or(0)
}

/// The shard in which collections live, for readers of this module.
const LISTS: u8 = COLLECTION_SHARD;
