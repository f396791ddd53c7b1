//! One library, put together from its parts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use segue_translator::model::ChangeSet;
use segue_translator::{Capabilities, Error, Host, Library, Reading, Revision, Sink, Written};

use crate::column::CAPABILITIES;
use crate::files::Files;
use crate::format::Bounds;
use crate::{backup, read, write};

/// One library of Rhythmbox.
pub(crate) struct Opened {
    pub(crate) files: Files,
    pub(crate) bounds: Bounds,
    pub(crate) host: Arc<dyn Host>,
}

impl Library for Opened {
    fn capabilities(&self) -> &'static Capabilities {
        &CAPABILITIES
    }

    fn running(&self) -> Option<String> {
        self.files.running(&*self.host)
    }

    fn revision(&self) -> Result<Revision, Error> {
        self.files.revision()
    }

    fn read(&self, sink: &mut dyn Sink) -> Result<Reading, Error> {
        read::read(&self.files, self.bounds, sink)
    }

    fn write(&self, expected: &Revision, changes: &ChangeSet) -> Result<Written, Error> {
        write::write(&self.files, self.bounds, &*self.host, expected, changes)
    }

    fn back_up(&self, into: &Path) -> Result<Vec<PathBuf>, Error> {
        backup::back_up(&self.files, into)
    }

    fn restore(&self, expected: &Revision, from: &Path) -> Result<Revision, Error> {
        backup::restore(&self.files, self.bounds, &*self.host, expected, from)
    }
}
