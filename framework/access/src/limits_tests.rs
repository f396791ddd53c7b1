//! Whose limits count: random sets of statements, judged without signatures.

use super::*;

const OWNER: Key = [1; 32];
const CASES: u64 = 40_000;
const DEVICES: u8 = 5;

/// A random set: grants of all roles, revokes that keep something or nothing, limits of everybody.
struct Drawn {
    document: DocumentId,
    set: Vec<VerifiedStatement>,
}

fn device(number: u8) -> Key {
    [10 + number; 32]
}

impl Drawn {
    fn new(seed: u64) -> (Self, fastrand::Rng) {
        let root = Statement::Root { person: PersonId(OWNER), schema: "x".into(), nonce: [0; 16] };
        let document = root.document().unwrap();
        let set = vec![VerifiedStatement::assume(OWNER, root)];
        let mut drawn = Self { document, set };
        let mut rng = fastrand::Rng::with_seed(seed);
        for _ in 0..rng.usize(3..18) {
            let more = drawn.statement(&mut rng);
            drawn.set.push(more);
        }
        (drawn, rng)
    }

    fn statement(&self, rng: &mut fastrand::Rng) -> VerifiedStatement {
        let signer = if rng.u8(0..3) == 0 { OWNER } else { device(rng.u8(0..DEVICES)) };
        let document = self.document;
        let statement = match rng.u8(0..6) {
            0..2 => Statement::Grant {
                document,
                nonce: rng.u128(..).to_be_bytes(),
                to: DeviceId(device(rng.u8(0..DEVICES))),
                role: rng.choice([Role::Read, Role::Write, Role::Admin, Role::Admin]).unwrap(),
                until: (rng.u8(0..5) == 0).then_some(5),
            },
            2 => Statement::Revoke {
                document,
                grant: rng.choice(&self.set).unwrap().hash(),
                keeps: self
                    .set
                    .iter()
                    .map(VerifiedStatement::hash)
                    .filter(|_| rng.bool())
                    .collect(),
                cut: Cut::new(),
            },
            _ => Statement::Limit { document, body: [rng.u8(..)].into() },
        };
        VerifiedStatement::assume(signer, statement)
    }

    fn members(&self) -> Members {
        Members::of_verified(&self.set, &self.document)
    }
}

fn is_limit(said: &VerifiedStatement) -> bool {
    matches!(said.statement(), Statement::Limit { .. })
}

/// The devices that a grant of writing ever reached which the owner did not void.
fn ever_writers(drawn: &Drawn, members: &Members) -> BTreeSet<Key> {
    let grants = drawn.set.iter().filter(|said| members.relevant.contains_key(&said.hash()));
    let to = grants.filter_map(|said| match said.statement() {
        Statement::Grant { to, role, .. } if *role >= Role::Write => Some(to.0),
        _ => None,
    });
    to.chain([OWNER]).collect()
}

#[test]
fn f41_only_a_limit_of_who_could_ever_write_counts_in_any_order_and_gives_no_right() {
    let (mut counted, mut ignored) = (0, 0);
    for seed in 0..CASES {
        let (mut drawn, mut rng) = Drawn::new(seed);
        let members = drawn.members();
        let writers = ever_writers(&drawn, &members);
        for said in drawn.set.iter().filter(|said| is_limit(said)) {
            let counts = members.matters(said);
            assert!(!counts || writers.contains(said.signer()), "seed {seed}");
            *(if counts { &mut counted } else { &mut ignored }) += 1;
        }
        rng.shuffle(&mut drawn.set);
        drawn.set.extend_from_within(..2);
        assert_eq!(drawn.members(), members, "seed {seed}: order and repeats");
        drawn.set.retain(|said| members.matters(said));
        assert_eq!(drawn.members(), members, "seed {seed}: what is not relevant");
        drawn.set.retain(|said| !is_limit(said));
        let without = Members { relevant: BTreeMap::new(), ..drawn.members() };
        assert_eq!(without, Members { relevant: BTreeMap::new(), ..members }, "seed {seed}");
    }
    assert!(counted > CASES && ignored > CASES, "{counted} {ignored}");
}

