//! A store of every released format is kept, and this version must open it.
//!
//! `fixtures/format-N/store.sqlite` was written by the first Segue with that format. To add one,
//! raise the format, then run this test once with `SEGUE_WRITE_FIXTURES=1`.

use std::fs;
use std::path::{Path, PathBuf};

use segue_model::{ChangeSet, music::MUSIC};
use segue_store::{FORMAT, Store};

use crate::rows::{
    DOCUMENT, LINK, OPERATION, base_collection, base_item, conflict, document, entry, heads, link,
    operation, operation_link, statement, view, write,
};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

fn fill(store: &mut Store) {
    write(store, |tx| {
        tx.put_document(&document()).unwrap();
        tx.put_link(&link(LINK)).unwrap();
        tx.add_statement(&DOCUMENT, &statement(1)).unwrap();
        tx.append(&entry(1, 1, Some(OPERATION))).unwrap();
        tx.put_shard(&DOCUMENT, 1, &heads(&[1]), b"saved", 1).unwrap();
        tx.put_heads(&DOCUMENT, 1, &heads(&[1])).unwrap();
        tx.put_base_item(LINK, &base_item("a", 1)).unwrap();
        tx.put_base_collection(LINK, &base_collection("1", &["a", "a"])).unwrap();
        tx.put_link_heads(LINK, 1, &heads(&[1])).unwrap();
        tx.add_budget(LINK, "removals", 5).unwrap();
        tx.note_write(LINK, &"a".into(), "rating", 7).unwrap();
        tx.put_operation(&operation(1)).unwrap();
        tx.put_operation_link(&operation_link(1)).unwrap();
        tx.put_intent(1, LINK, &ChangeSet::default(), b"extra").unwrap();
        tx.put_plan("k7q", 5, b"plan").unwrap();
        tx.put_setting("key", "value").unwrap();
        let rows = [view(1, "Jóga", "Björk")];
        tx.put_view(&DOCUMENT, 1, &heads(&[1]), &rows, &[conflict(1, "rating")]).unwrap();
    });
}

fn check_filled(store: &mut Store) {
    assert_eq!(store.documents().unwrap(), [document()]);
    assert_eq!(store.links().unwrap(), [link(LINK)]);
    assert_eq!(store.statements(&DOCUMENT).unwrap(), [statement(1)]);
    assert_eq!(store.log(&DOCUMENT, 1).unwrap(), [entry(1, 1, Some(OPERATION))]);
    assert_eq!(store.shard(&DOCUMENT, 1).unwrap().unwrap().saved, b"saved");
    assert_eq!(store.heads(&DOCUMENT).unwrap()[&1], heads(&[1]));
    assert_eq!(store.base_of_shard(LINK, 1, &MUSIC).unwrap(), [base_item("a", 1)]);
    let collections = store.base_collections(LINK, &MUSIC).unwrap();
    assert_eq!(collections, [base_collection("1", &["a", "a"])]);
    assert_eq!(store.link_heads(LINK).unwrap()[&1], heads(&[1]));
    assert_eq!(store.budget(LINK, "removals").unwrap(), 5);
    assert_eq!(store.operations().unwrap(), [operation(1)]);
    assert_eq!(store.operation_links(1).unwrap(), [operation_link(1)]);
    assert_eq!(store.intents().unwrap()[0].changes(&MUSIC).unwrap(), ChangeSet::default());
    assert_eq!(store.plan("k7q").unwrap().as_deref(), Some(&b"plan"[..]));
    assert_eq!(store.setting("key").unwrap().as_deref(), Some("value"));
    assert_eq!(store.search(&DOCUMENT, "bjork").unwrap(), [view(1, "Jóga", "Björk")]);
    assert_eq!(store.conflicts(&DOCUMENT).unwrap(), [conflict(1, "rating")]);
    write(store, |tx| {
        assert_eq!(tx.note_write(LINK, &"a".into(), "rating", 7).unwrap(), 2);
    });
    store.check().unwrap();
}

/// The tables and indexes of a file, as they were declared.
fn declarations(path: &Path) -> Vec<String> {
    let connection = rusqlite::Connection::open(path).unwrap();
    let sql = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name";
    let mut statement = connection.prepare(sql).unwrap();
    statement.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn every_format_has_a_fixture_and_opens() {
    let folder = tempfile::tempdir().unwrap();
    let fresh = folder.path().join("fresh.sqlite");
    fill(&mut Store::open(&fresh).unwrap());
    let newest = fixtures().join(format!("format-{FORMAT}/store.sqlite"));
    if std::env::var_os("SEGUE_WRITE_FIXTURES").is_some() && !newest.exists() {
        fs::create_dir_all(newest.parent().unwrap()).unwrap();
        fs::copy(&fresh, &newest).unwrap();
    }
    let mut found: Vec<String> = fs::read_dir(fixtures())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    let mut expected: Vec<String> = (1..=FORMAT).map(|n| format!("format-{n}")).collect();
    expected.sort();
    assert_eq!(found, expected);
    for format in found {
        let copy = folder.path().join(format!("{format}.sqlite"));
        fs::copy(fixtures().join(&format).join("store.sqlite"), &copy).unwrap();
        let mut store = Store::open(&copy).unwrap();
        check_filled(&mut store);
        drop(store);
        assert_eq!(declarations(&copy), declarations(&fresh), "{format} migrates to other tables");
    }
}
