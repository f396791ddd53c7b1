//! Why a device is not let in, as a code and in words.

use segue_access::Refusal;

use super::VERSIONS;
use super::frame::Refusing;
use super::printable::{cut, printable};
use crate::Malformed;
use crate::packed::Text;

/// Why the inviter does not let the joiner in. Its text is for the joiner's person; of the reasons known
/// here it is our own sentence, whatever the other side wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The ticket lets nobody in, or not this device.
    #[error(transparent)]
    Ticket(#[from] Refusal),
    /// A person at the inviter said no.
    #[error("the inviter said no")]
    Declined,
    /// There is no version that both speak.
    #[error("the inviter speaks versions {oldest} to {newest} of joining, this Segue does not")]
    Version {
        /// The oldest that the inviter speaks.
        oldest: u16,
        /// The newest that the inviter speaks.
        newest: u16,
    },
    /// The joiner said what no joiner says.
    #[error("the inviter could not accept what it was sent: {0}")]
    Malformed(String),
    /// The inviter has too much to do.
    #[error("the inviter is busy; try again in a minute")]
    Busy,
    /// Something that only a newer inviter says.
    #[error("{text}")]
    Other {
        /// Its code.
        code: u16,
        /// Its words, as they may be shown.
        text: String,
    },
}

const DECLINED: u16 = 7;
const VERSION: u16 = 8;
const MALFORMED: u16 = 9;
const BUSY: u16 = 10;

const OF_TICKETS: [(u16, Refusal); 6] = [
    (1, Refusal::Unknown),
    (2, Refusal::Used),
    (3, Refusal::Expired),
    (4, Refusal::Cancelled),
    (5, Refusal::Bound),
    (6, Refusal::TooLong),
];

impl From<Malformed> for Refused {
    fn from(Malformed(why): Malformed) -> Self {
        Self::Malformed(why.into())
    }
}

impl Refused {
    /// That we speak other versions.
    pub(super) const OUR_VERSIONS: Self = Self::Version { oldest: VERSIONS.0, newest: VERSIONS.1 };

    fn code(&self) -> u16 {
        match self {
            Self::Ticket(refusal) => {
                let known = OF_TICKETS.iter().find(|(_, known)| known == refusal);
                known.map_or(0, |(code, _)| *code)
            }
            Self::Declined => DECLINED,
            Self::Version { .. } => VERSION,
            Self::Malformed(_) => MALFORMED,
            Self::Busy => BUSY,
            Self::Other { code, .. } => *code,
        }
    }

    pub(super) fn told(&self) -> Refusing {
        let text = match self {
            Self::Malformed(why) => why.clone(),
            other => other.to_string(),
        };
        let text = cut(&text).to_owned();
        let (oldest, newest) = match self {
            Self::Version { oldest, newest } => (Some(*oldest), Some(*newest)),
            _ => (None, None),
        };
        Refusing { code: self.code(), text: Some(Text(text)), oldest, newest }
    }

    pub(super) fn heard(refusing: Refusing) -> Result<Self, Malformed> {
        let Refusing { code, text, oldest, newest } = refusing;
        let text = text.map(|Text(text)| printable(&text)).filter(|text| !text.is_empty());
        let text = text.unwrap_or_else(|| "the inviter gave no reason".into());
        if let Some((_, refusal)) = OF_TICKETS.iter().find(|(known, _)| *known == code) {
            return Ok(Self::Ticket(*refusal));
        }
        Ok(match code {
            DECLINED => Self::Declined,
            VERSION => match (oldest, newest) {
                (Some(oldest), Some(newest)) => Self::Version { oldest, newest },
                _ => return Err(Malformed("the frame does not say which versions")),
            },
            MALFORMED => Self::Malformed(text),
            BUSY => Self::Busy,
            code => Self::Other { code, text },
        })
    }
}
