//! What getting in step costs, and that nothing is sent twice without need.

use std::collections::{BTreeMap, VecDeque};

use segue_document::Write;
use segue_model::ChangeHash;
use segue_sync::{Effect, Event, Replica, Side, WINDOW};

use crate::store::{Store, founding, song};
use crate::world::{World, sent, session_of};

fn stores() -> (Store, Store) {
    (Store::new(0, &founding(2)), Store::new(1, &founding(2)))
}

#[test]
fn two_peers_in_step_exchange_a_hundred_bytes() {
    let (mut first, _) = stores();
    first.import(500);
    let mut second = Store::new(1, &[]);
    second.trusts_all = true;
    let mut world = World::pair(first, second);
    world.settle(0);
    world.assert_equal();
    for index in 0..2 {
        let network = world.network.clone();
        world.nodes[index].crash(&network);
    }
    let (bytes, frames) = world.cost(|world| world.settle(0));
    world.assert_equal();
    eprintln!("in step: {bytes} bytes in {frames} frames");
    // The length of a frame, which a transport sends before it, counts.
    assert!(bytes + 4 * frames <= 100 && frames == 3, "{bytes} bytes in {frames} frames");
    assert_eq!(world.cost(|world| world.settle(0)), (0, 0), "idle costs nothing more");
}

#[test]
fn one_rating_is_small_also_the_first_after_an_import() {
    for songs in [0, 3000] {
        let (mut first, second) = stores();
        first.import(songs);
        let mut world = World::pair(first, second);
        world.settle(0);
        for (nth, by) in [(0, 0), (1, 1), (2, 0), (3, 0)] {
            let item = if songs == 0 { [9; 16] } else { song(nth, 0).0 };
            let (bytes, frames) = world.cost(|world| {
                world.rate(by, item, i64::from(nth) * 10 + 5);
                world.settle(0);
            });
            world.assert_equal();
            eprintln!("rating {nth} after {songs} songs: {bytes} bytes in {frames} frames");
            assert!(bytes <= 400, "{bytes} bytes after {songs} songs");
        }
    }
}

#[test]
fn a_new_device_gets_everything_once() {
    let (mut first, _) = stores();
    first.import(3000);
    let raw: usize = first.missing_all().iter().map(|change| change.raw.len()).sum();
    let mut second = Store::new(1, &[]);
    second.trusts_all = true;
    let mut world = World::pair(first, second);
    let (bytes, frames) = world.cost(|world| world.settle(0));
    world.assert_equal();
    eprintln!("3,000 songs: {bytes} bytes in {frames} frames, {raw} raw");
    assert!(bytes < raw as u64);
}

#[test]
fn long_divergent_branches_do_not_resend_their_common_past() {
    let (mut first, second) = stores();
    let item = [9; 16];
    (0..400).for_each(|n| _ = first.rate(item, n % 100));
    let mut world = World::pair(first, second);
    world.settle(0);
    world.part(vec![0]);
    world.run();
    for n in 0..100 {
        world.rate(0, item, n);
        world.rate(1, [9, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], n);
    }
    let common = world.nodes[0].store.len() - 100;
    world.heal();
    let mut received = 0;
    world.connect();
    // Count what is judged, not bytes: deflating hides repeats.
    while world.step() {
        let pending = world.nodes.iter().flat_map(|node| &node.pending);
        received = received.max(pending.map(|(_, _, batch)| batch.changes.len()).sum());
    }
    world.settle(0);
    world.assert_equal();
    assert!(common >= 400);
    assert!(received <= 2 * 200 + 8, "{received} changes came at once for 200 new ones");
}

#[test]
fn a_cut_connection_resumes_where_it_was() {
    let (mut first, _) = stores();
    first.import(4000);
    let all = first.len();
    let mut second = Store::new(1, &[]);
    second.trusts_all = true;
    let mut world = World::pair(first, second);
    world.connect();
    while world.nodes[1].store.len() < all / 3 {
        assert!(world.step());
    }
    let network = world.network.clone();
    world.nodes[1].crash(&network);
    let stored = world.nodes[1].store.len();
    world.run();
    let mut judged = 0;
    world.connect();
    loop {
        let before = world.nodes[1].pending.len();
        if !world.step() {
            break;
        }
        if world.nodes[1].pending.len() > before {
            judged += world.nodes[1].pending.back().unwrap().2.changes.len();
        }
    }
    world.settle(0);
    world.assert_equal();
    assert_eq!(judged, all - stored);
}

