//! The command `segue` with translators that are programs of their own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod desk;
mod hostile;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use segue_conformance::Record;
use serde_json::Value as Json;

use crate::desk::{Desk, rhythmdb};

const HELLO: &str = "examples/hello-translator-python/segue-translator-hello";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Whether the example can be run at all.
fn has_python() -> bool {
    runs("python3", &["--version"])
}

fn runs(program: &str, words: &[&str]) -> bool {
    let output = Command::new(program).args(words).output();
    let found = output.is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("skipped: `{program} {}` fails here", words.join(" "));
    }
    found
}

#[test]
fn a_program_links_with_a_built_in_app_and_takes_its_ratings() {
    if !has_python() {
        return;
    }
    let desk = Desk::new();
    desk.hello_as("hello");
    let song = desk.folder.path().join("one.mp3");
    fs::write(&song, "not empty").unwrap();
    let path = song.to_str().unwrap();
    let hello = format!(
        "{{\"format\": 1, \"volume\": 7, \"songs\": {{\"{path}\": {{\"title\": \"One\"}}}}}}"
    );
    let hello = desk.library("hello", "hello.json", &hello);
    let rating = "    <rating>4</rating>\n";
    desk.library("rhythmbox", "rhythmdb.xml", &rhythmdb(&format!("file://{path}"), rating));

    let look = desk.json(&[]);
    let found: Vec<_> =
        look["libraries"].as_array().unwrap().iter().map(|row| &row["library"]).collect();
    assert_eq!(found, ["rhythmbox", "hello"], "{look}");
    let plan = desk.json(&["plan", "hello", "rhythmbox"]);
    let lines = plan["libraries"].as_array().unwrap();
    let gets =
        |app: &str| lines.iter().find(|line| line["library"] == app).unwrap()["sets"].clone();
    assert_eq!((gets("hello"), gets("rhythmbox")), (Json::from(1), Json::from(0)), "{plan}");
    let applied = desk.segue(&["apply", plan["plan"].as_str().unwrap()]);
    assert!(applied.status.success(), "{applied:?}");
    let written: Json = serde_json::from_slice(&fs::read(&hello).unwrap()).unwrap();
    assert_eq!(
        (&written["songs"][path]["rating"], &written["volume"]),
        (&Json::from(80), &Json::from(7))
    );

    let undone = desk.segue(&["undo"]);
    assert!(undone.status.success(), "{undone:?}");
    let restored: Json = serde_json::from_slice(&fs::read(&hello).unwrap()).unwrap();
    assert_eq!(restored["songs"][path].to_string(), "{\"title\":\"One\"}");
}

#[test]
fn programs_that_are_not_used_are_named() {
    let desk = Desk::new();
    desk.program("rhythmbox", "#!/bin/sh\nexit 0\n");
    desk.program("broken", "#!/bin/sh\necho 'no such module' >&2\n");
    let notes = desk.json(&[])["notes"].to_string();
    assert!(notes.contains("rhythmbox is built in"), "{notes}");
    assert!(notes.contains("no such module"), "{notes}");
    let plan = desk.segue(&["plan", "broken"]);
    assert_eq!(plan.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&plan.stderr).contains("no such module"), "{plan:?}");
    let none = desk.segue(&["plan", "rhythmbox"]);
    assert!(String::from_utf8_lossy(&none.stderr).contains("no rhythmbox library"), "{none:?}");
}

/// What a report says was tried, as the suites keep it.
fn record(report: &Json) -> Record {
    let mut record = Record::default();
    for row in report["trials"].as_array().unwrap() {
        let [name, fixture] = ["name", "fixture"].map(|key| row[key].as_str().unwrap());
        let app = report["app"].as_str().unwrap();
        record.tries(app, fixture);
        if row["result"] == "skipped" {
            record.skip((app, fixture), name, row["reason"].as_str().unwrap());
        }
    }
    record
}

