//! Random histories of three devices, drawn from a seed: edits, drops, unlinking, undo, and messages
//! that arrive whenever they do. At the end all is exchanged, and everything comes to rest.

use segue_access::Role;
use segue_agent::command::Request;
use segue_memory::Kind;
use segue_model::music;

use crate::device::{Device, exchange, send};

const KINDS: [Kind; 2] = [Kind::Exact, Kind::NoRepeat];
const SONGS: usize = 5;
const STEPS: usize = 40;
const SEEDS: u64 = 4;

/// One step of one device, or between two.
fn step(devices: &mut [Device], rng: &mut fastrand::Rng) {
    let (index, kind) = (rng.usize(..devices.len()), KINDS[rng.usize(..2)]);
    let other = (index + rng.usize(1..devices.len())) % devices.len();
    let number = rng.usize(1..=SONGS);
    let device = &mut devices[index];
    let listed = device.catalog(kind).items.iter().any(|item| item.id == device.song(number).id);
    match rng.u8(..20) {
        0..=4 if listed => device.rate(kind, number, [None, Some(20), Some(60)][rng.usize(..3)]),
        5 | 6 if listed => {
            let count = device.value(kind, number, &music::PLAY_COUNT).unwrap_or(0);
            device.set(kind, number, &music::PLAY_COUNT, Some(count + 1));
        }
        7 if listed => device.drop_song(kind, number),
        8 if listed => device.list(kind, "Road", &[number]),
        9 => {
            let list = ["Road", "More"][rng.usize(..2)];
            let songs = device.songs(kind, list).unwrap_or_default();
            device.list(kind, list, &songs.into_iter().rev().collect::<Vec<_>>());
        }
        10 => _ = device.try_run(Request::Undo { operation: None }),
        11 => _ = device.try_run(Request::Redo),
        12 => {
            let library = device.spec(kind);
            _ = device.try_run(Request::Unlink { library });
        }
        13 => _ = device.try_link(),
        14..=16 => _ = device.try_sync(),
        _ => {
            let [from, to] = devices.get_disjoint_mut([index, other]).unwrap();
            send(from, to);
        }
    }
}

fn history(seed: u64) {
    let place = tempfile::tempdir().unwrap();
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut devices =
        ["desk", "laptop", "phone"].map(|name| Device::new(place.path(), name, &KINDS, SONGS));
    let [first, second, third] = &mut devices;
    first.link();
    first.admit(second, Role::Write);
    first.admit(third, Role::Write);
    exchange(&mut [first, second, third]);
    second.link();
    third.link();
    for _ in 0..STEPS {
        step(&mut devices, &mut rng);
    }
    let [first, second, third] = &mut devices;
    for device in [&mut *first, &mut *second, &mut *third] {
        device.try_link().unwrap();
    }
    for _ in 0..3 {
        exchange(&mut [first, second, third]);
        for device in [&mut *first, &mut *second, &mut *third] {
            device.try_sync().unwrap();
        }
    }
    exchange(&mut [first, second, third]);
    let text = first.export();
    for device in [first, second, third] {
        let report = device.try_sync().unwrap();
        assert_eq!(report.operation, None, "seed {seed}: {report:?}");
        assert_eq!(device.export(), text, "seed {seed}");
        let links = device.with_store(|store| store.links().unwrap());
        for (link, said) in device.descriptors() {
            let own = links.iter().find(|row| row.id == link);
            assert!(own.is_none_or(|row| row.active == said.is_some()), "seed {seed}: {link}");
        }
    }
}

#[test]
fn random_histories_of_several_devices_come_to_rest() {
    (1..=SEEDS).for_each(history);
}
