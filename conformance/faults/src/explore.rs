//! Tries crashes of all scenes, until so many are tried or the time is over.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use crate::crash::{Crash, Way, drawn, found, told, usual};
use crate::disk::fingerprint;
use crate::scene::{Played, Scene, Then};
use crate::{Failed, mail, music};

/// Of one scene so many wrong states are told; more of them say nothing new.
const TOLD_MAX: usize = 5;
/// So often in a row nothing new is drawn before a scene counts as exhausted.
const MISSES_MAX: usize = 200;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The command `segue`.
    pub program: PathBuf,
    /// So many states, of all scenes together.
    pub states: usize,
    /// Goes on with further seeds for so long, however many states that are.
    pub time: Option<Duration>,
    /// What is drawn comes from this.
    pub seed: u64,
    /// Only scenes in whose names this stands.
    pub scene: String,
}

/// A state from which it does not go on as it should.
#[derive(Debug, Clone)]
pub struct Violation {
    /// The crash, in lines that can be kept as a file.
    pub crash: String,
    /// What is wrong.
    pub why: String,
    /// Whether a file system that keeps the order of names leaves it too.
    pub keeps_order: bool,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = if self.keeps_order { "" } else { ", where the order of names is not kept" };
        write!(f, "VIOLATED{order}\n{}{}", self.crash, self.why)
    }
}

/// What was tried.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// How many states, by the way in which each was thought of; each is another disk.
    pub states: BTreeMap<&'static str, usize>,
    /// How many operations were recorded, by scene.
    pub operations: BTreeMap<&'static str, usize>,
    /// How many crashes of earlier violations were found again in a recording, and tried first.
    pub kept: usize,
    /// Scenes that cannot be played here, and why.
    pub skipped: Vec<String>,
    /// What went wrong.
    pub violations: Vec<Violation>,
}

impl Report {
    /// How many states there were in all.
    pub fn tried(&self) -> usize {
        self.states.values().sum()
    }

    fn add(&mut self, other: Self) {
        for (way, count) in other.states {
            *self.states.entry(way).or_default() += count;
        }
        self.operations.extend(other.operations);
        self.kept += other.kept;
        self.skipped.extend(other.skipped);
        self.violations.extend(other.violations);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = |counts: &BTreeMap<&str, usize>| {
            let counts = counts.iter().map(|(name, count)| format!("{count} {name}"));
            counts.collect::<Vec<_>>().join(", ")
        };
        for skipped in &self.skipped {
            writeln!(f, "skipped: {skipped}")?;
        }
        for violation in &self.violations {
            writeln!(f, "{violation}\n")?;
        }
        writeln!(f, "operations: {}", counts(&self.operations))?;
        write!(
            f,
            "{} crashes: {}; {} kept ones first; {} violations",
            self.tried(),
            counts(&self.states),
            self.kept,
            self.violations.len()
        )
    }
}

/// Every scene.
fn scenes() -> impl Iterator<Item = &'static Scene> {
    music::SCENES.iter().chain(mail::SCENES)
}

/// Tries crashes.
///
/// # Errors
/// If a scene cannot be played as it is, without any crash.
pub fn explore(wish: &Wish) -> Result<Report, Failed> {
    let (began, kept) = (Instant::now(), kept()?);
    let is_over = || wish.time.is_some_and(|time| began.elapsed() >= time);
    let mut report = Report::default();
    for round in 0.. {
        let wish = Wish { seed: wish.seed.wrapping_add(round), ..wish.clone() };
        report.add(by_scene(&wish, &|scene, seed, states| {
            if is_over() {
                return Ok(Report::default());
            }
            let share = Share { states, seed };
            one(scene, &wish.program, &share, &kept, &is_over)
        })?);
        if wish.time.is_none() || is_over() || !report.violations.is_empty() {
            break;
        }
    }
    Ok(report)
}

/// Crashes that were wrong once, with the names of their scenes.
fn kept() -> Result<Vec<(String, String)>, Failed> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("kept");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_, std::io::Error>>()?;
    files.sort();
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path)?;
        let (scene, crash) = text.split_once('\n').ok_or("a kept crash without a scene")?;
        Ok((scene.to_owned(), crash.to_owned()))
    };
    files.iter().map(read).collect()
}

