//! What would be written, and each edit of it.

use std::collections::BTreeSet;

use segue_model::Schema;
use segue_model::music::MUSIC;

use super::settle::values;
use super::words::{
    clean, count, field_name, growth, nouns, number, of_field, shell_word, title, value,
};
use super::{Page, Table, lost};
use crate::command::{HeldBatch, LeftOutRow, LibraryPlan, Limited, PlanReport, Request, ShownEdit};

/// So many libraries stand beside each other.
const ABREAST: usize = 3;
/// So many kinds of loss are listed at once.
const LOSSES: usize = 2;
const COUNTERS: [&str; 2] = ["play_count", "skip_count"];

pub(super) fn page(plan: &PlanReport) -> Page {
    let mut data = known(plan);
    for libraries in plan.libraries.chunks(ABREAST) {
        data.push('\n');
        data += &changes(libraries).lines(4);
    }
    data += &disagreements(plan);
    data += &limits(plan);
    data += &remarks(plan);
    for library in &plan.libraries {
        let all = match plan.plan.as_str() {
            "" => lost::ALL.to_owned(),
            plan => format!("segue plan {} --show losses", shell_word(plan)),
        };
        data += &lost::lines(&library.library, &library.lost, &all);
    }
    data += &held(&plan.held);
    end(plan, data)
}

fn known(plan: &PlanReport) -> String {
    let schema = schema(&plan.libraries);
    let [item, items, ..] = nouns(schema);
    let mut table = Table::with_right(&[0]);
    for (rung, found) in plan.rungs.iter().filter(|(_, found)| *found > 0) {
        // Of three libraries each item may be found twice.
        let words = rung_words(rung, schema);
        let several = plan.libraries.len() > 2 && *found >= plan.items;
        table.row([number(*found), if several { format!("times {words}") } else { words }]);
    }
    let alone = plan.libraries.iter().filter(|library| library.only_here > 0);
    for library in alone.filter(|_| plan.libraries.len() > 1) {
        table.row([number(library.only_here), format!("only in {} (left alone)", library.library)]);
    }
    if plan.doubtful > 0 {
        table.row([number(plan.doubtful), "not sure: segue match".to_owned()]);
    }
    format!("  {} in all\n{}", count(plan.items, item, items), table.lines(4))
}

/// The kind of all these libraries; empty if there are several.
fn schema(libraries: &[LibraryPlan]) -> &str {
    let mut known =
        libraries.iter().map(|library| &*library.schema).filter(|name| !name.is_empty());
    let first = known.next().unwrap_or_default();
    if known.all(|other| other == first) { first } else { "" }
}

fn rung_words(rung: &str, schema: &str) -> String {
    match (rung, schema == MUSIC.name) {
        ("file", _) => "same file",
        ("recording", _) => "same recording and release (MusicBrainz)",
        ("identifier", _) => "same identifier (ISBN, UUID, …)",
        ("key", _) => "same content",
        ("path", true) => "same place below the root, same length",
        ("path", false) => "same place below the root",
        ("tags", true) => "same artist, album and title, nearly the same length",
        ("tags", false) => "same description",
        (other, _) => other,
    }
    .to_owned()
}

/// A column for each library, a row for each kind of edit that one of them would get.
fn changes(libraries: &[LibraryPlan]) -> Table {
    let mut table = Table::default();
    let row = |label: &str, cell: &dyn Fn(&LibraryPlan) -> String| {
        std::iter::once(label.to_owned()).chain(libraries.iter().map(cell)).collect::<Vec<_>>()
    };
    let any = |of: fn(&LibraryPlan) -> u64| libraries.iter().any(|library| of(library) > 0);
    table.row(row("", &|library| format!("{} would get", library.library)));
    let fields = libraries.iter().flat_map(|library| &library.fields);
    let fields: BTreeSet<&str> =
        fields.map(|(field, _)| field.as_str()).filter(|field| *field != "playlists").collect();
    // Ratings first: they are what most people came for.
    let rating = fields.iter().filter(|field| **field == "rating");
    let others = fields.iter().filter(|field| **field != "rating");
    for field in rating.chain(others) {
        table.row(row(&field_name(field, 2), &|library| edits_of(library, field)));
    }
    let schema = schema(libraries);
    let [.., collections] = nouns(schema);
    let are_edited =
        Schema::named(schema).is_none_or(|all| all.kinds.iter().any(|k| k.has_entries));
    if are_edited || any(|library| library.collections) {
        table.row(row(collections, &playlists));
    }
    if any(|library| library.lacking_entries) {
        table.row(row("entries it lacks", &|library| number(library.lacking_entries)));
    }
    if any(|library| library.adds) {
        table.row(row("added", &|library| number(library.adds)));
    }
    table.row(row("deleted", &|library| number(library.removes)));
    if any(|library| library.lifts) {
        let gets = any(|library| library.sets + library.collections);
        let label = if gets { "gives the others" } else { "edits of its own" };
        table.row(row(label, &|library| count(library.lifts, "edit", "edits")));
    }
    table
}

