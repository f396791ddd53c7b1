//! Counts what the connections of a [`Wire`](crate::Wire) carry.
//!
//! Invariant: counting keeps no connection alive, and no count ever falls.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::connection::{Connection, Line};

/// Bytes so far, over all connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// What sessions sent, each frame with its length.
    pub frames_sent: u64,
    /// What sessions received.
    pub frames_received: u64,
    /// Payload of UDP that was sent, all of QUIC included.
    pub udp_sent: u64,
    /// The same, received.
    pub udp_received: u64,
}

/// Counts for whoever holds a clone.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    sent: AtomicU64,
    received: AtomicU64,
    lines: Mutex<Lines>,
}

#[derive(Debug, Default)]
struct Lines {
    open: Vec<Metered>,
    /// Of connections that are gone.
    sent: u64,
    received: u64,
}

/// A connection, and what it had carried when it was last looked at.
#[derive(Debug)]
struct Metered {
    line: Line,
    sent: u64,
    received: u64,
}

impl Meter {
    /// What was carried until now. Of a connection that ended, until it was looked at last.
    pub fn read(&self) -> Traffic {
        let mut lines = self.0.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.look();
        let sum = |of: fn(&Metered) -> u64| lines.open.iter().map(of).sum::<u64>();
        Traffic {
            frames_sent: self.0.sent.load(Ordering::Relaxed),
            frames_received: self.0.received.load(Ordering::Relaxed),
            udp_sent: lines.sent + sum(|metered| metered.sent),
            udp_received: lines.received + sum(|metered| metered.received),
        }
    }

    pub(crate) fn add(&self, connection: &Connection) {
        let mut lines = self.0.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.look();
        lines.open.push(Metered { line: connection.line(), sent: 0, received: 0 });
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.0.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.0.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl Lines {
    fn look(&mut self) {
        let Self { open, sent, received } = self;
        open.retain_mut(|metered| {
            let udp = metered.line.udp();
            if let Some((out, back)) = udp {
                (metered.sent, metered.received) = (out, back);
            } else {
                *sent += metered.sent;
                *received += metered.received;
            }
            udp.is_some()
        });
    }
}
