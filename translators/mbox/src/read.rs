//! Reads a store: each message is one item, with the marks and places of all its copies.
//!
//! Invariant: what was sent counts only if no mailbox changed while it was.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use segue_mail::{column, message};
use segue_translator::model::{ChangeSet, Collection, Item, NativeId, Value, mail};
use segue_translator::{
    Capabilities, Container, Error, ErrorKind, Library, Reading, Revision, Sink, Want, Written,
};

use crate::column::{CAPABILITIES, CAPABILITIES_ALONE};
use crate::listing::{self, Copy, Known, Listing};
use crate::tree::{self, Mailbox};
use crate::view::View;
use crate::{backup, settle, write};

/// So many mailboxes are open at a time.
const OPEN_MAX: usize = 64;

/// A store of mail.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) root: PathBuf,
    /// Whether it is one mailbox, and no folder of them.
    pub(crate) is_alone: bool,
    /// What was read of mailboxes. Held while one is read or written: closing a file gives up each lock that
    /// the process has on it.
    pub(crate) known: Mutex<Known>,
}

impl Store {
    pub(crate) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Library for Store {
    fn capabilities(&self) -> &'static Capabilities {
        if self.is_alone { &CAPABILITIES_ALONE } else { &CAPABILITIES }
    }

    /// Mailboxes are made to be written by several programs, one after the other: each takes the locks.
    fn running(&self) -> Option<String> {
        None
    }

    fn revision(&self) -> Result<Revision, Error> {
        let tree = tree::walk(&self.root)?;
        Ok(tree::revision(&tree.mailboxes, &listing::stamps(&tree.mailboxes)?))
    }

    fn finish(&self) -> Result<(), Error> {
        settle::all(self)
    }

    fn read(&self, sink: &mut dyn Sink) -> Result<Reading, Error> {
        let mut known = self.known();
        let listing = Listing::make(&self.root, &mut known)?;
        let revision = listing.revision();
        let container = Container { id: NativeId::from(""), revision: revision.clone() };
        if sink.container(container) == Want::Items {
            let mut open = HashMap::new();
            for copies in listing.messages() {
                send(&listing, copies, &mut open, sink)?;
            }
        }
        let mut collections: Vec<_> = listing.mailboxes.iter().map(collection).collect();
        collections.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        collections.into_iter().try_for_each(|folder| sink.collection(folder))?;
        if self.revision()? != revision {
            let detail = "the mail changed while it was read";
            return Err(Error::new(ErrorKind::Stale, "read", &self.root, detail));
        }
        Ok(Reading { revision, losses: listing.losses, ..Reading::default() })
    }

    fn write(&self, expected: &Revision, changes: &ChangeSet) -> Result<Written, Error> {
        write::write(self, expected, changes)
    }

    fn stands(&self, obstacle: &str) -> Result<bool, Error> {
        let listing = Listing::make(&self.root, &mut self.known())?;
        Ok(write::stands(&listing, obstacle))
    }

    fn back_up(&self, into: &Path) -> Result<Vec<PathBuf>, Error> {
        let _known = self.known();
        backup::back_up(&self.root, into)
    }

    fn restore(&self, expected: &Revision, from: &Path) -> Result<Revision, Error> {
        backup::restore(self, expected, from)
    }
}

fn send(
    listing: &Listing,
    copies: &[Copy],
    open: &mut HashMap<usize, View>,
    sink: &mut dyn Sink,
) -> Result<(), Error> {
    let Some(first) = copies.first() else { return Ok(()) };
    let path = &listing.mailboxes[first.mailbox].path;
    if open.len() >= OPEN_MAX && !open.contains_key(&first.mailbox) {
        open.clear();
    }
    let view = match open.entry(first.mailbox) {
        Entry::Occupied(view) => view.into_mut(),
        Entry::Vacant(place) => place.insert(View::open_again(path)?),
    };
    let header = view.bytes(first.message.header.clone());
    let header = header.map_err(|error| Error::io("read", path, &error))?;
    let marks = listing::marks(copies);
    let id = first.message.key.id();
    let mut item = Item::new(id.clone());
    item.fields = message::read_header(&header);
    item.fields.set(&mail::KEY, Value::text(id));
    item.fields.set(&mail::FLAGS, column::list(marks.flags.iter().map(|flag| (*flag).into())));
    item.fields.set(&mail::KEYWORDS, column::list(marks.keywords));
    item.fields.set(&mail::FOLDERS, column::list(listing.places(copies)));
    item.fields.shrink();
    sink.item(item)
}

fn collection(mailbox: &Mailbox) -> Collection {
    Collection {
        id: mailbox.id(),
        kind: &mail::FOLDER,
        name: mailbox.name.as_str().into(),
        parent: None,
        entries: Vec::new(),
        rule: None,
    }
}
