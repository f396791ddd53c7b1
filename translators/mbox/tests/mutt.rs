//! Beside the real mutt: what it marks is read, what is written it sees also while it has the mailbox open,
//! and it takes nothing back.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use segue_mail::marks::FLAGS;
use segue_mbox::Mbox;
use segue_translator::model::{Catalog, ChangeSet, Field, FieldEdit, Item, Value, mail};
use segue_translator::{Collector, Idle, Library, Translator as _};

/// A mailbox of four messages.
struct Stage(tempfile::TempDir);

fn text(number: u32) -> String {
    format!(
        "From a@b Mon Jan  1 10:00:0{number} 2024\nFrom: a@b\nMessage-ID: <m{number}@example>\n\
         Subject: subject{number}\nStatus: RO\n\n>From here on, hello\n\n"
    )
}

impl Stage {
    /// `None` where mutt is not installed, or nothing gives it a terminal; this is said.
    fn new() -> Option<Self> {
        for program in ["/usr/bin/mutt", "/usr/bin/script"] {
            if !Path::new(program).exists() {
                let _ = writeln!(std::io::stderr(), "here: {program} is not installed");
                return None;
            }
        }
        let stage = Self(tempfile::tempdir().unwrap());
        fs::create_dir(stage.path("mail")).unwrap();
        fs::write(stage.path("mail/INBOX"), (1..=4).map(text).collect::<String>()).unwrap();
        let settings = "set mail_check=0\nset sort=mailbox-order\nset quit=yes\nset delete=yes\n\
            set move=no\nset beep=no\nset confirmappend=no\nset wait_key=no\n\
            set index_format=\"%s=%Z\"\n";
        let folder = stage.path("mail");
        fs::write(stage.path("rc"), format!("set folder={}\n{settings}", folder.display()))
            .unwrap();
        Some(stage)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn library(&self) -> Box<dyn Library> {
        Mbox.open(&self.path("mail"), Arc::new(Idle)).unwrap()
    }

    fn read(&self) -> Catalog {
        let (catalog, reading) = Collector::collect(&*self.library()).unwrap();
        assert!(reading.losses.is_empty(), "{:?}", reading.losses);
        catalog
    }

    fn set(&self, subject: &str, field: &'static Field, new: &[&str]) {
        let library = self.library();
        let (catalog, reading) = Collector::collect(&*library).unwrap();
        let item = named(&catalog, subject);
        let old = item.fields.value(field).cloned();
        let new = (!new.is_empty()).then(|| Value::list(new.iter().copied()));
        let fields = vec![FieldEdit { item: item.id.clone(), field, old, new }];
        let changes = ChangeSet { fields, ..ChangeSet::default() };
        let written = library.write(&reading.revision, &changes).unwrap();
        assert!(written.refused.is_empty(), "{:?}", written.refused);
    }

    fn mutt(&self) -> Mutt {
        let (rc, inbox) = (self.path("rc"), self.path("mail/INBOX"));
        let command = format!("mutt -n -F {} -f {}", rc.display(), inbox.display());
        let script = Command::new("script")
            .args(["-qefc", &command])
            .arg(self.path("seen"))
            .envs([("TERM", "xterm"), ("LINES", "30"), ("COLUMNS", "120")])
            .env("HOME", self.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        Mutt { script: script.unwrap() }
    }
}

/// A running mutt.
struct Mutt {
    script: Child,
}

impl Mutt {
    fn press(&mut self, keys: &str) {
        self.script.stdin.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until it shows this.
    fn wait_for(&mut self, what: &str) {
        let mut seen = Vec::new();
        let mut chunk = [0; 4096];
        while !String::from_utf8_lossy(&seen).contains(what) {
            let bytes = self.script.stdout.as_mut().unwrap().read(&mut chunk).unwrap();
            let shown = String::from_utf8_lossy(&seen).into_owned();
            assert!(bytes > 0, "mutt ended, and did not show {what}: {shown}");
            seen.extend_from_slice(&chunk[..bytes]);
        }
    }

    /// Ends it, and waits for that.
    fn quit(mut self) {
        self.press("q");
        let mut rest = Vec::new();
        self.script.stdout.as_mut().unwrap().read_to_end(&mut rest).unwrap();
        assert!(self.script.wait().unwrap().success(), "{}", String::from_utf8_lossy(&rest));
    }
}

impl Drop for Mutt {
    fn drop(&mut self) {
        let _ = self.script.kill();
        let _ = self.script.wait();
    }
}

fn named<'c>(catalog: &'c Catalog, subject: &str) -> &'c Item {
    let is_it =
        |item: &&Item| item.fields.value(&mail::SUBJECT).and_then(Value::as_text) == Some(subject);
    catalog.items.iter().find(is_it).unwrap()
}

fn texts<'i>(item: &'i Item, field: &Field) -> Vec<&'i str> {
    let list = item.fields.value(field).and_then(Value::as_list).unwrap_or_default();
    list.iter().map(|text| &**text).collect()
}

