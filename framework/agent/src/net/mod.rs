//! What talks to other devices: one thread with the network, the sessions and who is connected.
//!
//! It owns no truth: it reads the store through connections of its own, and whatever is to be written is an
//! event for the agent's loop. The network is bound when there is a reason: a member to be reached, a
//! ticket that is good, or a document to be joined. What the thread does is in [`work`].
//!
//! Invariant: nothing that a peer does holds up the agent's loop, and nothing of a device that is not a member
//! is heard but a ticket.

pub(crate) mod choice;
pub(crate) mod knock;
pub(crate) mod live;
pub(crate) mod sessions;
pub(crate) mod waiting;
mod work;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use segue_access::{SignedStatement, Ticket};
use segue_iroh::{Meter, Traffic};
use segue_limits::lease::Observation;
use segue_model::{DeviceId, DocumentId};
use segue_store::Reader;
use segue_sync::{Batch, Compared, Ingested};
use tokio::sync::{mpsc, oneshot};

use crate::failure::Failure;
use choice::Reach;
use knock::Knock;
use live::Live;
use waiting::Waiting;

/// Whoever needs the addresses of this device waits so long for them.
const ADDRESSES_PATIENCE: Duration = Duration::from_secs(15);

/// What happened on the network.
#[derive(Debug)]
pub(crate) enum NetEvent {
    /// A batch is to be judged.
    Arrived {
        /// For the answer.
        connection: segue_sync::Connection,
        /// The document.
        document: DocumentId,
        /// The batch's number.
        number: u64,
        /// What came.
        batch: Batch,
    },
    /// A device shows a ticket.
    Knocked(Box<Knock>),
    /// The clock of a member of a document was compared with ours.
    Compared(DocumentId, Observation),
    /// Somebody broke the rules.
    Culprit(DeviceId, String),
    /// A device is connected.
    Seen(DeviceId),
    /// Something that a person may want to know.
    Said(String),
}

/// What a session saw of a peer's clock.
pub(crate) fn observation(peer: DeviceId, seen: Compared) -> Observation {
    let Compared { theirs_ms, ours_ms, round_trip_ms } = seen;
    Observation { peer, theirs: theirs_ms, ours: ours_ms, round_trip: round_trip_ms }
}

/// Where events go; `false` if nobody takes them any more.
pub(crate) type Tell = Arc<dyn Fn(NetEvent) -> bool + Send + Sync>;

/// A document that this device was let into, to be stored.
pub(crate) type Stored = Box<dyn FnOnce(Result<Joined, (String, String)>) + Send>;

/// What the inviter gave, and where it is said that it is stored.
pub(crate) type Joined = (Box<segue_sync::join::Welcomed>, oneshot::Sender<()>);

enum Command {
    Refresh,
    Ingested(segue_sync::Connection, Ingested),
    Join {
        ticket: Ticket,
        vouch: SignedStatement,
        said: Box<dyn FnMut(String) + Send>,
        done: Stored,
    },
    /// What came could not be stored: the lane is given up, and opened again later.
    Failed(segue_sync::Connection),
    NetworkChanged,
    Addresses(std::sync::mpsc::Sender<Result<Vec<String>, String>>),
    Stop(std::sync::mpsc::Sender<()>),
}

/// The way to the thread.
#[derive(Clone)]
pub(crate) struct Net {
    commands: mpsc::UnboundedSender<Command>,
    live: Arc<Mutex<Live>>,
    waiting: Waiting,
    reach: Reach,
    meter: Meter,
}

/// What the thread begins with.
pub(crate) struct Setup {
    pub(crate) folder: PathBuf,
    pub(crate) store: PathBuf,
    pub(crate) seed: [u8; 32],
    pub(crate) me: DeviceId,
    pub(crate) name: String,
    pub(crate) reach: Reach,
    pub(crate) now: Arc<dyn Fn() -> i64 + Send + Sync>,
    /// Keeps devices from dialling in step.
    pub(crate) chance: u64,
}

