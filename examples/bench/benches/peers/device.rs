//! A device: a home with apps' files, its agent as a process of its own, and what can be asked of it.
//!
//! Everything stays on the loopback interface: `SEGUE_NETWORK` says so, and the environment holds nothing else.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use tempfile::TempDir;

use crate::Outcome;

/// Nothing takes so long.
const PATIENCE: Duration = Duration::from_mins(10);

/// The program, as it is released; or the one that `SEGUE_BENCH_PROGRAM` names.
pub(crate) fn program() -> Outcome<PathBuf> {
    if let Some(named) = std::env::var_os("SEGUE_BENCH_PROGRAM") {
        return Ok(named.into());
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let words = ["build", "--release", "--package", "segue-agent", "--bin", "segue"];
    if !Command::new(cargo).args(words).status()?.success() {
        return Err("segue could not be built".into());
    }
    // This program lies in `deps`, beside which the others are.
    let own = std::env::current_exe()?;
    let folder = own.parent().and_then(Path::parent).ok_or("this program has no folder")?;
    Ok(folder.join("segue"))
}

/// One device.
pub(crate) struct Device {
    program: PathBuf,
    folder: TempDir,
    agent: Option<Running>,
}

/// An agent, and what it says with the time at which that came.
struct Running {
    child: Child,
    lines: Receiver<(Instant, String)>,
    said: RefCell<Vec<(Instant, String)>>,
}

impl Device {
    pub(crate) fn new(program: &Path) -> Outcome<Self> {
        let folder = tempfile::Builder::new().prefix("segue-bench").tempdir()?;
        Ok(Self { program: program.to_owned(), folder, agent: None })
    }

    pub(crate) fn home(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.home().join("segue/segue.db")
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear().env("HOME", self.home()).env("SEGUE_HOME", self.home().join("segue"));
        command.env("PATH", "/usr/bin:/bin").env("SEGUE_NETWORK", "loopback");
        command.current_dir(self.home()).stdin(Stdio::null()).args(words);
        command
    }

    /// What a command says that succeeds.
    pub(crate) fn say(&self, words: &[&str]) -> Outcome<String> {
        let output = self.command(words).output()?;
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr);
            return Err(format!("segue {}: {why}", words.join(" ")).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    fn json(&self, words: &[&str]) -> Outcome<Json> {
        let said = self.say(&[words, &["--json"]].concat())?;
        let first = said.lines().next().unwrap_or_default();
        Ok(serde_json::from_str(&said).or_else(|_| serde_json::from_str(first))?)
    }

    /// Links an app's library, as a person who has read the plan.
    pub(crate) fn link(&self, app: &str) -> Outcome<()> {
        let plan = self.json(&["plan", app])?;
        let name = plan["plan"].as_str().ok_or("no plan")?;
        self.json(&["apply", name]).map(drop)
    }

    /// Starts the agent.
    pub(crate) fn up(&mut self) -> Outcome<()> {
        let mut command = self.command(&["up", "--json"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (stdout, stderr) = stdout.zip(stderr).ok_or("no output")?;
        let (told, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if told.send((Instant::now(), line)).is_err() {
                    return;
                }
            }
        });
        let mut first = String::new();
        BufReader::new(stdout).read_line(&mut first)?;
        self.agent = Some(Running { child, lines, said: RefCell::default() });
        if first.is_empty() { Err("the agent did not start".into()) } else { Ok(()) }
    }

    /// Tells the agent to end.
    pub(crate) fn down(&mut self) -> Outcome<()> {
        let Some(mut running) = self.agent.take() else { return Ok(()) };
        Command::new("kill").arg(running.child.id().to_string()).status()?;
        running.child.wait()?;
        Ok(())
    }

    /// Lets another device join what this one has; returns when the joining command began.
    pub(crate) fn lets_in(&self, other: &Self) -> Outcome<Instant> {
        let invitation = self.json(&["invite", "--yes"])?;
        let ticket = invitation["ticket"].as_str().ok_or("no ticket")?;
        let begun = Instant::now();
        other.json(&["join", ticket])?;
        Ok(begun)
    }

    /// When the agent said something with this in it, since it was started.
    pub(crate) fn until(&self, part: &str) -> Outcome<Instant> {
        let running = self.agent.as_ref().ok_or("no agent")?;
        let mut said = running.said.borrow_mut();
        let latest = Instant::now() + PATIENCE;
        loop {
            if let Some((at, _)) = said.iter().find(|(_, line)| line.contains(part)) {
                return Ok(*at);
            }
            let left = latest.saturating_duration_since(Instant::now());
            match running.lines.recv_timeout(left) {
                Ok(line) => said.push(line),
                Err(_) => return Err(format!("the agent never said {part:?}: {said:?}").into()),
            }
        }
    }

    /// The agent's numbers.
    pub(crate) fn metrics(&self) -> Outcome<Metrics> {
        let text = self.say(&["metrics"])?;
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let number = |line: &str| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        Ok(Metrics(lines.filter_map(number).collect()))
    }

    /// Waits until the agent has told nobody anything for so long, and nothing travels.
    pub(crate) fn rest(&self, quiet: Duration) -> Outcome<Metrics> {
        let mut before = self.metrics()?;
        let mut since = Instant::now();
        while since.elapsed() < quiet {
            std::thread::sleep(Duration::from_millis(50).min(quiet));
            let now = self.metrics()?;
            if now.frames() != before.frames() || now.passes() != before.passes() {
                since = Instant::now();
            }
            before = now;
        }
        Ok(before)
    }

    /// Waits until more travelled than `before`, and then for [`rest`](Self::rest).
    pub(crate) fn more(&self, before: &Metrics, quiet: Duration) -> Outcome<Metrics> {
        let latest = Instant::now() + PATIENCE;
        while self.metrics()?.frames() == before.frames() {
            if Instant::now() >= latest {
                return Err("nothing travelled".into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        self.rest(quiet)
    }

    /// What the agent's process has used of the processor, and its memory now.
    pub(crate) fn usage(&self) -> Outcome<(Spent, u64)> {
        let running = self.agent.as_ref().ok_or("no agent")?;
        let folder = PathBuf::from("/proc").join(running.child.id().to_string());
        // Nanoseconds on the processor, of each thread that is there: finer than the ticks of `stat`, in which
        // those count that have ended.
        let mut spent = 0;
        for thread in fs::read_dir(folder.join("task"))? {
            let text = fs::read_to_string(thread?.path().join("schedstat"))?;
            spent += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
        }
        let stat = fs::read_to_string(folder.join("stat"))?;
        let (_, fields) = stat.rsplit_once(')').ok_or("no process statistics")?;
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
        let ticks: u64 = ticks.collect::<Result<Vec<_>, _>>()?.iter().sum();
        let status = fs::read_to_string(folder.join("status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes: u64 = line.ok_or("no VmRSS")?.trim().trim_end_matches(" kB").parse()?;
        let (threads, ticks) = (Duration::from_nanos(spent), Duration::from_millis(ticks * 10));
        Ok((Spent { threads, ticks }, kibibytes << 10))
    }
}

/// Processor time by two clocks: that of the threads is fine and forgets those that ended, that of the process is
/// coarse and forgets none. Only differences of one clock mean something.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spent {
    threads: Duration,
    ticks: Duration,
}

impl Spent {
    /// What was spent since an earlier reading.
    pub(crate) fn since(self, before: Self) -> Duration {
        let threads = self.threads.saturating_sub(before.threads);
        threads.max(self.ticks.saturating_sub(before.ticks))
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        if let Some(running) = &mut self.agent {
            // It may have ended.
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
    }
}

/// Numbers of an agent at one instant.
pub(crate) struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    fn of(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or(0.0)
    }

    fn bytes(&self, layer: &str) -> u64 {
        let way = |way: &str| {
            let name = "segue_network_bytes_total";
            self.of(&format!("{name}{{layer=\"{layer}\",direction=\"{way}\"}}")) as u64
        };
        way("sent") + way("received")
    }

    /// Bytes of sessions' frames so far, both ways.
    pub(crate) fn frames(&self) -> u64 {
        self.bytes("frames")
    }

    /// Bytes of UDP so far, both ways.
    pub(crate) fn udp(&self) -> u64 {
        self.bytes("udp")
    }

    pub(crate) fn passes(&self) -> u64 {
        self.of("segue_passes_total{outcome=\"done\"}") as u64
    }

    /// When a step was done last, in seconds since 1970.
    pub(crate) fn step(&self, word: &str) -> f64 {
        self.of(&format!("segue_last_step_time_seconds{{step=\"{word}\"}}"))
    }
}
