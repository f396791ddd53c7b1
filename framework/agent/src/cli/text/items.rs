//! Items that were looked for, and where their values came from.

use super::words::{clean, count, day, field_name, nouns, shell_word, short_id, title, value};
use super::{Page, Table};
use crate::command::{FoundItem, Trace, TraceValue};

pub(super) fn found(items: &[FoundItem]) -> Page {
    let Some(first) = items.first() else {
        return Page::default().say("Nothing was found.");
    };
    let mut table = Table::default();
    for item in items {
        let rating = item.fields.get("rating").map(|rating| value("rating", rating));
        table.row([
            short_id(&item.id),
            kind(item),
            title(&item.title),
            rating.unwrap_or_default(),
            item.location.clone().unwrap_or_default(),
        ]);
    }
    let shown = count(items.len() as u64, "thing was found.", "things were found.");
    let why = format!("segue why {}", shell_word(&short_id(&first.id)));
    Page::of(table.lines(2)).say(shown).then("Where the values of the first came from:", why)
}

fn kind(found: &FoundItem) -> String {
    match &*found.kind {
        "item" => nouns(&found.schema)[0].to_owned(),
        other => other.replace('_', " "),
    }
}

pub(super) fn trace(trace: &Trace) -> Page {
    let mut table = Table::default();
    let mut before = None;
    for row in &trace.fields {
        let heading = match before.replace(&row.field) {
            Some(before) if *before == row.field => String::new(),
            _ => field_name(&row.field, 1),
        };
        table.row(cells(heading, row));
    }
    let heading = format!("  {}   {}\n", title(&trace.title), short_id(&trace.item));
    let mut page = Page::of(heading + &table.lines(4));
    if let Some(why) = &trace.withheld {
        page =
            page.say(format!("It is withheld from every app: {}. See segue licences.", clean(why)));
    }
    page = trace
        .excluded
        .iter()
        .fold(page, |page, why| page.say(format!("Note: {}. See segue exclude.", clean(why))));
    // The parts of a sum are no opinions: what nobody wrote in one operation cannot be settled.
    match trace.fields.iter().find(|row| !row.shown && row.operation.is_some()) {
        Some(other) => {
            let (item, field) = (short_id(&trace.item), shell_word(&other.field));
            let keep = trace.fields.iter().filter(|row| row.field == other.field);
            let keep = keep.flat_map(|row| &row.libraries).find(|library| *library != "you");
            let choice = match keep {
                Some(app) => format!("--keep {}", shell_word(app)),
                None => "VALUE".to_owned(),
            };
            page.then("Settle it:", format!("segue resolve {item} {field} {choice}"))
        }
        None => page.then("What was done:", "segue log"),
    }
}

fn cells(heading: String, row: &TraceValue) -> [String; 6] {
    [
        heading,
        value(&row.field, &row.value),
        if row.shown { "shown" } else { "" }.to_owned(),
        clean(&row.libraries.join(", ")),
        row.at.map(day).unwrap_or_default(),
        row.operation.map(|operation| format!("op {operation}")).unwrap_or_default(),
    ]
}
