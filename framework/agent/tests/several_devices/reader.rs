//! A device that may read a document, and not write it.

use std::path::Path;

use segue_access::{Role, Statement};
use segue_agent::command::{LibraryState, PassReport, Request};
use segue_memory::Kind;
use segue_model::music;

use crate::device::{Device, exchange, send};

const KIND: Kind = Kind::Exact;

/// The owner's document with some values, and a device that has the role in it.
fn owner_and(place: &Path, role: Role) -> (Device, Device) {
    let mut owner = Device::new(place, "desk", &[KIND], 6);
    let mut other = Device::new(place, "laptop", &[KIND], 5);
    owner.rate(KIND, 1, 80);
    owner.rate(KIND, 2, 40);
    owner.set(KIND, 3, &music::PLAY_COUNT, Some(7));
    owner.list(KIND, "Road", &[1, 2, 3]);
    owner.link();
    owner.admit(&other, role);
    exchange(&mut [&mut owner, &mut other]);
    (owner, other)
}

/// What is held, with its number.
fn held(report: &PassReport) -> Option<(String, u64)> {
    let batch = report.held.first()?;
    assert!(batch.lasting && batch.library == "memory-exact");
    Some((batch.reason.clone(), batch.items))
}

/// Syncs, and expects that this many edits stay and nothing was given.
fn stays(device: &mut Device, count: u64) -> PassReport {
    let before = device.log_len();
    let report = device.sync();
    assert_eq!(device.log_len(), before, "it gives nothing");
    match held(&report) {
        None => assert_eq!(count, 0),
        Some((reason, items)) => {
            let edits = if count == 1 { "1 edit stays" } else { &format!("{count} edits stay") };
            let sentence = "this device may read this document, not write it:";
            assert_eq!((reason, items), (format!("{sentence} {edits} in the app"), count));
        }
    }
    report
}

#[test]
fn a_library_that_may_only_read_gets_everything_and_gives_nothing() {
    let place = tempfile::tempdir().unwrap();
    let (mut owner, mut reader) = owner_and(place.path(), Role::Read);
    let before = reader.log_len();
    let plan = reader.plan(&[KIND]);
    assert!(plan.held.is_empty() && plan.libraries[0].sets == 3, "{plan:?}");
    let report = reader.pass(Request::Apply { plan: plan.plan });
    assert_eq!((held(&report), report.libraries[0].state), (None, LibraryState::Written));
    assert_eq!(reader.log_len(), before, "not even that it is linked");
    assert_eq!((reader.rating(KIND, 1), reader.rating(KIND, 2)), (Some(80), Some(40)));
    assert_eq!(reader.value(KIND, 3, &music::PLAY_COUNT), Some(7));
    assert_eq!(reader.songs(KIND, "Road"), Some(vec![1, 2, 3]));
    assert_eq!(stays(&mut reader, 0).operation, None);

    owner.rate(KIND, 1, 60);
    owner.list(KIND, "Road", &[3, 1]);
    owner.sync();
    exchange(&mut [&mut owner, &mut reader]);
    stays(&mut reader, 0);
    assert_eq!(reader.rating(KIND, 1), Some(60));
    assert_eq!(reader.songs(KIND, "Road"), Some(vec![3, 1]));
    assert_eq!(reader.export(), owner.export());
    assert_eq!(stays(&mut reader, 0).operation, None, "at rest");
}

