//! Another writer, a killed app, a hostile file: no foreign byte changes and nothing panics.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rusqlite::Connection;
use segue_strawberry::Strawberry;
use segue_translator::model::{ChangeSet, CollectionEdit, Value, music};
use segue_translator::{Collector, ErrorKind, Host, Idle, Library, Probe, Revision, Translator};

use crate::copy::{Copy, set};

const SONG: &str = "Tide%20Table.flac";

fn rate(copy: &Copy, old: i64, new: i64) -> ChangeSet {
    set(&copy.song(SONG), &music::RATING, Some(Value::Int(old)), Some(Value::Int(new)))
}

/// A host on which the app is started after so many questions.
#[derive(Debug)]
struct StartsAfter(AtomicUsize);

impl Host for StartsAfter {
    fn running(&self, probe: &Probe<'_>) -> Option<String> {
        assert_eq!(probe.processes, ["strawberry"]);
        assert_eq!(probe.bus_names, ["org.mpris.MediaPlayer2.strawberry"]);
        assert!(probe.holds_open && probe.library.ends_with("strawberry.db"));
        let left =
            self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        left.is_err().then(|| "strawberry (process 1)".into())
    }
}

#[test]
fn f28_nothing_is_written_while_the_app_runs_or_once_it_has_started() {
    let copy = Copy::new();
    let before = fs::read(copy.path()).unwrap();
    let changes = rate(&copy, 80, 20);
    let backup = tempfile::tempdir().unwrap();
    copy.open().back_up(backup.path()).unwrap();
    for questions in 0..2 {
        let library = copy.open_with(StartsAfter(questions.into()));
        let revision = library.revision().unwrap();
        assert_eq!(library.write(&revision, &changes).unwrap_err().kind, ErrorKind::Busy);
        assert_eq!(fs::read(copy.path()).unwrap(), before);
    }
    copy.put(&changes);
    let written = fs::read(copy.path()).unwrap();
    for questions in 0..2 {
        let library = copy.open_with(StartsAfter(questions.into()));
        let revision = library.revision().unwrap();
        assert_eq!(library.restore(&revision, backup.path()).unwrap_err().kind, ErrorKind::Busy);
        assert_eq!(fs::read(copy.path()).unwrap(), written);
    }
}

#[test]
fn a_library_that_changed_since_it_was_read_is_not_written() {
    let copy = Copy::new();
    let library = copy.open();
    let revision = library.revision().unwrap();
    let changes = rate(&copy, 80, 20);
    let backup = tempfile::tempdir().unwrap();
    library.back_up(backup.path()).unwrap();
    copy.sql("UPDATE songs SET playcount = 77 WHERE rowid = 7");
    assert_eq!(library.write(&revision, &changes).unwrap_err().kind, ErrorKind::Stale);
    assert_eq!(library.restore(&revision, backup.path()).unwrap_err().kind, ErrorKind::Stale);
    assert_eq!(copy.cell("SELECT playcount FROM songs WHERE rowid = 7"), "77");
    assert_eq!(copy.value(SONG, &music::RATING), Some(Value::Int(80)));
}

#[test]
fn the_revision_sees_a_change_that_leaves_size_and_times_alone() {
    let copy = Copy::new();
    let library = copy.open();
    let before = library.revision().unwrap();
    let times = fs::metadata(copy.path()).unwrap();
    copy.sql("UPDATE songs SET playcount = 77 WHERE rowid = 7");
    let file = fs::File::options().write(true).open(copy.path()).unwrap();
    file.set_modified(times.modified().unwrap()).unwrap();
    assert_ne!(library.revision().unwrap(), before);
    let counter = |revision: &segue_translator::Revision| {
        revision.0.split(' ').next().unwrap().rsplit('+').next().unwrap().to_owned()
    };
    assert_ne!(counter(&library.revision().unwrap()), counter(&before));
}

