//! The thread that owns the [`Agent`] and does what takes time, one job after the other.
//!
//! It decides nothing: it does a [`Job`] and says what came of it. A panic costs the job, of several
//! looks only the one, and not the agent: what was begun is journaled, and the store is opened anew.
//!
//! Invariant: each job ends with exactly one event of its kind, after what is linked now.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;

use segue_model::{DocumentId, LinkId};
use segue_store::{LinkRow, PeerRow};
use segue_sync::Batch;
use segue_sync::join::Refused;
use segue_translator::ErrorKind;
use tokio::sync::mpsc::UnboundedSender;

use super::event::{Begin, End, Event, Glance, Job, Link, Look, Note, Outcome};
use super::listen::Listening;
use super::moments::{Moments, Step, Unwatched};
use super::socket::Order;
use super::wire::Tell;
use crate::agent::Agent;
use crate::command::{Found, LibrarySpec, LibraryState, PassReport, Request, Response};
use crate::failure::Failure;
use crate::net::Net;
use crate::net::knock::{Answer, Knock};
use crate::net::waiting::say;
use crate::peers::clocks::compared;
use crate::peers::ingest::ingest;
use crate::peers::{invite, join};
use crate::progress::Progress;
use crate::{exclusion, libraries, limits, look, services};

const PANICKED: &str = "Segue has an error; see above";

/// So often, in seconds, it is looked what licences end soon; and after each pass.
const ENDS_EVERY: i64 = 600;

/// Sends events to the loop.
pub(super) type Events = tokio::sync::mpsc::Sender<Event>;

/// The same from where nobody may wait; what is sent there is bounded at its source.
pub(super) type Mail = tokio::sync::mpsc::UnboundedSender<Event>;

/// What the thread works on.
pub(super) struct Worker {
    agent: Agent,
    events: Events,
    mail: Mail,
    moments: Moments,
    listening: Listening,
    /// When it is looked again what licences end soon, in Unix seconds.
    ends_at: i64,
}

impl Worker {
    pub(super) fn new(agent: Agent, events: Events, mail: Mail, moments: Moments) -> Self {
        let listening = Listening::new(events.clone());
        Self { agent, events, mail, moments, listening, ends_at: i64::MIN }
    }

    /// Works until there is nobody left to work for.
    pub(super) fn work(mut self, jobs: &mpsc::Receiver<Job>) {
        while let Ok(job) = jobs.recv() {
            let (spare, waits) = (spare(&job), Waits::of(&job));
            let done = catch_unwind(AssertUnwindSafe(|| self.job(job)));
            let event = done.unwrap_or_else(|_| {
                self.begin_again();
                waits.told(self.agent.net.as_ref());
                // What was stored before is news to others all the same.
                self.refresh_net();
                spare
            });
            if self.events.blocking_send(event).is_err() {
                return;
            }
        }
    }

    fn job(&mut self, job: Job) -> Event {
        match job {
            Job::Look(glances) => {
                self.tell_links();
                self.tend_seats();
                let looks = glances.into_iter().map(|glance| (glance.link, self.look(&glance)));
                let looks = looks.collect();
                self.tell_ends();
                Event::Looked(looks)
            }
            Job::Pass(document) => {
                let done = self.pass(document).map_err(|failure| words(&failure));
                self.refresh_net();
                self.tell_links();
                // It may have found a licence.
                self.ends_at = i64::MIN;
                Event::Passed(document, done)
            }
            Job::Answer(order) => {
                self.answer(order);
                self.refresh_net();
                Event::Answered
            }
            Job::Ingest { connection, document, number, batch } => {
                let done = self.ingest(connection, document, number, batch);
                Event::Ingested(document, done.map_err(|failure| words(&failure)))
            }
            Job::Hear(knock) => {
                let said = self.hear(*knock);
                self.refresh_net();
                Event::Noted(said)
            }
            Job::Note(note) => {
                // A note that is not kept costs nothing but itself.
                let _ = self.note(&note);
                Event::Noted(None)
            }
            Job::Begin(begin) => {
                let said = self.begin(*begin);
                self.refresh_net();
                Event::Noted(Some(said))
            }
        }
    }

    /// Seats that were asked for are given out, and the clock is watched. What fails is tried again with the
    /// next look, and a pass says why.
    fn tend_seats(&mut self) {
        if !limits::seats::are_any(&self.agent).unwrap_or_default() {
            return;
        }
        let done = crate::agent::lock(self.agent.folder())
            .and_then(|_lock| limits::seats::tend(&mut self.agent));
        if done.is_ok_and(|is_news| is_news) {
            self.refresh_net();
        }
    }

