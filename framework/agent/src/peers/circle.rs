//! The members of each document, as its statements say.
//!
//! Statements only grow, so their number says whether what is known of a document still holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use segue_access::{Members, SignedStatement};
use segue_model::DocumentId;
use segue_store::{Reader, StatementRow, StoreError, Tx};

/// The statements about one document, and who is who by them.
#[derive(Debug)]
pub(crate) struct Circle {
    pub(crate) statements: Vec<SignedStatement>,
    pub(crate) members: Members,
}

/// The circles that were asked for.
#[derive(Debug, Default)]
pub(crate) struct Circles(BTreeMap<DocumentId, (u64, Arc<Circle>)>);

impl Circle {
    /// Reads the statements of a document, and checks each.
    pub(crate) fn load(reader: &Reader, document: &DocumentId) -> Result<Self, StoreError> {
        let statements = reader.statements(document)?.into_iter().map(signed).collect();
        Ok(Self::of(statements, document))
    }

    /// The circle that these statements make.
    pub(crate) fn of(statements: Vec<SignedStatement>, document: &DocumentId) -> Self {
        let members = Members::of(&statements, document);
        Self { statements, members }
    }
}

impl Circles {
    /// The circle of a document as it is now.
    pub(crate) fn of(
        &mut self,
        reader: &Reader,
        document: &DocumentId,
    ) -> Result<Arc<Circle>, StoreError> {
        let count = reader.statement_count(document)?;
        if let Some((known, circle)) = self.0.get(document)
            && *known == count
        {
            return Ok(Arc::clone(circle));
        }
        let circle = Arc::new(Circle::load(reader, document)?);
        self.0.insert(*document, (count, Arc::clone(&circle)));
        Ok(circle)
    }
}

/// A statement as it is kept, for checking.
pub(crate) fn signed(row: StatementRow) -> SignedStatement {
    SignedStatement { bytes: row.bytes, signature: row.signature, signer: row.signer }
}

/// Keeps a statement; returns whether it is new.
pub(crate) fn keep(
    tx: &Tx<'_>,
    document: &DocumentId,
    statement: &SignedStatement,
) -> Result<bool, StoreError> {
    let row = StatementRow {
        hash: statement.hash(),
        bytes: statement.bytes.clone(),
        signature: statement.signature,
        signer: statement.signer,
    };
    tx.add_statement(document, &row)
}
