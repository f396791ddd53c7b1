//! A device's part: it asks for a seat, uses it, gives it away; what happens comes in as an
//! [`Event`], and what must be done goes out as [`Effect`]s, in that order.
//!
//! It neither signs nor sends. Issuing is done where the owner's key is, in [`office`](super::office).
//!
//! Invariant: what follows from a decision goes out after the decision is on disk. After a crash
//! between the two it goes out again, since a statement that was decided never changes.

use std::collections::BTreeMap;

use segue_model::{DeviceId, PersonId};

use super::chain::{Leases, Standing, Tip};
use super::clock::Observation;
use super::denied::Denied;
use super::office::Offer;
use super::state::{Office, State};
use super::statement::{Lease, Licence, Link, Party, Request, To, Token, VerifiedLease};
use super::{CLOCK_BOUND_MS, TERM_MAX_MS};

/// The seats of one document, as one device sees them.
#[derive(Debug, Clone)]
pub struct Seats {
    pub(super) me: Party,
    pub(super) leases: Leases,
    pub(super) state: State,
    /// What of the state is on disk, or will be when the effects so far are carried out.
    saved: State,
}

/// What happens.
#[derive(Debug, Clone)]
pub enum Event {
    /// Time passes. At least every 15 seconds while the agent runs, so that a clock that is set
    /// back is noticed.
    Tick,
    /// A statement came; it is in the store already.
    Heard(VerifiedLease),
    /// A peer said what its clock shows. Of this device itself: what its clock should show, by one
    /// that cannot be set.
    Observed(Observation),
    /// A person says that this device's clock is right.
    ClockConfirmed,
    /// This folder begins the document, so that nobody can have issued a seat of it.
    Founded,
    /// A person says that the folder which issued seats is gone for good, and that this one
    /// takes its place. It has the owner's key.
    TookOffice,
    /// A person wants to use a licence on this device.
    Take(Licence),
    /// A person gives this device's seat to another device, or back to the office.
    Give(Licence, To),
    /// The office answers who asked for a seat of these licences.
    Serve(BTreeMap<Licence, Offer>),
}

/// What must be done, one after the other. If one fails, neither it nor what follows was done: the
/// machine is opened again from what is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Withhold what the licence allows; nothing of it may be in use when this is done.
    Stop(Licence),
    /// Write this state, so that it survives a loss of power.
    Persist(State),
    /// Sign this statement, store it and let it travel.
    Publish(Lease),
    /// Tell the person that it cannot be done.
    Refuse(Denied),
}

impl Seats {
    /// Opens the seats as this life of this device, from the statements and the state on disk, and
    /// sends again what was decided and may never have left.
    pub fn open(me: Party, leases: Leases, state: State, now: i64) -> (Self, Vec<Effect>) {
        let mut seats = Self { me, leases, saved: state.clone(), state };
        seats.state.clock.note(now);
        let decided: Vec<Link> =
            seats.state.issued.values().chain(seats.state.given.values()).copied().collect();
        let unsent = decided.into_iter().map(Lease::Link).filter(|lease| seats.say(lease));
        let unsent: Vec<Lease> = unsent.collect();
        let effects = seats.effects(Ok(unsent));
        (seats, effects)
    }

    /// Takes one event in; `now` is what this device's clock shows, in Unix milliseconds.
    pub fn step(&mut self, event: Event, now: i64) -> Vec<Effect> {
        self.state.clock.note(now);
        let said = self.decide(event, now);
        self.effects(said)
    }

    /// Until when this device may use a licence of so many seats: the first millisecond at which
    /// it may not any more.
    ///
    /// # Errors
    /// Why it may not.
    pub fn holds(&self, licence: &Licence, seats: u32, now: i64) -> Result<i64, Denied> {
        self.check_clock(now)?;
        self.held(licence, seats, now).map(|(_, tip)| tip.stops_at())
    }

    /// The statements that this device has.
    pub fn leases(&self) -> &Leases {
        &self.leases
    }

    fn decide(&mut self, event: Event, now: i64) -> Result<Vec<Lease>, Denied> {
        match event {
            Event::Heard(statement) => self.hear(&statement, now),
            Event::Observed(observation) => self.state.clock.observe(&observation),
            Event::ClockConfirmed => self.state.clock.confirm(now),
            Event::Founded if self.state.office.is_none() => self.take_office(now),
            Event::Founded | Event::Tick => {}
            Event::TookOffice => {
                self.check_clock(now)?;
                // What the other folder issued may be in use so long, whatever this one knows of it.
                self.take_office(now + TERM_MAX_MS + 4 * CLOCK_BOUND_MS);
            }
            Event::Take(licence) => return Ok(vec![self.ask(licence, now)]),
            Event::Give(licence, to) => return self.give(&licence, to, now),
            Event::Serve(offers) => return self.serve(&offers, now),
        }
        Ok(Vec::new())
    }

    fn hear(&mut self, statement: &VerifiedLease, now: i64) {
        let is_new = self.leases.insert(statement);
        if let (true, Lease::Link(link @ Link { number: 0, .. })) = (is_new, statement.lease()) {
            self.state.clock.hear_office(link.at, now);
        }
    }

