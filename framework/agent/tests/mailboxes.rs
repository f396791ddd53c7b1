//! Mailboxes and a Maildir in one document: the same mail is the same items, and marks go both ways.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use segue_agent::command::{LibrarySpec, Request, Response};
use segue_agent::{Agent, Quiet, World};
use segue_translator::{Idle, Place};

struct Desk {
    folder: tempfile::TempDir,
    agent: Agent,
}

impl Desk {
    /// The same mail in both, as far as the Maildir has it, linked.
    fn linked() -> Self {
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
            place: Place::new(folder.path(), BTreeMap::new()),
            translators: vec![Arc::new(segue_maildir::Maildir), Arc::new(segue_mbox::Mbox)],
            programs: segue_agent::registry::Programs::default(),
            device: "desk".into(),
        };
        let translators = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../translators");
        for (fixture, name) in [
            ("maildir/fixtures/dovecot-2.3.19-maildirpp", "maildir"),
            ("mbox/fixtures/mboxrd-1", "mbox"),
        ] {
            copy(&translators.join(fixture), &folder.path().join(name));
        }
        let agent = Agent::open_in(&folder.path().join("segue"), world).unwrap();
        let mut desk = Self { folder, agent };
        let spec = |app: &str| LibrarySpec {
            app: app.into(),
            path: Some(desk.folder.path().join(app)),
            root: None,
        };
        let libraries = ["maildir", "mbox"].map(spec).into();
        let Response::Plan(plan) = desk.run(Request::Plan { libraries, write_tags: false }) else {
            panic!("no plan");
        };
        desk.run(Request::Apply { plan: plan.plan });
        desk
    }

    fn run(&mut self, request: Request) -> Response {
        self.agent.run(request, &Quiet).unwrap_or_else(|error| panic!("{error}"))
    }

    fn sync(&mut self) {
        self.run(Request::Sync { libraries: Vec::new(), dry_run: false, yes: false });
    }

    /// How many messages the document has.
    fn count(&mut self) -> usize {
        let Response::Export(text) = self.run(Request::Export { document: None }) else {
            panic!("no export");
        };
        let export: serde_json::Value = serde_json::from_str(&text.0).unwrap();
        export["items"].as_array().unwrap().len()
    }

    /// Where a message lies in the document, and in how many copies in each mailbox of these.
    fn places(&mut self, mailboxes: &[&str]) -> (String, Vec<usize>) {
        let Response::Export(text) = self.run(Request::Export { document: None }) else {
            panic!("no export");
        };
        let export: serde_json::Value = serde_json::from_str(&text.0).unwrap();
        let mut items = export["items"].as_array().unwrap().iter();
        let id = |item: &&serde_json::Value| {
            item["fields"]["message_id"].as_str().is_some_and(|id| id.starts_with("a.0001."))
        };
        let folders = items.find(id).unwrap()["fields"]["folders"].to_string();
        let count = |name: &&str| {
            let text = fs::read(self.folder.path().join("mbox").join(name)).unwrap_or_default();
            String::from_utf8_lossy(&text).matches("ID: <a.0001.").count()
        };
        (folders, mailboxes.iter().map(count).collect())
    }

    /// The file of the first message in the Maildir.
    fn file(&self) -> PathBuf {
        let all = fs::read_dir(self.folder.path().join("maildir/cur")).unwrap();
        let mut paths = all.map(|entry| entry.unwrap().path());
        let is_it =
            |path: &PathBuf| fs::read_to_string(path).is_ok_and(|text| text.contains("<a.0001."));
        paths.find(is_it).unwrap()
    }

    fn inbox(&self) -> PathBuf {
        self.folder.path().join("mbox/INBOX")
    }

    /// The header of the same message in the mailbox.
    fn header(&self) -> String {
        let text = String::from_utf8_lossy(&fs::read(self.inbox()).unwrap()).into_owned();
        let mut messages = text.split("\n\nFrom ");
        let message = messages.find(|message| message.contains("<a.0001.")).unwrap();
        message.split("\n\n").next().unwrap().to_owned()
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

#[test]
fn a_message_is_the_same_in_a_mailbox_and_in_a_maildir_and_its_marks_go_both_ways() {
    let mut desk = Desk::linked();
    assert_eq!(desk.count(), 127, "a message is two");
    assert!(desk.file().to_str().unwrap().ends_with(":2,S"));
    // A mail program flags it in the mailbox.
    let header = desk.header();
    assert!(header.contains("\nStatus: RO"), "{header}");
    let bytes = fs::read(desk.inbox()).unwrap();
    let at = bytes.windows(8).position(|part| part == b"<a.0001.").unwrap();
    let end = at + bytes[at..].windows(2).position(|part| part == b"\n\n").unwrap();
    let flagged = [&bytes[..end], b"\nX-Status: F", &bytes[end..]].concat();
    fs::write(desk.inbox(), flagged).unwrap();
    desk.sync();
    let file = desk.file();
    assert!(file.to_str().unwrap().ends_with(":2,FS"), "{}", file.display());
    // And takes it for unread, and answered, in the Maildir.
    let name = file.to_str().unwrap().replace(":2,FS", ":2,FR");
    fs::rename(&file, name).unwrap();
    desk.sync();
    let header = desk.header();
    assert!(header.contains("\nStatus: O") && header.contains("\nX-Status: AF"), "{header}");
    assert_eq!(desk.count(), 127);
}

#[test]
fn a_move_in_a_maildir_is_a_move_in_the_mailboxes_and_back() {
    let mut desk = Desk::linked();
    let all = ["INBOX", "Archive", "New"];
    assert_eq!(desk.places(&all), ("[\"INBOX\"]".into(), vec![1, 0, 0]));
    // A mail program moves it in the Maildir, into a folder that is in neither.
    let from = desk.file();
    let folder = desk.folder.path().join("maildir/.New");
    for part in ["cur", "new", "tmp"] {
        fs::create_dir_all(folder.join(part)).unwrap();
    }
    let to = folder.join("cur").join(from.file_name().unwrap());
    fs::rename(&from, &to).unwrap();
    let (inbox, before) = (desk.inbox(), fs::read(desk.inbox()).unwrap());
    desk.sync();
    assert_eq!(desk.places(&all), ("[\"New\"]".into(), vec![0, 0, 1]));
    let settled = fs::read(&inbox).unwrap();
    desk.sync();
    assert_eq!(fs::read(&inbox).unwrap(), settled, "a pass without a change wrote something");
    // Undo brings back the bytes that the mailbox had.
    desk.run(Request::Undo { operation: None });
    assert_eq!(desk.places(&all), ("[\"INBOX\"]".into(), vec![1, 0, 0]));
    assert_eq!(fs::read(&inbox).unwrap(), before);
    assert!(desk.file().exists() && !to.exists());
    // And a mail program moves it in the mailboxes.
    let find = |from: usize, text: &[u8]| {
        before[from..].windows(text.len()).position(|part| part == text).map(|at| from + at)
    };
    let message = find(0, b"<a.0001.").unwrap();
    let begins = before[..message].windows(6).rposition(|part| part == b"\nFrom ");
    let start = begins.map_or(0, |at| at + 1);
    let end = find(message, b"\n\nFrom ").map_or(before.len(), |at| at + 2);
    let archive = desk.folder.path().join("mbox/Archive");
    let more = [&fs::read(&archive).unwrap()[..], &before[start..end]].concat();
    fs::write(&archive, more).unwrap();
    fs::write(&inbox, [&before[..start], &before[end..]].concat()).unwrap();
    desk.sync();
    assert_eq!(desk.places(&all), ("[\"Archive\"]".into(), vec![0, 1, 0]));
    let moved = desk.folder.path().join("maildir/.Archive/cur");
    let holds = |path: PathBuf| {
        fs::read(path).is_ok_and(|t| String::from_utf8_lossy(&t).contains("<a.0001."))
    };
    assert!(fs::read_dir(moved).unwrap().any(|entry| holds(entry.unwrap().path())));
    assert_eq!(desk.count(), 127);
}
