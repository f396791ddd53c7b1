//! A home with libraries, and Segue in it: the real command, or the same in this process.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use segue_agent::cli::{self, Streams};
use segue_agent::command::{Request, Response};
use segue_agent::{Agent, Quiet, World, registry};
use segue_translator::{Idle, Place};
use serde_json::Value as Json;
use tempfile::TempDir;

use crate::Failed;
use crate::disk::{self, Disk, Tree};
use crate::record::Record;

/// All calls that change files, and those that say which file is which.
const TRACED: &str = "trace=openat,?open,?creat,close,dup,?dup2,dup3,fcntl,lseek,write,writev,pwrite64,pwritev,\
    copy_file_range,sendfile,ftruncate,truncate,fallocate,fsync,fdatasync,mmap,?mkdir,mkdirat,?link,linkat,?rename,\
    renameat,renameat2,?unlink,unlinkat,?rmdir,?symlink,symlinkat,clone,clone3,?fork,?vfork,execve";

/// Where Segue's folder is in a home.
const SEGUE: &str = ".local/share/segue";

/// A home, and who works in it.
pub(crate) struct Desk {
    /// Removes it at the end.
    _guard: TempDir,
    home: PathBuf,
    pub(crate) program: PathBuf,
    world: World,
    clock: Arc<AtomicI64>,
}

/// How a command ended and what it printed.
#[derive(Debug)]
pub(crate) struct Ran {
    /// `None` if it was killed.
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Desk {
    /// An empty home for this `segue`.
    pub(crate) fn new(program: &Path) -> Result<Self, Failed> {
        // In memory where that is possible: what a disk would lose is worked out, not waited for.
        let guard = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())?;
        let home = fs::canonicalize(guard.path())?.join("home");
        fs::create_dir(&home)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let clock = Arc::new(AtomicI64::new(now as i64));
        let world = world(&home, Arc::clone(&clock));
        Ok(Self { _guard: guard, home, program: program.to_owned(), world, clock })
    }

    /// The home.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// A place in it.
    pub(crate) fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        self.home.join(path)
    }

    /// A command with nothing in its environment but this home.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", &self.home).env("SEGUE_HOME", self.at(SEGUE)).stdin(Stdio::null());
        command
    }

    /// Runs the real command.
    pub(crate) fn run(&self, words: &[&str]) -> Result<Ran, Failed> {
        ran(self.command(&self.program).args(words))
    }

    /// The same, which must succeed.
    pub(crate) fn done(&self, words: &[&str]) -> Result<String, Failed> {
        let Ran { code, out, err } = self.run(words)?;
        if code == Some(0) {
            Ok(out)
        } else {
            Err(format!("{words:?}: {code:?} {out}{err}").into())
        }
    }

    /// Runs the real command and records what it does to the home.
    pub(crate) fn record(&self, words: &[&str]) -> Result<Record, Failed> {
        let begin = Disk::read(&self.home)?;
        let log = self.home.with_extension("trace");
        let mut strace = self.command(Path::new("strace"));
        strace.args(["-f", "-y", "-xx", "-s", "33554432", "-e", "signal=none", "-e", TRACED, "-o"]);
        let Ran { code, out, err } =
            ran(strace.arg(&log).arg("--").arg(&self.program).args(words))?;
        if code != Some(0) {
            return Err(format!("{words:?}: {code:?} {out}{err}").into());
        }
        let record = Record::of(begin, &self.home, &fs::read_to_string(&log)?)?;
        fs::remove_file(&log)?;
        let (is, should) = (record.end().tree(), Disk::read(&self.home)?.tree());
        match disk::difference(&is, &should) {
            None => Ok(record),
            Some(difference) => Err(format!("the recording of {words:?}: {difference}").into()),
        }
    }

    /// What the command would do, in this process.
    pub(crate) fn act(&self, words: &[&str]) -> Ran {
        let apps: Vec<&str> =
            self.world.translators.iter().map(|known| known.capabilities().app).collect();
        let line: Vec<OsString> =
            std::iter::once("segue").chain(words.iter().copied()).map(OsString::from).collect();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let streams = Streams { out: &mut out, err: &mut err };
        let folder = self.at(SEGUE);
        let code = cli::run(&line, &apps, streams, &mut |_, request, progress| {
            Agent::open_in(&folder, self.world.clone())?.run(request, progress)
        });
        self.clock.fetch_add(60, Ordering::Relaxed);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ran { code: Some(code.into()), out: text(&out), err: text(&err) }
    }

    /// What Segue answers, by one agent.
    pub(crate) fn ask<const N: usize>(&self, requests: [Request; N]) -> Result<[Json; N], Failed> {
        let mut agent = Agent::open_in(&self.at(SEGUE), self.world.clone())
            .map_err(|failure| failure.to_string())?;
        let mut answers = [const { Json::Null }; N];
        for (answer, request) in answers.iter_mut().zip(requests) {
            *answer = match agent.run(request, &Quiet).map_err(|failure| failure.to_string())? {
                Response::Export(text) => serde_json::from_str(&text.0)?,
                other => serde_json::to_value(other)?,
            };
        }
        Ok(answers)
    }

    /// Makes the home hold exactly this.
    pub(crate) fn lay(&self, tree: &Tree) -> Result<(), Failed> {
        // Segue takes a store with another node for a copy of its own, and writes as somebody else from then on.
        Ok(disk::lay(tree, &self.home, &Path::new(SEGUE).join("segue.db"))?)
    }
}

fn ran(command: &mut Command) -> Result<Ran, Failed> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Ran { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) })
}

fn world(home: &Path, clock: Arc<AtomicI64>) -> World {
    let dice = Mutex::new(fastrand::Rng::with_seed(7));
    let mut variables = BTreeMap::new();
    variables.extend(std::env::var_os("PATH").map(|path| ("PATH".to_owned(), path)));
    World {
        now: Arc::new(move || clock.load(Ordering::Relaxed)),
        random: Arc::new(move |bytes| {
            dice.lock().unwrap_or_else(PoisonError::into_inner).fill(bytes);
        }),
        host: Arc::new(Idle),
        place: Place::new(home, variables),
        translators: registry::translators(),
        programs: registry::Programs::default(),
        device: "desk".into(),
    }
}

/// Why nothing can be recorded here, if so.
pub fn missing() -> Option<String> {
    let mut probe = Command::new("strace");
    probe.args(["-f", "-qq", "-o", "/dev/null", "true"]);
    match probe.output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Some(said.lines().next().unwrap_or("strace failed").to_owned())
        }
        Err(error) => Some(format!("strace: {error}")),
    }
}

/// Builds the command `segue` as this program was built, and says where it is.
///
/// # Errors
/// What cargo says.
pub fn program() -> Result<PathBuf, Failed> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--locked", "-p", "segue-agent", "--bin", "segue"]);
    build.args(["--message-format", "json"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    let Ran { code, out, err } = ran(&mut build)?;
    let made = |line: &str| {
        let made: Json = serde_json::from_str(line).ok()?;
        made["executable"].as_str().map(PathBuf::from)
    };
    match out.lines().filter_map(made).next_back() {
        Some(program) if code == Some(0) => Ok(program),
        _ => Err(format!("cargo build: {code:?} {err}").into()),
    }
}

/// Writes a file, and its folder if there is none.
pub(crate) fn put(path: &Path, bytes: impl AsRef<[u8]>) -> Result<(), Failed> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    Ok(fs::File::create(path)?.write_all(bytes.as_ref())?)
}
