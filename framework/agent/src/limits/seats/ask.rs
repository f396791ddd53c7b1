//! `segue licences take`, `give`, `office`: what a person does with seats.

use std::collections::BTreeMap;

use segue_document::DOCUMENT_RECORD;
use segue_limits::lease::{Denied, Event, Licence, To};
use segue_limits::{Seat, Situation, State};
use segue_model::{DeviceId, DocumentId, ItemId};

use super::{View, carry_out, name, now, open, opened};
use crate::agent::Agent;
use crate::command::{LibrarySpec, OfficeReport, SeatReport, SeatState};
use crate::failure::Failure;
use crate::limits;
use crate::limits::report::{listed_still, moment_of};
use crate::operate::Operation;
use crate::pass::SameAs;
use crate::peers::revoke::find;
use crate::progress::Progress;
use crate::shards::Shards;
use crate::{members, query, report, sync};

/// Something that has seats.
struct Seated {
    document: DocumentId,
    /// The items that read as one.
    items: Vec<ItemId>,
    title: String,
    licences: BTreeMap<Licence, u32>,
}

/// Takes a seat of each licence of an item: asks for it, and has it at once where it is given out.
pub(crate) fn take(
    agent: &mut Agent,
    item: &str,
    progress: &dyn Progress,
) -> Result<SeatReport, Failure> {
    let seated = Seated::named(agent, item)?;
    members::refuse_reader(&agent.home, &seated.document)?;
    seated.refuse_useless(agent)?;
    for (licence, seats) in &seated.licences {
        let said = agent.said.of(&agent.home.store, &seated.document)?;
        if View::of(agent, seated.document, &said).holds(licence, *seats).is_err() {
            step(agent, &seated, Event::Take(*licence))?;
        }
    }
    super::tend(agent)?;
    let (state, denied) = match seated.held(agent)? {
        Ok(_) => (SeatState::Taken, None),
        // Asked for it is already.
        Err(Denied::Nobody) => (SeatState::Asked, None),
        Err(denied) => (SeatState::Asked, Some(denied)),
    };
    if state == SeatState::Taken {
        pass(agent, seated.document, "took a seat", progress)?;
    }
    seated.report(agent, state, denied.as_ref())
}

/// Gives this device's seats of an item back, or to another device that asked for them.
pub(crate) fn give(
    agent: &mut Agent,
    item: &str,
    to: Option<&str>,
    progress: &dyn Progress,
) -> Result<SeatReport, Failure> {
    let seated = Seated::named(agent, item)?;
    let said = agent.said.of(&agent.home.store, &seated.document)?;
    let view = View::of(agent, seated.document, &said);
    let holds = |(licence, seats): (&Licence, &u32)| {
        view.holds(licence, *seats).is_ok().then_some(*licence)
    };
    // Of a licence of which others have all seats there is nothing to give.
    let held: Vec<Licence> = seated.licences.iter().filter_map(holds).collect();
    if let (true, Err(denied)) = (held.is_empty(), seated.held(agent)?) {
        let sentence =
            format!("this computer has no seat of it: {}", words(agent, &seated, &denied)?);
        return Err(Failure::refused(sentence, "see who has: segue licences"));
    }
    let device = to.map(|peer| find(agent, peer)).transpose()?;
    let mut receivers = BTreeMap::new();
    for licence in held {
        receivers.insert(licence, receiver(agent, &seated, &licence, device, to)?);
    }
    agent.stopped.extend(receivers.keys());
    let done = give_all(agent, &seated, &receivers, progress);
    agent.stopped.clear();
    done?;
    seated.report(agent, SeatState::Given, None)
}

/// First nothing of it is in use, then it is noted and said, each in a transaction of its own: what fails was not
/// given, and comes back with the next sync.
fn give_all(
    agent: &mut Agent,
    seated: &Seated,
    receivers: &BTreeMap<Licence, To>,
    progress: &dyn Progress,
) -> Result<(), Failure> {
    pass(agent, seated.document, "gave a seat", progress)?;
    let listed = listed_still(agent, seated.document, &seated.items)?;
    if !listed.is_empty() {
        let sentence = format!("it is still in use: {}", listed.join("; "));
        let hint =
            "close the app, or let Segue reach its library (segue status), and give it again";
        return Err(Failure::refused(sentence, hint));
    }
    for (licence, to) in receivers {
        if let Some(denied) = step(agent, seated, Event::Give(*licence, *to))? {
            return Err(Failure::refused(words(agent, seated, &denied)?, "see: segue licences"));
        }
    }
    Ok(())
}

/// Whether seats are given out here; `take_over` if the folder that did is gone for good.
pub(crate) fn office(agent: &mut Agent, take_over: bool) -> Result<Vec<OfficeReport>, Failure> {
    let mut reports = Vec::new();
    let mut is_refused = take_over;
    for row in agent.home.store.documents()? {
        let said = agent.said.of(&agent.home.store, &row.id)?;
        let is_owner = said.members.owner() == Some(agent.home.person.id());
        is_refused &= !is_owner;
        if take_over && is_owner {
            let (mut seats, mut effects) = opened(agent, &row.id, &said)?;
            effects.extend(seats.step(Event::TookOffice, now(agent)));
            let (denied, _) = carry_out(agent, row.id, effects)?;
            if let Some(denied) = denied {
                let sentence = denied.words(|device| name(&said, device), moment_of);
                return Err(Failure::refused(sentence, "put it right, then say: segue sync --yes"));
            }
        }
        let here = opened(agent, &row.id, &said)?.0.check_office(now(agent));
        reports.push(OfficeReport {
            document: row.id.to_string(),
            schema: row.schema,
            here: here.is_ok(),
            owner: is_owner,
            words: match &here {
                Ok(()) => "this folder gives out its seats".into(),
                Err(denied) => denied.words(|device| name(&said, device), moment_of),
            },
        });
    }
    if is_refused {
        let hint = "say it in a folder (--home) with the key of the document's owner";
        return Err(Failure::refused("no document here is this person's own", hint));
    }
    Ok(reports)
}

