//! Errors of documents. A caller can only report them: a shard that fails is rebuilt from the log.

/// Why a shard cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// automerge refused bytes or an operation.
    #[error("a part of the document cannot be used ({0}); `segue doctor` rebuilds it from the log")]
    Automerge(String),
    /// A commit was asked for at a state that this shard has never had.
    #[error("the document has no such earlier state; `segue doctor` checks the log")]
    UnknownHeads,
    /// One value is larger than a change may be.
    #[error("a single value is larger than 4 MiB, which no other device would take")]
    TooLarge,
}

impl From<automerge::AutomergeError> for DocumentError {
    fn from(error: automerge::AutomergeError) -> Self {
        Self::Automerge(error.to_string())
    }
}
