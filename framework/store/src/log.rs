//! The signed log, which is the truth about documents, and the caches made from it.
//!
//! What is known only grows: what no longer counts moves from the log to [`aside`](crate::Tx::set_aside). Saved
//! shards and heads may be dropped at any time.

use std::collections::BTreeMap;

use segue_model::{ChangeHash, DeviceId, DocumentId, Heads, OperationId};

use crate::packed::{heads_from, heads_to};
use crate::sql::{Columns, number};
use crate::{Reader, StoreError, Tx};

/// One change of one shard, as its author signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// The document.
    pub document: DocumentId,
    /// The shard.
    pub shard: u8,
    /// The change's hash.
    pub hash: ChangeHash,
    /// Who signed it.
    pub author: DeviceId,
    /// The signature over document, shard and hash.
    pub signature: [u8; 64],
    /// The operation it belongs to.
    pub operation: Option<OperationId>,
    /// The change's bytes.
    pub raw: Vec<u8>,
}

/// A shard as it was saved after the first `log_len` entries of its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedShard {
    /// Its heads.
    pub heads: Heads,
    /// The document's own format.
    pub saved: Vec<u8>,
    /// How many entries of the shard's log it holds.
    pub log_len: u64,
}

const ENTRIES: &str = "SELECT shard, hash, author, signature, operation, raw FROM log
    WHERE document_no = (SELECT no FROM document WHERE id = ?1)";

impl Reader {
    /// The log of a shard, in the order in which it came.
    pub fn log(&self, document: &DocumentId, shard: u8) -> Result<Vec<LogEntry>, StoreError> {
        self.log_from(document, shard, 0)
    }

    /// The log of a shard without its first `skipped` entries.
    pub fn log_from(
        &self,
        document: &DocumentId,
        shard: u8,
        skipped: u64,
    ) -> Result<Vec<LogEntry>, StoreError> {
        let sql = format!("{ENTRIES} AND shard = ?2 ORDER BY n LIMIT -1 OFFSET ?3");
        self.all(&sql, (&document.0, shard, number(skipped)?), |row| read_entry(document, row))
    }

    /// The entries of one operation, in the order in which they came.
    pub fn log_operation(
        &self,
        document: &DocumentId,
        operation: OperationId,
    ) -> Result<Vec<LogEntry>, StoreError> {
        let sql = format!("{ENTRIES} AND operation = ?2 ORDER BY n");
        self.all(&sql, (&document.0, &operation.0), |row| read_entry(document, row))
    }

    /// The entry of one operation that came first.
    pub fn log_operation_first(
        &self,
        document: &DocumentId,
        operation: OperationId,
    ) -> Result<Option<LogEntry>, StoreError> {
        let sql = format!("{ENTRIES} AND operation = ?2 ORDER BY n LIMIT 1");
        self.first(&sql, (&document.0, &operation.0), |row| read_entry(document, row))
    }

    /// One entry.
    pub fn log_entry(
        &self,
        document: &DocumentId,
        shard: u8,
        hash: &ChangeHash,
    ) -> Result<Option<LogEntry>, StoreError> {
        let sql = format!("{ENTRIES} AND shard = ?2 AND hash = ?3");
        self.first(&sql, (&document.0, shard, &hash.0), |row| read_entry(document, row))
    }

