//! Two replicas get in step by sessions over real QUIC, also where the line is cut in the middle.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use segue_iroh::{Code, Connection, Keeper, Node, Pace, Reason, Report, Wire};
use segue_model::{DeviceId, DocumentId};
use segue_sync::{Arrival, Effect, Event, Replica, Session, Side, Transport};

use crate::log::Log;
use crate::nodes::{node, within};

const DOCUMENT: DocumentId = DocumentId([9; 32]);

/// A device as an agent runs it: a node, who is kept connected, the wire and its sessions.
struct Peer {
    keeper: Keeper,
    me: DeviceId,
    line: Option<Connection>,
    wire: Wire,
    log: Log,
    sessions: BTreeMap<segue_sync::Connection, Session>,
    began: Instant,
    /// Changes that came, those that were known included.
    came: usize,
    lines: usize,
}

impl Peer {
    fn new(node: Arc<Node>) -> Self {
        let pace = Pace { first_ms: 20, longest_ms: 50, ..Pace::default() };
        Self {
            me: node.id(),
            keeper: Keeper::new(node, 1, pace),
            line: None,
            wire: Wire::default(),
            log: Log::default(),
            sessions: BTreeMap::new(),
            began: Instant::now(),
            came: 0,
            lines: 0,
        }
    }

    /// Waits for the next thing that happens, and does what it asks for. May be abandoned.
    async fn turn(&mut self) {
        let wakes_ms = self.sessions.values().filter_map(Session::wakes_at).min();
        let wake = wakes_ms.map(|ms| self.began + Duration::from_millis(ms));
        let wake = wake.unwrap_or_else(|| Instant::now() + Duration::from_mins(1));
        tokio::select! {
            report = self.keeper.next() => self.reported(report.unwrap()),
            arrival = self.wire.arrival() => self.arrived(arrival),
            () = tokio::time::sleep_until(wake.into()) => self.all(&Event::Tick),
        }
    }

    fn reported(&mut self, report: Report) {
        match report {
            Report::Up(connection) => {
                self.wire.add(&connection);
                if connection.side() == Side::Dialer {
                    self.wire.dial(&connection.peer());
                }
                self.line = Some(connection);
                self.lines += 1;
            }
            Report::Down { peer, .. } => self.wire.remove(&peer),
            Report::Unreached { error, .. } => panic!("{error}"),
        }
    }

    fn arrived(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Opened { connection, peer, side } => {
                self.sessions.insert(connection, Session::new(side, self.me, peer, DOCUMENT));
                self.event(connection, Event::Opened);
            }
            Arrival::Frame { connection, bytes } => self.event(connection, Event::Frame(bytes)),
            Arrival::Closed { connection } => _ = self.sessions.remove(&connection),
        }
    }

    fn all(&mut self, event: &Event) {
        for connection in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.event(connection, event.clone());
        }
    }

    fn event(&mut self, connection: segue_sync::Connection, event: Event) {
        let now_ms = self.began.elapsed().as_millis() as u64;
        let Some(session) = self.sessions.get_mut(&connection) else { return };
        for effect in session.handle(event, &self.log, now_ms) {
            match effect {
                Effect::Send(frame) => self.wire.send(connection, frame),
                Effect::Ingest { number, batch } => {
                    self.came += batch.changes.len();
                    let done = self.log.ingest(number, batch);
                    self.event(connection, Event::Ingested(done));
                    self.all(&Event::Advanced);
                }
                Effect::InStep | Effect::Compared(_) => {}
                Effect::Culprit { who, why } => panic!("{who} {why}"),
                Effect::Close(closing) => panic!("{closing:?}"),
            }
        }
    }

    fn write(&mut self, seed: u64, bytes: usize) {
        self.log.write(self.me, seed, bytes);
        self.all(&Event::Advanced);
    }

    fn is_in_step(&self) -> bool {
        !self.sessions.is_empty() && self.sessions.values().all(Session::is_in_step)
    }
}

/// Two devices, of which the first wants the second.
async fn peers() -> [Peer; 2] {
    let nodes = [Arc::new(node(1).await), Arc::new(node(2).await)];
    let (to, addresses) = (nodes[1].id(), nodes[1].addresses());
    let mut peers = nodes.map(Peer::new);
    peers[0].keeper.want(to, addresses);
    peers
}

async fn until(peers: &mut [Peer; 2], is_done: impl Fn(&[Peer; 2]) -> bool) {
    let run = async {
        while !is_done(peers) {
            let [one, two] = peers;
            tokio::select! {
                () = one.turn() => {}
                () = two.turn() => {}
            }
        }
    };
    within(run).await;
}

fn are_in_step(peers: &[Peer; 2]) -> bool {
    let [one, two] = peers;
    one.is_in_step() && two.is_in_step() && one.log.heads() == two.log.heads()
}

#[tokio::test]
async fn replicas_get_in_step_and_stay_so() {
    let mut peers = peers().await;
    for seed in 0..10 {
        peers[0].write(seed, 300);
        peers[1].write(seed + 100, 3_000);
    }
    let began = Instant::now();
    until(&mut peers, are_in_step).await;
    println!("connected and in step after {:?}", began.elapsed());
    for (index, all) in [(0, 21), (1, 22)] {
        let began = Instant::now();
        peers[index].write(200 + index as u64, 100);
        until(&mut peers, |peers| peers[1 - index].log.len() == all).await;
        println!("a change is there after {:?}", began.elapsed());
        until(&mut peers, are_in_step).await;
    }
    assert_eq!([peers[0].came, peers[1].came], [11, 11]);
}

#[tokio::test]
async fn what_a_cut_left_undone_is_done_on_the_next_connection_and_not_all_again() {
    let mut peers = peers().await;
    for seed in 0..40 {
        peers[0].write(seed, 100_000);
    }
    for cut in 1..=3 {
        let came = |peers: &[Peer; 2]| peers[1].log.len();
        until(&mut peers, |peers| came(peers) > cut * 8).await;
        assert!(came(&peers) < 40, "there was nothing to cut");
        let line = peers[cut % 2].line.take().unwrap();
        line.close(&Reason::new(Code::Leaving, "cut"));
        drop(line);
        let lines = cut + 1;
        until(&mut peers, |peers| peers.iter().all(|peer| peer.lines == lines)).await;
    }
    until(&mut peers, are_in_step).await;
    assert_eq!(peers[1].log.len(), 40);
    println!("of 40 changes came {} and {}", peers[1].came, peers[0].came);
    assert!(peers[1].came < 80, "each connection began at the first change");
}
