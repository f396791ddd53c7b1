//! Random sets out of a pool of really signed statements, and a scene for each rule.

use std::slice;
use std::sync::LazyLock;

use fastrand::Rng;
use segue_access::{Cut, DeviceKey, PersonKey, Role, SignedStatement};
use segue_model::{Amount, DocumentId, Use};

use super::*;

const CASES: u64 = 50_000;
const ITEMS: [ItemId; 2] = [ItemId([1; 16]), ItemId([2; 16])];

/// Who speaks: the owner, a writer, an admin, one who was a writer and is gone, a reader, a stranger.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Owner,
    Writer,
    Admin,
    Gone,
    Reader,
    Stranger,
}

const ALL: [By; 6] = [By::Owner, By::Writer, By::Admin, By::Gone, By::Reader, By::Stranger];
const HEARD: [By; 4] = [By::Owner, By::Writer, By::Admin, By::Gone];

struct World {
    document: DocumentId,
    members: Members,
    pool: Vec<VerifiedStatement>,
}

static WORLD: LazyLock<World> = LazyLock::new(World::new);

fn device(by: By) -> DeviceKey {
    DeviceKey::from_seed([by as u8 + 10; 32])
}

fn owner() -> PersonKey {
    PersonKey::from_seed([9; 32])
}

fn signed(by: By, statement: &Statement) -> SignedStatement {
    let signed = if by == By::Owner { owner().sign(statement) } else { device(by).sign(statement) };
    signed.unwrap()
}

impl World {
    fn new() -> Self {
        let root = Statement::Root { person: owner().id(), schema: "music".into(), nonce: [0; 16] };
        let document = root.document().unwrap();
        let grant = |to: By, role| {
            let to = device(to).id();
            signed(By::Owner, &Statement::Grant { document, nonce: [0; 16], to, role, until: None })
        };
        let gone = grant(By::Gone, Role::Write);
        let revoke = Statement::Revoke {
            document,
            grant: gone.hash(),
            keeps: BTreeSet::new(),
            cut: Cut::new(),
        };
        let rights = [
            signed(By::Owner, &root),
            grant(By::Writer, Role::Write),
            grant(By::Admin, Role::Admin),
            gone,
            signed(By::Admin, &revoke),
            grant(By::Reader, Role::Read),
        ];
        let members = Members::of(&rights, &document);
        let mut world = Self { document, members, pool: Vec::new() };
        let mut rng = Rng::with_seed(41);
        for _ in 0..3_000 {
            let body = world.body(&mut rng);
            let by = rng.choice(ALL).unwrap();
            world.pool.push(world.says(by, body));
        }
        world
    }

    fn says(&self, by: By, body: Box<[u8]>) -> VerifiedStatement {
        let statement = Statement::Limit { document: self.document, body };
        signed(by, &statement).verified().unwrap()
    }

    fn claims(&self, by: By, claim: Claim) -> VerifiedStatement {
        self.says(by, Body::Claim(claim.into()).encode().unwrap())
    }

    fn strikes(&self, by: By, struck: &VerifiedStatement) -> VerifiedStatement {
        self.says(by, Body::Strike { statement: struck.hash() }.encode().unwrap())
    }

    fn body(&self, rng: &mut Rng) -> Box<[u8]> {
        let item = rng.choice(ITEMS).unwrap();
        match rng.u8(0..10) {
            0 => {
                let statement = rng.choice(&self.pool).map_or([0; 32], VerifiedStatement::hash);
                Body::Strike { statement }.encode().unwrap()
            }
            1 => match rng.u8(0..3) {
                0 => [&[9, 1][..], &item.0].concat().into(),
                1 => [9, 0, 7].into(),
                _ => [1, 2, 3].into(),
            },
            2..5 => {
                let terms = random_terms(rng);
                let licence = rng.choice(["a", "b"]).unwrap();
                Body::Claim(Claim::member(item, "me", licence, rng.u64(0..4), terms).into())
                    .encode()
                    .unwrap()
            }
            _ => {
                let evidence = [rng.u8(0..3), rng.u8(0..4), rng.u8(0..2), rng.u8(0..20)];
                let mut limit = test_licence(evidence);
                // Whoever says it may lie about it.
                if rng.u8(0..4) == 0 {
                    limit.terms = random_terms(rng);
                    limit.serial = rng.u64(0..4);
                }
                Body::Claim(Claim::carried(item, &limit).unwrap().into()).encode().unwrap()
            }
        }
    }

