//! Every law, on the smallest translator.

use std::path::Path;

use segue_hello_translator::Hello;
use serde_json::{Value as Json, json};

segue_conformance::suite! {
    translator: Hello,
    fixtures: "fixtures",
    home: ".local/share/hello",
    sound: |path| parse(path).map(drop),
    unmodelled: unmodelled,
    unknown_version: |path| {
        let mut library = parse(path)?;
        library["format"] = json!(2);
        std::fs::write(path.join("hello.json"), library.to_string()).map_err(|e| e.to_string())
    },
}

/// As the app would read it.
fn parse(path: &Path) -> Result<Json, String> {
    let bytes = std::fs::read(path.join("hello.json")).map_err(|error| error.to_string())?;
    let library: Json = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    if library["songs"].is_object() { Ok(library) } else { Err("no songs".into()) }
}

/// Everything but ratings.
fn unmodelled(path: &Path) -> Result<String, String> {
    let mut library = parse(path)?;
    for (_, rating) in library["songs"].as_object_mut().into_iter().flatten() {
        if rating.is_null() || rating.is_i64() || rating.is_u64() {
            *rating = json!("rated");
        }
    }
    Ok(library.to_string())
}
