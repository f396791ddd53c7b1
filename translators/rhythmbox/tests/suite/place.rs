//! Finding and opening libraries.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use segue_rhythmbox::Rhythmbox;
use segue_translator::{ErrorKind, Idle, Place, Translator};

use crate::shelf::{StartsAt, song_library};

fn home_with(folders: &[&str]) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    for folder in folders {
        let folder = home.path().join(folder);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("rhythmdb.xml"), song_library("")).unwrap();
    }
    home
}

#[test]
fn desktop_flatpak_and_snap_are_found() {
    let folders = [
        ".local/share/rhythmbox",
        ".var/app/org.gnome.Rhythmbox3/data/rhythmbox",
        "snap/rhythmbox/current/.local/share/rhythmbox",
    ];
    let home = home_with(&folders);
    let place = Place::new(home.path(), BTreeMap::new());
    let expected: Vec<_> = folders.iter().map(|folder| home.path().join(folder)).collect();
    assert_eq!(Rhythmbox.discover(&place), expected);
}

#[test]
fn an_app_that_was_never_started_is_nothing() {
    let home = home_with(&[]);
    let place = Place::new(home.path(), BTreeMap::new());
    assert_eq!(Rhythmbox.discover(&place), Vec::<std::path::PathBuf>::new());
    let open = |path: &Path| Rhythmbox.open(path, Arc::new(Idle)).err().unwrap().kind;
    assert_eq!(open(home.path()), ErrorKind::Absent);
    assert_eq!(open(Path::new("/nonexistent")), ErrorKind::Absent);
}

#[test]
fn every_way_to_name_a_library_opens_the_same() {
    let home = home_with(&[".local/share/rhythmbox"]);
    let revision = |path: &str| {
        let library = Rhythmbox.open(&home.path().join(path), Arc::new(Idle)).unwrap();
        library.revision().unwrap()
    };
    let folder = revision(".local/share/rhythmbox");
    for path in ["", ".local/share", ".local/share/rhythmbox/rhythmdb.xml"] {
        assert_eq!(revision(path), folder, "{path}");
    }
}

#[test]
fn a_library_that_vanished_is_absent() {
    let home = home_with(&["a"]);
    let library = Rhythmbox.open(&home.path().join("a"), Arc::new(Idle)).unwrap();
    fs::remove_dir_all(home.path().join("a")).unwrap();
    assert_eq!(library.revision().unwrap_err().kind, ErrorKind::Absent);
}

#[test]
fn it_says_what_has_the_library_open() {
    let home = home_with(&["a"]);
    let library = Rhythmbox.open(&home.path().join("a"), StartsAt::question(1)).unwrap();
    assert_eq!(library.running(), None);
    assert_eq!(library.running().as_deref(), Some("rhythmbox runs"));
}
