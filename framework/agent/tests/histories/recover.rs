//! What the next start makes of a write during which the process was killed.

use segue_agent::command::{LibraryState, Request};
use segue_memory::Kind;
use segue_translator::model::{NativeId, Value, music};

use crate::bench::{Bench, song_ref, state, sync};
use crate::oracle::in_step;
use crate::wrapped::{Act, Step};

pub(super) const PAIR: [Kind; 2] = [Kind::Exact, Kind::Stars];
pub(super) const BOTH: [When; 2] = [When::Before, When::After];

/// Where the process is killed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum When {
    /// Before the app's file changed.
    Before,
    /// After it changed, before it is read again.
    After,
}

/// A bench with four songs, linked.
pub(super) fn linked(kinds: &[Kind]) -> Bench {
    let mut bench = Bench::with_songs(29, kinds, 4);
    bench.list(Kind::Exact, "Mix", &[1, 2]);
    bench.link();
    in_step(&mut bench);
    bench
}

pub(super) fn kill_at(bench: &Bench, kind: Kind, when: When) {
    let app = kind.capabilities().app;
    let at = match when {
        When::Before => [Step::Write, Step::Restore],
        When::After => [Step::Written, Step::Restored],
    };
    let act = move |is: &str, step, _| {
        if is == app && at.contains(&step) { Act::Kill } else { Act::Go }
    };
    bench.steps.set(Box::new(act));
}

/// A pass that is killed while it writes `kind`.
fn killed(bench: &mut Bench, kind: Kind, when: When) {
    let app = kind.capabilities().app;
    let at = if when == When::Before { Step::Write } else { Step::Written };
    bench.steps.set(Box::new(
        move |is, step, _| {
            if is == app && step == at { Act::Kill } else { Act::Go }
        },
    ));
    assert!(bench.try_run(sync(false)).is_none(), "{kind:?} was not written");
    bench.steps.clear();
}

fn ratings(bench: &Bench, number: usize) -> [Option<i64>; 2] {
    PAIR.map(|kind| bench.rating(kind, number))
}

/// Control: `is_carried_out`, taken for true.
#[test]
fn f29_a_killed_write_is_made_once() {
    for when in BOTH {
        let mut bench = linked(&PAIR);
        bench.rate(Kind::Exact, 1, Some(80));
        killed(&mut bench, Kind::Stars, when);
        let written = state(&bench.sync(), Kind::Stars) == LibraryState::Written;
        assert_eq!(written, when == When::Before, "{when:?}");
        assert_eq!(ratings(&bench, 1), [Some(80); 2]);
        in_step(&mut bench);
        assert!(bench.conflicts().is_empty());
    }
}

/// Control: `settle_fields`.
#[test]
fn f23_what_a_killed_write_rounded_is_no_edit() {
    for when in BOTH {
        let mut bench = linked(&PAIR);
        bench.rate(Kind::Exact, 1, Some(73));
        killed(&mut bench, Kind::Stars, when);
        in_step(&mut bench);
        assert_eq!(ratings(&bench, 1), [Some(73), Some(80)], "{when:?}");
        assert!(bench.conflicts().is_empty(), "{when:?}");
    }
}

/// Control: `is_carried_out`, taken for true: what was not written would be a clearing by the user.
#[test]
fn f26_what_a_killed_write_left_does_not_compete_with_a_later_edit() {
    for when in BOTH {
        let mut bench = linked(&PAIR);
        bench.rate(Kind::Exact, 1, Some(80));
        killed(&mut bench, Kind::Stars, when);
        bench.rate(Kind::Exact, 1, Some(20));
        in_step(&mut bench);
        assert_eq!(ratings(&bench, 1), [Some(20); 2], "{when:?}");
        assert!(bench.conflicts().is_empty(), "{when:?}");
    }
}

