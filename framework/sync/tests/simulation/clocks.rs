//! What two peers learn of each other's clocks.

use segue_sync::{Compared, Event, Side};
use segue_transport_memory::Weather;

use crate::store::{Store, founding};
use crate::world::{World, sent, session_of};

/// Two devices whose clocks are wrong by so many seconds, in step or not.
fn pair(seed: u64, wrong_s: [Option<i64>; 2], in_step: bool) -> World {
    let mut world = World::new(seed, 2);
    if !in_step {
        world.nodes[0].store.import(10);
    }
    for (node, wrong_s) in world.nodes.iter_mut().zip(wrong_s) {
        node.wrong_s = wrong_s;
    }
    world
}

/// How many milliseconds theirs may be ahead of ours: at least and at most.
fn ahead(seen: Compared) -> (i64, i64) {
    let least = seen.theirs_ms - seen.ours_ms;
    (least, least + seen.round_trip_ms)
}

/// What is told is true of both.
fn assert_true(world: &World) {
    for node in &world.nodes {
        for (peer, seen) in &node.compared {
            let other = world.nodes.iter().find(|node| node.id() == *peer).unwrap();
            let real = (other.wrong_s.unwrap() - node.wrong_s.unwrap()) * 1000;
            let (least, most) = ahead(*seen);
            assert!(least <= real && real <= most, "{real} is not in {least} to {most}");
        }
    }
}

#[test]
fn both_learn_of_the_others_clock_once_in_step_or_not() {
    for in_step in [true, false] {
        for wrong_s in [[0, 0], [0, 3], [0, 3_600], [-3_600, 0], [i64::from(i32::MAX), -7]] {
            let mut world = pair(1, wrong_s.map(Some), in_step);
            world.settle(0);
            world.rate(0, [9; 16], 40);
            world.settle(0);
            world.assert_equal();
            assert_true(&world);
            for node in &world.nodes {
                let [(_, seen)] = node.compared[..] else { panic!("{:?}", node.compared) };
                assert!(seen.round_trip_ms <= 13_000, "{seen:?} says too little");
            }
        }
    }
}

#[test]
fn an_older_peer_says_no_time_and_hears_none_it_need_know() {
    for wrong_s in [[None, Some(0)], [Some(0), None]] {
        for in_step in [true, false] {
            let mut world = pair(1, wrong_s, in_step);
            let (_, frames) = world.cost(|world| world.settle(0));
            world.assert_equal();
            assert!(world.nodes.iter().all(|node| node.compared.is_empty()));
            assert!(!in_step || frames == 2, "nothing is answered that was not said");
        }
    }
}

#[test]
fn f42_whatever_becomes_of_frames_what_is_told_of_a_clock_is_true() {
    let mut told = 0;
    for seed in 0..200 {
        let mut chance = fastrand::Rng::with_seed(seed);
        let mut wrong = || Some(if chance.bool() { 0 } else { chance.i64(-4_000..4_000) });
        let mut world = pair(seed, [wrong(), wrong()], seed % 2 == 0);
        let weather = Weather { lost: 30, overtaken: 50, repeated: 30, changed: 0 };
        world.network.set_weather(weather);
        world.settle(200);
        assert_true(&world);
        told += world.nodes.iter().map(|node| node.compared.len()).sum::<usize>();
        assert!(world.nodes.iter().all(|node| node.compared.len() <= 1), "one session each");
    }
    assert!(told > 200, "{told} comparisons are too few to tell");
}

#[test]
fn times_beyond_all_measure_are_harmless() {
    let (first, second) = (Store::new(0, &founding(2)), Store::new(1, &founding(2)));
    let now = |unix_s| segue_sync::Now { steady_ms: 0, unix_s: Some(unix_s) };
    for (ours, theirs) in [(i64::MIN, i64::MAX), (i64::MAX, i64::MIN), (0, i64::MIN)] {
        let mut asker = session_of(&first, second.key().id(), Side::Dialer);
        let mut answerer = session_of(&second, first.key().id(), Side::Answerer);
        let mut frames = sent(&asker.handle(Event::Opened, &first, now(ours)));
        for _ in 0..4 {
            let answers = frames.drain(..).flat_map(|frame| {
                sent(&answerer.handle(Event::Frame(frame), &second, now(theirs)))
            });
            let answers: Vec<_> = answers.collect();
            frames.extend(
                answers
                    .into_iter()
                    .flat_map(|frame| sent(&asker.handle(Event::Frame(frame), &first, now(ours)))),
            );
        }
        assert!(asker.is_in_step() && answerer.is_in_step());
    }
}
