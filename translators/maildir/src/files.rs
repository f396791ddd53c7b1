//! The files of a store, for programs that keep what they know elsewhere and their mail in a Maildir.
//!
//! Tells which message each file is and where it lies. Marks that a file's name has are not told, but for the one
//! that a copy was removed: what a program knows of its messages that program is asked for. Moves are made as a
//! write to the store makes them.
//!
//! Invariant: a file is found by what of its name stays, so that a rename makes no other file of it.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::io::{self, BufReader};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use segue_mail::{Key, message};
use segue_translator::model::{Collection, NativeId};
use segue_translator::{Error, Host, Loss, Refusal, Revision, Written};

use crate::listing::{self, Copy, Listing};
use crate::read::{Store, collection};
use crate::write::{self, Planned};
use crate::{backup, format, letters, place, tree};

/// So many are looked for of which the names were made because others were taken.
const NAMESAKES_MAX: usize = 8;

/// A store of mail, with the keys of files that were seen.
#[derive(Debug)]
pub struct Tree(Store);

/// Where a message shall lie that lies elsewhere.
#[derive(Debug, Clone)]
pub struct Move {
    /// Which message.
    pub key: Key,
    /// The folders that it comes to; one that is not there is made.
    pub into: BTreeSet<Box<str>>,
    /// The folders that it leaves.
    pub out_of: BTreeSet<Box<str>>,
    /// The marks that each of its files gets on the way, as letters.
    pub add: BTreeSet<u8>,
    /// The marks that each of its files loses on the way.
    pub remove: BTreeSet<u8>,
}

impl Tree {
    /// The store below `root`, with the keys that the host of a library keeps.
    pub fn of(root: PathBuf, host: &dyn Host, library: &Path) -> Self {
        let known = listing::Known::of(host, library, listing::KEYS);
        Self(Store::new(root, known))
    }

    /// Lists the files.
    ///
    /// # Errors
    /// `Absent` if it has no folder of mail, `TooLarge`, `Stale` if it changes all the time.
    pub fn list(&self) -> Result<Files, Error> {
        Ok(Files::of(self.0.list()?))
    }

    /// Says that whoever asks has nothing of the store yet, so that what cannot be read now is nothing that it had.
    pub fn begin(&self) {
        self.0.begin();
    }

    /// The state of the store, from the times of its folders alone.
    ///
    /// # Errors
    /// As [`Tree::list`].
    pub fn revision(&self) -> Result<Revision, Error> {
        tree::revision(&tree::folders(&self.0.root)?)
    }

    /// Moves and copies messages, and marks as deleted what goes nowhere, as a write to the store does it.
    /// Returns what was done, with a state that nobody reads if somebody else wrote as well.
    ///
    /// # Errors
    /// `Stale` if the store is no longer in the state `expected`; the file system's.
    pub fn place(
        &self,
        expected: &Revision,
        moves: impl IntoIterator<Item = Move>,
    ) -> Result<Written, Error> {
        let listing = self.0.list()?;
        if listing.revision != *expected {
            return Err(write::stale(&self.0));
        }
        let mut written = Written::default();
        let mut planned = Planned::new();
        for one in moves {
            let id = NativeId::from(one.key.id());
            match listing.marks(&listing.copies[listing.message(one.key)]) {
                Ok(_) => _ = planned.insert(id, one.into()),
                Err(reason) => written.refused.push(Refusal { id, reason }),
            }
        }
        written.revision = write::carry_out(&self.0, listing, planned, &mut written)?;
        Ok(written)
    }

    /// Whether what stood in the way of a move still does.
    ///
    /// # Errors
    /// As [`Tree::list`].
    pub fn stands(&self, obstacle: &str) -> Result<bool, Error> {
        letters::stands(&self.0, obstacle)
    }

    /// Gives files the names back that [`Files::back_up`] kept.
    ///
    /// # Errors
    /// As [`Tree::place`].
    pub fn restore(&self, expected: &Revision, from: &Path) -> Result<Revision, Error> {
        backup::restore(&self.0, expected, from)
    }
}

/// All files of a store at one instant.
#[derive(Debug)]
pub struct Files {
    listing: Listing,
    /// Files by what of them stays: their folder, and the part of their name.
    places: HashMap<(usize, Box<[u8]>), usize>,
    /// Files by what of their name stays.
    names: HashMap<Box<[u8]>, Vec<usize>>,
    /// Folders by their paths below the store.
    folders: HashMap<PathBuf, usize>,
}

