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
