//! What is limited, and licences that were written.

use super::words::{clean, count, shell_word, short_id, title};
use super::{Page, Table};
use crate::command::{LicenceHeard, LicenceReport, LicenceRow};

pub(super) fn list(rows: &[LicenceRow]) -> Page {
    if rows.is_empty() {
        return Page::default().say("Nothing is limited.");
    }
    let mut data = String::new();
    for row in rows {
        let (id, name) = (short_id(&row.item), title(&row.title));
        data.extend([format!("  {name}   {id}   {}\n", state(row))]);
        let mut table = Table::default();
        for heard in &row.licences {
            table.row([heard.carrier.clone(), clean(&heard.issuer), says(heard), proof(heard)]);
        }
        data.push_str(&table.lines(4));
        if !row.hidden_in.is_empty() {
            data.extend([format!("    hidden in {}\n", row.hidden_in.join(", "))]);
        }
        let still =
            row.listed_in.iter().map(|place| format!("    still listed in {}\n", clean(place)));
        data.extend(still);
    }
    let withheld = rows.iter().filter(|row| !is_valid(row)).count() as u64;
    let limited = count(rows.len() as u64, "item is limited", "items are limited");
    let page = Page::of(data).say(match withheld {
        0 => format!("{limited}; none is withheld now."),
        _ => format!("{limited}, {withheld} withheld now: kept, with ratings and places."),
    });
    let first = rows.iter().find(|row| !is_valid(row)).or(rows.first());
    match first {
        Some(row) => page.then("Look at one:", format!("segue why {}", short_id(&row.item))),
        None => page,
    }
}

fn is_valid(row: &LicenceRow) -> bool {
    matches!(row.state.as_str(), "valid" | "unverified")
}

fn state(row: &LicenceRow) -> String {
    match row.valid_until {
        Some(until) if is_valid(row) => format!("until {}", moment(until)),
        _ => clean(&row.words),
    }
}

fn says(heard: &LicenceHeard) -> String {
    let mut parts = Vec::new();
    parts.extend(heard.valid_from.map(|from| format!("from {}", moment(from))));
    parts.extend(heard.valid_until.map(|until| format!("until {}", moment(until))));
    parts.extend(
        heard.amounts.iter().map(|(name, most)| format!("{most} {}", name.replace('_', " "))),
    );
    parts.extend(heard.denied.iter().map(|name| format!("no {name}")));
    if parts.is_empty() { "no limit".into() } else { parts.join(", ") }
}

fn proof(heard: &LicenceHeard) -> String {
    match &heard.unverified {
        None => "signed".into(),
        Some(why) => format!("unverified: {}", clean(why)),
    }
}

pub(super) fn written(report: &LicenceReport) -> Page {
    let name =
        report.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into());
    let mut parts = Vec::new();
    parts.extend(report.valid_from.map(|from| format!("from {}", moment(from))));
    parts.extend(report.valid_until.map(|until| format!("until {}", moment(until))));
    parts.push(format!("serial {}", report.serial));
    let file = shell_word(&report.file.to_string_lossy());
    Page::of(format!("{}: {}.\n", clean(&name), parts.join(", ")))
        .say(format!("It is for {file}, wherever a library lists it."))
        .then("Pass it on to all libraries and devices:", "segue sync")
}

fn moment(second: i64) -> String {
    jiff::Timestamp::from_second(second).map_or_else(
        |_| second.to_string(),
        |moment| moment.strftime("%Y-%m-%d %H:%M UTC").to_string(),
    )
}
