//! What only a person can settle: doubtful matches, and values in which apps differ.

use super::words::{clean, count, day, field_name, shell_word, short_id, title, value};
use super::{Page, Table};
use crate::command::{ConflictRow, ConflictValue, MatchReport, QuestionRow};

pub(super) fn questions(rows: &[QuestionRow]) -> Page {
    let Some(first) = rows.first() else {
        return Page::default().say("No match is doubtful.");
    };
    let mut table = Table::default();
    for row in rows {
        let place = |location: &Option<String>| location.clone().unwrap_or_default();
        table.row([short_id(&row.item), title(&row.item_title), place(&row.item_location)]);
        table.row([short_id(&row.other), title(&row.other_title), place(&row.other_location)]);
        table.row(["", &row.reason]);
    }
    let pair = format!("segue match {} {}", short_id(&first.item), short_id(&first.other));
    Page::of(table.lines(2))
        .say(format!("{} doubtful.", count(rows.len() as u64, "match is", "matches are")))
        .say(format!("If the first two are not the same:   {pair} --apart"))
        .then("If they are the same:", pair)
}

pub(super) fn matched(report: &MatchReport) -> Page {
    let id = short_id(&report.item);
    let sentence = if report.same {
        format!("They are one item now, {id}")
    } else {
        format!("They are two items now, {id} and the other")
    };
    let Some(operation) = report.operation else {
        return Page::of(format!("{sentence}; they were before. Nothing was changed.\n"));
    };
    Page::of(format!("{sentence} (op {operation}).\n"))
        .then("Pass it on to the apps:", "segue sync")
}

pub(super) fn conflicts(rows: &[ConflictRow]) -> Page {
    let Some(first) = rows.first() else {
        return Page::default().say("Apps differ in nothing.");
    };
    let mut data = String::new();
    for row in rows {
        let (title, id) = (title(&row.title), short_id(&row.item));
        let mut table = Table::default();
        for held in &row.values {
            table.row(cells(row, held));
        }
        let heading = format!("  {title}   {id}   {}\n", field_name(&row.field, 1));
        data.extend([heading, table.lines(4)]);
    }
    let differ = count(rows.len() as u64, "value differs", "values differ");
    let page = Page::of(data).say(format!("{differ} between apps; each app keeps its own."));
    let (item, field) = (short_id(&first.item), shell_word(&first.field));
    let choice = match first.values.iter().find(|held| held.library != "you") {
        Some(held) => format!("--keep {}", shell_word(&choice(first, held))),
        None => "VALUE".to_owned(),
    };
    page.then("Settle the first:", format!("segue resolve {item} {field} {choice}"))
}

/// The library of a value as `--keep` takes it: with the device where others have one of that name.
fn choice(row: &ConflictRow, held: &ConflictValue) -> String {
    let is_alone = row.values.iter().filter(|other| other.library == held.library).count() == 1;
    if is_alone { held.library.clone() } else { format!("{}@{}", held.library, held.device) }
}

fn cells(row: &ConflictRow, held: &ConflictValue) -> [String; 3] {
    let at = held.at.map(day).unwrap_or_default();
    [value(&row.field, &held.value), holder(held), at]
}

fn holder(held: &ConflictValue) -> String {
    let ConflictValue { library, device, .. } = held;
    if device.is_empty() { clean(library) } else { clean(&format!("{library} @{device}")) }
}

/// Each value of a conflict in few words: who, what, when.
pub(super) fn values(row: &ConflictRow) -> Vec<String> {
    let words = |held: &ConflictValue| {
        let at = held.at.map(|at| format!(" {}", day(at))).unwrap_or_default();
        format!("{} {}{at}", holder(held), value(&row.field, &held.value))
    };
    row.values.iter().map(words).collect()
}
