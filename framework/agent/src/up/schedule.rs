//! When what is done: a state machine of events and a time in, effects out.
//!
//! It knows no file, store or clock, so that whole weeks are tried in no time. What is known of each
//! library is in [`service`](super::service).
//!
//! Invariants: there is one job at a time; commands go first, then what other devices sent, which keeps no library waiting
//! for more than [`MAIL_IN_A_ROW_MAX`] jobs. There is no pass without a reason:
//! a library that differs from its base, one whose wait may be over, one that failed and is due
//! again. Without a reason the only job is a look every [`POLL_MS`].

use std::collections::{BTreeMap, VecDeque};

use segue_model::{DocumentId, LinkId};

use super::event::{Effect, Event, Glance, Job, Link, Look, Note, Outcome};
use super::service::{Service, State, Turn};
use super::socket::Order;
use crate::net::NetEvent;

/// A look follows when a library's files were quiet for so long: apps save in several writes.
pub(crate) const QUIET_MS: u64 = 60;
/// And when they have been changing for so long.
pub(crate) const QUIET_MS_MAX: u64 = 1_000;
/// What the watcher missed is seen after so long: folders on a network, apps behind a server.
pub(crate) const POLL_MS: u64 = 5_000;

/// So much that waits is no reason to forget a note; more is.
const NOTES_MAX: usize = 256;

/// After so many jobs for other devices in a row it is a library's turn, if one waits: whoever sends on and on holds up
/// no app.
const MAIL_IN_A_ROW_MAX: u32 = 64;

/// When libraries are passed over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Passes {
    /// Whenever there is a reason.
    #[default]
    Always,
    /// Only by commands: the agent stays for one of them.
    OnCommand,
}

/// What is due, and what goes on.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    services: BTreeMap<LinkId, Service>,
    /// Documents that wait for a pass, and since when.
    due: BTreeMap<DocumentId, u64>,
    orders: VecDeque<Order>,
    /// What other devices sent, and what is to be noted of them, in the order in which it came.
    mail: VecDeque<Job>,
    /// Jobs of the mail since a library had its turn.
    mail_in_a_row: u32,
    is_busy: bool,
    next_poll: u64,
    when: Passes,
    is_stopping: bool,
    /// Passes over documents, and how many of them failed as a whole.
    passes: u64,
    passes_failed: u64,
}

impl Schedule {
    /// Knows nothing yet.
    pub(crate) fn new(when: Passes) -> Self {
        Self { when, ..Self::default() }
    }

    /// Takes an event at a time in milliseconds, which never goes back.
    pub(crate) fn handle(&mut self, event: Event, now: u64) -> Vec<Effect> {
        let mut effects = Vec::new();
        match event {
            Event::Linked(links) => self.linked(links, now, &mut effects),
            Event::Touched(links) => self.touched(&links, now),
            Event::Woke => self.woke(now),
            Event::Tick | Event::Inquired(_) => {}
            Event::Looked(looks) => {
                self.is_busy = false;
                for (link, look) in looks {
                    self.looked(link, look, now, &mut effects);
                }
            }
            Event::Passed(document, done) => {
                self.is_busy = false;
                self.passed(document, done, now, &mut effects);
            }
            Event::Asked(order) => self.orders.push_back(order),
            Event::Answered => {
                self.is_busy = false;
                // Whatever it did, what was known may be no longer true.
                self.services.values_mut().for_each(|service| service.look_anew(now));
            }
            Event::Net(event) => self.net(event, &mut effects),
            Event::Ingested(document, done) => {
                self.is_busy = false;
                self.ingested(document, done, now, &mut effects);
            }
            Event::Noted(sentence) => {
                self.is_busy = false;
                effects.extend(sentence.map(|sentence| Effect::Say(None, sentence)));
            }
            Event::Said(sentence) => effects.push(Effect::Say(None, sentence)),
            Event::Welcomed(begin) => self.mail.push_back(Job::Begin(begin)),
            Event::Stop(_) => self.is_stopping = true,
        }
        self.poll(now);
        self.choose(now, &mut effects);
        effects
    }

