//! The format of an app as an outside program knows it.
//!
//! The program is started when it is first needed, says hello each time, and is asked one thing at
//! a time. It never sees a library: for each read and write it gets private copies of the declared
//! files, in the only folder that it may write. What it answers goes through `convert` and
//! `write`; what goes wrong is an error of its kind, and after anything but an error that the
//! program itself reports it is killed, with all that it started.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use segue_translator::file_app::{App, FileApp, Files, Format};
use segue_translator::model::ChangeSet;
use segue_translator::{Error, ErrorKind, Reading, Sink, Written};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::convert::Checked;
use crate::launch::Launcher;
use crate::process::{Process, Silence};
use crate::wire::{self, Answer, Bytes};
use crate::write::{edits, written as written_by};
use crate::{Limits, hello};

/// Variables that a program gets, where they are set. Those that begin with `XDG_` and say what the
/// session is, and where its sockets lie, are not among them.
const VARIABLES: &[&str] = &[
    "HOME",
    "LANG",
    "PATH",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_DIRS",
    "XDG_CONFIG_HOME",
    "XDG_DATA_DIRS",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
];

/// Which way a line goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// To the program.
    Asked,
    /// From the program.
    Answered,
}

/// Sees every line.
pub type Watch = Arc<dyn Fn(Way, &str) + Send + Sync>;

/// What a program is run with.
#[derive(Clone)]
pub struct Surroundings {
    /// What starts it.
    pub launcher: Launcher,
    /// The variables to choose from.
    pub variables: BTreeMap<String, OsString>,
    /// What it may take.
    pub limits: Limits,
    /// Sees every line, if anybody does.
    pub watch: Option<Watch>,
}

/// A program that is the format of an app.
pub struct Outside {
    executable: PathBuf,
    around: Surroundings,
    app: &'static App,
    /// The one folder that the program may write; it is asked for stages and copies below it.
    folder: tempfile::TempDir,
    running: Mutex<Option<Talk>>,
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outside").field("executable", &self.executable).finish_non_exhaustive()
    }
}

/// A program that said hello, and the number of the next request.
struct Talk {
    process: Process,
    next: u64,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The program says so.
    Told(ErrorKind, String),
    /// It does not keep to the protocol or to what it declared.
    Broke(String),
    /// The library has more of something than is accepted.
    TooMuch(String),
    /// There was no answer within this time.
    Late(Duration),
    /// The receiver of what it read wants no more.
    Sink(Error),
    /// The file system.
    Io(std::io::Error),
}

impl From<String> for Trouble {
    fn from(why: String) -> Self {
        Self::Broke(why)
    }
}

impl Outside {
    /// Starts a program and hears what it says of its app.
    ///
    /// # Errors
    /// If it cannot be run, does not say hello, or says what cannot be.
    pub fn start(executable: &Path, around: Surroundings) -> Result<Self, Error> {
        let fail = |trouble: Trouble| trouble.error("start", executable);
        let folder = tempfile::Builder::new().prefix("segue-translator-").tempdir();
        let folder = folder.map_err(|error| fail(Trouble::Io(error)))?;
        let (talk, said) = begin(executable, folder.path(), &around).map_err(fail)?;
        let app = hello::app(said).map_err(|why| fail(Trouble::Broke(why)))?;
        let running = Mutex::new(Some(talk));
        Ok(Self { executable: executable.to_owned(), around, app, folder, running })
    }

    /// A translator that lets the program do what is special about its app.
    pub fn translator(self) -> FileApp<Self> {
        FileApp::new(self)
    }

    /// Asks one thing; `take` gets the parts and then, with `true`, the result.
    fn ask<T: DeserializeOwned>(
        &self,
        method: &str,
        params: &impl Serialize,
        mut take: impl FnMut(T, bool) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let mut talk = match running.take() {
            Some(talk) => talk,
            None => begin(&self.executable, self.folder.path(), &self.around)?.0,
        };
        let asked = ask(&mut talk, &self.around, (method, params), &mut take);
        if matches!(asked, Ok(()) | Err(Trouble::Told(..))) {
            *running = Some(talk);
        }
        asked
    }

