use std::collections::BTreeMap;

use automerge::transaction::Transactable;
use automerge::{ActorId, Automerge, Change, ROOT};

use crate::{Shard, Write};

use super::*;

/// A chunk around a body, with the right length and checksum.
fn chunk(kind: u8, body: &[u8]) -> Vec<u8> {
    let inner = [&[kind][..], &unsigned(body.len() as u64), body].concat();
    [&MAGIC[..], &Sha256::digest(&inner)[..4], &inner].concat()
}

fn unsigned(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        bytes.push(if number == 0 { low } else { low | 0x80 });
        if number == 0 {
            return bytes;
        }
    }
}

/// A positive number as signed LEB128.
fn run(number: u64) -> Vec<u8> {
    let mut bytes = unsigned(number);
    if bytes.last().is_some_and(|last| last & 0x40 != 0) {
        *bytes.last_mut().unwrap() |= 0x80;
        bytes.push(0);
    }
    bytes
}

/// A change of one put into the root with some of its columns replaced.
fn change(replaced: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut columns: BTreeMap<u32, Vec<u8>> = BTreeMap::from([
        (0x15, vec![0x7f, 1, b'k']),
        (0x34, vec![1]),
        (0x42, vec![0x7f, 1]),
        (0x56, vec![0x7f, 0x14]),
        (0x57, vec![7]),
        (0x70, vec![0x7f, 0]),
    ]);
    columns.extend(replaced.iter().cloned());
    columns.retain(|_, bytes| !bytes.is_empty());
    let mut body = vec![0, 2, 9, 9, 1, 1, 0, 0, 0, columns.len() as u8];
    for (spec, bytes) in &columns {
        body.extend(unsigned((*spec).into()));
        body.extend(unsigned(bytes.len() as u64));
    }
    body.extend(columns.into_values().flatten());
    chunk(CHANGE, &body)
}

#[test]
fn a_small_change_made_by_hand_is_one_to_automerge_too() {
    let bytes = change(&[]);
    let header = ChangeHeader::read(&bytes).unwrap();
    assert_eq!((header.seq, header.start_op, header.operations), (1, 1, 1));
    let read = Change::from_bytes(bytes).unwrap();
    assert_eq!((read.len(), read.hash().0), (1, header.hash.0));
}

#[test]
fn a_header_says_what_automerge_says() {
    let mut doc = Automerge::new().with_actor(ActorId::from([7; 16]));
    for round in 0..30u64 {
        let mut transaction = doc.transaction();
        for key in 0..=round {
            transaction
                .put(ROOT, format!("key {key}"), "x".repeat((key * round) as usize))
                .unwrap();
        }
        if round % 3 == 0 {
            transaction.delete(ROOT, "key 0").unwrap();
        }
        transaction.commit();
        if round % 5 == 0 {
            let mut other = doc.fork();
            let mut transaction = other.transaction();
            transaction.put(ROOT, "key 1", round).unwrap();
            transaction.commit();
            doc.merge(&mut other).unwrap();
        }
    }
    let changes = doc.get_changes(&[]);
    assert!(changes.len() > 30);
    for change in changes {
        let header = ChangeHeader::read(change.raw_bytes()).unwrap();
        assert_eq!(header.hash.0, change.hash().0);
        assert_eq!(&header.actor[..], change.actor_id().to_bytes());
        assert_eq!((header.seq, header.start_op), (change.seq(), change.start_op().get()));
        assert_eq!((header.operations, header.last_op()), (change.len() as u64, change.max_op()));
        assert_eq!((header.time, header.operation), (change.timestamp(), None));
        assert_eq!(header.deps.len(), change.deps().len());
        assert!(header.deps.iter().zip(change.deps()).all(|(a, b)| a.0 == b.0));
    }
}

#[test]
fn a_header_says_when_and_by_which_operation() {
    let mut shard = Shard::create([1; 16]).unwrap();
    let writes = BTreeMap::from([([7; 16], vec![Write::Raise("last_played".into(), 5)])]);
    let operation = OperationId([0xab; 8]);
    let made = shard.commit(None, operation, 1_700_000_000, &writes).unwrap().unwrap();
    let header = ChangeHeader::read(&made.changes[0].bytes).unwrap();
    assert_eq!((header.time, header.operation), (1_700_000_000, Some(operation)));
}

/// Each would be billions of rows to automerge, or more than memory holds.
#[test]
fn f36_a_bomb_is_refused_by_its_columns() {
    let many = 1 << 40;
    let of = |value: u8| [&run(many)[..], &[value]].concat();
    let nulls = [&[0][..], &unsigned(many)].concat();
    let bombs: [&[(u32, Vec<u8>)]; 9] = [
        &[
            (0x42, of(1)),
            (0x15, [&run(many)[..], &[1, b'k']].concat()),
            (0x56, of(0)),
            (0x57, vec![]),
        ],
        &[(0x42, of(1))],
        &[(0x42, nulls.clone())],
        &[(0x15, nulls.clone())],
        &[(0x34, unsigned(many))],
        &[(0x56, of(0)), (0x57, vec![])],
        &[(0x70, [&[0x7f][..], &unsigned(many)].concat())],
        &[(0x70, of(1))],
        &[(0x71, of(0)), (0x73, of(1))],
    ];
    for (number, bomb) in bombs.iter().enumerate() {
        let bytes = change(bomb);
        assert!(bytes.len() < 120);
        assert_eq!(ChangeHeader::read(&bytes), Err(HeaderError::Inflated), "bomb {number}");
    }
    // Just as much as the bytes may hold: refused because the columns are not of one length.
    assert!(ChangeHeader::read(&change(&[(0x42, vec![60, 1])])).is_ok());
    assert!(matches!(ChangeHeader::read(&change(&[(0x34, vec![60])])), Err(Malformed(_))));
}

#[test]
fn other_chunks_and_damaged_ones_are_refused() {
    let good = change(&[]);
    assert_eq!(ChangeHeader::read(&vec![0; CHANGE_BYTES_MAX + 1]), Err(HeaderError::TooLarge));
    for kind in [0, 2, 3] {
        let body = &good[10..];
        assert_eq!(ChangeHeader::read(&chunk(kind, body)), Err(HeaderError::NoChange));
    }
    for index in 0..good.len() {
        let mut bytes = good.clone();
        bytes[index] ^= 1;
        assert!(ChangeHeader::read(&bytes).is_err(), "byte {index}");
        assert!(ChangeHeader::read(&good[..index]).is_err(), "cut at {index}");
    }
    let longer = [&good[..], &[0]].concat();
    assert!(ChangeHeader::read(&longer).is_err());
    assert!(ChangeHeader::read(&change(&[(0x20, vec![0x7f, 1])])).is_err(), "unknown column");
    assert!(ChangeHeader::read(&change(&[(0x4a, vec![0x7f, 1])])).is_err(), "deflated column");
    assert!(ChangeHeader::read(&change(&[(0x57, vec![1, 2, 3])])).is_err(), "values of no row");
    assert!(ChangeHeader::read(&change(&[(0x42, vec![])])).is_err(), "no operation");
}