impl Seated {
    fn named(agent: &mut Agent, item: &str) -> Result<Self, Failure> {
        let (document, id) = query::named(agent, item)?;
        let record = query::shown_record(agent, document, id)?;
        let mut shards = Shards::new(&agent.home.store, document, agent.home.actor)?;
        let same = SameAs::of(&shards.record(&DOCUMENT_RECORD, None)?);
        let component = same.component(&ItemId(id)).cloned();
        let items: Vec<ItemId> =
            component.unwrap_or_else(|| [ItemId(id)].into()).into_iter().collect();
        let said = agent.said.of(&agent.home.store, &document)?;
        let view = View::of(agent, document, &said);
        let licences = view.licences(&said.limits, &items);
        let title = report::title(&record);
        if licences.is_empty() {
            let sentence =
                format!("{title} has no seats: no licence says how many devices may use it");
            return Err(Failure::refused(sentence, "see what is limited: segue licences"));
        }
        Ok(Self { document, items, title, licences })
    }

    /// Refuses to ask for a seat that nobody can have, or with which it could not be used.
    fn refuse_useless(&self, agent: &Agent) -> Result<(), Failure> {
        let said = agent.said.of(&agent.home.store, &self.document)?;
        let now = limits::now(agent, &said.limits)?.now;
        let (device, seat) = (agent.home.device.id(), Seat::Held { until: i64::MAX });
        let with_one = Situation { now, device, plays: 0, seat };
        let sentence = match State::of(&said.limits.effective(&self.items).terms, &with_one) {
            State::Valid | State::NotYet { .. } => return Ok(()),
            State::LeasedElsewhere => {
                format!("{} is for no device: its licence has no seats", self.title)
            }
            state => format!("{} could not be used with a seat either: {state}", self.title),
        };
        Err(Failure::refused(sentence, "see what limits it: segue licences"))
    }

    /// Until when this device has a seat of each licence, or why it has not.
    fn held(&self, agent: &Agent) -> Result<Result<i64, Denied>, Failure> {
        let said = agent.said.of(&agent.home.store, &self.document)?;
        let view = View::of(agent, self.document, &said);
        let ends = self.licences.iter().map(|(licence, seats)| view.holds(licence, *seats));
        Ok(ends.reduce(|one, other| Ok(one?.min(other?))).unwrap_or(Err(Denied::Nobody)))
    }

    fn report(
        &self,
        agent: &Agent,
        state: SeatState,
        denied: Option<&Denied>,
    ) -> Result<SeatReport, Failure> {
        let until = self.held(agent)?.ok().map(|end| end.div_euclid(1000));
        Ok(SeatReport {
            item: self.items.first().map(ToString::to_string).unwrap_or_default(),
            title: self.title.clone(),
            state,
            until,
            words: denied.map(|denied| words(agent, self, denied)).transpose()?,
        })
    }
}

/// Lets one event happen; what is to be stopped is stopped already. Returns what was refused.
fn step(agent: &mut Agent, seated: &Seated, event: Event) -> Result<Option<Denied>, Failure> {
    let said = agent.said.of(&agent.home.store, &seated.document)?;
    let Some((mut seats, mut effects)) = open(agent, &seated.document, &said)? else {
        return Ok(None);
    };
    effects.extend(seats.step(event, now(agent)));
    Ok(carry_out(agent, seated.document, effects)?.0)
}

/// Where a seat goes.
fn receiver(
    agent: &Agent,
    seated: &Seated,
    licence: &Licence,
    device: Option<DeviceId>,
    called: Option<&str>,
) -> Result<To, Failure> {
    let Some(device) = device else { return Ok(To::Office) };
    let said = agent.said.of(&agent.home.store, &seated.document)?;
    let party = said.leases.as_ref().and_then(|leases| leases.who_asked(licence, &device));
    party.map(To::Device).ok_or_else(|| {
        let sentence = format!("{} did not ask for it", called.unwrap_or_default());
        Failure::refused(
            sentence,
            "ask there: segue licences take ITEM; or give it back without --to",
        )
    })
}

fn words(agent: &Agent, seated: &Seated, denied: &Denied) -> Result<String, Failure> {
    let said = agent.said.of(&agent.home.store, &seated.document)?;
    Ok(denied.words(|device| name(&said, device), moment_of))
}

/// One pass over the libraries of a document.
fn pass(
    agent: &mut Agent,
    document: DocumentId,
    summary: &str,
    progress: &dyn Progress,
) -> Result<(), Failure> {
    let links = agent.home.store.links()?;
    let mut rows = links.into_iter().filter(|row| row.active && row.document == document);
    // Naming one library syncs its whole document.
    let Some(row) = rows.next() else { return Ok(()) };
    let specs = [LibrarySpec { app: row.app, path: Some(row.path), root: None }];
    let operation = Operation { summary: summary.into(), ..sync::operation(agent, false) };
    sync::pass(agent, &specs, &operation, progress)?;
    Ok(())
}
