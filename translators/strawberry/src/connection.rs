//! Opening the database: never in a way that changes a byte, never trusting what it says.
//!
//! A journal or write-ahead log beside the database means that the file alone is not what the app
//! would read. Recovery writes, so that a reader recovers a private copy; only [`recover`] does it
//! in place, for a writer. It knows no table.
//!
//! Invariant: while a connection of this process is open, no other file handle on the same database
//! is closed; POSIX drops all locks of a process with the first one. [`exclusive`] and the order
//! in [`Opened`] see to it.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};
use segue_translator::{Error, ErrorKind, Revision, file};
use tempfile::TempDir;

const DATABASE_BYTES_MAX: u64 = 4 << 30;
/// Longest cell or row that SQLite may build, with room for a row of an app's longest texts.
const ROW_BYTES_MAX: i32 = 16 << 20;
const MAGIC: &[u8] = b"SQLite format 3\0";
/// The end of a journal that names a second one, which recovery would follow and delete.
const SUPER_JOURNAL_END: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
const BUSY_WAIT: Duration = Duration::from_secs(2);
const ATTEMPTS: usize = 3;
/// The name of a private copy in its folder.
const COPY: &str = "copy.db";

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Makes this thread the only one of the process that touches a Strawberry database.
pub(crate) fn exclusive() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The file of `path` that SQLite keeps beside it: `-journal` or `-wal`.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The database's state: file, change counter, journal and write-ahead log.
///
/// # Errors
/// `Absent` if there is no database.
pub(crate) fn revision(path: &Path) -> Result<Revision, Error> {
    let header = Header::open(path, "read")?;
    revision_with(path, &header)
}

/// The same, through an open handle: safe while a connection is open.
pub(crate) fn revision_with(path: &Path, header: &Header) -> Result<Revision, Error> {
    // A journal without content says nothing, and opening it may change its times.
    let journal = has_journal(path).then(|| file::stamp(&beside(path, "-journal"))).transpose()?;
    let log = has_log(path).then(|| file::stamp(&beside(path, "-wal"))).transpose()?;
    let [journal, log] = [journal, log].map(|mark| mark.map_or("-".to_owned(), |mark| mark.0));
    Ok(Revision(format!("{} {journal} {log}", file_state(path, header)?)))
}

/// The part of the state that holds still while our own transaction has a journal.
pub(crate) fn file_state(path: &Path, header: &Header) -> Result<String, Error> {
    Ok(format!("{}+{}", file::stamp(path)?.0, header.change_counter()))
}

/// An open handle on the database's first bytes.
#[derive(Debug)]
pub(crate) struct Header(File);

impl Header {
    pub(crate) fn open(path: &Path, operation: &'static str) -> Result<Self, Error> {
        let opened = file::open_bounded(path, DATABASE_BYTES_MAX);
        opened.map(Self).map_err(|error| Error { operation, ..error })
    }

    /// What is there; a file that is too short has zeros.
    fn bytes<const N: usize>(&self, offset: u64) -> [u8; N] {
        let mut bytes = [0; N];
        let _ = self.0.read_exact_at(&mut bytes, offset);
        bytes
    }

    fn change_counter(&self) -> u32 {
        u32::from_be_bytes(self.bytes(24))
    }

    fn is_database(&self) -> bool {
        self.bytes::<16>(0) == MAGIC
    }

    /// Whether the file has fewer bytes than its header says; zero pages say nothing.
    fn is_cut(&self) -> bool {
        let page = match u16::from_be_bytes(self.bytes(16)) {
            1 => 1 << 16,
            size => u64::from(size),
        };
        let pages = u64::from(u32::from_be_bytes(self.bytes(28)));
        // Another writer of the count than of the content makes it void.
        let counted = self.bytes::<4>(24) == self.bytes::<4>(92);
        counted && self.0.metadata().is_ok_and(|meta| meta.len() < page * pages)
    }

    fn uses_log(&self) -> bool {
        self.bytes::<2>(18).contains(&2)
    }
}

/// Why the file alone is not what the app would read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfinished {
    /// A write was interrupted: the next writer rolls it back, whoever it is.
    Journal,
    /// A write-ahead log, which only the app may put an end to.
    Log,
}

impl Unfinished {
    /// Why nothing can be written, in words; `None` if something can.
    pub(crate) fn read_only(self) -> Option<&'static str> {
        match self {
            Self::Journal => None,
            Self::Log => Some("the database uses a write-ahead log, which Strawberry does not"),
        }
    }
}

/// Whether the file alone is not what the app would read.
pub(crate) fn unfinished(path: &Path, header: &Header) -> Option<Unfinished> {
    if has_log(path) || header.uses_log() {
        Some(Unfinished::Log)
    } else {
        has_journal(path).then_some(Unfinished::Journal)
    }
}

