//! `segue licences`: what is limited, until when, by whom, and where it is withheld.

use std::collections::{BTreeMap, BTreeSet};

use segue_document::{DOCUMENT_RECORD, Record};
use segue_limits::{Heard, Seat, State};
use segue_model::{Amount, CarriedLimit, DocumentId, ItemId, Listing, Proof, Terms};

use super::seats::{View, name};
use super::{Said, Withholding, now, policy, unsaid};
use crate::agent::Agent;
use crate::command::{LicenceHeard, LicenceRow};
use crate::failure::Failure;
use crate::hiding::{AGAIN_MAX, times_again};
use crate::pass::SameAs;
use crate::shards::Shards;
use crate::{libraries, report, views};

/// Everything that is limited, in all documents, what ends first at the beginning.
pub(crate) fn licences(agent: &Agent) -> Result<Vec<LicenceRow>, Failure> {
    let mut rows = Vec::new();
    for document in agent.home.store.documents()? {
        rows.extend(of_document(agent, document.id)?);
    }
    let end = |row: &LicenceRow| row.valid_until.unwrap_or(i64::MAX);
    rows.sort_by(|a, b| (end(a), &a.title, &a.item).cmp(&(end(b), &b.title, &b.item)));
    Ok(rows)
}

/// So soon an end is told beforehand, in seconds: a week.
pub(super) const SOON: i64 = 7 * 86_400;

/// How many items of a document are withheld now, and how many more will be soon.
pub(crate) fn counts(agent: &Agent, document: DocumentId) -> Result<(u64, u64), Failure> {
    let said = agent.said.of(&agent.home.store, &document)?;
    let (mut withheld, mut ending) = (0, 0);
    let now = now(agent, &said.limits)?.now;
    for row in of_document(agent, document)? {
        let is_valid = matches!(row.state.as_str(), VALID | UNVERIFIED);
        let ends = row.valid_until.is_some_and(|until| until < now.saturating_add(SOON));
        withheld += u64::from(!is_valid);
        ending += u64::from(is_valid && ends);
    }
    Ok((withheld, ending))
}

/// The state of an item that a limit withholds, in words for a person; `None` if nothing does.
pub(crate) fn why_withheld(
    agent: &Agent,
    document: DocumentId,
    item: ItemId,
    record: &Record,
) -> Result<Option<String>, Failure> {
    let said = agent.said.of(&agent.home.store, &document)?;
    let own = unsaid::of_document(&agent.home.store, document)?;
    if said.limits.items().next().is_none() && own.is_empty() {
        return Ok(None);
    }
    let mut shards = Shards::new(&agent.home.store, document, agent.home.actor)?;
    let same = SameAs::of(&shards.record(&DOCUMENT_RECORD, None)?);
    let view = View::of(agent, document, &said);
    let policy = Withholding::here(agent, &said.limits, &own, &same, &view)?;
    let state = policy.state(&item, policy::plays(record));
    let component = same.component(&item).cloned().unwrap_or_else(|| [item].into());
    let all: Vec<ItemId> = component.into_iter().collect();
    Ok((!state.is_valid()).then(|| words(&said, &view, &all, &state)))
}

/// The state in words; of a seat that others have, who they are.
fn words(said: &Said, view: &View, items: &[ItemId], state: &State) -> String {
    if *state != State::LeasedElsewhere {
        return state.to_string();
    }
    let licences = view.licences(&said.limits, items);
    if licences.values().any(|seats| *seats == 0) {
        return "for no device: its licence has no seats".to_owned();
    }
    let denied = licences.iter().find_map(|(licence, seats)| view.holds(licence, *seats).err());
    match denied {
        Some(denied) => denied.words(|device| name(said, device), moment_of),
        None => state.to_string(),
    }
}

/// A moment in Unix milliseconds, for people.
pub(crate) fn moment_of(milliseconds: i64) -> String {
    jiff::Timestamp::from_millisecond(milliseconds).map_or_else(
        |_| milliseconds.to_string(),
        |moment| moment.strftime("%Y-%m-%d %H:%M UTC").to_string(),
    )
}

fn of_document(agent: &Agent, document: DocumentId) -> Result<Vec<LicenceRow>, Failure> {
    let said = agent.said.of(&agent.home.store, &document)?;
    let limits = &said.limits;
    let own = unsaid::of_document(&agent.home.store, document)?;
    if limits.items().next().is_none() && own.is_empty() {
        return Ok(Vec::new());
    }
    let mut shards = Shards::new(&agent.home.store, document, agent.home.actor)?;
    let same = SameAs::of(&shards.record(&DOCUMENT_RECORD, None)?);
    let view = View::of(agent, document, &said);
    let policy = Withholding::here(agent, limits, &own, &same, &view)?;
    let mut carried: BTreeMap<ItemId, Vec<&CarriedLimit>> = BTreeMap::new();
    for (item, limit) in &own {
        carried.entry(same.shown(*item)).or_default().push(limit);
    }
    let items = limits.items().map(|(item, _)| same.shown(*item));
    let items: BTreeSet<ItemId> = items.chain(carried.keys().copied()).collect();
    let mut rows = Vec::new();
    for item in items {
        let component = same.component(&item).cloned().unwrap_or_else(|| [item].into());
        let record = views::merged(&mut shards, item, &component)?;
        let all: Vec<ItemId> = component.iter().copied().collect();
        let effective = limits.effective(&all);
        let own = carried.get(&item).map_or(&[][..], Vec::as_slice);
        let terms = own.iter().fold(effective.terms, |terms, own| terms.meet(&own.terms));
        let state = policy.state(&item, policy::plays(&record));
        let heard = effective.heard.values().map(|heard| licence(&said, heard));
        let heard: Vec<LicenceHeard> = heard.chain(own.iter().map(|own| unheard(own))).collect();
        let first = heard.iter().find(|one| !one.issuer.is_empty());
        let is_verified = !heard.is_empty() && heard.iter().all(|one| one.verified);
        let places = places(agent, document, &all, !state.is_valid())?;
        let listed =
            places.listed.into_iter().map(|(place, why)| format!("{place}: {}", why.words()));
        rows.push(LicenceRow {
            item: item.to_string(),
            title: report::title(&record),
            valid_from: terms.valid_from,
            valid_until: terms.valid_until,
            state: word(&state, is_verified).to_owned(),
            words: words(&said, &view, &all, &state),
            seats: terms.amounts.get(&Amount::Seats).copied(),
            seat_until: match view.seat(limits, &all) {
                Seat::Held { until } => Some(until),
                Seat::Absent => None,
            },
            holders: view.holders(&said, &all),
            issuer: first.map(|one| one.issuer.clone()).unwrap_or_default(),
            licences: heard,
            hidden_in: places.hidden,
            listed_in: listed.collect(),
        });
    }
    Ok(rows)
}

