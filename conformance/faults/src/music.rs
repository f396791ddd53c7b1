//! Rhythmbox and Strawberry: small libraries that the real apps made.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, types::ValueRef};

use crate::Failed;
use crate::desk::{Desk, put};
use crate::scene::{Scene, Step};
use crate::state::Parts;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/two-players/fixtures");
const RHYTHMDB: &str = ".local/share/rhythmbox/rhythmdb.xml";
const PLAYLISTS: &str = ".local/share/rhythmbox/playlists.xml";
const STRAWBERRY: &str = ".local/share/strawberry/strawberry/strawberry.db";

/// Ends of the addresses of the songs that are kept; more would only make every run longer.
const SONGS: &[&str] = &[
    "04%20Lantern%20Row.flac",
    "01%20Ferry%20Bell.flac",
    "2-01%20Overture.ogg",
    "02%20%C3%96gonblick.mp3",
];

/// What is written when two players are linked, synced, and taken back.
pub(crate) const SCENES: &[Scene] = &[
    Scene {
        name: "first plan",
        prepare: |desk| {
            lay(desk)?;
            Ok(words(&["plan", "rhythmbox", "strawberry"]))
        },
        go_on: [&[Step::Link, Step::Sync], &[Step::Again, Step::Link, Step::Sync]],
        ..PLAYERS
    },
    Scene {
        name: "apply",
        prepare: |desk| {
            lay(desk)?;
            Ok(words(&["apply", &plan(desk)?]))
        },
        go_on: [&[Step::Again, Step::Sync], &[Step::Sync, Step::Again, Step::Sync]],
        ..PLAYERS
    },
    Scene {
        name: "sync",
        prepare: |desk| {
            link(desk)?;
            use_both_apps(desk)?;
            Ok(words(&["sync"]))
        },
        go_on: [&[Step::Sync], &[Step::Sync]],
        ..PLAYERS
    },
    Scene {
        name: "undo of a sync",
        prepare: |desk| {
            link(desk)?;
            use_both_apps(desk)?;
            Ok(words(&["undo", "2"]))
        },
        lead: |desk| desk.done(&["sync"]).map(drop),
        go_on: [&[Step::Again, Step::Sync], &[Step::Sync, Step::Again, Step::Sync]],
        ..PLAYERS
    },
    Scene {
        name: "undo of a first contact",
        prepare: |desk| {
            lay(desk)?;
            Ok(words(&["undo", "1"]))
        },
        lead: |desk| desk.done(&["apply", &plan(desk)?]).map(drop),
        go_on: [&[Step::Again, Step::Sync], &[Step::Sync, Step::Again, Step::Sync]],
        ..PLAYERS
    },
];

const PLAYERS: Scene = Scene {
    name: "",
    missing: || None,
    prepare: |_| Ok(Vec::new()),
    lead: |_| Ok(()),
    go_on: [&[], &[]],
    link: &["rhythmbox", "strawberry"],
    parts,
    at_rest: &[],
};

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn lay(desk: &Desk) -> Result<(), Failed> {
    let read = |name: &str| fs::read_to_string(Path::new(FIXTURES).join(name));
    put(&desk.at(RHYTHMDB), fewer_songs(&read("rhythmbox/rhythmdb.xml")?))?;
    let lists = read("rhythmbox/playlists.xml")?;
    let kept = |line: &&str| !line.contains("<location>") || SONGS.iter().any(|s| line.contains(s));
    let lists: Vec<&str> = lists.lines().filter(kept).collect();
    put(&desk.at(PLAYLISTS), lists.join("\n") + "\n")?;
    put(&desk.at(STRAWBERRY), fs::read(Path::new(FIXTURES).join("strawberry/strawberry.db"))?)?;
    let song = |end: &&str| format!("url LIKE '%{}' ESCAPE '\\'", end.replace('%', "\\%"));
    let songs = SONGS.iter().map(song).collect::<Vec<_>>().join(" OR ");
    in_strawberry(
        desk,
        &format!(
            "DELETE FROM songs WHERE NOT ({songs}); DELETE FROM playlist_items WHERE \
             collection_id NOT IN (SELECT rowid FROM songs); VACUUM;"
        ),
    )
}