    fn limits(&self, said: &[VerifiedStatement]) -> Limits {
        Limits::of(said, &self.members, &prove)
    }

    /// A few statements of the pool, those of some items and licences often.
    fn draw(&self, rng: &mut Rng) -> Vec<VerifiedStatement> {
        (0..rng.usize(0..14)).map(|_| rng.choice(&self.pool).unwrap().clone()).collect()
    }
}

/// A carrier whose licences are four bytes: who signed (0: nobody), serial, name, terms.
fn test_licence(evidence: [u8; 4]) -> CarriedLimit {
    let [key, serial, licence, seed] = evidence;
    let proof = match key {
        0 => Proof::Unverified("nobody signed".into()),
        key => Proof::Signed { key: [key; 32] },
    };
    let mut rng = Rng::with_seed(u64::from_be_bytes([key, serial, licence, seed, 0, 0, 0, 1]));
    CarriedLimit {
        carrier: "test",
        issuer: "library".into(),
        licence: licence.to_string().into(),
        serial: serial.into(),
        issued_at: Some(i64::from(serial) * 100),
        terms: random_terms(&mut rng),
        proof,
        note: None,
        evidence: Some(evidence.as_slice().into()),
    }
}

fn prove(carrier: &str, evidence: &[u8]) -> Option<CarriedLimit> {
    let evidence: [u8; 4] = evidence.try_into().ok().filter(|_| carrier == "test")?;
    Some(test_licence(evidence))
}

fn random_terms(rng: &mut Rng) -> Terms {
    let from = rng.i64(0..5);
    let mut terms = Terms {
        valid_from: rng.bool().then_some(from),
        valid_until: rng.bool().then_some(from + rng.i64(0..5)),
        ..Terms::default()
    };
    if rng.u8(0..3) == 0 {
        let devices = (0..3).filter(|_| rng.bool()).map(|byte| DeviceId([byte; 32])).collect();
        terms.devices = Some(devices);
    }
    for amount in Amount::ALL {
        if rng.u8(0..6) == 0 {
            terms.amounts.insert(amount, rng.u32(0..3));
        }
    }
    terms.denied = Use::ALL.into_iter().filter(|_| rng.u8(0..4) == 0).collect();
    if rng.u8(0..20) == 0 {
        terms.unknown.insert("moon_phase".into());
    }
    terms
}

fn until(second: i64) -> Terms {
    Terms { valid_until: Some(second), ..Terms::default() }
}

fn member(serial: u64, terms: Terms) -> Claim {
    Claim::member(ITEMS[0], "me", "a", serial, terms)
}

#[test]
fn f41_terms_are_a_semilattice() {
    let mut rng = Rng::with_seed(1);
    for _ in 0..CASES {
        let [a, b, c] = [(); 3].map(|()| random_terms(&mut rng));
        assert_eq!(a.meet(&b), b.meet(&a));
        assert_eq!(a.meet(&b).meet(&c), a.meet(&b.meet(&c)));
        assert_eq!(a.meet(&a), a);
        assert_eq!(a.meet(&Terms::default()), a);
        assert!(a.meet(&b).is_within(&a) && a.meet(&b).is_within(&b));
    }
}