#[test]
fn never_more_than_four_batches_are_unanswered() {
    let (mut first, _) = stores();
    first.import(24_000);
    let mut second = Store::new(1, &[]);
    second.trusts_all = true;
    let (first_id, second_id) = (first.key().id(), second.key().id());
    let mut dialer = session_of(&second, first_id, Side::Dialer);
    let mut answerer = session_of(&first, second_id, Side::Answerer);
    let mut to_first = sent(&dialer.handle(Event::Opened, &second, 0));
    answerer.handle(Event::Opened, &first, 0);
    let (mut unanswered, mut most, mut waiting) = (0_usize, 0, VecDeque::new());
    let mut batches = 0;
    loop {
        let mut to_second = Vec::new();
        for frame in to_first.drain(..) {
            unanswered -= usize::from(frame[0] == 5);
            to_second.extend(sent(&answerer.handle(Event::Frame(frame), &first, 0)));
        }
        for frame in to_second {
            let is_batch = usize::from(frame[0] == 4);
            (unanswered, batches) = (unanswered + is_batch, batches + is_batch);
            most = most.max(unanswered);
            for effect in dialer.handle(Event::Frame(frame), &second, 0) {
                match effect {
                    Effect::Send(frame) => to_first.push(frame),
                    Effect::Ingest { number, batch } => waiting.push_back((number, batch)),
                    _ => {}
                }
            }
        }
        if to_first.is_empty() {
            // Only when nothing else moves is one batch judged.
            let Some((number, batch)) = waiting.pop_front() else { break };
            let done = second.ingest(number, batch);
            to_first.extend(sent(&dialer.handle(Event::Ingested(done), &second, 0)));
        }
    }
    assert!(first.heads() == second.heads());
    assert_eq!(most, WINDOW);
    assert!(batches > WINDOW + 1, "{batches} batches are too few to tell");
}

#[test]
fn f37_a_poison_change_stops_only_what_builds_on_it() {
    let (mut first, mut second) = stores();
    first.import(1000);
    let poison: ChangeHash = first.rate([7; 16], 50).unwrap();
    first.rate([7; 16], 60);
    second.poison.insert(poison);
    second.rate([8; 16], 20);
    let mut world = World::pair(first, second);
    world.settle(8);
    world.rate(0, [20; 16], 30);
    world.rate(1, [21; 16], 30);
    world.settle(8);
    let (first, second) = (&world.nodes[0], &world.nodes[1]);
    let mut lacking = first.store.heads().clone();
    let mut there = second.store.heads().clone();
    assert_ne!(lacking.remove(&7), there.remove(&7));
    assert_eq!(lacking, there, "all other shards are in step");
    let author = first.id();
    assert!(second.culprits.iter().any(|(who, _)| *who == author), "its author is named");
    assert!(second.closings.is_empty() && first.closings.is_empty());
    assert_eq!(world.cost(|world| world.settle(0)), (0, 0), "and then there is peace");
}

#[test]
fn ten_thousand_plays_made_apart_meet() {
    let (mut first, second) = stores();
    first.import(1000);
    let mut world = World::pair(first, second);
    world.settle(0);
    world.part(vec![0]);
    world.run();
    for (index, added) in [(0, 4), (1, 6)] {
        world.nodes[index].store.play(1000, added);
    }
    let (bytes, frames) = world.cost(|world| {
        world.heal();
        world.settle(0);
    });
    world.assert_equal();
    eprintln!("10,000 plays of 1,000 songs: {bytes} bytes in {frames} frames");
    assert!(bytes <= 120_000, "{bytes} bytes");
}

#[test]
fn f37_a_large_change_travels_alone_and_stops_nothing() {
    let (mut first, second) = stores();
    let text = |length: usize| {
        let mut chance = fastrand::Rng::with_seed(length as u64);
        let text: String = (0..length).map(|_| chance.alphanumeric()).collect();
        Write::Register { name: "comment".into(), value: Some(text.as_str().into()), link: None }
    };
    for (shard, length) in [(3, 700_000), (4, 3_900_000), (5, 10)] {
        first.commit(shard, &BTreeMap::from([([shard; 16], vec![text(length)])])).unwrap();
    }
    let mut world = World::pair(first, second);
    world.connect();
    world.run();
    assert!(world.nodes.iter().all(|node| node.closings.is_empty()));
    world.assert_equal();
}
