use std::collections::BTreeSet;

use segue_document::ChangeHeader;

use super::*;

const ROOM: usize = 10 << 20;

/// A change as small as they come, with this text in it.
fn change(deps: &[ChangeHash], text: &[u8]) -> (ChangeHash, Vec<u8>) {
    let mut deps = deps.to_vec();
    deps.sort_unstable();
    ChangeContent { deps, rest: text }.chunk()
}

fn hex(id: u8) -> Vec<u8> {
    to_hex(&[id; 16]).to_vec()
}

/// Sends changes lean; returns how each went, and the ids.
fn slim(changes: &[(u8, &[u8])]) -> (Vec<Option<Lean>>, Vec<Id>) {
    let mut slimmer = Slimmer::default();
    let lean = changes.iter().map(|(shard, raw)| slimmer.slim(*shard, raw)).collect();
    (lean, slimmer.ids)
}

/// Puts together what was sent, and checks that it is the same.
fn check(changes: &[(u8, &[u8])]) -> (Vec<Option<Lean>>, Vec<Id>) {
    let (lean, ids) = slim(changes);
    let mut rebuilder = Rebuilder::new(ids.clone(), ROOM);
    for ((shard, raw), lean) in changes.iter().zip(&lean) {
        let rebuilt = match lean {
            Some(lean) => rebuilder.lean(*shard, lean),
            None => rebuilder.whole(*shard, raw.to_vec()),
        };
        assert_eq!(rebuilt.as_deref(), Ok(*raw));
    }
    assert!(rebuilder.is_done());
    (lean, ids)
}

fn lean(earlier: &[u16], text: &[u8]) -> Lean {
    Lean { earlier: earlier.to_vec(), text: text.to_vec() }
}

#[test]
fn ids_are_taken_out_once_for_each_record() {
    let keys = [b"%", &hex(1)[..], b"/live8", &hex(1), b"/r:rating%", &hex(2), b"/live"].concat();
    let (_, raw) = change(&[], &keys);
    let (sent, ids) = check(&[(1, &raw)]);
    let text = b"\x00%\xf8/live8\xf9/r:rating%\xf8/live";
    assert_eq!((sent, ids), (vec![Some(lean(&[], text))], vec![[1; 16], [2; 16]]));
}

#[test]
fn what_only_looks_like_an_id_or_a_mark_survives() {
    let texts: [&[u8]; 6] = [
        b"0123456789abcdef0123456789abcde",
        b"0123456789ABCDEF0123456789ABCDEF",
        b"0123456789abcdef0123456789abcdef0",
        b"8000102030405060708090a0b0c0d0e0f",
        b"\xf8\xf9\xfa\xfb\xf7\xfa",
        &[b'f'; 100],
    ];
    for text in texts {
        check(&[(1, &change(&[], text).1), (1, &change(&[], &[text, text].concat()).1)]);
    }
}

#[test]
fn a_dependency_in_the_batch_is_a_number_of_steps() {
    let known = ChangeHash([9; 32]);
    let (first, one) = change(&[known], b"one");
    let (second, two) = change(&[first], b"two");
    let (_, three) = change(&[second, known, first], b"three");
    let (_, elsewhere) = change(&[first], b"of another shard");
    let (sent, _) = check(&[(1, &one), (1, &two), (2, &elsewhere), (1, &three)]);
    let sent: Vec<_> = sent.into_iter().map(|lean| lean.unwrap()).collect();
    let earlier: Vec<BTreeSet<u16>> =
        sent.iter().map(|lean| lean.earlier.iter().copied().collect()).collect();
    assert_eq!(earlier, [[].into(), [1].into(), [].into(), BTreeSet::from([1, 2])]);
    assert_eq!(sent[1].text, b"\x00two");
    assert_eq!(sent[3].text, [b"\x01", &known.0[..], b"three"].concat());
}

#[test]
fn more_earlier_changes_than_may_be_named_are_sent_whole() {
    let mut changes = Vec::new();
    for number in 0..=EARLIER_MAX as u8 {
        changes.push(change(&[], &[number]));
    }
    let deps: Vec<ChangeHash> = changes.iter().map(|(hash, _)| *hash).collect();
    changes.push(change(&deps, b"all"));
    let changes: Vec<(u8, &[u8])> = changes.iter().map(|(_, raw)| (7, &raw[..])).collect();
    let (sent, _) = check(&changes);
    let last = sent.last().unwrap().as_ref().unwrap();
    assert_eq!((last.earlier.len(), last.text.len()), (EARLIER_MAX, 1 + 32 + 3));
}

