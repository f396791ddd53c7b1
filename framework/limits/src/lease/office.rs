//! The office: where the owner's key is, seats are issued.
//!
//! There must be one, since two that cannot hear each other would issue the same seat. So a copy
//! of the folder is none, and what was restored waits until all that it may have forgotten is
//! over. It does not decide who may ask, nor how many seats there are: that comes with the [`Offer`].
//!
//! Invariant: a term begins only when, by all that this office ever issued, the one before it
//! came back or has been over for twice the clock's bound.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use segue_model::DeviceId;

use super::denied::Denied;
use super::seats::Seats;
use super::state::Office;
use super::statement::{Lease, LeaseHash, Licence, Link, Party, Request, To, Token};
use super::{CLOCK_BOUND_MS, STOP_BEFORE_MS, Standing, TERM_MAX_MS};

/// What a licence allows now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// How many devices may use it at one time.
    pub seats: u32,
    /// How long a term lasts, in milliseconds; at most [`TERM_MAX_MS`].
    pub term_ms: i64,
    /// The end of the licence, in Unix milliseconds, if it has one.
    pub until: Option<i64>,
    /// Whom it allows: members of the document, and what the terms say of devices.
    pub devices: BTreeSet<DeviceId>,
}

impl Offer {
    /// When a term ends that begins now, if it is worth beginning.
    fn end(&self, now: i64) -> Option<i64> {
        let end = now + self.term_ms.clamp(0, TERM_MAX_MS);
        let end = self.until.map_or(end, |until| until.min(end));
        (now < end - STOP_BEFORE_MS).then_some(end)
    }
}

impl Seats {
    /// Answers the requests for licences, of each the oldest first, as far as there are free seats.
    pub(super) fn serve(
        &mut self,
        offers: &BTreeMap<Licence, Offer>,
        now: i64,
    ) -> Result<Vec<Lease>, Denied> {
        self.check_office(now)?;
        self.check_clock(now)?;
        let mut issued = Vec::new();
        for (licence, offer) in offers {
            issued.extend(self.answer(licence, offer, now));
        }
        Ok(issued)
    }

    fn answer(&mut self, licence: &Licence, offer: &Offer, now: i64) -> Vec<Lease> {
        let mut issued = Vec::new();
        let Some(end) = offer.end(now) else { return issued };
        let mut seat = 0;
        for (hash, request) in self.open_requests(licence, offer, now) {
            let Some(token) = self.free_seat(licence, seat..offer.seats, now) else { break };
            seat = token.seat + 1;
            issued.push(self.issue(token, hash, &request, end, now));
        }
        issued
    }

    /// Whether this folder issues seats now.
    ///
    /// # Errors
    /// Why it does not.
    pub fn check_office(&self, now: i64) -> Result<(), Denied> {
        match self.state.office {
            Some(Office { incarnation, not_before }) if incarnation == self.me.incarnation => {
                if now < not_before { Err(Denied::OfficeWaits(not_before)) } else { Ok(()) }
            }
            _ => Err(Denied::NoOffice),
        }
    }

    /// The requests that are neither old nor answered, of whoever may have a seat and has none, oldest first. Whoever
    /// gave a seat away since had it from somebody else, and does not ask any more.
    fn open_requests(
        &self,
        licence: &Licence,
        offer: &Offer,
        now: i64,
    ) -> Vec<(LeaseHash, Request)> {
        let mut requests = self.leases.requests(licence);
        if requests.is_empty() {
            return requests;
        }
        let (answered, gifts) = (self.leases.answered(licence), self.leases.gifts(licence));
        let standings = self.leases.standings(licence, offer.seats);
        let holder = |(_, standing)| match standing {
            Standing::Held(tip) if now < tip.end => Some(tip.holder),
            _ => None,
        };
        let holders: BTreeSet<Party> = standings.filter_map(holder).collect();
        requests.retain(|(hash, request)| {
            let age = now.saturating_sub(request.at);
            let gave = gifts.get(&request.by).copied();
            offer.devices.contains(&request.by.device)
                && (-2 * CLOCK_BOUND_MS..TERM_MAX_MS).contains(&age)
                && !answered.contains(hash)
                && gave.is_none_or(|at| at < request.at)
                && !holders.contains(&request.by)
        });
        requests
    }

    fn free_seat(&self, licence: &Licence, seats: Range<u32>, now: i64) -> Option<Token> {
        let mut tokens = seats.map(|seat| Token { licence: *licence, seat });
        tokens.find(|token| self.leases.is_free(token, now))
    }

    fn issue(
        &mut self,
        token: Token,
        previous: LeaseHash,
        request: &Request,
        end: i64,
        now: i64,
    ) -> Lease {
        // A clock may have been set back by a little; a term's name is never used twice.
        let term = self.leases.last_term(&token).map_or(now, |last| now.max(last + 1));
        let to = To::Device(request.by);
        let link = Link { token, term, number: 0, previous, to, end, at: term };
        self.state.issued.insert(token, link);
        self.say(&Lease::Link(link));
        Lease::Link(link)
    }
}