fn edits_of(library: &LibraryPlan, field: &str) -> String {
    let find = |name: &str| library.fields.iter().find(|(it, _)| it == name).map_or(0, |it| it.1);
    let edits = find(field);
    let grown = library.growth.iter().find(|(name, _)| name == field);
    match grown.filter(|_| edits > 0 && COUNTERS.contains(&field)) {
        Some((_, by)) => {
            let [item, items, ..] = nouns(&library.schema);
            format!("{} on {}", growth(*by), count(edits, item, items))
        }
        None => number(edits),
    }
}

fn playlists(library: &LibraryPlan) -> String {
    let changed = library.collections.saturating_sub(library.new_collections);
    let mut parts = Vec::new();
    if library.new_collections > 0 {
        let entries = count(library.new_entries, "entry", "entries");
        parts.push(format!("{} new, {entries}", number(library.new_collections)));
    }
    if changed > 0 {
        parts.push(format!("{} changed", number(changed)));
    }
    if parts.is_empty() { "0".to_owned() } else { parts.join("; ") }
}

fn disagreements(plan: &PlanReport) -> String {
    if plan.conflicts == 0 {
        return String::new();
    }
    let differ = if plan.conflicts == 1 { "value differs" } else { "values differ" };
    let number_of = number(plan.conflicts);
    let mut out = format!("\n  {number_of} {differ} between apps. Nothing is overwritten:\n");
    let mut table = Table::default();
    for row in &plan.conflict_examples {
        let name = field_name(&row.field, 1);
        table.row([title(&row.title), name, values(row).join("   ")]);
    }
    out += &table.lines(4);
    let more = plan.conflicts.saturating_sub(plan.conflict_examples.len() as u64);
    out.extend((more > 0).then(|| format!("    ({} more)\n", number(more))));
    out
}

/// What licences keep from libraries, and what they will soon.
fn limits(plan: &PlanReport) -> String {
    let mut out = String::new();
    for library in &plan.libraries {
        let name = clean(&library.library);
        let [item, items, ..] = nouns(&library.schema);
        let withheld = count(library.withheld.count, item, items);
        let lists =
            if library.hides { "would not list" } else { "hides nothing, and goes on listing" };
        let sentence = format!("{name} {lists} {withheld} that may not be used now");
        out += &limited(&sentence, &library.withheld, &plan.plan);
        let ending = count(library.ending.count, item, items);
        let sentence = format!("{name} has {ending} that may be used for less than a week");
        out += &limited(&sentence, &library.ending, &plan.plan);
    }
    out
}

fn limited(sentence: &str, items: &Limited, plan: &str) -> String {
    if items.count == 0 {
        return String::new();
    }
    let mut table = Table::default();
    for one in &items.first {
        table.row([title(&one.title), clean(&one.words)]);
    }
    let more = items.count.saturating_sub(items.first.len() as u64);
    let all = match plan {
        "" => "segue licences".to_owned(),
        plan => format!("segue plan {} --show withheld", shell_word(plan)),
    };
    let more =
        if more > 0 { format!("    and {} more: {all}\n", number(more)) } else { String::new() };
    format!("\n  {sentence}:\n{}{more}", table.lines(4))
}

fn remarks(plan: &PlanReport) -> String {
    let mut lines = Vec::new();
    for library in &plan.libraries {
        let name = clean(&library.library);
        if let (Some(root), Some(files)) = (&library.root, library.root_files) {
            let (root, files) = (clean(root), number(files));
            let all = count(library.items, "file", "files");
            lines.push(format!(
                "  {name} lies in {root}: {files} of its {all} are where others have theirs. \
                 If that is wrong: --root DIR\n"
            ));
        }
        if let Some(stays) = left_out(library) {
            lines.push(format!("  {name} keeps {stays} to itself: segue exclude\n"));
        }
        if !library.cannot_hold.is_empty() {
            let lost = losses(&library.cannot_hold, &plan.plan);
            lines.push(format!("  {name} cannot hold: {lost}. Segue keeps it.\n"));
        }
        match &library.waits {
            Some(why) => lines.push(format!("  {name} would wait: {}.\n", clean(why))),
            None if library.running => lines.push(format!(
                "  {name} is running: its part is written by `segue sync` after you quit it.\n"
            )),
            None => {}
        }
    }
    if lines.is_empty() { String::new() } else { format!("\n{}", lines.concat()) }
}

