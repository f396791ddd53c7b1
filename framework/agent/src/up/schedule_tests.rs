//! The schedule by hand, and in a world that follows from a seed.

use std::collections::BTreeMap;

use segue_model::DeviceId;
use segue_sync::Batch;
use tokio::sync::oneshot::error::TryRecvError;

use super::super::event::{End, Outcome};
use super::super::service::{RETRY_MS, RETRY_MS_MAX};
use super::*;
use crate::command::Request;

#[path = "schedule_peer_tests.rs"]
mod peers;

const DOCUMENT: DocumentId = DocumentId([9; 32]);

fn link(number: u8) -> Link {
    Link {
        id: LinkId([number; 8]),
        label: format!("app{number}"),
        document: DOCUMENT,
        path: format!("/app{number}").into(),
        paused: false,
    }
}

/// What was begun and said, in words.
fn words(effects: &[Effect]) -> String {
    let word = |effect: &Effect| match effect {
        Effect::Start(Job::Look(glances)) => {
            let of = |glance: &Glance| {
                let known = glance.known.as_deref().unwrap_or("?");
                format!(
                    "{}@{known}{}",
                    glance.link.0[0],
                    if glance.must_be_free { "!" } else { "" }
                )
            };
            format!("look {}", glances.iter().map(of).collect::<Vec<_>>().join(" "))
        }
        Effect::Start(Job::Pass(_)) => "pass".to_owned(),
        Effect::Start(Job::Answer(_)) => "answer".to_owned(),
        Effect::Start(Job::Ingest { number, .. }) => format!("ingest {number}"),
        Effect::Start(Job::Hear(_)) => "hear".to_owned(),
        Effect::Start(Job::Note(_)) => "note".to_owned(),
        Effect::Start(Job::Begin(_)) => "begin".to_owned(),
        Effect::Watch(folders) => format!("watch {}", folders.len()),
        Effect::Say(_, sentence) => sentence.clone(),
        Effect::Finish => "finish".to_owned(),
    };
    effects.iter().map(word).collect::<Vec<_>>().join("; ")
}

fn seen(number: u8, revision: &str, in_step: bool) -> (LinkId, Look) {
    (LinkId([number; 8]), Look::Seen { revision: revision.into(), in_step })
}

fn came(number: u8, end: End) -> (LinkId, Outcome) {
    (LinkId([number; 8]), Outcome { end, lifted: 0, written: 0 })
}

fn arrived(number: u64, document: [u8; 32]) -> Event {
    let (connection, document) = (segue_sync::Connection(7), DocumentId(document));
    Event::Net(NetEvent::Arrived { connection, document, number, batch: Batch::default() })
}

/// Two libraries that are in step at revisions a and b, at time 0.
fn in_step() -> Schedule {
    let mut schedule = Schedule::default();
    let begun = schedule.handle(Event::Linked(vec![link(1), link(2)]), 0);
    assert_eq!(words(&begun), "watch 2; look 1@? 2@?");
    let looks = vec![seen(1, "a", true), seen(2, "b", true)];
    assert_eq!(words(&schedule.handle(Event::Looked(looks), 0)), "");
    schedule
}

/// Lets time pass and says what was begun.
fn at(schedule: &mut Schedule, now: u64) -> String {
    words(&schedule.handle(Event::Tick, now))
}

#[test]
fn a_change_is_looked_at_when_it_is_quiet_and_passed_on_once() {
    let mut schedule = in_step();
    let touched = || Event::Touched(vec![LinkId([1; 8])]);
    assert_eq!(words(&schedule.handle(touched(), 100)), "");
    assert_eq!(words(&schedule.handle(touched(), 130)), "");
    assert_eq!(schedule.next(), 130 + QUIET_MS);
    assert_eq!(at(&mut schedule, 130 + QUIET_MS - 1), "");
    assert_eq!(at(&mut schedule, 130 + QUIET_MS), "look 1@a");
    let looked = Event::Looked(vec![seen(1, "a2", false)]);
    assert_eq!(words(&schedule.handle(looked, 200)), "pass");
    let done = Event::Passed(DOCUMENT, Ok(vec![came(1, End::Done), came(2, End::Done)]));
    assert_eq!(words(&schedule.handle(done, 300)), "look 1@a2 2@b");
    let looks = vec![(LinkId([1; 8]), Look::Same), seen(2, "b2", true)];
    assert_eq!(words(&schedule.handle(Event::Looked(looks), 301)), "");
    assert_eq!(schedule.next(), POLL_MS);
    assert_eq!(at(&mut schedule, POLL_MS), "look 1@a2 2@b2");
}

