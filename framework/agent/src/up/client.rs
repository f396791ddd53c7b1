//! A command's side of the socket.
//!
//! What may write is done by the agent, if one runs: so one process at a time works on the store, and
//! the agent knows at once. What only reads is done here, and needs no agent; only what is asked of
//! the agent itself, and how it fares (`segue status`), waits for it.
//!
//! Invariant: a command that the agent did not finish is never told as done.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::address::Address;
use super::visit;
use super::wire::{Answer, Ask, LivePeer, LiveReport, PROTOCOL, TELL_BYTES_MAX, Tell};
use crate::command::{
    AgentRow, ExcludeAction, LibrarySpec, PeerRow, PeersReport, Request, Response, ServiceReport,
    ServiceRow, StatusReport,
};
use crate::world::usual_folder;
use crate::{Agent, Failure, Progress, Quiet};

/// An agent that lives says who it is within this time.
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers one request, with the help of the agent in this folder, or the usual one, if it runs.
///
/// # Errors
/// The request's; that the agent does not answer, is of another version, or ended meanwhile.
pub fn run(
    folder: Option<PathBuf>,
    request: Request,
    progress: &dyn Progress,
) -> Result<Response, Failure> {
    let home = usual_folder(folder);
    let open = |request: &Request| Agent::open(Some(home.clone()), request);
    match request {
        Request::Metrics => running(&home)?.ask(&Ask::Metrics, &Quiet),
        Request::ServiceLog { library } => {
            running(&home)?.ask(&Ask::Log(library.map(absolute).transpose()?), &Quiet)
        }
        Request::Status => {
            let response = open(&Request::Status)?.run(Request::Status, progress)?;
            let Response::Status(mut report) = response else { return Ok(response) };
            add_to_status(&mut report, &home, Client::connect(&home)?)?;
            Ok(Response::Status(report))
        }
        Request::Services { library } => {
            let request = Request::Services { library };
            let response = open(&request)?.run(request, progress)?;
            let Response::Services(report) = response else { return Ok(response) };
            Ok(Response::Services(with_agent(report, Client::connect(&home)?)?))
        }
        Request::Peers => {
            let response = open(&Request::Peers)?.run(Request::Peers, progress)?;
            let Response::Peers(mut report) = response else { return Ok(response) };
            if let Some(client) = Client::connect(&home)? {
                add_live(&mut report, client.live()?);
            }
            Ok(Response::Peers(report))
        }
        request @ Request::Join { .. } => visit::join(&home, request, progress),
        request @ Request::Sync { dry_run: false, .. } if has_peers(&home)? => {
            let peers = open(&Request::Peers)?.run(Request::Peers, progress)?;
            let Response::Peers(peers) = peers else { return Ok(peers) };
            visit::sync(&home, here(request)?, &peers, progress)
        }
        request if request.writing().is_some() => match Client::connect(&home)? {
            Some(client) => {
                let is_service = matches!(request, Request::Service { .. });
                let response = client.ask(&Ask::Do(here(request)?), progress)?;
                match response {
                    // How it fares now is known only after the agent has looked at it.
                    Response::Services(report) if is_service => {
                        Ok(Response::Services(with_agent(report, Client::connect(&home)?)?))
                    }
                    response => Ok(response),
                }
            }
            None => open(&request)?.run(request, progress),
        },
        request => open(&request)?.run(request, progress),
    }
}

/// Whether any other device shares something with this one.
fn has_peers(home: &Path) -> Result<bool, Failure> {
    if !home.join("segue.db").exists() {
        return Ok(false);
    }
    let agent = Agent::open(Some(home.to_owned()), &Request::Peers)?;
    Ok(!agent.home.store.peers()?.is_empty())
}

/// What only the agent knows of other devices.
fn add_live(report: &mut PeersReport, live: LiveReport) {
    report.network = Some(live.network);
    report.waiting = live.waiting;
    add_to_peers(&mut report.peers, &live.peers);
}

fn add_to_peers(rows: &mut [PeerRow], live: &[LivePeer]) {
    for row in rows {
        if let Some(now) = live.iter().find(|now| now.id == row.id) {
            (row.online, row.in_step) = (now.online, now.in_step);
            row.reason.clone_from(&now.reason);
        }
    }
}

/// The agent that runs.
fn running(home: &Path) -> Result<Client, Failure> {
    Client::connect(home)?
        .ok_or_else(|| Failure::refused("the agent is not running", "start it: segue up"))
}

fn add_to_status(
    report: &mut StatusReport,
    home: &Path,
    client: Option<Client>,
) -> Result<(), Failure> {
    let Some(client) = client else { return Ok(()) };
    report.agent = Some(client.agent.clone());
    if let Some(client) = Client::connect(home)? {
        add_to_peers(&mut report.peers, &client.live()?.peers);
    }
    let services = client.services()?;
    for link in &mut report.links {
        let own = services.iter().find(|service| service.library == link.library);
        // What the files say is newer, unless only the agent can know.
        if let Some(service) = own.filter(|own| matches!(&*own.state, "held" | "failed")) {
            link.state.clone_from(&service.state);
            link.reason.clone_from(&service.reason);
        }
    }
    Ok(())
}

fn with_agent(mut report: ServiceReport, client: Option<Client>) -> Result<ServiceReport, Failure> {
    let Some(client) = client else { return Ok(report) };
    report.agent = Some(client.agent.clone());
    for service in client.services()? {
        let own = report.services.iter_mut().find(|own| own.library == service.library);
        if let Some(own) = own {
            *own = service;
        }
    }
    Ok(report)
}

