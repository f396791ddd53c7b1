//! Two apps that hold the same files, in one document with a third: what is written through one is there for the other.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use segue_agent::command::{LibrarySpec, LibraryState, LogRow, PassReport, Request, Response};
use segue_agent::{Agent, Quiet, World};
use segue_memory::{Kind, Memory, Store};
use segue_model::{Catalog, ChangeSet, Collection, Field, Item, Location, NativeId, Value, music};
use segue_translator::{
    Capabilities, Error, Host, Idle, Library, Place, Reading, Revision, Sink, Translator, Written,
};
use serde_json::Value as Json;

/// What a person does right after the next write of an app of the tree.
type Meanwhile = Arc<Mutex<Option<Box<dyn FnOnce() + Send>>>>;

/// An app that keeps everything exactly, under a name of its own.
struct App(&'static Capabilities, Meanwhile);

impl App {
    fn named(app: &'static str, meanwhile: &Meanwhile) -> Arc<dyn Translator> {
        let capabilities = Capabilities { app, ..*Kind::Exact.capabilities() };
        Arc::new(Self(Box::leak(Box::new(capabilities)), Arc::clone(meanwhile)))
    }
}

impl Translator for App {
    fn capabilities(&self) -> &'static Capabilities {
        self.0
    }
    fn discover(&self, _: &Place) -> Vec<PathBuf> {
        Vec::new()
    }
    fn open(&self, path: &Path, host: Arc<dyn Host>) -> Result<Box<dyn Library>, Error> {
        let inner = Memory(Kind::Exact).open(path, host)?;
        Ok(Box::new(Opened(inner, self.0, Arc::clone(&self.1))))
    }
}

struct Opened(Box<dyn Library>, &'static Capabilities, Meanwhile);

impl Library for Opened {
    fn capabilities(&self) -> &'static Capabilities {
        self.1
    }
    fn running(&self) -> Option<String> {
        self.0.running()
    }
    fn revision(&self) -> Result<Revision, Error> {
        self.0.revision()
    }
    fn read(&self, sink: &mut dyn Sink) -> Result<Reading, Error> {
        self.0.read(sink)
    }
    fn write(&self, expected: &Revision, changes: &ChangeSet) -> Result<Written, Error> {
        let written = self.0.write(expected, changes)?;
        if let Some(meanwhile) = self.2.lock().unwrap().take() {
            meanwhile();
        }
        Ok(written)
    }
    fn back_up(&self, into: &Path) -> Result<Vec<PathBuf>, Error> {
        self.0.back_up(into)
    }
    fn restore(&self, expected: &Revision, from: &Path) -> Result<Revision, Error> {
        self.0.restore(expected, from)
    }
}

struct Desk {
    folder: tempfile::TempDir,
    agent: Agent,
    meanwhile: Meanwhile,
}

const SONGS: usize = 4;

