//! Safe handling of an app's files: whole replacement or none, cheap revisions, bounded reads.
//!
//! Links are followed and written through; mode and owner are kept. Nothing here knows a format.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::{Error, ErrorKind, Revision};

/// Between a file's name and the number of the process that is about to replace it.
const TEMPORARY: &str = ".segue-";

/// A mark of a file's state from its metadata alone: identity, size and times. A missing file has
/// the mark `-`, so that its appearance is a change.
///
/// # Errors
/// The file system's, except that the file is missing.
pub fn stamp(path: &Path) -> Result<Revision, Error> {
    match fs::metadata(path) {
        Ok(meta) => Ok(Revision(format!(
            "{}:{}:{}:{}.{}:{}.{}",
            meta.dev(),
            meta.ino(),
            meta.len(),
            meta.mtime(),
            meta.mtime_nsec(),
            meta.ctime(),
            meta.ctime_nsec()
        ))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Revision("-".into())),
        Err(error) => Err(Error::io("read", path, &error)),
    }
}

/// Opens a regular file for reading, refusing anything else (a pipe would block for ever) and
/// anything larger than `bytes_max`.
///
/// # Errors
/// `Absent`, `Corrupt` for what is no regular file, `TooLarge`.
pub fn open_bounded(path: &Path, bytes_max: u64) -> Result<File, Error> {
    let meta = fs::metadata(path).map_err(|error| Error::io("read", path, &error))?;
    if !meta.is_file() {
        return Err(Error::new(ErrorKind::Corrupt, "read", path, "this is not a regular file"));
    }
    if meta.len() > bytes_max {
        let detail = format!("{} bytes; at most {bytes_max} are accepted", meta.len());
        return Err(Error::new(ErrorKind::TooLarge, "read", path, detail));
    }
    File::open(path).map_err(|error| Error::io("read", path, &error))
}

/// Reads a whole file of at most `bytes_max`.
///
/// # Errors
/// As [`open_bounded`].
pub fn read_bounded(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Error> {
    let file = open_bounded(path, bytes_max)?;
    let mut bytes = Vec::new();
    file.take(bytes_max).read_to_end(&mut bytes).map_err(|e| Error::io("read", path, &e))?;
    Ok(bytes)
}

/// A file that will take another's place when [`Replacement::commit`] is called, and otherwise
/// leaves no trace.
#[derive(Debug)]
pub struct Replacement {
    target: PathBuf,
    temporary: PathBuf,
    writer: Option<BufWriter<File>>,
}

impl Replacement {
    /// Starts to replace `path`, through links, in the same folder.
    ///
    /// # Errors
    /// The file system's.
    pub fn create(path: &Path) -> Result<Self, Error> {
        Self::with_mode(path, 0o644)
    }

    /// The same, with a file that nobody else may read if there was none.
    ///
    /// # Errors
    /// The file system's.
    pub fn create_private(path: &Path) -> Result<Self, Error> {
        Self::with_mode(path, 0o600)
    }

    fn with_mode(path: &Path, fresh: u32) -> Result<Self, Error> {
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(format!("{TEMPORARY}{}", std::process::id()));
        let temporary = target.with_file_name(name);
        let fail = |error: io::Error| Error::io("write", &temporary, &error);
        remove_leftovers(&target);
        let old = fs::metadata(&target).ok();
        let mode = old.as_ref().map_or(fresh, |meta| meta.permissions().mode() & 0o7777);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&temporary)
            .map_err(fail)?;
        // Says that we live; where locks do not work, nobody removes what others left.
        let _ = file.try_lock();
        file.set_permissions(fs::Permissions::from_mode(mode)).map_err(fail)?;
        if let Some(old) = old {
            // Only root can give a file away; where we cannot, the file stays ours.
            let _ = std::os::unix::fs::fchown(&file, Some(old.uid()), Some(old.gid()));
        }
        Ok(Self { target, temporary, writer: Some(BufWriter::with_capacity(1 << 18, file)) })
    }

    /// Makes the new content durable, calls `last_check`, and puts it in place.
    ///
    /// # Errors
    /// The file system's, or that of `last_check`; then the old file is untouched.
    pub fn commit(mut self, last_check: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
        let writer = self.writer.take();
        let result = (|| {
            let fail = |error: io::Error| Error::io("write", &self.target, &error);
            // Stays open, and so locked, until it is in place.
            let file = writer.map(BufWriter::into_inner).transpose();
            let file = file.map_err(|error| fail(error.into_error()))?;
            file.as_ref().map_or(Ok(()), File::sync_all).map_err(fail)?;
            last_check()?;
            fs::rename(&self.temporary, &self.target).map_err(fail)?;
            sync_parent(&self.target).map_err(fail)
        })();
        if result.is_err() {
            let _ = fs::remove_file(&self.temporary);
        }
        self.temporary = PathBuf::new();
        result
    }
}

