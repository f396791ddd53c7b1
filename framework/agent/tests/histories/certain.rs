//! What the model of the random histories may demand, and what it must not: each history here was
//! once drawn, and the engine was right.

use segue_memory::Kind;
use segue_translator::model::music;

use crate::app::App;
use crate::bench::{Bench, sync};
use crate::model::Model;
use crate::oracle::in_step;
use crate::wrapped::Act;

const PAIR: [Kind; 2] = [Kind::Stars, Kind::Exact];
const APPS: [App; 2] = [App::Memory(Kind::Stars), App::Memory(Kind::Exact)];

/// Two linked apps and what is known of them.
fn begin(bench: &mut Bench) -> Model {
    let mut model = Model::default();
    model.joins(bench, &APPS);
    bench.link();
    model.after_pass(bench, &APPS, true);
    model
}

fn pass(bench: &mut Bench, model: &mut Model, kill: bool) {
    model.before_pass(bench, &APPS);
    if kill {
        bench.steps.set(Box::new(|_, _, _| Act::Kill));
    }
    let done = bench.try_run(sync(false));
    bench.steps.clear();
    assert_eq!(done.is_none(), kill);
    if kill {
        model.killed();
    }
    model.after_pass(bench, &APPS, !kill);
}

/// An app forgets a count of 14, a pass is killed before it reads, three plays follow: who saw 14
/// and then 3 saw a reset.
#[test]
fn f20_plays_after_a_fall_that_nobody_saw_are_no_growth() {
    let mut bench = Bench::with_songs(246, &PAIR, 2);
    bench.play(Kind::Exact, 1, 14);
    let mut model = begin(&mut bench);
    bench.set(Kind::Exact, 1, &music::PLAY_COUNT, None);
    pass(&mut bench, &mut model, true);
    bench.play(Kind::Exact, 1, 3);
    pass(&mut bench, &mut model, false);
    in_step(&mut bench);
    assert_eq!(PAIR.map(|kind| bench.count(kind, 1)), [14, 14]);
    assert_eq!(model.broken(&mut bench, &APPS), [""; 0]);
}

/// The same fall, seen by a whole pass: the plays count.
#[test]
fn f20_plays_after_a_fall_that_was_seen_count() {
    let mut bench = Bench::with_songs(247, &PAIR, 2);
    bench.play(Kind::Exact, 1, 14);
    let mut model = begin(&mut bench);
    bench.running(&[Kind::Exact.into()]);
    bench.set(Kind::Exact, 1, &music::PLAY_COUNT, None);
    pass(&mut bench, &mut model, false);
    bench.play(Kind::Exact, 1, 3);
    bench.running(&[]);
    pass(&mut bench, &mut model, false);
    in_step(&mut bench);
    assert_eq!(PAIR.map(|kind| bench.count(kind, 1)), [17, 17]);
    assert_eq!(model.broken(&mut bench, &APPS), [""; 0]);
}

/// A person clears a rating that their app was shown: it supersedes the one who gave it, also where
/// the song once moved.
#[test]
fn o2_clearing_what_was_shown_supersedes_it() {
    let mut bench = Bench::with_songs(294, &PAIR, 2);
    let mut model = begin(&mut bench);
    model.forgot.insert((APPS[1], 1));
    bench.rate(Kind::Stars, 1, Some(40));
    pass(&mut bench, &mut model, false);
    assert_eq!(bench.rating(Kind::Exact, 1), Some(40));
    bench.rate(Kind::Exact, 1, None);
    pass(&mut bench, &mut model, false);
    in_step(&mut bench);
    assert_eq!(PAIR.map(|kind| bench.rating(kind, 1)), [None, None]);
    assert_eq!(model.broken(&mut bench, &APPS), [""; 0]);
}
