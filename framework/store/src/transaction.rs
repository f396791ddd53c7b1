//! One transaction: all of it or nothing.
//!
//! The writes are methods on [`Tx`], each in the module of its noun.

use std::cell::Cell;
use std::ops::Deref;

use segue_model::{DocumentId, LinkId};

use crate::{Reader, Store, StoreError};

/// A running transaction. Dropped without [`Tx::commit`], it never happened.
///
/// It lends the reads of [`Reader`], which then see what it wrote.
#[derive(Debug)]
pub struct Tx<'s> {
    reader: &'s Reader,
    open: bool,
    /// Rows of one link come by the hundred thousand.
    last_link: Cell<Option<(LinkId, i64)>>,
}

impl Store {
    /// Begins a transaction.
    ///
    /// # Errors
    /// The database's.
    pub fn transaction(&mut self) -> Result<Tx<'_>, StoreError> {
        self.connection.execute_batch("BEGIN IMMEDIATE").map_err(StoreError::sql)?;
        Ok(Tx { reader: self, open: true, last_link: Cell::new(None) })
    }
}

impl Tx<'_> {
    /// Makes everything durable, all at once.
    ///
    /// # Errors
    /// `Full` or the database's; then nothing of the transaction happened.
    pub fn commit(mut self) -> Result<(), StoreError> {
        self.reader.connection.execute_batch("COMMIT").map_err(StoreError::sql)?;
        self.open = false;
        Ok(())
    }

    pub(crate) fn document_no(&self, id: &DocumentId) -> Result<i64, StoreError> {
        let unknown = || StoreError::Unknown { what: "document", id: id.to_string() };
        self.reader.find_document(id)?.ok_or_else(unknown)
    }

    pub(crate) fn link_no(&self, id: LinkId) -> Result<i64, StoreError> {
        if let Some((last, no)) = self.last_link.get()
            && last == id
        {
            return Ok(no);
        }
        let unknown = || StoreError::Unknown { what: "link", id: id.to_string() };
        let no = self.reader.find_link(id)?.ok_or_else(unknown)?;
        self.last_link.set(Some((id, no)));
        Ok(no)
    }
}

impl Deref for Tx<'_> {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        self.reader
    }
}

impl Drop for Tx<'_> {
    fn drop(&mut self) {
        if self.open {
            // If this fails SQLite has rolled back on its own, or does when the file is opened next.
            let _ = self.reader.connection.execute_batch("ROLLBACK");
        }
    }
}