impl Write for Replacement {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.as_mut().map_or(Err(io::ErrorKind::BrokenPipe.into()), |w| w.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if self.writer.take().is_some() {
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Removes what killed processes left beside `target`: temporary files that nobody has locked.
fn remove_leftovers(target: &Path) {
    let (Some(folder), Some(name)) = (target.parent(), target.file_name()) else { return };
    let start = [name.as_bytes(), TEMPORARY.as_bytes()].concat();
    let is_ours = |name: &[u8]| {
        let number = name.strip_prefix(&start[..]).unwrap_or_default();
        !number.is_empty() && number.iter().all(u8::is_ascii_digit)
    };
    // What cannot be seen or removed now is in nobody's way.
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let dead = || File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok());
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_ours(entry.file_name().as_bytes()) && is_file && dead() {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Copies a file, durably, keeping its times and mode.
///
/// # Errors
/// The file system's.
pub fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    let fail = |error: io::Error| Error::io("back up", from, &error);
    fs::copy(from, to).map_err(fail)?;
    let meta = fs::metadata(from).map_err(fail)?;
    let file = OpenOptions::new().read(true).open(to).map_err(fail)?;
    if let (Ok(accessed), Ok(modified)) = (meta.accessed(), meta.modified()) {
        let times = fs::FileTimes::new().set_accessed(accessed).set_modified(modified);
        let _ = file.set_times(times);
    }
    file.sync_all().map_err(fail)?;
    sync_parent(to).map_err(fail)
}

/// Makes a rename or creation in `path`'s folder durable.
fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replacement_is_whole_or_nothing_and_keeps_links_and_mode() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().join("real");
        let link = folder.path().join("link");
        fs::write(&real, "old").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();

        let mut dropped = Replacement::create(&link).unwrap();
        dropped.write_all(b"half").unwrap();
        drop(dropped);
        assert_eq!(fs::read(&real).unwrap(), b"old");

        let busy = || Err(Error::new(ErrorKind::Busy, "write", &real, "the app was started"));
        assert!(Replacement::create(&link).unwrap().commit(busy).is_err());
        assert_eq!(fs::read(&real).unwrap(), b"old");

        let mut kept = Replacement::create(&link).unwrap();
        kept.write_all(b"new").unwrap();
        kept.commit(|| Ok(())).unwrap();
        assert_eq!(fs::read(&real).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_what_a_living_one_writes_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("list.xml");
        let beside = |name: &str| folder.path().join(name);
        let dead = beside("list.xml.segue-4000000");
        let living = beside("list.xml.segue-4000001");
        let others =
            ["list.xml.segue-backup", "list.xml.segue-", "more.xml.segue-4000000"].map(beside);
        for path in others.iter().chain([&dead, &living, &target]) {
            fs::write(path, "half").unwrap();
        }
        let lock = File::open(&living).unwrap();
        lock.try_lock().unwrap();
        let mut new = Replacement::create(&target).unwrap();
        // A second writer of this file does not take what the first one writes for a leftover.
        remove_leftovers(&target);
        new.write_all(b"new").unwrap();
        new.commit(|| Ok(())).unwrap();
        assert!(!dead.exists() && living.exists());
        assert!(others.iter().all(|other| other.exists()));
        assert_eq!(fs::read(&target).unwrap(), b"new");
    }

    #[test]
    fn what_is_no_regular_file_or_too_large_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(open_bounded(folder.path(), 10).unwrap_err().kind, ErrorKind::Corrupt);
        let file = folder.path().join("file");
        fs::write(&file, "12345").unwrap();
        assert_eq!(read_bounded(&file, 4).unwrap_err().kind, ErrorKind::TooLarge);
        assert_eq!(read_bounded(&file, 5).unwrap(), b"12345");
        assert_eq!(open_bounded(&folder.path().join("-"), 1).unwrap_err().kind, ErrorKind::Absent);
    }
}
