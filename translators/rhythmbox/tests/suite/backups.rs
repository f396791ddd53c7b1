//! Backups and the way back.

use std::fs;

use segue_rhythmbox::Rhythmbox;
use segue_translator::model::{Value, music};
use segue_translator::{ErrorKind, Translator};

use crate::shelf::{SONG, Shelf, StartsAt};

#[test]
fn f33_a_restored_library_has_the_same_bytes() {
    let shelf = Shelf::real();
    let (songs, lists) = (shelf.text("rhythmdb.xml"), shelf.text("playlists.xml"));
    let into = tempfile::tempdir().unwrap();
    let library = shelf.library();
    let copies = library.back_up(into.path()).unwrap();
    assert_eq!(copies, [into.path().join("rhythmdb.xml"), into.path().join("playlists.xml")]);
    fs::write(shelf.path("rhythmdb.xml"), "broken").unwrap();
    fs::remove_file(shelf.path("playlists.xml")).unwrap();
    let revision = library.restore(&library.revision().unwrap(), into.path()).unwrap();
    assert_eq!(revision, library.revision().unwrap());
    assert_eq!((shelf.text("rhythmdb.xml"), shelf.text("playlists.xml")), (songs, lists));
}

#[test]
fn a_library_without_playlists_is_without_them_again() {
    let shelf = Shelf::of_song("");
    let into = tempfile::tempdir().unwrap();
    let library = shelf.library();
    assert_eq!(library.back_up(into.path()).unwrap().len(), 2);
    shelf.set(SONG, &music::RATING, Some(Value::Int(20)));
    fs::write(shelf.path("playlists.xml"), "<rhythmdb-playlists/>").unwrap();
    library.restore(&library.revision().unwrap(), into.path()).unwrap();
    assert!(!shelf.path("playlists.xml").exists());
    assert_eq!(shelf.value(SONG, &music::RATING), None);
}

#[test]
fn half_a_backup_restores_nothing() {
    let shelf = Shelf::real();
    let into = tempfile::tempdir().unwrap();
    let library = shelf.library();
    library.back_up(into.path()).unwrap();
    fs::remove_file(into.path().join("playlists.xml")).unwrap();
    let revision = library.revision().unwrap();
    let error = library.restore(&revision, into.path()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Corrupt);
    fs::remove_file(into.path().join("rhythmdb.xml")).unwrap();
    assert_eq!(library.restore(&revision, into.path()).unwrap_err().kind, ErrorKind::Absent);
    assert_eq!(library.revision().unwrap(), revision);
}

#[test]
fn a_stale_or_running_library_is_not_restored() {
    let shelf = Shelf::real();
    let into = tempfile::tempdir().unwrap();
    let library = shelf.library();
    library.back_up(into.path()).unwrap();
    let revision = library.revision().unwrap();
    fs::write(shelf.path("playlists.xml"), "<rhythmdb-playlists/>").unwrap();
    let running = Rhythmbox.open(shelf.folder(), StartsAt::question(0)).unwrap();
    for library in [library, running] {
        let error = library.restore(&revision, into.path()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Stale);
    }
    for question in [0, 1] {
        let busy = Rhythmbox.open(shelf.folder(), StartsAt::question(question)).unwrap();
        let error = busy.restore(&busy.revision().unwrap(), into.path()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Busy);
        assert_eq!(shelf.text("playlists.xml"), "<rhythmdb-playlists/>");
    }
}

#[test]
fn what_is_already_so_is_not_written() {
    let shelf = Shelf::real();
    let into = tempfile::tempdir().unwrap();
    let library = shelf.library();
    library.back_up(into.path()).unwrap();
    let revision = library.revision().unwrap();
    assert_eq!(library.restore(&revision, into.path()).unwrap(), revision);
}