/// What of a library stays on this device.
fn left_out(library: &LibraryPlan) -> Option<String> {
    let [item, items, list, lists] = nouns(&library.schema);
    let LeftOutRow { items: whole, values, collections } = library.excluded;
    let parts = [
        (whole, count(whole, item, items)),
        (values, count(values, "value", "values")),
        (collections, count(collections, list, lists)),
    ];
    let parts = parts.into_iter().filter(|(number, _)| *number > 0);
    let words = parts.map(|(_, words)| words).collect::<Vec<_>>().join(" and ");
    (!words.is_empty()).then_some(words)
}

/// What an app cannot hold: all, or some and where the others are listed.
fn losses(all: &[String], plan: &str) -> String {
    let more = if all.len() > LOSSES + 1 { all.len() - LOSSES } else { 0 };
    let shown = clean(&all[..all.len() - more].join("; "));
    match (more, plan) {
        (0, _) => shown,
        (_, "") => format!("{shown}; and {more} more"),
        _ => {
            let plan = shell_word(plan);
            format!("{shown}; and {more} more (segue plan {plan} --show losses)")
        }
    }
}

/// The batches that wait for a person.
pub(super) fn held(batches: &[HeldBatch]) -> String {
    let line = |batch: &HeldBatch| {
        let items = count(batch.items, "item", "items");
        format!("  held for {}: {} ({items})\n", clean(&batch.library), clean(&batch.reason))
    };
    batches.iter().map(line).collect()
}

fn end(plan: &PlanReport, data: String) -> Page {
    let idle = |library: &LibraryPlan| {
        library.sets + library.adds + library.removes + library.collections + library.lifts == 0
    };
    if !plan.plan.is_empty() {
        let id = clean(&plan.plan);
        let page = Page::of(format!("{data}\nPlan {id}. Nothing was changed.\n"));
        let why = match plan.libraries.len() {
            1 => "Write it and keep it linked:",
            _ => "Write it and keep them linked:",
        };
        return page.then(why, format!("segue apply {}", shell_word(&id)));
    }
    let page = Page::of(data).say("Nothing was changed.");
    if plan.held.iter().any(|batch| !batch.lasting) {
        return page.then("If this is no accident:", "segue sync --yes");
    }
    if plan.libraries.iter().all(idle) {
        return page.say("There is nothing to write.");
    }
    page.then("Write it:", "segue sync")
}

/// Single edits, as `--show` lists them.
pub(super) fn edits(request: &Request, edits: &[ShownEdit]) -> Page {
    let mut table = Table::default();
    if matches!(request, Request::ShowPlan { what, .. } if what == crate::shown::LOSSES) {
        for loss in edits {
            let (field, value) = (field_name(&loss.field, 1), value(&loss.field, &loss.new));
            let is_found = loss.field != crate::shown::LOSSES;
            let what = if is_found { format!("{field} {value}") } else { String::new() };
            let why = loss.why.as_deref().map(clean).unwrap_or_default();
            table.row([loss.library.clone(), clean(&loss.what), what, why]);
        }
        let page = Page::of(table.lines(2)).say("Segue keeps all of this. Nothing was changed.");
        return written_by(request, page);
    }
    if matches!(request, Request::ShowPlan { what, .. } if what == crate::shown::WITHHELD) {
        for one in edits {
            table.row([one.library.clone(), title(&one.what), value(&one.field, &one.new)]);
        }
        let page = Page::of(table.lines(2));
        return written_by(request, page.say("Segue keeps all of this. Nothing was changed."));
    }
    for edit in edits {
        let change =
            format!("{} → {}", value(&edit.field, &edit.old), value(&edit.field, &edit.new));
        table.row([edit.library.clone(), title(&edit.what), field_name(&edit.field, 1), change]);
    }
    let shown = count(edits.len() as u64, "edit", "edits");
    let page = Page::of(table.lines(2)).say(format!("{shown}. Nothing was changed."));
    written_by(request, page)
}

fn written_by(request: &Request, page: Page) -> Page {
    match request {
        Request::ShowPlan { plan, .. } => {
            page.then("Write the plan:", format!("segue apply {}", shell_word(plan)))
        }
        _ => page,
    }
}

/// What was or would be written, by field: `18 ratings, 1 playlist`.
pub(super) fn by_field(fields: &[(String, u64)]) -> String {
    let parts = fields.iter().filter(|(_, edits)| *edits > 0);
    parts.map(|(field, edits)| of_field(*edits, field)).collect::<Vec<_>>().join(", ")
}
