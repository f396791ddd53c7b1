//! Every law, on the smallest translator.

use std::path::Path;

use segue_hello_translator::Hello;
use segue_translator::json_file::JsonFile as _;
use serde_json::{Value as Json, json};

segue_conformance::suite! {
    translator: Hello::translator(),
    fixtures: "fixtures",
    home: ".local/share/hello",
    sound: |path| parse(path).map(drop),
    unmodelled: unmodelled,
    spoil: |path| {
        let mut library = parse(path)?;
        library["volume"] = json!(0);
        save(path, &library)
    },
    unknown_version: |path| {
        let mut library = parse(path)?;
        library["format"] = json!(2);
        save(path, &library)
    },
    large: |path, count| {
        let mut library = parse(path)?;
        for number in 0..count {
            library["songs"][format!("/music/{number}.mp3")] = json!({"title": "One of many"});
        }
        save(path, &library)
    },
}

fn save(path: &Path, library: &Json) -> Result<(), String> {
    std::fs::write(path.join("hello.json"), library.to_string()).map_err(|error| error.to_string())
}

/// As the app would read it.
fn parse(path: &Path) -> Result<Json, String> {
    let bytes = std::fs::read(path.join("hello.json")).map_err(|error| error.to_string())?;
    let library: Json = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    let songs = library["songs"].as_object();
    let is_sound = songs.is_some_and(|songs| songs.values().all(Json::is_object));
    if is_sound { Ok(library) } else { Err("no songs".into()) }
}

/// Everything but ratings.
fn unmodelled(path: &Path) -> Result<String, String> {
    let mut library = parse(path)?;
    for (_, song) in library["songs"].as_object_mut().into_iter().flatten() {
        let rating = &mut song["rating"];
        if !rating.is_string() {
            *rating = json!("rated");
        }
    }
    Ok(library.to_string())
}
