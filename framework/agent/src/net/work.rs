//! What the network's thread does: refreshes, reports, arrivals and commands, one after the other.
//!
//! It knows neither how a batch is judged nor who decides on a ticket; both are events for the agent's loop.
//!
//! Invariant: an error here costs the connections and not the network. After a wait all of it is begun anew, and
//! what fails because of the store or the system is tried again.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use segue_access::{SignedStatement, Ticket};
use segue_iroh::{
    Address, Channel, Code, Connection, Keeper, Meter, Network, Node, Pace, Reason, Report,
    Settings, Verdict, Wire,
};
use segue_model::DeviceId;
use segue_store::Reader;
use segue_sync::{Arrival, Batch, Now};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::knock::{self, Host, Knock, Met};
use super::live::Live;
use super::sessions::{Sessions, Told};
use super::{Command, NetEvent, Setup, Stored, Tell, observation};
use crate::failure::Failure;
use crate::peers::invite::is_anybody_expected;
use crate::peers::replica::StoredReplica;

/// The file that keeps the UDP port, so that peers find this device again.
const PORT: &str = "network.port";
/// Devices that wait for an answer to their ticket.
const KNOCKS_MAX: usize = 16;
/// What failed is tried again after so long.
const AGAIN: Duration = Duration::from_secs(2);
/// The first wait before all is begun anew; each further one doubles it.
const REST: Duration = Duration::from_secs(1);
/// No wait is longer, and whoever worked for so long begins with the first again.
const REST_MAX: Duration = Duration::from_mins(1);
/// Lanes are numbered apart for each time that it is begun: an answer may come for one of before.
const LIFE_BITS: u32 = 40;

/// What stays when it is begun anew.
pub(super) struct Shared {
    pub(super) setup: Setup,
    pub(super) network: Network,
    pub(super) live: Arc<Mutex<Live>>,
    pub(super) tell: Tell,
    pub(super) meter: Meter,
}

/// Works until it is told to end, and begins anew after an error of its own.
pub(super) fn stay(shared: &Shared, mut commands: mpsc::UnboundedReceiver<Command>) {
    let mut rest = Duration::ZERO;
    for life in 0.. {
        let began = Instant::now();
        let done = catch_unwind(AssertUnwindSafe(|| live(shared, life, rest, &mut commands)));
        let why = match done {
            Ok(Ok(())) => return,
            Ok(Err(why)) => why,
            Err(_) => "see above".to_owned(),
        };
        let mut live = shared.live.lock().unwrap_or_else(PoisonError::into_inner);
        live.begins_anew();
        drop(live);
        if !(shared.tell)(NetEvent::Said(format!("has an error in its network: {why}"))) {
            return;
        }
        let has_lasted = began.elapsed() >= REST_MAX;
        rest = if has_lasted { REST } else { (rest * 2).clamp(REST, REST_MAX) };
    }
}

/// Rests, and works until it is told to end.
fn live(
    shared: &Shared,
    life: u64,
    rest: Duration,
    commands: &mut mpsc::UnboundedReceiver<Command>,
) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let first = match timeout(rest, somebody_waits(commands)).await {
            Ok(None) => return Ok::<(), String>(()),
            Ok(first) => first,
            Err(_) => None,
        };
        let work = Work::new(shared, life).map_err(|failure| failure.to_string())?;
        work.run(first, commands).await;
        Ok(())
    })?;
    runtime.shutdown_background();
    Ok(())
}

/// The next command for which a person waits; nothing once it is to end. Of the others none is needed: all is looked
/// at anew.
async fn somebody_waits(commands: &mut mpsc::UnboundedReceiver<Command>) -> Option<Command> {
    loop {
        match commands.recv().await? {
            Command::Stop(done) => {
                let _ = done.send(());
                return None;
            }
            command @ (Command::Join { .. } | Command::Addresses(_)) => return Some(command),
            _ => {}
        }
    }
}

/// Who may come in, as the transport asks.
#[derive(Default)]
struct Door {
    members: BTreeSet<DeviceId>,
    expects: bool,
}

/// The thread's own, until it begins anew.
struct Work<'s> {
    shared: &'s Shared,
    reader: Reader,
    door: Arc<Mutex<Door>>,
    keeper: Option<Keeper>,
    node: Option<Arc<Node>>,
    wanted: BTreeMap<DeviceId, Vec<String>>,
    wire: Wire,
    sessions: Sessions,
    began: Instant,
    knocks: mpsc::Sender<Knock>,
    knocked: mpsc::Receiver<Knock>,
    /// What a person was told last of what does not work, and when it is tried again.
    trouble: Option<(String, Instant)>,
}