#[test]
fn f19_a_database_that_the_app_is_writing_is_busy() {
    let copy = Copy::new();
    let changes = rate(&copy, 80, 20);
    let app = Connection::open(copy.path()).unwrap();
    app.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(copy.write(&changes).unwrap_err().kind, ErrorKind::Busy);
    app.execute_batch("ROLLBACK").unwrap();
    copy.put(&changes);
}

#[test]
fn f12_a_row_number_that_another_song_has_now_is_not_written() {
    let copy = Copy::new();
    let changes = rate(&copy, 80, 20);
    let last = copy.song("Singles/Copper%20Wire.flac");
    copy.sql(
        "CREATE TEMP TABLE moved AS SELECT * FROM songs WHERE rowid = 40;
         DELETE FROM songs WHERE rowid = 40;
         INSERT INTO songs SELECT * FROM moved;
         UPDATE songs SET url = 'file:///other.mp3', title = 'other' WHERE rowid = 40;
         UPDATE songs SET url = 'file:///swap' WHERE rowid = 5;
         UPDATE songs SET url = (SELECT url FROM songs WHERE rowid = 6) WHERE rowid = 5;
         UPDATE songs SET url = 'file:///srv/segue-fixtures/music-a/The%20Tin%20Harbours/Low%20Tide%20Ledger/03%20Tide%20Table.flac', rating = 0.8 WHERE rowid = 6;",
    );
    let mut edits = set(&last, &music::RATING, Some(Value::Int(100)), Some(Value::Int(20)));
    edits.fields.extend(changes.fields);
    let written = copy.write(&edits).unwrap();
    assert_eq!(written.refused.len(), 1);
    assert_eq!(written.refused[0].id, last);
    assert_eq!(copy.cell("SELECT rating FROM songs WHERE rowid = 40"), "1");
    assert_eq!(copy.cell("SELECT rating FROM songs WHERE rowid = 5"), "0.8");
    assert_eq!(copy.cell("SELECT rating FROM songs WHERE rowid = 6"), "0.2");
}

#[test]
fn f12_a_playlist_number_that_another_playlist_has_now_is_not_written() {
    let copy = Copy::new();
    let (catalog, reading) = copy.read();
    let old = catalog.collection(&"5".into()).unwrap().entries.clone();
    copy.sql(
        "DELETE FROM playlists WHERE rowid = 5; DELETE FROM playlist_items WHERE playlist = 5;
         INSERT INTO playlists (name) VALUES ('another');",
    );
    let edits = crate::copy::on_playlists([
        CollectionEdit::Reorder { id: "5".into(), old: old.clone(), new: vec![] },
        CollectionEdit::Rename { id: "5".into(), old: "played".into(), new: "x".into() },
        CollectionEdit::Remove { id: "5".into(), old },
    ]);
    let library = copy.open();
    assert_eq!(library.write(&reading.revision, &edits).unwrap_err().kind, ErrorKind::Stale);
    assert_eq!(copy.write(&edits).unwrap().refused.len(), 3);
    assert_eq!(copy.cell("SELECT name FROM playlists WHERE rowid = 5"), "'another'");
}

/// Database and journal as an app leaves them that is killed after its pages reached the file and
/// before its transaction ended.
fn killed(mode: &str) -> Copy {
    killed_after(mode, "")
}

/// The same, of a database that was changed before.
fn killed_after(mode: &str, sql: &str) -> Copy {
    let copy = Copy::with(&format!("{sql}; PRAGMA journal_mode = {mode}"));
    let app = Connection::open(copy.path()).unwrap();
    app.execute_batch(
        "PRAGMA cache_size = 1; PRAGMA wal_autocheckpoint = 0; BEGIN;
         UPDATE songs SET rating = 0.2, lyrics = printf('%5000d', rowid);",
    )
    .unwrap();
    if mode == "wal" {
        app.execute_batch("COMMIT").unwrap();
    }
    let left = tempfile::tempdir().unwrap();
    for file in fs::read_dir(copy.folder()).unwrap().map(Result::unwrap) {
        if !file.file_name().to_string_lossy().ends_with("-shm") {
            fs::copy(file.path(), left.path().join(file.file_name())).unwrap();
        }
    }
    drop(app);
    Copy { folder: left }
}

