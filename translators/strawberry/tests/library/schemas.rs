//! F31: every released schema is written, no other one is.

use std::fmt::Write as _;
use std::fs;

use segue_translator::model::{Value, music};
use segue_translator::{Collector, ErrorKind};

use crate::copy::{Copy, set};

const SONG: &str = "Tide%20Table.flac";

/// What each release changed in the tables that Segue reads, as facts.
fn upgrade(version: i64) -> String {
    let add = |tables: &[&str], columns: &[&str]| {
        let mut sql = String::new();
        for table in tables {
            for column in columns {
                let _ = writeln!(sql, "ALTER TABLE {table} ADD COLUMN {column};");
            }
        }
        sql
    };
    let both = ["songs", "playlist_items"];
    let change = match version {
        16 => add(
            &both,
            &[
                "acoustid_id TEXT",
                "acoustid_fingerprint TEXT",
                "musicbrainz_album_artist_id TEXT",
                "musicbrainz_artist_id TEXT",
                "musicbrainz_original_artist_id TEXT",
                "musicbrainz_album_id TEXT",
                "musicbrainz_original_album_id TEXT",
                "musicbrainz_recording_id TEXT",
                "musicbrainz_track_id TEXT",
                "musicbrainz_disc_id TEXT",
                "musicbrainz_release_group_id TEXT",
                "musicbrainz_work_id TEXT",
            ],
        ),
        17 => add(&both, &["art_embedded INTEGER DEFAULT 0", "art_unset INTEGER DEFAULT 0"]),
        18 => {
            add(&both, &["ebur128_integrated_loudness_lufs REAL", "ebur128_loudness_range_lu REAL"])
        }
        19 => "DROP TABLE songs_fts;".into(),
        21 => add(
            &both,
            &[
                "albumartistsort TEXT",
                "albumsort TEXT",
                "artistsort TEXT",
                "composersort TEXT",
                "performersort TEXT",
                "titlesort TEXT",
                "bpm REAL",
                "mood TEXT",
                "initial_key TEXT",
            ],
        ),
        22 => add(&["playlist_items"], &["uuid TEXT"]),
        23 => "CREATE UNIQUE INDEX idx_songs_url_beginning ON songs (url, beginning);".into(),
        _ => String::new(),
    };
    format!("{change} UPDATE schema_version SET version = {version};")
}

/// The fixture as the upgrades up to this version leave it.
fn upgraded(version: i64) -> Copy {
    let copy = Copy::new();
    (16..=version).for_each(|version| copy.sql(&upgrade(version)));
    copy
}

#[test]
fn f31_every_released_schema_is_written() {
    for version in 15..=23 {
        let copy = upgraded(version);
        assert_eq!(copy.read().1.read_only, None, "{version}");
        let item = copy.song(SONG);
        let title = set(&item, &music::TITLE, Some("Tide Table".into()), Some("T".into()));
        assert_eq!(copy.write(&title).unwrap().refused, [], "{version}");
        assert_eq!(copy.value(SONG, &music::TITLE), Some("T".into()));
        let create = segue_translator::model::CollectionEdit::Create {
            kind: &music::PLAYLIST,
            name: "n".into(),
            parent: None,
            entries: vec![item.clone(), item.clone()],
        };
        assert_eq!(
            copy.write(&crate::copy::on_playlists([create])).unwrap().refused,
            [],
            "{version}"
        );
        assert_eq!(copy.read().0.collection(&"6".into()).unwrap().entries.len(), 2);
        for support in copy.open().capabilities().fields {
            let old = copy.value(SONG, support.field);
            let new = match support.field {
                field if field == &music::BPM => {
                    Value::Real(segue_translator::model::Real(f64::from(128.1_f32)))
                }
                field if field.name.starts_with("mb_") => Value::text("a-b"),
                _ => continue,
            };
            copy.write(&set(&item, support.field, old, Some(new.clone()))).unwrap();
            assert_eq!(copy.value(SONG, support.field), Some(new));
        }
        let fields = copy.open().capabilities().fields.len();
        assert_eq!(
            fields,
            if version >= 21 {
                22
            } else if version >= 16 {
                21
            } else {
                17
            }
        );
    }
}

#[test]
fn f31_a_schema_that_no_release_has_is_read_and_not_written() {
    for (sql, reason) in [
        ("ALTER TABLE songs ADD COLUMN mine TEXT", "`mine` of table `songs`"),
        ("ALTER TABLE playlists ADD COLUMN mine TEXT", "`mine` of table `playlists`"),
        ("ALTER TABLE playlist_items ADD COLUMN mine TEXT", "`mine` of table `playlist_items`"),
        ("ALTER TABLE songs DROP COLUMN fingerprint", "`fingerprint` of table `songs`"),
        ("DROP TABLE songs_fts", "`ftsalbum` of table `songs_fts`"),
        ("UPDATE schema_version SET version = 14", "version 14 is not known"),
        ("UPDATE schema_version SET version = 24", "version 24 is not known"),
        (
            "ALTER TABLE songs DROP COLUMN rating; ALTER TABLE songs ADD COLUMN rating REAL DEFAULT -1",
            "`rating` of table `songs`",
        ),
    ] {
        let copy = if sql.contains("24") { upgraded(23) } else { Copy::new() };
        copy.sql(sql);
        let changes = set(&copy.song(SONG), &music::PLAY_COUNT, Some(Value::Int(1)), None);
        let before = fs::read(copy.path()).unwrap();
        let (catalog, reading) = copy.read();
        assert_eq!(catalog.items.len(), 40);
        let why = reading.read_only.unwrap();
        assert!(why.contains(reason), "{sql}: {why}");
        let error = copy.write(&changes).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unsupported, "{sql}");
        assert!(error.detail.contains(reason), "{error}");
        assert_eq!(fs::read(copy.path()).unwrap(), before);
    }
}

#[test]
fn f31_a_schema_without_what_is_read_is_an_error_and_not_an_empty_library() {
    for (sql, kind) in [
        ("ALTER TABLE songs RENAME COLUMN rating TO stars", ErrorKind::Unsupported),
        ("ALTER TABLE songs DROP COLUMN lyrics", ErrorKind::Unsupported),
        ("ALTER TABLE playlist_items DROP COLUMN type", ErrorKind::Unsupported),
        ("ALTER TABLE playlists DROP COLUMN is_favorite", ErrorKind::Unsupported),
        ("UPDATE schema_version SET version = 16", ErrorKind::Unsupported),
        ("DELETE FROM schema_version", ErrorKind::Unsupported),
        ("INSERT INTO schema_version VALUES (15)", ErrorKind::Unsupported),
        ("DROP TABLE playlist_items", ErrorKind::Corrupt),
        ("DROP TABLE playlists", ErrorKind::Corrupt),
        ("DROP TABLE songs", ErrorKind::Corrupt),
        ("DROP TABLE schema_version", ErrorKind::Corrupt),
    ] {
        let copy = Copy::with(sql);
        let before = fs::read(copy.path()).unwrap();
        assert_eq!(Collector::collect(&*copy.open()).unwrap_err().kind, kind, "{sql}");
        let changes = set(&"file:///a".into(), &music::RATING, None, Some(Value::Int(1)));
        assert_eq!(copy.write(&changes).unwrap_err().kind, kind, "{sql}");
        assert_eq!(fs::read(copy.path()).unwrap(), before);
    }
}
