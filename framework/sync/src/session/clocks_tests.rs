//! When what a peer said of its clock is believed, and how exactly.

use super::*;

const NOON: i64 = 1_800_000_000;

fn at(steady_ms: u64, unix_s: i64) -> Now {
    Now { steady_ms, unix_s: Some(unix_s) }
}

/// How far theirs may be ahead of ours, in milliseconds: at least and at most.
fn ahead(seen: Compared) -> (i64, i64) {
    let least = seen.theirs_ms.saturating_sub(seen.ours_ms);
    (least, least.saturating_add(seen.round_trip_ms))
}

/// What an asker learns that said Hello at `asked`, and what it says.
fn asker(asked: Now, theirs: i64, now: Now) -> Option<(Clock, Option<Compared>)> {
    let mut clocks = Clocks::default();
    clocks.says_hello(asked);
    clocks.hears_welcome(theirs, now)
}

#[test]
fn a_welcome_shows_theirs_within_the_round_trip_and_the_seconds_that_are_not_told() {
    let (clock, seen) = asker(at(0, NOON), NOON + 100, at(3_500, NOON + 3)).unwrap();
    assert_eq!(clock, Clock { ahead: Some(-97) });
    // Theirs showed up to a second more than it said when ours showed between 12:00:00 and 12:00:04.
    let (least, most) = ahead(seen.unwrap());
    assert!(least <= 96_000 && most >= 101_000 && most - least <= 6_000, "{least} to {most}");
}

#[test]
fn a_clock_shows_the_same_to_whoever_said_the_welcome() {
    for (told, between) in [(Some(-97), (-98_000, -92_000)), (None, (-6_000, 10_000))] {
        let mut clocks = Clocks::default();
        assert_eq!(clocks.says_welcome(at(0, NOON)), Some(NOON));
        let seen = clocks.hears_clock(Clock { ahead: told }, at(3_500, NOON + 3)).unwrap();
        // The peer's clock showed NOON - 97 when ours showed something from NOON to NOON + 4.
        let (least, most) = ahead(seen);
        let exact = told.unwrap_or(0) * 1000;
        assert!(least <= exact - 4_000 && most >= exact + 1_000, "{least} to {most}");
        assert!(least >= between.0 - 4_000 && most <= between.1, "{least} to {most}");
    }
}

#[test]
fn f42_a_round_trip_is_counted_from_the_first_hello_and_through_sleep() {
    let mut clocks = Clocks::default();
    clocks.says_hello(at(0, NOON));
    clocks.says_hello(at(600_000, NOON + 600));
    // It may answer the first Hello, ten minutes ago.
    let (_, seen) = clocks.hears_welcome(NOON, at(600_100, NOON + 600)).unwrap();
    assert!(ahead(seen.unwrap()).1 >= 0, "it may have been right then");
    // The steady clock stood still for an hour.
    let (_, seen) = asker(at(0, NOON), NOON, at(100, NOON + 3600)).unwrap();
    assert!(ahead(seen.unwrap()).1 >= 0);
    // Ours was set back by an hour meanwhile: it is an hour late from now on.
    let (_, seen) = asker(at(0, NOON), NOON, at(100, NOON - 3600)).unwrap();
    let (least, most) = ahead(seen.unwrap());
    assert!(least <= 3_600_000 && most >= 3_600_000 && most - least <= 4_000);
}

#[test]
fn f42_of_two_welcomes_it_is_not_known_which_a_clock_is_about() {
    let mut clocks = Clocks::default();
    clocks.says_welcome(at(0, NOON));
    clocks.says_welcome(at(600_000, NOON + 600));
    assert_eq!(clocks.hears_clock(Clock { ahead: None }, at(600_100, NOON + 600)), None);
}

#[test]
fn it_is_told_once_and_only_what_was_asked_for() {
    let mut clocks = Clocks::default();
    assert_eq!(clocks.hears_clock(Clock { ahead: None }, at(0, NOON)), None);
    clocks.says_hello(at(0, NOON));
    clocks.says_welcome(at(0, NOON));
    let now = at(10, NOON);
    assert!(clocks.hears_welcome(NOON, now).unwrap().1.is_some());
    assert_eq!(clocks.hears_welcome(NOON, now), None);
    assert_eq!(clocks.hears_clock(Clock { ahead: None }, now), None);
}

#[test]
fn without_a_clock_of_its_own_a_side_neither_says_nor_learns_a_time() {
    let mut clocks = Clocks::default();
    clocks.says_hello(0.into());
    assert_eq!(clocks.says_welcome(0.into()), None);
    assert_eq!(clocks.hears_welcome(NOON, 10.into()), None);
    assert_eq!(clocks.hears_clock(Clock { ahead: None }, 10.into()), None);
}

#[test]
fn no_time_is_too_large_or_small_to_be_said() {
    let times = [i64::MIN, -1, 0, NOON, i64::MAX];
    for ours in times {
        for theirs in times {
            let (clock, seen) = asker(at(0, ours), theirs, at(u64::MAX, ours)).unwrap();
            assert!(seen.unwrap().round_trip_ms > 0);
            for ahead in [clock.ahead, Some(theirs)] {
                let mut clocks = Clocks::default();
                clocks.says_welcome(at(0, ours));
                let seen = clocks.hears_clock(Clock { ahead }, at(u64::MAX, theirs)).unwrap();
                assert!(seen.round_trip_ms > 0);
            }
        }
    }
}