/// Rolls back what a killed writer, this one or the app, left unfinished in a database that is at
/// `expected`. Returns its state, which is `expected` where nothing was to be done.
///
/// SQLite does it just as when the app is started. `may` first sees in a private copy what will be
/// there; what it refuses is not touched.
///
/// # Errors
/// `Stale`, `Unsupported` for a write-ahead log, and those of `may`.
pub(crate) fn recover(
    path: &Path,
    operation: &'static str,
    expected: &Revision,
    may: impl FnOnce(&Connection) -> Result<(), Error>,
) -> Result<Revision, Error> {
    let header = checked_header(path, operation)?;
    let unfinished = unfinished(path, &header);
    if let Some(reason) = unfinished.and_then(Unfinished::read_only) {
        return Err(Error::new(ErrorKind::Unsupported, operation, path, reason));
    }
    if revision_with(path, &header)? != *expected {
        return Err(stale(operation, path));
    }
    if unfinished.is_none() {
        return Ok(expected.clone());
    }
    let fail = |error| sqlite(operation, path, &error);
    let seen = Opened::for_reading(path, operation)?;
    let counter = seen.recovered_counter(operation, path)?;
    may(&seen.connection)?;
    let opened = Opened::for_writing(path, operation)?;
    opened.connection.execute_batch("BEGIN IMMEDIATE").map_err(fail)?;
    let state = revision_with(path, &opened.header)?;
    // It is another if anybody wrote since, so that the private copy says nothing.
    if opened.header.change_counter() != counter {
        return Err(stale(operation, path));
    }
    opened.connection.execute_batch("ROLLBACK").map_err(fail)?;
    Ok(state)
}

pub(crate) fn stale(operation: &'static str, path: &Path) -> Error {
    Error::new(ErrorKind::Stale, operation, path, "it changed since it was read")
}

/// Whether a journal is there that is not finished: those begin with zero.
fn has_journal(path: &Path) -> bool {
    let mut first = [0];
    let journal = file::open_bounded(&beside(path, "-journal"), u64::MAX);
    journal.is_ok_and(|journal| journal.read_exact_at(&mut first, 0).is_ok()) && first != [0]
}

fn has_log(path: &Path) -> bool {
    fs::metadata(beside(path, "-wal")).is_ok_and(|meta| meta.len() > 0)
}

/// A connection with what must outlive it: fields are dropped from the top.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) connection: Connection,
    pub(crate) header: Header,
    copy: Option<TempDir>,
}

impl Opened {
    /// Opens for reading what the app would read.
    pub(crate) fn for_reading(path: &Path, operation: &'static str) -> Result<Self, Error> {
        let header = checked_header(path, operation)?;
        refuse_odd_journal(&beside(path, "-journal"), operation, path)?;
        if unfinished(path, &header).is_none() {
            let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY, operation, path)?;
            connection
                .pragma_update(None, "query_only", true)
                .map_err(|error| sqlite(operation, path, &error))?;
            return Ok(Self { connection, header, copy: None });
        }
        let folder = tempfile::tempdir().map_err(|error| Error::io(operation, path, &error))?;
        let copy = folder.path().join(COPY);
        copy_with_journal(path, &copy).map_err(|error| Error::io(operation, path, &error))?;
        // The copy again: the app may have written another one meanwhile.
        refuse_odd_journal(&beside(&copy, "-journal"), operation, path)?;
        let connection = connect(&copy, OpenFlags::SQLITE_OPEN_READ_WRITE, operation, path)?;
        Ok(Self { connection, header, copy: Some(folder) })
    }

    /// The change counter that recovery leads to.
    fn recovered_counter(&self, operation: &'static str, path: &Path) -> Result<u32, Error> {
        let Some(folder) = &self.copy else { return Ok(self.header.change_counter()) };
        // The first query recovers.
        self.connection
            .query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
            .map_err(|error| sqlite(operation, path, &error))?;
        Header::open(&folder.path().join(COPY), operation).map(|header| header.change_counter())
    }

    /// Opens for writing, in place; the first query recovers what is unfinished.
    pub(crate) fn for_writing(path: &Path, operation: &'static str) -> Result<Self, Error> {
        let header = checked_header(path, operation)?;
        refuse_odd_journal(&beside(path, "-journal"), operation, path)?;
        let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, operation, path)?;
        Ok(Self { connection, header, copy: None })
    }
}

/// Runs `work` in one transaction on what the app would read; returns the state that was read.
///
/// # Errors
/// `Busy` if the library changes each time, and those of `work`.
pub(crate) fn read_at_one_instant<T>(
    path: &Path,
    operation: &'static str,
    work: impl Fn(&Connection) -> Result<T, Error>,
) -> Result<(T, Revision), Error> {
    for _ in 0..ATTEMPTS {
        let before = revision(path)?;
        let result = Opened::for_reading(path, operation).and_then(|opened| {
            let fail = |error| sqlite(operation, path, &error);
            opened.connection.execute_batch("BEGIN").map_err(fail)?;
            let value = work(&opened.connection)?;
            opened.connection.execute_batch("COMMIT").map_err(fail)?;
            Ok(value)
        });
        // An error of a copy that was torn is no error of the library.
        if revision(path)? == before {
            return result.map(|value| (value, before));
        }
    }
    Err(Error::new(ErrorKind::Busy, operation, path, "the app keeps writing to it"))
}

