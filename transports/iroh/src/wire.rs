//! The transport that sessions use: each of their connections is a lane.
//!
//! Two tasks move the frames of a lane, one in each direction. What comes waits in a short queue, so a session that
//! is slow slows its peer; what goes waits in a queue that is bounded in bytes, and a peer that lets it overflow
//! loses its lane: the session starts again later and resumes.
//!
//! Invariant: nothing of a lane is reported after its [`Arrival::Closed`], and that comes for each opened one.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use segue_sync::{Arrival, DeviceId, FRAME_BYTES_MAX, Side, Transport, WINDOW};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::assembly::HEADER_BYTES;
use crate::connection::Connection;
use crate::error::{Fault, LaneError};
use crate::lane::{FrameReceiver, FrameSender, Lane};
use crate::meter::Meter;

/// Frames that came and that nobody has taken yet, over all lanes.
const ARRIVALS_MAX: usize = 16;

/// Bytes on a lane that the peer has not taken yet: a window of the largest frames, and some small ones.
const QUEUED_BYTES_MAX: usize = (WINDOW + 1) * FRAME_BYTES_MAX;

/// Frames on a lane that the peer has not taken yet.
const QUEUED_MAX: usize = 4096;

/// How long a lane that we closed waits for its last frames to be read.
const GOODBYE: Duration = Duration::from_secs(5);

/// What came, before it is told to the session.
#[derive(Debug)]
enum News {
    Opened(Lane, Side),
    Frame(u64, Vec<u8>),
    Closed(u64, Option<Fault>),
}

/// Moves the frames of sessions over the connections that it is given.
#[derive(Debug)]
pub struct Wire {
    connections: BTreeMap<DeviceId, (Connection, AbortHandle)>,
    lanes: BTreeMap<u64, Outgoing>,
    next_number: u64,
    news: mpsc::Receiver<News>,
    tell: mpsc::Sender<News>,
    faults: Vec<Fault>,
    meter: Meter,
}

/// Our side of a lane.
#[derive(Debug)]
struct Outgoing {
    /// Nothing once the session has closed it; what comes then is dropped.
    frames: Option<mpsc::Sender<Vec<u8>>>,
    bytes: Arc<AtomicUsize>,
    /// Ends the lane at once when it is dropped.
    stands: Option<oneshot::Sender<()>>,
}

impl Default for Wire {
    fn default() -> Self {
        Self::new(Meter::default())
    }
}

impl Wire {
    /// A wire of which this meter counts what it carries.
    pub fn new(meter: Meter) -> Self {
        let (tell, news) = mpsc::channel(ARRIVALS_MAX);
        Self {
            connections: BTreeMap::new(),
            lanes: BTreeMap::new(),
            next_number: 0,
            news,
            tell,
            faults: Vec::new(),
            meter,
        }
    }

    /// Numbers its lanes from here on, so that none is taken for one of an earlier wire.
    #[must_use]
    pub fn numbered_from(mut self, number: u64) -> Self {
        self.next_number = number;
        self
    }

    /// Uses a connection from now on, instead of an earlier one with the same peer.
    pub fn add(&mut self, connection: &Connection) {
        let accepting = tokio::spawn(accept(connection.clone(), self.tell.clone()));
        let new = (connection.clone(), accepting.abort_handle());
        self.meter.add(connection);
        if let Some((_, old)) = self.connections.insert(connection.peer(), new) {
            old.abort();
        }
    }

    /// Says that the connection with a peer is gone. Its lanes end by themselves.
    pub fn remove(&mut self, peer: &DeviceId) {
        if let Some((_, accepting)) = self.connections.remove(peer) {
            // The last look while it is still there.
            self.meter.read();
            accepting.abort();
        }
    }

    /// Waits until [`next`](Transport::next) has something to return, and returns it. May be abandoned and called again.
    pub async fn arrival(&mut self) -> Arrival {
        loop {
            // The wire holds a sender itself, so the queue never ends.
            if let Some(news) = self.news.recv().await
                && let Some(arrival) = self.told(news)
            {
                return arrival;
            }
        }
    }

    /// Who misbehaved since this was last asked.
    pub fn faults(&mut self) -> Vec<Fault> {
        std::mem::take(&mut self.faults)
    }

    fn told(&mut self, news: News) -> Option<Arrival> {
        match news {
            News::Opened(lane, side) => Some(self.opened(lane, side)),
            News::Frame(number, bytes) => {
                self.meter.received(bytes.len() + HEADER_BYTES);
                let is_wanted = self.lanes.get(&number).is_some_and(|lane| lane.frames.is_some());
                let connection = segue_sync::Connection(number);
                is_wanted.then_some(Arrival::Frame { connection, bytes })
            }
            News::Closed(number, fault) => {
                self.faults.extend(fault);
                self.lanes.remove(&number)?;
                Some(Arrival::Closed { connection: segue_sync::Connection(number) })
            }
        }
    }

