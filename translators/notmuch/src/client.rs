//! Runs notmuch: one command, its answer record by record, within a time.
//!
//! It is found on the `PATH` and told which configuration to use; variables that would name another
//! database are taken away. Nothing is written to it while it runs: what it is told it has whole before
//! it starts, so that a command is never half of one, also when this process ends first.
//!
//! Invariant: no command outlives its time, whatever it does, and none leaves a process behind.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read, Seek as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use segue_translator::{Error, ErrorKind};

use crate::database::Configuration;

const PROGRAM: &str = "notmuch";
/// The variable that names the configuration.
pub(crate) const CONFIGURATION: &str = "NOTMUCH_CONFIG";
const RECORD_BYTES_MAX: u64 = 64 << 10;
/// As much of what it complains of is kept.
const SAID_BYTES_MAX: u64 = 4 << 10;
const SAID_CHARS_MAX: usize = 300;

/// How long notmuch may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For one command.
    pub answer: Duration,
    /// For another program to give up its lock.
    pub lock: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { answer: Duration::from_mins(10), lock: Duration::from_secs(30) }
    }
}

/// How to run notmuch on one database.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    variables: Vec<(&'static str, OsString)>,
    pub(crate) limits: Limits,
    /// What errors are about.
    pub(crate) path: PathBuf,
}

/// How the records of an answer end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Line = b'\n' as isize,
    Nul = 0,
}

impl Client {
    pub(crate) fn new(configuration: &Configuration, limits: Limits) -> Self {
        let path = configuration.path().to_owned();
        Self { variables: configuration.variables(), limits, path }
    }

    /// Runs a command; what it prints goes to `take`, record by record.
    pub(crate) fn run(
        &self,
        arguments: &[&OsStr],
        end: End,
        mut take: impl FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut running = Running::start(self, arguments, Stdio::null())?;
        let answer = running.records(self, end, &mut take);
        running.end(self, answer)
    }

    /// Runs a command that reads all of `input`, and prints nothing that matters.
    pub(crate) fn tell(&self, arguments: &[&OsStr], input: &[u8]) -> Result<(), Error> {
        let file = whole(input).map_err(|error| Error::io("write", &self.path, &error))?;
        let mut running = Running::start(self, arguments, file.into())?;
        let answer = running.records(self, End::Line, &mut |_| Ok(()));
        running.end(self, answer)
    }

    fn error(&self, kind: ErrorKind, detail: impl Into<String>) -> Error {
        Error::new(kind, "ask notmuch about", &self.path, detail)
    }
}

/// A file without a name, to be read from its start.
fn whole(input: &[u8]) -> std::io::Result<File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(input)?;
    file.rewind()?;
    Ok(file)
}

struct Running {
    child: Child,
    /// For who has no configuration: notmuch wants a file.
    _empty: Option<tempfile::NamedTempFile>,
    /// Dropped when the process ended by itself.
    in_time: mpsc::Sender<()>,
    watch: thread::JoinHandle<bool>,
    said: thread::JoinHandle<Vec<u8>>,
}

impl Running {
    fn start(client: &Client, arguments: &[&OsStr], input: Stdio) -> Result<Self, Error> {
        let mut command = Command::new(PROGRAM);
        for other in ["NOTMUCH_DATABASE", "NOTMUCH_PROFILE", "MAILDIR"] {
            command.env_remove(other);
        }
        let variables = client.variables.iter().map(|(name, value)| (name, value));
        command.envs(variables).args(arguments);
        let is_named = client.variables.iter().any(|(name, _)| *name == CONFIGURATION);
        let empty = (!is_named).then(tempfile::NamedTempFile::new).transpose();
        let empty = empty.map_err(|error| Error::io("ask notmuch about", &client.path, &error))?;
        command.envs(empty.iter().map(|file| (CONFIGURATION, file.path())));
        command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                let detail = "there is no program `notmuch` on the PATH: install notmuch";
                client.error(ErrorKind::Absent, detail)
            }
            _ => Error::io("start notmuch for", &client.path, &error),
        })?;
        let complaints = child.stderr.take();
        let said = thread::spawn(move || complaints.map(kept).unwrap_or_default());
        let (in_time, ended) = mpsc::channel();
        let (process, patience) = (Pid::from_child(&child), client.limits.answer);
        let watch = thread::spawn(move || {
            let is_late = ended.recv_timeout(patience) == Err(RecvTimeoutError::Timeout);
            if is_late {
                // It is not waited for yet, so the number is still its own.
                let _ = kill_process_group(process, Signal::KILL);
            }
            is_late
        });
        Ok(Self { child, _empty: empty, in_time, watch, said })
    }

    fn records(
        &mut self,
        client: &Client,
        end: End,
        take: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Some(out) = self.child.stdout.take() else { return Ok(()) };
        let mut out = BufReader::with_capacity(1 << 16, out);
        let mut record = Vec::new();
        loop {
            record.clear();
            let mut bounded = out.by_ref().take(RECORD_BYTES_MAX);
            bounded
                .read_until(end as u8, &mut record)
                .map_err(|error| Error::io("ask notmuch about", &client.path, &error))?;
            match record.strip_suffix(&[end as u8]) {
                Some(record) => take(record)?,
                None if record.is_empty() => return Ok(()),
                None => {
                    let detail = "notmuch printed a line without an end";
                    return Err(client.error(ErrorKind::Corrupt, detail));
                }
            }
        }
    }

    /// Waits for the end; after an error there is no patience.
    fn end(mut self, client: &Client, answer: Result<(), Error>) -> Result<(), Error> {
        let process = Pid::from_child(&self.child);
        if answer.is_err() {
            let _ = kill_process_group(process, Signal::KILL);
        }
        // Without taking its number away from it.
        let _ = waitid(WaitId::Pid(process), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        drop(self.in_time);
        let is_late = self.watch.join().unwrap_or_default();
        let _ = kill_process_group(process, Signal::KILL);
        let status = self.child.wait();
        let said = self.said.join().unwrap_or_default();
        if is_late {
            let seconds = client.limits.answer.as_secs();
            let detail = format!("notmuch did not end within {seconds} s and was stopped");
            return Err(client.error(ErrorKind::TimedOut, detail));
        }
        // What it says itself says more than that its answer ends early.
        match status.map_err(|error| Error::io("ask notmuch about", &client.path, &error))? {
            status if !status.success() && status.code().is_some() => {
                Err(failure(client, status, &said))
            }
            status => answer.and_then(|()| {
                if status.success() { Ok(()) } else { Err(failure(client, status, &said)) }
            }),
        }
    }
}

/// The beginning of what is said; all of it is read.
fn kept(mut from: impl Read) -> Vec<u8> {
    let mut said = Vec::new();
    let _ = from.by_ref().take(SAID_BYTES_MAX).read_to_end(&mut said);
    let _ = std::io::copy(&mut from, &mut std::io::sink());
    said
}

fn failure(client: &Client, status: ExitStatus, said: &[u8]) -> Error {
    let said = String::from_utf8_lossy(said);
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let kind = if words.contains("write lock") || words.contains("already locked") {
        ErrorKind::Busy
    } else if words.contains("should be reopened") || words.contains("modified") {
        ErrorKind::Stale
    } else {
        ErrorKind::Corrupt
    };
    let words: String = words.chars().take(SAID_CHARS_MAX).collect();
    client.error(kind, format!("notmuch failed ({status}): {words}"))
}
