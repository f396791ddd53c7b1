use super::*;
use crate::{DeviceKey, PersonKey};

struct World {
    owner: PersonKey,
    laptop: DeviceKey,
    phone: DeviceKey,
    document: DocumentId,
    set: Vec<SignedStatement>,
}

fn root(owner: &PersonKey) -> Statement {
    Statement::Root { person: owner.id(), schema: "music".into(), nonce: [0; 16] }
}

fn world() -> World {
    let owner = PersonKey::from_seed([1; 32]);
    let root = root(&owner);
    let set = vec![owner.sign(&root).unwrap()];
    let document = root.document().unwrap();
    let laptop = DeviceKey::from_seed([2; 32]);
    World { owner, laptop, phone: DeviceKey::from_seed([3; 32]), document, set }
}

fn cut(byte: u8) -> Cut {
    [(0, [segue_model::ChangeHash([byte; 32])].into())].into()
}

impl World {
    fn grant(&self, to: &DeviceKey, role: Role, until: Option<i64>, nonce: u8) -> Statement {
        let (document, nonce) = (self.document, [nonce; 16]);
        Statement::Grant { document, nonce, to: to.id(), role, until }
    }

    fn revoke(&self, grant: StatementHash, keeps: &[StatementHash], heads: u8) -> Statement {
        let keeps = keeps.iter().copied().collect();
        Statement::Revoke { document: self.document, grant, keeps, cut: cut(heads) }
    }

    /// The owner says it.
    fn owner_says(&mut self, statement: &Statement) -> StatementHash {
        self.add(self.owner.sign(statement).unwrap())
    }

    fn add(&mut self, signed: SignedStatement) -> StatementHash {
        let hash = signed.hash();
        self.set.push(signed);
        hash
    }

    fn owner_grants(&mut self, seed: u8, role: Role) -> StatementHash {
        let to = DeviceKey::from_seed([seed; 32]);
        let grant = self.grant(&to, role, None, self.set.len() as u8);
        self.owner_says(&grant)
    }

    fn members(&self) -> Members {
        let members = Members::of(&self.set, &self.document);
        let mut set = self.set.clone();
        for _ in 0..2 {
            set.reverse();
            set.extend_from_within(..1);
            assert_eq!(Members::of(&set, &self.document), members, "order and repeats");
            set.rotate_left(1);
        }
        let relevant: BTreeSet<_> = members.relevant().copied().collect();
        set.retain(|signed| relevant.contains(&signed.hash()));
        assert_eq!(Members::of(&set, &self.document), members, "what is not relevant");
        for signed in &self.set {
            assert_eq!(members.is_relevant(signed), relevant.contains(&signed.hash()));
        }
        members
    }

    fn writes(&self, device: &DeviceKey) -> bool {
        self.members().may_write(&device.id())
    }
}

/// Laptop (seed 2) and phone (seed 3) are admins by the owner's word.
fn two_admins() -> (World, StatementHash, StatementHash) {
    let mut world = world();
    let laptop = world.owner_grants(2, Role::Admin);
    let phone = world.owner_grants(3, Role::Admin);
    (world, laptop, phone)
}

#[test]
fn a_device_needs_the_root_and_a_grant() {
    let mut world = world();
    world.owner_grants(2, Role::Write);
    assert!(world.writes(&world.laptop));
    assert!(!world.writes(&world.phone));
    for index in 0..world.set.len() {
        let mut set = world.set.clone();
        set.remove(index);
        assert!(!may_write(&set, &world.document, &world.laptop.id()), "without {index}");
    }
    let other = DocumentId([9; 32]);
    assert!(!may_write(&world.set, &other, &world.laptop.id()));
}

#[test]
fn an_admin_device_grants_in_any_order_and_a_writer_does_not() {
    for (role, expected) in [(Role::Admin, true), (Role::Write, false)] {
        let mut world = world();
        let by_laptop = world.grant(&world.phone, Role::Write, None, 0);
        world.add(world.laptop.sign(&by_laptop).unwrap());
        world.owner_grants(2, role);
        assert_eq!(world.writes(&world.phone), expected);
        assert_eq!(world.members().is_admin(&world.laptop.id()), expected);
    }
}

#[test]
fn an_admin_for_a_time_passes_nothing_on() {
    let mut world = world();
    let victim = world.owner_grants(4, Role::Write);
    let limited = world.grant(&world.laptop, Role::Admin, Some(100), 0);
    world.owner_says(&limited);
    let passed = world.grant(&world.phone, Role::Write, None, 0);
    world.add(world.laptop.sign(&passed).unwrap());
    let revoked = world.revoke(victim, &[], 1);
    world.add(world.laptop.sign(&revoked).unwrap());
    assert!(!world.writes(&world.phone));
    assert!(world.writes(&DeviceKey::from_seed([4; 32])));
    assert!(!world.members().is_admin(&world.laptop.id()));
}

