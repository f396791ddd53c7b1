//! Seats on this device: what `segue_limits::lease` decides is kept, signed and sent here.
//!
//! The machine is opened from the store for each event, and its effects are carried out in their order. A
//! document in which nothing has seats costs nothing.
//!
//! Invariants: what was decided is stored in one transaction with what is said of it; of a state that
//! cannot be read nothing is assumed, so nobody uses a seat by it.

pub(crate) mod ask;
mod view;

use std::collections::BTreeSet;

use data_encoding::HEXLOWER;
use segue_access::{Members, SignedStatement, Statement, VerifiedStatement};
use segue_limits::Body;
use segue_limits::lease::{
    CLOCK_BOUND_MS, Denied, Effect, Event, Incarnation, Lease, Leases, Licence, Observation, Offer,
    Party, Seats, SignedLease, State, TERM_MAX_MS, VerifiedLease,
};
use segue_model::{DeviceId, DocumentId};
use segue_store::{Reader, StoreError, Tx};

use super::Said;
use crate::agent::Agent;
use crate::failure::Failure;
use crate::home::Home;
use crate::peers::ingest::say;
pub(crate) use view::View;

/// How long a seat is given for, unless its licence ends before: a week.
const TERM_MS: i64 = 7 * 86_400_000;
const _: () = assert!(TERM_MS <= TERM_MAX_MS);

/// What this device's clock shows, in Unix milliseconds.
pub(super) fn now(agent: &Agent) -> i64 {
    (agent.world.now)().saturating_mul(1000)
}

/// This life of this device.
fn me(home: &Home) -> Party {
    Party { device: home.device.id(), incarnation: Incarnation(home.incarnation) }
}

fn setting(document: &DocumentId) -> String {
    format!("seats {document}")
}

/// Keeps what must not be forgotten.
pub(crate) fn put(tx: &Tx<'_>, document: &DocumentId, state: &State) -> Result<(), StoreError> {
    tx.put_setting(&setting(document), &HEXLOWER.encode(&state.encode()))
}

/// Checks that what this folder noted of a document's seats can be read.
pub(crate) fn check(agent: &Agent, document: &DocumentId) -> Result<String, Failure> {
    state(&agent.home.store, document).map(|_| "whole".into())
}

/// What this folder must not forget about a document's seats.
fn state(reader: &Reader, document: &DocumentId) -> Result<State, Failure> {
    let Some(text) = reader.setting(&setting(document))? else { return Ok(State::default()) };
    let bytes = HEXLOWER.decode(text.as_bytes()).ok();
    bytes.and_then(|bytes| State::decode(&bytes).ok()).ok_or_else(|| {
        let sentence = "what this folder noted of its seats cannot be read";
        Failure::refused(sentence, "a newer Segue may have written it; else restore a backup")
    })
}

/// The lease inside a statement, if that counts among the members and its own signature is valid.
fn lease(members: &Members, verified: &VerifiedStatement) -> Option<VerifiedLease> {
    let Statement::Limit { body, .. } = verified.statement() else { return None };
    let Ok(Body::Lease(bytes)) = Body::decode(body) else { return None };
    if !members.matters(verified) {
        return None;
    }
    SignedLease::decode(&bytes).ok()?.verify().ok()
}

/// What the members said about seats; nothing in a document without an owner.
pub(super) fn leases(verified: &[VerifiedStatement], members: &Members) -> Option<Leases> {
    let mut leases = Leases::new(members.owner()?);
    for lease in verified.iter().filter_map(|verified| lease(members, verified)) {
        leases.insert(&lease);
    }
    Some(leases)
}

/// Opens what is known of a document's seats, with what is to be done first; nothing if nothing has any.
fn open(agent: &Agent, document: &DocumentId, said: &Said) -> Result<Option<Opened>, Failure> {
    if said.seated.is_empty() {
        return Ok(None);
    }
    said.leases.is_some().then(|| opened(agent, document, said)).transpose()
}

/// A machine, with what is to be done because it was opened.
type Opened = (Seats, Vec<Effect>);

/// Opens what is known of a document's seats.
fn opened(agent: &Agent, document: &DocumentId, said: &Said) -> Result<Opened, Failure> {
    let owner = said.members.owner().unwrap_or_else(|| agent.home.person.id());
    let leases = said.leases.clone().unwrap_or_else(|| Leases::new(owner));
    let state = state(&agent.home.store, document)?;
    Ok(Seats::open(me(&agent.home), leases, state, now(agent)))
}

/// Carries out effects, in their order; returns what was refused, and whether anything was said.
fn carry_out(
    agent: &mut Agent,
    document: DocumentId,
    effects: Vec<Effect>,
) -> Result<(Option<Denied>, bool), Failure> {
    let (mut state, mut leases, mut refused) = (None, Vec::new(), None);
    for effect in effects {
        match effect {
            // Whoever gives a seat has stopped its use before (`ask`).
            Effect::Stop(_) => {}
            Effect::Persist(changed) => state = Some(changed),
            Effect::Publish(lease) => leases.push(sign(&agent.home, document, &lease)?),
            Effect::Refuse(denied) => refused = Some(denied),
        }
    }
    let keep = |tx: &Tx<'_>| state.iter().try_for_each(|state| put(tx, &document, state));
    if !leases.is_empty() {
        say(agent, document, &leases, &keep)?;
    } else if state.is_some() {
        let tx = agent.home.store.transaction()?;
        keep(&tx)?;
        tx.commit()?;
    }
    Ok((refused, !leases.is_empty()))
}

