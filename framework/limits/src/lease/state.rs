//! What a device must not forget: what it gave away, what its office issued, what its clock showed.
//!
//! Invariant: what it holds is on disk before anything that follows from it is sent
//! ([`Effect`](super::Effect)).

use std::collections::BTreeMap;

use segue_access::AccessError;

use super::clock::Clock;
use super::encoding::{Reader, Writer};
use super::statement::{Incarnation, Link, Token, read_link, write_link};

const TAG: &[u8] = b"segue seats\x01";

/// The durable state of one device for one document. [`State::default`] is that of a new folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    pub(super) clock: Clock,
    pub(super) office: Option<Office>,
    /// The last term of each seat that this office began.
    pub(super) issued: BTreeMap<Token, Link>,
    /// The last time that this device gave a seat away.
    pub(super) given: BTreeMap<Token, Link>,
}

/// That this folder is the one that issues seats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Office {
    /// Only in this life; a copy of the folder is no office.
    pub(super) incarnation: Incarnation,
    /// From when on.
    pub(super) not_before: i64,
}

impl State {
    /// The bytes to keep, the same for the same state.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        self.clock.write(writer.bytes(TAG));
        match self.office {
            None => writer.bytes(&[0]),
            Some(Office { incarnation, not_before }) => {
                writer.bytes(&[1]).bytes(&incarnation.0).time(not_before)
            }
        };
        for links in [&self.issued, &self.given] {
            writer.each(links.values(), write_link);
        }
        writer.0
    }

    /// Reads what [`encode`](Self::encode) made.
    ///
    /// # Errors
    /// [`AccessError::Malformed`]: the bytes were damaged, or a newer Segue wrote them. Nothing may
    /// be assumed in their place; an empty state would have forgotten what was given away.
    pub fn decode(bytes: &[u8]) -> Result<Self, AccessError> {
        let body = bytes.strip_prefix(TAG).ok_or(AccessError::Malformed("no state of seats"))?;
        let mut reader = Reader(body);
        let clock = Clock::read(&mut reader)?;
        let office = match reader.byte()? {
            0 => None,
            1 => Some(Office {
                incarnation: Incarnation(reader.array()?),
                not_before: reader.time()?,
            }),
            _ => return Err(AccessError::Malformed("neither an office nor none")),
        };
        let [issued, given] = [read_links(&mut reader)?, read_links(&mut reader)?];
        reader.end()?;
        Ok(Self { clock, office, issued, given })
    }

    /// Whether it must be written down that `saved` became this.
    pub(super) fn is_news(&self, saved: &Self) -> bool {
        self.clock.is_news(&saved.clock)
            || (self.office, &self.issued, &self.given)
                != (saved.office, &saved.issued, &saved.given)
    }
}

fn read_links(reader: &mut Reader<'_>) -> Result<BTreeMap<Token, Link>, AccessError> {
    reader.map(|reader| read_link(reader).map(|link| (link.token, link)))
}

#[cfg(test)]
mod tests {
    use segue_model::{DeviceId, DocumentId, ItemId};

    use super::super::clock::Observation;
    use super::super::statement::{Licence, To};
    use super::*;

    fn sample() -> State {
        let mut clock = Clock::default();
        clock.note(7);
        clock.hear_office(i64::MAX, 7);
        clock.observe(&Observation {
            peer: DeviceId([5; 32]),
            theirs: i64::MIN,
            ours: 7,
            round_trip: 1,
        });
        let licence =
            Licence { document: DocumentId([1; 32]), item: ItemId([2; 16]), issuer: [3; 32] };
        let link = |seat| Link {
            token: Token { licence, seat },
            term: 1,
            number: seat,
            previous: [4; 32],
            to: To::Office,
            end: 2,
            at: 1,
        };
        let links =
            |seats: &[u32]| seats.iter().map(|seat| (link(*seat).token, link(*seat))).collect();
        let office = Some(Office { incarnation: Incarnation([6; 4]), not_before: -1 });
        State { clock, office, issued: links(&[0, 1]), given: links(&[3]) }
    }

    #[test]
    fn it_is_read_as_it_was_written_and_what_is_cut_is_refused() {
        for state in [State::default(), sample()] {
            let bytes = state.encode();
            assert_eq!(State::decode(&bytes), Ok(state));
            for length in 0..bytes.len() {
                assert!(State::decode(&bytes[..length]).is_err(), "{length}");
            }
            assert!(State::decode(&[&bytes[..], &[0]].concat()).is_err());
        }
    }

    #[test]
    fn a_flipped_bit_never_reads_as_the_same() {
        let (state, bytes) = (sample(), sample().encode());
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert_ne!(State::decode(&other).as_ref(), Ok(&state), "{at}");
        }
    }
}
