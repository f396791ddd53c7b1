//! What talks to other devices: one thread with the network, the sessions and who is connected.
//!
//! It owns no truth: it reads the store through connections of its own, and whatever is to be written is an
//! event for the agent's loop. The network is bound when there is a reason: a member to be reached, a
//! ticket that is good, or a document to be joined.
//!
//! Invariant: nothing that a peer does holds up the agent's loop, and nothing of a device that is not a member
//! is heard but a ticket.

pub(crate) mod choice;
pub(crate) mod knock;
pub(crate) mod live;
pub(crate) mod sessions;
pub(crate) mod waiting;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use segue_access::{SignedStatement, Ticket};
use segue_iroh::{
    Address, Channel, Code, Connection, Keeper, Meter, Network, Node, Pace, Reason, Report,
    Settings, Traffic, Verdict, Wire,
};
use segue_model::{DeviceId, DocumentId};
use segue_store::Reader;
use segue_sync::{Arrival, Batch, Ingested};
use tokio::sync::{mpsc, oneshot};

use crate::failure::Failure;
use crate::peers::invite::is_anybody_expected;
use crate::peers::replica::StoredReplica;
use choice::Reach;
use knock::{Host, Knock, Met};
use live::Live;
use sessions::{Sessions, Told};
use waiting::Waiting;

/// The file that keeps the UDP port, so that peers find this device again.
const PORT: &str = "network.port";
/// Devices that wait for an answer to their ticket.
const KNOCKS_MAX: usize = 16;
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
    /// Somebody broke the rules.
    Culprit(DeviceId, String),
    /// A device is connected.
    Seen(DeviceId),
    /// Something that a person may want to know.
    Said(String),
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
        let reader = Reader::open(&setup.store)?;
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            if let Ok(runtime) = runtime {
                runtime
                    .block_on(Work::new(setup, network, reader, live, (tell, meter)).run(received));
                runtime.shutdown_background();
            }
        });
        Ok(net)
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

/// Who may come in, as the transport asks.
#[derive(Default)]
struct Door {
    members: BTreeSet<DeviceId>,
    expects: bool,
}

/// The thread's own.
struct Work {
    setup: Setup,
    network: Network,
    reader: Reader,
    live: Arc<Mutex<Live>>,
    tell: Tell,
    door: Arc<Mutex<Door>>,
    keeper: Option<Keeper>,
    node: Option<Arc<Node>>,
    wanted: BTreeMap<DeviceId, Vec<String>>,
    wire: Wire,
    sessions: Sessions,
    began: Instant,
    knocks: mpsc::Sender<Knock>,
    knocked: mpsc::Receiver<Knock>,
}

impl Work {
    fn new(
        setup: Setup,
        network: Network,
        reader: Reader,
        live: Arc<Mutex<Live>>,
        (tell, meter): (Tell, Meter),
    ) -> Self {
        let (knocks, knocked) = mpsc::channel(KNOCKS_MAX);
        Self {
            sessions: Sessions::new(setup.me),
            network,
            reader,
            live,
            tell,
            door: Arc::default(),
            keeper: None,
            node: None,
            wanted: BTreeMap::new(),
            wire: Wire::new(meter),
            began: Instant::now(),
            knocks,
            knocked,
            setup,
        }
    }

    async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        self.refresh().await;
        loop {
            let wakes_at =
                self.sessions.wakes_at().map(|ms| self.began + Duration::from_millis(ms));
            let wake = wakes_at.unwrap_or_else(|| Instant::now() + Duration::from_hours(1));
            tokio::select! {
                command = commands.recv() => match command {
                    None => break,
                    Some(Command::Stop(done)) => {
                        self.close().await;
                        let _ = done.send(());
                        return;
                    }
                    Some(command) => self.command(command).await,
                },
                report = next_report(self.keeper.as_mut()) => self.report(report),
                arrival = self.wire.arrival() => self.arrived(arrival),
                Some(knock) = self.knocked.recv() => self.knock(knock),
                () = tokio::time::sleep_until(wake.into()) => {
                    let now_ms = self.now_ms();
                    let told = self.sessions.tick(&mut self.wire, now_ms);
                    self.told(told);
                }
            }
        }
        self.close().await;
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn live(&self) -> std::sync::MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn command(&mut self, command: Command) {
        match command {
            Command::Refresh => self.refresh().await,
            Command::Ingested(connection, done) => {
                self.refresh().await;
                let now_ms = self.now_ms();
                let told = self.sessions.ingested(connection, done, &mut self.wire, now_ms);
                self.told(told);
            }
            Command::Join { ticket, vouch, said, done } => match self.bound().await {
                Ok(node) => drop(tokio::spawn(join(node, ticket, vouch, said, done))),
                Err(why) => done(Err((why, "see --network".into()))),
            },
            Command::Failed(connection) => {
                let now_ms = self.now_ms();
                let told = self.sessions.failed(connection, &mut self.wire, now_ms);
                self.told(told);
            }
            Command::NetworkChanged => {
                if let Some(keeper) = &mut self.keeper {
                    keeper.network_change().await;
                }
            }
            Command::Addresses(answer) => {
                let bound = self.bound().await;
                let texts = |node: Arc<Node>| {
                    node.addresses().iter().map(ToString::to_string).collect::<Vec<String>>()
                };
                let _ = answer.send(bound.map(texts));
            }
            Command::Stop(_) => {}
        }
    }

