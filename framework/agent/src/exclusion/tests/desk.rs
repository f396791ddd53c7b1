//! One device with an exact and a coarse player, and everything that it could give away, spelled out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use segue_document::spelled;
use segue_memory::{Kind, Memory, Store};
use segue_model::{Catalog, Collection, Field, Item, Value, music};
use segue_translator::{Idle, Place};

use crate::command::{
    ExcludeAction, Excluded, ExclusionReport, ExclusionRow, LibrarySpec, PassReport, PlanReport,
    Request, Response,
};
use crate::{Agent, Failure, Quiet, World};

pub(super) const START: i64 = 1_700_000_000;
pub(super) const DAY: i64 = 86_400;

/// A device with two players that hold nothing yet, and a clock.
pub(super) struct Desk {
    folder: tempfile::TempDir,
    pub(super) agent: Agent,
    pub(super) clock: Arc<AtomicI64>,
}

pub(super) fn agent(folder: &Path, clock: &Arc<AtomicI64>) -> Agent {
    let (count, time) = (AtomicU64::new(7), Arc::clone(clock));
    let world = World {
        now: Arc::new(move || time.load(Ordering::Relaxed)),
        random: Arc::new(move |bytes| {
            let next = count.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            bytes
                .iter_mut()
                .zip(next.to_be_bytes().iter().cycle())
                .for_each(|(to, from)| *to = *from);
        }),
        host: Arc::new(Idle),
        place: Place::default(),
        translators: vec![Arc::new(Memory(Kind::Exact)), Arc::new(Memory(Kind::Stars))],
        programs: crate::registry::Programs::default(),
        device: "test".into(),
    };
    Agent::open_in(folder, world).unwrap()
}

