//! Shards: what concurrent writers leave, and that the log rebuilds it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use segue_document::{Entry, Origin, RawChange, Record, Shard, Weight, Write, resolve};
use segue_model::{EntryId, Heads, ItemId, LinkId, OperationId, Value, music};
use sha2::{Digest as _, Sha256};

const ITEM: [u8; 16] = [7; 16];

fn link(number: u8) -> LinkId {
    LinkId([number; 8])
}

fn op(number: u8) -> OperationId {
    OperationId([number; 8])
}

fn rating(value: i64, by: u8) -> Write {
    Write::Register { name: "rating".into(), value: Some(value.into()), link: Some(link(by)) }
}

fn origin(number: u8, value: i64) -> Write {
    opinion(number, value, Weight::Full)
}

fn opinion(number: u8, value: i64, weight: Weight) -> Write {
    let fields = BTreeMap::from([("rating".to_owned(), (Value::Int(value), weight))]);
    Write::Origin(link(number), Origin { operation: op(number), location: None, fields })
}

/// Commits writes to [`ITEM`] and returns the branch's heads and the change.
fn commit(shard: &mut Shard, at: Option<&Heads>, n: u8, writes: Vec<Write>) -> (Heads, RawChange) {
    let made = shard.commit(at, op(n), 0, &BTreeMap::from([(ITEM, writes)])).unwrap().unwrap();
    assert_eq!(made.changes.len(), 1);
    (made.branch, made.changes.into_iter().next().unwrap())
}

fn ratings(shard: &Shard) -> Vec<i64> {
    let record = shard.record(&ITEM, None).unwrap();
    assert_eq!(shard.records().unwrap()[&ITEM], record, "two ways to read, one result");
    let all = resolve::register(&record, "rating");
    all.0.iter().filter_map(|candidate| candidate.value.as_ref()?.as_int()).collect()
}

#[test]
fn edits_are_concurrent_unless_seen() {
    let mut shard = Shard::create([1; 16]).unwrap();
    let (shown, _) = commit(&mut shard, None, 1, vec![origin(1, 80), origin(2, 80)]);
    // Both apps were shown 80; each is edited; neither saw the other's edit.
    let (first, _) = commit(&mut shard, Some(&shown), 2, vec![rating(60, 1)]);
    assert_eq!(ratings(&shard), [60]);
    commit(&mut shard, Some(&shown), 3, vec![rating(20, 2)]);
    let both = ratings(&shard);
    assert_eq!(both.len(), 2, "{both:?}");
    // An edit by somebody who saw only the first leaves the other standing.
    commit(&mut shard, Some(&first), 4, vec![rating(40, 1)]);
    let mut both = ratings(&shard);
    both.sort_unstable();
    assert_eq!(both, [20, 40]);
    // Settling has seen everything.
    commit(&mut shard, None, 5, vec![rating(100, 1)]);
    assert_eq!(ratings(&shard), [100]);
}

#[test]
fn writing_what_is_there_changes_nothing() {
    let mut shard = Shard::create([1; 16]).unwrap();
    let writes = vec![
        origin(1, 80),
        Write::Raise("last_played".into(), 5),
        Write::Counter { name: "play_count".into(), link: link(1), baseline: 1, added: 0 },
        Write::Element { name: "tags".into(), element: "a".into(), present: true },
    ];
    commit(&mut shard, None, 1, writes.clone());
    let again = BTreeMap::from([(ITEM, writes)]);
    assert_eq!(shard.commit(None, op(2), 0, &again).unwrap(), None);
    let same = BTreeMap::from([(ITEM, vec![rating(80, 1), Write::Raise("last_played".into(), 4)])]);
    assert_eq!(shard.commit(None, op(2), 0, &same).unwrap(), None);
}

#[test]
fn who_sets_what_only_a_coarse_app_shows_means_it() {
    let mut shard = Shard::create([1; 16]).unwrap();
    let stars = Weight::Coarse { below: 10, above: 9 };
    commit(&mut shard, None, 1, vec![opinion(1, 80, stars)]);
    commit(&mut shard, None, 2, vec![rating(80, 2)]);
    assert_eq!(ratings(&shard), [80]);
    commit(&mut shard, None, 3, vec![origin(3, 70)]);
    assert_eq!(ratings(&shard), [70, 80], "it differs from an app that joins with 70");
}

#[test]
fn f18_a_concurrent_edit_wins_over_a_deletion() {
    for edit_first in [false, true] {
        let mut shard = Shard::create([1; 16]).unwrap();
        let (shown, _) = commit(&mut shard, None, 1, vec![origin(1, 80)]);
        let steps = [vec![Write::Delete], vec![rating(20, 2)]];
        for index in if edit_first { [1, 0] } else { [0, 1] } {
            commit(&mut shard, Some(&shown), 2 + index as u8, steps[index].clone());
        }
        let record = shard.record(&ITEM, None).unwrap();
        assert_eq!(record.live, Some(op(3)), "the edit keeps it alive");
        // A deletion that has seen the edit does delete.
        commit(&mut shard, None, 9, vec![Write::Delete]);
        assert_eq!(shard.record(&ITEM, None).unwrap().live, None);
    }
}