#[test]
fn f37_what_would_come_back_otherwise_or_longer_is_sent_as_it_is() {
    let (_, raw) = change(&[], &hex(1));
    let mut unchecked = raw.clone();
    unchecked[4] ^= 1;
    let unsorted =
        ChangeContent { deps: vec![ChangeHash([2; 32]), ChangeHash([1; 32])], rest: b"" };
    let (_, marks) = change(&[], &[NEXT_ID; 100]);
    let (_, unsorted) = unsorted.chunk();
    let whole: [&[u8]; 5] = [&unchecked, &unsorted, &marks, &[], &[9]];
    // What is sent lean between them must not be confused by them.
    let all: Vec<(u8, &[u8])> = whole.iter().flat_map(|whole| [(1, *whole), (1, &raw)]).collect();
    let (sent, ids) = check(&all);
    assert_eq!(ids, [[1; 16]]);
    for (index, lean) in sent.iter().enumerate() {
        assert_eq!(lean.is_some(), index % 2 == 1, "{index}");
    }
}

#[test]
fn random_changes_come_back_the_same() {
    let mut chance = fastrand::Rng::with_seed(7);
    for _ in 0..200 {
        let mut changes: Vec<(u8, ChangeHash, Vec<u8>)> = Vec::new();
        for _ in 0..chance.usize(1..20) {
            let shard = chance.u8(..2);
            let mut deps: Vec<ChangeHash> =
                changes.iter().filter(|_| chance.u8(..4) == 0).map(|(_, hash, _)| *hash).collect();
            deps.extend((0..chance.usize(..2)).map(|_| ChangeHash([chance.u8(..); 32])));
            let mut text = Vec::new();
            for _ in 0..chance.usize(..12) {
                match chance.u8(..4) {
                    0 => text.extend(hex(chance.u8(..3))),
                    1 => text.extend((0..chance.u8(..40)).map(|_| chance.u8(b'0'..=b'9'))),
                    2 => text.push(chance.u8(0xf6..=0xfc)),
                    _ => text.push(chance.u8(..)),
                }
            }
            let (hash, raw) = change(&deps, &text);
            changes.push((shard, hash, raw));
        }
        let changes: Vec<(u8, &[u8])> = changes.iter().map(|(s, _, raw)| (*s, &raw[..])).collect();
        check(&changes);
    }
}

#[test]
fn f38_lies_in_a_lean_change_are_noticed() {
    let rebuild = |ids: usize, earlier: &[u16], text: &[u8]| {
        let mut rebuilder = Rebuilder::new(vec![[1; 16]; ids], ROOM);
        rebuilder.whole(1, change(&[], b"before").1).unwrap();
        rebuilder.whole(2, change(&[], b"elsewhere").1).unwrap();
        rebuilder.lean(1, &lean(earlier, text)).map(|raw| ChangeHeader::read(&raw).is_ok())
    };
    assert_eq!(rebuild(0, &[1], b"\x00"), Ok(false), "it is rebuilt, and then it is no change");
    let no_dep = Err(Malformed("a change builds on one that is not before it"));
    // Itself or a later one, and more steps than there are.
    assert_eq!(rebuild(0, &[0], b"\x00"), no_dep);
    assert_eq!(rebuild(0, &[2], b"\x00"), no_dep);
    assert_eq!(rebuild(0, &[u16::MAX], b"\x00"), no_dep);
    assert_eq!(rebuild(1, &[], b"\x00\xf8\xf8"), Err(NO_ID));
    assert_eq!(rebuild(1, &[], b"\x00\xf9"), Err(NO_ID));
    assert_eq!(rebuild(0, &[], b"\x00\xfa"), Err(CUT));
    assert_eq!(rebuild(0, &[], b""), Err(CUT));
    assert_eq!(rebuild(0, &[], b"\x01\x00"), Err(CUT));
    assert_eq!(rebuild(0, &[], &[0xff; 20]), Err(CUT));
}

#[test]
fn f38_a_lean_change_becomes_no_more_than_the_cap() {
    let full = CHANGE_BYTES_MAX / DIGITS;
    for (room, why) in [(usize::MAX, TOO_LARGE), (CHANGE_BYTES_MAX - 1, TOO_MUCH)] {
        let mut rebuilder = Rebuilder::new(vec![[1; 16]; 10 * full], room);
        assert_eq!(rebuilder.lean(1, &lean(&[], &vec![NEXT_ID; 10 * full])), Err(why));
        let put = 10 * full - rebuilder.ids.len();
        assert!(put <= full + 1, "{put} ids were put in");
    }
    // The content fits, and not what is put around it.
    let text = [&[0; DIGITS][..], &vec![NEXT_ID; full - 1]].concat();
    let mut rebuilder = Rebuilder::new(vec![[1; 16]; full], usize::MAX);
    assert_eq!(rebuilder.lean(1, &lean(&[], &text)), Err(TOO_LARGE));
}
