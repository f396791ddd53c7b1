//! A library in a temporary folder, and short ways to read and edit it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use segue_rhythmbox::Rhythmbox;
use segue_translator::model::{
    Catalog, ChangeSet, CollectionEdit, Field, FieldEdit, NativeId, Value,
};
use segue_translator::{
    Collector, Error, Host, Idle, Library, Probe, Reading, Translator, Written,
};

/// The fixture's files.
pub(crate) fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/3.4.6");
    fs::read_to_string(folder.join(name)).unwrap()
}

pub(crate) struct Shelf {
    folder: tempfile::TempDir,
}

impl Shelf {
    /// A library with these files.
    pub(crate) fn new(library: impl AsRef<[u8]>, playlists: Option<&str>) -> Self {
        let shelf = Self { folder: tempfile::tempdir().unwrap() };
        fs::write(shelf.path("rhythmdb.xml"), library).unwrap();
        if let Some(playlists) = playlists {
            fs::write(shelf.path("playlists.xml"), playlists).unwrap();
        }
        shelf
    }

    /// The fixture.
    pub(crate) fn real() -> Self {
        Self::new(fixture("rhythmdb.xml"), Some(&fixture("playlists.xml")))
    }

    /// A library of one song, whose elements after the location are given.
    pub(crate) fn of_song(elements: &str) -> Self {
        Self::new(song_library(elements), None)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn library(&self) -> Box<dyn Library> {
        Rhythmbox.open(self.folder(), Arc::new(Idle)).unwrap()
    }

    pub(crate) fn read(&self) -> (Catalog, Reading) {
        Collector::collect(&*self.library()).unwrap()
    }

    pub(crate) fn read_error(&self) -> Error {
        Collector::collect(&*self.library()).unwrap_err()
    }

    pub(crate) fn write(&self, changes: &ChangeSet) -> Written {
        let library = self.library();
        library.write(&library.revision().unwrap(), changes).unwrap()
    }

    /// Makes one edit of a field, expecting what is there now; must not be refused.
    pub(crate) fn set(&self, item: &str, field: &'static Field, new: Option<Value>) {
        let (catalog, _) = self.read();
        let id = NativeId::from(item);
        let old = catalog.item(&id).unwrap().fields.value(field).cloned();
        let written = self.write(&fields([FieldEdit { item: id, field, old, new }]));
        assert_eq!(written.refused, []);
    }

    /// What one song holds now.
    pub(crate) fn value(&self, item: &str, field: &'static Field) -> Option<Value> {
        self.read().0.item(&NativeId::from(item)).unwrap().fields.value(field).cloned()
    }
}

/// The song of [`Shelf::of_song`].
pub(crate) const SONG: &str = "file:///m/a.mp3";

/// A library of one song.
pub(crate) fn song_library(elements: &str) -> String {
    format!(
        "<?xml version=\"1.0\" standalone=\"yes\"?>\n<rhythmdb version=\"2.0\">\n  \
         <entry type=\"song\">\n    <location>{SONG}</location>{elements}\n  </entry>\n</rhythmdb>\n"
    )
}

pub(crate) fn fields(edits: impl IntoIterator<Item = FieldEdit>) -> ChangeSet {
    ChangeSet { fields: edits.into_iter().collect(), ..ChangeSet::default() }
}

pub(crate) fn lists(edits: impl IntoIterator<Item = CollectionEdit>) -> ChangeSet {
    ChangeSet { collections: edits.into_iter().collect(), ..ChangeSet::default() }
}

/// A host on which the app starts before the given question; questions count from 0.
pub(crate) struct StartsAt(usize, AtomicUsize);

impl StartsAt {
    pub(crate) fn question(number: usize) -> Arc<dyn Host> {
        Arc::new(Self(number, AtomicUsize::new(0)))
    }
}

impl Host for StartsAt {
    fn running(&self, probe: &Probe<'_>) -> Option<String> {
        assert!(probe.processes.contains(&"rhythmbox"));
        let asked = self.1.fetch_add(1, Ordering::SeqCst);
        (asked >= self.0).then(|| "rhythmbox runs".to_owned())
    }
}

/// A host that writes to a file at the given question, as an app would that saves meanwhile.
pub(crate) struct SavesAt(usize, PathBuf, AtomicUsize);

impl SavesAt {
    pub(crate) fn question(number: usize, file: PathBuf) -> Arc<dyn Host> {
        Arc::new(Self(number, file, AtomicUsize::new(0)))
    }
}

impl Host for SavesAt {
    fn running(&self, _: &Probe<'_>) -> Option<String> {
        if self.2.fetch_add(1, Ordering::SeqCst) == self.0 {
            fs::write(&self.1, "saved").unwrap();
        }
        None
    }
}
