//! What a library cannot hold, and what of it cannot be read: said, kept, and never taken for a removal.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use segue_agent::command::{
    Found, LibrarySpec, LibraryState, LinkRow, Lost, PassReport, Request, Response, ShownEdit,
};
use segue_agent::{Agent, Quiet, World};
use segue_maildir::Maildir;
use segue_model::ChangeSet;
use segue_translator::{
    Capabilities, Error, Host, Idle, Library, Place, Reading, Refusal, Revision, Sink, Translator,
    Written,
};

/// Two stores of mail, `a` and `b`, with the same messages.
struct Desk {
    folder: tempfile::TempDir,
    agent: Agent,
    /// How often `b` was asked to write, and refused.
    asked: Arc<AtomicU64>,
}

impl Desk {
    /// Stores with these files, and those of `b` alone. What follows a `#` says which message it is.
    fn with(files: &[&str], in_b: &[&str], refuses: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let asked = Arc::new(AtomicU64::new(0));
        let translator: Arc<dyn Translator> =
            if refuses { Arc::new(Stubborn(Arc::clone(&asked))) } else { Arc::new(Maildir) };
        let random = AtomicU64::new(1);
        let world = World {
            now: Arc::new(|| 1_700_000_000),
            random: Arc::new(move |bytes| {
                for chunk in bytes.chunks_mut(8) {
                    let next = random.fetch_add(1, Ordering::Relaxed);
                    let next = next.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
                    chunk.copy_from_slice(&next[..chunk.len()]);
                }
            }),
            host: Arc::new(Idle),
            place: Place::new(folder.path(), BTreeMap::new()),
            translators: vec![translator],
            programs: segue_agent::registry::Programs::default(),
            device: "desk".into(),
        };
        let agent = Agent::open_in(&folder.path().join("segue"), world).unwrap();
        let desk = Self { folder, agent, asked };
        for store in ["a", "b"] {
            for part in ["cur", "new", "tmp"] {
                fs::create_dir_all(desk.path(store, part)).unwrap();
            }
            for file in files {
                desk.put(store, file);
            }
        }
        for file in in_b {
            desk.put("b", file);
        }
        desk
    }

    fn path(&self, store: &str, below: &str) -> PathBuf {
        self.folder.path().join(store).join(below)
    }