    /// Looks what the store says now: documents, members, tickets.
    async fn refresh(&mut self) {
        if let Err(failure) = self.try_refresh().await {
            (self.tell)(NetEvent::Said(format!("cannot read its store: {failure}")));
        }
    }

    async fn try_refresh(&mut self) -> Result<(), Failure> {
        let me = self.setup.me;
        for row in self.reader.documents()? {
            if !self.sessions.documents().contains_key(&row.id) {
                let reader = Reader::open(&self.setup.store)?;
                let now = Arc::clone(&self.setup.now);
                let replica = StoredReplica::open(reader, row.id, now)?;
                self.sessions.documents().insert(row.id, replica);
            }
        }
        let mut wanted: BTreeMap<DeviceId, Vec<String>> = BTreeMap::new();
        let mut names = BTreeMap::new();
        for replica in self.sessions.documents().values_mut() {
            replica.refresh()?;
            for (device, _) in replica.circle().members.devices() {
                if device != me {
                    wanted.insert(device, Vec::new());
                    names.extend(
                        replica.circle().members.name(&device).map(|n| (device, n.to_owned())),
                    );
                }
            }
        }
        let peers = self.reader.peers()?;
        wanted.retain(|device, _| self.sessions.may_read_any(device));
        for peer in peers {
            if let Some(addresses) = wanted.get_mut(&peer.device) {
                *addresses = peer.addresses;
            }
        }
        let expects = is_anybody_expected(&self.reader, (self.setup.now)())?;
        *self.door.lock().unwrap_or_else(PoisonError::into_inner) =
            Door { members: wanted.keys().copied().collect(), expects };
        self.live().names = names;
        self.want(wanted, expects).await;
        let now_ms = self.now_ms();
        let told = self.sessions.advanced(&mut self.wire, now_ms);
        self.told(told);
        Ok(())
    }

    /// Keeps connections with these devices and no others.
    async fn want(&mut self, wanted: BTreeMap<DeviceId, Vec<String>>, expects: bool) {
        if (!wanted.is_empty() || expects)
            && let Err(why) = self.bound().await
        {
            (self.tell)(NetEvent::Said(format!("has no network: {why}")));
            return;
        }
        let Some(keeper) = &mut self.keeper else { return };
        for device in self.wanted.keys().filter(|device| !wanted.contains_key(*device)) {
            keeper.forget(device, &Reason::new(Code::NotAdmitted, "no longer a member"));
        }
        for (device, addresses) in &wanted {
            if self.wanted.get(device) != Some(addresses) {
                let parsed: Vec<Address> =
                    addresses.iter().filter_map(|text| text.parse().ok()).collect();
                keeper.want(*device, parsed);
            }
        }
        self.wanted = wanted;
    }

    /// The network, bound if it is not yet.
    async fn bound(&mut self) -> Result<Arc<Node>, String> {
        if let Some(node) = &self.node {
            return Ok(Arc::clone(node));
        }
        let settings = Settings { port: last_port(&self.setup.folder), ..Settings::default() };
        let door = Arc::clone(&self.door);
        let admission = move |device: &DeviceId, channel: Channel| {
            let door = door.lock().unwrap_or_else(PoisonError::into_inner);
            match channel {
                Channel::Sync if door.members.contains(device) => Verdict::Member,
                Channel::Join if door.expects => Verdict::Stranger,
                Channel::Sync | Channel::Join => Verdict::Refused,
            }
        };
        let (seed, network) = (self.setup.seed, self.network.clone());
        let node = Node::bind(seed, network, settings, Box::new(admission)).await;
        let node = Arc::new(node.map_err(|error| error.to_string())?);
        if let Some(port) = node.port() {
            // Without it another port is taken next time, and peers find us by what we tell them.
            let _ = std::fs::write(self.setup.folder.join(PORT), port.to_string());
        }
        self.keeper = Some(Keeper::new(Arc::clone(&node), self.setup.chance, Pace::default()));
        self.node = Some(Arc::clone(&node));
        let mut live = self.live();
        live.is_bound = true;
        drop(live);
        Ok(node)
    }