#[test]
fn f41_order_and_repeats_make_no_difference() {
    let mut rng = Rng::with_seed(2);
    let mut limited = 0;
    for _ in 0..CASES {
        let mut said = WORLD.draw(&mut rng);
        let limits = WORLD.limits(&said);
        limited += limits.items().count();
        rng.shuffle(&mut said);
        said.extend_from_within(..said.len() / 2);
        assert_eq!(WORLD.limits(&said), limits);
    }
    assert!(limited as u64 > CASES);
}

#[test]
fn f41_what_readers_and_strangers_say_changes_nothing() {
    let mut rng = Rng::with_seed(3);
    let mute = [By::Reader, By::Stranger].map(|by| device(by).id().0);
    let has_no_say = |said: &VerifiedStatement| mute.contains(said.signer());
    for _ in 0..CASES {
        let mut said = WORLD.draw(&mut rng);
        let limits = WORLD.limits(&said);
        said.retain(|said| !has_no_say(said));
        assert_eq!(WORLD.limits(&said), limits);
    }
}

/// Of one more statement: it tightens, or it is the next serial of what it replaces.
#[test]
fn f41_more_never_loosens_but_for_a_higher_serial_of_the_same_group() {
    let mut rng = Rng::with_seed(4);
    let (owner, mut tightened, mut replaced) = (owner().id().0, 0, 0);
    for _ in 0..CASES {
        let mut said = WORLD.draw(&mut rng);
        let more = rng.choice(&WORLD.pool).unwrap().clone();
        let is_owners_strike =
            *more.signer() == owner && matches!(body(&more), Ok(Body::Strike { .. }));
        if is_owners_strike {
            continue;
        }
        let before = WORLD.limits(&said);
        said.push(more.clone());
        let after = WORLD.limits(&said);
        for item in ITEMS {
            let (before, after) = (before.effective(&[item]), after.effective(&[item]));
            tightened += u64::from(before.terms != after.terms);
            if !after.terms.is_within(&before.terms) {
                is_next(&before, &after, &more);
                replaced += 1;
            }
        }
    }
    assert!(tightened > CASES / 4 && replaced > CASES / 100, "{tightened} {replaced}");
}

fn body(said: &VerifiedStatement) -> Result<Body, LimitError> {
    let Statement::Limit { body, .. } = said.statement() else { panic!("a limit") };
    Body::decode(body)
}

fn is_next(before: &Effective, after: &Effective, more: &VerifiedStatement) {
    let alone = WORLD.limits(slice::from_ref(more)).effective(&ITEMS);
    let (_, next) = alone.heard.first_key_value().unwrap();
    let gone = before.heard.iter().filter(|(hash, _)| !after.heard.contains_key(*hash));
    let gone: Vec<&Heard> = gone.map(|(_, heard)| heard).collect();
    assert!(!gone.is_empty());
    for last in gone {
        assert_eq!((&last.carrier, &last.licence), (&next.carrier, &next.licence));
        assert!(last.serial < next.serial, "{last:?} {next:?}");
        let is_issuers = matches!(next.proof, Proof::Signed { .. }) && last.proof == next.proof;
        assert!(last.said_by == next.said_by || is_issuers);
    }
}

/// Whatever else is said: what the highest serials of a proven issuer allow is never exceeded.
#[test]
fn f41_nothing_exceeds_what_a_proven_issuer_says_last() {
    let mut rng = Rng::with_seed(5);
    let mut checked = 0;
    for _ in 0..CASES / 2 {
        let said = WORLD.draw(&mut rng);
        let limits = WORLD.limits(&said);
        let mut last: BTreeMap<(ItemId, u8, u8), (u64, Terms)> = BTreeMap::new();
        for said in said.iter().filter(|said| WORLD.members.matters(said)) {
            let Ok(Body::Claim(claim)) = body(said) else { continue };
            let Claim { item, evidence: Some(evidence), .. } = *claim else { continue };
            let evidence: [u8; 4] = (*evidence).try_into().unwrap();
            let licence = test_licence(evidence);
            if evidence[0] != 0 {
                let last = last.entry((item, evidence[0], evidence[2])).or_default();
                if licence.serial >= last.0 {
                    *last = (licence.serial, licence.terms);
                }
            }
        }
        for ((item, ..), (_, terms)) in last {
            assert!(limits.effective(&[item]).terms.is_within(&terms));
            checked += 1;
        }
        let both = limits.effective(&ITEMS);
        for item in ITEMS {
            assert!(both.terms.is_within(&limits.effective(&[item]).terms));
        }
    }
    assert!(checked > CASES / 2, "{checked}");
}

