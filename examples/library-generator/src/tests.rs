//! Both libraries, beside what the real apps wrote.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::Path;

use quick_xml::events::Event;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use super::*;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../two-players/fixtures");

fn made(songs: u32, seed: u64) -> (TempDir, Summary) {
    let home = TempDir::new().unwrap();
    let summary = generate(songs, seed, home.path()).unwrap();
    (home, summary)
}

fn open(path: &Path) -> Connection {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

fn fixture() -> Connection {
    open(&Path::new(FIXTURES).join("strawberry/strawberry.db"))
}

fn rows(connection: &Connection, sql: &str) -> Vec<Vec<Value>> {
    let mut statement = connection.prepare(sql).unwrap();
    let columns = statement.column_count();
    let row = |row: &rusqlite::Row<'_>| (0..columns).map(|column| row.get(column)).collect();
    statement.query_map([], row).unwrap().map(Result::unwrap).collect()
}

fn dump(home: &Path) -> Vec<Vec<Vec<Value>>> {
    let database = open(&strawberry_database(home));
    ["songs", "songs_fts", "playlists", "playlist_items", "directories", "subdirectories"]
        .map(|table| rows(&database, &format!("SELECT rowid, * FROM {table} ORDER BY rowid")))
        .to_vec()
}

fn xml(home: &Path, file: &str) -> String {
    std::fs::read_to_string(rhythmbox_folder(home).join(file)).unwrap()
}

/// The texts of all elements of this name; fails on what is not well-formed.
fn texts(xml: &str, name: &str) -> Vec<String> {
    let mut reader = quick_xml::Reader::from_str(xml);
    let mut found = Vec::new();
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) if start.name().as_ref() == name => {
                let text = reader.read_text(start.name()).unwrap();
                found.push(quick_xml::escape::unescape(&text).unwrap().into_owned());
            }
            Event::Eof => return found,
            _ => {}
        }
    }
}

fn path_of(uri: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = uri.strip_prefix("file://").unwrap().bytes();
    while let Some(byte) = rest.next() {
        let mut digit = || char::from(rest.next().unwrap()).to_digit(16).unwrap() as u8;
        bytes.push(if byte == b'%' { digit() * 16 + digit() } else { byte });
    }
    String::from_utf8(bytes).unwrap()
}

#[test]
fn the_same_seed_gives_the_same_libraries() {
    let ((one, first), (other, second)) = (made(3_000, 7), made(3_000, 7));
    assert_eq!(first, second);
    for file in ["rhythmdb.xml", "playlists.xml"] {
        assert!(xml(one.path(), file) == xml(other.path(), file), "{file}");
    }
    assert!(dump(one.path()) == dump(other.path()));
    let (another, _) = made(3_000, 8);
    assert!(xml(one.path(), "rhythmdb.xml") != xml(another.path(), "rhythmdb.xml"));
    assert!(dump(one.path()) != dump(another.path()));
}

/// If this fails, every number that was ever measured on a generated library is void.
#[test]
fn a_pinned_library_never_changes() {
    let (home, sum) = made(1_000, 1);
    let song = song::Songs::new(1_000, 1).song(500);
    assert_eq!(song.path, "/srv/segue-library/Żółty Ticking Лёд/Über Ledger/09 Singles Окно.opus");
    assert_eq!(song.rhythmbox, Some(song::Held { stars: Some(3), plays: 0, last_played: 0 }));
    let bytes = xml(home.path(), "rhythmdb.xml").len() + xml(home.path(), "playlists.xml").len();
    assert_eq!(bytes, 718_552);
    let counts = [sum.in_both, sum.rated_in_one, sum.rated_equally, sum.played_differently];
    assert_eq!(counts, [969, 290, 50, 345]);
}

#[test]
fn both_hold_what_the_summary_says() {
    let (home, summary) = made(5_000, 7);
    let songs = xml(home.path(), "rhythmdb.xml");
    let locations = texts(&songs, "location");
    assert_eq!(locations.len(), summary.in_rhythmbox as usize);
    let in_rhythmbox: HashSet<String> = locations.iter().map(|uri| path_of(uri)).collect();
    assert_eq!(in_rhythmbox.len(), locations.len(), "every location once");

    let database = open(&strawberry_database(home.path()));
    let mut in_both = 0;
    let urls = rows(&database, "SELECT url FROM songs");
    for row in &urls {
        let Value::Text(url) = &row[0] else { panic!("{row:?}") };
        in_both += u32::from(in_rhythmbox.contains(&path_of(url)));
    }
    assert_eq!(urls.len(), summary.in_strawberry as usize);
    assert_eq!(in_both, summary.in_both);
    let named = xml(home.path(), "playlists.xml").matches("<playlist ").count();
    assert_eq!(named, summary.playlists_in_rhythmbox as usize);
    let named = rows(&database, "SELECT name FROM playlists WHERE ui_order > 0").len();
    assert_eq!(named, summary.playlists_in_strawberry as usize);
}

