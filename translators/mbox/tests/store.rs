//! Mailboxes in every shape: what is read, what is written, what stays, and what an interrupted write
//! leaves.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, File, FileTimes};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use segue_mail::marks::FLAGS;
use segue_mail::message::HEADER_BYTES_MAX;
use segue_mbox::Mbox;
use segue_translator::model::{Catalog, ChangeSet, Field, FieldEdit, Item, Value, mail};
use segue_translator::{
    Collector, ErrorKind, Idle, Library, Loss, Reading, Translator as _, Written,
};

/// A folder of mailboxes.
struct Store(tempfile::TempDir);

/// A message with this subject; `more` is the rest of its header.
fn text(subject: &str, more: &str) -> String {
    format!(
        "From a@b Mon Jan  1 10:00:00 2024\nMessage-ID: <{subject}@example>\nSubject: {subject}\n\
         {more}\nHello\n\n"
    )
}

impl Store {
    /// Mailboxes with these contents.
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

    fn library(&self) -> Box<dyn Library> {
        Mbox.open(&self.path(""), Arc::new(Idle)).unwrap()
    }

    fn read(&self) -> (Catalog, Vec<Loss>) {
        let (catalog, reading) = Collector::collect(&*self.library()).unwrap();
        (catalog, reading.losses)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Gives the message with this subject other marks.
    fn set(&self, subject: &str, field: &'static Field, new: &[&str]) -> Written {
        let library = self.library();
        let (catalog, reading) = Collector::collect(&*library).unwrap();
        library.write(&reading.revision, &marked(&catalog, subject, field, new)).unwrap()
    }
}

fn marked(catalog: &Catalog, subject: &str, field: &'static Field, new: &[&str]) -> ChangeSet {
    let item = named(catalog, subject);
    let old = item.fields.value(field).cloned();
    let new = (!new.is_empty()).then(|| Value::list(new.iter().copied()));
    let fields = vec![FieldEdit { item: item.id.clone(), field, old, new }];
    ChangeSet { fields, ..ChangeSet::default() }
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
fn every_flag_is_read_and_written_and_taken_back() {
    for flag in &FLAGS {
        let header = match flag.header {
            Some((name, letter)) => format!("{name}: {}\n", char::from(letter)),
            None => "X-Keywords: $FORWARDED\n".to_owned(),
        };
        let store = Store::with(&[("INBOX", &(text("a", &header) + &text("b", "Status: O\n")))]);
        let flags = |subject: &str| {
            let (catalog, losses) = store.read();
            assert!(losses.is_empty(), "{losses:?}");
            texts(named(&catalog, subject), &mail::FLAGS).join(" ")
        };
        assert_eq!((flags("a"), flags("b")), (flag.name.to_owned(), String::new()));
        store.set("b", &mail::FLAGS, &[flag.name]);
        assert_eq!(flags("b"), flag.name);
        store.set("a", &mail::FLAGS, &[]);
        store.set("b", &mail::FLAGS, &[]);
        assert_eq!((flags("a"), flags("b")), (String::new(), String::new()));
    }
}

#[test]
fn what_is_not_modelled_stays() {
    let header = "Status: RO\nX-UID: 7\nX-Status: FDX\nX-Keywords: Work  other    \nLines: 1\n";
    let store = Store::with(&[("INBOX", &(text("a", header) + &text("b", "")))]);
    store.set("a", &mail::FLAGS, &["answered"]);
    let expected = text("a", &header.replace("RO", "O").replace("FDX", "ADX")) + &text("b", "");
    assert_eq!(store.text("INBOX"), expected);
    store.set("a", &mail::KEYWORDS, &["other", "x"]);
    let base = format!("{:010} x", 0);
    let found = store.text("INBOX");
    assert!(found.contains("X-Keywords: other x    \n") && found.contains(&base), "{found}");
    store.set("b", &mail::FLAGS, &["seen"]);
    assert!(store.text("INBOX").ends_with(&text("b", "Status: R\n")));
}

#[test]
fn keywords_are_named_in_the_first_message_as_servers_want_it() {
    let first = text("a", "X-IMAPbase: 1700000000 0000000009 Work todo  \nX-UID: 1\n");
    let store = Store::with(&[("INBOX", &(first + &text("b", "") + &text("c", "")))]);
    store.set("b", &mail::KEYWORDS, &["new", "work"]);
    store.set("c", &mail::FLAGS, &["forwarded"]);
    let found = store.text("INBOX");
    for line in [
        "0000000009 Work todo new $Forwarded  \n",
        "X-Keywords: new Work\n",
        "X-Keywords: $Forwarded\n",
    ] {
        assert!(found.contains(line), "{line} in {found}");
    }
    let (catalog, _) = store.read();
    assert_eq!(texts(named(&catalog, "b"), &mail::KEYWORDS), ["new", "work"]);
    // The first spelling stays, and what no server takes is not read.
    let first = text("a", "X-Keywords: Work größe\nX-Label: lbl, two words\n");
    let store = Store::with(&[("INBOX", &first)]);
    let (catalog, _) = store.read();
    assert_eq!(texts(named(&catalog, "a"), &mail::KEYWORDS), ["lbl", "two", "words", "work"]);
    store.set("a", &mail::KEYWORDS, &["two", "work"]);
    let found = store.text("INBOX");
    assert!(found.contains("X-Keywords: Work größe\nX-Label: two"), "{found}");
    assert!(!found.contains("lbl") && !found.contains(" words"), "{found}");
}

#[test]
fn copies_are_one_message_with_the_marks_of_all_and_deleted_ones_lie_nowhere() {
    let flagged = text("a", "X-Status: F\n");
    let seen = text("a", "Status: RO\n") + &text("b", "X-Status: D\n");
    let store = Store::with(&[
        ("INBOX", &flagged),
        ("Archive", &seen),
        ("Old", &text("a", "X-Status: D\n")),
    ]);
    let (catalog, _) = store.read();
    let item = named(&catalog, "a");
    assert_eq!(texts(item, &mail::FLAGS), ["flagged", "seen"]);
    assert_eq!(texts(item, &mail::FOLDERS), ["Archive", "INBOX"]);
    assert_eq!(texts(named(&catalog, "b"), &mail::FOLDERS), [""; 0]);
    store.set("a", &mail::FLAGS, &["answered", "flagged"]);
    assert_eq!(store.text("INBOX"), text("a", "X-Status: AF\n"));
    assert!(store.text("Archive").starts_with(&text("a", "Status: O\nX-Status: A\n")));
    assert_eq!(store.text("Old"), text("a", "X-Status: AD\n"));
}

#[test]
fn folders_are_what_a_person_calls_them() {
    let one = text("a", "");
    let store = Store::with(&[
        ("inbox", &one),
        ("Entw&APw-rfe", &one),
        ("Sent Items", &one),
        ("Archive.sbd/2024", &one),
        ("a&b/R&-D", &one),
        ("100%", ""),
        (".imap/INBOX", "no mailbox"),
        ("INBOX.lock", "no mailbox"),
        ("subscriptions", "no mailbox"),
        ("Maildir/cur/1", "no mailbox"),
        ("mh/.mh_sequences", ""),
        ("mh/1", "no mailbox"),
    ]);
    let (catalog, losses) = store.read();
    assert!(losses.is_empty(), "{losses:?}");
    let mut names: Vec<&str> = catalog.collections.iter().map(|one| &*one.name).collect();
    names.sort_unstable();
    let expected = ["100%25", "Archive/2024", "Drafts", "INBOX", "Sent", "a&b/R&D"];
    assert_eq!(names, expected);
    assert_eq!(texts(&catalog.items[0], &mail::FOLDERS), expected[1..]);
    // A mailbox given by itself is the inbox.
    let alone = Mbox.open(&store.path("Archive.sbd/2024"), Arc::new(Idle)).unwrap();
    let (catalog, _) = Collector::collect(&*alone).unwrap();
    assert_eq!(texts(&catalog.items[0], &mail::FOLDERS), ["INBOX"]);
}

#[test]
fn f01_what_is_no_mailbox_or_not_there_is_an_error() {
    let store = Store::with(&[("INBOX", &text("a", "")), ("notes", "Remember the milk\n")]);
    let error = Collector::collect(&*store.library()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Corrupt);
    assert!(error.to_string().contains("notes") && error.to_string().contains("dot"), "{error}");
    fs::remove_file(store.path("notes")).unwrap();
    let library = store.library();
    fs::rename(store.path(""), store.0.path().join("gone")).unwrap();
    assert_eq!(Collector::collect(&*library).unwrap_err().kind, ErrorKind::Absent);
    let empty = Store::with(&[("Maildir/cur/1", "")]);
    assert_eq!(Mbox.open(&empty.path(""), Arc::new(Idle)).err().unwrap().kind, ErrorKind::Absent);
    let foreign = Store::with(&[("INBOX", ""), ("INBOX.msf", "")]);
    let error = Mbox.open(&foreign.path(""), Arc::new(Idle)).err().unwrap();
    assert_eq!(error.kind, ErrorKind::Unsupported, "{error}");
}

#[test]
fn two_names_of_one_file_are_one_mailbox() {
    let store = Store::with(&[("INBOX", &text("a", ""))]);
    std::os::unix::fs::symlink("INBOX", store.path("link")).unwrap();
    let (catalog, losses) = store.read();
    assert_eq!((catalog.collections.len(), losses.len()), (1, 1), "{losses:?}");
    store.set("a", &mail::FLAGS, &["seen"]);
}

#[test]
fn f06_a_mailbox_that_was_cut_in_a_message_says_so_and_is_not_written() {
    let last = "Content-Length: 6\nX-UID: 2\n";
    let whole = text("a", "") + &text("b", last);
    let body = whole.len() - "Hello\n\n".len();
    for keep in body - 10..whole.len() - 2 {
        let store = Store::with(&[("INBOX", &whole[..keep]), ("Other", &text("c", ""))]);
        let (catalog, losses) = store.read();
        assert_eq!((catalog.items.len(), losses.len()), (2, 1), "cut at {keep}");
        assert!(losses[0].what.contains("cannot be read"), "{losses:?}");
        let written = store.set("a", &mail::FLAGS, &["seen"]);
        let [unable] = &written.unable[..] else { panic!("{written:?}") };
        assert!(unable.reason.contains("`INBOX` is not written"), "{unable:?}");
        assert_eq!(store.text("INBOX"), whole[..keep]);
        let other = store.set("c", &mail::FLAGS, &["seen"]);
        assert!(other.refused.is_empty() && other.unable.is_empty(), "{other:?}");
    }
}

/// A message whose header is longer than is read.
fn large(subject: &str) -> String {
    text(subject, &format!("X-Long: {}\nStatus: O\n", "y ".repeat(HEADER_BYTES_MAX / 2)))
}

#[test]
fn f06_a_message_with_too_long_a_header_is_named_and_all_others_are_written() {
    let inbox = text("a", "") + &large("big") + &text("b", "X-UID: 9\n");
    let store = Store::with(&[("INBOX", &inbox), ("Archive", &text("c", ""))]);
    let (catalog, losses) = store.read();
    let subjects: Vec<_> =
        catalog.items.iter().filter_map(|item| item.fields.value(&mail::SUBJECT)).collect();
    assert_eq!((subjects.len(), losses.len()), (3, 1), "{losses:?}");
    assert!(losses[0].what.contains("`big` has a header of more than 262144 bytes"), "{losses:?}");
    // It is called as it is where it can be read.
    let body = std::io::Cursor::new(large("big").split_once('\n').unwrap().1.to_owned());
    let key = segue_mail::message::key(&mut std::io::BufReader::new(body)).unwrap();
    assert_eq!(losses[0].id.to_string(), key.id());
    for (subject, field, new) in [
        ("a", &mail::FLAGS, "seen"),
        ("b", &mail::KEYWORDS, "work"),
        ("c", &mail::FOLDERS, "INBOX"),
    ] {
        let written = store.set(subject, field, &[new]);
        assert!(written.refused.is_empty(), "{:?}", written.refused);
    }
    let found = store.text("INBOX");
    assert!(found.contains(&large("big")) && found.ends_with(&text("c", "")), "{subjects:?}");
    assert!(found.contains("Subject: b\nX-UID: 9\nX-Keywords: work\n"));
    assert!(found.starts_with("From ") && found.contains("\nSubject: a\nStatus: R\nX-IMAPbase: "));
    // What the first message says of the mailbox is handed on to it.
    store.set("a", &mail::FOLDERS, &["Archive"]);
    let found = store.text("INBOX");
    let (from, rest) =
        large("big").split_once('\n').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let (first, second) = found.split_once('\n').unwrap();
    let (base, second) = second.split_once('\n').unwrap();
    assert!(first == from && base.starts_with("X-IMAPbase: ") && base.ends_with(" work"), "{base}");
    assert!(second.starts_with(&rest));
}

#[test]
fn where_the_first_message_cannot_name_a_keyword_the_refusal_says_which_it_is() {
    let inbox = large("big") + &text("b", "");
    let store = Store::with(&[("INBOX", &inbox), ("Archive", &text("c", ""))]);
    for (subject, field, new) in [
        ("b", &mail::KEYWORDS, "work"),
        ("b", &mail::FLAGS, "forwarded"),
        ("c", &mail::FOLDERS, "INBOX"),
    ] {
        let written = store.set(subject, field, &[new]);
        let reason = &written.refused[0].reason;
        assert!(reason.contains("first message of `INBOX`, and the message `big`"), "{reason}");
        assert_eq!(store.text("INBOX"), inbox);
    }
    assert!(store.set("b", &mail::FLAGS, &["seen"]).refused.is_empty());
    assert_eq!(store.text("INBOX"), large("big") + &text("b", "Status: R\n"));
}

#[test]
fn times_tell_that_something_changed_and_not_that_mail_came() {
    let store = Store::with(&[("INBOX", &text("a", ""))]);
    // As if it had been written in this very second.
    let later = SystemTime::now() + Duration::from_mins(1);
    for (accessed, has_news) in [(later, false), (later - Duration::from_secs(9), true)] {
        let file = File::options().write(true).open(store.path("INBOX")).unwrap();
        file.set_times(FileTimes::new().set_modified(later).set_accessed(accessed)).unwrap();
        let (catalog, _) = store.read();
        let meta = || fs::metadata(store.path("INBOX")).unwrap();
        assert_eq!(meta().accessed().unwrap(), accessed, "reading left a trace");
        let flags: &[&str] = if has_news { &[] } else { &["seen"] };
        assert_ne!(texts(named(&catalog, "a"), &mail::FLAGS), flags);
        store.set("a", &mail::FLAGS, flags);
        assert_eq!(meta().modified().unwrap(), later + Duration::from_secs(1));
        assert_eq!(meta().accessed().unwrap() < meta().modified().unwrap(), has_news);
    }
}

#[test]
fn f28_a_locked_mailbox_is_waited_for_and_nothing_is_written() {
    let mailboxes = [("INBOX", &*text("a", "")), ("Archive", &text("a", ""))];
    let store = Store::with(&mailboxes);
    fs::write(store.path("INBOX.lock"), "").unwrap();
    let library = store.library();
    let (catalog, reading) = Collector::collect(&*library).unwrap();
    let changes = marked(&catalog, "a", &mail::FLAGS, &["seen"]);
    let error = library.write(&reading.revision, &changes).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Busy, "{error}");
    assert!(error.to_string().contains("remove this file"), "{error}");
    for (name, text) in mailboxes {
        assert_eq!(store.text(name), text);
    }
    assert!(store.path("INBOX.lock").exists() && !store.path("Archive.lock").exists());
    let names = fs::read_dir(store.path("")).unwrap().count();
    assert_eq!(names, 3, "something was left");
}

#[test]
fn a_folder_in_which_no_lock_can_be_made_is_not_written() {
    let store = Store::with(&[("INBOX", &text("a", ""))]);
    // A folder in the place of what becomes the lock: root may make files anywhere.
    fs::create_dir(store.path(".INBOX.segue-own.lock")).unwrap();
    let library = store.library();
    let (catalog, reading) = Collector::collect(&*library).unwrap();
    let changes = marked(&catalog, "a", &mail::FLAGS, &["seen"]);
    let error = library.write(&reading.revision, &changes).unwrap_err();
    assert!(error.to_string().contains("only where its lock can be made"), "{error}");
    assert_eq!(store.text("INBOX"), text("a", ""));
}

#[test]
fn f19_the_length_always_changes_and_the_mode_never() {
    let store =
        Store::with(&[("INBOX", &(text("a", "X-Status: A\n") + &text("b", "Status: RO\n")))]);
    fs::set_permissions(store.path("INBOX"), fs::Permissions::from_mode(0o640)).unwrap();
    let mut length = store.text("INBOX").len();
    for flags in [&["flagged"][..], &["answered"], &["draft", "flagged"], &["answered", "draft"]] {
        store.set("a", &mail::FLAGS, flags);
        let found = store.text("INBOX").len();
        assert_ne!(found, length, "mutt would not see {flags:?}");
        length = found;
    }
    let mode = fs::metadata(store.path("INBOX")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o640);
    assert!(store.text("INBOX").ends_with(&text("b", "Status: RO\n")));
}

#[test]
fn the_message_in_which_servers_keep_their_own_is_none() {
    let internal = "From MAILER-DAEMON Mon Jan  1 10:00:00 2024\nFrom: Mail System Internal Data <a@b>\n\
        Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 1700000000 0000000002 Work\n\
        Status: RO\n\nThis text is part of the internal format of your mail folder.\n\n";
    let store = Store::with(&[("INBOX", &(internal.to_owned() + &text("a", "")))]);
    let (catalog, _) = store.read();
    assert_eq!(catalog.items.len(), 1);
    store.set("a", &mail::KEYWORDS, &["work"]);
    assert_eq!(store.text("INBOX"), internal.to_owned() + &text("a", "X-Keywords: Work\n"));
}

fn reading(store: &Store) -> (Catalog, Reading) {
    Collector::collect(&*store.library()).unwrap()
}

#[test]
fn f19_a_mailbox_that_changed_meanwhile_is_stale() {
    let store = Store::with(&[("INBOX", &text("a", ""))]);
    let (catalog, reading) = reading(&store);
    let more = text("a", "") + &text("b", "");
    fs::write(store.path("INBOX"), &more).unwrap();
    let changes = marked(&catalog, "a", &mail::FLAGS, &["seen"]);
    let error = store.library().write(&reading.revision, &changes).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Stale, "{error}");
    assert_eq!(store.text("INBOX"), more);
}
