//! Why a limit is not taken as it is. The words are for a person.

use segue_access::AccessError;

/// A statement's body or a sidecar that is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// The bytes are cut off or not in the one allowed form.
    #[error(transparent)]
    Encoding(#[from] AccessError),
    /// There is more of something than any licence needs.
    #[error("{what}: {count}, and at most {max} are allowed")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How much there is.
        count: usize,
        /// How much may be.
        max: usize,
    },
    /// A moment before 1970 or after 9999.
    #[error("the second {0} does not lie in the years 1970 to 9999")]
    Moment(i64),
    /// A licence that could never be used.
    #[error("the licence ends before it begins")]
    EndsFirst,
    /// A name that is empty where there must be one.
    #[error("{0} has no name")]
    Nameless(&'static str),
    /// A sidecar that is no JSON, or says what no licence can.
    #[error("no licence: {0}")]
    Sidecar(Box<str>),
    /// A sidecar of a later format.
    #[error("format {0} of licences is newer than this version of Segue")]
    Newer(u64),
    /// Another key issued the licence, or it is not proven which.
    #[error("only the key that issued this licence can renew or revoke it")]
    Issuer,
    /// A kind of limit that this version cannot write.
    #[error("this version of Segue cannot write limits of the kind `{0}`")]
    Kind(Box<str>),
    /// No serial follows the last one.
    #[error("the licence cannot be renewed any more: its serial is the last")]
    LastSerial,
}
