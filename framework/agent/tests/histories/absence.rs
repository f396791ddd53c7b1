//! Absence is not deletion: libraries and files that vanish, bases that are lost, reads that stop.

use std::fs;

use segue_agent::command::{LibraryState, Request};
use segue_memory::{Kind, Store};
use segue_translator::ErrorKind;
use segue_translator::model::{Value, music};

use crate::bench::{Bench, copy_all, number_of, song_mut, spec, state, sync};
use crate::oracle::in_step;
use crate::wrapped::{Act, Step};

const PAIR: [Kind; 2] = [Kind::Stars, Kind::Exact];

/// Two apps in step: songs with ratings, counts and a list.
fn rich(songs: usize) -> Bench {
    let mut bench = Bench::with_songs(1, &PAIR, songs);
    bench.edit(Kind::Exact, |catalog| {
        for number in 1..=songs {
            let song = song_mut(catalog, number).unwrap();
            song.fields.set(&music::RATING, Value::Int(20 + 20 * (number as i64 % 5)));
            song.fields.set(&music::PLAY_COUNT, Value::Int(number as i64));
        }
    });
    bench.list(Kind::Exact, "Mix", &[1, 2, 1, 3]);
    bench.link();
    in_step(&mut bench);
    bench
}

/// A third of the way, for loops over steps: every item of a read is one.
fn steps_of_a_pass(bench: &mut Bench) -> u64 {
    bench.steps.set(Box::new(|_, _, _| Act::Go));
    bench.sync();
    bench.steps.clear()
}

/// What was read until then is no library: nothing of it is lifted.
#[test]
fn f01_a_library_that_vanishes_at_any_step_deletes_nothing() {
    let mut bench = rich(6);
    let before = bench.export_text();
    let (home, away) = (bench.path(Kind::Exact), bench.root().join("away"));
    let back = |home: &std::path::Path, away: &std::path::Path| {
        if away.exists() {
            let _ = fs::remove_dir_all(home);
            fs::rename(away, home).unwrap();
        }
    };
    for at in 1.. {
        // The other app is touched, so that the pass has something to compare.
        bench.set(Kind::Exact, 6, &music::ADDED_AT, Some(Value::Int(1_600_000_000)));
        let (from, to) = (home.clone(), away.clone());
        bench.steps.set(Box::new(move |_, _, n| {
            if n == at {
                fs::rename(&from, &to).unwrap();
            }
            Act::Go
        }));
        let answer = bench.try_run(sync(false)).unwrap();
        let steps = bench.steps.clear();
        if let Ok(segue_agent::command::Response::Pass(report)) = &answer {
            assert!(report.held.is_empty(), "{report:?}");
        }
        back(&home, &away);
        if at > steps {
            break;
        }
        let fields = bench.fields(1).expect("no song is deleted");
        assert_eq!(fields["play_count"], 1, "step {at}");
    }
    in_step(&mut bench);
    let after = bench.export_text().replace("\"added_at\":1600000000,", "");
    assert_eq!(after, before);
}

#[test]
fn f01_an_unmounted_disk_deletes_nothing() {
    let mut bench = rich(30);
    let before = bench.export_text();
    let away = bench.root().join("unmounted");
    fs::rename(bench.music(), &away).unwrap();
    for kind in PAIR {
        bench.edit(kind, |catalog| {
            catalog.items.clear();
            catalog.collections.iter_mut().for_each(|list| list.entries.clear());
        });
    }
    bench.sync();
    bench.sync_yes();
    assert_eq!(bench.export_text(), before, "files that are missing withhold");
    fs::rename(&away, bench.music()).unwrap();
    for kind in PAIR {
        bench.edit(kind, |catalog| catalog.items = (1..=30).map(|n| bench.song(n)).collect());
    }
    in_step(&mut bench);
    assert_eq!(bench.export_text(), before, "all comes back");
    assert_eq!((bench.rating(Kind::Stars, 1), bench.count(Kind::Exact, 30)), (Some(40), 30));
    assert_eq!(bench.songs(Kind::Exact, "Mix"), Some(vec![1, 2, 1, 3]));
}