/// The request with paths that mean the same to a process elsewhere.
fn here(request: Request) -> Result<Request, Failure> {
    Ok(match request {
        Request::Sync { libraries, dry_run, yes } => {
            let libraries = libraries.into_iter().map(absolute).collect::<Result<_, _>>()?;
            Request::Sync { libraries, dry_run, yes }
        }
        Request::Unlink { library } => Request::Unlink { library: absolute(library)? },
        Request::Service { library, action } => {
            Request::Service { library: absolute(library)?, action }
        }
        Request::Exclude { action: ExcludeAction::Add { what, library, from, until } } => {
            let library = library.map(absolute).transpose()?;
            Request::Exclude { action: ExcludeAction::Add { what, library, from, until } }
        }
        other => other,
    })
}

fn absolute(mut library: LibrarySpec) -> Result<LibrarySpec, Failure> {
    for path in [&mut library.path, &mut library.root].into_iter().flatten() {
        *path = std::path::absolute(&*path)
            .map_err(|error| segue_translator::Error::io("read", &*path, &error))?;
    }
    Ok(library)
}

/// A connection to the agent, welcomed.
pub(super) struct Client {
    agent: AgentRow,
    lines: BufReader<UnixStream>,
}

impl Client {
    /// `None` if no agent runs.
    pub(super) fn connect(home: &Path) -> Result<Option<Self>, Failure> {
        let connected = Address::of(home).and_then(|address| UnixStream::connect(address.path()));
        let stream = match connected {
            Ok(stream) => stream,
            Err(error) => {
                use io::ErrorKind::{ConnectionRefused, NotFound};
                return match error.kind() {
                    // A socket without an agent is what a killed one leaves.
                    ConnectionRefused | NotFound => Ok(None),
                    _ => Err(silent(&error.to_string())),
                };
            }
        };
        let set = stream.set_read_timeout(Some(PATIENCE));
        set.and_then(|()| stream.set_write_timeout(Some(PATIENCE)))
            .map_err(|error| silent(&error.to_string()))?;
        let mut lines = BufReader::new(stream);
        let welcome = read(&mut lines).map_err(|error| silent(&error.to_string()))?;
        match parse(&welcome)? {
            Tell::Welcome { protocol, agent } => {
                if protocol != PROTOCOL || agent.version != VERSION {
                    return Err(other_version(&agent.version));
                }
                Ok(Some(Self { agent, lines }))
            }
            Tell::Failed(sentence, hint) => {
                Err(Failure::refused(sentence, hint.unwrap_or_default()))
            }
            _ => Err(other_version("another version")),
        }
    }

    fn services(self) -> Result<Vec<ServiceRow>, Failure> {
        match self.ask(&Ask::Services, &Quiet)? {
            Response::Services(report) => Ok(report.services),
            _ => Err(ended()),
        }
    }

    /// Who is connected.
    pub(super) fn live(self) -> Result<LiveReport, Failure> {
        match self.answer(&Ask::Peers, &Quiet)? {
            Answer::Peers(report) => Ok(report),
            _ => Err(ended()),
        }
    }

    /// How far the agent reaches.
    pub(super) fn network(&self) -> &str {
        &self.agent.network
    }

    /// Asks, and waits as long as it takes.
    pub(super) fn ask(self, ask: &Ask, progress: &dyn Progress) -> Result<Response, Failure> {
        self.answer(ask, progress).map(Answer::response)
    }

    fn answer(mut self, ask: &Ask, progress: &dyn Progress) -> Result<Answer, Failure> {
        let mut line = serde_json::to_vec(ask).map_err(|error| silent(&error.to_string()))?;
        line.push(b'\n');
        let stream = self.lines.get_mut();
        let asked = stream.write_all(&line).and_then(|()| stream.set_read_timeout(None));
        asked.map_err(|error| silent(&error.to_string()))?;
        loop {
            let line = read(&mut self.lines).map_err(|_| ended())?;
            match parse(&line)? {
                Tell::Step(what, total) => progress.step(&what, total),
                Tell::Advance(done) => progress.advance(done),
                Tell::Said(sentence) => progress.say(&sentence),
                Tell::Done(answer) => return Ok(*answer),
                Tell::Failed(sentence, hint) => {
                    return Err(Failure::refused(sentence, hint.unwrap_or_default()));
                }
                Tell::Welcome { .. } => return Err(ended()),
            }
        }
    }
}

/// The version of this program.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

fn read(lines: &mut BufReader<UnixStream>) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    lines.take(TELL_BYTES_MAX as u64 + 1).read_until(b'\n', &mut line)?;
    if line.last() == Some(&b'\n') { Ok(line) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn parse(line: &[u8]) -> Result<Tell, Failure> {
    serde_json::from_slice(line).map_err(|_| other_version("another version"))
}

fn other_version(version: &str) -> Failure {
    let sentence = format!("the agent that runs is {version}; this is {VERSION}");
    Failure::refused(sentence, "restart it: end `segue up` and start it again")
}

fn silent(why: &str) -> Failure {
    let sentence = format!("the agent does not answer: {why}");
    Failure::refused(sentence, "end `segue up` and start it again; nothing is lost")
}

fn ended() -> Failure {
    let hint = "see what was done: segue log; the next segue sync finishes what was begun";
    Failure::refused("the agent ended before it had answered", hint)
}
