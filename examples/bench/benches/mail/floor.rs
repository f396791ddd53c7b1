//! The least that a step could take: the same folders and files looked at without any engine.

use std::fs::{self, DirEntry, File};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::Outcome;

/// The folders of a store that hold messages.
fn folders(store: &Path) -> Outcome<Vec<PathBuf>> {
    let mut all = vec![store.join("cur")];
    for entry in fs::read_dir(store)? {
        let path = entry?.path().join("cur");
        if path.is_dir() {
            all.push(path);
        }
    }
    Ok(all)
}

fn each(store: &Path, mut work: impl FnMut(&DirEntry) -> Outcome<u64>) -> Outcome<u64> {
    let mut sum = 0;
    for folder in folders(store)? {
        for entry in fs::read_dir(folder)? {
            sum += work(&entry?)?;
        }
    }
    Ok(sum)
}

/// Only looks at the times of folders.
pub(crate) fn times(store: &Path) -> Outcome<u64> {
    let mut sum = 0;
    for folder in folders(store)? {
        sum += fs::metadata(folder)?.mtime() as u64;
    }
    Ok(sum)
}

/// Only lists names.
pub(crate) fn names(store: &Path) -> Outcome<u64> {
    each(store, |entry| Ok(entry.file_name().len() as u64))
}

/// Lists names, and asks for each file's size and time.
pub(crate) fn sizes(store: &Path) -> Outcome<u64> {
    each(store, |entry| Ok(entry.metadata()?.len()))
}

/// Opens each file and reads as much as a header usually has.
pub(crate) fn headers(store: &Path) -> Outcome<u64> {
    let mut buffer = [0; 4 << 10];
    each(store, |entry| Ok(File::open(entry.path())?.read(&mut buffer)? as u64))
}

/// Reads every byte.
pub(crate) fn bytes(store: &Path) -> Outcome<u64> {
    let mut buffer = vec![0; 1 << 16];
    each(store, |entry| {
        let (mut file, mut sum) = (File::open(entry.path())?, 0);
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(sum),
                count => sum += count as u64,
            }
        }
    })
}
