//! The reading side of a connection, and how rows become values.
//!
//! Statements are prepared once and cached. Invariant: a column of an unexpected type or length is
//! an error, never a default.

use std::path::{Path, PathBuf};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Params, Row};

use crate::StoreError;

/// All reads. [`Store`](crate::Store) and [`Tx`](crate::Tx) lend theirs; another thread gets its
/// own from [`Store::reader`](crate::Store::reader).
#[derive(Debug)]
pub struct Reader {
    pub(crate) connection: Connection,
    pub(crate) path: PathBuf,
}

impl Reader {
    /// The store's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs several reads on one state of the store, whatever is committed meanwhile.
    ///
    /// # Errors
    /// The database's.
    pub fn at_one_instant<R>(&self, read: impl FnOnce(&Self) -> R) -> Result<R, StoreError> {
        let _snapshot = Snapshot::begin(self)?;
        Ok(read(self))
    }

    pub(crate) fn execute(&self, sql: &str, params: impl Params) -> Result<usize, StoreError> {
        let mut statement = self.connection.prepare_cached(sql).map_err(StoreError::sql)?;
        statement.execute(params).map_err(StoreError::sql)
    }

    pub(crate) fn each(
        &self,
        sql: &str,
        params: impl Params,
        mut take: impl FnMut(&Row<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare_cached(sql).map_err(StoreError::sql)?;
        let mut rows = statement.query(params).map_err(StoreError::sql)?;
        while let Some(row) = rows.next().map_err(StoreError::sql)? {
            take(row)?;
        }
        Ok(())
    }

    pub(crate) fn all<T, C: FromIterator<T>>(
        &self,
        sql: &str,
        params: impl Params,
        mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<C, StoreError> {
        let mut found = Vec::new();
        self.each(sql, params, |row| {
            found.push(read(row)?);
            Ok(())
        })?;
        Ok(found.into_iter().collect())
    }

    pub(crate) fn first<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut statement = self.connection.prepare_cached(sql).map_err(StoreError::sql)?;
        let mut rows = statement.query(params).map_err(StoreError::sql)?;
        rows.next().map_err(StoreError::sql)?.map(read).transpose()
    }
}

/// Keeps reads on one state of the store while it lives. Inside a transaction that is so anyway.
pub(crate) struct Snapshot<'s>(Option<&'s Connection>);

impl<'s> Snapshot<'s> {
    pub(crate) fn begin(reader: &'s Reader) -> Result<Self, StoreError> {
        let connection = &reader.connection;
        if !connection.is_autocommit() {
            return Ok(Self(None));
        }
        connection.execute_batch("BEGIN").map_err(StoreError::sql)?;
        Ok(Self(Some(connection)))
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.0 {
            // Nothing was written, so a failure to end it loses nothing.
            let _ = connection.execute_batch("ROLLBACK");
        }
    }
}

/// Typed columns of a row.
pub(crate) trait Columns {
    fn value(&self, index: usize) -> Result<ValueRef<'_>, StoreError>;
    fn wrong(&self, index: usize, expected: &str) -> StoreError;

    fn optional_bytes(&self, index: usize) -> Result<Option<&[u8]>, StoreError> {
        match self.value(index)? {
            ValueRef::Null => Ok(None),
            ValueRef::Blob(bytes) => Ok(Some(bytes)),
            _ => Err(self.wrong(index, "bytes")),
        }
    }

    fn bytes(&self, index: usize) -> Result<&[u8], StoreError> {
        self.optional_bytes(index)?.ok_or_else(|| self.wrong(index, "bytes"))
    }

    fn array<const N: usize>(&self, index: usize) -> Result<[u8; N], StoreError> {
        self.bytes(index)?.try_into().map_err(|_| self.wrong(index, "id of this length"))
    }

    fn optional_text(&self, index: usize) -> Result<Option<String>, StoreError> {
        match self.value(index)? {
            ValueRef::Null => Ok(None),
            ValueRef::Text(text) => match str::from_utf8(text) {
                Ok(text) => Ok(Some(text.to_owned())),
                Err(_) => Err(self.wrong(index, "UTF-8 text")),
            },
            _ => Err(self.wrong(index, "text")),
        }
    }

    fn text(&self, index: usize) -> Result<String, StoreError> {
        self.optional_text(index)?.ok_or_else(|| self.wrong(index, "text"))
    }

    fn optional_int(&self, index: usize) -> Result<Option<i64>, StoreError> {
        match self.value(index)? {
            ValueRef::Null => Ok(None),
            ValueRef::Integer(number) => Ok(Some(number)),
            _ => Err(self.wrong(index, "number")),
        }
    }

    fn int(&self, index: usize) -> Result<i64, StoreError> {
        self.optional_int(index)?.ok_or_else(|| self.wrong(index, "number"))
    }

    fn count(&self, index: usize) -> Result<u64, StoreError> {
        u64::try_from(self.int(index)?).map_err(|_| self.wrong(index, "count"))
    }

    fn byte(&self, index: usize) -> Result<u8, StoreError> {
        u8::try_from(self.int(index)?).map_err(|_| self.wrong(index, "byte"))
    }

    fn flag(&self, index: usize) -> Result<bool, StoreError> {
        Ok(self.int(index)? != 0)
    }
}

impl Columns for Row<'_> {
    fn value(&self, index: usize) -> Result<ValueRef<'_>, StoreError> {
        self.get_ref(index).map_err(StoreError::sql)
    }

    fn wrong(&self, index: usize, expected: &str) -> StoreError {
        let column = self.as_ref().column_name(index).unwrap_or("?");
        StoreError::damaged(format!("the column `{column}` holds no {expected}"))
    }
}

/// A count as SQLite keeps it.
pub(crate) fn number(count: u64) -> Result<i64, StoreError> {
    i64::try_from(count).map_err(|_| StoreError::Refused { detail: "a count is too large".into() })
}