    fn put(&self, store: &str, file: &str) {
        let (path, id) = file.split_once('#').unwrap();
        let path = self.path(store, path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let header = format!("From: Ada <ada@x>\nMessage-ID: <{id}@x>\nSubject: {id}");
        fs::write(path, format!("{header}\n\nHello\n")).unwrap();
    }

    fn rename(&self, store: &str, from: &str, to: &str) {
        let to = self.path(store, to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::rename(self.path(store, from), to).unwrap();
    }

    fn is_there(&self, store: &str, file: &str) -> bool {
        let path = self.path(store, file);
        let there = || -> Vec<_> {
            fs::read_dir(path.parent().unwrap())
                .unwrap()
                .map(|one| one.unwrap().file_name())
                .collect()
        };
        path.exists() || {
            eprintln!("{file} is not among {:?}", there());
            false
        }
    }

    /// Gives a folder 26 keywords, or those from `first` on.
    fn fill(&self, folder: &str, first: usize) {
        let lines = (first..26).map(|number| format!("{number} k{number}\n"));
        let path = self.path("b", folder).join("dovecot-keywords");
        fs::write(path, lines.collect::<String>()).unwrap();
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

    fn link(&mut self) {
        let spec = |name: &str| LibrarySpec {
            app: "maildir".into(),
            path: Some(self.folder.path().join(name)),
            root: None,
        };
        let libraries = ["a", "b"].map(spec).into();
        match self.run(Request::Plan { libraries, write_tags: false }) {
            Response::Plan(plan) => _ = self.pass(Request::Apply { plan: plan.plan }),
            other => panic!("{other:?}"),
        }
    }

    /// What a pass did, and what it did to `b`.
    fn sync(&mut self) -> (Option<i64>, Found) {
        let report = self.pass(Request::Sync { libraries: Vec::new(), dry_run: false, yes: false });
        let is_b = |found: &&Found| found.library.ends_with("/b");
        let found = report.libraries.iter().find(is_b).unwrap().clone();
        (report.operation, found)
    }

    fn status(&mut self, store: &str) -> LinkRow {
        match self.run(Request::Status) {
            Response::Status(report) => {
                report.links.into_iter().find(|link| link.path.ends_with(store)).unwrap()
            }
            other => panic!("{other:?}"),
        }
    }

    fn last_summary(&mut self) -> String {
        match self.run(Request::Log) {
            Response::Log(rows) => rows[0].summary.clone(),
            other => panic!("{other:?}"),
        }
    }

    fn all_losses(&mut self) -> Vec<ShownEdit> {
        let Response::Plan(plan) =
            self.run(Request::Plan { libraries: Vec::new(), write_tags: false })
        else {
            panic!("no plan")
        };
        match self.run(Request::ShowPlan { plan: plan.plan, what: "losses".into() }) {
            Response::Shown(edits) => edits,
            other => panic!("{other:?}"),
        }
    }

    fn keywords(&mut self, subject: &str) -> String {
        let Response::Export(text) = self.run(Request::Export { document: None }) else {
            panic!("no export")
        };
        let all: serde_json::Value = serde_json::from_str(&text.0).unwrap();
        let items = all["items"].as_array().unwrap();
        let item = items.iter().find(|item| item["fields"]["subject"] == subject).unwrap();
        item["fields"]["keywords"].to_string()
    }
}

#[test]
fn f26_the_27th_keyword_is_told_kept_and_given_when_a_letter_is_free() {
    let mut desk = Desk::with(&["cur/1:2,S#one", "cur/2:2,S#two"], &[], false);
    desk.fill("", 0);
    desk.link();
    desk.rename("b", "cur/2:2,S", "cur/2:2,Sa");
    desk.sync();
    fs::write(desk.path("a", "dovecot-keywords"), "0 k0\n1 urgent\n").unwrap();
    desk.rename("a", "cur/1:2,S", "cur/1:2,FSb");
    let (operation, found) = desk.sync();
    assert_eq!((found.state, found.written, found.meanwhile), (LibraryState::Written, 1, 0));
    assert_eq!(found.fields, [("flags".to_owned(), 1)]);
    let [one] = &found.lost.refused.first[..] else { panic!("{found:?}") };
    assert_eq!(
        (one.item.as_str(), one.value.to_string()),
        ("one — Ada <ada@x>", r#"["urgent"]"#.into())
    );
    assert!(one.why.contains("`INBOX` has its 26 keywords"), "{one:?}");
    let summary = desk.last_summary();
    assert!(
        summary.contains("got 1 and cannot hold keywords urgent of one — Ada <ada@x>"),
        "{summary}"
    );
    assert!(desk.is_there("b", "cur/1:2,FS"), "the rest of the message's edits was made");
    let status = desk.status("b");
    assert_eq!((status.state.as_str(), status.lost.refused.count), ("in step", 1));
    let shown = desk.all_losses();
    assert!(shown.iter().any(|loss| loss.field == "keywords" && loss.why.is_some()), "{shown:?}");
    // It is not asked again in each pass, and no edit.
    assert!(operation.is_some());
    for _ in 0..4 {
        let (operation, found) = desk.sync();
        assert_eq!((operation, found.lost.refused.count, found.reason), (None, 1, None));
    }
    desk.rename("b", "cur/1:2,FS", "cur/1:2,S");
    let (_, found) = desk.sync();
    assert_eq!((found.lifted, found.lost.refused.count), (1, 1));
    assert_eq!(found.state, LibraryState::Unchanged, "it was asked for the same in vain");
    assert!(desk.is_there("a", "cur/1:2,Sb"));
    assert_eq!(desk.keywords("one"), r#"["urgent"]"#);
    // Dovecot took the line of a letter that no file bears.
    desk.rename("b", "cur/2:2,Sa", "cur/2:2,S");
    desk.fill("", 1);
    let (_, found) = desk.sync();
    assert_eq!((found.written, found.lost.refused.count), (1, 0), "{found:?}");
    assert!(desk.is_there("b", "cur/1:2,Sa"));
    assert_eq!(desk.sync().0, None);
    assert_eq!(desk.status("b").lost, Lost::default());
}

#[test]
fn f07_a_keyword_that_a_full_folder_has_no_letter_for_is_not_taken_for_removed() {
    let mut desk = Desk::with(&["cur/1:2,S#one"], &[".Full/cur/2:2,S#one"], false);
    desk.fill(".Full", 0);
    desk.link();
    fs::write(desk.path("a", "dovecot-keywords"), "0 urgent\n").unwrap();
    desk.rename("a", "cur/1:2,S", "cur/1:2,Sa");
    let (_, found) = desk.sync();
    assert_eq!((found.written, found.lost.refused.count), (0, 1), "{found:?}");
    assert!(desk.is_there("b", "cur/1:2,Sa"), "the copy that can have it has it");
    assert_eq!(desk.sync().0, None);
    // The copy that had it goes away; the other never could have it.
    fs::remove_file(desk.path("b", "cur/1:2,Sa")).unwrap();
    desk.sync();
    desk.sync();
    assert_eq!(desk.keywords("one"), r#"["urgent"]"#);
    assert_eq!(desk.status("b").lost.refused.count, 1);
    assert_eq!(desk.sync().0, None);
    desk.fill(".Full", 1);
    desk.sync();
    assert!(desk.is_there("b", ".Full/cur/2:2,Sa"));
    assert_eq!(desk.keywords("one"), r#"["urgent"]"#);
}

#[test]
fn a_copy_whose_folder_was_full_gets_the_keyword_when_a_letter_is_free() {
    let mut desk = Desk::with(&["cur/1:2,S#one"], &[".Full/cur/2:2,S#one"], false);
    desk.fill(".Full", 0);
    desk.link();
    fs::write(desk.path("a", "dovecot-keywords"), "0 urgent\n").unwrap();
    desk.rename("a", "cur/1:2,S", "cur/1:2,Sa");
    desk.sync();
    assert!(desk.is_there("b", ".Full/cur/2:2,S"));
    desk.fill(".Full", 3);
    let (_, found) = desk.sync();
    assert_eq!((found.written, found.lost.refused.count), (1, 0), "{found:?}");
    assert!(desk.is_there("b", ".Full/cur/2:2,Sa"));
    assert_eq!(desk.sync().0, None);
}

#[test]
fn marks_that_cannot_be_told_are_told_and_written_when_they_can_be() {
    let mut desk = Desk::with(&["cur/1:2,S#one", "cur/2:2,S#two"], &[], false);
    desk.link();
    desk.rename("b", "cur/1:2,S", "cur/1:2,Sx");
    desk.rename("a", "cur/1:2,S", "cur/1:2,FS");
    let (_, found) = desk.sync();
    assert_eq!((found.written, found.meanwhile), (0, 0));
    assert_eq!((found.lost.refused.count, found.lost.losses.count), (1, 1));
    assert_eq!(found.lost.losses.first[0].item, "one — Ada <ada@x>");
    assert!(found.lost.losses.first[0].why.contains("cur/1:2,Sx"), "{found:?}");
    // Other mail that comes is no reason to try again.
    desk.put("b", "cur/3:2,S#three");
    let (operation, _) = desk.sync();
    assert_eq!(desk.sync().0, None, "{operation:?}");
    desk.rename("b", "cur/1:2,Sx", "cur/1:2,S");
    let (_, found) = desk.sync();
    assert_eq!((found.written, found.lost.refused.count), (1, 0), "{found:?}");
    assert!(desk.is_there("b", "cur/1:2,FS"));
    assert_eq!(desk.status("b").lost, Lost::default());
}

#[test]
fn a_file_that_was_never_read_holds_nothing_back() {
    let mut desk = Desk::with(&["cur/1:2,S#one", "cur/2:2,FS#two", "cur/3:2,S#three"], &[], false);
    fs::write(desk.path("a", "cur/9,S=5:2,FS"), "Subject: longer than 5\n\n").unwrap();
    desk.link();
    desk.rename("a", "cur/1:2,S", ".Archive/cur/1:2,S");
    desk.rename("a", "cur/2:2,FS", "cur/2:2,");
    let (_, found) = desk.sync();
    assert_eq!(found.written, 2, "{found:?}");
    assert!(desk.is_there("b", ".Archive/cur/1:2,S") && desk.is_there("b", "cur/2:2,"));
    let lost = desk.status("a").lost;
    assert_eq!((lost.losses.count, lost.unseen), (1, None));
    assert_eq!(lost.losses.first[0].item, "cur/9,S=5:2,FS");
}

#[test]
fn f06_what_may_be_in_a_file_that_cannot_be_read_is_kept_and_said() {
    let mut desk = Desk::with(&["cur/1:2,FS#one", "cur/2:2,FS#two", "cur/3:2,S#three"], &[], false);
    desk.link();
    // One is there in another folder, and one of its files under a name that tells nothing, and cut.
    desk.put("a", ".Archive/cur/11:2,#one");
    desk.sync();
    fs::remove_file(desk.path("a", "cur/1:2,FS")).unwrap();
    fs::write(desk.path("a", "cur/9,S=5:2,FS"), "Subject: longer than 5\n\n").unwrap();
    desk.rename("a", "cur/2:2,FS", "cur/2:2,S");
    let (_, found) = desk.sync();
    assert_eq!(found.written, 1, "only what is there was changed: {found:?}");
    assert!(desk.is_there("b", "cur/1:2,FS") && desk.is_there("b", "cur/2:2,S"));
    let unseen = desk.status("a").lost.unseen.unwrap();
    assert!(unseen.contains("1 item of which a file is missing"), "{unseen}");
    // What others change meanwhile reaches it all the same, and again and again it is no edit.
    desk.rename("b", ".Archive/cur/1:2,FS", ".Archive/cur/1:2,FRS");
    desk.sync();
    assert!(desk.is_there("a", ".Archive/cur/11:2,R"));
    assert_eq!(desk.sync().0, None);
    // It is mended, and was no message of ours.
    desk.rename("a", "cur/9,S=5:2,FS", "cur/9:2,FS");
    desk.sync();
    assert!(desk.is_there("b", "cur/1:2,T"), "it left the folder, and lost its marks");
    assert!(desk.is_there("b", ".Archive/cur/1:2,R"));
    assert_eq!(desk.status("a").lost, Lost::default());
}

#[test]
fn f26_an_edit_that_is_refused_although_nothing_changed_is_not_tried_in_each_pass() {
    let mut desk = Desk::with(&["cur/1:2,S#one"], &[], true);
    desk.link();
    desk.rename("a", "cur/1:2,S", "cur/1:2,FS");
    let (_, found) = desk.sync();
    assert_eq!((found.written, found.meanwhile, found.lost.refused.count), (0, 0, 1), "{found:?}");
    assert_eq!(found.lost.refused.first[0].why, "it does not want to");
    for _ in 0..4 {
        assert_eq!(desk.sync().0, None);
    }
    assert_eq!(desk.asked.load(Ordering::Relaxed), 1);
    // Somebody changed the library: perhaps it wants to now.
    desk.put("b", "cur/5:2,S#five");
    desk.sync();
    assert_eq!(desk.asked.load(Ordering::Relaxed), 2);
    // The document asks for it no longer.
    desk.rename("a", "cur/1:2,FS", "cur/1:2,S");
    desk.sync();
    assert_eq!(desk.status("b").lost, Lost::default());
}

/// Stores of which the one that is called `b` refuses every edit, for no reason that a later pass could find.
struct Stubborn(Arc<AtomicU64>);

impl Translator for Stubborn {
    fn capabilities(&self) -> &'static Capabilities {
        Maildir.capabilities()
    }

    fn discover(&self, place: &Place) -> Vec<PathBuf> {
        Maildir.discover(place)
    }

    fn open(&self, path: &Path, host: Arc<dyn Host>) -> Result<Box<dyn Library>, Error> {
        let inner = Maildir.open(path, host)?;
        let refuses = path.ends_with("b").then(|| Arc::clone(&self.0));
        Ok(Box::new(StubbornStore { inner, refuses }))
    }
}

struct StubbornStore {
    inner: Box<dyn Library>,
    refuses: Option<Arc<AtomicU64>>,
}

impl Library for StubbornStore {
    fn capabilities(&self) -> &'static Capabilities {
        self.inner.capabilities()
    }

    fn running(&self) -> Option<String> {
        None
    }

    fn revision(&self) -> Result<Revision, Error> {
        self.inner.revision()
    }

    fn read(&self, sink: &mut dyn Sink) -> Result<Reading, Error> {
        self.inner.read(sink)
    }

    fn write(&self, expected: &Revision, changes: &ChangeSet) -> Result<Written, Error> {
        let Some(asked) = &self.refuses else { return self.inner.write(expected, changes) };
        asked.fetch_add(1, Ordering::Relaxed);
        let reason = || "it does not want to".to_owned();
        let refused =
            changes.fields.iter().map(|edit| Refusal { id: edit.item.clone(), reason: reason() });
        let refused = refused.collect();
        Ok(Written { revision: self.revision()?, refused, ..Written::default() })
    }

    fn back_up(&self, into: &Path) -> Result<Vec<PathBuf>, Error> {
        self.inner.back_up(into)
    }

    fn restore(&self, expected: &Revision, from: &Path) -> Result<Revision, Error> {
        self.inner.restore(expected, from)
    }
}
