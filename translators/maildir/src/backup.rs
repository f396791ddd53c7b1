//! Keeps what a write can change, and brings it back: the names of files, and what letters mean.
//!
//! Messages are never edited, so their bytes need no copy. The kept list holds a line of bytes for
//! each file, ended by NUL: its folder and its name; and one for each folder.
//!
//! Invariant: restoring renames files and removes none; the second name that one got since is marked as
//! deleted. What else came since stays, and keeps its meaning.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{BufWriter, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use segue_mail::marks::{DELETED_LETTER, FLAGS};
use segue_translator::{Error, ErrorKind, Revision, file};

use crate::format;
use crate::keywords;
use crate::listing::{self, Copy, Listing};
use crate::lock::Lock;
use crate::read::Store;
use crate::tree::{self, CUR, Folder, NEW};
use crate::{layout, write};

const NAMES: &str = "names-of-messages";
const NAMES_BYTES_MAX: u64 = 2 << 30;

/// Copies the names of all files, and the files of keywords.
pub(crate) fn back_up(listing: &Listing, into: &Path) -> Result<Vec<PathBuf>, Error> {
    let path = into.join(NAMES);
    let fail = |error| Error::io("back up", into, &error);
    let mut names = BufWriter::new(fs::File::create(&path).map_err(fail)?);
    let copies = listing.copies.iter().map(|copy| line(listing, copy));
    for line in copies.chain(listing.folders.iter().map(folder_line)) {
        names.write_all(&line).map_err(fail)?;
    }
    names.flush().map_err(fail)?;
    write::sync_folder(&path)?;
    let mut copies = vec![path];
    for folder in &listing.folders {
        let from = folder.path.join(keywords::FILE);
        if from.is_file() {
            let to = into.join(&folder.relative);
            fs::create_dir_all(&to).map_err(fail)?;
            let to = to.join(keywords::FILE);
            file::copy(&from, &to)?;
            copies.push(to);
        }
    }
    write::sync_folder(into)?;
    Ok(copies)
}

fn line(listing: &Listing, copy: &Copy) -> Vec<u8> {
    let folder = &listing.folders[copy.folder].relative;
    let part = if copy.is_new { NEW } else { CUR };
    [folder.as_os_str().as_bytes(), b"/", part.as_bytes(), b"/", &copy.name, b"\0"].concat()
}

/// The line of a folder: one without a file.
fn folder_line(folder: &Folder) -> Vec<u8> {
    [folder.relative.as_os_str().as_bytes(), b"\0"].concat()
}

/// Gives files the names back that they had.
pub(crate) fn restore(store: &Store, expected: &Revision, from: &Path) -> Result<Revision, Error> {
    let names = file::read_bounded(&from.join(NAMES), NAMES_BYTES_MAX)?;
    let mut listing = store.list()?;
    if listing.revision != *expected {
        let detail = "the mail changed since it was written";
        return Err(Error::new(ErrorKind::Stale, "restore", &store.root, detail));
    }
    let kept = Kept::of(&names);
    for (index, copy) in kept.old_copies(&listing) {
        rename(&listing, &listing.copies[index], &copy)?;
        listing.copies[index] = copy;
    }
    listing.copies.sort_unstable();
    restore_keywords(&mut listing, from)?;
    layout::take_away(&listing, |folder| kept.folders.contains(folder.as_os_str().as_bytes()));
    write::revision(store, &with(listing, tree::folders(&store.root)?))
}

/// The listing with those of its folders that are left.
fn with(mut listing: Listing, left: Vec<Folder>) -> Listing {
    let place = |folder: &Folder| left.iter().position(|other| other == folder);
    let places: Vec<Option<usize>> = listing.folders.iter().map(place).collect();
    for copy in &mut listing.copies {
        copy.folder = places[copy.folder].unwrap_or(usize::MAX);
    }
    let keywords = listing.keywords.into_iter().zip(places).filter(|(_, place)| place.is_some());
    listing.keywords = keywords.map(|(keywords, _)| keywords).collect();
    listing.folders = left;
    listing
}

/// What of a file's place stays: its folder and its name, marks aside.
type Place<'a> = (&'a [u8], &'a [u8]);

fn file_of<'l>(listing: &'l Listing, copy: &'l Copy) -> Place<'l> {
    let folder = &listing.folders[copy.folder].relative;
    (folder.as_os_str().as_bytes(), format::base(&copy.name))
}

/// The part of its folder that a file lies in, and its name.
type InFolder<'a> = (&'a [u8], &'a [u8]);

/// What a backup says.
#[derive(Default)]
struct Kept<'a> {
    /// The part of its folder and the name that each file had; `None` where two had what stays of a name.
    files: HashMap<Place<'a>, Option<InFolder<'a>>>,
    /// The folder in which a file of each name lay; `None` where there were several.
    places: HashMap<&'a [u8], Option<&'a [u8]>>,
    folders: HashSet<&'a [u8]>,
}

