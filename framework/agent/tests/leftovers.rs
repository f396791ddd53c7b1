//! What a pass could not do is found again by the next: held, waiting, failed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use segue_agent::command::{LibrarySpec, LibraryState, PassReport, Request, Response};
use segue_agent::{Agent, Quiet, World};
use segue_memory::{Kind, Memory, Store};
use segue_translator::model::{Availability, Catalog, Collection, Item, Value, music};
use segue_translator::{Host, Place, Probe};

/// A host on which the apps run whose library's path has this part.
struct Runs(&'static str, Arc<AtomicBool>);

impl Host for Runs {
    fn running(&self, probe: &Probe<'_>) -> Option<String> {
        let this = probe.library.to_string_lossy().contains(self.0);
        (this && self.1.load(Ordering::Relaxed)).then(|| "the app".to_owned())
    }
}

struct Desk {
    folder: tempfile::TempDir,
    agent: Agent,
    running: Arc<AtomicBool>,
    clock: Arc<AtomicU64>,
}

const APPS: [(Kind, &str); 2] = [(Kind::Exact, "memory-exact"), (Kind::Stars, "memory-stars")];

impl Desk {
    /// Two linked apps with the same songs and nothing to say about them.
    fn new(songs: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let running = Arc::new(AtomicBool::new(false));
        let (clock, seed) = (Arc::new(AtomicU64::new(1_700_000_000)), AtomicU64::new(1));
        let ticking = clock.clone();
        let world = World {
            now: Arc::new(move || ticking.fetch_add(1, Ordering::Relaxed) as i64),
            random: Arc::new(move |bytes| {
                for chunk in bytes.chunks_mut(8) {
                    let next = seed.fetch_add(1, Ordering::Relaxed);
                    let next = next.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
                    chunk.copy_from_slice(&next[..chunk.len()]);
                }
            }),
            host: Arc::new(Runs("memory-stars", running.clone())),
            place: Place::new(folder.path(), std::collections::BTreeMap::default()),
            translators: APPS.iter().map(|(kind, _)| Arc::new(Memory(*kind)) as _).collect(),
            programs: segue_agent::registry::Programs::default(),
            device: "desk".into(),
        };
        let agent = Agent::open_in(&folder.path().join("segue"), world).unwrap();
        let desk = Self { folder, agent, running, clock };
        for (kind, app) in APPS {
            Store::create(kind, &desk.library(app)).unwrap();
            desk.edit(kind, |catalog| catalog.items = (0..songs).map(song).collect());
        }
        desk
    }

    fn library(&self, app: &str) -> std::path::PathBuf {
        self.folder.path().join(".local/share").join(app)
    }

    fn edit(&self, kind: Kind, edit: impl FnOnce(&mut Catalog)) -> Catalog {
        Store::edit(kind, &self.library(kind.capabilities().app), edit).unwrap()
    }

    fn rated(&self, kind: Kind) -> usize {
        let catalog = self.edit(kind, |_| ());
        catalog.items.iter().filter(|item| item.fields.value(&music::RATING).is_some()).count()
    }

    fn run(&mut self, request: Request) -> Response {
        self.agent.run(request, &Quiet).unwrap()
    }

    fn link(&mut self) -> PassReport {
        let libraries: Vec<LibrarySpec> =
            APPS.iter().map(|(_, app)| app.parse().unwrap()).collect();
        let Response::Plan(plan) = self.run(Request::Plan { libraries, write_tags: false }) else {
            panic!("a plan answers a plan")
        };
        self.pass(Request::Apply { plan: plan.plan })
    }

    fn sync(&mut self, yes: bool) -> PassReport {
        self.pass(Request::Sync { libraries: Vec::new(), dry_run: false, yes })
    }

    fn pass(&mut self, request: Request) -> PassReport {
        let Response::Pass(report) = self.run(request) else { panic!("a pass answers a pass") };
        report
    }
}

fn song(number: usize) -> Item {
    let path = format!("/music/{number}.mp3");
    let mut item = Item::new(path.as_str());
    item.location = Some(Path::new(&path).to_string_lossy().as_ref().into());
    item.fields.set(&music::TITLE, Value::text(format!("song {number}")));
    item.fields.set(&music::ARTIST, Value::list(["somebody"]));
    item.fields.set(&music::DURATION, Value::Int(180_000));
    item.fields.set(&music::PLAY_COUNT, Value::Int(3));
    item
}

fn rate(catalog: &mut Catalog, value: Option<i64>) {
    for item in &mut catalog.items {
        item.fields.set(&music::RATING, value.map(Value::Int));
    }
}

#[test]
fn f05_what_a_guard_holds_is_held_until_a_person_lets_it_pass() {
    let mut desk = Desk::new(30);
    desk.edit(Kind::Exact, |catalog| rate(catalog, Some(80)));
    desk.link();
    assert_eq!(desk.rated(Kind::Stars), 30);
    desk.edit(Kind::Exact, |catalog| rate(catalog, None));
    for _ in 0..3 {
        let report = desk.sync(false);
        assert_eq!((report.held.len(), report.operation), (1, None));
        assert_eq!(desk.rated(Kind::Stars), 30);
    }
    assert_eq!(desk.sync(true).held, []);
    assert_eq!(desk.rated(Kind::Stars), 0);
    assert_eq!(desk.sync(false).operation, None);
}

#[test]
fn f19_what_waits_at_first_contact_is_written_when_the_app_has_quit() {
    let mut desk = Desk::new(30);
    desk.edit(Kind::Exact, |catalog| {
        rate(catalog, Some(80));
        let entries = catalog.items.iter().map(|item| item.id.clone()).collect();
        let (id, name) = ("list".into(), "List".into());
        let kind = &music::PLAYLIST;
        catalog.collections.push(Collection { id, kind, name, parent: None, entries, rule: None });
    });
    desk.running.store(true, Ordering::Relaxed);
    for report in [desk.link(), desk.sync(false)] {
        let waits = report.libraries.iter().find(|found| found.library == "memory-stars").unwrap();
        assert_eq!(waits.state, LibraryState::Waiting);
        assert_eq!(desk.rated(Kind::Stars), 0);
    }
    desk.running.store(false, Ordering::Relaxed);
    desk.sync(false);
    assert_eq!(desk.rated(Kind::Stars), 30);
    assert_eq!(desk.edit(Kind::Stars, |_| ()).collections.len(), 1);
    assert_eq!(desk.sync(false).operation, None);
}

#[test]
fn f39_undoing_first_contact_takes_back_what_still_stands_in_a_changed_app() {
    let mut desk = Desk::new(30);
    desk.edit(Kind::Exact, |catalog| {
        rate(catalog, Some(80));
        let entries = catalog.items.iter().map(|item| item.id.clone()).collect();
        let (id, name) = ("list".into(), "List".into());
        let kind = &music::PLAYLIST;
        catalog.collections.push(Collection { id, kind, name, parent: None, entries, rule: None });
    });
    desk.link();
    let rating = |value| Some(Value::Int(value));
    desk.edit(Kind::Stars, |catalog| catalog.items[7].fields.set(&music::RATING, rating(20)));
    let report = desk.pass(Request::Undo { operation: None });
    assert_eq!(report.kept.len(), 1, "{:?}", report.kept);
    let after = desk.edit(Kind::Stars, |_| ());
    for (index, item) in after.items.iter().enumerate() {
        let expected = if index == 7 { rating(20) } else { None };
        assert_eq!(item.fields.value(&music::RATING), expected.as_ref());
    }
    assert_eq!(after.collections, []);
    assert_eq!(desk.rated(Kind::Exact), 30);
}

#[test]
fn f11_a_moved_file_whose_old_place_is_still_listed_keeps_all() {
    let mut desk = Desk::new(12);
    let entries = |catalog: &Catalog| -> Vec<String> {
        let list = catalog.collections.first().map(|list| &list.entries);
        list.into_iter().flatten().map(ToString::to_string).collect()
    };
    desk.edit(Kind::Exact, |catalog| {
        rate(catalog, Some(80));
        let entries = catalog.items[..3].iter().map(|item| item.id.clone()).collect();
        let (id, name) = ("list".into(), "List".into());
        let kind = &music::PLAYLIST;
        catalog.collections.push(Collection { id, kind, name, parent: None, entries, rule: None });
    });
    desk.link();
    // What players do: the old row stays, missing; the new one knows the tags and nothing else.
    let moved = |catalog: &mut Catalog| {
        catalog.items.sort_by(|a, b| a.id.cmp(&b.id));
        let old = catalog.items.iter_mut().find(|item| item.id == "/music/1.mp3".into()).unwrap();
        old.availability = Availability::Missing;
        let mut new = song(1);
        new.id = "/music/moved/one.mp3".into();
        new.location = Some("/music/moved/one.mp3".into());
        new.fields.set(&music::PLAY_COUNT, None);
        catalog.items.push(new);
    };
    for kind in [Kind::Exact, Kind::Stars] {
        desk.edit(kind, moved);
    }
    desk.sync(false);
    let before = entries(&desk.edit(Kind::Exact, |_| ()));
    assert_eq!(before, ["/music/0.mp3", "/music/moved/one.mp3", "/music/10.mp3"]);
    for kind in [Kind::Exact, Kind::Stars] {
        let catalog = desk.edit(kind, |_| ());
        let new = catalog.item(&"/music/moved/one.mp3".into()).unwrap();
        assert_eq!(new.fields.value(&music::RATING), Some(&Value::Int(80)));
        assert_eq!(new.fields.value(&music::PLAY_COUNT), Some(&Value::Int(3)));
        assert_eq!(entries(&catalog), before);
    }
    assert_eq!(desk.sync(false).operation, None);
    // The app forgets the old place: nothing follows.
    desk.edit(Kind::Exact, |catalog| catalog.items.retain(|item| item.id != "/music/1.mp3".into()));
    desk.sync(false);
    assert_eq!(desk.rated(Kind::Stars), 13);
    assert_eq!(entries(&desk.edit(Kind::Stars, |_| ())), before);
}

#[test]
fn an_undo_of_first_contact_goes_on_when_the_app_has_quit_and_can_be_taken_back() {
    let mut desk = Desk::new(30);
    desk.edit(Kind::Exact, |catalog| rate(catalog, Some(80)));
    desk.link();
    desk.running.store(true, Ordering::Relaxed);
    let waits = |report: &PassReport| {
        let stars = report.libraries.iter().find(|found| found.library == "memory-stars");
        stars.is_some_and(|found| found.state == LibraryState::Waiting)
    };
    assert!(waits(&desk.pass(Request::Undo { operation: None })));
    assert!(waits(&desk.sync(false)));
    // Who asks again, and who wants it back, waits for the same app.
    assert!(waits(&desk.pass(Request::Undo { operation: None })));
    assert!(waits(&desk.pass(Request::Redo)));
    let plan = Request::Apply { plan: "abc".into() };
    let refused = desk.agent.run(plan, &Quiet).unwrap_err();
    assert!(refused.to_string().contains("op 1 is not done yet"), "{refused}");
    assert_eq!(desk.rated(Kind::Stars), 30);
    desk.running.store(false, Ordering::Relaxed);
    assert!(!waits(&desk.sync(false)));
    assert_eq!((desk.rated(Kind::Stars), desk.rated(Kind::Exact)), (0, 30));
    desk.pass(Request::Redo);
    assert_eq!((desk.rated(Kind::Stars), desk.rated(Kind::Exact)), (30, 30));
    assert_eq!(desk.sync(false).operation, None);
}

#[test]
fn f17_a_clock_set_back_by_days_is_held_until_a_person_lets_it_pass() {
    const DAY: u64 = 86_400;
    let mut desk = Desk::new(3);
    desk.link();
    // Nobody was here for a month: nothing is wrong with that.
    desk.clock.fetch_add(30 * DAY, Ordering::Relaxed);
    desk.edit(Kind::Exact, |catalog| rate(catalog, Some(80)));
    assert_eq!(desk.sync(false).held, []);
    assert_eq!(desk.rated(Kind::Stars), 3);
    desk.clock.fetch_sub(5 * DAY, Ordering::Relaxed);
    desk.edit(Kind::Exact, |catalog| rate(catalog, Some(40)));
    for _ in 0..2 {
        let report = desk.sync(false);
        assert_eq!((report.held.len(), report.operation), (2, None));
        assert!(report.held[0].reason.contains("set 4 days back"), "{:?}", report.held);
        let Response::Plan(plan) =
            desk.run(Request::Sync { libraries: Vec::new(), dry_run: true, yes: false })
        else {
            panic!("a dry run answers a plan")
        };
        assert_eq!(plan.held.len(), 2);
    }
    let report = desk.sync(true);
    assert_eq!((report.held.len(), report.operation), (0, Some(3)));
    // A person said so once.
    assert_eq!(desk.sync(false).held, []);
}

#[test]
fn f09_a_value_that_a_rival_puts_back_is_written_three_times_and_then_reported() {
    let mut desk = Desk::new(3);
    desk.edit(Kind::Exact, |catalog| rate(catalog, Some(80)));
    desk.link();
    let mut writes = 0;
    let mut reported = Vec::new();
    for _ in 0..8 {
        // Two rivals: one keeps 40 in one app, the other 80 in the other.
        desk.edit(Kind::Stars, |catalog| rate(catalog, Some(40)));
        desk.sync(false);
        desk.edit(Kind::Exact, |catalog| rate(catalog, Some(80)));
        let report = desk.sync(false);
        let ratings = |found: &&segue_agent::command::Found| {
            found.library == "memory-stars" && found.state == LibraryState::Written
        };
        writes += report.libraries.iter().filter(ratings).count();
        let reason = |found: &segue_agent::command::Found| found.reason.clone();
        reported.extend(report.libraries.iter().filter_map(reason));
    }
    assert!((1..=3).contains(&writes), "{writes} writes");
    assert!(reported.iter().any(|why| why.contains("puts back rating of song")), "{reported:?}");
    assert_eq!(desk.sync(false).operation, None);
    // A person insists: once more.
    desk.edit(Kind::Exact, |catalog| rate(catalog, Some(60)));
    desk.sync(false);
    assert_eq!(
        desk.edit(Kind::Stars, |_| ()).items[0].fields.value(&music::RATING),
        Some(&Value::Int(60))
    );
}

#[test]
fn f09_a_count_that_a_rival_resets_is_written_three_times() {
    let mut desk = Desk::new(3);
    desk.link();
    let mut writes = 0;
    for _ in 0..8 {
        desk.edit(Kind::Stars, |catalog| {
            catalog.items[0].fields.set(&music::PLAY_COUNT, Some(Value::Int(1)));
        });
        let report = desk.sync(false);
        let written = report.libraries.iter().any(|found| found.written > 0);
        writes += u32::from(written);
    }
    assert!((1..=3).contains(&writes), "{writes} writes");
}

#[test]
fn who_changes_their_mind_often_in_one_app_is_no_rival() {
    let mut desk = Desk::new(3);
    desk.link();
    for round in 0..12 {
        let value = if round % 2 == 0 { 80 } else { 40 };
        desk.edit(Kind::Exact, |catalog| rate(catalog, Some(value)));
        desk.sync(false);
        let shown = desk.edit(Kind::Stars, |_| ());
        let rating = shown.items[0].fields.value(&music::RATING);
        assert_eq!(rating, Some(&Value::Int(value)), "round {round}");
    }
}