#[test]
fn edits_of_a_reader_stay_and_everything_else_is_given() {
    let place = tempfile::tempdir().unwrap();
    let (mut owner, mut reader) = owner_and(place.path(), Role::Read);
    reader.link();
    reader.rate(KIND, 1, 20);
    reader.list(KIND, "Road", &[2]);
    reader.drop_song(KIND, 5);
    for _ in 0..2 {
        assert_eq!(stays(&mut reader, 3).operation, None);
    }
    assert_eq!(crate::links::status(&mut reader)[0].state, "reading");
    owner.rate(KIND, 1, 100);
    owner.rate(KIND, 2, 100);
    owner.set(KIND, 1, &music::PLAY_COUNT, Some(9));
    owner.list(KIND, "Road", &[3, 2, 1]);
    owner.list(KIND, "More", &[2, 4]);
    owner.sync();
    exchange(&mut [&mut owner, &mut reader]);
    stays(&mut reader, 3);
    assert_eq!(stays(&mut reader, 3).operation, None);
    assert_eq!(reader.rating(KIND, 1), Some(20), "the user's own");
    assert_eq!(reader.songs(KIND, "Road"), Some(vec![2]), "the user's own");
    assert_eq!(reader.rating(KIND, 2), Some(100));
    assert_eq!(reader.value(KIND, 1, &music::PLAY_COUNT), Some(9), "of the same song");
    assert_eq!(reader.songs(KIND, "More"), Some(vec![2, 4]));
    assert!(!reader.catalog(KIND).items.iter().any(|item| item.id == reader.song(5).id));
    // Taken back in the app, it is no edit any more.
    reader.rate(KIND, 1, 80);
    stays(&mut reader, 2);
    stays(&mut reader, 2);
    assert_eq!(reader.rating(KIND, 1), Some(100));
    assert!(owner.knows(5));
    // What others say too is no edit either.
    reader.rate(KIND, 4, 60);
    stays(&mut reader, 3);
    owner.rate(KIND, 4, 60);
    owner.sync();
    send(&mut owner, &mut reader);
    stays(&mut reader, 2);
    owner.rate(KIND, 4, 20);
    owner.sync();
    send(&mut owner, &mut reader);
    stays(&mut reader, 2);
    assert_eq!(reader.rating(KIND, 4), Some(20));
}

#[test]
fn what_a_reader_had_before_stays_its_own() {
    let place = tempfile::tempdir().unwrap();
    let (mut owner, mut reader) = owner_and(place.path(), Role::Read);
    reader.rate(KIND, 1, 20);
    reader.rate(KIND, 4, 60);
    reader.list(KIND, "Road", &[5, 4]);
    reader.link();
    assert_eq!(stays(&mut reader, 2).operation, None);
    owner.rate(KIND, 4, 80);
    owner.sync();
    exchange(&mut [&mut owner, &mut reader]);
    stays(&mut reader, 2);
    assert_eq!((reader.rating(KIND, 1), reader.rating(KIND, 2)), (Some(20), Some(40)));
    assert_eq!(reader.rating(KIND, 4), Some(60));
    assert_eq!(reader.songs(KIND, "Road"), Some(vec![5, 4]), "another list of that name");
    assert_eq!(reader.value(KIND, 3, &music::PLAY_COUNT), Some(7));

    reader.drop_song(KIND, 2);
    stays(&mut reader, 3);

    // With the right to write its first contact is made up for.
    owner.admit(&reader, Role::Write);
    exchange(&mut [&mut owner, &mut reader]);
    let report = reader.sync();
    assert!(report.held.is_empty() && report.operation.is_some(), "{report:?}");
    assert_eq!(reader.descriptors().len(), 2);
    exchange(&mut [&mut owner, &mut reader]);
    owner.sync();
    assert_eq!(owner.rating(KIND, 1), Some(80), "open: each keeps its own");
    assert_eq!(reader.rating(KIND, 1), Some(20));
    assert_eq!(owner.conflicts().len(), 2);
    exchange(&mut [&mut owner, &mut reader]);
    for device in [&mut owner, &mut reader] {
        assert_eq!(device.sync().operation, None);
    }
    assert_eq!(reader.songs(KIND, "Road"), Some(vec![5, 4]));
    assert!(owner.knows(2), "a first contact deletes nothing");
}