impl Desk {
    /// Two apps over `tree`, and one over `other`, with the same songs; linked.
    fn linked() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let seed = AtomicU64::new(1);
        let meanwhile = Meanwhile::default();
        let world = World {
            now: Arc::new(|| 1_700_000_000),
            random: Arc::new(move |bytes| {
                for chunk in bytes.chunks_mut(8) {
                    let next = seed.fetch_add(1, Ordering::Relaxed);
                    let next = next.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
                    chunk.copy_from_slice(&next[..chunk.len()]);
                }
            }),
            host: Arc::new(Idle),
            place: Place::new(folder.path(), BTreeMap::new()),
            translators: vec![
                App::named("one", &meanwhile),
                App::named("two", &meanwhile),
                App::named("apart", &Meanwhile::default()),
            ],
            programs: segue_agent::registry::Programs::default(),
            device: "desk".into(),
        };
        let music = folder.path().join("music");
        fs::create_dir_all(&music).unwrap();
        let songs = || (1..=SONGS).map(|number| song(&music.join(format!("{number}.ogg")), number));
        for library in ["tree", "other"] {
            let library = folder.path().join(library);
            Store::create(Kind::Exact, &library).unwrap();
            Store::edit(Kind::Exact, &library, |catalog| catalog.items.extend(songs())).unwrap();
        }
        let agent = Agent::open_in(&folder.path().join("segue"), world).unwrap();
        let mut desk = Self { folder, agent, meanwhile };
        desk.list("tree", &[1, 2]);
        desk.list("other", &[1, 2]);
        let spec = |app: &str, path: &str| LibrarySpec {
            app: app.into(),
            path: Some(desk.folder.path().join(path)),
            root: None,
        };
        let libraries = vec![spec("one", "tree"), spec("two", "tree"), spec("apart", "other")];
        let Response::Plan(plan) = desk.run(Request::Plan { libraries, write_tags: false }) else {
            panic!("there is no plan")
        };
        desk.pass(Request::Apply { plan: plan.plan });
        desk.is_in_step();
        desk
    }

    fn run(&mut self, request: Request) -> Response {
        self.agent.run(request, &Quiet).unwrap_or_else(|error| panic!("{error}"))
    }

    fn pass(&mut self, request: Request) -> PassReport {
        match self.run(request) {
            Response::Pass(report) => report,
            other => panic!("{other:?}"),
        }
    }

    fn sync(&mut self) -> PassReport {
        self.pass(Request::Sync { libraries: Vec::new(), dry_run: false, yes: false })
    }

    /// A pass that is whole: nothing waits, and the next one has nothing to do.
    fn sync_whole(&mut self) -> PassReport {
        let report = self.sync();
        is_whole(&report);
        self.is_in_step();
        report
    }

    fn is_in_step(&mut self) {
        let report = self.sync();
        assert_eq!(report.operation, None, "{report:?}");
    }

    fn log(&mut self) -> Vec<LogRow> {
        match self.run(Request::Log) {
            Response::Log(rows) => rows,
            other => panic!("{other:?}"),
        }
    }

    fn edit(&self, library: &str, edit: impl FnOnce(&mut Catalog)) {
        Store::edit(Kind::Exact, &self.folder.path().join(library), edit).unwrap();
    }

    fn set(&self, library: &str, number: usize, field: &'static Field, value: i64) {
        set(&self.folder.path().join(library), number, field, value);
    }

    fn list(&self, library: &str, songs: &[usize]) {
        let music = self.folder.path().join("music");
        let entry = |n: &usize| NativeId::from(music.join(format!("{n}.ogg")).to_str().unwrap());
        let entries: Vec<NativeId> = songs.iter().map(entry).collect();
        self.edit(library, |catalog| match catalog.collections.first_mut() {
            Some(list) => list.entries = entries,
            None => catalog.collections.push(Collection {
                id: NativeId::from("mix"),
                kind: &music::PLAYLIST,
                name: "Mix".into(),
                parent: None,
                entries,
                rule: None,
            }),
        });
    }

    fn catalog(&self, library: &str) -> Catalog {
        Store::open(Kind::Exact, &self.folder.path().join(library)).unwrap().catalog()
    }

    /// A number of a song in both libraries.
    fn values(&self, number: usize, field: &'static Field) -> [Option<i64>; 2] {
        ["tree", "other"].map(|library| {
            let catalog = self.catalog(library);
            let is_it = |item: &&Item| item.id.to_string().ends_with(&format!("/{number}.ogg"));
            let item = catalog.items.iter().find(is_it).unwrap();
            item.fields.value(field).and_then(Value::as_int)
        })
    }

    fn entries(&self) -> [Vec<String>; 2] {
        ["tree", "other"].map(|library| {
            let catalog = self.catalog(library);
            assert_eq!(catalog.collections.len(), 1, "{catalog:?}");
            let entries = catalog.collections[0].entries.iter();
            entries.map(|id| id.to_string().rsplit('/').next().unwrap()[..1].to_owned()).collect()
        })
    }

    fn bytes(&self) -> [Vec<u8>; 2] {
        ["tree", "other"]
            .map(|library| fs::read(self.folder.path().join(library).join("library.json")).unwrap())
    }

    fn conflicts(&mut self) -> usize {
        match self.run(Request::Conflicts) {
            Response::Conflicts(rows) => rows.len(),
            other => panic!("{other:?}"),
        }
    }

    fn export(&mut self) -> Json {
        match self.run(Request::Export { document: None }) {
            Response::Export(text) => serde_json::from_str(&text.0).unwrap(),
            other => panic!("{other:?}"),
        }
    }
}

fn song(place: &Path, number: usize) -> Item {
    fs::write(place, "music").unwrap();
    let place = place.to_str().unwrap();
    let mut item = Item::new(place);
    item.location = Some(Location::from(place));
    item.fields.set(&music::TITLE, Some(Value::text(format!("Title {number}"))));
    item.fields.set(&music::DURATION, Some(Value::Int(100_000 + 7_000 * number as i64)));
    item
}

