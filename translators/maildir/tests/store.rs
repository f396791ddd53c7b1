//! Small stores that mail programs leave behind, and hostile ones.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use segue_maildir::{Maildir, Move, Tree};
use segue_translator::model::{
    CarriedLimit, Catalog, ChangeSet, Collection, CopyEdit, Field, FieldEdit, Item, NativeId,
    Value, mail,
};
use segue_translator::{
    Collector, Container, Error, ErrorKind, Host, Idle, Library, Loss, Probe, Sink,
    Translator as _, Want, Written,
};

struct Store(tempfile::TempDir);

impl Store {
    /// A store with these files, each a message of its own unless its path has a `#`: what follows
    /// that says which message it is.
    fn with(files: &[&str]) -> Self {
        let store = Self(tempfile::tempdir().unwrap());
        for folder in ["cur", "new", "tmp"] {
            fs::create_dir(store.0.path().join(folder)).unwrap();
        }
        for file in files {
            let (path, id) = file.split_once('#').unwrap_or((file, file));
            let path = store.path(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("Message-ID: <{id}>\nSubject: {id}\n\nHello\n")).unwrap();
        }
        store
    }

    fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }

    fn library(&self) -> Box<dyn Library> {
        Maildir.open(self.0.path(), Arc::new(Idle)).unwrap()
    }

    fn read(&self) -> (Catalog, Vec<Loss>) {
        let (catalog, reading) = Collector::collect(&*self.library()).unwrap();
        (catalog, reading.losses)
    }

    /// Gives the message of this subject another set.
    fn set(&self, subject: &str, field: &'static Field, new: &[&str]) -> Written {
        let library = self.library();
        let (catalog, reading) = Collector::collect(&*library).unwrap();
        let item = named(&catalog, subject);
        let new = (!new.is_empty()).then(|| Value::list(new.iter().copied()));
        let old = item.fields.value(field).cloned();
        let fields = vec![FieldEdit { item: item.id.clone(), field, old, new }];
        let changes = ChangeSet { fields, ..ChangeSet::default() };
        library.write(&reading.revision, &changes).unwrap()
    }

    /// The names of all messages.
    fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for part in ["cur", "new"] {
            for entry in fs::read_dir(self.path(part)).unwrap() {
                names.push(format!("{part}/{}", entry.unwrap().file_name().to_str().unwrap()));
            }
        }
        names.sort();
        names
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
fn marks_that_are_not_modelled_stay() {
    let store = Store::with(&["cur/1,U=7:2,PTX9#a"]);
    let written = store.set("a", &mail::FLAGS, &["answered", "forwarded"]);
    assert!(written.refused.is_empty());
    assert_eq!(store.names(), ["cur/1,U=7:2,9PRTX"]);
    store.set("a", &mail::FLAGS, &[]);
    assert_eq!(store.names(), ["cur/1,U=7:2,9TX"]);
}

#[test]
fn a_new_message_is_seen_by_nobody_until_it_is_marked() {
    let store = Store::with(&["new/1#a", "new/2#b"]);
    store.set("a", &mail::FLAGS, &["seen"]);
    assert_eq!(store.names(), ["cur/1:2,S", "new/2"]);
}

#[test]
fn letters_mean_what_their_own_folder_says() {
    let store = Store::with(&["cur/1:2,a#a", ".Archive/cur/2:2,ab#a", "cur/3:2,#b"]);
    fs::write(store.path("dovecot-keywords"), "0 Work\n").unwrap();
    fs::write(store.path(".Archive/dovecot-keywords"), "0 todo\n1 $FORWARDED\n").unwrap();
    let (catalog, losses) = store.read();
    assert!(losses.is_empty(), "{losses:?}");
    let item = named(&catalog, "a");
    assert_eq!(texts(item, &mail::KEYWORDS), ["todo", "work"]);
    assert_eq!(texts(item, &mail::FLAGS), ["forwarded"]);
    assert_eq!(texts(item, &mail::FOLDERS), ["Archive", "INBOX"]);
    store.set("a", &mail::KEYWORDS, &["todo", "x"]);
    let keywords = |path: &str| fs::read_to_string(store.path(path)).unwrap();
    assert_eq!(keywords("dovecot-keywords"), "0 Work\n1 x\n");
    assert_eq!(keywords(".Archive/dovecot-keywords"), "0 todo\n1 $FORWARDED\n2 x\n");
    assert!(store.path("cur/1:2,b").exists() && store.path(".Archive/cur/2:2,abc").exists());
    // Where there are no keywords nobody looks for one.
    let plain = Store::with(&["cur/1:2,#a"]);
    plain.set("a", &mail::FLAGS, &["forwarded"]);
    assert_eq!(plain.names(), ["cur/1:2,P"]);
    assert!(!plain.path("dovecot-keywords").exists());
}

