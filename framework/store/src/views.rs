//! The cache that queries read: one row for each item or collection, and the open conflicts.
//!
//! A shard's rows are replaced together, with the heads they were made from.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use segue_model::{DocumentId, Heads};

use crate::fold::{fold, fold_row};
use crate::packed::{heads_from, heads_to};
use crate::sql::Columns;
use crate::{Reader, StoreError, Tx};

/// One item or collection as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewRow {
    /// The item's or collection's id.
    pub id: [u8; 16],
    /// What it is; the caller's number.
    pub kind: u8,
    /// What lists are sorted by.
    pub sort_text: String,
    /// A JSON value; its texts are searched.
    pub body: String,
}

/// Concurrent values of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictRow {
    /// The item or collection.
    pub id: [u8; 16],
    /// The field.
    pub field: String,
    /// A JSON value.
    pub body: String,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, kind, sort_text, body FROM view
            WHERE document_no = (SELECT no FROM document WHERE id = ?1) ",
            $rest
        )
    };
}

fn read_view(row: &rusqlite::Row<'_>) -> Result<ViewRow, StoreError> {
    Ok(ViewRow {
        id: row.array(0)?,
        kind: row.byte(1)?,
        sort_text: row.text(2)?,
        body: row.text(3)?,
    })
}

impl Reader {
    /// The heads from which each shard's rows were made.
    pub fn view_heads(&self, document: &DocumentId) -> Result<BTreeMap<u8, Heads>, StoreError> {
        let sql = "SELECT shard, heads FROM view_heads
            WHERE document_no = (SELECT no FROM document WHERE id = ?1)";
        self.all(sql, [&document.0], |row| Ok((row.byte(0)?, heads_from(row.bytes(1)?)?)))
    }

    /// Shows all rows of a document, sorted by id and kind, until `take` breaks.
    pub fn views(
        &self,
        document: &DocumentId,
        take: &mut dyn FnMut(ViewRow) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let sql = select!("ORDER BY id, kind");
        let mut statement = self.connection.prepare_cached(sql).map_err(StoreError::sql)?;
        let mut rows = statement.query([&document.0]).map_err(StoreError::sql)?;
        while let Some(row) = rows.next().map_err(StoreError::sql)? {
            if take(read_view(row)?).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The row of one id, or two if an item and a collection share it.
    pub fn view(&self, document: &DocumentId, id: &[u8; 16]) -> Result<Vec<ViewRow>, StoreError> {
        self.all(select!("AND id = ?2 ORDER BY kind"), (&document.0, id), read_view)
    }

    /// The rows in which `text` stands, whatever its case and accents, in the order of lists.
    pub fn search(&self, document: &DocumentId, text: &str) -> Result<Vec<ViewRow>, StoreError> {
        let sql = select!("AND instr(folded, ?2) > 0 ORDER BY sort_text, id, kind");
        self.all(sql, (&document.0, fold(text)), read_view)
    }

    /// The open conflicts of a document, sorted by id and field.
    pub fn conflicts(&self, document: &DocumentId) -> Result<Vec<ConflictRow>, StoreError> {
        let sql = "SELECT id, field, body FROM conflict
            WHERE document_no = (SELECT no FROM document WHERE id = ?1) ORDER BY id, field";
        self.all(sql, [&document.0], |row| {
            Ok(ConflictRow { id: row.array(0)?, field: row.text(1)?, body: row.text(2)? })
        })
    }
}

impl Tx<'_> {
    /// Replaces the rows and conflicts of a shard with those made from `heads`.
    pub fn put_view(
        &self,
        document: &DocumentId,
        shard: u8,
        heads: &Heads,
        rows: &[ViewRow],
        conflicts: &[ConflictRow],
    ) -> Result<(), StoreError> {
        let no = self.document_no(document)?;
        self.execute("DELETE FROM view WHERE document_no = ?1 AND shard = ?2", (no, shard))?;
        self.execute("DELETE FROM conflict WHERE document_no = ?1 AND shard = ?2", (no, shard))?;
        let sql = "INSERT OR REPLACE INTO view
            (document_no, id, kind, shard, sort_text, folded, body)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        for row in rows {
            let folded = fold_row(&row.sort_text, &row.body);
            let params = (no, &row.id, row.kind, shard, &row.sort_text, folded, &row.body);
            self.execute(sql, params)?;
        }
        let sql = "INSERT OR REPLACE INTO conflict (document_no, shard, id, field, body)
            VALUES (?1, ?2, ?3, ?4, ?5)";
        for row in conflicts {
            self.execute(sql, (no, shard, &row.id, &row.field, &row.body))?;
        }
        let sql = "INSERT OR REPLACE INTO view_heads (document_no, shard, heads)
            VALUES (?1, ?2, ?3)";
        self.execute(sql, (no, shard, heads_to(heads))).map(drop)
    }

    /// Drops all rows and conflicts of a document; the document rebuilds them.
    pub fn drop_views(&self, document: &DocumentId) -> Result<(), StoreError> {
        let no = self.document_no(document)?;
        self.execute("DELETE FROM view WHERE document_no = ?1", [no])?;
        self.execute("DELETE FROM conflict WHERE document_no = ?1", [no])?;
        self.execute("DELETE FROM view_heads WHERE document_no = ?1", [no]).map(drop)
    }
}
