//! Who has a seat, from all statements that are here, in whatever order they came.
//!
//! A term's chain begins with the owner's statement and goes on as long as exactly one statement
//! follows: of the next number, naming the one before it, by whoever has the seat. What does
//! not follow waits, or is forged. It reads no clock: whether a term is over is for who asks.
//!
//! Invariant: a pure function of the set, and two statements that follow one give the seat to nobody.

use std::collections::{BTreeMap, BTreeSet};

use segue_model::{DeviceId, PersonId};

use super::statement::{Lease, LeaseHash, Licence, Link, Request, To, Token, VerifiedLease};
use super::{OVER_AFTER_MS, Party, STOP_BEFORE_MS, TERM_MAX_MS};

/// The statements that a device has about one document's seats.
#[derive(Debug, Clone)]
pub struct Leases {
    owner: PersonId,
    terms: BTreeMap<Token, BTreeMap<i64, Vec<Signed>>>,
    requests: BTreeMap<Licence, BTreeMap<LeaseHash, Request>>,
    known: BTreeSet<LeaseHash>,
}

/// A link with who signed it.
#[derive(Debug, Clone, Copy)]
struct Signed {
    link: Link,
    signer: [u8; 32],
    hash: LeaseHash,
}

/// How a token stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// No device has it: it was never issued, or came back.
    Free,
    /// A device has it until the end of the term.
    Held(Tip),
    /// Nobody has it: statements contradict each other, or what ended the term before is not here.
    Void {
        /// Until then, in Unix milliseconds of whoever asks.
        until: i64,
        /// The key that signed two statements where there can be one, if that is why.
        by: Option<[u8; 32]>,
    },
}

/// The last statement of a term's chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tip {
    /// Who has the seat.
    pub holder: Party,
    /// The end of the term, in Unix milliseconds.
    pub end: i64,
    pub(super) term: i64,
    pub(super) number: u32,
    pub(super) hash: LeaseHash,
}

impl Tip {
    /// When the holder stops, in Unix milliseconds of its clock.
    pub fn stops_at(&self) -> i64 {
        self.end.saturating_sub(STOP_BEFORE_MS)
    }
}

/// Where the chain of one term leads.
enum Walk {
    /// To its last statement.
    Last(Link, LeaseHash),
    /// To two statements by one signer, of which neither counts.
    Fork([u8; 32]),
}

struct Term {
    began: i64,
    end: i64,
    walk: Walk,
}

impl Term {
    fn is_back(&self) -> bool {
        matches!(self.walk, Walk::Last(Link { to: To::Office, .. }, _))
    }

    /// Whether another term may begin at `time`.
    fn is_over(&self, time: i64) -> bool {
        self.is_back() || self.end.saturating_add(OVER_AFTER_MS) <= time
    }

    fn fork(&self) -> Option<[u8; 32]> {
        match self.walk {
            Walk::Fork(signer) => Some(signer),
            Walk::Last(..) => None,
        }
    }
}

impl Leases {
    /// None yet. `owner` is the person whose key is the document's office.
    pub fn new(owner: PersonId) -> Self {
        let (terms, requests, known) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        Self { owner, terms, requests, known }
    }

    /// The person whose key is the document's office.
    pub fn owner(&self) -> &PersonId {
        &self.owner
    }

    /// Takes a statement in; returns whether it is another one and can mean something.
    pub fn insert(&mut self, statement: &VerifiedLease) -> bool {
        let (hash, signer) = (statement.hash(), *statement.signer());
        match *statement.lease() {
            Lease::Link(link) if self.can_mean(&link, &signer) && self.known.insert(hash) => {
                let terms = self.terms.entry(link.token).or_default();
                terms.entry(link.term).or_default().push(Signed { link, signer, hash });
                true
            }
            Lease::Request(request) if self.known.insert(hash) => {
                self.requests.entry(request.licence).or_default().insert(hash, request);
                true
            }
            _ => false,
        }
    }

    fn can_mean(&self, link: &Link, signer: &[u8; 32]) -> bool {
        let Some(length) = link.end.checked_sub(link.term) else { return false };
        let is_issue = link.number == 0;
        let may_issue = *signer == self.owner.0 && link.at == link.term;
        (1..=TERM_MAX_MS).contains(&length) && link.at < link.end && (!is_issue || may_issue)
    }

    /// How a token stands.
    pub fn standing(&self, token: &Token) -> Standing {
        let mut terms: Vec<Term> = self.terms(token).collect();
        let Some(latest) = terms.pop() else { return Standing::Free };
        terms.retain(|term| !term.is_over(latest.began));
        let until = terms.iter().map(|term| term.end).fold(latest.end, i64::max);
        let until = until.saturating_add(OVER_AFTER_MS);
        if !terms.is_empty() {
            return Standing::Void { until, by: terms.iter().find_map(Term::fork) };
        }
        match latest.walk {
            Walk::Fork(by) => Standing::Void { until, by: Some(by) },
            Walk::Last(Link { to: To::Office, .. }, _) => Standing::Free,
            Walk::Last(Link { to: To::Device(holder), end, term, number, .. }, hash) => {
                Standing::Held(Tip { holder, end, term, number, hash })
            }
        }
    }

