//! Saves a library as Strawberry does: rows of songs that it keeps, playlists written anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rusqlite::{Connection, Transaction, params};
use segue_translator::model::{Catalog, Field, Item, NativeId, Value, music};

use crate::uri::uri;

/// A database that Strawberry 1.0.14 made, with songs that are not of these histories.
const FIXTURE: &[u8] =
    include_bytes!("../../../../examples/two-players/fixtures/strawberry/strawberry.db");

/// A database without songs.
pub(crate) fn create(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("strawberry.db"), FIXTURE).unwrap();
    let connection = open(folder);
    for table in ["songs", "playlists", "playlist_items", "directories", "subdirectories"] {
        connection.execute(&format!("DELETE FROM {table}"), []).unwrap();
    }
}

fn open(folder: &Path) -> Connection {
    let connection = Connection::open(folder.join("strawberry.db")).unwrap();
    // Nothing is cut off here.
    connection.execute_batch("PRAGMA synchronous = OFF").unwrap();
    connection
}

/// Writes what changed.
pub(crate) fn save(folder: &Path, catalog: &Catalog) {
    let mut connection = open(folder);
    let transaction = connection.transaction().unwrap();
    let rows = songs(&transaction, catalog);
    lists(&transaction, catalog, &rows);
    transaction.commit().unwrap();
}

/// The row of each song; one whose file moved gets a new one.
fn songs<'a>(transaction: &Transaction<'_>, catalog: &'a Catalog) -> BTreeMap<&'a NativeId, i64> {
    let mut old = BTreeMap::new();
    let mut statement = transaction.prepare("SELECT url, rowid FROM songs").unwrap();
    let mut found = statement.query([]).unwrap();
    while let Some(row) = found.next().unwrap() {
        old.insert(row.get::<_, String>(0).unwrap(), row.get::<_, i64>(1).unwrap());
    }
    let mut rows = BTreeMap::new();
    let mut next = old.values().max().copied().unwrap_or(0);
    for item in &catalog.items {
        let url = uri(item.location.as_ref().unwrap());
        let row = old.remove(&url).unwrap_or_else(|| {
            next += 1;
            next
        });
        put(transaction, item, row, &url);
        rows.insert(&item.id, row);
    }
    for row in old.values() {
        transaction.execute("DELETE FROM songs WHERE rowid = ?1", [row]).unwrap();
    }
    rows
}

fn put(transaction: &Transaction<'_>, item: &Item, row: i64, url: &str) {
    let new =
        "INSERT OR IGNORE INTO songs (rowid, url, source, directory_id) VALUES (?1, ?2, 2, 1)";
    transaction.execute(new, params![row, url]).unwrap();
    let int = |field: &Field| item.fields.value(field).and_then(Value::as_int);
    let text = |field: &Field| item.fields.value(field).and_then(Value::as_text).unwrap_or("");
    let joined = |field: &Field| {
        item.fields.value(field).and_then(Value::as_list).map(|texts| texts.join(" "))
    };
    transaction
        .execute(
            "UPDATE songs SET title = ?2, album = ?3, artist = ?4, track = ?5, length = ?6,
             rating = ?7, playcount = ?8, lastplayed = ?9 WHERE rowid = ?1",
            params![
                row,
                text(&music::TITLE),
                text(&music::ALBUM),
                joined(&music::ARTIST).unwrap_or_default(),
                int(&music::TRACK).unwrap_or(-1),
                int(&music::DURATION).unwrap_or(-1) * 1_000_000,
                int(&music::RATING).filter(|rating| *rating > 0).map_or(-1.0, |r| r as f64 / 100.0),
                int(&music::PLAY_COUNT).unwrap_or(0),
                int(&music::LAST_PLAYED).unwrap_or(-1),
            ],
        )
        .unwrap();
}

fn lists(transaction: &Transaction<'_>, catalog: &Catalog, rows: &BTreeMap<&NativeId, i64>) {
    let last = "SELECT coalesce(max(rowid), 0) FROM playlists";
    let mut next: i64 = transaction.query_row(last, [], |row| row.get(0)).unwrap();
    transaction.execute("DELETE FROM playlist_items", []).unwrap();
    transaction.execute("DELETE FROM playlists", []).unwrap();
    for list in &catalog.collections {
        let known = String::from_utf8_lossy(list.id.as_bytes()).parse().ok();
        let id = known.unwrap_or_else(|| {
            next += 1;
            next
        });
        let new = "INSERT INTO playlists (rowid, name, ui_order) VALUES (?1, ?2, ?1)";
        transaction.execute(new, params![id, &*list.name]).unwrap();
        let entry = "INSERT INTO playlist_items (playlist, type, collection_id, source, url)
            VALUES (?1, 2, ?2, 2, '')";
        for row in list.entries.iter().filter_map(|entry| rows.get(entry)) {
            transaction.execute(entry, params![id, row]).unwrap();
        }
    }
}
