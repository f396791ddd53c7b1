//! `cargo run --release -p segue-simulation [-- --histories N] [--seconds S] [--from SEED] [--depth D]`

use std::io::Write;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use segue_simulation::{Kind, Setup, Step, drawn, every_step, run, shrunk};

/// What is asked for.
struct Wish {
    histories: u64,
    seconds: u64,
    from: u64,
    depth: usize,
}

/// What was done.
#[derive(Default)]
struct Counters {
    next: AtomicU64,
    histories: AtomicU64,
    operations: AtomicU64,
    conflicts: AtomicU64,
    is_violated: AtomicBool,
}

fn main() -> ExitCode {
    let Some(wish) = wish() else {
        say("usage: segue-simulation [--histories N] [--seconds S] [--from SEED] [--depth D]");
        return ExitCode::from(2);
    };
    let counters = Counters::default();
    for kind in [Kind::Music, Kind::Mail] {
        exhaust(kind, wish.depth, &counters);
    }
    let began = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| draw(&wish, began, &counters));
        }
    });
    let (count, took) = (counters.histories.load(Ordering::Relaxed), began.elapsed().as_secs_f64());
    say(&format!(
        "{count} histories from seed {} in {took:.1} s on {threads} threads: {} puts, {} conflicts left, {}",
        wish.from,
        counters.operations.load(Ordering::Relaxed),
        counters.conflicts.load(Ordering::Relaxed),
        if counters.is_violated.load(Ordering::Relaxed) { "VIOLATED" } else { "0 violations" },
    ));
    ExitCode::from(u8::from(counters.is_violated.load(Ordering::Relaxed)))
}

fn wish() -> Option<Wish> {
    let mut wish = Wish { histories: 1_000_000, seconds: u64::MAX, from: 0, depth: 3 };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let number = words.next()?.parse().ok()?;
        match word.as_str() {
            "--histories" => wish.histories = number,
            "--seconds" => (wish.seconds, wish.histories) = (number, u64::MAX),
            "--from" => wish.from = number,
            "--depth" => wish.depth = usize::try_from(number).ok()?,
            _ => return None,
        }
    }
    Some(wish)
}

/// Says a line at once. Nobody is left to tell if stdout is gone.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn draw(wish: &Wish, began: Instant, counters: &Counters) {
    let most = Duration::from_secs(wish.seconds);
    while !counters.is_violated.load(Ordering::Relaxed) && began.elapsed() < most {
        let next = counters.next.fetch_add(1, Ordering::Relaxed);
        if next >= wish.histories {
            return;
        }
        let seed = wish.from.wrapping_add(next);
        let (setup, steps) = drawn(seed);
        match run(&setup, &steps) {
            Ok(outcome) => {
                counters.histories.fetch_add(1, Ordering::Relaxed);
                counters.operations.fetch_add(outcome.operations as u64, Ordering::Relaxed);
                counters.conflicts.fetch_add(outcome.conflicts as u64, Ordering::Relaxed);
            }
            Err(why) => report(counters, &format!("seed {seed}: {why}"), &setup, &steps),
        }
    }
}

fn report(counters: &Counters, what: &str, setup: &Setup, steps: &[Step]) {
    if counters.is_violated.swap(true, Ordering::Relaxed) {
        return;
    }
    let steps = shrunk(setup, steps);
    let apps: Vec<Vec<_>> =
        setup.devices.iter().map(|links| links.iter().map(|link| link.app).collect()).collect();
    say(&format!("VIOLATED by {what}\n  devices {apps:?}"));
    if let Err(why) = run(setup, &steps) {
        say(&format!("  shrunk to {} steps: {why}", steps.len()));
    }
    for step in steps {
        say(&format!("    {step:?}"));
    }
}

/// Every history of a small world, up to so many steps after everything was linked and told.
fn exhaust(kind: Kind, depth: usize, counters: &Counters) {
    let (setup, all) = every_step(kind);
    let began = Instant::now();
    let first: Vec<Step> = (0..3).map(|device| Step::Pass(device, None)).collect();
    let next = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let count: u64 = std::thread::scope(|scope| {
        let work = || {
            let mut count = 0;
            loop {
                let at =
                    usize::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap_or(usize::MAX);
                let Some(step) = all.get(at) else { return count };
                let mut steps = first.clone();
                steps.push(*step);
                count += deeper(&setup, &all, &mut steps, depth.saturating_sub(1), counters);
            }
        };
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        running.into_iter().map(|thread| thread.join().unwrap_or(0)).sum()
    });
    let took = began.elapsed().as_secs_f64();
    say(&format!(
        "{kind:?}: all {count} histories of {depth} steps out of {} in {took:.1} s",
        all.len()
    ));
}

fn deeper(
    setup: &Setup,
    all: &[Step],
    steps: &mut Vec<Step>,
    depth: usize,
    counters: &Counters,
) -> u64 {
    if counters.is_violated.load(Ordering::Relaxed) {
        return 0;
    }
    if depth == 0 {
        if let Err(why) = run(setup, steps) {
            report(counters, &format!("an enumerated history: {why}"), setup, steps);
        }
        return 1;
    }
    let mut count = 0;
    for step in all {
        steps.push(*step);
        count += deeper(setup, all, steps, depth - 1, counters);
        steps.pop();
    }
    count
}