/// Its fixture is a library that the real cmus 2.10 wrote.
#[test]
fn conformance_passes_a_program_in_perl_for_a_binary_file() {
    if !runs("perl", &["-MJSON::PP", "-MMIME::Base64", "-e1"]) {
        return;
    }
    let desk = Desk::new();
    let cmus = repository().join("examples/cmus-translator-perl/segue-translator-cmus");
    let report = desk.json(&["conformance", cmus.to_str().unwrap()]);
    assert_eq!(report["failed"], 0, "{report}");
    assert!(report["passed"].as_u64().unwrap() >= 30, "{report}");
    assert!(record(&report).is_that_of(&cmus.with_file_name("skips.txt")));

    // It writes the count where the size is.
    let script = fs::read_to_string(&cmus).unwrap();
    let bent = script.replace("$COUNT_AT) = (80, 4)", "$COUNT_AT) = (80, 0)");
    assert_ne!(script, bent);
    let program = desk.program("cmus", &bent);
    let fixtures = cmus.with_file_name("fixtures");
    let words = ["conformance", program.to_str().unwrap(), "--fixture", fixtures.to_str().unwrap()];
    assert_eq!(desk.segue(&words).status.code(), Some(1));
}

#[test]
fn conformance_passes_the_example_and_fails_what_is_broken() {
    if !has_python() {
        return;
    }
    let desk = Desk::new();
    let (root, fixtures) = (repository(), "examples/hello-translator/fixtures");
    let fixtures = root.join(fixtures);
    let (hello, fixtures) = (root.join(HELLO), fixtures.to_str().unwrap().to_owned());
    let words = ["conformance", hello.to_str().unwrap(), "--fixture", &fixtures];
    let report = desk.json(&words);
    assert_eq!(report["failed"], 0, "{report}");
    assert!(report["passed"].as_u64().unwrap() >= 30, "{report}");
    // What only the author knows lies among the fixtures.
    let trials = report["trials"].as_array().unwrap();
    for name in ["write::unmodelled_content_survives", "guard::f31_unknown_version_is_read_only"] {
        let trial = trials.iter().find(|trial| trial["name"] == name).unwrap();
        assert_eq!(trial["result"], "passed", "{trial}");
    }

    // It forgets a song with each write.
    let script = fs::read_to_string(&hello).unwrap();
    let bent = script.replace("json.dump(library", "songs.popitem(); json.dump(library");
    assert_ne!(script, bent);
    let program = desk.program("hello", &bent);
    let one = format!("{fixtures}/1");
    let words = [
        "conformance",
        program.to_str().unwrap(),
        "--fixture",
        &one,
        "--only",
        "random",
        "--seed",
        "7",
    ];
    let failed = desk.segue(&words);
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
    let out = String::from_utf8_lossy(&failed.stdout);
    assert!(out.contains("FAILED") && out.contains("a write would go wrong"), "{failed:?}");
    let again = String::from_utf8_lossy(&failed.stderr);
    assert!(again.contains("--seed 7 --only write::random_edits_read_back"), "{failed:?}");

    let empty = desk.segue(&["conformance", program.to_str().unwrap()]);
    assert_eq!(empty.status.code(), Some(1), "there is nothing to try it on: {empty:?}");
    let none = desk.segue(&["conformance", words[1], "--fixture", &one, "--only", "no such"]);
    assert_eq!(none.status.code(), Some(1), "{none:?}");
}

/// The page shows what a person sees who stands in the example's folder.
#[test]
fn conformance_says_what_the_page_shows() {
    if !has_python() {
        return;
    }
    let page = fs::read_to_string(repository().join("docs/writing-a-translator.md")).unwrap();
    let block = page.split("```console\n").find_map(|rest| {
        let block = rest.split_once("```").map_or(rest, |(block, _)| block);
        block.strip_prefix("$ segue conformance ").map(str::to_owned)
    });
    let block = block.expect("the page shows no `segue conformance`");
    let (words, shown) = block.split_once('\n').unwrap();
    let words: Vec<&str> = words.split(' ').collect();
    let desk = Desk::new();
    let mut command = desk.command(&[&["conformance"], &words[..]].concat());
    let out = command.current_dir(repository().join(HELLO).parent().unwrap()).output().unwrap();
    let said = [out.stdout, out.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    assert_eq!(said, shown);
}