#[test]
fn f06_a_letter_without_a_meaning_hides_the_message_and_removes_no_keyword() {
    let store = Store::with(&["cur/1:2,Sa#a", "cur/2:2,S#b"]);
    fs::write(store.path("dovecot-keywords"), "1 work\n").unwrap();
    let (catalog, losses) = store.read();
    assert_eq!((catalog.items.len(), losses.len()), (1, 1));
    assert!(losses[0].what.contains("nothing says which keyword is `a`: cur/1:2,Sa"), "{losses:?}");
    fs::write(store.path("dovecot-keywords"), "0 todo\n1 wo").unwrap();
    let (catalog, losses) = store.read();
    assert_eq!((catalog.items.len(), losses.len()), (1, 2), "{losses:?}");
}

#[test]
fn what_is_no_message_is_told_and_the_rest_is_read() {
    let store = Store::with(&["cur/1,S=999:2,S#cut", "cur/2:2,S#b", "cur/3:1,S#strange"]);
    std::os::unix::fs::symlink("nowhere", store.path("cur/4:2,S")).unwrap();
    fs::create_dir(store.path("cur/folder")).unwrap();
    fs::write(store.path("cur/.hidden"), "no message").unwrap();
    let (catalog, losses) = store.read();
    assert_eq!(catalog.items.len(), 1);
    let what: Vec<String> =
        losses.iter().map(|loss| format!("{}: {}", loss.id, loss.what)).collect();
    assert_eq!(what.len(), 3, "{what:?}");
    for part in ["its name says S=999", "cur/4:2,S", "marks of another kind"] {
        assert!(what.iter().any(|what| what.contains(part)), "{part} in {what:?}");
    }
}

#[test]
fn two_files_of_one_name_are_told_and_left_alone() {
    let store = Store::with(&["cur/1:2,#a", "cur/1:2,S#b", "cur/2:2,#c"]);
    let (catalog, losses) = store.read();
    assert_eq!((catalog.items.len(), losses.len()), (1, 2), "{losses:?}");
    assert!(losses[0].what.contains("two files have its name"), "{losses:?}");
}

#[test]
fn f19_a_name_that_is_taken_is_not_taken_again() {
    let store = Store::with(&["cur/1:2,#a"]);
    let library = store.library();
    let (catalog, reading) = Collector::collect(&*library).unwrap();
    // A folder is no message, and so not listed; the name is taken all the same.
    fs::create_dir(store.path("cur/1:2,S")).unwrap();
    let revision = library.revision().unwrap();
    assert_ne!(revision, reading.revision);
    let edit = FieldEdit {
        item: catalog.items[0].id.clone(),
        field: &mail::FLAGS,
        old: None,
        new: Some(Value::list(["seen"])),
    };
    let changes = ChangeSet { fields: vec![edit], ..ChangeSet::default() };
    let written = library.write(&revision, &changes).unwrap();
    assert_eq!(written.refused.len(), 1, "{:?}", written.refused);
    assert_eq!(store.names(), ["cur/1:2,", "cur/1:2,S"]);
}