#[test]
fn f40_nobody_grants_to_themselves_or_revokes_without_a_right() {
    let mut world = world();
    let phone = world.owner_grants(3, Role::Write);
    let grant = world.grant(&world.laptop, Role::Admin, None, 0);
    let revoke = world.revoke(phone, &[], 1);
    for said in [grant, revoke] {
        let mut forged = world.laptop.sign(&said).unwrap();
        world.set.push(forged.clone());
        forged.signer = world.owner.id().0;
        world.set.push(forged);
    }
    assert!(!world.writes(&world.laptop));
    assert!(world.writes(&world.phone));
}

#[test]
fn a_stranger_gives_no_right() {
    let mut world = world();
    let stranger = PersonKey::from_seed([8; 32]);
    world.set.push(stranger.sign(&root(&stranger)).unwrap());
    let grant = world.grant(&world.laptop, Role::Write, None, 0);
    world.set.push(stranger.sign(&grant).unwrap());
    assert!(!world.writes(&world.laptop));
    assert_eq!(world.members().relevant().count(), 1);
}

#[test]
fn an_ended_role_admits_what_was_authored_and_opens_no_connection() {
    let mut world = world();
    let write = world.grant(&world.laptop, Role::Write, Some(100), 0);
    let read = world.grant(&world.laptop, Role::Read, None, 0);
    world.owner_says(&write);
    world.owner_says(&read);
    let members = world.members();
    let laptop = world.laptop.id();
    assert_eq!(members.role_at(&laptop, 99), Some(Role::Write));
    assert_eq!(members.role_at(&laptop, 100), Some(Role::Read));
    assert!(members.may_write(&laptop));
    assert_eq!(members.owner(), Some(world.owner.id()));
    assert_eq!(members.devices().collect::<Vec<_>>(), [(laptop, Role::Write)]);
}

#[test]
fn a_revoked_grant_never_returns_and_another_grant_does() {
    let mut world = world();
    let laptop = world.laptop.id();
    let first = world.owner_grants(2, Role::Write);
    assert_eq!(world.members().standing(&laptop), Standing::Writer);
    world.owner_says(&world.revoke(first, &[], 1));
    assert_eq!(world.members().standing(&laptop), Standing::Cut(&[vec![cut(1)]]));
    assert_eq!(world.members().role(&laptop), None);
    world.set.extend_from_within(1..2);
    assert!(!world.writes(&world.laptop), "the same statement again");
    world.owner_grants(2, Role::Write);
    assert!(world.writes(&world.laptop));
}

#[test]
fn cuts_of_one_grant_are_all_kept_and_those_of_two_are_alternatives() {
    let mut world = world();
    let first = world.owner_grants(2, Role::Write);
    let second = world.owner_grants(2, Role::Admin);
    world.owner_says(&world.revoke(first, &[], 1));
    assert!(world.writes(&world.laptop), "the other grant still stands");
    world.owner_says(&world.revoke(first, &[], 2));
    world.owner_says(&world.revoke(second, &[], 3));
    let members = world.members();
    let Standing::Cut(grants) = members.standing(&DeviceKey::from_seed([2; 32]).id()) else {
        panic!("a cut");
    };
    let mut heads: Vec<Vec<Cut>> = grants.to_vec();
    for cuts in &mut heads {
        cuts.sort();
    }
    heads.sort();
    assert_eq!(heads, [vec![cut(1), cut(2)], vec![cut(3)]]);
}

#[test]
fn a_revoked_reader_has_no_cut() {
    let mut world = world();
    let read = world.owner_grants(2, Role::Read);
    world.owner_says(&world.revoke(read, &[], 1));
    assert_eq!(world.members().standing(&world.laptop.id()), Standing::Stranger);
}

#[test]
fn f40_admins_who_revoke_each_other_are_both_out() {
    let (mut world, laptop, phone) = two_admins();
    let by_laptop = world.laptop.sign(&world.revoke(phone, &[], 1)).unwrap();
    let by_phone = world.phone.sign(&world.revoke(laptop, &[], 2)).unwrap();
    world.add(by_laptop);
    world.add(by_phone);
    assert!(!world.writes(&world.laptop));
    assert!(!world.writes(&world.phone));
    assert_eq!(world.members().standing(&world.phone.id()), Standing::Cut(&[vec![cut(1)]]));
}

#[test]
fn f40_the_owner_voids_what_a_revoked_admin_says_later() {
    let (mut world, laptop, phone) = two_admins();
    let kept = world.laptop.sign(&world.grant(&world.phone, Role::Read, None, 7)).unwrap();
    let kept = world.add(kept);
    world.owner_says(&world.revoke(laptop, &[kept], 1));
    let revenge = world.laptop.sign(&world.revoke(phone, &[], 2)).unwrap();
    let revenge = world.add(revenge);
    let friend = DeviceKey::from_seed([9; 32]);
    let late = world.laptop.sign(&world.grant(&friend, Role::Admin, None, 8)).unwrap();
    world.add(late);
    let members = world.members();
    assert!(members.is_admin(&world.phone.id()));
    assert_eq!(members.role(&friend.id()), None);
    assert_eq!(members.grants(&world.phone.id()).count(), 2, "what was kept counts");
    assert!(!members.relevant().any(|hash| *hash == revenge), "what is void is not passed on");
}

