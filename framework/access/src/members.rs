//! Who has which role in a document: a pure function of the set of statements.
//!
//! The owner vouches for devices; the owner, or an admin device whose role has no end, grants
//! them roles. Order, repeats and foreign statements make no difference, so peers with the same
//! set agree. Devices of other persons get no role yet, and nothing is revoked yet.
//!
//! Invariant: adding a statement never takes a role away, and no clock is read. Changes that were
//! authored under a role stay admitted after its end; [`Members::role_at`] is for deciding
//! whether to talk to a device now.

use std::collections::{BTreeMap, BTreeSet};

use segue_model::{DeviceId, DocumentId, PersonId};

use crate::{Role, SignedStatement, Statement};

/// The devices of a document, with their roles.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Members {
    owner: Option<PersonId>,
    roles: BTreeMap<DeviceId, BTreeSet<(Role, Option<i64>)>>,
}

/// Whether changes of `device` count in `document`.
pub fn may_write(statements: &[SignedStatement], document: &DocumentId, device: &DeviceId) -> bool {
    Members::of(statements, document).may_write(device)
}

struct Grant {
    signer: [u8; 32],
    to: DeviceId,
    role: Role,
    until: Option<i64>,
}

impl Members {
    /// Reads the set; statements that do not verify, or speak of other documents, count nothing.
    /// Each signature is checked once here, so keep the result.
    pub fn of(statements: &[SignedStatement], document: &DocumentId) -> Self {
        let mut members = Self::default();
        let mut vouched = BTreeSet::new();
        let mut grants = Vec::new();
        for signed in statements {
            let Ok(statement) = signed.verify() else { continue };
            let begun = statement.document();
            match statement {
                Statement::Root { person, .. } if begun == Some(*document) => {
                    members.owner = Some(person);
                }
                Statement::Device { person, device, .. } => {
                    vouched.insert((person, device));
                }
                Statement::Grant { to, role, until, .. } if begun == Some(*document) => {
                    grants.push(Grant { signer: signed.signer, to, role, until });
                }
                _ => {}
            }
        }
        members.admit(&vouched, grants);
        members
    }

    /// Takes in grants until none of the rest is signed by somebody who may grant.
    fn admit(&mut self, vouched: &BTreeSet<(PersonId, DeviceId)>, mut grants: Vec<Grant>) {
        let Some(owner) = self.owner else { return };
        grants.retain(|grant| vouched.contains(&(owner, grant.to)));
        loop {
            let (counts, waits): (Vec<_>, Vec<_>) =
                grants.into_iter().partition(|grant| self.may_grant(&grant.signer));
            if counts.is_empty() {
                return;
            }
            for grant in counts {
                self.roles.entry(grant.to).or_default().insert((grant.role, grant.until));
            }
            grants = waits;
        }
    }

    fn may_grant(&self, signer: &[u8; 32]) -> bool {
        let is_owner = self.owner.is_some_and(|owner| owner.0 == *signer);
        is_owner || self.held(&DeviceId(*signer)).any(|held| held == (Role::Admin, None))
    }

    fn held(&self, device: &DeviceId) -> impl Iterator<Item = (Role, Option<i64>)> {
        self.roles.get(device).into_iter().flatten().copied()
    }

    /// The person whose document it is, if the set holds the root statement.
    pub fn owner(&self) -> Option<PersonId> {
        self.owner
    }

    /// The devices that have a role, sorted, each with its highest.
    pub fn devices(&self) -> impl Iterator<Item = (DeviceId, Role)> {
        self.roles.keys().filter_map(|device| Some((*device, self.role(device)?)))
    }

    /// The highest role that the device was ever granted.
    pub fn role(&self, device: &DeviceId) -> Option<Role> {
        self.held(device).map(|(role, _)| role).max()
    }

    /// The highest role that has not ended at `now`, in Unix seconds.
    pub fn role_at(&self, device: &DeviceId, now: i64) -> Option<Role> {
        let live = |until: Option<i64>| until.is_none_or(|until| now < until);
        self.held(device).filter(|(_, until)| live(*until)).map(|(role, _)| role).max()
    }

    /// Whether changes of this device count.
    pub fn may_write(&self, device: &DeviceId) -> bool {
        self.role(device) >= Some(Role::Write)
    }
}

#[cfg(test)]
mod tests {
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
            Statement::Grant { document: self.document, to: to.id(), role, until }
        }

        fn writes(&self, device: &DeviceKey) -> bool {
            may_write(&self.set, &self.document, &device.id())
        }
    }

    #[test]
    fn a_device_needs_the_root_a_voucher_and_a_grant() {
        let mut world = world();
        world.vouch(world.laptop.id());
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
    fn a_stranger_cannot_vouch() {
        let mut world = world();
        let stranger = PersonKey::from_seed([8; 32]);
        let (person, device) = (stranger.id(), world.laptop.id());
        let said = Statement::Device { person, device, name: "x".into() };
        world.set.push(stranger.sign(&said).unwrap());
        world.set.push(world.owner.sign(&world.grant(&world.laptop, Role::Write, None)).unwrap());
        world.set.push(stranger.sign(&root(&stranger)).unwrap());
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
}
