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

impl World {
    fn vouch(&mut self, device: DeviceId) {
        let person = self.owner.id();
        let said = Statement::Device { person, device, name: "x".into() };
        self.set.push(self.owner.sign(&said).unwrap());
    }

    fn grant(&self, to: &DeviceKey, role: Role, until: Option<i64>) -> Statement {
        let (document, nonce) = (self.document, [0; 16]);
        Statement::Grant { document, nonce, to: to.id(), role, until }
    }

    fn writes(&self, device: &DeviceKey) -> bool {
        may_write(&self.set, &self.document, &device.id())
    }
}

#[test]
fn a_device_needs_the_root_and_a_grant() {
    let mut world = world();
    world.set.push(world.owner.sign(&world.grant(&world.laptop, Role::Write, None)).unwrap());
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
        world.vouch(world.laptop.id());
        world.vouch(world.phone.id());
        let by_owner = world.owner.sign(&world.grant(&world.laptop, role, None)).unwrap();
        let by_laptop = world.grant(&world.phone, Role::Write, None);
        let by_laptop = world.laptop.sign(&by_laptop).unwrap();
        world.set.extend([by_laptop, by_owner]);
        assert_eq!(world.writes(&world.phone), expected);
        world.set.reverse();
        assert_eq!(world.writes(&world.phone), expected);
    }
}

#[test]
fn an_admin_for_a_time_passes_nothing_on() {
    let mut world = world();
    world.vouch(world.laptop.id());
    world.vouch(world.phone.id());
    let limited = world.grant(&world.laptop, Role::Admin, Some(100));
    world.set.push(world.owner.sign(&limited).unwrap());
    let passed = world.grant(&world.phone, Role::Write, None);
    world.set.push(world.laptop.sign(&passed).unwrap());
    assert!(!world.writes(&world.phone));
}

#[test]
fn nobody_grants_to_themselves_and_a_forged_grant_counts_nothing() {
    let mut world = world();
    world.vouch(world.laptop.id());
    let grant = world.grant(&world.laptop, Role::Admin, None);
    world.set.push(world.laptop.sign(&grant).unwrap());
    let mut forged = world.laptop.sign(&grant).unwrap();
    forged.signer = world.owner.id().0;
    world.set.push(forged);
    assert!(!world.writes(&world.laptop));
}

#[test]
fn a_stranger_gives_no_right() {
    let mut world = world();
    let stranger = PersonKey::from_seed([8; 32]);
    world.set.push(stranger.sign(&root(&stranger)).unwrap());
    world.set.push(stranger.sign(&world.grant(&world.laptop, Role::Write, None)).unwrap());
    assert!(!world.writes(&world.laptop));
}

#[test]
fn an_ended_role_admits_what_was_authored_and_opens_no_connection() {
    let mut world = world();
    world.vouch(world.laptop.id());
    let write = world.grant(&world.laptop, Role::Write, Some(100));
    let read = world.grant(&world.laptop, Role::Read, None);
    world.set.push(world.owner.sign(&write).unwrap());
    world.set.push(world.owner.sign(&read).unwrap());
    let members = Members::of(&world.set, &world.document);
    let laptop = world.laptop.id();
    assert_eq!(members.role_at(&laptop, 99), Some(Role::Write));
    assert_eq!(members.role_at(&laptop, 100), Some(Role::Read));
    assert!(members.may_write(&laptop));
    assert_eq!(members.owner(), Some(world.owner.id()));
    assert_eq!(members.devices().collect::<Vec<_>>(), [(laptop, Role::Write)]);
}