/// Control: `put_link_heads`.
#[test]
fn f19_an_edit_after_a_killed_write_competes_only_if_it_had_not_seen_it() {
    for when in BOTH {
        let mut bench = linked(&PAIR);
        bench.rate(Kind::Exact, 1, Some(80));
        bench.rate(Kind::Exact, 2, Some(60));
        killed(&mut bench, Kind::Stars, when);
        bench.rate(Kind::Stars, 1, Some(40));
        in_step(&mut bench);
        assert_eq!(ratings(&bench, 2), [Some(60); 2], "{when:?}");
        match when {
            When::Before => {
                assert_eq!(bench.conflicts().len(), 1);
                assert_eq!(ratings(&bench, 1), [Some(80), Some(40)]);
            }
            When::After => {
                assert!(bench.conflicts().is_empty());
                assert_eq!(ratings(&bench, 1), [Some(40); 2]);
            }
        }
    }
}

/// Control: `is_carried_out`, taken for true.
#[test]
fn f24_a_rating_that_a_killed_write_cleared_stays_cleared() {
    for when in BOTH {
        let mut bench = linked(&PAIR);
        bench.rate(Kind::Exact, 1, Some(80));
        in_step(&mut bench);
        bench.rate(Kind::Exact, 1, None);
        killed(&mut bench, Kind::Stars, when);
        bench.rate(Kind::Exact, 1, Some(20));
        in_step(&mut bench);
        assert_eq!(ratings(&bench, 1), [Some(20); 2], "{when:?}");
        assert!(bench.conflicts().is_empty(), "{when:?}");
    }
}

/// Control: `reached` in `field_says`.
#[test]
fn f20_plays_after_a_killed_write_count_once() {
    for when in BOTH {
        for plays in 0..3 {
            let mut bench = linked(&PAIR);
            bench.play(Kind::Exact, 1, 7);
            killed(&mut bench, Kind::Stars, when);
            bench.play(Kind::Stars, 1, plays);
            in_step(&mut bench);
            let counts = PAIR.map(|kind| bench.count(kind, 1));
            assert_eq!(counts, [7 + plays; 2], "{when:?}, {plays} plays");
        }
    }
}

/// The count alone says that it was written. Control: the edits of other fields in `is_carried_out`.
#[test]
fn f20_what_else_was_written_tells_whose_plays_they_are() {
    for when in BOTH {
        let mut bench = linked(&PAIR);
        bench.play(Kind::Exact, 1, 2);
        bench.rate(Kind::Exact, 2, Some(20));
        bench.rate(Kind::Exact, 3, Some(20));
        killed(&mut bench, Kind::Stars, when);
        bench.play(Kind::Stars, 1, 5);
        in_step(&mut bench);
        assert_eq!(PAIR.map(|kind| bench.count(kind, 1)), [7; 2], "{when:?}");
    }
}

/// Control: the arm `Reorder` of `list_says`, and `settle_lists`.
#[test]
fn f21_an_entry_of_a_killed_write_is_not_doubled() {
    for when in BOTH {
        let mut bench = linked(&PAIR);
        bench.list(Kind::Exact, "Mix", &[1, 2, 3]);
        killed(&mut bench, Kind::Stars, when);
        in_step(&mut bench);
        for kind in PAIR {
            assert_eq!(bench.songs(kind, "Mix"), Some(vec![1, 2, 3]), "{when:?}");
        }
    }
}

/// Control: `nearer`, with lists that only count where they are equal.
#[test]
fn f21_a_list_edited_after_a_killed_write_doubles_nothing() {
    for when in BOTH {
        for (mix, after) in
            [(vec![1, 2, 3], vec![1, 2, 3, 4]), (vec![2], vec![2, 4]), (vec![2, 1], vec![2, 1, 4])]
        {
            let mut bench = linked(&PAIR);
            bench.list(Kind::Exact, "Mix", &mix);
            killed(&mut bench, Kind::Stars, when);
            let mut shown = bench.songs(Kind::Stars, "Mix").unwrap();
            shown.push(4);
            bench.list(Kind::Stars, "Mix", &shown);
            in_step(&mut bench);
            for kind in PAIR {
                let mut songs = bench.songs(kind, "Mix").unwrap();
                if when == When::Before {
                    // Concurrent: the order of the two is not said.
                    songs.sort_unstable();
                    let mut after = after.clone();
                    after.sort_unstable();
                    assert_eq!(songs, after, "{when:?} {mix:?}");
                } else {
                    assert_eq!(songs, after, "{when:?} {mix:?}");
                }
            }
        }
    }
}

