//! Binds items of a kind with keys: what they are follows from their keys, and nothing is compared.
//!
//! One shard is bound after the other, because an item of one is none of another; so a million items need no more
//! memory than those of the fullest shard.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use segue_document::shard_of;
use segue_model::{Item, ItemId, OperationId};
use segue_reconcile::identify::Rung;
use segue_reconcile::key;

use super::bind::{Bound, fresh_id};
use super::draft::Sight;
use super::{Member, Pass, SameAs};
use crate::failure::Failure;
use crate::parked::Parked;

/// Items that arrived and are at hand, by shard.
type Shelves = BTreeMap<u8, Vec<(ItemId, Item)>>;

/// Binds what arrived, and what is parked.
pub(super) fn bind(
    pass: &mut Pass<'_>,
    members: &[Member],
    arrived: Vec<Vec<Item>>,
) -> Result<Bound, Failure> {
    let operation = pass.frame.operation;
    let mut at_hand: Vec<Shelves> = members
        .iter()
        .zip(arrived)
        .map(|(member, items)| by_shard(operation, member, items))
        .collect();
    let written: BTreeSet<u8> = pass.shards.written().into_iter().collect();
    // Nothing was asked of the document; where a library is new, it is told what there is.
    let is_new = members.iter().any(|member| member.pairing);
    let mut shards: BTreeSet<u8> = at_hand.iter().flat_map(|all| all.keys().copied()).collect();
    shards.extend(
        pass.drafts.iter().filter_map(|draft| draft.parked.as_ref()).flat_map(Parked::shards),
    );
    if is_new {
        shards.extend(&written);
    }
    let (mut census, mut matched) = (Census::default(), 0);
    for shard in shards {
        let known = if written.contains(&shard) { known(pass, shard)? } else { Known::default() };
        let mut seen: HashMap<ItemId, u32> = HashMap::new();
        let parked: Vec<Vec<ItemId>> = pass
            .drafts
            .iter()
            .map(|draft| draft.parked.as_ref().map_or(Ok(Vec::new()), |parked| parked.ids(shard)))
            .collect::<Result<_, _>>()?;
        for (all, parked) in at_hand.iter().zip(&parked) {
            let at_hand = all.get(&shard).into_iter().flatten().map(|(id, _)| *id);
            let ids: Vec<ItemId> = at_hand.chain(parked.iter().copied()).collect();
            let is_matched = |id: &&ItemId| known.live.contains(*id) || seen.contains_key(*id);
            matched += ids.iter().filter(is_matched).count() as u64;
            for id in ids {
                *seen.entry(id).or_default() += 1;
            }
        }
        if is_new {
            let told = seen.keys().filter(|id| pass.frame.may_write || known.live.contains(*id));
            census.take(&pass.same, told.copied().map(|id| pass.same.shown(id)).chain(known.items));
        }
        let is_alone = |id: &ItemId| seen.get(id) == Some(&1) && !known.live.contains(id);
        for ((draft, all), parked) in pass.drafts.iter_mut().zip(&mut at_hand).zip(&parked) {
            draft.parked_only_here += parked.iter().filter(|id| is_alone(id)).count() as u64;
            for (id, item) in all.remove(&shard).into_iter().flatten() {
                if is_alone(&id) {
                    draft.only_here.insert(id);
                }
                if !pass.frame.may_write && !known.live.contains(&id) {
                    draft.is_partial = true;
                    continue;
                }
                draft.add(id, Sight::New(item));
            }
        }
    }
    let matched = if matched > 0 { vec![(Rung::Key, matched)] } else { Vec::new() };
    Ok(Bound { questions: Vec::new(), matched, items: is_new.then(|| census.count()) })
}

fn by_shard(operation: OperationId, member: &Member, items: Vec<Item>) -> Shelves {
    let mut shards = Shelves::new();
    for item in items {
        let own = key::item_of(member.capabilities.schema, &item);
        let id = own.unwrap_or_else(|| fresh_id(operation, member.row.id, &item.id));
        shards.entry(shard_of(&id.0)).or_default().push((id, item));
    }
    shards
}

/// What the document has of a shard.
#[derive(Default)]
struct Known {
    live: HashSet<ItemId>,
    /// Those that are no collections.
    items: Vec<ItemId>,
}

fn known(pass: &mut Pass<'_>, shard: u8) -> Result<Known, Failure> {
    let records = pass.shards.records(shard)?;
    let live = || records.values().filter(|record| record.live.is_some());
    let id = |record: &segue_document::Record| ItemId(record.id);
    let items = live().filter(|record| record.kind.is_none()).map(id).collect();
    let known = Known { live: live().map(id).collect(), items };
    pass.shards.release(shard);
    Ok(known)
}

/// How many items there are.
#[derive(Default)]
struct Census {
    alone: u64,
    /// What is joined with items of other shards may be told twice.
    joined: HashSet<ItemId>,
}

impl Census {
    /// Takes the items of one shard, each as often as it is told.
    fn take(&mut self, same: &SameAs, told: impl Iterator<Item = ItemId>) {
        let mut alone = HashSet::new();
        for id in told {
            if same.component(&id).is_some() {
                self.joined.insert(id);
            } else {
                alone.insert(id);
            }
        }
        self.alone += alone.len() as u64;
    }

    fn count(&self) -> u64 {
        self.alone + self.joined.len() as u64
    }
}

#[cfg(test)]
#[path = "keyed_tests.rs"]
mod tests;