const VALID: &str = "valid";
const UNVERIFIED: &str = "unverified";

/// The state in a word that stays.
fn word(state: &State, is_verified: bool) -> &'static str {
    match state {
        State::Valid if is_verified => VALID,
        State::Valid => UNVERIFIED,
        State::NotYet { .. } => "not yet valid",
        State::Expired { .. } => "expired",
        State::OtherDevices => "for other devices",
        State::LeasedElsewhere => "leased elsewhere",
        State::PlayedOut => "played out",
        State::UnknownKind(_) => "unknown limit",
    }
}

pub(super) fn licence(said: &Said, heard: &Heard) -> LicenceHeard {
    let device = segue_model::DeviceId(heard.said_by);
    LicenceHeard {
        carrier: heard.carrier.to_string(),
        issuer: heard.issuer.to_string(),
        licence: heard.licence.to_string(),
        serial: heard.serial,
        device: said.members.name(&device).map(str::to_owned),
        note: heard.note.as_deref().map(str::to_owned),
        ..of_terms(&heard.terms, &heard.proof)
    }
}

/// A licence that holds on this device only, because it is said to nobody.
fn unheard(limit: &CarriedLimit) -> LicenceHeard {
    LicenceHeard { carrier: limit.carrier.to_owned(), ..of_terms(&limit.terms, &limit.proof) }
}

fn of_terms(terms: &Terms, proof: &Proof) -> LicenceHeard {
    let unverified = match proof {
        Proof::Signed { .. } => None,
        Proof::Unverified(why) => Some(why.to_string()),
    };
    LicenceHeard {
        carrier: String::new(),
        issuer: String::new(),
        licence: String::new(),
        serial: 0,
        valid_from: terms.valid_from,
        valid_until: terms.valid_until,
        amounts: terms.amounts.iter().map(|(a, n)| (a.name().to_owned(), *n)).collect(),
        denied: terms.denied.iter().map(|one| one.name().to_owned()).collect(),
        devices: terms.devices.as_ref().map(|some| some.iter().map(ToString::to_string).collect()),
        unknown: terms.unknown.iter().map(ToString::to_string).collect(),
        verified: unverified.is_none(),
        unverified,
        device: None,
        note: None,
    }
}

/// Libraries here that could hide what is withheld, and list it: each with the reason.
pub(crate) fn listed_still(
    agent: &Agent,
    document: DocumentId,
    items: &[ItemId],
) -> Result<Vec<String>, Failure> {
    let listed = places(agent, document, items, true)?.listed;
    Ok(listed
        .into_iter()
        .filter(|(_, why)| *why != Listed::Always)
        .map(|(place, _)| place)
        .collect())
}

/// Why a library lists what is withheld.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listed {
    /// It cannot hide anything.
    Always,
    /// It listed it again each time.
    Again,
    /// It was not written yet.
    Yet,
}

impl Listed {
    const fn words(self) -> &'static str {
        match self {
            Self::Always => "it cannot hide anything",
            Self::Again => "it listed it again each time",
            Self::Yet => "the next sync hides it",
        }
    }
}

/// Where an item is.
#[derive(Default)]
struct Places {
    /// Libraries here that hide it.
    hidden: Vec<String>,
    /// Those that list it though it is withheld.
    listed: Vec<(String, Listed)>,
}

/// Where the libraries here have an item.
fn places(
    agent: &Agent,
    document: DocumentId,
    items: &[ItemId],
    is_withheld: bool,
) -> Result<Places, Failure> {
    let links = agent.home.store.links()?;
    let active = || links.iter().filter(|row| row.active);
    let all: Vec<_> = active().map(|row| (row.app.clone(), row.path.clone())).collect();
    let mut places = Places::default();
    for row in active().filter(|row| row.document == document) {
        let Some(translator) = agent.world.translator(&row.app) else { continue };
        let capabilities = translator.capabilities();
        let label = libraries::label(&row.app, &row.path, &all);
        for item in items {
            for base in agent.home.store.base_by_item(row.id, *item, capabilities.schema)? {
                match base.listing {
                    Listing::Hidden => places.hidden.push(label.clone()),
                    Listing::Listed if is_withheld => {
                        let again = times_again(&agent.home.store, row.id, &base.held.id)?;
                        let why = if !capabilities.hides {
                            Listed::Always
                        } else if again >= AGAIN_MAX {
                            Listed::Again
                        } else {
                            Listed::Yet
                        };
                        places.listed.push((label.clone(), why));
                    }
                    Listing::Listed | Listing::Gone => {}
                }
            }
        }
    }
    Ok(places)
}