fn sign(home: &Home, document: DocumentId, lease: &Lease) -> Result<SignedStatement, Failure> {
    let signed = if lease.is_of_office() {
        lease.sign_as_owner(&home.person)
    } else {
        lease.sign(&home.device)
    };
    let refused = |error: String| Failure::refused(error, "");
    let body = Body::Lease(signed.encode().into());
    let body = body.encode().map_err(|error| refused(error.to_string()))?;
    let statement = Statement::Limit { document, body };
    home.device.sign(&statement).map_err(|error| refused(error.to_string()))
}

/// Takes in an event that stops nothing.
pub(super) fn tell(agent: &mut Agent, document: DocumentId, event: Event) -> Result<bool, Failure> {
    let said = agent.said.of(&agent.home.store, &document)?;
    let Some((mut seats, mut effects)) = open(agent, &document, &said)? else { return Ok(false) };
    effects.extend(seats.step(event, now(agent)));
    Ok(carry_out(agent, document, effects)?.1)
}

/// The state of a folder that begins a document: there its seats are given out.
pub(crate) fn founded(agent: &Agent) -> State {
    let (leases, now) = (Leases::new(agent.home.person.id()), now(agent));
    let (mut seats, _) = Seats::open(me(&agent.home), leases, State::default(), now);
    last_state(seats.step(Event::Founded, now)).unwrap_or_default()
}

fn last_state(effects: Vec<Effect>) -> Option<State> {
    effects.into_iter().rev().find_map(|effect| match effect {
        Effect::Persist(state) => Some(state),
        _ => None,
    })
}

/// Whether anything has seats, in any document.
pub(crate) fn are_any(agent: &Agent) -> Result<bool, Failure> {
    for row in agent.home.store.documents()? {
        if !agent.said.of(&agent.home.store, &row.id)?.seated.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Notes the time in each document, and gives out the seats that were asked for; returns whether
/// anything was said.
pub(crate) fn tend(agent: &mut Agent) -> Result<bool, Failure> {
    if !agent.stopped.is_empty() {
        // A seat is being given away by the state that was read before.
        return Ok(false);
    }
    let mut is_news = false;
    for row in agent.home.store.documents()? {
        is_news |= tend_one(agent, row.id)?;
    }
    Ok(is_news)
}

fn tend_one(agent: &mut Agent, document: DocumentId) -> Result<bool, Failure> {
    let said = agent.said.of(&agent.home.store, &document)?;
    // A note that cannot be read keeps no library from a pass, in which no seat is used. The doctor tells it.
    let Ok(Some((mut seats, mut effects))) = open(agent, &document, &said) else {
        return Ok(false);
    };
    let now = now(agent);
    effects.extend(seats.step(Event::Tick, now));
    if let Some(seen) = contradiction(agent, now)? {
        effects.extend(seats.step(Event::Observed(seen), now));
    }
    if said.members.owner() == Some(agent.home.person.id()) {
        effects.extend(seats.step(Event::Serve(offers(&said).collect()), now));
    }
    Ok(carry_out(agent, document, effects)?.1)
}

/// What this device's clock should show by the seconds since the computer's start, if it shows something else. That
/// it shows the same says nothing: what was noted may have been wrong already.
fn contradiction(agent: &Agent, now: i64) -> Result<Option<Observation>, Failure> {
    let Some(expected) = crate::clock::expected(agent)? else { return Ok(None) };
    let theirs = expected.saturating_mul(1000);
    let peer = agent.home.device.id();
    let seen = Observation { peer, theirs, ours: now, round_trip: 1000 };
    Ok((theirs.saturating_sub(now).saturating_abs() > CLOCK_BOUND_MS).then_some(seen))
}

/// What each licence with seats allows now.
fn offers(said: &Said) -> impl Iterator<Item = (Licence, Offer)> {
    let writers: BTreeSet<_> = said.members.devices().map(|(device, _)| device).collect();
    let writers: BTreeSet<_> =
        writers.into_iter().filter(|device| said.members.may_write(device)).collect();
    said.seated.iter().map(move |(licence, seats)| {
        let terms = said.limits.effective(&[licence.item]).terms;
        let may = |device: &_| terms.devices.as_ref().is_none_or(|some| some.contains(device));
        let until = terms.valid_until.map(|second| second.saturating_mul(1000));
        let devices = writers.iter().copied().filter(may).collect();
        (*licence, Offer { seats: *seats, term_ms: TERM_MS, until, devices })
    })
}

/// What follows from statements that came, to be kept with them.
pub(crate) fn heard(
    agent: &Agent,
    document: &DocumentId,
    members: &Members,
    fresh: &[SignedStatement],
) -> Result<Option<State>, Failure> {
    let fresh: Vec<_> = fresh.iter().filter_map(|signed| signed.verified().ok()).collect();
    let fresh: Vec<_> = fresh.iter().filter_map(|verified| lease(members, verified)).collect();
    if fresh.is_empty() {
        return Ok(None);
    }
    let said = agent.said.of(&agent.home.store, document)?;
    let Ok((mut seats, mut effects)) = opened(agent, document, &said) else { return Ok(None) };
    for lease in fresh {
        effects.extend(seats.step(Event::Heard(lease), now(agent)));
    }
    Ok(last_state(effects))
}

/// A person says that this device's clock is right.
pub(crate) fn clock_confirmed(agent: &mut Agent) -> Result<(), Failure> {
    for row in agent.home.store.documents()? {
        tell(agent, row.id, Event::ClockConfirmed)?;
    }
    Ok(())
}

/// What people call a device.
pub(crate) fn name(said: &Said, device: &DeviceId) -> String {
    said.members.name(device).map_or_else(|| device.to_string()[..8].to_owned(), str::to_owned)
}
