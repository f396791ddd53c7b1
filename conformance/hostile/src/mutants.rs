//! A great many mutants, and what became of them.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread;

use fastrand::Rng;

use crate::mutate::mutant;
use crate::target::{Outcome, TARGETS, Target};

/// Failures that are kept; one is too many.
const FAILURES_KEPT: usize = 20;

/// What became of the mutants of one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Those that mean something.
    pub read: u64,
    /// Those that were refused.
    pub refused: u64,
}

/// A mutant that did what no bytes may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The target.
    pub target: &'static str,
    /// Its number, which makes it again.
    pub number: u64,
    /// What it did.
    pub why: String,
    /// The mutant.
    pub bytes: Vec<u8>,
}

/// What became of all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// By target.
    pub counts: BTreeMap<&'static str, Counts>,
    /// What must not be; empty if all is well.
    pub failures: Vec<Failure>,
}

impl Report {
    /// How many mutants there were.
    pub fn mutants(&self) -> u64 {
        let counted: u64 = self.counts.values().map(|counts| counts.read + counts.refused).sum();
        counted + self.failures.len() as u64
    }

    fn note(&mut self, target: &Target, number: u64, mutant: Result<Outcome, (String, Vec<u8>)>) {
        let counts = self.counts.entry(target.name).or_default();
        match mutant {
            Ok(Outcome::Read) => counts.read += 1,
            Ok(Outcome::Refused) => counts.refused += 1,
            Err((why, bytes)) => {
                let failure = Failure { target: target.name, number, why, bytes };
                self.failures.push(failure);
            }
        }
    }

    fn add(&mut self, other: Self) {
        for (target, counts) in other.counts {
            let sum = self.counts.entry(target).or_default();
            sum.read += counts.read;
            sum.refused += counts.refused;
        }
        self.failures.extend(other.failures);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<20} {:>9} {:>9}", "target", "read", "refused")?;
        for (target, Counts { read, refused }) in &self.counts {
            writeln!(f, "{target:<20} {read:>9} {refused:>9}")?;
        }
        for Failure { target, number, why, .. } in &self.failures {
            writeln!(f, "{target}, mutant {number}: {why}")?;
        }
        write!(f, "{} mutants, {} failures", self.mutants(), self.failures.len())
    }
}

/// Feeds `count` mutants, shared out as the targets say, while `goes_on`. The same `seed` makes the same
/// mutants, however many threads there are.
pub fn run(count: u64, seed: u64, goes_on: &(dyn Fn() -> bool + Sync)) -> Report {
    let shares: u64 = TARGETS.iter().map(|target| u64::from(target.share)).sum();
    let workers = thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let seeds: Vec<Vec<Vec<u8>>> = TARGETS.iter().map(|target| (target.seeds)()).collect();
    let whole = Mutex::new(Report::default());
    let work = |worker: u64| {
        let mut report = Report::default();
        for (index, target) in TARGETS.iter().enumerate() {
            let own = count * u64::from(target.share) / shares + 1;
            for number in (worker..own).step_by(workers as usize) {
                if !goes_on() || report.failures.len() >= FAILURES_KEPT {
                    break;
                }
                let bytes = made(target, &seeds[index], seed, number);
                report.note(target, number, feed(target, bytes));
            }
        }
        // A panic elsewhere leaves the report whole.
        whole.lock().unwrap_or_else(std::sync::PoisonError::into_inner).add(report);
    };
    thread::scope(|scope| {
        for worker in 0..workers {
            scope.spawn(move || work(worker));
        }
    });
    whole.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The mutant of this number: every other one is repaired, where a target has what can be.
fn made(target: &Target, seeds: &[Vec<u8>], seed: u64, number: u64) -> Vec<u8> {
    let name = target
        .name
        .bytes()
        .fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mut rng = Rng::with_seed(name ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut bytes = mutant(&mut rng, seeds);
    if let Some(repair) = target.repair.filter(|_| !number.is_multiple_of(4)) {
        repair(&mut bytes);
    }
    bytes
}

/// Feeds one; a panic is what it did wrong.
pub fn feed(target: &Target, bytes: Vec<u8>) -> Result<Outcome, (String, Vec<u8>)> {
    catch_unwind(AssertUnwindSafe(|| (target.run)(&bytes))).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        (text.unwrap_or("a panic without words").to_owned(), bytes)
    })
}
