//! What a program, or something done here, takes.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::Outcome;

/// Time by the clock, and what GNU time says of a program.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timed {
    pub(crate) time: Duration,
    /// In steps of 10 ms.
    pub(crate) processor: Option<Duration>,
    pub(crate) peak_bytes: Option<u64>,
}

/// Does something here.
pub(crate) fn here<T>(work: impl FnOnce() -> Outcome<T>) -> Outcome<Timed> {
    let start = Instant::now();
    work()?;
    Ok(Timed { time: start.elapsed(), processor: None, peak_bytes: None })
}

/// Runs a program that succeeds; returns what it said, too.
pub(crate) fn timed(program: &Command) -> Outcome<(Timed, String)> {
    let said = tempfile::NamedTempFile::new()?;
    let mut command = Command::new("/usr/bin/time");
    command.arg("-f").arg("%U %S %M").arg("-o").arg(said.path());
    command.arg(program.get_program()).args(program.get_args());
    // What the program was given, and nothing else.
    command.env_clear();
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(folder) = program.get_current_dir() {
        command.current_dir(folder);
    }
    let start = Instant::now();
    let output = command.output()?;
    let time = start.elapsed();
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("{program:?}: {why}").into());
    }
    let text = fs::read_to_string(said.path())?;
    let numbers: Vec<f64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let [user, system, kibibytes] = numbers[..] else {
        return Err(format!("time said `{text}`").into());
    };
    let took = Timed {
        time,
        processor: Some(Duration::from_secs_f64(user + system)),
        peak_bytes: Some(kibibytes as u64 * 1_024),
    };
    Ok((took, String::from_utf8_lossy(&output.stdout).into_owned()))
}
