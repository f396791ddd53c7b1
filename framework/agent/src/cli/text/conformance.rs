//! How a translator kept the laws.

use super::words::shell_word;
use super::{Page, Table};
use crate::command::{Conformance, ConformanceReport, Request, TrialResult, TrialRow};

pub(super) fn page(request: &Request, report: &ConformanceReport) -> Page {
    let mut table = Table::default();
    let several = report.trials.iter().any(|row| row.fixture != report.trials[0].fixture);
    for row in &report.trials {
        let result = match row.result {
            TrialResult::Passed => "ok",
            TrialResult::Failed => "FAILED",
            TrialResult::Skipped => "skipped",
        };
        let name = if several { format!("{} {}", row.fixture, row.name) } else { row.name.clone() };
        table.row([result, &name, row.reason.as_deref().unwrap_or_default()]);
    }
    let (passed, failed, skipped) = (report.passed, report.failed, report.skipped);
    let counts = format!("{passed} passed, {failed} failed, {skipped} skipped.");
    let page = Page::of(table.lines(2)).say(format!("{}: {counts}", report.app));
    let failed = report.trials.iter().find(|row| row.result == TrialResult::Failed);
    match (failed, request) {
        (Some(row), Request::Conformance(request)) => {
            page.then("Reproduce the first failure:", command(request, row))
        }
        _ => page,
    }
}

/// The command that tries this again, and nothing else.
fn command(request: &Conformance, row: &TrialRow) -> String {
    let mut words = vec!["segue conformance".to_owned()];
    words.push(shell_word(&request.executable.to_string_lossy()));
    if let Some(fixture) = &request.fixture {
        words.extend(["--fixture".to_owned(), shell_word(&fixture.to_string_lossy())]);
    }
    words.push(format!("--seed {} --only {}", request.seed, row.name));
    words.join(" ")
}
