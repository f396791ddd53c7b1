//! Comparing the clocks of the two, once in a session.
//!
//! Whoever said Hello reads the other's time in the Welcome, and then tells its own in a Clock. So each of them knows a
//! time that the other's clock showed, and that it was shown during a round trip of its own. This judges no clock.
//!
//! Invariant: what is told of an honest peer is true, however late, often or out of order frames come. Where
//! that cannot be known nothing is told.

use super::{Effect, Session, Stop, Turn};
use crate::allowance;
use crate::frame::{Clock, Frame};

/// A Clock names no difference of at most so many seconds: between devices with good clocks it is a single byte.
const CLOSE_S: i64 = 5;

/// The time when something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds of any steady clock.
    pub steady_ms: u64,
    /// Unix seconds, as this device's clock shows them. Without them the peer is told none, and no clocks are compared.
    pub unix_s: Option<i64>,
}

impl From<u64> for Now {
    /// A time of a steady clock alone.
    fn from(steady_ms: u64) -> Self {
        Self { steady_ms, unix_s: None }
    }
}

/// A peer's clock beside ours, in Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compared {
    /// What the peer's clock showed.
    pub theirs_ms: i64,
    /// What ours showed when we heard of it.
    pub ours_ms: i64,
    /// How long before, at most, theirs can have shown it. Seconds are told, and so it is never 0.
    pub round_trip_ms: i64,
}

/// What a session remembers in order to compare.
#[derive(Debug, Default)]
pub(super) struct Clocks {
    /// When we said the first Hello: a Welcome that comes was said after it.
    asked: Option<Now>,
    welcomed: Welcomed,
    has_heard_welcome: bool,
    is_compared: bool,
}

/// The Welcomes that we said with a time.
#[derive(Debug, Default, Clone, Copy)]
enum Welcomed {
    #[default]
    Never,
    Once(Now),
    /// Which of them a Clock is about cannot be known.
    Often,
}

impl Clocks {
    pub(super) fn says_hello(&mut self, now: Now) {
        self.asked.get_or_insert(now);
    }

    /// The time for a Welcome.
    pub(super) fn says_welcome(&mut self, now: Now) -> Option<i64> {
        if now.unix_s.is_some() {
            self.welcomed = match self.welcomed {
                Welcomed::Never => Welcomed::Once(now),
                Welcomed::Once(_) | Welcomed::Often => Welcomed::Often,
            };
        }
        now.unix_s
    }

    /// What to say to a Welcome with this time, and what it shows.
    fn hears_welcome(&mut self, theirs: i64, now: Now) -> Option<(Clock, Option<Compared>)> {
        let ours = now.unix_s?;
        if std::mem::replace(&mut self.has_heard_welcome, true) {
            return None;
        }
        let ahead = ours.saturating_sub(theirs);
        let is_close = (-CLOSE_S..=CLOSE_S).contains(&ahead);
        let clock = Clock { ahead: (!is_close).then_some(ahead) };
        Some((clock, self.compared((theirs, theirs), self.asked, now)))
    }

    /// What a Clock shows.
    fn hears_clock(&mut self, clock: Clock, now: Now) -> Option<Compared> {
        let Welcomed::Once(said) = self.welcomed else { return None };
        let told = said.unix_s?;
        let (least, most) = clock.ahead.map_or((-CLOSE_S, CLOSE_S), |ahead| (ahead, ahead));
        self.compared((told.saturating_add(least), told.saturating_add(most)), Some(said), now)
    }

    /// The peer's clock showed one of these seconds, and that was after `since`.
    fn compared(
        &mut self,
        (least, most): (i64, i64),
        since: Option<Now>,
        now: Now,
    ) -> Option<Compared> {
        let round_trip_ms = round_trip_ms(since?, now)?;
        if std::mem::replace(&mut self.is_compared, true) {
            return None;
        }
        // A clock that shows a second may be anywhere in it, ours and theirs.
        let ours_ms = now.unix_s?.saturating_add(1).saturating_mul(1000);
        let vague_s = most.saturating_sub(least).saturating_add(2);
        let round_trip_ms = round_trip_ms.saturating_add(vague_s.saturating_mul(1000));
        Some(Compared { theirs_ms: least.saturating_mul(1000), ours_ms, round_trip_ms })
    }
}

/// How long it was, at most, from one time to the other. A steady clock may stand still while the computer sleeps, so
/// the longer of two answers is believed; a clock that was set meanwhile makes it vague, never wrong.
fn round_trip_ms(since: Now, now: Now) -> Option<i64> {
    let by_clock_s = now.unix_s?.saturating_sub(since.unix_s?).saturating_add(1);
    let steady_ms = now.steady_ms.saturating_sub(since.steady_ms);
    Some(by_clock_s.saturating_mul(1000).max(i64::try_from(steady_ms).unwrap_or(i64::MAX)))
}

impl Session {
    /// Answers the time in a Welcome.
    pub(super) fn answer_clock(&mut self, theirs: Option<i64>, turn: &mut Turn<'_>) {
        let answer = theirs.and_then(|theirs| self.clocks.hears_welcome(theirs, turn.now));
        if let Some((clock, seen)) = answer {
            turn.send(&Frame::Clock(clock));
            turn.effects.extend(seen.map(Effect::Compared));
        }
    }

    pub(super) fn clock(&mut self, clock: Clock, turn: &mut Turn<'_>) -> Result<(), Stop> {
        self.charge(allowance::FRAME, turn.now.steady_ms)?;
        turn.effects.extend(self.clocks.hears_clock(clock, turn.now).map(Effect::Compared));
        Ok(())
    }
}

#[cfg(test)]
#[path = "clocks_tests.rs"]
mod tests;