#[test]
fn ten_thousand_idle_ticks_start_no_pass() {
    let mut schedule = in_step();
    for poll in 1..=10_000 {
        assert_eq!(at(&mut schedule, poll * POLL_MS - 1), "");
        assert_eq!(at(&mut schedule, poll * POLL_MS), "look 1@a 2@b");
        let same = [1, 2].map(|number| (LinkId([number; 8]), Look::Same));
        assert_eq!(words(&schedule.handle(Event::Looked(same.into()), poll * POLL_MS)), "");
    }
    assert_eq!(schedule.passes(), (0, 0));
}

#[test]
fn what_never_stops_changing_is_looked_at_all_the_same() {
    let mut schedule = in_step();
    let mut looks = 0;
    for now in 0..QUIET_MS_MAX + QUIET_MS {
        let begun = words(&schedule.handle(Event::Touched(vec![LinkId([1; 8])]), now));
        looks += u64::from(begun.starts_with("look"));
    }
    assert_eq!(looks, 1);
}

#[test]
fn a_held_batch_costs_one_pass_until_the_library_changes_or_a_person_says_so() {
    let mut schedule = in_step();
    schedule.handle(Event::Touched(vec![LinkId([1; 8])]), 0);
    at(&mut schedule, QUIET_MS);
    schedule.handle(Event::Looked(vec![seen(1, "a2", false)]), 100);
    let held = Event::Passed(DOCUMENT, Ok(vec![came(1, End::Held("much is gone".into()))]));
    let said = "is held: much is gone; let it pass: segue sync --yes; look 1@a2";
    assert_eq!(words(&schedule.handle(held, 200)), said);
    schedule.handle(Event::Looked(vec![(LinkId([1; 8]), Look::Same)]), 200);
    for poll in 1..100 {
        assert_eq!(at(&mut schedule, poll * POLL_MS), "look 1@a2 2@b");
        let same = |number| (LinkId([number; 8]), Look::Same);
        assert_eq!(
            words(&schedule.handle(Event::Looked(vec![same(1), same(2)]), poll * POLL_MS)),
            ""
        );
    }
    let now = 100 * POLL_MS - 1;
    let (order, _) = Order::of(Request::Redo);
    assert_eq!(words(&schedule.handle(Event::Asked(order), now)), "answer");
    assert_eq!(words(&schedule.handle(Event::Answered, now)), "look 1@? 2@?");
    let looks = vec![seen(1, "a2", true), seen(2, "b2", true)];
    assert_eq!(words(&schedule.handle(Event::Looked(looks), now)), "is in step");
}

#[test]
fn a_failure_is_told_once_and_tried_again_ever_more_rarely() {
    let mut schedule = in_step();
    schedule.handle(Event::Touched(vec![LinkId([1; 8])]), 0);
    at(&mut schedule, QUIET_MS);
    let mut now = QUIET_MS;
    schedule.handle(Event::Looked(vec![seen(1, "a2", false)]), now);
    let mut waits = Vec::new();
    for failure in 0..9 {
        let failed = Event::Passed(DOCUMENT, Ok(vec![came(1, End::Failed("disk full".into()))]));
        let said = words(&schedule.handle(failed, now));
        assert_eq!(said.contains("failed and is tried again: disk full"), failure == 0, "{said}");
        let begin = now;
        let mut looking = said.contains("look");
        loop {
            if looking {
                let looks = vec![seen(1, "a2", false)];
                if words(&schedule.handle(Event::Looked(looks), now)).contains("pass") {
                    break;
                }
            }
            now = schedule.next();
            looking = at(&mut schedule, now).contains("look");
        }
        waits.push(now - begin);
    }
    assert!(waits[0] >= RETRY_MS && waits[0] <= RETRY_MS + POLL_MS, "{waits:?}");
    assert!(
        waits.is_sorted() || waits.windows(2).all(|two| two[1] + POLL_MS >= two[0]),
        "{waits:?}"
    );
    assert!(waits[8] >= RETRY_MS_MAX && waits[8] <= RETRY_MS_MAX + POLL_MS, "{waits:?}");
}

