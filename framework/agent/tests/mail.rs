//! Stores of mail in one document: the same message is one item wherever its copies lie, and marks meet.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use segue_agent::command::{
    ExcludeAction, Excluded, LibrarySpec, LibraryState, PassReport, PlanReport, Request, Response,
};
use segue_agent::{Agent, Quiet, World};
use segue_maildir::Maildir;
use segue_model::ChangeSet;
use segue_translator::{
    Capabilities, Error, ErrorKind, Heard, Host, Idle, Library, Place, Reading, Revision, Sink,
    Translator, Written,
};
use serde_json::Value as Json;

struct Desk {
    folder: tempfile::TempDir,
    agent: Agent,
    /// Whether the next write is torn in the middle.
    tears: Arc<AtomicBool>,
}

impl Desk {
    /// Two stores that Dovecot made, each in its own layout; the second has 24 of the first's messages,
    /// with the same marks; one lies in the second alone.
    fn new(seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let seed = AtomicU64::new(seed);
        let tears = Arc::new(AtomicBool::new(false));
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
            translators: vec![Arc::new(Torn(Arc::clone(&tears)))],
            programs: segue_agent::registry::Programs::default(),
            device: "desk".into(),
        };
        let fixtures =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../translators/maildir/fixtures");
        for (fixture, name) in [("dovecot-2.3.19-maildirpp", "a"), ("dovecot-2.3.19-fs", "b")] {
            copy(&fixtures.join(fixture), &folder.path().join(name));
        }
        let agent = Agent::open_in(&folder.path().join("segue"), world).unwrap();
        Self { folder, agent, tears }
    }

    fn linked(seed: u64) -> Self {
        let mut desk = Self::new(seed);
        let plan = desk.plan();
        desk.pass(Request::Apply { plan: plan.plan });
        desk
    }

    fn run(&mut self, request: Request) -> Response {
        self.agent.run(request, &Quiet).unwrap_or_else(|error| panic!("{error}"))
    }

    fn plan(&mut self) -> PlanReport {
        let spec = |name: &str| LibrarySpec {
            app: "maildir".into(),
            path: Some(self.folder.path().join(name)),
            root: None,
        };
        let libraries = ["a", "b"].map(spec).into();
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

    fn export(&mut self) -> Json {
        match self.run(Request::Export { document: None }) {
            Response::Export(text) => serde_json::from_str(&text.0).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn items(&mut self) -> Vec<Json> {
        self.export()["items"].as_array().unwrap().clone()
    }

    /// The message of this number, as the document has it.
    fn message(&mut self, number: &str) -> Json {
        let start = format!("a.{number}.");
        let is_it = |item: &Json| {
            item["fields"]["message_id"].as_str().is_some_and(|id| id.starts_with(&start))
        };
        self.items().into_iter().find(is_it).unwrap()
    }

    /// The files of the message of this number, in a store.
    fn files(&self, store: &str, number: &str) -> Vec<PathBuf> {
        let id = format!("<a.{number}.");
        let all = files_below(&self.folder.path().join(store));
        let mut found: Vec<_> =
            all.into_iter().filter(|path| is_message(path) && says(path, &id)).collect();
        found.sort();
        found
    }

    /// The marks of the only file of a message in a store.
    fn marks(&self, store: &str, number: &str) -> String {
        let files = self.files(store, number);
        assert_eq!(files.len(), 1, "{files:?}");
        marks(&files[0])
    }

    /// Gives a file other marks, as a mail program does.
    fn mark(&self, store: &str, number: &str, marks: &str) {
        let [file] = &self.files(store, number)[..] else { panic!("several files") };
        let name = file.file_name().unwrap().to_str().unwrap();
        let base = name.split_once(':').map_or(name, |(base, _)| base);
        let folder = file.parent().unwrap().parent().unwrap();
        fs::rename(file, folder.join(format!("cur/{base}:2,{marks}"))).unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &to) } else { _ = fs::copy(path, to).unwrap() }
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { all.extend(files_below(&path)) } else { all.push(path) }
    }
    all
}