/// The control: the same with every file present is a person's deletion, held first, then done.
#[test]
fn f01_control_removed_with_files_present_is_a_deletion() {
    let mut bench = rich(30);
    for kind in PAIR {
        bench.edit(kind, |catalog| {
            catalog.items.clear();
            catalog.collections.clear();
        });
    }
    bench.sync();
    assert!(bench.fields(1).is_some(), "held");
    bench.sync_yes();
    assert!(bench.fields(1).is_none());
}

#[test]
fn f03_a_lost_base_pairs_and_deletes_nothing() {
    let mut bench = rich(12);
    bench.edit(Kind::Exact, |catalog| {
        catalog.items.truncate(4);
        catalog.collections.clear();
    });
    bench.open("another home");
    bench.link();
    bench.sync_yes();
    assert_eq!(bench.catalog(Kind::Stars).items.len(), 12);
    assert_eq!(bench.songs(Kind::Stars, "Mix"), Some(vec![1, 2, 1, 3]));
    assert_eq!(bench.rating(Kind::Stars, 12), Some(60));
    assert_eq!(bench.count(Kind::Stars, 12), 12, "joining again does not inflate");
}

/// The base of one link is lost, the document is not: what the library lacks was not removed.
#[test]
fn f03_a_base_lost_beside_its_document_removes_nothing() {
    let mut bench = rich(12);
    bench.lose_base(Kind::Exact);
    bench.edit(Kind::Exact, |catalog| {
        catalog.items.retain(|item| number_of(item) <= Some(4));
        song_mut(catalog, 1).unwrap().fields.set(&music::RATING, None);
    });
    bench.list(Kind::Exact, "Mix", &[1, 2, 3]);
    bench.sync_yes();
    assert_eq!(bench.catalog(Kind::Stars).items.len(), 12);
    assert_eq!(bench.fields(12).unwrap()["rating"], 60);
    assert_eq!(bench.fields(1).unwrap()["rating"], 40);
    assert_eq!((bench.rating(Kind::Stars, 1), bench.rating(Kind::Exact, 1)), (Some(40), Some(40)));
    assert_eq!(bench.songs(Kind::Stars, "Mix"), Some(vec![1, 2, 1, 3]));
    in_step(&mut bench);
}

#[test]
fn a_song_that_an_app_lists_again_keeps_what_it_had() {
    let mut bench = rich(4);
    bench.edit(Kind::Exact, |catalog| catalog.items.retain(|item| number_of(item) != Some(4)));
    bench.sync();
    bench.edit(Kind::Exact, |catalog| catalog.items.push(bench.song(4)));
    bench.sync();
    assert_eq!(bench.fields(4).unwrap()["rating"], 100);
    assert_eq!((bench.rating(Kind::Exact, 4), bench.count(Kind::Exact, 4)), (Some(100), 4));
    in_step(&mut bench);
}

/// Another library in the place of the one that the base describes.
#[test]
fn f03_a_foreign_library_in_the_same_place_is_held() {
    let mut bench = rich(40);
    fs::remove_dir_all(bench.path(Kind::Exact)).unwrap();
    Store::create(Kind::Exact, &bench.path(Kind::Exact)).unwrap();
    let report = bench.sync();
    assert_eq!(state(&report, Kind::Exact), LibraryState::Held);
    assert_eq!(bench.rating(Kind::Stars, 1), Some(40));
    assert_eq!(bench.songs(Kind::Stars, "Mix"), Some(vec![1, 2, 1, 3]));
    assert!(bench.fields(40).is_some());
}