/// The library with the songs of [`SONGS`] and nothing else.
fn fewer_songs(library: &str) -> String {
    let (head, rest) = library.split_once("  <entry").unwrap_or((library, ""));
    let entries = rest.split("  <entry").filter(|entry| SONGS.iter().any(|s| entry.contains(s)));
    let entry = |entry: &str| {
        format!("  <entry{}  </entry>\n", entry.split("  </entry>").next().unwrap_or_default())
    };
    head.to_owned() + &entries.map(entry).collect::<String>() + "</rhythmdb>\n"
}

fn plan(desk: &Desk) -> Result<String, Failed> {
    let out = desk.done(&["plan", "rhythmbox", "strawberry", "--json"])?;
    let plan: serde_json::Value = serde_json::from_str(&out)?;
    Ok(plan["plan"].as_str().ok_or("no plan")?.to_owned())
}

fn link(desk: &Desk) -> Result<(), Failed> {
    lay(desk)?;
    desk.done(&["apply", &plan(desk)?])?;
    desk.done(&["sync"]).map(drop)
}

/// As the apps would, while they are closed: one song and one playlist in each.
fn use_both_apps(desk: &Desk) -> Result<(), Failed> {
    let old = fs::read_to_string(desk.at(RHYTHMDB))?;
    let song = old.find("04%20Lantern%20Row.flac</location>").ok_or("no song")?;
    let at = song + old[song..].find("    <date>").ok_or("no date")?;
    let values = "    <rating>4</rating>\n    <play-count>3</play-count>\n";
    put(&desk.at(RHYTHMDB), format!("{}{values}{}", &old[..at], &old[at..]))?;
    let old = fs::read_to_string(desk.at(PLAYLISTS))?;
    let from = old.find("<playlist name=\"Inbox/Check\"").ok_or("no playlist")?;
    let at = from + old[from..].find("  </playlist>").ok_or("no end")?;
    let ferry = old.lines().find(|line| line.contains("Ferry%20Bell.flac")).ok_or("no entry")?;
    put(&desk.at(PLAYLISTS), format!("{}{ferry}\n{}", &old[..at], &old[at..]))?;
    in_strawberry(
        desk,
        "UPDATE songs SET rating = 0.6, playcount = playcount + 2 WHERE title = 'Ögonblick'; \
         CREATE TEMP TABLE copy AS SELECT * FROM playlist_items WHERE playlist = (SELECT rowid \
         FROM playlists WHERE name = 'Road Trip') ORDER BY rowid DESC LIMIT 1; UPDATE copy SET \
         collection_id = (SELECT rowid FROM songs WHERE title = 'Lantern Row'); INSERT INTO \
         playlist_items SELECT * FROM copy; DROP TABLE copy;",
    )
}

fn in_strawberry(desk: &Desk, statements: &str) -> Result<(), Failed> {
    Ok(Connection::open(desk.at(STRAWBERRY))?.execute_batch(statements)?)
}

/// Both files of Rhythmbox, and all rows of Strawberry.
fn parts(desk: &Desk) -> Result<Parts, Failed> {
    let text = |path: &str| fs::read_to_string(desk.at(path));
    Ok(Parts::from([
        ("rhythmdb.xml".into(), text(RHYTHMDB)?),
        ("playlists.xml".into(), text(PLAYLISTS)?),
        ("strawberry.db".into(), rows(desk)?),
    ]))
}

/// Reads a copy, because to open a database is to finish what was interrupted in it.
fn rows(desk: &Desk) -> Result<String, Failed> {
    let database = desk.at(STRAWBERRY);
    let copy = tempfile::tempdir_in(desk.home().parent().unwrap_or(desk.home()))?;
    for entry in fs::read_dir(database.parent().unwrap_or(&database))? {
        let entry = entry?;
        fs::copy(entry.path(), copy.path().join(entry.file_name()))?;
    }
    let name = database.file_name().map(PathBuf::from).unwrap_or_default();
    let connection = Connection::open(copy.path().join(name))?;
    let check: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    let orphans: i64 =
        connection
            .query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0))?;
    if check != "ok" || orphans > 0 {
        return Err(format!("Strawberry's database: {check}, {orphans} orphans").into());
    }
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name";
    let mut tables = connection.prepare(tables)?;
    let tables: Vec<String> = tables.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut text = String::new();
    for table in tables {
        let mut select = connection.prepare(&format!("SELECT * FROM \"{table}\""))?;
        let columns = select.column_count();
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            text += &table;
            for column in 0..columns {
                let value = match row.get_ref(column)? {
                    ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                    other => format!("{other:?}"),
                };
                text.extend(["|", &value]);
            }
            text.push('\n');
        }
    }
    Ok(text)
}