#[test]
fn f41_nobody_but_the_owner_makes_a_limit_count_no_longer() {
    let mut kept = 0;
    for seed in 0..CASES {
        let (mut drawn, mut rng) = Drawn::new(seed);
        let before = drawn.members();
        let mut more = drawn.statement(&mut rng);
        while more.signer() == &OWNER {
            more = drawn.statement(&mut rng);
        }
        drawn.set.push(more);
        let after = drawn.members();
        for said in drawn.set.iter().filter(|said| is_limit(said) && before.matters(said)) {
            assert!(after.matters(said), "seed {seed}");
            kept += 1;
        }
    }
    assert!(kept > CASES, "{kept}");
}

/// The owner lets a device write, hears a limit of it, and revokes the grant.
fn revoked(keeps: bool) -> (Drawn, [VerifiedStatement; 2]) {
    let (mut drawn, _) = Drawn::new(0);
    drawn.set.truncate(1);
    let document = drawn.document;
    let (nonce, to) = ([0; 16], DeviceId(device(0)));
    let grant = Statement::Grant { document, nonce, to, role: Role::Write, until: None };
    let grant = VerifiedStatement::assume(OWNER, grant);
    let limit = |byte: u8| {
        let limit = Statement::Limit { document, body: [byte].into() };
        VerifiedStatement::assume(device(0), limit)
    };
    let (earlier, later) = (limit(1), limit(2));
    drawn.set.extend([grant.clone(), earlier.clone()]);
    let said = drawn.members().said_by(&DeviceId(device(0)));
    assert_eq!(said, [earlier.hash()].into());
    let keeps = if keeps { said } else { BTreeSet::new() };
    let revoke = Statement::Revoke { document, grant: grant.hash(), keeps, cut: Cut::new() };
    drawn.set.extend([VerifiedStatement::assume(OWNER, revoke), later.clone()]);
    (drawn, [earlier, later])
}

#[test]
fn f41_a_revoked_friends_limit_stays_and_a_later_one_does_not_count() {
    let (drawn, [earlier, later]) = revoked(true);
    let members = drawn.members();
    assert_eq!(members.role(&DeviceId(device(0))), None);
    assert!(members.matters(&earlier));
    assert!(!members.matters(&later));
    let (drawn, [earlier, _]) = revoked(false);
    assert!(!drawn.members().matters(&earlier), "the owner voided it");
}

#[test]
fn a_limit_of_another_document_counts_nothing() {
    let (drawn, _) = revoked(true);
    let elsewhere = Statement::Limit { document: DocumentId([9; 32]), body: [1].into() };
    assert!(!drawn.members().matters(&VerifiedStatement::assume(OWNER, elsewhere)));
}

#[test]
fn a_revoke_can_keep_what_fits_and_rights_come_before_limits() {
    let (mut drawn, _) = Drawn::new(0);
    drawn.set.truncate(1);
    let document = drawn.document;
    let mut say = |signer, statement| {
        let said = VerifiedStatement::assume(signer, statement);
        drawn.set.push(said.clone());
        said.hash()
    };
    let grant = |to: u8, role| {
        let to = DeviceId(device(to));
        Statement::Grant { document, nonce: [0; 16], to, role, until: None }
    };
    say(OWNER, grant(0, Role::Admin));
    let given = say(device(0), grant(1, Role::Read));
    for number in 0..2_000u16 {
        let body = number.to_be_bytes().into();
        say(device(0), Statement::Limit { document, body });
    }
    let keeps = drawn.members().said_by(&DeviceId(device(0)));
    assert!(keeps.len() == KEPT_MAX && keeps.contains(&given));
    let heads = [segue_model::ChangeHash([1; 32])];
    let cut = (0..=255).map(|shard| (shard, heads.into())).collect();
    let revoke = Statement::Revoke { document, grant: [0; 32], keeps, cut };
    assert!(revoke.encode().is_ok());
}
