//! The audio files below a folder, and a mark of their state that opens none of them.
//!
//! Links are not followed, so nothing is listed twice and no walk runs in circles. Hidden files and folders
//! are left out, as players do.
//!
//! Invariant: a folder that cannot be looked into is an error, never a folder without files: its songs
//! would look removed.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use segue_translator::{Error, ErrorKind, Revision};
use sha2::{Digest as _, Sha256};
use walkdir::{DirEntry, WalkDir};

use crate::format;

/// Most audio files below one folder.
const FILES_MAX: usize = 2_000_000;
/// What a file system keeps in its own top folder, readable by root alone.
const LOST: &str = "lost+found";

/// One audio file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its path below the folder; the order of the files is that of these bytes.
    pub(crate) id: Box<[u8]>,
    /// How long it is.
    pub(crate) size: u64,
    /// When its content and its metadata changed last: some taggers put the former back.
    changed: [i64; 4],
}

/// Every audio file below `folder`, in order.
pub(crate) fn files(folder: &Path) -> Result<Vec<Found>, Error> {
    let mut found = Vec::new();
    let walk = WalkDir::new(folder).min_depth(1).into_iter();
    for entry in walk.filter_entry(|entry| entry.depth() == 0 || is_shown(entry.file_name())) {
        let entry = entry.map_err(|error| failure(folder, error))?;
        // What is called so and is no file is found too, and lost when it is read.
        if entry.file_type().is_symlink() || !format::is_audio(entry.path()) {
            continue;
        }
        found.push(look(folder, &entry)?);
        if found.len() > FILES_MAX {
            let detail = format!("more than {FILES_MAX} audio files");
            return Err(Error::new(ErrorKind::TooLarge, "read", folder, detail));
        }
    }
    found.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    Ok(found)
}

/// The state of all these files.
pub(crate) fn revision(files: &[Found]) -> Revision {
    let mut digest = Sha256::new();
    for file in files {
        digest.update((file.id.len() as u64).to_le_bytes());
        digest.update(&file.id);
        digest.update(file.size.to_le_bytes());
        file.changed.iter().for_each(|number| digest.update(number.to_le_bytes()));
    }
    let mut mark = String::new();
    for byte in digest.finalize().iter().take(16) {
        let _ = write!(mark, "{byte:02x}");
    }
    Revision(mark)
}

fn is_shown(name: &OsStr) -> bool {
    !name.as_bytes().starts_with(b".") && name != LOST
}

fn look(folder: &Path, entry: &DirEntry) -> Result<Found, Error> {
    let meta = entry.metadata().map_err(|error| failure(folder, error))?;
    let below = entry.path().strip_prefix(folder).unwrap_or(entry.path());
    let changed = [meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec()];
    Ok(Found { id: below.as_os_str().as_bytes().into(), size: meta.len(), changed })
}

fn failure(folder: &Path, error: walkdir::Error) -> Error {
    let path = error.path().unwrap_or(folder).to_owned();
    match error.into_io_error() {
        Some(error) => Error::io("read", path, &error),
        None => Error::new(ErrorKind::Io, "read", path, "the folder leads back to itself"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::time::{Duration, SystemTime};

    #[test]
    fn files_come_in_the_order_of_their_ids_and_links_and_hidden_ones_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path();
        for name in ["a", ".hidden", "a/b", "lost+found"] {
            fs::create_dir_all(top.join(name)).unwrap();
        }
        for name in ["a/z.mp3", "a.MP3", "a/b/1.flac", "a/.x.mp3", ".hidden/1.mp3", "cover.jpg"] {
            fs::write(top.join(name), name).unwrap();
        }
        fs::write(top.join("lost+found/1.mp3"), "").unwrap();
        fs::write(top.join(OsStr::from_bytes(b"\xff.mp3")), "").unwrap();
        std::os::unix::fs::symlink(top.join("a.MP3"), top.join("link.mp3")).unwrap();
        std::os::unix::fs::symlink(top, top.join("a/circle")).unwrap();
        let found = files(top).unwrap();
        let ids: Vec<&[u8]> = found.iter().map(|file| &*file.id).collect();
        let expected: [&[u8]; 4] = [b"a.MP3", b"a/b/1.flac", b"a/z.mp3", b"\xff.mp3"];
        assert_eq!(ids, expected);
    }

    #[test]
    fn every_change_is_another_revision_and_looking_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let song = folder.path().join("1.mp3");
        let mut seen = Vec::new();
        let mut look = || {
            let now = revision(&files(folder.path()).unwrap());
            assert_eq!(now, revision(&files(folder.path()).unwrap()));
            assert!(!seen.contains(&now));
            seen.push(now);
        };
        look();
        fs::write(&song, "one").unwrap();
        look();
        fs::write(&song, "longer").unwrap();
        look();
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(9);
        fs::File::open(&song).unwrap().set_modified(then).unwrap();
        look();
        fs::write(&song, "LONGER").unwrap();
        fs::File::open(&song).unwrap().set_modified(then).unwrap();
        look();
        fs::rename(&song, folder.path().join("2.mp3")).unwrap();
        look();
    }

    #[test]
    fn a_folder_that_is_not_there_is_absent() {
        let gone = files(Path::new("/nonexistent/folder")).unwrap_err();
        assert_eq!(gone.kind, ErrorKind::Absent);
    }
}
