//! What goes wrong between two devices, and who is to blame.
//!
//! [`Fault`] is for what an honest peer never does; it names the peer, and the connection is closed.
//! Everything else may happen to anybody.

use std::fmt;

use iroh::endpoint::{ConnectionError, VarInt};
use segue_sync::DeviceId;

/// The longest reason that is sent or read, in bytes.
const REASON_BYTES_MAX: usize = 200;

/// Why a connection was closed, as a number for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// Nothing more to say.
    Done,
    /// The peer lets this device not in.
    NotAdmitted,
    /// Too many connections at the moment.
    Busy,
    /// There is another connection between the two, which stays.
    Duplicate,
    /// The other side did what an honest peer never does.
    Fault,
    /// The device goes away.
    Leaving,
    /// A number that only a newer peer knows.
    Other(u32),
}

const CODES: [(Code, u32); 6] = [
    (Code::Done, 0),
    (Code::NotAdmitted, 1),
    (Code::Busy, 2),
    (Code::Duplicate, 3),
    (Code::Fault, 4),
    (Code::Leaving, 5),
];

impl Code {
    fn number(self) -> u32 {
        match self {
            Self::Other(number) => number,
            known => CODES.iter().find(|(code, _)| *code == known).map_or(0, |(_, number)| *number),
        }
    }

    fn from_number(number: u64) -> Self {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        let known = CODES.iter().find(|(_, other)| *other == number);
        known.map_or(Self::Other(number), |(code, _)| *code)
    }
}

/// Why a connection was closed; the other side can read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// For programs.
    pub code: Code,
    /// For people; at most 200 bytes travel. What a peer wrote is printable here, and still its own claim.
    pub text: String,
}

impl Reason {
    /// A reason.
    pub fn new(code: Code, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    pub(crate) fn number(&self) -> VarInt {
        VarInt::from_u32(self.code.number())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        let end = (0..=self.text.len().min(REASON_BYTES_MAX))
            .rev()
            .find(|end| self.text.is_char_boundary(*end));
        &self.text.as_bytes()[..end.unwrap_or(0)]
    }

    fn read(number: u64, bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(REASON_BYTES_MAX)]);
        let text = text.chars().filter(|c| !c.is_control()).collect();
        Self { code: Code::from_number(number), text }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.text.is_empty() { write!(f, "{:?}", self.code) } else { f.write_str(&self.text) }
    }
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// We closed it.
    #[error("closed here")]
    Here,
    /// The peer closed it, and said why.
    #[error("closed by the peer: {0}")]
    ByPeer(Reason),
    /// Nothing was heard of the peer for too long, or it came back without memory of us.
    #[error("the peer fell silent")]
    Silent,
    /// Anything else; the text is that of the layer below.
    #[error("the connection broke: {0}")]
    Broken(String),
}

impl Ended {
    pub(crate) fn from_foreign(error: ConnectionError) -> Self {
        match error {
            ConnectionError::LocallyClosed => Self::Here,
            ConnectionError::ApplicationClosed(close) => {
                Self::ByPeer(Reason::read(close.error_code.into_inner(), &close.reason))
            }
            ConnectionError::TimedOut | ConnectionError::Reset => Self::Silent,
            other => Self::Broken(other.to_string()),
        }
    }
}

/// What a peer did that an honest one never does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FaultKind {
    /// It announced a frame larger than the channel allows.
    #[error("announced a frame of {bytes} bytes; at most {max} are allowed")]
    FrameTooLarge {
        /// What it announced.
        bytes: u64,
        /// What is allowed.
        max: usize,
    },
    /// It began a frame and did not go on, or took nothing of ours.
    #[error("stopped in the middle of a frame")]
    Stalled,
    /// It ended a lane in the middle of a frame.
    #[error("ended in the middle of a frame")]
    HalfFrame,
}

/// What a peer did that an honest one never does, and who it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("device {peer} {kind}")]
pub struct Fault {
    /// The culprit: the key that it has proven.
    pub peer: DeviceId,
    /// What it did.
    pub kind: FaultKind,
}

/// Why a frame did not come or go.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LaneError {
    /// The peer misbehaved; the connection is closed.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The connection is gone.
    #[error(transparent)]
    Ended(#[from] Ended),
    /// The other side wants no more of this lane.
    #[error("the peer gave this lane up")]
    GivenUp,
    /// A send was abandoned half-way, so nothing can follow it on this lane.
    #[error("an earlier frame was not sent to its end")]
    Interrupted,
    /// The frame is ours and larger than the channel allows; nothing was sent.
    #[error("a frame of {bytes} bytes cannot be sent; at most {max} are allowed")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// What is allowed.
        max: usize,
    },
}

/// Why a node could not be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// A configured URL that is none.
    #[error("`{0}` is no URL of a relay or registry: expected `https://host/`")]
    Url(String),
    /// No socket, or no look-up service.
    #[error("the network is not available: {0}")]
    Socket(String),
}

/// Why a peer was not reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// That is this device.
    #[error("this device cannot dial itself")]
    Myself,
    /// No key has these bytes.
    #[error("{0} is no device: its bytes are no key")]
    NoKey(DeviceId),
    /// None of the addresses lies in the network that was allowed.
    #[error("no address of {0} lies in the allowed network")]
    OutOfReach(DeviceId),
    /// It did not answer in time.
    #[error("{0} did not answer in time")]
    TimedOut(DeviceId),
    /// Another connection with it stays instead of this one.
    #[error("there is a connection with {0} already, which it dialled")]
    Duplicate(DeviceId),
    /// Too many connections here.
    #[error("too many connections")]
    Busy,
    /// Whoever is there did not prove to be that device, or the connection broke.
    #[error("{peer} was not reached: {ended}")]
    Failed {
        /// Whom we dialled.
        peer: DeviceId,
        /// What happened.
        ended: Ended,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_keep_their_numbers() {
        for (code, number) in CODES {
            assert_eq!((code.number(), Code::from_number(number.into())), (number, code));
        }
        assert_eq!(Code::from_number(77), Code::Other(77));
        assert_eq!(Code::from_number(u64::MAX).number(), u32::MAX);
    }

    #[test]
    fn a_reason_is_cut_at_a_character_and_read_as_printable_text() {
        let reason = Reason::new(Code::Done, "ö".repeat(150));
        assert_eq!(reason.bytes().len(), 200);
        let reason = Reason::new(Code::Done, format!("a{}", "ö".repeat(150)));
        assert_eq!(reason.bytes().len(), 199);
        let hostile = [b"\x1b[2J\xff bye".as_slice(), &[b'x'; 5_000]].concat();
        let read = Reason::read(2, &hostile);
        assert_eq!(read.code, Code::Busy);
        assert!(read.text.starts_with("[2J\u{fffd} bye") && read.text.len() < 210);
    }
}
