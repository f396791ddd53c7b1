//! Every law, on the smallest translator that is a program of its own.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use segue_conformance::{REPORTED, Subject};
use segue_stdio::{Launcher, Limits, Outside, Surroundings};
use serde_json::{Value as Json, json};

const EXECUTABLE: &str = "examples/hello-translator-python/segue-translator-hello";
const FIXTURES: &str = "examples/hello-translator/fixtures";

fn main() -> ExitCode {
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("skipped: python3 is not installed, so its translator cannot be tried here");
        return ExitCode::SUCCESS;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = folder.join("../..");
    let variables =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    let around = Surroundings {
        launcher: Launcher {
            program: env!("CARGO_BIN_EXE_segue-launch").into(),
            arguments: vec![],
        },
        variables: variables.collect(),
        limits: Limits::default(),
        watch: None,
    };
    let hello = match Outside::start(&root.join(EXECUTABLE), around) {
        Ok(hello) => hello,
        Err(error) => {
            // In a crash trial this may be what failed, and printing too.
            let _ = writeln!(std::io::stderr(), "{error}");
            return ExitCode::from(REPORTED);
        }
    };
    let subject =
        Subject::new(hello.translator(), root.join(FIXTURES), ".local/share/hello", |path| {
            parse(path).map(drop)
        })
        .with_unmodelled(unmodelled)
        .with_spoil(spoil)
        .with_unknown_version(unknown_version)
        .with_large(large)
        .named("hello-python");
    segue_conformance::suite(&subject, &folder.join("tests/skips.txt"))
}

fn change(path: &Path, change: impl Fn(&mut Json)) -> Result<(), String> {
    let mut library = parse(path)?;
    change(&mut library);
    std::fs::write(path.join("hello.json"), library.to_string()).map_err(|error| error.to_string())
}

fn unknown_version(path: &Path) -> Result<(), String> {
    change(path, |library| library["format"] = json!(2))
}

fn large(path: &Path, count: usize) -> Result<(), String> {
    change(path, |library| {
        for number in 0..count {
            library["songs"][format!("/music/{number}.mp3")] = json!({"title": "One of many"});
        }
    })
}

fn spoil(path: &Path) -> Result<(), String> {
    change(path, |library| library["volume"] = json!(0))
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