#[test]
fn what_mutt_marks_is_read_and_is_the_same_message() {
    let Some(stage) = Stage::new() else { return };
    let before = stage.read();
    let mut mutt = stage.mutt();
    mutt.wait_for("subject4");
    mutt.press("2\nF$");
    mutt.wait_for("kept");
    mutt.quit();
    let after = stage.read();
    assert_eq!(texts(named(&after, "subject2"), &mail::FLAGS), ["flagged", "seen"]);
    assert!(fs::read_to_string(stage.path("mail/INBOX")).unwrap().contains("Content-Length"));
    let ids = |catalog: &Catalog| -> Vec<_> {
        catalog.items.iter().map(|item| item.id.clone()).collect()
    };
    assert_eq!(ids(&before), ids(&after), "a message became another");
}

#[test]
fn what_is_written_mutt_shows_and_keeps() {
    let Some(stage) = Stage::new() else { return };
    // What mutt has no letter for it keeps as it is.
    for flag in FLAGS.iter().filter(|flag| flag.name != "draft") {
        stage.set("subject1", &mail::FLAGS, &[flag.name]);
        let mut mutt = stage.mutt();
        mutt.wait_for("subject4");
        mutt.press("2\nF$");
        mutt.wait_for("kept");
        mutt.quit();
        let catalog = stage.read();
        assert_eq!(texts(named(&catalog, "subject1"), &mail::FLAGS), [flag.name]);
    }
}

#[test]
fn f19_what_is_written_while_mutt_has_the_mailbox_open_is_not_taken_back() {
    let Some(stage) = Stage::new() else { return };
    stage.set("subject3", &mail::FLAGS, &["answered", "seen"]);
    let mut mutt = stage.mutt();
    mutt.wait_for("subject4");
    // A change that needs no other length.
    stage.set("subject3", &mail::FLAGS, &["flagged", "seen"]);
    mutt.press("1\n");
    mutt.wait_for("modified");
    mutt.press("F$");
    mutt.wait_for("kept");
    mutt.quit();
    let catalog = stage.read();
    assert_eq!(texts(named(&catalog, "subject1"), &mail::FLAGS), ["flagged", "seen"]);
    assert_eq!(texts(named(&catalog, "subject3"), &mail::FLAGS), ["flagged", "seen"]);
    assert_eq!(catalog.items.len(), 4);
}

#[test]
fn a_message_that_is_moved_while_mutt_has_the_mailbox_open_is_gone_and_no_other_is_marked_for_it() {
    let Some(stage) = Stage::new() else { return };
    fs::write(stage.path("mail/Archive"), "").unwrap();
    stage.set("subject2", &mail::FLAGS, &["answered", "flagged", "seen"]);
    let mut mutt = stage.mutt();
    mutt.wait_for("subject4");
    mutt.press("3\nF");
    stage.set("subject2", &mail::FOLDERS, &["Archive"]);
    mutt.press("1\n");
    mutt.wait_for("modified");
    mutt.press("$");
    mutt.wait_for("kept");
    mutt.quit();
    let catalog = stage.read();
    assert_eq!(texts(named(&catalog, "subject2"), &mail::FOLDERS), ["Archive"]);
    assert_eq!(texts(named(&catalog, "subject2"), &mail::FLAGS), ["answered", "flagged", "seen"]);
    assert_eq!(texts(named(&catalog, "subject3"), &mail::FLAGS), ["flagged", "seen"]);
    assert_eq!(texts(named(&catalog, "subject4"), &mail::FLAGS), ["seen"]);
    assert_eq!(catalog.items.len(), 4);
    // mutt shows it where it is now, and keeps it as it is.
    let archive = fs::read_to_string(stage.path("mail/Archive")).unwrap();
    fs::write(stage.path("mail/INBOX"), text(1) + &archive).unwrap();
    let mut mutt = stage.mutt();
    mutt.wait_for("subject2=");
    mutt.press("1\nF$");
    mutt.wait_for("kept");
    mutt.quit();
    let catalog = stage.read();
    let here = named(&catalog, "subject2");
    assert_eq!(texts(here, &mail::FLAGS), ["answered", "flagged", "seen"]);
    assert_eq!(texts(here, &mail::FOLDERS), ["Archive", "INBOX"], "it is another message");
}
