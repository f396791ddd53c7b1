//! The plain document says what the real one says, whatever is committed at whatever state.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use fastrand::Rng;
use segue_document::{Entry, Origin, Shard, Weight, Write};
use segue_model::{EntryId, Heads, ItemId, LinkId, OperationId, Value};
use segue_simulation::merge::{History, Version};

const ITEM: [u8; 16] = [7; 16];

fn write(rng: &mut Rng) -> Write {
    let link = LinkId([rng.u8(1..4); 8]);
    let number = rng.i64(0..4) * 20;
    let value = (rng.u8(..4) > 0).then_some(Value::Int(number));
    match rng.u8(..13) {
        0 => {
            let fields = BTreeMap::from([("rating".into(), (Value::Int(number), Weight::Full))]);
            Write::Origin(link, Origin { operation: OperationId([9; 8]), location: None, fields })
        }
        1 => Write::Member(link, rng.bool().then(|| format!("/{number}").as_str().into())),
        2 | 3 => Write::Register { name: "rating".into(), value, link: Some(link) },
        4 => Write::Compete { name: "rating".into(), value, link: Some(link) },
        5 => Write::Raise("last_played".into(), number),
        6 => Write::Counter {
            name: "play_count".into(),
            link,
            baseline: number,
            added: rng.i64(0..9),
        },
        7 => {
            let element = ["a", "b"][rng.usize(..2)].to_owned();
            Write::Element { name: "flags".into(), element, present: rng.bool() }
        }
        8 => Write::Replace("last_played".into(), rng.bool().then_some(number)),
        9 => Write::Kind(["playlist", "folder"][rng.usize(..2)].into()),
        10 => {
            let position = segue_document::spread(4)[rng.usize(..4)].clone();
            let entry = Entry { position, item: ItemId([rng.u8(..3); 16]) };
            Write::Entry(EntryId([rng.u8(..3); 8]), rng.bool().then_some(entry))
        }
        11 => Write::Forget(link),
        _ => [Write::Delete, Write::Revive][rng.usize(..2)].clone(),
    }
}

/// A state of both documents.
#[derive(Clone)]
struct State {
    heads: Heads,
    version: Version,
}

fn merged(one: &State, two: &State) -> State {
    let hashes = [one.heads.hashes(), two.heads.hashes()].concat();
    State { heads: Heads::new(hashes), version: one.version | two.version }
}

fn all(states: &[State]) -> State {
    states.iter().cloned().reduce(|one, two| merged(&one, &two)).unwrap()
}

#[test]
fn the_plain_document_merges_as_automerge_does() {
    for seed in 0..150 {
        let mut rng = Rng::with_seed(seed);
        let mut real = Shard::create([seed as u8; 16]).unwrap();
        let mut plain = History::new(ITEM);
        let mut states = vec![State { heads: Shard::genesis_heads().unwrap(), version: 0 }];
        for step in 1..14_u8 {
            let mut at = states[rng.usize(..states.len())].clone();
            if rng.u8(..3) == 0 {
                at = merged(&at, &states[rng.usize(..states.len())]);
            }
            let writes: Vec<Write> = (0..rng.usize(1..3)).map(|_| write(&mut rng)).collect();
            // Only one device ever writes some, and of others it is by random names who wins: those are never concurrent.
            let is_single = |write: &Write| {
                matches!(
                    write,
                    Write::Origin(..) | Write::Member(..) | Write::Kind(_) | Write::Entry(..)
                )
            };
            if writes.iter().any(is_single) {
                at = all(&states);
            }
            let operation = OperationId([step; 8]);
            let both = BTreeMap::from([(ITEM, writes.clone())]);
            let made = real.commit(Some(&at.heads), operation, i64::from(step), &both).unwrap();
            let version = plain.commit(at.version, 0, operation, writes.clone());
            let heads = made.map_or(at.heads, |made| made.branch);
            let state = State { heads, version };
            let [real, plain] = [
                real.record(&ITEM, Some(&state.heads)).unwrap(),
                plain.record(state.version).as_ref().clone(),
            ];
            assert_eq!(sorted(real), sorted(plain), "seed {seed}, step {step}: {writes:?}");
            states.push(state);
        }
        let all = all(&states);
        let [real, plain] =
            [real.record(&ITEM, None).unwrap(), plain.record(all.version).as_ref().clone()];
        assert_eq!(sorted(real), sorted(plain), "seed {seed}");
    }
}

/// Which of concurrent values comes last is said by random names of devices in the real one.
fn sorted(mut record: segue_document::Record) -> segue_document::Record {
    for registers in record.registers.values_mut() {
        registers.sort_by_key(|register| (register.operation, register.value.clone()));
    }
    record
}
