//! Runs trials as a test program: one line each, skips with their reasons, the list of skips kept.
//!
//! Invariant: a skip that is not in the recorded list fails the program, so that an unset variable
//! or a missing fixture never means that nothing was tried.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use libtest_mimic::{Arguments, Completion, Failed};

use crate::mutant::mutants;
use crate::rerun;
use crate::subject::Subject;
use crate::trial::{Outcome, Trial, trials};

/// Tries every law on every subject, as a test program does, and compares the skips with the file
/// `skips`. `SEGUE_BLESS=1` writes that file.
pub fn main(subjects: Vec<Subject>, skips: &Path) -> ExitCode {
    if let Some(code) = rerun::child(&subjects) {
        return code;
    }
    let all = subjects.into_iter().flat_map(trials);
    run(all.map(Named::law).collect(), skips)
}

/// The same for one subject, and then that each law which can be broken in a way that all
/// translators share is seen to be broken.
pub fn suite(subject: &Subject, skips: &Path) -> ExitCode {
    let mutants = mutants(subject);
    let mut subjects: Vec<_> = mutants.iter().map(|mutant| mutant.subject.clone()).collect();
    subjects.push(subject.clone());
    if let Some(code) = rerun::child(&subjects) {
        return code;
    }
    let mut all: Vec<_> = trials(subject.clone()).into_iter().map(Named::law).collect();
    for mutant in mutants {
        let caught = mutant.caught();
        all.extend(
            caught.into_iter().map(|trial| Named::mutant(mutant.name, &subject.name, trial)),
        );
    }
    run(all, skips)
}

/// A trial as it is shown.
struct Named {
    name: String,
    subject: String,
    trial: Trial,
    is_mutant: bool,
}

impl Named {
    fn law(trial: Trial) -> Self {
        let (name, subject) = (trial.name.to_owned(), trial.subject().to_owned());
        Self { name, subject, trial, is_mutant: false }
    }

    fn mutant(name: &str, subject: &str, trial: Trial) -> Self {
        Self { name: format!("mutants::{name}"), subject: subject.into(), trial, is_mutant: true }
    }

    fn outcome(&self) -> Outcome {
        match self.trial.run() {
            Outcome::Passed if self.is_mutant => {
                Outcome::Failed(format!("`{}` does not see it", self.trial.name))
            }
            Outcome::Failed(_) if self.is_mutant => Outcome::Passed,
            outcome => outcome,
        }
    }
}

fn run(all: Vec<Named>, skips: &Path) -> ExitCode {
    let arguments = Arguments::from_args();
    let whole = arguments.filter.is_none() && arguments.skip.is_empty() && !arguments.list;
    let skipped = Arc::new(Mutex::new(BTreeSet::new()));
    let all = all.into_iter().map(|named| test(named, Arc::clone(&skipped))).collect();
    let conclusion = libtest_mimic::run(&arguments, all);
    let found = skipped.lock().unwrap_or_else(PoisonError::into_inner);
    let found: String = found.iter().map(String::as_str).collect();
    if whole && !are_as_recorded(&found, skips) {
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}

fn test(named: Named, skipped: Arc<Mutex<BTreeSet<String>>>) -> libtest_mimic::Trial {
    let kind = format!("{} {}", named.subject, named.trial.fixture);
    let name = named.name.clone();
    let run = move || match named.outcome() {
        Outcome::Passed => Ok(Completion::Completed),
        Outcome::Failed(reason) => Err(Failed::from(reason)),
        Outcome::Skipped(reason) => {
            if !reason.starts_with("here:") {
                let (subject, fixture) = (&named.subject, &named.trial.fixture);
                let line = format!("{subject} {fixture} {}: {reason}\n", named.name);
                skipped.lock().unwrap_or_else(PoisonError::into_inner).insert(line);
            }
            Ok(Completion::ignored_with(reason))
        }
    };
    libtest_mimic::Trial::ignorable_test(name, run).with_kind(kind)
}

/// Whether the file lists exactly these skips; says on stderr how they differ.
fn are_as_recorded(found: &str, file: &Path) -> bool {
    if std::env::var_os("SEGUE_BLESS").is_some() {
        return std::fs::write(file, found).is_ok();
    }
    let recorded = std::fs::read_to_string(file).unwrap_or_default();
    if recorded == found {
        return true;
    }
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    let mut out = std::io::stderr().lock();
    // Nobody is left to tell if stderr is gone.
    let _ = writeln!(out, "The skips are not those in {}:", file.display());
    for line in lines(&recorded).difference(&lines(found)) {
        let _ = writeln!(out, "- {line}");
    }
    for line in lines(found).difference(&lines(&recorded)) {
        let _ = writeln!(out, "+ {line}");
    }
    let _ = writeln!(out, "Hint: run again with SEGUE_BLESS=1 if this is meant.");
    false
}
