//! What terms mean at a moment, on a device.
//!
//! The reason that lasts longest is named first: what cannot be understood, what is over, what is not
//! this device's. The moment is an argument, and so are plays and seats; counting them is others'.
//!
//! Invariant: tighter terms never make an item valid that was not.

use std::fmt;

use jiff::Timestamp;
use segue_model::{Amount, DeviceId, Terms};

/// Where and when something is to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Situation {
    /// The moment, in Unix seconds: [`Time::now`](crate::Time::now).
    pub now: i64,
    /// This device.
    pub device: DeviceId,
    /// How often it was played, on all devices.
    pub plays: u64,
    /// Whether this device holds a seat.
    pub seat: Seat,
}

/// Whether a device holds one of an item's seats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seat {
    /// It does not.
    Absent,
    /// It does until then, in Unix seconds: that second is no longer part of it.
    Held {
        /// The end.
        until: i64,
    },
}

/// Whether an item may be used, and else why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It may.
    Valid,
    /// Later, in Unix seconds.
    NotYet {
        /// From then on.
        from: i64,
    },
    /// No longer, in Unix seconds.
    Expired {
        /// Since then.
        at: i64,
    },
    /// On other devices only.
    OtherDevices,
    /// Others hold its seats, or this device has taken none.
    LeasedElsewhere,
    /// It was played as often as it may be.
    PlayedOut,
    /// It has a kind of limit that this version does not know.
    UnknownKind(Box<str>),
}

impl State {
    /// What these terms mean there and then.
    pub fn of(terms: &Terms, here: &Situation) -> Self {
        if let Some(kind) = terms.unknown.first() {
            return Self::UnknownKind(kind.clone());
        }
        if let Some(at) = terms.valid_until.filter(|until| here.now >= *until) {
            return Self::Expired { at };
        }
        if terms.devices.as_ref().is_some_and(|devices| !devices.contains(&here.device)) {
            return Self::OtherDevices;
        }
        let plays_max = terms.amounts.get(&Amount::Plays);
        if plays_max.is_some_and(|most| here.plays >= u64::from(*most)) {
            return Self::PlayedOut;
        }
        if let Some(from) = terms.valid_from.filter(|from| here.now < *from) {
            return Self::NotYet { from };
        }
        match (terms.amounts.get(&Amount::Seats), here.seat) {
            (None, _) => Self::Valid,
            (Some(1..), Seat::Held { until }) if here.now < until => Self::Valid,
            _ => Self::LeasedElsewhere,
        }
    }

    /// Whether it may be used.
    pub fn is_valid(&self) -> bool {
        *self == Self::Valid
    }
}

/// For people: `expired on 2026-05-01 at 00:00 UTC`.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Valid => f.write_str("valid"),
            Self::NotYet { from } => write!(f, "not valid before {}", moment(*from)),
            Self::Expired { at } => write!(f, "expired on {}", moment(*at)),
            Self::OtherDevices => f.write_str("for other devices only"),
            Self::LeasedElsewhere => f.write_str("leased elsewhere"),
            Self::PlayedOut => f.write_str("played as often as it may be"),
            Self::UnknownKind(kind) => {
                write!(f, "limited in a way that this version does not know: {kind}")
            }
        }
    }
}

fn moment(second: i64) -> String {
    Timestamp::from_second(second).map_or_else(
        |_| second.to_string(),
        |moment| moment.strftime("%Y-%m-%d at %H:%M UTC").to_string(),
    )
}

