//! Who may hold a connection, how many, and which of two with one peer stays.
//!
//! Pure: time comes in. Invariant: there is at most one connection for each device and channel, and
//! both ends of two simultaneous dials keep the same one: that which the lower id dialled.

use std::collections::{BTreeMap, VecDeque};

use segue_sync::{DeviceId, Side};

use crate::error::{Code, Reason};
use crate::settings::Settings;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// Members get in step.
    Sync,
    /// A device with a ticket asks to become a member.
    Join,
}

impl Channel {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Sync, Self::Join];

    /// The protocol's name in the handshake.
    pub(crate) fn name(self) -> &'static [u8] {
        match self {
            Self::Sync => b"segue/sync/1",
            Self::Join => b"segue/join/1",
        }
    }

    pub(crate) fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.name() == name)
    }
}

/// What the admission says of a device that calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may come in.
    Member,
    /// It may come in, as one of few: it is unknown.
    Stranger,
    /// It may not.
    Refused,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    side: Side,
    is_stranger: bool,
}

/// A connection that was let in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entered {
    pub(crate) number: u64,
    /// The connection that this one replaces.
    pub(crate) replaces: Option<u64>,
}

#[derive(Debug)]
pub(crate) struct Gate {
    me: DeviceId,
    connections_max: usize,
    strangers_max: usize,
    strangers_per_minute_max: usize,
    open: BTreeMap<(DeviceId, Channel), Entry>,
    /// When strangers came in during the last minute.
    strangers_ms: VecDeque<u64>,
    next: u64,
}

const MINUTE_MS: u64 = 60_000;

impl Gate {
    pub(crate) fn new(me: DeviceId, settings: &Settings) -> Self {
        Self {
            me,
            connections_max: settings.connections_max,
            strangers_max: settings.strangers_max,
            strangers_per_minute_max: settings.strangers_per_minute_max,
            open: BTreeMap::new(),
            strangers_ms: VecDeque::new(),
            next: 0,
        }
    }

    /// Lets a connection in, or says why not. A device that we dialled ourselves is as good as a member.
    pub(crate) fn enter(
        &mut self,
        peer: DeviceId,
        channel: Channel,
        side: Side,
        verdict: Verdict,
        now_ms: u64,
    ) -> Result<Entered, Reason> {
        let is_stranger = verdict == Verdict::Stranger;
        if verdict == Verdict::Refused {
            return Err(Reason::new(Code::NotAdmitted, "this device is not admitted here"));
        }
        let key = (peer, channel);
        let replaces = match self.open.get(&key) {
            Some(old) if !self.replaces(&peer, side, old.side) => {
                return Err(Reason::new(Code::Duplicate, "another connection stays"));
            }
            old => old.map(|old| old.number),
        };
        if replaces.is_none() && self.open.len() >= self.connections_max {
            return Err(Reason::new(Code::Busy, "too many connections"));
        }
        if is_stranger {
            self.count_stranger(&key, now_ms)?;
        }
        let number = self.next;
        self.next += 1;
        self.open.insert(key, Entry { number, side, is_stranger });
        Ok(Entered { number, replaces })
    }

    /// A new dial of the same side replaces the old one: its end may have forgotten it.
    fn replaces(&self, peer: &DeviceId, new: Side, old: Side) -> bool {
        let lower = if self.me < *peer { Side::Dialer } else { Side::Answerer };
        new == old || new == lower
    }

    fn count_stranger(&mut self, key: &(DeviceId, Channel), now_ms: u64) -> Result<(), Reason> {
        while self.strangers_ms.front().is_some_and(|at_ms| at_ms + MINUTE_MS <= now_ms) {
            self.strangers_ms.pop_front();
        }
        let others = self.open.iter().filter(|(other, entry)| entry.is_stranger && *other != key);
        let is_full = others.count() >= self.strangers_max
            || self.strangers_ms.len() >= self.strangers_per_minute_max;
        if is_full {
            return Err(Reason::new(Code::Busy, "too many unknown devices; try again in a minute"));
        }
        self.strangers_ms.push_back(now_ms);
        Ok(())
    }