    /// The tokens of a licence that were ever issued, of the first `seats`, and how they stand.
    pub fn standings(
        &self,
        licence: &Licence,
        seats: u32,
    ) -> impl Iterator<Item = (Token, Standing)> {
        let token = |seat| Token { licence: *licence, seat };
        let tokens = self.terms.range(token(0)..token(seats)).map(|(token, _)| *token);
        tokens.map(|token| (token, self.standing(&token)))
    }

    /// Whether another term of a token may begin at `time`, by what is here.
    pub(super) fn is_free(&self, token: &Token, time: i64) -> bool {
        self.terms(token).all(|term| term.is_over(time))
    }

    /// When the last term of a token began.
    pub(super) fn last_term(&self, token: &Token) -> Option<i64> {
        self.terms(token).last().map(|term| term.began)
    }

    /// The newest request of each party for a seat of this licence, oldest first.
    pub(super) fn requests(&self, licence: &Licence) -> Vec<(LeaseHash, Request)> {
        let mut newest: BTreeMap<Party, (LeaseHash, Request)> = BTreeMap::new();
        for (hash, request) in self.requests.get(licence).into_iter().flatten() {
            let kept = newest.entry(request.by).or_insert((*hash, *request));
            if (kept.1.at, kept.0) < (request.at, *hash) {
                *kept = (*hash, *request);
            }
        }
        let mut requests: Vec<_> = newest.into_values().collect();
        requests.sort_by_key(|(hash, request)| (request.at, *hash));
        requests
    }

    /// The requests in answer to which a term of this licence began.
    pub(super) fn answered(&self, licence: &Licence) -> BTreeSet<LeaseHash> {
        let links = self.links(licence).flatten().map(|signed| &signed.link);
        links.filter(|link| link.number == 0).map(|link| link.previous).collect()
    }

    /// When each party last gave a seat of this licence away, by its own clock.
    pub(super) fn gifts(&self, licence: &Licence) -> BTreeMap<Party, i64> {
        let mut gifts = BTreeMap::new();
        for links in self.links(licence) {
            let named: BTreeMap<&LeaseHash, &Signed> =
                links.iter().map(|signed| (&signed.hash, signed)).collect();
            for gift in links {
                let Some(last) = named.get(&gift.link.previous) else { continue };
                if let (true, To::Device(party)) = (follows(gift, last), last.link.to) {
                    let at = gifts.entry(party).or_insert(gift.link.at);
                    *at = gift.link.at.max(*at);
                }
            }
        }
        gifts
    }

    /// The links of each term of a licence.
    fn links(&self, licence: &Licence) -> impl Iterator<Item = &Vec<Signed>> {
        let token = |seat| Token { licence: *licence, seat };
        let terms = self.terms.range(token(0)..=token(u32::MAX));
        terms.flat_map(|(_, terms)| terms.values())
    }

    /// The life in which a device last asked for a seat of this licence: whom a seat that is given
    /// to the device should name.
    pub fn who_asked(&self, licence: &Licence, device: &DeviceId) -> Option<Party> {
        let mut parties = self.requests(licence).into_iter().map(|(_, request)| request.by);
        parties.rfind(|party| party.device == *device)
    }

    /// The terms of a token whose beginning is here, oldest first.
    fn terms(&self, token: &Token) -> impl Iterator<Item = Term> {
        let terms = self.terms.get(token).into_iter().flatten();
        terms.filter_map(|(began, links)| term(*began, links))
    }
}

/// What is known of a term, if its beginning is here.
fn term(began: i64, links: &[Signed]) -> Option<Term> {
    let mut issues = links.iter().filter(|signed| signed.link.number == 0);
    let issue = issues.next()?;
    let end = issues.clone().map(|other| other.link.end).fold(issue.link.end, i64::max);
    let is_double = issues.next().is_some();
    let walk = if is_double { Walk::Fork(issue.signer) } else { walk(issue, links) };
    Some(Term { began, end, walk })
}

/// However many statements somebody makes up, each is looked at once.
fn walk(issue: &Signed, links: &[Signed]) -> Walk {
    let mut after: BTreeMap<&LeaseHash, Vec<&Signed>> = BTreeMap::new();
    for signed in links {
        after.entry(&signed.link.previous).or_default().push(signed);
    }
    let mut last = issue;
    loop {
        let named = after.get(&last.hash).into_iter().flatten().copied();
        let mut next = named.filter(|signed| follows(signed, last));
        let Some(first) = next.next() else { return Walk::Last(last.link, last.hash) };
        if next.next().is_some() {
            return Walk::Fork(first.signer);
        }
        last = first;
    }
}

/// Whether a statement is by whoever has the seat, and goes on where the chain is.
fn follows(next: &Signed, last: &Signed) -> bool {
    let To::Device(holder) = last.link.to else { return false };
    next.signer == holder.device.0
        && next.link.previous == last.hash
        && last.link.number.checked_add(1) == Some(next.link.number)
        && next.link.end == last.link.end
}

#[cfg(test)]
#[path = "chain_tests.rs"]
mod tests;
