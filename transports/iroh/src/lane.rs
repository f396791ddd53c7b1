//! A lane: frames in both directions, whole and in order, with back-pressure.
//!
//! Invariant: a frame is delivered whole or not at all, and none above the channel's cap gets memory.

use std::time::{Duration, Instant};

use iroh::endpoint::{ReadError, RecvStream, SendStream, VarInt, WriteError};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use crate::assembly::{Assembly, TooLarge, framed};
use crate::connection::Connection;
use crate::error::{FaultKind, LaneError};

/// The number with which a stream is given up half-way.
const ABANDONED: VarInt = VarInt::from_u32(1);

/// Frames in both directions on one connection.
#[derive(Debug)]
pub struct Lane {
    sender: FrameSender,
    receiver: FrameReceiver,
}

/// The half of a lane that sends.
#[derive(Debug)]
pub struct FrameSender {
    connection: Connection,
    stream: SendStream,
    /// A frame was begun and not ended.
    is_interrupted: bool,
}

/// The half of a lane that receives.
#[derive(Debug)]
pub struct FrameReceiver {
    connection: Connection,
    stream: RecvStream,
    assembly: Assembly,
    /// How long the frame that has begun was waited for.
    waited: Duration,
    /// Held while a large frame is gathered.
    large: Option<OwnedSemaphorePermit>,
    /// One of the places for lanes that the peer opened.
    _place: Option<OwnedSemaphorePermit>,
}

impl Lane {
    pub(crate) fn new(
        connection: Connection,
        send: SendStream,
        receive: RecvStream,
        place: Option<OwnedSemaphorePermit>,
    ) -> Self {
        let assembly = Assembly::new(connection.limits().frame_bytes_max);
        let sender =
            FrameSender { connection: connection.clone(), stream: send, is_interrupted: false };
        let receiver = FrameReceiver {
            connection,
            stream: receive,
            assembly,
            waited: Duration::ZERO,
            large: None,
            _place: place,
        };
        Self { sender, receiver }
    }

    /// The connection that it belongs to.
    pub fn connection(&self) -> &Connection {
        &self.sender.connection
    }

    /// See [`FrameSender::send`].
    pub async fn send(&mut self, frame: &[u8]) -> Result<(), LaneError> {
        self.sender.send(frame).await
    }

    /// See [`FrameReceiver::receive`].
    pub async fn receive(&mut self) -> Result<Option<Vec<u8>>, LaneError> {
        self.receiver.receive().await
    }

    /// The two halves, for two tasks.
    pub fn split(self) -> (FrameSender, FrameReceiver) {
        (self.sender, self.receiver)
    }
}

impl FrameSender {
    /// Sends a frame. Waits while the peer takes none; one that takes nothing for too long is named.
    ///
    /// If the call is abandoned half-way, no frame can follow on this lane.
    pub async fn send(&mut self, frame: &[u8]) -> Result<(), LaneError> {
        let max = self.connection.limits().frame_bytes_max;
        if frame.len() > max {
            return Err(LaneError::TooLarge { bytes: frame.len(), max });
        }
        if self.is_interrupted {
            return Err(LaneError::Interrupted);
        }
        self.is_interrupted = true;
        let bytes = framed(frame);
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let write = timeout(self.connection.patience(0), self.stream.write(rest)).await;
            let Ok(written) = write else { return Err(self.connection.fault(FaultKind::Stalled)) };
            rest = &rest[written.map_err(unsent)?..];
        }
        self.is_interrupted = false;
        Ok(())
    }

    /// Says that no more frames come. What was sent still arrives.
    pub fn finish(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // Either fails only where the stream has ended already.
        let _ =
            if self.is_interrupted { self.stream.reset(ABANDONED) } else { self.stream.finish() };
    }
}

impl Drop for FrameSender {
    fn drop(&mut self) {
        self.end();
    }
}

impl FrameReceiver {
    /// The next frame, or nothing if the peer has finished. May be abandoned and called again.
    ///
    /// # Errors
    /// A peer that announces too large a frame, or leaves one half-way, is named, and its connection closed.
    pub async fn receive(&mut self) -> Result<Option<Vec<u8>>, LaneError> {
        loop {
            if let Some(frame) = self.assembly.take() {
                self.large = None;
                self.waited = Duration::ZERO;
                return Ok(Some(frame));
            }
            if self.assembly.is_large() && self.large.is_none() {
                self.large = self.connection.large().acquire_owned().await.ok();
            }
            let has_begun = self.assembly.has_begun();
            let Some(count) = self.read().await? else {
                let fault = || self.connection.fault(FaultKind::HalfFrame);
                return if has_begun { Err(fault()) } else { Ok(None) };
            };
            if let Err(TooLarge(bytes)) = self.assembly.filled(count) {
                let max = self.connection.limits().frame_bytes_max;
                return Err(self.connection.fault(FaultKind::FrameTooLarge { bytes, max }));
            }
        }
    }

    /// Reads into the room that the frame has. Only a frame that has begun is waited for with a limit.
    async fn read(&mut self) -> Result<Option<usize>, LaneError> {
        let patience = self.connection.patience(self.assembly.announced());
        let has_begun = self.assembly.has_begun();
        let read = self.stream.read(self.assembly.room());
        let read = if has_begun {
            let left = patience.saturating_sub(self.waited);
            let _clock = Clock { since: Instant::now(), total: &mut self.waited };
            let Ok(read) = timeout(left, read).await else {
                return Err(self.connection.fault(FaultKind::Stalled));
            };
            read
        } else {
            read.await
        };
        read.map_err(unread)
    }
}

/// Adds the time until it is dropped, so that an abandoned wait counts too.
struct Clock<'a> {
    since: Instant,
    total: &'a mut Duration,
}

impl Drop for Clock<'_> {
    fn drop(&mut self) {
        *self.total += self.since.elapsed();
    }
}

fn unsent(error: WriteError) -> LaneError {
    match error {
        WriteError::ConnectionLost(error) => Connection::lost(error),
        WriteError::Stopped(_) | WriteError::ClosedStream | WriteError::ZeroRttRejected => {
            LaneError::GivenUp
        }
    }
}

fn unread(error: ReadError) -> LaneError {
    match error {
        ReadError::ConnectionLost(error) => Connection::lost(error),
        ReadError::Reset(_) | ReadError::ClosedStream | ReadError::ZeroRttRejected => {
            LaneError::GivenUp
        }
    }
}
