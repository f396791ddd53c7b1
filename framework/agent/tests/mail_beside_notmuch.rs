//! What notmuch knows of a tree of mail, in one document with a Maildir: the same tree, or one of its own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use segue_agent::command::{LibrarySpec, LibraryState, LogRow, PassReport, Request, Response};
use segue_agent::{Agent, Moment, Progress, Quiet, World};
use segue_translator::{Idle, Place};
use serde_json::Value as Json;

/// The tags of a message, the names of its files in both trees, and its places.
type Told = (Vec<String>, [Vec<String>; 2], [Vec<String>; 3]);

struct Desk {
    folder: tempfile::TempDir,
    agent: Agent,
    /// The mail that is linked as a Maildir.
    mail: PathBuf,
}

impl Desk {
    /// One tree that is linked as both. `None` where there is no notmuch, which is said.
    fn linked() -> Option<Self> {
        Self::with(".config/notmuch/default/mail", false)
    }

    /// Two trees of the same mail.
    fn apart() -> Option<Self> {
        Self::with("Mail", false)
    }

    /// Two trees of the same mail, of which notmuch's is linked as a Maildir too.
    fn three() -> Option<Self> {
        Self::with("Mail", true)
    }

    fn with(mail: &str, also_notmuchs: bool) -> Option<Self> {
        if Command::new("notmuch").arg("--version").output().is_err() {
            let _ = writeln!(std::io::stderr(), "here: notmuch is not installed");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let fixtures =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../translators/notmuch/fixtures");
        let version = fs::read_dir(fixtures).unwrap().next().unwrap().unwrap().path();
        let library = folder.path().join(".config/notmuch/default");
        copy(&version, &library);
        let mail = folder.path().join(mail);
        if !mail.starts_with(&library) {
            copy(&version.join("mail"), &mail);
        }
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
            place: Place::new(folder.path(), BTreeMap::new()),
            translators: segue_agent::registry::translators(),
            programs: segue_agent::registry::Programs::default(),
            device: "desk".into(),
        };
        let agent = Agent::open_in(&folder.path().join("segue"), world).unwrap();
        let mut desk = Self { folder, agent, mail };
        desk.notmuch(&["new", "--no-hooks", "--quiet"]);
        let dump = library.join("tags.dump");
        desk.notmuch(&["restore", "--input", dump.to_str().unwrap()]);
        let spec =
            |app: &str, path: Option<PathBuf>| LibrarySpec { app: app.into(), path, root: None };
        let mut libraries = vec![spec("maildir", Some(desk.mail.clone())), spec("notmuch", None)];
        let own = also_notmuchs.then(|| spec("maildir", Some(desk.notmuch_mail())));
        libraries.extend(own);
        let Response::Plan(plan) = desk.run(Request::Plan { libraries, write_tags: false }) else {
            panic!("there is no plan")
        };
        desk.pass(Request::Apply { plan: plan.plan });
        Some(desk)
    }

    fn notmuch_mail(&self) -> PathBuf {
        self.folder.path().join(".config/notmuch/default/mail")
    }

    /// What the real notmuch answers.
    fn notmuch(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("notmuch");
        for other in ["NOTMUCH_DATABASE", "NOTMUCH_PROFILE", "MAILDIR"] {
            command.env_remove(other);
        }
        let configuration = self.folder.path().join(".config/notmuch/default/config");
        command.env("HOME", self.folder.path()).env("NOTMUCH_CONFIG", configuration);
        let ran = command.args(arguments).output().unwrap();
        assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8_lossy(&ran.stdout).into_owned()
    }

    fn tags(&self, id: &str) -> Vec<String> {
        let all = self.notmuch(&["search", "--output=tags", "--exclude=false", "--", &query(id)]);
        all.lines().map(str::to_owned).collect()
    }

    /// The only file of a message in the Maildir.
    fn file(&self, id: &str) -> PathBuf {
        let mut files = files_of(&self.mail, id);
        assert_eq!(files.len(), 1, "{files:?}");
        files.remove(0)
    }