/// Control: the arm `Create` of `settle_lists`, and of `list_says` where it lets more entries in.
#[test]
fn f21_a_list_made_by_a_killed_write_is_one_list() {
    for when in BOTH {
        for edited in [false, true] {
            let mut bench = linked(&PAIR);
            bench.list(Kind::Exact, "New", &[3, 4]);
            killed(&mut bench, Kind::Stars, when);
            let edited = edited && when == When::After;
            if edited {
                bench.list(Kind::Stars, "New", &[3, 4, 1]);
            }
            in_step(&mut bench);
            let wanted = if edited { vec![3, 4, 1] } else { vec![3, 4] };
            for kind in PAIR {
                assert_eq!(bench.songs(kind, "New"), Some(wanted.clone()), "{when:?} {edited}");
                assert_eq!(bench.catalog(kind).collections.len(), 2, "{when:?} {edited}");
            }
        }
    }
}

/// Control: the arm `Rename` of `settle_lists`.
#[test]
fn f21_the_name_of_a_guest_is_no_edit() {
    for when in BOTH {
        let mut bench = linked(&PAIR);
        bench.list(Kind::Stars, "Own", &[4]);
        bench.edit(Kind::Exact, |catalog| catalog.collections[0].name = "Own".into());
        bench.running(&[Kind::Exact.into()]);
        killed(&mut bench, Kind::Stars, when);
        in_step(&mut bench);
        assert_eq!(bench.songs(Kind::Exact, "Own"), Some(vec![1, 2]), "{when:?}");
        assert_eq!(bench.songs(Kind::Stars, "Own (memory-exact)"), Some(vec![1, 2]), "{when:?}");
        assert_eq!(bench.songs(Kind::Stars, "Own"), Some(vec![4]), "{when:?}");
    }
}

/// Control: the arm `Remove` of `settle_lists`.
#[test]
fn f05_a_list_that_a_killed_write_removed_is_not_held() {
    for when in BOTH {
        let mut bench = linked(&PAIR);
        bench.list(Kind::Exact, "Mix", &[1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4]);
        in_step(&mut bench);
        bench.edit(Kind::Exact, |catalog| catalog.collections.clear());
        kill_at(&bench, Kind::Stars, when);
        assert!(bench.try_run(sync(true)).is_none());
        if when == When::After {
            assert_eq!(bench.sync().held, []);
        }
        in_step(&mut bench);
        assert_eq!(PAIR.map(|kind| bench.songs(kind, "Mix")), [None, None], "{when:?}");
    }
}

/// Control: `base.shown = None` in `settle_lists`. Of two lists that an app edits in one pass, the
/// second has a state of its own.
#[test]
fn f21_an_entry_of_a_killed_write_can_be_taken_out() {
    let mut bench = linked(&PAIR);
    bench.list(Kind::Exact, "Other", &[3]);
    in_step(&mut bench);
    bench.list(Kind::Stars, "Mix", &[1, 2, 4]);
    bench.list(Kind::Stars, "Other", &[3, 4]);
    in_step(&mut bench);
    bench.list(Kind::Exact, "Mix", &[1, 2, 4, 3, 3, 3]);
    bench.list(Kind::Exact, "Other", &[3, 4, 1, 1, 1]);
    killed(&mut bench, Kind::Stars, When::After);
    bench.list(Kind::Stars, "Mix", &[1, 2, 4, 3, 3]);
    bench.list(Kind::Stars, "Other", &[3, 4, 1, 1]);
    in_step(&mut bench);
    for kind in PAIR {
        assert_eq!(bench.songs(kind, "Mix"), Some(vec![1, 2, 4, 3, 3]));
        assert_eq!(bench.songs(kind, "Other"), Some(vec![3, 4, 1, 1]));
    }
}

