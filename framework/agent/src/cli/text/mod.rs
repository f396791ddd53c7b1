//! Answers as people read them.
//!
//! One module for each noun. Data goes to standard output, [`Page::talk`] and the likely next
//! command to standard error. Nothing here decides anything; what JSON says is the same.
//!
//! Invariant: text that came from a library is shown only through [`words::clean`].

mod conformance;
mod exclude;
mod items;
mod licences;
mod links;
mod look;
mod lost;
mod pass;
mod peers;
mod plan;
mod service;
mod settle;
mod table;
pub(super) mod words;

#[cfg(test)]
mod tests;

use crate::command::{DoctorReport, LibraryLost, Request, Response};
use table::Table;

/// An answer in words.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Page {
    /// What was asked for; lines, each ended.
    pub(super) data: String,
    /// Sentences beside it, one a line.
    pub(super) talk: Vec<String>,
    /// What a person most likely does next.
    pub(super) next: Option<Next>,
}

/// A command that a person may want to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Next {
    /// What for.
    pub(super) why: String,
    /// The command.
    pub(super) command: String,
}

impl Page {
    fn of(data: impl Into<String>) -> Self {
        Self { data: data.into(), ..Self::default() }
    }

    fn say(mut self, sentence: impl Into<String>) -> Self {
        self.talk.push(sentence.into());
        self
    }

    fn then(mut self, why: &str, command: impl Into<String>) -> Self {
        self.next = Some(Next { why: why.to_owned(), command: command.into() });
        self
    }
}

/// The answer to `request` in words.
pub(super) fn page(request: &Request, response: &Response) -> Page {
    match response {
        Response::Look(report) => look::page(report),
        Response::Plan(report) => plan::page(report),
        Response::Shown(edits) => plan::edits(request, edits),
        Response::Pass(report) => pass::page(request, report),
        Response::Questions(rows) => settle::questions(rows),
        Response::Match(report) => settle::matched(report),
        Response::Status(report) => links::status(report),
        Response::Log(rows) => links::log(rows),
        Response::Export(text) => {
            let end = if text.0.ends_with('\n') { "" } else { "\n" };
            Page::of(format!("{}{end}", text.0)).then("Look inside:", "segue find TEXT")
        }
        Response::Found(items) => items::found(items),
        Response::Trace(trace) => items::trace(trace),
        Response::Conflicts(rows) => settle::conflicts(rows),
        Response::Exclusions(rows) => exclude::list(rows),
        Response::Exclusion(done) => exclude::report(done),
        Response::Licences(rows) => licences::list(rows),
        Response::Licence(report) => licences::written(report),
        Response::Seat(report) => licences::seat(report),
        Response::Office(reports) => licences::office(reports),
        Response::Strike(report) => licences::struck(report),
        Response::Unlink(report) => links::unlinked(report),
        Response::Doctor(report) => doctor(report),
        Response::Conformance(report) => conformance::page(request, report),
        Response::Services(report) => service::services(request, report),
        Response::ServiceLog(rows) => service::log(rows),
        Response::Metrics(text) => Page::of(text.0.clone()),
        Response::Invite(report) => peers::cancelled(report),
        Response::Join(report) => peers::joined(report),
        Response::Admit(report) => peers::admitted(report),
        Response::Peers(report) => peers::list(report),
        Response::Revoke(report) => peers::revoked(report),
    }
}

fn doctor(report: &DoctorReport) -> Page {
    let mut table = Table::default();
    for check in &report.checks {
        let passed = if check.passed { "ok" } else { "FAILED" };
        table.row([passed, check.name.as_str(), check.detail.as_str()]);
    }
    let lost = |one: &LibraryLost| lost::lines(&one.library, &one.lost, lost::ALL);
    let lost: String = report.lost.iter().map(lost).collect();
    let page = Page::of(table.lines(2) + &lost);
    match (report.sound, lost.is_empty()) {
        (true, true) => page.say("All is well."),
        (true, false) => page.say("All is sound, but for what is named above."),
        (false, _) => page.say("Not all is well. Nothing was changed."),
    }
}
