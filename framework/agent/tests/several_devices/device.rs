//! A device with apps and an agent, and what a network would carry between two, done by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use segue_access::{DeviceKey, PersonKey, Role, SignedStatement, Statement};
use segue_agent::command::{
    ConflictRow, LibrarySpec, PassReport, PlanReport, Request, Response, Trace,
};
use segue_agent::{Agent, Quiet, World};
use segue_document::{DOCUMENT_RECORD, Descriptor, Shard, descriptors};
use segue_memory::{Kind, Memory, Store as Library};
use segue_model::{
    Catalog, Collection, DeviceId, DocumentId, Item, LinkId, Location, Value, music,
};
use segue_store::{StatementRow, Store};
use segue_translator::{Idle, Place};

/// One device. Each app has one library, which lists the same songs as on every other device, in
/// another folder.
pub(crate) struct Device {
    folder: PathBuf,
    name: &'static str,
    seed: u64,
    clock: Arc<AtomicI64>,
    agent: Option<Agent>,
    pub(crate) kinds: Vec<Kind>,
}

impl Device {
    pub(crate) fn new(place: &Path, name: &'static str, kinds: &[Kind], songs: usize) -> Self {
        let folder = place.join(name);
        let seed = name.bytes().fold(7, |seed, byte| seed * 31 + u64::from(byte));
        let clock = Arc::new(AtomicI64::new(1_700_000_000 + (seed % 97) as i64));
        let kinds = kinds.to_vec();
        let mut device = Self { folder, name, seed, clock, agent: None, kinds };
        for number in 1..=songs {
            device.lay(number);
        }
        for kind in device.kinds.clone() {
            Library::create(kind, &device.library(kind)).unwrap();
            let items = (1..=songs).map(|number| device.song(number)).collect();
            device.edit(kind, |catalog| catalog.items = items);
        }
        device.open();
        device
    }

    fn open(&mut self) {
        self.seed += 1;
        let (rng, clock) =
            (std::sync::Mutex::new(fastrand::Rng::with_seed(self.seed)), self.clock.clone());
        let world = World {
            now: Arc::new(move || clock.load(Ordering::Relaxed)),
            random: Arc::new(move |bytes| rng.lock().unwrap().fill(bytes)),
            host: Arc::new(Idle),
            place: Place::new(&self.folder, BTreeMap::new()),
            translators: Kind::ALL.map(|kind| Arc::new(Memory(kind)) as Arc<_>).into(),
            programs: segue_agent::registry::Programs::default(),
            device: self.name.into(),
        };
        self.agent = Some(Agent::open_in(&self.home(), world).unwrap());
    }

    /// The bytes of the store, with what is not yet moved into it.
    pub(crate) fn stored(&self) -> Vec<Option<Vec<u8>>> {
        let files = ["segue.db", "segue.db-wal"];
        files.map(|name| fs::read(self.home().join(name)).ok()).into()
    }

    fn home(&self) -> PathBuf {
        self.folder.join("segue")
    }

    fn library(&self, kind: Kind) -> PathBuf {
        self.folder.join(kind.capabilities().app)
    }

    fn place(&self, number: usize) -> PathBuf {
        self.folder.join(format!("music/{number}.ogg"))
    }

    /// Puts a song's file there.
    pub(crate) fn lay(&self, number: usize) {
        fs::create_dir_all(self.folder.join("music")).unwrap();
        fs::write(self.place(number), [number as u8]).unwrap();
    }

    /// A song as an app that has just found its file lists it.
    pub(crate) fn song(&self, number: usize) -> Item {
        let place = self.place(number).to_string_lossy().into_owned();
        let mut item = Item::new(place.as_str());
        item.location = Some(Location::from(place.as_str()));
        item.fields.set(&music::TITLE, Value::text(format!("Title {number}")));
        item.fields.set(&music::ARTIST, Value::list(["Artist"]));
        item.fields.set(&music::ALBUM, Value::text("Album"));
        item.fields.set(&music::TRACK, Value::Int(number as i64));
        item.fields.set(&music::DURATION, Value::Int(100_000 + 7_000 * number as i64));
        item
    }

    /// What a person does in an app, which saves.
    pub(crate) fn edit(&self, kind: Kind, edit: impl FnOnce(&mut Catalog)) {
        Library::edit(kind, &self.library(kind), edit).unwrap();
    }

    pub(crate) fn set(
        &self,
        kind: Kind,
        number: usize,
        field: &'static segue_model::Field,
        value: Option<i64>,
    ) {
        let id = self.song(number).id;
        self.edit(kind, |catalog| {
            let item = catalog.items.iter_mut().find(|item| item.id == id).unwrap();
            item.fields.set(field, value.map(Value::Int));
        });
    }

    pub(crate) fn rate(&self, kind: Kind, number: usize, rating: impl Into<Option<i64>>) {
        self.set(kind, number, &music::RATING, rating.into());
    }

