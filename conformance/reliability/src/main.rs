//! `cargo run --release -p segue-reliability [-- --minutes M] [--from SEED] [--only PART]`
//!
//! Runs everything that looks for lost data, one part after the other: without `--minutes` as much as
//! every change must pass, else for that long. Each part is a program of its own, which says what it tried.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

/// One part.
struct Part {
    name: &'static str,
    /// What cargo is asked to do.
    cargo: &'static [&'static str],
    /// How much every change must pass: options, or variables of the environment.
    usual: &'static [(&'static str, &'static str)],
    /// What takes a number of seconds, and how many such stretches follow each other.
    seconds: (&'static str, u64),
    /// What takes the first seed.
    from: &'static str,
    /// Of a hundred minutes, how many.
    share: u64,
}

const PARTS: [Part; 4] = [
    Part {
        name: "planner",
        cargo: &["run", "--release", "--locked", "-q", "-p", "segue-simulation", "--"],
        usual: &[("--histories", "1000000")],
        seconds: ("--seconds", 1),
        from: "--from",
        share: 20,
    },
    Part {
        name: "histories",
        cargo: &[
            "test",
            "--release",
            "--locked",
            "-q",
            "-p",
            "segue-agent",
            "--test",
            "histories",
            "life::",
            "--",
            "--nocapture",
        ],
        usual: &[("SEGUE_HISTORIES", "3334")],
        // Three casts, of which two halves run beside each other.
        seconds: ("SEGUE_SECONDS", 3),
        from: "SEGUE_FROM",
        share: 50,
    },
    Part {
        name: "crashes",
        cargo: &["run", "--release", "--locked", "-q", "-p", "segue-faults", "--"],
        usual: &[("--states", "20000"), ("--kills", "200")],
        seconds: ("--seconds", 1),
        from: "--from",
        share: 20,
    },
    Part {
        name: "hostile",
        cargo: &["run", "--release", "--locked", "-q", "-p", "segue-hostile", "--"],
        usual: &[("--mutants", "100000")],
        seconds: ("--seconds", 1),
        from: "--from",
        share: 10,
    },
];

struct Wish {
    minutes: Option<u64>,
    from: Option<u64>,
    only: Option<String>,
}

fn main() -> ExitCode {
    let Some(wish) = wish() else {
        let names = PARTS.map(|part| part.name).join(", ");
        say("usage: segue-reliability [--minutes M] [--from SEED] [--only PART]");
        say(&format!("       PART is one of {names}"));
        return ExitCode::from(2);
    };
    say(&format!("{}, {}", jiff::Timestamp::now().strftime("%Y-%m-%d"), machine()));
    let wanted =
        PARTS.iter().filter(|part| wish.only.as_ref().is_none_or(|only| only == part.name));
    let mut ends = Vec::new();
    for part in wanted {
        say(&format!("\n{}", part.name));
        let began = Instant::now();
        let end = match part.command(&wish).status() {
            Ok(status) if status.success() => "ok",
            Ok(_) => "VIOLATED",
            Err(_) => "NOT RUN: cargo does not start",
        };
        ends.push((part.name, began.elapsed().as_secs(), end));
    }
    say("");
    for (name, seconds, end) in &ends {
        say(&format!("{name:10} {seconds:6} s  {end}"));
    }
    ExitCode::from(u8::from(ends.iter().any(|(.., end)| *end != "ok")))
}

fn wish() -> Option<Wish> {
    let mut wish = Wish { minutes: None, from: None, only: None };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next()?;
        match word.as_str() {
            "--minutes" => wish.minutes = Some(value.parse().ok()?),
            "--from" => wish.from = Some(value.parse().ok()?),
            "--only" => {
                wish.only = Some(PARTS.iter().find(|part| part.name == value)?.name.to_owned());
            }
            _ => return None,
        }
    }
    Some(wish)
}

impl Part {
    fn command(&self, wish: &Wish) -> Command {
        let mut command =
            Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
        command.args(self.cargo);
        if let Some(minutes) = wish.minutes {
            let share = if wish.only.is_some() { 100 } else { self.share };
            let (name, stretches) = self.seconds;
            let seconds = minutes.saturating_mul(60).saturating_mul(share) / 100 / stretches;
            give(&mut command, name, &seconds.to_string());
        } else {
            self.usual.iter().for_each(|(name, value)| give(&mut command, name, value));
        }
        if let Some(seed) = wish.from {
            give(&mut command, self.from, &seed.to_string());
        }
        // Where a disk is memory nothing waits for it; what is synced is looked at by the crashes alone.
        if Path::new("/dev/shm").is_dir() {
            command.env("TMPDIR", "/dev/shm");
        }
        command
    }
}

/// An option, or a variable of the environment.
fn give(command: &mut Command, name: &str, value: &str) {
    if name.starts_with("--") {
        command.args([name, value])
    } else {
        command.env(name, value)
    };
}

/// The processor, and how many of it.
fn machine() -> String {
    let known = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = known.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    format!("{count} × {}", model.map_or("a processor", |(_, name)| name))
}

/// Says a line at once. Nobody is left to tell if stdout is gone.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