    /// Whether the log of a shard has a change.
    pub fn log_has(
        &self,
        document: &DocumentId,
        shard: u8,
        hash: &ChangeHash,
    ) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM log
            WHERE document_no = (SELECT no FROM document WHERE id = ?1)
            AND shard = ?2 AND hash = ?3";
        Ok(self.first(sql, (&document.0, shard, &hash.0), |row| row.int(0))?.is_some())
    }

    /// The hashes of a shard's log beyond its first `skipped` entries, with the bytes of each change.
    pub fn log_shape(
        &self,
        document: &DocumentId,
        shard: u8,
        skipped: u64,
        mut take: impl FnMut(ChangeHash, &[u8]),
    ) -> Result<(), StoreError> {
        let sql = "SELECT hash, raw FROM log
            WHERE document_no = (SELECT no FROM document WHERE id = ?1) AND shard = ?2
            ORDER BY n LIMIT -1 OFFSET ?3";
        self.each(sql, (&document.0, shard, number(skipped)?), |row| {
            take(ChangeHash(row.array(0)?), row.bytes(1)?);
            Ok(())
        })
    }

    /// The shards that have a log, with the number of entries of each.
    pub fn shards_with_log(&self, document: &DocumentId) -> Result<BTreeMap<u8, u64>, StoreError> {
        let sql = "SELECT shard, count(*) FROM log INDEXED BY log_by_shard
            WHERE document_no = (SELECT no FROM document WHERE id = ?1) GROUP BY shard";
        self.all(sql, [&document.0], |row| Ok((row.byte(0)?, row.count(1)?)))
    }

    /// The saved shard, if the cache has it.
    pub fn shard(
        &self,
        document: &DocumentId,
        shard: u8,
    ) -> Result<Option<SavedShard>, StoreError> {
        let sql = "SELECT heads, saved, log_len FROM shard
            WHERE document_no = (SELECT no FROM document WHERE id = ?1) AND shard = ?2";
        self.first(sql, (&document.0, shard), |row| {
            let heads = heads_from(row.bytes(0)?)?;
            Ok(SavedShard { heads, saved: row.bytes(1)?.to_vec(), log_len: row.count(2)? })
        })
    }

    /// The heads of all shards that have some in the cache.
    pub fn heads(&self, document: &DocumentId) -> Result<BTreeMap<u8, Heads>, StoreError> {
        let sql = "SELECT shard, heads FROM shard_heads
            WHERE document_no = (SELECT no FROM document WHERE id = ?1)";
        self.all(sql, [&document.0], |row| Ok((row.byte(0)?, heads_from(row.bytes(1)?)?)))
    }
}

pub(crate) fn read_entry(
    document: &DocumentId,
    row: &rusqlite::Row<'_>,
) -> Result<LogEntry, StoreError> {
    let operation = match row.optional_bytes(4)? {
        None => None,
        Some(_) => Some(OperationId(row.array(4)?)),
    };
    Ok(LogEntry {
        document: *document,
        shard: row.byte(0)?,
        hash: ChangeHash(row.array(1)?),
        author: DeviceId(row.array(2)?),
        signature: row.array(3)?,
        operation,
        raw: row.bytes(5)?.to_vec(),
    })
}

impl Tx<'_> {
    /// Appends a change; returns whether it is new. One that is there already stays as it is.
    pub fn append(&self, entry: &LogEntry) -> Result<bool, StoreError> {
        let sql = "INSERT INTO log (document_no, shard, hash, author, signature, operation, raw)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
            ON CONFLICT (document_no, shard, hash) DO NOTHING";
        self.insert_entry(sql, entry)
    }

    pub(crate) fn insert_entry(&self, sql: &str, entry: &LogEntry) -> Result<bool, StoreError> {
        let no = self.document_no(&entry.document)?;
        let operation = entry.operation.as_ref().map(OperationId::as_bytes);
        let LogEntry { shard, hash, author, signature, raw, .. } = entry;
        let params = (no, shard, &hash.0, &author.0, signature, operation, raw);
        Ok(self.execute(sql, params)? > 0)
    }

    /// Caches a shard as it is after the first `log_len` entries of its log.
    pub fn put_shard(
        &self,
        document: &DocumentId,
        shard: u8,
        heads: &Heads,
        saved: &[u8],
        log_len: u64,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO shard (document_no, shard, heads, saved, log_len)
            VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (document_no, shard) DO UPDATE SET
            heads = excluded.heads, saved = excluded.saved, log_len = excluded.log_len";
        let no = self.document_no(document)?;
        self.execute(sql, (no, shard, heads_to(heads), saved, number(log_len)?)).map(drop)
    }

    /// Caches the heads of a shard.
    pub fn put_heads(
        &self,
        document: &DocumentId,
        shard: u8,
        heads: &Heads,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO shard_heads (document_no, shard, heads) VALUES (?1, ?2, ?3)
            ON CONFLICT (document_no, shard) DO UPDATE SET heads = excluded.heads";
        let no = self.document_no(document)?;
        self.execute(sql, (no, shard, heads_to(heads))).map(drop)
    }

    /// Drops a saved shard; the log rebuilds it.
    pub fn drop_shard(&self, document: &DocumentId, shard: u8) -> Result<(), StoreError> {
        let no = self.document_no(document)?;
        let sql = "DELETE FROM shard WHERE document_no = ?1 AND shard = ?2";
        self.execute(sql, (no, shard)).map(drop)
    }

    /// Drops saved shards and heads of a document; the log rebuilds them.
    pub fn drop_caches(&self, document: &DocumentId) -> Result<(), StoreError> {
        let no = self.document_no(document)?;
        self.execute("DELETE FROM shard WHERE document_no = ?1", [no])?;
        self.execute("DELETE FROM shard_heads WHERE document_no = ?1", [no]).map(drop)
    }
}