#[test]
fn f41_claims_of_one_serial_all_hold() {
    let of_one = (40..60).map(|end| WORLD.claims(By::Writer, member(1, until(end))));
    let before = WORLD.claims(By::Writer, member(0, until(10)));
    let said: Vec<_> = of_one.chain([before]).collect();
    assert_eq!(WORLD.limits(&said).effective(&ITEMS).terms, until(40));
}

#[test]
fn f41_nobody_loosens_what_another_member_said() {
    let said = [
        WORLD.claims(By::Writer, member(1, until(40))),
        WORLD.claims(By::Admin, member(9, Terms::default())),
        WORLD.claims(By::Owner, member(9, Terms::default())),
    ];
    assert_eq!(WORLD.limits(&said).effective(&ITEMS).terms, until(40));
}

#[test]
fn f41_a_signature_counts_only_where_the_licence_proves_it_again() {
    let real = test_licence([1, 1, 0, 3]);
    let forged = CarriedLimit {
        serial: 9,
        terms: Terms::default(),
        evidence: None,
        issued_at: Some(7),
        ..real.clone()
    };
    let said = [&real, &forged]
        .map(|limit| WORLD.claims(By::Writer, Claim::carried(ITEMS[0], limit).unwrap()));
    let limits = WORLD.limits(&said);
    assert!(limits.effective(&ITEMS).terms.is_within(&real.terms));
    assert_eq!(limits.issued().collect::<Vec<_>>(), [100], "only of what is proven");
    let lie =
        Claim { terms: Terms::default(), serial: 9, ..Claim::carried(ITEMS[0], &real).unwrap() };
    let lied = WORLD.limits(&[WORLD.claims(By::Writer, lie)]);
    assert_eq!(lied.effective(&ITEMS).terms, real.terms, "the evidence counts, not the claim");
}

#[test]
fn f41_the_owner_strikes_what_a_member_said_and_never_a_proven_licence() {
    let carried = |evidence| Claim::carried(ITEMS[0], &test_licence(evidence)).unwrap();
    let (proven, unverified) = (carried([1, 0, 0, 3]), carried([0, 0, 0, 3]));
    let denies = WORLD.says(By::Writer, [&[9, 1][..], &ITEMS[0].0].concat().into());
    for (said, strikable) in [
        (WORLD.claims(By::Writer, member(0, until(5))), true),
        (WORLD.claims(By::Owner, member(0, until(5))), true),
        (denies, true),
        (WORLD.claims(By::Writer, proven.clone()), false),
        (WORLD.claims(By::Gone, proven), false),
        (WORLD.claims(By::Writer, unverified.clone()), false),
        (WORLD.claims(By::Owner, unverified.clone()), false),
        (WORLD.claims(By::Gone, unverified), true),
    ] {
        let before = WORLD.limits(slice::from_ref(&said)).effective(&ITEMS);
        assert!(!before.terms.is_free());
        for by in HEARD {
            let strike = WORLD.strikes(by, &said);
            let after = WORLD.limits(&[strike, said.clone()]).effective(&ITEMS);
            let expected =
                if strikable && by == By::Owner { Effective::default() } else { before.clone() };
            assert_eq!(after, expected, "{:?}", body(&said));
        }
    }
}

