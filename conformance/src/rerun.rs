//! The same write in a process of its own, which may be killed at any system call.
//!
//! The parent asks through variables; [`child`] answers before anything else runs. Two look-ups of
//! files that do not exist mark in a trace where the write begins and ends.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;

use segue_translator::model::ChangeSet;
use segue_translator::{Collector, Error, Idle};

use crate::edits;
use crate::subject::Subject;

const SUBJECT: &str = "SEGUE_CONFORMANCE_SUBJECT";
const LIBRARY: &str = "SEGUE_CONFORMANCE_LIBRARY";
const SEED: &str = "SEGUE_CONFORMANCE_SEED";
pub(crate) const BEGIN: &str = "/segue-conformance-write-begins";
pub(crate) const END: &str = "/segue-conformance-write-ends";
/// What a program that runs trials exits with when a crash trial runs it again and it cannot even
/// reach [`child`] for an error that was reported.
pub const REPORTED: u8 = 9;

/// The arguments that run the write of `subject` on the library at `path` in another process.
pub(crate) fn arguments(subject: &Subject, program: &[OsString], path: &Path) -> Vec<OsString> {
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
    arguments.extend_from_slice(program);
    arguments
}

/// Starts a command from such arguments.
pub(crate) fn command(arguments: &[OsString]) -> Command {
    let mut command = Command::new(&arguments[0]);
    command.args(&arguments[1..]);
    command
}

/// Does the write that a crash trial of another process asks for, and nothing else. A program that
/// runs trials calls it first and exits with the code, if there is one.
pub fn child(subjects: &[Subject]) -> Option<ExitCode> {
    let name = std::env::var(SUBJECT).ok()?;
    let path = PathBuf::from(std::env::var_os(LIBRARY)?);
    let Some(subject) = subjects.iter().find(|subject| subject.name == name) else {
        return Some(ExitCode::from(2));
    };
    Some(match write(subject, &path) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(REPORTED),
    })
}

fn write(subject: &Subject, path: &Path) -> Result<(), Error> {
    let library = subject.translator.open(path, Arc::new(Idle))?;
    let (catalog, reading) = Collector::collect(&*library)?;
    let mut rng = fastrand::Rng::with_seed(subject.seed);
    let changes: ChangeSet = edits::random(&mut rng, &catalog, library.capabilities());
    let _ = std::fs::metadata(BEGIN);
    let written = library.write(&reading.revision, &changes);
    let _ = std::fs::metadata(END);
    written.map(drop)
}
