//! Operations: what was done, to which libraries, and what undoes it.

use segue_model::{LinkId, OperationId};

use crate::sql::{Columns, number};
use crate::{Reader, StoreError, Tx};

/// One applied plan or pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationRow {
    /// Its number on this device: 1, 2, 3, ….
    pub n: i64,
    /// Its global id.
    pub id: OperationId,
    /// What it was: `apply`, `sync`, `undo`, ….
    pub kind: String,
    /// When it began, in Unix seconds.
    pub at: i64,
    /// One sentence for a person.
    pub summary: String,
    /// The plan that it applied.
    pub plan: Option<String>,
    /// The operation that it undoes.
    pub undoes: Option<i64>,
    /// The operation that undid it.
    pub undone_by: Option<i64>,
    /// How far it came.
    pub state: String,
}

/// What one operation did to one library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationLink {
    /// The operation's number.
    pub operation: i64,
    /// The link.
    pub link: LinkId,
    /// The library's revision before.
    pub before: Option<String>,
    /// Its revision afterwards.
    pub after: Option<String>,
    /// The folder that holds the backup of its files.
    pub backup: Option<String>,
    /// How many edits were written.
    pub written: u64,
}

const OPERATIONS: &str =
    "SELECT n, id, kind, at, summary, plan, undoes, undone_by, state FROM operation";

fn read_operation(row: &rusqlite::Row<'_>) -> Result<OperationRow, StoreError> {
    Ok(OperationRow {
        n: row.int(0)?,
        id: OperationId(row.array(1)?),
        kind: row.text(2)?,
        at: row.int(3)?,
        summary: row.text(4)?,
        plan: row.optional_text(5)?,
        undoes: row.optional_int(6)?,
        undone_by: row.optional_int(7)?,
        state: row.text(8)?,
    })
}

impl Reader {
    /// All operations, oldest first.
    pub fn operations(&self) -> Result<Vec<OperationRow>, StoreError> {
        self.all(&format!("{OPERATIONS} ORDER BY n"), (), read_operation)
    }

    /// The operation with this number.
    pub fn operation(&self, n: i64) -> Result<Option<OperationRow>, StoreError> {
        self.first(&format!("{OPERATIONS} WHERE n = ?1"), [n], read_operation)
    }

    /// The operation with this id.
    pub fn operation_by_id(&self, id: OperationId) -> Result<Option<OperationRow>, StoreError> {
        self.first(&format!("{OPERATIONS} WHERE id = ?1"), [&id.0], read_operation)
    }

    /// The number that the next operation takes.
    pub fn next_operation(&self) -> Result<i64, StoreError> {
        let last = self.first("SELECT max(n) FROM operation", (), |row| row.optional_int(0))?;
        Ok(last.flatten().unwrap_or(0) + 1)
    }

    /// What an operation did to each library, sorted by link.
    pub fn operation_links(&self, n: i64) -> Result<Vec<OperationLink>, StoreError> {
        let sql = "SELECT n, link, before, after, backup, written FROM operation_link
            WHERE n = ?1 ORDER BY link";
        self.all(sql, [n], |row| {
            Ok(OperationLink {
                operation: row.int(0)?,
                link: LinkId(row.array(1)?),
                before: row.optional_text(2)?,
                after: row.optional_text(3)?,
                backup: row.optional_text(4)?,
                written: row.count(5)?,
            })
        })
    }
}

impl Tx<'_> {
    /// Adds an operation, or replaces the row of its number.
    ///
    /// # Errors
    /// `Refused` if the number belongs to an operation with another id, or the id to another number.
    pub fn put_operation(&self, row: &OperationRow) -> Result<(), StoreError> {
        let sql = "INSERT INTO operation
            (n, id, kind, at, summary, plan, undoes, undone_by, state)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
            ON CONFLICT (n) DO UPDATE SET kind = excluded.kind, at = excluded.at,
            summary = excluded.summary, plan = excluded.plan, undoes = excluded.undoes,
            undone_by = excluded.undone_by, state = excluded.state WHERE id = excluded.id";
        let params = (
            row.n,
            &row.id.0,
            &row.kind,
            row.at,
            &row.summary,
            &row.plan,
            row.undoes,
            row.undone_by,
            &row.state,
        );
        if self.execute(sql, params)? == 0 {
            let detail = format!("operation {} has another id", row.n);
            return Err(StoreError::Refused { detail });
        }
        Ok(())
    }

    /// Records what an operation did to a library, or replaces that record.
    pub fn put_operation_link(&self, row: &OperationLink) -> Result<(), StoreError> {
        let sql = "INSERT INTO operation_link (n, link, before, after, backup, written)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6)
            ON CONFLICT (n, link) DO UPDATE SET before = excluded.before, after = excluded.after,
            backup = excluded.backup, written = excluded.written";
        let OperationLink { operation, link, before, after, backup, written } = row;
        let params = (operation, &link.0, before, after, backup, number(*written)?);
        self.execute(sql, params).map(drop)
    }
}
