//! A connection with one peer, and its lanes.
//!
//! The peer has proven its key; frames travel on lanes, each in order and whole. What the peer must not
//! do closes the connection and names the peer.
//!
//! Invariant: a peer that stops anywhere costs the memory that [`Settings`] allow, for the time that they allow.

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use iroh::endpoint::{ConnectionError, VarInt};
use segue_sync::{DeviceId, Side};
use tokio::sync::Semaphore;

use crate::error::{Code, Ended, Fault, FaultKind, LaneError, Reason};
use crate::gate::{Channel, Gate};
use crate::lane::Lane;
use crate::settings::{ChannelLimits, Settings};

/// A connection with one peer. Clones are the same connection; it ends with the last of them and of its lanes.
#[derive(Debug, Clone)]
pub struct Connection(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    quic: iroh::endpoint::Connection,
    peer: DeviceId,
    channel: Channel,
    side: Side,
    limits: ChannelLimits,
    settings: Arc<Settings>,
    /// Held by each lane that the peer opened.
    lanes: Arc<Semaphore>,
    /// Held while a large frame is gathered: one at a time.
    large: Arc<Semaphore>,
    pass: Pass,
}

/// A connection that may be gone.
#[derive(Debug)]
pub(crate) struct Line(Weak<Inner>);

impl Line {
    /// Bytes of UDP that were sent and received so far.
    pub(crate) fn udp(&self) -> Option<(u64, u64)> {
        let stats = self.0.upgrade()?.quic.stats();
        Some((stats.udp_tx.bytes, stats.udp_rx.bytes))
    }
}

/// A place behind the gate, given back when dropped.
#[derive(Debug)]
pub(crate) struct Pass {
    pub(crate) gate: Arc<Mutex<Gate>>,
    pub(crate) number: u64,
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Ok(mut gate) = self.gate.lock() {
            gate.leave(self.number);
        }
    }
}

impl Connection {
    pub(crate) fn new(
        quic: iroh::endpoint::Connection,
        channel: Channel,
        side: Side,
        settings: Arc<Settings>,
        pass: Pass,
    ) -> Self {
        let limits = settings.of(channel);
        quic.set_max_concurrent_bi_streams(VarInt::from_u32(limits.lanes_max));
        Self(Arc::new(Inner {
            peer: DeviceId(*quic.remote_id().as_bytes()),
            lanes: Arc::new(Semaphore::new(limits.lanes_max as usize)),
            large: Arc::new(Semaphore::new(1)),
            quic,
            channel,
            side,
            limits,
            settings,
            pass,
        }))
    }

    /// Who is at the other end: the key that it has proven.
    pub fn peer(&self) -> DeviceId {
        self.0.peer
    }

    /// What the connection is for.
    pub fn channel(&self) -> Channel {
        self.0.channel
    }

    /// Who called whom.
    pub fn side(&self) -> Side {
        self.0.side
    }

    /// Opens a lane. The peer sees it with the first frame. Waits while the peer allows no more lanes.
    pub async fn open(&self) -> Result<Lane, Ended> {
        let (send, receive) = self.0.quic.open_bi().await.map_err(Ended::from_foreign)?;
        Ok(Lane::new(self.clone(), send, receive, None))
    }

    /// The next lane that the peer opened. Waits while it has as many open as the channel allows.
    pub async fn accept(&self) -> Result<Lane, Ended> {
        let place = Arc::clone(&self.0.lanes).acquire_owned().await;
        let (send, receive) = self.0.quic.accept_bi().await.map_err(Ended::from_foreign)?;
        Ok(Lane::new(self.clone(), send, receive, place.ok()))
    }

    /// Closes the connection at once; what the peer has not read yet may be lost. The first reason counts.
    pub fn close(&self, reason: &Reason) {
        self.0.quic.close(reason.number(), reason.bytes());
    }

    /// Waits until the connection is gone, and says why.
    pub async fn ended(&self) -> Ended {
        Ended::from_foreign(self.0.quic.closed().await)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.0.quic.close_reason().is_none()
    }

    /// How many packets came so far. While the peer lives it grows at least with each keep-alive.
    pub fn packets(&self) -> u64 {
        self.0.quic.stats().udp_rx.datagrams
    }

    pub(crate) fn line(&self) -> Line {
        Line(Arc::downgrade(&self.0))
    }

    pub(crate) fn number(&self) -> u64 {
        self.0.pass.number
    }

    pub(crate) fn limits(&self) -> ChannelLimits {
        self.0.limits
    }

    pub(crate) fn patience(&self, bytes: usize) -> Duration {
        self.0.settings.patience(bytes)
    }

    pub(crate) fn large(&self) -> Arc<Semaphore> {
        Arc::clone(&self.0.large)
    }

    /// Names the culprit and closes the connection.
    pub(crate) fn fault(&self, kind: FaultKind) -> LaneError {
        let text = format!("this device {kind}");
        self.close(&Reason::new(Code::Fault, text));
        Fault { peer: self.0.peer, kind }.into()
    }

    pub(crate) fn lost(error: ConnectionError) -> LaneError {
        Ended::from_foreign(error).into()
    }
}
