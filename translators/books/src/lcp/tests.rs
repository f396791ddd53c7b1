use std::collections::BTreeMap;

use super::*;

const RSA: &str = include_str!("../../fixtures/lcp/rsa.lcpl");
const OWN_RIGHT: &str = include_str!("../../fixtures/lcp/own-right.lcpl");

fn fixture(name: &str) -> CarriedLimit {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/lcp");
    read(&std::fs::read(folder.join(name)).unwrap())
}

fn why(limit: &CarriedLimit) -> &str {
    match &limit.proof {
        Proof::Unverified(why) => why,
        Proof::Signed { .. } => "signed",
    }
}

/// A licence without a signature, with these rights.
fn with(rights: &str) -> CarriedLimit {
    read(format!(
        "{{\"id\":\"a\",\"provider\":\"b\",\"issued\":\"2027-01-01T00:00:00Z\",\"rights\":{rights}}}"
    ).as_bytes())
}

fn refused(limit: &CarriedLimit) -> &str {
    assert_eq!(limit.terms, denied(), "{limit:?}");
    limit.note.as_deref().unwrap()
}

#[test]
fn a_loan_is_what_its_rights_say() {
    let limit = fixture("rsa.lcpl");
    assert_eq!(
        limit.terms,
        Terms {
            valid_from: Some(1_801_440_000),
            valid_until: Some(1_803_859_200),
            amounts: BTreeMap::from([(Amount::PrintedPages, 10), (Amount::CopiedCharacters, 2048)]),
            ..Terms::default()
        }
    );
    assert_eq!((&*limit.issuer, &*limit.licence), ("https://library.example", "loan-rsa"));
    assert_eq!((limit.serial, limit.issued_at), (1_801_654_200, Some(1_801_476_000)));
    assert_eq!((limit.carrier, limit.note.as_deref()), ("lcp", None));
    assert_eq!(limit.evidence.as_deref(), Some(RSA.as_bytes()));
}

#[test]
fn both_kinds_of_signatures_are_proofs_and_one_key_has_one_name() {
    let key = |name: &str| match fixture(name).proof {
        Proof::Signed { key } => key,
        Proof::Unverified(why) => panic!("{name}: {why}"),
    };
    assert_eq!(key("ecdsa-der.lcpl"), key("ecdsa-raw.lcpl"));
    assert_eq!(key("rsa.lcpl"), key("own-right.lcpl"));
    assert_ne!(key("rsa.lcpl"), key("ecdsa-der.lcpl"));
    assert_eq!(fixture("rsa.lcpl"), fixture("rsa.lcpl"));
}

#[test]
fn a_signature_of_something_else_proves_nothing() {
    assert_eq!(why(&fixture("another-key.lcpl")), "its signature does not fit what it says");
    assert_eq!(why(&fixture("early.lcpl")), "its certificate was not valid when it was issued");
    let short = "the key of its certificate is shorter than 2048 bits";
    assert_eq!(why(&fixture("short-key.lcpl")), short);
    assert_eq!(why(&with("{}")), "it carries no signature");
    let changes = [
        ("\"print\":10", "\"print\":11", "its signature does not fit what it says"),
        (
            "rsa-sha256",
            "ecdsa-sha256",
            "the key of its certificate is of another kind than its signature",
        ),
        (
            "rsa-sha256",
            "rsa-sha1",
            "its signature is `http://www.w3.org/2001/04/xmldsig-more#rsa-sha1`, which is not known",
        ),
        (
            "\"certificate\": \"MII",
            "\"certificate\": \"??",
            "the `certificate` of its signature is no Base64",
        ),
        ("\"value\"", "\"worth\"", "its signature has no `value`"),
    ];
    for (from, to, expected) in changes {
        let changed = RSA.replace(from, to);
        assert_ne!(changed, RSA);
        let limit = read(changed.as_bytes());
        assert_eq!(why(&limit), expected);
        assert!(limit.terms.valid_until.is_some(), "what it says counts all the same");
    }
    let cut = RSA.replace("\"certificate\": \"MIID", "\"certificate\": \"");
    assert!(why(&read(cut.as_bytes())).starts_with("its certificate cannot be read"));
}

#[test]
fn blanks_and_the_order_of_keys_are_not_signed() {
    let other: serde_json::Value = serde_json::from_str(RSA).unwrap();
    assert_eq!(why(&read(serde_json::to_string_pretty(&other).unwrap().as_bytes())), "signed");
}

