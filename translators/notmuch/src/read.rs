//! Reads a database: each message is one item, with the tags of notmuch and the places of its files.
//!
//! Invariant: reading changes no byte and waits for no lock; what notmuch has not seen yet is not there.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use segue_mail::{Ears, Key, message};
use segue_maildir::{File, Tree};
use segue_translator::model::{ChangeSet, Item, NativeId, Value, mail};
use segue_translator::{
    Capabilities, Container, Error, ErrorKind, Heard, Library, Loss, Reading, Revision, Sink, Want,
    Written,
};

use crate::column::CAPABILITIES;
use crate::database::Database;
use crate::state::{Last, Marks, State};
use crate::{backup, write};

/// A database with its mail.
#[derive(Debug)]
pub(crate) struct Mail {
    pub(crate) database: Database,
    /// Its files.
    pub(crate) tree: Tree,
    pub(crate) last: Mutex<Last>,
    pub(crate) ears: Ears,
}

impl Mail {
    pub(crate) fn state(&self) -> Result<State, Error> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        State::read(&self.database, &self.tree, &mut last)
    }

    /// The revision, without reading.
    pub(crate) fn now(&self) -> Result<Revision, Error> {
        State::now(&self.database, &self.tree)
    }
}

impl Library for Mail {
    fn capabilities(&self) -> &'static Capabilities {
        &CAPABILITIES
    }

    /// notmuch has a lock of its own for those who write, and nothing that runs all the time.
    fn running(&self) -> Option<String> {
        None
    }

    fn revision(&self) -> Result<Revision, Error> {
        self.now()
    }

    /// notmuch keeps flags in the names of files too.
    fn shares(&self) -> Vec<PathBuf> {
        vec![self.database.root.clone()]
    }

    /// To the database: a file of which it does not know is not there, and each change gives one of its files another
    /// name.
    fn listen(&self, patience: Duration) -> Result<Heard, Error> {
        self.ears.listen(&[self.database.folder()], patience)
    }

    fn read(&self, sink: &mut dyn Sink) -> Result<Reading, Error> {
        let state = self.state()?;
        let mut reading = Reading { revision: state.revision.clone(), ..Reading::default() };
        let container = Container { id: NativeId::from(""), revision: reading.revision.clone() };
        if sink.container(container) == Want::Items {
            for key in state.keys() {
                let is_known = sink.knows(&key.id().into())?;
                match self.item(&state, key, is_known)? {
                    Ok(item) => sink.item(item)?,
                    Err(loss) => reading.losses.push(loss),
                }
            }
        }
        reading.losses.extend(state.losses.iter().cloned());
        let unseen = state.files.unseen().into_iter();
        reading.unseen = unseen.map(|path| (&mail::FOLDERS, path.into())).collect();
        if sink.is_new() {
            self.tree.begin();
        }
        let suspects = state.files.suspects();
        reading.suspects = suspects.map(|all| all.iter().map(|key| key.id().into()).collect());
        state.files.folders().into_iter().try_for_each(|folder| sink.collection(folder))?;
        Ok(reading)
    }

    fn write(&self, expected: &Revision, changes: &ChangeSet) -> Result<Written, Error> {
        write::write(self, expected, changes)
    }

    fn stands(&self, obstacle: &str) -> Result<bool, Error> {
        self.tree.stands(obstacle)
    }

    /// A write changes tags, and the names of files.
    fn back_up(&self, into: &Path) -> Result<Vec<PathBuf>, Error> {
        backup::back_up(&self.state()?, into)
    }

    fn restore(&self, expected: &Revision, from: &Path) -> Result<Revision, Error> {
        backup::restore(self, expected, from)
    }
}

impl Mail {
    /// What is told of a message. The inner error is why it cannot be told, the outer one voids the read.
    fn item(&self, state: &State, key: Key, is_known: bool) -> Result<Result<Item, Loss>, Error> {
        let id = key.id();
        // Whoever knows the message knows its headers.
        let header = if is_known {
            Some(Ok(Vec::new()))
        } else {
            state.copies_of(key).next().map(File::header)
        };
        let header = match header {
            Some(Ok(header)) => header,
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => {
                return Ok(Err(Loss { id: id.into(), what: error.to_string() }));
            }
            _ => {
                let detail = "a message went away while it was read";
                return Err(Error::new(ErrorKind::Stale, "read", &self.database.root, detail));
            }
        };
        let marks = state.marks(key);
        let mut item = Item::new(id.clone());
        item.fields = message::read_header(&header);
        item.fields.set(&mail::KEY, Value::text(id));
        item.fields.set(&mail::FLAGS, Marks::value(&marks.flags));
        item.fields.set(&mail::KEYWORDS, Marks::value(&marks.keywords));
        item.fields.set(&mail::FOLDERS, Marks::value(&state.places(key)));
        item.fields.shrink();
        Ok(Ok(item))
    }
}
