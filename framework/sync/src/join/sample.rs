//! A document, its people and a ticket, for tests.

use segue_access::{
    DeviceKey, PersonKey, Role, Secret, SignedStatement, Statement, Ticket, document_id,
};
use segue_model::{DeviceId, DocumentId};

use super::{Asked, Inviter, InviterStep, Joiner, JoinerStep};

pub(super) const SECRET: Secret = Secret([0x5e; 16]);
pub(super) const ADDRESS: &str = "192.0.2.7:4433";

pub(super) fn person(byte: u8) -> PersonKey {
    PersonKey::from_seed([byte; 32])
}

pub(super) fn device(byte: u8) -> DeviceKey {
    DeviceKey::from_seed([byte; 32])
}

/// The owner, whose device invites.
pub(super) fn owner() -> PersonKey {
    person(1)
}

pub(super) fn inviter() -> DeviceKey {
    device(2)
}

pub(super) fn joiner() -> DeviceKey {
    device(4)
}

pub(super) fn document() -> DocumentId {
    document_id(&owner().id(), "music", &[5; 16]).unwrap()
}

pub(super) fn root() -> SignedStatement {
    let (person, schema) = (owner().id(), "music".into());
    owner().sign(&Statement::Root { person, schema, nonce: [5; 16] }).unwrap()
}

pub(super) fn grant_of(to: DeviceId, role: Role, until: Option<i64>) -> Statement {
    Statement::Grant { document: document(), nonce: [to.0[0] ^ 7; 16], to, role, until }
}

/// The owner makes the inviter's device an admin.
pub(super) fn power() -> SignedStatement {
    owner().sign(&grant_of(inviter().id(), Role::Admin, None)).unwrap()
}

/// The inviter lets the joiner in.
pub(super) fn grant(role: Role) -> SignedStatement {
    inviter().sign(&grant_of(joiner().id(), role, None)).unwrap()
}

pub(super) fn vouching(person: &PersonKey, device: DeviceId, name: &str) -> SignedStatement {
    let said = Statement::Device { person: person.id(), device, name: name.into() };
    person.sign(&said).unwrap()
}

pub(super) fn vouch() -> SignedStatement {
    vouching(&person(3), joiner().id(), "Bea's laptop")
}

pub(super) fn ticket() -> Ticket {
    Ticket {
        document: document(),
        secret: SECRET,
        inviter: inviter().id(),
        role: Role::Write,
        expires: 1_800_000_000,
        addresses: Vec::new(),
        name: None,
    }
}

/// All that the inviter holds once it has granted.
pub(super) fn held(role: Role) -> Vec<SignedStatement> {
    vec![grant(role), vouch(), power(), root()]
}

pub(super) fn addresses() -> Vec<String> {
    vec![ADDRESS.into()]
}

/// Both sides, and the joiner's first frame.
pub(super) fn both() -> (Joiner, Inviter, Vec<u8>) {
    let (joiner, ask) = Joiner::new(&ticket(), self::joiner().id(), vouch(), &addresses());
    (joiner, Inviter::new(inviter().id(), self::joiner().id()), ask)
}

pub(super) fn asked(inviter: &mut Inviter, ask: &[u8]) -> Asked {
    match inviter.handle(ask) {
        Ok(Some(InviterStep::Asked(asked))) => *asked,
        other => panic!("{other:?}"),
    }
}

/// Both sides after the Wait.
pub(super) fn waiting() -> (Joiner, Inviter) {
    let (mut joiner, mut inviter, ask) = both();
    asked(&mut inviter, &ask);
    let step = joiner.handle(&inviter.wait("Ann's server"));
    assert!(matches!(step, Ok(Some(JoinerStep::Wait { .. }))), "{step:?}");
    (joiner, inviter)
}
