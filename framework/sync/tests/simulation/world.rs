//! Replicas on a network in memory, driven by one seed.

use std::collections::{BTreeMap, VecDeque};

use segue_model::DeviceId;
use segue_sync::{
    Arrival, Batch, Closing, Compared, Connection, Effect, Event, Now, Replica, Root, Session,
    Side, Transport,
};
use segue_transport_memory::{Endpoint, Network, Weather};

use crate::store::{Store, document, founding};

/// One device: what is durable, and what a crash loses.
pub(crate) struct Node {
    pub(crate) store: Store,
    endpoint: Endpoint,
    sessions: BTreeMap<Connection, (DeviceId, Session)>,
    /// Batches that are not judged yet.
    pub(crate) pending: VecDeque<(Connection, u64, Batch)>,
    pub(crate) culprits: Vec<(DeviceId, String)>,
    pub(crate) closings: Vec<Closing>,
    pub(crate) in_step: usize,
    /// By how many seconds its clock is wrong; nothing of an older peer, which says no time.
    pub(crate) wrong_s: Option<i64>,
    pub(crate) compared: Vec<(DeviceId, Compared)>,
}

/// What a right clock shows at the beginning.
pub(crate) const BEGIN_S: i64 = 1_800_000_000;

pub(crate) struct World {
    pub(crate) network: Network,
    pub(crate) nodes: Vec<Node>,
    pub(crate) chance: fastrand::Rng,
    pub(crate) now_ms: u64,
    /// How often somebody had to wait for a timer.
    pub(crate) ticks: usize,
    pub(crate) apart: Vec<usize>,
}

impl Node {
    pub(crate) fn id(&self) -> DeviceId {
        self.store.key().id()
    }

    fn event(&mut self, connection: Connection, event: Event, now_ms: u64) {
        let Some((peer, session)) = self.sessions.get_mut(&connection) else { return };
        let unix_s = self.wrong_s.map(|wrong_s| BEGIN_S + wrong_s + (now_ms / 1000) as i64);
        let (peer, now) = (*peer, Now { steady_ms: now_ms, unix_s });
        let effects = session.handle(event, &self.store, now);
        for effect in effects {
            match effect {
                Effect::Send(frame) => self.endpoint.send(connection, frame),
                Effect::Ingest { number, batch } => {
                    self.pending.push_back((connection, number, batch));
                }
                Effect::InStep => self.in_step += 1,
                Effect::Compared(seen) => self.compared.push((peer, seen)),
                Effect::Culprit { who, why } => self.culprits.push((who, why)),
                Effect::Close(closing) => {
                    self.closings.push(closing);
                    self.endpoint.close(connection);
                    self.sessions.remove(&connection);
                    return;
                }
            }
        }
    }

    /// Takes one thing from the network.
    fn arrive(&mut self, now_ms: u64) -> bool {
        match self.endpoint.next() {
            None => return false,
            Some(Arrival::Opened { connection, peer, side }) => {
                let session = Session::new(side, self.id(), peer, document());
                self.sessions.insert(connection, (peer, session));
                self.event(connection, Event::Opened, now_ms);
            }
            Some(Arrival::Frame { connection, bytes }) => {
                self.event(connection, Event::Frame(bytes), now_ms);
            }
            Some(Arrival::Closed { connection }) => _ = self.sessions.remove(&connection),
        }
        true
    }

    /// Judges one batch.
    pub(crate) fn judge(&mut self, now_ms: u64) -> bool {
        let Some((connection, number, batch)) = self.pending.pop_front() else { return false };
        let before = (self.store.len(), self.store.statements().len());
        let done = self.store.ingest(number, batch);
        self.event(connection, Event::Ingested(done), now_ms);
        if before != (self.store.len(), self.store.statements().len()) {
            self.advanced(now_ms);
        }
        true
    }

    pub(crate) fn advanced(&mut self, now_ms: u64) {
        let connections: Vec<Connection> = self.sessions.keys().copied().collect();
        for connection in connections {
            self.event(connection, Event::Advanced, now_ms);
        }
    }

    fn wakes_at(&self) -> Option<(u64, Connection)> {
        let wakes =
            |(key, (_, s)): (&Connection, &(DeviceId, Session))| Some((s.wakes_at()?, *key));
        self.sessions.iter().filter_map(wakes).min()
    }

    pub(crate) fn root(&self) -> Root {
        Root::of(self.store.statements(), self.store.heads())
    }

    /// All that is not on disk is gone.
    pub(crate) fn crash(&mut self, network: &Network) {
        network.unplug(&self.id());
        self.sessions.clear();
        self.pending.clear();
    }

    pub(crate) fn is_in_step(&self) -> bool {
        !self.sessions.is_empty() && self.sessions.values().all(|(_, s)| s.is_in_step())
    }
}