/// Gives each scene that can be played here its part of the states, and a seed; several at a time.
pub(crate) fn by_scene(
    wish: &Wish,
    one: &(dyn Fn(&'static Scene, u64, usize) -> Result<Report, Failed> + Sync),
) -> Result<Report, Failed> {
    let mut report = Report::default();
    let mut playable = Vec::new();
    for scene in scenes().filter(|scene| scene.name.contains(&wish.scene)) {
        match (scene.missing)() {
            Some(why) => report.skipped.push(format!("{}: {why}", scene.name)),
            None => playable.push(scene),
        }
    }
    let states = wish.states.div_ceil(playable.len().max(1));
    let (next, reports) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(scene) = playable.get(next.fetch_add(1, Ordering::Relaxed)) {
            let done =
                one(scene, wish.seed, states).map_err(|why| format!("{}: {why}", scene.name));
            reports.lock().unwrap_or_else(PoisonError::into_inner).push(done);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..available_parallelism().map_or(1, std::num::NonZero::get) {
            scope.spawn(work);
        }
    });
    for done in reports.into_inner().unwrap_or_else(PoisonError::into_inner) {
        report.add(done?);
    }
    Ok(report)
}

/// What is tried of a scene.
struct Share {
    states: usize,
    seed: u64,
}

fn one(
    scene: &'static Scene,
    program: &Path,
    share: &Share,
    kept: &[(String, String)],
    is_over: &dyn Fn() -> bool,
) -> Result<Report, Failed> {
    let played = Played::of(scene, program)?;
    let mut trial = Trial { played: &played, seen: HashSet::new(), report: Report::default() };
    trial.report.operations.insert(scene.name, played.record.ops.len());
    for (_, text) in kept.iter().filter(|(name, _)| name == scene.name) {
        if let Some(crash) = found(text, &played.record) {
            trial.report.kept += 1;
            trial.take(Way::Reordered, crash);
        }
    }
    let mut rng = fastrand::Rng::with_seed(share.seed);
    let mut usual = usual(&played.record);
    rng.shuffle(&mut usual);
    // All cuts; of the rest as many as leave room for what is drawn.
    usual.sort_by_key(|(way, _)| *way != Way::Cut);
    let goes_on = |trial: &Trial<'_>, most: usize| {
        trial.report.tried() < most && trial.report.violations.len() < TOLD_MAX && !is_over()
    };
    let mut usual = usual.into_iter();
    while goes_on(&trial, share.states * 3 / 4) {
        let Some((way, crash)) = usual.next() else { break };
        trial.take(way, crash);
    }
    let mut misses = 0;
    while goes_on(&trial, share.states) && misses < MISSES_MAX {
        let is_new = trial.take(Way::Reordered, drawn(&played.record, &mut rng));
        misses = if is_new { 0 } else { misses + 1 };
    }
    while goes_on(&trial, share.states) {
        let Some((way, crash)) = usual.next() else { break };
        trial.take(way, crash);
    }
    Ok(trial.report)
}

/// One recording, and what was tried of it.
struct Trial<'a> {
    played: &'a Played,
    seen: HashSet<u64>,
    report: Report,
}

impl Trial<'_> {
    /// Tries a crash; says whether it left another disk than all before.
    fn take(&mut self, way: Way, crash: Crash) -> bool {
        let record = &self.played.record;
        if !self.seen.insert(fingerprint(&crash.disk(record).tree())) {
            return false;
        }
        *self.report.states.entry(way.name()).or_default() += 1;
        let number = self.seen.len();
        let then = Then { other_way: number % 2 == 1, takes_back: number.is_multiple_of(3) };
        if self.played.judge(&crash, then).is_err() {
            let crash = crash.shrunk(|less| self.played.judge(less, then).is_err());
            let why = self.played.judge(&crash, then).err().unwrap_or_default();
            let text = format!("{}\n{}", self.played.scene.name, told(&crash, record));
            let keeps_order = crash.keeps_order(record);
            self.report.violations.push(Violation { crash: text, why, keeps_order });
        }
        true
    }
}