    /// What a panic left in memory is not to be trusted. If the store cannot be opened anew it has to do.
    fn begin_again(&mut self) {
        let (folder, world) = (self.agent.folder().to_owned(), self.agent.world.clone());
        let opened = catch_unwind(AssertUnwindSafe(|| Agent::open_in(&folder, world)));
        if let Ok(Ok(mut agent)) = opened {
            agent.net = self.agent.net.take();
            self.agent = agent;
        }
    }

    fn recovered(&mut self) -> Tell {
        self.begin_again();
        let hint = "the agent's output says where; segue doctor checks what is kept".to_owned();
        Tell::Failed("Segue has an error".to_owned(), Some(hint))
    }

    fn tell_links(&mut self) {
        if let Ok(links) = links(&self.agent) {
            self.listen_to(&links);
            // If nobody listens the thread ends with its next event.
            let _ = self.events.blocking_send(Event::Linked(links));
        }
    }

    /// Tells what licences end soon. What cannot be looked at now is told at a later look.
    fn tell_ends(&mut self) {
        let now = (self.agent.world.now)();
        if now < self.ends_at {
            return;
        }
        self.ends_at = now.saturating_add(ENDS_EVERY);
        for sentence in limits::ending::news(&mut self.agent).unwrap_or_default() {
            // If nobody listens the thread ends with its next event.
            let _ = self.events.blocking_send(Event::Said(sentence));
        }
    }

    /// A library that a person wants left alone is not listened to either.
    fn listen_to(&mut self, links: &[Link]) {
        let links: Vec<LinkId> =
            links.iter().filter(|link| !link.paused).map(|link| link.id).collect();
        let agent = &self.agent;
        self.listening.only(&links, |link| {
            let row = agent.home.store.link(link).ok()??;
            let open = || libraries::open(agent, &row.app, &row.path).ok();
            // A translator with an error is not listened to; its looks say so.
            catch_unwind(AssertUnwindSafe(open)).ok()?
        });
    }

    fn answer(&mut self, order: Order) {
        if order.is_forsaken() {
            return;
        }
        let steps = order.progress();
        let request = order.request.clone();
        if let Request::Join { ticket, .. } = &request {
            return self.ask_to_join(order, ticket);
        }
        let done = catch_unwind(AssertUnwindSafe(|| self.agent.run(request, &steps)));
        let tell = done.map_or_else(|_| self.recovered(), Tell::of);
        self.tell_links();
        order.answer(tell);
    }

    fn refresh_net(&self) {
        if let Some(net) = &self.agent.net {
            net.refresh();
        }
    }

    /// Judges and stores what a peer sent; returns whether the document is another one now.
    fn ingest(
        &mut self,
        connection: segue_sync::Connection,
        document: DocumentId,
        number: u64,
        batch: Batch,
    ) -> Result<bool, Failure> {
        let done = crate::agent::lock(self.agent.folder())
            .and_then(|_lock| ingest(&mut self.agent, document, number, batch));
        match (done, &self.agent.net) {
            (Ok((done, news)), Some(net)) => {
                self.moments.note(Step::Stored);
                net.ingested(connection, done);
                Ok(news.document)
            }
            (Ok((_, news)), None) => Ok(news.document),
            (Err(failure), net) => {
                if let Some(net) = net {
                    net.failed(connection);
                }
                Err(failure)
            }
        }
    }

    fn hear(&mut self, knock: Knock) -> Option<String> {
        let answer = knock.answer.clone();
        let heard = crate::agent::lock(self.agent.folder())
            .and_then(|_lock| invite::hear(&mut self.agent, knock));
        heard.unwrap_or_else(|failure| {
            // That is not the ticket's fault, which stays good.
            say(&answer, Answer::Refused(Refused::Busy));
            Some(format!("could not hear a device: {}", words(&failure)))
        })
    }

    fn note(&mut self, note: &Note) -> Result<(), Failure> {
        let now = (self.agent.world.now)();
        let store = &mut self.agent.home.store;
        match note {
            Note::Culprit(device, why) => {
                let tx = store.transaction()?;
                tx.note_culprit(device, why, now)?;
                Ok(tx.commit()?)
            }
            Note::Seen(device) => {
                let unknown = PeerRow { device: *device, addresses: Vec::new(), seen_at: None };
                let row = store.peer(device)?.unwrap_or(unknown);
                let tx = store.transaction()?;
                tx.put_peer(&PeerRow { seen_at: Some(now), ..row })?;
                Ok(tx.commit()?)
            }
            Note::Compared(document, seen) => {
                let _lock = crate::agent::lock(self.agent.folder())?;
                compared(&mut self.agent, *document, *seen).map(drop)
            }
        }
    }

