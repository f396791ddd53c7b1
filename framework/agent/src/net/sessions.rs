//! Which session speaks on which lane: arrivals of a transport in, what is to be done out.
//!
//! With each connected peer there is one lane for each document that both share. Whoever dialled the
//! connection opens them; what the first frame of a lane says decides which document it is about. A lane that
//! ended is opened again later, ever more rarely while it is in vain.
//!
//! It knows no network, no clock and no writer: all of it can be driven by a test.

use std::collections::{BTreeMap, VecDeque};

use segue_model::{DeviceId, DocumentId};
use segue_sync::{
    Arrival, Batch, Closing, Connection, Effect, Event, Ingested, Session, Side, Transport,
    document_of,
};

use crate::peers::replica::StoredReplica;

/// The first wait before a lane is opened again; each further one doubles it.
const REOPEN_MS: u64 = 1_000;
/// No wait is longer.
const REOPEN_MS_MAX: u64 = 60_000;

/// What follows for the rest of the agent.
#[derive(Debug)]
pub(crate) enum Told {
    /// A batch is to be judged, and to be reported by [`Sessions::ingested`].
    Ingest {
        /// Where it came from.
        connection: Connection,
        /// The document.
        document: DocumentId,
        /// Its number.
        number: u64,
        /// What came.
        batch: Batch,
    },
    /// Both hold the same of this document, or no longer.
    Step {
        /// The peer.
        peer: DeviceId,
        /// The document.
        document: DocumentId,
        /// Whether they do.
        in_step: bool,
    },
    /// Somebody broke the rules.
    Culprit {
        /// Who.
        who: DeviceId,
        /// What they did.
        why: String,
    },
    /// A session ended for a reason that a person should know.
    Ended {
        /// The peer.
        peer: DeviceId,
        /// Why.
        closing: Closing,
    },
}

/// A lane and what is spoken on it.
struct Lane {
    peer: DeviceId,
    speaks: Option<(DocumentId, Session)>,
    in_step: bool,
}

/// When a lane is opened again.
#[derive(Clone, Copy)]
struct Reopen {
    at_ms: u64,
    wait_ms: u64,
}

/// All sessions of this device.
pub(crate) struct Sessions {
    me: DeviceId,
    documents: BTreeMap<DocumentId, StoredReplica>,
    lanes: BTreeMap<Connection, Lane>,
    /// Connected peers, and who called.
    up: BTreeMap<DeviceId, Side>,
    /// Lanes that were asked for and are not open yet, in their order.
    asked: BTreeMap<DeviceId, VecDeque<DocumentId>>,
    reopen: BTreeMap<(DeviceId, DocumentId), Reopen>,
}

impl Sessions {
    pub(crate) fn new(me: DeviceId) -> Self {
        Self {
            me,
            documents: BTreeMap::new(),
            lanes: BTreeMap::new(),
            up: BTreeMap::new(),
            asked: BTreeMap::new(),
            reopen: BTreeMap::new(),
        }
    }

    /// The documents.
    pub(crate) fn documents(&mut self) -> &mut BTreeMap<DocumentId, StoredReplica> {
        &mut self.documents
    }

    /// Whether a device may get anything from us.
    pub(crate) fn may_read_any(&self, device: &DeviceId) -> bool {
        use segue_sync::Replica;
        self.documents.values().any(|replica| replica.may_read(device))
    }

    /// A connection with a peer stands.
    pub(crate) fn up(&mut self, peer: DeviceId, side: Side, wire: &mut dyn Transport) {
        self.up.insert(peer, side);
        self.asked.remove(&peer);
        self.reopen.retain(|(other, _), _| *other != peer);
        self.open_missing(peer, wire);
    }

    /// It is gone.
    pub(crate) fn down(&mut self, peer: &DeviceId) {
        self.up.remove(peer);
        self.asked.remove(peer);
        self.reopen.retain(|(other, _), _| other != peer);
    }

    /// Whether a device may get a document from us.
    fn shares(&self, peer: &DeviceId, document: &DocumentId) -> bool {
        use segue_sync::Replica;
        self.documents.get(document).is_some_and(|replica| replica.may_read(peer))
    }

    /// Opens a lane for each document that a peer shares with us and that has none.
    fn open_missing(&mut self, peer: DeviceId, wire: &mut dyn Transport) {
        use segue_sync::Replica;
        if self.up.get(&peer) != Some(&Side::Dialer) {
            return;
        }
        for (document, replica) in &self.documents {
            let speaks = |lane: &Lane| {
                lane.peer == peer
                    && lane.speaks.as_ref().is_some_and(|(other, _)| other == document)
            };
            let is_open = self.lanes.values().any(speaks)
                || self.asked.get(&peer).is_some_and(|asked| asked.contains(document))
                || self.reopen.contains_key(&(peer, *document));
            if !is_open && replica.may_read(&peer) {
                self.asked.entry(peer).or_default().push_back(*document);
                wire.dial(&peer);
            }
        }
    }

    /// Takes one arrival.
    pub(crate) fn arrive(
        &mut self,
        arrival: Arrival,
        wire: &mut dyn Transport,
        now_ms: u64,
    ) -> Vec<Told> {
        match arrival {
            Arrival::Opened { connection, peer, side } => {
                let document = match side {
                    Side::Dialer => self.asked.get_mut(&peer).and_then(VecDeque::pop_front),
                    Side::Answerer => None,
                };
                if side == Side::Dialer && document.is_none() {
                    // The connection for which it was asked is gone.
                    wire.close(connection);
                    return Vec::new();
                }
                let speaks = document
                    .map(|document| (document, Session::new(side, self.me, peer, document)));
                self.lanes.insert(connection, Lane { peer, speaks, in_step: false });
                self.event(connection, Event::Opened, wire, now_ms)
            }
            Arrival::Frame { connection, bytes } => {
                if !self.begin(connection, &bytes, wire) {
                    return Vec::new();
                }
                self.event(connection, Event::Frame(bytes), wire, now_ms)
            }
            Arrival::Closed { connection } => self.closed(connection, now_ms),
        }
    }

