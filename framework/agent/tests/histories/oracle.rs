//! What must hold after any history.

use std::collections::BTreeMap;

use segue_memory::Kind;
use segue_translator::Access;
use segue_translator::model::{Field, NativeId, Rule, Shape, Value, music};
use serde_json::Value as Json;

use crate::bench::{Bench, number_of};

/// O1: what every library holds that differs from the document as this library may hold it, open
/// conflicts aside.
pub(crate) fn differences(bench: &mut Bench, linked: &[Kind]) -> Vec<String> {
    let export = bench.export();
    let open: BTreeMap<(String, String), Vec<Json>> = bench
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

fn items(
    bench: &Bench,
    kind: Kind,
    export: &Json,
    open: &BTreeMap<(String, String), Vec<Json>>,
    out: &mut Vec<String>,
) {
    let by_number = by_number(export);
    for item in &bench.catalog(kind).items {
        let number = number_of(item).unwrap();
        let Some(known) = by_number.get(&number) else {
            out.push(format!("{kind:?} holds song {number}, the document does not"));
            continue;
        };
        let id = known["id"].as_str().unwrap();
        for support in kind.capabilities().fields {
            let field = support.field;
            if support.access == Access::Read || field.descriptive {
                continue;
            }
            let held = item.fields.value(field).cloned();
            let shows = |json: &Json| value(field, json).and_then(|value| (support.hold)(&value));
            let fits = match open.get(&(id.to_owned(), field.name.to_owned())) {
                Some(values) => values.iter().any(|value| shows(value) == held),
                None => shows(&known["fields"][field.name]) == held,
            };
            // Where nobody counted, or an undo took the only one away, the document has no opinion.
            let silent = matches!(field.rule, Rule::Counter | Rule::Max)
                && known["fields"][field.name].is_null();
            if !fits && !silent {
                let document = &known["fields"][field.name];
                out.push(format!(
                    "{kind:?} holds {} {held:?} for song {number}, the document {document}",
                    field.name
                ));
            }
        }
    }
}

fn by_number(export: &Json) -> BTreeMap<usize, &Json> {
    let items = export["items"].as_array().unwrap().iter();
    items
        .filter_map(|item| {
            let duration = item["fields"]["duration"].as_i64()?;
            Some((usize::try_from((duration - 100_000) / 7_000).ok()?, item))
        })
        .collect()
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

fn lists(bench: &Bench, kind: Kind, export: &Json, out: &mut Vec<String>) {
    let capabilities = kind.capabilities();
    let Some(support) = capabilities.collection(&music::PLAYLIST) else { return };
    if support.access == Access::Read {
        return;
    }
    let catalog = bench.catalog(kind);
    let natives: BTreeMap<usize, &NativeId> =
        catalog.items.iter().map(|item| (number_of(item).unwrap(), &item.id)).collect();
    let ids: BTreeMap<&str, usize> = by_number(export)
        .into_iter()
        .map(|(number, item)| (item["id"].as_str().unwrap(), number))
        .collect();
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
pub(crate) fn quiesce(bench: &mut Bench, linked: &[Kind], cycles: usize) -> Result<(), String> {
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