#[test]
fn a_folder_with_26_keywords_takes_no_more_and_says_so() {
    let store = Store::with(&["cur/1:2,a#a"]);
    let lines: Vec<String> = (0..26).map(|number| format!("{number} k{number}\n")).collect();
    let lines = lines.concat();
    fs::write(store.path("dovecot-keywords"), &lines).unwrap();
    let written = store.set("a", &mail::KEYWORDS, &["k25", "one-more"]);
    let [unable] = &written.unable[..] else { panic!("{written:?}") };
    assert!(unable.reason.contains("`one-more`"), "{unable:?}");
    assert_eq!((unable.field, &unable.lacks), (&mail::KEYWORDS, &vec!["one-more".into()]));
    assert!(written.refused.is_empty(), "{written:?}");
    // What else was to change did.
    assert_eq!(store.names(), ["cur/1:2,z"]);
    assert_eq!(fs::read_to_string(store.path("dovecot-keywords")).unwrap(), lines);
}

#[test]
fn copies_in_other_folders_get_the_keyword_that_one_folder_has_no_letter_for() {
    let store = Store::with(&["cur/1:2,S#a", ".Full/cur/2:2,S#a", ".Full/cur/3:2,z#b"]);
    let lines: Vec<String> = (0..26).map(|number| format!("{number} k{number}\n")).collect();
    fs::write(store.path(".Full/dovecot-keywords"), lines.concat()).unwrap();
    let written = store.set("a", &mail::KEYWORDS, &["k25", "urgent"]);
    let [unable] = &written.unable[..] else { panic!("{written:?}") };
    assert!(unable.reason.contains("`Full`"), "{unable:?}");
    assert_eq!(store.names(), ["cur/1:2,Sab"]);
    assert!(store.path(".Full/cur/2:2,Sz").exists());
    let library = store.library();
    assert!(library.stands(&unable.obstacle).unwrap());
    // A line that went away says nothing as long as a file has its letter.
    fs::write(store.path(".Full/dovecot-keywords"), lines[..25].concat()).unwrap();
    assert!(library.stands(&unable.obstacle).unwrap());
    fs::rename(store.path(".Full/cur/3:2,z"), store.path(".Full/cur/3:2,")).unwrap();
    fs::rename(store.path(".Full/cur/2:2,Sz"), store.path(".Full/cur/2:2,S")).unwrap();
    assert!(!library.stands(&unable.obstacle).unwrap());
    // The message has both already: what is asked for then is that all its copies have.
    let (catalog, reading) = Collector::collect(&*library).unwrap();
    let item = named(&catalog, "a").id.clone();
    let elements = vec!["k25".into(), "urgent".into()];
    let copies = vec![CopyEdit { item, field: &mail::KEYWORDS, elements }];
    let changes = ChangeSet { copies, ..ChangeSet::default() };
    let written = library.write(&reading.revision, &changes).unwrap();
    assert_eq!(written.unable.len(), 1, "there is one letter for two: {written:?}");
    assert!(store.path(".Full/cur/2:2,Sz").exists());
}

#[test]
fn marks_that_cannot_be_told_are_not_written() {
    let store = Store::with(&["cur/1:2,S#a", "cur/2:1,x#b"]);
    let library = store.library();
    let (_, reading) = Collector::collect(&*library).unwrap();
    let edit = FieldEdit {
        item: reading.losses[0].id.clone(),
        field: &mail::FLAGS,
        old: None,
        new: Some(Value::list(["seen"])),
    };
    let changes = ChangeSet { fields: vec![edit], ..ChangeSet::default() };
    let written = library.write(&reading.revision, &changes).unwrap();
    let [unable] = &written.unable[..] else { panic!("{written:?}") };
    assert_eq!(store.names(), ["cur/1:2,S", "cur/2:1,x"]);
    assert!(unable.reason.contains("cur/2:1,x") && unable.obstacle.is_empty(), "{unable:?}");
}