fn checked_header(path: &Path, operation: &'static str) -> Result<Header, Error> {
    let header = Header::open(path, operation)?;
    let detail = if !header.is_database() {
        "this is no SQLite database"
    } else if header.is_cut() && unfinished(path, &header).is_none() {
        "the end of the file is missing"
    } else {
        return Ok(header);
    };
    Err(Error::new(ErrorKind::Corrupt, operation, path, detail))
}

fn copy_with_journal(from: &Path, to: &Path) -> std::io::Result<()> {
    // The journal first: what it would undo is then still in it.
    for suffix in ["-journal", "-wal"] {
        match fs::copy(beside(from, suffix), beside(to, suffix)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    fs::copy(from, to).map(|_| ())
}

/// Refuses a journal that is no plain file, or that names a second one: recovery would follow it,
/// and delete the files that it names.
fn refuse_odd_journal(journal: &Path, operation: &'static str, path: &Path) -> Result<(), Error> {
    let file = match file::open_bounded(journal, u64::MAX) {
        Err(error) if error.kind == ErrorKind::Absent => return Ok(()),
        opened => opened.map_err(|error| Error { operation, ..error })?,
    };
    let length = file.metadata().map_or(0, |meta| meta.len());
    let mut end = [0; 8];
    if length < 8 || file.read_exact_at(&mut end, length - 8).is_err() || end != SUPER_JOURNAL_END {
        return Ok(());
    }
    let detail = "its journal belongs to several databases, which Strawberry never does";
    Err(Error::new(ErrorKind::Corrupt, operation, path, detail))
}

/// Opens `path` so that nothing in the file is run; errors name `library`.
fn connect(
    path: &Path,
    access: OpenFlags,
    operation: &'static str,
    library: &Path,
) -> Result<Connection, Error> {
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connect = || {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_WAIT)?;
        connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, ROW_BYTES_MAX)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
        connection.pragma_update(None, "cell_size_check", true)?;
        // Less does not sync the folder when the journal goes: after a power cut one that is back would take back what was
        // reported as written.
        connection.pragma_update(None, "synchronous", "EXTRA")?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(connection)
    };
    connect().map_err(|error| sqlite(operation, library, &error))
}

/// An error of SQLite as the engine must tell cases apart.
pub(crate) fn sqlite(operation: &'static str, path: &Path, error: &rusqlite::Error) -> Error {
    use rusqlite::ErrorCode as Code;
    let kind = match error.sqlite_error_code() {
        Some(Code::DatabaseBusy | Code::DatabaseLocked) => ErrorKind::Busy,
        Some(Code::TooBig | Code::OutOfMemory) => ErrorKind::TooLarge,
        Some(Code::DiskFull) => ErrorKind::Full,
        Some(Code::PermissionDenied | Code::ReadOnly | Code::CannotOpen) => ErrorKind::Denied,
        Some(Code::SystemIoFailure) => ErrorKind::Io,
        // All else is an answer that no database of the app gives.
        _ => ErrorKind::Corrupt,
    };
    Error::new(kind, operation, path, error.to_string())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn f30_a_recovery_that_somebody_else_goes_on_from_is_stale() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("strawberry.db");
        let killed = || {
            let app = Connection::open(folder.path().join("app.db")).unwrap();
            app.execute_batch(
                "DROP TABLE IF EXISTS t; CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(9999));
                 PRAGMA cache_size = 1; BEGIN; UPDATE t SET x = randomblob(9999);
                 CREATE TABLE IF NOT EXISTS u AS SELECT x FROM t;",
            )
            .unwrap();
            copy_with_journal(&folder.path().join("app.db"), &path).unwrap();
            revision(&path).unwrap()
        };
        let before = killed();
        assert!(has_journal(&path));
        let after = recover(&path, "write", &before, |_| Ok(())).unwrap();
        assert_ne!(after, before);
        assert_eq!(after, revision(&path).unwrap());
        assert_eq!(recover(&path, "write", &after, |_| panic!()).unwrap(), after);

        let before = killed();
        let meanwhile = |_: &Connection| {
            Connection::open(&path).unwrap().execute_batch("CREATE TABLE v (x)").unwrap();
            Ok(())
        };
        let error = recover(&path, "write", &before, meanwhile).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Stale);
    }

    #[test]
    fn f06_a_read_during_which_the_library_changes_is_void() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("strawberry.db");
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
        let attempts = Cell::new(0);
        let read = |changes: usize| {
            attempts.set(0);
            read_at_one_instant(&path, "read", |_| {
                attempts.set(attempts.get() + 1);
                if attempts.get() <= changes {
                    let file = File::options().write(true).open(&path).unwrap();
                    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1)).unwrap();
                }
                Ok(attempts.get())
            })
        };
        assert_eq!(read(ATTEMPTS).unwrap_err().kind, ErrorKind::Busy);
        assert_eq!(read(1).unwrap().0, 2);
        assert_eq!(read(0).unwrap(), (1, revision(&path).unwrap()));
    }
}
