//! What the agent does for each library, and what it did.

use super::words::{minute, shell_word};
use super::{Page, Table};
use crate::command::{Request, ServiceLogRow, ServiceReport};

pub(super) fn services(request: &Request, report: &ServiceReport) -> Page {
    let [first, ..] = report.services.as_slice() else {
        return Page::default()
            .say("Nothing is linked yet.")
            .then("Look at this computer:", "segue");
    };
    let mut table = Table::default();
    for service in &report.services {
        table.row([service.library.as_str(), &service.state, &service.path]);
        if let Some(reason) = &service.reason {
            table.row(["", reason]);
        }
    }
    let page = Page::of(table.lines(2));
    let turned = matches!(request, Request::Service { .. });
    if turned && first.state == "paused" {
        let library = shell_word(&first.library);
        return page.then("Go on with it:", format!("segue service {library} play"));
    }
    if report.agent.is_none() {
        return page.say("The agent is not running.").then("Start it:", "segue up");
    }
    page.then("What was done:", "segue service log")
}

pub(super) fn log(rows: &[ServiceLogRow]) -> Page {
    if rows.is_empty() {
        return Page::default().say("Nothing was said of it yet.");
    }
    let mut table = Table::default();
    for row in rows {
        let library = row.library.as_deref().unwrap_or("the agent");
        table.row([minute(row.at).as_str(), library, &row.what]);
    }
    Page::of(table.lines(2)).then("How it is now:", "segue status")
}