#[test]
fn a_move_takes_the_keywords_along_and_a_copy_is_a_second_name() {
    let store = Store::with(&["cur/1,S=5:2,SXab#a", ".Old/cur/2:2,#b"]);
    fs::write(store.path("dovecot-keywords"), "0 work\n1 todo\n").unwrap();
    fs::write(store.path(".Old/dovecot-keywords"), "0 todo\n").unwrap();
    let rename = |from: &str, to: &str| fs::rename(store.path(from), store.path(to)).unwrap();
    rename("cur/1,S=5:2,SXab", "cur/1:2,SXab");
    assert!(store.set("a", &mail::FOLDERS, &["Old"]).refused.is_empty());
    assert!(store.path(".Old/cur/1:2,SXab").exists());
    let keywords = fs::read_to_string(store.path(".Old/dovecot-keywords")).unwrap();
    assert_eq!(keywords, "0 todo\n1 work\n");
    store.set("a", &mail::FOLDERS, &["INBOX", "New", "Old"]);
    let one = fs::metadata(store.path("cur/1:2,SXab")).unwrap();
    assert_eq!(one.nlink(), 3);
    // All of them are changed together, and one leaves by being marked.
    store.set("a", &mail::FLAGS, &["flagged"]);
    store.set("a", &mail::FOLDERS, &["New"]);
    assert_eq!(store.names(), ["cur/1:2,FTXab"]);
    assert!(store.path(".New/cur/1:2,FXab").exists());
}

#[test]
fn f07_what_leaves_every_folder_is_marked_and_removed_nowhere() {
    let store = Store::with(&["cur/1:2,S#a", ".Archive/cur/2:2,#a", "cur/3:2,T#b"]);
    store.set("a", &mail::FOLDERS, &["Archive"]);
    assert_eq!(store.names(), ["cur/1:2,ST", "cur/3:2,T"]);
    store.set("a", &mail::FOLDERS, &[]);
    assert!(store.path(".Archive/cur/2:2,T").exists());
    let (catalog, losses) = store.read();
    assert_eq!((catalog.items.len(), losses.len()), (2, 0));
    assert!(texts(named(&catalog, "b"), &mail::FOLDERS).is_empty());
    // It comes back where it lay.
    store.set("a", &mail::FOLDERS, &["INBOX"]);
    assert_eq!(store.names(), ["cur/1:2,S", "cur/3:2,T"]);
}

#[test]
fn f19_a_message_that_comes_takes_no_name_that_another_has() {
    let store = Store::with(&["cur/1,S=70:2,#a", ".Archive/cur/1,S=70:2,S#b"]);
    for path in ["cur/1,S=70:2,", ".Archive/cur/1,S=70:2,S"] {
        let length = fs::metadata(store.path(path)).unwrap().len() as usize;
        let mut text = fs::read_to_string(store.path(path)).unwrap();
        text.push_str(&"x".repeat(70 - length));
        fs::write(store.path(path), text).unwrap();
    }
    assert!(store.set("a", &mail::FOLDERS, &["Archive"]).refused.is_empty());
    assert!(store.path(".Archive/cur/1_1,S=70:2,").exists());
    assert_eq!(store.read().0.items.len(), 2);
}

#[test]
fn f13_a_folder_that_cannot_be_named_here_moves_nothing() {
    let store = Store::with(&["cur/1:2,S#a"]);
    for folder in ["a.b", "Sent Items", "../x"] {
        let written = store.set("a", &mail::FOLDERS, &[folder]);
        // What no store could have is not asked of any.
        assert_eq!(written.refused.len(), usize::from(!folder.starts_with("..")), "{folder}");
        if folder.starts_with("..") {
            store.set("a", &mail::FOLDERS, &["INBOX"]);
        }
        assert_eq!(store.names(), ["cur/1:2,S"], "{folder}");
    }
}

#[test]
fn a_folder_without_room_for_its_keywords_gets_no_message() {
    let store = Store::with(&["cur/1:2,a#a", ".Full/cur/2:2,#b"]);
    let lines: Vec<String> = (0..26).map(|number| format!("{number} k{number}\n")).collect();
    fs::write(store.path(".Full/dovecot-keywords"), lines.concat()).unwrap();
    fs::write(store.path("dovecot-keywords"), "0 mine\n").unwrap();
    let written = store.set("a", &mail::FOLDERS, &["Full"]);
    assert!(written.unable[0].reason.contains("`mine`"), "{written:?}");
    assert_eq!((written.unable[0].field, written.unable[0].lacks.len()), (&mail::FOLDERS, 0));
    assert_eq!(store.names(), ["cur/1:2,a"]);
}

