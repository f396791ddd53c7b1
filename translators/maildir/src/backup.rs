//! Keeps what a write can change, and brings it back: the names of files, and what letters mean.
//!
//! Messages are never edited, so their bytes need no copy. The kept list holds a line of bytes for
//! each file, ended by NUL: its folder and its name.
//!
//! Invariant: restoring renames files within their folders; what came since stays, and keeps its
//! meaning.

use std::collections::HashMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use segue_translator::{Error, ErrorKind, Revision, file};

use crate::format;
use crate::keywords;
use crate::listing::{self, Copy, Listing};
use crate::lock::Lock;
use crate::read::Store;
use crate::tree::{CUR, Folder, NEW};
use crate::write;

const NAMES: &str = "names-of-messages";
const NAMES_BYTES_MAX: u64 = 2 << 30;

/// Copies the names of all files, and the files of keywords.
pub(crate) fn back_up(listing: &Listing, into: &Path) -> Result<Vec<PathBuf>, Error> {
    let path = into.join(NAMES);
    let fail = |error| Error::io("back up", into, &error);
    let names: Vec<u8> = listing.copies.iter().flat_map(|copy| line(listing, copy)).collect();
    fs::write(&path, names).map_err(fail)?;
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

/// Gives files the names back that they had.
pub(crate) fn restore(store: &Store, expected: &Revision, from: &Path) -> Result<Revision, Error> {
    let names = file::read_bounded(&from.join(NAMES), NAMES_BYTES_MAX)?;
    let mut listing = store.list()?;
    if listing.revision != *expected {
        let detail = "the mail changed since it was written";
        return Err(Error::new(ErrorKind::Stale, "restore", &store.root, detail));
    }
    let old = names_by_file(&names);
    for index in 0..listing.copies.len() {
        let copy = &listing.copies[index];
        let folder = &listing.folders[copy.folder];
        let file = (folder.relative.as_os_str().as_bytes(), format::base(&copy.name));
        let Some(Some((part, name))) = old.get(&file) else { continue };
        let is_new = *part == NEW.as_bytes();
        if (is_new, *name) != (copy.is_new, &*copy.name) {
            rename(folder, copy, is_new, name)?;
            listing.copies[index] = Copy { name: (*name).into(), is_new, ..copy.clone() };
        }
    }
    listing.copies.sort_unstable();
    restore_keywords(&mut listing, from)?;
    write::revision(store, &listing)
}

/// The part of its folder and the name that each file had; `None` where two had what stays of a name.
type Old<'a> = HashMap<(&'a [u8], &'a [u8]), Option<(&'a [u8], &'a [u8])>>;

fn names_by_file(names: &[u8]) -> Old<'_> {
    let mut all = Old::new();
    for line in names.split(|byte| *byte == 0) {
        let mut parts = line.rsplitn(3, |byte| *byte == b'/');
        let (Some(name), Some(part), Some(folder)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let file = (folder, format::base(name));
        all.entry(file).and_modify(|old| *old = None).or_insert(Some((part, name)));
    }
    all
}

fn rename(folder: &Folder, copy: &Copy, is_new: bool, name: &[u8]) -> Result<(), Error> {
    let (from, to) =
        (listing::path(folder, copy.is_new, &copy.name), listing::path(folder, is_new, name));
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
        let old = keywords::Keywords::read(kept.parent().unwrap_or(from))?;
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
