use super::*;
use crate::{DeviceKey, PersonKey};

fn person() -> PersonKey {
    PersonKey::from_seed([1; 32])
}

fn device() -> DeviceKey {
    DeviceKey::from_seed([2; 32])
}

fn examples() -> Vec<(Statement, SignedStatement)> {
    let person = person();
    let root = Statement::Root { person: person.id(), schema: "music".into(), nonce: [7; 16] };
    let document = root.document().unwrap();
    let device_said =
        Statement::Device { person: person.id(), device: device().id(), name: "laptop".into() };
    let to = device().id();
    let nonce = [8; 16];
    let grant = Statement::Grant { document, nonce, to, role: Role::Write, until: None };
    let ended = Statement::Grant { document, nonce, to, role: Role::Relay, until: Some(-2) };
    let heads = |bytes: &[u8]| bytes.iter().map(|byte| ChangeHash([*byte; 32])).collect();
    let revoke = Statement::Revoke {
        document,
        grant: [9; 32],
        keeps: [[4; 32], [5; 32]].into(),
        cut: [(0, heads(&[1])), (255, heads(&[2, 3]))].into(),
    };
    let limit = Statement::Limit { document, body: [6, 7].into() };
    let signed = |statement: Statement| {
        let signed = person.sign(&statement).unwrap();
        (statement, signed)
    };
    let admin_said = (grant.clone(), device().sign(&grant).unwrap());
    vec![
        signed(root),
        signed(device_said),
        signed(grant),
        signed(ended),
        admin_said,
        signed(limit),
        signed(revoke),
    ]
}

#[test]
fn what_was_signed_is_what_is_read() {
    for (statement, signed) in examples() {
        assert_eq!(signed.verify(), Ok(statement));
    }
}

#[test]
fn any_flipped_byte_is_refused() {
    for (_, signed) in examples() {
        for index in 0..signed.bytes.len() {
            let mut other = signed.clone();
            other.bytes[index] ^= 1;
            assert!(other.verify().is_err(), "byte {index}");
            assert_ne!(other.hash(), signed.hash());
        }
        for index in 0..64 {
            let mut other = signed.clone();
            other.signature[index] ^= 1;
            assert!(other.verify().is_err(), "signature byte {index}");
        }
        for index in 0..32 {
            let mut other = signed.clone();
            other.signer[index] ^= 1;
            assert!(other.verify().is_err(), "signer byte {index}");
            assert_ne!(other.hash(), signed.hash());
        }
    }
}

#[test]
fn cut_or_lengthened_bytes_are_refused_even_if_signed() {
    for (_, signed) in examples() {
        for length in TAG.len()..signed.bytes.len() {
            let bytes = signed.bytes[..length].to_vec();
            let signature = person().sign_bytes(&bytes);
            let cut = SignedStatement { bytes, signature, signer: person().id().0 };
            assert!(matches!(cut.verify(), Err(AccessError::Malformed(_))), "{length}");
        }
        let bytes = [&signed.bytes[..], &[0]].concat();
        let signature = person().sign_bytes(&bytes);
        let long = SignedStatement { bytes, signature, signer: person().id().0 };
        assert_eq!(long.verify(), Err(AccessError::Malformed("bytes after the end")));
    }
}

#[test]
fn a_revoke_has_one_form() {
    let (_, signed) = examples().pop().unwrap();
    let Ok(Statement::Revoke { grant, keeps, cut, document }) = signed.verify() else {
        panic!("a revoke");
    };
    let head = [TAG, &[REVOKE], &document.0, &grant].concat();
    let count = |count: u16| count.to_be_bytes().to_vec();
    let kept = |bytes: &[u8]| {
        let hashes = bytes.iter().flat_map(|byte| [*byte; 32]);
        [count(bytes.len() as u16), hashes.collect()].concat()
    };
    let shard = |number: u8, heads: &[u8]| [vec![number], kept(heads)].concat();
    let good_cut = [count(2), shard(0, &[1]), shard(255, &[2, 3])].concat();
    assert_eq!([&head[..], &kept(&[4, 5]), &good_cut].concat(), signed.bytes);
    assert_eq!((keeps.len(), cut.len()), (2, 2));
    let bad = [
        [kept(&[5, 4]), good_cut.clone()].concat(),
        [kept(&[4, 4]), good_cut].concat(),
        [kept(&[]), count(2), shard(1, &[1]), shard(0, &[1])].concat(),
        [kept(&[]), count(2), shard(1, &[1]), shard(1, &[2])].concat(),
        [kept(&[]), count(1), shard(1, &[])].concat(),
        [kept(&[]), count(1), shard(1, &[3, 2])].concat(),
        [kept(&[]), count(u16::MAX)].concat(),
        count(u16::MAX),
    ];
    for fields in bad {
        let bytes = [&head[..], &fields].concat();
        let signature = device().sign_bytes(&bytes);
        let signed = SignedStatement { bytes, signature, signer: device().id().0 };
        assert!(matches!(signed.verify(), Err(AccessError::Malformed(_))), "{fields:?}");
    }
}

