//! What stays on this device.

use super::words::{clean, count, minute};
use super::{Page, Table};
use crate::command::{ExclusionReport, ExclusionRow};

pub(super) fn list(rows: &[ExclusionRow]) -> Page {
    let Some(first) = rows.first() else {
        return Page::default()
            .say("Nothing has to stay on this device.")
            .then("Keep a field of every item here:", "segue exclude field comment");
    };
    let mut table = Table::with_right(&[0]);
    for row in rows {
        table.row([row.rule.to_string(), kind(row), what(row), library(row), term(row)]);
    }
    let rules = count(rows.len() as u64, "rule", "rules");
    Page::of(table.lines(2))
        .say(format!("{rules}. What they cover is neither given to others nor written here."))
        .then("Take the first back:", format!("segue exclude --remove {}", first.rule))
}

pub(super) fn report(report: &ExclusionReport) -> Page {
    let row = &report.row;
    let what = [kind(row), what(row)].into_iter().filter(|word| !word.is_empty());
    let what = what.collect::<Vec<_>>().join(" ");
    if report.removed {
        let line = format!("Rule {} is taken back: {what}.\n", row.rule);
        return Page::of(line)
            .say("What your apps hold of it now is given to others by the next sync.")
            .then("See what that is first:", "segue sync --dry-run");
    }
    let when = match term(row) {
        term if term.is_empty() => String::new(),
        term => format!(", {term}"),
    };
    let whose = match library(row) {
        library if library.is_empty() => "on this device".to_owned(),
        library => format!("in {library}"),
    };
    let page = Page::of(format!("Rule {}: {what} stays {whose}{when}.\n", row.rule));
    let page = match row.shared {
        0 => page.say("None of it was given to others yet, as far as the libraries here tell."),
        some => {
            let nouns = match row.target.as_str() {
                "playlist" => ["playlist was", "playlists were"],
                _ => ["item was", "items were"],
            };
            let given = count(some, nouns[0], nouns[1]);
            page.say(format!(
                "{given} passed on already: what others have stays with them, as it is now."
            ))
        }
    };
    page.then("See that it is left out:", "segue sync --dry-run")
}

fn kind(row: &ExclusionRow) -> String {
    match (row.target.as_str(), &row.kind) {
        ("playlist", Some(kind)) => clean(&kind.replace('_', " ")),
        ("place", _) => "item".to_owned(),
        (target, _) => target.to_owned(),
    }
}

fn what(row: &ExclusionRow) -> String {
    match row.what.as_str() {
        "" => "(all)".to_owned(),
        what => clean(what),
    }
}

fn library(row: &ExclusionRow) -> String {
    row.library.as_deref().map(clean).unwrap_or_default()
}

fn term(row: &ExclusionRow) -> String {
    let from = row.from.map(|from| format!("from {} on", minute(from)));
    let until = row.until.map(|until| format!("until {}", minute(until)));
    let mut words: Vec<String> = from.into_iter().chain(until).collect();
    if row.state != "holds" {
        words.push(format!("({})", row.state));
    }
    words.join(" ")
}
