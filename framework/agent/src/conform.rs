//! Tries the laws of a translator on an outside program: `segue conformance`.
//!
//! The trials are those of the translators that are built in, run through the same limits and
//! checks as in use. What a program cannot say (what it does not model, which version it cannot know)
//! may lie among the fixtures; else the trials that need it are skipped, with that reason.
//!
//! Invariant: it needs no agent's folder, and writes only below temporary ones.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use segue_conformance::{Outcome, REPORTED, Subject, child, trials};
use segue_translator::Place;
use segue_translator::file_app::{App, Format as _};

use crate::command::{Conformance, ConformanceReport, TrialResult, TrialRow};
use crate::{Failure, Progress, registry};

/// The first argument with which `segue` makes one write of a crash trial again; the program
/// follows.
pub const WRITE: &str = "write-conformance-trial";

/// Tries the laws, one after the other.
///
/// # Errors
/// If the program is no translator, or there is nothing to try it on.
pub fn conformance(
    request: &Conformance,
    progress: &dyn Progress,
) -> Result<ConformanceReport, Failure> {
    let executable = std::path::absolute(&request.executable)
        .map_err(|error| segue_translator::Error::io("start", &request.executable, &error))?;
    let folder = tempfile::tempdir()
        .map_err(|error| segue_translator::Error::io("write", std::env::temp_dir(), &error))?;
    let (subject, app) = subject(&executable, request.seed)?;
    let fixtures = request.fixture.clone().unwrap_or_else(|| beside(&executable));
    let fixtures = laid_out(&fixtures, app, folder.path())?;
    let mut all = trials(subject.with_fixtures(fixtures));
    let only = request.only.as_deref().unwrap_or_default();
    all.retain(|trial| trial.name.contains(only));
    if all.is_empty() {
        let sentence = format!("no trial has `{only}` in its name");
        return Err(Failure::refused(sentence, "without --only every trial is shown"));
    }
    let total = all.len() as u64;
    let mut report = ConformanceReport::new(app.capabilities.app, request.seed);
    for (done, trial) in all.iter().enumerate() {
        progress.step(&format!("Trying {}", trial.name), Some(total));
        progress.advance(done as u64);
        report.add(row(trial.name, &trial.fixture, trial.run()));
    }
    Ok(report)
}

fn row(name: &str, fixture: &str, outcome: Outcome) -> TrialRow {
    let (result, reason) = match outcome {
        Outcome::Passed => (TrialResult::Passed, None),
        Outcome::Failed(reason) => (TrialResult::Failed, Some(reason)),
        Outcome::Skipped(reason) => (TrialResult::Skipped, Some(reason)),
    };
    TrialRow { name: name.to_owned(), fixture: fixture.to_owned(), result, reason }
}

/// Makes the write that a crash trial asks for; `arguments` are those after [`WRITE`].
pub fn write_again(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let executable = PathBuf::from(arguments.next().unwrap_or_default());
    // What fails here is what the trial made fail, and was reported.
    let subject = subject(&executable, 0).ok();
    subject.and_then(|(subject, _)| child(&[subject])).unwrap_or(ExitCode::from(REPORTED))
}

/// The program as what is tried, and its app. It has no fixtures yet.
fn subject(executable: &Path, seed: u64) -> Result<(Subject, &'static App), Failure> {
    let variables: BTreeMap<_, _> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .collect();
    let program = registry::program_on_trial(executable, &variables)?;
    let app = program.app();
    let place = Place::new("/", BTreeMap::new());
    let home = app.folders.first().map(|folder| folder.in_place(&place));
    let home = home.as_deref().and_then(|home| home.strip_prefix("/").ok()).map(Path::to_owned);
    let subject =
        Subject::new(program.translator(), "", home.unwrap_or_default(), |_: &Path| Ok(()));
    let mut rerun: Vec<OsString> = subject.rerun.clone().unwrap_or_default();
    rerun.extend([WRITE.into(), executable.into()]);
    Ok((Subject { seed, rerun: Some(rerun), ..subject }, app))
}

fn beside(executable: &Path) -> PathBuf {
    executable.with_file_name("fixtures")
}

/// A folder with one library for each version: the given one, or one made around a library.
fn laid_out(given: &Path, app: &App, folder: &Path) -> Result<PathBuf, Failure> {
    let is_library = |path: &Path| app.files.first().is_some_and(|main| path.join(main).is_file());
    let fail = |error: std::io::Error| segue_translator::Error::io("read", given, &error);
    if is_library(given) {
        let name = given.file_name().unwrap_or("library".as_ref());
        let one = folder.join(name);
        fs::create_dir_all(&one).map_err(fail)?;
        for file in app.files.iter().filter(|file| given.join(file).is_file()) {
            fs::copy(given.join(file), one.join(file)).map_err(fail)?;
        }
        return Ok(folder.to_owned());
    }
    let mut versions = fs::read_dir(given).map_err(fail)?.flatten();
    if versions.any(|version| is_library(&version.path())) {
        return Ok(given.to_owned());
    }
    let main = app.files.first().copied().unwrap_or_default();
    let sentence = format!("there is no {main} in {}, nor in a folder of it", given.display());
    Err(Failure::refused(sentence, "say where a library of the app is: --fixture DIR"))
}
