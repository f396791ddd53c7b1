//! What is on this computer.

use super::words::{count, day, nouns, number, shell_word};
use super::{Page, Table};
use crate::command::{LibraryRow, LookReport};

pub(super) fn page(report: &LookReport) -> Page {
    let mut page = found(report);
    page.talk.splice(0..0, report.notes.iter().map(|note| format!("Note: {note}.")));
    page
}

fn found(report: &LookReport) -> Page {
    if report.libraries.is_empty() {
        return Page::default()
            .say("No library was found on this computer. Nothing was changed.")
            .then("Say where one is:", "segue plan rhythmbox=/path/to/folder");
    }
    let mut table = Table::with_right(&[2, 3, 4]);
    let mut before = None;
    for row in &report.libraries {
        let heading =
            if before == Some(&row.schema) { String::new() } else { row.schema.to_uppercase() };
        before = Some(&row.schema);
        match &row.error {
            Some(error) => {
                table.row([heading, row.library.clone(), format!("cannot be read: {error}")]);
            }
            None => table.row(cells(heading, row)),
        }
    }
    next(report, Page::of(table.lines(2)))
}

fn cells(heading: String, row: &LibraryRow) -> [String; 7] {
    let [item, items, collection, collections] = nouns(&row.schema);
    let rated = if row.rated == 0 { String::new() } else { format!("{} rated", number(row.rated)) };
    let used = match (&row.running, row.changed_at) {
        (Some(running), _) => running.clone(),
        (None, Some(at)) => format!("changed {}", day(at)),
        (None, None) => String::new(),
    };
    [
        heading,
        row.library.clone(),
        count(row.items, item, items),
        count(row.collections, collection, collections),
        rated,
        used,
        if row.linked { "linked" } else { "" }.to_owned(),
    ]
}

/// Offers what is not linked yet, by the first kind of which there is something to link.
fn next(report: &LookReport, page: Page) -> Page {
    let free = |row: &&LibraryRow| !row.linked && row.error.is_none();
    let Some(first) = report.libraries.iter().find(free) else {
        return page
            .say("Nothing was changed.")
            .then("What is linked and what waits:", "segue status");
    };
    let kind =
        report.libraries.iter().filter(|row| row.schema == first.schema && row.error.is_none());
    let names: Vec<String> = kind.map(|row| shell_word(&row.library)).collect();
    let command = format!("segue plan {}", names.join(" "));
    if names.len() == 1 {
        return page.say("Nothing was changed.").then("See what Segue would keep of it:", command);
    }
    page.say("Nothing was changed.").then("Libraries of the same kind can be linked:", command)
}
