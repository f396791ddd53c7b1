//! Reads a library: the whole file at one instant, or an error.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use segue_translator::model::{ChangeSet, NativeId};
use segue_translator::{
    Capabilities, Container, Error, ErrorKind, Host, Library, Probe, Reading, Revision, Sink, Want,
    Written, file,
};

use crate::format::{BYTES_MAX, Document};
use crate::{Kind, write};

/// An open library.
pub(crate) struct Open {
    pub(crate) kind: Kind,
    pub(crate) file: PathBuf,
    pub(crate) host: Arc<dyn Host>,
}

impl Open {
    /// The document and the state it had; an error if the file was replaced meanwhile.
    pub(crate) fn document(&self) -> Result<(Document, Revision), Error> {
        let before = self.revision()?;
        let document = document(&self.file)?;
        if self.revision()? != before {
            let detail = "the file changed while it was read";
            return Err(Error::new(ErrorKind::Stale, "read", &self.file, detail));
        }
        Ok((document, before))
    }
}

/// Reads and parses a library file.
pub(crate) fn document(path: &Path) -> Result<Document, Error> {
    let bytes = file::read_bounded(path, BYTES_MAX)?;
    Document::parse(&bytes).map_err(|(kind, detail)| Error::new(kind, "read", path, detail))
}

impl Library for Open {
    fn capabilities(&self) -> &'static Capabilities {
        self.kind.capabilities()
    }

    fn running(&self) -> Option<String> {
        self.host.running(&Probe {
            processes: &[self.capabilities().app],
            bus_names: &[],
            library: &self.file,
            holds_open: false,
        })
    }

    fn revision(&self) -> Result<Revision, Error> {
        let stamp = file::stamp(&self.file)?;
        if stamp.0 == "-" {
            let detail = "there is no such file";
            return Err(Error::new(ErrorKind::Absent, "read", &self.file, detail));
        }
        Ok(stamp)
    }

    fn read(&self, sink: &mut dyn Sink) -> Result<Reading, Error> {
        let (document, revision) = self.document()?;
        let (catalog, losses) = document.catalog(self.kind);
        let container = Container { id: NativeId::from(""), revision: revision.clone() };
        if matches!(sink.container(container), Want::Items) {
            let mut limits = document.limits();
            for item in catalog.items {
                let id = item.id.clone();
                sink.item(item)?;
                if let Some(limit) = limits.remove(&id) {
                    sink.limit(&id, limit)?;
                }
            }
        }
        catalog.collections.into_iter().try_for_each(|one| sink.collection(one))?;
        let (roots, read_only) = (document.roots(), document.read_only());
        Ok(Reading { revision, roots, read_only, losses, ..Reading::default() })
    }

    fn write(&self, expected: &Revision, changes: &ChangeSet) -> Result<Written, Error> {
        write::write(self, expected, changes)
    }

    fn back_up(&self, into: &Path) -> Result<Vec<PathBuf>, Error> {
        write::back_up(self, into)
    }

    fn restore(&self, expected: &Revision, from: &Path) -> Result<Revision, Error> {
        write::restore(self, expected, from)
    }
}
