//! The frames of the conversation, and their bytes: built as those of a session are.
//!
//! What stays in every version: a frame is its kind and a map, the first two fields of an Ask are the
//! versions, and a Refused is what it is now. So sides that share no version still understand why.

use minicbor::{Decode, Decoder, Encode};
use segue_access::Secret;

use super::{ADDRESSES_MAX, FRAME_BYTES_MAX, FRAMES_MAX, STATEMENTS_MAX, TEXT_BYTES_MAX, VERSIONS};
use crate::Malformed;
use crate::batch::WireStatement;
use crate::packed::{List, Text};

pub(super) type Addresses = List<Text<TEXT_BYTES_MAX>, ADDRESSES_MAX>;

/// "I hold this ticket; let me in."
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct Ask {
    #[n(0)]
    pub(super) oldest: u16,
    #[n(1)]
    pub(super) newest: u16,
    #[cbor(n(2), with = "minicbor::bytes")]
    pub(super) document: [u8; 32],
    #[cbor(n(3), with = "secret")]
    pub(super) secret: Secret,
    /// The joiner's person vouches for the joiner's device.
    #[n(4)]
    pub(super) vouch: WireStatement,
    #[cbor(n(5), default)]
    pub(super) addresses: Addresses,
}

/// What is read of an Ask first: if the versions do not fit, the rest may be anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct Versions {
    #[n(0)]
    pub(super) oldest: u16,
    #[n(1)]
    pub(super) newest: u16,
}

/// "The ticket is good. Show the words; a person decides."
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct Wait {
    #[n(0)]
    pub(super) version: u16,
    /// What the inviter is called.
    #[n(1)]
    pub(super) name: Option<Text<TEXT_BYTES_MAX>>,
}

/// "You are in."
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct Welcome {
    #[n(0)]
    pub(super) root: WireStatement,
    /// With the root they show that the joiner has a role.
    #[n(1)]
    pub(super) statements: List<WireStatement, STATEMENTS_MAX>,
    #[cbor(n(2), default)]
    pub(super) addresses: Addresses,
}

/// "You are not let in, because."
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct Refusing {
    #[n(0)]
    pub(super) code: u16,
    #[n(1)]
    pub(super) text: Option<Text<TEXT_BYTES_MAX>>,
    /// The versions that the sender speaks, if that is why.
    #[n(2)]
    pub(super) oldest: Option<u16>,
    #[n(3)]
    pub(super) newest: Option<u16>,
}

/// "All that is stored."
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct Joined {}

/// Any frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Frame {
    Ask(Ask),
    /// An Ask of somebody who speaks none of our versions.
    Foreign(Versions),
    Wait(Wait),
    Welcome(Welcome),
    Refused(Refusing),
    Joined(Joined),
    /// Of a kind that only a newer peer knows.
    Unknown,
}

impl Frame {
    /// The bytes of the frame.
    pub(super) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Ask(body) => encode(1, body),
            Self::Foreign(body) => encode(1, body),
            Self::Wait(body) => encode(2, body),
            Self::Welcome(body) => encode(3, body),
            Self::Refused(body) => encode(4, body),
            Self::Joined(body) => encode(5, body),
            Self::Unknown => encode(0, ()),
        }
    }

    /// Reads a frame.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() > FRAME_BYTES_MAX {
            return Err(Malformed("the frame is too large"));
        }
        let mut decoder = Decoder::new(bytes);
        let frame = match decoder.u64()? {
            1 => Self::ask(&mut decoder)?,
            2 => Self::Wait(decoder.decode()?),
            3 => Self::Welcome(decoder.decode()?),
            4 => Self::Refused(decoder.decode()?),
            5 => Self::Joined(decoder.decode()?),
            _ => return Ok(Self::Unknown),
        };
        if decoder.position() != bytes.len() {
            return Err(Malformed("there are bytes after the frame"));
        }
        Ok(frame)
    }

    fn ask(decoder: &mut Decoder<'_>) -> Result<Self, Malformed> {
        let versions: Versions = decoder.probe().decode()?;
        if versions.newest_common().is_none() {
            return Ok(Self::Foreign(decoder.decode()?));
        }
        Ok(Self::Ask(decoder.decode()?))
    }
}

fn encode(kind: u8, body: impl Encode<()>) -> Vec<u8> {
    // Writing into a vector cannot fail.
    let mut bytes = minicbor::to_vec(kind).unwrap_or_default();
    bytes.extend(minicbor::to_vec(body).unwrap_or_default());
    bytes
}

impl Versions {
    /// The newest version that both sides speak.
    pub(super) fn newest_common(self) -> Option<u16> {
        let newest = self.newest.min(VERSIONS.1);
        (newest >= self.oldest.max(VERSIONS.0)).then_some(newest)
    }
}

/// Reads the frames of one side, so many and no more.
#[derive(Debug, Default)]
pub(super) struct Intake {
    taken: u8,
}

impl Intake {
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<Frame, Malformed> {
        if self.taken == FRAMES_MAX {
            return Err(Malformed("there are too many frames"));
        }
        self.taken += 1;
        Frame::decode(bytes)
    }
}

/// Those addresses that may be sent: what is too much or too long is left out.
pub(super) fn addresses(all: &[String]) -> Addresses {
    let short = all.iter().filter(|address| address.len() <= TEXT_BYTES_MAX);
    List(short.take(ADDRESSES_MAX).cloned().map(Text).collect())
}

/// As the caller has them.
pub(super) fn texts(addresses: Addresses) -> Vec<String> {
    addresses.0.into_iter().map(|Text(text)| text).collect()
}

mod secret {
    use minicbor::decode::Error;
    use minicbor::encode::Write;
    use minicbor::{Decoder, Encoder, bytes};
    use segue_access::Secret;

    pub(super) fn encode<C, W: Write>(
        secret: &Secret,
        encoder: &mut Encoder<W>,
        context: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        bytes::encode(&secret.0, encoder, context)
    }

    pub(super) fn decode<C>(decoder: &mut Decoder<'_>, context: &mut C) -> Result<Secret, Error> {
        bytes::decode(decoder, context).map(Secret)
    }
}
