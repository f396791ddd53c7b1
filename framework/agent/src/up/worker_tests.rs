//! Jobs that fail, and who is told.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use segue_access::Secret;
use segue_memory::{Kind, Memory};
use segue_store::{DocumentRow, InvitationRow};
use segue_sync::join::Asked;
use segue_translator::{Capabilities, Error, Host, Library, Place, Translator};
use tempfile::TempDir;

use super::*;
use crate::limits::tests::{DAY, Desk, START, until};
use crate::world::{Outside, ambient};

const DOCUMENT: DocumentId = DocumentId([9; 32]);

/// A translator with an error.
struct Wrong;

impl Translator for Wrong {
    fn capabilities(&self) -> &'static Capabilities {
        Kind::Stars.capabilities()
    }

    fn discover(&self, _: &Place) -> Vec<PathBuf> {
        Vec::new()
    }

    fn open(&self, _: &Path, _: Arc<dyn Host>) -> Result<Box<dyn Library>, Error> {
        panic!("the test has it so")
    }
}

/// Linked are a library of the translator with an error, and one that is not there.
fn agent(folder: &TempDir) -> Agent {
    let mut world = ambient(Outside::Left);
    world.translators = vec![Arc::new(Wrong), Arc::new(Memory(Kind::Exact))];
    let mut agent = Agent::open_in(folder.path(), world).unwrap();
    let tx = agent.home.store.transaction().unwrap();
    let document = DocumentRow {
        id: DOCUMENT,
        schema: "music".into(),
        root_statement: Vec::new(),
        created_at: 0,
    };
    tx.put_document(&document).unwrap();
    for (number, kind) in [(1, Kind::Stars), (2, Kind::Exact)] {
        let row = LinkRow {
            id: LinkId([number; 8]),
            document: DOCUMENT,
            app: kind.capabilities().app.into(),
            path: folder.path().join("nothing"),
            root: None,
            writes_tags: false,
            active: true,
            revision: None,
            read_only: None,
            linked_at: 0,
            confirmed_at: 0,
        };
        tx.put_link(&row).unwrap();
    }
    tx.commit().unwrap();
    agent
}

#[test]
fn a_panic_costs_the_job_or_the_one_look_and_not_the_agent() {
    let folder = tempfile::tempdir().unwrap();
    let (events, mut happened) = tokio::sync::mpsc::channel(16);
    let (jobs, work) = mpsc::channel();
    let agent = agent(&folder);
    let (mail, _arrived) = tokio::sync::mpsc::unbounded_channel();
    let worker = std::thread::spawn(move || {
        Worker::new(agent, events, mail, Moments::default()).work(&work);
    });
    let mut done = |job| {
        jobs.send(job).unwrap();
        loop {
            match happened.blocking_recv().unwrap() {
                Event::Linked(links) => assert_eq!(links.len(), 2),
                event => return event,
            }
        }
    };
    let glance = |number| Glance { link: LinkId([number; 8]), known: None, must_be_free: false };
    let Event::Looked(looks) = done(Job::Look(vec![glance(1), glance(2)])) else { panic!() };
    assert_eq!(looks[0].1, Look::Failed(PANICKED.into()));
    let absent = |look: &Look| matches!(look, Look::Failed(why) if why.contains("no such file"));
    assert!(absent(&looks[1].1), "{looks:?}");

    let Event::Passed(_, Err(why)) = done(Job::Pass(DOCUMENT)) else { panic!() };
    assert_eq!(why, PANICKED);

    let sync = Request::Sync { libraries: Vec::new(), dry_run: false, yes: false };
    let (order, answer) = Order::of(sync);
    assert!(matches!(done(Job::Answer(order)), Event::Answered));
    let told = answer.blocking_recv().unwrap();
    assert!(matches!(&told, Tell::Failed(why, _) if why == "Segue has an error"), "{told:?}");

    let Event::Looked(looks) = done(Job::Look(vec![glance(2)])) else { panic!() };
    assert!(absent(&looks[0].1), "{looks:?}");
    drop(jobs);
    worker.join().unwrap();
}

/// A worker of this agent that does what it is given, one after the other.
fn working(agent: Agent) -> (mpsc::Sender<Job>, impl FnMut() -> Event) {
    let (events, mut happened) = tokio::sync::mpsc::channel(16);
    let (jobs, work) = mpsc::channel();
    let (mail, _arrived) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || Worker::new(agent, events, mail, Moments::default()).work(&work));
    (jobs, move || happened.blocking_recv().unwrap())
}

/// From now on the agent has an error whenever it looks at the clock, as long as this is set.
fn breaks(agent: &mut Agent) -> Arc<AtomicBool> {
    let is_broken = Arc::new(AtomicBool::new(true));
    let breaks = Arc::clone(&is_broken);
    agent.world.now = Arc::new(move || {
        assert!(!breaks.load(Ordering::Relaxed), "the test has it so");
        1_700_000_000
    });
    is_broken
}