    fn take_office(&mut self, not_before: i64) {
        let incarnation = self.me.incarnation;
        if self.state.office.is_none_or(|office| office.incarnation != incarnation) {
            self.state.office = Some(Office { incarnation, not_before });
        }
    }

    /// A request that is newer than those before it, or it would be one of them, and than the last gift.
    fn ask(&mut self, licence: Licence, now: i64) -> Lease {
        let requests = self.leases.requests(&licence).into_iter().map(|(_, request)| request);
        let before = requests.filter(|request| request.by == self.me).map(|request| request.at);
        let before = before.chain(self.leases.gifts(&licence).get(&self.me).copied());
        let at = before.max().map_or(now, |before| now.max(before.saturating_add(1)));
        let asked = Lease::Request(Request { licence, by: self.me, at });
        self.say(&asked);
        asked
    }

    fn give(&mut self, licence: &Licence, to: To, now: i64) -> Result<Vec<Lease>, Denied> {
        self.check_clock(now)?;
        let (token, Tip { term, number, end, hash: previous, .. }) =
            self.held(licence, u32::MAX, now)?;
        let given = Link { token, term, number: number + 1, previous, to, end, at: now };
        self.state.given.insert(token, given);
        self.say(&Lease::Link(given));
        Ok(vec![Lease::Link(given)])
    }

    pub(super) fn check_clock(&self, now: i64) -> Result<(), Denied> {
        self.state.clock.doubt(now).map_or(Ok(()), |doubt| Err(Denied::Clock(doubt)))
    }

    /// The seat that this device has for longest.
    fn held(&self, licence: &Licence, seats: u32, now: i64) -> Result<(Token, Tip), Denied> {
        let mut held: Option<(Token, Tip)> = None;
        let mut why = Denied::Nobody;
        for (token, standing) in self.leases.standings(licence, seats) {
            match self.judge(&token, standing, now) {
                Ok(tip) if held.is_none_or(|(_, other)| other.end < tip.end) => {
                    held = Some((token, tip));
                }
                Ok(_) => {}
                Err(denied) => why = with(why, denied),
            }
        }
        held.ok_or(why)
    }

    /// Whether this device has a seat that stands so.
    pub(super) fn judge(&self, token: &Token, standing: Standing, now: i64) -> Result<Tip, Denied> {
        match standing {
            Standing::Held(tip) if tip.holder == self.me => {
                if self.gave_away(token, &tip) {
                    Err(Denied::GivenAway)
                } else if now >= tip.stops_at() {
                    Err(Denied::Ended(tip.stops_at()))
                } else {
                    Ok(tip)
                }
            }
            Standing::Held(tip) if now >= tip.end => Err(Denied::Nobody),
            Standing::Held(tip) if tip.holder.device == self.me.device => {
                Err(Denied::Copied(tip.end))
            }
            Standing::Held(tip) => Err(Denied::Elsewhere(vec![(tip.holder.device, tip.end)])),
            Standing::Void { until, by } if now < until => Err(Denied::Void { until, by }),
            Standing::Free | Standing::Void { .. } => Err(Denied::Nobody),
        }
    }

    /// Whether this device gave a seat away when it had it by this link or by a later one, of which
    /// not all need to be here.
    fn gave_away(&self, token: &Token, tip: &Tip) -> bool {
        let given = self.state.given.get(token);
        given.is_some_and(|given| (given.term, given.number) > (tip.term, tip.number))
    }

    /// Takes what this device itself says among its statements; returns whether it is new.
    pub(super) fn say(&mut self, lease: &Lease) -> bool {
        let PersonId(owner) = *self.leases.owner();
        let DeviceId(device) = self.me.device;
        let signer = if lease.is_of_office() { owner } else { device };
        self.leases.insert(&VerifiedLease::own(signer, *lease))
    }

    /// The only place that makes effects. What is given away is stopped before it is written down:
    /// once it is written, a copy of the folder might send it.
    fn effects(&mut self, said: Result<Vec<Lease>, Denied>) -> Vec<Effect> {
        let (said, denied) = match said {
            Ok(said) => (said, None),
            Err(denied) => (Vec::new(), Some(denied)),
        };
        let given = said.iter().filter(|lease| is_gift(lease));
        let mut effects: Vec<Effect> = given.map(|lease| Effect::Stop(*lease.licence())).collect();
        if self.state.is_news(&self.saved) {
            self.saved = self.state.clone();
            effects.push(Effect::Persist(self.state.clone()));
        }
        effects.extend(said.into_iter().map(Effect::Publish));
        effects.extend(denied.map(Effect::Refuse));
        effects
    }
}

/// Whether a device gives its seat away by this.
fn is_gift(lease: &Lease) -> bool {
    matches!(lease, Lease::Link(_)) && !lease.is_of_office()
}

/// Both reasons, or the one that tells more.
fn with(why: Denied, other: Denied) -> Denied {
    match (why, other) {
        (Denied::Elsewhere(holders), Denied::Elsewhere(others)) => {
            Denied::Elsewhere([holders, others].concat())
        }
        (why, other) if other.rank() > why.rank() => other,
        (why, _) => why,
    }
}

#[cfg(test)]
#[path = "seats_tests.rs"]
mod tests;
