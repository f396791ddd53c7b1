//! The time by which licences are judged, when no clock can be believed alone.
//!
//! It is the latest of what the clock shows, of what this device recorded, and of the moments at
//! which issuers signed: setting the clock back revives nothing. What jumps ahead of the rest by more
//! than two days is held until a person confirms it, so that neither an accident nor a licence
//! from the year 9000 ends everything. It reads no clock and keeps no record.
//!
//! Invariant: what issuers say moves the time by at most [`JUMP_SECONDS_MAX`] beyond what the clock
//! showed, however often they say it: it is not recorded.

/// A jump ahead by more than this waits for a person: two days, as a clock that was set does.
pub const JUMP_SECONDS_MAX: i64 = 2 * 86_400;

/// What is known of the time. All in Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// What the computer's clock shows.
    pub shows: i64,
    /// What it should show by the seconds since the computer's start, where these are known. Without, nobody
    /// can tell a clock that was set ahead from a month away, and it is believed.
    pub expected: Option<i64>,
    /// The latest [`Time::record`] that was kept, or that a person confirmed.
    pub recorded: Option<i64>,
}

/// The time to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Time {
    /// By this licences are judged.
    pub now: i64,
    /// To be recorded: the time without what issuers say.
    pub record: i64,
    /// What is not believed until a person confirms it.
    pub held: Vec<Held>,
}

/// A moment too far ahead of the rest, in Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// The computer's clock shows it.
    Clock(i64),
    /// The latest that an issuer signed.
    Issuer(i64),
}

impl Clock {
    /// The time to use, with the moments at which proven licences were issued.
    pub fn time(&self, issued: impl IntoIterator<Item = i64>) -> Time {
        let mut held = Vec::new();
        let shows = match self.expected {
            Some(expected) if is_jump(expected, self.shows) => {
                held.push(Held::Clock(self.shows));
                expected
            }
            _ => self.shows,
        };
        let record = self.recorded.map_or(shows, |recorded| recorded.max(shows));
        let (ahead, believed): (Vec<i64>, Vec<i64>) =
            issued.into_iter().partition(|issued| is_jump(record, *issued));
        held.extend(ahead.into_iter().max().map(Held::Issuer));
        let now = believed.into_iter().max().map_or(record, |issued| issued.max(record));
        Time { now, record, held }
    }
}

fn is_jump(from: i64, to: i64) -> bool {
    to.saturating_sub(from) > JUMP_SECONDS_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn clock(shows: i64, recorded: Option<i64>) -> Clock {
        let days = |days: i64| days * DAY;
        Clock { shows: days(shows), expected: None, recorded: recorded.map(days) }
    }

    #[test]
    fn f41_a_clock_set_back_revives_nothing() {
        assert_eq!(clock(10, Some(100)).time([]).now, 100 * DAY);
        assert_eq!(clock(100, None).time([102 * DAY]).now, 102 * DAY);
        assert_eq!(clock(10, Some(100)).time([101 * DAY]).now, 101 * DAY);
        assert_eq!(clock(i64::MIN / DAY, Some(0)).time([i64::MIN, i64::MAX]).now, 0);
    }

    #[test]
    fn f41_a_licence_from_the_future_ends_nothing_and_hides_no_other() {
        let time = clock(100, None).time([9_000 * DAY, 101 * DAY, 102 * DAY + 1]);
        assert_eq!((time.now, time.record), (101 * DAY, 100 * DAY));
        assert_eq!(time.held, [Held::Issuer(9_000 * DAY)]);
        let confirmed = clock(100, Some(9_000)).time([9_000 * DAY]);
        assert_eq!((confirmed.now, confirmed.held), (9_000 * DAY, Vec::new()));
    }

    #[test]
    fn f41_issuers_cannot_creep_ahead() {
        let mut recorded = None;
        for step in 1..100 {
            let clock = Clock { recorded, ..clock(100, None) };
            let time = clock.time((1..=step).map(|step| (100 + step) * DAY));
            assert!(time.now <= 102 * DAY);
            recorded = Some(time.record);
        }
    }

    #[test]
    fn f41_a_clock_set_ahead_waits_and_a_month_away_does_not() {
        let ahead = Clock { expected: Some(101 * DAY), ..clock(130, Some(100)) };
        let time = ahead.time([]);
        assert_eq!((time.now, time.record), (101 * DAY, 101 * DAY));
        assert_eq!(time.held, [Held::Clock(130 * DAY)]);
        let away = clock(130, Some(100)).time([]);
        assert_eq!((away.now, away.held), (130 * DAY, Vec::new()));
        let slow = Clock { expected: Some(130 * DAY), ..clock(101, Some(100)) };
        assert_eq!(slow.time([]).now, 101 * DAY);
    }

    #[test]
    fn extremes_do_not_overflow() {
        let extremes = [i64::MIN, -1, 0, 1, i64::MAX];
        for shows in extremes {
            for other in extremes {
                let clock = Clock { shows, expected: Some(other), recorded: Some(other) };
                assert!(clock.time(extremes).now >= other);
            }
        }
    }
}
