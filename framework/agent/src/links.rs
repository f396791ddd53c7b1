//! Which links an operation began or ended, so that undoing it can turn that back.

use segue_model::LinkId;
use segue_store::{Reader, StoreError, Tx};

/// What an operation did to a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It began.
    Linked,
    /// It ended.
    Unlinked,
}

impl Turn {
    /// What undoing it does.
    pub(crate) const fn back(self) -> Self {
        match self {
            Self::Linked => Self::Unlinked,
            Self::Unlinked => Self::Linked,
        }
    }

    fn key(self, operation: i64) -> String {
        match self {
            Self::Linked => format!("operation {operation} linked"),
            Self::Unlinked => format!("operation {operation} unlinked"),
        }
    }
}

/// Remembers that an operation turned these links.
pub(crate) fn note(
    tx: &Tx<'_>,
    operation: i64,
    turn: Turn,
    links: impl Iterator<Item = LinkId>,
) -> Result<(), StoreError> {
    let links: Vec<String> = links.map(|link| link.to_string()).collect();
    if links.is_empty() {
        return Ok(());
    }
    tx.put_setting(&turn.key(operation), &links.join(" "))
}

/// The links that an operation turned.
pub(crate) fn turned(
    reader: &Reader,
    operation: i64,
    turn: Turn,
) -> Result<Vec<LinkId>, StoreError> {
    let text = reader.setting(&turn.key(operation))?.unwrap_or_default();
    Ok(text.split(' ').filter_map(|link| link.parse().ok()).collect())
}
