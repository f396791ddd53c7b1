//! Random histories: devices that act by what they know, some of them hostile.
//!
//! An event is a statement or a change, with who made it and what they knew; knowledge is a set of
//! events, one bit each. The owner speaks through device 0.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use fastrand::Rng;
use segue_model::{ChangeHash, DeviceId, DocumentId};

use crate::{
    Admission, Cut, DeviceKey, Members, Node, PersonKey, Role, SignedStatement, Standing,
    Statement, StatementHash, VerifiedStatement, actor_of, admission, cut_heads,
};

pub(super) const GENESIS: ChangeHash = ChangeHash([0; 32]);
pub(super) const SHARD: u8 = 3;
const EVENTS_MAX: usize = 127;

pub(super) static OWNER: LazyLock<PersonKey> = LazyLock::new(|| PersonKey::from_seed([255; 32]));
pub(super) static KEYS: LazyLock<Vec<DeviceKey>> =
    LazyLock::new(|| (0..12).map(|seed| DeviceKey::from_seed([seed; 32])).collect());
static IDS: LazyLock<Vec<DeviceId>> = LazyLock::new(|| KEYS.iter().map(DeviceKey::id).collect());
static OWNER_ID: LazyLock<[u8; 32]> = LazyLock::new(|| OWNER.id().0);

/// A set of events.
pub(super) type Events = u128;

pub(super) enum What {
    Said(VerifiedStatement),
    /// A change, and the changes in its past.
    Made(Node, Events),
}

pub(super) struct Event {
    pub(super) by: usize,
    pub(super) is_honest: bool,
    pub(super) knew: Events,
    pub(super) what: What,
}

pub(super) struct Device {
    pub(super) id: DeviceId,
    pub(super) is_hostile: bool,
    pub(super) knows: Events,
    incarnation: u8,
    seq: u64,
    last: Option<ChangeHash>,
}

/// What somebody who knows certain events makes of them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct View {
    pub(super) members: Members,
    pub(super) admission: Admission,
}

pub(super) struct History {
    pub(super) rng: Rng,
    pub(super) document: DocumentId,
    pub(super) devices: Vec<Device>,
    pub(super) events: Vec<Event>,
}

impl History {
    /// The history of a seed: one in 25 is so small that all its orders can be tried.
    pub(super) fn draw(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let is_small = seed.is_multiple_of(25);
        let count = if is_small { rng.usize(2..=3) } else { rng.usize(2..=12) };
        let length = if is_small { rng.usize(4..=6) } else { rng.usize(7..=12 + count) };
        let root = Statement::Root { person: OWNER.id(), schema: "x".into(), nonce: [0; 16] };
        let document = root.document().unwrap();
        let devices = (0..count)
            .map(|at| Device {
                id: IDS[at],
                is_hostile: at > 0 && rng.u8(0..3) == 0,
                knows: 1,
                incarnation: 0,
                seq: 0,
                last: None,
            })
            .collect();
        let mut history = Self { rng, document, devices, events: Vec::new() };
        history.owner_says(root);
        for at in 1..count {
            if is_small && at > 1 || history.rng.u8(0..5) == 0 {
                continue;
            }
            let role = *history.rng.choice(&[Role::Write, Role::Admin]).unwrap();
            let grant = history.grant(at, role);
            history.owner_says(grant);
        }
        let all = history.all();
        for device in &mut history.devices {
            device.knows = all;
        }
        while history.events.len() < length {
            history.step();
        }
        history
    }

    pub(super) fn all(&self) -> Events {
        (1 << self.events.len()) - 1
    }

    pub(super) fn view(&self, knows: Events) -> View {
        self.judge((0..self.events.len()).filter(move |at| knows >> at & 1 == 1))
    }

    /// What these events, delivered in this order, make.
    pub(super) fn judge(&self, order: impl Iterator<Item = usize> + Clone) -> View {
        let said = order.clone().filter_map(|at| match &self.events[at].what {
            What::Said(verified) => Some(verified),
            What::Made(..) => None,
        });
        let made = order.filter_map(|at| self.node(at));
        let members = Members::of_verified(said, &self.document);
        let admission = admission(&members, SHARD, &GENESIS, made);
        View { members, admission }
    }

    pub(super) fn node(&self, at: usize) -> Option<&Node> {
        match &self.events[at].what {
            What::Made(node, _) => Some(node),
            What::Said(_) => None,
        }
    }

    /// The statements, as devices and the owner really sign them.
    pub(super) fn signed(&self) -> Vec<SignedStatement> {
        let said = self.events.iter().filter_map(|event| match &event.what {
            What::Said(verified) => Some((event.by, verified)),
            What::Made(..) => None,
        });
        said.map(|(by, verified)| {
            if *verified.signer() == *OWNER_ID {
                OWNER.sign(verified.statement()).unwrap()
            } else {
                KEYS[by].sign(verified.statement()).unwrap()
            }
        })
        .collect()
    }

