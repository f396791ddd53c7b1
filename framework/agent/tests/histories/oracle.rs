//! What must hold after any history.

use std::collections::BTreeMap;

use segue_translator::model::{Field, Item, NativeId, Rule, Shape, Value, music};
use segue_translator::{Access, Capabilities};
use serde_json::Value as Json;

use crate::app::App;
use crate::bench::{Bench, number_of};

/// The values of open conflicts, by item and field.
type Open = BTreeMap<(String, String), Vec<Json>>;

/// O1: what every library holds that differs from the document as this library may hold it, open
/// conflicts aside.
pub(crate) fn differences(bench: &mut Bench, linked: &[App]) -> Vec<String> {
    let export = bench.export();
    let open: Open = bench
        .conflicts()
        .into_iter()
        .map(|row| ((row.item, row.field), row.values.into_iter().map(|v| v.value).collect()))
        .collect();
    let mut out = Vec::new();
    for kind in linked {
        items(bench, *kind, &export, &open, &mut out);
        lists(bench, *kind, &export, &mut out);
    }
    out
}

fn items(bench: &Bench, kind: App, export: &Json, open: &Open, out: &mut Vec<String>) {
    let by_number = by_number(export);
    let capabilities = bench.library(kind).capabilities();
    for item in &bench.catalog(kind).items {
        let number = number_of(item).unwrap();
        // A song that moved and was retagged while nobody looked is another one to the document.
        let known = by_number.get(&number).map_or(&[][..], Vec::as_slice).iter();
        let wrong = known.map(|known| fields(capabilities, item, known, open));
        match wrong.min_by_key(Vec::len) {
            Some(wrong) => {
                out.extend(wrong.iter().map(|what| format!("{kind:?}, song {number}: {what}")));
            }
            None => out.push(format!("{kind:?} holds song {number}, the document does not")),
        }
    }
}

/// How a song of a library differs from an item of the document.
fn fields(capabilities: &Capabilities, item: &Item, known: &Json, open: &Open) -> Vec<String> {
    let id = known["id"].as_str().unwrap();
    let mut out = Vec::new();
    for support in capabilities.fields {
        let field = support.field;
        if support.access == Access::Read || field.descriptive {
            continue;
        }
        let held = item.fields.value(field).cloned();
        let shows = |json: &Json| value(field, json).and_then(|value| support.hold(&value));
        let document = &known["fields"][field.name];
        let fits = match open.get(&(id.to_owned(), field.name.to_owned())) {
            Some(values) => values.iter().any(|value| shows(value) == held),
            None => shows(document) == held,
        };
        // Where nobody counted, or an undo took the only one away, the document has no opinion.
        let silent = matches!(field.rule, Rule::Counter | Rule::Max) && document.is_null();
        if !fits && !silent {
            out.push(format!("it holds {} {held:?}, the document {document}", field.name));
        }
    }
    out
}

/// The document's items by the song that they are.
fn by_number(export: &Json) -> BTreeMap<usize, Vec<&Json>> {
    let mut songs: BTreeMap<usize, Vec<&Json>> = BTreeMap::new();
    for item in export["items"].as_array().unwrap() {
        if let Some(number) = song_number(item) {
            songs.entry(number).or_default().push(item);
        }
    }
    songs
}

/// Which song an item of the document is.
pub(crate) fn song_number(item: &Json) -> Option<usize> {
    let duration = item["fields"]["duration"].as_i64()?;
    usize::try_from((duration - 100_000) / 7_000).ok()
}

/// A JSON value as a field's value.
pub(crate) fn value(field: &Field, json: &Json) -> Option<Value> {
    match field.shape {
        Shape::Int(..) => json.as_i64().map(Value::Int),
        _ => None,
    }
}

/// The first word of a list's name: what a rename in these tests never changes.
fn stem(name: &str) -> String {
    name.split(' ').next().unwrap_or_default().to_owned()
}

fn lists(bench: &Bench, kind: App, export: &Json, out: &mut Vec<String>) {
    let capabilities = bench.library(kind).capabilities();
    let Some(support) = capabilities.collection(&music::PLAYLIST) else { return };
    if support.access == Access::Read {
        return;
    }
    let catalog = bench.catalog(kind);
    let natives: BTreeMap<usize, &NativeId> =
        catalog.items.iter().map(|item| (number_of(item).unwrap(), &item.id)).collect();
    let songs = export["items"].as_array().unwrap().iter();
    let ids: BTreeMap<&str, usize> =
        songs.filter_map(|item| Some((item["id"].as_str()?, song_number(item)?))).collect();
    let mut wanted: Vec<(String, Vec<NativeId>)> = Vec::new();
    for list in export["collections"].as_array().unwrap() {
        let entries = list["entries"].as_array().unwrap().iter();
        let entries = entries
            .filter_map(|id| natives.get(ids.get(id.as_str()?)?).map(|native| (*native).clone()));
        let entries = support.hold(&entries.collect::<Vec<_>>());
        wanted.push((stem(list["name"].as_str().unwrap_or_default()), entries));
    }
    let mut held: Vec<(String, Vec<NativeId>)> = catalog
        .collections
        .iter()
        .filter(|list| list.kind == support.kind)
        .map(|list| {
            let known = list.entries.iter().filter(|id| catalog.item(id).is_some());
            (stem(&list.name), known.cloned().collect())
        })
        .collect();
    wanted.retain(|(_, entries)| !entries.is_empty());
    held.retain(|(_, entries)| !entries.is_empty());
    wanted.sort();
    held.sort();
    if wanted != held {
        out.push(format!("{kind:?} holds the lists {held:?}, the document {wanted:?}"));
    }
}

/// O1, O4 and O10's rest: at most `cycles` passes bring everything in step, and one more does
/// nothing at all.
pub(crate) fn quiesce(bench: &mut Bench, linked: &[App], cycles: usize) -> Result<(), String> {
    bench.running(&[]);
    let mut passes = 0;
    loop {
        let report = if passes == 0 { bench.sync_yes() } else { bench.sync() };
        passes += 1;
        if report.operation.is_none() {
            break;
        }
        if passes > cycles {
            return Err(format!("O10: still at work after {passes} passes: {report:?}"));
        }
    }
    let wrong = differences(bench, linked);
    if !wrong.is_empty() {
        return Err(format!("O1: {}", wrong.join("\n    ")));
    }
    let (files, export) = (bench.files(), bench.export_text());
    let report = bench.sync();
    if report.operation.is_some() || bench.files() != files || bench.export_text() != export {
        return Err(format!("O4: a pass with nothing new did something: {report:?}"));
    }
    Ok(())
}

/// Fails the test unless everything comes in step.
pub(crate) fn in_step(bench: &mut Bench) {
    let linked = bench.kinds.clone();
    if let Err(why) = quiesce(bench, &linked, 3) {
        panic!("{why}");
    }
}
