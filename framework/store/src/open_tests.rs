use std::fs;

use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn raw(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn a_new_store_is_private_and_opens_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/home/store.sqlite");
    let mut store = Store::open(&path).unwrap();
    let tx = store.transaction().unwrap();
    tx.put_setting("a", "b").unwrap();
    tx.commit().unwrap();
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&path.with_extension("sqlite-wal")), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(mode(&folder.path().join("deep")), 0o700);
    drop(store);
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let store = Store::open(&path).unwrap();
    assert_eq!(mode(&path), 0o600);
    assert_eq!(store.setting("a").unwrap().as_deref(), Some("b"));
    store.check().unwrap();
}

#[test]
fn commits_reach_the_disk_before_they_return() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store.sqlite")).unwrap();
    let pragma = |sql| store.first(sql, (), |row| row.value(0).map(|v| format!("{v:?}"))).unwrap();
    assert_eq!(pragma("PRAGMA synchronous").unwrap(), "Integer(2)");
    assert_eq!(pragma("PRAGMA journal_mode").unwrap(), "Text([119, 97, 108])");
}

#[test]
fn f27_a_newer_format_is_refused_and_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    drop(Store::open(&path).unwrap());
    raw(&path, "PRAGMA user_version = 99");
    let before = fs::read(&path).unwrap();
    let error = Store::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 99, known: FORMAT, .. }));
    assert!(error.to_string().contains("newer Segue (format 99, this one knows"));
    assert_eq!(fs::read(&path).unwrap(), before);
}

/// A log that a crash left is not even moved into the file.
#[test]
fn a_newer_store_is_left_as_it_was_with_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    drop(Store::open(&path).unwrap());
    raw(&path, "PRAGMA user_version = 99");
    let writer = Connection::open(&path).unwrap();
    writer.execute_batch("INSERT INTO setting VALUES ('a', 'b')").unwrap();
    let crashed = folder.path().join("crashed.sqlite");
    let files = [crashed.clone(), crashed.with_extension("sqlite-wal")];
    fs::copy(&path, &files[0]).unwrap();
    fs::copy(path.with_extension("sqlite-wal"), &files[1]).unwrap();
    let before = files.each_ref().map(|file| fs::read(file).unwrap());
    assert!(before[1].len() > 32, "the log must hold something");
    assert!(matches!(Store::open(&crashed), Err(StoreError::Newer { found: 99, .. })));
    assert_eq!(files.map(|file| fs::read(file).unwrap()), before);
}

#[test]
fn a_newer_format_that_is_only_in_the_log_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    drop(Store::open(&path).unwrap());
    let writer = Connection::open(&path).unwrap();
    writer.execute_batch("PRAGMA wal_autocheckpoint = 0; PRAGMA user_version = 99").unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::Newer { found: 99, .. })));
}

#[test]
fn foreign_files_are_refused_and_left_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let refused = || {
        let before = fs::read(&path).unwrap();
        assert!(matches!(Store::open(&path), Err(StoreError::NotAStore { .. })));
        assert_eq!(fs::read(&path).unwrap(), before);
        fs::remove_file(&path).unwrap();
    };
    fs::write(&path, b"a short text").unwrap();
    refused();
    fs::write(&path, [b'x'; 5000]).unwrap();
    refused();
    raw(&path, "CREATE TABLE songs (title TEXT)");
    refused();
    raw(&path, "CREATE TABLE songs (title TEXT); PRAGMA application_id = 7");
    refused();
}

#[test]
fn a_crash_while_the_store_is_made_leaves_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    fs::write(&path, b"").unwrap();
    Store::open(&path).unwrap().check().unwrap();
    fs::remove_file(&path).unwrap();
    raw(&path, "PRAGMA journal_mode = WAL; BEGIN; CREATE TABLE document (no); ROLLBACK");
    Store::open(&path).unwrap().check().unwrap();
}

#[test]
fn damage_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let mut store = Store::open(&path).unwrap();
    let tx = store.transaction().unwrap();
    for n in 0..2000 {
        tx.put_setting(&format!("key {n}"), &"v".repeat(100)).unwrap();
    }
    tx.commit().unwrap();
    drop(store);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() - bytes.len() / 4;
    bytes[middle..middle + 4096].fill(0x55);
    fs::write(&path, bytes).unwrap();
    let error = Store::open(&path).and_then(|store| store.check()).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
}

#[test]
fn a_row_without_its_parent_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let store = Store::open(&path).unwrap();
    raw(&path, "PRAGMA foreign_keys = OFF; INSERT INTO shard_heads VALUES (7, 0, x'')");
    let error = store.check().unwrap_err();
    assert!(error.to_string().contains("a row of `shard_heads` without its `document`"), "{error}");
}

#[test]
fn a_store_that_may_not_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    drop(Store::open(&path).unwrap());
    // What permissions and read-only disks lead to, also for root.
    let connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let error = connection.execute_batch("CREATE TABLE a (b)").map_err(StoreError::sql);
    let error = error.unwrap_err().named(&path).to_string();
    assert!(error.starts_with(&format!("cannot write {}; check", path.display())), "{error}");
}