    fn opened(&mut self, lane: Lane, side: Side) -> Arrival {
        let number = self.next_number;
        self.next_number += 1;
        let peer = lane.connection().peer();
        let (frames, queue) = mpsc::channel(QUEUED_MAX);
        let (stands, given_up) = oneshot::channel();
        let bytes = Arc::new(AtomicUsize::new(0));
        let (tell, sent) = (self.tell.clone(), Arc::clone(&bytes));
        tokio::spawn(async move {
            let (sender, receiver) = lane.split();
            let sending = send_all(sender, queue, &sent);
            let receiving = receive_all(number, receiver, &tell);
            let fault = carry(sending, receiving, given_up).await;
            let _ = tell.send(News::Closed(number, fault)).await;
        });
        let lane = Outgoing { frames: Some(frames), bytes, stands: Some(stands) };
        self.lanes.insert(number, lane);
        Arrival::Opened { connection: segue_sync::Connection(number), peer, side }
    }
}

impl Transport for Wire {
    fn dial(&mut self, peer: &DeviceId) {
        let Some((connection, _)) = self.connections.get(peer) else { return };
        let (connection, tell) = (connection.clone(), self.tell.clone());
        tokio::spawn(async move {
            if let Ok(lane) = connection.open().await {
                let _ = tell.send(News::Opened(lane, Side::Dialer)).await;
            }
        });
    }

    fn send(&mut self, connection: segue_sync::Connection, frame: Vec<u8>) {
        let Some(lane) = self.lanes.get_mut(&connection.0) else { return };
        let Some(frames) = &lane.frames else { return };
        self.meter.sent(frame.len() + HEADER_BYTES);
        let queued = lane.bytes.fetch_add(frame.len(), Ordering::Relaxed) + frame.len();
        if queued > QUEUED_BYTES_MAX || frames.try_send(frame).is_err() {
            lane.stands = None;
        }
    }

    fn close(&mut self, connection: segue_sync::Connection) {
        // Without its queue the sending ends after what is in it.
        if let Some(lane) = self.lanes.get_mut(&connection.0) {
            lane.frames = None;
        }
    }

    fn next(&mut self) -> Option<Arrival> {
        while let Ok(news) = self.news.try_recv() {
            if let Some(arrival) = self.told(news) {
                return Some(arrival);
            }
        }
        None
    }
}

/// Reports the lanes that the peer opens, until the connection is gone.
async fn accept(connection: Connection, tell: mpsc::Sender<News>) {
    while let Ok(lane) = connection.accept().await {
        if tell.send(News::Opened(lane, Side::Answerer)).await.is_err() {
            return;
        }
    }
}

/// Moves frames until either side is done, and says who misbehaved.
async fn carry(
    sending: impl Future<Output = Option<Fault>>,
    receiving: impl Future<Output = Option<Fault>>,
    given_up: oneshot::Receiver<()>,
) -> Option<Fault> {
    let mut receiving = pin!(receiving);
    tokio::select! {
        // A fault in sending ends the connection, and with it the receiving: the fault is what counts.
        biased;
        fault = sending => match fault {
            Some(fault) => Some(fault),
            // We are done; the peer ends its side when it has read the last frame.
            None => timeout(GOODBYE, receiving).await.ok().flatten(),
        },
        fault = &mut receiving => fault,
        _ = given_up => None,
    }
}

/// Sends what is queued until the queue ends, and says who would not take it.
async fn send_all(
    mut sender: FrameSender,
    mut queue: mpsc::Receiver<Vec<u8>>,
    bytes: &AtomicUsize,
) -> Option<Fault> {
    while let Some(frame) = queue.recv().await {
        let sent = sender.send(&frame).await;
        bytes.fetch_sub(frame.len(), Ordering::Relaxed);
        match sent {
            Ok(()) => {}
            Err(LaneError::Fault(fault)) => return Some(fault),
            Err(_) => return None,
        }
    }
    sender.finish();
    None
}

/// Reports what comes until the peer has finished, and says if it did so as it should not.
async fn receive_all(
    number: u64,
    mut receiver: FrameReceiver,
    tell: &mpsc::Sender<News>,
) -> Option<Fault> {
    loop {
        match receiver.receive().await {
            Ok(Some(frame)) => tell.send(News::Frame(number, frame)).await.ok()?,
            Err(LaneError::Fault(fault)) => return Some(fault),
            Ok(None) | Err(_) => return None,
        }
    }
}