fn set(library: &Path, number: usize, field: &'static Field, value: i64) {
    Store::edit(Kind::Exact, library, |catalog| {
        let is_it = |item: &&mut Item| item.id.to_string().ends_with(&format!("/{number}.ogg"));
        let item = catalog.items.iter_mut().find(is_it).unwrap();
        item.fields.set(field, Some(Value::Int(value)));
    })
    .unwrap();
}

fn is_whole(report: &PassReport) {
    let whole = [LibraryState::Written, LibraryState::Unchanged];
    assert!(report.libraries.iter().all(|found| whole.contains(&found.state)), "{report:?}");
}

fn lifted(report: &PassReport) -> BTreeMap<&str, u64> {
    report.libraries.iter().map(|found| (found.library.as_str(), found.lifted)).collect()
}

/// Twice an edit of the other library comes into the tree, through one of its apps; the other app takes it for no edit
/// of its user, and counts it once.
#[test]
fn f26_what_is_written_through_one_app_of_a_tree_is_no_edit_of_the_other() {
    let mut desk = Desk::linked();
    for plays in [3, 5] {
        desk.set("other", 1, &music::PLAY_COUNT, plays);
        desk.set("other", 2, &music::RATING, 10 * plays);
        let songs: Vec<usize> = (1..=2).chain(std::iter::repeat_n(3, plays as usize)).collect();
        desk.list("other", &songs);
        let report = desk.sync_whole();
        let lifted = lifted(&report);
        assert_eq!((lifted["one"], lifted["two"]), (0, 0), "{report:?}");
        assert!(lifted["apart"] >= 3, "{report:?}");
        assert_eq!(desk.values(1, &music::PLAY_COUNT), [Some(plays); 2]);
        assert_eq!(desk.values(2, &music::RATING), [Some(10 * plays); 2]);
        let songs: Vec<String> = songs.iter().map(ToString::to_string).collect();
        assert_eq!(desk.entries(), [songs.clone(), songs]);
    }
    assert_eq!(desk.conflicts(), 0);
}

#[test]
fn f39_one_act_over_a_tree_is_one_operation_and_is_taken_back_and_redone_as_one() {
    let mut desk = Desk::linked();
    let before = desk.bytes();
    let operations = desk.log().len();
    desk.set("other", 1, &music::PLAY_COUNT, 4);
    desk.set("other", 2, &music::RATING, 60);
    desk.list("other", &[2, 1, 4]);
    desk.sync_whole();
    let (after, document) = (desk.bytes(), desk.export());
    let log = desk.log();
    assert_eq!((log.len(), log[0].state.as_str()), (operations + 1, "done"), "{log:?}");
    is_whole(&desk.pass(Request::Undo { operation: None }));
    assert_eq!(desk.bytes()[0], before[0]);
    assert_eq!(desk.values(1, &music::PLAY_COUNT).map(|count| count.unwrap_or(0)), [0; 2]);
    assert_eq!(
        (desk.values(2, &music::RATING), desk.entries()[1].join("")),
        ([None; 2], "12".into())
    );
    desk.is_in_step();
    is_whole(&desk.pass(Request::Redo));
    assert_eq!(desk.export(), document);
    assert!(desk.bytes()[0] == after[0], "the tree is another than before the undo");
    assert_eq!(desk.values(1, &music::PLAY_COUNT), [Some(4); 2]);
    desk.is_in_step();
    assert_eq!(desk.conflicts(), 0);
}

#[test]
fn f26_what_a_person_does_in_a_tree_while_it_is_written_is_kept() {
    let mut desk = Desk::linked();
    desk.set("other", 1, &music::PLAY_COUNT, 4);
    desk.set("other", 2, &music::RATING, 60);
    let tree = desk.folder.path().join("tree");
    *desk.meanwhile.lock().unwrap() = Some(Box::new(move || {
        set(&tree, 2, &music::RATING, 20);
        set(&tree, 3, &music::RATING, 40);
    }));
    desk.sync_whole();
    assert_eq!(desk.values(1, &music::PLAY_COUNT), [Some(4); 2]);
    assert_eq!(desk.values(2, &music::RATING), [Some(20); 2], "it was seen, and changed");
    assert_eq!(desk.values(3, &music::RATING), [Some(40); 2]);
    assert_eq!(desk.conflicts(), 0);
}
