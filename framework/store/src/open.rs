//! Opening the file: magic, format, migrations, durability.
//!
//! Invariant: a file that is not ours, or newer than us, is left byte for byte as it was.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::ops::Deref;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::sql::Columns;
use crate::{Reader, StoreError};

/// "SEGU", at the place where `file(1)` looks.
const APPLICATION_ID: i64 = 0x5345_4755;

/// Each brings a store from the format before its number to its number. Released ones never change.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001-start.sql"),
    include_str!("../migrations/0002-peers.sql"),
    include_str!("../migrations/0003-limits.sql"),
];

/// The format that this version writes.
pub const FORMAT: u32 = MIGRATIONS.len() as u32;

/// WAL with `FULL` syncs each commit to the disk before it returns. The page cache holds the
/// working set of an import of 100,000 items, so that it is written once.
const SETTINGS: &str = "
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA trusted_schema = OFF;
    PRAGMA cache_size = -32768;
    PRAGMA journal_size_limit = 67108864;
";

/// The one writer of the file.
#[derive(Debug)]
pub struct Store {
    reader: Reader,
}

impl Store {
    /// Opens the file, or creates it (mode 0600) and its folder (mode 0700).
    ///
    /// # Errors
    /// `Newer` and `NotAStore` leave the file as it was; `Damaged`, `Full`, or the file system's.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_here(path).map_err(|error| error.named(path))
    }

    fn open_here(path: &Path) -> Result<Self, StoreError> {
        create_private(path)?;
        check_header(path)?;
        let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let store = Self { reader: Reader { connection, path: path.to_owned() } };
        store.check_format()?;
        std::fs::set_permissions(path, Permissions::from_mode(0o600))
            .map_err(|error| StoreError::io("protect", path, &error))?;
        let mode = "PRAGMA journal_mode = WAL";
        let mode = store.first(mode, (), |row| row.text(0))?.unwrap_or_default();
        if mode != "wal" {
            let detail = format!("{}: this file system has no write-ahead log", path.display());
            return Err(StoreError::Database { detail });
        }
        store.connection.execute_batch(SETTINGS).map_err(StoreError::sql)?;
        store.migrate()?;
        Ok(store)
    }

    /// A second connection that only reads, for another thread. It sees what is committed.
    ///
    /// # Errors
    /// The database's.
    pub fn reader(&self) -> Result<Reader, StoreError> {
        Reader::open(&self.path)
    }

    /// Checks the file from end to end; slow.
    ///
    /// # Errors
    /// `Damaged` with what was found, or `Newer`.
    pub fn check(&self) -> Result<(), StoreError> {
        self.check_format()?;
        let mut findings: Vec<String> =
            self.all("PRAGMA integrity_check(20)", (), |row| row.text(0))?;
        findings.retain(|finding| finding != "ok");
        self.each("PRAGMA foreign_key_check", (), |row| {
            findings.push(format!("a row of `{}` without its `{}`", row.text(0)?, row.text(2)?));
            Ok(())
        })?;
        if findings.is_empty() { Ok(()) } else { Err(StoreError::damaged(findings.join("; "))) }
    }

    /// Refuses what is not ours or newer than us; a file without any table is new, format 0.
    fn check_format(&self) -> Result<u32, StoreError> {
        let pragma = |sql| Ok(self.first(sql, (), |row| row.int(0))?.unwrap_or(0));
        let magic = pragma("PRAGMA application_id")?;
        let found = pragma("PRAGMA user_version")?;
        let tables = pragma("SELECT count(*) FROM sqlite_schema")?;
        if magic == 0 && found == 0 && tables == 0 {
            return Ok(0);
        }
        known_format(&self.path, magic, found)
    }

    /// Runs the migrations that are missing, all in one transaction.
    fn migrate(&self) -> Result<(), StoreError> {
        if self.check_format()? == FORMAT {
            return Ok(());
        }
        let run = |sql: &str| self.connection.execute_batch(sql).map_err(StoreError::sql);
        run("BEGIN IMMEDIATE")?;
        // Another process may have migrated while this one waited.
        let migrated = self.check_format().and_then(|found| {
            MIGRATIONS[found as usize..].iter().try_for_each(|migration| run(migration))?;
            run(&format!("PRAGMA application_id = {APPLICATION_ID}"))?;
            run(&format!("PRAGMA user_version = {FORMAT}"))
        });
        if let Err(error) = migrated {
            // The first error is the one that explains.
            let _ = run("ROLLBACK");
            return Err(error);
        }
        run("COMMIT")
    }
}

