//! Why a session ends.

use crate::limits::VERSIONS;

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Closing {
    /// The peer has no role that lets it read.
    #[error("this device has no role in the document that lets it read")]
    NoRole,
    /// The peer speaks no version that we speak.
    #[error(
        "the peer speaks versions {oldest} to {newest} of the protocol, and this device {} to {}; \
         update the older one",
        VERSIONS.0,
        VERSIONS.1
    )]
    Version {
        /// The oldest that the peer speaks.
        oldest: u16,
        /// The newest that the peer speaks.
        newest: u16,
    },
    /// The peer asks for another document.
    #[error("this connection is for another document")]
    Document,
    /// The peer asked or sent without need until its allowance was used up.
    #[error("too much was asked or sent without need")]
    Flood,
    /// The peer sent a frame that is none, or breaks a limit.
    #[error("a frame is not valid: {0}")]
    Malformed(&'static str),
    /// The peer passed on something that nobody can have signed.
    #[error("what was sent is not what its author signed: {0}")]
    Forged(String),
    /// The peer ended it.
    #[error("the peer left: {text}")]
    Left {
        /// Its code.
        code: u16,
        /// What it said, without control characters.
        text: String,
    },
}

impl Closing {
    /// Whether the peer broke the rules.
    pub(super) const fn is_fault(&self) -> bool {
        matches!(self, Self::Flood | Self::Malformed(_) | Self::Forged(_))
    }

    /// The code and text for the peer, unless it has left.
    pub(super) fn as_said(&self) -> Option<(u16, String)> {
        let code = match self {
            Self::NoRole => 1,
            Self::Version { .. } => 2,
            Self::Document => 3,
            Self::Flood => 4,
            Self::Malformed(_) => 5,
            Self::Forged(_) => 6,
            Self::Left { .. } => return None,
        };
        Some((code, self.to_string()))
    }

    /// The versions to tell, if that is why.
    pub(super) const fn versions(&self) -> Option<(u16, u16)> {
        if matches!(self, Self::Version { .. }) { Some(VERSIONS) } else { None }
    }
}

/// Ends the session from anywhere in a turn.
pub(super) struct Stop(pub(super) Closing);

impl From<Closing> for Stop {
    fn from(closing: Closing) -> Self {
        Self(closing)
    }
}

impl From<crate::Malformed> for Stop {
    fn from(malformed: crate::Malformed) -> Self {
        Self(Closing::Malformed(malformed.0))
    }
}