#[test]
fn f21_a_move_is_one_write_and_never_duplicates() {
    let mut shard = Shard::create([1; 16]).unwrap();
    let place = |position: &str| {
        let entry = Entry { position: position.into(), item: ItemId([9; 16]) };
        Write::Entry(EntryId([1; 8]), Some(entry))
    };
    let (shown, _) = commit(&mut shard, None, 1, vec![Write::Kind("playlist".into()), place("B")]);
    commit(&mut shard, Some(&shown), 2, vec![place("A")]);
    commit(&mut shard, Some(&shown), 3, vec![place("C")]);
    assert_eq!(shard.record(&ITEM, None).unwrap().ordered().len(), 1);
}

#[test]
fn f35_the_log_rebuilds_the_same_records_in_any_order() {
    let mut shard = Shard::create([1; 16]).unwrap();
    let mut log = Vec::new();
    let many: BTreeMap<_, _> = (0..100u8).map(|n| ([n; 16], vec![origin(1, n.into())])).collect();
    let import = shard.commit(None, op(1), 0, &many).unwrap().unwrap();
    let shown = import.branch.clone();
    log.extend(import.changes.into_iter().map(|change| change.bytes));
    for n in 2..30u8 {
        let at = (n % 3 == 0).then_some(&shown);
        let (_, change) = commit(&mut shard, at, n, vec![rating(i64::from(n), n % 4)]);
        log.push(change.bytes);
    }
    log.reverse();
    let mut rebuilt = Shard::create([2; 16]).unwrap();
    for change in &log {
        rebuilt.apply(std::slice::from_ref(change)).unwrap();
    }
    let reopened = Shard::open(&shard.save(), [3; 16]).unwrap();
    for other in [rebuilt, reopened] {
        assert_eq!(other.heads(), shard.heads());
        assert_eq!(other.records().unwrap(), shard.records().unwrap());
    }
}

#[test]
fn an_edit_of_an_imported_record_and_its_deletion_reach_the_batch() {
    let mut shard = Shard::create([1; 16]).unwrap();
    let many: BTreeMap<_, _> = (0..100u8).map(|n| ([n; 16], vec![origin(1, n.into())])).collect();
    shard.commit(None, op(1), 0, &many).unwrap();
    commit(&mut shard, None, 2, vec![rating(50, 1), Write::Member(link(1), None)]);
    assert_eq!(ratings(&shard), [50]);
    commit(&mut shard, None, 3, vec![Write::Delete]);
    let record: Record = shard.record(&ITEM, None).unwrap();
    assert_eq!((record.live, record.has_member(link(1))), (None, false));
}

#[test]
fn two_imports_of_one_operation_keep_each_other() {
    let mut shard = Shard::create([1; 16]).unwrap();
    let many = |from: u8, by: u8| -> BTreeMap<_, _> {
        (from..from + 100).map(|n| ([n; 16], vec![origin(by, n.into())])).collect()
    };
    // Two libraries that share half of their items are linked at once.
    shard.commit(None, op(1), 0, &many(1, 1)).unwrap();
    shard.commit(None, op(1), 0, &many(51, 2)).unwrap();
    let records = shard.records().unwrap();
    assert_eq!(records.len(), 150);
    assert_eq!(records.values().filter(|record| record.origins.len() == 2).count(), 50);
    assert!(records.values().all(|record| record.live == Some(op(1))));
    for (id, record) in &records {
        assert_eq!(shard.record(id, None).unwrap(), *record, "two ways to read, one result");
    }
}

#[test]
fn one_rating_is_at_most_400_bytes_also_the_first_after_an_import() {
    let mut shard = Shard::create([1; 16]).unwrap();
    let many: BTreeMap<_, _> =
        (0..=255u8).map(|n| ([n; 16], vec![origin(1, n.into()), origin(2, 3)])).collect();
    shard.commit(None, op(1), 1_700_000_000, &many).unwrap();
    let (_, change) = commit(&mut shard, None, 2, vec![rating(50, 1)]);
    let signed = change.bytes.len() + 64 + 32;
    assert!(signed <= 400, "{signed} bytes");
}

fn any_weight() -> impl Strategy<Value = Weight> {
    let coarse = (0..3u64, 0..3u64).prop_map(|(below, above)| Weight::Coarse { below, above });
    prop_oneof![Just(Weight::Weak), coarse, Just(Weight::Full)]
}