#[test]
fn a_revoke_that_keeps_an_admins_revoke_lets_it_count() {
    let (mut world, laptop, phone) = two_admins();
    let revoked = world.laptop.sign(&world.revoke(phone, &[], 2)).unwrap();
    let revoked = world.add(revoked);
    world.owner_says(&world.revoke(laptop, &[revoked], 1));
    assert!(!world.writes(&world.phone));
}

#[test]
fn f40_whom_a_revoked_admin_let_in_stays_only_if_every_revoke_keeps_it() {
    for (first, second) in [(true, true), (true, false), (false, true)] {
        let (mut world, laptop, _) = two_admins();
        let friend = DeviceKey::from_seed([9; 32]);
        let given = world.laptop.sign(&world.grant(&friend, Role::Write, None, 7)).unwrap();
        let given = world.add(given);
        let keeps = |keep: bool| if keep { vec![given] } else { Vec::new() };
        let by_phone = world.phone.sign(&world.revoke(laptop, &keeps(first), 1)).unwrap();
        world.add(by_phone);
        world.owner_says(&world.revoke(laptop, &keeps(second), 2));
        assert_eq!(world.writes(&friend), first && second);
        assert!(!world.writes(&world.laptop));
    }
}

#[test]
fn nothing_takes_the_owners_word_away() {
    let (mut world, ..) = two_admins();
    let granted: Vec<StatementHash> = world.set.iter().map(SignedStatement::hash).collect();
    for grant in granted {
        let revoked = world.laptop.sign(&world.revoke(grant, &[], 1)).unwrap();
        world.add(revoked);
    }
    assert!(!world.writes(&world.phone));
    assert_eq!(world.members().owner(), Some(world.owner.id()));
    world.owner_grants(3, Role::Admin);
    assert!(world.writes(&world.phone));
}

#[test]
fn a_ring_of_grants_carries_nobody() {
    let mut world = world();
    let to_phone = world.grant(&world.phone, Role::Admin, None, 0);
    let to_laptop = world.grant(&world.laptop, Role::Admin, None, 0);
    world.add(world.laptop.sign(&to_phone).unwrap());
    world.add(world.phone.sign(&to_laptop).unwrap());
    assert_eq!(world.members().devices().count(), 0);
    assert_eq!(world.members().relevant().count(), 1);
}

#[test]
fn a_chain_as_long_as_a_quota_is_followed_at_once() {
    let owner = [1; 32];
    let device = |number: u32| DeviceId(std::array::from_fn(|at| (number >> (at % 4 * 8)) as u8));
    let statement = Statement::Root { person: PersonId(owner), schema: "x".into(), nonce: [0; 16] };
    let document = statement.document().unwrap();
    let mut set = vec![VerifiedStatement::assume(owner, statement)];
    for number in 0..10_000u32 {
        let signer = if number == 0 { owner } else { device(number).0 };
        let (to, nonce) = (device(number + 1), [0; 16]);
        let grant = Statement::Grant { document, nonce, to, role: Role::Admin, until: None };
        set.push(VerifiedStatement::assume(signer, grant));
    }
    assert_eq!(Members::of_verified(&set, &document).devices().count(), 10_000);
}

#[test]
fn one_name_of_a_device_counts_and_the_owners_comes_first() {
    let mut world = world();
    world.owner_grants(2, Role::Write);
    let laptop = world.laptop.id();
    let vouch = |person: &PersonKey, name: &str| {
        let said = Statement::Device { person: person.id(), device: laptop, name: name.into() };
        person.sign(&said).unwrap()
    };
    for seed in 10..30 {
        world.set.push(vouch(&PersonKey::from_seed([seed; 32]), "mine"));
    }
    assert_eq!(world.members().name(&laptop), Some("mine"));
    assert_eq!(world.members().relevant().count(), 3, "root, grant and one name");
    world.set.push(vouch(&world.owner, "Ännes laptop"));
    let members = world.members();
    assert_eq!(members.name(&laptop), Some("Ännes laptop"));
    assert_eq!(members.person(&laptop), Some(world.owner.id()));
    let elsewhere = Statement::Device {
        person: world.owner.id(),
        device: world.phone.id(),
        name: "phone".into(),
    };
    assert!(!members.is_relevant(&world.owner.sign(&elsewhere).unwrap()), "it has no grant");
}

#[test]
fn what_an_admin_said_can_be_kept() {
    let (mut world, ..) = two_admins();
    let said = world.laptop.sign(&world.grant(&world.phone, Role::Read, None, 7)).unwrap();
    let said = world.add(said);
    assert_eq!(world.members().said_by(&world.laptop.id()), [said].into());
}