    /// Says that a connection is gone.
    pub(crate) fn leave(&mut self, number: u64) {
        self.open.retain(|_, entry| entry.number != number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: DeviceId = DeviceId([5; 32]);
    const LOWER: DeviceId = DeviceId([4; 32]);
    const HIGHER: DeviceId = DeviceId([6; 32]);

    fn gate() -> Gate {
        let settings = Settings {
            connections_max: 6,
            strangers_max: 2,
            strangers_per_minute_max: 3,
            ..Settings::default()
        };
        Gate::new(ME, &settings)
    }

    fn stranger(gate: &mut Gate, byte: u8, now_ms: u64) -> Result<u64, Code> {
        let peer = DeviceId([byte; 32]);
        let entered = gate.enter(peer, Channel::Join, Side::Answerer, Verdict::Stranger, now_ms);
        entered.map(|entered| entered.number).map_err(|reason| reason.code)
    }

    #[test]
    fn of_two_simultaneous_dials_both_ends_keep_that_of_the_lower_id_in_any_order() {
        for (peer, kept) in [(LOWER, Side::Answerer), (HIGHER, Side::Dialer)] {
            let dropped = if kept == Side::Dialer { Side::Answerer } else { Side::Dialer };
            let mut gate = gate();
            let mut enter = |side| {
                gate.enter(peer, Channel::Sync, side, Verdict::Member, 0).map_err(|r| r.code)
            };
            assert_eq!(enter(dropped), Ok(Entered { number: 0, replaces: None }));
            assert_eq!(enter(kept), Ok(Entered { number: 1, replaces: Some(0) }));
            assert_eq!(enter(dropped), Err(Code::Duplicate));
            assert_eq!(enter(kept), Ok(Entered { number: 2, replaces: Some(1) }));
        }
    }

    #[test]
    fn leaving_frees_the_place_and_a_replaced_connection_frees_nothing() {
        let mut gate = gate();
        let enter = |gate: &mut Gate| {
            gate.enter(LOWER, Channel::Sync, Side::Answerer, Verdict::Member, 0).unwrap().number
        };
        let (old, new) = (enter(&mut gate), enter(&mut gate));
        gate.leave(old);
        assert_eq!(gate.open.len(), 1);
        gate.leave(new);
        assert!(gate.open.is_empty());
    }

    #[test]
    fn strangers_are_few_at_once_and_in_a_minute_and_members_are_not_counted() {
        let mut gate = gate();
        let first = stranger(&mut gate, 10, 0).unwrap();
        stranger(&mut gate, 11, 0).unwrap();
        assert_eq!(stranger(&mut gate, 12, 0), Err(Code::Busy), "two at once");
        gate.leave(first);
        let third = stranger(&mut gate, 12, 1).unwrap();
        gate.leave(third);
        assert_eq!(stranger(&mut gate, 13, 59_999), Err(Code::Busy), "three in a minute");
        gate.enter(LOWER, Channel::Join, Side::Answerer, Verdict::Member, 2).unwrap();
        stranger(&mut gate, 13, 60_000).unwrap();
    }

    #[test]
    fn connections_are_counted_and_the_refused_are_told() {
        let mut gate = gate();
        let mut enter = |byte, verdict| {
            let peer = DeviceId([byte; 32]);
            gate.enter(peer, Channel::Sync, Side::Answerer, verdict, 0).map_err(|r| r.code)
        };
        assert_eq!(enter(9, Verdict::Refused), Err(Code::NotAdmitted));
        for byte in 10..16 {
            enter(byte, Verdict::Member).unwrap();
        }
        assert_eq!(enter(16, Verdict::Member), Err(Code::Busy));
        enter(15, Verdict::Member).unwrap();
    }
}