/// Control: `settle_fields`, where an item that is gone says nothing.
#[test]
fn f18_an_item_that_left_or_came_meanwhile() {
    for when in BOTH {
        let mut bench = linked(&PAIR);
        for number in 1..=3 {
            bench.rate(Kind::Exact, number, Some(73));
        }
        killed(&mut bench, Kind::Stars, when);
        Bench::lay(&bench.place(5));
        bench.edit(Kind::Stars, |catalog| {
            let id = song_ref(catalog, 1).unwrap().id.clone();
            catalog.items.retain(|item| item.id != id);
            catalog.collections[0].entries.retain(|entry| *entry != id);
            let mut new = bench.song(5);
            new.id = NativeId::from(bench.place(5));
            new.fields.set(&music::RATING, Value::Int(40));
            catalog.items.push(new);
        });
        in_step(&mut bench);
        assert_eq!(ratings(&bench, 1), [Some(73), None], "{when:?}");
        assert_eq!(ratings(&bench, 2), [Some(73), Some(80)], "{when:?}");
        assert_eq!(bench.fields(5).unwrap()["rating"], 40, "{when:?}");
        assert!(bench.conflicts().is_empty(), "{when:?}");
    }
}

/// Control: `settle_fields` for the first, `is_carried_out` for the second.
#[test]
fn f29_of_two_libraries_only_the_first_was_written() {
    let kinds = [Kind::Exact, Kind::Stars, Kind::NoRepeat];
    let mut orders = Vec::new();
    for first in [Kind::Stars, Kind::NoRepeat] {
        let mut bench = linked(&kinds);
        bench.rate(Kind::Exact, 1, Some(73));
        killed(&mut bench, first, When::After);
        orders.push(kinds.map(|kind| bench.rating(kind, 1)));
        bench.rate(Kind::Exact, 2, Some(73));
        in_step(&mut bench);
        for number in 1..=2 {
            let is = kinds.map(|kind| bench.rating(kind, number));
            assert_eq!(is, [Some(73), Some(80), Some(70)], "{first:?}");
        }
        assert!(bench.conflicts().is_empty(), "{first:?}");
    }
    assert!(
        orders.contains(&[Some(73), Some(80), None])
            || orders.contains(&[Some(73), None, Some(70)]),
        "{orders:?}"
    );
}

/// Two processes are killed, one after the other: each left one library written. Control: that
/// `recover` clears no intent but the one it settled, and none of a library that it cannot read.
#[test]
fn f29_a_library_that_is_away_keeps_its_intent() {
    let kinds = [Kind::Exact, Kind::Stars, Kind::NoRepeat];
    for [first, second] in [[Kind::Stars, Kind::NoRepeat], [Kind::NoRepeat, Kind::Stars]] {
        let mut bench = linked(&kinds);
        bench.rate(Kind::Exact, 1, Some(73));
        bench.running(&[second.into()]);
        killed(&mut bench, first, When::After);
        let (here, away) = (bench.path(first), bench.root().join("away"));
        std::fs::rename(&here, &away).unwrap();
        bench.running(&[]);
        killed(&mut bench, second, When::After);
        bench.sync();
        std::fs::rename(&away, &here).unwrap();
        in_step(&mut bench);
        let is = kinds.map(|kind| bench.rating(kind, 1));
        assert_eq!(is, [Some(73), Some(80), Some(70)], "{first:?}");
        assert!(bench.conflicts().is_empty(), "{first:?}");
    }
}

