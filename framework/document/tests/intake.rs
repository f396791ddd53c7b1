//! Changes of others: what is taken, what is refused, and that honest devices never refuse each other.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, Automerge, ObjId, ObjType, PatchLog, ROOT, ReadDoc};
use proptest::prelude::*;
use segue_document::{CHANGE_BYTES_MAX, Intake, RawChange, Refusal, Shard, Write, resolve};
use segue_model::{ChangeHash, Heads, LinkId, OperationId};
use sha2::{Digest, Sha256};

const ITEM: [u8; 16] = [7; 16];

fn rating(value: i64) -> Vec<Write> {
    let link = Some(LinkId([1; 8]));
    vec![Write::Register { name: "rating".into(), value: Some(value.into()), link }]
}

fn writes(items: impl IntoIterator<Item = u8>, value: i64) -> BTreeMap<[u8; 16], Vec<Write>> {
    items
        .into_iter()
        .map(|item| ([7, item, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], rating(value)))
        .collect()
}

fn commit(shard: &mut Shard, at: Option<&Heads>, n: u8, value: i64) -> RawChange {
    let made = shard.commit(at, OperationId([n; 8]), 0, &BTreeMap::from([(ITEM, rating(value))]));
    made.unwrap().unwrap().changes.remove(0)
}

fn shard(actor: u8) -> Shard {
    Shard::create([actor; 16]).unwrap()
}

