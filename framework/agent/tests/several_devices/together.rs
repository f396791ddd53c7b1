//! Values go from device to device, and everything comes to rest.

use segue_access::Role;
use segue_memory::Kind;
use segue_model::music;

use crate::device::{Device, exchange};

/// The first device's document, linked on both.
pub(crate) fn two(place: &std::path::Path, songs: usize) -> (Device, Device) {
    let mut first = Device::new(place, "desk", &[Kind::Exact], songs);
    let mut second = Device::new(place, "laptop", &[Kind::NoRepeat], songs);
    first.link();
    first.admit(&second, Role::Write);
    exchange(&mut [&mut first, &mut second]);
    second.link();
    exchange(&mut [&mut first, &mut second]);
    (first, second)
}

#[test]
fn a_rating_goes_from_an_app_on_one_device_to_another_app_on_another() {
    let place = tempfile::tempdir().unwrap();
    let (mut first, mut second) = two(place.path(), 3);
    first.sync();
    first.rate(Kind::Exact, 2, 80);
    first.set(Kind::Exact, 2, &music::PLAY_COUNT, Some(3));
    first.list(Kind::Exact, "Road", &[3, 1]);
    first.sync();
    exchange(&mut [&mut first, &mut second]);
    second.sync();
    assert_eq!(second.rating(Kind::NoRepeat, 2), Some(80));
    assert_eq!(second.value(Kind::NoRepeat, 2, &music::PLAY_COUNT), Some(3));
    assert_eq!(second.songs(Kind::NoRepeat, "Road"), Some(vec![3, 1]));

    second.rate(Kind::NoRepeat, 2, 40);
    second.list(Kind::NoRepeat, "Road", &[1, 3]);
    second.sync();
    exchange(&mut [&mut first, &mut second]);
    first.sync();
    assert_eq!(first.rating(Kind::Exact, 2), Some(40), "an answer, not a conflict");
    assert_eq!(first.songs(Kind::Exact, "Road"), Some(vec![1, 3]));
    assert!(first.conflicts().is_empty());
}

#[test]
fn a_conflict_names_both_devices() {
    let place = tempfile::tempdir().unwrap();
    let mut first = Device::new(place.path(), "desk", &[Kind::Exact], 2);
    let mut second = Device::new(place.path(), "laptop", &[Kind::Exact], 2);
    first.rate(Kind::Exact, 1, 80);
    second.rate(Kind::Exact, 1, 60);
    first.link();
    first.admit(&second, Role::Write);
    exchange(&mut [&mut first, &mut second]);
    second.link();
    exchange(&mut [&mut first, &mut second]);
    for device in [&mut first, &mut second] {
        device.sync();
        let conflicts = device.conflicts();
        assert_eq!(conflicts.len(), 1);
        let mut values: Vec<_> = conflicts[0]
            .values
            .iter()
            .map(|held| {
                let at = held.at.unwrap();
                assert!((1_700_000_000..1_700_010_000).contains(&at), "when it was made: {at}");
                (held.device.clone(), held.library.clone(), held.value.as_i64().unwrap())
            })
            .collect();
        values.sort();
        let app = || "memory-exact".to_owned();
        let expected = [("desk".to_owned(), app(), 80), ("laptop".to_owned(), app(), 60)];
        assert_eq!(values, expected);
    }
    assert_eq!(first.rating(Kind::Exact, 1), Some(80), "each keeps its own until it is settled");
    assert_eq!(second.rating(Kind::Exact, 1), Some(60));
    let trace = first.why(1, "rating");
    let mut holders: Vec<_> = trace.fields.iter().flat_map(|value| &value.libraries).collect();
    holders.sort();
    assert_eq!(holders, ["memory-exact", "memory-exact@laptop"]);

    let item = first.conflicts()[0].item.clone();
    let (field, keep) = ("rating".to_owned(), Some("memory-exact@laptop".to_owned()));
    first.pass(segue_agent::command::Request::Resolve { item, field, value: None, keep });
    exchange(&mut [&mut first, &mut second]);
    second.sync();
    assert!(first.conflicts().is_empty() && second.conflicts().is_empty());
    assert_eq!(first.rating(Kind::Exact, 1), Some(60));
    let trace = second.why(1, "rating");
    assert_eq!(trace.fields[0].libraries, ["you"]);
    assert!(trace.fields[0].operation.is_none() && trace.fields[0].at.is_some());
}

/// Passes over six libraries, in all.
const IDLE_CYCLES: usize = 10_000;

#[test]
fn three_devices_with_two_libraries_each_come_to_rest() {
    const KINDS: [Kind; 2] = [Kind::Exact, Kind::NoRepeat];
    let place = tempfile::tempdir().unwrap();
    let mut devices =
        ["desk", "laptop", "phone"].map(|name| Device::new(place.path(), name, &KINDS, 6));
    for (number, device) in devices.iter().enumerate() {
        device.rate(KINDS[0], number + 1, 20 * (number as i64 + 1));
        device.rate(KINDS[1], 4, 20 * (number as i64 + 2));
        device.set(KINDS[1], 5, &music::PLAY_COUNT, Some(4 + number as i64));
        device.list(KINDS[number % 2], "Road", &[1 + number, 4, 6]);
        device.list(KINDS[1], "Same", &[2, 3]);
    }
    let [first, second, third] = &mut devices;
    first.link();
    first.admit(second, Role::Write);
    first.admit(third, Role::Write);
    exchange(&mut [first, second, third]);
    second.link();
    third.link();
    for _ in 0..2 {
        exchange(&mut [first, second, third]);
        for device in [&mut *first, &mut *second, &mut *third] {
            device.sync();
        }
    }
    // Edits in every app, at once.
    for (number, device) in [&*first, &*second, &*third].into_iter().enumerate() {
        device.set(KINDS[0], 5, &music::PLAY_COUNT, Some(20 + number as i64));
        device.rate(KINDS[1], 6, 20 * (number as i64 + 1));
        device.list(KINDS[0], "Same", &[[2, 3, 1 + number], [1 + number, 3, 2]][number % 2]);
    }
    for _ in 0..3 {
        for device in [&mut *first, &mut *second, &mut *third] {
            device.sync();
        }
        exchange(&mut [first, second, third]);
    }
    let (before, text) = (first.log_len(), first.export());
    for _ in 0..2 {
        for device in [&mut *first, &mut *second, &mut *third] {
            let report = device.sync();
            assert_eq!(report.operation, None, "{report:?}");
            assert_eq!(device.export(), text);
            assert_eq!(device.log_len(), before, "nothing is written");
        }
        exchange(&mut [first, second, third]);
    }
    let plays: Vec<_> = [&*first, &*second, &*third]
        .iter()
        .flat_map(|device| KINDS.map(|kind| device.value(kind, 5, &music::PLAY_COUNT).unwrap()))
        .collect();
    assert!(plays.iter().all(|count| *count == plays[0]), "{plays:?}");
    // And so it stays: nothing is written in ten thousand idle cycles.
    for device in [first, second, third] {
        let (files, text) = (device.stored(), device.export());
        for _ in 0..IDLE_CYCLES / 3 {
            assert_eq!(device.sync().operation, None);
        }
        assert!(device.stored() == files, "what is stored is what it was, to the byte");
        assert_eq!(device.export(), text);
    }
}