#[test]
fn a_right_that_nobody_knows_denies_by_its_name() {
    let terms = read(OWN_RIGHT.as_bytes()).terms;
    assert_eq!(terms.unknown, ["https://library.example/rights/tweet".into()].into());
    assert_eq!(terms.amounts, BTreeMap::from([(Amount::PrintedPages, 0)]));
}

#[test]
fn what_is_not_restricted_is_free() {
    for rights in ["{}", "null", "{\"print\":null,\"end\":null}"] {
        assert!(with(rights).terms.is_free(), "{rights}");
    }
    let most = with("{\"copy\":4294967295,\"start\":\"0001-01-01T00:00:00Z\"}").terms;
    assert_eq!(most.amounts[&Amount::CopiedCharacters], u32::MAX);
}

#[test]
fn of_a_second_that_is_partly_within_nothing_is() {
    let rights = "{\"start\":\"2027-01-01T00:00:00.5Z\",\"end\":\"2027-01-01T00:00:09.9Z\"}";
    let terms = with(rights).terms;
    assert_eq!((terms.valid_from, terms.valid_until), (Some(1_798_761_601), Some(1_798_761_609)));
    let before = "{\"start\":\"1969-12-31T23:59:58.5Z\",\"end\":\"1969-12-31T23:59:59.5Z\"}";
    let terms = with(before).terms;
    assert_eq!((terms.valid_from, terms.valid_until), (Some(-1), Some(-1)));
}

#[test]
fn absurd_rights_deny_and_say_why() {
    let cases = [
        ("{\"print\":-1}", "its `print` is -1"),
        ("{\"copy\":4294967296}", "its `copy` is 4294967296"),
        ("{\"copy\":1e3}", "its `copy` is no number"),
        ("{\"copy\":\"7\"}", "its `copy` is no number"),
        ("{\"end\":\"+1000000000000-01-01T00:00:00Z\"}", "its `end` is no time"),
        ("{\"end\":\"2027-01-01\"}", "its `end` is no time"),
        ("{\"end\":1798761600}", "its `end` is no time"),
        (
            "{\"start\":\"2027-01-02T00:00:00Z\",\"end\":\"2027-01-01T00:00:00Z\"}",
            "its rights end before they begin",
        ),
        ("[]", "its `rights` are no object"),
        ("true", "its `rights` are no object"),
    ];
    for (rights, expected) in cases {
        let limit = with(rights);
        assert_eq!(refused(&limit), expected, "{rights}");
        assert_eq!((&*limit.licence, &*limit.issuer), ("a", "b"), "who it is from is known");
    }
    let many = (0..=RIGHTS_MAX).map(|n| format!("\"x:{n}\":1,")).collect::<Vec<_>>().concat();
    refused(&with(&format!("{{{many}\"print\":1}}")));
    refused(&with(&format!("{{\"x:{}\":1}}", "y".repeat(NAME_MAX))));
    for broken in ["{\"print\":NaN}", "{\"print\":1,\"print\":99}", &"[".repeat(60)] {
        refused(&with(broken));
    }
}

#[test]
fn what_is_no_licence_is_a_limit_that_denies() {
    for bytes in [&b""[..], b"{}", b"[]", b"null", b"<html>", b"\xff", b"{\"id\":\"\"}"] {
        refused(&read(bytes));
    }
    assert!(refused(&read(&vec![b' '; BYTES_MAX + 1])).starts_with("more than"));
    assert_eq!(read(b"<html>").evidence.as_deref(), Some(&b"<html>"[..]));
    assert_ne!(read(b"<html>").licence, read(b"<htm>").licence, "two such licences are two");
    let long = RSA.replace("d9f298a7", &"d".repeat(EVIDENCE_MAX));
    assert_eq!(
        (why(&read(long.as_bytes())), read(long.as_bytes()).evidence),
        ("its signature does not fit what it says", None)
    );
}

#[test]
fn random_bytes_are_no_panic_and_never_loosen() {
    let mut rng = fastrand::Rng::with_seed(1);
    let whole = read(RSA.as_bytes());
    for _ in 0..3_000 {
        let mut bytes = RSA.as_bytes().to_vec();
        for _ in 0..rng.usize(1..5) {
            let place = rng.usize(0..bytes.len());
            bytes[place] = rng.u8(..);
        }
        if rng.bool() {
            bytes.truncate(rng.usize(0..bytes.len()));
        }
        let limit = read(&bytes);
        // Either nothing of what is signed changed, or it is not proven.
        let is_same = limit.terms == whole.terms && limit.serial == whole.serial;
        assert!(is_same || why(&limit) != "signed", "{limit:?}");
    }
}
