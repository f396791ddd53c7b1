//! Which database this is: every released schema is listed, anything else is not written.
//!
//! A database that was upgraded has the same columns as a fresh one of its version, in another
//! order, so that columns are compared as sets of name and declared type. It reads no row of the
//! person's.
//!
//! Invariant: a column that says a field and is not there makes the read fail; it would otherwise
//! look as if the person had cleared the field everywhere.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::Connection;
use segue_translator::{Error, ErrorKind};

use crate::column::{COLUMNS, Column};
use crate::connection::sqlite;

/// Schema versions of Strawberry 1.0.0 to 1.2.26.
const KNOWN: std::ops::RangeInclusive<i64> = 15..=23;

/// Columns of songs, in `songs` and again in `playlist_items`, by the version that brought them.
const SONG: &[(i64, &str, &[&str])] = &[
    (
        15,
        "TEXT",
        &[
            "title",
            "album",
            "artist",
            "albumartist",
            "genre",
            "composer",
            "performer",
            "grouping",
            "comment",
            "lyrics",
            "artist_id",
            "album_id",
            "song_id",
            "url",
            "fingerprint",
            "art_automatic",
            "art_manual",
            "effective_albumartist",
            "cue_path",
        ],
    ),
    (
        15,
        "INTEGER",
        &[
            "track",
            "disc",
            "year",
            "originalyear",
            "compilation",
            "beginning",
            "length",
            "bitrate",
            "samplerate",
            "bitdepth",
            "source",
            "directory_id",
            "filetype",
            "filesize",
            "mtime",
            "ctime",
            "unavailable",
            "playcount",
            "skipcount",
            "lastplayed",
            "lastseen",
            "compilation_detected",
            "compilation_on",
            "compilation_off",
            "compilation_effective",
            "effective_originalyear",
            "rating",
        ],
    ),
    (
        16,
        "TEXT",
        &[
            "acoustid_id",
            "acoustid_fingerprint",
            "musicbrainz_album_artist_id",
            "musicbrainz_artist_id",
            "musicbrainz_original_artist_id",
            "musicbrainz_album_id",
            "musicbrainz_original_album_id",
            "musicbrainz_recording_id",
            "musicbrainz_track_id",
            "musicbrainz_disc_id",
            "musicbrainz_release_group_id",
            "musicbrainz_work_id",
        ],
    ),
    (17, "INTEGER", &["art_embedded", "art_unset"]),
    (18, "REAL", &["ebur128_integrated_loudness_lufs", "ebur128_loudness_range_lu"]),
    (
        21,
        "TEXT",
        &[
            "albumartistsort",
            "albumsort",
            "artistsort",
            "composersort",
            "performersort",
            "titlesort",
            "mood",
            "initial_key",
        ],
    ),
    (21, "REAL", &["bpm"]),
];

const ITEM: &[(i64, &str, &[&str])] = &[
    (15, "INTEGER", &["playlist", "type", "collection_id"]),
    (15, "TEXT", &["playlist_url"]),
    (22, "TEXT", &["uuid"]),
];

const PLAYLIST: &[(i64, &str, &[&str])] = &[
    (15, "TEXT", &["name", "special_type", "ui_path", "dynamic_playlist_backend"]),
    (15, "INTEGER", &["last_played", "ui_order", "is_favorite", "dynamic_playlist_type"]),
    (15, "BLOB", &["dynamic_playlist_data"]),
];

/// The app's search table, which it dropped in version 19.
const SEARCH: &[(i64, &str, &[&str])] = &[(
    15,
    "",
    &[
        "ftstitle",
        "ftsalbum",
        "ftsartist",
        "ftsalbumartist",
        "ftscomposer",
        "ftsperformer",
        "ftsgrouping",
        "ftsgenre",
        "ftscomment",
    ],
)];
const SEARCH_ENDS: i64 = 19;

/// What is read besides the columns of fields; without these nothing is read at all.
const NEEDED_SONG: &[&str] = &[
    "url",
    "source",
    "beginning",
    "cue_path",
    "unavailable",
    "performer",
    "lyrics",
    "originalyear",
    "compilation_on",
    "compilation_off",
];
const NEEDED_ITEM: &[&str] = &["playlist", "type", "collection_id", "url", "beginning", "cue_path"];

/// A database that can be read.
#[derive(Debug)]
pub(crate) struct Schema {
    /// Its version, as it says itself.
    pub(crate) version: i64,
    /// Why it must not be written.
    pub(crate) read_only: Option<String>,
    /// Whether the app keeps a search table in step.
    pub(crate) search: bool,
    /// The columns of `playlist_items`, by name.
    pub(crate) item_columns: Vec<String>,
}

impl Schema {
    /// Looks at the database's schema.
    ///
    /// # Errors
    /// `Unsupported` if something that is read is not there; `Corrupt` if this is no database of
    /// the app.
    pub(crate) fn inspect(
        connection: &Connection,
        operation: &'static str,
        path: &Path,
    ) -> Result<Self, Error> {
        let fail = |error| sqlite(operation, path, &error);
        let songs = real_columns(connection, "songs", operation, path)?;
        let items = real_columns(connection, "playlist_items", operation, path)?;
        let playlists = real_columns(connection, "playlists", operation, path)?;
        real_columns(connection, "schema_version", operation, path)?;
        let version = version(connection).map_err(fail)?.ok_or_else(|| {
            unsupported(operation, path, "the database does not say its schema version".into())
        })?;
        let fields = columns_of(version).map(|column| column.name);
        require("songs", &songs, fields.chain(NEEDED_SONG.iter().copied()), operation, path)?;
        require("playlist_items", &items, NEEDED_ITEM.iter().copied(), operation, path)?;
        require("playlists", &playlists, names(PLAYLIST), operation, path)?;
        let search = search_columns(connection).map_err(fail)?;
        let found = Found { songs: &songs, items: &items, playlists: &playlists, search: &search };
        let read_only = match triggers(connection).map_err(fail)? {
            0 => found.difference(version),
            _ => Some("the database has triggers, which Strawberry has not".into()),
        };
        let item_columns = items.into_iter().map(|(name, _)| name).collect();
        Ok(Self { version, read_only, search: version < SEARCH_ENDS, item_columns })
    }
}