    /// The folders in which a message lies: in the Maildir, for notmuch's own search, and in the document.
    fn places(&mut self, id: &str) -> [Vec<String>; 3] {
        let folder = |root: &Path, path: &Path| {
            let folder = path.strip_prefix(root).unwrap().parent().unwrap().parent().unwrap();
            folder.to_str().unwrap().to_owned()
        };
        let mut in_maildir: Vec<String> = files_of(&self.mail, id)
            .iter()
            .filter(|path| !path.to_str().unwrap().ends_with('T'))
            .map(|path| folder(&self.mail, path))
            .collect();
        in_maildir.sort();
        let known =
            self.notmuch(&["search", "--output=files", "--exclude=false", "--", &query(id)]);
        let known = known.lines().map(Path::new).filter(|path| path.exists());
        let mut known: Vec<String> = known.map(|path| folder(&self.notmuch_mail(), path)).collect();
        known.sort();
        let message = self.message(id);
        let told = texts(&message["fields"]["folders"]).into_iter().map(str::to_owned).collect();
        [in_maildir, known, told]
    }

    /// The flags and the keywords of a message, as its file tells them.
    fn marks(&self, id: &str) -> (String, Vec<String>) {
        let file = self.file(id);
        let name = file.file_name().unwrap().to_str().unwrap();
        let letters = name.split_once(":2,").unwrap().1;
        let lines = file.parent().unwrap().with_file_name("dovecot-keywords");
        let lines = fs::read_to_string(lines).unwrap_or_default();
        let keyword = |letter: char| {
            let number = format!("{} ", letter as u8 - b'a');
            lines.lines().find_map(|line| line.strip_prefix(&number)).unwrap().to_owned()
        };
        let mut keywords: Vec<String> =
            letters.chars().filter(char::is_ascii_lowercase).map(keyword).collect();
        keywords.sort();
        (letters.chars().filter(char::is_ascii_uppercase).collect(), keywords)
    }

    /// Moves the only file of a message into a new folder of the Maildir, with what its keywords mean.
    fn move_away(&self, id: &str, folder: &str) {
        let from = self.file(id);
        let to = self.mail.join(folder);
        fs::create_dir_all(to.join("cur")).unwrap();
        let keywords = from.parent().unwrap().with_file_name("dovecot-keywords");
        fs::copy(keywords, to.join("dovecot-keywords")).unwrap();
        fs::rename(&from, to.join("cur").join(from.file_name().unwrap())).unwrap();
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

    /// One pass, after which nothing waits and nothing is left to do.
    fn sync_whole(&mut self, progress: &dyn Progress) -> PassReport {
        let request = Request::Sync { libraries: Vec::new(), dry_run: false, yes: false };
        let Ok(Response::Pass(report)) = self.agent.run(request, progress) else {
            panic!("the pass failed")
        };
        self.is_whole(&report);
        report
    }

    fn is_whole(&mut self, report: &PassReport) {
        let whole = [LibraryState::Written, LibraryState::Unchanged];
        let is_whole = |found: &segue_agent::command::Found| whole.contains(&found.state);
        assert!(report.libraries.iter().all(is_whole), "{report:?}");
        // What a Maildir moves notmuch sees when it looks.
        self.notmuch(&["new", "--no-hooks", "--quiet", "--full-scan"]);
        let next = self.sync();
        assert_eq!(next.operation, None, "{next:?}");
    }

    fn log(&mut self) -> Vec<LogRow> {
        match self.run(Request::Log) {
            Response::Log(rows) => rows,
            other => panic!("{other:?}"),
        }
    }

    /// What both trees and notmuch say of some messages, and in which folders these lie.
    fn all(&mut self, ids: &[&str]) -> Vec<Told> {
        let all = ids.iter().map(|id| {
            let marks = [self.mail.clone(), self.notmuch_mail()].map(|tree| {
                let files = files_of(&tree, id).into_iter();
                let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
                files.map(name).filter(|name| !name.ends_with('T')).collect()
            });
            (self.tags(id), marks, self.places(id))
        });
        all.collect()
    }

    /// Passes until nothing is left to do.
    fn settle(&mut self) {
        for _ in 0..5 {
            let request = Request::Sync { libraries: Vec::new(), dry_run: false, yes: false };
            let report = self.pass(request);
            self.notmuch(&["new", "--no-hooks", "--quiet", "--full-scan"]);
            if report.libraries.iter().all(|library| library.written == 0) {
                return;
            }
        }
        panic!("there is always something left to do");
    }

    fn message(&mut self, id: &str) -> Json {
        let Response::Export(text) = self.run(Request::Export { document: None }) else {
            panic!("nothing was exported")
        };
        let export: Json = serde_json::from_str(&text.0).unwrap();
        let is_it = |item: &&Json| {
            item["fields"]["message_id"].as_str().is_some_and(|one| one.starts_with(id))
        };
        export["items"].as_array().unwrap().iter().find(is_it).unwrap().clone()
    }
}

/// Does something right after the first library was written.
struct Meanwhile<F>(std::sync::Mutex<Option<F>>);

impl<F: FnOnce() + Send> Progress for Meanwhile<F> {
    fn step(&self, _: &str, _: Option<u64>) {}
    fn advance(&self, _: u64) {}
    fn reached(&self, moment: Moment) {
        let act = self.0.lock().unwrap().take_if(|_| moment == Moment::Written);
        if let Some(act) = act {
            act();
        }
    }
}

/// Gives a file other letters, as a mail program does.
fn mark(file: &Path, letters: &str) {
    let (base, _) = file.to_str().unwrap().split_once(":2,").unwrap();
    fs::rename(file, format!("{base}:2,{letters}")).unwrap();
}

fn query(id: &str) -> String {
    format!("mid:/{id}/")
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

/// The files of a message below a folder.
fn files_of(mail: &Path, id: &str) -> Vec<PathBuf> {
    let text = format!("Message-ID: <{id}");
    let mut files = files_below(mail);
    files.retain(|path| {
        let is_message = path.parent().is_some_and(|part| part.ends_with("cur"));
        is_message && String::from_utf8_lossy(&fs::read(path).unwrap()).contains(&text)
    });
    files
}

fn texts(value: &Json) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Json::as_str).collect()
}