    /// When the next `Tick` is of use: the earliest of all that wants to be woken.
    pub(crate) fn next(&self) -> u64 {
        let looks = self.services.values().filter_map(|service| service.look_at);
        // While there is a job nothing else can begin, and its end is an event.
        let looks = looks.filter(|_| !self.is_busy && self.when == Passes::Always);
        looks.fold(self.next_poll, u64::min)
    }

    /// Every library's service.
    pub(crate) fn services(&self) -> impl Iterator<Item = &Service> {
        self.services.values()
    }

    /// Passes over documents so far, and how many of them failed as a whole.
    pub(crate) fn passes(&self) -> (u64, u64) {
        (self.passes, self.passes_failed)
    }

    /// How many commands wait for their turn.
    pub(crate) fn waiting_orders(&self) -> usize {
        self.orders.len()
    }

    fn linked(&mut self, links: Vec<Link>, now: u64, effects: &mut Vec<Effect>) {
        let same = links.len() == self.services.len()
            && links
                .iter()
                .all(|link| self.services.get(&link.id).is_some_and(|s| s.link == *link));
        if same {
            return;
        }
        let folders = links.iter().filter(|link| !link.paused);
        effects.push(Effect::Watch(folders.map(|link| (link.id, link.path.clone())).collect()));
        let mut old = std::mem::take(&mut self.services);
        for link in links {
            let id = link.id;
            let service = match old.remove(&id) {
                Some(mut service) => {
                    if let Some(sentence) = service.relink(link, now) {
                        effects.push(Effect::Say(Some(id), sentence.to_owned()));
                    }
                    service
                }
                None => Service::new(link, now),
            };
            self.services.insert(id, service);
        }
        let Self { services, due, .. } = self;
        let plays = |document| {
            let mut all = services.values();
            all.any(|service| service.link.document == document && service.plays())
        };
        due.retain(|document, _| plays(*document));
    }

    fn net(&mut self, event: NetEvent, effects: &mut Vec<Effect>) {
        let job = match event {
            NetEvent::Arrived { connection, document, number, batch } => {
                Job::Ingest { connection, document, number, batch }
            }
            NetEvent::Knocked(knock) => Job::Hear(knock),
            NetEvent::Culprit(device, why) => Job::Note(Note::Culprit(device, why)),
            NetEvent::Seen(device) => Job::Note(Note::Seen(device)),
            NetEvent::Compared(document, seen) => Job::Note(Note::Compared(document, seen)),
            NetEvent::Said(sentence) => return effects.push(Effect::Say(None, sentence)),
        };
        // Sessions and the network bound how much can come; of notes the rest is not worth memory.
        if self.mail.len() < NOTES_MAX || !matches!(job, Job::Note(_)) {
            self.mail.push_back(job);
        }
    }

    /// A document that has something new is passed on to its libraries.
    fn ingested(
        &mut self,
        document: DocumentId,
        done: Result<bool, String>,
        now: u64,
        effects: &mut Vec<Effect>,
    ) {
        match done {
            Ok(true) => {
                let own = self.services.values_mut().filter(|s| s.link.document == document);
                own.for_each(|service| service.look_anew(now));
            }
            Ok(false) => {}
            Err(why) => {
                effects.push(Effect::Say(None, format!("could not store what a peer sent: {why}")));
            }
        }
    }

    fn touched(&mut self, links: &[LinkId], now: u64) {
        for link in links {
            if let Some(service) = self.services.get_mut(link).filter(|service| service.plays()) {
                let since = *service.touched_since.get_or_insert(now);
                service.look_at = Some((now + QUIET_MS).min(since + QUIET_MS_MAX));
            }
        }
    }

    fn woke(&mut self, now: u64) {
        self.next_poll = now;
        self.services.values_mut().for_each(|service| service.look_anew(now));
    }

