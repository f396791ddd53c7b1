//! The steps. Each runs in a process of its own, so that its peak of memory is its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use segue_agent::command::{LibrarySpec, PassReport, Request, Response};
use segue_agent::world::{self, Outside};
use segue_agent::{Agent, Quiet};
use segue_translator::{Idle, Place};

use crate::{Outcome, floor, rating};

/// What one step took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Took {
    pub(crate) time: Duration,
    /// The processor's time, which other work on the machine does not stretch as much.
    pub(crate) processor: Duration,
    /// The most memory that its process had.
    pub(crate) peak_bytes: u64,
    /// What the step counted: edits that were written, bytes.
    pub(crate) count: u64,
}

/// The same on every Linux that Rust supports.
const TICKS_PER_SECOND: u64 = 100;

type Step = fn(&Path) -> Outcome<u64>;

const STEPS: &[(&str, Step)] = &[
    ("parse rhythmbox", floor::parse_rhythmbox),
    ("step strawberry", floor::step_strawberry),
    ("rewrite rhythmbox", floor::rewrite_rhythmbox),
    ("rewrite strawberry", floor::rewrite_strawberry),
    ("change rhythmbox", rating::change_rhythmbox),
    ("change strawberry", rating::change_strawberry),
    ("plan", plan),
    ("apply", apply),
    ("sync", sync),
    ("checkpoint", checkpoint),
    ("log", |home| number(home, "SELECT sum(length(raw)) FROM log")),
    ("saved", |home| number(home, "SELECT coalesce(sum(length(saved)), 0) FROM shard")),
    ("last change", |home| number(home, "SELECT length(raw) FROM log ORDER BY n DESC LIMIT 1")),
];

/// Runs a step in a process of its own.
pub(crate) fn run(name: &str, home: &Path) -> Outcome<Took> {
    let output = Command::new(std::env::current_exe()?).arg("step").arg(name).arg(home).output()?;
    if !output.status.success() {
        return Err(format!("{name}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let said = String::from_utf8(output.stdout)?;
    let numbers: Vec<u64> = said.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let [nanoseconds, processor_ms, peak_bytes, count] = numbers[..] else {
        return Err(format!("{name} said `{said}`").into());
    };
    let time = Duration::from_nanos(nanoseconds);
    Ok(Took { time, processor: Duration::from_millis(processor_ms), peak_bytes, count })
}

/// The other side of [`run`].
pub(crate) fn main(name: &str, home: &Path) -> Outcome<String> {
    let (_, step) = STEPS.iter().find(|(known, _)| *known == name).ok_or("no such step")?;
    let start = Instant::now();
    let count = step(home)?;
    let time = start.elapsed();
    Ok(format!("{} {} {} {count}", time.as_nanos(), processor_ms()?, peak_bytes()?))
}

/// What this process used of the processor, all threads and the kernel's part included.
fn processor_ms() -> Outcome<u64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The second field is the program's name in brackets, which may hold anything.
    let (_, fields) = stat.rsplit_once(')').ok_or("no process statistics")?;
    let ticks: Vec<&str> = fields.split_whitespace().skip(11).take(2).collect();
    let ticks: Vec<u64> = ticks.into_iter().map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<u64>() * 1_000 / TICKS_PER_SECOND)
}

fn peak_bytes() -> Outcome<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(kibibytes * 1024)
}

fn agent(home: &Path) -> Outcome<Agent> {
    let mut world = world::ambient(Outside::Left);
    world.place = Place::new(home, BTreeMap::new());
    world.host = Arc::new(Idle);
    Ok(Agent::open_in(&home.join("segue"), world)?)
}

fn plan(home: &Path) -> Outcome<u64> {
    let libraries: Vec<LibrarySpec> = ["rhythmbox", "strawberry"]
        .into_iter()
        .map(str::parse)
        .collect::<Result<_, _>>()
        .map_err(|error: segue_agent::command::SpecError| error.to_string())?;
    let request = Request::Plan { libraries, write_tags: false };
    match agent(home)?.run(request, &Quiet)? {
        Response::Plan(plan) => {
            fs::write(home.join("plan"), &plan.plan)?;
            Ok(plan.libraries.iter().map(|library| library.sets).sum())
        }
        other => Err(format!("no plan: {other:?}").into()),
    }
}

fn apply(home: &Path) -> Outcome<u64> {
    let plan = fs::read_to_string(home.join("plan"))?;
    written(&agent(home)?.run(Request::Apply { plan }, &Quiet)?)
}

fn sync(home: &Path) -> Outcome<u64> {
    let request = Request::Sync { libraries: Vec::new(), dry_run: false, yes: false };
    written(&agent(home)?.run(request, &Quiet)?)
}

fn written(response: &Response) -> Outcome<u64> {
    match response {
        Response::Pass(PassReport { libraries, .. }) => {
            Ok(libraries.iter().map(|library| library.written).sum())
        }
        other => Err(format!("no pass: {other:?}").into()),
    }
}

/// Moves the store's write-ahead log into its file; returns the size of the file.
fn checkpoint(home: &Path) -> Outcome<u64> {
    let path = home.join("segue/segue.db");
    let connection = Connection::open(&path)?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(fs::metadata(path)?.len())
}

fn number(home: &Path, sql: &str) -> Outcome<u64> {
    let connection = Connection::open(home.join("segue/segue.db"))?;
    let number: i64 = connection.query_row(sql, [], |row| row.get(0))?;
    Ok(number.try_into()?)
}