#[test]
fn f41_who_can_prove_it_replaces_what_they_said_before_they_could() {
    let old =
        Claim { evidence: None, ..Claim::carried(ITEMS[0], &test_licence([1, 0, 0, 3])).unwrap() };
    let renewed = test_licence([1, 1, 0, 4]);
    let renewed = WORLD.claims(By::Writer, Claim::carried(ITEMS[0], &renewed).unwrap());
    let own = WORLD.claims(By::Writer, old.clone());
    let terms = test_licence([1, 1, 0, 4]).terms;
    assert_eq!(WORLD.limits(&[own, renewed.clone()]).effective(&ITEMS).terms, terms);
    let others = WORLD.claims(By::Admin, old.clone());
    let both = WORLD.limits(&[others, renewed]).effective(&ITEMS).terms;
    assert_eq!(both, terms.meet(&old.terms), "another's word stays");
}

#[test]
fn f41_what_a_newer_segue_says_of_an_item_denies_it_and_of_none_nothing() {
    let about = WORLD.says(By::Writer, [&[9, 1][..], &ITEMS[0].0, &[5]].concat().into());
    let about_none = WORLD.says(By::Writer, [9, 0, 1].into());
    let limits = WORLD.limits(&[about, about_none]);
    assert_eq!(limits.items().count(), 1);
    let terms = limits.effective(&ITEMS).terms;
    assert_eq!(terms.unknown, BTreeSet::from(["statement of kind 9".into()]));
}

#[test]
fn f41_one_who_says_too_much_denies_and_is_counted_alone() {
    let claim = |number: u64| {
        let licence = number.to_string();
        Claim::member(ITEMS[0], "me", &licence, 0, until(5))
    };
    let many = |by, count| (0..count).map(move |number| WORLD.claims(by, claim(number)));
    let mut said: Vec<_> = many(By::Writer, 64).chain(many(By::Admin, 64)).collect();
    assert_eq!(WORLD.limits(&said).effective(&ITEMS).terms, until(5));
    said.push(WORLD.claims(By::Writer, claim(64)));
    let terms = WORLD.limits(&said).effective(&ITEMS).terms;
    assert!(terms.unknown.contains(TOO_MANY) && terms.is_within(&until(5)));
}

#[test]
fn what_cannot_be_read_is_refused_in_words() {
    let absurd = WORLD.says(By::Writer, [1, 2, 3].into());
    let limits = WORLD.limits(slice::from_ref(&absurd));
    let refused: Vec<_> = limits.refused().map(|(hash, why)| (*hash, why.to_string())).collect();
    let words = "the statement is malformed: neither about an item nor about none";
    assert_eq!(refused, [(absurd.hash(), words.to_owned())]);
    assert_eq!(limits.items().count(), 0);
}

#[test]
fn f41_a_sidecar_proves_itself_wherever_it_is_said() {
    let issuer = PersonKey::from_seed([77; 32]);
    let first = sidecar::Sidecar {
        issuer: "City Library".into(),
        licence: "loan".into(),
        serial: 1,
        issued_at: 1_000,
        terms: until(2_000),
        subject: None,
    };
    let first = sidecar::write(&first, &issuer).unwrap();
    let renewed = sidecar::renew(&first, &issuer, until(9_000), 1_500).unwrap();
    let claims = |by, bytes: &[u8]| {
        WORLD.claims(by, Claim::carried(ITEMS[0], &sidecar::read(bytes)).unwrap())
    };
    let said = [claims(By::Writer, &first), claims(By::Admin, &renewed)];
    let limits = WORLD.limits(&said);
    assert_eq!(limits.effective(&ITEMS).terms, until(9_000));
    assert_eq!(limits.effective(&ITEMS).heard.len(), 1);
    assert_eq!(limits.issued().collect::<Vec<_>>(), [1_000, 1_500]);
    let changed = String::from_utf8(renewed).unwrap().replace("02:30:00Z", "03:30:00Z");
    let forged = [claims(By::Writer, &first), claims(By::Admin, changed.as_bytes())];
    assert_eq!(WORLD.limits(&forged).effective(&ITEMS).terms, until(2_000));
}
