//! What a worst case costs, measured in a process of its own.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use rustix::time::{ClockId, clock_gettime};

use crate::target::target;
use crate::worst::{CASES, MEBIBYTES_MAX, MILLISECONDS_MAX};

/// What a case cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cost {
    /// The case.
    pub name: &'static str,
    /// The target that it was for.
    pub target: &'static str,
    /// Its size.
    pub bytes: usize,
    /// How long a processor took and how much more memory there was at its height, in KiB; or what went wrong.
    pub spent: Result<(u64, u64), String>,
}

impl Cost {
    /// Whether it is no more than a hostile mebibyte may cost. Time counts only in a release build.
    pub fn is_within(&self, counts_time: bool) -> bool {
        self.spent.as_ref().is_ok_and(|(ms, kib)| {
            *kib <= MEBIBYTES_MAX << 10 && (!counts_time || *ms <= MILLISECONDS_MAX)
        })
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, target, bytes, spent } = self;
        write!(f, "{name:<44} {target:<20} {bytes:>8} B ")?;
        match spent {
            Ok((ms, kib)) => {
                write!(f, "{ms:>6} ms {:>4}.{} MiB", kib >> 10, ((kib & 1023) * 10) >> 10)
            }
            Err(why) => write!(f, "{why}"),
        }
    }
}

/// Measures all cases, each with `program --feed TARGET FILE`.
pub fn all(program: &Path) -> Vec<Cost> {
    CASES
        .iter()
        .map(|case| {
            let bytes = (case.make)();
            let spent = in_process(program, case.target, &bytes);
            Cost { name: case.name, target: case.target, bytes: bytes.len(), spent }
        })
        .collect()
}

fn in_process(program: &Path, target: &str, bytes: &[u8]) -> Result<(u64, u64), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let file = folder.path().join("case");
    fs::write(&file, bytes).map_err(|error| error.to_string())?;
    let done = Command::new(program).args(["--feed", target]).arg(&file).output();
    let done = done.map_err(|error| error.to_string())?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr);
        return Err(format!("{}: {}", done.status, said.lines().next().unwrap_or_default()));
    }
    let said = String::from_utf8_lossy(&done.stdout);
    let mut numbers = said.split_whitespace().filter_map(|word| word.parse().ok());
    numbers.next().zip(numbers.next()).ok_or_else(|| "it says nothing".to_owned())
}

/// Feeds a file to a target, and prints the milliseconds and KiB that it took.
#[expect(clippy::print_stdout, reason = "what the parent process reads")]
pub fn feed(name: &str, file: &str) -> ExitCode {
    let (Some(target), Ok(bytes)) = (target(name), fs::read(file)) else {
        eprintln!("no such target or file");
        return ExitCode::from(2);
    };
    // What is made once is no cost of the case.
    if let Some(seed) = (target.seeds)().first() {
        (target.run)(seed);
    }
    // Begins the high-water mark anew.
    let is_reset = fs::write("/proc/self/clear_refs", "5").is_ok();
    let (before, begin) = (kib("VmRSS:"), processor_ms());
    (target.run)(&bytes);
    let ms = processor_ms().saturating_sub(begin);
    let Some((most, before)) = kib("VmHWM:").zip(before).filter(|_| is_reset) else {
        eprintln!("the kernel does not say how much memory is used");
        return ExitCode::FAILURE;
    };
    println!("{ms} {}", most.saturating_sub(before));
    ExitCode::SUCCESS
}

/// Of this process. What else runs on the machine makes no difference to it.
fn processor_ms() -> u64 {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    spent.tv_sec as u64 * 1_000 + spent.tv_nsec as u64 / 1_000_000
}

fn kib(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}
