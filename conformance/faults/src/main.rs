//! `cargo run --release -p segue-faults [-- --states N] [--seconds S] [--kills N] [--from SEED] [--scene WORDS]`

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use segue_faults::{Failed, Report, Wish, explore, kill, missing, program};

fn main() -> ExitCode {
    let Some((wish, kills)) = wish() else {
        say(
            "usage: segue-faults [--states N] [--seconds S] [--kills N] [--from SEED] [--scene WORDS]",
        );
        return ExitCode::from(2);
    };
    if let Some(why) = missing() {
        say(&format!("skipped: {why}"));
        return ExitCode::SUCCESS;
    }
    match run(wish, kills) {
        Ok(is_sound) => ExitCode::from(u8::from(!is_sound)),
        Err(why) => {
            say(&why.to_string());
            ExitCode::FAILURE
        }
    }
}

fn run(mut wish: Wish, kills: usize) -> Result<bool, Failed> {
    wish.program = program()?;
    let crashes = tell(&wish, explore)?;
    let kills = Wish { states: kills, ..wish };
    Ok(tell(&kills, kill)? && crashes)
}

/// Says what was tried; returns whether all went well.
fn tell(wish: &Wish, tries: fn(&Wish) -> Result<Report, Failed>) -> Result<bool, Failed> {
    let began = Instant::now();
    let report = tries(wish)?;
    say(&format!("{report}, from seed {}, in {:.1} s", wish.seed, began.elapsed().as_secs_f64()));
    Ok(report.violations.is_empty())
}

fn wish() -> Option<(Wish, usize)> {
    let mut wish =
        Wish { program: "".into(), states: 20_000, time: None, seed: 0, scene: String::new() };
    let mut kills = 200;
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next()?;
        match word.as_str() {
            "--states" => wish.states = value.parse().ok()?,
            "--seconds" => wish.time = Some(Duration::from_secs(value.parse().ok()?)),
            "--kills" => kills = value.parse().ok()?,
            "--from" => wish.seed = value.parse().ok()?,
            "--scene" => wish.scene = value,
            _ => return None,
        }
    }
    Some((wish, kills))
}

/// Says a line at once. Nobody is left to tell if stdout is gone.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
