//! Strawberry's own database, read and changed as Strawberry itself would: by SQL while it is closed.

use std::fmt::Write;
use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Result, params};

/// What Strawberry knows of a song.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Song {
    /// From 0 to 1; -1 is none.
    pub(crate) rating: f64,
    pub(crate) plays: i64,
}

fn open(path: &Path) -> Result<Connection> {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
}

/// The song whose address ends so.
pub(crate) fn song(path: &Path, end: &str) -> Result<Song> {
    open(path)?.query_row(
        "SELECT rating, playcount FROM songs WHERE substr(url, -length(?1)) = ?1",
        params![end],
        |row| Ok(Song { rating: row.get(0)?, plays: row.get(1)? }),
    )
}

/// Rates a song.
pub(crate) fn rate(path: &Path, end: &str, rating: f64) -> Result<usize> {
    let sql = "UPDATE songs SET rating = ?2 WHERE substr(url, -length(?1)) = ?1";
    open(path)?.execute(sql, params![end, rating])
}

/// Puts a song at the end of a playlist: a row like its last one, that names another song.
pub(crate) fn append(path: &Path, playlist: &str, end: &str) -> Result<usize> {
    let db = open(path)?;
    let all: Vec<String> = db
        .prepare("SELECT name FROM pragma_table_info('playlist_items')")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_>>()?;
    let new = "(SELECT rowid FROM songs WHERE substr(url, -length(?2)) = ?2)";
    let values: Vec<&str> =
        all.iter().map(|name| if name == "collection_id" { new } else { name }).collect();
    let sql = format!(
        "INSERT INTO playlist_items ({}) SELECT {} FROM playlist_items WHERE playlist = \
         (SELECT rowid FROM playlists WHERE name = ?1) ORDER BY rowid DESC LIMIT 1",
        all.join(", "),
        values.join(", ")
    );
    db.execute(&sql, params![playlist, end])
}

/// Everything in the database, as text: two databases with equal content print the same.
pub(crate) fn content(path: &Path) -> Result<String> {
    let db = open(path)?;
    let mut tables = db.prepare(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' \
         AND name NOT LIKE '%_fts%' ORDER BY name",
    )?;
    let tables: Vec<(String, String)> =
        tables.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_>>()?;
    let mut text = String::new();
    for (name, sql) in tables {
        text.push_str(&sql);
        let mut rows = db.prepare(&format!("SELECT rowid, * FROM \"{name}\" ORDER BY rowid"))?;
        let columns = rows.column_count();
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            text.push('\n');
            for column in 0..columns {
                let value: ValueRef<'_> = row.get_ref(column)?;
                // Writing to a string cannot fail.
                let _ = write!(text, "{value:?}|");
            }
        }
        text.push('\n');
    }
    Ok(text)
}