#[test]
fn what_either_says_of_a_message_both_say_after_a_pass() {
    let Some(mut desk) = Desk::linked() else { return };
    desk.settle();
    // notmuch has it from names, and keeps what no server takes for itself.
    assert_eq!(desk.tags("a.0019"), ["Todo", "flagged", "größe", "inbox", "todo"]);
    assert_eq!(desk.marks("a.0019"), ("FS".into(), vec!["inbox".into(), "todo".into()]));
    // A person tags in notmuch, and marks another message with a mail program.
    desk.notmuch(&["tag", "+replied", "-inbox", "+later", "--", &query("a.0019")]);
    let file = desk.file("a.0045");
    let (base, letters) = file.to_str().unwrap().split_once(":2,").unwrap();
    fs::rename(&file, format!("{base}:2,F{}", letters.replace('S', "R"))).unwrap();
    desk.settle();
    assert_eq!(desk.marks("a.0019"), ("FRS".into(), vec!["later".into(), "todo".into()]));
    assert_eq!(desk.tags("a.0019"), ["Todo", "flagged", "größe", "later", "replied", "todo"]);
    assert_eq!(desk.marks("a.0045").0, "FR");
    assert_eq!(desk.tags("a.0045"), ["flagged", "inbox", "replied", "unread"]);
    let message = desk.message("a.0045");
    assert_eq!(texts(&message["fields"]["flags"]), ["answered", "flagged"]);
    let message = desk.message("a.0019");
    assert_eq!(texts(&message["fields"]["keywords"]), ["größe", "later", "todo"]);
}

#[test]
fn a_move_in_either_tree_is_a_move_in_the_other_and_tags_stay() {
    let Some(mut desk) = Desk::apart() else { return };
    desk.settle();
    let all = |folders: &[&str]| -> [Vec<String>; 3] {
        std::array::from_fn(|_| folders.iter().map(|folder| (*folder).to_owned()).collect())
    };
    let tags = ["Todo", "flagged", "größe", "inbox", "todo"];
    let first = desk.places("a.0019");
    assert_eq!((&first, desk.tags("a.0019")), (&all(&["R&D"]), tags.map(str::to_owned).into()));
    // A mail program moves it in the Maildir, into a folder that is nowhere yet.
    desk.move_away("a.0019", "Projects/2024");
    desk.settle();
    assert_eq!(desk.places("a.0019"), all(&["Projects/2024"]));
    assert_eq!(desk.tags("a.0019"), tags);
    // A person moves another in notmuch's tree, and tags it there.
    let from = files_of(&desk.notmuch_mail(), "a.0045").remove(0);
    fs::rename(&from, desk.notmuch_mail().join("Sent/cur").join(from.file_name().unwrap()))
        .unwrap();
    desk.notmuch(&["new", "--no-hooks", "--quiet", "--full-scan"]);
    desk.notmuch(&["tag", "+later", "--", &query("a.0045")]);
    desk.settle();
    assert_eq!(desk.places("a.0045"), all(&["Sent"]));
    assert_eq!(desk.marks("a.0045").1, ["inbox", "later"]);
    let tagged = desk.tags("a.0045");
    // Undo brings back what the passes wrote.
    let before = desk.places("a.0019");
    desk.move_away("a.0019", "Later");
    desk.pass(Request::Sync { libraries: Vec::new(), dry_run: false, yes: false });
    assert_eq!(desk.places("a.0019"), all(&["Later"]));
    desk.pass(Request::Undo { operation: None });
    assert_eq!(desk.places("a.0019")[1..], before[1..]);
    desk.settle();
    assert_eq!(desk.places("a.0019"), before);
    assert_eq!(
        (desk.tags("a.0019"), desk.tags("a.0045")),
        (tags.map(str::to_owned).into(), tagged)
    );
}

