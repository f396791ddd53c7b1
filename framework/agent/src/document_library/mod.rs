//! A document used as a library: the base of shares and of documents that feed one another.
//!
//! [`Segue`] opens the folder of a Segue (`segue=PATH` on the command line) as any other app's
//! library: what the document says is read, edits are committed to it as one operation. It is never
//! discovered, only named.
//!
//! Invariant: a write is one operation of that folder's own log, so it is signed, undone and
//! synced there like any other.

mod read;
mod write;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use segue_model::{DocumentId, LinkId, music};
use segue_translator::{
    Access, Capabilities, CollectionSupport, Error, ErrorKind, FieldSupport, Host, Library, Names,
    Place, Reading, Revision, Sink, Translator, Written,
};
use sha2::{Digest, Sha256};

use crate::failure::Failure;
use crate::home::Home;
use crate::members::{ONLY_READS, may_write};
use crate::world::World;

/// A document holds every field of its schema exactly.
static FIELDS: [FieldSupport; 29] = {
    let mut supports = [FieldSupport::exact(&music::TITLE); 29];
    let mut index = 0;
    while index < supports.len() {
        supports[index] = FieldSupport::exact(music::MUSIC.fields[index]);
        index += 1;
    }
    supports
};

static CAPABILITIES: Capabilities = Capabilities {
    app: "segue",
    schema: &music::MUSIC,
    fields: &FIELDS,
    collections: &[
        CollectionSupport {
            kind: &music::PLAYLIST,
            access: Access::Write,
            repeats: true,
            names: Names::Any,
        },
        CollectionSupport {
            kind: &music::SMART_PLAYLIST,
            access: Access::Read,
            repeats: false,
            names: Names::Any,
        },
    ],
    hides: false,
    piecewise: false,
    cannot_hold: &[],
};

/// The translator of Segue's own documents.
pub struct Segue {
    world: World,
}

impl Segue {
    /// A translator whose writes take time and randomness from `world`.
    pub fn new(world: World) -> Self {
        Self { world }
    }
}

impl Translator for Segue {
    fn capabilities(&self) -> &'static Capabilities {
        &CAPABILITIES
    }

    fn discover(&self, _: &Place) -> Vec<PathBuf> {
        Vec::new()
    }

    fn open(&self, path: &Path, _: Arc<dyn Host>) -> Result<Box<dyn Library>, Error> {
        let absent = |detail: &str| Error::new(ErrorKind::Absent, "read", path, detail);
        if !path.join("segue.db").is_file() {
            return Err(absent("there is no Segue in this folder"));
        }
        let home = Home::open(path, &self.world).map_err(|error| failed(path, &error))?;
        let documents = home.store.documents().map_err(|error| failed(path, &error.into()))?;
        let document = documents.iter().rev().find(|row| row.schema == CAPABILITIES.schema.name);
        let document = document.ok_or_else(|| absent("it holds no music yet"))?.id;
        let (world, path) = (self.world.clone(), path.to_owned());
        Ok(Box::new(DocumentLibrary { home: Mutex::new(home), document, world, path }))
    }
}

/// One document as a library.
struct DocumentLibrary {
    home: Mutex<Home>,
    document: DocumentId,
    world: World,
    path: PathBuf,
}

impl DocumentLibrary {
    /// Runs `work` on the folder; its failures become the library's.
    fn with<T>(&self, work: impl FnOnce(&mut Home) -> Result<T, Failure>) -> Result<T, Error> {
        let busy = |_| Error::new(ErrorKind::Busy, "read", &self.path, "it is in use");
        let mut home = self.home.lock().map_err(busy)?;
        work(&mut home).map_err(|error| failed(&self.path, &error))
    }

    /// Whose values are written here: the library's own link, which no peer shares.
    fn link(&self) -> LinkId {
        let mut hasher = Sha256::new();
        hasher.update(b"segue library v1\0");
        hasher.update(self.document.0);
        let mut id = [0; 8];
        id.copy_from_slice(&hasher.finalize()[..8]);
        LinkId(id)
    }
}

impl Library for DocumentLibrary {
    fn capabilities(&self) -> &'static Capabilities {
        &CAPABILITIES
    }

    fn running(&self) -> Option<String> {
        None
    }

    fn revision(&self) -> Result<Revision, Error> {
        self.with(|home| read::revision(home, self.document))
    }

    fn read(&self, sink: &mut dyn Sink) -> Result<Reading, Error> {
        let catalog = self.with(|home| read::catalog(home, self.document))?;
        read::send(catalog, sink)?;
        let may_write = |home: &mut Home| Ok(may_write(home, &self.document)?);
        let read_only = (!self.with(may_write)?).then(|| ONLY_READS.to_owned());
        Ok(Reading { revision: self.revision()?, read_only, ..Reading::default() })
    }

    fn write(
        &self,
        expected: &Revision,
        changes: &segue_model::ChangeSet,
    ) -> Result<Written, Error> {
        self.expect(expected)?;
        self.with(|home| write::write(home, self.document, self.link(), &self.world, changes))
    }

    fn back_up(&self, into: &Path) -> Result<Vec<PathBuf>, Error> {
        let heads = self.with(|home| write::heads_text(home, self.document))?;
        let file = into.join("heads");
        std::fs::write(&file, heads).map_err(|error| Error::io("back up", &file, &error))?;
        Ok(vec![file])
    }

    fn restore(&self, expected: &Revision, from: &Path) -> Result<Revision, Error> {
        self.expect(expected)?;
        let file = from.join("heads");
        let heads = segue_translator::file::read_bounded(&file, 1 << 20)?;
        let heads = String::from_utf8_lossy(&heads);
        self.with(|home| write::restore(home, self.document, &self.world, &heads))?;
        self.revision()
    }
}

impl DocumentLibrary {
    fn expect(&self, expected: &Revision) -> Result<(), Error> {
        if self.revision()? == *expected {
            return Ok(());
        }
        let detail = "it changed since it was read";
        Err(Error::new(ErrorKind::Stale, "write", &self.path, detail))
    }
}

fn failed(path: &Path, error: &Failure) -> Error {
    let kind = match error {
        Failure::Store(segue_store::StoreError::Full) => ErrorKind::Full,
        Failure::Store(segue_store::StoreError::Newer { .. }) => ErrorKind::Unsupported,
        _ => ErrorKind::Io,
    };
    Error::new(kind, "use", path, error.to_string())
}
