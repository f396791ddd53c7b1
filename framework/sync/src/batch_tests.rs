use segue_document::{CHANGE_BYTES_MAX, ChangeContent, chunk_hash};

use super::*;

const SENDER: DeviceId = DeviceId([1; 32]);

fn change(author: DeviceId, raw: Vec<u8>) -> SignedChange {
    SignedChange { shard: 3, author, signature: [9; 64], raw }
}

#[test]
fn what_is_packed_is_what_is_unpacked() {
    let said = SignedStatement { bytes: vec![1, 2], signature: [4; 64], signer: [5; 32] };
    let changes = vec![change(SENDER, vec![7; 500]), change(DeviceId([2; 32]), vec![8])];
    let batch = Batch { statements: vec![said], changes };
    let frame = batch.clone().pack(5, &SENDER);
    assert!(frame.deflated.is_some());
    assert_eq!(Batch::unpack(frame, &SENDER), Ok(batch));
}

#[test]
fn what_does_not_deflate_goes_plain() {
    let raw = (0..255u8).map(|n| n.wrapping_mul(167).rotate_left(3) ^ n).collect();
    let mut one = change(SENDER, raw);
    one.signature = std::array::from_fn(|n| (n as u8).wrapping_mul(101));
    let batch = Batch { statements: Vec::new(), changes: vec![one] };
    let frame = batch.clone().pack(5, &SENDER);
    assert!(frame.plain.is_some());
    assert_eq!(Batch::unpack(frame, &SENDER), Ok(batch));
}

#[test]
fn f38_a_bomb_inflates_to_no_more_than_the_cap() {
    let mut bomb = Vec::new();
    let zeros = std::io::repeat(0).take(64 << 20);
    DeflateEncoder::new(zeros, Compression::best()).read_to_end(&mut bomb).unwrap();
    assert!(bomb.len() < 128 << 10);
    let frame = BatchFrame { number: 1, plain: None, deflated: Some(bomb) };
    let refused = Batch::unpack(frame, &SENDER);
    assert_eq!(refused, Err(Malformed("the batch inflates to more than is allowed")));
}

#[test]
fn the_largest_change_fits_and_a_larger_one_is_refused() {
    for (length, fits) in [(CHANGE_BYTES_MAX, true), (CHANGE_BYTES_MAX + 1, false)] {
        let batch =
            Batch { statements: Vec::new(), changes: vec![change(SENDER, vec![0; length])] };
        assert_eq!(Batch::unpack(batch.pack(1, &SENDER), &SENDER).is_ok(), fits);
    }
}

/// A change that may be sent lean.
fn lean_change(text: &[u8]) -> SignedChange {
    change(SENDER, ChangeContent { deps: Vec::new(), rest: text }.chunk().1)
}

fn unpack(content: &Content) -> Result<Batch, Malformed> {
    let plain = Some(minicbor::to_vec(content).unwrap());
    Batch::unpack(BatchFrame { number: 1, plain, deflated: None }, &SENDER)
}

#[test]
fn a_lean_batch_is_unpacked_the_same_and_is_shorter() {
    let keys =
        |n: u8| [&b"%"[..], &[b'a' + n % 6; 32], b"/live8", &[b'a'; 32], b"/c:plays"].concat();
    let changes: Vec<SignedChange> = (0..50).map(|n| lean_change(&keys(n))).collect();
    let batch = Batch { statements: Vec::new(), changes };
    let frame = batch.clone().pack(5, &SENDER);
    assert_eq!(Batch::unpack(frame, &SENDER), Ok(batch));
}

#[test]
fn ids_that_no_change_has_are_refused() {
    let content = |ids: usize| Content {
        changes: List(vec![WireChange {
            shard: 1,
            earlier: Some(List(Vec::new())),
            bytes: b"\x00\xf8".to_vec(),
            author: None,
        }]),
        signatures: Packed(vec![[9; 64]]),
        ids: Packed(vec![[1; 16]; ids]),
        ..Content::default()
    };
    assert!(unpack(&content(1)).is_ok());
    assert_eq!(unpack(&content(2)), Err(Malformed("there are ids that no change has")));
}

#[test]
fn f38_what_becomes_of_lean_changes_is_capped_over_the_whole_batch() {
    // 32 KiB that become a mebibyte.
    let bytes = [&[0, 0xf8][..], &vec![0xf9; 1 << 15]].concat();
    let content = |count: usize| Content {
        changes: List(
            (0..count)
                .map(|_| WireChange {
                    shard: 1,
                    earlier: Some(List(Vec::new())),
                    bytes: bytes.clone(),
                    author: None,
                })
                .collect(),
        ),
        signatures: Packed(vec![[9; 64]; count]),
        ids: Packed(vec![[1; 16]; count]),
        ..Content::default()
    };
    assert!(unpack(&content(3)).is_ok());
    let refused = Err(Malformed("the changes of a batch become more than is allowed"));
    assert_eq!(unpack(&content(5)), refused);
}

#[test]
fn mutated_lean_batches_never_panic_and_stay_within_the_caps() {
    let keys = [&b"%"[..], &[b'a'; 32], b"/live8", &[b'a'; 32], b"/c:play_count"].concat();
    let first = lean_change(&keys);
    let dep = chunk_hash(&first.raw);
    let second = ChangeContent { deps: vec![dep], rest: &keys }.chunk().1;
    let batch = Batch { statements: Vec::new(), changes: vec![first, change(SENDER, second)] };
    let frame = batch.pack(1, &SENDER);
    let content = frame.plain.unwrap_or_else(|| inflate(&frame.deflated.unwrap()).unwrap());
    let mut chance = fastrand::Rng::with_seed(3);
    let mut taken = 0;
    for _ in 0..20_000 {
        let mut bytes = content.clone();
        for _ in 0..chance.usize(1..4) {
            let at = chance.usize(..bytes.len());
            match chance.u8(..4) {
                0 => bytes[at] = chance.choice([0xf8, 0xf9, 0xfa, 0, 1, 2]).unwrap(),
                1 => bytes[at] ^= 1 << chance.u8(..8),
                2 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, chance.u8(..)),
            }
        }
        let frame = BatchFrame { number: 1, plain: Some(bytes), deflated: None };
        if let Ok(batch) = Batch::unpack(frame, &SENDER) {
            let size: usize = batch.changes.iter().map(|change| change.raw.len()).sum();
            assert!(size <= INFLATED_BYTES_MAX);
            taken += 1;
        }
    }
    assert!(taken > 1000, "{taken} mutants were still batches");
}
