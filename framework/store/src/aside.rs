//! Changes that are kept and do not count, and what each author has stored.
//!
//! The log holds what counts. What waits for other changes, came after its author was revoked, or is
//! quarantined lies aside until statements or changes let it in; nothing is thrown away. Which is
//! which is the caller's to say.

use std::collections::BTreeMap;

use segue_model::{ChangeHash, DeviceId, DocumentId, Heads, LinkId};

use crate::log::read_entry;
use crate::packed::{heads_from, heads_to};
use crate::sql::Columns;
use crate::{LogEntry, Reader, StoreError, Tx};

/// What an author has stored in a document, in the log and aside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UsageRow {
    /// Changes.
    pub changes: u64,
    /// Bytes of changes and statements.
    pub bytes: u64,
    /// Statements.
    pub statements: u64,
}

const ASIDE: &str = "SELECT shard, hash, author, signature, operation, raw FROM aside
    WHERE document_no = (SELECT no FROM document WHERE id = ?1)";

impl Reader {
    /// What lies aside of a shard, in the order in which it came.
    pub fn aside(&self, document: &DocumentId, shard: u8) -> Result<Vec<LogEntry>, StoreError> {
        let sql = format!("{ASIDE} AND shard = ?2 ORDER BY n");
        self.all(&sql, (&document.0, shard), |row| read_entry(document, row))
    }

    /// The shards of which something lies aside, with how much.
    pub fn shards_with_aside(
        &self,
        document: &DocumentId,
    ) -> Result<BTreeMap<u8, u64>, StoreError> {
        let sql = "SELECT shard, count(*) FROM aside
            WHERE document_no = (SELECT no FROM document WHERE id = ?1) GROUP BY shard";
        self.all(sql, [&document.0], |row| Ok((row.byte(0)?, row.count(1)?)))
    }

    /// The hashes of what lies aside of a shard.
    pub fn aside_hashes(
        &self,
        document: &DocumentId,
        shard: u8,
    ) -> Result<Vec<ChangeHash>, StoreError> {
        let sql = "SELECT hash FROM aside
            WHERE document_no = (SELECT no FROM document WHERE id = ?1) AND shard = ?2";
        self.all(sql, (&document.0, shard), |row| Ok(ChangeHash(row.array(0)?)))
    }

    /// What an author has stored in a document.
    pub fn usage(&self, document: &DocumentId, author: &DeviceId) -> Result<UsageRow, StoreError> {
        let sql = "SELECT changes, bytes, statements FROM usage
            WHERE document_no = (SELECT no FROM document WHERE id = ?1) AND author = ?2";
        let row = self.first(sql, (&document.0, &author.0), |row| {
            Ok(UsageRow { changes: row.count(0)?, bytes: row.count(1)?, statements: row.count(2)? })
        })?;
        Ok(row.unwrap_or_default())
    }

    /// How many bytes of a document lie aside.
    pub fn aside_bytes(&self, document: &DocumentId) -> Result<u64, StoreError> {
        let sql = "SELECT coalesce(sum(length(raw)), 0) FROM aside
            WHERE document_no = (SELECT no FROM document WHERE id = ?1)";
        Ok(self.first(sql, [&document.0], |row| row.count(0))?.unwrap_or(0))
    }
}

impl Tx<'_> {
    /// Lays a change aside; returns whether it is new there.
    pub fn put_aside(&self, entry: &LogEntry) -> Result<bool, StoreError> {
        let sql = "INSERT INTO aside (document_no, shard, hash, author, signature, operation, raw)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
            ON CONFLICT (document_no, shard, hash) DO NOTHING";
        self.insert_entry(sql, entry)
    }

    /// Takes a change from aside, because it counts now, or never can.
    pub fn remove_aside(
        &self,
        document: &DocumentId,
        shard: u8,
        hash: &ChangeHash,
    ) -> Result<(), StoreError> {
        let no = self.document_no(document)?;
        let sql = "DELETE FROM aside WHERE document_no = ?1 AND shard = ?2 AND hash = ?3";
        self.execute(sql, (no, shard, &hash.0)).map(drop)
    }

    /// Moves a change of the log aside, because it no longer counts.
    pub fn set_aside(
        &self,
        document: &DocumentId,
        shard: u8,
        hash: &ChangeHash,
    ) -> Result<(), StoreError> {
        let Some(entry) = self.log_entry(document, shard, hash)? else { return Ok(()) };
        self.put_aside(&entry)?;
        let no = self.document_no(document)?;
        let sql = "DELETE FROM log WHERE document_no = ?1 AND shard = ?2 AND hash = ?3";
        self.execute(sql, (no, shard, &hash.0)).map(drop)
    }

    /// Says anew what a library was shown of a shard, item by item and list by list, where `map`
    /// returns something else than what it is given.
    pub fn map_shown(
        &self,
        link: LinkId,
        shard: u8,
        map: &mut dyn FnMut(&Heads) -> Option<Heads>,
    ) -> Result<(), StoreError> {
        let no = self.link_no(link)?;
        for (table, id) in [("base_item", "item"), ("base_collection", "collection")] {
            let sql = format!(
                "SELECT DISTINCT shown FROM {table}
                WHERE link_no = ?1 AND substr({id}, 1, 1) = ?2 AND shown IS NOT NULL"
            );
            let shown: Vec<Heads> =
                self.all(&sql, (no, [shard]), |row| heads_from(row.bytes(0)?))?;
            let sql = format!(
                "UPDATE {table} SET shown = ?4
                WHERE link_no = ?1 AND substr({id}, 1, 1) = ?2 AND shown = ?3"
            );
            for old in &shown {
                if let Some(new) = map(old) {
                    self.execute(&sql, (no, [shard], heads_to(old), heads_to(&new)))?;
                }
            }
        }
        Ok(())
    }
}