#[test]
fn f28_a_server_that_holds_its_lock_is_waited_for() {
    let store = Store::with(&["cur/1:2,#a"]);
    fs::write(store.path("dovecot-uidlist.lock"), "1:some-other-computer").unwrap();
    let library = store.library();
    let (catalog, reading) = Collector::collect(&*library).unwrap();
    let edit = FieldEdit {
        item: catalog.items[0].id.clone(),
        field: &mail::KEYWORDS,
        old: None,
        new: Some(Value::list(["x"])),
    };
    let changes = ChangeSet { fields: vec![edit], ..ChangeSet::default() };
    let error = library.write(&reading.revision, &changes).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Busy, "{error}");
    assert_eq!(store.names(), ["cur/1:2,"]);
    assert!(!store.path("dovecot-keywords").exists());
}

#[test]
fn f01_a_store_that_is_not_there_is_an_error() {
    let store = Store::with(&["cur/1:2,S#a"]);
    let library = store.library();
    fs::rename(store.path("cur"), store.path("gone")).unwrap();
    let error = Collector::collect(&*library).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Absent, "{error}");
    let empty = tempfile::tempdir().unwrap();
    let opened = Maildir.open(empty.path(), Arc::new(Idle));
    assert_eq!(opened.err().unwrap().kind, ErrorKind::Absent);
}

#[test]
fn f19_a_tree_that_changed_since_it_was_listed_is_stale() {
    let store = Store::with(&["cur/1:2,FS#a", "cur/2:2,Sa#b"]);
    let tree = Tree::of(store.path(""), &Idle, &store.path(""));
    let files = tree.list().unwrap();
    let moves = || {
        (0..2).map(|number| Move {
            key: files.file(number).key(),
            into: ["Archive".into()].into(),
            out_of: ["INBOX".into()].into(),
            add: [b'R'].into(),
            remove: [b'F'].into(),
        })
    };
    fs::write(store.path("new/3"), "Message-ID: <c>\n\nHello\n").unwrap();
    let error = tree.place(files.listed(), moves()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Stale, "{error}");
    assert_eq!(store.names(), ["cur/1:2,FS", "cur/2:2,Sa", "new/3"]);
    let written = tree.place(&tree.revision().unwrap(), moves()).unwrap();
    assert_eq!(written.revision, tree.revision().unwrap());
    // Of a letter without a keyword nobody knows what it is elsewhere.
    assert_eq!(
        (written.refused.len(), store.names()),
        (1, vec!["cur/2:2,Sa".into(), "new/3".into()])
    );
    assert!(store.path(".Archive/cur/1:2,RS").exists());
}

/// A host that keeps what was found out.
struct Keeps(PathBuf);

impl Host for Keeps {
    fn running(&self, _: &Probe<'_>) -> Option<String> {
        None
    }

    fn cache_folder(&self) -> Option<PathBuf> {
        Some(self.0.clone())
    }
}

