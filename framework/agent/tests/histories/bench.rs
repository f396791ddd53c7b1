//! A home with music and apps in it, and an agent whose every random number comes from a seed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use segue_agent::command::{
    ConflictRow, LibrarySpec, LibraryState, LogRow, PassReport, PlanReport, Request, Response,
};
use segue_agent::{Agent, Failure, Quiet, World};
use segue_translator::model::{Catalog, Collection, Item, Location, NativeId, Value, music};
use segue_translator::{Host, Idle, Library, Place, Probe};
use serde_json::Value as Json;

use crate::app::App;
use crate::wrapped::{Killed, Steps, Wrapped};

/// Which apps run.
#[derive(Default)]
pub(crate) struct Apps(pub(crate) Mutex<BTreeSet<String>>);

impl Host for Apps {
    fn running(&self, probe: &Probe<'_>) -> Option<String> {
        let apps = self.0.lock().unwrap();
        probe.processes.iter().find(|name| apps.contains(**name)).map(|name| (*name).to_owned())
    }
}

/// The home. Each app has one library.
pub(crate) struct Bench {
    folder: PathBuf,
    /// Removes the folder at the end, where it is the bench's own.
    _guard: Option<tempfile::TempDir>,
    agent: Option<Agent>,
    rng: Arc<Mutex<fastrand::Rng>>,
    clock: Arc<AtomicI64>,
    pub(crate) apps: Arc<Apps>,
    pub(crate) steps: Arc<Steps>,
    pub(crate) kinds: Vec<App>,
}

/// Every file of the libraries: its content and when it was changed.
pub(crate) type Files = BTreeMap<PathBuf, (Vec<u8>, SystemTime)>;

impl Bench {
    /// A home with an empty library for each kind.
    pub(crate) fn new(seed: u64, kinds: &[impl Into<App> + Copy]) -> Self {
        let guard = tempfile::tempdir().unwrap();
        let bench = Self::at(guard.path(), seed, kinds);
        Self { _guard: Some(guard), ..bench }
    }