/// A change that a hostile device makes with automerge itself, on top of what the shard holds.
fn forged(
    shard: &Shard,
    make: impl FnOnce(&mut automerge::transaction::Transaction<'_>),
) -> RawChange {
    let mut doc = Automerge::load(&shard.save()).unwrap().with_actor(ActorId::from([66; 16]));
    let mut transaction = doc.transaction();
    make(&mut transaction);
    let hash = transaction.commit_with(CommitOptions::default()).0.unwrap();
    let change = doc.get_change_by_hash(&hash).unwrap();
    RawChange { hash: ChangeHash(hash.0), bytes: change.raw_bytes().to_vec() }
}

/// The bytes with something changed in them, and the checksum made right again.
fn repaired(mut bytes: Vec<u8>) -> RawChange {
    let hash: [u8; 32] = Sha256::digest(&bytes[8..]).into();
    bytes[4..8].copy_from_slice(&hash[..4]);
    RawChange { hash: ChangeHash(hash), bytes }
}

fn bucket(transaction: &impl ReadDoc, key: &str) -> ObjId {
    transaction.get(ROOT, key).unwrap().unwrap().1
}

fn state(shard: &Shard) -> (Heads, BTreeMap<[u8; 16], segue_document::Record>) {
    (shard.heads(), shard.records().unwrap())
}

fn refusals(intake: &Intake) -> Vec<Refusal> {
    intake.refused.iter().map(|(_, refusal)| *refusal).collect()
}

#[test]
fn changes_are_taken_in_any_order_and_once() {
    let mut from = shard(1);
    let changes: Vec<RawChange> = (1..=5).map(|n| commit(&mut from, None, n, n.into())).collect();
    let mut to = shard(2);
    let late = to.take_in(7, &changes[2..]);
    assert_eq!(late.waiting.len(), 3);
    assert_eq!(state(&to), state(&shard(2)));
    let backwards: Vec<RawChange> = changes.iter().rev().cloned().collect();
    assert_eq!(to.take_in(7, &backwards).taken.len(), 5);
    assert_eq!((to.heads(), to.records().unwrap()), (from.heads(), from.records().unwrap()));
    assert_eq!(to.take_in(7, &changes).known.len(), 5);
}

#[test]
fn a_commit_at_an_older_state_is_numbered_by_what_it_saw() {
    let mut from = shard(1);
    commit(&mut from, None, 1, 10);
    let old = from.heads();
    commit(&mut from, None, 2, 20);
    let side = commit(&mut from, Some(&old), 3, 30);
    let again = commit(&mut from, Some(&old), 4, 40);
    assert_ne!(side.hash, again.hash);
    let mut to = shard(2);
    let intake = to.take_in(7, &from.changes());
    assert_eq!((intake.taken.len(), intake.refused.len()), (4, 0), "{intake:?}");
    let values = resolve::register(&to.record(&ITEM, None).unwrap(), "rating").0.len();
    assert_eq!(values, 3, "three that did not see each other");
}

#[test]
fn what_was_taken_is_returned_as_it_is_saved() {
    let mut from = shard(1);
    let changes: Vec<RawChange> = (1..=5).map(|n| commit(&mut from, None, n, n.into())).collect();
    let mut to = shard(2);
    assert_eq!(to.take_in(7, &[]).saved, None);
    for changes in [&changes[..2], &changes[2..]] {
        let intake = to.take_in(7, changes);
        let again = Shard::open(&intake.saved.unwrap(), [3; 16]).unwrap();
        assert_eq!(state(&again), state(&to));
    }
    assert_eq!(to.take_in(7, &changes).saved, None, "nothing was taken");
}

#[test]
fn a_value_that_is_no_number_reads_the_same_when_loaded() {
    let mut to = shard(2);
    let forged = forged(&to, |transaction| {
        let bucket = bucket(transaction, "07");
        transaction.put(bucket, "strange", f64::NAN).unwrap();
    });
    let intake = to.take_in(7, &[forged]);
    assert_eq!((intake.taken.len(), refusals(&intake)), (1, vec![]));
}

#[test]
fn a_large_commit_is_several_changes_that_others_take() {
    let mut from = shard(1);
    let long = |n: u8| Write::Register {
        name: "comment".into(),
        value: Some(segue_model::Value::text("x".repeat(700_000))),
        link: Some(LinkId([n; 8])),
    };
    let writes: BTreeMap<_, _> = (0..12)
        .map(|n| ([7, n, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], vec![long(n)]))
        .collect();
    let made = from.commit(None, OperationId([1; 8]), 0, &writes).unwrap().unwrap();
    assert!(made.changes.len() > 6, "{}", made.changes.len());
    assert!(made.changes.iter().all(|change| change.bytes.len() < CHANGE_BYTES_MAX / 2));
    let mut to = shard(2);
    assert_eq!(to.take_in(7, &made.changes).taken.len(), made.changes.len());
    assert_eq!(to.records().unwrap(), from.records().unwrap());
}

#[test]
fn two_changes_of_one_number_are_rivals() {
    let (mut one, mut copy) = (shard(1), shard(1));
    let first = commit(&mut one, None, 1, 10);
    let second = commit(&mut copy, None, 2, 20);
    let mut to = shard(2);
    assert_eq!(to.take_in(7, std::slice::from_ref(&first)).taken, [first.hash]);
    let before = to.heads();
    assert_eq!(to.take_in(7, std::slice::from_ref(&second)).rivals, [second.hash]);
    assert_eq!(to.heads(), before);
    let mut both = shard(3);
    let intake = both.take_in(7, &[second.clone(), first]);
    assert_eq!((intake.taken, intake.rivals.len()), (vec![second.hash], 1));
}

#[test]
fn changes_of_ours_are_made_again() {
    let mut mine = shard(1);
    let kept = commit(&mut mine, None, 1, 10);
    let at = mine.heads();
    let lost = commit(&mut mine, None, 2, 20);
    let mut now = shard(9);
    now.take_in(7, &[kept]);
    now.author_again(&at, OperationId([3; 8]), 0, &[lost]).unwrap().unwrap();
    assert_eq!(now.records().unwrap(), mine.records().unwrap());
    let mut other = shard(4);
    assert_eq!(other.take_in(7, &now.changes()).taken.len(), 2);
}

/// What the bucket of [`ITEM`] says under these keys, as automerge has it.
fn stored(shard: &Shard, keys: &[String]) -> Vec<Option<String>> {
    let doc = Automerge::load(&shard.save()).unwrap();
    let bucket = bucket(&doc, "07");
    let value = |key| doc.get(&bucket, key).unwrap().map(|(value, _)| value.to_string());
    keys.iter().map(value).collect()
}

/// Keys of a rule, of fields and of elements that only a later Segue knows, with values of any type.
#[test]
fn f27_what_a_newer_version_says_is_taken_and_stays_through_every_edit_of_ours() {
    let mut ours = shard(1);
    commit(&mut ours, None, 1, 10);
    let item = "07".repeat(16);
    let keys = ["q:new", "r:mood", "m:loudness", "s:moods/calm", "t:a/b/c", "flag"]
        .map(|key| format!("{item}/{key}"));
    let newer = forged(&ours, |transaction| {
        let bucket = bucket(transaction, "07");
        for (key, number) in keys.iter().zip(1_i64..) {
            let value = match number {
                1 => automerge::ScalarValue::F64(0.5),
                2 => "a text of another form".into(),
                3 | 6 => number.into(),
                4 => true.into(),
                _ => automerge::ScalarValue::Timestamp(number),
            };
            transaction.put(&bucket, key.as_str(), value).unwrap();
        }
    });
    let intake = ours.take_in(7, &[newer]);
    assert_eq!((intake.taken.len(), intake.refused.len()), (1, 0), "{intake:?}");
    let before = stored(&ours, &keys);
    assert!(before.iter().all(Option::is_some), "{before:?}");
    let state = ours.heads();
    for (n, writes) in [
        rating(60),
        vec![Write::Delete],
        vec![Write::Revive, Write::Raise("last_played".into(), 9)],
        vec![Write::Element { name: "tags".into(), element: "a".into(), present: true }],
        vec![Write::Member(LinkId([1; 8]), None)],
        rating(80),
    ]
    .into_iter()
    .enumerate()
    {
        let at = (n == 5).then_some(&state);
        let writes = BTreeMap::from([(ITEM, writes)]);
        ours.commit(at, OperationId([n as u8 + 2; 8]), 0, &writes).unwrap().unwrap();
        assert_eq!(stored(&ours, &keys), before, "after edit {n}");
    }
    let mut other = shard(4);
    let intake = other.take_in(7, &ours.changes());
    assert_eq!((intake.refused.len(), intake.waiting.len()), (0, 0), "{intake:?}");
    assert_eq!(stored(&other, &keys), before);
}

type Make = fn(&mut automerge::transaction::Transaction<'_>, &str);

#[test]
fn f36_what_no_commit_does_is_refused() {
    let mut honest = shard(1);
    let many = writes(0..60, 50);
    honest.commit(None, OperationId([1; 8]), 0, &many).unwrap();
    commit(&mut honest, None, 2, 10);
    let batch = format!("batch/{}", OperationId([1; 8]));
    let attacks: [(&str, Make); 9] = [
        ("delete a bucket", |t, _| t.delete(ROOT, "00").unwrap()),
        ("put over a bucket", |t, _| t.put(ROOT, "00", 1).unwrap()),
        ("a map over a bucket", |t, _| drop(t.put_object(ROOT, "00", ObjType::Map).unwrap())),
        ("a map over a batch", |t, batch| drop(t.put_object(ROOT, batch, ObjType::Map).unwrap())),
        ("delete a batch", |t, batch| t.delete(ROOT, batch).unwrap()),
        ("a list", |t, _| drop(t.put_object(bucket(t, "00"), "x", ObjType::List).unwrap())),
        ("a map in a bucket", |t, _| {
            drop(t.put_object(bucket(t, "00"), "x", ObjType::Map).unwrap());
        }),
        ("a long key", |t, _| t.put(bucket(t, "00"), "x".repeat(9_000), 1).unwrap()),
        ("text in the root", |t, _| drop(t.put_object(ROOT, "batch/x", ObjType::Text).unwrap())),
    ];
    for (name, make) in attacks {
        let attack = forged(&honest, |transaction| make(transaction, &batch));
        let before = honest.clone();
        let intake = honest.take_in(7, &[attack]);
        assert!(matches!(refusals(&intake)[..], [Refusal::Foreign(_)]), "{name}: {intake:?}");
        assert_eq!(state(&honest), state(&before), "{name}");
    }
    let elsewhere = format!("08{}/live", "0".repeat(30));
    let elsewhere = forged(&honest, |t| t.put(bucket(t, "00"), elsewhere, 1).unwrap());
    assert!(matches!(refusals(&honest.take_in(7, &[elsewhere]))[..], [Refusal::Foreign(_)]));
    let allowed = forged(&honest, |t| t.put(bucket(t, "00"), "x", 1).unwrap());
    assert_eq!(honest.take_in(7, &[allowed]).refused, []);
}

#[test]
fn f36_two_maps_of_one_name_hide_nothing() {
    let mut honest = shard(1);
    honest.commit(None, OperationId([1; 8]), 0, &writes(0..60, 50)).unwrap();
    let held = honest.records().unwrap();
    let name = format!("batch/{}", OperationId([1; 8]));
    // Made by somebody who has not seen it: nothing shows that the name is taken.
    let rival = forged(&shard(3), |t| drop(t.put_object(ROOT, &name, ObjType::Map).unwrap()));
    assert_eq!(honest.take_in(7, &[rival]).taken.len(), 1);
    assert_eq!(honest.records().unwrap(), held);
    let opened = Shard::open(&honest.save(), [8; 16]).unwrap();
    assert_eq!(opened.records().unwrap(), held);
}

#[test]
fn f36_numbers_that_do_not_follow_are_refused() {
    let mut honest = shard(1);
    commit(&mut honest, None, 1, 10);
    let old = honest.heads();
    commit(&mut honest, None, 2, 20);
    // automerge numbers by all that the document holds, not by what was seen.
    let mut doc = Automerge::load(&honest.save()).unwrap().with_actor(ActorId::from([66; 16]));
    let at: Vec<_> = old.hashes().iter().map(|hash| automerge::ChangeHash(hash.0)).collect();
    let mut transaction = doc.transaction_at(PatchLog::inactive(), &at).unwrap();
    let map = bucket(&transaction, "00");
    transaction.put(map, "x", 1).unwrap();
    let hash = transaction.commit_with(CommitOptions::default()).0.unwrap();
    let bytes = doc.get_change_by_hash(&hash).unwrap().raw_bytes().to_vec();
    let jumped = RawChange { hash: ChangeHash(hash.0), bytes };
    assert_eq!(refusals(&honest.take_in(7, &[jumped])), [Refusal::Numbers]);
    let mut other = commit(&mut shard(5), None, 3, 30);
    other.hash = ChangeHash([1; 32]);
    assert_eq!(refusals(&honest.take_in(7, &[other])), [Refusal::Hash]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Devices that commit at any state they were at take everything from each other, in any order.
    #[test]
    fn honest_devices_never_refuse_each_other(
        steps in prop::collection::vec((0..3usize, 0..4u8, any::<prop::sample::Index>(), 0..100i64), 1..24),
        order in any::<u64>(),
    ) {
        let mut shards: Vec<Shard> = (1..=3).map(shard).collect();
        let mut states: Vec<Vec<Heads>> = vec![vec![]; 3];
        for (n, (who, what, when, value)) in steps.into_iter().enumerate() {
            match what {
                0 => {
                    let theirs = shards[(who + 1) % 3].changes();
                    let intake = shards[who].take_in(7, &theirs);
                    prop_assert_eq!((intake.waiting, intake.rivals, intake.refused), (vec![], vec![], vec![]));
                }
                1 => {
                    let many = writes(0..20, value);
                    shards[who].commit(None, OperationId([n as u8; 8]), 0, &many).unwrap();
                }
                _ => {
                    let at = (!states[who].is_empty()).then(|| when.get(&states[who]).clone());
                    shards[who].commit(at.as_ref(), OperationId([n as u8; 8]), 0, &writes([what], value)).unwrap();
                }
            }
            let heads = shards[who].heads();
            states[who].push(heads);
        }
        let mut all: Vec<RawChange> = shards.iter().flat_map(Shard::changes).collect();
        all.sort_by_key(|change| Sha256::digest([&change.hash.0[..], &order.to_be_bytes()].concat()));
        let mut to = shard(9);
        let intake = to.take_in(7, &all);
        prop_assert_eq!((intake.waiting, intake.rivals, intake.refused), (vec![], vec![], vec![]));
        for one in &mut shards {
            one.take_in(7, &all);
            prop_assert_eq!(one.heads(), to.heads());
            prop_assert_eq!(one.records().unwrap(), to.records().unwrap());
        }
    }

    /// Whatever is changed in a change, with its checksum right again: it is taken or refused, the
    /// process lives, and what is refused leaves the shard as it was.
    #[test]
    fn f36_mutants_leave_the_shard_whole(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut from = shard(1);
        from.commit(None, OperationId([1; 8]), 0, &writes(0..4, 50)).unwrap();
        let mut to = shard(2);
        to.take_in(7, &from.changes());
        let made = from.commit(None, OperationId([2; 8]), 0, &writes(2..5, 60)).unwrap().unwrap();
        let mut bytes = made.changes[0].bytes.clone();
        for (index, byte) in edits {
            let index = 9 + index.index(bytes.len() - 9);
            bytes[index] = byte;
        }
        if let Some(cut) = cut {
            bytes.remove(9 + cut.index(bytes.len() - 9));
        }
        let before = to.clone();
        let intake = to.take_in(7, &[repaired(bytes)]);
        if intake.taken.is_empty() {
            prop_assert_eq!(state(&to), state(&before));
        }
        Shard::open(&to.save(), [3; 16]).unwrap().records().unwrap();
    }
}
