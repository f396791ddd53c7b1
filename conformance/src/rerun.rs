//! The same write in a process of its own, which may be killed at any system call, lie in another
//! zone, be measured, or be another writer.
//!
//! The parent asks through variables; [`child`] answers before anything else runs. Two look-ups of
//! files that do not exist mark in a trace where the write begins and ends.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};
use segue_translator::model::ChangeSet;
use segue_translator::{Collector, Error, ErrorKind, Idle};

use crate::edits;
use crate::laws::Count;
use crate::rival;
use crate::subject::Subject;

const SUBJECT: &str = "SEGUE_CONFORMANCE_SUBJECT";
const LIBRARY: &str = "SEGUE_CONFORMANCE_LIBRARY";
const SEED: &str = "SEGUE_CONFORMANCE_SEED";
/// The file for what was read before the write.
pub(crate) const SHOWN: &str = "SEGUE_CONFORMANCE_SHOWN";
/// What another writer changes while a write is under way; it reports in the file [`SHOWN`].
pub(crate) const RIVAL: &str = "SEGUE_CONFORMANCE_RIVAL";
/// The file for the number of items and the peak of memory; one value is written then.
pub(crate) const MEASURED: &str = "SEGUE_CONFORMANCE_MEASURED";
pub(crate) const BEGIN: &str = "/segue-conformance-write-begins";
pub(crate) const END: &str = "/segue-conformance-write-ends";
/// What a program that runs trials exits with when a crash trial runs it again and it cannot even
/// reach [`child`] for an error that was reported.
pub const REPORTED: u8 = 9;
/// How long a measured process may use the processor. The load of the computer does not count.
pub(crate) const SECONDS_MAX: u64 = 20;

/// The arguments that run the write of `subject` on the library at `path` in another process, with
/// `more` variables.
pub(crate) fn arguments(
    subject: &Subject,
    program: &[OsString],
    path: &Path,
    more: &[(&str, OsString)],
) -> Vec<OsString> {
    let variable = |name: &str, value: OsString| {
        let mut pair = OsString::from(format!("{name}="));
        pair.push(value);
        pair
    };
    let mut arguments = vec![
        "env".into(),
        variable(SUBJECT, subject.name.clone().into()),
        variable(LIBRARY, path.into()),
        variable(SEED, subject.seed.to_string().into()),
    ];
    arguments.extend(more.iter().map(|(name, value)| variable(name, value.clone())));
    arguments.extend_from_slice(program);
    arguments
}

/// Starts a command from such arguments.
pub(crate) fn command(arguments: &[OsString]) -> Command {
    let mut command = Command::new(&arguments[0]);
    command.args(&arguments[1..]);
    command
}

/// Does the write that a trial of another process asks for, and nothing else. A program that
/// runs trials calls it first and exits with the code, if there is one.
pub fn child(subjects: &[Subject]) -> Option<ExitCode> {
    let name = std::env::var(SUBJECT).ok()?;
    let path = PathBuf::from(std::env::var_os(LIBRARY)?);
    let Some(subject) = subjects.iter().find(|subject| subject.name == name) else {
        return Some(ExitCode::from(2));
    };
    let shown = std::env::var_os(SHOWN).unwrap_or_default();
    end_after(subject.patience);
    let done = match (std::env::var_os(MEASURED), std::env::var(RIVAL)) {
        (Some(report), _) => measure(subject, &path, Path::new(&report)),
        (None, Ok(target)) => rival::write(subject, &path, &target, Path::new(&shown)),
        (None, Err(_)) => write(subject, &path),
    };
    Some(match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // In a crash trial printing may be what fails.
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::from(REPORTED)
        }
    })
}

/// Ends this process if it hangs: the trial that waits for it is given up by then.
fn end_after(patience: Duration) {
    std::thread::spawn(move || {
        std::thread::sleep(patience);
        std::process::abort()
    });
}

fn write(subject: &Subject, path: &Path) -> Result<(), Error> {
    let library = subject.translator.open(path, Arc::new(Idle))?;
    let (catalog, reading) = Collector::collect(&*library)?;
    if let Some(shown) = std::env::var_os(SHOWN) {
        put(Path::new(&shown), &format!("{catalog:?}"))?;
    }
    let mut rng = fastrand::Rng::with_seed(subject.seed);
    let changes: ChangeSet = edits::random(&mut rng, (&catalog, &reading), library.capabilities());
    let _ = std::fs::metadata(BEGIN);
    let written = library.write(&reading.revision, &changes);
    let _ = std::fs::metadata(END);
    written.map(drop)
}

fn put(path: &Path, text: &str) -> Result<(), Error> {
    std::fs::write(path, text).map_err(|error| Error::io("report", path, &error))
}

/// Reads a library item by item, writes one value and reads it again.
fn measure(subject: &Subject, path: &Path, report: &Path) -> Result<(), Error> {
    let seconds = Some(SECONDS_MAX);
    setrlimit(Resource::Cpu, Rlimit { current: seconds, maximum: seconds })
        .map_err(|error| Error::io("limit", path, &error.into()))?;
    let library = subject.translator.open(path, Arc::new(Idle))?;
    let mut count = Count::default();
    let reading = library.read(&mut count)?;
    let mut rng = fastrand::Rng::with_seed(subject.seed);
    let support = edits::writable(library.capabilities()).next();
    if let (Some(item), Some(support)) = (&count.last, support) {
        let new = Some(edits::value(&mut rng, support.field));
        let fields = vec![edits::edit(item, support.field, new)];
        let written =
            library.write(&reading.revision, &ChangeSet { fields, ..ChangeSet::default() })?;
        if let Some(refusal) = written.refused.first() {
            return Err(Error::new(ErrorKind::Io, "measure", path, refusal.reason.clone()));
        }
        count = Count::default();
        library.read(&mut count)?;
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|rest| rest.split_whitespace().next()).unwrap_or_default();
    put(report, &format!("{} {peak}", count.items))
}
