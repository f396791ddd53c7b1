use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use segue_model::{Amount, DeviceId, Use};

use super::*;

const ITEM: ItemId = ItemId([7; 16]);

fn full_terms() -> Terms {
    Terms {
        valid_from: Some(1),
        valid_until: Some(terms::LAST_SECOND),
        devices: Some([DeviceId([1; 32]), DeviceId([2; 32])].into()),
        amounts: Amount::ALL.into_iter().zip(1..).collect(),
        denied: Use::ALL.into(),
        unknown: ["moon_phase".into(), "Ä".into()].into(),
    }
}

fn full() -> Claim {
    Claim {
        item: ITEM,
        carrier: "lcp".into(),
        issuer: "City Library".into(),
        licence: "loan-4711".into(),
        serial: u64::MAX,
        issued_at: Some(1_777_593_600),
        terms: full_terms(),
        proof: Proof::Signed { key: [3; 32] },
        note: Some("for one reader".into()),
        evidence: Some([1, 2, 3].into()),
    }
}

fn bodies() -> Vec<Body> {
    vec![
        Body::Claim(full().into()),
        Body::Claim(Claim::member(ITEM, "", "", 0, Terms::default()).into()),
        Body::Strike { statement: [4; 32] },
        Body::Lease([5, 6].into()),
    ]
}

fn decoded(claim: &Claim) -> Result<Body, LimitError> {
    // Past the check that the writer makes: as somebody hostile would.
    let mut bytes =
        Body::Claim(Claim { terms: Terms::default(), ..claim.clone() }.into()).encode()?.into_vec();
    let free = {
        let mut writer = Writer::default();
        terms::write(&mut writer, &Terms::default()).unwrap();
        writer.into_bytes()
    };
    let at = bytes.windows(free.len()).rposition(|window| window == free).unwrap();
    let mut writer = Writer::default();
    terms::write(&mut writer, &claim.terms).unwrap();
    bytes.splice(at..at + free.len(), writer.into_bytes());
    Body::decode(&bytes)
}

#[test]
fn what_was_written_is_what_is_read() {
    for body in bodies() {
        assert_eq!(Body::decode(&body.encode().unwrap()).unwrap(), body);
    }
}

#[test]
fn cut_or_lengthened_bodies_are_refused() {
    for body in bodies().into_iter().filter(|body| !matches!(body, Body::Lease(_))) {
        let bytes = body.encode().unwrap();
        for length in 0..bytes.len() {
            assert!(Body::decode(&bytes[..length]).is_err(), "{length}");
        }
        assert!(Body::decode(&[&bytes[..], &[0]].concat()).is_err());
    }
}

#[test]
fn no_two_bodies_mean_the_same() {
    let mut rng = Rng::with_seed(1);
    let bodies: Vec<Box<[u8]>> = bodies().iter().map(|body| body.encode().unwrap()).collect();
    let mut read = 0;
    for _ in 0..100_000 {
        let mut bytes = rng.choice(&bodies).unwrap().to_vec();
        for _ in 0..rng.usize(1..4) {
            let at = rng.usize(0..bytes.len());
            bytes[at] = rng.u8(..);
        }
        let Ok(body) = Body::decode(&bytes) else { continue };
        match body.encode() {
            Ok(again) => {
                read += 1;
                // A name that is not known here is kept as an unknown kind.
                if *again != *bytes {
                    let Body::Claim(claim) = &body else { panic!("{body:?}") };
                    assert!(claim.terms.unknown.len() > 2);
                }
            }
            Err(error) => assert!(matches!(error, LimitError::Encoding(_)), "{error}"),
        }
    }
    assert!(read > 10_000, "{read}");
}