    /// The same in a given folder: ids of links are drawn from paths too.
    pub(crate) fn at(folder: &Path, seed: u64, kinds: &[impl Into<App> + Copy]) -> Self {
        let mut bench = Self {
            folder: folder.to_owned(),
            _guard: None,
            agent: None,
            rng: Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))),
            clock: Arc::new(AtomicI64::new(1_700_000_000)),
            apps: Arc::default(),
            steps: Arc::default(),
            kinds: kinds.iter().map(|kind| (*kind).into()).collect(),
        };
        fs::create_dir_all(bench.music()).unwrap();
        for kind in &bench.kinds {
            kind.create(&bench.path(*kind));
        }
        bench.open("segue");
        bench
    }

    /// A home in which every app lists the same songs, numbered from 1.
    pub(crate) fn with_songs(seed: u64, kinds: &[impl Into<App> + Copy], songs: usize) -> Self {
        let bench = Self::new(seed, kinds);
        bench.add_songs(songs);
        bench
    }

    /// Lays songs that every app lists.
    pub(crate) fn add_songs(&self, songs: usize) {
        for number in 1..=songs {
            Self::lay(&self.place(number));
        }
        for kind in &self.kinds {
            self.edit(*kind, |catalog| {
                catalog.items.extend((1..=songs).map(|number| self.song(number)));
            });
        }
    }

    /// Opens the agent, in this folder of the home.
    pub(crate) fn open(&mut self, folder: &str) {
        self.agent = None;
        let (rng, clock) = (self.rng.clone(), self.clock.clone());
        let translators = App::all().map(|app| {
            let inner = app.translator();
            Arc::new(Wrapped { inner, steps: self.steps.clone() }) as Arc<_>
        });
        let world = World {
            now: Arc::new(move || clock.load(Ordering::Relaxed)),
            random: Arc::new(move |bytes| rng.lock().unwrap().fill(bytes)),
            host: self.apps.clone(),
            place: self.place_of_apps(),
            translators: translators.collect(),
            programs: segue_agent::registry::Programs::default(),
            device: "bench".into(),
        };
        self.agent = Some(Agent::open_in(&self.folder.join(folder), world).unwrap());
    }

    /// Loses what Segue knows of an app's library beside the document.
    pub(crate) fn lose_base(&mut self, kind: impl Into<App>) {
        let app = kind.into().name();
        self.agent = None;
        let mut store = segue_store::Store::open(&self.home().join("segue.db")).unwrap();
        let links = store.links().unwrap();
        let link = links.iter().find(|row| row.app == app).unwrap().id;
        let tx = store.transaction().unwrap();
        tx.clear_base(link).unwrap();
        tx.commit().unwrap();
        drop(store);
        self.open("segue");
    }

    fn place_of_apps(&self) -> Place {
        Place::new(&self.folder, BTreeMap::new())
    }

    /// Segue's folder.
    pub(crate) fn home(&self) -> PathBuf {
        self.folder.join("segue")
    }

    /// Nothing of Segue runs until it is opened again.
    pub(crate) fn close(&mut self) {
        self.agent = None;
    }

    /// Another folder takes the place of Segue's, which is opened again.
    pub(crate) fn replace_home(&mut self, with: &Path) {
        fs::remove_dir_all(self.home()).unwrap();
        fs::rename(with, self.home()).unwrap();
        self.open("segue");
    }

    /// Sets the clock by so many seconds.
    pub(crate) fn set_clock(&self, by: i64) {
        self.clock.fetch_add(by, Ordering::Relaxed);
    }

    pub(crate) fn root(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn music(&self) -> PathBuf {
        self.folder.join("music")
    }

    /// The folder of an app's library.
    pub(crate) fn path(&self, kind: impl Into<App>) -> PathBuf {
        kind.into().folder(&self.place_of_apps())
    }

    /// The library, as the translator opens it.
    pub(crate) fn library(&self, kind: impl Into<App>) -> Box<dyn Library> {
        let kind = kind.into();
        kind.translator().open(&self.path(kind), Arc::new(Idle)).unwrap()
    }

    /// Where song `number` lies at first.
    pub(crate) fn place(&self, number: usize) -> String {
        self.music().join(format!("{number}.ogg")).to_string_lossy().into_owned()
    }

    /// Puts a file there.
    pub(crate) fn lay(place: &str) {
        fs::create_dir_all(Path::new(place).parent().unwrap()).unwrap();
        fs::write(place, place).unwrap();
    }

    /// Song `number` as an app that has just found its file lists it. Its length tells it from all
    /// others for ever.
    pub(crate) fn song(&self, number: usize) -> Item {
        let place = self.place(number);
        let mut item = Item::new(place.as_str());
        item.location = Some(Location::from(place.as_str()));
        item.fields.set(&music::TITLE, Value::text(format!("Title {number}")));
        item.fields.set(&music::ARTIST, Value::list([format!("Artist {}", number % 3)]));
        item.fields.set(&music::ALBUM, Value::text(format!("Album {}", number % 2)));
        item.fields.set(&music::TRACK, Value::Int(number as i64));
        item.fields.set(&music::DURATION, Value::Int(100_000 + 7_000 * number as i64));
        item
    }

    /// What a person does in an app, which saves.
    pub(crate) fn edit(&self, kind: impl Into<App>, edit: impl FnOnce(&mut Catalog)) -> Catalog {
        let kind = kind.into();
        kind.edit(&self.path(kind), edit)
    }

    /// Sets one field of a song in an app.
    pub(crate) fn set(
        &self,
        kind: impl Into<App>,
        number: usize,
        field: &'static segue_translator::model::Field,
        value: impl Into<Option<Value>>,
    ) {
        let value = value.into();
        self.edit(kind, |catalog| {
            song_mut(catalog, number).unwrap().fields.set(field, value);
        });
    }

    pub(crate) fn rate(&self, kind: impl Into<App>, number: usize, rating: Option<i64>) {
        self.set(kind, number, &music::RATING, rating.map(Value::Int));
    }

    pub(crate) fn play(&self, kind: impl Into<App>, number: usize, times: i64) {
        let kind = kind.into();
        let count = self.count(kind, number) + times;
        self.set(kind, number, &music::PLAY_COUNT, Some(Value::Int(count)));
    }

    /// Makes or replaces a playlist in an app, named by its id.
    pub(crate) fn list(&self, kind: impl Into<App>, name: &str, songs: &[usize]) {
        self.edit(kind, |catalog| {
            let entries: Vec<NativeId> =
                songs.iter().map(|n| song_ref(catalog, *n).unwrap().id.clone()).collect();
            match catalog.collections.iter_mut().find(|list| *list.name == *name) {
                Some(list) => list.entries = entries,
                None => catalog.collections.push(Collection {
                    id: NativeId::from(format!("own {name}")),
                    kind: &music::PLAYLIST,
                    name: name.into(),
                    parent: None,
                    entries,
                    rule: None,
                }),
            }
        });
    }

    /// What an app shows.
    pub(crate) fn catalog(&self, kind: impl Into<App>) -> Catalog {
        let kind = kind.into();
        kind.catalog(&self.path(kind))
    }

    pub(crate) fn rating(&self, kind: impl Into<App>, number: usize) -> Option<i64> {
        self.value(kind, number, &music::RATING)
    }

    pub(crate) fn count(&self, kind: impl Into<App>, number: usize) -> i64 {
        self.value(kind, number, &music::PLAY_COUNT).unwrap_or(0)
    }

    fn value(
        &self,
        kind: impl Into<App>,
        number: usize,
        field: &'static segue_translator::model::Field,
    ) -> Option<i64> {
        let catalog = self.catalog(kind);
        let song = song_ref(&catalog, number)?;
        song.fields.value(field).and_then(Value::as_int)
    }

    /// The songs of a playlist in an app, by number; `None` if there is no such list.
    pub(crate) fn songs(&self, kind: impl Into<App>, name: &str) -> Option<Vec<usize>> {
        let catalog = self.catalog(kind);
        let list = catalog.collections.iter().find(|list| *list.name == *name)?;
        let number = |id| catalog.item(id).and_then(number_of);
        Some(list.entries.iter().filter_map(number).collect())
    }

    /// Says that apps run, or that none does.
    pub(crate) fn running(&self, kinds: &[App]) {
        let names = kinds.iter().map(|kind| kind.name().to_owned());
        *self.apps.0.lock().unwrap() = names.collect();
    }

    /// The bytes and times of every library file.
    pub(crate) fn files(&self) -> Files {
        let mut files = Files::new();
        for kind in &self.kinds {
            let Ok(folder) = fs::read_dir(self.path(*kind)) else { continue };
            for entry in folder.flatten() {
                let modified = entry.metadata().unwrap().modified().unwrap();
                files.insert(entry.path(), (fs::read(entry.path()).unwrap(), modified));
            }
        }
        files
    }

    /// Runs a request; `None` if the process was killed meanwhile. Then the agent is opened again.
    pub(crate) fn try_run(&mut self, request: Request) -> Option<Result<Response, Failure>> {
        self.clock.fetch_add(60, Ordering::Relaxed);
        let mut agent = self.agent.take().unwrap();
        let ran = catch_unwind(AssertUnwindSafe(|| {
            let answer = agent.run(request, &Quiet);
            (agent, answer)
        }));
        match ran {
            Ok((agent, answer)) => {
                self.agent = Some(agent);
                Some(answer)
            }
            Err(why) if why.is::<Killed>() => {
                self.steps.clear();
                self.open("segue");
                None
            }
            Err(why) => std::panic::resume_unwind(why),
        }
    }

    pub(crate) fn run(&mut self, request: Request) -> Response {
        match self.try_run(request) {
            Some(Ok(response)) => response,
            Some(Err(failure)) => panic!("{failure} ({:?})", failure.hint()),
            None => panic!("the process was killed"),
        }
    }

    pub(crate) fn plan(&mut self, libraries: Vec<LibrarySpec>) -> PlanReport {
        match self.run(Request::Plan { libraries, write_tags: false }) {
            Response::Plan(plan) => plan,
            other => panic!("{other:?}"),
        }
    }

    /// Plans and applies over these libraries.
    pub(crate) fn link_these(&mut self, kinds: &[impl Into<App> + Copy]) -> PassReport {
        let plan = self.plan(kinds.iter().map(|kind| spec(*kind)).collect()).plan;
        self.pass(Request::Apply { plan })
    }

    /// Links every library.
    pub(crate) fn link(&mut self) -> PassReport {
        self.link_these(&self.kinds.clone())
    }

    pub(crate) fn pass(&mut self, request: Request) -> PassReport {
        match self.run(request) {
            Response::Pass(pass) => pass,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn sync(&mut self) -> PassReport {
        self.pass(sync(false))
    }

    pub(crate) fn sync_yes(&mut self) -> PassReport {
        self.pass(sync(true))
    }

    pub(crate) fn export_text(&mut self) -> String {
        match self.run(Request::Export { document: None }) {
            Response::Export(text) => text.0,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn export(&mut self) -> Json {
        serde_json::from_str(&self.export_text()).unwrap()
    }

    /// The document's fields of a song; `None` if it does not exist.
    pub(crate) fn fields(&mut self, number: usize) -> Option<Json> {
        let export = self.export();
        let items = export["items"].as_array().unwrap();
        let found = items.iter().find(|item| item["fields"]["duration"] == duration(number));
        found.map(|item| item["fields"].clone())
    }

    /// All operations, newest first.
    pub(crate) fn log(&mut self) -> Vec<LogRow> {
        match self.run(Request::Log) {
            Response::Log(rows) => rows,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn conflicts(&mut self) -> Vec<ConflictRow> {
        match self.run(Request::Conflicts) {
            Response::Conflicts(rows) => rows,
            other => panic!("{other:?}"),
        }
    }
}

/// Copies a folder with all that is in it.
pub(crate) fn copy_all(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy_all(&path, &to);
        } else {
            fs::copy(path, to).unwrap();
        }
    }
}

pub(crate) fn sync(yes: bool) -> Request {
    Request::Sync { libraries: Vec::new(), dry_run: false, yes }
}

pub(crate) fn spec(kind: impl Into<App>) -> LibrarySpec {
    LibrarySpec { app: kind.into().name().to_owned(), path: None, root: None }
}

/// How far one app's library came in a pass.
pub(crate) fn state(report: &PassReport, kind: impl Into<App>) -> LibraryState {
    let app = kind.into().name();
    report.libraries.iter().find(|found| found.library == app).unwrap().state
}

pub(crate) const fn duration(number: usize) -> i64 {
    100_000 + 7_000 * number as i64
}

/// The number of a song.
pub(crate) fn number_of(item: &Item) -> Option<usize> {
    let duration = item.fields.value(&music::DURATION)?.as_int()?;
    usize::try_from((duration - 100_000) / 7_000).ok()
}

pub(crate) fn song_ref(catalog: &Catalog, number: usize) -> Option<&Item> {
    catalog.items.iter().find(|item| number_of(item) == Some(number))
}

pub(crate) fn song_mut(catalog: &mut Catalog, number: usize) -> Option<&mut Item> {
    catalog.items.iter_mut().find(|item| number_of(item) == Some(number))
}
