use super::*;

fn issuer() -> PersonKey {
    PersonKey::from_seed([77; 32])
}

fn example() -> Sidecar {
    Sidecar {
        issuer: "City \"Library\"".into(),
        licence: "loan-4711".into(),
        serial: 3,
        issued_at: 1_777_593_600,
        terms: Terms {
            valid_from: Some(1_777_593_600),
            valid_until: Some(1_780_272_000),
            devices: Some([DeviceId([1; 32])].into()),
            amounts: [(Amount::Seats, 1), (Amount::Plays, 5)].into(),
            denied: [Use::Transcode, Use::Share].into(),
            unknown: BTreeSet::new(),
        },
        subject: Some("Ännes copy".into()),
    }
}

fn written() -> String {
    String::from_utf8(write(&example(), &issuer()).unwrap()).unwrap()
}

fn read_text(text: &str) -> CarriedLimit {
    read(text.as_bytes())
}

fn is_unreadable(limit: &CarriedLimit) -> bool {
    limit.terms.unknown.contains(UNREADABLE) && limit.evidence.is_none()
}

#[test]
fn the_format_never_changes() {
    insta::assert_snapshot!(written());
}

#[test]
fn what_was_written_is_what_is_read_and_proven() {
    let text = written();
    let key = key_hash(&issuer().id());
    assert_eq!(parse(text.as_bytes()), Ok((example(), Proof::Signed { key })));
    let limit = read_text(&text);
    assert_eq!((limit.carrier, limit.serial, limit.proof), ("sidecar", 3, Proof::Signed { key }));
    assert_eq!((limit.terms, limit.issued_at), (example().terms, Some(1_777_593_600)));
    assert_eq!(limit.evidence.as_deref(), Some(text.as_bytes()));
}

#[test]
fn spaces_order_and_keys_that_are_not_known_make_no_difference_to_what_is_signed() {
    let Ok(json) = Json::read(written().as_bytes()) else { panic!("JSON") };
    let compact = json.canonical().unwrap();
    assert_eq!(read(&compact).proof, read_text(&written()).proof);
    let with_more = written().replacen('{', "{\"more\": [1],", 1);
    assert!(matches!(read_text(&with_more).proof, Proof::Unverified(_)), "it is not signed");
}

#[test]
fn f41_every_changed_value_loses_the_proof() {
    let text = written();
    for (from, to) in [
        ("2026-06-01", "2096-06-01"),
        ("\"serial\": 3", "\"serial\": 4"),
        ("loan-4711", "loan-4712"),
        ("City", "Town"),
        ("\"plays\": 5", "\"plays\": 6"),
        ("\"share\": false,", ""),
        ("Ännes", "Annas"),
        ("\"signature\": \"", "\"signature\": \"0"),
    ] {
        assert!(text.contains(from), "{from}");
        let limit = read_text(&text.replace(from, to));
        assert!(matches!(limit.proof, Proof::Unverified(_)), "{to}");
    }
}

#[test]
fn an_unsigned_licence_is_read_and_not_proven() {
    let text = r#"{"segue_licence":1,"issuer":{"name":"me"},"licence":"a","serial":0,
        "issued_at":"2026-05-01T02:00:00+02:00","terms":{"export":true,"valid_until":"2026-05-01T00:00:01Z"}}"#;
    let limit = read_text(text);
    assert_eq!(limit.proof, Proof::Unverified("it carries no signature".into()));
    assert_eq!(limit.terms, Terms { valid_until: Some(1_777_593_601), ..Terms::default() });
    assert_eq!(limit.issued_at, Some(1_777_593_600));
}

#[test]
fn f41_terms_that_are_not_known_deny() {
    let text = written().replace("\"plays\": 5", "\"moon_phase\": [\"full\", {\"new\": true}]");
    let limit = read_text(&text);
    assert_eq!(limit.terms.unknown, BTreeSet::from(["moon_phase".into()]));
    assert!(!is_unreadable(&limit));
}

