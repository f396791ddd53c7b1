//! What the next command makes of an undo during which the process was killed, when the apps were
//! used in between.

use segue_agent::command::{LibraryState, Request};
use segue_memory::Kind;

use crate::bench::{Bench, state, sync};
use crate::oracle::in_step;
use crate::recover::{BOTH, PAIR, When, kill_at, linked};

const UNDO: Request = Request::Undo { operation: None };

fn killed(bench: &mut Bench, request: Request, kind: Kind, when: When) {
    kill_at(bench, kind, when);
    assert!(bench.try_run(request).is_none(), "{kind:?} was not written");
    bench.steps.clear();
}

fn ratings(bench: &Bench, number: usize) -> [Option<i64>; 2] {
    PAIR.map(|kind| bench.rating(kind, number))
}

/// Two apps linked, of which the first told the second of a rating.
fn first_contact() -> Bench {
    let mut bench = Bench::with_songs(39, &PAIR, 4);
    bench.rate(Kind::Exact, 1, Some(80));
    bench.play(Kind::Exact, 4, 5);
    bench.list(Kind::Exact, "Mix", &[1, 2]);
    bench.link();
    bench
}

/// Control: `put_intent` in `begin` of `restore.rs`.
#[test]
fn f20_plays_after_a_killed_undo_count_once() {
    for when in BOTH {
        let mut bench = linked(&PAIR);
        bench.play(Kind::Exact, 1, 5);
        bench.rate(Kind::Exact, 2, Some(80));
        bench.sync();
        killed(&mut bench, UNDO, Kind::Stars, when);
        bench.play(Kind::Stars, 1, 2);
        bench.rate(Kind::Stars, 3, Some(20));
        in_step(&mut bench);
        assert_eq!(PAIR.map(|kind| bench.count(kind, 1)), [2; 2], "{when:?}");
        assert_eq!(ratings(&bench, 2), [None; 2], "{when:?}");
        assert!(bench.conflicts().is_empty(), "{when:?}");
    }
}

/// Killed twice: before the file came back, and when it was back.
#[test]
fn f39_an_undo_that_is_killed_twice_is_finished() {
    let mut bench = linked(&PAIR);
    bench.rate(Kind::Exact, 1, Some(73));
    bench.list(Kind::Exact, "Mix", &[2]);
    bench.sync();
    for when in BOTH {
        killed(&mut bench, UNDO, Kind::Stars, when);
    }
    in_step(&mut bench);
    assert_eq!(ratings(&bench, 1), [None; 2]);
    assert_eq!(PAIR.map(|kind| bench.songs(kind, "Mix")), [Some(vec![1, 2]), Some(vec![1, 2])]);
    bench.pass(Request::Redo);
    in_step(&mut bench);
    assert_eq!(ratings(&bench, 1), [Some(73), Some(80)]);
    assert_eq!(PAIR.map(|kind| bench.songs(kind, "Mix")), [Some(vec![2]), Some(vec![2])]);
    assert!(bench.conflicts().is_empty());
}

/// Controls: `after` in `one` of `restore.rs`: the backup lacks what was done since the kill; that a
/// base which is kept has no intent.
#[test]
fn f39_what_was_done_after_a_killed_undo_of_a_first_contact_outlives_a_redo() {
    for when in BOTH {
        let mut bench = first_contact();
        killed(&mut bench, UNDO, Kind::Stars, when);
        bench.rate(Kind::Stars, 3, Some(20));
        bench.sync();
        assert_eq!(ratings(&bench, 1), [Some(80), None], "{when:?}");
        assert_eq!(ratings(&bench, 3), [None, Some(20)], "{when:?}");
        assert_eq!(bench.songs(Kind::Stars, "Mix"), None, "{when:?}");
        bench.pass(Request::Redo);
        in_step(&mut bench);
        assert_eq!(ratings(&bench, 1), [Some(80); 2], "{when:?}");
        assert_eq!(ratings(&bench, 3), [Some(20); 2], "{when:?}");
        assert_eq!(PAIR.map(|kind| bench.count(kind, 4)), [5; 2], "{when:?}");
        assert_eq!(bench.songs(Kind::Stars, "Mix"), Some(vec![1, 2]), "{when:?}");
        assert_eq!(bench.catalog(Kind::Stars).collections.len(), 1, "{when:?}");
        assert!(bench.conflicts().is_empty(), "{when:?}");
    }
}

