//! Every law, on every kind of app that the reference translator can be.

use std::path::Path;
use std::process::ExitCode;

use segue_conformance::Subject;
use segue_memory::{Kind, Memory};
use segue_translator::Translator as _;
use serde_json::Value as Json;

fn main() -> ExitCode {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let subjects = Kind::ALL.into_iter().chain([Kind::Mail]).map(|kind| {
        let app = Memory(kind).capabilities().app;
        let fixtures = folder.join("fixtures").join(app.trim_start_matches("memory-"));
        let home = Path::new(".local/share").join(app);
        let subject = Subject::new(Memory(kind), fixtures, home, sound)
            .with_unmodelled(move |path| unmodelled(kind, path))
            .with_unknown_version(unknown_version);
        // One code reads them all; once is enough.
        if kind == Kind::Exact { subject.with_large(large) } else { subject }
    });
    segue_conformance::main(subjects.collect(), &folder.join("tests/skips.txt"))
}

fn parse(path: &Path) -> Result<Json, String> {
    let bytes = std::fs::read(path.join("library.json")).map_err(|error| error.to_string())?;
    serde_json::from_slice(&bytes).map_err(|error| error.to_string())
}

/// What an app would check: every id once, every entry an item.
fn sound(path: &Path) -> Result<(), String> {
    let library = parse(path)?;
    let ids = |key: &str| -> Result<Vec<Json>, String> {
        let list = library[key].as_array().ok_or_else(|| format!("no `{key}`"))?;
        let mut ids: Vec<_> = list.iter().map(|entry| entry["id"].clone()).collect();
        ids.sort_by_key(Json::to_string);
        match ids.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("two of {}", pair[0])),
            None => Ok(ids),
        }
    };
    let items = ids("items")?;
    ids("collections")?;
    let collections = library["collections"].as_array().into_iter().flatten();
    let mut entries = collections.flat_map(|one| one["entries"].as_array().into_iter().flatten());
    entries
        .find(|entry| !items.contains(entry))
        .map_or(Ok(()), |entry| Err(format!("{entry} is no item")))
}

/// The library without what this kind of app lets others write.
fn unmodelled(kind: Kind, path: &Path) -> Result<String, String> {
    let mut library = parse(path)?;
    for item in library["items"].as_array_mut().into_iter().flatten() {
        if let Some(fields) = item["fields"].as_object_mut() {
            for support in kind.capabilities().fields {
                let name = support.field.name;
                if name != "year" || fields.get(name).is_some_and(Json::is_number) {
                    fields.remove(name);
                }
            }
        }
    }
    if let Some(collections) = library["collections"].as_array_mut() {
        // A place is made with what is put there.
        collections.retain(|one| one["kind"] != "folder");
    }
    for one in library["collections"].as_array_mut().into_iter().flatten() {
        if one["kind"] != "radio" {
            one["name"] = Json::Null;
            one["entries"] = Json::Null;
        }
    }
    Ok(library.to_string())
}

fn unknown_version(path: &Path) -> Result<(), String> {
    let mut library = parse(path)?;
    library["format"] = 2.into();
    std::fs::write(path.join("library.json"), library.to_string())
        .map_err(|error| error.to_string())
}

fn large(path: &Path, count: usize) -> Result<(), String> {
    let mut library = parse(path)?;
    let items = library["items"].as_array_mut().ok_or("no items")?;
    let pattern = items.last().cloned().ok_or("no item")?;
    items.extend((0..count).map(|number| {
        let mut item = pattern.clone();
        item["id"] = format!("/music/{number}.mp3").into();
        item
    }));
    std::fs::write(path.join("library.json"), library.to_string())
        .map_err(|error| error.to_string())
}