    fn step(&mut self) {
        let by = self.rng.usize(..self.devices.len());
        match self.rng.u8(0..10) {
            0..4 => self.gossip(by),
            _ if self.devices[by].is_hostile => {
                self.misbehave(by);
                // Somebody hears of nothing but this, and builds on it.
                let to = self.rng.usize(..self.devices.len());
                if !self.devices[to].is_hostile && self.rng.bool() {
                    self.devices[to].knows |= 1 << (self.events.len() - 1);
                    self.edit(to, true);
                }
            }
            4..8 => drop(self.edit(by, true)),
            8 => self.let_in(by),
            _ => {
                let of = self.rng.usize(..self.devices.len());
                self.put_out(by, of);
                // And the other, who has not heard of it yet, does the same.
                if !self.devices[of].is_hostile && self.rng.bool() {
                    self.put_out(of, by);
                }
            }
        }
    }

    /// Tells another device all that `by` knows, or a part.
    fn gossip(&mut self, by: usize) {
        let to = self.rng.usize(..self.devices.len());
        let part = if self.rng.u8(0..4) == 0 { self.rng.u128(..) } else { Events::MAX };
        self.devices[to].knows |= self.devices[by].knows & part;
    }

    pub(super) fn add(&mut self, by: usize, is_honest: bool, what: What) -> usize {
        let at = self.events.len();
        assert!(at < EVENTS_MAX, "an event is a bit");
        let knew = self.devices[by].knows;
        self.events.push(Event { by, is_honest, knew, what });
        self.devices[by].knows |= 1 << at;
        at
    }

    pub(super) fn owner_says(&mut self, statement: Statement) {
        let verified = VerifiedStatement::assume(*OWNER_ID, statement);
        self.add(0, true, What::Said(verified));
    }

    fn say(&mut self, by: usize, is_honest: bool, statement: Statement) {
        let verified = VerifiedStatement::assume(self.devices[by].id.0, statement);
        self.add(by, is_honest, What::Said(verified));
    }

    pub(super) fn grant(&mut self, to: usize, role: Role) -> Statement {
        let (document, to) = (self.document, self.devices[to].id);
        let until = (self.rng.u8(0..8) == 0).then_some(5);
        Statement::Grant { document, nonce: self.rng.u128(..).to_be_bytes(), to, role, until }
    }

    /// An edit as Segue makes it: by a live writer, upon all that counts for it.
    pub(super) fn edit(&mut self, by: usize, is_honest: bool) -> Option<usize> {
        let view = self.view(self.devices[by].knows);
        if view.members.standing(&self.devices[by].id) != Standing::Writer {
            return None;
        }
        let deps = self.heads(&view.admission.admitted);
        let device = &mut self.devices[by];
        // What was quarantined has its number; what follows it would be quarantined too.
        if device.last.is_some_and(|last| !view.admission.admitted.contains(&last)) {
            (device.incarnation, device.seq) = (device.incarnation + 1, 0);
        }
        device.seq += 1;
        let actor = actor_of(&device.id, [0, 0, 0, device.incarnation]).to_vec();
        let seq = device.seq;
        Some(self.make(by, is_honest, actor, seq, deps))
    }