/// Control: `keep` in `back_up` of `restore.rs`.
#[test]
fn f39_a_first_contact_comes_back_in_an_app_that_was_used_meanwhile() {
    let mut bench = first_contact();
    bench.play(Kind::Exact, 2, 3);
    bench.sync();
    bench.pass(Request::Undo { operation: Some(1) });
    bench.rate(Kind::Stars, 3, Some(20));
    bench.pass(Request::Redo);
    in_step(&mut bench);
    assert_eq!(ratings(&bench, 1), [Some(80); 2]);
    assert_eq!(ratings(&bench, 3), [Some(20); 2]);
    assert_eq!(bench.songs(Kind::Stars, "Mix"), Some(vec![1, 2]));
    assert!(bench.conflicts().is_empty());
}

/// Control: `!known.active` in `restore.rs`: what a pass of the redo wrote would be edited.
#[test]
fn f39_a_redo_of_a_first_contact_that_is_killed_twice_is_finished() {
    let mut bench = first_contact();
    bench.pass(UNDO);
    killed(&mut bench, Request::Redo, Kind::Stars, When::After);
    bench.rate(Kind::Exact, 1, None);
    killed(&mut bench, sync(false), Kind::Stars, When::After);
    in_step(&mut bench);
    assert_eq!(ratings(&bench, 1), [None; 2]);
    assert_eq!(PAIR.map(|kind| bench.count(kind, 4)), [5; 2]);
    assert!(bench.conflicts().is_empty());
}

/// Control: that `restore` leaves alone what has come back.
#[test]
fn f39_an_app_that_came_back_is_used_while_the_undo_waits_for_another() {
    let mut bench = Bench::with_songs(41, &[Kind::Exact, Kind::Stars, Kind::NoRepeat], 4);
    bench.rate(Kind::Exact, 1, Some(80));
    bench.link();
    bench.running(&[Kind::NoRepeat.into()]);
    let report = bench.pass(UNDO);
    assert_eq!(state(&report, Kind::NoRepeat), LibraryState::Waiting);
    bench.rate(Kind::Stars, 1, Some(80));
    bench.running(&[]);
    bench.sync();
    assert_eq!((bench.rating(Kind::Stars, 1), bench.rating(Kind::NoRepeat, 1)), (Some(80), None));
}

/// Control: that `settle` leaves an undo begun.
#[test]
fn f39_an_undo_that_is_killed_and_then_has_to_wait_is_finished() {
    let kinds = [Kind::Exact, Kind::Stars, Kind::NoRepeat];
    let mut bench = Bench::with_songs(43, &kinds, 4);
    bench.rate(Kind::Exact, 1, Some(80));
    bench.rate(Kind::NoRepeat, 2, Some(60));
    bench.link_these(&PAIR);
    bench.link();
    assert_eq!(kinds.map(|kind| bench.rating(kind, 2)), [Some(60); 3]);
    bench.running(&[Kind::NoRepeat.into()]);
    killed(&mut bench, UNDO, Kind::Stars, When::After);
    assert_eq!(state(&bench.sync(), Kind::NoRepeat), LibraryState::Waiting);
    bench.running(&[]);
    bench.sync();
    assert_eq!(kinds.map(|kind| bench.rating(kind, 1)), [Some(80), Some(80), None]);
    assert_eq!(kinds.map(|kind| bench.rating(kind, 2)), [None, None, Some(60)]);
    assert!(bench.conflicts().is_empty());
}