    /// Makes the session of a lane that a peer opened, when its first frame says what it is about.
    fn begin(&mut self, connection: Connection, frame: &[u8], wire: &mut dyn Transport) -> bool {
        let Some(lane) = self.lanes.get_mut(&connection) else { return false };
        if lane.speaks.is_some() {
            return true;
        }
        let document = document_of(frame).ok().filter(|id| self.documents.contains_key(id));
        let Some(document) = document else {
            // Nothing is known of it here: as little is said as to a stranger.
            self.lanes.remove(&connection);
            wire.close(connection);
            return false;
        };
        let session = Session::new(Side::Answerer, self.me, lane.peer, document);
        lane.speaks = Some((document, session));
        true
    }

    fn closed(&mut self, connection: Connection, now_ms: u64) -> Vec<Told> {
        let Some(lane) = self.lanes.remove(&connection) else { return Vec::new() };
        let Some((document, _)) = lane.speaks else { return Vec::new() };
        if self.up.get(&lane.peer) == Some(&Side::Dialer) {
            let key = (lane.peer, document);
            let wait_ms = if lane.in_step { REOPEN_MS } else { self.next_wait(&key) };
            self.reopen.insert(key, Reopen { at_ms: now_ms + wait_ms, wait_ms });
        }
        vec![Told::Step { peer: lane.peer, document, in_step: false }]
    }

    fn next_wait(&self, key: &(DeviceId, DocumentId)) -> u64 {
        let last = self.reopen.get(key).map(|reopen| reopen.wait_ms);
        last.map_or(REOPEN_MS, |last| (last * 2).min(REOPEN_MS_MAX))
    }

    /// A batch was judged.
    pub(crate) fn ingested(
        &mut self,
        connection: Connection,
        done: Ingested,
        wire: &mut dyn Transport,
        now_ms: u64,
    ) -> Vec<Told> {
        self.event(connection, Event::Ingested(done), wire, now_ms)
    }

    /// The store has something new: every session looks.
    pub(crate) fn advanced(&mut self, wire: &mut dyn Transport, now_ms: u64) -> Vec<Told> {
        let mut told = Vec::new();
        for connection in self.lanes.keys().copied().collect::<Vec<_>>() {
            told.extend(self.event(connection, Event::Advanced, wire, now_ms));
        }
        for peer in self.up.keys().copied().collect::<Vec<_>>() {
            self.open_missing(peer, wire);
        }
        told
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, wire: &mut dyn Transport, now_ms: u64) -> Vec<Told> {
        let is_due = |lane: &Lane| {
            let wakes_at = lane.speaks.as_ref().and_then(|(_, session)| session.wakes_at());
            wakes_at.is_some_and(|at| at <= now_ms)
        };
        let due = self.lanes.iter().filter(|(_, lane)| is_due(lane));
        let due: Vec<Connection> = due.map(|(connection, _)| *connection).collect();
        let mut told = Vec::new();
        for connection in due {
            told.extend(self.event(connection, Event::Tick, wire, now_ms));
        }
        let due: Vec<(DeviceId, DocumentId)> = self
            .reopen
            .iter()
            .filter(|(_, reopen)| reopen.at_ms <= now_ms)
            .map(|(key, _)| *key)
            .collect();
        for key in due {
            if self.up.contains_key(&key.0) && self.shares(&key.0, &key.1) {
                self.asked.entry(key.0).or_default().push_back(key.1);
                wire.dial(&key.0);
            }
            // How long was waited is remembered until the lane was in step.
            if let Some(reopen) = self.reopen.get_mut(&key) {
                reopen.at_ms = u64::MAX;
            }
        }
        told
    }

    /// When time is of use again.
    pub(crate) fn wakes_at(&self) -> Option<u64> {
        let sessions = self.lanes.values().filter_map(|lane| lane.speaks.as_ref()?.1.wakes_at());
        let reopen = self.reopen.values().map(|reopen| reopen.at_ms);
        sessions.chain(reopen).filter(|at| *at < u64::MAX).min()
    }

    fn event(
        &mut self,
        connection: Connection,
        event: Event,
        wire: &mut dyn Transport,
        now_ms: u64,
    ) -> Vec<Told> {
        let Some(lane) = self.lanes.get_mut(&connection) else { return Vec::new() };
        let Some((document, session)) = &mut lane.speaks else { return Vec::new() };
        let (document, peer) = (*document, lane.peer);
        let Some(replica) = self.documents.get(&document) else { return Vec::new() };
        let effects = session.handle(event, replica, now_ms);
        let is_now = session.is_in_step();
        let mut told = Vec::new();
        if lane.in_step != is_now {
            lane.in_step = is_now;
            told.push(Told::Step { peer, document, in_step: is_now });
        }
        if is_now {
            self.reopen.remove(&(peer, document));
        }
        for effect in effects {
            match effect {
                Effect::Send(frame) => wire.send(connection, frame),
                Effect::Ingest { number, batch } => {
                    told.push(Told::Ingest { connection, document, number, batch });
                }
                Effect::InStep => {}
                Effect::Culprit { who, why } => told.push(Told::Culprit { who, why }),
                Effect::Close(closing) => {
                    wire.close(connection);
                    told.push(Told::Ended { peer, closing });
                }
            }
        }
        told
    }
}
