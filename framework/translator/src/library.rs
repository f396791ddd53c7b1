//! The two traits of a translator, and what passes through them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use segue_model::{CarriedLimit, ChangeSet, Collection, Field, Item, Location, NativeId};

use crate::{Capabilities, Error, Host, Place};

/// An opaque mark of a library's state. Two equal marks mean an unchanged library; different marks
/// mean that it may have changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Revision(pub String);

/// A part of a library that can be read on its own, such as a mail folder. Music libraries have
/// one, with an empty name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// The library's name for it.
    pub id: NativeId,
    /// Its state; a reader that knows this state may skip the container.
    pub revision: Revision,
}

/// A reader's answer to a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Send its items.
    Items,
    /// Its items are known at this revision; go on with the next.
    Nothing,
}

/// What receives a library while it is read.
pub trait Sink {
    /// Announces a container; containers come sorted by id.
    fn container(&mut self, container: Container) -> Want;
    /// Whether the receiver has the values of this item's [fixed](crate::FieldSupport::fixed) fields: then these
    /// need not be sent with it, and those that it has count. Asked right before the item is sent, or never.
    ///
    /// # Errors
    /// As [`Sink::item`].
    fn knows(&mut self, _item: &NativeId) -> Result<bool, Error> {
        Ok(false)
    }
    /// Whether the receiver has nothing of the library yet, so that it has nothing to lose.
    fn is_new(&self) -> bool {
        false
    }
    /// Takes an item of the announced container; items come sorted by native id, each once.
    ///
    /// # Errors
    /// Whatever the receiver cannot go on with; the translator stops and passes it on.
    fn item(&mut self, item: Item) -> Result<(), Error>;
    /// Takes a limit that the item which was sent last carries. A receiver that keeps no limits
    /// must not use the content of the items either.
    ///
    /// # Errors
    /// As [`Sink::item`].
    fn limit(&mut self, item: &NativeId, limit: CarriedLimit) -> Result<(), Error>;
    /// Takes a collection; all come after all items, sorted by native id, each once.
    ///
    /// # Errors
    /// As [`Sink::item`].
    fn collection(&mut self, collection: Collection) -> Result<(), Error>;
}

/// Something a library holds that could not be carried. Always recorded, never only logged. An item that a
/// loss names and that is not sent is in the library all the same: it stays what it was last read as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// What it concerns.
    pub id: NativeId,
    /// What is lost, in words: "a second entry with the same location".
    pub what: String,
}

/// What is known about a library after a whole read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reading {
    /// The state that was read.
    pub revision: Revision,
    /// Folders below which the app looks for content, if it says so.
    pub roots: Vec<Location>,
    /// Why the library must not be written, such as an unknown schema version.
    pub read_only: Option<String>,
    /// The file that holds the collections is not there: what is missing was not removed.
    pub collections_missing: bool,
    /// What could not be carried.
    pub losses: Vec<Loss>,
    /// Elements of sets that some items may have although they were sent without them: the folder of a message whose
    /// file could not be read. An item that had such an element is taken to have it still.
    pub unseen: Vec<(&'static Field, Box<str>)>,
    /// Which items these are, sorted, if that is known; none if they may be any.
    pub suspects: Option<Vec<NativeId>>,
    /// Items that can have no other elements of a set where they lie: that they lack others is no removal.
    pub narrow: Vec<Narrow>,
    /// What people call items that a loss names and that were not sent.
    pub called: Vec<(NativeId, String)>,
}

/// A set of an item that can have no other elements than these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Narrow {
    /// The item.
    pub id: NativeId,
    /// The set.
    pub field: &'static Field,
    /// The elements that it can have.
    pub holds: Arc<BTreeSet<Box<str>>>,
}

/// An edit that was not made, for the most part because the library no longer held what the edit expected.
/// Whether that is so, reading again shows; what a library could never hold is better said as [`Unable`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The item or collection.
    pub id: NativeId,
    /// Why, in words.
    pub reason: String,
}

impl Refusal {
    /// Refuses the edits that hide or show an item, for an app that hides nothing.
    pub fn of_listing(changes: &ChangeSet) -> impl Iterator<Item = Self> + '_ {
        changes.listing.iter().map(|edit| Self {
            id: edit.item().clone(),
            reason: "the app hides nothing".to_owned(),
        })
    }
}

/// What of an edit was not made because the library cannot hold it where the item lies; the rest of the edit was.
/// It is no removal that the item lacks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unable {
    /// The item.
    pub id: NativeId,
    /// Which of its fields.
    pub field: &'static Field,
    /// The elements of a set that it lacks, or that some of its copies lack; none if nothing of the edit was made.
    pub lacks: Vec<Box<str>>,
    /// Why, in words.
    pub reason: String,
    /// What stands in the way, in the library's own words: [`Library::stands`] is asked whether it still does. Empty, if
    /// it is what a loss of a reading names.
    pub obstacle: String,
}

/// What a write did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Written {
    /// The state after the write.
    pub revision: Revision,
    /// Native ids of created collections, in the order of the `Create` edits that were made.
    pub created: Vec<NativeId>,
    /// Edits that were not made.
    pub refused: Vec<Refusal>,
    /// What the library cannot hold, however often it is written.
    pub unable: Vec<Unable>,
}

