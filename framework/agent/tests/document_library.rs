//! A document is a library like any other: linked, written, undone.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use segue_agent::command::{LibrarySpec, LibraryState, PassReport, Request, Response};
use segue_agent::{Agent, Quiet, Segue, World};
use segue_memory::{Kind, Memory, Store};
use segue_model::{Collection, Item, Value, music};
use segue_translator::{Idle, Place};

/// A world without apps running, whose clock and randomness count up.
fn world(home: &Path, seed: u64) -> World {
    let count = Arc::new(AtomicU64::new(seed << 32));
    let ticks = count.clone();
    let mut world = World {
        now: Arc::new(move || 1_700_000_000 + (ticks.load(Ordering::Relaxed) & 0xffff) as i64),
        random: Arc::new(move |bytes| {
            for byte in bytes.chunks_mut(8) {
                let next =
                    count.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                byte.copy_from_slice(&next.to_be_bytes()[..byte.len()]);
            }
        }),
        host: Arc::new(Idle),
        place: Place::new(home, std::collections::BTreeMap::new()),
        translators: vec![Arc::new(Memory(Kind::Exact))],
        programs: segue_agent::registry::Programs::default(),
        device: "test".into(),
    };
    let documents = Segue::new(world.clone());
    world.translators.push(Arc::new(documents));
    world
}

fn spec(app: &str, path: &Path) -> LibrarySpec {
    LibrarySpec { app: app.into(), path: Some(path.into()), root: None }
}

fn run(agent: &mut Agent, request: Request) -> Response {
    agent.run(request, &Quiet).unwrap_or_else(|error| panic!("{error}"))
}

fn pass(agent: &mut Agent, request: Request) -> PassReport {
    match run(agent, request) {
        Response::Pass(report) => report,
        other => panic!("{other:?}"),
    }
}

fn link(agent: &mut Agent, libraries: Vec<LibrarySpec>) -> PassReport {
    let Response::Plan(plan) = run(agent, Request::Plan { libraries, write_tags: false }) else {
        panic!("no plan");
    };
    pass(agent, Request::Apply { plan: plan.plan })
}

fn sync(agent: &mut Agent) -> PassReport {
    pass(agent, Request::Sync { libraries: Vec::new(), dry_run: false, yes: false })
}

/// A library of three songs, as its app made it.
fn library(folder: &Path) -> PathBuf {
    Store::create(Kind::Exact, folder).expect("a library");
    Store::edit(Kind::Exact, folder, |catalog| {
        catalog.items = ["a", "b", "c"].map(song).into();
        catalog.collections.push(Collection {
            id: "list".into(),
            kind: &music::PLAYLIST,
            name: "List".into(),
            parent: None,
            entries: vec!["/m/a".into(), "/m/b".into(), "/m/a".into()],
            rule: None,
        });
    })
    .expect("an edit");
    folder.to_owned()
}

fn song(name: &str) -> Item {
    let path = format!("/m/{name}");
    let mut item = Item::new(path.as_str());
    item.location = Some(path.as_str().into());
    item.fields.set(&music::TITLE, Value::text(name));
    item.fields.set(&music::DURATION, Value::Int(60_000));
    item.fields.set(&music::PLAY_COUNT, Value::Int(3));
    item
}

/// What a person does in the app.
fn rate(folder: &Path, rating: i64) {
    Store::edit(Kind::Exact, folder, |catalog| {
        catalog.items[0].fields.set(&music::RATING, Value::Int(rating));
        catalog.items[1].fields.set(&music::PLAY_COUNT, Value::Int(5));
        catalog.collections[0].entries.push("/m/c".into());
    })
    .expect("an edit");
}

/// Rating of the first song, plays of the second, length of the list.
fn shown(folder: &Path) -> (Option<i64>, Option<i64>, usize) {
    let catalog = Store::open(Kind::Exact, folder).expect("a library").catalog();
    let number = |index: usize, field| catalog.items[index].fields.value(field)?.as_int();
    let list = catalog.collections[0].entries.len();
    (number(0, &music::RATING), number(1, &music::PLAY_COUNT), list)
}

#[test]
fn a_document_is_linked_to_another_as_a_library() {
    let temp = tempfile::tempdir().expect("a folder");
    let (here, there) = (library(&temp.path().join("a")), library(&temp.path().join("b")));
    let first_home = temp.path().join("first");
    let mut first = Agent::open_in(&first_home, world(temp.path(), 1)).expect("an agent");
    link(&mut first, vec![spec("memory-exact", &here)]);
    let mut second =
        Agent::open_in(&temp.path().join("second"), world(temp.path(), 2)).expect("an agent");
    let report = link(&mut second, vec![spec("segue", &first_home), spec("memory-exact", &there)]);
    assert!(report.libraries.iter().all(|found| found.state == LibraryState::Unchanged));
    assert_eq!(sync(&mut second).operation, None, "equal libraries are quiet at once");

    rate(&there, 90);
    let report = sync(&mut second);
    assert_eq!(report.conflicts, 0);
    sync(&mut first);
    assert_eq!(
        shown(&here),
        (Some(90), Some(5), 4),
        "through two documents into the other library"
    );
    assert_eq!(sync(&mut second).operation, None);

    pass(&mut second, Request::Undo { operation: None });
    sync(&mut first);
    assert_eq!(shown(&here), (None, Some(3), 3), "taken back, in both");
    assert_eq!(shown(&there), (None, Some(3), 3));
    assert_eq!(sync(&mut second).operation, None);
    assert_eq!(sync(&mut first).operation, None);
}