    /// Removes a song from an app; its file stays.
    pub(crate) fn drop_song(&self, kind: Kind, number: usize) {
        let id = self.song(number).id;
        self.edit(kind, |catalog| {
            catalog.items.retain(|item| item.id != id);
            for list in &mut catalog.collections {
                list.entries.retain(|entry| *entry != id);
            }
        });
    }

    /// Makes or replaces a playlist.
    pub(crate) fn list(&self, kind: Kind, name: &str, songs: &[usize]) {
        let entries: Vec<_> = songs.iter().map(|number| self.song(*number).id).collect();
        self.edit(kind, |catalog| {
            match catalog.collections.iter_mut().find(|list| *list.name == *name) {
                Some(list) => list.entries = entries,
                None => catalog.collections.push(Collection {
                    id: format!("own {name}").into(),
                    kind: &music::PLAYLIST,
                    name: name.into(),
                    parent: None,
                    entries,
                    rule: None,
                }),
            }
        });
    }

    pub(crate) fn catalog(&self, kind: Kind) -> Catalog {
        Library::open(kind, &self.library(kind)).unwrap().catalog()
    }

    pub(crate) fn value(
        &self,
        kind: Kind,
        number: usize,
        field: &'static segue_model::Field,
    ) -> Option<i64> {
        self.catalog(kind).item(&self.song(number).id)?.fields.value(field)?.as_int()
    }

    pub(crate) fn rating(&self, kind: Kind, number: usize) -> Option<i64> {
        self.value(kind, number, &music::RATING)
    }

    /// The songs of a playlist by number; `None` if there is no such list.
    pub(crate) fn songs(&self, kind: Kind, name: &str) -> Option<Vec<usize>> {
        let catalog = self.catalog(kind);
        let list = catalog.collections.iter().find(|list| *list.name == *name)?;
        let track = |id| catalog.item(id)?.fields.value(&music::TRACK)?.as_int();
        Some(list.entries.iter().filter_map(track).map(|track| track as usize).collect())
    }

    pub(crate) fn run(&mut self, request: Request) -> Response {
        self.try_run(request).unwrap_or_else(|failure| panic!("{}: {failure}", self.name))
    }

    pub(crate) fn try_run(&mut self, request: Request) -> Result<Response, segue_agent::Failure> {
        self.clock.fetch_add(60, Ordering::Relaxed);
        self.agent.as_mut().unwrap().run(request, &Quiet)
    }