/// The columns of fields that a database of this version has.
pub(crate) fn columns_of(version: i64) -> impl Iterator<Item = &'static Column> {
    COLUMNS.iter().filter(move |column| column.since <= version.max(*KNOWN.start()))
}

/// Names and declared types.
type Columns = BTreeSet<(String, String)>;

struct Found<'a> {
    songs: &'a Columns,
    items: &'a Columns,
    playlists: &'a Columns,
    search: &'a Columns,
}

impl Found<'_> {
    /// What is not as every release with this version has it.
    fn difference(&self, version: i64) -> Option<String> {
        if !KNOWN.contains(&version) {
            return Some(format!(
                "schema version {version} is not known; {} to {} are",
                KNOWN.start(),
                KNOWN.end()
            ));
        }
        let search =
            if version < SEARCH_ENDS { expected(&[SEARCH], version) } else { Columns::new() };
        [
            ("songs", self.songs, expected(&[SONG], version)),
            ("playlist_items", self.items, expected(&[SONG, ITEM], version)),
            ("playlists", self.playlists, expected(&[PLAYLIST], version)),
            ("songs_fts", self.search, search),
        ]
        .into_iter()
        .find_map(|(table, found, expected)| {
            let (name, _) = found.symmetric_difference(&expected).next()?;
            Some(format!(
                "column `{name}` of table `{table}` is not as schema version {version} has it"
            ))
        })
    }
}

fn expected(lists: &[&[(i64, &str, &[&str])]], version: i64) -> Columns {
    let lines = lists.iter().copied().flatten().filter(|(since, ..)| *since <= version);
    lines
        .flat_map(|(_, kind, names)| {
            names.iter().map(|name| ((*name).to_owned(), (*kind).to_owned()))
        })
        .collect()
}

fn names(list: &'static [(i64, &str, &[&str])]) -> impl Iterator<Item = &'static str> {
    list.iter().flat_map(|(_, _, names)| names.iter().copied())
}

/// The columns of a table that is a plain one: no view, no module, nothing computed.
fn real_columns(
    connection: &Connection,
    table: &'static str,
    operation: &'static str,
    path: &Path,
) -> Result<Columns, Error> {
    let fail = |error| sqlite(operation, path, &error);
    let plain = "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND name = ?1 \
                 AND type = 'table' AND wr = 0";
    let count: i64 = connection.query_row(plain, [table], |row| row.get(0)).map_err(fail)?;
    if count != 1 {
        let detail = format!("there is no table `{table}`");
        return Err(Error::new(ErrorKind::Corrupt, operation, path, detail));
    }
    let columns = columns(connection, table).map_err(fail)?;
    if columns.iter().any(|(_, _, hidden)| *hidden != 0) {
        let detail = format!("table `{table}` has computed columns");
        return Err(Error::new(ErrorKind::Corrupt, operation, path, detail));
    }
    Ok(columns.into_iter().map(|(name, kind, _)| (name, kind)).collect())
}

fn columns(
    connection: &Connection,
    table: &str,
) -> Result<Vec<(String, String, i64)>, rusqlite::Error> {
    let mut statement =
        connection.prepare("SELECT name, type, hidden FROM pragma_table_xinfo(?1)")?;
    let rows = statement.query_map([table], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    rows.collect()
}

/// The columns of the app's search table; none if it is not one.
fn search_columns(connection: &Connection) -> Result<Columns, rusqlite::Error> {
    let module = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'songs_fts' \
                  AND sql LIKE 'CREATE VIRTUAL TABLE%USING fts5(%'";
    if connection.query_row(module, [], |row| row.get::<_, i64>(0))? != 1 {
        return Ok(Columns::new());
    }
    let columns = columns(connection, "songs_fts")?;
    let visible = columns.into_iter().filter(|(_, _, hidden)| *hidden == 0);
    Ok(visible.map(|(name, kind, _)| (name, kind)).collect())
}

fn triggers(connection: &Connection) -> Result<i64, rusqlite::Error> {
    let count = "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'";
    connection.query_row(count, [], |row| row.get(0))
}

fn version(connection: &Connection) -> Result<Option<i64>, rusqlite::Error> {
    let one = "SELECT CASE WHEN count(*) = 1 AND typeof(min(version)) = 'integer' \
               THEN min(version) END FROM schema_version";
    connection.query_row(one, [], |row| row.get(0))
}

fn require<'a>(
    table: &str,
    found: &Columns,
    needed: impl Iterator<Item = &'a str>,
    operation: &'static str,
    path: &Path,
) -> Result<(), Error> {
    let names: BTreeSet<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    let missing: Vec<&str> = needed.filter(|name| !names.contains(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let detail = format!("table `{table}` has no column `{}`", missing.join("`, `"));
    Err(unsupported(operation, path, detail))
}

fn unsupported(operation: &'static str, path: &Path, detail: String) -> Error {
    Error::new(ErrorKind::Unsupported, operation, path, detail)
}