impl<'a> Kept<'a> {
    fn of(names: &'a [u8]) -> Self {
        let mut kept = Self::default();
        for line in names.split(|byte| *byte == 0) {
            let mut parts = line.rsplitn(3, |byte| *byte == b'/');
            let (name, part, folder) = (parts.next(), parts.next(), parts.next());
            let (Some(name), Some(part @ (b"cur" | b"new")), Some(folder)) = (name, part, folder)
            else {
                kept.folders.insert(line);
                continue;
            };
            let base = format::base(name);
            let file = kept.files.entry((folder, base));
            file.and_modify(|old| *old = None).or_insert(Some((part, name)));
            let place = kept.places.entry(base);
            place.and_modify(|old| *old = None).or_insert(Some(folder));
        }
        kept
    }

    /// What copies were like that are different now. One that is the second name of a file which has its place
    /// again was not there, and says nothing of the message.
    fn old_copies(&self, listing: &Listing) -> Vec<(usize, Copy)> {
        let mut old = Vec::new();
        let mut taken: HashSet<(usize, &[u8])> = HashSet::new();
        let mut moved = Vec::new();
        for (index, copy) in listing.copies.iter().enumerate() {
            let (folder, base) = file_of(listing, copy);
            match self.files.get(&(folder, base)) {
                Some(Some((part, name))) => {
                    taken.insert((copy.folder, base));
                    let is_new = *part == NEW.as_bytes();
                    old.push((index, Copy { name: (*name).into(), is_new, ..copy.clone() }));
                }
                Some(None) => {}
                None => moved.push((index, copy, base)),
            }
        }
        for (index, copy, base) in moved {
            let Some((folder, old_copy)) = self.before(listing, copy, base) else { continue };
            if taken.insert((folder, base)) {
                old.push((index, old_copy));
            } else if let Some(letters) = format::letters(&copy.name) {
                let is_told = |letter: &u8| {
                    letter.is_ascii_lowercase() || FLAGS.iter().any(|flag| flag.letter == *letter)
                };
                let others = letters.iter().copied().filter(|letter| !is_told(letter));
                let letters = others.chain([DELETED_LETTER]).collect();
                let name = format::with_letters(&copy.name, letters).into();
                old.push((index, Copy { name, is_new: false, ..copy.clone() }));
            }
        }
        old.retain(|(index, old)| *old != listing.copies[*index]);
        old
    }

    /// What a copy was like in the folder in which a file of its name lay.
    fn before(&self, listing: &Listing, copy: &Copy, base: &[u8]) -> Option<(usize, Copy)> {
        let before = (*self.places.get(base)?)?;
        let is_it = |folder: &Folder| folder.relative.as_os_str().as_bytes() == before;
        let folder = listing.folders.iter().position(is_it)?;
        let (part, name) = (*self.files.get(&(before, base))?)?;
        let is_new = part == NEW.as_bytes();
        Some((folder, Copy { folder, name: name.into(), is_new, ..copy.clone() }))
    }
}

fn rename(listing: &Listing, copy: &Copy, old: &Copy) -> Result<(), Error> {
    let path = |copy: &Copy| listing::path(&listing.folders[copy.folder], copy.is_new, &copy.name);
    let (from, to) = (path(copy), path(old));
    write::rename(&from, &to).map_err(|error| Error::io("restore", &from, &error))?;
    for path in [from, to] {
        path.parent().map_or(Ok(()), write::sync_folder)?;
    }
    Ok(())
}

/// Takes the lines away that were added, unless a file bears one of their letters.
fn restore_keywords(listing: &mut Listing, from: &Path) -> Result<(), Error> {
    for index in 0..listing.folders.len() {
        let folder = &listing.folders[index];
        let kept = from.join(&folder.relative).join(keywords::FILE);
        // One that is damaged cannot be read, and need not come back where it is as it was.
        let is_as_it_was =
            || fs::read(&kept).ok() == fs::read(folder.path.join(keywords::FILE)).ok();
        let old = match keywords::Keywords::read(kept.parent().unwrap_or(from)) {
            Err(_) if is_as_it_was() => continue,
            read => read?,
        };
        let is_known = |copy: &Copy| {
            let letters = format::letters(&copy.name).unwrap_or_default().iter();
            letters.filter(|letter| letter.is_ascii_lowercase()).all(|l| old.name(*l).is_some())
        };
        let mut copies = listing.copies.iter().filter(|copy| copy.folder == index);
        if old.is_as(&listing.keywords[index]) || !copies.all(is_known) {
            continue;
        }
        let _lock = Lock::take(&folder.path)?;
        if old.is_kept {
            old.write(&folder.path)?;
        } else {
            let path = folder.path.join(keywords::FILE);
            fs::remove_file(&path).map_err(|error| Error::io("restore", &path, &error))?;
        }
        listing.keywords[index] = old;
    }
    Ok(())
}