/// Control: `settle_lists` and `settle_fields`.
#[test]
fn f39_a_killed_operation_is_taken_back() {
    for when in BOTH {
        let mut bench = linked(&PAIR);
        bench.rate(Kind::Exact, 1, Some(80));
        in_step(&mut bench);
        bench.rate(Kind::Exact, 1, Some(33));
        bench.list(Kind::Exact, "Mix", &[1, 2, 3]);
        killed(&mut bench, Kind::Stars, when);
        bench.pass(Request::Undo { operation: None });
        in_step(&mut bench);
        assert_eq!(ratings(&bench, 1), [Some(80); 2], "{when:?}");
        for kind in PAIR {
            assert_eq!(bench.songs(kind, "Mix"), Some(vec![1, 2]), "{when:?}");
        }
        assert!(bench.conflicts().is_empty(), "{when:?}");
        bench.pass(Request::Redo);
        in_step(&mut bench);
        assert_eq!(ratings(&bench, 1), [Some(33), Some(40)], "{when:?}");
    }
}

/// What is left of an operation that was killed is a part of it. Control: `gone_on_with` of `sync.rs`.
#[test]
fn f39_a_killed_operation_that_was_finished_later_is_taken_back_as_one() {
    let kinds = [Kind::Exact, Kind::Stars, Kind::NoRepeat];
    for (killed_at, when) in [Kind::Stars, Kind::NoRepeat].into_iter().zip(BOTH) {
        let mut bench = linked(&kinds);
        let operations = bench.log().len();
        bench.rate(Kind::Exact, 1, Some(80));
        bench.list(Kind::Exact, "Mix", &[1, 2, 3]);
        killed(&mut bench, killed_at, when);
        let begun = bench.log().remove(0);
        assert_eq!(begun.state, "begun", "{begun:?}");
        let report = bench.sync();
        assert_eq!(report.operation, Some(begun.operation), "{when:?}");
        in_step(&mut bench);
        let log = bench.log();
        assert_eq!((log.len(), log[0].state.as_str()), (operations + 1, "done"), "{log:?}");
        for library in ["memory-stars got ", "memory-norepeat got "] {
            assert!(log[0].summary.contains(library), "{log:?}");
        }
        assert!(log[0].summary.ends_with("; interrupted, finished later"), "{log:?}");
        bench.pass(Request::Undo { operation: None });
        in_step(&mut bench);
        assert_eq!(kinds.map(|kind| bench.rating(kind, 1)), [None; 3], "{when:?}");
        assert_eq!(kinds.map(|kind| bench.songs(kind, "Mix").unwrap()), [[1, 2]; 3], "{when:?}");
        bench.pass(Request::Redo);
        in_step(&mut bench);
        assert_eq!(kinds.map(|kind| bench.rating(kind, 1)), [Some(80); 3], "{when:?}");
        assert!(bench.conflicts().is_empty(), "{when:?}");
    }
}

/// Control: `seed` of `ids.rs`.
#[test]
fn f21_what_comes_to_a_list_after_a_kill_takes_the_place_of_nothing() {
    for when in BOTH {
        let mut bench = linked(&PAIR);
        bench.list(Kind::Exact, "Mix", &[1, 2, 3]);
        killed(&mut bench, Kind::Stars, when);
        bench.list(Kind::Exact, "Mix", &[1, 2, 3, 4]);
        in_step(&mut bench);
        assert_eq!(PAIR.map(|kind| bench.songs(kind, "Mix").unwrap()), [[1, 2, 3, 4]; 2]);
    }
}