impl Files {
    fn of(listing: Listing) -> Self {
        let place =
            |(index, copy): (usize, &Copy)| ((copy.folder, format::base(&copy.name).into()), index);
        let places = listing.copies.iter().enumerate().map(place).collect();
        let all = listing.folders.iter().enumerate();
        let folders = all.map(|(index, folder)| (folder.relative.clone(), index)).collect();
        let mut names: HashMap<Box<[u8]>, Vec<usize>> = HashMap::new();
        for (index, copy) in listing.copies.iter().enumerate() {
            names.entry(format::base(&copy.name).into()).or_default().push(index);
        }
        Self { listing, places, names, folders }
    }

    /// The state that was listed.
    pub fn listed(&self) -> &Revision {
        &self.listing.revision
    }

    /// The folders, sorted by their ids.
    pub fn folders(&self) -> Vec<Collection> {
        let mut folders: Vec<_> = self.listing.folders.iter().map(collection).collect();
        folders.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        folders
    }

    /// The number of the file that has this path below the store, or had it before it was renamed.
    pub fn find(&self, path: &Path) -> Option<usize> {
        let name = format::base(path.file_name()?.as_bytes()).into();
        let folder = path.parent()?.parent()?;
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        self.places.get(&(*self.folders.get(folder)?, name)).copied()
    }

    /// The numbers of the files, in whichever folders, of which the same stays as of this path's name.
    pub fn find_elsewhere(&self, path: &Path) -> &[usize] {
        path.file_name().map_or(&[], |name| self.called(format::base(name.as_bytes())))
    }

    /// The numbers of files whose names are as this path's would be made where it was taken. They may be any messages.
    pub fn find_renamed(&self, path: &Path) -> impl Iterator<Item = usize> {
        let name = path.file_name().unwrap_or_default();
        let names = (1..=NAMESAKES_MAX).map(|number| {
            let name = place::numbered(format::base(name.as_bytes()), number);
            self.called(&name)
        });
        names.flatten().copied()
    }

    fn called(&self, base: &[u8]) -> &[usize] {
        self.names.get(base).map_or(&[], Vec::as_slice)
    }

    /// The numbers of all files of a message.
    pub fn copies(&self, key: Key) -> Range<usize> {
        self.listing.message(key)
    }

    /// The folders with files that are there and could not be read.
    pub fn unseen(&self) -> BTreeSet<&str> {
        let folders = self.listing.unseen.iter();
        folders.map(|(folder, _)| &*self.listing.folders[*folder].name).collect()
    }

    /// The messages that these may be, if that is known.
    pub fn suspects(&self) -> Option<&BTreeSet<Key>> {
        self.listing.suspects.as_ref()
    }

    /// Keeps the names of all files, and what letters in them mean.
    ///
    /// # Errors
    /// The file system's.
    pub fn back_up(&self, into: &Path) -> Result<Vec<PathBuf>, Error> {
        backup::back_up(&self.listing, into)
    }

    /// What is told of the file of this number.
    pub fn file(&self, number: usize) -> File<'_> {
        File { files: self, copy: &self.listing.copies[number] }
    }

    /// Files that are no messages, by their paths below the store.
    pub fn losses(&self) -> &[Loss] {
        &self.listing.losses
    }
}

/// A file with a message.
#[derive(Debug, Clone, Copy)]
pub struct File<'f> {
    files: &'f Files,
    copy: &'f Copy,
}

impl<'f> File<'f> {
    /// The message that it is.
    pub fn key(self) -> Key {
        self.copy.key
    }

    /// The folder in which it lies, by the name that people know.
    pub fn folder(self) -> &'f str {
        &self.files.listing.folders[self.copy.folder].name
    }

    /// Whether it was marked as one that left its folder.
    pub fn is_deleted(self) -> bool {
        !place::lies(self.copy)
    }

    /// Its path below the store.
    pub fn path(self) -> PathBuf {
        let relative = &self.files.listing.folders[self.copy.folder].relative;
        let part = if self.copy.is_new { tree::NEW } else { tree::CUR };
        let folder = relative.strip_prefix(".").unwrap_or(relative);
        folder.join(part).join(OsStr::from_bytes(&self.copy.name))
    }

    /// The header of the message.
    ///
    /// # Errors
    /// The file system's.
    pub fn header(self) -> io::Result<Vec<u8>> {
        let folder = &self.files.listing.folders[self.copy.folder];
        let mut file: BufReader<_> = listing::open(folder, self.copy)?;
        message::header(&mut file)
    }
}
