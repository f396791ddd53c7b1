//! The agent's side of the socket: who may speak, how long, and how many at once.
//!
//! Each client has a task of its own, which waits for the client's line and for the loop's answer and
//! for nothing else; so one that hangs, floods or goes away hurts nobody. What is asked is decided in
//! the loop ([`super`]).
//!
//! Invariant: only processes of this user are heard.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::address::Address;
use super::event::Event;
use super::wire::{ASK_BYTES_MAX, Ask, PROTOCOL, Tell};
use crate::command::{AgentRow, LibrarySpec, Request};
use crate::progress::Progress;

/// So many clients at once; the next are told so.
const CLIENTS_MAX: usize = 32;
/// A client has so long for its question, and to take each line of the answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Steps that are told faster than a client takes them are left out.
const STEPS_MAX: usize = 16;
/// An agent that ends waits so long for clients to take their answers.
const PARTING: Duration = Duration::from_millis(500);

/// A command that may write, and where its answer goes.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) request: Request,
    steps: mpsc::Sender<Tell>,
    done: oneshot::Sender<Tell>,
}

impl Order {
    /// Answers. A client that went away is no failure.
    pub(super) fn answer(self, tell: Tell) {
        let _ = self.done.send(tell);
    }

    /// Tells its client how it goes.
    pub(super) fn progress(&self) -> Steps {
        Steps(self.steps.clone())
    }

    /// Whether nobody waits for it any more.
    pub(super) fn is_forsaken(&self) -> bool {
        self.done.is_closed()
    }
}

/// Progress that travels.
pub(super) struct Steps(mpsc::Sender<Tell>);

impl Progress for Steps {
    fn step(&self, what: &str, total: Option<u64>) {
        let _ = self.0.try_send(Tell::Step(what.to_owned(), total));
    }

    fn advance(&self, done: u64) {
        let _ = self.0.try_send(Tell::Advance(done));
    }

    fn say(&self, sentence: &str) {
        let _ = self.0.try_send(Tell::Said(sentence.to_owned()));
    }
}

/// A question about the agent itself.
#[derive(Debug)]
pub(crate) struct Inquiry {
    pub(super) about: About,
    pub(super) answer: oneshot::Sender<Tell>,
}

/// What it is about.
#[derive(Debug)]
pub(super) enum About {
    Services,
    Log(Option<LibrarySpec>),
    Metrics,
    Peers,
}

/// Makes the socket, for this user alone. What an agent left that was killed is removed: the caller
/// holds the agent's lock.
pub(super) fn bind(folder: &Path) -> io::Result<UnixListener> {
    let address = Address::of(folder)?;
    match fs::remove_file(address.path()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(address.path())?;
    fs::set_permissions(address.path(), Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// One place for each client at a time.
pub(super) fn places() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(CLIENTS_MAX))
}

/// Gives clients a moment to take what they were answered, or that nothing was begun.
pub(super) async fn part(places: &Semaphore) {
    // Those who never asked are not waited for longer.
    let _ = timeout(PARTING, places.acquire_many(CLIENTS_MAX as u32)).await;
}

/// Takes clients for ever.
pub(super) async fn serve(
    listener: UnixListener,
    agent: AgentRow,
    events: mpsc::Sender<Event>,
    places: Arc<Semaphore>,
) {
    let own = rustix::process::geteuid().as_raw();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Too many files are open; some of them will be closed.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        if !stream.peer_cred().is_ok_and(|peer| peer.uid() == own) {
            continue;
        }
        match Arc::clone(&places).try_acquire_owned() {
            Ok(place) => {
                tokio::spawn(client(stream, agent.clone(), events.clone(), place));
            }
            Err(_) => refuse(&stream),
        }
    }
}

/// There is no place: one line, if it can be written at once.
fn refuse(stream: &UnixStream) {
    let sentence = format!("the agent answers {CLIENTS_MAX} commands already");
    let line = Tell::Failed(sentence, Some("try again when one of them is done".into())).line();
    let _ = stream.try_write(&line);
}

async fn client(
    mut stream: UnixStream,
    agent: AgentRow,
    events: mpsc::Sender<Event>,
    _place: OwnedSemaphorePermit,
) {
    let welcome = Tell::Welcome { protocol: PROTOCOL, agent };
    if !write(&mut stream, &welcome).await {
        return;
    }
    let line = timeout(PATIENCE, read_line(&mut stream)).await;
    let Ok(Some(line)) = line else { return };
    match serde_json::from_slice(&line) {
        Ok(ask) => answer(&mut stream, ask, &events).await,
        Err(error) => {
            let sentence = format!("the agent does not understand: {error}");
            write(&mut stream, &Tell::Failed(sentence, None)).await;
        }
    }
}

/// The first line, if it is one and no longer than allowed.
async fn read_line(stream: &mut UnixStream) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    let mut buffer = [0; 4096];
    while line.len() <= ASK_BYTES_MAX {
        let read = stream.read(&mut buffer).await.ok().filter(|read| *read > 0)?;
        line.extend_from_slice(&buffer[..read]);
        if line.last() == Some(&b'\n') {
            return Some(line);
        }
    }
    None
}

async fn answer(stream: &mut UnixStream, ask: Ask, events: &mpsc::Sender<Event>) {
    let (done, answered) = oneshot::channel();
    let (steps, told) = mpsc::channel(STEPS_MAX);
    let inquire = |about, answer| Event::Inquired(Inquiry { about, answer });
    let event = match ask {
        Ask::Do(request) if request.writing().is_some() => {
            Event::Asked(Order { request, steps, done })
        }
        Ask::Do(_) => return,
        Ask::Services => inquire(About::Services, done),
        Ask::Log(library) => inquire(About::Log(library), done),
        Ask::Metrics => inquire(About::Metrics, done),
        Ask::Peers => inquire(About::Peers, done),
    };
    if events.send(event).await.is_ok() {
        forward(stream, told, answered).await;
    }
}

/// Passes on steps, and the answer when it comes. A client that goes away, or takes nothing, ends it.
async fn forward(
    stream: &mut UnixStream,
    mut told: mpsc::Receiver<Tell>,
    mut answered: oneshot::Receiver<Tell>,
) {
    let mut rest = [0; 64];
    loop {
        tokio::select! {
            biased;
            answer = &mut answered => {
                let sentence = "the agent is being stopped; this was not begun";
                let stopped = |_| Tell::Failed(sentence.into(), None);
                write(stream, &answer.unwrap_or_else(stopped)).await;
                return;
            }
            Some(step) = told.recv() => if !write(stream, &step).await { return },
            read = stream.read(&mut rest) => if !matches!(read, Ok(1..)) { return },
        }
    }
}

async fn write(stream: &mut UnixStream, tell: &Tell) -> bool {
    let line = tell.line();
    matches!(timeout(PATIENCE, stream.write_all(&line)).await, Ok(Ok(())))
}

#[cfg(test)]
impl Order {
    /// An order, and where its answer comes.
    pub(super) fn of(request: Request) -> (Self, oneshot::Receiver<Tell>) {
        let (done, answered) = oneshot::channel();
        (Self { request, steps: mpsc::channel(1).0, done }, answered)
    }
}
