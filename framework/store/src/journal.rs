//! The journal of intents: what is about to be written into an app.
//!
//! An intent is committed before the app is touched and cleared when the new base is committed.
//! One that is still there after a crash says what may or may not have been written.

use segue_model::{ChangeSet, LinkId, Schema};

use crate::sql::Columns;
use crate::{Reader, StoreError, Tx, pack_changes, unpack_changes};

/// A write that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The number of the operation.
    pub operation: i64,
    /// The link whose library is written.
    pub link: LinkId,
    /// What the caller adds for its own recovery.
    pub extra: Vec<u8>,
    changes: Vec<u8>,
}

impl Intent {
    /// What was about to be written.
    ///
    /// # Errors
    /// `NewerRecord` if a field or kind is not in `schema`, or `Damaged`.
    pub fn changes(&self, schema: &'static Schema) -> Result<ChangeSet, StoreError> {
        unpack_changes(&self.changes, schema)
    }
}

impl Reader {
    /// All intents that were not cleared, in the order in which they came.
    pub fn intents(&self) -> Result<Vec<Intent>, StoreError> {
        self.all("SELECT n, link, changes, extra FROM intent ORDER BY rowid", (), |row| {
            Ok(Intent {
                operation: row.int(0)?,
                link: LinkId(row.array(1)?),
                changes: row.bytes(2)?.to_vec(),
                extra: row.bytes(3)?.to_vec(),
            })
        })
    }
}

impl Tx<'_> {
    /// Records what is about to be written; replaces an earlier intent of the same operation.
    pub fn put_intent(
        &self,
        operation: i64,
        link: LinkId,
        changes: &ChangeSet,
        extra: &[u8],
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO intent (n, link, changes, extra) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT (n, link) DO UPDATE SET
            changes = excluded.changes, extra = excluded.extra";
        self.execute(sql, (operation, &link.0, pack_changes(changes), extra)).map(drop)
    }

    /// Clears an intent, because the new base is being committed.
    pub fn clear_intent(&self, operation: i64, link: LinkId) -> Result<(), StoreError> {
        self.execute("DELETE FROM intent WHERE n = ?1 AND link = ?2", (operation, &link.0))
            .map(drop)
    }
}
