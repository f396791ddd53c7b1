//! A folder of audio files linked with a player: ratings come out of the tags, and nothing goes in.
//!
//! The songs and the library are those of the demo, laid into a home of their own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/two-players/fixtures");
/// Where the songs of the demo's libraries lie.
const ELSEWHERE: &str = "/srv/segue-fixtures/music-a";

struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        copy(&Path::new(FIXTURES).join("audio"), &desk.music());
        let library = desk.0.path().join(".local/share/rhythmbox");
        fs::create_dir_all(&library).unwrap();
        for entry in fs::read_dir(Path::new(FIXTURES).join("rhythmbox")).unwrap() {
            let entry = entry.unwrap();
            let text = fs::read_to_string(entry.path()).unwrap();
            let here = text.replace(ELSEWHERE, desk.music().to_str().unwrap());
            fs::write(library.join(entry.file_name()), here).unwrap();
        }
        desk
    }

    fn music(&self) -> PathBuf {
        self.0.path().join("Music")
    }

    fn tags(&self) -> String {
        format!("tags={}", self.music().display())
    }

    /// What the command prints as JSON, and its exit code.
    fn run(&self, words: &[&str]) -> (Json, i32) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_segue"));
        command.args(words).arg("--json").env_clear();
        command.env("HOME", self.0.path()).env("SEGUE_HOME", self.0.path().join("segue"));
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let why = String::from_utf8_lossy(&output.stderr);
        let json = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{words:?}: {said}{why}"));
        (json, output.status.code().unwrap())
    }

    fn ok(&self, words: &[&str]) -> Json {
        let (json, code) = self.run(words);
        assert_eq!(code, 0, "{words:?}: {json}");
        json
    }

    fn link(&self) -> Json {
        let plan = self.ok(&["plan", &self.tags(), "rhythmbox"]);
        let applied = self.ok(&["apply", plan["plan"].as_str().unwrap()]);
        assert_eq!(state(&applied, "rhythmbox"), "written");
        plan
    }

    fn rhythmdb(&self) -> String {
        fs::read_to_string(self.0.path().join(".local/share/rhythmbox/rhythmdb.xml")).unwrap()
    }

    /// The rating that Rhythmbox has of the song whose URI ends so.
    fn rating(&self, end: &str) -> Option<String> {
        let text = self.rhythmdb();
        let at = text.find(&format!("{end}</location>")).unwrap();
        let entry = text[at..].split("</entry>").next().unwrap();
        let after = entry.split("<rating>").nth(1)?;
        after.split('<').next().map(str::to_owned)
    }
}

fn state(report: &Json, library: &str) -> String {
    let all = report["libraries"].as_array().unwrap().iter();
    let mut one = all.filter(|one| one["library"].as_str().unwrap().starts_with(library));
    one.next().unwrap()["state"].as_str().unwrap().to_owned()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Every file below a folder, with its content and times.
fn files(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, std::time::SystemTime)> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            let changed = path.metadata().unwrap().modified().unwrap();
            all.insert(path.clone(), (fs::read(&path).unwrap(), changed));
        }
    }
    all
}

#[test]
fn ratings_come_out_of_the_files_and_nothing_goes_in() {
    let desk = Desk::new();
    let before = files(&desk.music());
    assert_eq!(desk.rating("Estuary.ogg"), None);
    let plan = desk.link();
    assert_eq!(plan["matched"], 40);
    assert_eq!(plan["doubtful"], 0);
    // `FMPS_RATING=0.6` in the file.
    assert_eq!(desk.rating("Estuary.ogg").as_deref(), Some("3"));
    let status = desk.ok(&["status"]);
    let links = status["links"].as_array().unwrap();
    assert_eq!(links.len(), 2);
    // Nothing waits for ever because a library is read and not written.
    let synced = desk.ok(&["sync"]);
    assert_eq!(synced["operation"], Json::Null, "{synced}");
    let export = desk.ok(&["export"]);
    assert_eq!(export["items"].as_array().unwrap().len(), 40);
    assert_eq!(files(&desk.music()), before, "a file was touched");
}

#[test]
fn a_rating_that_another_program_writes_into_a_file_arrives() {
    let desk = Desk::new();
    desk.link();
    let song = desk.music().join("Collab/Delta.mp3");
    let old = fs::read(&song).unwrap();
    // Four stars by MediaMonkey become five.
    let at = old.windows(10).position(|text| text == b"no@email\0\xc4").unwrap();
    let new = [&old[..at + 9], b"\xff", &old[at + 10..]].concat();
    fs::write(&song, new).unwrap();
    let synced = desk.ok(&["sync"]);
    assert_eq!(state(&synced, "rhythmbox"), "written");
    assert_eq!(desk.rating("Delta.mp3").as_deref(), Some("5"));
}

#[test]
fn undo_takes_back_what_the_files_brought() {
    let desk = Desk::new();
    let (before, music) = (desk.rhythmdb(), files(&desk.music()));
    desk.link();
    assert_ne!(desk.rhythmdb(), before);
    desk.ok(&["undo"]);
    assert_eq!(desk.rhythmdb(), before);
    assert_eq!(files(&desk.music()), music, "a file was touched");
}

#[test]
fn f42_a_seat_is_taken_and_given_back_and_the_player_lists_the_song_as_long() {
    let desk = Desk::new();
    desk.link();
    let song = "Low Tide Ledger/04 Lantern Row.flac";
    let file = desk.music().join("The Tin Harbours").join(song);
    assert!(file.exists(), "{}", file.display());
    let is_hidden = || {
        let text = desk.rhythmdb();
        let at = text.find("04%20Lantern%20Row.flac</location>").unwrap();
        text[..at].rsplit("<entry").next().unwrap().starts_with(" type=\"ignore\"")
    };
    desk.ok(&["licences", "grant", file.to_str().unwrap(), "--seats", "1"]);
    desk.ok(&["sync"]);
    assert!(is_hidden(), "nobody has the seat");
    let row = desk.ok(&["licences"])[0].clone();
    assert_eq!((&row["state"], &row["seats"]), (&"leased elsewhere".into(), &1.into()), "{row}");
    let item = row["item"].as_str().unwrap();
    let taken = desk.ok(&["licences", "take", item]);
    assert_eq!(taken["state"], "taken", "{taken}");
    assert!(!is_hidden());
    let row = desk.ok(&["licences"])[0].clone();
    assert_eq!(row["holders"][0]["until"], taken["until"], "{row}");
    assert_eq!(desk.ok(&["licences", "give", item])["state"], "given");
    assert!(is_hidden());
    assert_eq!(desk.ok(&["licences"])[0]["holders"], Json::Array(Vec::new()));
    assert_eq!(desk.ok(&["licences", "office"])[0]["here"], true);
}
