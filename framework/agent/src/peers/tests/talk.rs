//! Sessions of several devices over one network in memory, as the agent's loop drives them.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use segue_limits::lease::Observation;
use segue_model::{DeviceId, DocumentId};
use segue_sync::{Arrival, Closing, Now, Side, Transport};
use segue_transport_memory::{Endpoint, Network};

use super::company::Company;
use super::device::Device;
use crate::net::observation;
use crate::net::sessions::{Sessions, Told};
use crate::peers::ingest::ingest;
use crate::peers::replica::StoredReplica;

/// No conversation takes so many frames and waits.
const STEPS_MAX: usize = 200_000;

/// How a conversation went.
#[derive(Debug, Default)]
pub(super) struct Talked {
    /// Whether everybody was in step with everybody at its end.
    pub(super) in_step: bool,
    /// Sessions that were ended, and by whom.
    pub(super) ended: Vec<(usize, Closing)>,
    /// Whose clocks were compared, by whom.
    pub(super) compared: Vec<(usize, DocumentId, Observation)>,
}

impl Company {
    /// These devices talk, until everything that they can tell each other is told.
    pub(super) fn talk(&mut self, who: &[usize]) -> Talked {
        self.seed += 1;
        let network = Network::new(self.seed);
        network.set_weather(self.weather);
        let mut talk = Talk::begin(self, who, &network);
        let mut steps = 0;
        let mut waits = 0;
        loop {
            steps += 1;
            assert!(steps < STEPS_MAX, "they talk for ever");
            let has_moved = network.step() | talk.listen(&mut self.devices);
            if has_moved {
                continue;
            }
            if talk.is_in_step() || waits > 30 || !talk.wait(&mut self.devices) {
                break;
            }
            waits += 1;
        }
        Talked { in_step: talk.is_in_step(), ..talk.talked }
    }
}

/// The sessions of one conversation.
struct Talk {
    sides: Vec<Talker>,
    pairs: usize,
    now_ms: u64,
    talked: Talked,
}

struct Talker {
    at: usize,
    id: DeviceId,
    sessions: Sessions,
    wire: Endpoint,
    in_step: BTreeSet<DeviceId>,
}

impl Talk {
    fn begin(company: &Company, who: &[usize], network: &Network) -> Self {
        let mut sides: Vec<Talker> =
            who.iter().map(|at| Talker::new(*at, &company.devices[*at], network)).collect();
        let ids: Vec<DeviceId> = sides.iter().map(|side| side.id).collect();
        for (at, side) in sides.iter_mut().enumerate() {
            for (other, id) in ids.iter().enumerate().filter(|(_, id)| **id != ids[at]) {
                let role = if at < other { Side::Dialer } else { Side::Answerer };
                side.sessions.up(*id, role, &mut side.wire);
            }
        }
        let pairs = ids.len() * (ids.len() - 1) / 2;
        Self { sides, pairs, now_ms: 0, talked: Talked::default() }
    }

    fn is_in_step(&self) -> bool {
        self.sides.iter().map(|side| side.in_step.len()).sum::<usize>() == 2 * self.pairs
    }

    /// Takes in whatever arrived; returns whether anything did.
    fn listen(&mut self, devices: &mut [Device]) -> bool {
        let mut is_any = false;
        for side in &mut self.sides {
            while let Some(arrival) = side.wire.next() {
                is_any = true;
                side.arrive(arrival, self.now_ms, &mut devices[side.at], &mut self.talked);
            }
        }
        is_any
    }

    /// Lets time pass until somebody wants to say something; `false` if nobody ever will.
    fn wait(&mut self, devices: &mut [Device]) -> bool {
        let Some(at) = self.sides.iter().filter_map(|side| side.sessions.wakes_at()).min() else {
            return false;
        };
        self.now_ms = self.now_ms.max(at);
        for side in &mut self.sides {
            let told = side.sessions.tick(&mut side.wire, self.now_ms);
            side.told(told, self.now_ms, &mut devices[side.at], &mut self.talked);
        }
        true
    }
}

/// The sessions of a device, about all its documents.
pub(super) fn sessions_of(device: &Device) -> Sessions {
    let mut sessions = Sessions::new(device.id());
    for row in device.store().documents().unwrap() {
        let reader = device.agent.home.store.reader().unwrap();
        let now = Arc::clone(&device.agent.world.now);
        let replica = StoredReplica::open(reader, row.id, now).unwrap();
        sessions.documents().insert(row.id, replica);
    }
    sessions
}

impl Talker {
    fn new(at: usize, device: &Device, network: &Network) -> Self {
        let (id, sessions) = (device.id(), sessions_of(device));
        let in_step = BTreeSet::new();
        Self { at, id, sessions, wire: network.endpoint(id), in_step }
    }

    fn arrive(&mut self, arrival: Arrival, now_ms: u64, device: &mut Device, talked: &mut Talked) {
        let now = Now { steady_ms: now_ms, unix_s: Some((device.agent.world.now)()) };
        let told = self.sessions.arrive(arrival, &mut self.wire, now);
        self.told(told, now_ms, device, talked);
    }

    /// Does what the sessions want done, as the agent's loop does.
    fn told(&mut self, told: Vec<Told>, now_ms: u64, device: &mut Device, talked: &mut Talked) {
        let mut told: VecDeque<Told> = told.into();
        while let Some(next) = told.pop_front() {
            match next {
                Told::Ingest { connection, document, number, batch } => {
                    let done = ingest(&mut device.agent, document, number, batch);
                    for replica in self.sessions.documents().values_mut() {
                        replica.refresh().unwrap();
                    }
                    let (sessions, wire) = (&mut self.sessions, &mut self.wire);
                    if let Ok((done, _)) = done {
                        told.extend(sessions.advanced(wire, now_ms));
                        told.extend(sessions.ingested(connection, done, wire, now_ms));
                    } else {
                        told.extend(sessions.failed(connection, wire, now_ms));
                    }
                }
                Told::Step { peer, in_step: true, .. } => _ = self.in_step.insert(peer),
                Told::Step { peer, in_step: false, .. } | Told::Apart { peer, .. } => {
                    self.in_step.remove(&peer);
                }
                Told::Compared { peer, document, seen } => {
                    talked.compared.push((self.at, document, observation(peer, seen)));
                }
                Told::Culprit { who, why } => device.note(&who, &why),
                Told::Ended { closing, .. } => talked.ended.push((self.at, closing)),
            }
        }
    }
}
