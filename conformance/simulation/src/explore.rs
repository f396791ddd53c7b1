//! Many histories, on all processors: drawn from seeds, or all of a small world.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::counters::Counters;
use crate::oracle::Violation;
use crate::reduce::Reduction;
use crate::shrink::shrunk;
use crate::step::{Kind, Setup, Step, drawn, every_step};
use crate::text::History;
use crate::world::{World, run};

/// Which histories to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// How many at most.
    pub histories: u64,
    /// After how long no more are begun.
    pub most: Duration,
    /// The first seed.
    pub from: u64,
}

/// What was tried.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// What happened in all of them.
    pub counters: Counters,
    /// The first that violated a rule.
    pub failure: Option<Failure>,
    /// How long it took.
    pub took: Duration,
}

/// A history in which a rule did not hold.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Which history it was: its seed, or that it was enumerated.
    pub of: String,
    /// What is left of it that still fails.
    pub history: History,
    /// The rule that does not hold in what is left.
    pub violation: Violation,
}

/// Tries histories of seed after seed, until one violates a rule.
pub fn random(wish: &Wish) -> Report {
    let (began, next) = (Instant::now(), AtomicU64::new(0));
    on_all_processors(began, &|work| {
        while !work.is_over() && began.elapsed() < wish.most {
            let count = next.fetch_add(1, Ordering::Relaxed);
            if count >= wish.histories {
                return;
            }
            let seed = wish.from.wrapping_add(count);
            let (setup, steps) = drawn(seed);
            match run(&setup, &steps) {
                Ok(outcome) => work.counters.add(&outcome.counters),
                Err(_) => work.fail(&format!("seed {seed}"), &setup, &steps),
            }
        }
    })
}

/// Tries all histories of a small world: so many steps after every device looked at its libraries. Of those that are the
/// same but for names and the order of what is independent, one.
pub fn exhaustive(kind: Kind, depth: usize) -> Report {
    let (setup, all) = every_step(kind);
    let reduction = Reduction::of(&setup, all);
    let first: Vec<Step> =
        (0..setup.devices.len() as u8).map(|one| Step::Pass(one, None)).collect();
    let short = beginnings(&reduction, depth.min(2));
    let (began, next) = (Instant::now(), AtomicU64::new(0));
    on_all_processors(began, &|work| {
        while let Some(beginning) = short.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
            let beginning: Vec<usize> = beginning.clone();
            let mut world = World::new(&setup);
            let steps = beginning.iter().map(|place| reduction.steps()[*place]);
            let begins = first.iter().copied().chain(steps).try_for_each(|step| world.step(step));
            let deeper = Deeper { setup: &setup, first: &first, reduction: &reduction, depth };
            match begins {
                Ok(()) => deeper.go(work, &world, &mut beginning.clone()),
                Err(_) => deeper.fail(work, &beginning),
            }
        }
    })
}

/// The histories of so many steps that are tried.
pub(crate) fn beginnings(reduction: &Reduction, depth: usize) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for _ in 0..depth {
        let longer = all.iter().flat_map(|history: &Vec<usize>| {
            (0..reduction.steps().len()).map(|step| [history.as_slice(), &[step]].concat())
        });
        all = longer.filter(|history| reduction.is_tried(history)).collect();
    }
    all
}

struct Deeper<'a> {
    setup: &'a Setup,
    first: &'a [Step],
    reduction: &'a Reduction,
    depth: usize,
}

impl Deeper<'_> {
    fn go(&self, work: &mut Work<'_>, world: &World, history: &mut Vec<usize>) {
        if work.is_over() {
            return;
        }
        if history.len() >= self.depth {
            match world.clone().settle() {
                Ok(outcome) => work.counters.add(&outcome.counters),
                Err(_) => self.fail(work, history),
            }
            return;
        }
        for place in 0..self.reduction.steps().len() {
            history.push(place);
            if self.reduction.is_tried(history) {
                let mut world = world.clone();
                match world.step(self.reduction.steps()[place]) {
                    Ok(()) => self.go(work, &world, history),
                    Err(_) => self.fail(work, history),
                }
            }
            history.pop();
        }
    }

    fn fail(&self, work: &Work<'_>, history: &[usize]) {
        let steps = history.iter().map(|place| self.reduction.steps()[*place]);
        let steps: Vec<Step> = self.first.iter().copied().chain(steps).collect();
        work.fail("an enumerated history", self.setup, &steps);
    }
}

/// What one processor does.
struct Work<'a> {
    counters: Counters,
    failure: &'a Mutex<Option<Failure>>,
}

impl Work<'_> {
    fn is_over(&self) -> bool {
        self.failure.lock().is_ok_and(|failure| failure.is_some())
    }

    fn fail(&self, of: &str, setup: &Setup, steps: &[Step]) {
        let steps = shrunk(setup, steps);
        let Err(violation) = run(setup, &steps) else { return };
        let history = History { setup: setup.clone(), steps };
        if let Ok(mut failure) = self.failure.lock() {
            failure.get_or_insert(Failure { of: of.to_owned(), history, violation });
        }
    }
}

fn on_all_processors(began: Instant, work: &(dyn Fn(&mut Work<'_>) + Sync)) -> Report {
    let failure = Mutex::new(None);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut counters = Counters::default();
    std::thread::scope(|scope| {
        let one = || {
            let mut own = Work { counters: Counters::default(), failure: &failure };
            work(&mut own);
            own.counters
        };
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        for thread in running {
            match thread.join() {
                Ok(own) => counters.add(&own),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    let failure = failure.into_inner().unwrap_or_default();
    Report { counters, failure, took: began.elapsed() }
}