impl World {
    /// So many devices that may write and know it.
    pub(crate) fn new(seed: u64, devices: usize) -> Self {
        let network = Network::new(seed);
        let nodes = (0..devices).map(|n| node(&network, Store::new(n, &founding(devices))));
        let nodes = nodes.collect();
        let chance = fastrand::Rng::with_seed(seed);
        Self { network, nodes, chance, now_ms: 0, ticks: 0, apart: Vec::new() }
    }

    pub(crate) fn add(&mut self, store: Store) {
        self.nodes.push(node(&self.network, store));
    }

    /// Two nodes, seen as one world with fair weather.
    pub(crate) fn pair(first: Store, second: Store) -> Self {
        let mut world = Self::new(1, 0);
        world.add(first);
        world.add(second);
        world
    }

    /// Dials whoever is not connected.
    pub(crate) fn connect(&mut self) {
        for index in 0..self.nodes.len() {
            for other in index + 1..self.nodes.len() {
                if self.apart.contains(&index) != self.apart.contains(&other) {
                    continue;
                }
                let peer = self.nodes[other].id();
                let node = &mut self.nodes[index];
                if !node.sessions.values().any(|(id, _)| *id == peer) {
                    node.endpoint.dial(&peer);
                }
            }
        }
    }

    /// One thing happens somewhere; `false` if nothing can but time.
    pub(crate) fn step(&mut self) -> bool {
        let count = self.nodes.len();
        let first = self.chance.usize(..count);
        for index in (0..count).map(|index| (first + index) % count) {
            let judges_first = self.chance.bool();
            let node = &mut self.nodes[index];
            if judges_first && node.judge(self.now_ms) || node.arrive(self.now_ms) {
                return true;
            }
        }
        if self.network.step() {
            return true;
        }
        self.nodes.iter_mut().any(|node| node.judge(self.now_ms))
    }

    /// Runs until nothing moves, without waiting for any timer.
    pub(crate) fn run(&mut self) {
        while self.step() {}
    }

    /// Runs until nothing moves and nobody waits for anything.
    pub(crate) fn settle(&mut self, ticks_max: usize) {
        self.connect();
        let limit = self.ticks + ticks_max;
        loop {
            self.run();
            self.connect();
            if self.step() {
                continue;
            }
            let wakes = |(n, node): (usize, &Node)| node.wakes_at().map(|(at, c)| (at, n, c));
            let Some((at, index, connection)) =
                self.nodes.iter().enumerate().filter_map(wakes).min()
            else {
                return;
            };
            self.ticks += 1;
            assert!(self.ticks <= limit, "no rest after {ticks_max} waits");
            self.now_ms = self.now_ms.max(at);
            self.nodes[index].event(connection, Event::Tick, self.now_ms);
        }
    }

    pub(crate) fn rate(&mut self, index: usize, item: [u8; 16], rating: i64) {
        self.nodes[index].store.rate(item, rating);
        self.nodes[index].advanced(self.now_ms);
    }

    pub(crate) fn part(&mut self, apart: Vec<usize>) {
        self.network.part(apart.iter().map(|index| self.nodes[*index].id()));
        self.apart = apart;
    }

    pub(crate) fn heal(&mut self) {
        self.network.heal();
        self.network.set_weather(Weather::default());
        self.apart.clear();
    }

    pub(crate) fn assert_equal(&self) {
        let first = &self.nodes[0].store;
        for node in &self.nodes[1..] {
            assert_eq!(node.store.statements(), first.statements());
            assert!(node.store.heads() == first.heads(), "heads differ");
            assert!(node.store.records() == first.records(), "values differ");
        }
        assert!(self.nodes.iter().all(Node::is_in_step), "equal, and all know it");
    }

    /// Bytes and frames that all sent while `work` was done.
    pub(crate) fn cost(&mut self, work: impl FnOnce(&mut Self)) -> (u64, u64) {
        let before = self.network.all_traffic();
        work(self);
        let after = self.network.all_traffic();
        (after.bytes - before.bytes, after.frames - before.frames)
    }
}

fn node(network: &Network, store: Store) -> Node {
    let endpoint = network.endpoint(store.key().id());
    Node {
        store,
        endpoint,
        sessions: BTreeMap::new(),
        pending: VecDeque::new(),
        culprits: Vec::new(),
        closings: Vec::new(),
        in_step: 0,
        wrong_s: Some(0),
        compared: Vec::new(),
    }
}

/// Frames of a lone session, without a network.
pub(crate) fn sent(effects: &[Effect]) -> Vec<Vec<u8>> {
    let frames = effects.iter().filter_map(|effect| match effect {
        Effect::Send(frame) => Some(frame.clone()),
        _ => None,
    });
    frames.collect()
}

pub(crate) fn session_of(store: &Store, peer: DeviceId, side: Side) -> Session {
    Session::new(side, store.key().id(), peer, document())
}
