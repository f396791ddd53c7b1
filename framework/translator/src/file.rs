//! Safe handling of an app's files: whole replacement or none, cheap revisions, bounded reads.
//!
//! Links are followed and written through; mode, owner, access list and extended attributes are kept. Of a
//! file with several hard links the other names keep what they had, as when an app saves in this way. Nothing
//! here knows a format.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::attributes;
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
    /// `Absent` for a link to what is not there, `Denied` for a file that nobody may write, and the file
    /// system's.
    pub fn create(path: &Path) -> Result<Self, Error> {
        Self::with_mode(path, 0o644)
    }

    /// The same, with a file that nobody else may read if there was none.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn create_private(path: &Path) -> Result<Self, Error> {
        Self::with_mode(path, 0o600)
    }

    fn with_mode(path: &Path, fresh: u32) -> Result<Self, Error> {
        let target = resolved(path)?;
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(format!("{TEMPORARY}{}", std::process::id()));
        let temporary = target.with_file_name(name);
        let fail = |error: io::Error| Error::io("write", &temporary, &error);
        remove_leftovers(&target);
        let old = fs::metadata(&target).ok();
        let mode = old.as_ref().map_or(fresh, |meta| meta.permissions().mode() & 0o7777);
        if mode & 0o222 == 0 {
            let detail = "it is marked as read-only";
            return Err(Error::new(ErrorKind::Denied, "write", target, detail));
        }
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&temporary)
            .map_err(fail)?;
        // Says that we live; where locks do not work, nobody removes what others left.
        let _ = file.try_lock();
        let like_old = match old {
            Some(old) => attributes::carry_over(&target, &old, &file),
            None => file.set_permissions(fs::Permissions::from_mode(mode)),
        };
        if let Err(error) = like_old {
            let _ = fs::remove_file(&temporary);
            return Err(fail(error));
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

/// Where a file lies or would lie. A link to what is not there is none: what it names may be on a disk that is
/// away, and a file in the link's place would hide it.
fn resolved(path: &Path) -> Result<PathBuf, Error> {
    match fs::canonicalize(path) {
        Ok(target) => Ok(target),
        Err(_) if fs::symlink_metadata(path).is_err() => Ok(path.to_owned()),
        Err(error) => Err(Error::io("write", path, &error)),
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

    /// A file with everything that it can have here.
    fn marked(path: &Path) -> bool {
        fs::write(path, "old").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o640)).unwrap();
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(path, "user.note", b"mine", flags).is_ok()
            && rustix::fs::setxattr(path, ACCESS, &access(), flags).is_ok()
    }

    const ACCESS: &str = "system.posix_acl_access";

    /// `u::rw-,u:7:r--,g::---,m::r--,o::---`, as acl(5) lies on disk: version, then tag, bits and id of each.
    fn access() -> Vec<u8> {
        let entries: [(u16, u16, u32); 5] =
            [(1, 6, u32::MAX), (2, 4, 7), (4, 0, u32::MAX), (16, 4, u32::MAX), (32, 0, u32::MAX)];
        let entry = |(tag, bits, id): &(u16, u16, u32)| {
            [&tag.to_le_bytes()[..], &bits.to_le_bytes(), &id.to_le_bytes()].concat()
        };
        [2_u32.to_le_bytes().to_vec(), entries.iter().flat_map(entry).collect()].concat()
    }

    fn replaced(path: &Path) -> Result<(), Error> {
        let mut new = Replacement::create(path)?;
        new.write_all(b"new").unwrap();
        new.commit(|| Ok(()))
    }

    #[test]
    fn f34_attributes_and_the_access_list_stay_with_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("library");
        if !marked(&path) {
            let _ = writeln!(io::stderr(), "here: no extended attributes or access lists");
            return;
        }
        let all = || {
            let mut value = [0; 256];
            ["user.note", ACCESS].map(|name| {
                let length = rustix::fs::getxattr(&path, name, &mut value[..]).unwrap();
                value[..length].to_vec()
            })
        };
        let before = all();
        assert_eq!(before[1], access());
        replaced(&path).unwrap();
        assert_eq!((fs::read(&path).unwrap(), all()), (b"new".to_vec(), before));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o640);
        // A list that the folder gives to new files is none of this one's.
        let plain = folder.path().join("plain");
        fs::write(&plain, "old").unwrap();
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(folder.path(), "system.posix_acl_default", &access(), flags).unwrap();
        replaced(&plain).unwrap();
        assert!(rustix::fs::getxattr(&plain, ACCESS, &mut [0; 256][..]).is_err());
        assert_eq!(fs::metadata(&plain).unwrap().permissions().mode() & 0o7777, 0o644);
    }

    #[test]
    fn f34_a_file_that_nobody_may_write_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("library");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
        let error = replaced(&path).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Denied);
        assert!(error.to_string().contains("read-only"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn f34_a_link_to_a_disk_that_is_away_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (link, away) = (folder.path().join("library"), folder.path().join("disk/library"));
        std::os::unix::fs::symlink(&away, &link).unwrap();
        assert_eq!(replaced(&link).unwrap_err().kind, ErrorKind::Absent);
        assert_eq!(fs::read_link(&link).unwrap(), away);
        fs::create_dir(away.parent().unwrap()).unwrap();
        fs::write(&away, "old").unwrap();
        replaced(&link).unwrap();
        assert_eq!(fs::read_link(&link).unwrap(), away);
        assert_eq!(fs::read(&away).unwrap(), b"new");
    }

    #[test]
    fn f34_another_name_of_the_file_keeps_what_it_had() {
        let folder = tempfile::tempdir().unwrap();
        let [path, other] = ["library", "copy"].map(|name| folder.path().join(name));
        fs::write(&path, "old").unwrap();
        fs::hard_link(&path, &other).unwrap();
        replaced(&path).unwrap();
        assert_eq!([path, other].map(|path| fs::read(path).unwrap()), [b"new", b"old"]);
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
