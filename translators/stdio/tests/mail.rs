//! Every law, on a translator for mail that is a program of its own.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use segue_conformance::{REPORTED, Subject};
use segue_stdio::{Launcher, Limits, Outside, Surroundings};
use serde_json::{Value as Json, json};

const FOLDER: &str = "examples/post-translator-python";

fn main() -> ExitCode {
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("skipped: python3 is not installed, so its translator cannot be tried here");
        return ExitCode::SUCCESS;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(FOLDER);
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
    let post = match Outside::start(&folder.join("segue-translator-post"), around) {
        Ok(post) => post,
        Err(error) => {
            // In a crash trial this may be what failed, and printing too.
            let _ = writeln!(std::io::stderr(), "{error}");
            return ExitCode::from(REPORTED);
        }
    };
    // What it does not model, and a version that nobody knows, lie among the fixtures.
    let subject =
        Subject::new(post.translator(), folder.join("fixtures"), ".local/share/post", sound)
            .with_spoil(spoil)
            .with_large(large)
            .named("post-python");
    segue_conformance::suite(&subject, &folder.join("skips.txt"))
}

fn change(path: &Path, change: impl Fn(&mut Json)) -> Result<(), String> {
    let mut library = parse(path)?;
    change(&mut library);
    std::fs::write(path.join("post.json"), library.to_string()).map_err(|error| error.to_string())
}

fn spoil(path: &Path) -> Result<(), String> {
    change(path, |library| library["window"] = json!(0))
}

fn large(path: &Path, count: usize) -> Result<(), String> {
    change(path, |library| {
        let copies = (0..count).map(|number| {
            let text = format!("Message-ID: <{number}@example>\nSubject: One of many\n\nHello\n");
            json!({ "text": text })
        });
        library["folders"]["INBOX"] = copies.collect();
    })
}

fn parse(path: &Path) -> Result<Json, String> {
    let bytes = std::fs::read(path.join("post.json")).map_err(|error| error.to_string())?;
    serde_json::from_slice(&bytes).map_err(|error| error.to_string())
}

/// As the app would read it: each folder has copies, and each copy is one of a message.
fn sound(path: &Path) -> Result<(), String> {
    let library = parse(path)?;
    let folders = library["folders"].as_object().ok_or("no folders")?;
    for (name, copies) in folders {
        let copies = copies.as_array().ok_or_else(|| format!("{name:?} has no copies"))?;
        if !copies.iter().all(|copy| copy.get("text").is_some()) {
            return Err(format!("a copy in {name:?} has no text"));
        }
    }
    Ok(())
}
