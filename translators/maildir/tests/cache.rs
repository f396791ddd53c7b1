//! What was found out about files outlives the process, and is never said of another file.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use segue_maildir::Maildir;
use segue_translator::model::Catalog;
use segue_translator::{Collector, Host, Library, Probe, Translator as _};

struct Keeps(PathBuf);

impl Host for Keeps {
    fn running(&self, _: &Probe<'_>) -> Option<String> {
        None
    }

    fn cache_folder(&self) -> Option<PathBuf> {
        Some(self.0.clone())
    }
}

/// A store with one message, and a place for what is found out.
struct Store(tempfile::TempDir);

impl Store {
    fn new() -> Self {
        let store = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(store.0.path().join("mail/cur")).unwrap();
        store.put(&message('a'), 1);
        store
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("mail/cur/1:2,S")
    }

    /// Puts a message in the one place, with a time.
    fn put(&self, text: &str, seconds: u64) {
        fs::write(self.file(), text).unwrap();
        set_time(&self.file(), seconds);
    }

    /// As a process of its own opens it.
    fn library(&self) -> Box<dyn Library> {
        let host = Keeps(self.0.path().join("cache"));
        Maildir.open(&self.0.path().join("mail"), Arc::new(host)).unwrap()
    }
}

fn message(id: char) -> String {
    format!("Message-ID: <{id}@example>\n\nHello\n")
}

fn set_time(path: &Path, seconds: u64) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

fn read(library: &dyn Library) -> Catalog {
    Collector::collect(library).unwrap().0
}

#[test]
fn a_message_is_read_once_for_all_processes() {
    let store = Store::new();
    let before = read(&*store.library());
    // No mail program does this: the same file, as long and as old as it was, with another message.
    store.put(&message('b'), 1);
    assert_eq!(read(&*store.library()).items[0].id, before.items[0].id, "nobody read it again");
    let renamed = store.0.path().join("mail/cur/1:2,FS");
    fs::rename(store.file(), renamed).unwrap();
    assert_eq!(read(&*store.library()).items[0].id, before.items[0].id, "nor for another mark");
    fs::remove_dir_all(store.0.path().join("cache")).unwrap();
    assert_ne!(read(&*store.library()).items[0].id, before.items[0].id);
}

#[test]
fn f12_another_message_under_a_name_that_one_had_before_is_another() {
    let younger = |store: &Store| store.put(&message('b'), 2);
    let longer = |store: &Store| store.put(&format!("{}x", message('a')), 1);
    let another_file = |store: &Store| {
        let beside = store.0.path().join("mail/beside");
        fs::write(&beside, message('b')).unwrap();
        set_time(&beside, 1);
        fs::rename(beside, store.file()).unwrap();
    };
    let changes: [&dyn Fn(&Store); 3] = [&younger, &longer, &another_file];
    for (number, change) in changes.into_iter().enumerate() {
        let store = Store::new();
        let open = store.library();
        let before = read(&*open);
        change(&store);
        for library in [open, store.library()] {
            assert_ne!(read(&*library).items[0].id, before.items[0].id, "{number}");
        }
    }
}
