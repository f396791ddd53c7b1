//! Which files of a folder are books and licences, and a mark of their state; none is opened.
//!
//! Links are not followed: what lies in the folder is met without them, and what does not is none of
//! its books. Hidden files and folders are left out.
//!
//! Invariant: what cannot be looked into is an error, never a folder with fewer books.

use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use segue_translator::{Error, ErrorKind, Revision};
use sha2::{Digest, Sha256};
use walkdir::{DirEntry, WalkDir};

/// So many books and licences are read at most.
const FILES_MAX: usize = 200_000;
/// So many files of any kind are walked past at most.
const WALKED_MAX: usize = 2_000_000;
const DEPTH_MAX: usize = 64;

/// What a name says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// `.epub`.
    Book,
    /// `.lcpl`.
    Licence,
}

/// A book or a licence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    /// The path below the folder.
    pub(crate) relative: Vec<u8>,
    pub(crate) path: PathBuf,
    pub(crate) kind: Kind,
    /// Whether it is a file at all, and no folder or pipe.
    pub(crate) is_file: bool,
    state: [i64; 5],
}

/// All books and licences, sorted by their paths below the folder.
pub(crate) fn files(folder: &Path) -> Result<Vec<Found>, Error> {
    let too_large = |what: String| Error::new(ErrorKind::TooLarge, "read", folder, what);
    let mut walk = WalkDir::new(folder).max_depth(DEPTH_MAX + 1).into_iter();
    let (mut found, mut walked) = (Vec::new(), 0);
    while let Some(entry) = walk.next() {
        let entry = entry.map_err(|error| failed(folder, &error))?;
        walked += 1;
        if walked > WALKED_MAX {
            return Err(too_large(format!("more than {WALKED_MAX} files")));
        }
        if entry.depth() > DEPTH_MAX {
            return Err(too_large(format!("folders lie more than {DEPTH_MAX} deep")));
        }
        if entry.depth() == 0 {
            continue;
        }
        let is_folder = entry.file_type().is_dir();
        if entry.file_name().as_bytes().starts_with(b".") {
            if is_folder {
                walk.skip_current_dir();
            }
            continue;
        }
        let Some(kind) = kind_of(entry.path()) else { continue };
        if is_folder {
            // A book that was unpacked; what is in it are no books.
            walk.skip_current_dir();
        }
        if !entry.file_type().is_symlink() {
            found.push(look(folder, entry, kind)?);
        }
        if found.len() > FILES_MAX {
            return Err(too_large(format!("more than {FILES_MAX} books and licences")));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// The state of all these files, from their metadata alone.
pub(crate) fn revision(files: &[Found]) -> Revision {
    let mut hasher = Sha256::new();
    for file in files {
        hasher.update((file.relative.len() as u64).to_le_bytes());
        hasher.update(&file.relative);
        file.state.iter().for_each(|number| hasher.update(number.to_le_bytes()));
    }
    let digest = hasher.finalize();
    let digits = HEXLOWER.encode(&digest[..16]);
    Revision(format!("{}:{digits}", files.len()))
}

fn kind_of(path: &Path) -> Option<Kind> {
    let extension = path.extension()?.to_ascii_lowercase();
    match extension.as_bytes() {
        b"epub" => Some(Kind::Book),
        b"lcpl" => Some(Kind::Licence),
        _ => None,
    }
}

fn look(folder: &Path, entry: DirEntry, kind: Kind) -> Result<Found, Error> {
    let meta = entry.metadata().map_err(|error| failed(folder, &error))?;
    let relative = entry.path().strip_prefix(folder).unwrap_or(entry.path());
    Ok(Found {
        relative: relative.as_os_str().as_bytes().to_vec(),
        kind,
        is_file: meta.is_file(),
        state: [
            meta.len() as i64,
            meta.mtime(),
            meta.mtime_nsec(),
            meta.ctime(),
            meta.ctime_nsec(),
        ],
        path: entry.into_path(),
    })
}

fn failed(folder: &Path, error: &walkdir::Error) -> Error {
    let path = error.path().unwrap_or(folder);
    match error.io_error() {
        // A file that went away meanwhile is no folder that went away.
        Some(io) if io.kind() == std::io::ErrorKind::NotFound && path != folder => {
            Error::new(ErrorKind::Stale, "read", path, "it went away while the folder was read")
        }
        Some(io) => Error::io("read", path, io),
        None => Error::new(ErrorKind::Io, "read", path, error.to_string()),
    }
}
