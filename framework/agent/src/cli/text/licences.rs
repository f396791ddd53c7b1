//! What is limited, and licences that were written.

use super::words::{clean, count, shell_word, short_id, title};
use super::{Page, Table};
use crate::command::{
    LicenceHeard, LicenceReport, LicenceRow, OfficeReport, SeatHolder, SeatReport, SeatState,
    StrikeReport, StrikeRow,
};

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
        let seat = |holder: &SeatHolder| {
            format!("    {} has a seat until {}\n", clean(&holder.device), moment(holder.until))
        };
        data.extend(row.holders.iter().map(seat));
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
        heard.amounts.iter().map(|(name, most)| format!("{}: {most}", name.replace('_', " "))),
    );
    parts.extend(heard.denied.iter().map(|name| format!("no {name}")));
    let devices = |some: &Vec<String>| count(some.len() as u64, "device only", "devices only");
    parts.extend(heard.devices.as_ref().map(|some| format!("for {}", devices(some))));
    parts.extend(heard.unknown.iter().map(|kind| format!("unknown kind: {}", clean(kind))));
    if parts.is_empty() { "no limit".into() } else { parts.join(", ") }
}

fn proof(heard: &LicenceHeard) -> String {
    match &heard.unverified {
        None => "signed".into(),
        Some(why) => format!("unverified: {}", clean(why)),
    }
}

/// What became of a seat.
pub(super) fn seat(report: &SeatReport) -> Page {
    let name = title(&report.title);
    let id = short_id(&report.item);
    match (report.state, report.until) {
        (SeatState::Taken, Some(until)) => {
            Page::of(format!("{name} is yours on this computer until {}.\n", moment(until)))
                .then("Give it back:", format!("segue licences give {id}"))
        }
        (SeatState::Given, _) => {
            Page::of(format!("{name} is given away; no app here lists it that can hide it.\n"))
                .then("See who has it:", "segue licences")
        }
        (SeatState::Asked | SeatState::Taken, _) => {
            let why = report.words.as_deref().map(|why| format!(": {}", clean(why)));
            Page::of(format!("{name} is asked for{}.\n", why.unwrap_or_default()))
                .say("The answer comes when this computer and the one that gives out seats meet.")
                .then("See whether it came:", "segue licences")
        }
    }
}

/// Whether seats are given out here.
pub(super) fn office(reports: &[OfficeReport]) -> Page {
    if reports.is_empty() {
        return Page::default().say("There is no document here yet.");
    }
    let mut data = String::new();
    for report in reports {
        data.extend([format!("  {}   {}\n", clean(&report.schema), clean(&report.words))]);
    }
    let waits = reports.iter().any(|report| report.owner && !report.here);
    let page = Page::of(data);
    if waits {
        let hint = "If the folder that gives them out is gone for good:";
        return page.then(hint, "segue licences office --take-over");
    }
    page
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

pub(super) fn struck(report: &StrikeReport) -> Page {
    let StrikeReport { item, title: name, struck, choices } = report;
    let rows = if struck.is_empty() { choices } else { struck };
    let mut table = Table::default();
    for row in rows {
        table.row([short_id(&row.id), who(row), says(&row.licence)]);
    }
    let page = Page::of(table.lines(2));
    let name = title(name);
    match choices.first() {
        Some(first) if struck.is_empty() => {
            let limits = count(choices.len() as u64, "limit", "limits");
            let command =
                format!("segue licences strike {} {}", short_id(item), short_id(&first.id));
            page.say(format!("{limits} of {name} can be struck; none was."))
                .then("Strike the first:", command)
        }
        _ => page
            .say(format!("That limits {name} no longer, on any device that hears of it."))
            .then("Pass it on to all libraries and devices:", "segue sync"),
    }
}

fn who(row: &StrikeRow) -> String {
    row.licence.device.as_deref().map_or_else(|| "unnamed".to_owned(), clean)
}

fn moment(second: i64) -> String {
    jiff::Timestamp::from_second(second).map_or_else(
        |_| second.to_string(),
        |moment| moment.strftime("%Y-%m-%d %H:%M UTC").to_string(),
    )
}
