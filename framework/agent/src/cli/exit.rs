//! What the shell is told.
//!
//! Invariant: the code follows from the answer alone; open conflicts never change it.

use std::process::ExitCode;

use crate::command::{Found, HeldBatch, LibraryState, Response};

/// How a command ended. The numbers are a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// All was done.
    Done = 0,
    /// Nothing of it was done.
    Failed = 1,
    /// The command line was not understood.
    Usage = 2,
    /// A guard needs a person.
    Held = 3,
    /// An app is running, a device is away, or one library of several failed.
    Partly = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// How the command ended that was answered so.
pub(super) fn exit(response: &Response) -> Exit {
    match response {
        Response::Pass(pass) => match of_pass(&pass.libraries, &pass.held) {
            Exit::Done if !pass.away.is_empty() => Exit::Partly,
            exit => exit,
        },
        Response::Join(report) if !report.in_step => Exit::Partly,
        Response::Plan(plan) if !plan.held.is_empty() => Exit::Held,
        Response::Strike(report) if report.struck.is_empty() => Exit::Held,
        Response::Doctor(report) if !report.sound => Exit::Failed,
        Response::Conformance(report) if report.failed > 0 => Exit::Failed,
        _ => Exit::Done,
    }
}

fn of_pass(libraries: &[Found], held: &[HeldBatch]) -> Exit {
    let any = |state| libraries.iter().any(|library| library.state == state);
    if !held.is_empty() || any(LibraryState::Held) {
        return Exit::Held;
    }
    if !any(LibraryState::Failed) {
        return if any(LibraryState::Waiting) { Exit::Partly } else { Exit::Done };
    }
    let all = libraries.iter().all(|library| library.state == LibraryState::Failed);
    if all { Exit::Failed } else { Exit::Partly }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::sample;
    use crate::command::DoctorReport;

    #[test]
    fn the_exit_code_follows_from_the_answer() {
        use LibraryState::{Failed, Held, Paused, Unchanged, Waiting, Written};
        let table: &[(&[LibraryState], Exit)] = &[
            (&[], Exit::Done),
            (&[Written, Unchanged], Exit::Done),
            (&[Written, Waiting], Exit::Partly),
            (&[Unchanged, Paused], Exit::Done),
            (&[Waiting], Exit::Partly),
            (&[Written, Failed], Exit::Partly),
            (&[Unchanged, Failed], Exit::Partly),
            (&[Waiting, Failed], Exit::Partly),
            (&[Failed, Failed], Exit::Failed),
            (&[Held, Written], Exit::Held),
            (&[Held, Waiting], Exit::Held),
            (&[Held, Failed], Exit::Held),
        ];
        for (states, expected) in table {
            let mut pass = sample::pass(states);
            assert_eq!(exit(&Response::Pass(pass.clone())), *expected, "{states:?}");
            pass.conflicts = 7;
            assert_eq!(exit(&Response::Pass(pass)), *expected, "conflicts, {states:?}");
        }
    }

    #[test]
    fn a_held_batch_is_told_in_plans_and_passes() {
        let mut pass = sample::pass(&[LibraryState::Written]);
        pass.held.push(sample::held());
        assert_eq!(exit(&Response::Pass(pass)), Exit::Held);
        let mut plan = sample::plan();
        assert_eq!(exit(&Response::Plan(plan.clone())), Exit::Done);
        plan.held.push(sample::held());
        assert_eq!(exit(&Response::Plan(plan)), Exit::Held);
    }

    #[test]
    fn a_choice_that_nobody_made_waits_for_a_person() {
        let mut report = sample::strike("x");
        assert_eq!(exit(&Response::Strike(report.clone())), Exit::Held);
        report.struck.push(report.choices[0].clone());
        assert_eq!(exit(&Response::Strike(report)), Exit::Done);
    }

    #[test]
    fn a_broken_law_fails() {
        let mut report = crate::command::ConformanceReport::new("hello", 1);
        assert_eq!(exit(&Response::Conformance(report.clone())), Exit::Done);
        report.failed = 1;
        assert_eq!(exit(&Response::Conformance(report)), Exit::Failed);
    }

    #[test]
    fn an_unsound_store_fails() {
        for (sound, expected) in [(true, Exit::Done), (false, Exit::Failed)] {
            let report = DoctorReport { checks: Vec::new(), lost: Vec::new(), sound };
            assert_eq!(exit(&Response::Doctor(report)), expected);
        }
    }
}
