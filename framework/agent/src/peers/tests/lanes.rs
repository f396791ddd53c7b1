//! Lanes of one device, which a test opens, speaks on and ends: when they are opened again, and by whom how often.

use std::collections::VecDeque;
use std::sync::Arc;

use segue_model::{DeviceId, DocumentId};
use segue_sync::{Arrival, Connection, Effect, Event, Ingested, Session, Side, Transport};

use super::company::Company;
use super::device::Device;
use super::talk::sessions_of;
use crate::command::RoleName;
use crate::net::sessions::{Sessions, Told};
use crate::peers::replica::StoredReplica;
use crate::peers::revoke::revoke;

/// Notes what it is told, and brings nothing.
#[derive(Default)]
struct Wire {
    dials: usize,
    sent: VecDeque<(Connection, Vec<u8>)>,
    closed: Vec<Connection>,
}

impl Transport for Wire {
    fn dial(&mut self, _: &DeviceId) {
        self.dials += 1;
    }

    fn send(&mut self, connection: Connection, frame: Vec<u8>) {
        self.sent.push_back((connection, frame));
    }

    fn close(&mut self, connection: Connection) {
        self.closed.push(connection);
    }

    fn next(&mut self) -> Option<Arrival> {
        None
    }
}

/// The sessions of the first device of a company; the second is the peer.
struct Lanes {
    sessions: Sessions,
    wire: Wire,
    peer: DeviceId,
    next: u64,
}

impl Lanes {
    fn of(company: &Company, side: Side) -> Self {
        let [one, two] = &company.devices[..] else { panic!("there are two devices") };
        let (sessions, wire) = (sessions_of(one), Wire::default());
        let mut lanes = Self { sessions, wire, peer: two.id(), next: 0 };
        lanes.sessions.up(lanes.peer, side, &mut lanes.wire);
        lanes
    }

    fn opened(&mut self, side: Side, now_ms: u64) -> Connection {
        let connection = Connection(self.next);
        self.next += 1;
        let arrival = Arrival::Opened { connection, peer: self.peer, side };
        self.sessions.arrive(arrival, &mut self.wire, now_ms);
        connection
    }

    fn closed(&mut self, connection: Connection, now_ms: u64) -> Vec<Told> {
        self.sessions.arrive(Arrival::Closed { connection }, &mut self.wire, now_ms)
    }

    /// The dials at this time.
    fn tick(&mut self, now_ms: u64) -> usize {
        let before = self.wire.dials;
        self.sessions.tick(&mut self.wire, now_ms);
        self.wire.dials - before
    }

    /// What the store says now; returns the dials because of it.
    fn advanced(&mut self) -> usize {
        let before = self.wire.dials;
        for replica in self.sessions.documents().values_mut() {
            replica.refresh().unwrap();
        }
        self.sessions.advanced(&mut self.wire, 0);
        self.wire.dials - before
    }

    /// Lets the peer speak on a lane until nobody has more to say.
    fn talk(&mut self, connection: Connection, peer: &mut Peer, now_ms: u64) -> Vec<Told> {
        let mut told = Vec::new();
        loop {
            while let Some((lane, frame)) = self.wire.sent.pop_front() {
                if lane == connection {
                    peer.hears(Event::Frame(frame), now_ms);
                }
            }
            let Some(bytes) = peer.says.pop_front() else { return told };
            let arrival = Arrival::Frame { connection, bytes };
            told.extend(self.sessions.arrive(arrival, &mut self.wire, now_ms));
        }
    }
}

/// The other end of a lane.
struct Peer {
    session: Session,
    replica: StoredReplica,
    says: VecDeque<Vec<u8>>,
}

impl Peer {
    fn new(device: &Device, other: DeviceId, side: Side) -> Self {
        let document = device.document();
        let (reader, now) =
            (device.agent.home.store.reader().unwrap(), Arc::clone(&device.agent.world.now));
        let replica = StoredReplica::open(reader, document, now).unwrap();
        let session = Session::new(side, device.id(), other, document);
        let mut peer = Self { session, replica, says: VecDeque::new() };
        peer.hears(Event::Opened, 0);
        peer
    }

    fn hears(&mut self, event: Event, now_ms: u64) {
        for effect in self.session.handle(event, &self.replica, now_ms) {
            if let Effect::Send(frame) = effect {
                self.says.push_back(frame);
            }
        }
    }
}

fn batches(told: &[Told]) -> Vec<(Connection, u64)> {
    let batch = |told: &Told| match told {
        Told::Ingest { connection, number, .. } => Some((*connection, *number)),
        _ => None,
    };
    told.iter().filter_map(batch).collect()
}

fn put_out(company: &mut Company, who: usize) {
    let id = company.devices[who].id().to_string();
    revoke(&mut company.devices[0].agent, &id, false).unwrap();
}