/// The next second at which the terms may mean something else without anything being said.
pub fn next_change_after(terms: &Terms, here: &Situation) -> Option<i64> {
    let seat = match here.seat {
        Seat::Held { until } if terms.amounts.contains_key(&Amount::Seats) => Some(until),
        _ => None,
    };
    let changes = [terms.valid_from, terms.valid_until, seat].into_iter().flatten();
    changes.filter(|second| *second > here.now).min()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use segue_model::Use;

    use super::*;

    const HERE: Situation =
        Situation { now: 100, device: DeviceId([1; 32]), plays: 3, seat: Seat::Absent };

    fn plays(most: u32) -> Terms {
        Terms { amounts: BTreeMap::from([(Amount::Plays, most)]), ..Terms::default() }
    }

    fn seats(count: u32) -> Terms {
        Terms { amounts: BTreeMap::from([(Amount::Seats, count)]), ..Terms::default() }
    }

    fn ends(from: Option<i64>, until: Option<i64>) -> Terms {
        Terms { valid_from: from, valid_until: until, ..Terms::default() }
    }

    fn devices(bytes: &[u8]) -> Terms {
        let devices = bytes.iter().map(|byte| DeviceId([*byte; 32])).collect();
        Terms { devices: Some(devices), ..Terms::default() }
    }

    fn unknown(kind: &str) -> Terms {
        Terms { unknown: BTreeSet::from([kind.into()]), ..Terms::default() }
    }

    #[test]
    fn f41_each_limit_denies_exactly_where_it_should() {
        let denied = Terms { denied: Use::ALL.into(), ..Terms::default() };
        let cases = [
            (Terms::default(), State::Valid),
            (denied, State::Valid),
            (ends(Some(100), Some(101)), State::Valid),
            (ends(Some(101), None), State::NotYet { from: 101 }),
            (ends(None, Some(100)), State::Expired { at: 100 }),
            (ends(Some(200), Some(50)), State::Expired { at: 50 }),
            (devices(&[1, 2]), State::Valid),
            (devices(&[2]), State::OtherDevices),
            (devices(&[]), State::OtherDevices),
            (plays(4), State::Valid),
            (plays(3), State::PlayedOut),
            (plays(0), State::PlayedOut),
            (seats(1), State::LeasedElsewhere),
            (unknown("moon_phase"), State::UnknownKind("moon_phase".into())),
        ];
        for (terms, expected) in cases {
            assert_eq!(State::of(&terms, &HERE), expected, "{terms:?}");
        }
    }

    #[test]
    fn f41_a_seat_is_used_until_its_end_and_of_no_seats_there_is_none() {
        let held = |until| Situation { seat: Seat::Held { until }, ..HERE };
        assert_eq!(State::of(&seats(2), &held(101)), State::Valid);
        assert_eq!(State::of(&seats(2), &held(100)), State::LeasedElsewhere);
        assert_eq!(State::of(&seats(0), &held(101)), State::LeasedElsewhere);
        assert_eq!(next_change_after(&seats(2), &held(101)), Some(101));
        assert_eq!(next_change_after(&Terms::default(), &held(101)), None);
    }

    #[test]
    fn what_changes_next_is_known() {
        for (terms, expected) in [
            (Terms::default(), None),
            (ends(Some(150), Some(200)), Some(150)),
            (ends(Some(100), Some(200)), Some(200)),
            (ends(Some(50), Some(100)), None),
        ] {
            assert_eq!(next_change_after(&terms, &HERE), expected, "{terms:?}");
        }
    }

    #[test]
    fn the_words_are_for_people() {
        let words = [
            State::Valid,
            State::NotYet { from: 1_800_000_000 },
            State::Expired { at: 1_777_593_600 },
            State::Expired { at: i64::MAX },
            State::OtherDevices,
            State::LeasedElsewhere,
            State::PlayedOut,
            State::UnknownKind("moon_phase".into()),
        ];
        let words: Vec<String> = words.iter().map(State::to_string).collect();
        insta::assert_snapshot!(words.join("\n"), @r"
        valid
        not valid before 2027-01-15 at 08:00 UTC
        expired on 2026-05-01 at 00:00 UTC
        expired on 9223372036854775807
        for other devices only
        leased elsewhere
        played as often as it may be
        limited in a way that this version does not know: moon_phase
        ");
    }
}
