//! Whether this device's clock can be trusted to be right within the bound.
//!
//! A clock cannot know that it is wrong; others can show it. What is remembered is what
//! contradicts the bound: that this clock was set back, a peer's time, the time of the office. It
//! stays until it is put right, since a clock that was set back by an hour is still an hour late
//! when it shows the old time again. It judges no licence, and takes no time from anybody.
//!
//! Invariant: a clock that was within the bound, and was set back while this ran, is in doubt or
//! wrong by at most twice the bound; so is one that a peer within the bound put right.

use std::collections::BTreeMap;

use segue_access::AccessError;
use segue_model::DeviceId;

use super::CLOCK_BOUND_MS;
use super::encoding::{Reader, Writer};

/// By so much a clock may have been set back, in sum, since somebody agreed with it.
const SET_BACK_MAX_MS: i64 = CLOCK_BOUND_MS / 4;

/// So close must a peer's clock be to agree: itself within the bound, it leaves us within one and
/// a half, and what may be set back unnoticed after that is less than another half.
const AGREES_MS: i64 = CLOCK_BOUND_MS / 2;

/// So far may the clock go on before it is recorded anew.
const RECORD_EVERY_MS: i64 = CLOCK_BOUND_MS / 5;

/// A peer's time beside ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation {
    /// Who said it.
    pub peer: DeviceId,
    /// What its clock showed.
    pub theirs: i64,
    /// What ours showed when it came.
    pub ours: i64,
    /// How long before, at most, the peer can have said it: since we asked.
    pub round_trip: i64,
}

/// Why a clock cannot be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// It was set back by so many milliseconds.
    SetBack(i64),
    /// The seat's office said a time that lies so many milliseconds ahead.
    Office(i64),
    /// A peer's clock showed so many milliseconds more, or less.
    Peer(DeviceId, i64),
}

/// What is remembered of a clock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Clock {
    /// What it showed last.
    last: Option<i64>,
    /// By how much it was set back since somebody agreed with it.
    set_back: i64,
    /// How far ahead of it the office was.
    office: Option<i64>,
    /// Peers that contradicted it and did not agree since, and by how much.
    peers: BTreeMap<DeviceId, i64>,
}

impl Clock {
    /// Notes the time.
    pub(super) fn note(&mut self, now: i64) {
        self.set_back = self.set_back_at(now);
        self.last = Some(now);
    }

    fn set_back_at(&self, now: i64) -> i64 {
        let back = self.last.map_or(0, |last| last.saturating_sub(now).max(0));
        self.set_back.saturating_add(back)
    }

    /// Notes what a peer's clock showed.
    pub(super) fn observe(&mut self, seen: &Observation) {
        // The peer spoke when ours showed something in `[ours - round_trip, ours]`.
        let least_ahead = seen.theirs.saturating_sub(seen.ours);
        let most_ahead = least_ahead.saturating_add(seen.round_trip.max(0));
        if least_ahead > 2 * CLOCK_BOUND_MS {
            self.peers.insert(seen.peer, least_ahead);
        } else if most_ahead < -2 * CLOCK_BOUND_MS {
            self.peers.insert(seen.peer, most_ahead);
        } else if most_ahead <= AGREES_MS && least_ahead >= -AGREES_MS {
            self.peers.remove(&seen.peer);
            self.set_back = 0;
        }
    }

    /// Notes when the office says that it made a statement, which is in the past.
    pub(super) fn hear_office(&mut self, at: i64, now: i64) {
        let ahead = at.saturating_sub(now);
        if ahead > 2 * CLOCK_BOUND_MS {
            self.office = self.office.max(Some(ahead));
        }
    }

    /// A person says that the clock is right.
    pub(super) fn confirm(&mut self, now: i64) {
        *self = Self { last: Some(now), ..Self::default() };
    }

    /// What speaks against it.
    pub(super) fn doubt(&self, now: i64) -> Option<Doubt> {
        let back = self.set_back_at(now);
        if back > SET_BACK_MAX_MS {
            return Some(Doubt::SetBack(back));
        }
        let peer = self.peers.iter().next().map(|(peer, ahead)| Doubt::Peer(*peer, *ahead));
        self.office.map(Doubt::Office).or(peer)
    }