impl Net {
    /// Begins the thread.
    pub(crate) fn begin(setup: Setup, tell: Tell) -> Result<Self, Failure> {
        let network = choice::network(setup.reach, &setup.folder)?;
        let (commands, received) = mpsc::unbounded_channel();
        let live = Arc::new(Mutex::new(Live::default()));
        let (shared, waiting) = (Arc::clone(&live), Waiting::default());
        let meter = Meter::default();
        let net =
            Self { commands, live: shared, waiting, reach: setup.reach, meter: meter.clone() };
        // Whoever begins it learns of a store that cannot be read.
        Reader::open(&setup.store)?;
        let shared = work::Shared { setup, network, live, tell, meter };
        std::thread::spawn(move || work::stay(&shared, received));
        Ok(net)
    }

    /// One that nobody hears; and what it was told since that was last asked.
    #[cfg(test)]
    pub(crate) fn unheard() -> (Self, impl FnMut() -> Vec<String>) {
        let (commands, mut received) = mpsc::unbounded_channel();
        let (live, waiting) = (Arc::default(), Waiting::default());
        let net = Self { commands, live, waiting, reach: Reach::Loopback, meter: Meter::default() };
        let word = |command| match command {
            Command::Refresh => "refresh".to_owned(),
            Command::Ingested(connection, _) => format!("{} is judged", connection.0),
            Command::Failed(connection) => format!("{} failed", connection.0),
            _ => "another".to_owned(),
        };
        let told = move || std::iter::from_fn(|| received.try_recv().ok()).map(word).collect();
        (net, told)
    }

    /// The store may have something new.
    pub(crate) fn refresh(&self) {
        let _ = self.commands.send(Command::Refresh);
    }

    /// A batch was judged and what is good of it is durable.
    pub(crate) fn ingested(&self, connection: segue_sync::Connection, done: Ingested) {
        let _ = self.commands.send(Command::Ingested(connection, done));
    }

    /// A batch could not be stored.
    pub(crate) fn failed(&self, connection: segue_sync::Connection) {
        let _ = self.commands.send(Command::Failed(connection));
    }

    /// Asks to be let in with a ticket; `done` comes once.
    pub(crate) fn join(
        &self,
        ticket: Ticket,
        vouch: SignedStatement,
        said: Box<dyn FnMut(String) + Send>,
        done: Stored,
    ) {
        let _ = self.commands.send(Command::Join { ticket, vouch, said, done });
    }

    /// The computer slept, or its network is another one.
    pub(crate) fn network_changed(&self) {
        let _ = self.commands.send(Command::NetworkChanged);
    }

    /// Where this device can be reached. Waits until the network is there.
    pub(crate) fn addresses(&self) -> Result<Vec<String>, Failure> {
        let (answer, answered) = std::sync::mpsc::channel();
        let _ = self.commands.send(Command::Addresses(answer));
        let failed = |why: String| Failure::refused(why, "see --network");
        let addresses = answered
            .recv_timeout(ADDRESSES_PATIENCE)
            .map_err(|_| failed("the network does not answer".into()))?
            .map_err(failed)?;
        if addresses.is_empty() {
            let sentence = "this device has no address in the network that is allowed";
            return Err(Failure::refused(sentence, "connect it to a network, or say --network"));
        }
        Ok(addresses)
    }

    /// Devices that wait for a person's answer.
    pub(crate) fn waiting(&self) -> Waiting {
        self.waiting.clone()
    }

    /// How far this device reaches.
    pub(crate) const fn reach(&self) -> Reach {
        self.reach
    }

    /// Who is connected, and how far.
    pub(crate) fn live(&self) -> Live {
        self.live.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What connections carried so far.
    pub(crate) fn traffic(&self) -> Traffic {
        self.meter.read()
    }

    /// Closes all connections, within bounded time.
    pub(crate) fn stop(&self) {
        let (done, is_done) = std::sync::mpsc::channel();
        if self.commands.send(Command::Stop(done)).is_ok() {
            let _ = is_done.recv_timeout(Duration::from_secs(5));
        }
    }
}
