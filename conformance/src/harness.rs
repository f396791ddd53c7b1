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

use crate::rerun;
use crate::subject::Subject;
use crate::trial::{Outcome, Trial, trials};

/// Tries every law on every subject, as a test program does, and compares the skips with the file
/// `skips`. `SEGUE_BLESS=1` writes that file.
pub fn main(subjects: Vec<Subject>, skips: &Path) -> ExitCode {
    if let Some(code) = rerun::child(&subjects) {
        return code;
    }
    let arguments = Arguments::from_args();
    let whole = arguments.filter.is_none() && arguments.skip.is_empty() && !arguments.list;
    let skipped = Arc::new(Mutex::new(BTreeSet::new()));
    let all = subjects.into_iter().flat_map(trials);
    let all = all.map(|trial| test(trial, Arc::clone(&skipped))).collect();
    let conclusion = libtest_mimic::run(&arguments, all);
    let found = skipped.lock().unwrap_or_else(PoisonError::into_inner);
    let found: String = found.iter().map(String::as_str).collect();
    if whole && !are_as_recorded(&found, skips) {
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}

fn test(trial: Trial, skipped: Arc<Mutex<BTreeSet<String>>>) -> libtest_mimic::Trial {
    let kind = format!("{} {}", trial.subject(), trial.fixture);
    let name = trial.name;
    let run = move || match trial.run() {
        Outcome::Passed => Ok(Completion::Completed),
        Outcome::Failed(reason) => Err(Failed::from(reason)),
        Outcome::Skipped(reason) => {
            if !reason.starts_with("here:") {
                let (subject, fixture) = (trial.subject(), &trial.fixture);
                let line = format!("{subject} {fixture} {}: {reason}\n", trial.name);
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
