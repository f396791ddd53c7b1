//! Which files are books, and what is read of them.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use segue_books::Books;
use segue_translator::model::{ChangeSet, FieldEdit, Location, NativeId, Value, books};
use segue_translator::{Collector, ErrorKind, Idle, Revision, Translator as _};

use crate::shelf::{Shelf, book, fields};

#[test]
fn real_books_say_all_that_their_makers_wrote() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/folders/epub");
    let library = Books.open(&folder, Arc::new(Idle)).unwrap();
    let (catalog, reading) = Collector::collect(&*library).unwrap();
    let ids: Vec<String> = catalog.items.iter().map(|item| item.id.to_string()).collect();
    let expected = ["Shelley/two.EPUB", "calibre.epub", "lent.epub", "other.epub", "three.epub"];
    assert_eq!(ids, expected);
    assert_eq!(reading.losses, []);
    assert_eq!(
        fields(&catalog, "three.epub"),
        [
            "authors: Ada Fern",
            "description: A lamp, and what nobody did by it.",
            "identifiers: isbn:9780141439587 | uuid:d3275932-2e1e-4e82-8524-236f16dbf701",
            "languages: en-GB",
            "published: 2009-05-01",
            "publisher: Bär Verlag",
            "series: Lamps & Lanterns",
            "series_index: 2",
            "subjects: Lamps | Reading, slow",
            "title: The Lamp",
        ]
    );
    assert_eq!(
        fields(&catalog, "calibre.epub"),
        [
            "authors: Björn Ås | Carla de la Cruz",
            "description: <p>About <b>15</b> &amp; more</p>",
            "identifiers: uuid:92be2840-90e2-4882-96a7-ee06a01fc611",
            "languages: de",
            "published: 2005-04-03T00:00:00+00:00",
            "series: The Harbour",
            "series_index: 7.5",
            "subjects: sci.fi | Größe",
            "title: Winter city the 15",
            "title_sort: Winter city the 15",
        ]
    );
    assert_eq!(
        fields(&catalog, "Shelley/two.EPUB"),
        [
            "authors: 村上 一 | Carla de la Cruz",
            "identifiers: doi:10.1000/abc",
            "languages: de",
            "published: 1813",
            "title: Das zweite Buch",
        ]
    );
}

#[test]
fn books_lie_below_the_folder_at_any_depth_and_hidden_ones_are_none() {
    let shelf = Shelf::new();
    for name in ["b.epub", "a/c.ePub", "a.epub", ".trash/d.epub", "._b.epub", "e.pdf", "epub"] {
        shelf.book(name, name);
    }
    let found: Vec<String> = shelf.titles().into_iter().map(|(id, _)| id).collect();
    assert_eq!(found, ["a.epub", "a/c.ePub", "b.epub"]);
    let (catalog, reading) = shelf.read();
    let folder = Location::from(shelf.path().to_str().unwrap());
    assert_eq!(reading.roots, std::slice::from_ref(&folder));
    let below = catalog.items[1].location.as_ref().and_then(|place| place.below(&folder));
    assert_eq!(below, Some(Location::from("a/c.ePub")));
}

#[test]
fn f13_names_that_are_no_text_are_names() {
    let shelf = Shelf::new();
    let name: &[u8] = b"b\xfck/\xff.epub";
    let path = shelf.path().join(OsStr::from_bytes(name));
    fs::create_dir(path.parent().unwrap()).unwrap();
    fs::write(&path, book("Odd", &[])).unwrap();
    let (catalog, _) = shelf.read();
    assert_eq!(catalog.items[0].id, NativeId::new(name));
    assert_eq!(catalog.items[0].location, Some(Location::new(path.as_os_str().as_bytes())));
}

#[test]
fn links_are_not_followed_but_the_folder_itself_may_be_one() {
    let (shelf, other) = (Shelf::new(), Shelf::new());
    let outside = other.book("outside.epub", "Outside");
    shelf.book("a.epub", "A");
    symlink(&outside, shelf.path().join("link.epub")).unwrap();
    symlink(other.path(), shelf.path().join("folder")).unwrap();
    symlink(shelf.path(), shelf.path().join("round")).unwrap();
    assert_eq!(shelf.titles(), [("a.epub".into(), "A".into())]);
    let link = other.path().join("link");
    symlink(shelf.path(), &link).unwrap();
    let library = Books.open(&link, Arc::new(Idle)).unwrap();
    let (catalog, _) = Collector::collect(&*library).unwrap();
    let seen = Location::new(link.join("a.epub").into_os_string().into_encoded_bytes());
    assert_eq!(catalog.items[0].location, Some(seen));
}

#[test]
fn the_revision_follows_books_and_licences_and_nothing_else() {
    let shelf = Shelf::new();
    shelf.book("a.epub", "A");
    let library = shelf.open();
    let mut before = library.revision().unwrap();
    shelf.put("notes.txt", b"more");
    assert_eq!(library.revision().unwrap(), before);
    let changes: [&dyn Fn(); 4] = [
        &|| drop(shelf.put("a.lcpl", b"{}")),
        &|| drop(shelf.book("a.epub", "B")),
        &|| fs::rename(shelf.path().join("a.epub"), shelf.path().join("b.epub")).unwrap(),
        &|| fs::remove_file(shelf.path().join("b.epub")).unwrap(),
    ];
    for change in changes {
        change();
        let after = library.revision().unwrap();
        assert_ne!(after, before);
        before = after;
    }
    fs::remove_file(shelf.path().join("a.lcpl")).unwrap();
    assert_eq!(shelf.titles(), [], "an empty folder is a library without books");
}

#[test]
fn nothing_is_written() {
    let shelf = Shelf::new();
    let path = shelf.book("a.epub", "A");
    let (library, before) = (shelf.open(), fs::read(&path).unwrap());
    let revision = library.revision().unwrap();
    let edit = FieldEdit {
        item: "a.epub".into(),
        field: &books::RATING,
        old: None,
        new: Some(Value::Int(80)),
    };
    let changes = ChangeSet { fields: vec![edit], ..ChangeSet::default() };
    let refused = library.write(&revision, &changes).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Unsupported);
    let stale = library.write(&Revision::default(), &changes).unwrap_err();
    assert_eq!(stale.kind, ErrorKind::Stale);
    let into = tempfile::tempdir().unwrap();
    assert_eq!(library.back_up(into.path()).unwrap(), Vec::<std::path::PathBuf>::new());
    let restored = library.restore(&revision, into.path()).unwrap_err();
    assert_eq!(restored.kind, ErrorKind::Unsupported);
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_file_is_no_folder() {
    let shelf = Shelf::new();
    let path = shelf.book("a.epub", "A");
    let opened = Books.open(&path, Arc::new(Idle)).map(drop).unwrap_err();
    assert_eq!(opened.kind, ErrorKind::Absent);
}