    fn poll(&mut self, now: u64) {
        if now < self.next_poll {
            return;
        }
        self.next_poll = now + POLL_MS;
        for service in self.services.values_mut().filter(|service| service.plays()) {
            // One that failed is left alone until it is due again, or its files change.
            if service.retry_at.is_none_or(|at| at <= now) || service.state.is_waiting() {
                service.look_at.get_or_insert(now);
            }
        }
    }

    fn looked(&mut self, link: LinkId, look: Look, now: u64, effects: &mut Vec<Effect>) {
        let Some(service) = self.services.get_mut(&link).filter(|service| service.plays()) else {
            return;
        };
        let (turn, said) = service.looked(look, now);
        effects.extend(said.map(|sentence| Effect::Say(Some(link), sentence)));
        if turn == Turn::Pass {
            self.due.entry(service.link.document).or_insert(now);
        }
    }

    fn passed(
        &mut self,
        document: DocumentId,
        done: Result<Vec<(LinkId, Outcome)>, String>,
        now: u64,
        effects: &mut Vec<Effect>,
    ) {
        self.passes += 1;
        let said = match done {
            Ok(outcomes) => self.outcomes(outcomes, now),
            Err(sentence) => {
                self.passes_failed += 1;
                self.failed(document, &sentence, now)
            }
        };
        effects.extend(said.into_iter().map(|(link, sentence)| Effect::Say(Some(link), sentence)));
    }

    fn outcomes(&mut self, outcomes: Vec<(LinkId, Outcome)>, now: u64) -> Vec<(LinkId, String)> {
        let mut said = Vec::new();
        for (link, outcome) in outcomes {
            if let Some(service) = self.services.get_mut(&link).filter(|service| service.plays()) {
                let sentences = service.passed(outcome, now);
                said.extend(sentences.into_iter().map(|sentence| (link, sentence)));
                service.look_at.get_or_insert(now);
            }
        }
        said
    }

    fn failed(&mut self, document: DocumentId, sentence: &str, now: u64) -> Vec<(LinkId, String)> {
        let of = |(_, service): &(&LinkId, &mut Service)| {
            service.link.document == document && service.plays()
        };
        let concerned = self.services.iter_mut().filter(of);
        concerned
            .filter_map(|(link, service)| Some((*link, service.fail(sentence, now)?)))
            .collect()
    }

    fn choose(&mut self, now: u64, effects: &mut Vec<Effect>) {
        if self.is_busy {
            return;
        }
        if self.is_stopping {
            // Whoever still waits sees that the connection ends.
            self.orders.clear();
            self.mail.clear();
            effects.push(Effect::Finish);
        } else if let Some(job) = self.job(now) {
            self.is_busy = true;
            effects.push(Effect::Start(job));
        }
    }

    /// What is done next, by rank: a person waits for a command, a library for a pass.
    fn job(&mut self, now: u64) -> Option<Job> {
        let order = self.orders.pop_front().map(Job::Answer);
        if self.when == Passes::OnCommand {
            return order.or_else(|| self.mail.pop_front());
        }
        if order.is_some() {
            return order;
        }
        if self.mail_in_a_row < MAIL_IN_A_ROW_MAX
            && let Some(job) = self.mail.pop_front()
        {
            self.mail_in_a_row += 1;
            return Some(job);
        }
        self.mail_in_a_row = 0;
        self.pass().or_else(|| self.look(now)).or_else(|| self.mail.pop_front())
    }

    /// A pass over the document that waits longest.
    fn pass(&mut self) -> Option<Job> {
        let (document, _) = self.due.iter().min_by_key(|(_, since)| **since)?;
        let document = *document;
        self.due.remove(&document);
        Some(Job::Pass(document))
    }

    /// A look at all whose time has come.
    fn look(&mut self, now: u64) -> Option<Job> {
        let due = self.services.values_mut().filter(|s| s.look_at.is_some_and(|at| at <= now));
        let glances: Vec<Glance> = due.map(Service::glance).collect();
        (!glances.is_empty()).then_some(Job::Look(glances))
    }
}

impl State {
    /// Whether only somebody else's doing ends it: an app is quit, or started.
    fn is_waiting(&self) -> bool {
        matches!(self, Self::Waiting(_))
    }
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
