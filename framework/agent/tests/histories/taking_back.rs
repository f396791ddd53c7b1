//! Links that end and begin again, and what taking operations back means for them.

use segue_agent::command::Request;
use segue_memory::Kind;
use segue_translator::model::music;

use crate::bench::{Bench, song_ref, spec};
use crate::oracle::in_step;

const PAIR: [Kind; 2] = [Kind::Stars, Kind::Exact];

fn remove(bench: &Bench, kind: Kind, number: usize) {
    bench.edit(kind, |catalog| {
        let id = song_ref(catalog, number).unwrap().id.clone();
        catalog.items.retain(|item| item.id != id);
    });
}

fn unlink(bench: &mut Bench, kind: Kind) {
    bench.run(Request::Unlink { library: spec(kind) });
}

fn items(bench: &mut Bench) -> usize {
    bench.export()["items"].as_array().unwrap().len()
}

/// Random history 340: two links of one library, and every song twice.
#[test]
fn f08_a_first_contact_does_not_come_back_beside_a_newer_one() {
    let mut bench = Bench::with_songs(40, &PAIR, 4);
    bench.list(Kind::Exact, "Mix", &[1, 2]);
    let first = bench.link().operation;
    bench.pass(Request::Undo { operation: first });
    let second = bench.link().operation;
    let refused = bench.try_run(Request::Redo).unwrap().unwrap_err();
    assert!(refused.to_string().contains("since"), "{refused}");
    assert_eq!(items(&mut bench), 4);
    in_step(&mut bench);
    // What stands in the way is taken back; then both come again, the older one first or not.
    bench.pass(Request::Undo { operation: second });
    bench.pass(Request::Redo);
    assert!(bench.try_run(Request::Redo).unwrap().is_err(), "it stands in the way again");
    assert_eq!(items(&mut bench), 4);
    in_step(&mut bench);
    assert_eq!(bench.songs(Kind::Stars, "Mix"), Some(vec![1, 2]));
}

/// Several undone operations come again one after the other.
#[test]
fn f39_what_was_undone_in_turn_is_redone_in_turn() {
    let mut bench = Bench::with_songs(41, &PAIR, 4);
    bench.link_these(&[Kind::Exact]);
    bench.link();
    bench.pass(Request::Undo { operation: None });
    bench.pass(Request::Undo { operation: None });
    bench.pass(Request::Redo);
    bench.pass(Request::Redo);
    assert_eq!(items(&mut bench), 4);
    bench.rate(Kind::Stars, 1, Some(80));
    in_step(&mut bench);
    assert_eq!(bench.rating(Kind::Exact, 1), Some(80));
}

/// The library was linked anew since: what the way back does to its file is no edit of its user.
#[test]
fn f39_a_way_back_after_linking_anew_is_no_edit() {
    let mut bench = Bench::with_songs(42, &PAIR, 4);
    bench.link();
    bench.rate(Kind::Exact, 1, Some(60));
    let rated = bench.sync().operation;
    unlink(&mut bench, Kind::Stars);
    bench.link();
    bench.running(&[Kind::Stars.into()]);
    bench.rate(Kind::Exact, 1, Some(80));
    bench.sync();
    bench.running(&[]);
    bench.pass(Request::Undo { operation: rated });
    assert_eq!(bench.conflicts().len(), 0);
    assert_eq!((bench.rating(Kind::Exact, 1), bench.rating(Kind::Stars, 1)), (Some(80), Some(80)));
    in_step(&mut bench);
}

/// The rating was lifted by one operation and written by a later one. Taking the later one back
/// leaves the document as it is, so the app gets the rating again.
#[test]
fn f39_a_write_that_was_taken_back_alone_is_made_again() {
    let mut bench = Bench::with_songs(46, &PAIR, 4);
    bench.link();
    bench.running(&[Kind::Stars.into()]);
    bench.rate(Kind::Exact, 1, Some(60));
    bench.sync();
    bench.running(&[]);
    bench.sync();
    assert_eq!(bench.rating(Kind::Stars, 1), Some(60));
    bench.pass(Request::Undo { operation: None });
    in_step(&mut bench);
    assert_eq!((bench.rating(Kind::Exact, 1), bench.rating(Kind::Stars, 1)), (Some(60), Some(60)));
}

/// What a library holds that was unlinked keeps nothing alive.
#[test]
fn f16_the_last_live_link_deletes() {
    let mut bench = Bench::with_songs(43, &PAIR, 4);
    bench.rate(Kind::Stars, 4, Some(40));
    bench.link();
    unlink(&mut bench, Kind::Stars);
    remove(&bench, Kind::Exact, 4);
    bench.sync();
    assert!(bench.fields(4).is_none());
    // The link comes back, and brings what it still has.
    bench.run(Request::Undo { operation: Some(2) });
    assert_eq!(bench.fields(4).unwrap()[music::RATING.name], 40);
    assert_eq!(items(&mut bench), 4);
    in_step(&mut bench);
}

/// The control: nobody saw the song go, and a first contact deletes nothing.
#[test]
fn f08_what_went_while_unlinked_is_not_deleted() {
    let mut bench = Bench::with_songs(44, &PAIR, 4);
    bench.link();
    remove(&bench, Kind::Stars, 4);
    bench.sync();
    unlink(&mut bench, Kind::Exact);
    remove(&bench, Kind::Exact, 4);
    bench.link();
    assert!(bench.fields(4).is_some());
    in_step(&mut bench);
}