fn bytes(folder: &Path) -> Vec<(std::ffi::OsString, Vec<u8>)> {
    let files = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let mut all: Vec<_> =
        files.map(|file| (file.file_name(), fs::read(file.path()).unwrap())).collect();
    all.sort();
    all
}

#[test]
fn f30_a_journal_of_a_killed_app_is_rolled_back_in_a_private_copy() {
    let copy = killed("delete");
    let before = bytes(copy.folder());
    assert_eq!(before.len(), 2);
    // Without its journal the file says something else: the journal matters here.
    let alone = Copy::new();
    fs::copy(copy.path(), alone.path()).unwrap();
    let unrecovered = Collector::collect(&*alone.open()).map(|(catalog, _)| catalog);
    let (catalog, reading) = copy.read();
    assert_ne!(unrecovered.ok(), Some(catalog.clone()));
    assert_eq!(catalog, Copy::new().read().0);
    assert_eq!(copy.read(), (catalog.clone(), reading.clone()));
    assert_eq!(reading.read_only, None);
    let backup = tempfile::tempdir().unwrap();
    copy.open().back_up(backup.path()).unwrap();
    let kept = Strawberry.open(backup.path(), Arc::new(Idle)).unwrap();
    assert_eq!(Collector::collect(&*kept).unwrap().0, catalog);
    assert_eq!(bytes(copy.folder()), before);

    let changes = rate(&copy, 80, 20);
    assert_eq!(copy.write(&ChangeSet::default()).unwrap().revision, reading.revision);
    let stale = copy.open().write(&Revision("another".into()), &changes).unwrap_err();
    assert_eq!(stale.kind, ErrorKind::Stale);
    for questions in 0..2 {
        let library = copy.open_with(StartsAfter(questions.into()));
        let error = library.write(&reading.revision, &changes).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Busy);
        let error = library.restore(&reading.revision, backup.path()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Busy);
    }
    assert_eq!(bytes(copy.folder()), before);
}

#[test]
fn f29_a_journal_of_a_killed_write_is_rolled_back_by_the_next_write() {
    let copy = killed("delete");
    let revision = copy.open().revision().unwrap();
    let written = copy.open().write(&revision, &rate(&copy, 80, 20)).unwrap();
    assert_eq!(written.refused, []);
    assert_eq!(written.revision, copy.open().revision().unwrap());
    copy.check();
    let whole = Copy::new();
    whole.put(&rate(&whole, 80, 20));
    assert_eq!(copy.dump(), whole.dump());
}

#[test]
fn f29_a_journal_of_a_killed_write_is_rolled_back_by_a_restore() {
    let (copy, whole) = (killed("delete"), Copy::new());
    let backup = tempfile::tempdir().unwrap();
    whole.put(&rate(&whole, 80, 40));
    whole.open().back_up(backup.path()).unwrap();
    let library = copy.open();
    let revision = library.restore(&library.revision().unwrap(), backup.path()).unwrap();
    assert_eq!(revision, library.revision().unwrap());
    copy.check();
    assert_eq!(copy.dump(), whole.dump());
}

#[test]
fn f31_an_unknown_version_is_not_even_recovered() {
    let copy = killed_after("delete", "UPDATE schema_version SET version = 14");
    let before = bytes(copy.folder());
    assert_eq!(before.len(), 2);
    let changes = rate(&copy, 80, 20);
    assert!(copy.read().1.read_only.unwrap().contains("version 14 "));
    assert_eq!(copy.write(&changes).unwrap_err().kind, ErrorKind::Unsupported);
    assert_eq!(bytes(copy.folder()), before);
}

#[test]
fn f30_a_write_ahead_log_is_read_in_a_private_copy() {
    let copy = killed("wal");
    let before = bytes(copy.folder());
    assert_eq!(before.len(), 2);
    let (catalog, reading) = copy.read();
    let rated = |item: &segue_translator::model::Item| {
        item.fields.value(&music::RATING) == Some(&Value::Int(20))
    };
    assert!(catalog.items.iter().all(rated));
    assert!(reading.read_only.is_some());
    let changes = rate(&copy, 20, 40);
    assert_eq!(copy.write(&changes).unwrap_err().kind, ErrorKind::Unsupported);
    assert_eq!(bytes(copy.folder()), before);
}

