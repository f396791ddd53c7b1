//! What carries frames from peer to peer.

use segue_model::DeviceId;

/// A connection to one peer, numbered by its transport; a number is used once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Connection(pub u64);

/// What came from the outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// A connection stands, and the peer has proven its key.
    Opened {
        /// The connection.
        connection: Connection,
        /// Who is at the other end.
        peer: DeviceId,
        /// Who called whom.
        side: Side,
    },
    /// A frame of at most [`FRAME_BYTES_MAX`](crate::FRAME_BYTES_MAX) bytes.
    Frame {
        /// The connection.
        connection: Connection,
        /// The frame.
        bytes: Vec<u8>,
    },
    /// The connection is gone. Nothing more comes from it.
    Closed {
        /// The connection.
        connection: Connection,
    },
}

/// Who called whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// We called, and say Hello.
    Dialer,
    /// We were called.
    Answerer,
}

/// Moves frames, and knows nothing of what they say.
///
/// It proves who the peer is, keeps each frame whole, and delivers none that is larger than
/// [`FRAME_BYTES_MAX`](crate::FRAME_BYTES_MAX). Frames should arrive once and in order; a session stands it if
/// they do not. No method waits.
pub trait Transport {
    /// Tries to reach a peer. If that succeeds there will be an [`Arrival::Opened`].
    fn dial(&mut self, peer: &DeviceId);

    /// Sends a frame. On a connection that is gone it does nothing.
    fn send(&mut self, connection: Connection, frame: Vec<u8>);

    /// Ends a connection after what was sent on it.
    fn close(&mut self, connection: Connection);

    /// The next thing that came, if there is one.
    fn next(&mut self) -> Option<Arrival>;
}