#[test]
fn the_network_hears_of_a_job_that_had_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut agent = agent(&folder);
    let (net, mut told) = Net::unheard();
    agent.net = Some(net);
    let is_broken = breaks(&mut agent);
    let (jobs, mut next) = working(agent);
    let connection = segue_sync::Connection(7);
    let ingest =
        || Job::Ingest { connection, document: DOCUMENT, number: 1, batch: Batch::default() };
    jobs.send(ingest()).unwrap();
    let event = next();
    assert!(matches!(&event, Event::Ingested(_, Err(why)) if why == PANICKED), "{event:?}");
    assert_eq!(told(), ["7 failed", "refresh"]);
    is_broken.store(false, Ordering::Relaxed);
    jobs.send(ingest()).unwrap();
    assert!(matches!(next(), Event::Ingested(_, Ok(false))));
    assert_eq!(told(), ["7 is judged"]);
    // A pass that had an error may have stored something before.
    is_broken.store(true, Ordering::Relaxed);
    jobs.send(Job::Pass(DOCUMENT)).unwrap();
    while !matches!(next(), Event::Passed(_, Err(_))) {}
    assert_eq!(told(), ["refresh"]);
}

/// A device that shows a ticket of which it is kept that it gives this role, and what it is told.
fn knocks(
    agent: &mut Agent,
    role: &str,
) -> (Box<Knock>, tokio::sync::mpsc::UnboundedReceiver<Answer>) {
    let secret = Secret([3; 16]);
    let tx = agent.home.store.transaction().unwrap();
    tx.put_invitation(&InvitationRow {
        secret: segue_access::Invitation::secret_hash(&secret),
        document: DOCUMENT,
        role: role.into(),
        made: 0,
        expires: i64::MAX,
        approved: true,
        state: "open".into(),
        device: None,
    })
    .unwrap();
    tx.commit().unwrap();
    let (answer, answered) = tokio::sync::mpsc::unbounded_channel();
    let asked = Asked {
        document: DOCUMENT,
        secret,
        vouch: join::vouch(agent).unwrap(),
        person: agent.home.person.id(),
        name: "laptop".into(),
        addresses: Vec::new(),
        words: ["one", "two", "three", "four"],
    };
    (Box::new(Knock { device: agent.home.device.id(), asked, answer }), answered)
}

#[test]
fn a_device_whose_ticket_could_not_be_looked_at_is_told_to_try_again() {
    // What is kept of it is damaged; and there is an error.
    for (role, is_broken) in [("emperor", false), ("read", true)] {
        let folder = tempfile::tempdir().unwrap();
        let mut agent = agent(&folder);
        let (knock, mut answered) = knocks(&mut agent, role);
        breaks(&mut agent).store(is_broken, Ordering::Relaxed);
        let (jobs, mut next) = working(agent);
        jobs.send(Job::Hear(knock)).unwrap();
        let Event::Noted(Some(said)) = next() else { panic!() };
        assert_eq!(said == PANICKED, is_broken, "{said}");
        let answer = answered.blocking_recv();
        assert!(matches!(answer, Some(Answer::Refused(Refused::Busy))), "{answer:?}");
    }
}

#[test]
fn looks_tell_what_ends_soon_now_and_then_and_a_pass_lets_them_look_at_once() {
    let mut desk = Desk::new();
    desk.grant("b", until(3));
    let Desk { folder: _folder, agent, clock } = desk;
    let document = agent.home.store.documents().unwrap()[0].id;
    let (jobs, mut next) = working(agent);
    let mut said_by = |job| {
        jobs.send(job).unwrap();
        let mut said = Vec::new();
        loop {
            match next() {
                Event::Said(sentence) => said.push(sentence),
                Event::Linked(_) => {}
                Event::Looked(_) | Event::Passed(_, Ok(_)) => return said,
                event => panic!("{event:?}"),
            }
        }
    };
    assert_eq!(said_by(Job::Look(Vec::new())), [] as [String; 0], "no pass has found it");
    assert_eq!(said_by(Job::Pass(document)), [] as [String; 0]);
    let said = said_by(Job::Look(Vec::new()));
    assert_eq!(said, ["1 item ends within 7 days: b (until 2023-11-17 22:13 UTC)"]);
    clock.store(START + 5 * DAY / 2, Ordering::Relaxed);
    let said = said_by(Job::Look(Vec::new()));
    assert_eq!(said, ["1 item ends within a day: b (until 2023-11-17 22:13 UTC)"]);
    assert_eq!(said_by(Job::Look(Vec::new())), [] as [String; 0]);
}
