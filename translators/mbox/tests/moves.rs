//! Messages that are moved, copied, and taken out of folders: what each mailbox has then, byte for byte, and what
//! is refused.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use segue_mbox::Mbox;
use segue_translator::model::{Catalog, ChangeSet, Field, FieldEdit, Item, Value, mail};
use segue_translator::{Collector, Idle, Library, Translator as _, Written};

/// A folder of mailboxes.
struct Store(tempfile::TempDir);

fn text(subject: &str, more: &str) -> String {
    with_body(subject, more, "Hello\n")
}

fn with_body(subject: &str, more: &str, body: &str) -> String {
    format!(
        "From a@b Mon Jan  1 10:00:00 2024\nMessage-ID: <{subject}@example>\nSubject: {subject}\n\
         {more}\n{body}\n"
    )
}

impl Store {
    fn with(mailboxes: &[(&str, &str)]) -> Self {
        let store = Self(tempfile::tempdir().unwrap());
        for (name, text) in mailboxes {
            let path = store.path(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        store
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join("mail").join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn library(&self) -> Box<dyn Library> {
        Mbox.open(&self.path(""), Arc::new(Idle)).unwrap()
    }

    fn read(&self) -> Catalog {
        let (catalog, reading) = Collector::collect(&*self.library()).unwrap();
        assert!(reading.losses.is_empty(), "{:?}", reading.losses);
        catalog
    }

    /// Puts the message with this subject into these folders, and no others.
    fn put(&self, subject: &str, folders: &[&str]) -> Written {
        self.set(&[(subject, &mail::FOLDERS, folders)])
    }

    fn set(&self, edits: &[(&str, &'static Field, &[&str])]) -> Written {
        let library = self.library();
        let (catalog, reading) = Collector::collect(&*library).unwrap();
        let fields = edits.iter().map(|(subject, field, new)| edit(&catalog, subject, field, new));
        let changes = ChangeSet { fields: fields.collect(), ..ChangeSet::default() };
        let written = library.write(&reading.revision, &changes).unwrap();
        let (_, again) = Collector::collect(&*self.library()).unwrap();
        assert_eq!(written.revision, again.revision);
        written
    }

    fn places(&self, subject: &str) -> Vec<String> {
        texts(named(&self.read(), subject), &mail::FOLDERS)
    }
}

fn edit(catalog: &Catalog, subject: &str, field: &'static Field, new: &[&str]) -> FieldEdit {
    let item = named(catalog, subject);
    let old = item.fields.value(field).cloned();
    let new = (!new.is_empty()).then(|| Value::list(new.iter().copied()));
    FieldEdit { item: item.id.clone(), field, old, new }
}

fn named<'c>(catalog: &'c Catalog, subject: &str) -> &'c Item {
    let is_it =
        |item: &&Item| item.fields.value(&mail::SUBJECT).and_then(Value::as_text) == Some(subject);
    catalog.items.iter().find(is_it).unwrap()
}

fn texts(item: &Item, field: &Field) -> Vec<String> {
    let list = item.fields.value(field).and_then(Value::as_list).unwrap_or_default();
    list.iter().map(ToString::to_string).collect()
}

#[test]
fn a_moved_message_is_in_the_other_mailbox_and_in_the_old_one_no_more() {
    let state = "Status: RO\nX-Status: F\nX-Keywords: Work\n";
    let own = "X-UID: 2\nContent-Length: 6\n";
    let inbox = [text("a", ""), text("b", &format!("{state}{own}")), text("c", "")];
    let store = Store::with(&[("INBOX", &inbox.concat()), ("Archive", &text("d", ""))]);
    let before = store.read();
    let written = store.put("b", &["Archive"]);
    assert!(written.refused.is_empty(), "{written:?}");
    assert_eq!(store.text("INBOX"), inbox[0].clone() + &inbox[2]);
    let base = "X-IMAPbase: ";
    let archive = store.text("Archive");
    assert!(archive.contains(base) && archive.contains("0000000000 work\n"), "{archive}");
    assert!(archive.ends_with(&text("b", state)), "{archive}");
    assert_eq!(store.places("b"), ["Archive"]);
    let ids = |catalog: &Catalog| -> Vec<_> {
        catalog.items.iter().map(|item| item.id.clone()).collect()
    };
    assert_eq!(ids(&store.read()), ids(&before));
    // The mailbox can become empty, and be filled again; marks go with it, in the same write.
    store.put("d", &["INBOX"]);
    store.put("b", &["INBOX"]);
    assert_eq!(store.text("Archive"), "");
    store.set(&[("b", &mail::FLAGS, &["answered"]), ("b", &mail::FOLDERS, &["Archive"])]);
    assert!(store.text("Archive").contains("Status: O\nX-Status: A\nX-Keywords: Work\n"));
    assert_eq!(fs::read_dir(store.path("")).unwrap().count(), 2, "something was left");
}

#[test]
fn a_copy_is_appended_and_what_goes_nowhere_is_marked_and_taken_back() {
    let store = Store::with(&[("INBOX", &text("a", "Status: O\n")), ("Archive", &text("b", ""))]);
    store.put("a", &["Archive", "INBOX", "New"]);
    assert_eq!(store.text("INBOX"), text("a", "Status: O\n"));
    assert_eq!(store.text("Archive"), text("b", "") + &text("a", "Status: O\n"));
    assert_eq!(store.text("New"), text("a", "Status: O\n"));
    store.put("a", &["INBOX"]);
    assert_eq!(store.text("New"), text("a", "Status: O\nX-Status: D\n"), "nothing is removed");
    store.put("a", &["New"]);
    assert_eq!(store.text("New"), text("a", "Status: O\nX-Status: \n"), "it is taken back");
    assert_eq!(store.text("INBOX"), text("a", "Status: O\nX-Status: D\n"));
    store.put("a", &[]);
    assert_eq!(store.places("a"), [""; 0]);
    store.put("a", &["Other"]);
    assert_eq!(store.text("Other"), text("a", "Status: O\nX-Status: \n"));
    assert!(store.text("INBOX").contains("X-Status: D"));
}

#[test]
fn f06_a_copy_is_never_taken_out_because_another_is_there() {
    // As a server leaves it for a moment that moves a message.
    let inbox = text("a", "") + &text("b", "");
    let store = Store::with(&[("INBOX", &inbox), ("Archive", &text("a", ""))]);
    store.put("a", &["Archive"]);
    assert_eq!(store.text("INBOX"), text("a", "X-Status: D\n") + &text("b", ""));
    assert_eq!(store.text("Archive"), text("a", ""));
}

#[test]
fn several_copies_move_together_and_in_their_order() {
    let inbox =
        text("b", "X-Status: F\n") + &text("a", "") + &text("b", "Status: R\n") + &text("c", "");
    let store = Store::with(&[("INBOX", &inbox), ("Archive", "")]);
    store.set(&[
        ("a", &mail::FOLDERS, &["Archive"]),
        ("b", &mail::FOLDERS, &["Archive"]),
        ("c", &mail::FOLDERS, &["Archive"]),
    ]);
    assert_eq!((store.text("INBOX"), store.text("Archive")), (String::new(), inbox));
}

#[test]
fn a_message_that_leaves_several_mailboxes_for_one_is_there_once() {
    let store = Store::with(&[("INBOX", &text("a", "")), ("Archive", &text("a", "")), ("New", "")]);
    store.put("a", &["New"]);
    assert_eq!((store.text("New"), store.text("Archive")), (text("a", ""), String::new()));
    assert_eq!(store.text("INBOX"), text("a", "X-Status: D\n"));
    assert_eq!(store.places("a"), ["New"]);
}

#[test]
fn what_the_first_message_says_of_the_mailbox_stays() {
    let base = "X-IMAPbase: 1700000000 0000000003 Work\n";
    let first = text("a", &format!("{base}X-UID: 1\n"));
    let rest = text("b", "X-Keywords: Work\n") + &text("c", "");
    let store = Store::with(&[("INBOX", &(first + &rest)), ("Archive", &text("d", ""))]);
    store.set(&[("a", &mail::FOLDERS, &["Archive"]), ("c", &mail::KEYWORDS, &["more"])]);
    let named = base.replace("Work", "Work more");
    let second = text("b", "X-Keywords: Work\n").replace("2024\n", &format!("2024\n{named}"));
    assert_eq!(store.text("INBOX"), second + &text("c", "X-Keywords: more\n"));
    assert_eq!(store.text("Archive"), text("d", "") + &text("a", ""));
}

#[test]
fn lines_that_begin_with_from_stay_what_they_are() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let served = "X-IMAPbase: 1 0000000009\nX-UID: 9\n".to_owned();
    let bodies = [
        "From here on\n\nFrom a@b Mon Jan  1 10:00:00 2024\n\nmore\n>From there\n",
        ">From here\n>>From there\n",
        ">>From here\n",
        "no such line, no end",
    ];
    for body in bodies {
        let length = format!("Content-Length: {}\n", body.len());
        for (target, more) in [("Served", &*served), ("Plain", "X-IMAPbase: 1 0000000000 x\n")] {
            let inbox = with_body("a", &length, body) + "\n" + &text("b", "");
            let store = Store::with(&[("INBOX", &inbox), (target, &text("c", more))]);
            let id = named(&store.read(), "a").id.clone();
            assert!(store.put("a", &[target]).refused.is_empty(), "{body}");
            assert_eq!(store.text("INBOX"), text("b", ""));
            let is_plain = store.text(target).contains("\nFrom here");
            let had = ["From", ">From"].iter().any(|start| body.starts_with(start));
            assert_eq!(is_plain, target == "Served" && had, "{body}");
            assert_eq!(named(&store.read(), "a").id, id, "{}", store.text(target));
            store.put("a", &["INBOX"]);
            assert_eq!(named(&store.read(), "a").id, id, "{}", store.text("INBOX"));
            assert_eq!(store.text(target), text("c", more));
            let stays = !body.starts_with("From");
            assert_eq!(store.text("INBOX").contains(body), stays, "{}", store.text("INBOX"));
        }
    }
    // And those of real ones, from each kind of mailbox into a new one and into the inbox.
    for fixture in ["dovecot-2.3.19", "mboxo-1", "mboxrd-1"] {
        let store = Store::with(&[]);
        copy(&fixtures.join(fixture), &store.path(""));
        let before = store.read();
        let subjects: Vec<FieldEdit> = before
            .items
            .iter()
            .filter(|item| texts(item, &mail::FOLDERS).iter().any(|path| path.contains("tickets")))
            .flat_map(|item| {
                let old = item.fields.value(&mail::FOLDERS).cloned();
                let new = Some(Value::list(["INBOX", "New place"]));
                [FieldEdit { item: item.id.clone(), field: &mail::FOLDERS, old, new }]
            })
            .collect();
        assert!(!subjects.is_empty());
        let library = store.library();
        let revision = library.revision().unwrap();
        let changes = ChangeSet { fields: subjects, ..ChangeSet::default() };
        let written = library.write(&revision, &changes).unwrap();
        assert!(written.refused.is_empty(), "{written:?}");
        let ids = |catalog: &Catalog| -> Vec<_> {
            catalog.items.iter().map(|item| item.id.clone()).collect()
        };
        assert_eq!(ids(&store.read()), ids(&before), "{fixture}");
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
fn a_folder_that_cannot_be_is_refused_and_nothing_moves() {
    let inbox = text("a", "");
    let store = Store::with(&[("INBOX", &inbox), ("Archive", "")]);
    std::os::unix::fs::symlink("nowhere", store.path("away.lock")).unwrap();
    for (path, why) in [
        ("Archive/2024", "is a file here"),
        ("Sent Items", "role"),
        ("x.lock", "cannot be told"),
        ("away.lock/x", "is a file here"),
        ("AC%2FDC", "cannot be told"),
    ] {
        let written = store.put("a", &[path]);
        assert_eq!(written.refused.len(), 1, "{path}");
        assert!(written.refused[0].reason.contains(why), "{written:?}");
        assert_eq!(store.text("INBOX"), inbox);
    }
    // One mailbox by itself holds the inbox, and what lies elsewhere stays.
    let alone = Mbox.open(&store.path("INBOX"), Arc::new(Idle)).unwrap();
    let support = alone.capabilities().field(&mail::FOLDERS).unwrap();
    assert_eq!(support.hold(&Value::list(["Archive"])), None);
    let both = Value::list(["Archive", "INBOX"]);
    assert_eq!(support.hold(&both), Some(Value::list(["INBOX"])));
    let (catalog, reading) = Collector::collect(&*alone).unwrap();
    let fields = vec![edit(&catalog, "a", &mail::FOLDERS, &["Archive", "INBOX"])];
    let changes = ChangeSet { fields, ..ChangeSet::default() };
    alone.write(&reading.revision, &changes).unwrap();
    assert_eq!(store.text("INBOX"), inbox);
}

#[test]
fn f06_nothing_moves_into_a_mailbox_that_was_cut() {
    let cut = text("b", "Content-Length: 99\nX-UID: 1\n");
    let store = Store::with(&[("INBOX", &text("a", "")), ("Archive", &cut)]);
    let written = store.put("a", &["Archive"]);
    assert_eq!(written.refused.len(), 1, "{written:?}");
    assert_eq!((store.text("INBOX"), store.text("Archive")), (text("a", ""), cut));
}

#[test]
fn f06_what_cannot_be_read_back_is_taken_out_again_and_stays_where_it_was() {
    // The last message says that it is longer than it is, by just what is appended: it would swallow that.
    let swallowed = "Hello\n\n".len() + text("a", "Content-Length: 6\n").len();
    let archive = text("b", "") + &text("d", &format!("Content-Length: {swallowed}\n"));
    let archive = archive.replacen("Subject: b\n", "Subject: b\nContent-Length: 6\n", 1);
    let store = Store::with(&[("INBOX", &text("a", "")), ("Archive", &archive)]);
    let library = store.library();
    let (catalog, reading) = Collector::collect(&*library).unwrap();
    let fields = vec![edit(&catalog, "a", &mail::FOLDERS, &["Archive"])];
    let changes = ChangeSet { fields, ..ChangeSet::default() };
    let error = library.write(&reading.revision, &changes).unwrap_err();
    assert!(error.to_string().contains("could not be read back"), "{error}");
    assert_eq!((store.text("INBOX"), store.text("Archive")), (text("a", ""), archive));
    assert_eq!(fs::read_dir(store.path("")).unwrap().count(), 2, "something was left");
    assert_eq!(store.read(), catalog);
}

#[test]
fn f28_both_mailboxes_are_locked_before_either_is_written() {
    let store = Store::with(&[("INBOX", &text("a", "")), ("Archive", &text("b", ""))]);
    for name in ["INBOX", "Archive"] {
        let lock = store.path(&format!("{name}.lock"));
        fs::write(&lock, "").unwrap();
        let library = store.library();
        let (catalog, reading) = Collector::collect(&*library).unwrap();
        let fields = vec![edit(&catalog, "a", &mail::FOLDERS, &["Archive"])];
        let changes = ChangeSet { fields, ..ChangeSet::default() };
        assert!(library.write(&reading.revision, &changes).is_err());
        assert_eq!((store.text("INBOX"), store.text("Archive")), (text("a", ""), text("b", "")));
        fs::remove_file(lock).unwrap();
    }
}

#[test]
fn f33_what_was_moved_comes_back_with_the_bytes_that_it_had() {
    let inbox = text("a", "X-UID: 1\n") + &text("b", "Status: O\n") + &text("c", "");
    let archive = text("d", "").trim_end().to_owned() + "\n";
    let store = Store::with(&[("INBOX", &inbox), ("Archive", &archive)]);
    fs::set_permissions(store.path("INBOX"), fs::Permissions::from_mode(0o640)).unwrap();
    let kept = store.0.path().join("kept");
    store.library().back_up(&kept).unwrap();
    let written = store.set(&[
        ("a", &mail::FOLDERS, &["Archive"]),
        ("b", &mail::FLAGS, &["answered"]),
        ("c", &mail::FOLDERS, &["New", "INBOX"]),
        ("d", &mail::FOLDERS, &["INBOX"]),
    ]);
    assert!(written.refused.is_empty(), "{written:?}");
    assert_eq!(store.places("a"), ["Archive"]);
    store.library().restore(&written.revision, &kept).unwrap();
    assert_eq!((store.text("INBOX"), store.text("Archive")), (inbox, archive));
    assert_eq!(store.text("New"), "");
}

#[test]
fn f33_a_message_that_is_not_among_what_was_kept_is_not_taken_out() {
    let store = Store::with(&[("INBOX", &text("a", ""))]);
    let kept = store.0.path().join("kept");
    store.library().back_up(&kept).unwrap();
    let more = text("a", "") + &text("b", "");
    fs::write(store.path("INBOX"), &more).unwrap();
    let revision = store.library().revision().unwrap();
    store.library().restore(&revision, &kept).unwrap_err();
    assert_eq!(store.text("INBOX"), more);
}