/// What was heard of an app that was listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// Something of its library may have changed.
    Change,
    /// Nothing, for as long as it was listened to.
    Nothing,
    /// The app tells nobody: whether something changed its files say, and the revision.
    Mute,
}

/// One library of one app.
///
/// # Behavior
/// - Reading changes no byte; two reads of an unchanged library are equal (law `read`).
/// - An error voids the whole read (law `whole`).
/// - A receiver that knows items ends up with the same as one that knows none (law `read`).
/// - A write is atomic and leaves everything that is not modelled as it was (laws `crash`, `unknown`).
/// - What an interrupted write left is read as it is after it was finished (law `crash`).
pub trait Library: Send {
    /// What the app can hold.
    fn capabilities(&self) -> &'static Capabilities;

    /// What has the library open now, in words; `None` if nothing has.
    fn running(&self) -> Option<String>;

    /// The library's current state, cheaply: without reading it.
    ///
    /// # Errors
    /// `Absent` if there is no library, or the file system's.
    fn revision(&self) -> Result<Revision, Error>;

    /// Folders and files, beside the path at which the library was opened, that a write may change and that other
    /// libraries may hold too: the mail of which notmuch has the tags.
    fn shares(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Waits, for at most `patience`, until the app says that something changed. What changed before
    /// is not told, so the revision is to be looked at after each call, and now and then all the same. An
    /// app that says nothing is not waited for.
    ///
    /// # Errors
    /// `NotRunning` if the app is not there to tell; `TooLarge`, once, if not all of the library can be listened to.
    fn listen(&self, _patience: Duration) -> Result<Heard, Error> {
        Ok(Heard::Mute)
    }

    /// Finishes, or takes back, what a write of ours that was interrupted left in the app's files, under the locks
    /// that a write takes. [`Library::read`] goes round it, but the app does not; so nothing that is read counts
    /// before this was asked. It does nothing where no such write can leave anything.
    ///
    /// # Errors
    /// `Busy` while the app has the library, `Corrupt` if others wrote it since and what is ours cannot be told
    /// from what is theirs. Then all is as it was.
    fn finish(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Reads the whole library at one instant.
    ///
    /// # Errors
    /// `Corrupt`, `TooLarge`, `Absent`, or the sink's. After an error nothing that was sent counts.
    fn read(&self, sink: &mut dyn Sink) -> Result<Reading, Error>;

    /// Makes `changes`, all at once, if the library is still at `expected`.
    ///
    /// Each edit is made only where the library still holds the edit's `old`; the others are
    /// refused, one by one.
    ///
    /// # Errors
    /// `Busy` while the app runs, `Stale` if the library is not at `expected`, `Unsupported` if it
    /// is read-only. After an error nothing was written.
    fn write(&self, expected: &Revision, changes: &ChangeSet) -> Result<Written, Error>;

    /// Whether what stood in the way of an edit, an [`Unable::obstacle`], still does. While it does the edit is
    /// not tried again, unless it becomes another or a person asks for it.
    ///
    /// # Errors
    /// The file system's.
    fn stands(&self, _obstacle: &str) -> Result<bool, Error> {
        Ok(true)
    }

    /// Copies the library's files into the empty folder `into`, so that [`Library::restore`] can
    /// bring them back. Returns the copies.
    ///
    /// # Errors
    /// The file system's. What was copied so far may remain in `into`.
    fn back_up(&self, into: &Path) -> Result<Vec<PathBuf>, Error>;

    /// Brings back the files of a backup (identical bytes; for databases identical content), if
    /// the library is still at `expected`.
    ///
    /// # Errors
    /// As [`Library::write`].
    fn restore(&self, expected: &Revision, from: &Path) -> Result<Revision, Error>;
}

/// The code that understands one app.
pub trait Translator: Send + Sync {
    /// What the app can hold.
    fn capabilities(&self) -> &'static Capabilities;

    /// Libraries of the app in `place`: folders that [`Translator::open`] takes. An app that is
    /// not installed is an empty list.
    fn discover(&self, place: &Place) -> Vec<PathBuf>;

    /// Opens the library at `path`: the folder that `discover` gives, or its main file.
    ///
    /// # Errors
    /// `Absent` if there is none.
    fn open(&self, path: &Path, host: Arc<dyn Host>) -> Result<Box<dyn Library>, Error>;
}

/// A sink that keeps everything as a [`segue_model::Catalog`]; for tests and small libraries.
#[derive(Debug, Default)]
pub struct Collector {
    /// What was read.
    pub catalog: segue_model::Catalog,
}

impl Collector {
    /// Reads the whole library.
    ///
    /// # Errors
    /// The library's.
    pub fn collect(library: &dyn Library) -> Result<(segue_model::Catalog, Reading), Error> {
        let mut collector = Self::default();
        let reading = library.read(&mut collector)?;
        Ok((collector.catalog, reading))
    }
}

impl Sink for Collector {
    fn container(&mut self, _: Container) -> Want {
        Want::Items
    }

    fn item(&mut self, item: Item) -> Result<(), Error> {
        self.catalog.items.push(item);
        Ok(())
    }

    fn limit(&mut self, item: &NativeId, limit: CarriedLimit) -> Result<(), Error> {
        self.catalog.limits.entry(item.clone()).or_default().push(limit);
        Ok(())
    }

    fn collection(&mut self, collection: Collection) -> Result<(), Error> {
        self.catalog.collections.push(collection);
        Ok(())
    }
}