#[test]
fn f04_a_library_rebuilt_from_files_gets_everything_back() {
    let mut bench = rich(30);
    let before = bench.export_text();
    bench.edit(Kind::Exact, |catalog| {
        catalog.items = (1..=30).map(|number| bench.song(number)).collect();
        catalog.collections.clear();
    });
    let report = bench.sync();
    assert!(report.held.is_empty(), "{:?}", report.held);
    assert_eq!(bench.export_text(), before, "the loss is no edit");
    for number in [1, 17, 30] {
        assert_eq!(bench.rating(Kind::Exact, number), Some(20 + 20 * (number as i64 % 5)));
        assert_eq!(bench.count(Kind::Exact, number), number as i64);
    }
    assert_eq!(bench.songs(Kind::Exact, "Mix"), Some(vec![1, 2, 1, 3]));
    in_step(&mut bench);
}

#[test]
fn f05_a_wipe_is_held_and_the_rest_proceeds() {
    let mut bench = rich(60);
    bench.edit(Kind::Exact, |catalog| {
        for item in catalog.items.iter_mut().skip(10) {
            item.fields.set(&music::RATING, None);
        }
    });
    bench.play(Kind::Exact, 3, 2);
    let report = bench.sync();
    assert_eq!(state(&report, Kind::Exact), LibraryState::Held);
    assert_eq!(report.held.len(), 1, "{:?}", report.held);
    assert_eq!(bench.count(Kind::Stars, 3), 5, "everything else proceeds");
    assert_eq!((1..=60).filter(|n| bench.rating(Kind::Stars, *n).is_some()).count(), 60);
    bench.sync_yes();
    assert_eq!((1..=60).filter(|n| bench.rating(Kind::Stars, *n).is_some()).count(), 10);
    in_step(&mut bench);
}

#[test]
fn f05_a_trickle_is_held_too() {
    let mut bench = rich(60);
    let mut held_at = None;
    for pass in 0..12 {
        bench.edit(Kind::Exact, |catalog| {
            for number in 1 + 3 * pass..=3 + 3 * pass {
                song_mut(catalog, number).unwrap().fields.set(&music::RATING, None);
            }
        });
        if state(&bench.sync(), Kind::Exact) == LibraryState::Held {
            held_at = Some(pass);
            break;
        }
    }
    assert_eq!(held_at, Some(6), "5 % a pass is held once more than 20 are gone");
}

/// The apps went on since the backup was made.
#[test]
fn f03_a_home_that_is_brought_back_counts_nothing_twice() {
    let mut bench = rich(6);
    let backup = bench.root().join("backup");
    bench.close();
    copy_all(&bench.home(), &backup);
    bench.open("segue");
    bench.play(Kind::Exact, 1, 3);
    bench.rate(Kind::Stars, 2, Some(20));
    bench.list(Kind::Exact, "Mix", &[1, 2, 1, 3, 4]);
    in_step(&mut bench);
    bench.close();
    bench.replace_home(&backup);
    in_step(&mut bench);
    for kind in PAIR {
        assert_eq!((bench.count(kind, 1), bench.rating(kind, 2)), (4, Some(20)), "{kind:?}");
        // The list of then is kept too, under one of the names.
        assert_eq!(bench.songs(kind, "Mix"), Some(vec![1, 2, 1, 3, 4]), "{kind:?}");
    }
}

/// An app that lacks a song lists one playlist as its own and one as another app's.
#[test]
fn f08_a_base_lost_beside_a_list_of_another_app_doubles_no_list() {
    let kinds = [Kind::Exact, Kind::Stars, Kind::Lossy];
    let mut bench = Bench::with_songs(46, &kinds, 4);
    for (kind, songs) in kinds.iter().zip([&[1, 2][..], &[3], &[4]]) {
        bench.list(*kind, "Mix", songs);
    }
    bench.link();
    in_step(&mut bench);
    bench.run(Request::Unlink { library: spec(Kind::Stars) });
    let before = bench.catalog(Kind::Exact).collections;
    assert_eq!(before.len(), 3, "{before:?}");
    bench.lose_base(Kind::Exact);
    bench.sync();
    bench.sync();
    assert_eq!(bench.catalog(Kind::Exact).collections, before);
}

