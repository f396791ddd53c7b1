//! What limits withhold at one moment on this device.

use std::collections::{BTreeMap, BTreeSet};

use segue_document::{Record, resolve, shard_of};
use segue_limits::{Limits, Seat, Situation, State};
use segue_model::{Amount, DeviceId, ItemId, LinkId, Terms, Value, music};
use segue_reconcile::policy::Policy;
use sha2::{Digest, Sha256};

use super::report::SOON;
use super::seats::View;
use super::{Carried, now};
use crate::agent::Agent;
use crate::failure::Failure;
use crate::pass::SameAs;

/// How an item stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outlook {
    pub(crate) item: ItemId,
    /// Now, on this device.
    pub(crate) state: State,
    /// The end of use, in Unix seconds.
    pub(crate) until: Option<i64>,
}

/// The policy that follows from limits.
#[derive(Debug, Clone)]
pub(crate) struct Withholding {
    terms: BTreeMap<ItemId, Terms>,
    shards: BTreeSet<u8>,
    mark: String,
    /// The moment, in Unix seconds.
    pub(super) now: i64,
    device: DeviceId,
    /// Whether this device has seats, of what has any.
    seats: BTreeMap<ItemId, Seat>,
}

impl Withholding {
    /// Judges all items of which anything is said, those that read as one together.
    pub(super) fn of(
        limits: &Limits,
        own: &[Carried],
        same: &SameAs,
        now: i64,
        device: DeviceId,
        view: &View,
    ) -> Self {
        let said = limits.items().map(|(item, _)| *item);
        let mut carried: BTreeMap<ItemId, Terms> = BTreeMap::new();
        for (item, limit) in own {
            let terms = carried.entry(*item).or_default();
            *terms = terms.meet(&limit.terms);
        }
        let limited: BTreeSet<ItemId> = said.chain(carried.keys().copied()).collect();
        let (mut terms, mut seats) = (BTreeMap::new(), BTreeMap::new());
        for item in limited {
            let component = same.component(&item).cloned().unwrap_or_else(|| [item].into());
            let all: Vec<ItemId> = component.iter().copied().collect();
            let carried = component.iter().filter_map(|item| carried.get(item));
            let said = limits.effective(&all).terms;
            let effective = carried.fold(said, |terms, carried| terms.meet(carried));
            if effective.amounts.contains_key(&Amount::Seats) {
                let seat = view.seat(limits, &all);
                seats.extend(all.iter().map(|item| (*item, seat)));
            }
            if may_withhold(&effective) {
                terms.extend(component.into_iter().map(|item| (item, effective.clone())));
            }
        }
        let shards = terms.keys().map(|item| shard_of(&item.0)).collect();
        let mut policy = Self { terms, shards, mark: String::new(), now, device, seats };
        policy.mark = policy.fingerprint();
        policy
    }

    /// Judges what was said, and what is carried here and not said, for this device and its clock.
    pub(super) fn here(
        agent: &Agent,
        limits: &Limits,
        own: &[Carried],
        same: &SameAs,
        view: &View,
    ) -> Result<Self, Failure> {
        let now = now(agent, limits)?.now;
        Ok(Self::of(limits, own, same, now, agent.home.device.id(), view))
    }

    /// What holds of an item here and now.
    pub(crate) fn state(&self, item: &ItemId, plays: u64) -> State {
        let seat = self.seats.get(item).copied().unwrap_or(Seat::Absent);
        let here = Situation { now: self.now, device: self.device, plays, seat };
        self.terms.get(item).map_or(State::Valid, |terms| State::of(terms, &here))
    }

    /// What may be used now and ends within so many seconds, as far as plays do not end it before.
    pub(super) fn ending(&self, seconds: i64) -> impl Iterator<Item = (i64, ItemId)> {
        let end = self.now.saturating_add(seconds);
        let of = move |(item, terms): (&ItemId, &Terms)| {
            let until = terms.valid_until.filter(|until| *until < end)?;
            self.state(item, 0).is_valid().then_some((until, *item))
        };
        self.terms.iter().filter_map(of)
    }

    /// How each item stands that is withheld or soon will be. `plays` is asked of those alone whose plays are limited.
    pub(crate) fn outlook(
        &self,
        mut plays: impl FnMut(ItemId) -> Result<u64, Failure>,
    ) -> Result<Vec<Outlook>, Failure> {
        let mut all = Vec::new();
        for (item, terms) in &self.terms {
            let is_counted = terms.amounts.contains_key(&Amount::Plays);
            let state = self.state(item, if is_counted { plays(*item)? } else { 0 });
            let soon = terms.valid_until.is_some_and(|until| until < self.now.saturating_add(SOON));
            if !state.is_valid() || soon {
                all.push(Outlook { item: *item, state, until: terms.valid_until });
            }
        }
        Ok(all)
    }

    /// Names which items are withheld, as far as the document does not say more.
    fn fingerprint(&self) -> String {
        if self.terms.is_empty() {
            return String::new();
        }
        let mut hasher = Sha256::new();
        for (item, terms) in &self.terms {
            let plays = terms.amounts.get(&Amount::Plays).copied().unwrap_or(u32::MAX);
            hasher.update(item.0);
            hasher.update([u8::from(self.state(item, 0).is_valid())]);
            hasher.update(plays.to_le_bytes());
        }
        let mut name = [0; 8];
        name.copy_from_slice(&hasher.finalize()[..8]);
        format!("{:016x}", u64::from_be_bytes(name))
    }
}

/// Whether terms can ever keep an item from a library.
fn may_withhold(terms: &Terms) -> bool {
    let amounts = [Amount::Plays, Amount::Seats];
    terms.valid_from.is_some()
        || terms.valid_until.is_some()
        || terms.devices.is_some()
        || !terms.unknown.is_empty()
        || amounts.iter().any(|amount| terms.amounts.contains_key(amount))
}

/// How often an item was played, over all devices.
pub(crate) fn plays(record: &Record) -> u64 {
    let count = resolve::value(record, &music::PLAY_COUNT);
    count.as_ref().and_then(Value::as_int).map_or(0, i64::unsigned_abs)
}

impl Policy for Withholding {
    fn mark(&self) -> &str {
        &self.mark
    }

    fn concerns(&self, shard: u8) -> bool {
        self.shards.contains(&shard)
    }

    fn may_withhold(&self, item: ItemId) -> bool {
        self.terms.contains_key(&item)
    }

    fn may_hold(&self, _: LinkId, item: ItemId, record: &Record) -> bool {
        self.state(&item, plays(record)).is_valid()
    }
}