    /// Copies of the files, for the program alone; of a stage the files themselves.
    fn hand_over(&self, files: Files<'_>) -> Result<Handed, Trouble> {
        let mut handed = Handed { copies: None, files: BTreeMap::new() };
        let mut folder = files.folder.to_owned();
        if !folder.starts_with(self.folder.path()) {
            let copies = tempfile::tempdir_in(self.folder.path()).map_err(Trouble::Io)?;
            for name in self.app.files.iter().filter(|name| folder.join(name).exists()) {
                fs::copy(folder.join(name), copies.path().join(name)).map_err(Trouble::Io)?;
            }
            copies.path().clone_into(&mut folder);
            handed.copies = Some(copies);
        }
        for name in self.app.files.iter().filter(|name| folder.join(name).exists()) {
            handed.files.insert((*name).to_owned(), path(&folder.join(name)));
        }
        Ok(handed)
    }
}

struct Handed {
    /// Gone when dropped.
    copies: Option<tempfile::TempDir>,
    files: BTreeMap<String, Bytes>,
}

fn path(path: &Path) -> Bytes {
    Bytes::new(path.as_os_str().as_bytes())
}

impl Format for Outside {
    fn app(&self) -> &'static App {
        self.app
    }

    fn read(&self, files: Files<'_>, sink: &mut dyn Sink) -> Result<Reading, Error> {
        let mut checked = Checked::new(self.app, &self.around.limits, sink);
        let read = self.hand_over(files).and_then(|handed| {
            let params = wire::ReadParams { library: path(files.library), files: handed.files };
            self.ask("read", &params, |part, is_last| checked.take(part, is_last))
        });
        let reading = read.and_then(|()| checked.finish());
        reading.map_err(|trouble| trouble.error("read", files.library))
    }

    fn rewrite(
        &self,
        files: Files<'_>,
        changes: &ChangeSet,
        stage: &Path,
    ) -> Result<Written, Error> {
        let mut outcomes = Vec::new();
        let written = self.hand_over(files).and_then(|handed| {
            let (library, stage, edits) = (path(files.library), path(stage), edits(changes));
            let params = wire::WriteParams { library, files: handed.files, stage, edits };
            self.ask("write", &params, |part: wire::WritePart, _| {
                outcomes.extend(part.results);
                Ok(())
            })
        });
        let written = written.and_then(|()| written_by(changes, outcomes));
        written.map_err(|trouble| trouble.error("write", files.library))
    }

    fn staging(&self) -> PathBuf {
        self.folder.path().to_owned()
    }
}

/// Starts the program and exchanges hellos.
fn begin(
    executable: &Path,
    folder: &Path,
    around: &Surroundings,
) -> Result<(Talk, wire::Hello), Trouble> {
    let variables = around.variables.iter().filter(|(name, _)| VARIABLES.contains(&name.as_str()));
    let mut variables: Vec<_> =
        variables.map(|(name, value)| (name.clone(), value.clone())).collect();
    variables.push(("TMPDIR".to_owned(), folder.into()));
    let kept = around.launcher.start(executable, folder, &variables, &around.limits);
    let process = kept.and_then(|kept| Process::new(kept, around.limits.line_bytes));
    let process = process.map_err(Trouble::Io)?;
    let mut talk = Talk { process, next: 1 };
    let params = wire::HelloParams { protocol: wire::PROTOCOL, segue: env!("CARGO_PKG_VERSION") };
    let mut said = None;
    let mut take = |hello: wire::Hello, is_last: bool| {
        said = Some(hello).filter(|_| is_last);
        Ok(())
    };
    ask(&mut talk, around, ("hello", &params), &mut take)?;
    let said = said.ok_or_else(|| "it said hello in parts".to_owned())?;
    Ok((talk, said))
}

