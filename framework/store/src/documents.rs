//! Documents, and the grow-only sets of signed statements about them.

use segue_model::{DeviceId, DocumentId};

use crate::sql::Columns;
use crate::{Reader, StoreError, Tx};

/// One document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentRow {
    /// Its id.
    pub id: DocumentId,
    /// The name of its schema.
    pub schema: String,
    /// The statement that begins it, encoded by `segue-access` or its caller.
    pub root_statement: Vec<u8>,
    /// When this device first had it, in Unix seconds.
    pub created_at: i64,
}

/// One signed statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementRow {
    /// Names it in the set.
    pub hash: [u8; 32],
    /// What is said.
    pub bytes: Vec<u8>,
    /// The signature over it.
    pub signature: [u8; 64],
    /// The key that signed.
    pub signer: [u8; 32],
}

const DOCUMENTS: &str = "SELECT id, schema, root_statement, created_at FROM document";

fn read_document(row: &rusqlite::Row<'_>) -> Result<DocumentRow, StoreError> {
    Ok(DocumentRow {
        id: DocumentId(row.array(0)?),
        schema: row.text(1)?,
        root_statement: row.bytes(2)?.to_vec(),
        created_at: row.int(3)?,
    })
}

impl Reader {
    /// All documents, in the order in which they came.
    pub fn documents(&self) -> Result<Vec<DocumentRow>, StoreError> {
        self.all(&format!("{DOCUMENTS} ORDER BY no"), (), read_document)
    }

    /// One document.
    pub fn document(&self, id: &DocumentId) -> Result<Option<DocumentRow>, StoreError> {
        self.first(&format!("{DOCUMENTS} WHERE id = ?1"), [&id.0], read_document)
    }

    /// The statements about a document, sorted by hash.
    pub fn statements(&self, document: &DocumentId) -> Result<Vec<StatementRow>, StoreError> {
        let sql = "SELECT hash, bytes, signature, signer FROM statement
            WHERE document_no = (SELECT no FROM document WHERE id = ?1) ORDER BY hash";
        self.all(sql, [&document.0], |row| {
            Ok(StatementRow {
                hash: row.array(0)?,
                bytes: row.bytes(1)?.to_vec(),
                signature: row.array(2)?,
                signer: row.array(3)?,
            })
        })
    }

    /// How many statements there are about a document; they only grow.
    pub fn statement_count(&self, document: &DocumentId) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM statement
            WHERE document_no = (SELECT no FROM document WHERE id = ?1)";
        Ok(self.first(sql, [&document.0], |row| row.count(0))?.unwrap_or(0))
    }

    /// Everybody who signed a change or statement about a document, sorted.
    pub fn authors(&self, document: &DocumentId) -> Result<Vec<DeviceId>, StoreError> {
        let sql = "SELECT author FROM usage
            WHERE document_no = (SELECT no FROM document WHERE id = ?1) ORDER BY author";
        self.all(sql, [&document.0], |row| Ok(DeviceId(row.array(0)?)))
    }

    pub(crate) fn find_document(&self, id: &DocumentId) -> Result<Option<i64>, StoreError> {
        self.first("SELECT no FROM document WHERE id = ?1", [&id.0], |row| row.int(0))
    }
}

impl Tx<'_> {
    /// Adds a document; one that is there already stays as it is.
    pub fn put_document(&self, row: &DocumentRow) -> Result<(), StoreError> {
        let sql = "INSERT INTO document (id, schema, root_statement, created_at)
            VALUES (?1, ?2, ?3, ?4) ON CONFLICT (id) DO NOTHING";
        let params = (&row.id.0, &row.schema, &row.root_statement, row.created_at);
        self.execute(sql, params).map(drop)
    }

    /// Adds a statement; returns whether it is new. Statements are never removed.
    pub fn add_statement(
        &self,
        document: &DocumentId,
        row: &StatementRow,
    ) -> Result<bool, StoreError> {
        let sql = "INSERT INTO statement (document_no, hash, bytes, signature, signer)
            VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (document_no, hash) DO NOTHING";
        let no = self.document_no(document)?;
        let params = (no, &row.hash, &row.bytes, &row.signature, &row.signer);
        Ok(self.execute(sql, params)? > 0)
    }
}
