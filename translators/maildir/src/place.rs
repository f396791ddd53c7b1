//! Where the copies of a message shall lie: moves, copies, and what leaves a folder.
//!
//! A copy that leaves one folder for another is renamed there. A folder that gets a message which leaves
//! none gets a second name of the same file, as mail servers do it, or where the file system has no such
//! names, a copy. A copy that leaves and goes nowhere is marked as deleted, and so is out of its folder.
//!
//! Invariant: no message file is ever removed, not even where it has a second name: a mail server that moves a message
//! gives it one for a moment, under the same name, and takes the first away. None takes the name of another.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::io;
use std::ops::Range;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use segue_mail::marks::DELETED_LETTER;
use segue_translator::{Error, file};

use crate::format;
use crate::listing::{self, Copy, Listing};
use crate::tree::{CUR, Folder, TMP};
use crate::write;

/// So many files of one name are told apart in a folder.
const NAMESAKES_MAX: usize = 1_000;

/// What becomes of the copies of one message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Placement {
    /// For each copy that does not stay as it is: which one, and where it lies then.
    pub(crate) targets: Vec<(usize, Target)>,
    /// Which file gets a name in which folder as well.
    pub(crate) links: Vec<(usize, usize)>,
}

/// Where one copy lies then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) folder: usize,
    /// Whether it is out of there.
    pub(crate) is_deleted: bool,
}

/// Whether a copy lies in its folder, and was not marked as deleted there.
pub(crate) fn lies(copy: &Copy) -> bool {
    format::letters(&copy.name).is_none_or(|letters| !letters.contains(&DELETED_LETTER))
}

impl Placement {
    /// Brings a message into folders and out of others. `copies` are all its files.
    pub(crate) fn of(
        listing: &Listing,
        copies: Range<usize>,
        into: &BTreeSet<Box<str>>,
        out_of: &BTreeSet<Box<str>>,
    ) -> Self {
        let name = |copy: usize| &*listing.folders[listing.copies[copy].folder].name;
        let is_there = |copy: &usize| lies(&listing.copies[*copy]);
        let mut placement = Self::default();
        let mut wanted = Vec::new();
        for path in into {
            // What was deleted there is taken back.
            let deleted = copies.clone().find(|copy| name(*copy) == &**path && !is_there(copy));
            if let Some(copy) = deleted {
                let folder = listing.copies[copy].folder;
                placement.targets.push((copy, Target { folder, is_deleted: false }));
            } else if let Some(folder) = folder(listing, path) {
                wanted.push(folder);
            }
        }
        let mut leaving: Vec<usize> =
            copies.clone().filter(|c| out_of.contains(name(*c)) && is_there(c)).collect();
        let mut wanted = wanted.into_iter();
        // A move; where several lay in the old folder, all files.
        if !leaving.is_empty()
            && let Some(folder) = wanted.next()
        {
            let (moves, names) = first_names(listing, &leaving);
            leaving = names;
            let moves = moves.into_iter();
            placement.targets.extend(moves.map(|c| (c, Target { folder, is_deleted: false })));
        }
        let gone = leaving
            .into_iter()
            .map(|copy| (copy, Target { folder: listing.copies[copy].folder, is_deleted: true }));
        placement.targets.extend(gone);
        if let Some(copy) = copies.clone().find(is_there).or(copies.clone().next()) {
            placement.links = wanted.map(|to| (copy, to)).collect();
        }
        placement
    }

    /// Where a copy lies then, if it does not stay as it is.
    pub(crate) fn target(&self, copy: usize) -> Option<Target> {
        self.targets.iter().find(|(moved, _)| *moved == copy).map(|(_, target)| *target)
    }
}

/// One name of each file, and the others.
fn first_names(listing: &Listing, copies: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let mut seen = HashSet::new();
    let is_first = |copy: &usize| {
        copies.len() < 2 || identity(listing, *copy).is_none_or(|id| seen.insert(id))
    };
    copies.iter().copied().partition(is_first)
}

/// What tells a file from others, whatever names it has: its device and inode.
fn identity(listing: &Listing, copy: usize) -> Option<(u64, u64)> {
    let meta = fs::symlink_metadata(listing.path(&listing.copies[copy])).ok()?;
    Some((meta.dev(), meta.ino()))
}

/// The folder of this path.
pub(crate) fn folder(listing: &Listing, path: &str) -> Option<usize> {
    listing.folders.iter().position(|folder| folder.name == path)
}

/// The names that are taken in some folders, marks aside.
#[derive(Debug, Default)]
pub(crate) struct Taken(HashSet<(usize, Box<[u8]>)>);

impl Taken {
    /// In these folders.
    pub(crate) fn of(listing: &Listing, folders: &BTreeSet<usize>) -> Self {
        let there = listing.copies.iter().filter(|copy| folders.contains(&copy.folder));
        Self(there.map(|copy| (copy.folder, format::base(&copy.name).into())).collect())
    }

    /// A name in a folder that no file there has: this one, if it can be.
    pub(crate) fn free(&mut self, folder: usize, base: &[u8]) -> Option<Box<[u8]>> {
        let mut names = (0..NAMESAKES_MAX).map(|number| numbered(base, number));
        names.find(|name| self.0.insert((folder, name.clone())))
    }
}

/// The name that a file gets where so many others have its own.
pub(crate) fn numbered(base: &[u8], number: usize) -> Box<[u8]> {
    if number == 0 {
        return base.into();
    }
    let unique = base.split(|byte| *byte == b',').next().unwrap_or_default().len();
    let (unique, said) = base.split_at(unique);
    [unique, format!("_{number}").as_bytes(), said].concat().into()
}

/// Gives a file a name in another folder as well. The inner error is why that could not be done.
pub(crate) fn link(
    from: (&Folder, &Copy),
    to: (&Folder, &[u8]),
) -> Result<Result<(), String>, Error> {
    let (folder, copy) = from;
    let target = to.0.path.join(CUR).join(write::os(to.1));
    let fail = |error: &io::Error| Error::io("copy a message", &target, error);
    let attempt = |source: &Path| match fs::hard_link(source, &target) {
        Err(error) if is_without_links(&error) => copy_bytes(source, to.0, to.1),
        linked => linked,
    };
    let mut linked = attempt(&listing::path(folder, copy.is_new, &copy.name));
    if linked.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        let found =
            listing::find(folder, format::base(&copy.name)).map_err(|error| fail(&error))?;
        let Some((is_new, name)) = found else {
            return Ok(Err("its file went away meanwhile".to_owned()));
        };
        linked = attempt(&listing::path(folder, is_new, &name));
    }
    match linked {
        Ok(()) => Ok(Ok(())),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Ok(Err("another file has its name there".to_owned()))
        }
        Err(error) => Err(fail(&error)),
    }
}

fn is_without_links(error: &io::Error) -> bool {
    use io::ErrorKind::{CrossesDevices, PermissionDenied, TooManyLinks, Unsupported};
    [CrossesDevices, PermissionDenied, TooManyLinks, Unsupported].contains(&error.kind())
}

/// Copies a file into a folder, with its time, which is when the message came.
fn copy_bytes(source: &Path, folder: &Folder, name: &[u8]) -> io::Result<()> {
    let unfinished = [format::base(name), b".segue"].concat();
    let unfinished = folder.path.join(TMP).join(write::os(&unfinished));
    let copied = file::copy(source, &unfinished)
        .map_err(|error| io::Error::other(error.to_string()))
        .and_then(|()| write::rename(&unfinished, &folder.path.join(CUR).join(write::os(name))));
    if copied.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    copied
}
