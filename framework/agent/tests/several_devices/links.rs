//! What the document says of links, and what a live link of another device keeps.

use segue_access::Role;
use segue_agent::command::{LinkRow, Request, Response};
use segue_document::Descriptor;
use segue_memory::Kind;

use crate::device::{Device, exchange};
use crate::together::two;

pub(crate) fn status(device: &mut Device) -> Vec<LinkRow> {
    match device.run(Request::Status) {
        Response::Status(status) => status.links,
        other => panic!("{other:?}"),
    }
}

fn unlink(device: &mut Device, kind: Kind) {
    let library = device.spec(kind);
    device.run(Request::Unlink { library });
}

/// What is said of a device's last link of an app; `None` if it ended.
fn said(device: &mut Device, kind: Kind) -> Option<Descriptor> {
    let app = kind.capabilities().app;
    let links = device.with_store(|store| store.links().unwrap());
    let link = links.iter().rev().find(|row| row.app == app).unwrap().id;
    device.descriptors()[&link].clone()
}

#[test]
fn a_link_is_described_while_it_lasts() {
    let place = tempfile::tempdir().unwrap();
    let (mut first, mut second) = two(place.path(), 2);
    let own = |device: &Device, kind: Kind| {
        Some(Descriptor { app: kind.capabilities().app.into(), device: device.id() })
    };
    let (exact, no_repeat) = (own(&first, Kind::Exact), own(&second, Kind::NoRepeat));
    assert_eq!(said(&mut first, Kind::Exact), exact);
    assert_eq!(first.descriptors(), second.descriptors());

    second.undo();
    assert_eq!(said(&mut second, Kind::NoRepeat), None, "its first contact was taken back");
    let report = second.pass(Request::Redo);
    assert!(report.kept.is_empty(), "{report:?}");
    assert_eq!(said(&mut second, Kind::NoRepeat), no_repeat);
    assert_eq!(second.sync().operation, None);

    unlink(&mut second, Kind::NoRepeat);
    assert_eq!(said(&mut second, Kind::NoRepeat), None);
    second.undo();
    assert_eq!(said(&mut second, Kind::NoRepeat), no_repeat);
    assert_eq!(second.sync().operation, None);
    exchange(&mut [&mut first, &mut second]);
    assert_eq!(first.sync().operation, None, "what is said of links is nothing to write");
    assert_eq!(status(&mut first)[0].state, "in step");
}

#[test]
fn unlinking_one_library_leaves_the_others_in_step() {
    let place = tempfile::tempdir().unwrap();
    let mut device = Device::new(place.path(), "desk", &[Kind::Exact, Kind::NoRepeat], 2);
    device.link();
    unlink(&mut device, Kind::NoRepeat);
    let links = status(&mut device);
    assert_eq!(links.len(), 1);
    assert_eq!(links[0].state, "in step");
    assert_eq!(device.sync().operation, None);
}

#[test]
fn a_link_from_before_descriptors_is_described_with_the_next_change() {
    let place = tempfile::tempdir().unwrap();
    let mut device = Device::new(place.path(), "desk", &[Kind::Exact], 2);
    device.link();
    // As if the first contact had said nothing: its change of shard 0 is not there.
    let document = device.document();
    device.forget_descriptors();
    assert!(device.descriptors().is_empty());
    assert_eq!(device.sync().operation, None, "a pass that finds nothing writes nothing");
    assert!(device.descriptors().is_empty());
    device.rate(Kind::Exact, 1, 80);
    device.sync();
    assert_eq!(device.descriptors().len(), 1);
    assert_eq!(device.document(), document);
    device.undo();
    assert!(device.descriptors().values().all(Option::is_some), "it still is linked");
    assert_eq!(device.sync().operation, None);
}

#[test]
fn a_song_lives_until_the_last_live_link_drops_it_on_whichever_device() {
    let place = tempfile::tempdir().unwrap();
    let (mut first, mut second) = two(place.path(), 4);
    first.sync();
    first.drop_song(Kind::Exact, 1);
    first.sync();
    assert!(first.knows(1), "the laptop has it");
    exchange(&mut [&mut first, &mut second]);
    second.sync();
    assert!(second.knows(1));
    second.drop_song(Kind::NoRepeat, 1);
    second.sync();
    assert!(!second.knows(1), "nobody has it");
    exchange(&mut [&mut first, &mut second]);
    first.sync();
    assert!(!first.knows(1));
    assert_eq!(first.export(), second.export());
}

#[test]
fn a_link_that_ended_on_another_device_keeps_nothing_alive() {
    let place = tempfile::tempdir().unwrap();
    let (mut first, mut second) = two(place.path(), 4);
    unlink(&mut second, Kind::NoRepeat);
    first.drop_song(Kind::Exact, 1);
    first.sync();
    assert!(first.knows(1), "that it ended is not known here yet");
    exchange(&mut [&mut first, &mut second]);
    first.drop_song(Kind::Exact, 2);
    first.sync();
    assert!(!first.knows(2));
}

#[test]
fn a_device_without_a_name_is_called_by_its_id() {
    let place = tempfile::tempdir().unwrap();
    let mut first = Device::new(place.path(), "desk", &[Kind::Exact], 1);
    let mut second = Device::new(place.path(), "laptop", &[Kind::Exact], 1);
    first.rate(Kind::Exact, 1, 80);
    second.rate(Kind::Exact, 1, 60);
    first.link();
    let document = first.document();
    let (nonce, to) = ([1; 16], second.id());
    first.state(&[segue_access::Statement::Grant {
        document,
        nonce,
        to,
        role: Role::Write,
        until: None,
    }]);
    exchange(&mut [&mut first, &mut second]);
    second.link();
    exchange(&mut [&mut first, &mut second]);
    let rows = first.conflicts();
    let mut devices: Vec<_> = rows[0].values.iter().map(|held| held.device.clone()).collect();
    devices.sort();
    let mut expected = vec!["desk".to_owned(), second.id().to_string()[..8].to_owned()];
    expected.sort();
    assert_eq!(devices, expected);
}