fn is_apart(told: &[Told], peer: DeviceId, document: DocumentId) -> bool {
    matches!(told, [Told::Apart { peer: who, document: what }] if (*who, *what) == (peer, document))
}

#[test]
fn a_lane_that_ends_is_opened_again_ever_more_rarely_until_it_was_in_step() {
    let company = Company::of(2, 1, 41);
    let mut lanes = Lanes::of(&company, Side::Dialer);
    assert_eq!(lanes.wire.dials, 1);
    let mut now_ms = 0;
    for wait_ms in [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
        let lane = lanes.opened(Side::Dialer, now_ms);
        lanes.closed(lane, now_ms);
        assert_eq!(lanes.sessions.wakes_at(), Some(now_ms + wait_ms));
        assert_eq!(lanes.tick(now_ms + wait_ms - 1), 0);
        now_ms += wait_ms;
        assert_eq!(lanes.tick(now_ms), 1);
        assert_eq!(lanes.advanced() + lanes.tick(now_ms), 0, "it is being opened");
    }
    let lane = lanes.opened(Side::Dialer, now_ms);
    let mut peer = Peer::new(&company.devices[1], company.devices[0].id(), Side::Answerer);
    let told = lanes.talk(lane, &mut peer, now_ms);
    assert!(matches!(told[..], [Told::Step { in_step: true, .. }]), "{told:?}");
    lanes.closed(lane, now_ms);
    assert_eq!(lanes.sessions.wakes_at(), Some(now_ms + 1_000), "it was of use");
}

#[test]
fn f40_what_is_shared_no_more_is_not_opened_and_what_is_shared_again_is_at_once() {
    let mut company = Company::of(2, 1, 42);
    let document = company.devices[0].document();
    let mut lanes = Lanes::of(&company, Side::Dialer);
    let lane = lanes.opened(Side::Dialer, 0);
    put_out(&mut company, 1);
    lanes.advanced();
    assert_eq!(lanes.wire.closed, [lane]);
    let told = lanes.closed(lane, 0);
    assert!(is_apart(&told, lanes.peer, document), "{told:?}");
    assert_eq!(lanes.tick(1_000), 0, "it may not have it");
    company.let_in_again(0, 1, RoleName::Write);
    assert_eq!(lanes.advanced(), 1);
}

#[test]
fn f38_a_peer_that_opens_lane_after_lane_begins_a_session_only_so_often() {
    let company = Company::of(2, 1, 43);
    let mut lanes = Lanes::of(&company, Side::Answerer);
    for _ in 0..32 {
        let lane = lanes.opened(Side::Answerer, 0);
        assert!(!lanes.wire.closed.contains(&lane));
        lanes.closed(lane, 0);
    }
    for now_ms in [0, 9_999] {
        let lane = lanes.opened(Side::Answerer, now_ms);
        assert_eq!(lanes.wire.closed.pop(), Some(lane), "at {now_ms}");
    }
    lanes.opened(Side::Answerer, 10_000);
    assert_eq!(lanes.wire.closed, []);
    // Another connection gives no more.
    lanes.sessions.down(&lanes.peer.clone());
    lanes.sessions.up(lanes.peer, Side::Answerer, &mut lanes.wire);
    let lane = lanes.opened(Side::Answerer, 10_000);
    assert_eq!(lanes.wire.closed, [lane]);
}

#[test]
fn f38_a_peer_that_begins_anew_sends_no_more_before_the_last_was_judged() {
    let mut company = Company::of(2, 1, 44);
    company.devices[1].rates(0, 70);
    let me = company.devices[0].id();
    let mut lanes = Lanes::of(&company, Side::Answerer);
    let begins = |lanes: &mut Lanes| {
        let lane = lanes.opened(Side::Answerer, 0);
        let mut peer = Peer::new(&company.devices[1], me, Side::Dialer);
        (lane, batches(&lanes.talk(lane, &mut peer, 0)))
    };
    let (first, came) = begins(&mut lanes);
    assert_eq!(came, [(first, 1)]);
    let (second, came) = begins(&mut lanes);
    assert_eq!((came, &lanes.wire.closed[..]), (vec![], &[first, second][..]));
    let (third, came) = begins(&mut lanes);
    assert_eq!((came, lanes.wire.closed.last()), (vec![], Some(&third)));
    lanes.sessions.failed(first, &mut lanes.wire, 0);
    let (fourth, came) = begins(&mut lanes);
    assert_eq!(came, [(fourth, 1)]);
    let done = Ingested { number: 1, ..Ingested::default() };
    lanes.sessions.ingested(fourth, done, &mut lanes.wire, 0);
    let (fifth, came) = begins(&mut lanes);
    assert_eq!(came, [(fifth, 1)], "one that was judged is no more in the way");
}
