//! Which histories are lived: those that once failed, and then one seed after the other.
//!
//! `SEGUE_HISTORIES=5000` lives more of them, `SEGUE_SECONDS=600` as many as there is time for, from seed
//! `SEGUE_FROM` on. One that fails is shrunk: steps are left out as long as it fails. `SEGUE_SEED=17` lives one and tells its
//! steps, `SEGUE_STEPS=2,5` these of it only; what is worth it goes into `kept.txt`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Cast, Life};

/// Histories that once failed: who plays, the seed, and which steps if not all.
const KEPT: &str = include_str!("kept.txt");

/// How many failing histories are shrunk and told.
const TOLD_MAX: usize = 3;

#[derive(Debug, Clone, PartialEq, Eq)]
struct History {
    cast: Cast,
    seed: u64,
    /// Numbers of steps, in their order.
    steps: Vec<usize>,
}

impl History {
    fn new(cast: Cast, seed: u64) -> Self {
        Self { cast, seed, steps: (0..Life::steps(seed)).collect() }
    }

    /// Lives it in an empty folder; returns the document at its end.
    fn live(&self, folder: &Path) -> Result<String, String> {
        let mut life = Life::new(self.seed, self.cast, folder);
        for index in &self.steps {
            life.step(self.seed, *index);
        }
        match life.end() {
            Ok(()) if life.linked.is_empty() => Ok(String::new()),
            Ok(()) => Ok(life.bench.export_text()),
            Err(why) => {
                Err(format!("{:?}, after: {}: {why}", life.bench.kinds, life.trace.join("; ")))
            }
        }
    }

    /// What is wrong with it.
    fn wrong(&self) -> Option<String> {
        let home = Home::of(self);
        match std::panic::catch_unwind(|| self.live(&home.folder)) {
            Ok(lived) => lived.err(),
            Err(_) => Some("it panicked".into()),
        }
    }

    /// The fewest steps with which something is wrong still.
    fn shrunk(mut self) -> Self {
        let mut length = self.steps.len().max(1) / 2;
        while length > 0 {
            let mut start = 0;
            while start < self.steps.len() {
                let mut fewer = self.clone();
                fewer.steps.drain(start..(start + length).min(self.steps.len()));
                if fewer.wrong().is_some() {
                    self = fewer;
                } else {
                    start += length;
                }
            }
            length /= 2;
        }
        self
    }
}

/// The folder of a history: the same for the same seed, because ids of links are drawn from paths
/// and decide which of two values is shown.
struct Home {
    folder: PathBuf,
    /// Held while the history lives; a killed test lets go of it.
    _lock: File,
}

impl Home {
    fn of(history: &History) -> Self {
        let History { cast, seed, .. } = history;
        for number in 0.. {
            let folder =
                std::env::temp_dir().join(format!("segue-history-{cast:?}-{seed}-{number}"));
            let lock = File::create(folder.with_extension("lock")).unwrap();
            // Another run of this test has the first one: then this history may go another way.
            if lock.try_lock().is_ok() {
                let _ = std::fs::remove_dir_all(&folder);
                std::fs::create_dir(&folder).unwrap();
                return Self { folder, _lock: lock };
            }
        }
        unreachable!("some number is free")
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
        let _ = std::fs::remove_file(self.folder.with_extension("lock"));
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn numbers(text: &str) -> Vec<usize> {
    text.split(',').map(|number| number.parse().unwrap()).collect()
}

/// The kept ones of this cast.
fn kept(cast: Cast) -> impl Iterator<Item = History> {
    KEPT.lines().filter(|line| !line.starts_with('#')).filter_map(move |line| {
        let mut words = line.split_whitespace();
        let is_ours = words.next()? == format!("{cast:?}");
        let mut history = History::new(cast, words.next()?.parse().unwrap());
        if let Some(steps) = words.next() {
            history.steps = numbers(steps);
        }
        is_ours.then_some(history)
    })
}

/// Every second history of a cast, from the first or the second on.
fn wanted(part: u64, cast: Cast, count: u64) -> Box<dyn Iterator<Item = History>> {
    if let Some(seed) = number("SEGUE_SEED") {
        let mut history = History::new(cast, seed);
        if let Ok(steps) = std::env::var("SEGUE_STEPS") {
            history.steps = numbers(&steps);
        }
        return Box::new(std::iter::once(history).filter(move |_| part == 0));
    }
    let count = match number("SEGUE_SECONDS") {
        Some(_) => usize::MAX,
        None => number("SEGUE_HISTORIES").unwrap_or(count) as usize / 2,
    };
    let from = number("SEGUE_FROM").unwrap_or(0) + part;
    let drawn = (from..).step_by(2).take(count).map(move |seed| History::new(cast, seed));
    Box::new(kept(cast).filter(move |_| part == 0).chain(drawn))
}

fn check(part: u64, cast: Cast, count: u64) {
    let end = number("SEGUE_SECONDS").map(|most| Instant::now() + Duration::from_secs(most));
    let (mut lived, mut steps, mut failed) = (0, 0, Vec::new());
    for history in wanted(part, cast, count) {
        if end.is_some_and(|end| Instant::now() >= end) {
            break;
        }
        (lived, steps) = (lived + 1, steps + history.steps.len());
        failed.extend(history.wrong().map(|_| history));
    }
    println!("{cast:?}: {lived} histories of {steps} steps, {} wrong", failed.len());
    let told = failed.iter().take(TOLD_MAX).cloned().map(|history| {
        let history = history.shrunk();
        let steps: Vec<String> = history.steps.iter().map(usize::to_string).collect();
        let (why, steps) = (history.wrong().unwrap_or_default(), steps.join(","));
        format!("SEGUE_SEED={} SEGUE_STEPS={steps}: {why}", history.seed)
    });
    let told: Vec<String> = told.collect();
    assert!(failed.is_empty(), "{cast:?}: {} are wrong\n{}", failed.len(), told.join("\n"));
}

#[test]
fn random_histories_keep_every_oracle_even() {
    check(0, Cast::Memory, 120);
}

#[test]
fn random_histories_keep_every_oracle_odd() {
    check(1, Cast::Memory, 120);
}

#[test]
fn real_formats_keep_every_oracle_even() {
    check(0, Cast::Real, 20);
}

#[test]
fn real_formats_keep_every_oracle_odd() {
    check(1, Cast::Real, 20);
}

#[test]
fn whatever_happens_to_a_computer_every_oracle_is_kept_even() {
    check(0, Cast::Mishaps, 60);
}

#[test]
fn whatever_happens_to_a_computer_every_oracle_is_kept_odd() {
    check(1, Cast::Mishaps, 60);
}

#[test]
fn o10_the_same_seed_gives_the_same_document() {
    for (seed, cast) in
        [Cast::Memory, Cast::Memory, Cast::Real, Cast::Mishaps].into_iter().enumerate()
    {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        let live_here = || {
            std::fs::create_dir(&home).unwrap();
            let document = History::new(cast, seed as u64).live(&home);
            std::fs::remove_dir_all(&home).unwrap();
            document
        };
        assert_eq!(live_here(), live_here(), "seed {seed}");
    }
}
