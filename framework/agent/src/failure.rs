//! Why a command failed: one sentence, and what to do.

use segue_document::DocumentError;
use segue_store::StoreError;
use segue_translator::Error as LibraryError;

/// A command that failed as a whole. What happens to one library of several is no failure but part
/// of the answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A library.
    #[error("{0}")]
    Library(#[from] LibraryError),
    /// The store.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The document.
    #[error("{0}")]
    Document(#[from] DocumentError),
    /// What was asked for does not exist or cannot be done; `hint` says what can.
    #[error("{sentence}")]
    Refused {
        /// What is wrong.
        sentence: String,
        /// What to do.
        hint: String,
    },
}

impl Failure {
    /// A request that cannot be done.
    pub fn refused(sentence: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Refused { sentence: sentence.into(), hint: hint.into() }
    }

    /// What a person can do about it, if the sentence does not say so itself.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Library(error) => Some(error.kind.hint()),
            Self::Refused { hint, .. } if !hint.is_empty() => Some(hint),
            _ => None,
        }
    }
}
