//! Every law, on a library that Strawberry made; what the app would accept is asked of SQLite.
//!
//! Each question is asked of a private copy, journal included, so that asking changes nothing.

use std::fmt::Write as _;
use std::path::Path;

use rusqlite::Connection;
use segue_strawberry::Strawberry;
use tempfile::TempDir;

segue_conformance::suite! {
    translator: Strawberry,
    fixtures: "fixtures",
    home: ".local/share/strawberry/strawberry",
    sound: sound,
    unmodelled: unmodelled,
    spoil: |path| run(path, "UPDATE songs SET filesize = filesize + 1 WHERE rowid = 1"),
    // One below those that are known, so that it has every column that is read.
    unknown_version: |path| run(path, "UPDATE schema_version SET version = 14"),
    large: |path, count| large(path, count).map_err(|error| error.to_string()),
}

const NAME: &str = "strawberry.db";

fn run(path: &Path, sql: &str) -> Result<(), String> {
    let connection = Connection::open(path.join(NAME)).map_err(|error| error.to_string())?;
    connection.execute_batch(sql).map_err(|error| error.to_string())
}

/// Repeats the first song, each at a place of its own, and lets the search find them.
fn large(path: &Path, count: usize) -> Result<(), Box<dyn std::error::Error>> {
    let connection = Connection::open(path.join(NAME))?;
    let names = columns(&connection, "songs")?;
    let place = |name: &String| match name.as_str() {
        "url" => "'file:///music/' || number || '.mp3'".to_owned(),
        name => name.to_owned(),
    };
    let values: Vec<_> = names.iter().map(place).collect();
    let searched = columns(&connection, "songs_fts")?;
    let found: Vec<_> = searched.iter().map(|name| name.trim_start_matches("fts")).collect();
    connection.execute_batch(&format!(
        "BEGIN;
        WITH RECURSIVE numbers (number) AS
            (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < {count})
        INSERT INTO songs ({}) SELECT {} FROM songs, numbers
            WHERE songs.rowid = (SELECT min(rowid) FROM songs WHERE source = 2);
        INSERT INTO songs_fts (rowid, {}) SELECT rowid, {} FROM songs
            WHERE rowid NOT IN (SELECT rowid FROM songs_fts);
        COMMIT",
        names.join(", "),
        values.join(", "),
        searched.join(", "),
        found.join(", "),
    ))?;
    Ok(())
}

/// Columns of `songs` that Segue writes, or that follow from these.
const MODELLED: &[&str] = &[
    "album",
    "albumartist",
    "artist",
    "bpm",
    "comment",
    "compilation_effective",
    "compilation_off",
    "compilation_on",
    "composer",
    "disc",
    "effective_albumartist",
    "effective_originalyear",
    "genre",
    "grouping",
    "lastplayed",
    "musicbrainz_album_artist_id",
    "musicbrainz_album_id",
    "musicbrainz_artist_id",
    "musicbrainz_recording_id",
    "playcount",
    "rating",
    "skipcount",
    "title",
    "track",
    "year",
];

/// What the app finds wrong: each answer must be empty.
const COMPLAINTS: &[&str] = &[
    "SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
    "SELECT 'version ' || version FROM schema_version WHERE version <> 15",
    "SELECT 'no version' WHERE (SELECT count(*) FROM schema_version) <> 1",
    "SELECT 'entry ' || rowid || ' of no playlist' FROM playlist_items \
     WHERE playlist NOT IN (SELECT rowid FROM playlists)",
    "SELECT 'entry ' || rowid || ' of no song' FROM playlist_items \
     WHERE type = 2 AND collection_id NOT IN (SELECT rowid FROM songs WHERE source = 2)",
    "SELECT 'two songs of ' || url FROM songs GROUP BY url, beginning HAVING count(*) > 1",
    "SELECT 'song ' || rowid || ' is not found' FROM songs \
     WHERE rowid NOT IN (SELECT rowid FROM songs_fts)",
    "SELECT 'search finds another title of ' || songs.rowid FROM songs \
     JOIN songs_fts ON songs_fts.rowid = songs.rowid \
     WHERE ftstitle IS NOT title OR ftsartist IS NOT artist OR ftsalbum IS NOT album",
    "SELECT 'no artist to sort ' || rowid || ' by' FROM songs WHERE effective_albumartist IS NOT \
     CASE WHEN coalesce(albumartist, '') = '' THEN artist ELSE albumartist END",
];

/// A private copy as the app would open it: SQLite rolls an unfinished journal back.
fn opened(path: &Path) -> Result<(Connection, TempDir), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    for file in std::fs::read_dir(path)? {
        let file = file?;
        std::fs::copy(file.path(), folder.path().join(file.file_name()))?;
    }
    Ok((Connection::open(folder.path().join(NAME))?, folder))
}

fn sound(path: &Path) -> Result<(), String> {
    match complaint(path) {
        Ok(None) => Ok(()),
        Ok(Some(complaint)) => Err(complaint),
        Err(error) => Err(error.to_string()),
    }
}

fn complaint(path: &Path) -> Result<Option<String>, Box<dyn std::error::Error>> {
    let (connection, _folder) = opened(path)?;
    for question in COMPLAINTS {
        let mut statement = connection.prepare(question)?;
        if let Some(row) = statement.query([])?.next()? {
            return Ok(Some(row.get(0)?));
        }
    }
    connection
        .execute("INSERT INTO songs_fts (songs_fts, rank) VALUES ('integrity-check', 1)", [])?;
    Ok(None)
}

/// Every table with the cells that Segue does not model, sorted, and the schema itself.
fn unmodelled(path: &Path) -> Result<String, String> {
    digest(path).map_err(|error| error.to_string())
}

fn digest(path: &Path) -> Result<String, Box<dyn std::error::Error>> {
    let (connection, _folder) = opened(path)?;
    let tables = "SELECT name, type, sql FROM sqlite_schema ORDER BY name";
    let tables: Vec<(String, String, Option<String>)> = connection
        .prepare(tables)?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    let mut digest = String::new();
    for (name, kind, sql) in tables {
        writeln!(digest, "{kind} {name} {sql:?}")?;
        // How the search lies on the disk is its own business.
        if kind == "table" && !name.starts_with("songs_fts_") {
            for row in rows(&connection, &name)? {
                writeln!(digest, "{name} {row}")?;
            }
        }
    }
    Ok(digest)
}

fn columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
    statement.query_map([table], |row| row.get(0))?.collect()
}

fn rows(connection: &Connection, table: &str) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let names = columns(connection, table)?;
    let columns: Vec<_> = names.iter().filter(|name| !is_modelled(table, name)).collect();
    let quoted: Vec<_> = columns.iter().map(|name| format!("quote({name})")).collect();
    let number = if ["songs", "songs_fts", "playlists"].contains(&table) { "rowid" } else { "''" };
    // Entries are written anew when a playlist is edited; each is then made like any other.
    let distinct = if table == "playlist_items" { "DISTINCT" } else { "" };
    let all =
        format!("SELECT {distinct} {number} || ' ' || {} FROM {table}", quoted.join(" || ' ' || "));
    let mut rows: Vec<String> =
        connection.prepare(&all)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    rows.sort();
    Ok(rows)
}

fn is_modelled(table: &str, column: &str) -> bool {
    match table {
        "songs" => MODELLED.contains(&column),
        "songs_fts" => column != "ftsperformer",
        // Which entry was played last is a position, and follows the order.
        "playlists" => ["name", "last_played"].contains(&column),
        "playlist_items" => ["playlist", "collection_id"].contains(&column),
        _ => false,
    }
}