#[test]
fn a_journal_that_was_finished_is_no_hindrance() {
    let copy = Copy::new();
    fs::write(copy.folder().join("strawberry.db-journal"), [0; 512]).unwrap();
    assert_eq!(copy.read().1.read_only, None);
    assert_eq!(copy.write(&rate(&copy, 80, 20)).unwrap().refused, []);
    assert_eq!(copy.value(SONG, &music::RATING), Some(Value::Int(20)));
}

#[test]
fn a_journal_that_names_another_file_is_not_followed() {
    let copy = killed("delete");
    let journal = copy.folder().join("strawberry.db-journal");
    let victim = copy.folder().join("victim");
    fs::write(&victim, "keep").unwrap();
    let name = victim.to_str().unwrap().as_bytes();
    let mut bytes = fs::read(&journal).unwrap();
    bytes.extend_from_slice(name);
    bytes.extend_from_slice(&(name.len() as u32).to_be_bytes());
    let sum = name.iter().fold(0_u32, |sum, byte| sum.wrapping_add(u32::from(*byte)));
    bytes.extend_from_slice(&sum.to_be_bytes());
    bytes.extend_from_slice(&[0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7]);
    fs::write(&journal, bytes).unwrap();
    let changes = rate(&Copy::new(), 80, 20);
    assert_eq!(copy.write(&changes).unwrap_err().kind, ErrorKind::Corrupt);
    assert_eq!(Collector::collect(&*copy.open()).unwrap_err().kind, ErrorKind::Corrupt);
    assert_eq!(fs::read(victim).unwrap(), b"keep");
}

#[test]
fn a_journal_that_is_no_file_is_not_opened() {
    let copy = Copy::new();
    let changes = rate(&copy, 80, 20);
    fs::create_dir(copy.folder().join("strawberry.db-journal")).unwrap();
    assert_eq!(Collector::collect(&*copy.open()).unwrap_err().kind, ErrorKind::Corrupt);
    assert_eq!(copy.write(&changes).unwrap_err().kind, ErrorKind::Corrupt);
}

#[test]
fn f33_a_backup_brings_back_the_same_content() {
    let copy = Copy::new();
    let library = copy.open();
    let backup = tempfile::tempdir().unwrap();
    let files = library.back_up(backup.path()).unwrap();
    assert_eq!(files, [backup.path().join("strawberry.db")]);
    assert_eq!(fs::read(&files[0]).unwrap(), fs::read(copy.path()).unwrap());
    let before = copy.dump();

    let untouched = library.revision().unwrap();
    assert_eq!(library.restore(&untouched, backup.path()).unwrap(), untouched);

    let inode = |path: &Path| std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).unwrap());
    let old = inode(&copy.path());
    let changes = rate(&copy, 80, 20);
    let written = copy.put(&changes);
    copy.sql("INSERT INTO radio_channels (url) VALUES (printf('%900000d', 1))");
    assert_eq!(
        library.restore(&written.revision, backup.path()).unwrap_err().kind,
        ErrorKind::Stale
    );
    let now = library.revision().unwrap();
    let revision = library.restore(&now, backup.path()).unwrap();
    assert_eq!(revision, library.revision().unwrap());
    assert_eq!(copy.dump(), before);
    assert_eq!(inode(&copy.path()), old);
    copy.check();
}

#[test]
fn a_damaged_backup_is_not_brought_back() {
    let copy = Copy::new();
    let library = copy.open();
    let backup = tempfile::tempdir().unwrap();
    let files = library.back_up(backup.path()).unwrap();
    let mut bytes = fs::read(&files[0]).unwrap();
    let end = bytes.len();
    bytes[8192..end].fill(0xa5);
    fs::write(&files[0], bytes).unwrap();
    let before = fs::read(copy.path()).unwrap();
    let revision = library.revision().unwrap();
    assert_eq!(library.restore(&revision, backup.path()).unwrap_err().kind, ErrorKind::Corrupt);
    assert_eq!(fs::read(copy.path()).unwrap(), before);
}