#[test]
fn the_canonical_bytes_never_change() {
    let shown: Vec<String> =
        bodies().iter().map(|body| body.encode().unwrap().escape_ascii().to_string()).collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn f41_amounts_and_uses_that_are_not_known_deny() {
    let mut bytes = Body::Claim(full().into()).encode().unwrap().into_vec();
    for (name, other) in [("plays", "pleas"), ("share", "shave")] {
        let at = bytes.windows(5).position(|window| window == name.as_bytes()).unwrap();
        bytes[at..at + 5].copy_from_slice(other.as_bytes());
    }
    let Ok(Body::Claim(claim)) = Body::decode(&bytes) else { panic!("a claim") };
    for name in ["pleas", "shave"] {
        assert!(claim.terms.unknown.contains(name));
    }
}

#[test]
fn f41_absurd_claims_are_refused_in_words() {
    let terms = |change: fn(&mut Terms)| {
        let mut terms = Terms::default();
        change(&mut terms);
        Claim { terms, ..full() }
    };
    let kinds = |count: usize| (0..count).map(|kind| format!("{kind}").into()).collect();
    let devices = |count: u8| Some((0..count).map(|device| DeviceId([device; 32])).collect());
    let ages = |until| terms_until(Some(20), until);
    let cases = [
        terms(|terms| terms.valid_until = Some(1_000_000_000_000)),
        terms(|terms| terms.valid_from = Some(-1)),
        Claim { terms: ages(10), ..full() },
        Claim { terms: Terms { unknown: kinds(33), ..Terms::default() }, ..full() },
        Claim { terms: Terms { devices: devices(65), ..Terms::default() }, ..full() },
        terms(|terms| terms.unknown = ["k".repeat(65).into()].into()),
        terms(|terms| terms.unknown = ["".into()].into()),
    ];
    let said: Vec<String> = cases
        .iter()
        .map(|claim| {
            let error = decoded(claim).unwrap_err();
            assert_eq!(Body::Claim(claim.clone().into()).encode(), Err(error.clone()));
            error.to_string()
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"), @r"
    the second 1000000000000 does not lie in the years 1970 to 9999
    the second -1 does not lie in the years 1970 to 9999
    the licence ends before it begins
    unknown kinds of limits: 33, and at most 32 are allowed
    devices: 65, and at most 64 are allowed
    bytes of a kind's name: 65, and at most 64 are allowed
    a kind of limit has no name
    ");
    assert!(decoded(&Claim { terms: ages(20), ..full() }).is_ok());
    assert!(
        decoded(&Claim { terms: Terms { unknown: kinds(32), ..Terms::default() }, ..full() })
            .is_ok()
    );
    let texts = [
        Claim { issuer: "i".repeat(513).into(), ..full() },
        Claim { licence: "l".repeat(513).into(), ..full() },
        Claim { note: Some("n".repeat(2_001).into()), ..full() },
        Claim { evidence: Some(vec![0; (12 << 10) + 1].into()), ..full() },
        Claim { carrier: "".into(), ..full() },
        Claim { issued_at: Some(-1), ..full() },
    ];
    for claim in texts {
        assert!(Body::Claim(claim.into()).encode().is_err());
    }
}

fn terms_until(from: Option<i64>, until: i64) -> Terms {
    Terms { valid_from: from, valid_until: Some(until), ..Terms::default() }
}

fn carried(terms: Terms) -> CarriedLimit {
    CarriedLimit {
        carrier: "id3",
        issuer: "".into(),
        licence: "".into(),
        serial: 0,
        issued_at: None,
        terms,
        proof: Proof::Unverified("r".repeat(999).into()),
        note: None,
        evidence: None,
    }
}

/// Random limits as a broken or hostile file may carry them: of each a claim can be made, and it is no looser.
#[test]
fn f41_whatever_a_carrier_says_can_be_claimed_and_is_never_looser() {
    let mut rng = Rng::with_seed(2);
    let moment = |rng: &mut Rng| {
        rng.choice([None, Some(i64::MIN), Some(-1), Some(0), Some(50), Some(60), Some(i64::MAX)])
            .unwrap()
    };
    let text = |rng: &mut Rng| "ä".repeat(rng.choice([0, 3, 256, 257, 2_000]).unwrap());
    for _ in 0..20_000 {
        let mut terms = terms_until(moment(&mut rng), 0);
        terms.valid_until = moment(&mut rng);
        let count = rng.choice([0, 1, 64, 65]).unwrap();
        terms.devices = rng.bool().then(|| (0..count).map(|byte| DeviceId([byte; 32])).collect());
        let (kinds, length) =
            (rng.choice([0, 1, 30, 33]).unwrap(), rng.choice([3, 64, 65]).unwrap());
        terms.unknown = (0..kinds).map(|kind| format!("{kind:0length$}").into()).collect();
        terms.amounts = BTreeMap::from([(Amount::Plays, rng.u32(..))]);
        let limit = CarriedLimit {
            issuer: text(&mut rng).into(),
            licence: text(&mut rng).into(),
            issued_at: moment(&mut rng),
            note: Some(text(&mut rng).into()),
            evidence: Some(vec![1; rng.usize(0..14_000)].into()),
            ..carried(terms.clone())
        };
        let claim = Claim::carried(ITEM, &limit).unwrap();
        let bytes = Body::Claim(claim.clone().into()).encode().unwrap();
        assert_eq!(Body::decode(&bytes), Ok(Body::Claim(claim.clone().into())));
        assert_eq!(claim.terms.unknown.is_empty(), !denies(&terms), "{terms:?}");
        if claim.terms.unknown.is_empty() {
            assert_eq!(
                (&claim.terms.devices, &claim.terms.amounts),
                (&terms.devices, &terms.amounts)
            );
            let until = |terms: &Terms| terms.valid_until.unwrap_or(i64::MAX);
            assert!(until(&claim.terms) <= until(&terms).max(0));
        }
    }
}

fn denies(terms: &Terms) -> bool {
    let ends = |second: i64| second.clamp(0, terms::LAST_SECOND);
    let ends_first = terms
        .valid_from
        .zip(terms.valid_until)
        .is_some_and(|(from, until)| ends(until) < ends(from));
    let too_many = terms.devices.as_ref().is_some_and(|devices| devices.len() > 64);
    !terms.unknown.is_empty() || ends_first || too_many
}

#[test]
fn names_that_are_too_long_stay_two() {
    let named = |end: &str| {
        let licence = format!("{}{end}", "l".repeat(600)).into();
        let limit = CarriedLimit { licence, ..carried(Terms::default()) };
        Claim::carried(ITEM, &limit).unwrap().licence
    };
    assert_ne!(named("a"), named("b"));
    assert_eq!(named("a"), named("a"));
}

#[test]
fn f41_nobody_claims_what_cannot_be_read() {
    let terms = Terms { unknown: BTreeSet::from([UNREADABLE.into()]), ..Terms::default() };
    assert_eq!(Claim::carried(ITEM, &carried(terms)), None);
}

#[test]
fn unknown_kinds_say_whom_they_deny() {
    let about = [&[200, 1][..], &ITEM.0, &[9; 40]].concat();
    assert_eq!(Body::decode(&about), Ok(Body::Unknown { kind: 200, item: Some(ITEM) }));
    assert_eq!(Body::decode(&[200, 0, 9]), Ok(Body::Unknown { kind: 200, item: None }));
    for bytes in [&[][..], &[200], &[200, 2], &[200, 1, 1]] {
        assert!(Body::decode(bytes).is_err(), "{bytes:?}");
    }
    assert!(Body::Unknown { kind: 200, item: None }.encode().is_err());
    assert!(Body::Lease(vec![0; BODY_BYTES_MAX - 1].into()).encode().is_ok());
    assert!(Body::Lease(vec![0; BODY_BYTES_MAX].into()).encode().is_err());
}
