//! The same mail, as a Maildir and as mailboxes of each kind, is the same messages.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use segue_mail::message;
use segue_mbox::Mbox;
use segue_translator::{Collector, Idle, Translator as _};

/// The keys of all messages below a folder of files.
fn in_files(folder: &Path, keys: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            in_files(&path, keys);
        } else if path.file_name().unwrap().to_string_lossy().starts_with('.') {
            // No message.
        } else if ["cur", "new"].iter().any(|part| folder.ends_with(part)) {
            let key = message::key(&mut BufReader::new(File::open(&path).unwrap())).unwrap();
            keys.insert(key.id(), path.display().to_string());
        }
    }
}

fn in_mailboxes(fixture: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(fixture);
    let library = Mbox.open(&path, Arc::new(Idle)).unwrap();
    let (catalog, reading) = Collector::collect(&*library).unwrap();
    assert!(reading.losses.is_empty(), "{:?}", reading.losses);
    catalog.items.iter().map(|item| item.id.to_string()).collect()
}

#[test]
fn keys_are_those_of_the_same_mail_in_a_maildir() {
    let maildir =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../maildir/fixtures/dovecot-2.3.19-maildirpp");
    let mut expected = BTreeMap::new();
    in_files(&maildir, &mut expected);
    assert_eq!(expected.len(), 47);
    for (fixture, lacks, count) in [
        // Where a mailbox is a file it can have no folder below.
        ("dovecot-2.3.19", Some("/.Archive.2024"), 10),
        // What was quoted by no rule cannot be told: `>From ` stands for itself and for `From `.
        ("mboxo-1", Some("/.AC&IhU-DC tickets/"), 1),
        ("mboxrd-1", None, 0),
    ] {
        let found = in_mailboxes(fixture);
        let missing = expected.iter().filter(|(key, _)| !found.contains(*key));
        let missing: Vec<&String> = missing.map(|(_, path)| path).collect();
        assert!(missing.iter().all(|path| path.contains(lacks.unwrap())), "{missing:#?}");
        assert_eq!(missing.len(), count, "{fixture}: {missing:#?}");
    }
}