/// Each of two apps stays within its budget; what a third would lose does not.
#[test]
fn f05_what_two_apps_cleared_is_held_before_a_third() {
    let mut bench = Bench::with_songs(5, &[Kind::Exact, Kind::Stars, Kind::Lossy], 60);
    (1..=60).for_each(|number| bench.rate(Kind::Exact, number, Some(60)));
    bench.link();
    for (kind, first) in [(Kind::Exact, 1), (Kind::Stars, 16)] {
        (first..first + 15).for_each(|number| bench.rate(kind, number, None));
    }
    let rated =
        |bench: &Bench| (1..=60).filter(|n| bench.rating(Kind::Lossy, *n).is_some()).count();
    assert_eq!(state(&bench.sync(), Kind::Lossy), LibraryState::Held);
    assert_eq!(rated(&bench), 60);
    bench.sync_yes();
    assert_eq!(rated(&bench), 30);
    in_step(&mut bench);
}

#[test]
fn f05_a_flood_is_held() {
    let mut bench = rich(10);
    bench.edit(Kind::Exact, |catalog| catalog.items.extend((11..=1_011).map(|n| bench.song(n))));
    let items = |bench: &mut Bench| bench.export()["items"].as_array().unwrap().len();
    assert_eq!(state(&bench.sync(), Kind::Exact), LibraryState::Held);
    assert_eq!(items(&mut bench), 10);
    bench.sync_yes();
    assert_eq!(items(&mut bench), 1_011);
}

/// A cut that the translator hides (the read ends well, half of it sent) is what
/// `f05_a_wipe_is_held_and_the_rest_proceeds` holds; a cut that it reports voids the read.
#[test]
fn f06_a_read_that_stops_half_way_lifts_nothing() {
    let mut bench = rich(8);
    let before = bench.export_text();
    for at in 1..=10 {
        bench.rate(Kind::Exact, 1, Some(1));
        bench.steps.set(Box::new({
            let mut items = 0;
            move |app, step, _| {
                items += u64::from(step == Step::Item && app == "memory-exact");
                if step == Step::Item && items == at && app == "memory-exact" {
                    Act::Fail(ErrorKind::Io)
                } else {
                    Act::Go
                }
            }
        }));
        let report = bench.sync();
        bench.steps.clear();
        if at <= 9 {
            assert_eq!(state(&report, Kind::Exact), LibraryState::Failed, "item {at}");
            assert_eq!(bench.export_text(), before, "item {at}");
        } else {
            assert_ne!(bench.export_text(), before, "a whole read is lifted");
        }
    }
    assert!(steps_of_a_pass(&mut bench) > 0);
}

#[test]
fn f07_what_an_app_cannot_hold_is_not_deleted() {
    let mut bench = Bench::with_songs(7, &[Kind::NoRepeat, Kind::Exact, Kind::Coarse], 5);
    bench.rate(Kind::Exact, 1, Some(0));
    bench.set(Kind::Exact, 2, &music::SKIP_COUNT, Some(Value::Int(4)));
    bench.list(Kind::Exact, "Mix", &[1, 2, 1, 3, 2]);
    bench.link();
    assert_eq!(bench.songs(Kind::NoRepeat, "Mix"), Some(vec![1, 2, 3]));
    // The app that holds no repeats changes the list around them.
    bench.list(Kind::NoRepeat, "Mix", &[1, 2, 3, 4]);
    bench.play(Kind::Coarse, 2, 1);
    in_step(&mut bench);
    let songs = bench.songs(Kind::Exact, "Mix").unwrap();
    assert_eq!(songs.iter().filter(|n| **n == 1).count(), 2, "{songs:?}");
    assert_eq!(songs.iter().filter(|n| **n == 2).count(), 2, "{songs:?}");
    assert!(songs.contains(&4));
    let fields = bench.fields(2).unwrap();
    assert_eq!((fields["skip_count"].as_i64(), fields["play_count"].as_i64()), (Some(4), Some(1)));
    assert_eq!(bench.rating(Kind::Exact, 1), Some(0));
}
