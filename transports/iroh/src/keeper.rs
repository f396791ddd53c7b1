//! Keeps a connection with each wanted peer: dials, dials again, and gives up on those that only look alive.
//!
//! It drives the [`Dialer`] with the clock and the [`Node`]; whoever owns it asks for the
//! [`next`](Keeper::next) report, and moves frames on the connections itself.
//!
//! Invariant: at most one connection with a peer on [`Channel::Sync`] is up, and a peer that is wanted and not up is
//! being dialled or has its time to be.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use segue_sync::DeviceId;
use tokio::task::JoinSet;

use crate::address::Address;
use crate::connection::Connection;
use crate::dialer::{Dialer, Pace};
use crate::error::{Code, DialError, Ended, Reason};
use crate::gate::Channel;
use crate::node::Node;

/// What happened to a connection.
#[derive(Debug)]
pub enum Report {
    /// A connection stands, whoever dialled. One with the same peer and channel that was up is replaced.
    Up(Connection),
    /// The connection with a peer is gone; it is dialled again if it is wanted.
    Down {
        /// Who was at the other end.
        peer: DeviceId,
        /// Why.
        ended: Ended,
    },
    /// A peer was not reached; it is dialled again later.
    Unreached {
        /// Whom we dialled.
        peer: DeviceId,
        /// Why.
        error: DialError,
    },
}

/// Keeps a connection with each wanted peer.
#[derive(Debug)]
pub struct Keeper {
    node: Arc<Node>,
    pace: Pace,
    dialer: Dialer,
    addresses: BTreeMap<DeviceId, Vec<Address>>,
    up: BTreeMap<DeviceId, Connection>,
    /// Of two dials at once, the connection that came second: it is up as soon as the peer closes the first.
    beside: BTreeMap<DeviceId, Connection>,
    dials: JoinSet<(DeviceId, Result<Connection, DialError>)>,
    ends: JoinSet<(DeviceId, u64, Ended)>,
    began: Instant,
}

impl Keeper {
    /// A keeper that wants nobody yet. The seed keeps devices from trying in step.
    pub fn new(node: Arc<Node>, seed: u64, pace: Pace) -> Self {
        Self {
            node,
            pace,
            dialer: Dialer::new(seed, pace),
            addresses: BTreeMap::new(),
            up: BTreeMap::new(),
            beside: BTreeMap::new(),
            dials: JoinSet::new(),
            ends: JoinSet::new(),
            began: Instant::now(),
        }
    }

    /// A peer is wanted from now on, or has new addresses: unless it is up it is dialled at once.
    pub fn want(&mut self, peer: DeviceId, addresses: Vec<Address>) {
        self.addresses.insert(peer, addresses);
        self.dialer.want(peer, self.now_ms());
    }

    /// A peer is not wanted any more: its connection is closed with the reason.
    pub fn forget(&mut self, peer: &DeviceId, reason: &Reason) {
        self.addresses.remove(peer);
        self.dialer.forget(peer);
        for connection in [self.up.remove(peer), self.beside.remove(peer)].into_iter().flatten() {
            connection.close(reason);
        }
    }

    /// The network changed or the device woke up: who is not up is dialled at once, and who is up has to
    /// show it soon.
    pub async fn network_change(&mut self) {
        self.node.network_change().await;
        self.listen();
        self.dialer.network_changed(self.now_ms());
    }

    /// What happens next; nothing once the node is closed. May be abandoned and called again.
    pub async fn next(&mut self) -> Option<Report> {
        loop {
            self.evict();
            self.start_dials();
            let wait = tokio::time::sleep(self.wait());
            tokio::select! {
                connection = self.node.accept() => {
                    if let Some(report) = self.entered(connection?) {
                        return Some(report);
                    }
                }
                Some(Ok((peer, dialled))) = self.dials.join_next() => {
                    if let Some(report) = self.dialled(peer, dialled) {
                        return Some(report);
                    }
                }
                Some(Ok((peer, number, ended))) = self.ends.join_next() => {
                    if let Some(report) = self.ended(peer, number, ended) {
                        return Some(report);
                    }
                }
                () = wait => {}
            }
        }
    }

