//! The frames: what one peer says to the other, and their bytes.
//!
//! A frame is a CBOR number, its kind, and a CBOR map with small numbers as keys. Fields and kinds that
//! a newer peer adds are skipped. `docs/wire-protocol.md` describes them; `fixtures/` pins their bytes.
//!
//! Invariant: whatever the bytes, decoding costs memory in proportion to them, and never panics.

use minicbor::{Decode, Decoder, Encode};

use crate::limits::{
    FRAME_BYTES_MAX, HEADS_MAX, LOCATOR_MAX, SKIP_MAX, STATEMENT_IDS_MAX, TEXT_BYTES_MAX,
};
use crate::packed::{List, Packed};

/// "Shall we get in step?"
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Hello {
    #[n(0)]
    pub(crate) oldest: u16,
    #[n(1)]
    pub(crate) newest: u16,
    #[cbor(n(2), with = "minicbor::bytes")]
    pub(crate) document: [u8; 32],
    #[cbor(n(3), with = "minicbor::bytes")]
    pub(crate) root: [u8; 16],
}

/// The answer to a Hello.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Welcome {
    #[n(0)]
    pub(crate) version: u16,
    #[cbor(n(1), with = "minicbor::bytes")]
    pub(crate) root: [u8; 16],
    /// Absent if the roots are equal.
    #[n(2)]
    pub(crate) summary: Option<Summary>,
    /// Unix seconds by the sender's clock. A peer that says none compares no clocks.
    #[n(3)]
    pub(crate) time: Option<i64>,
}

/// What differs can be seen from it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Summary {
    #[cbor(n(0), with = "minicbor::bytes")]
    pub(crate) statements: [u8; 16],
    /// The shards in which anything was written: the number, and 8 bytes of the digest of the heads.
    #[n(1)]
    pub(crate) shards: Packed<9, 256>,
}

/// "This is what I have of what differs; send what I lack."
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Want {
    #[n(0)]
    pub(crate) number: u64,
    /// The statements that the sender holds, if these differ.
    #[n(1)]
    pub(crate) statements: Option<Packed<16, STATEMENT_IDS_MAX>>,
    #[cbor(n(2), default)]
    pub(crate) shards: List<WantShard, 256>,
}

/// One shard of a [`Want`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct WantShard {
    #[n(0)]
    pub(crate) shard: u8,
    #[cbor(n(1), default)]
    pub(crate) heads: Packed<16, HEADS_MAX>,
    #[cbor(n(2), default)]
    pub(crate) locator: Packed<16, LOCATOR_MAX>,
    #[cbor(n(3), default)]
    pub(crate) skip: Packed<16, SKIP_MAX>,
}

/// Statements and changes; see [`Batch`](crate::Batch).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct BatchFrame {
    #[n(0)]
    pub(crate) number: u64,
    #[cbor(n(1), with = "minicbor::bytes")]
    pub(crate) plain: Option<Vec<u8>>,
    #[cbor(n(2), with = "minicbor::bytes")]
    pub(crate) deflated: Option<Vec<u8>>,
}

/// "The batch is stored."
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Taken {
    #[n(0)]
    pub(crate) number: u64,
}

/// "I have sent all that I know you to lack, and this is my root."
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Have {
    #[cbor(n(0), with = "minicbor::bytes")]
    pub(crate) root: [u8; 16],
    /// The number of the Want that is answered herewith.
    #[n(1)]
    pub(crate) answers: Option<u64>,
}

/// "When your Welcome came, my clock showed this beside its time."
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Clock {
    /// So many seconds more, or less; absent if it was about the same.
    #[n(0)]
    pub(crate) ahead: Option<i64>,
}

/// "I end this, because."
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Bye {
    #[n(0)]
    pub(crate) code: u16,
    #[n(1)]
    pub(crate) text: Option<String>,
    /// The versions that the sender speaks, if that is why.
    #[n(2)]
    pub(crate) oldest: Option<u16>,
    #[n(3)]
    pub(crate) newest: Option<u16>,
}

/// Any frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Frame {
    Hello(Hello),
    Welcome(Welcome),
    Want(Want),
    Batch(BatchFrame),
    Taken(Taken),
    Have(Have),
    Bye(Bye),
    Clock(Clock),
    /// Of a kind that only a newer peer knows.
    Unknown,
}

/// Bytes that are no frame, or a frame that no honest peer sends now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub(crate) &'static str);

impl From<minicbor::decode::Error> for Malformed {
    fn from(_: minicbor::decode::Error) -> Self {
        Self("the frame is no valid CBOR of its kind")
    }
}

impl Frame {
    /// The bytes of the frame.
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Hello(body) => encode(1, body),
            Self::Welcome(body) => encode(2, body),
            Self::Want(body) => encode(3, body),
            Self::Batch(body) => encode(4, body),
            Self::Taken(body) => encode(5, body),
            Self::Have(body) => encode(6, body),
            Self::Bye(body) => encode(7, body),
            // The map would be empty, and two peers in step pay for each byte.
            Self::Clock(Clock { ahead: None }) => vec![8],
            Self::Clock(body) => encode(8, body),
            Self::Unknown => encode(0, ()),
        }
    }

    /// Reads a frame.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() > FRAME_BYTES_MAX {
            return Err(Malformed("the frame is too large"));
        }
        let mut decoder = Decoder::new(bytes);
        let frame = match decoder.u64()? {
            1 => Self::Hello(decoder.decode()?),
            2 => Self::Welcome(decoder.decode()?),
            3 => Self::Want(decoder.decode()?),
            4 => Self::Batch(decoder.decode()?),
            5 => Self::Taken(decoder.decode()?),
            6 => Self::Have(decoder.decode()?),
            7 => Self::Bye(decoder.decode()?),
            8 if decoder.position() == bytes.len() => Self::Clock(Clock { ahead: None }),
            8 => Self::Clock(decoder.decode()?),
            _ => return Ok(Self::Unknown),
        };
        if decoder.position() != bytes.len() {
            return Err(Malformed("there are bytes after the frame"));
        }
        Ok(frame)
    }
}

fn encode(kind: u8, body: impl Encode<()>) -> Vec<u8> {
    // Writing into a vector cannot fail.
    let mut bytes = minicbor::to_vec(kind).unwrap_or_default();
    bytes.extend(minicbor::to_vec(body).unwrap_or_default());
    bytes
}

impl Bye {
    /// The reason as text for a person, short and without control characters.
    pub(crate) fn shown(&self) -> String {
        let text = self.text.as_deref().unwrap_or("the peer gave no reason");
        let plain = text.chars().filter(|c| !c.is_control());
        let mut shown = String::new();
        for c in plain {
            if shown.len() + c.len_utf8() > TEXT_BYTES_MAX {
                break;
            }
            shown.push(c);
        }
        shown
    }
}

/// The document that a first frame speaks of, so that it can be given to the right session.
///
/// # Errors
/// If it is no Hello: then the peer does not speak this protocol.
pub fn document_of(frame: &[u8]) -> Result<segue_model::DocumentId, Malformed> {
    match Frame::decode(frame)? {
        Frame::Hello(hello) => Ok(segue_model::DocumentId(hello.document)),
        _ => Err(Malformed("the first frame is no Hello")),
    }
}