#[test]
fn f41_what_cannot_be_read_denies_and_is_never_free() {
    let text = written();
    let changed = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    };
    let kind = |number: usize| format!("\"k{number}\": 1, ");
    let kinds = (0..33).map(kind).collect::<Vec<_>>().concat();
    for hostile in [
        String::new(),
        "{}".into(),
        "[1]".into(),
        text[..text.len() / 2].into(),
        changed("\"segue_licence\": 1", "\"segue_licence\": 2"),
        changed("\"segue_licence\": 1", "\"segue_licence\": 0"),
        changed("\"plays\": 5", "\"plays\": NaN"),
        changed("\"plays\": 5", "\"plays\": 1e400"),
        changed("\"plays\": 5", "\"plays\": -1"),
        changed("\"plays\": 5", "\"plays\": 4294967296"),
        changed("\"plays\": 5", "\"plays\": 5, \"plays\": 50"),
        changed("\"plays\": 5", "\"plays\": \"many\""),
        changed("\"share\": false", "\"share\": 0"),
        changed("2026-06-01T00:00:00Z", "soon"),
        changed("2026-06-01T00:00:00Z", "2026-04-01T00:00:00Z"),
        changed("2026-06-01T00:00:00Z", "1000000000000-06-01T00:00:00Z"),
        changed("\"plays\": 5", &format!("{kinds}\"plays\": 5")),
        changed("\"licence\": \"loan-4711\"", "\"licence\": \"\""),
        changed("City", &"x".repeat(600)),
        changed("City", &"x".repeat(70_000)),
    ] {
        assert!(is_unreadable(&read_text(&hostile)), "{hostile}");
    }
}

#[test]
fn f41_whatever_the_bytes_nothing_panics_and_nothing_unsigned_is_proven() {
    let text = written();
    let mut rng = fastrand::Rng::with_seed(1);
    for _ in 0..5_000 {
        let mut bytes = text.clone().into_bytes();
        for _ in 0..rng.usize(1..4) {
            let at = rng.usize(0..bytes.len());
            bytes[at] = rng.u8(..);
        }
        let limit = read(&bytes);
        let is_same = Json::read(&bytes) == Json::read(text.as_bytes());
        assert!(is_same || limit.proof != read_text(&text).proof || is_hex_case(&bytes, &text));
    }
}

/// A hexadecimal digit of the signature in capitals is the same signature.
fn is_hex_case(bytes: &[u8], text: &str) -> bool {
    bytes.eq_ignore_ascii_case(text.as_bytes())
}

#[test]
fn f41_only_the_issuer_renews_and_the_next_serial_holds() {
    let text = written();
    let terms = Terms { valid_until: Some(1_800_000_000), ..Terms::default() };
    let renewed = renew(text.as_bytes(), &issuer(), terms.clone(), 1_779_000_000).unwrap();
    let (sidecar, proof) = parse(&renewed).unwrap();
    assert_eq!(
        (sidecar.serial, sidecar.terms, sidecar.licence),
        (4, terms.clone(), example().licence)
    );
    assert_eq!(proof, read_text(&text).proof);
    let stranger = PersonKey::from_seed([78; 32]);
    assert_eq!(renew(text.as_bytes(), &stranger, terms.clone(), 0), Err(LimitError::Issuer));
    let forged = text.replace("\"plays\": 5", "\"plays\": 6");
    assert_eq!(renew(forged.as_bytes(), &issuer(), terms.clone(), 0), Err(LimitError::Issuer));
    let last = write(&Sidecar { serial: u64::MAX, ..example() }, &issuer()).unwrap();
    assert_eq!(renew(&last, &issuer(), terms, 0), Err(LimitError::LastSerial));
}

#[test]
fn a_revoked_licence_ended_when_that_was_said() {
    let revoked = revoke(written().as_bytes(), &issuer(), 1_600_000_000).unwrap();
    let (sidecar, _) = parse(&revoked).unwrap();
    assert_eq!((sidecar.serial, sidecar.terms.valid_until), (4, Some(1_600_000_000)));
    assert_eq!(sidecar.terms.denied, example().terms.denied);
}

#[test]
fn what_this_version_does_not_know_is_not_written() {
    let mut sidecar = example();
    sidecar.terms.unknown.insert("moon_phase".into());
    assert_eq!(write(&sidecar, &issuer()), Err(LimitError::Kind("moon_phase".into())));
    let ends_first = Terms { valid_until: Some(0), ..example().terms };
    assert_eq!(
        write(&Sidecar { terms: ends_first, ..example() }, &issuer()),
        Err(LimitError::EndsFirst)
    );
}

/// `fixtures/python.segue-licence` was made by the program in `docs/limits.md`.
#[test]
fn what_another_program_signed_is_proven() {
    let limit = read(include_bytes!("../fixtures/python.segue-licence"));
    assert!(matches!(limit.proof, Proof::Signed { .. }), "{:?}", limit.proof);
    assert_eq!((&*limit.issuer, limit.serial), ("Büro für Noten", u64::MAX));
    assert_eq!(limit.issued_at, Some(1_782_892_800));
    let amounts = [(Amount::Plays, 10), (Amount::CopiedCharacters, 0)].into();
    let denied = [Use::Export].into();
    assert_eq!(limit.terms, Terms { amounts, denied, ..Terms::default() });
}