    fn make(
        &mut self,
        by: usize,
        is_honest: bool,
        actor: Vec<u8>,
        seq: u64,
        deps: Vec<ChangeHash>,
    ) -> usize {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&self.rng.u64(1..).to_be_bytes());
        let mut past = 0;
        for at in 0..self.events.len() {
            if let What::Made(node, before) = &self.events[at].what
                && deps.contains(&node.hash)
            {
                past |= before | 1 << at;
            }
        }
        let author = self.devices[by].id;
        let node = Node { hash: ChangeHash(hash), author, actor, seq, deps };
        self.devices[by].last = Some(node.hash);
        self.add(by, is_honest, What::Made(node, past))
    }

    /// The changes that nothing in the set follows.
    fn heads(&self, admitted: &BTreeSet<ChangeHash>) -> Vec<ChangeHash> {
        let nodes = (0..self.events.len()).filter_map(|at| self.node(at));
        let followed: BTreeSet<ChangeHash> = nodes
            .filter(|node| admitted.contains(&node.hash))
            .flat_map(|node| node.deps.iter().copied())
            .collect();
        let heads: Vec<ChangeHash> = admitted.difference(&followed).copied().collect();
        if heads.is_empty() { vec![GENESIS] } else { heads }
    }

    /// An admin, or the owner, lets somebody in, perhaps again.
    fn let_in(&mut self, by: usize) {
        let is_owner = by == 0;
        let is_admin = self.view(self.devices[by].knows).members.is_admin(&self.devices[by].id);
        let to = self.rng.usize(..self.devices.len());
        let role = *self.rng.choice(&[Role::Read, Role::Write, Role::Write, Role::Admin]).unwrap();
        let grant = self.grant(to, role);
        match (is_owner, is_admin) {
            (true, _) => self.owner_says(grant),
            (_, true) => self.say(by, true, grant),
            _ => {}
        }
    }

    /// An admin, or the owner, revokes all grants of somebody, and keeps what they did so far.
    fn put_out(&mut self, by: usize, of: usize) {
        let view = self.view(self.devices[by].knows);
        if by != 0 && !view.members.is_admin(&self.devices[by].id) || of == by {
            return;
        }
        let target = self.devices[of].id;
        let grants: Vec<StatementHash> = view.members.grants(&target).map(|one| one.0).collect();
        let nodes = (0..self.events.len()).filter_map(|at| self.node(at));
        let own = cut_heads(&target, &view.admission, &GENESIS, nodes);
        let cut = if own.is_empty() { Cut::new() } else { [(SHARD, own)].into() };
        let keeps = view.members.said_by(&target);
        for grant in grants {
            let (document, keeps, cut) = (self.document, keeps.clone(), cut.clone());
            let revoke = Statement::Revoke { document, grant, keeps, cut };
            if by == 0 { self.owner_says(revoke) } else { self.say(by, true, revoke) }
        }
    }

    /// What nobody should do.
    pub(super) fn misbehave(&mut self, by: usize) {
        match self.rng.u8(0..7) {
            0 => drop(self.edit(by, false)),
            1 | 2 => self.back_date(by),
            3 => self.equivocate(by),
            4 => self.forge_actor(by),
            5 => {
                let to = self.rng.usize(..self.devices.len());
                let grant = self.grant(to, Role::Admin);
                self.say(by, false, grant);
            }
            _ => self.revoke_anything(by),
        }
    }

    /// A change upon anything, whatever its author knows of being revoked.
    fn back_date(&mut self, by: usize) {
        let deps = self.some_known(by, 2);
        self.devices[by].seq += 1;
        let actor = actor_of(&self.devices[by].id, [0, 0, 0, self.devices[by].incarnation]);
        let seq = self.devices[by].seq;
        self.make(by, false, actor.to_vec(), seq, deps);
    }

    fn equivocate(&mut self, by: usize) {
        let own: Vec<(Vec<u8>, u64, Vec<ChangeHash>)> = (0..self.events.len())
            .filter(|at| self.events[*at].by == by)
            .filter_map(|at| self.node(at))
            .map(|node| (node.actor.clone(), node.seq, node.deps.clone()))
            .collect();
        if let Some((actor, seq, deps)) = self.rng.choice(&own).cloned() {
            let deps = if self.rng.bool() { deps } else { self.some_known(by, 2) };
            self.make(by, false, actor, seq, deps);
        }
    }

    fn forge_actor(&mut self, by: usize) {
        let (of, deps) = (self.rng.usize(..self.devices.len()), self.some_known(by, 2));
        let device = &self.devices[of];
        let actor = actor_of(&device.id, [0, 0, 0, device.incarnation]).to_vec();
        let seq = device.seq.max(1);
        if of != by {
            self.make(by, false, actor, seq, deps);
        }
    }

    fn revoke_anything(&mut self, by: usize) {
        let grants: Vec<StatementHash> = self
            .known(by)
            .filter_map(|event| match &event.what {
                What::Said(said) if matches!(said.statement(), Statement::Grant { .. }) => {
                    Some(said.hash())
                }
                _ => None,
            })
            .collect();
        let Some(grant) = self.rng.choice(grants) else { return };
        let heads: BTreeSet<ChangeHash> = self.some_known(by, 3).into_iter().collect();
        let cut = if self.rng.bool() { Cut::new() } else { [(SHARD, heads)].into() };
        let document = self.document;
        let revoke = Statement::Revoke { document, grant, keeps: BTreeSet::new(), cut };
        self.say(by, false, revoke);
    }

    fn known(&self, by: usize) -> impl Iterator<Item = &Event> {
        let knows = self.devices[by].knows;
        self.events.iter().enumerate().filter(move |(at, _)| knows >> at & 1 == 1).map(|two| two.1)
    }

    /// At most so many changes that a device knows, or the beginning.
    fn some_known(&mut self, by: usize, count: usize) -> Vec<ChangeHash> {
        let known: Vec<ChangeHash> = self
            .known(by)
            .filter_map(|event| match &event.what {
                What::Made(node, _) => Some(node.hash),
                What::Said(_) => None,
            })
            .collect();
        let chosen = self.rng.choose_multiple(known, count);
        if chosen.is_empty() { vec![GENESIS] } else { chosen }
    }
}
