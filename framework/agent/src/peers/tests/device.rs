//! One device: an agent with a home, and the library of an app.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use segue_books::Books;
use segue_memory::{Kind, Memory, Store};
use segue_model::{Catalog, Collection, DeviceId, DocumentId, Field, Item, Value, music};
use segue_rhythmbox::Rhythmbox;
use segue_store::{CulpritRow, LinkRow, Reader};
use segue_strawberry::Strawberry;
use segue_tags::Tags;
use segue_translator::{Idle, Place};

use crate::command::{LibrarySpec, Request, Response};
use crate::{Agent, Quiet, World};

/// A clock that all devices share.
#[derive(Debug, Clone)]
pub(super) struct Clock(Arc<AtomicI64>);

impl Clock {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(1_700_000_000)))
    }

    pub(super) fn now(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn pass(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }

    fn world(&self, seed: u64, name: &str) -> World {
        let (time, chance) = (self.clone(), Mutex::new(fastrand::Rng::with_seed(seed)));
        World {
            now: Arc::new(move || time.now()),
            random: Arc::new(move |bytes| chance.lock().unwrap().fill(bytes)),
            host: Arc::new(Idle),
            place: Place::default(),
            translators: vec![
                Arc::new(Memory(Kind::Exact)),
                Arc::new(Rhythmbox),
                Arc::new(Strawberry),
                Arc::new(Tags),
                Arc::new(Books),
            ],
            programs: crate::registry::Programs::default(),
            device: name.into(),
        }
    }
}

pub(super) struct Device {
    pub(super) agent: Agent,
    pub(super) home: PathBuf,
    pub(super) library: PathBuf,
    clock: Clock,
    pub(super) seed: u64,
    name: String,
}

impl Device {
    /// A device with an empty library, which is not linked.
    pub(super) fn new(folder: &Path, clock: &Clock, seed: u64, name: &str) -> Self {
        let (home, library) = (folder.join("home"), folder.join("library"));
        Store::create(Kind::Exact, &library).unwrap();
        Self::open(home, library, clock, seed, name)
    }

    /// What opens a home that may be there already.
    pub(super) fn open(
        home: PathBuf,
        library: PathBuf,
        clock: &Clock,
        seed: u64,
        name: &str,
    ) -> Self {
        let agent = Agent::open_in(&home, clock.world(seed, name)).unwrap();
        Self { agent, home, library, clock: clock.clone(), seed, name: name.into() }
    }

    /// Ends, and begins again; `meanwhile` nothing of it runs.
    pub(super) fn restart(&mut self, meanwhile: impl FnOnce(&Path)) {
        // Another folder, since a home is open as long as an agent has it.
        let parking = tempfile::tempdir().unwrap();
        let parked = Agent::open_in(parking.path(), self.clock.world(0, "parked")).unwrap();
        drop(std::mem::replace(&mut self.agent, parked));
        meanwhile(&self.home);
        self.seed += 1000;
        self.agent = Agent::open_in(&self.home, self.clock.world(self.seed, &self.name)).unwrap();
    }

    pub(super) fn id(&self) -> DeviceId {
        self.agent.home.device.id()
    }

    pub(super) fn store(&self) -> &Reader {
        &self.agent.home.store
    }

    pub(super) fn document(&self) -> DocumentId {
        let documents = self.store().documents().unwrap();
        assert_eq!(documents.len(), 1, "{} has one document", self.name);
        documents[0].id
    }

    fn spec(&self) -> LibrarySpec {
        let app = Kind::Exact.capabilities().app.into();
        LibrarySpec { app, path: Some(self.library.clone()), root: None }
    }

    pub(super) fn run(&mut self, request: Request) -> Response {
        self.agent.run(request, &Quiet).unwrap()
    }

    pub(super) fn link(&mut self) {
        self.link_library(self.spec());
    }

    fn link_library(&mut self, library: LibrarySpec) {
        self.link_all(vec![library]);
    }

    pub(super) fn link_all(&mut self, libraries: Vec<LibrarySpec>) {
        let plan = match self.run(Request::Plan { libraries, write_tags: false }) {
            Response::Plan(report) => report.plan,
            other => panic!("{other:?}"),
        };
        self.run(Request::Apply { plan });
    }

    /// Its library lies elsewhere than its store says.
    pub(super) fn moves_library(&mut self) {
        let link = self.store().links().unwrap().remove(0);
        let tx = self.agent.home.store.transaction().unwrap();
        tx.put_link(&LinkRow { path: self.library.clone(), ..link }).unwrap();
        tx.commit().unwrap();
    }

    /// Links a second app with the same songs.
    pub(super) fn second_app(&mut self) -> PathBuf {
        let folder = self.library.with_file_name("second");
        Store::create(Kind::Exact, &folder).unwrap();
        let first = self.catalog();
        Store::edit(Kind::Exact, &folder, |catalog| catalog.items = first.items).unwrap();
        let spec = LibrarySpec { path: Some(folder.clone()), ..self.spec() };
        self.link_library(spec);
        folder
    }