impl Reader {
    /// A connection that only reads the store in this file, which a [`Store`] has opened before.
    ///
    /// # Errors
    /// The database's.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.execute_batch("PRAGMA trusted_schema = OFF").map_err(StoreError::sql)?;
        Ok(Self { connection, path: path.to_owned() })
    }
}

impl Deref for Store {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        &self.reader
    }
}

fn connect(path: &Path, access: OpenFlags) -> Result<Connection, StoreError> {
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(StoreError::sql)?;
    connection.set_prepared_statement_cache_capacity(128);
    // Else a range whose bound changes is planned anew each time.
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map_err(StoreError::sql)?;
    // A reader may meet the writer while it moves the log into the file.
    connection.busy_timeout(Duration::from_secs(5)).map_err(StoreError::sql)?;
    Ok(connection)
}

/// The format, if the file is ours and we know it.
fn known_format(path: &Path, magic: i64, format: i64) -> Result<u32, StoreError> {
    if magic != APPLICATION_ID {
        return Err(StoreError::NotAStore { path: path.to_owned() });
    }
    let found = u32::try_from(format)
        .map_err(|_| StoreError::damaged(format!("its format is {format}")))?;
    if found > FORMAT {
        return Err(StoreError::Newer { path: path.to_owned(), found, known: FORMAT });
    }
    Ok(found)
}

/// Looks at the file before SQLite does, which might already move a log into it. A header
/// without our magic may still be ours, if a crash left the rest in the log; then
/// [`Store::check_format`] says.
fn check_header(path: &Path) -> Result<(), StoreError> {
    let mut header = Vec::new();
    File::open(path)
        .and_then(|file| file.take(100).read_to_end(&mut header))
        .map_err(|error| StoreError::io("read", path, &error))?;
    if header.is_empty() {
        return Ok(());
    }
    if header.len() < 100 || !header.starts_with(b"SQLite format 3\0") {
        return Err(StoreError::NotAStore { path: path.to_owned() });
    }
    let number = |at: usize| header[at..at + 4].iter().fold(0, |n, byte| n << 8 | i64::from(*byte));
    let (format, magic) = (number(60), number(68));
    if magic == 0 { Ok(()) } else { known_format(path, magic, format).map(drop) }
}

/// Creates the file for this user alone before SQLite sees it: `-wal` and `-shm` take its mode.
/// Folders that exist keep theirs, because they may hold other people's files.
fn create_private(path: &Path) -> Result<(), StoreError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        make_folder(folder)?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        open => open.map(drop).map_err(|error| StoreError::io("create", path, &error)),
    }
}

/// Makes a folder, and those above it that are missing. Their names are durable then: what is synced in a folder without a
/// durable name is lost with it.
pub(crate) fn make_folder(folder: &Path) -> Result<(), StoreError> {
    let fail = |error| StoreError::io("create", folder, &error);
    let missing = folder.ancestors().take_while(|folder| !folder.exists());
    let parents: Vec<&Path> = missing.filter_map(Path::parent).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(fail)?;
    for parent in parents.into_iter().filter(|parent| !parent.as_os_str().is_empty()) {
        File::open(parent).and_then(|parent| parent.sync_all()).map_err(fail)?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "open_tests.rs"]
mod tests;
