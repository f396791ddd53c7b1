//! Reads a store: each message is one item, with the marks and places of all its copies.
//!
//! Only headers are read for what is told, and only of messages that the receiver does not know; the body was read
//! once, for the key.
//!
//! Invariant: a message of which not all marks can be told is a loss and is not sent, so that what is
//! not understood is never taken for removed.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use segue_mail::{Ears, message};
use segue_translator::model::{ChangeSet, Collection, Fields, Item, NativeId, Value, mail};
use segue_translator::{
    Capabilities, Container, Error, ErrorKind, Heard, Library, Loss, Narrow, Reading, Revision,
    Sink, Want, Written,
};

use crate::column::CAPABILITIES;
use crate::listing::{self, Copy, Known, Listing, Marks};
use crate::tree::{self, CUR, NEW};
use crate::{backup, letters, write};

/// A store of mail.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) root: PathBuf,
    /// The keys of files that were seen.
    pub(crate) known: Mutex<Known>,
    ears: Ears,
}

impl Store {
    pub(crate) fn new(root: PathBuf, known: Known) -> Self {
        Self { root, known: Mutex::new(known), ears: Ears::default() }
    }

    pub(crate) fn list(&self) -> Result<Listing, Error> {
        Listing::make(&self.root, &mut self.known())
    }

    /// Who has nothing misses nothing, whatever could not be read.
    pub(crate) fn begin(&self) {
        let mut known = self.known();
        known.note_whole();
        known.keep_all();
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Library for Store {
    fn capabilities(&self) -> &'static Capabilities {
        &CAPABILITIES
    }

    /// Maildir is made to be written by several programs at once: one rename is one change.
    fn running(&self) -> Option<String> {
        None
    }

    fn revision(&self) -> Result<Revision, Error> {
        tree::revision(&tree::folders(&self.root)?)
    }

    /// To the folders of messages: what else changes in a store, looking finds.
    fn listen(&self, patience: Duration) -> Result<Heard, Error> {
        let folders = tree::folders(&self.root)?;
        let parts = |folder: &tree::Folder| [CUR, NEW].map(|part| folder.path.join(part));
        let parts: Vec<PathBuf> = folders.iter().flat_map(parts).collect();
        self.ears.listen(&parts, patience)
    }

    fn read(&self, sink: &mut dyn Sink) -> Result<Reading, Error> {
        let listing = self.list()?;
        let mut reading = Reading { revision: listing.revision.clone(), ..Reading::default() };
        let container = Container { id: NativeId::from(""), revision: reading.revision.clone() };
        if sink.container(container) == Want::Items {
            for copies in listing.messages() {
                send(&listing, copies, sink, &mut reading)?;
            }
        }
        reading.narrow = narrow(&listing);
        reading.losses.extend(listing.losses.iter().cloned());
        reading.unseen = listing.unseen().into_iter().collect();
        if sink.is_new() {
            self.begin();
        }
        let suspects = listing.suspects.as_ref();
        reading.suspects = suspects.map(|all| all.iter().map(|key| key.id().into()).collect());
        let mut collections: Vec<_> = listing.folders.iter().map(collection).collect();
        collections.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        collections.into_iter().try_for_each(|folder| sink.collection(folder))?;
        Ok(reading)
    }

    fn write(&self, expected: &Revision, changes: &ChangeSet) -> Result<Written, Error> {
        write::write(self, expected, changes)
    }

    fn stands(&self, obstacle: &str) -> Result<bool, Error> {
        letters::stands(self, obstacle)
    }

    /// Names are the state, so the names of all files are kept, and what letters mean.
    fn back_up(&self, into: &Path) -> Result<Vec<PathBuf>, Error> {
        backup::back_up(&self.list()?, into)
    }

    fn restore(&self, expected: &Revision, from: &Path) -> Result<Revision, Error> {
        backup::restore(self, expected, from)
    }
}

fn send(
    listing: &Listing,
    copies: &[Copy],
    sink: &mut dyn Sink,
    reading: &mut Reading,
) -> Result<(), Error> {
    let Some(first) = copies.first() else { return Ok(()) };
    let id = first.key.id();
    let native = NativeId::from(&*id);
    // Whoever knows the message knows its headers.
    let headers = if sink.knows(&native)? {
        Ok(Fields::default())
    } else {
        headers(&listing.folders[first.folder], first)?
    };
    let headers = match headers {
        Ok(headers) => headers,
        Err(what) => {
            reading.losses.push(Loss { id: native, what });
            return Ok(());
        }
    };
    let marks = match listing.marks(copies) {
        Ok(marks) => marks,
        Err(what) => {
            let subject = headers.value(&mail::SUBJECT).and_then(Value::as_text);
            reading.called.extend(subject.map(|subject| (native.clone(), subject.to_owned())));
            reading.losses.push(Loss { id: native, what });
            return Ok(());
        }
    };
    let mut item = Item::new(native);
    item.fields = headers;
    item.fields.set(&mail::KEY, Value::text(id));
    item.fields.set(&mail::FLAGS, Marks::value(&marks.flags));
    item.fields.set(&mail::KEYWORDS, Marks::value(&marks.keywords));
    item.fields.set(&mail::FOLDERS, Marks::value(&listing.places(copies)));
    item.fields.shrink();
    sink.item(item)
}

/// The messages that can have no other keywords than they could be given, because their folders are full.
fn narrow(listing: &Listing) -> Vec<Narrow> {
    let full = listing.full();
    let mut known: HashMap<BTreeSet<usize>, Arc<BTreeSet<Box<str>>>> = HashMap::new();
    let mut all = Vec::new();
    for copies in listing.messages().filter(|_| full.contains(&true)) {
        let folders: BTreeSet<usize> = copies.iter().map(|copy| copy.folder).collect();
        if !folders.iter().all(|folder| full[*folder]) {
            continue;
        }
        let names = || folders.iter().flat_map(|folder| listing.keywords[*folder].all());
        let of_all = || Arc::new(names().map(Into::into).collect());
        let holds = known.get(&folders).cloned().unwrap_or_else(of_all);
        known.insert(folders, Arc::clone(&holds));
        let id = copies.first().map(|copy| NativeId::from(copy.key.id()));
        all.extend(id.map(|id| Narrow { id, field: &mail::KEYWORDS, holds }));
    }
    all
}

/// What the header of a copy says. The inner error is why it cannot be read, the outer one ends the read.
fn headers(folder: &tree::Folder, copy: &Copy) -> Result<Result<Fields, String>, Error> {
    match listing::open(folder, copy).and_then(|mut file| message::header(&mut file)) {
        Ok(header) => Ok(Ok(message::read_header(&header))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let detail = "a message went away while it was read";
            Err(Error::new(ErrorKind::Stale, "read", &folder.path, detail))
        }
        Err(error) => Ok(Err(error.to_string())),
    }
}

pub(crate) fn collection(folder: &tree::Folder) -> Collection {
    Collection {
        id: NativeId::new(folder.relative.clone().into_os_string().into_encoded_bytes()),
        kind: &mail::FOLDER,
        name: folder.name.as_str().into(),
        parent: None,
        entries: Vec::new(),
        rule: None,
    }
}