fn is_message(path: &Path) -> bool {
    path.parent().is_some_and(|part| part.ends_with("cur") || part.ends_with("new"))
}

fn says(path: &Path, id: &str) -> bool {
    String::from_utf8_lossy(&fs::read(path).unwrap()).contains(&format!("Message-ID: {id}"))
}

fn marks(path: &Path) -> String {
    let name = path.file_name().unwrap().to_str().unwrap();
    name.split_once(":2,").map_or_else(String::new, |(_, marks)| marks.to_owned())
}

fn texts(value: &Json) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Json::as_str).collect()
}

#[test]
fn a_message_in_two_stores_is_one_item_and_the_same_on_every_device() {
    let (mut desk, mut other) = (Desk::new(1), Desk::new(1_000_000));
    let plan = desk.plan();
    assert_eq!((plan.matched, plan.doubtful, plan.items), (21, 0, 49));
    let writes: u64 = plan.libraries.iter().map(|library| library.sets).sum();
    assert_eq!(writes, 0, "they agree already");
    desk.pass(Request::Apply { plan: plan.plan });
    let plan = other.plan();
    other.pass(Request::Apply { plan: plan.plan });
    let ids = |desk: &mut Desk| {
        let items = desk.items();
        items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    assert_eq!(ids(&mut desk), ids(&mut other));
    let message = desk.message("0009");
    assert_eq!(texts(&message["fields"]["folders"]), ["仕事/請求書"]);
    assert_eq!(texts(&message["fields"]["keywords"]), ["work"]);
    let names: BTreeSet<String> = desk.export()["collections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|folder| folder["name"].as_str().unwrap().to_owned())
        .collect();
    assert!(names.contains("Lists.notmuch") && names.contains("Archive/2024/Projekte"));
}

#[test]
fn marks_that_one_store_gets_the_other_has_after_a_pass() {
    let mut desk = Desk::linked(1);
    // `a` is `$label1` in this folder of both stores, and `b` is nothing yet in the second.
    assert_eq!((desk.marks("a", "0011"), desk.marks("b", "0011")), ("DSa".into(), "DSa".into()));
    desk.mark("a", "0011", "DFRSa");
    fs::write(desk.folder.path().join("a/.Drafts/dovecot-keywords"), "0 $label1\n7 Later\n")
        .unwrap();
    desk.mark("b", "0001", "F");
    desk.sync();
    assert_eq!(desk.marks("b", "0011"), "DFRSa");
    assert_eq!(desk.marks("a", "0001"), "F", "what was read is unread again");
    desk.mark("a", "0011", "DFRah");
    desk.sync();
    assert_eq!(desk.marks("b", "0011"), "DFRab");
    let keywords = fs::read_to_string(desk.folder.path().join("b/Drafts/dovecot-keywords"));
    assert_eq!(keywords.unwrap(), "0 $label1\n1 later\n");
    let before = (files_below(&desk.folder.path().join("a")), desk.export());
    let report = desk.sync();
    assert!(report.libraries.iter().all(|library| library.written == 0), "{report:?}");
    assert_eq!((files_below(&desk.folder.path().join("a")), desk.export()), before);
}

#[test]
fn marks_that_both_stores_got_at_once_are_all_kept() {
    let mut desk = Desk::linked(1);
    assert_eq!((desk.marks("a", "0010"), desk.marks("b", "0010")), ("Sa".into(), "Sa".into()));
    fs::write(desk.folder.path().join("a/.Sent/dovecot-keywords"), "0 todo\n1 one\n").unwrap();
    fs::write(desk.folder.path().join("b/Sent/dovecot-keywords"), "0 todo\n1 two\n").unwrap();
    desk.mark("a", "0010", "Rab");
    desk.mark("b", "0010", "FSb");
    desk.sync();
    let message = desk.message("0010");
    assert_eq!(texts(&message["fields"]["flags"]), ["answered", "flagged"]);
    assert_eq!(texts(&message["fields"]["keywords"]), ["one", "two"]);
    assert_eq!((desk.marks("a", "0010"), desk.marks("b", "0010")), ("FRbc".into(), "FRbc".into()));
}

#[test]
fn a_message_is_called_by_its_subject_and_sender() {
    let mut desk = Desk::linked(1);
    let Response::Found(found) = desk.run(Request::Find { text: "attachment".into() }) else {
        panic!("nothing was found")
    };
    let titles: Vec<&str> = found.iter().map(|item| item.title.as_str()).collect();
    assert_eq!(titles, ["With attachment — Bo Lindström <bo@example.com>"]);
}

/// Writes another subject into a message's file, which is as long and as old as before.
fn forge(file: &Path) {
    let text = fs::read_to_string(file).unwrap();
    let time = fs::metadata(file).unwrap().modified().unwrap();
    fs::write(file, text.replace("Subject: Quiet", "Subject: Noisy")).unwrap();
    fs::File::options().write(true).open(file).unwrap().set_modified(time).unwrap();
}

#[test]
fn f05_a_message_that_is_known_is_not_opened_again_and_keeps_its_headers() {
    let mut desk = Desk::linked(1);
    let before = desk.message("0011");
    for file in desk.files("a", "0011") {
        forge(&file);
    }
    desk.mark("a", "0011", "FS");
    let report = desk.sync();
    assert!(report.held.is_empty(), "{:?}", report.held);
    let after = desk.message("0011");
    assert_eq!(texts(&after["fields"]["flags"]), ["flagged", "seen"]);
    for header in ["subject", "from", "to", "date", "message_id"] {
        assert_eq!(after["fields"][header], before["fields"][header], "{header}");
    }
    assert_eq!(desk.marks("b", "0011"), "FS");
}

#[test]
fn what_was_found_out_lies_in_the_agents_folder_until_the_library_is_unlinked() {
    let mut desk = Desk::linked(1);
    let caches = |desk: &Desk| files_below(&desk.folder.path().join("segue/cache")).len();
    assert_eq!(caches(&desk), 2);
    let library =
        LibrarySpec { app: "maildir".into(), path: Some(desk.folder.path().join("a")), root: None };
    desk.run(Request::Unlink { library });
    assert_eq!(caches(&desk), 1);
    fs::remove_dir_all(desk.folder.path().join("segue/cache")).unwrap();
    desk.mark("b", "0011", "F");
    desk.sync();
    assert_eq!(texts(&desk.message("0011")["fields"]["flags"]), ["flagged"]);
    assert_eq!(caches(&desk), 1);
}

#[test]
fn f43_a_header_that_stayed_is_read_when_it_may_go() {
    let mut desk = Desk::new(1);
    let (from, until, library) = (None, None, None);
    let what = Excluded::Field("subject".into());
    desk.run(Request::Exclude { action: ExcludeAction::Add { what, library, from, until } });
    let plan = desk.plan();
    desk.pass(Request::Apply { plan: plan.plan });
    desk.mark("a", "0011", "FS");
    desk.sync();
    assert_eq!(desk.message("0011")["fields"]["subject"], Json::Null);
    desk.run(Request::Exclude { action: ExcludeAction::Remove { rule: 1 } });
    desk.sync();
    assert!(desk.message("0011")["fields"]["subject"].is_string());
}

#[test]
fn copies_that_differ_are_left_so_and_are_changed_together() {
    let mut desk = Desk::linked(1);
    let all =
        |desk: &Desk| desk.files("a", "0052").iter().map(|file| marks(file)).collect::<Vec<_>>();
    let before = all(&desk);
    assert_eq!(before.len(), 2);
    let message = desk.message("0052");
    assert_eq!(texts(&message["fields"]["flags"]), ["flagged", "seen"]);
    assert_eq!(texts(&message["fields"]["folders"]), ["Archive", "INBOX"]);
    // Another program gives both copies what either had, as notmuch does: that is no edit.
    for file in desk.files("b", "0052") {
        let (part, name) = (file.parent().unwrap(), file.file_name().unwrap().to_str().unwrap());
        let (base, letters) = name.split_once(":2,").unwrap();
        let letters: BTreeSet<char> = letters.chars().chain(['F', 'S']).collect();
        let letters: String = letters.into_iter().collect();
        fs::rename(&file, part.join(format!("{base}:2,{letters}"))).unwrap();
    }
    let report = desk.sync();
    assert!(report.libraries.iter().all(|library| library.written == 0), "{report:?}");
    assert_eq!(all(&desk), before);
    // A person answers one copy of it there; here both are answered.
    let file = desk.files("b", "0052").remove(0);
    let name = file.file_name().unwrap().to_str().unwrap().replace(":2,F", ":2,FR");
    fs::rename(&file, file.with_file_name(name)).unwrap();
    desk.sync();
    let after: Vec<String> = all(&desk).iter().map(|marks| marks.replace('R', "")).collect();
    assert_eq!(after, before);
    assert!(all(&desk).iter().all(|marks| marks.contains('R')));
}

#[test]
fn a_message_that_one_store_lost_is_removed_nowhere() {
    let mut desk = Desk::linked(1);
    let count = desk.items().len();
    for number in ["0001", "0002", "0003"] {
        fs::remove_file(&desk.files("b", number)[0]).unwrap();
    }
    desk.sync();
    assert_eq!(desk.items().len(), count);
    assert_eq!(desk.files("a", "0001").len(), 1);
}

#[test]
fn a_move_in_one_store_is_a_move_in_the_other() {
    let mut desk = Desk::linked(1);
    let places = |desk: &mut Desk, number: &str| {
        let message = desk.message(number);
        texts(&message["fields"]["folders"]).join(" ")
    };
    assert_eq!(places(&mut desk, "0001"), "INBOX");
    // A mail program moves it, into a folder that the other store does not have.
    let from = desk.files("a", "0001").remove(0);
    let folder = desk.folder.path().join("a/.Projekte.Neu");
    for part in ["cur", "new", "tmp"] {
        fs::create_dir_all(folder.join(part)).unwrap();
    }
    fs::rename(&from, folder.join("cur").join(from.file_name().unwrap())).unwrap();
    let report = desk.sync();
    assert_eq!(
        report.libraries.iter().map(|library| library.written).sum::<u64>(),
        1,
        "{report:?}"
    );
    let files = desk.files("b", "0001");
    assert_eq!(files.len(), 1, "{files:?}");
    assert!(files[0].starts_with(desk.folder.path().join("b/Projekte/Neu/cur")), "{files:?}");
    assert_eq!(places(&mut desk, "0001"), "Projekte/Neu");
    let report = desk.sync();
    assert!(report.libraries.iter().all(|library| library.written == 0), "{report:?}");
    // Undo brings it back, with the name that it had, and says in which of the two.
    let report = desk.pass(Request::Undo { operation: None });
    assert!(report.libraries.iter().all(|one| one.library.starts_with("maildir=")), "{report:?}");
    assert_eq!(report.libraries.len(), 2, "{report:?}");
    assert_eq!(places(&mut desk, "0001"), "INBOX");
    assert_eq!(desk.files("b", "0001").len(), 1);
    assert!(desk.files("b", "0001")[0].starts_with(desk.folder.path().join("b/cur")));
}

#[test]
fn what_is_taken_back_beside_a_damaged_list_of_keywords_is_taken_back_whole() {
    let mut desk = Desk::new(1);
    fs::write(desk.folder.path().join("b/Sent/dovecot-keywords"), "0 todo\nbroken line\n").unwrap();
    let plan = desk.plan();
    desk.pass(Request::Apply { plan: plan.plan });
    desk.mark("a", "0001", "F");
    desk.sync();
    assert_eq!(desk.marks("b", "0001"), "F");
    for (request, marks) in [(Request::Undo { operation: None }, "S"), (Request::Redo, "F")] {
        let report = desk.pass(request);
        let failed = report.libraries.iter().any(|one| one.state == LibraryState::Failed);
        assert!(!failed, "{report:?}");
        assert_eq!(desk.marks("b", "0001"), marks);
    }
}

#[test]
fn a_message_that_was_moved_to_two_folders_at_once_is_in_both() {
    let mut desk = Desk::linked(1);
    for (store, folder) in [("a", ".Archive"), ("b", "Sent")] {
        let from = desk.files(store, "0001").remove(0);
        let to = desk.folder.path().join(store).join(folder).join("cur");
        fs::rename(&from, to.join(from.file_name().unwrap())).unwrap();
    }
    desk.sync();
    let message = desk.message("0001");
    assert_eq!(texts(&message["fields"]["folders"]), ["Archive", "Sent"]);
    for store in ["a", "b"] {
        assert_eq!(desk.files(store, "0001").len(), 2, "{store}");
    }
}

#[test]
fn f06_deleting_one_copy_deletes_no_other_and_what_cannot_be_read_is_not_deleted() {
    let mut desk = Desk::linked(1);
    let files = |desk: &Desk, store: &str| {
        let names = desk.files(store, "0052").into_iter();
        let name = |path: PathBuf| {
            let below = path.strip_prefix(desk.folder.path().join(store)).unwrap();
            below.parent().unwrap().display().to_string() + ":" + &marks(&path)
        };
        names.map(name).collect::<Vec<_>>()
    };
    assert_eq!(files(&desk, "b"), ["Archive/cur:Fb", "cur:Sb"]);
    // The copy in one folder cannot be read: that is no reason to delete it elsewhere.
    let archived =
        desk.files("a", "0052").into_iter().find(|path| path.to_str().unwrap().contains("Archive"));
    let archived = archived.unwrap();
    let cut = archived.with_file_name(format!("9999.cut,S=999999:2,{}", marks(&archived)));
    fs::rename(&archived, &cut).unwrap();
    desk.sync();
    assert_eq!(files(&desk, "b"), ["Archive/cur:Fb", "cur:Sb"]);
    fs::rename(&cut, &archived).unwrap();
    desk.sync();
    // A person deletes that copy, and with it goes what it alone was marked with. The other one stays, here
    // and there.
    fs::remove_file(&archived).unwrap();
    desk.sync();
    assert_eq!(
        files(&desk, "b"),
        ["Archive/cur:T", "cur:Sb"],
        "it is marked, and in the folder no more"
    );
    assert_eq!(files(&desk, "a").len(), 1);
    let message = desk.message("0052");
    assert_eq!(texts(&message["fields"]["folders"]), ["INBOX"]);
}

#[test]
fn f05_a_folder_that_is_gone_is_asked_about_before_its_copies_are_deleted_elsewhere() {
    let mut desk = Desk::new(1);
    for number in 0..30 {
        let text = format!("Message-ID: <many.{number}@example>\nSubject: Many\n\nHello\n");
        for folder in ["a", "a/.Archive", "b", "b/Archive"] {
            let cur = desk.folder.path().join(folder).join("cur");
            fs::write(cur.join(format!("{number}.many:2,S")), &text).unwrap();
        }
    }
    let plan = desk.plan();
    desk.pass(Request::Apply { plan: plan.plan });
    fs::rename(desk.folder.path().join("a/.Archive"), desk.folder.path().join("away")).unwrap();
    let report = desk.sync();
    assert!(!report.held.is_empty(), "{report:?}");
    let left = files_below(&desk.folder.path().join("b/Archive/cur"));
    let deleted = left.iter().filter(|path| is_message(path) && marks(path).contains('T'));
    assert_eq!(deleted.count(), 0);
}

#[test]
fn f29_a_write_that_was_torn_is_finished_and_nothing_of_it_is_taken_for_an_edit() {
    let mut desk = Desk::linked(1);
    let before: BTreeMap<&str, String> =
        ["0001", "0002", "0003", "0005", "0010", "0013"].map(|n| (n, desk.marks("b", n))).into();
    for number in before.keys() {
        let marks: BTreeSet<char> =
            desk.marks("a", number).chars().filter(|c| *c != 'S').chain(['R', 'F']).collect();
        desk.mark("a", number, &marks.into_iter().collect::<String>());
    }
    desk.tears.store(true, Ordering::Relaxed);
    desk.sync();
    let changed = before.iter().filter(|(number, marks)| desk.marks("b", number) != **marks);
    assert!((1..before.len()).contains(&changed.count()), "it was not torn in the middle");
    let Response::Log(log) = desk.run(Request::Log) else { panic!("there is no log") };
    assert_eq!((log.len(), log[0].state.as_str()), (2, "interrupted"), "{log:?}");
    assert!(log[0].summary.ends_with("interrupted: 4 of 6"), "{log:?}");
    desk.sync();
    let Response::Log(log) = desk.run(Request::Log) else { panic!("there is no log") };
    assert_eq!((log.len(), log[0].state.as_str()), (2, "done"), "{log:?}");
    assert!(log[0].summary.ends_with(" got 6; interrupted, finished later"), "{log:?}");
    for number in before.keys() {
        for store in ["a", "b"] {
            let marks = desk.marks(store, number);
            assert!(marks.starts_with("FR") && !marks.contains('S'), "{store} {number} {marks}");
        }
        assert_eq!(texts(&desk.message(number)["fields"]["flags"]), ["answered", "flagged"]);
    }
}

/// The translator, whose next write stops in the middle where that is wanted.
struct Torn(Arc<AtomicBool>);

impl Translator for Torn {
    fn capabilities(&self) -> &'static Capabilities {
        Maildir.capabilities()
    }
    fn discover(&self, place: &Place) -> Vec<PathBuf> {
        Maildir.discover(place)
    }
    fn open(&self, path: &Path, host: Arc<dyn Host>) -> Result<Box<dyn Library>, Error> {
        Ok(Box::new(TornStore(Maildir.open(path, host)?, Arc::clone(&self.0))))
    }
}

struct TornStore(Box<dyn Library>, Arc<AtomicBool>);

impl Library for TornStore {
    fn capabilities(&self) -> &'static Capabilities {
        self.0.capabilities()
    }
    fn running(&self) -> Option<String> {
        self.0.running()
    }
    fn revision(&self) -> Result<Revision, Error> {
        self.0.revision()
    }
    fn listen(&self, patience: Duration) -> Result<Heard, Error> {
        self.0.listen(patience)
    }
    fn read(&self, sink: &mut dyn Sink) -> Result<Reading, Error> {
        self.0.read(sink)
    }
    fn write(&self, expected: &Revision, changes: &ChangeSet) -> Result<Written, Error> {
        if !self.1.swap(false, Ordering::Relaxed) {
            return self.0.write(expected, changes);
        }
        // More than half of what is to be written, so that the rest is the smaller part.
        let fields = changes.fields[..changes.fields.len() * 2 / 3].to_vec();
        self.0.write(expected, &ChangeSet { fields, ..ChangeSet::default() })?;
        Err(Error::new(ErrorKind::Io, "write", "", "the disk failed"))
    }
    fn back_up(&self, into: &Path) -> Result<Vec<PathBuf>, Error> {
        self.0.back_up(into)
    }
    fn restore(&self, expected: &Revision, from: &Path) -> Result<Revision, Error> {
        self.0.restore(expected, from)
    }
}
