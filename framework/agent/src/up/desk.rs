//! What the loop has at hand: it takes an event, asks the schedule, and has done what follows.
//!
//! Invariant: nothing here waits, but for the end.

use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use segue_model::{DeviceId, LinkId};
use tokio::time::sleep_until;

use super::event::{Effect, Event, Job};
use super::moments::{Moments, Step};
use super::record::Record;
use super::schedule::{Passes, Schedule};
use super::service::Service;
use super::socket::{About, Inquiry};
use super::watch::Watch;
use super::wire::{Answer, LivePeer, LiveReport, Tell};
use super::{Stops, Told, metrics};
use crate::command::{LibrarySpec, MetricsText, ServiceLogRow, ServiceRow};
use crate::net::{Net, NetEvent};

/// A job that was begun may go on for so long when the agent shall end.
const PATIENCE: Duration = Duration::from_secs(20);
/// The clock went so much further than the computer was awake: it slept, or the clock was set.
const SLEPT_S: i64 = 30;

/// Unix seconds.
type Now = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Everything that the loop has, and does.
pub(super) struct Desk<'a> {
    schedule: Schedule,
    net: Option<Net>,
    moments: Moments,
    record: Record,
    watch: Watch,
    jobs: mpsc::Sender<Job>,
    now: Now,
    began: Instant,
    /// The clock's time and ours when they were compared last.
    awake: (i64, u64),
    last_pass: Option<i64>,
    since: i64,
    pub(super) is_over: bool,
    /// The thread that works has ended.
    pub(super) is_lost: bool,
    out: &'a mut dyn FnMut(Told<'_>),
}

