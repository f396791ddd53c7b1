//! `segue up`: the agent that stays, looks after the linked libraries and answers commands.
//!
//! One loop takes one `Event` after the other; what follows is decided in `schedule`, a pure state
//! machine, and done elsewhere: work that takes time on one thread (`worker`), clients each in a task
//! of their own (`socket`), folders by the system (`watch`),
//! other devices on a thread with a network of its own (`net`).
//! Nothing that a client, a library or a peer does can hold up the loop.
//!
//! Invariant: one agent for each folder, by a lock that ends with the process. It may be killed at
//! any time: all that matters is in the store, and what was begun is journaled.

mod address;
mod brief;
mod client;
mod desk;
mod event;
mod listen;
mod metrics;
mod moments;
mod record;
mod schedule;
mod service;
mod socket;
mod systemd;
mod visit;
mod watch;
mod wire;
mod worker;

use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};

use segue_store::{HomeLock, Store, StoreError};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep_until;

use crate::command::AgentRow;
use crate::net::choice::Reach;
use crate::net::{Net, Setup};
use crate::world::Outside;
use crate::{Agent, Failure};
use desk::Desk;
use event::Event;
use moments::Moments;
use watch::Watch;

pub use client::run;
pub use schedule::Passes;
pub use systemd::unit;
pub use visit::{Reception, invite};

/// Events that wait for the loop. Senders wait when it is full, except the watcher.
const EVENTS_MAX: usize = 1024;

/// The setting that says how far the agent reached last.
const NETWORK: &str = "network";

/// What the agent tells whoever started it.
#[derive(Debug, Clone, Copy)]
pub enum Told<'a> {
    /// From now on it answers.
    Serving(&'a AgentRow),
    /// Something happened: one sentence.
    Said(&'a str),
}

/// How an agent runs.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Its folder; else the usual one.
    pub folder: Option<PathBuf>,
    /// How far it reaches, if that was said.
    pub reach: Option<Reach>,
    /// When it passes over libraries.
    pub passes: Passes,
}

