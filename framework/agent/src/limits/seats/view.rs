//! Which seats this device has at one moment.

use std::collections::{BTreeMap, BTreeSet};

use segue_limits::lease::{Denied, Licence, Seats, Standing, seated};
use segue_limits::{Limits, Seat};
use segue_model::{DocumentId, ItemId};

use super::{name, now, open};
use crate::agent::Agent;
use crate::command::SeatHolder;
use crate::limits::Said;

/// The seats of a document, as this device sees them now.
pub(crate) struct View {
    document: DocumentId,
    /// `None` also if what was noted cannot be read: then no seat is used.
    seats: Option<Seats>,
    /// Of what is being given away nothing is used any more.
    stopped: BTreeSet<Licence>,
    /// Unix milliseconds of this device's clock.
    now: i64,
}

impl View {
    pub(crate) fn of(agent: &Agent, document: DocumentId, said: &Said) -> Self {
        let seats = open(agent, &document, said).ok().flatten().map(|(seats, _)| seats);
        Self { document, seats, stopped: agent.stopped.clone(), now: now(agent) }
    }

    /// Whether this device has a seat of each licence of these items, which read as one.
    pub(crate) fn seat(&self, limits: &Limits, items: &[ItemId]) -> Seat {
        let licences = self.licences(limits, items);
        let ends = licences.iter().map(|(licence, seats)| self.holds(licence, *seats).ok());
        let end = ends.reduce(|one, other| Some(one?.min(other?))).flatten();
        end.map_or(Seat::Absent, |end| Seat::Held { until: end.div_euclid(1000) })
    }

    /// Until when this device has a seat of a licence of so many, in Unix milliseconds, or why it has none.
    pub(crate) fn holds(&self, licence: &Licence, seats: u32) -> Result<i64, Denied> {
        if self.stopped.contains(licence) {
            return Err(Denied::GivenAway);
        }
        self.seats
            .as_ref()
            .map_or(Err(Denied::Nobody), |machine| machine.holds(licence, seats, self.now))
    }

    /// The devices that have seats of these items, soonest end first.
    pub(crate) fn holders(&self, said: &Said, items: &[ItemId]) -> Vec<SeatHolder> {
        let Some(leases) = &said.leases else { return Vec::new() };
        let licences = self.licences(&said.limits, items);
        let all = licences.iter().flat_map(|(licence, seats)| leases.standings(licence, *seats));
        let held = all.filter_map(|(_, standing)| match standing {
            Standing::Held(tip) if self.now < tip.stops_at() => Some(tip),
            _ => None,
        });
        let mut held: Vec<_> =
            held.map(|tip| (tip.stops_at().div_euclid(1000), tip.holder.device)).collect();
        held.sort_unstable();
        held.dedup();
        let holder = |(until, device)| SeatHolder { device: name(said, &device), until };
        held.into_iter().map(holder).collect()
    }

    /// The licences of these items that have seats, each with how many.
    pub(crate) fn licences(&self, limits: &Limits, items: &[ItemId]) -> BTreeMap<Licence, u32> {
        let of = |item: &ItemId| seated(self.document, *item, &limits.effective(&[*item]));
        items.iter().flat_map(of).collect()
    }
}