/// Control: `planned` in `guard_lowering` of `draft.rs`.
#[test]
fn f05_what_a_killed_pass_was_to_clear_is_not_counted_twice() {
    let mut bench = Bench::with_songs(47, &PAIR, 100);
    for number in 1..=100 {
        bench.rate(Kind::Exact, number, Some(80));
        bench.play(Kind::Exact, number, 1);
    }
    bench.link();
    in_step(&mut bench);
    for number in 1..=15 {
        bench.rate(Kind::Exact, number, None);
    }
    killed(&mut bench, Kind::Stars, When::Before);
    let report = bench.sync();
    assert!(report.held.is_empty(), "{report:?}");
    assert_eq!(ratings(&bench, 15), [None; 2]);
}

/// Controls: `put_operation_link`, which says where the backup is; `recover` in `take_back`.
#[test]
fn f39_a_killed_first_contact_is_taken_back() {
    for when in BOTH {
        let mut bench = Bench::with_songs(39, &PAIR, 4);
        bench.rate(Kind::Exact, 1, Some(80));
        bench.list(Kind::Exact, "Mix", &[1, 2]);
        let before = std::fs::read(bench.path(Kind::Exact).join("library.json")).unwrap();
        let libraries = PAIR.map(crate::bench::spec).to_vec();
        let plan = bench.plan(libraries).plan;
        kill_at(&bench, Kind::Stars, when);
        assert!(bench.try_run(Request::Apply { plan }).is_none());
        bench.rate(Kind::Stars, 3, Some(20));
        bench.pass(Request::Undo { operation: None });
        assert_eq!(PAIR.map(|kind| bench.rating(kind, 1)), [Some(80), None], "{when:?}");
        assert_eq!(bench.rating(Kind::Stars, 3), Some(20), "{when:?}");
        assert_eq!(bench.songs(Kind::Stars, "Mix"), None, "{when:?}");
        assert_eq!(std::fs::read(bench.path(Kind::Exact).join("library.json")).unwrap(), before);
    }
}

/// Control: `put_intent` in `begin` of `undo.rs`.
#[test]
fn f39_an_undo_that_is_killed_is_no_edit() {
    for when in BOTH {
        for touched in [false, true] {
            let mut bench = linked(&PAIR);
            bench.rate(Kind::Exact, 1, Some(73));
            in_step(&mut bench);
            bench.rate(Kind::Exact, 1, Some(33));
            bench.list(Kind::Exact, "Mix", &[2]);
            bench.sync();
            if touched {
                // Then the file is not brought back: the pass that follows writes what differs.
                bench.rate(Kind::Stars, 2, Some(20));
            }
            kill_at(&bench, Kind::Stars, when);
            assert!(bench.try_run(Request::Undo { operation: None }).is_none());
            in_step(&mut bench);
            assert_eq!(ratings(&bench, 1), [Some(73), Some(80)], "{when:?} {touched}");
            for kind in PAIR {
                let mix = bench.songs(kind, "Mix");
                assert_eq!(mix, Some(vec![1, 2]), "{when:?} {touched} {kind:?}");
            }
            assert!(bench.conflicts().is_empty(), "{when:?} {touched}");
        }
    }
}

/// Control: that `to_be_shown` of `committed.rs` says nothing where something is held.
#[test]
fn f19_what_was_held_was_not_shown() {
    let mut bench = Bench::with_songs(5, &PAIR, 13);
    for number in 1..=12 {
        bench.rate(Kind::Exact, number, Some(80));
        bench.play(Kind::Exact, number, 1);
    }
    bench.link();
    in_step(&mut bench);
    for number in 1..=12 {
        bench.rate(Kind::Exact, number, None);
    }
    bench.running(&[Kind::Stars.into()]);
    bench.sync_yes();
    bench.running(&[]);
    bench.rate(Kind::Exact, 13, Some(40));
    killed(&mut bench, Kind::Stars, When::After);
    assert_eq!(bench.rating(Kind::Stars, 1), Some(80), "all of them at once are held");
    bench.rate(Kind::Stars, 1, Some(60));
    bench.sync();
    assert_eq!(bench.conflicts().len(), 1, "the clearing was not shown yet");
    assert_eq!(ratings(&bench, 13), [Some(40); 2]);
}