#[test]
fn what_waits_for_its_app_is_passed_on_when_the_app_is_quit() {
    let mut schedule = in_step();
    schedule.handle(Event::Touched(vec![LinkId([1; 8])]), 0);
    at(&mut schedule, QUIET_MS);
    schedule.handle(Event::Looked(vec![seen(1, "a2", false)]), 100);
    let ends = vec![came(1, End::Done), came(2, End::Waits("it is running".into()))];
    let said = words(&schedule.handle(Event::Passed(DOCUMENT, Ok(ends)), 200));
    assert_eq!(said, "waits: it is running; look 1@a2 2@b!");
    let away = || vec![(LinkId([2; 8]), Look::Away("it is running".into()))];
    assert_eq!(words(&schedule.handle(Event::Looked(away()), 200)), "");
    for poll in 1..20 {
        assert_eq!(at(&mut schedule, poll * POLL_MS), "look 1@a2 2@b!");
        assert_eq!(words(&schedule.handle(Event::Looked(away()), poll * POLL_MS)), "");
    }
    assert_eq!(at(&mut schedule, 20 * POLL_MS), "look 1@a2 2@b!");
    // What the person does in the running app is taken over at once.
    let used = Event::Looked(vec![seen(2, "b2", false)]);
    assert_eq!(words(&schedule.handle(used, 20 * POLL_MS)), "pass");
    let ends = vec![came(1, End::Done), came(2, End::Waits("it is running".into()))];
    let said = words(&schedule.handle(Event::Passed(DOCUMENT, Ok(ends)), 20 * POLL_MS));
    assert_eq!(said, "look 1@a2 2@b2!");
    schedule.handle(Event::Looked(away()), 20 * POLL_MS);
    assert_eq!(at(&mut schedule, 24 * POLL_MS), "look 1@a2 2@b2!");
    let free = Event::Looked(vec![seen(2, "b2", false)]);
    assert_eq!(words(&schedule.handle(free, 24 * POLL_MS)), "pass");
}

#[test]
fn whatever_was_in_vain_before_the_end_of_an_obstacle_is_at_once_followed_by_a_pass() {
    let (runs, gone) = ("it is running".to_owned(), "it is gone".to_owned());
    let obstacles = [
        (Look::Away(runs.clone()), End::Waits(runs)),
        (Look::Failed(gone.clone()), End::Failed(gone)),
    ];
    for (look, end) in obstacles {
        let mut schedule = in_step();
        let mut now = 0;
        for save in 0..20 {
            schedule.handle(Event::Touched(vec![LinkId([1; 8])]), now);
            now += QUIET_MS;
            assert!(at(&mut schedule, now).starts_with("look 1"));
            let saved = Event::Looked(vec![seen(1, &save.to_string(), false)]);
            assert_eq!(words(&schedule.handle(saved, now)), "pass");
            let ended = Event::Passed(DOCUMENT, Ok(vec![came(1, end.clone())]));
            assert!(words(&schedule.handle(ended, now)).contains("look 1"));
            schedule.handle(Event::Looked(vec![(LinkId([1; 8]), look.clone())]), now);
        }
        schedule.handle(Event::Touched(vec![LinkId([1; 8])]), now);
        assert!(at(&mut schedule, now + QUIET_MS).starts_with("look 1"));
        let back = Event::Looked(vec![seen(1, "19", false)]);
        assert_eq!(words(&schedule.handle(back, now + QUIET_MS)), "pass", "{look:?}");
    }
}