#[test]
fn a_song_that_comes_to_the_document_later_is_recognised() {
    let place = tempfile::tempdir().unwrap();
    let (mut owner, mut reader) = owner_and(place.path(), Role::Read);
    reader.lay(7);
    reader.edit(KIND, |catalog| catalog.items.push(reader.song(7)));
    reader.link();
    stays(&mut reader, 0);
    owner.lay(7);
    let mut song = owner.song(7);
    song.fields.set(&music::RATING, segue_model::Value::Int(80));
    owner.edit(KIND, |catalog| catalog.items.push(song));
    owner.sync();
    send(&mut owner, &mut reader);
    stays(&mut reader, 0);
    assert_eq!(reader.rating(KIND, 7), Some(80));
}

#[test]
fn what_was_edited_without_the_right_is_lifted_where_the_app_was_when_it_comes_back() {
    let place = tempfile::tempdir().unwrap();
    let mut owner = Device::new(place.path(), "desk", &[KIND], 4);
    let mut other = Device::new(place.path(), "laptop", &[KIND], 4);
    owner.link();
    let grant = owner.admit(&other, Role::Write);
    exchange(&mut [&mut owner, &mut other]);
    other.link();
    exchange(&mut [&mut owner, &mut other]);
    owner.sync();

    let signed = owner.person().sign(&grant).unwrap();
    let document = owner.document();
    let cut = other.with_store(|store| {
        let heads = store.heads(&document).unwrap().into_iter();
        heads.map(|(shard, heads)| (shard, heads.hashes().iter().copied().collect())).collect()
    });
    let (grant, keeps) = (signed.hash(), std::collections::BTreeSet::new());
    owner.state(&[Statement::Revoke { document, grant, keeps, cut }]);
    exchange(&mut [&mut owner, &mut other]);
    for (song, rating) in [(1, 20), (2, 40)] {
        other.rate(KIND, song, rating);
    }
    other.set(KIND, 3, &music::PLAY_COUNT, Some(2));
    other.list(KIND, "Mine", &[1, 2]);
    stays(&mut other, 4);
    assert!(other.try_run(Request::Undo { operation: None }).is_err(), "nobody would take that");
    owner.rate(KIND, 2, 100);
    owner.rate(KIND, 4, 80);
    owner.sync();
    send(&mut owner, &mut other);
    stays(&mut other, 4);
    assert_eq!(other.rating(KIND, 4), Some(80));

    owner.admit(&other, Role::Admin);
    exchange(&mut [&mut owner, &mut other]);
    other.rate(KIND, 4, 60);
    let report = other.sync();
    assert!(report.held.is_empty(), "{report:?}");
    exchange(&mut [&mut owner, &mut other]);
    owner.sync();
    assert_eq!(owner.rating(KIND, 1), Some(20));
    assert_eq!(owner.value(KIND, 3, &music::PLAY_COUNT), Some(2));
    assert_eq!(owner.songs(KIND, "Mine"), Some(vec![1, 2]));
    assert_eq!(owner.rating(KIND, 4), Some(60), "an answer to what it had been shown");
    let conflicts = owner.conflicts();
    assert_eq!(conflicts.len(), 1, "{conflicts:?}");
    assert!(conflicts[0].title.starts_with("Title 2"), "it had not been shown the other");
    other.sync();
    exchange(&mut [&mut owner, &mut other]);
    for device in [&mut owner, &mut other] {
        assert_eq!(device.sync().operation, None);
    }
    assert_eq!(owner.export(), other.export());
}

#[test]
fn a_reader_settles_nothing_and_may_unlink() {
    let place = tempfile::tempdir().unwrap();
    let (_, mut reader) = owner_and(place.path(), Role::Read);
    reader.link();
    let before = reader.log_len();
    let item = "Title 1 — Artist".to_owned();
    let value = Some("40".to_owned());
    let settle = Request::Resolve { item, field: "rating".into(), value, keep: None };
    let refused = reader.try_run(settle).unwrap_err().to_string();
    assert!(refused.contains("may read this document, not write it"), "{refused}");
    let library = reader.spec(KIND);
    reader.run(Request::Unlink { library });
    assert_eq!(reader.log_len(), before);
}