    pub(super) fn unlink(&mut self) {
        let library = self.spec();
        self.run(Request::Unlink { library });
    }

    /// One pass over the library; returns whether it did anything.
    pub(super) fn pass(&mut self) -> String {
        let request = Request::Sync { libraries: Vec::new(), dry_run: false, yes: true };
        match self.run(request) {
            Response::Pass(report) => format!("{:?}", report.libraries),
            other => panic!("{other:?}"),
        }
    }

    /// Somebody uses the app.
    pub(super) fn edit(&self, edit: impl FnOnce(&mut Catalog)) {
        Store::edit(Kind::Exact, &self.library, edit).unwrap();
    }

    pub(super) fn catalog(&self) -> Catalog {
        Store::open(Kind::Exact, &self.library).unwrap().catalog()
    }

    /// Gives the app songs of these names.
    pub(super) fn fill(&self, songs: impl IntoIterator<Item = usize>) {
        let songs: Vec<Item> = songs.into_iter().map(song).collect();
        self.edit(|catalog| catalog.items.extend(songs));
    }

    pub(super) fn rate(&self, song: usize, rating: i64) {
        self.set(song, &music::RATING, rating);
    }

    pub(super) fn set(&self, song: usize, field: &'static Field, value: i64) {
        set(&self.library, song, field, value);
    }

    /// Rates in the app, and takes it up.
    pub(super) fn rates(&mut self, song: usize, rating: i64) {
        self.rate(song, rating);
        self.pass();
    }

    pub(super) fn value(&self, song: usize, field: &'static Field) -> Option<i64> {
        let id = path(song).as_str().into();
        let catalog = self.catalog();
        let item = catalog.items.iter().find(|item| item.id == id)?;
        match item.fields.value(field) {
            Some(Value::Int(value)) => Some(*value),
            _ => None,
        }
    }

    pub(super) fn rating(&self, song: usize) -> Option<i64> {
        self.value(song, &music::RATING)
    }

    pub(super) fn ratings(&self) -> BTreeMap<String, Option<i64>> {
        let catalog = self.catalog();
        let rating = |item: &Item| match item.fields.value(&music::RATING) {
            Some(Value::Int(value)) => Some(*value),
            _ => None,
        };
        catalog.items.iter().map(|item| (item.id.to_string(), rating(item))).collect()
    }

    /// Makes a playlist, or gives the one of this name other songs.
    pub(super) fn playlist(&self, name: &str, songs: &[usize]) {
        let entries: Vec<_> = songs.iter().map(|song| path(*song).as_str().into()).collect();
        self.edit(|catalog| {
            if let Some(list) = catalog.collections.iter_mut().find(|list| *list.name == *name) {
                list.entries = entries;
                return;
            }
            catalog.collections.push(Collection {
                id: name.into(),
                kind: &music::PLAYLIST,
                name: name.into(),
                parent: None,
                entries,
                rule: None,
            });
        });
    }

    /// The whole document, as canonical JSON.
    pub(super) fn export(&mut self) -> String {
        match self.run(Request::Export { document: None }) {
            Response::Export(export) => serde_json::to_string(&export).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// Asserts that everything that the doctor looks at is sound.
    pub(super) fn is_sound(&mut self) {
        match self.run(Request::Doctor) {
            Response::Doctor(report) => assert!(report.sound, "{}: {report:#?}", self.name),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn culprits(&self) -> Vec<CulpritRow> {
        self.store().culprits().unwrap()
    }

    pub(super) fn note(&mut self, device: &DeviceId, why: &str) {
        let now = self.clock.now();
        let tx = self.agent.home.store.transaction().unwrap();
        tx.note_culprit(device, why, now).unwrap();
        tx.commit().unwrap();
    }

    pub(super) fn blames(&self, device: &DeviceId) -> bool {
        self.culprits().iter().any(|row| row.device == *device)
    }
}

/// Sets a value in the app of this library.
pub(super) fn set(library: &Path, song: usize, field: &'static Field, value: i64) {
    Store::edit(Kind::Exact, library, |catalog| {
        let id = path(song).as_str().into();
        let item = catalog.items.iter_mut().find(|item| item.id == id).unwrap();
        item.fields.set(field, Value::Int(value));
    })
    .unwrap();
}

pub(super) fn path(song: usize) -> String {
    format!("/m/{song:03}.mp3")
}

fn song(number: usize) -> Item {
    let path = path(number);
    let mut item = Item::new(path.as_str());
    item.location = Some(path.as_str().into());
    item.fields.set(&music::TITLE, Value::text(format!("Song {number}")));
    item.fields.set(&music::RATING, Value::Int(20));
    item.fields.set(&music::DURATION, Value::Int(60_000 + 5_000 * number as i64));
    item
}
