//! Where a node listens, what a peer may make it hold, and how long it waits.

use std::time::Duration;

use segue_sync::{FRAME_BYTES_MAX, join};

use crate::gate::Channel;

/// What may be asked on a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelLimits {
    /// The largest frame, in bytes.
    pub frame_bytes_max: usize,
    /// Lanes that the peer may have open at once.
    pub lanes_max: u32,
}

/// The limits of a node. The defaults suit a device with some dozens of peers.
///
/// One connection holds at most its receive window, one frame of the largest size, and 64 KiB for
/// each lane; what is beyond that stays with the sender.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The UDP port to listen on, if it is free; 0 for any. One that stays lets peers find the device where it was.
    pub port: u16,
    /// The channel of members.
    pub sync: ChannelLimits,
    /// The channel of strangers.
    pub join: ChannelLimits,
    /// How long a dial may take, with looking up the address.
    pub dial_ms_max: u64,
    /// How long a peer may take for the handshake.
    pub handshake_ms_max: u64,
    /// A peer that was silent for so long is dead.
    pub idle_ms_max: u32,
    /// How often a sign of life is sent; at most a third of `idle_ms_max` and at most 5,000.
    pub keep_alive_ms: u64,
    /// How long a frame that has begun may make no progress; large ones get more, by 8 KiB a second.
    pub stall_ms_max: u64,
    /// How long closing may take.
    pub close_ms_max: u64,
    /// Connections at once.
    pub connections_max: usize,
    /// Handshakes at once; from half of them on, callers must show that their address is theirs.
    pub handshakes_max: usize,
    /// Connections at once of devices that are no members.
    pub strangers_max: usize,
    /// Connections in a minute of devices that are no members.
    pub strangers_per_minute_max: usize,
    /// How long a connection of a device that is no member may last.
    pub stranger_ms_max: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            port: 0,
            sync: ChannelLimits { frame_bytes_max: FRAME_BYTES_MAX, lanes_max: 8 },
            join: ChannelLimits { frame_bytes_max: join::FRAME_BYTES_MAX, lanes_max: 1 },
            dial_ms_max: 10_000,
            handshake_ms_max: 5_000,
            idle_ms_max: 15_000,
            keep_alive_ms: 5_000,
            stall_ms_max: 30_000,
            close_ms_max: 3_000,
            connections_max: 64,
            handshakes_max: 16,
            strangers_max: 4,
            strangers_per_minute_max: 20,
            stranger_ms_max: 10 * 60_000,
        }
    }
}

/// Bytes that a peer must manage in a millisecond once a frame has begun.
const PACE_BYTES_PER_MS: u64 = 8;

impl Settings {
    pub(crate) fn of(&self, channel: Channel) -> ChannelLimits {
        match channel {
            Channel::Sync => self.sync,
            Channel::Join => self.join,
        }
    }

    /// How long we wait, in all, for the rest of a frame of `bytes`.
    pub(crate) fn patience(&self, bytes: usize) -> Duration {
        Duration::from_millis(self.stall_ms_max + bytes as u64 / PACE_BYTES_PER_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_frame_on_a_slow_line_gets_its_time() {
        let settings = Settings::default();
        assert_eq!(settings.patience(0), Duration::from_secs(30));
        assert!(settings.patience(4 << 20) > Duration::from_secs(500));
    }
}
