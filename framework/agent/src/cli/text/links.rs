//! What is linked, and what was done.

use super::words::{clean, count, minute, shell_word, short_id};
use super::{Page, Table, lost};
use crate::command::{LogRow, PeerRow, StatusReport, UnlinkReport};

pub(super) fn status(report: &StatusReport) -> Page {
    if report.links.is_empty() {
        return peers(Page::default().say("Nothing is linked yet."), &report.peers)
            .then("Look at this computer:", "segue");
    }
    let mut table = Table::with_right(&[2]);
    for link in &report.links {
        let items = count(link.items, "item", "items");
        let but = lost::brief(&link.lost).map(|words| format!(" but for {words}"));
        let state = link.state.clone() + &but.unwrap_or_default();
        table.row([link.library.as_str(), &state, &items, &link.path]);
        if let Some(reason) = &link.reason {
            table.row(["", reason]);
        }
    }
    let lost = report.links.iter().map(|link| lost::lines(&link.library, &link.lost, lost::ALL));
    let data = table.lines(2) + &lost.collect::<String>();
    let mut page = peers(Page::of(data), &report.peers);
    if report.conflicts > 0 {
        let differ = count(report.conflicts, "value differs", "values differ");
        page = page.say(format!("{differ} between apps: segue conflicts"));
    }
    if report.doubtful > 0 {
        let doubtful = count(report.doubtful, "match is", "matches are");
        page = page.say(format!("{doubtful} doubtful: segue match"));
    }
    if report.withheld > 0 {
        let withheld = count(report.withheld, "item is", "items are");
        page = page.say(format!("{withheld} withheld by a limit: segue licences"));
    }
    if report.excluded > 0 {
        let rules = count(report.excluded, "rule keeps", "rules keep");
        page = page.say(format!("{rules} things on this device: segue exclude"));
    }
    if report.ending > 0 {
        let ending = count(report.ending, "item ends", "items end");
        page = page.say(format!("{ending} within a week: segue licences"));
    }
    page = match &report.agent {
        Some(agent) => page.say(format!("The agent runs, process {}.", agent.pid)),
        None => page.say("The agent is not running."),
    };
    let due = |state: &str| !matches!(state, "in step" | "paused");
    if report.agent.is_none() && report.links.iter().any(|link| due(&link.state)) {
        return page.then("Pass on what changed:", "segue sync");
    }
    page.then("What was done:", "segue log")
}

/// Says of each device how it is.
fn peers(page: Page, peers: &[PeerRow]) -> Page {
    peers.iter().fold(page, |page, peer| {
        let name = peer.name.clone().unwrap_or_else(|| short_id(&peer.id));
        page.say(format!("{name} is {}.", super::peers::state(peer)))
    })
}

pub(super) fn log(rows: &[LogRow]) -> Page {
    if rows.is_empty() {
        return Page::default()
            .say("Nothing was done yet.")
            .then("Look at this computer:", "segue");
    }
    let mut table = Table::default();
    for row in rows {
        let operation = format!("op {}", row.operation);
        table.row([operation, minute(row.at), row.summary.clone(), remarks(row)]);
    }
    let page = Page::of(table.lines(2));
    if rows.iter().all(|row| row.undone_by.is_some() || row.undoes.is_some()) {
        return page.then("Take the last undo back:", "segue redo");
    }
    page.then("Undo the last:", "segue undo")
}

fn remarks(row: &LogRow) -> String {
    let parts = [
        row.plan.as_ref().map(|plan| format!("plan {plan}")),
        row.undone_by.map(|operation| format!("taken back by op {operation}")),
        Some(&row.state).filter(|state| *state != "done").cloned(),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

pub(super) fn unlinked(report: &UnlinkReport) -> Page {
    let UnlinkReport { library, operation } = report;
    let sentence = "is no longer linked";
    let library = clean(library);
    Page::of(format!("{library} {sentence} (op {operation}). Nothing was written to it.\n"))
        .then("Link it again:", format!("segue plan {}", shell_word(&library)))
}
