//! Libraries of two kinds in one Segue: each has a document of its own, and a pass is about both.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use segue_agent::command::{FoundItem, LibrarySpec, PassReport, PlanReport, Request, Response};
use segue_agent::{Agent, Quiet, World};
use segue_books::Books;
use segue_memory::{Kind, Memory, Store};
use segue_model::{Item, Value, music};
use segue_translator::{Idle, Place};
use serde_json::Value as Json;

struct Desk {
    folder: tempfile::TempDir,
    agent: Agent,
}

impl Desk {
    /// Two players with the same song, and two folders of which the second has three of the first's
    /// five books, one in another place.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let seed = AtomicU64::new(1);
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
            place: Place::new(folder.path(), std::collections::BTreeMap::new()),
            translators: vec![
                Arc::new(Memory(Kind::Exact)),
                Arc::new(Memory(Kind::Stars)),
                Arc::new(Books),
            ],
            programs: segue_agent::registry::Programs::default(),
            device: "desk".into(),
        };
        for kind in [Kind::Exact, Kind::Stars] {
            let library = folder.path().join(".local/share").join(kind.capabilities().app);
            Store::create(kind, &library).unwrap();
            Store::edit(kind, &library, |catalog| catalog.items.push(song())).unwrap();
        }
        let books = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../translators/books/fixtures/folders/epub");
        let copies = [
            ("Shelley/two.EPUB", "a/two.epub"),
            ("calibre.epub", "a/calibre.epub"),
            ("lent.epub", "a/lent.epub"),
            ("other.epub", "a/other.epub"),
            ("three.epub", "a/three.epub"),
            ("Shelley/two.EPUB", "b/two.epub"),
            ("lent.epub", "b/far/lent.epub"),
            ("three.epub", "b/three.epub"),
        ];
        for (from, to) in copies {
            let to = folder.path().join(to);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(books.join(from), to).unwrap();
        }
        let agent = Agent::open_in(&folder.path().join("segue"), world).unwrap();
        Self { folder, agent }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&mut self, request: Request) -> Response {
        self.agent.run(request, &Quiet).unwrap_or_else(|error| panic!("{error}"))
    }

    fn plan(&mut self, libraries: Vec<LibrarySpec>) -> PlanReport {
        match self.run(Request::Plan { libraries, write_tags: false }) {
            Response::Plan(plan) => plan,
            other => panic!("{other:?}"),
        }
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

    fn link_all(&mut self) -> PlanReport {
        let players = ["memory-exact", "memory-stars"];
        let specs = players.map(|app| LibrarySpec { app: app.into(), path: None, root: None });
        let plan = self.plan(specs.into()).plan;
        self.pass(Request::Apply { plan });
        let folders = ["a", "b"].map(|name| LibrarySpec {
            app: "books".into(),
            path: Some(self.path(name)),
            root: None,
        });
        let plan = self.plan(folders.into());
        self.pass(Request::Apply { plan: plan.plan.clone() });
        plan
    }

    fn export(&mut self, document: &str) -> Json {
        match self.run(Request::Export { document: Some(document.into()) }) {
            Response::Export(text) => serde_json::from_str(&text.0).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn find(&mut self, text: &str) -> Vec<FoundItem> {
        match self.run(Request::Find { text: text.into() }) {
            Response::Found(found) => found,
            other => panic!("{other:?}"),
        }
    }

    /// The titles of the books in the document.
    fn titles(&mut self) -> Vec<String> {
        let export = self.export("books");
        let items = export["items"].as_array().unwrap();
        let mut titles: Vec<String> =
            items.iter().map(|item| item["fields"]["title"].as_str().unwrap().into()).collect();
        titles.sort();
        titles
    }
}

fn song() -> Item {
    let mut song = Item::at("/music/lamp.mp3");
    song.fields.set(&music::TITLE, Value::text("Lamp Song"));
    song.fields.set(&music::ARTIST, Value::list(["Ann"]));
    song.fields.set(&music::DURATION, Value::Int(200_000));
    song
}

const TITLES: [&str; 5] =
    ["Das zweite Buch", "The Lamp", "The Lent Lamp", "The Other Lamp", "Winter city the 15"];

#[test]
fn the_same_books_in_two_folders_are_one_and_others_stay_apart() {
    let mut desk = Desk::new();
    let plan = desk.link_all();
    assert_eq!((plan.items, plan.matched, plan.doubtful), (5, 3, 0));
    assert_eq!(desk.titles(), TITLES);
    let music = desk.export("music");
    assert_eq!((&music["schema"], music["items"].as_array().unwrap().len()), (&"music".into(), 1));
}

#[test]
fn one_pass_is_about_both_and_finds_nothing_the_second_time() {
    let mut desk = Desk::new();
    desk.link_all();
    let player = desk.path(".local/share/memory-exact");
    Store::edit(Kind::Exact, &player, |catalog| {
        catalog.items[0].fields.set(&music::RATING, Value::Int(80));
    })
    .unwrap();
    fs::copy(desk.path("a/calibre.epub"), desk.path("b/winter.epub")).unwrap();
    let report = desk.sync();
    assert_eq!(report.libraries.len(), 4);
    assert!(report.operation.is_some());
    assert_eq!(report.libraries.iter().map(|library| library.written).sum::<u64>(), 1);
    assert_eq!(desk.titles(), TITLES, "it is the book that is known");
    assert_eq!(desk.sync().operation, None);
}

#[test]
fn what_is_looked_for_is_found_in_both() {
    let mut desk = Desk::new();
    desk.link_all();
    let mut found: Vec<(String, String)> =
        desk.find("lamp").into_iter().map(|item| (item.schema, item.title)).collect();
    found.sort();
    let book = |title: &str| ("books".to_owned(), format!("{title} — Ada Fern"));
    let song = ("music".to_owned(), "Lamp Song — Ann".to_owned());
    let expected = [book("The Lamp"), book("The Lent Lamp"), book("The Other Lamp"), song];
    assert_eq!(found, expected);
}

#[test]
fn a_book_that_is_damaged_for_a_while_is_neither_gone_nor_changed() {
    let mut desk = Desk::new();
    desk.link_all();
    let before = desk.export("books");
    let book = desk.path("a/calibre.epub");
    let whole = fs::read(&book).unwrap();
    fs::write(&book, &whole[..1_000]).unwrap();
    desk.sync();
    assert_eq!(desk.export("books"), before);
    fs::write(&book, &whole).unwrap();
    desk.sync();
    assert_eq!(desk.export("books"), before);
}

#[test]
fn a_book_that_moves_stays_the_book() {
    let mut desk = Desk::new();
    desk.link_all();
    let id = |desk: &mut Desk| desk.find("Winter")[0].id.clone();
    let before = id(&mut desk);
    fs::create_dir(desk.path("a/Ås")).unwrap();
    fs::rename(desk.path("a/calibre.epub"), desk.path("a/Ås/winter.epub")).unwrap();
    desk.sync();
    assert_eq!(id(&mut desk), before);
    assert_eq!(desk.find("Winter")[0].location.as_deref(), Some("Ås/winter.epub"));
}