    /// Passes the question on to the network; the order is answered when the inviter has answered.
    fn ask_to_join(&mut self, order: Order, text: &str) {
        let asked = join::ticket(&self.agent, text)
            .and_then(|ticket| Ok((ticket, join::vouch(&self.agent)?, self.agent.net()?.clone())));
        let (ticket, vouch, net) = match asked {
            Ok(asked) => asked,
            Err(failure) => return order.answer(Tell::of(Err(failure))),
        };
        let steps = order.progress();
        let said = Box::new(move |sentence: String| steps.say(&sentence));
        let (mail, joined) = (self.mail.clone(), ticket.clone());
        let done = Box::new(move |said| {
            let begin = Box::new(Begin { order, ticket: joined, said });
            let _ = mail.send(Event::Welcomed(begin));
        });
        net.join(ticket, vouch, said, done);
    }

    fn begin(&mut self, begin: Begin) -> String {
        let Begin { order, ticket, said } = begin;
        let moves = matches!(order.request, Request::Join { moves: true, .. });
        let (welcomed, stored) = match said {
            Ok(joined) => joined,
            Err((why, hint)) => {
                let sentence = format!("did not join: {why}");
                order.answer(Tell::Failed(why, Some(hint)));
                return sentence;
            }
        };
        let done = crate::agent::lock(self.agent.folder())
            .and_then(|_lock| join::begin(&mut self.agent, &ticket, &welcomed, moves));
        let sentence = match &done {
            Ok(report) => format!("joined {} as {}", report.schema, report.role),
            Err(failure) => format!("did not join: {}", words(failure)),
        };
        if done.is_ok() {
            // The inviter may be gone; it hears of us when we are connected.
            let _ = stored.send(());
        }
        self.tell_links();
        order.answer(Tell::of(done.map(Response::Join)));
        sentence
    }

    fn pass(&mut self, document: DocumentId) -> Result<Vec<(LinkId, Outcome)>, Failure> {
        let rows = self.agent.home.store.links()?;
        let active: Vec<LinkRow> = rows.into_iter().filter(|row| row.active).collect();
        let Some(first) = active.iter().find(|row| row.document == document) else {
            return Ok(Vec::new());
        };
        let (app, path) = (first.app.clone(), Some(first.path.clone()));
        let libraries = vec![LibrarySpec { app, path, root: None }];
        let request = Request::Sync { libraries, dry_run: false, yes: false };
        self.moments.note(Step::Begun);
        let progress = Unwatched { moments: &self.moments, net: self.agent.net.clone() };
        match self.agent.run(request, &progress)? {
            Response::Pass(report) => Ok(outcomes(&report, &active, document)),
            _ => Ok(Vec::new()),
        }
    }

    fn look(&mut self, glance: &Glance) -> Look {
        let looked = catch_unwind(AssertUnwindSafe(|| self.try_look(glance)));
        let looked = looked.unwrap_or_else(|_| {
            self.begin_again();
            Ok(Look::Failed(PANICKED.to_owned()))
        });
        looked.unwrap_or_else(|failure| of_failure(&failure))
    }

    fn try_look(&self, glance: &Glance) -> Result<Look, Failure> {
        let Some(row) = self.agent.home.store.link(glance.link)? else { return Ok(Look::Same) };
        let library = libraries::open(&self.agent, &row.app, &row.path)?;
        let own = library.revision()?.0;
        let (standing, is_withheld) = limits::standing(&self.agent, &row)?;
        let turned = exclusion::turned(&self.agent, &row)?;
        let revision = format!("{own} {standing}{}", if turned { " turned" } else { "" });
        if glance.known.as_ref() == Some(&revision) {
            if !glance.must_be_free {
                return Ok(Look::Same);
            }
            if let Some(what) = library.running() {
                return Ok(Look::Away(format!("{what} is running")));
            }
        }
        let is_read = row.revision.as_ref() == Some(&own) && is_withheld && !turned;
        let in_step = is_read && !look::is_behind(&self.agent, &row)?;
        Ok(Look::Seen { revision, in_step })
    }
}

