//! Values: what is coarser in one app does not erode in another, and apps do not echo each other.

use segue_agent::command::{LibraryState, Request};
use segue_memory::Kind;
use segue_translator::model::{Value, music};

use crate::bench::{Bench, song_mut, state};
use crate::oracle::in_step;

const MUSIC: [Kind; 5] = [Kind::Exact, Kind::Stars, Kind::NoRepeat, Kind::Lossy, Kind::Coarse];
const RATINGS: [i64; 8] = [0, 1, 33, 50, 70, 73, 99, 100];

fn pairs() -> impl Iterator<Item = [Kind; 2]> {
    MUSIC.into_iter().flat_map(|a| MUSIC.into_iter().filter(move |b| a < *b).map(move |b| [a, b]))
}

/// Ten rounds in which both apps save their files and count plays: ratings stay what they were.
#[test]
fn f23_no_pair_of_scales_erodes_a_rating() {
    for kinds in pairs() {
        for from in kinds {
            let mut bench = Bench::with_songs(23, &kinds, RATINGS.len());
            for (index, rating) in RATINGS.into_iter().enumerate() {
                bench.rate(from, index + 1, Some(rating));
            }
            bench.link();
            let ratings = |bench: &Bench, kind| {
                (1..=RATINGS.len()).map(|n| bench.rating(kind, n)).collect::<Vec<_>>()
            };
            let first = kinds.map(|kind| ratings(&bench, kind));
            let exact: Vec<_> =
                (1..=RATINGS.len()).map(|n| bench.fields(n).unwrap()["rating"].clone()).collect();
            for round in 0..10 {
                bench.play(kinds[round % 2], 1 + round % RATINGS.len(), 1);
                bench.sync();
            }
            assert_eq!(kinds.map(|kind| ratings(&bench, kind)), first, "{kinds:?} from {from:?}");
            for (index, rating) in exact.iter().enumerate() {
                assert_eq!(bench.fields(index + 1).unwrap()["rating"], *rating, "{kinds:?}");
            }
        }
    }
}

/// Absent, zero and a real value are three things, in each pair of apps.
#[test]
fn f24_absent_and_zero_are_not_mixed_up() {
    for kinds in pairs() {
        let mut bench = Bench::with_songs(24, &kinds, 3);
        bench.rate(kinds[0], 1, Some(0));
        bench.rate(kinds[0], 2, Some(60));
        bench.set(kinds[0], 1, &music::LAST_PLAYED, Some(Value::Int(0)));
        bench.link();
        let shown = bench.rating(kinds[0], 1);
        assert_eq!(bench.rating(kinds[1], 3), None, "{kinds:?}");
        if let Some(rating) = shown {
            let held = kinds[1].scale().hold(&Value::Int(rating));
            assert_eq!(bench.rating(kinds[1], 1).map(Value::Int), held, "{kinds:?}");
        }
        // Clearing is a value: it goes to the other app, and no absence does.
        bench.rate(kinds[1], 2, None);
        in_step(&mut bench);
        assert_eq!(bench.rating(kinds[0], 2), None, "{kinds:?}");
        assert!(bench.fields(2).unwrap()["rating"].is_null());
        assert!(bench.fields(3).unwrap()["last_played"].is_null());
    }
}

/// Times of different precision: the finer one stays, and nobody writes for ever.
#[test]
fn f25_coarse_times_do_not_come_back() {
    let mut bench = Bench::with_songs(25, &[Kind::Exact, Kind::Coarse], 2);
    for (number, time) in [(1, 1_699_999_999), (2, 59)] {
        bench.set(Kind::Exact, number, &music::LAST_PLAYED, Some(Value::Int(time)));
        bench.set(Kind::Exact, number, &music::ADDED_AT, Some(Value::Int(time)));
    }
    bench.link();
    for _ in 0..3 {
        bench.play(Kind::Coarse, 1, 1);
        let report = bench.sync();
        assert_eq!(
            state(&report, Kind::Coarse),
            LibraryState::Unchanged,
            "it is told nothing anew"
        );
    }
    in_step(&mut bench);
    let fields = bench.fields(1).unwrap();
    assert_eq!(
        (&fields["last_played"], &fields["added_at"]),
        (&1_699_999_999.into(), &1_699_999_999.into())
    );
}