impl<'a> Desk<'a> {
    pub(super) fn new(
        jobs: mpsc::Sender<Job>,
        watch: Watch,
        net: Option<Net>,
        when: Passes,
        moments: Moments,
        now: Now,
        out: &'a mut dyn FnMut(Told<'_>),
    ) -> Self {
        let since = now();
        Self {
            schedule: Schedule::new(when),
            net,
            moments,
            record: Record::default(),
            watch,
            jobs,
            now,
            began: Instant::now(),
            awake: (since, 0),
            last_pass: None,
            since,
            is_over: false,
            is_lost: false,
            out,
        }
    }

    /// When to wake, if nothing happens before.
    pub(super) fn next(&self) -> Instant {
        self.began + Duration::from_millis(self.schedule.next())
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Time has passed: more than we have been awake?
    pub(super) fn woke(&mut self) -> Event {
        let (clock, awake) = ((self.now)(), self.elapsed());
        let slept = (clock - self.awake.0) - ((awake - self.awake.1) / 1000) as i64;
        self.awake = (clock, awake);
        if slept.abs() > SLEPT_S { Event::Woke } else { Event::Tick }
    }

    pub(super) fn take(&mut self, event: Event) {
        let now = self.elapsed();
        match &event {
            Event::Stop(why) => self.tell(None, format!("ends: {why}")),
            Event::Passed(..) => self.last_pass = Some((self.now)()),
            Event::Woke => {
                if let Some(net) = &self.net {
                    net.network_changed();
                }
            }
            Event::Touched(_) => self.moments.note(Step::Heard),
            Event::Net(NetEvent::Arrived { .. }) => self.moments.note(Step::Arrived),
            Event::Asked(order) => {
                let name = order.request.writing().unwrap_or_default();
                self.tell(None, format!("got the command {name}"));
            }
            _ => {}
        }
        let event = match event {
            Event::Inquired(Inquiry { about, answer }) => {
                let _ = answer.send(Tell::Done(Box::new(self.answer(about))));
                Event::Tick
            }
            event => event,
        };
        for effect in self.schedule.handle(event, now) {
            match effect {
                Effect::Start(job) => {
                    let is_lost = self.jobs.send(job).is_err();
                    self.is_lost |= is_lost;
                    self.is_over |= is_lost;
                }
                Effect::Watch(folders) => self.watch.only(folders),
                Effect::Say(link, sentence) => self.tell(link, sentence),
                Effect::Finish => self.is_over = true,
            }
        }
    }

    /// Lets the job that was begun come to its end, unless that takes long or somebody insists.
    pub(super) async fn end(
        &mut self,
        happened: &mut tokio::sync::mpsc::Receiver<Event>,
        stops: &mut Stops,
    ) {
        let latest = Instant::now() + PATIENCE;
        while !self.is_over {
            tokio::select! {
                Some(event) = happened.recv() => self.take(event),
                _ = stops.next() => self.is_over = true,
                () = sleep_until(latest.into()) => self.is_over = true,
            }
        }
    }

    pub(super) fn tell(&mut self, link: Option<LinkId>, what: String) {
        let service = self.schedule.services().find(|service| Some(service.link.id) == link);
        let library = service.map(|service| service.link.label.clone());
        let who = library.as_deref().unwrap_or("The agent");
        (self.out)(Told::Said(&format!("{who} {what}.")));
        self.record.keep(link, ServiceLogRow { at: (self.now)(), library, what });
    }

    fn answer(&self, about: About) -> Answer {
        match about {
            About::Services => Answer::Services(self.schedule.services().map(row).collect()),
            About::Peers => Answer::Peers(self.peers()),
            About::Log(library) => Answer::Log(self.log(library.as_ref())),
            About::Metrics => Answer::Metrics(MetricsText(metrics::text(&metrics::Now {
                schedule: &self.schedule,
                started: self.since,
                last_pass: self.last_pass,
                moments: self.moments.all(),
                live: self.net.as_ref().map(Net::live).unwrap_or_default(),
                traffic: self.net.as_ref().map(Net::traffic).unwrap_or_default(),
            }))),
        }
    }

    fn peers(&self) -> LiveReport {
        let Some(net) = &self.net else { return LiveReport::default() };
        let live = net.live();
        let peer = |device: &DeviceId| LivePeer {
            id: device.to_string(),
            name: live.names.get(device).cloned(),
            online: live.is_online(device),
            in_step: live.is_in_step(device),
            met: live.has_met(device),
            reason: live.reason(device).map(str::to_owned),
        };
        LiveReport {
            network: net.reach().to_string(),
            peers: live.devices().iter().map(peer).collect(),
            received: live.received,
            waiting: net.waiting().rows(),
        }
    }

    fn log(&self, library: Option<&LibrarySpec>) -> Vec<ServiceLogRow> {
        let Some(spec) = library else { return self.record.lines(None) };
        let is_it = |service: &&Service| {
            let label = service.link.label.as_str();
            let app = label.split('=').next().unwrap_or(label);
            app == spec.app && spec.path.as_ref().is_none_or(|path| *path == service.link.path)
        };
        let links: Vec<LinkId> =
            self.schedule.services().filter(is_it).map(|service| service.link.id).collect();
        self.record.lines(Some(&links))
    }
}

fn row(service: &Service) -> ServiceRow {
    ServiceRow {
        library: service.link.label.clone(),
        path: service.link.path.display().to_string(),
        document: service.link.document.to_string(),
        state: service.state.word().to_owned(),
        reason: service.state.reason().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    #[test]
    fn a_clock_that_jumps_means_that_the_computer_slept_and_one_that_runs_does_not() {
        let clock = Arc::new(AtomicI64::new(1_795_285_860));
        let read = Arc::clone(&clock);
        let (events, _happened) = tokio::sync::mpsc::channel(1);
        let mut out = |_: Told<'_>| {};
        let now: Now = Arc::new(move || read.load(Ordering::Relaxed));
        let mut desk = Desk::new(
            mpsc::channel().0,
            Watch::begin(events),
            None,
            Passes::Always,
            Moments::default(),
            now,
            &mut out,
        );
        let mut woke_after = |seconds| {
            clock.fetch_add(seconds, Ordering::Relaxed);
            matches!(desk.woke(), Event::Woke)
        };
        let jumps = [5, 8 * 3600, 5, -3600, 0, SLEPT_S];
        assert_eq!(jumps.map(&mut woke_after), [false, true, false, true, false, false]);
    }
}