    pub(crate) fn pass(&mut self, request: Request) -> PassReport {
        match self.run(request) {
            Response::Pass(pass) => pass,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn plan(&mut self, kinds: &[Kind]) -> PlanReport {
        let libraries = kinds.iter().map(|kind| self.spec(*kind)).collect();
        match self.run(Request::Plan { libraries, write_tags: false }) {
            Response::Plan(plan) => plan,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn spec(&self, kind: Kind) -> LibrarySpec {
        let app = kind.capabilities().app.to_owned();
        LibrarySpec { app, path: Some(self.library(kind)), root: None }
    }

    /// Links the library of every app.
    pub(crate) fn link(&mut self) -> PassReport {
        let plan = self.plan(&self.kinds.clone()).plan;
        self.pass(Request::Apply { plan })
    }

    pub(crate) fn sync(&mut self) -> PassReport {
        self.pass(Request::Sync { libraries: Vec::new(), dry_run: false, yes: false })
    }

    pub(crate) fn try_sync(&mut self) -> Result<PassReport, segue_agent::Failure> {
        let request = Request::Sync { libraries: Vec::new(), dry_run: false, yes: true };
        self.try_run(request).map(|response| match response {
            Response::Pass(pass) => pass,
            other => panic!("{other:?}"),
        })
    }

    /// Links the library of every app that is not linked.
    pub(crate) fn try_link(&mut self) -> Result<Response, segue_agent::Failure> {
        let libraries = self.kinds.iter().map(|kind| self.spec(*kind)).collect();
        match self.try_run(Request::Plan { libraries, write_tags: false })? {
            Response::Plan(plan) => self.try_run(Request::Apply { plan: plan.plan }),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn undo(&mut self) -> PassReport {
        self.pass(Request::Undo { operation: None })
    }

    pub(crate) fn export(&mut self) -> String {
        match self.run(Request::Export { document: None }) {
            Response::Export(text) => text.0,
            other => panic!("{other:?}"),
        }
    }

    /// Whether the document has a song.
    pub(crate) fn knows(&mut self, number: usize) -> bool {
        self.export().contains(&format!("\"Title {number}\""))
    }

    pub(crate) fn conflicts(&mut self) -> Vec<ConflictRow> {
        match self.run(Request::Conflicts) {
            Response::Conflicts(rows) => rows,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn why(&mut self, number: usize, field: &str) -> Trace {
        let (item, field) = (format!("Title {number} — Artist"), Some(field.to_owned()));
        match self.run(Request::Why { item, field }) {
            Response::Trace(trace) => trace,
            other => panic!("{other:?}"),
        }
    }

    /// Does something to the store while no agent has it open.
    pub(crate) fn with_store<T>(&mut self, work: impl FnOnce(&mut Store) -> T) -> T {
        self.agent = None;
        let mut store = Store::open(&self.home().join("segue.db")).unwrap();
        let done = work(&mut store);
        drop(store);
        self.open();
        done
    }

    pub(crate) fn document(&mut self) -> DocumentId {
        self.with_store(|store| store.documents().unwrap()[0].id)
    }

    /// How many changes the log holds.
    pub(crate) fn log_len(&mut self) -> u64 {
        let document = self.document();
        self.with_store(|store| store.shards_with_log(&document).unwrap().values().sum())
    }

    /// What the document says of links.
    pub(crate) fn descriptors(&mut self) -> BTreeMap<LinkId, Option<Descriptor>> {
        let document = self.document();
        self.with_store(|store| {
            let shard = rebuilt(store, &document, segue_document::COLLECTION_SHARD);
            descriptors(&shard.record(&DOCUMENT_RECORD, None).unwrap())
        })
    }

    /// Makes the store as one from before there were descriptors; the document has no lists.
    pub(crate) fn forget_descriptors(&mut self) {
        self.agent = None;
        let store = rusqlite::Connection::open(self.home().join("segue.db")).unwrap();
        for table in ["log", "shard", "shard_heads", "link_heads"] {
            store.execute(&format!("DELETE FROM {table} WHERE shard = 0"), []).unwrap();
        }
        drop(store);
        self.open();
    }

    pub(crate) fn id(&self) -> DeviceId {
        DeviceKey::from_seed(self.seed_of("device.key")).id()
    }

    pub(crate) fn person(&self) -> PersonKey {
        PersonKey::from_seed(self.seed_of("person.key"))
    }

    fn seed_of(&self, file: &str) -> [u8; 32] {
        fs::read(self.home().join(file)).unwrap().try_into().unwrap()
    }

    /// Adds statements of the person here about the document.
    pub(crate) fn state(&mut self, statements: &[Statement]) {
        let (person, document) = (self.person(), self.document());
        self.with_store(|store| {
            let tx = store.transaction().unwrap();
            for statement in statements {
                tx.add_statement(&document, &row(&person.sign(statement).unwrap())).unwrap();
            }
            tx.commit().unwrap();
        });
    }

    /// Gives another device a role in the document that began here.
    pub(crate) fn admit(&mut self, other: &Device, role: Role) -> Statement {
        let document = self.document();
        let nonce = [other.name.len() as u8 + role as u8; 16];
        let grant = Statement::Grant { document, nonce, to: other.id(), role, until: None };
        let person = self.person().id();
        let name = Statement::Device { person, device: other.id(), name: other.name.into() };
        self.state(&[grant.clone(), name]);
        grant
    }
}

fn row(signed: &SignedStatement) -> StatementRow {
    StatementRow {
        hash: signed.hash(),
        bytes: signed.bytes.clone(),
        signature: signed.signature,
        signer: signed.signer,
    }
}

fn rebuilt(store: &Store, document: &DocumentId, index: u8) -> Shard {
    let mut shard = Shard::create([0; 16]).unwrap();
    let log = store.log(document, index).unwrap().into_iter();
    shard.apply(&log.map(|entry| entry.raw).collect::<Vec<_>>()).unwrap();
    shard
}

/// Gives `to` what only `from` has: documents, statements, and changes in the order of the log.
pub(crate) fn send(from: &mut Device, to: &mut Device) {
    let (documents, statements, log) = from.with_store(|store| {
        let documents = store.documents().unwrap();
        let ids: Vec<DocumentId> = documents.iter().map(|row| row.id).collect();
        let said = ids.iter().map(|id| (*id, store.statements(id).unwrap()));
        let shards = ids.iter().flat_map(|id| {
            let shards = store.shards_with_log(id).unwrap().into_keys();
            shards.flat_map(|shard| store.log(id, shard).unwrap()).collect::<Vec<_>>()
        });
        (documents.clone(), said.collect::<Vec<_>>(), shards.collect::<Vec<_>>())
    });
    to.with_store(|store| {
        let mut changed = BTreeSet::new();
        let tx = store.transaction().unwrap();
        for row in &documents {
            tx.put_document(row).unwrap();
        }
        for (document, rows) in &statements {
            for row in rows {
                tx.add_statement(document, row).unwrap();
            }
        }
        for entry in &log {
            if tx.append(entry).unwrap() {
                changed.insert((entry.document, entry.shard));
            }
        }
        tx.commit().unwrap();
        let heads: Vec<_> = changed
            .into_iter()
            .map(|(document, shard)| (document, shard, rebuilt(store, &document, shard).heads()))
            .collect();
        let tx = store.transaction().unwrap();
        for (document, shard, heads) in heads {
            tx.put_heads(&document, shard, &heads).unwrap();
        }
        tx.commit().unwrap();
    });
}

/// Brings all devices in step with each other.
pub(crate) fn exchange(devices: &mut [&mut Device]) {
    for _ in 0..2 {
        for from in 0..devices.len() {
            for to in (0..devices.len()).filter(|to| *to != from) {
                let [from, to] = devices.get_disjoint_mut([from, to]).unwrap();
                send(from, to);
            }
        }
    }
}