/// Apps with the same ratings, each as its scale has them, may be linked one after the other in any
/// order: nobody's rating changes, none is a conflict, and the most exact one is the document's.
#[test]
fn f25_the_order_of_linking_makes_no_conflict() {
    let scales = [Kind::Exact, Kind::NoRepeat, Kind::Stars];
    for order in [[2, 1, 0], [2, 0, 1], [1, 2, 0], [1, 0, 2], [0, 1, 2], [0, 2, 1]] {
        let mut bench = Bench::with_songs(28, &scales, RATINGS.len());
        for (index, rating) in RATINGS.into_iter().enumerate() {
            for kind in scales {
                let held = kind.scale().hold(&Value::Int(rating));
                bench.rate(kind, index + 1, held.and_then(|held| held.as_int()));
            }
        }
        let ratings = |bench: &Bench| {
            let of = |kind| (1..=RATINGS.len()).map(move |n| (kind, n));
            let all = scales.into_iter().flat_map(of);
            all.map(|(kind, number)| bench.rating(kind, number)).collect::<Vec<_>>()
        };
        let before = ratings(&bench);
        for index in order {
            bench.link_these(&scales[index..=index]);
        }
        assert_eq!(bench.conflicts().len(), 0, "{order:?}");
        let exact: Vec<_> =
            (1..=RATINGS.len()).map(|n| bench.fields(n).unwrap()["rating"].clone()).collect();
        for (index, rating) in RATINGS.into_iter().enumerate().filter(|(_, rating)| *rating > 0) {
            assert_eq!(exact[index], rating, "{order:?}");
        }
        assert_eq!(ratings(&bench), before, "{order:?}");
        in_step(&mut bench);
        bench.rate(Kind::Stars, 5, Some(40));
        in_step(&mut bench);
        let rated = scales.map(|kind| bench.rating(kind, 5));
        assert_eq!(rated, [Some(40); 3], "{order:?}: the later edit in the coarse app wins");
    }
}

/// All pairs and triples of apps are quiet within two passes, and idle passes write nothing.
#[test]
fn f26_no_apps_echo_each_other() {
    let triples = MUSIC
        .into_iter()
        .flat_map(|c| pairs().filter(move |[_, b]| *b < c).map(move |[a, b]| vec![a, b, c]));
    for kinds in pairs().map(|pair| pair.to_vec()).chain(triples) {
        let mut bench = Bench::with_songs(26, &kinds, 3);
        for (index, kind) in kinds.iter().enumerate() {
            bench.edit(*kind, |catalog| {
                let song = song_mut(catalog, 1 + index).unwrap();
                song.fields.set(&music::RATING, Value::Int(33 + 20 * index as i64));
                song.fields.set(&music::PLAY_COUNT, Value::Int(3));
                song.fields.set(&music::LAST_PLAYED, Value::Int(1_600_000_001));
                song.fields.set(&music::GENRE, Value::list(["Rock", "Pop"]));
                song.fields.set(&music::ARTIST, Value::list(["A", "B"]));
            });
            bench.list(*kind, &format!("P{index}"), &[1, 2, 1]);
        }
        bench.link();
        let passes = (0..4).take_while(|_| bench.sync().operation.is_some()).count();
        assert!(passes <= 2, "{kinds:?}: still at work after {passes} passes");
        let (files, export) = (bench.files(), bench.export_text());
        for _ in 0..20 {
            assert_eq!(bench.sync().operation, None, "{kinds:?}");
        }
        assert!(bench.files() == files && bench.export_text() == export, "{kinds:?}");
    }
}