#[test]
fn f06_only_messages_of_which_a_file_is_missing_may_be_what_cannot_be_read() {
    let store = Store::with(&["cur/1:2,S#a", "cur/2:2,FS#b", "cur/3:2,F#c"]);
    let cache = tempfile::tempdir().unwrap();
    let read = |is_new| {
        let host = Arc::new(Keeps(cache.path().to_owned()));
        let library = Maildir.open(store.0.path(), host).unwrap();
        let mut sink = Seen { is_new, ..Seen::default() };
        let reading = library.read(&mut sink).unwrap();
        (sink.ids, reading)
    };
    let (ids, reading) = read(true);
    assert_eq!((ids.len(), reading.suspects), (3, None));
    // A broken file that nobody ever read is nobody's.
    fs::write(store.path("cur/9,S=5:2,S"), "Subject: too long for its name\n\n").unwrap();
    fs::rename(store.path("cur/1:2,S"), store.path("cur/1:2,")).unwrap();
    let (_, reading) = read(false);
    assert_eq!((reading.unseen.len(), reading.suspects), (2, Some(Vec::new())));
    // One that is not there any more may be in it, and one that is there under another name too.
    fs::remove_file(store.path("cur/3:2,F")).unwrap();
    fs::create_dir_all(store.path(".Archive/cur")).unwrap();
    fs::rename(store.path("cur/2:2,FS"), store.path(".Archive/cur/other:2,FS")).unwrap();
    let (_, reading) = read(false);
    assert_eq!(reading.suspects.map(|all| all.len()), Some(2));
    let (_, reading) = read(false);
    assert_eq!(reading.suspects.map(|all| all.len()), Some(2), "they are not forgotten");
    // Without what was found out nothing is known.
    fs::remove_dir_all(cache.path()).unwrap();
    assert_eq!(read(false).1.suspects, None);
    assert_eq!(read(false).1.suspects, None, "what came to be known since is not all");
    fs::remove_file(store.path("cur/9,S=5:2,S")).unwrap();
    assert_eq!(read(false).1.unseen, []);
    fs::write(store.path("cur/9,S=5:2,S"), "Subject: too long for its name\n\n").unwrap();
    assert_eq!(read(false).1.suspects, Some(Vec::new()));
}

#[test]
fn a_keyword_that_a_full_folder_has_no_letter_for_was_not_removed() {
    let store = Store::with(&["cur/1:2,a#a", ".Full/cur/2:2,b#b", ".Full/cur/3:2,#a"]);
    let lines: Vec<String> = (0..26).map(|number| format!("{number} k{number}\n")).collect();
    fs::write(store.path(".Full/dovecot-keywords"), lines.concat()).unwrap();
    fs::write(store.path("dovecot-keywords"), "0 mine\n").unwrap();
    let narrow = || Collector::collect(&*store.library()).unwrap().1.narrow;
    let [one] = &narrow()[..] else { panic!("{:?}", narrow()) };
    assert_eq!((one.field, one.holds.len()), (&mail::KEYWORDS, 26));
    // Of the other a copy lies where there is room: there it could be.
    fs::remove_file(store.path("cur/1:2,a")).unwrap();
    assert_eq!(narrow().len(), 2);
}

/// Which items were sent.
#[derive(Default)]
struct Seen {
    ids: Vec<NativeId>,
    is_new: bool,
}

impl Sink for Seen {
    fn is_new(&self) -> bool {
        self.is_new
    }

    fn container(&mut self, _: Container) -> Want {
        Want::Items
    }

    fn item(&mut self, item: Item) -> Result<(), Error> {
        self.ids.push(item.id);
        Ok(())
    }

    fn limit(&mut self, _: &NativeId, _: CarriedLimit) -> Result<(), Error> {
        Ok(())
    }

    fn collection(&mut self, _: Collection) -> Result<(), Error> {
        Ok(())
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_mark_and_a_delivery_in_any_folder_are_heard_and_a_reading_is_not() {
    use std::time::Duration;

    use segue_translator::Heard;

    let store = Store::with(&["cur/1:2,", ".Archive/cur/2:2,S", ".Archive/new/3"]);
    let library = store.library();
    let listen = |patience| library.listen(patience).unwrap();
    assert_eq!(listen(Duration::ZERO), Heard::Nothing);
    Collector::collect(&*library).unwrap();
    assert_eq!(listen(Duration::ZERO), Heard::Nothing);
    let rename = |from: &str, to: &str| fs::rename(store.path(from), store.path(to)).unwrap();
    for (from, to) in [
        (".Archive/cur/2:2,S", ".Archive/cur/2:2,FS"),
        ("cur/1:2,", ".Archive/cur/1:2,"),
        (".Archive/new/3", ".Archive/cur/3:2,S"),
        (".Archive/cur/1:2,", "new/4"),
    ] {
        rename(from, to);
        assert_eq!(listen(Duration::from_mins(1)), Heard::Change, "{from} {to}");
        assert_eq!(listen(Duration::ZERO), Heard::Nothing);
    }
}
