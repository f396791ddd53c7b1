//! `cargo run --release -p segue-simulation [-- --histories N] [--seconds S] [--from SEED] [--depth D]`

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use segue_simulation::{Kind, Report, Wish, exhaustive, kept, random, run};

fn main() -> ExitCode {
    let Some((wish, depth)) = wish() else {
        say("usage: segue-simulation [--histories N] [--seconds S] [--from SEED] [--depth D]");
        return ExitCode::from(2);
    };
    let mut is_all_sound = replay();
    for kind in [Kind::Music, Kind::Mail] {
        let what = format!("{kind:?}: {depth} steps in a small world");
        is_all_sound &= is_sound(&what, &exhaustive(kind, depth));
    }
    is_all_sound &= is_sound(&format!("From seed {}", wish.from), &random(&wish));
    ExitCode::from(u8::from(!is_all_sound))
}

fn wish() -> Option<(Wish, usize)> {
    let mut wish = Wish { histories: 1_000_000, most: Duration::MAX, from: 0 };
    let mut depth = 4;
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let number = words.next()?.parse().ok()?;
        match word.as_str() {
            "--histories" => wish.histories = number,
            "--seconds" => (wish.most, wish.histories) = (Duration::from_secs(number), u64::MAX),
            "--from" => wish.from = number,
            "--depth" => depth = usize::try_from(number).ok()?,
            _ => return None,
        }
    }
    Some((wish, depth))
}

/// Says a line at once. Nobody is left to tell if stdout is gone.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Tries what once failed; whether it holds now.
fn replay() -> bool {
    let all = match kept::all() {
        Ok(all) => all,
        Err(error) => {
            say(&format!("The kept histories cannot be read: {error}"));
            return false;
        }
    };
    let mut is_sound = true;
    for one in &all {
        if let Err(why) = run(&one.history.setup, &one.history.steps) {
            say(&format!("VIOLATED by kept/{}: {why}", one.name));
            is_sound = false;
        }
    }
    say(&format!("{} kept histories", all.len()));
    is_sound
}

/// Says what was tried, and keeps what failed.
fn is_sound(what: &str, report: &Report) -> bool {
    let Report { counters, failure, took } = report;
    let seconds = took.as_secs_f64();
    say(&format!("{what}: {} histories in {seconds:.1} s. {counters}", counters.histories));
    let Some(failure) = failure else { return true };
    say(&format!("VIOLATED by {}: {}\n{}", failure.of, failure.violation, failure.history));
    match kept::keep(failure) {
        Ok(path) => say(&format!("Kept as {}", path.display())),
        Err(error) => say(&format!("Not kept: {error}")),
    }
    false
}