    /// Closes connections on which nothing comes, though they say that they stand.
    fn evict(&mut self) {
        self.listen();
        for peer in self.dialer.silent(self.now_ms()) {
            if let Some(connection) = self.up.get(&peer) {
                connection.close(&Reason::new(Code::Leaving, "nothing was heard"));
            }
        }
    }

    fn listen(&mut self) {
        let now_ms = self.now_ms();
        for (peer, connection) in &self.up {
            self.dialer.heard(peer, connection.packets(), now_ms);
        }
    }

    fn start_dials(&mut self) {
        for peer in self.dialer.due(self.now_ms()) {
            let node = Arc::clone(&self.node);
            let addresses = self.addresses.get(&peer).cloned().unwrap_or_default();
            self.dials
                .spawn(async move { (peer, node.dial(peer, Channel::Sync, &addresses).await) });
        }
    }

    /// Until something is due, or it is time to listen for the silent.
    fn wait(&self) -> Duration {
        let look_ms = self.pace.silence_ms_max.min(self.pace.proof_ms_max) / 4;
        let due_ms = self.dialer.next_ms().map(|at_ms| at_ms.saturating_sub(self.now_ms()));
        // A due peer waits for a free dial, whose end wakes us.
        let due_ms = due_ms.filter(|due_ms| *due_ms > 0).unwrap_or(look_ms);
        Duration::from_millis(due_ms.min(look_ms).max(1))
    }

    fn dialled(
        &mut self,
        peer: DeviceId,
        dialled: Result<Connection, DialError>,
    ) -> Option<Report> {
        let is_wanted = self.addresses.contains_key(&peer);
        match dialled {
            Ok(connection) if is_wanted => self.entered(connection),
            Ok(_) => None,
            Err(_) if self.up.contains_key(&peer) || !is_wanted => None,
            Err(DialError::Duplicate(_)) => {
                // The peer's own call came first and is about to be up; if it is not, we dial again.
                self.dialer.down(&peer, self.now_ms());
                None
            }
            Err(error) => {
                self.dialer.down(&peer, self.now_ms());
                Some(Report::Unreached { peer, error })
            }
        }
    }

    fn entered(&mut self, connection: Connection) -> Option<Report> {
        if connection.channel() != Channel::Sync {
            return Some(Report::Up(connection));
        }
        let (peer, number) = (connection.peer(), connection.number());
        let watched = connection.clone();
        self.ends.spawn(async move { (peer, number, watched.ended().await) });
        match self.up.get(&peer) {
            // It was replaced before we heard of it.
            Some(_) if !connection.is_open() => None,
            Some(first) if first.is_open() => {
                self.beside.insert(peer, connection);
                None
            }
            _ => Some(self.goes_up(connection)),
        }
    }

    fn goes_up(&mut self, connection: Connection) -> Report {
        let peer = connection.peer();
        self.dialer.up(&peer, self.now_ms());
        self.up.insert(peer, connection.clone());
        Report::Up(connection)
    }

    fn ended(&mut self, peer: DeviceId, number: u64, ended: Ended) -> Option<Report> {
        let is_it = |connection: &Connection| connection.number() == number;
        if self.beside.get(&peer).is_some_and(is_it) {
            self.beside.remove(&peer);
        }
        if !self.up.get(&peer).is_some_and(is_it) {
            return None;
        }
        self.up.remove(&peer);
        let second = self.beside.remove(&peer).filter(Connection::is_open);
        if let Some(second) = second {
            return Some(self.goes_up(second));
        }
        self.dialer.down(&peer, self.now_ms());
        Some(Report::Down { peer, ended })
    }

    fn now_ms(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }
}
