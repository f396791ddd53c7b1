//! The files of a store, for programs that keep what they know elsewhere and their mail in a Maildir.
//!
//! Tells which message each file is and where it lies. Marks that a file's name has are not told, but for the one
//! that a copy was removed: what a program knows of its messages that program is asked for.
//!
//! Invariant: a file is found by what of its name stays, so that a rename makes no other file of it.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::{self, BufReader};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use segue_mail::{Key, message};
use segue_translator::model::Collection;
use segue_translator::{Error, Host, Loss, Revision};

use crate::listing::{self, Copy, Listing};
use crate::read::collection;
use crate::{format, place, tree};

/// The keys of files that were seen.
#[derive(Debug)]
pub struct Known(listing::Known);

impl Known {
    /// Those of a library, as far as its host keeps them.
    pub fn of(host: &dyn Host, library: &Path) -> Self {
        Self(listing::Known::of(host, library, listing::KEYS))
    }
}

/// All files of a store at one instant.
#[derive(Debug)]
pub struct Files {
    listing: Listing,
    /// Files by what of them stays: their folder, and the part of their name.
    places: HashMap<(usize, Box<[u8]>), usize>,
    /// Files by what of their name stays; `None` where several have it.
    names: HashMap<Box<[u8]>, Option<usize>>,
    /// Folders by their paths below the store.
    folders: HashMap<PathBuf, usize>,
}

impl Files {
    /// Lists the store below `root`.
    ///
    /// # Errors
    /// `Absent` if it has no folder of mail, `TooLarge`, `Stale` if it changes all the time.
    pub fn list(root: &Path, known: &mut Known) -> Result<Self, Error> {
        let listing = Listing::make(root, &mut known.0)?;
        let place =
            |(index, copy): (usize, &Copy)| ((copy.folder, format::base(&copy.name).into()), index);
        let places = listing.copies.iter().enumerate().map(place).collect();
        let all = listing.folders.iter().enumerate();
        let folders = all.map(|(index, folder)| (folder.relative.clone(), index)).collect();
        let mut names: HashMap<Box<[u8]>, Option<usize>> = HashMap::new();
        for (index, copy) in listing.copies.iter().enumerate() {
            let name = names.entry(format::base(&copy.name).into());
            name.and_modify(|other| *other = None).or_insert(Some(index));
        }
        Ok(Self { listing, places, names, folders })
    }

    /// The state of the store below `root`, from the times of its folders alone.
    ///
    /// # Errors
    /// As [`Files::list`].
    pub fn revision(root: &Path) -> Result<Revision, Error> {
        tree::revision(&tree::folders(root)?)
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

    /// The number of the only file, in whichever folder, of which the same stays as of this path's name.
    pub fn find_elsewhere(&self, path: &Path) -> Option<usize> {
        *self.names.get(format::base(path.file_name()?.as_bytes()))?
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