#[test]
fn the_players_differ_as_often_as_promised() {
    let (_home, sum) = made(20_000, 7);
    let share = |part: u32| f64::from(part) / 20_000.0;
    assert!((0.02..0.04).contains(&(1.0 - share(sum.in_both))), "{sum:?}");
    assert!((0.27..0.31).contains(&share(sum.rated_in_one)), "{sum:?}");
    assert!((0.04..0.06).contains(&share(sum.rated_equally)), "{sum:?}");
    assert!((0.0003..0.002).contains(&share(sum.rated_differently)), "{sum:?}");
    assert!((0.2..0.4).contains(&share(sum.played_differently)), "{sum:?}");
    assert_eq!((sum.playlists_in_rhythmbox, sum.playlists_in_both), (6, 4));
}

#[test]
fn an_entry_is_about_as_long_as_a_real_one() {
    let (home, summary) = made(5_000, 7);
    let bytes = xml(home.path(), "rhythmdb.xml").len() / summary.in_rhythmbox as usize;
    assert!((640..760).contains(&bytes), "{bytes} bytes an entry");
}

#[test]
fn the_database_is_made_as_the_app_makes_it() {
    let (home, _) = made(500, 7);
    let ours = open(&strawberry_database(home.path()));
    let schema = "SELECT type, name, tbl_name, trim(sql) FROM sqlite_master ORDER BY name";
    assert_eq!(rows(&ours, schema), rows(&fixture(), schema));
    for check in ["PRAGMA integrity_check", "PRAGMA journal_mode", "SELECT * FROM schema_version"] {
        assert_eq!(rows(&ours, check), rows(&fixture(), check), "{check}");
    }
}

#[test]
fn the_search_finds_songs_by_words_without_accents() {
    let (home, _) = made(500, 7);
    let ours = Connection::open(strawberry_database(home.path())).unwrap();
    ours.execute("INSERT INTO songs_fts (songs_fts) VALUES ('integrity-check')", []).unwrap();
    let found = "SELECT count(*) FROM songs_fts WHERE songs_fts MATCH 'ftstitle:forsta'";
    let held = "SELECT count(*) FROM songs WHERE title LIKE '%Första%'";
    assert_eq!(rows(&ours, found), rows(&ours, held));
    assert_ne!(rows(&ours, held), [[Value::Integer(0)]]);
}

#[test]
fn rows_have_the_shape_of_the_apps_own() {
    let (home, _) = made(500, 7);
    let ours = open(&strawberry_database(home.path()));
    for (table, same) in [("songs", false), ("playlist_items", true)] {
        let names = rows(&ours, &format!("SELECT name FROM pragma_table_info('{table}')"));
        for name in names {
            let Value::Text(name) = &name[0] else { panic!("{name:?}") };
            let free = ["playlist", "collection_id"].contains(&name.as_str());
            let asked =
                if same && !free { format!("quote({name})") } else { format!("typeof({name})") };
            let sql = format!("SELECT DISTINCT {asked} FROM {table}");
            let real = rows(&fixture(), &sql);
            assert!(rows(&ours, &sql).iter().all(|row| real.contains(row)), "{table}.{name}");
        }
    }
}

#[test]
fn paths_are_spelt_as_the_apps_spell_them() {
    let songs = std::fs::read_to_string(Path::new(FIXTURES).join("rhythmbox/rhythmdb.xml"));
    let locations = texts(&songs.unwrap(), "location");
    let locations: Vec<_> = locations.iter().filter(|uri| uri.starts_with("file:")).collect();
    assert_eq!(locations.len(), 40);
    for location in locations {
        assert_eq!(&uri::gio(&path_of(location)), location);
    }
    for row in rows(&fixture(), "SELECT url FROM songs") {
        let Value::Text(url) = &row[0] else { panic!("{row:?}") };
        assert_eq!(&uri::qt(&path_of(url)), url);
    }
}

#[test]
fn a_playlist_holds_fifty_different_songs_that_both_have() {
    let songs = song::Songs::new(3_000, 7);
    for list in playlist::Playlists::new(&songs).iter() {
        let different: HashSet<u32> = list.entries.iter().copied().collect();
        assert_eq!((list.entries.len(), different.len()), (50, 50));
        for index in different {
            let song = songs.song(index);
            assert!(song.rhythmbox.is_some() && song.strawberry.is_some());
        }
    }
}

#[test]
fn nothing_is_overwritten() {
    let (home, _) = made(10, 7);
    let before = xml(home.path(), "rhythmdb.xml");
    let Err(Error::Io { source, .. }) = generate(20, 8, home.path()) else { panic!("written") };
    assert_eq!(source.kind(), ErrorKind::AlreadyExists);
    assert_eq!(xml(home.path(), "rhythmdb.xml"), before);
    std::fs::remove_dir_all(rhythmbox_folder(home.path())).unwrap();
    let before = dump(home.path());
    assert!(matches!(generate(20, 8, home.path()), Err(Error::Io { .. })));
    assert!(dump(home.path()) == before);
}

#[test]
fn no_songs_and_too_many_songs() {
    let (_home, summary) = made(0, 7);
    assert_eq!(summary, Summary::default());
    let home = TempDir::new().unwrap();
    let error = generate(SONGS_MAX + 1, 7, home.path()).unwrap_err();
    assert_eq!(error.to_string(), "5000001 are too many; at most 5000000 can be named");
}
