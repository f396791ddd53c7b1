//! Random histories end in agreement, in few rounds, and then nothing is sent any more.

use segue_access::Role;
use segue_transport_memory::Weather;

use crate::store::{Store, grant, song};
use crate::world::World;

/// Waits for a timer, over all sessions, until all agree, once the weather is fair.
const TICKS_MAX: usize = 60;

/// The same in bad weather: each is one lost frame or more.
const BAD_TICKS_MAX: usize = 400;

fn weather(chance: &mut fastrand::Rng) -> Weather {
    let mut some = |most: u8| if chance.bool() { 0 } else { chance.u8(..most) };
    Weather { lost: some(20), overtaken: some(50), repeated: some(20), changed: 0 }
}

fn act(world: &mut World, backups: &mut [Store]) {
    let count = world.nodes.len();
    let index = world.chance.usize(..count);
    match world.chance.u8(..16) {
        0 => {
            let apart = (0..count).filter(|_| world.chance.bool()).collect();
            world.part(apart);
        }
        1 => world.heal(),
        2 => {
            let network = world.network.clone();
            world.nodes[index].crash(&network);
        }
        3 => backups[index] = world.nodes[index].store.clone(),
        4 => {
            let network = world.network.clone();
            world.nodes[index].crash(&network);
            // An older state comes back, as a new incarnation.
            let incarnation = world.chance.u32(1..);
            world.nodes[index].store = backups[index].clone().reborn(incarnation);
        }
        5 => {
            world.nodes[index].store.import(8);
            world.nodes[index].advanced(world.now_ms);
        }
        6 => {
            let number = world.chance.usize(20..40);
            world.nodes[index].store.say([grant(number, Role::Read)]);
            world.nodes[index].advanced(world.now_ms);
        }
        7 => {
            let weather = weather(&mut world.chance);
            world.network.set_weather(weather);
        }
        8 => {
            world.network.set_weather(Weather::default());
            world.connect();
        }
        _ => {
            let (item, _) = song(world.chance.u32(..40), 0);
            let rating = world.chance.i64(..=100);
            world.rate(index, item, rating);
        }
    }
    world.connect();
    for _ in 0..world.chance.usize(..60) {
        world.step();
    }
}

fn history(seed: u64, acts: usize) -> (World, usize) {
    let devices = 2 + (seed % 5) as usize;
    let mut world = World::new(seed, devices);
    let mut backups: Vec<Store> = world.nodes.iter().map(|node| node.store.clone()).collect();
    for _ in 0..acts {
        act(&mut world, &mut backups);
    }
    world.heal();
    let before = world.ticks;
    world.settle(TICKS_MAX);
    let ticks = world.ticks - before;
    (world, ticks)
}

#[test]
fn random_histories_end_in_agreement_and_silence() {
    let mut most = 0;
    for seed in 0..24 {
        let (mut world, ticks) = history(seed, 30);
        most = most.max(ticks);
        world.assert_equal();
        for node in &world.nodes {
            assert!(node.culprits.is_empty(), "seed {seed}: {:?}", node.culprits);
        }
        assert_eq!(world.cost(|world| world.settle(0)), (0, 0), "seed {seed}: not silent");
    }
    eprintln!("at most {most} timers until all agreed");
}

#[test]
fn the_same_seed_gives_the_same_history() {
    let run = || {
        let (world, ticks) = history(3, 30);
        (world.network.all_traffic(), world.now_ms, ticks, world.nodes[0].root())
    };
    assert_eq!(run(), run());
}

#[test]
fn bad_weather_that_stays_only_takes_longer() {
    for seed in 0..6 {
        let mut world = World::new(seed, 3);
        let bad = Weather { lost: 10, overtaken: 30, repeated: 10, changed: 0 };
        world.network.set_weather(bad);
        world.connect();
        for n in 0..20 {
            let by = world.chance.usize(..3);
            world.rate(by, song(n % 7, 0).0, i64::from(n));
            world.run();
        }
        world.settle(BAD_TICKS_MAX);
        world.assert_equal();
    }
}

#[test]
fn frames_that_are_changed_on_the_way_end_sessions_and_spoil_nothing() {
    let mut closings = 0;
    for seed in 0..6 {
        let mut world = World::new(seed, 3);
        world.network.set_weather(Weather { changed: 15, ..Weather::default() });
        for n in 0..40 {
            world.connect();
            let by = world.chance.usize(..3);
            world.rate(by, song(n % 7, 0).0, i64::from(n));
            world.run();
        }
        world.heal();
        world.settle(TICKS_MAX);
        world.assert_equal();
        closings += world.nodes.iter().map(|node| node.closings.len()).sum::<usize>();
        let members: Vec<_> = world.nodes.iter().map(crate::world::Node::id).collect();
        let mut culprits = world.nodes.iter().flat_map(|node| &node.culprits);
        assert!(culprits.all(|(who, _)| members.contains(who)));
    }
    assert!(closings > 20, "{closings} sessions noticed");
}