impl Desk {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(AtomicI64::new(START));
        let agent = agent(&folder.path().join("segue"), &clock);
        let desk = Self { folder, agent, clock };
        for kind in [Kind::Exact, Kind::Stars] {
            Store::create(kind, &desk.path(kind)).unwrap();
        }
        desk
    }

    /// With songs in both players, which are linked.
    pub(super) fn linked(songs: &[&str]) -> Self {
        let mut desk = Self::new();
        desk.fill(songs);
        desk.link();
        desk
    }

    pub(super) fn path(&self, kind: Kind) -> PathBuf {
        self.folder.path().join(kind.capabilities().app)
    }

    pub(super) fn spec(&self, kind: Kind) -> LibrarySpec {
        let app = kind.capabilities().app.into();
        LibrarySpec { app, path: Some(self.path(kind)), root: None }
    }

    pub(super) fn fill(&self, songs: &[&str]) {
        for kind in [Kind::Exact, Kind::Stars] {
            self.edit(kind, |catalog| catalog.items.extend(songs.iter().map(|name| song(name))));
        }
    }

    pub(super) fn edit(&self, kind: Kind, edit: impl FnOnce(&mut Catalog)) {
        Store::edit(kind, &self.path(kind), edit).unwrap();
    }

    pub(super) fn set(
        &self,
        kind: Kind,
        name: &str,
        field: &'static Field,
        value: impl Into<Option<Value>>,
    ) {
        let id = place(name).as_str().into();
        self.edit(kind, |catalog| {
            let item = catalog.items.iter_mut().find(|item| item.id == id).unwrap();
            item.fields.set(field, value);
        });
    }

    pub(super) fn value(&self, kind: Kind, name: &str, field: &'static Field) -> Option<Value> {
        let catalog = Store::open(kind, &self.path(kind)).unwrap().catalog();
        catalog.item(&place(name).as_str().into())?.fields.value(field).cloned()
    }

    /// Somebody moves a song's file, and the app sees it.
    pub(super) fn moves(&self, kind: Kind, from: &str, to: &str) {
        self.edit(kind, |catalog| {
            let from = place(from).as_str().into();
            let at = catalog.items.iter().position(|item| item.id == from).unwrap();
            let mut item = catalog.items.remove(at);
            (item.id, item.location) = (place(to).as_str().into(), Some(place(to).as_str().into()));
            catalog.items.push(item);
            catalog.items.sort_by(|a, b| a.id.cmp(&b.id));
        });
    }

    /// Makes a playlist, or gives it other songs.
    pub(super) fn list(&self, kind: Kind, name: &str, songs: &[&str]) {
        let entries: Vec<_> = songs.iter().map(|song| place(song).as_str().into()).collect();
        self.edit(kind, |catalog| {
            if let Some(list) = catalog.collections.iter_mut().find(|list| *list.name == *name) {
                list.entries = entries;
                return;
            }
            let (kind, name) = (&music::PLAYLIST, name.into());
            let id = format!("list of {name}").as_str().into();
            let list = Collection { id, kind, name, parent: None, entries, rule: None };
            catalog.collections.push(list);
        });
    }

    /// The songs of a playlist, as the app has them.
    pub(super) fn listed(&self, kind: Kind, name: &str) -> Option<String> {
        let catalog = Store::open(kind, &self.path(kind)).unwrap().catalog();
        let list = catalog.collections.into_iter().find(|list| *list.name == *name)?;
        let songs = list.entries.iter().map(|entry| entry.to_string().replace("/m/", ""));
        Some(songs.collect::<Vec<_>>().join(" "))
    }

    pub(super) fn run(&mut self, request: Request) -> Result<Response, Failure> {
        self.agent.run(request, &Quiet)
    }

    pub(super) fn plan(&mut self) -> PlanReport {
        let libraries = [Kind::Exact, Kind::Stars].map(|kind| self.spec(kind)).into();
        match self.run(Request::Plan { libraries, write_tags: false }).unwrap() {
            Response::Plan(report) => report,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn link(&mut self) {
        let plan = self.plan().plan;
        self.run(Request::Apply { plan }).unwrap();
    }

    pub(super) fn sync(&mut self) -> PassReport {
        let request = Request::Sync { libraries: Vec::new(), dry_run: false, yes: false };
        match self.run(request).unwrap() {
            Response::Pass(report) => report,
            other => panic!("{other:?}"),
        }
    }

    /// Syncs, and asserts that nothing is left to do then.
    pub(super) fn settles(&mut self) {
        self.sync();
        let again = self.sync();
        assert_eq!(again.operation, None, "{again:?}");
    }

    pub(super) fn exclude(&mut self, what: Excluded) -> u64 {
        self.exclude_for(what, None, None, None).unwrap().row.rule
    }

    pub(super) fn exclude_for(
        &mut self,
        what: Excluded,
        library: Option<Kind>,
        from: Option<i64>,
        until: Option<i64>,
    ) -> Result<ExclusionReport, Failure> {
        let library = library.map(|kind| LibrarySpec { path: None, ..self.spec(kind) });
        let action = ExcludeAction::Add { what, library, from, until };
        match self.run(Request::Exclude { action })? {
            Response::Exclusion(report) => Ok(report),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn include(&mut self, rule: u64) {
        self.run(Request::Exclude { action: ExcludeAction::Remove { rule } }).unwrap();
    }

    pub(super) fn rules(&mut self) -> Vec<ExclusionRow> {
        match self.run(Request::Exclusions).unwrap() {
            Response::Exclusions(rows) => rows,
            other => panic!("{other:?}"),
        }
    }

    /// Everything that others may ever get of this device, spelled out.
    pub(super) fn given(&self) -> String {
        let store = &self.agent.home.store;
        let mut given = String::new();
        for document in store.documents().unwrap() {
            for shard in 0..=255 {
                for entry in store.log(&document.id, shard).unwrap() {
                    given.push_str(&spelled(&entry.raw).unwrap());
                }
            }
            for statement in store.statements(&document.id).unwrap() {
                given.push_str(&String::from_utf8_lossy(&statement.bytes));
            }
        }
        given
    }

    pub(super) fn export(&mut self) -> serde_json::Value {
        match self.run(Request::Export { document: None }).unwrap() {
            Response::Export(text) => serde_json::from_str(&text.0).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// What the document says of a field of a song.
    pub(super) fn said(&mut self, name: &str, field: &str) -> serde_json::Value {
        let export = self.export();
        let items = export["items"].as_array().unwrap();
        let is_it = |item: &&serde_json::Value| item["fields"]["title"] == name;
        let mut found = items.iter().filter(is_it);
        let item =
            found.next().map_or(serde_json::Value::Null, |item| item["fields"][field].clone());
        assert!(found.next().is_none(), "{name} is there twice");
        item
    }

    /// The songs of the document's playlists, by name.
    pub(super) fn lists(&mut self) -> BTreeMap<String, String> {
        let export = self.export();
        let titles: BTreeMap<&str, &str> = export["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| (item["id"].as_str().unwrap(), item["fields"]["title"].as_str().unwrap()))
            .collect();
        let lists = export["collections"].as_array().unwrap().iter();
        let songs = |list: &serde_json::Value| {
            let entries = list["entries"].as_array().unwrap().iter();
            entries.map(|id| titles[id.as_str().unwrap()]).collect::<Vec<_>>().join(" ")
        };
        lists.map(|list| (list["name"].as_str().unwrap().to_owned(), songs(list))).collect()
    }

    pub(super) fn conflicts(&mut self) -> usize {
        match self.run(Request::Conflicts).unwrap() {
            Response::Conflicts(rows) => rows.len(),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn why(&mut self, item: &str) -> Vec<String> {
        match self.run(Request::Why { item: item.into(), field: None }).unwrap() {
            Response::Trace(trace) => trace.excluded,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn pass_days(&self, days: i64) {
        self.clock.fetch_add(days * DAY, Ordering::Relaxed);
    }
}

pub(super) fn place(name: &str) -> String {
    format!("/m/{name}")
}

pub(super) fn song(name: &str) -> Item {
    let mut item = Item::at(&place(name));
    item.fields.set(&music::TITLE, Value::text(name));
    item.fields.set(&music::DURATION, Value::Int(60_000 + 1_000 * i64::from(name.as_bytes()[0])));
    item
}

#[expect(clippy::unnecessary_wraps, reason = "fields may be absent")]
pub(super) fn text(text: &str) -> Option<Value> {
    Some(Value::text(text))
}

#[expect(clippy::unnecessary_wraps, reason = "fields may be absent")]
pub(super) fn stars(count: i64) -> Option<Value> {
    Some(Value::Int(count * 20))
}

pub(super) fn field(name: &str) -> Excluded {
    Excluded::Field(name.into())
}

pub(super) fn folder(name: &str) -> Excluded {
    Excluded::place(place(name).into())
}

pub(super) fn playlist(name: &str) -> Excluded {
    Excluded::Collection { name: Some(name.into()), kind: None }
}

pub(super) const EXACT: Kind = Kind::Exact;
pub(super) const STARS: Kind = Kind::Stars;
