//! Which session speaks on which lane: arrivals of a transport in, what is to be done out.
//!
//! With each connected peer there is one lane for each document that both share. Whoever dialled the
//! connection opens them; what the first frame of a lane says decides which document it is about. A lane that
//! ended is opened again later, ever more rarely while it is in vain.
//!
//! It knows no network, no clock and no writer: all of it can be driven by a test. Waits are milliseconds of the steady clock.
//!
//! Invariant: there is one session for each peer and document, and what a peer may have judged at once, and how often
//! it begins anew, is bounded over all its lanes: a session that begins knows nothing of what the last one cost.

use std::collections::{BTreeMap, VecDeque};

use segue_model::{DeviceId, DocumentId};
use segue_sync::{
    Arrival, Batch, Closing, Compared, Connection, Effect, Event, Ingested, Now, Session, Side,
    Transport, document_of,
};

use crate::peers::replica::StoredReplica;

/// The first wait before a lane is opened again; each further one doubles it.
const REOPEN_MS: u64 = 1_000;
/// No wait is longer.
const REOPEN_MS_MAX: u64 = 60_000;
/// Lanes that a peer may open at once; a lane more comes back after each [`LANE_EACH_MS`].
const LANES_MAX: u64 = 32;
/// More rarely than whoever keeps to the waits opens one.
const LANE_EACH_MS: u64 = 10_000;

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
    /// This document is shared with this peer no more.
    Apart {
        /// The peer.
        peer: DeviceId,
        /// The document.
        document: DocumentId,
    },
    /// The clock of a member was compared with ours.
    Compared {
        /// The peer.
        peer: DeviceId,
        /// The document.
        document: DocumentId,
        /// What both showed.
        seen: Compared,
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

/// Lanes that a peer may still open.
#[derive(Clone, Copy)]
struct Openings {
    left: u64,
    at_ms: u64,
}

/// Batches of a lane that are being judged; the lane may be gone.
struct Judged {
    peer: DeviceId,
    document: DocumentId,
    batches: usize,
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
    openings: BTreeMap<DeviceId, Openings>,
    judged: BTreeMap<Connection, Judged>,
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
            openings: BTreeMap::new(),
            judged: BTreeMap::new(),
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
        let is_missing = |(document, replica): &(&DocumentId, &StoredReplica)| {
            !self.is_open(&peer, document)
                && !self.reopen.contains_key(&(peer, **document))
                && replica.may_read(&peer)
        };
        let missing = self.documents.iter().filter(is_missing);
        for document in missing.map(|(document, _)| *document).collect::<Vec<_>>() {
            self.ask(peer, document, wire);
        }
    }

    fn ask(&mut self, peer: DeviceId, document: DocumentId, wire: &mut dyn Transport) {
        self.asked.entry(peer).or_default().push_back(document);
        wire.dial(&peer);
    }

    /// Whether a lane for a document is there, or was asked for.
    fn is_open(&self, peer: &DeviceId, document: &DocumentId) -> bool {
        self.lane(peer, document).is_some()
            || self.asked.get(peer).is_some_and(|asked| asked.contains(document))
    }

    fn lane(&self, peer: &DeviceId, document: &DocumentId) -> Option<Connection> {
        let is_it = |lane: &Lane| {
            lane.peer == *peer && lane.speaks.as_ref().is_some_and(|(other, _)| other == document)
        };
        self.lanes.iter().find(|(_, lane)| is_it(lane)).map(|(connection, _)| *connection)
    }

    /// Whether a peer may open one more lane, which is then counted.
    fn may_open(&mut self, peer: DeviceId, now_ms: u64) -> bool {
        let all = Openings { left: LANES_MAX, at_ms: now_ms };
        let openings = self.openings.entry(peer).or_insert(all);
        let back = now_ms.saturating_sub(openings.at_ms) / LANE_EACH_MS;
        openings.left = (openings.left + back).min(LANES_MAX);
        openings.at_ms += back * LANE_EACH_MS;
        let may = openings.left > 0;
        openings.left = openings.left.saturating_sub(1);
        may
    }

    /// Takes one arrival.
    pub(crate) fn arrive(
        &mut self,
        arrival: Arrival,
        wire: &mut dyn Transport,
        now: impl Into<Now>,
    ) -> Vec<Told> {
        let now = now.into();
        match arrival {
            Arrival::Opened { connection, peer, side } => {
                let document = match side {
                    Side::Dialer => self.asked.get_mut(&peer).and_then(VecDeque::pop_front),
                    Side::Answerer => None,
                };
                let is_welcome = match side {
                    // Else the connection for which it was asked is gone.
                    Side::Dialer => document.is_some(),
                    Side::Answerer => self.may_open(peer, now.steady_ms),
                };
                if !is_welcome {
                    wire.close(connection);
                    return Vec::new();
                }
                let speaks = document
                    .map(|document| (document, Session::new(side, self.me, peer, document)));
                self.lanes.insert(connection, Lane { peer, speaks, in_step: false });
                self.event(connection, Event::Opened, wire, now)
            }
            Arrival::Frame { connection, bytes } => {
                let mut told = self.begin(connection, &bytes, wire, now.steady_ms);
                told.extend(self.event(connection, Event::Frame(bytes), wire, now));
                told
            }
            Arrival::Closed { connection } => self.closed(connection, now.steady_ms),
        }
    }

    /// Makes the session of a lane that a peer opened, when its first frame says what it is about. It takes the place
    /// of an earlier one, whose end the peer knows before we do.
    fn begin(
        &mut self,
        connection: Connection,
        frame: &[u8],
        wire: &mut dyn Transport,
        now_ms: u64,
    ) -> Vec<Told> {
        let Some(lane) = self.lanes.get(&connection) else { return Vec::new() };
        let peer = lane.peer;
        if lane.speaks.is_some() {
            return Vec::new();
        }
        let document = document_of(frame).ok().filter(|id| self.documents.contains_key(id));
        let Some(document) = document else {
            // Nothing is known of it here: as little is said as to a stranger.
            self.lanes.remove(&connection);
            wire.close(connection);
            return Vec::new();
        };
        let old = self.lane(&peer, &document);
        let told = old.map_or_else(Vec::new, |old| {
            wire.close(old);
            self.closed(old, now_ms)
        });
        let is_judged = |judged: &Judged| (judged.peer, judged.document) == (peer, document);
        if self.judged.values().any(is_judged) {
            // What the earlier one brought comes first; until then there is no room for more.
            self.lanes.remove(&connection);
            wire.close(connection);
            return told;
        }
        if let Some(lane) = self.lanes.get_mut(&connection) {
            let session = Session::new(Side::Answerer, self.me, peer, document);
            lane.speaks = Some((document, session));
        }
        told
    }

    fn closed(&mut self, connection: Connection, now_ms: u64) -> Vec<Told> {
        let Some(lane) = self.lanes.remove(&connection) else { return Vec::new() };
        let Some((document, _)) = lane.speaks else { return Vec::new() };
        if self.up.get(&lane.peer) == Some(&Side::Dialer) {
            let key = (lane.peer, document);
            let wait_ms = self.next_wait(&key);
            self.reopen.insert(key, Reopen { at_ms: now_ms + wait_ms, wait_ms });
        }
        vec![if self.shares(&lane.peer, &document) {
            Told::Step { peer: lane.peer, document, in_step: false }
        } else {
            Told::Apart { peer: lane.peer, document }
        }]
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
        now: impl Into<Now>,
    ) -> Vec<Told> {
        self.is_judged(connection);
        self.event(connection, Event::Ingested(done), wire, now.into())
    }

    /// A batch could not be judged or stored: the lane is given up, and opened again later.
    pub(crate) fn failed(
        &mut self,
        connection: Connection,
        wire: &mut dyn Transport,
        now_ms: u64,
    ) -> Vec<Told> {
        self.is_judged(connection);
        wire.close(connection);
        self.closed(connection, now_ms)
    }

    fn is_judged(&mut self, connection: Connection) {
        if let Some(judged) = self.judged.get_mut(&connection) {
            judged.batches -= 1;
            if judged.batches == 0 {
                self.judged.remove(&connection);
            }
        }
    }

    /// The store has something new: every session looks.
    pub(crate) fn advanced(&mut self, wire: &mut dyn Transport, now: impl Into<Now>) -> Vec<Told> {
        let (now, mut told) = (now.into(), Vec::new());
        for connection in self.lanes.keys().copied().collect::<Vec<_>>() {
            told.extend(self.event(connection, Event::Advanced, wire, now));
        }
        for peer in self.up.keys().copied().collect::<Vec<_>>() {
            self.open_missing(peer, wire);
        }
        told
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, wire: &mut dyn Transport, now: impl Into<Now>) -> Vec<Told> {
        let now = now.into();
        let is_due = |lane: &Lane| {
            let wakes_at = lane.speaks.as_ref().and_then(|(_, session)| session.wakes_at());
            wakes_at.is_some_and(|at| at <= now.steady_ms)
        };
        let due = self.lanes.iter().filter(|(_, lane)| is_due(lane));
        let due: Vec<Connection> = due.map(|(connection, _)| *connection).collect();
        let mut told = Vec::new();
        for connection in due {
            told.extend(self.event(connection, Event::Tick, wire, now));
        }
        let due: Vec<(DeviceId, DocumentId)> = self
            .reopen
            .iter()
            .filter(|(_, reopen)| reopen.at_ms <= now.steady_ms)
            .map(|(key, _)| *key)
            .collect();
        for (peer, document) in due {
            if !self.shares(&peer, &document) {
                // It is opened at once when it is shared again.
                self.reopen.remove(&(peer, document));
                continue;
            }
            // How long was waited is remembered until the lane was in step.
            if let Some(reopen) = self.reopen.get_mut(&(peer, document)) {
                reopen.at_ms = u64::MAX;
            }
            if !self.is_open(&peer, &document) {
                self.ask(peer, document, wire);
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
        now: Now,
    ) -> Vec<Told> {
        let Some(lane) = self.lanes.get_mut(&connection) else { return Vec::new() };
        let Some((document, session)) = &mut lane.speaks else { return Vec::new() };
        let (document, peer) = (*document, lane.peer);
        let Some(replica) = self.documents.get(&document) else { return Vec::new() };
        let effects = session.handle(event, replica, now);
        let is_now = session.is_in_step();
        let mut told = Vec::new();
        if lane.in_step != is_now {
            lane.in_step = is_now;
            told.push(Told::Step { peer, document, in_step: is_now });
        }
        if is_now {
            // It was of use: the next wait is the first.
            self.reopen.remove(&(peer, document));
        }
        for effect in effects {
            match effect {
                Effect::Send(frame) => wire.send(connection, frame),
                Effect::Ingest { number, batch } => {
                    let none = Judged { peer, document, batches: 0 };
                    self.judged.entry(connection).or_insert(none).batches += 1;
                    told.push(Told::Ingest { connection, document, number, batch });
                }
                Effect::InStep => {}
                Effect::Compared(seen) => told.push(Told::Compared { peer, document, seen }),
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
