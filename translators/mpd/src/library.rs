//! One server as a [`Library`].
//!
//! MPD is meant to run: it is read and written through its protocol, and where it does not run its
//! library waits. Each operation is one conversation.
//!
//! Invariant: no connection outlives an operation, and nothing is sent on while one is open.

use std::path::{Path, PathBuf};
use std::time::Duration;

use segue_translator::model::{ChangeSet, NativeId};
use segue_translator::{
    Capabilities, Container, Error, ErrorKind, Heard, Library, Reading, Revision, Sink, Want,
    Written,
};

use crate::client::{Client, Limits};
use crate::config::Config;
use crate::kind::capabilities;
use crate::{backup, read, revision, write};

/// Of what MPD tells that it changed: all that is read.
const SUBSYSTEMS: [&str; 3] = ["database", "sticker", "stored_playlist"];

/// One server.
pub(crate) struct Server {
    config: Config,
    limits: Limits,
}

impl Server {
    pub(crate) fn new(config: Config, limits: Limits) -> Self {
        Self { config, limits }
    }

    fn connect(&self, operation: &'static str) -> Result<Client, Error> {
        Client::connect(&self.config, self.limits, operation)
    }
}

impl Library for Server {
    fn capabilities(&self) -> &'static Capabilities {
        capabilities(self.config.stickers.is_some(), self.config.playlists.is_some())
    }

    /// A running MPD is no obstacle: it is what is written.
    fn running(&self) -> Option<String> {
        None
    }

    fn revision(&self) -> Result<Revision, Error> {
        revision::now(&mut self.connect("read")?, &self.config)
    }

    fn listen(&self, patience: Duration) -> Result<Heard, Error> {
        let limits = Limits { silence: patience, whole: patience, ..self.limits };
        let mut client = Client::connect(&self.config, limits, "listen to")?;
        match client.ask("idle", &SUBSYSTEMS) {
            Ok(_) => Ok(Heard::Change),
            Err(error) if error.kind == ErrorKind::TimedOut => Ok(Heard::Nothing),
            Err(error) => Err(error),
        }
    }

    fn read(&self, sink: &mut dyn Sink) -> Result<Reading, Error> {
        let contents = read::read(&mut self.connect("read")?, &self.config)?;
        let revision = contents.reading.revision.clone();
        if sink.container(Container { id: NativeId::from(""), revision }) == Want::Items {
            for item in contents.items {
                sink.item(item)?;
            }
        }
        for collection in contents.collections {
            sink.collection(collection)?;
        }
        Ok(contents.reading)
    }

    fn write(&self, expected: &Revision, changes: &ChangeSet) -> Result<Written, Error> {
        let mut client = self.connect("write")?;
        write::write(&mut client, &self.config, self.capabilities(), expected, changes)
    }

    fn back_up(&self, into: &Path) -> Result<Vec<PathBuf>, Error> {
        backup::back_up(&mut self.connect("back up")?, &self.config, into)
    }

    fn restore(&self, expected: &Revision, from: &Path) -> Result<Revision, Error> {
        backup::restore(&mut self.connect("restore")?, &self.config, expected, from)
    }
}