/// An app that rounds although it does not say so: what it made of our write is nobody's edit, and
/// it is not told again and again.
#[test]
fn f26_what_an_app_makes_of_our_write_is_no_edit() {
    let mut bench = Bench::with_songs(27, &[Kind::Exact, Kind::NoRepeat], 2);
    bench.steps.bend("memory-exact", |changes| {
        for edit in changes.fields.iter_mut().filter(|edit| *edit.field == music::RATING) {
            let rating = edit.new.as_ref().and_then(Value::as_int);
            edit.new = rating.map(|rating| Value::Int(rating / 20 * 20));
        }
    });
    bench.link();
    bench.rate(Kind::NoRepeat, 1, Some(70));
    for _ in 0..6 {
        bench.play(Kind::Exact, 2, 1);
        bench.sync();
        let shown = (bench.rating(Kind::NoRepeat, 1), bench.rating(Kind::Exact, 1));
        assert_eq!(shown, (Some(70), Some(60)));
        assert_eq!(bench.fields(1).unwrap()["rating"], 70);
    }
    assert_eq!(bench.sync().operation, None);
}

/// Whatever a pass wrote is taken back to the identical bytes, and brought again.
#[test]
fn f33_every_write_back_is_undone_to_identical_content() {
    let mut rng = fastrand::Rng::with_seed(33);
    let kinds = [Kind::Exact, Kind::Stars];
    let mut bench = Bench::with_songs(33, &kinds, 6);
    bench.rate(Kind::Exact, 1, Some(70));
    bench.link();
    in_step(&mut bench);
    for round in 0..15 {
        let kind = kinds[rng.usize(..2)];
        let other = kinds[usize::from(kind == Kind::Exact)];
        for _ in 0..rng.usize(1..4) {
            match rng.u8(..3) {
                0 => bench.rate(kind, rng.usize(1..=6), Some(20 * rng.i64(1..=5))),
                1 => bench.play(kind, rng.usize(1..=6), 1),
                _ => bench.list(kind, "Mix", &[rng.usize(1..=6), rng.usize(1..=6)]),
            }
        }
        let content =
            |bench: &Bench| std::fs::read(bench.path(other).join("library.json")).unwrap();
        let before = content(&bench);
        if bench.sync().operation.is_none() {
            continue;
        }
        let after = content(&bench);
        bench.pass(Request::Undo { operation: None });
        assert!(content(&bench) == before, "round {round}: undone to something else");
        bench.pass(Request::Redo);
        assert!(content(&bench) == after, "round {round}: brought back something else");
        in_step(&mut bench);
    }
}

/// A wipe that went through is still taken back after many later operations.
#[test]
fn f33_a_wipe_is_taken_back_after_many_passes() {
    let mut bench = Bench::with_songs(34, &[Kind::Exact, Kind::Stars], 30);
    for number in 1..=30 {
        bench.rate(Kind::Exact, number, Some(20 * (number as i64 % 5 + 1)));
        // Songs that keep their plays say that the app did not rebuild its library.
        bench.play(Kind::Exact, number, 1);
    }
    bench.link();
    bench.edit(Kind::Exact, |catalog| {
        catalog.items.iter_mut().for_each(|item| item.fields.set(&music::RATING, None));
    });
    let wipe = bench.sync_yes().operation;
    assert!((1..=30).all(|number| bench.rating(Kind::Stars, number).is_none()), "wiped");
    for round in 0..40 {
        bench.play(Kind::Stars, 1 + round % 30, 1);
        bench.sync();
    }
    bench.pass(Request::Undo { operation: wipe });
    in_step(&mut bench);
    for number in 1..=30 {
        assert_eq!(bench.rating(Kind::Stars, number), Some(20 * (number as i64 % 5 + 1)));
        assert_eq!(bench.rating(Kind::Exact, number), Some(20 * (number as i64 % 5 + 1)));
    }
    assert_eq!(bench.count(Kind::Exact, 1), 3, "what came later stays");
}