#[test]
fn a_paused_library_is_left_alone_until_it_is_played() {
    let mut schedule = in_step();
    let paused = vec![Link { paused: true, ..link(1) }, link(2)];
    assert_eq!(words(&schedule.handle(Event::Linked(paused), 10)), "watch 1; is paused");
    schedule.handle(Event::Touched(vec![LinkId([1; 8])]), 20);
    assert_eq!(at(&mut schedule, POLL_MS), "look 2@b");
    schedule.handle(Event::Looked(vec![(LinkId([2; 8]), Look::Same)]), POLL_MS);
    let played = Event::Linked(vec![link(1), link(2)]);
    assert_eq!(words(&schedule.handle(played, 6_000)), "watch 2; is played again; look 1@?");
}

#[test]
fn commands_go_first_and_the_end_lets_what_was_begun_be_done() {
    let mut schedule = in_step();
    assert_eq!(at(&mut schedule, POLL_MS), "look 1@a 2@b");
    let (first, _) = Order::of(Request::Redo);
    let (second, mut forsaken) = Order::of(Request::Redo);
    schedule.handle(Event::Asked(first), POLL_MS);
    schedule.handle(Event::Asked(second), POLL_MS);
    let looked = Event::Looked(vec![seen(1, "a2", false), seen(2, "b", false)]);
    assert_eq!(words(&schedule.handle(looked, POLL_MS)), "answer");
    assert_eq!(words(&schedule.handle(Event::Stop("now"), POLL_MS)), "");
    assert_eq!(words(&schedule.handle(Event::Answered, POLL_MS)), "finish");
    let told = forsaken.try_recv().map(drop);
    assert_eq!(told, Err(TryRecvError::Closed), "it learns that it was not begun");
}

#[test]
fn after_a_sleep_everything_is_looked_at_and_failures_are_forgotten() {
    let mut schedule = in_step();
    schedule.handle(Event::Touched(vec![LinkId([1; 8])]), 0);
    at(&mut schedule, QUIET_MS);
    let gone = || vec![(LinkId([1; 8]), Look::Failed("it is gone".into()))];
    schedule.handle(Event::Looked(gone()), 100);
    assert_eq!(words(&schedule.handle(Event::Woke, 200)), "look 1@? 2@?");
}

/// What keeps a library from being synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Trouble {
    #[default]
    None,
    /// Its app runs.
    Runs,
    /// It cannot be read.
    Broken,
    /// It waits for a person.
    Held,
}

/// A library in a world of its own.
#[derive(Debug, Clone, Default)]
struct Library {
    revision: u64,
    /// The revision that the base is of.
    read: u64,
    /// The document has something new for it.
    lacks: bool,
    paused: bool,
    trouble: Trouble,
    document: u8,
}

/// Apps, a store, and a worker that takes its time.
struct World {
    schedule: Schedule,
    chance: fastrand::Rng,
    libraries: BTreeMap<LinkId, Library>,
    /// What the job will have come to, and when it is done.
    job: Option<(u64, Event)>,
    now: u64,
    passes: u64,
    jobs: u64,
    asked: u64,
    answered: u64,
    finished: bool,
    trace: Vec<String>,
}

impl World {
    fn of(seed: u64) -> Self {
        let mut chance = fastrand::Rng::with_seed(seed);
        let one = |number: u8| {
            let library = Library { revision: 1, document: number % 2, ..Library::default() };
            (LinkId([number; 8]), library)
        };
        let libraries = (1..=chance.u8(1..=5)).map(one).collect();
        let mut world = Self {
            schedule: Schedule::default(),
            chance,
            libraries,
            job: None,
            now: 0,
            passes: 0,
            jobs: 0,
            asked: 0,
            answered: 0,
            finished: false,
            trace: Vec::new(),
        };
        world.relink();
        world
    }

    fn document(library: &Library) -> DocumentId {
        DocumentId([library.document; 32])
    }