    /// Whether it must be written down that `saved` became this.
    pub(super) fn is_news(&self, saved: &Self) -> bool {
        let went_on = match (self.last, saved.last) {
            (Some(last), Some(saved)) => last.saturating_sub(saved) >= RECORD_EVERY_MS,
            (last, saved) => last != saved,
        };
        went_on || Self { last: saved.last, ..self.clone() } != *saved
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        let optional = |writer: &mut Writer, time: Option<i64>| {
            match time {
                None => writer.bytes(&[0]),
                Some(time) => writer.bytes(&[1]).time(time),
            };
        };
        optional(writer, self.last);
        optional(writer.time(self.set_back), self.office);
        writer.each(self.peers.iter(), |writer, (peer, ahead)| {
            writer.bytes(&peer.0).time(*ahead);
        });
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, AccessError> {
        let optional = |reader: &mut Reader<'_>| match reader.byte()? {
            0 => Ok(None),
            1 => reader.time().map(Some),
            _ => Err(AccessError::Malformed("neither absent nor present")),
        };
        Ok(Self {
            last: optional(reader)?,
            set_back: reader.time()?,
            office: optional(reader)?,
            peers: reader.map(|reader| Ok((DeviceId(reader.array()?), reader.time()?)))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: DeviceId = DeviceId([1; 32]);

    fn at(now: i64) -> Clock {
        Clock { last: Some(now), ..Clock::default() }
    }

    fn seen(ahead: i64, round_trip: i64) -> Observation {
        Observation { peer: PEER, theirs: ahead, ours: 0, round_trip }
    }

    #[test]
    fn f42_a_clock_that_was_set_back_stays_in_doubt_when_it_shows_the_old_time_again() {
        let mut clock = at(0);
        clock.note(-SET_BACK_MAX_MS);
        assert_eq!(clock.doubt(-SET_BACK_MAX_MS), None);
        assert_eq!(clock.doubt(-SET_BACK_MAX_MS - 1), Some(Doubt::SetBack(SET_BACK_MAX_MS + 1)));
        clock.note(0);
        clock.note(-1);
        assert!(clock.doubt(CLOCK_BOUND_MS * 99).is_some(), "it adds up and stays");
        clock.observe(&seen(0, 0));
        assert_eq!(clock.doubt(0), None);
    }

    #[test]
    fn f42_a_peer_contradicts_beyond_twice_the_bound_and_agrees_within_half_of_it() {
        let (bound, trip) = (CLOCK_BOUND_MS, 1000);
        for ahead in [2 * bound, -2 * bound - trip] {
            let mut clock = at(0);
            clock.observe(&seen(ahead, trip));
            assert_eq!(clock.doubt(0), None, "{ahead}");
        }
        for (ahead, by) in [(2 * bound + 1, 2 * bound + 1), (-2 * bound - trip - 1, -2 * bound - 1)]
        {
            let mut clock = at(0);
            clock.observe(&seen(ahead, trip));
            assert_eq!(clock.doubt(0), Some(Doubt::Peer(PEER, by)));
            clock.observe(&Observation { peer: DeviceId([2; 32]), ..seen(0, 0) });
            clock.observe(&seen(AGREES_MS, 1));
            assert!(clock.doubt(0).is_some(), "neither another peer nor a vague answer agrees");
            clock.observe(&seen(AGREES_MS - trip, trip));
            assert_eq!(clock.doubt(0), None);
        }
    }

    #[test]
    fn the_offices_time_is_past_and_a_person_may_put_it_right() {
        let mut clock = at(0);
        clock.hear_office(2 * CLOCK_BOUND_MS, 0);
        assert_eq!(clock.doubt(0), None);
        clock.hear_office(2 * CLOCK_BOUND_MS + 1, 0);
        assert_eq!(clock.doubt(0), Some(Doubt::Office(2 * CLOCK_BOUND_MS + 1)));
        clock.confirm(5);
        assert_eq!(clock, at(5));
    }

    #[test]
    fn it_is_recorded_now_and_then_and_whenever_something_else_changes() {
        let saved = at(0);
        assert!(!at(RECORD_EVERY_MS - 1).is_news(&saved) && at(RECORD_EVERY_MS).is_news(&saved));
        assert!(Clock { set_back: 1, ..at(0) }.is_news(&saved) && at(0).is_news(&Clock::default()));
    }
}
