use std::path::Path;
use std::process::Command;

use segue_model::{LinkId, music::MUSIC};
use segue_store::{HomeLock, Store};

use crate::rows::{DOCUMENT, LINK, base_item, entry, heads, opened, write};

const CHILD: &str = "SEGUE_STORE_TEST_FOLDER";

/// Runs one test of this binary in a process of its own, with the folder in its environment.
fn run_child(test: &str, folder: &Path) {
    let status = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(CHILD, folder)
        .status()
        .unwrap();
    assert!(!status.success(), "the child must have been killed");
}

/// Commits one change and its base, begins a second, larger than the page cache, and is killed.
#[test]
fn child_commits_one_begins_another_and_dies() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    let _lock = Store::lock(folder.as_ref(), |_| false).unwrap();
    let mut store = Store::open(&Path::new(&folder).join("store.sqlite")).unwrap();
    write(&mut store, |tx| {
        tx.append(&entry(1, 1, None)).unwrap();
        tx.put_heads(&DOCUMENT, 1, &heads(&[1])).unwrap();
        tx.put_base_item(LINK, &base_item("a", 1)).unwrap();
    });
    let tx = store.transaction().unwrap();
    tx.append(&entry(1, 2, None)).unwrap();
    tx.put_heads(&DOCUMENT, 1, &heads(&[2])).unwrap();
    let large = vec![7; 1 << 20];
    for n in 0..40 {
        tx.put_plan(&n.to_string(), 0, &large).unwrap();
    }
    std::process::abort();
}

#[test]
fn f29_a_killed_writer_leaves_what_was_committed_and_nothing_else() {
    let opened = opened();
    let folder = opened.folder.path();
    drop(opened.store);
    run_child("durability::child_commits_one_begins_another_and_dies", folder);
    let _lock: HomeLock = Store::lock(folder, |_| false).unwrap();
    let store = Store::open(&folder.join("store.sqlite")).unwrap();
    store.check().unwrap();
    assert_eq!(store.log(&DOCUMENT, 1).unwrap(), [entry(1, 1, None)]);
    assert_eq!(store.heads(&DOCUMENT).unwrap()[&1], heads(&[1]));
    let held = store.base_item(LINK, &"a".into(), &MUSIC).unwrap();
    assert_eq!(held, Some(base_item("a", 1)));
    assert_eq!(store.plan("0").unwrap(), None);
}

#[test]
fn a_dropped_transaction_never_happened() {
    let mut opened = opened();
    let tx = opened.store.transaction().unwrap();
    tx.append(&entry(1, 1, None)).unwrap();
    assert_eq!(tx.log(&DOCUMENT, 1).unwrap().len(), 1);
    drop(tx);
    assert_eq!(opened.store.log(&DOCUMENT, 1).unwrap(), []);
    write(&mut opened.store, |tx| tx.append(&entry(1, 2, None)).unwrap());
    assert_eq!(opened.store.log(&DOCUMENT, 1).unwrap(), [entry(1, 2, None)]);
}

#[test]
fn a_failed_write_leaves_the_rest_of_the_transaction() {
    let mut opened = opened();
    write(&mut opened.store, |tx| {
        tx.append(&entry(1, 1, None)).unwrap();
        assert!(tx.put_base_item(LinkId([0; 8]), &base_item("a", 1)).is_err());
    });
    assert_eq!(opened.store.log(&DOCUMENT, 1).unwrap().len(), 1);
}

#[test]
fn a_reader_on_another_thread_sees_what_is_committed_and_keeps_its_instant() {
    let mut opened = opened();
    let reader = opened.store.reader().unwrap();
    let tx = opened.store.transaction().unwrap();
    tx.append(&entry(1, 1, None)).unwrap();
    let length = |reader: &segue_store::Reader| reader.log(&DOCUMENT, 1).unwrap().len();
    let reader = std::thread::spawn(move || {
        assert_eq!(length(&reader), 0);
        reader
    });
    let reader = reader.join().unwrap();
    tx.commit().unwrap();
    assert_eq!(length(&reader), 1);
    reader
        .at_one_instant(|reader| {
            assert_eq!(length(reader), 1);
            write(&mut opened.store, |tx| tx.append(&entry(1, 2, None)).unwrap());
            assert_eq!(length(reader), 1);
        })
        .unwrap();
    assert_eq!(length(&reader), 2);
}
