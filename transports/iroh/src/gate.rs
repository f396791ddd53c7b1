//! Who may hold a connection, how many, and which of two with one peer stays.
//!
//! Two devices that dial each other at once get two connections, and each may hear of them in another
//! order. So one of them decides: the lower id keeps that which it saw first and closes the other; the
//! higher id keeps both until it hears which.
//!
//! Pure: time comes in. Invariant: for each device and channel there is at most one connection from each
//! side, and only the higher id ever has both.

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
    since_ms: u64,
    is_stranger: bool,
}

/// A connection that was let in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entered {
    pub(crate) number: u64,
    /// The connections that this one replaces.
    pub(crate) replaces: Vec<u64>,
}

/// The connections with a device on a channel, by who dialled.
#[derive(Debug, Default)]
struct Open {
    dialled: Option<Entry>,
    answered: Option<Entry>,
}

impl Open {
    fn of(&mut self, side: Side) -> (&mut Option<Entry>, &mut Option<Entry>) {
        match side {
            Side::Dialer => (&mut self.dialled, &mut self.answered),
            Side::Answerer => (&mut self.answered, &mut self.dialled),
        }
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.dialled.iter().chain(&self.answered)
    }
}

#[derive(Debug)]
pub(crate) struct Gate {
    me: DeviceId,
    connections_max: usize,
    strangers_max: usize,
    strangers_per_minute_max: usize,
    /// Two dials that began before either was heard of both end within this time.
    at_once_ms_max: u64,
    open: BTreeMap<(DeviceId, Channel), Open>,
    /// When strangers came in during the last minute.
    strangers_ms: VecDeque<u64>,
    next: u64,
}

const MINUTE_MS: u64 = 60_000;
/// The other end may have begun its dial so much later than it seems here.
const SLACK_MS: u64 = 1_000;

impl Gate {
    pub(crate) fn new(me: DeviceId, settings: &Settings) -> Self {
        Self {
            me,
            connections_max: settings.connections_max,
            strangers_max: settings.strangers_max,
            strangers_per_minute_max: settings.strangers_per_minute_max,
            at_once_ms_max: settings.dial_ms_max + SLACK_MS,
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
        let replaces = self.replaced(&key, side, now_ms)?;
        let count: usize = self.open.values().map(|open| open.entries().count()).sum();
        if replaces.is_empty() && count >= self.connections_max {
            return Err(Reason::new(Code::Busy, "too many connections"));
        }
        if is_stranger {
            self.count_stranger(&key, now_ms)?;
        }
        for number in &replaces {
            self.leave(*number);
        }
        let number = self.next;
        self.next += 1;
        let (place, _) = self.open.entry(key).or_default().of(side);
        *place = Some(Entry { number, since_ms: now_ms, is_stranger });
        Ok(Entered { number, replaces })
    }

    /// What a new connection replaces: the old one of the same side, because its end has forgotten it; and one of
    /// the other side that is too old for two dials at once, because its end would not dial if it knew of it.
    fn replaced(
        &mut self,
        key: &(DeviceId, Channel),
        side: Side,
        now_ms: u64,
    ) -> Result<Vec<u64>, Reason> {
        let at_once_ms_max = self.at_once_ms_max;
        let Some(open) = self.open.get_mut(key) else { return Ok(Vec::new()) };
        let (same, other) = open.of(side);
        let is_young = |old: &&Entry| old.since_ms.saturating_add(at_once_ms_max) > now_ms;
        if self.me < key.0 && other.as_ref().is_some_and(|old| is_young(&old)) {
            return Err(Reason::new(Code::Duplicate, "another connection stays"));
        }
        let old = other.iter().filter(|old| !is_young(old));
        Ok(same.iter().chain(old).map(|old| old.number).collect())
    }

    fn count_stranger(&mut self, key: &(DeviceId, Channel), now_ms: u64) -> Result<(), Reason> {
        while self.strangers_ms.front().is_some_and(|at_ms| at_ms + MINUTE_MS <= now_ms) {
            self.strangers_ms.pop_front();
        }
        let others = self.open.iter().filter(|(other, _)| *other != key);
        let others = others.filter(|(_, open)| open.entries().any(|entry| entry.is_stranger));
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
        self.open.retain(|_, open| {
            for place in [&mut open.dialled, &mut open.answered] {
                place.take_if(|entry| entry.number == number);
            }
            open.entries().next().is_some()
        });
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

    fn member(gate: &mut Gate, peer: DeviceId, side: Side, now_ms: u64) -> Result<Entered, Code> {
        let entered = gate.enter(peer, Channel::Sync, side, Verdict::Member, now_ms);
        entered.map_err(|reason| reason.code)
    }

    const SIDES: [Side; 2] = [Side::Dialer, Side::Answerer];

    fn entered(number: u64, replaces: &[u64]) -> Entered {
        Entered { number, replaces: replaces.to_vec() }
    }

    #[test]
    fn of_two_simultaneous_dials_the_lower_id_keeps_the_first_and_the_higher_waits_for_its_word() {
        for [first, second] in [SIDES, [SIDES[1], SIDES[0]]] {
            let mut gate = gate();
            assert_eq!(member(&mut gate, HIGHER, first, 0), Ok(entered(0, &[])));
            assert_eq!(member(&mut gate, HIGHER, second, 10_999), Err(Code::Duplicate));
            assert_eq!(member(&mut gate, LOWER, first, 0), Ok(entered(1, &[])));
            assert_eq!(member(&mut gate, LOWER, second, 10_999), Ok(entered(2, &[])));
        }
    }

    #[test]
    fn who_dials_though_a_connection_stands_has_forgotten_it() {
        for peer in [LOWER, HIGHER] {
            for [first, second] in [SIDES, [SIDES[1], SIDES[0]]] {
                let mut gate = gate();
                member(&mut gate, peer, first, 0).unwrap();
                assert_eq!(
                    member(&mut gate, peer, first, 1),
                    Ok(entered(1, &[0])),
                    "the same side"
                );
                assert_eq!(
                    member(&mut gate, peer, second, 11_001),
                    Ok(entered(2, &[1])),
                    "much later"
                );
            }
        }
        let mut gate = gate();
        member(&mut gate, LOWER, Side::Dialer, 0).unwrap();
        member(&mut gate, LOWER, Side::Answerer, 1).unwrap();
        assert_eq!(
            member(&mut gate, LOWER, Side::Dialer, 20_000),
            Ok(entered(2, &[0, 1])),
            "of two"
        );
        assert_eq!(gate.open.values().map(|open| open.entries().count()).sum::<usize>(), 1);
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