fn any_write() -> impl Strategy<Value = Write> {
    let name = |name: &str| name.to_owned();
    let place = |n: u8| Entry { position: format!("A{n}"), item: ItemId([n; 16]) };
    prop_oneof![
        Just(Write::Kind(name("playlist"))),
        (1..4u8, 0..3i64, any_weight()).prop_map(|(by, value, weight)| opinion(by, value, weight)),
        (1..4u8, any::<bool>()).prop_map(|(by, is)| Write::Member(
            link(by),
            is.then(|| segue_model::Location::from("a"))
        )),
        (1..4u8, 0..3i64).prop_map(|(by, value)| rating(value, by)),
        (1..4u8).prop_map(move |by| Write::Compete {
            name: name("rating"),
            value: None,
            link: Some(link(by))
        }),
        (0..9i64).prop_map(move |to| Write::Raise(name("last_played"), to)),
        proptest::option::of(0..9i64).prop_map(move |to| Write::Replace(name("last_played"), to)),
        (1..4u8, 0..9i64).prop_map(move |(by, added)| Write::Counter {
            name: name("play_count"),
            link: link(by),
            baseline: 3,
            added
        }),
        (0..3u8, any::<bool>()).prop_map(move |(element, present)| Write::Element {
            name: name("tags"),
            element: element.to_string(),
            present
        }),
        (0..3u8, proptest::option::of(0..3u8))
            .prop_map(move |(entry, at)| Write::Entry(EntryId([entry; 8]), at.map(place))),
        (1..4u8).prop_map(|by| Write::Forget(link(by))),
        Just(Write::Delete),
        Just(Write::Revive),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn records_at_hand_are_what_reading_finds_after_a_commit(
        commits in proptest::collection::vec(
            proptest::collection::btree_map(0..40u8, proptest::collection::vec(any_write(), 1..4), 1..40),
            1..6,
        )
    ) {
        let mut shard = Shard::create([1; 16]).unwrap();
        let mut records = shard.records().unwrap();
        for (n, writes) in commits.into_iter().enumerate() {
            let writes = writes.into_iter().map(|(id, writes)| ([id; 16], writes)).collect();
            shard.commit_seen(&mut records, op(n as u8 + 1), 0, writes).unwrap();
            prop_assert_eq!(&records, &shard.records().unwrap());
        }
    }
}

#[test]
fn a_key_that_two_devices_made_is_superseded_in_both_places() {
    let mut shard = Shard::create([1; 16]).unwrap();
    let mut other = Shard::create([2; 16]).unwrap();
    // The same item id on both, as with mail: one imports it, the other knows it alone.
    let many: BTreeMap<_, _> = (0..100u8).map(|n| ([n; 16], vec![rating(n.into(), 1)])).collect();
    let import = shard.commit(None, op(1), 0, &many).unwrap().unwrap();
    let (_, alone) = commit(&mut other, None, 2, vec![rating(90, 2)]);
    shard.apply(&[alone.bytes]).unwrap();
    let bytes: Vec<_> = import.changes.into_iter().map(|change| change.bytes).collect();
    other.apply(&bytes).unwrap();
    assert_eq!(ratings(&shard).len(), 2);
    commit(&mut shard, None, 3, vec![rating(50, 1)]);
    assert_eq!(ratings(&shard), [50]);
}

#[test]
fn an_unknown_state_is_refused_and_hostile_bytes_are_an_error() {
    let mut shard = Shard::create([1; 16]).unwrap();
    let foreign = Heads::new(vec![segue_model::ChangeHash([9; 32])]);
    let writes = BTreeMap::from([(ITEM, vec![rating(1, 1)])]);
    assert!(shard.commit(Some(&foreign), op(1), 0, &writes).is_err());
    assert!(Shard::open(b"no document", [1; 16]).is_err());
    assert!(shard.apply(&[b"no change".to_vec()]).is_err());
    assert_eq!(music::RATING.name, "rating");
}

/// One byte of a saved shard is another, and the checksum fits again.
#[test]
fn f36_a_saved_shard_over_which_automerge_panics_is_an_error() {
    let mut shard = Shard::create([1; 16]).unwrap();
    for n in 1..4 {
        commit(&mut shard, None, n, vec![rating(n.into(), n)]);
    }
    let saved = shard.save();
    let (mut opened, mut refused) = (0, 0);
    for at in 8..saved.len() {
        for byte in [0, 0x7f, 0x80, 0xff, saved[at] ^ 1] {
            let mut damaged = saved.clone();
            damaged[at] = byte;
            let sum = Sha256::digest(&damaged[8..]);
            damaged[4..8].copy_from_slice(&sum[..4]);
            match Shard::open(&damaged, [1; 16]) {
                Ok(_) => opened += 1,
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > opened, "hardly anything is noticed: {refused}, {opened}");
}

#[test]
fn the_genesis_never_changes() {
    let heads = Shard::genesis_heads().unwrap();
    let hash = "513b4a4a359bfe299b4e38a717806221416c46450dab0deac37ba11e6e534170";
    assert_eq!(heads, Heads::new(vec![hash.parse().unwrap()]));
}
