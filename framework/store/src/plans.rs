//! What waits for a person: plans, doubtful matches, and the agent's few settings.

use segue_model::{DocumentId, ItemId};

use crate::sql::Columns;
use crate::{Reader, StoreError, Tx};

/// A doubtful match: two items that may be one, and why.
pub type Question = (ItemId, ItemId, String);

impl Reader {
    /// A plan's bytes.
    pub fn plan(&self, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.first("SELECT bytes FROM plan WHERE id = ?1", [id], |row| Ok(row.bytes(0)?.to_vec()))
    }

    /// The plans made before `at`, in Unix seconds, oldest first.
    pub fn plans_older_than(&self, at: i64) -> Result<Vec<String>, StoreError> {
        self.all("SELECT id FROM plan WHERE at < ?1 ORDER BY at, id", [at], |row| row.text(0))
    }

    /// The doubtful matches of a document, sorted.
    pub fn questions(&self, document: &DocumentId) -> Result<Vec<Question>, StoreError> {
        let sql = "SELECT a, b, reason FROM question
            WHERE document_no = (SELECT no FROM document WHERE id = ?1) ORDER BY a, b";
        self.all(sql, [&document.0], |row| {
            Ok((ItemId(row.array(0)?), ItemId(row.array(1)?), row.text(2)?))
        })
    }

    /// Whether there is a setting whose key begins so.
    pub fn has_setting_below(&self, prefix: &str) -> Result<bool, StoreError> {
        let sql =
            "SELECT EXISTS (SELECT 1 FROM setting WHERE key >= ?1 AND key < ?1 || char(1114111))";
        Ok(self.first(sql, [prefix], |row| row.flag(0))?.unwrap_or(false))
    }

    /// A setting.
    pub fn setting(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.first("SELECT value FROM setting WHERE key = ?1", [key], |row| row.text(0))
    }
}

impl Tx<'_> {
    /// Keeps a plan, or replaces the one with this id.
    pub fn put_plan(&self, id: &str, at: i64, bytes: &[u8]) -> Result<(), StoreError> {
        let sql = "INSERT INTO plan (id, at, bytes) VALUES (?1, ?2, ?3)
            ON CONFLICT (id) DO UPDATE SET at = excluded.at, bytes = excluded.bytes";
        self.execute(sql, (id, at, bytes)).map(drop)
    }

    /// Removes one plan, because it was applied.
    pub fn remove_plan(&self, id: &str) -> Result<(), StoreError> {
        self.execute("DELETE FROM plan WHERE id = ?1", [id]).map(drop)
    }

    /// Removes the plans made before `at`, in Unix seconds; returns how many.
    pub fn remove_plans_older_than(&self, at: i64) -> Result<usize, StoreError> {
        self.execute("DELETE FROM plan WHERE at < ?1", [at])
    }

    /// Replaces the doubtful matches of a document.
    pub fn set_questions(
        &self,
        document: &DocumentId,
        questions: &[Question],
    ) -> Result<(), StoreError> {
        let no = self.document_no(document)?;
        self.execute("DELETE FROM question WHERE document_no = ?1", [no])?;
        let sql = "INSERT INTO question (document_no, a, b, reason) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT (document_no, a, b) DO UPDATE SET reason = excluded.reason";
        for (a, b, reason) in questions {
            self.execute(sql, (no, &a.0, &b.0, reason))?;
        }
        Ok(())
    }

    /// Keeps a setting.
    pub fn put_setting(&self, key: &str, value: &str) -> Result<(), StoreError> {
        let sql = "INSERT INTO setting (key, value) VALUES (?1, ?2)
            ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        self.execute(sql, (key, value)).map(drop)
    }

    /// Removes a setting.
    pub fn remove_setting(&self, key: &str) -> Result<(), StoreError> {
        self.execute("DELETE FROM setting WHERE key = ?1", [key]).map(drop)
    }
}