/// Reads and writes; whatever comes back, nothing panics and a file that fails is not changed.
fn try_all(folder: &Path) {
    let path = folder.join("strawberry.db");
    let before = fs::read(&path).unwrap();
    let library: Box<dyn Library> = Strawberry.open(&path, Arc::new(Idle)).unwrap();
    let item = "file:///srv/segue-fixtures/music-a/Collab/Delta.mp3".into();
    let changes = set(&item, &music::TITLE, Some("Delta".into()), Some("x".into()));
    let read = Collector::collect(&*library);
    assert_eq!(fs::read(&path).unwrap(), before);
    let written = library.write(&library.revision().unwrap(), &changes);
    if read.is_err() {
        assert!(written.is_err());
    }
    if written.is_err() {
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}

#[test]
fn truncated_and_overwritten_files_are_errors_and_stay_as_they_are() {
    let whole = fs::read(Copy::new().path()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("strawberry.db");
    let lengths = (0..40).chain([99, 100, 1000, 4095]).chain((4096..whole.len()).step_by(9973));
    for length in lengths {
        fs::write(&path, &whole[..length]).unwrap();
        try_all(folder.path());
        let library = Strawberry.open(&path, Arc::new(Idle)).unwrap();
        let error = Collector::collect(&*library).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Corrupt, "{length}: {error}");
    }
    // A small generator, so that the same bytes are damaged each time.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize % below
    };
    for _ in 0..150 {
        let mut bytes = whole.clone();
        for _ in 0..=random(20) {
            let page = random(bytes.len() / 4096) * 4096;
            bytes[page + random(if page == 0 { 4096 } else { 64 })] = random(256) as u8;
        }
        fs::write(&path, bytes).unwrap();
        try_all(folder.path());
    }
}

#[test]
fn a_garbage_file_a_folder_and_a_claim_of_four_gigabytes_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("strawberry.db");
    fs::write(&path, vec![0x5a; 100_000]).unwrap();
    try_all(folder.path());
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_len((4 << 30) + 1).unwrap();
    let library = Strawberry.open(&path, Arc::new(Idle)).unwrap();
    assert_eq!(Collector::collect(&*library).unwrap_err().kind, ErrorKind::TooLarge);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(Strawberry.open(&path, Arc::new(Idle)).err().unwrap().kind, ErrorKind::Absent);
}

#[test]
fn more_rows_than_a_person_has_are_refused() {
    let copy = Copy::with(
        "INSERT INTO playlists (name) WITH RECURSIVE n(x) AS
             (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 2000000) SELECT '' FROM n",
    );
    let error = Collector::collect(&*copy.open()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::TooLarge);
}

#[test]
fn a_schema_with_code_in_it_is_not_run() {
    for sql in [
        "ALTER TABLE songs RENAME TO s; CREATE VIEW songs AS SELECT rowid, * FROM s",
        "DROP TABLE songs; CREATE VIRTUAL TABLE songs USING fts5(url, source)",
        "DROP TABLE playlists; CREATE VIEW playlists AS WITH RECURSIVE n(x) AS
             (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x AS name FROM n",
        "ALTER TABLE songs ADD COLUMN code TEXT AS (hex(zeroblob(1000000000)))",
    ] {
        let copy = Copy::with(sql);
        let error = Collector::collect(&*copy.open()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Corrupt, "{sql}");
    }
    let copy =
        Copy::with("CREATE TRIGGER t AFTER UPDATE ON songs BEGIN DELETE FROM playlists; END");
    let changes = rate(&copy, 80, 20);
    assert!(copy.read().1.read_only.unwrap().contains("triggers"));
    assert_eq!(copy.write(&changes).unwrap_err().kind, ErrorKind::Unsupported);
}
