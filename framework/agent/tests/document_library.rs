//! A document is a library like any other: linked, written, undone.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use segue_agent::command::{LibrarySpec, LibraryState, PassReport, Request, Response};
use segue_agent::{Agent, Quiet, Segue, World, registry};
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
        translators: registry::translators(),
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

fn strawberry(folder: &Path) -> PathBuf {
    let fixture = "../../translators/strawberry/fixtures/1.0.14/strawberry.db";
    let path = folder.join("strawberry.db");
    std::fs::create_dir_all(folder).expect("a folder");
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(fixture), &path).expect("a copy");
    let mut mode = std::fs::metadata(&path).expect("a file").permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o644);
    std::fs::set_permissions(&path, mode).expect("a mode");
    folder.to_owned()
}

/// Rates a song by its title, as the app would.
fn rate(folder: &Path, rating: f64) {
    let database = rusqlite::Connection::open(folder.join("strawberry.db")).expect("a database");
    let sql = "UPDATE songs SET rating = ?1 WHERE title = 'Lantern Row'";
    assert_eq!(database.execute(sql, [rating]).expect("an update"), 1);
}

fn rating(folder: &Path) -> f64 {
    let database = rusqlite::Connection::open(folder.join("strawberry.db")).expect("a database");
    let sql = "SELECT rating FROM songs WHERE title = 'Lantern Row'";
    database.query_row(sql, [], |row| row.get(0)).expect("a song")
}

#[test]
fn a_document_is_linked_to_another_as_a_library() {
    let temp = tempfile::tempdir().expect("a folder");
    let (here, there) = (strawberry(&temp.path().join("a")), strawberry(&temp.path().join("b")));
    let first_home = temp.path().join("first");
    let mut first = Agent::open_in(&first_home, world(temp.path(), 1)).expect("an agent");
    link(&mut first, vec![spec("strawberry", &here)]);
    let mut second =
        Agent::open_in(&temp.path().join("second"), world(temp.path(), 2)).expect("an agent");
    let report = link(&mut second, vec![spec("segue", &first_home), spec("strawberry", &there)]);
    assert!(report.libraries.iter().all(|found| found.state == LibraryState::Unchanged));
    assert_eq!(sync(&mut second).operation, None, "equal libraries are quiet at once");

    rate(&there, 0.9);
    let report = sync(&mut second);
    assert_eq!(report.conflicts, 0);
    sync(&mut first);
    assert!((rating(&here) - 0.9).abs() < 1e-9, "through two documents into the other library");
    assert_eq!(sync(&mut second).operation, None);

    pass(&mut second, Request::Undo { operation: None });
    sync(&mut first);
    assert!(rating(&here) < 0.0, "unrated again, in both");
    assert!(rating(&there) < 0.0);
    assert_eq!(sync(&mut second).operation, None);
    assert_eq!(sync(&mut first).operation, None);
}
