//! Runs trials as a test program: one line each, skips with their reasons, the record of them kept.
//!
//! Invariant: a skip or a subject that is not in the record fails the program, so that an unset
//! variable or a missing fixture never means that nothing was tried.

use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use libtest_mimic::{Arguments, Completion, Failed};

use crate::mutant::mutants;
use crate::record::Record;
use crate::rerun;
use crate::subject::Subject;
use crate::trial::{Outcome, Trial, trials};

/// Tries every law on every subject, as a test program does, and compares the skips with the record
/// in the file `skips`. `SEGUE_BLESS=1` writes that file.
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
    let mut record = Record::default();
    for named in &all {
        let (subject, fixture) = (&named.subject, &named.trial.fixture);
        record.tries(subject, fixture);
        if named.is_mutant {
            record.breaks(subject, fixture);
        }
    }
    let record = Arc::new(Mutex::new(record));
    let all = all.into_iter().map(|named| test(named, Arc::clone(&record))).collect();
    let conclusion = libtest_mimic::run(&arguments, all);
    let record = record.lock().unwrap_or_else(PoisonError::into_inner);
    if whole && !record.is_that_of(skips) {
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}

fn test(named: Named, record: Arc<Mutex<Record>>) -> libtest_mimic::Trial {
    let kind = format!("{} {}", named.subject, named.trial.fixture);
    let name = named.name.clone();
    let run = move || match named.outcome() {
        Outcome::Passed => Ok(Completion::Completed),
        Outcome::Failed(reason) => Err(Failed::from(reason)),
        Outcome::Skipped(reason) => {
            let on = (named.subject.as_str(), named.trial.fixture.as_str());
            let mut record = record.lock().unwrap_or_else(PoisonError::into_inner);
            record.skip(on, &named.name, &reason);
            Ok(Completion::ignored_with(reason))
        }
    };
    libtest_mimic::Trial::ignorable_test(name, run).with_kind(kind)
}
