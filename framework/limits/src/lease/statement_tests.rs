//! Statements about seats: one form, every byte signed, what is malformed is refused.

use super::*;

const LICENCE: Licence =
    Licence { document: DocumentId([1; 32]), item: ItemId([2; 16]), issuer: [3; 32] };

fn key() -> DeviceKey {
    DeviceKey::from_seed([9; 32])
}

fn party() -> Party {
    Party { device: key().id(), incarnation: Incarnation([4; 4]) }
}

fn link(to: To) -> Lease {
    let token = Token { licence: LICENCE, seat: 1 };
    Lease::Link(Link { token, term: 5, number: 6, previous: [7; 32], to, end: 8, at: -9 })
}

fn samples() -> [Lease; 3] {
    let request = Request { licence: LICENCE, by: party(), at: 11 };
    [Lease::Request(request), link(To::Office), link(To::Device(party()))]
}

#[test]
fn what_is_signed_is_read_again_with_its_signer() {
    for lease in samples() {
        let verified = lease.sign(&key()).verify().unwrap();
        assert_eq!((verified.lease(), verified.signer()), (&lease, &key().id().0));
        assert_eq!(verified, VerifiedLease::own(key().id().0, lease));
    }
}

#[test]
fn a_flipped_bit_anywhere_and_another_signer_are_refused() {
    for lease in samples() {
        let signed = lease.sign(&key());
        for at in 0..signed.bytes.len() {
            let mut other = signed.clone();
            other.bytes[at] ^= 1;
            assert!(other.verify().is_err(), "byte {at} of {lease:?}");
        }
        for at in 0..64 {
            let mut other = signed.clone();
            other.signature[at] ^= 1;
            assert!(other.verify().is_err());
        }
        let signer = DeviceKey::from_seed([8; 32]).id().0;
        assert!(SignedLease { signer, ..signed }.verify().is_err());
    }
}

#[test]
fn what_is_cut_off_or_goes_on_is_malformed_even_if_it_is_signed() {
    let sign = |bytes: Vec<u8>| {
        let signature = key().sign_bytes(&bytes);
        SignedLease { bytes, signature, signer: key().id().0 }.verify()
    };
    for lease in samples() {
        let whole = lease.encode();
        assert!(sign(whole.clone()).is_ok());
        for length in 0..whole.len() {
            assert!(matches!(sign(whole[..length].to_vec()), Err(AccessError::Malformed(_))));
        }
        let longer = [&whole[..], &[0]].concat();
        assert_eq!(sign(longer), Err(AccessError::Malformed("bytes after the end")));
    }
    let newer = [TAG, &[3, 1, 2]].concat();
    assert_eq!(sign(newer), Err(AccessError::UnknownKind(3)));
    let mut nowhere = link(To::Office).encode();
    let at = nowhere.len() - 17;
    nowhere[at] = 2;
    assert_eq!(sign(nowhere), Err(AccessError::Malformed("neither the office nor a device")));
}

#[test]
fn what_travels_is_the_signer_the_signature_and_what_is_said() {
    for lease in samples() {
        let signed = lease.sign(&key());
        let travels = signed.encode();
        assert_eq!(SignedLease::decode(&travels), Ok(signed));
        assert!((0..96).all(|length| SignedLease::decode(&travels[..length]).is_err()));
        let cut = SignedLease::decode(&travels[..travels.len() - 1]).unwrap();
        assert!(cut.verify().is_err());
    }
}

#[test]
fn nobody_asks_in_another_devices_name() {
    let stranger = DeviceKey::from_seed([8; 32]);
    assert_eq!(samples()[0].sign(&stranger).verify(), Err(AccessError::Signer));
}

#[test]
fn the_bytes_never_change() {
    let bytes = link(To::Device(party())).encode();
    let mut expected = b"segue lease\x01\x02".to_vec();
    expected.extend([1; 32]);
    expected.extend([2; 16]);
    expected.extend([3; 32]);
    expected.extend([0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 6]);
    expected.extend([7; 32]);
    expected.push(1);
    expected.extend(key().id().0);
    expected.extend([4; 4]);
    expected.extend([0, 0, 0, 0, 0, 0, 0, 8]);
    expected.extend((-9_i64).to_be_bytes());
    assert_eq!(bytes, expected);
}