#[test]
fn f39_one_act_over_one_tree_is_one_operation_and_is_taken_back_and_redone_as_one() {
    let Some(mut desk) = Desk::three() else { return };
    desk.settle();
    let ids = ["a.0019", "a.0045"];
    let (before, operations) = (desk.all(&ids), desk.log().len());
    // In the tree that is apart: another flag and a keyword there, another folder here.
    let file = desk.file("a.0019");
    let letters = file.to_str().unwrap().split_once(":2,").unwrap().1.replace('S', "RS");
    mark(&file, &letters);
    desk.move_away("a.0045", "Later");
    let there = desk.file("a.0045");
    mark(&there, "DFR");
    let report = desk.sync_whole(&Quiet);
    let written = report.libraries.iter().filter(|found| found.written > 0);
    assert!(written.count() >= 1 && report.libraries.iter().map(|one| one.lifted).sum::<u64>() > 0);
    let after = desk.all(&ids);
    for (tags, marks, places) in &after {
        assert!(tags.contains(&"replied".to_owned()), "{tags:?}");
        assert!(marks.iter().flatten().all(|name| name.contains('R')), "{marks:?}");
        assert!(places.iter().all(|place| *place == places[0]), "{places:?}");
    }
    let log = desk.log();
    assert_eq!((log.len(), log[0].state.as_str()), (operations + 1, "done"), "{log:?}");
    let report = desk.pass(Request::Undo { operation: None });
    desk.is_whole(&report);
    let back = desk.all(&ids);
    for (is, was) in back.iter().zip(&before) {
        assert_eq!((&is.0, &is.2), (&was.0, &was.2));
        assert_eq!(is.1[1], was.1[1], "the names in notmuch's tree");
    }
    let report = desk.pass(Request::Redo);
    desk.is_whole(&report);
    for (is, was) in desk.all(&ids).iter().zip(&after) {
        assert_eq!((&is.0, &is.2), (&was.0, &was.2));
    }
    assert_eq!(desk.log().len(), operations + 3);
}

#[test]
fn f26_only_what_a_person_does_in_one_tree_while_it_is_written_is_an_edit() {
    let Some(mut desk) = Desk::three() else { return };
    desk.settle();
    let file = desk.file("a.0019");
    mark(&file, "DFRS");
    // Nobody did anything in notmuch's tree: nothing is lifted from there, though both ways into it were written.
    let report = desk.sync_whole(&Quiet);
    let lifted = |report: &PassReport, name: &str| -> u64 {
        let those = report.libraries.iter().filter(|found| found.library.contains(name));
        those.map(|found| found.lifted).sum()
    };
    assert_eq!(lifted(&report, "notmuch"), 0, "{report:?}");
    assert!(lifted(&report, "Mail") > 0, "{report:?}");
    // A mail program marks a message of that tree right after the first of the two was written.
    let mine = files_of(&desk.notmuch_mail(), "a.0045").remove(0);
    let file = desk.file("a.0019");
    mark(&file, "FS");
    let meanwhile = Meanwhile(std::sync::Mutex::new(Some(move || mark(&mine, "R"))));
    let report = desk.sync_whole(&meanwhile);
    assert!(lifted(&report, "notmuch") > 0, "{report:?}");
    assert_eq!(desk.marks("a.0045").0, "R", "{report:?}");
    let tags = desk.tags("a.0045");
    assert!(
        tags.contains(&"replied".to_owned()) && !tags.contains(&"flagged".to_owned()),
        "{tags:?}"
    );
    assert_eq!(desk.marks("a.0019").0, "FS");
    assert!(!desk.tags("a.0019").contains(&"replied".to_owned()));
}