/// Who waits for the end of a job, beside the loop.
enum Waits {
    Nobody,
    /// A session, whose lane is given up.
    Session(segue_sync::Connection),
    /// A device that shows a ticket.
    Joiner(UnboundedSender<Answer>),
}

impl Waits {
    fn of(job: &Job) -> Self {
        match job {
            Job::Ingest { connection, .. } => Self::Session(*connection),
            Job::Hear(knock) => Self::Joiner(knock.answer.clone()),
            _ => Self::Nobody,
        }
    }

    /// The job panicked.
    fn told(&self, net: Option<&Net>) {
        match self {
            Self::Nobody => {}
            Self::Session(connection) => {
                if let Some(net) = net {
                    net.failed(*connection);
                }
            }
            Self::Joiner(answer) => _ = say(answer, Answer::Refused(Refused::Busy)),
        }
    }
}

/// What is told of a job that panicked.
fn spare(job: &Job) -> Event {
    match job {
        Job::Look(glances) => {
            let failed = |glance: &Glance| (glance.link, Look::Failed(PANICKED.to_owned()));
            Event::Looked(glances.iter().map(failed).collect())
        }
        Job::Pass(document) => Event::Passed(*document, Err(PANICKED.to_owned())),
        Job::Answer(_) => Event::Answered,
        Job::Ingest { document, .. } => Event::Ingested(*document, Err(PANICKED.to_owned())),
        Job::Hear(_) | Job::Note(_) | Job::Begin(_) => Event::Noted(Some(PANICKED.to_owned())),
    }
}

/// What is linked, with what people call it.
pub(super) fn links(agent: &Agent) -> Result<Vec<Link>, Failure> {
    let store = &agent.home.store;
    let active: Vec<LinkRow> = store.links()?.into_iter().filter(|row| row.active).collect();
    let all: Vec<_> = active.iter().map(|row| (row.app.clone(), row.path.clone())).collect();
    let link = |row: LinkRow| {
        let label = libraries::label(&row.app, &row.path, &all);
        let paused = services::is_paused(store, row.id)?;
        Ok(Link { id: row.id, label, document: row.document, path: row.path, paused })
    };
    active.into_iter().map(link).collect()
}

/// The report by link: it names libraries as people do, among those of one document or of all.
fn outcomes(
    report: &PassReport,
    active: &[LinkRow],
    document: DocumentId,
) -> Vec<(LinkId, Outcome)> {
    let names = |rows: &[&LinkRow]| -> Vec<(LinkId, String)> {
        let all: Vec<_> = rows.iter().map(|row| (row.app.clone(), row.path.clone())).collect();
        rows.iter().map(|row| (row.id, libraries::label(&row.app, &row.path, &all))).collect()
    };
    let own: Vec<&LinkRow> = active.iter().filter(|row| row.document == document).collect();
    let all: Vec<&LinkRow> = active.iter().collect();
    let names = [names(&own), names(&all)].concat();
    let by_link = |found: &Found| {
        let (link, _) = names
            .iter()
            .find(|(id, name)| *name == found.library && own.iter().any(|row| row.id == *id))?;
        let reason = || found.reason.clone().unwrap_or_default();
        let end = match found.state {
            LibraryState::Written | LibraryState::Unchanged => match held(report, &found.library) {
                Some(reason) => End::Held(reason),
                None => End::Done,
            },
            LibraryState::Waiting => End::Waits(reason()),
            LibraryState::Held => End::Held(held(report, &found.library).unwrap_or_else(reason)),
            LibraryState::Failed => End::Failed(reason()),
            LibraryState::Paused => return None,
        };
        Some((*link, Outcome { end, lifted: found.lifted, written: found.written }))
    };
    report.libraries.iter().filter_map(by_link).collect()
}

/// Why a batch of a library waits for a person.
fn held(report: &PassReport, library: &str) -> Option<String> {
    let batch = report.held.iter().find(|batch| batch.library == library)?;
    Some(batch.reason.clone())
}

fn of_failure(failure: &Failure) -> Look {
    let sentence = words(failure);
    match failure {
        Failure::Library(error)
            if matches!(error.kind, ErrorKind::Busy | ErrorKind::NotRunning) =>
        {
            Look::Away(sentence)
        }
        _ => Look::Failed(sentence),
    }
}

fn words(failure: &Failure) -> String {
    match failure.hint() {
        Some(hint) => format!("{failure}; {hint}"),
        None => failure.to_string(),
    }
}

#[cfg(test)]
#[path = "worker_tests.rs"]
mod tests;
