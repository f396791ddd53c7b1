//! Copies the database away and brings it back.
//!
//! Bringing back goes page by page through a transaction of SQLite: a renamed file would leave the
//! app, or a journal, with one that no longer has a name.
//!
//! Invariant: killed at any moment, the database is the old or the new one.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use segue_translator::{Error, ErrorKind, Revision, file};

use crate::connection::{self, Header, Opened, sqlite, stale};
use crate::write::{open_at, refuse_damaged};

/// The name of the database, here and in a backup.
pub(crate) const NAME: &str = "strawberry.db";

/// Copies what the app would read into the folder `into`.
pub(crate) fn back_up(path: &Path, into: &Path) -> Result<Vec<PathBuf>, Error> {
    let target = into.join(NAME);
    let header = Header::open(path, "back up")?;
    let before = connection::revision_with(path, &header)?;
    if connection::unfinished(path, &header).is_none() {
        file::copy(path, &target)?;
    } else {
        let source = Opened::for_reading(path, "back up")?;
        let fail = |error| sqlite("back up", path, &error);
        let mut copy = Connection::open(&target).map_err(fail)?;
        let backup = Backup::new(&source.connection, &mut copy).map_err(fail)?;
        finish(&backup, "back up", path)?;
    }
    if connection::revision_with(path, &header)? != before {
        let detail = "the app wrote to it meanwhile";
        return Err(Error::new(ErrorKind::Busy, "back up", path, detail));
    }
    Ok(vec![target])
}

/// Gives the database the content of the backup in `from`.
pub(crate) fn restore(
    path: &Path,
    running: &dyn Fn() -> Result<(), Error>,
    expected: &Revision,
    from: &Path,
) -> Result<Revision, Error> {
    running()?;
    let backup = from.join(NAME);
    drop(Header::open(&backup, "restore")?);
    if connection::revision(path)? != *expected {
        return Err(stale("restore", path));
    }
    if same_bytes(path, &backup).map_err(|error| Error::io("restore", path, &error))? {
        return Ok(expected.clone());
    }
    let fail = |error| sqlite("restore", path, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(&backup, flags)
        .map_err(|error| sqlite("restore", &backup, &error))?;
    refuse_damaged(&source, "restore", &backup)?;
    let expected = &connection::recover(path, "restore", expected, |_| running())?;
    let mut opened = open_at(path, "restore", expected)?;
    let held = connection::file_state(path, &opened.header)?;
    {
        let copying = Backup::new(&source, &mut opened.connection).map_err(fail)?;
        // Takes the lock and copies nothing yet.
        step(&copying, 0, "restore", path)?;
        if connection::file_state(path, &opened.header)? != held {
            return Err(stale("restore", path));
        }
        running()?;
        finish(&copying, "restore", path)?;
    }
    drop(opened);
    connection::revision(path)
}

fn finish(backup: &Backup<'_, '_>, operation: &'static str, path: &Path) -> Result<(), Error> {
    match step(backup, -1, operation, path)? {
        StepResult::Done => Ok(()),
        _ => Err(Error::new(ErrorKind::Busy, operation, path, "the database is locked")),
    }
}

fn step(
    backup: &Backup<'_, '_>,
    pages: i32,
    operation: &'static str,
    path: &Path,
) -> Result<StepResult, Error> {
    match backup.step(pages).map_err(|error| sqlite(operation, path, &error))? {
        StepResult::Busy | StepResult::Locked => {
            Err(Error::new(ErrorKind::Busy, operation, path, "the database is locked"))
        }
        result => Ok(result),
    }
}

/// Whether two files are equal; a journal beside the first makes them unequal.
fn same_bytes(path: &Path, other: &Path) -> std::io::Result<bool> {
    let (mut left, mut right) = (File::open(path)?, File::open(other)?);
    if left.metadata()?.len() != right.metadata()?.len() {
        return Ok(false);
    }
    let (mut one, mut two) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let read = left.read(&mut one)?;
        if read == 0 {
            return Ok(true);
        }
        right.read_exact(&mut two[..read])?;
        if one[..read] != two[..read] {
            return Ok(false);
        }
    }
}