    fn relink(&mut self) {
        let link = |(id, library): (&LinkId, &Library)| Link {
            document: Self::document(library),
            paused: library.paused,
            ..link(id.0[0])
        };
        let links = self.libraries.iter().map(link).collect();
        self.take(Event::Linked(links));
    }

    fn take(&mut self, event: Event) {
        let effects = self.schedule.handle(event, self.now);
        self.trace.push(format!("{} {}", self.now, words(&effects)));
        for effect in effects {
            match effect {
                Effect::Start(job) => {
                    assert!(self.job.is_none(), "two jobs at once: {:#?}", self.trace);
                    self.jobs += 1;
                    let event = self.work(job);
                    self.job = Some((self.now + self.chance.u64(1..400), event));
                }
                Effect::Finish => self.finished = true,
                Effect::Watch(_) | Effect::Say(..) => {}
            }
        }
    }

    fn work(&mut self, job: Job) -> Event {
        match job {
            Job::Look(glances) => {
                let look = |glance: Glance| {
                    let library = &self.libraries[&glance.link];
                    assert!(!library.paused, "{:#?}", self.trace);
                    let revision = library.revision.to_string();
                    let is_known = glance.known.as_ref() == Some(&revision);
                    let in_step = library.read == library.revision && !library.lacks;
                    let look = match library.trouble {
                        Trouble::Broken => Look::Failed("broken".into()),
                        Trouble::Runs if is_known && glance.must_be_free => {
                            Look::Away("runs".into())
                        }
                        _ if is_known && !glance.must_be_free => Look::Same,
                        _ => Look::Seen { revision, in_step },
                    };
                    (glance.link, look)
                };
                Event::Looked(glances.into_iter().map(look).collect())
            }
            Job::Pass(document) => {
                self.passes += 1;
                if self.chance.u8(..20) == 0 {
                    return Event::Passed(document, Err("the store is busy".into()));
                }
                Event::Passed(document, Ok(self.pass(document)))
            }
            Job::Answer(_) => {
                self.answered += 1;
                let held = self.libraries.values_mut().filter(|one| one.trouble == Trouble::Held);
                held.for_each(|one| one.trouble = Trouble::None);
                for document in [0, 1] {
                    self.pass(DocumentId([document; 32]));
                }
                Event::Answered
            }
            Job::Ingest { document, .. } => {
                // Half of what comes is known already.
                let is_new = self.chance.bool();
                let own = self.libraries.values_mut().filter(|l| Self::document(l) == document);
                own.for_each(|library| library.lacks |= is_new);
                Event::Ingested(document, Ok(is_new))
            }
            Job::Note(_) => Event::Noted(None),
            Job::Hear(_) | Job::Begin(_) => panic!("nobody joins here"),
        }
    }

    fn pass(&mut self, document: DocumentId) -> Vec<(LinkId, Outcome)> {
        let mut own: Vec<(LinkId, &mut Library)> = self
            .libraries
            .iter_mut()
            .filter(|(_, library)| Self::document(library) == document)
            .map(|(id, library)| (*id, library))
            .collect();
        let mut lifted = Vec::new();
        for (id, library) in &mut own {
            let is_well = matches!(library.trouble, Trouble::None | Trouble::Runs);
            let reads = !library.paused && is_well;
            if reads && library.read != library.revision {
                library.read = library.revision;
                lifted.push(*id);
            }
        }
        let end = |(id, library): (LinkId, &mut Library)| {
            library.lacks |= lifted.iter().any(|other| *other != id);
            let end = match library {
                Library { paused: true, .. } => return None,
                Library { trouble: Trouble::Broken, .. } => End::Failed("broken".into()),
                Library { trouble: Trouble::Runs, lacks: true, .. } => End::Waits("runs".into()),
                Library { trouble: Trouble::Held, .. } => End::Held("held".into()),
                _ => End::Done,
            };
            if end == End::Done && library.lacks {
                library.lacks = false;
                library.revision += 1;
                library.read = library.revision;
            }
            Some((id, Outcome { end, lifted: 0, written: 0 }))
        };
        own.into_iter().filter_map(end).collect()
    }

