//! One database as a [`Library`].
//!
//! It puts the parts together: one transaction for a read, one for a write, and nobody else of this
//! process in between. What the parts do is theirs.
//!
//! Invariant: no method keeps a file open, and none sends anything on while it holds a lock.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use segue_translator::model::{ChangeSet, NativeId};
use segue_translator::{
    Capabilities, Container, Error, ErrorKind, Host, Library, Probe, Reading, Revision, Sink, Want,
    Written,
};

use crate::column::capabilities;
use crate::connection::Unfinished;
use crate::schema::Schema;
use crate::{backup, connection, read, write};

/// One database.
pub(crate) struct Database {
    path: PathBuf,
    host: Arc<dyn Host>,
    capabilities: &'static Capabilities,
}

impl Database {
    /// The database at this canonical path.
    pub(crate) fn new(path: PathBuf, host: Arc<dyn Host>) -> Self {
        let _alone = connection::exclusive();
        let schema = connection::read_at_one_instant(&path, "open", |connection| {
            Schema::inspect(connection, "open", &path)
        });
        // What cannot be read now says so when it is read.
        let version = schema.map_or(0, |(schema, _)| schema.version);
        Self { path, host, capabilities: capabilities(version) }
    }

    fn refuse_running(&self, operation: &'static str) -> Result<(), Error> {
        match self.running() {
            Some(what) => Err(Error::new(ErrorKind::Busy, operation, &self.path, what)),
            None => Ok(()),
        }
    }
}

impl Library for Database {
    fn capabilities(&self) -> &'static Capabilities {
        self.capabilities
    }

    fn running(&self) -> Option<String> {
        self.host.running(&Probe {
            processes: &["strawberry"],
            bus_names: &["org.mpris.MediaPlayer2.strawberry"],
            library: &self.path,
            holds_open: true,
        })
    }

    fn revision(&self) -> Result<Revision, Error> {
        let _alone = connection::exclusive();
        connection::revision(&self.path)
    }

    fn read(&self, sink: &mut dyn Sink) -> Result<Reading, Error> {
        let (contents, revision, unfinished) = {
            let _alone = connection::exclusive();
            let work = |connection: &_| read::read(connection, &self.path);
            let (contents, revision) = connection::read_at_one_instant(&self.path, "read", work)?;
            let header = connection::Header::open(&self.path, "read")?;
            let unfinished = connection::unfinished(&self.path, &header);
            (contents, revision, unfinished.and_then(Unfinished::read_only))
        };
        let container = Container { id: NativeId::from(""), revision: revision.clone() };
        if sink.container(container) == Want::Items {
            for item in contents.items {
                sink.item(item)?;
            }
        }
        for collection in contents.collections {
            sink.collection(collection)?;
        }
        Ok(Reading {
            revision,
            roots: contents.roots,
            read_only: contents.read_only.or_else(|| unfinished.map(Into::into)),
            losses: contents.losses,
            ..Reading::default()
        })
    }

    fn write(&self, expected: &Revision, changes: &ChangeSet) -> Result<Written, Error> {
        let _alone = connection::exclusive();
        write::write(&self.path, &|| self.refuse_running("write"), expected, changes)
    }

    fn back_up(&self, into: &Path) -> Result<Vec<PathBuf>, Error> {
        let _alone = connection::exclusive();
        backup::back_up(&self.path, into)
    }

    fn restore(&self, expected: &Revision, from: &Path) -> Result<Revision, Error> {
        let _alone = connection::exclusive();
        backup::restore(&self.path, &|| self.refuse_running("restore"), expected, from)
    }
}