fn ask<T: DeserializeOwned>(
    talk: &mut Talk,
    around: &Surroundings,
    (method, params): (&str, &impl Serialize),
    take: &mut impl FnMut(T, bool) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    let wait = if method == "hello" { around.limits.hello } else { around.limits.answer };
    let id = talk.next;
    talk.next += 1;
    let mut line = serde_json::to_vec(&wire::Request { id, method, params })
        .map_err(|error| error.to_string())?;
    watch(around, Way::Asked, &line);
    line.push(b'\n');
    talk.process.send(line);
    let (deadline, mut bytes) = (Instant::now() + wait, 0);
    loop {
        let line = talk.process.line(deadline);
        let line = line.map_err(|silence| silent(talk, silence, wait, around))?;
        bytes += line.len();
        if bytes > around.limits.answer_bytes {
            let most = around.limits.answer_bytes;
            return Err(Trouble::Broke(format!("its answer has more than {most} bytes")));
        }
        watch(around, Way::Answered, &line);
        let answer: Answer<T> =
            serde_json::from_slice(&line).map_err(|error| format!("to `{method}`: {error}"))?;
        if answer.id != id {
            return Err(Trouble::Broke(format!("it answers {} when asked {id}", answer.id)));
        }
        match (answer.part, answer.result, answer.error) {
            (Some(part), None, None) => take(part, false)?,
            (None, Some(result), None) => return take(result, true),
            (None, None, Some(fault)) => return Err(told(&fault)),
            _ => return Err("a line has not one of `part`, `result`, `error`".to_owned().into()),
        }
    }
}

fn watch(around: &Surroundings, way: Way, line: &[u8]) {
    if let Some(watch) = &around.watch {
        watch(way, &String::from_utf8_lossy(line));
    }
}

fn silent(talk: &mut Talk, silence: Silence, wait: Duration, around: &Surroundings) -> Trouble {
    match silence {
        Silence::Late => Trouble::Late(wait),
        Silence::TooLong => {
            Trouble::Broke(format!("its line has more than {} bytes", around.limits.line_bytes))
        }
        Silence::Ended => {
            talk.process.farewell();
            match talk.process.last_words() {
                words if words.is_empty() => Trouble::Broke("it ended without an answer".into()),
                words => Trouble::Broke(format!("it ended without an answer: {words}")),
            }
        }
    }
}

fn told(fault: &wire::Fault) -> Trouble {
    let kind = match fault.kind.as_str() {
        "busy" => ErrorKind::Busy,
        "not_running" => ErrorKind::NotRunning,
        "stale" => ErrorKind::Stale,
        "absent" => ErrorKind::Absent,
        "unsupported" => ErrorKind::Unsupported,
        "denied" => ErrorKind::Denied,
        "full" => ErrorKind::Full,
        "corrupt" => ErrorKind::Corrupt,
        "too_large" => ErrorKind::TooLarge,
        "timed_out" => ErrorKind::TimedOut,
        "io" => ErrorKind::Io,
        other => return Trouble::Broke(format!("`{other}` is no kind of error")),
    };
    Trouble::Told(kind, fault.message.chars().filter(|c| !c.is_control()).take(400).collect())
}

impl Trouble {
    fn error(self, operation: &'static str, path: &Path) -> Error {
        let (kind, detail) = match self {
            Self::Told(kind, message) => (kind, message),
            Self::Broke(why) => (ErrorKind::Translator, format!("its translator is wrong: {why}")),
            Self::TooMuch(what) => (ErrorKind::TooLarge, format!("its translator lists {what}")),
            Self::Late(wait) => {
                (ErrorKind::TimedOut, format!("its translator gave no answer within {wait:?}"))
            }
            Self::Sink(error) => return error,
            Self::Io(error) => return Error::io(operation, path, &error),
        };
        Error::new(kind, operation, path, detail)
    }
}