    /// Something happens in an app or to a file, or a person does something.
    fn happen(&mut self) {
        let links: Vec<LinkId> = self.libraries.keys().copied().collect();
        let link = links[self.chance.usize(..links.len())];
        let library = self.libraries.get_mut(&link).unwrap();
        match self.chance.u8(..14) {
            0..=5 => {
                library.revision += 1;
                // The watcher may miss it.
                if self.chance.u8(..5) > 0 {
                    self.take(Event::Touched(vec![link]));
                }
            }
            6..=8 => {
                let all = [Trouble::None, Trouble::Runs, Trouble::Broken, Trouble::Held];
                library.trouble = all[self.chance.usize(..all.len())];
            }
            9 => {
                library.paused = !library.paused;
                // As the agent does: by a command.
                self.relink();
            }
            10 => {
                self.asked += 1;
                self.take(Event::Asked(Order::of(Request::Redo).0));
            }
            11 => {
                let document = self.chance.u8(..2);
                self.take(arrived(1, [document; 32]));
            }
            12 => {
                let note = NetEvent::Culprit(DeviceId([1; 32]), "it lied".into());
                self.take(Event::Net(note));
            }
            _ => self.take(Event::Woke),
        }
    }

    /// Lets time pass, with things happening or not.
    fn run(&mut self, until: u64, is_wild: bool) {
        let begin = self.jobs;
        let (start, mut steps) = (self.now, 0);
        let mut next_happening = self.now;
        while self.now < until {
            steps += 1;
            let done = self.job.as_ref().map_or(u64::MAX, |(done, _)| *done);
            if is_wild && next_happening <= self.now {
                next_happening = self.now + self.chance.u64(1..3_000);
                self.happen();
                continue;
            }
            let happening = if is_wild { next_happening } else { u64::MAX };
            self.now = self.schedule.next().min(done).min(happening).max(self.now);
            if done <= self.now {
                let (_, event) = self.job.take().unwrap();
                self.take(event);
            } else {
                self.take(Event::Tick);
            }
        }
        let most = 20 + (self.now - start) / 20;
        assert!(steps < most && self.jobs - begin < most, "it spins: {:#?}", self.trace);
    }
}

#[test]
fn whatever_happens_all_is_passed_on_in_the_end_and_then_there_is_silence() {
    for seed in 0..400 {
        let mut world = World::of(seed);
        world.run(120_000, true);
        for library in world.libraries.values_mut() {
            library.trouble = Trouble::None;
        }
        // What was held needs a person.
        world.take(Event::Asked(Order::of(Request::Redo).0));
        world.asked += 1;
        let quiet = world.now + RETRY_MS_MAX + 6 * POLL_MS;
        world.run(quiet, false);
        let behind = world
            .libraries
            .values()
            .any(|library| !library.paused && (library.read != library.revision || library.lacks));
        assert!(!behind, "seed {seed}: {:#?} {:#?}", world.libraries, world.trace);
        assert_eq!(world.answered, world.asked, "seed {seed}");
        let (passes, jobs) = (world.passes, world.jobs);
        let hour = world.now + 3_600_000;
        world.run(hour, false);
        assert_eq!(world.passes, passes, "seed {seed}: a pass without a reason");
        assert!(world.jobs - jobs <= 3_600_000 / POLL_MS + 1, "seed {seed}");
        let known = |service: &Service| matches!(service.state, State::InStep | State::Paused);
        assert!(world.schedule.services().all(known), "seed {seed}");
        world.take(Event::Stop("the test ends"));
        let soon = world.now + 1_000;
        while !world.finished {
            assert!(world.now < soon, "seed {seed}: it does not end");
            world.run(soon, false);
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let trace = |seed| {
        let mut world = World::of(seed);
        world.run(60_000, true);
        world.trace
    };
    assert_eq!(trace(7), trace(7));
    assert_ne!(trace(7), trace(8));
}
