//! A part of what `cargo run --release -p segue-simulation` does, with every `cargo test`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::time::Duration;

use segue_simulation::{
    History, Kind, Reduction, Report, Wish, drawn, every_step, exhaustive, kept, random, run,
};

/// Panics with what is left of a history that failed.
fn assert_sound(report: &Report) {
    if let Some(failure) = &report.failure {
        panic!("{}: {}\n{}", failure.of, failure.violation, failure.history);
    }
}

fn seeds(from: u64, histories: u64) -> Report {
    random(&Wish { histories, most: Duration::MAX, from })
}

fn replay(prefix: &str) {
    for kept in kept::all().unwrap().iter().filter(|kept| kept.name.starts_with(prefix)) {
        if let Err(why) = run(&kept.history.setup, &kept.history.steps) {
            panic!("kept/{}: {why}", kept.name);
        }
    }
}

#[test]
fn f03_nothing_is_lost_whoever_lost_a_base_and_whoever_was_not_told_yet() {
    replay("");
    assert_sound(&seeds(0, 5_000));
}

#[test]
fn f01_what_an_item_lost_while_its_file_was_away_is_no_edit() {
    replay("f01");
}

#[test]
fn f07_an_entry_whose_item_an_app_no_longer_has_stays() {
    replay("f07");
}

#[test]
fn f21_a_list_is_as_its_user_left_it() {
    replay("f21");
}

#[test]
fn f20_plays_in_two_apps_are_counted_once() {
    replay("f20");
}

#[test]
fn f19_who_clears_what_was_written_beside_a_refused_write_is_heard() {
    replay("f19");
}

#[test]
fn everything_happens() {
    let report = seeds(0, 5_000);
    assert_sound(&report);
    for (what, count) in report.counters.all() {
        assert!(count > 20 || what == "rounds at most", "{what}: {count}");
    }
}

#[test]
fn every_pair_of_steps_in_a_small_world_ends_well() {
    for kind in [Kind::Music, Kind::Mail] {
        assert_sound(&exhaustive(kind, 2));
    }
}

#[test]
fn of_all_pairs_of_steps_one_that_is_the_same_is_tried() {
    for kind in [Kind::Music, Kind::Mail] {
        let (setup, steps) = every_step(kind);
        let reduction = Reduction::of(&setup, steps);
        let steps = reduction.steps().len();
        let pairs = (0..steps).flat_map(|one| (0..steps).map(move |two| vec![one, two]));
        let all: BTreeSet<Vec<usize>> = pairs.collect();
        let is_tried =
            |pair: &&Vec<usize>| reduction.is_tried(&pair[..1]) && reduction.is_tried(pair);
        let tried: Vec<_> = all.iter().filter(is_tried).collect();
        let reached: BTreeSet<_> = tried.iter().flat_map(|pair| reduction.same(pair)).collect();
        assert_eq!(reached, all);
        assert!(tried.len() * 15 < all.len(), "{} of {}", tried.len(), all.len());
    }
}

#[test]
fn what_is_the_same_ends_the_same() {
    let (setup, steps) = every_step(Kind::Mail);
    let reduction = Reduction::of(&setup, steps);
    let mut rng = fastrand::Rng::with_seed(0);
    for _ in 0..200 {
        let one: Vec<usize> = (0..4).map(|_| rng.usize(..reduction.steps().len())).collect();
        let end = |places: &Vec<usize>| {
            let steps: Vec<_> = places.iter().map(|place| reduction.steps()[*place]).collect();
            let counters = run(&setup, &steps).unwrap().counters;
            (counters.edits, counters.puts, counters.deleted, counters.conflicts)
        };
        let ends: BTreeSet<_> = reduction.same(&one).iter().take(20).map(end).collect();
        assert_eq!(ends.len(), 1, "{one:?}");
    }
}

#[test]
fn the_same_seed_is_the_same_history_step_by_step() {
    let traces = |from: u64| {
        (from..from + 200).map(|seed| {
            let (setup, steps) = drawn(seed);
            run(&setup, &steps).unwrap()
        })
    };
    let [one, two]: [Vec<_>; 2] = [traces(0).collect(), traces(0).collect()];
    assert_eq!(one, two);
    let different: BTreeSet<u64> = one.iter().map(|outcome| outcome.trace).collect();
    assert_eq!(different.len(), one.len(), "a trace tells histories apart");
}

#[test]
fn a_history_is_written_and_read_again() {
    for seed in 0..500 {
        let (setup, steps) = drawn(seed);
        let text = History { setup, steps }.to_string();
        let again: History = text.parse().unwrap();
        assert_eq!(again.to_string(), text);
        assert_eq!(again.steps, drawn(seed).1);
    }
    for text in ["", "music", "music 3\ndevice nobody", "mail 3\ndevice marks\nedit 1 0 play"] {
        assert!(text.parse::<History>().is_err(), "{text}");
    }
}