#[test]
fn what_is_too_long_is_neither_signed_nor_read() {
    let revoke = |hashes: u32| Statement::Revoke {
        document: DocumentId([1; 32]),
        grant: [2; 32],
        keeps: (0..hashes)
            .map(|at| std::array::from_fn(|byte| (at >> (byte % 4 * 8)) as u8))
            .collect(),
        cut: Cut::new(),
    };
    assert!(device().sign(&revoke(2000)).unwrap().verify().is_ok());
    assert!(matches!(device().sign(&revoke(2048)), Err(AccessError::Malformed(_))));
    for (kind, length) in
        [(REVOKE, REVOKE_BYTES_MAX), (LIMIT, LIMIT_BYTES_MAX), (200, SIZE_BYTES_MAX)]
    {
        for more in [0, 1] {
            let mut bytes = [TAG, &[kind]].concat();
            bytes.resize(length + more, 0);
            assert_eq!(check_size(&bytes).is_ok(), more == 0, "{kind} {more}");
        }
    }
}

#[test]
fn a_cut_without_heads_is_not_signed() {
    let revoke = Statement::Revoke {
        document: DocumentId([1; 32]),
        grant: [2; 32],
        keeps: BTreeSet::new(),
        cut: [(3, BTreeSet::new())].into(),
    };
    assert_eq!(device().sign(&revoke), Err(NO_HEADS));
}

#[test]
fn f27_an_unknown_kind_is_verified_and_kept() {
    let bytes = [TAG, &[200, 1, 2, 3]].concat();
    let signature = device().sign_bytes(&bytes);
    let mut signed = SignedStatement { bytes, signature, signer: device().id().0 };
    assert_eq!(signed.verify(), Ok(Statement::Unknown { kind: 200 }));
    signed.bytes[TAG.len() + 1] ^= 1;
    assert_eq!(signed.verify(), Err(AccessError::Signature));
    assert_eq!(
        person().sign(&Statement::Unknown { kind: 200 }),
        Err(AccessError::UnknownKind(200))
    );
}

#[test]
fn nobody_speaks_for_another_person() {
    let person = person().id();
    let said = Statement::Device { person, device: device().id(), name: "mine".into() };
    assert_eq!(device().sign(&said), Err(AccessError::Signer));
    let bytes = said.encode().unwrap();
    let signature = device().sign_bytes(&bytes);
    let forged = SignedStatement { bytes, signature, signer: device().id().0 };
    assert_eq!(forged.verify(), Err(AccessError::Signer));
}

#[test]
fn a_name_that_does_not_fit_is_refused() {
    let person_id = person().id();
    let device = device().id();
    let named = |length: usize| {
        let name = "n".repeat(length).into();
        person().sign(&Statement::Device { person: person_id, device, name })
    };
    assert!(named(255).is_ok());
    assert!(matches!(named(256), Err(AccessError::Malformed(_))));
}

#[test]
fn the_canonical_bytes_never_change() {
    let mut shown: Vec<String> =
        examples().iter().map(|(_, signed)| signed.bytes.escape_ascii().to_string()).collect();
    let (root, signed) = &examples()[0];
    shown.push(format!("document {}", root.document().unwrap()));
    shown.push(format!("hash {}", DocumentId(signed.hash())));
    insta::assert_snapshot!(shown.join("\n"));
}