    fn report(&mut self, report: Report) {
        match report {
            Report::Up(connection) if connection.channel() == Channel::Join => {
                let host = Host {
                    me: self.setup.me,
                    name: self.setup.name.clone(),
                    addresses: self.own_addresses(),
                };
                tokio::spawn(knock::host(connection, host, self.knocks.clone()));
            }
            Report::Up(connection) => self.up(&connection),
            Report::Down { peer, ended } => {
                self.wire.remove(&peer);
                self.sessions.down(&peer);
                let name = self.live().down(&peer, &ended.to_string());
                (self.tell)(NetEvent::Said(format!("lost {name}: {ended}")));
            }
            Report::Unreached { peer, error } => {
                self.live().unreached(&peer, &error.to_string());
            }
        }
    }

    fn up(&mut self, connection: &Connection) {
        let peer = connection.peer();
        self.wire.add(connection);
        self.sessions.up(peer, connection.side(), &mut self.wire);
        let name = self.live().up(&peer);
        (self.tell)(NetEvent::Seen(peer));
        (self.tell)(NetEvent::Said(format!("is connected with {name}")));
    }

    fn own_addresses(&self) -> Vec<String> {
        let node = self.node.as_ref();
        node.map(|node| node.addresses().iter().map(ToString::to_string).collect())
            .unwrap_or_default()
    }

    fn arrived(&mut self, arrival: Arrival) {
        let now_ms = self.now_ms();
        let told = self.sessions.arrive(arrival, &mut self.wire, now_ms);
        self.told(told);
        for fault in self.wire.faults() {
            (self.tell)(NetEvent::Culprit(fault.peer, fault.kind.to_string()));
        }
    }

    fn told(&mut self, told: Vec<Told>) {
        for told in told {
            match told {
                Told::Ingest { connection, document, number, batch } => {
                    self.live().received += bytes(&batch);
                    (self.tell)(NetEvent::Arrived { connection, document, number, batch });
                }
                Told::Step { peer, document, in_step } => {
                    let news = self.live().step(&peer, document, in_step);
                    if let Some(name) = news {
                        (self.tell)(NetEvent::Said(format!("is in step with {name}")));
                    }
                }
                Told::Apart { peer, document } => self.live().apart(&peer, &document),
                Told::Culprit { who, why } => {
                    (self.tell)(NetEvent::Culprit(who, why));
                }
                Told::Ended { peer, closing } => {
                    let name = self.live().name(&peer);
                    self.live().unreached(&peer, &closing.to_string());
                    (self.tell)(NetEvent::Said(format!("talks no more with {name}: {closing}")));
                }
            }
        }
    }

    fn knock(&mut self, knock: Knock) {
        (self.tell)(NetEvent::Knocked(Box::new(knock)));
    }

    async fn close(&mut self) {
        if let Some(node) = &self.node {
            node.close(&Reason::new(Code::Leaving, "the agent ends")).await;
        }
    }
}

/// The next report; without a network there is none.
async fn next_report(keeper: Option<&mut Keeper>) -> Report {
    if let Some(keeper) = keeper
        && let Some(report) = keeper.next().await
    {
        return report;
    }
    std::future::pending().await
}

async fn join(
    node: Arc<Node>,
    ticket: Ticket,
    vouch: SignedStatement,
    mut said: Box<dyn FnMut(String) + Send>,
    done: Stored,
) {
    let mut done = Some(done);
    let mut tell = |met: Met| match met {
        Met::Words(name, words) => {
            let name = name.map(|name| format!(" on {name}")).unwrap_or_default();
            said(format!(
                "Both screens must say: {}. It is up to the person{name} now.",
                words.join(" · ")
            ));
        }
        Met::Welcome(welcomed, stored) => {
            if let Some(done) = done.take() {
                done(Ok((welcomed, stored)));
            }
        }
    };
    let ended = knock::join(node, ticket, vouch, &mut tell).await;
    if let (Err((why, hint)), Some(done)) = (ended, done) {
        done(Err((why, hint.to_owned())));
    }
}

fn bytes(batch: &Batch) -> u64 {
    let statements = batch.statements.iter().map(|statement| statement.bytes.len());
    let changes = batch.changes.iter().map(|change| change.raw.len());
    statements.chain(changes).map(|length| length as u64).sum()
}

fn last_port(folder: &Path) -> u16 {
    let text = std::fs::read_to_string(folder.join(PORT)).unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}
