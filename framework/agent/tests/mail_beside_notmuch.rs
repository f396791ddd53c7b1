//! One tree of mail that is linked twice: as a Maildir, and as what notmuch knows of it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use segue_agent::command::{LibrarySpec, PassReport, Request, Response};
use segue_agent::{Agent, Quiet, World};
use segue_translator::{Idle, Place};
use serde_json::Value as Json;

struct Desk {
    folder: tempfile::TempDir,
    agent: Agent,
}

impl Desk {
    /// `None` where there is no notmuch, which is said.
    fn linked() -> Option<Self> {
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
        let mut desk = Self { folder, agent };
        desk.notmuch(&["new", "--no-hooks", "--quiet"]);
        let dump = library.join("tags.dump");
        desk.notmuch(&["restore", "--input", dump.to_str().unwrap()]);
        let spec =
            |app: &str, path: Option<PathBuf>| LibrarySpec { app: app.into(), path, root: None };
        let libraries = vec![spec("maildir", Some(desk.mail())), spec("notmuch", None)];
        let Response::Plan(plan) = desk.run(Request::Plan { libraries, write_tags: false }) else {
            panic!("there is no plan")
        };
        desk.pass(Request::Apply { plan: plan.plan });
        Some(desk)
    }

    fn mail(&self) -> PathBuf {
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

    /// The only file of a message.
    fn file(&self, id: &str) -> PathBuf {
        let text = format!("Message-ID: <{id}");
        let mut files = files_below(&self.mail());
        files.retain(|path| {
            let is_message = path.parent().is_some_and(|part| part.ends_with("cur"));
            is_message && String::from_utf8_lossy(&fs::read(path).unwrap()).contains(&text)
        });
        assert_eq!(files.len(), 1, "{files:?}");
        files.remove(0)
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

    fn run(&mut self, request: Request) -> Response {
        self.agent.run(request, &Quiet).unwrap_or_else(|error| panic!("{error}"))
    }

    fn pass(&mut self, request: Request) -> PassReport {
        match self.run(request) {
            Response::Pass(report) => report,
            other => panic!("{other:?}"),
        }
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