/// Runs the agent of a folder until it is told to end.
///
/// # Errors
/// If an agent runs there already, or the folder cannot be used.
pub fn up(options: Options, tell: &mut dyn FnMut(Told<'_>)) -> Result<(), Failure> {
    // Nobody else can end it.
    let (_stop, stops) = tokio::sync::mpsc::channel(1);
    stay(options, stops, tell)
}

/// Runs the agent until a signal comes, or something on `stops`.
fn stay(
    options: Options,
    stops: tokio::sync::mpsc::Receiver<()>,
    tell: &mut dyn FnMut(Told<'_>),
) -> Result<(), Failure> {
    let folder = crate::world::usual_folder(options.folder);
    let _alone = alone(&folder)?;
    let agent = Agent::open_in(&folder, crate::world::ambient(Outside::Started))?;
    let reach = reach(&agent, options.reach)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| unusable("start in", &folder, &error))?;
    let ended = runtime.block_on(run_loop(agent, (reach, options.passes), &folder, stops, tell));
    // A job that was given up is journaled like one that was killed.
    runtime.shutdown_background();
    ended
}

/// How far this agent reaches; what was said is remembered for the next.
fn reach(agent: &Agent, said: Option<Reach>) -> Result<Reach, Failure> {
    let last = agent.home.store.setting(NETWORK)?;
    let variable = std::env::var("SEGUE_NETWORK").ok();
    Reach::chosen(said, variable.as_deref(), last.as_deref())
}

/// The one agent of the folder.
fn alone(folder: &Path) -> Result<HomeLock, Failure> {
    Store::lock_agent(folder).map_err(|error| match error {
        StoreError::Locked { holder } => {
            let who = holder.map(|pid| format!(" (process {pid})")).unwrap_or_default();
            let sentence = format!("an agent runs in {} already{who}", folder.display());
            Failure::refused(sentence, "see how it is: segue status")
        }
        other => other.into(),
    })
}

async fn run_loop(
    mut agent: Agent,
    (reach, passes): (Reach, Passes),
    folder: &Path,
    mut ends: tokio::sync::mpsc::Receiver<()>,
    tell: &mut dyn FnMut(Told<'_>),
) -> Result<(), Failure> {
    let failed = |error: std::io::Error| unusable("serve in", folder, &error);
    let mut stops = Stops::new().map_err(failed)?;
    let listener = socket::bind(folder).map_err(failed)?;
    let (events, mut happened) = tokio::sync::mpsc::channel(EVENTS_MAX);
    let (mail, mut arrived) = tokio::sync::mpsc::unbounded_channel();
    let now = agent.world.now.clone();
    let row = AgentRow {
        pid: std::process::id(),
        version: client::VERSION.to_owned(),
        peer: agent.home.device.id().to_string(),
        since: now(),
        network: reach.to_string(),
    };
    let links = worker::links(&agent)?;
    let net = begin_net(&mut agent, reach, mail.clone())?;
    let (jobs, work) = mpsc::channel();
    let moments = Moments::default();
    let worker = worker::Worker::new(agent, events.clone(), mail, moments.clone());
    std::thread::spawn(move || worker.work(&work));
    let watch = Watch::begin(events.clone());
    let clients = socket::places();
    tokio::spawn(socket::serve(listener, row.clone(), events, Arc::clone(&clients)));
    tell(Told::Serving(&row));
    systemd::notify("READY=1");
    let mut desk = Desk::new(jobs, watch, Some(net.clone()), passes, moments, now, tell);
    let libraries = if links.len() == 1 { "library" } else { "libraries" };
    desk.tell(None, format!("looks after {} {libraries}", links.len()));
    desk.take(Event::Linked(links));
    while !desk.is_over {
        let event = tokio::select! {
            Some(event) = happened.recv() => event,
            Some(event) = arrived.recv() => event,
            stop = stops.next() => stop,
            Some(()) = ends.recv() => Event::Stop("it is no longer needed"),
            () = sleep_until(desk.next().into()) => desk.woke(),
        };
        let stops_now = matches!(event, Event::Stop(_));
        desk.take(event);
        if stops_now {
            systemd::notify("STOPPING=1");
            desk.end(&mut happened, &mut stops).await;
        }
    }
    // The next agent removes it if this fails.
    let _ = std::fs::remove_file(folder.join(address::NAME));
    drop(happened);
    let closing = tokio::task::spawn_blocking(move || net.stop());
    socket::part(&clients).await;
    let _ = closing.await;
    if desk.is_lost {
        return Err(Failure::refused(
            "the agent has an error and ends",
            "start it again: segue up",
        ));
    }
    Ok(())
}

/// Begins what talks to other devices, and remembers how far it reaches.
fn begin_net(agent: &mut Agent, reach: Reach, mail: worker::Mail) -> Result<Net, Failure> {
    let setup = Setup {
        folder: agent.folder().to_owned(),
        store: agent.home.store.path().to_owned(),
        seed: agent.home.device_seed(&agent.world)?,
        me: agent.home.device.id(),
        name: agent.world.device.clone(),
        reach,
        now: agent.world.now.clone(),
        chance: u64::from_le_bytes(agent.world.random_bytes()),
    };
    let tx = agent.home.store.transaction()?;
    tx.put_setting(NETWORK, &reach.to_string())?;
    tx.commit()?;
    let net = Net::begin(setup, Arc::new(move |event| mail.send(Event::Net(event)).is_ok()))?;
    agent.net = Some(net.clone());
    Ok(net)
}

fn unusable(operation: &'static str, folder: &Path, error: &std::io::Error) -> Failure {
    segue_translator::Error::io(operation, folder, error).into()
}

/// The signals that end the agent.
struct Stops {
    terminate: Signal,
    interrupt: Signal,
}

impl Stops {
    fn new() -> std::io::Result<Self> {
        let (terminate, interrupt) = (SignalKind::terminate(), SignalKind::interrupt());
        Ok(Self { terminate: signal(terminate)?, interrupt: signal(interrupt)? })
    }

    async fn next(&mut self) -> Event {
        tokio::select! {
            _ = self.terminate.recv() => Event::Stop("it was told to end"),
            _ = self.interrupt.recv() => Event::Stop("it was interrupted"),
        }
    }
}