impl<'s> Work<'s> {
    fn new(shared: &'s Shared, life: u64) -> Result<Self, Failure> {
        let (knocks, knocked) = mpsc::channel(KNOCKS_MAX);
        Ok(Self {
            sessions: Sessions::new(shared.setup.me),
            reader: Reader::open(&shared.setup.store)?,
            shared,
            door: Arc::default(),
            keeper: None,
            node: None,
            wanted: BTreeMap::new(),
            wire: Wire::new(shared.meter.clone()).numbered_from(life << LIFE_BITS),
            began: Instant::now(),
            knocks,
            knocked,
            trouble: None,
        })
    }

    /// Works until it is told to end.
    async fn run(
        mut self,
        first: Option<Command>,
        commands: &mut mpsc::UnboundedReceiver<Command>,
    ) {
        self.refresh().await;
        if let Some(command) = first {
            self.command(command).await;
        }
        loop {
            let wake = self.wakes_at();
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
                () = tokio::time::sleep_until(wake.into()) => self.wake().await,
            }
        }
        self.close().await;
    }

    fn wakes_at(&self) -> Instant {
        let session = self.sessions.wakes_at().map(|ms| self.began + Duration::from_millis(ms));
        let again = self.trouble.as_ref().map(|(_, at)| *at);
        let hour = || Instant::now() + Duration::from_hours(1);
        session.into_iter().chain(again).min().unwrap_or_else(hour)
    }

    async fn wake(&mut self) {
        if self.trouble.as_ref().is_some_and(|(_, at)| *at <= Instant::now()) {
            self.refresh().await;
        }
        let now = self.now();
        let told = self.sessions.tick(&mut self.wire, now);
        self.told(told);
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn now(&self) -> Now {
        Now { steady_ms: self.now_ms(), unix_s: Some((self.shared.setup.now)()) }
    }

    fn live(&self) -> std::sync::MutexGuard<'_, Live> {
        self.shared.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn command(&mut self, command: Command) {
        match command {
            Command::Refresh => self.refresh().await,
            Command::Ingested(connection, done) => {
                self.refresh().await;
                let now = self.now();
                let told = self.sessions.ingested(connection, done, &mut self.wire, now);
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

    /// Looks what the store says now: documents, members, tickets. What fails is tried again without a reason:
    /// the next one may be long in coming.
    async fn refresh(&mut self) {
        let done = self.try_refresh().await;
        let last = self.trouble.take().map(|(why, _)| why);
        match (done, last) {
            (Ok(()), None) => {}
            (Ok(()), Some(_)) => self.say("has its network again".to_owned()),
            (Err(why), last) => {
                if last.as_ref() != Some(&why) {
                    self.say(why.clone());
                }
                self.trouble = Some((why, Instant::now() + AGAIN));
            }
        }
    }

    fn say(&self, sentence: String) {
        (self.shared.tell)(NetEvent::Said(sentence));
    }

    async fn try_refresh(&mut self) -> Result<(), String> {
        let unread = |failure: Failure| format!("cannot read its store: {failure}");
        let (wanted, expects) = self.look().map_err(unread)?;
        let bound = self.want(wanted, expects).await;
        let now = self.now();
        let told = self.sessions.advanced(&mut self.wire, now);
        self.told(told);
        bound.map_err(|why| format!("has no network: {why}"))
    }

    /// Members with their addresses, and whether anybody may come with a ticket.
    fn look(&mut self) -> Result<(BTreeMap<DeviceId, Vec<String>>, bool), Failure> {
        let me = self.shared.setup.me;
        for row in self.reader.documents()? {
            if !self.sessions.documents().contains_key(&row.id) {
                let reader = Reader::open(&self.shared.setup.store)?;
                let now = Arc::clone(&self.shared.setup.now);
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
        let expects = is_anybody_expected(&self.reader, (self.shared.setup.now)())?;
        *self.door.lock().unwrap_or_else(PoisonError::into_inner) =
            Door { members: wanted.keys().copied().collect(), expects };
        self.live().names = names;
        Ok((wanted, expects))
    }

    /// Keeps connections with these devices and no others.
    async fn want(
        &mut self,
        wanted: BTreeMap<DeviceId, Vec<String>>,
        expects: bool,
    ) -> Result<(), String> {
        if !wanted.is_empty() || expects {
            self.bound().await?;
        }
        let old = std::mem::take(&mut self.wanted);
        for device in old.keys().filter(|device| !wanted.contains_key(*device)) {
            self.forget(device);
        }
        if let Some(keeper) = &mut self.keeper {
            for (device, addresses) in &wanted {
                if old.get(device) != Some(addresses) {
                    let parsed: Vec<Address> =
                        addresses.iter().filter_map(|text| text.parse().ok()).collect();
                    keeper.want(*device, parsed);
                }
            }
            self.wanted = wanted;
        }
        Ok(())
    }

    /// A device is no member any more. The keeper says nothing of those whom it was told to forget.
    fn forget(&mut self, device: &DeviceId) {
        const WHY: &str = "no longer a member";
        if let Some(keeper) = &mut self.keeper {
            keeper.forget(device, &Reason::new(Code::NotAdmitted, WHY));
        }
        self.wire.remove(device);
        self.sessions.down(device);
        let was_online = self.live().is_online(device);
        let name = self.live().forget(device);
        if was_online {
            self.say(format!("lost {name}: {WHY}"));
        }
    }

    /// The network, bound if it is not yet.
    async fn bound(&mut self) -> Result<Arc<Node>, String> {
        if let Some(node) = &self.node {
            return Ok(Arc::clone(node));
        }
        let settings =
            Settings { port: last_port(&self.shared.setup.folder), ..Settings::default() };
        let door = Arc::clone(&self.door);
        let admission = move |device: &DeviceId, channel: Channel| {
            let door = door.lock().unwrap_or_else(PoisonError::into_inner);
            match channel {
                Channel::Sync if door.members.contains(device) => Verdict::Member,
                Channel::Join if door.expects => Verdict::Stranger,
                Channel::Sync | Channel::Join => Verdict::Refused,
            }
        };
        let (seed, network) = (self.shared.setup.seed, self.shared.network.clone());
        let node = Node::bind(seed, network, settings, Box::new(admission)).await;
        let node = Arc::new(node.map_err(|error| error.to_string())?);
        if let Some(port) = node.port() {
            // Without it another port is taken next time, and peers find us by what we tell them.
            let _ = std::fs::write(self.shared.setup.folder.join(PORT), port.to_string());
        }
        self.keeper =
            Some(Keeper::new(Arc::clone(&node), self.shared.setup.chance, Pace::default()));
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
                    me: self.shared.setup.me,
                    name: self.shared.setup.name.clone(),
                    addresses: self.own_addresses(),
                };
                tokio::spawn(knock::host(connection, host, self.knocks.clone()));
            }
            Report::Up(connection) => self.up(&connection),
            Report::Down { peer, ended } => {
                self.wire.remove(&peer);
                self.sessions.down(&peer);
                let name = self.live().down(&peer, &ended.to_string());
                self.say(format!("lost {name}: {ended}"));
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
        (self.shared.tell)(NetEvent::Seen(peer));
        self.say(format!("is connected with {name}"));
    }

    fn own_addresses(&self) -> Vec<String> {
        let node = self.node.as_ref();
        node.map(|node| node.addresses().iter().map(ToString::to_string).collect())
            .unwrap_or_default()
    }

    fn arrived(&mut self, arrival: Arrival) {
        let now = self.now();
        let told = self.sessions.arrive(arrival, &mut self.wire, now);
        self.told(told);
        for fault in self.wire.faults() {
            (self.shared.tell)(NetEvent::Culprit(fault.peer, fault.kind.to_string()));
        }
    }

    fn told(&mut self, told: Vec<Told>) {
        for told in told {
            match told {
                Told::Ingest { connection, document, number, batch } => {
                    self.live().received += bytes(&batch);
                    (self.shared.tell)(NetEvent::Arrived { connection, document, number, batch });
                }
                Told::Step { peer, document, in_step } => {
                    let news = self.live().step(&peer, document, in_step);
                    if let Some(name) = news {
                        self.say(format!("is in step with {name}"));
                    }
                }
                Told::Apart { peer, document } => self.live().apart(&peer, &document),
                Told::Compared { peer, document, seen } => {
                    (self.shared.tell)(NetEvent::Compared(document, observation(peer, seen)));
                }
                Told::Culprit { who, why } => {
                    (self.shared.tell)(NetEvent::Culprit(who, why));
                }
                Told::Ended { peer, closing } => {
                    let name = self.live().name(&peer);
                    if self.wanted.contains_key(&peer) {
                        self.live().unreached(&peer, &closing.to_string());
                    }
                    self.say(format!("talks no more with {name}: {closing}"));
                }
            }
        }
    }

    fn knock(&mut self, knock: Knock) {
        (self.shared.tell)(NetEvent::Knocked(Box::new(knock)));
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

#[cfg(test)]
#[path = "work_tests.rs"]
mod tests;
