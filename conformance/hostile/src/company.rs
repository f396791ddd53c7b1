//! A document with an owner, two honest devices and a hostile writer, all from fixed seeds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use segue_access::{
    DeviceKey, Members, PersonKey, Role, SignedStatement, Statement, actor_of, document_id,
    sign_change,
};
use segue_document::{ChangeHeader, RawChange, Shard, Write};
use segue_model::{ChangeHash, DeviceId, DocumentId, Heads, LinkId, OperationId, Value};
use segue_sync::{History, Replica, ShortHash, SignedChange, StatementId, short, statement_id};

/// The shard in which everything is written.
pub(crate) const SHARD: u8 = 7;
const NONCE: [u8; 16] = [5; 16];
const ITEM: [u8; 16] = [SHARD; 16];

pub(crate) fn owner() -> PersonKey {
    PersonKey::from_seed([1; 32])
}

/// Of the owner: device 2 invites, device 3 listens. Device 4 is the hostile writer's.
pub(crate) fn device(seed: u8) -> DeviceKey {
    DeviceKey::from_seed([seed; 32])
}

pub(crate) fn hostile() -> DeviceKey {
    device(4)
}

pub(crate) fn document() -> DocumentId {
    document_id(&owner().id(), "music", &NONCE).expect("a short name")
}

pub(crate) fn grant(to: DeviceId, role: Role) -> Statement {
    Statement::Grant { document: document(), nonce: [to.0[0]; 16], to, role, until: None }
}

/// What makes them what they are.
pub(crate) fn statements() -> Vec<SignedStatement> {
    let owner = owner();
    let vouch = |seed: u8| {
        let name = format!("device {seed}").into();
        Statement::Device { person: owner.id(), device: device(seed).id(), name }
    };
    let root = Statement::Root { person: owner.id(), schema: "music".into(), nonce: NONCE };
    let mut said = vec![root, vouch(2), vouch(3)];
    said.push(grant(device(2).id(), Role::Admin));
    said.push(grant(device(3).id(), Role::Write));
    said.push(grant(hostile().id(), Role::Write));
    said.iter().map(|one| owner.sign(one).expect("the owner may say it")).collect()
}

/// What the honest devices and the hostile one wrote, in one shard.
pub(crate) static WRITTEN: LazyLock<(Shard, Vec<SignedChange>)> = LazyLock::new(|| {
    let mut shard = shard(2);
    let first = commit(&mut shard, 2, 1, 20);
    let (mut one, mut other) = (with_actor(&shard, 3), with_actor(&shard, 4));
    let changes = [first, commit(&mut one, 3, 2, 40), commit(&mut other, 4, 3, 60)];
    let raw: Vec<RawChange> = changes.iter().map(raw).collect();
    assert!(shard.take_in(SHARD, &raw).refused.is_empty());
    (shard, changes.to_vec())
});

pub(crate) fn shard(seed: u8) -> Shard {
    Shard::create(actor(seed)).expect("an empty shard")
}

fn actor(seed: u8) -> [u8; 16] {
    actor_of(&device(seed).id(), [0; 4])
}

fn with_actor(shard: &Shard, seed: u8) -> Shard {
    Shard::open(&shard.save(), actor(seed)).expect("what was saved")
}

pub(crate) fn raw(change: &SignedChange) -> RawChange {
    RawChange { hash: segue_document::chunk_hash(&change.raw), bytes: change.raw.clone() }
}

/// A device rates the item.
fn commit(shard: &mut Shard, seed: u8, operation: u8, rating: i64) -> SignedChange {
    let link = Some(LinkId([seed; 8]));
    let value = Some(Value::Int(rating));
    let writes = vec![
        Write::Register { name: "rating".into(), value, link },
        Write::Element { name: "tags".into(), element: format!("tag {rating}"), present: true },
        Write::Revive,
    ];
    let operation = OperationId([operation; 8]);
    let made = shard.commit(None, operation, 1_700_000_000, &BTreeMap::from([(ITEM, writes)]));
    let change = made.ok().flatten().expect("a change").changes.remove(0);
    sign(seed, change)
}

/// Signs a change as this device.
pub(crate) fn sign(seed: u8, change: RawChange) -> SignedChange {
    let key = device(seed);
    let signature = sign_change(&key, &document(), SHARD, &change.hash);
    SignedChange { shard: SHARD, author: key.id(), signature, raw: change.bytes }
}

/// One device's replica.
pub(crate) struct Held {
    members: Members,
    statements: BTreeMap<StatementId, SignedStatement>,
    ids: BTreeSet<StatementId>,
    heads: BTreeMap<u8, Heads>,
    history: History,
    log: Vec<(ChangeHash, SignedChange)>,
}

impl Held {
    /// A replica with so many of the changes, and all statements.
    pub(crate) fn with(count: usize) -> Self {
        let statements = statements();
        let members = Members::of(&statements, &document());
        let statements: BTreeMap<_, _> =
            statements.into_iter().map(|said| (statement_id(&said), said)).collect();
        let mut held = Self {
            members,
            ids: statements.keys().copied().collect(),
            statements,
            heads: BTreeMap::new(),
            history: History::default(),
            log: Vec::new(),
        };
        let mut heads = BTreeSet::new();
        for change in WRITTEN.1.iter().take(count) {
            let header = ChangeHeader::read(&change.raw).expect("a change of ours");
            held.history.push(header.hash, &header.deps);
            heads.retain(|head| !header.deps.contains(head));
            heads.insert(header.hash);
            held.log.push((header.hash, change.clone()));
        }
        if count > 0 {
            held.heads.insert(SHARD, Heads::new(heads.into_iter().collect()));
        }
        held
    }
}

impl Replica for Held {
    fn may_read(&self, device: &DeviceId) -> bool {
        self.members.role(device) >= Some(Role::Read)
    }

    fn statements(&self) -> &BTreeSet<StatementId> {
        &self.ids
    }

    fn statement(&self, id: &StatementId) -> Option<SignedStatement> {
        self.statements.get(id).cloned()
    }

    fn heads(&self) -> &BTreeMap<u8, Heads> {
        &self.heads
    }

    fn holds(&self, shard: u8, hash: &ShortHash) -> bool {
        shard == SHARD && self.history.contains(hash)
    }

    fn locator(&self, shard: u8) -> Vec<ShortHash> {
        if shard == SHARD { self.history.locator() } else { Vec::new() }
    }

    fn missing(
        &self,
        shard: u8,
        known: &BTreeSet<ShortHash>,
        _: usize,
    ) -> Vec<(ChangeHash, SignedChange)> {
        let is_missing = |hash: &ChangeHash| shard == SHARD && !known.contains(&short(hash));
        let wanted: BTreeSet<ChangeHash> = self.history.missing(known).filter(is_missing).collect();
        self.log.iter().filter(|(hash, _)| wanted.contains(hash)).cloned().collect()
    }
}
