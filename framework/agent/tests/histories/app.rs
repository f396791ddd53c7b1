//! The apps of a home: the memory kinds, and the real formats.
//!
//! A person edits a real library as its app does: it knows the whole library and saves it. What is
//! written here is written without the translators, which only read it back.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use segue_memory::{Kind, Memory, Store};
use segue_rhythmbox::Rhythmbox;
use segue_strawberry::Strawberry;
use segue_translator::model::Catalog;
use segue_translator::{Collector, Idle, Place, Translator};

use crate::{rhythmdb, strawberrydb};

/// An app, with one library in a home.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum App {
    Memory(Kind),
    Rhythmbox,
    Strawberry,
}

impl fmt::Debug for App {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory(kind) => write!(out, "{kind:?}"),
            Self::Rhythmbox => write!(out, "Rhythmbox"),
            Self::Strawberry => write!(out, "Strawberry"),
        }
    }
}

impl From<Kind> for App {
    fn from(kind: Kind) -> Self {
        Self::Memory(kind)
    }
}

impl App {
    /// Every app that a home may have.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        Kind::ALL.into_iter().map(Self::Memory).chain([Self::Rhythmbox, Self::Strawberry])
    }

    pub(crate) fn translator(self) -> Arc<dyn Translator> {
        match self {
            Self::Memory(kind) => Arc::new(Memory(kind)),
            Self::Rhythmbox => Arc::new(Rhythmbox),
            Self::Strawberry => Arc::new(Strawberry),
        }
    }

    /// What people call it.
    pub(crate) fn name(self) -> &'static str {
        self.translator().capabilities().app
    }

    /// The folder of its library.
    pub(crate) fn folder(self, place: &Place) -> PathBuf {
        match self {
            Self::Strawberry => place.data_home().join("strawberry/strawberry"),
            _ => place.data_home().join(self.name()),
        }
    }

    /// Makes an empty library.
    pub(crate) fn create(self, folder: &Path) {
        match self {
            Self::Memory(kind) => _ = Store::create(kind, folder).unwrap(),
            Self::Rhythmbox => {
                std::fs::create_dir_all(folder).unwrap();
                rhythmdb::save(folder, &Catalog::default());
            }
            Self::Strawberry => strawberrydb::create(folder),
        }
    }

    /// What the app shows.
    pub(crate) fn catalog(self, folder: &Path) -> Catalog {
        if let Self::Memory(kind) = self {
            return Store::open(kind, folder).unwrap().catalog();
        }
        let library = self.translator().open(folder, Arc::new(Idle)).unwrap();
        Collector::collect(&*library).unwrap().0
    }

    /// What a person does in the app, which saves.
    pub(crate) fn edit(self, folder: &Path, edit: impl FnOnce(&mut Catalog)) -> Catalog {
        let Self::Memory(kind) = self else {
            let mut catalog = self.catalog(folder);
            edit(&mut catalog);
            // A catalog is looked up by id.
            catalog.items.sort_by(|a, b| a.id.cmp(&b.id));
            match self {
                Self::Strawberry => strawberrydb::save(folder, &catalog),
                _ => rhythmdb::save(folder, &catalog),
            }
            return self.catalog(folder);
        };
        Store::edit(kind, folder, edit).unwrap()
    }
}
