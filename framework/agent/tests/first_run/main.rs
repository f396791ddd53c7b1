//! The first run, as a person sees it: the real command on libraries that the real apps made.
//!
//! What is printed is one reviewed snapshot; the rules that it obeys are tests of their own.

#![expect(clippy::unwrap_used, reason = "a test fails where something is missing")]

mod desk;
mod joining;
mod keys;
mod together;

use std::fmt::Write as _;
use std::fs;

use desk::{Desk, Ran};

/// A transcript: each command, its standard output, and its standard error marked with `|`.
struct Transcript<'a> {
    desk: &'a Desk,
    text: String,
    raw: Vec<(String, Ran)>,
}

impl Transcript<'_> {
    fn type_in(&mut self, words: &[&str]) {
        let ran = self.desk.run(words);
        let line = words.iter().fold("segue".to_owned(), |line, word| {
            if word.contains(' ') { format!("{line} \"{word}\"") } else { format!("{line} {word}") }
        });
        self.text += &self.desk.redact(&format!("$ {line}"));
        self.text += &self.desk.redact(&ran.out);
        for line in self.desk.redact(&ran.err).lines() {
            self.text.extend(["| ", line, "\n"]);
        }
        if ran.code != 0 {
            _ = writeln!(self.text, "[exit {}]", ran.code);
        }
        self.text.push('\n');
        self.raw.push((line, ran));
    }
}

/// Everything that one computer can do, in the order in which a person might.
fn all(desk: &Desk) -> Transcript<'_> {
    let mut transcript = Transcript { desk, text: String::new(), raw: Vec::new() };
    transcript.type_in(&[]);
    transcript.type_in(&["plan", "rhythmbox", "strawberry"]);
    let out = transcript.raw.last().unwrap().1.out.clone();
    let plan = out.rsplit_once("Plan ").unwrap().1.split('.').next().unwrap().to_owned();
    transcript.type_in(&["plan", &plan, "--show", "ratings"]);
    transcript.type_in(&["plan", &plan, "--show", "playlists"]);
    transcript.type_in(&["apply", &plan]);
    transcript.type_in(&["apply", &plan]);
    for words in [
        &["status"][..],
        &["log"],
        &["find", "ferry"],
        &["why", "Ferry Bell"],
        &["conflicts"],
        &["why", "改札口", "rating"],
        &["resolve", "改札口", "rating", "--keep", "strawberry"],
        &["sync"],
        &["undo", "1"],
        &["redo"],
        &["redo"],
        &["unlink", "strawberry"],
        &["sync"],
        &["log"],
        &["doctor"],
    ] {
        transcript.type_in(words);
    }
    transcript
}

#[test]
fn what_a_person_sees() {
    let desk = Desk::new();
    insta::assert_snapshot!(all(&desk).text);
}

#[test]
fn the_words_are_for_people_and_the_last_line_says_what_comes_next() {
    let desk = Desk::new();
    for (line, ran) in all(&desk).raw {
        let talk = format!("{} {}", ran.out, ran.err).to_lowercase();
        for word in ["replica", "actor", "heads", "crdt", "newer", "older", "shard", "binding"] {
            let said = talk.split(|c: char| !c.is_alphanumeric()).any(|other| other == word);
            assert!(!said, "{line} says `{word}`:\n{talk}");
        }
        let last = ran.err.lines().last().unwrap_or_default();
        assert!(last.contains("segue") || last == "All is well.", "{line} ends with `{last}`");
        assert!(!ran.out.contains('\u{1b}') && !ran.err.contains('\u{1b}'), "{line} is coloured");
    }
}

#[test]
fn nothing_is_written_before_apply() {
    let desk = Desk::new();
    let before = desk.app_files();
    for words in [&[][..], &["plan", "rhythmbox", "strawberry"], &["status"], &["sync"]] {
        desk.run(words);
    }
    let plan = desk.json(&["plan", "rhythmbox", "strawberry"]);
    desk.run(&["plan", plan["plan"].as_str().unwrap(), "--show", "all"]);
    assert!(desk.app_files() == before, "a file was written");
    assert_eq!(desk.run(&["apply", plan["plan"].as_str().unwrap()]).code, 0);
    assert!(desk.app_files() != before, "apply writes");
}

#[test]
fn undo_brings_the_files_back_and_redo_returns() {
    let desk = Desk::new();
    let before = desk.contents();
    desk.link();
    let linked = desk.contents();
    assert!(before != linked);
    let xml = |files: &std::collections::BTreeMap<std::path::PathBuf, Vec<u8>>| {
        let xml = files.iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "xml"));
        xml.map(|(path, content)| (path.clone(), content.clone())).collect::<Vec<_>>()
    };
    assert_eq!(desk.run(&["undo"]).code, 0);
    assert!(xml(&desk.contents()) == xml(&before), "not restored");
    assert_eq!(desk.run(&["redo"]).code, 0);
    assert!(xml(&desk.contents()) == xml(&linked), "not returned");
}

#[test]
fn undoing_a_settlement_brings_the_conflict_back_and_redo_settles_it() {
    let desk = Desk::new();
    desk.link();
    let before = desk.json(&["conflicts"]);
    let values = |json: &serde_json::Value| -> Vec<serde_json::Value> {
        let rows = json.as_array().unwrap().iter();
        let values = rows.flat_map(|row| row["values"].as_array().unwrap());
        values.map(|value| serde_json::json!([value["library"], value["value"]])).collect()
    };
    assert_eq!(desk.run(&["resolve", "改札口", "rating", "--keep", "strawberry"]).code, 0);
    let settled = desk.contents();
    assert_eq!(desk.json(&["conflicts"]).as_array().unwrap().len(), 1);
    assert_eq!(desk.json(&["undo"])["conflicts"], 2);
    assert_eq!(values(&desk.json(&["conflicts"])), values(&before));
    let undone = desk.contents();
    assert!(undone != settled);
    assert_eq!(desk.json(&["sync"])["conflicts"], 2);
    assert!(desk.contents() == undone, "a sync settled what a person had reopened");
    assert_eq!(desk.json(&["redo"])["conflicts"], 1);
    assert!(desk.contents() == settled, "redo did not settle it again");
    assert_eq!(desk.run(&["doctor"]).code, 0);
}

#[test]
fn a_plan_that_no_longer_fits_is_refused_and_shows_the_difference() {
    let desk = Desk::new();
    let plan = desk.json(&["plan", "rhythmbox", "strawberry"]);
    desk.rate_and_play_in_rhythmbox();
    let changed = desk.app_files();
    let ran = desk.run(&["apply", plan["plan"].as_str().unwrap()]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    let difference = "no longer fits, a library changed since: strawberry would now get 3 edits \
                      (planned: 1)\n";
    assert!(ran.err.contains(difference), "{}", ran.err);
    assert!(desk.app_files() == changed, "a refused plan wrote something");
}

#[test]
fn a_plan_that_was_applied_says_so_also_when_it_was_taken_back() {
    let desk = Desk::new();
    let plan = desk.json(&["plan", "rhythmbox", "strawberry"]);
    let plan = plan["plan"].as_str().unwrap();
    assert_eq!(desk.run(&["apply", plan]).code, 0);
    let ran = desk.run(&["apply", plan]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("was applied already, as op 1\n"), "{}", ran.err);
    assert_eq!(desk.run(&["undo"]).code, 0);
    let ran = desk.run(&["plan", plan, "--show", "ratings"]);
    assert!(ran.err.contains("as op 1, which op 2 took back"), "{}", ran.err);
}

#[test]
fn what_an_app_cannot_hold_is_short_and_can_be_opened() {
    let desk = Desk::new();
    let ran = desk.run(&["plan", "rhythmbox", "strawberry"]);
    let line = ran.out.lines().find(|line| line.contains("rhythmbox cannot hold")).unwrap();
    let plan = ran.err.rsplit(' ').next().unwrap().trim();
    let more = format!("and 6 more (segue plan {plan} --show losses)");
    assert!(line.contains(&more), "{line}");
    let all = desk.run(&["plan", plan, "--show", "losses"]);
    assert_eq!((all.code, all.out.lines().count()), (0, 13));
    assert!(all.out.contains("a song's file name as its title"), "{}", all.out);
}

#[test]
fn exit_codes_are_those_of_the_contract() {
    let desk = Desk::new();
    for (words, code) in [
        (&["status"][..], 0),
        (&["apply", "zzz"], 1),
        (&["undo"], 1),
        (&["plan", "nosuchapp"], 2),
        (&["frobnicate"], 2),
        (&["resolve", "x", "rating"], 2),
    ] {
        let ran = desk.run(words);
        assert_eq!(ran.code, code, "{words:?}: {}", ran.err);
        assert_eq!(ran.out.is_empty(), code != 0 || words == ["status"], "{words:?}");
    }
}

#[test]
fn a_library_that_lost_most_of_itself_is_held_and_the_other_proceeds() {
    let desk = Desk::new();
    desk.lay_music();
    desk.link();
    let before = desk.contents();
    let text = fs::read_to_string(desk.rhythmdb()).unwrap();
    let mut songs = text.split("  <entry type=\"song\">");
    let kept = songs.next().unwrap().to_owned() + "</rhythmdb>\n";
    fs::write(desk.rhythmdb(), kept).unwrap();
    let ran = desk.run(&["sync"]);
    assert_eq!(ran.code, 3, "{}{}", ran.out, ran.err);
    let strawberry = |files: std::collections::BTreeMap<std::path::PathBuf, Vec<u8>>| {
        files.into_iter().find(|(path, _)| path.ends_with("strawberry.db")).unwrap()
    };
    assert!(strawberry(desk.contents()) == strawberry(before), "Strawberry lost something");
}

#[test]
fn undo_takes_back_what_still_stands_in_a_library_that_was_changed_since() {
    let desk = Desk::new();
    desk.link();
    desk.rate_and_play_in_rhythmbox();
    let ran = desk.run(&["undo"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let library = fs::read_to_string(desk.rhythmdb()).unwrap();
    // What the app's user did since stands; what Segue wrote beside it is gone.
    let rated = entry(&library, "<title>Lantern Row</title>");
    assert!(rated.contains("<rating>"), "{rated}");
    let delta = entry(&library, "<title>Delta</title>");
    assert!(!delta.contains("<rating>"), "{delta}");
}

/// The entry in which a text stands first.
fn entry<'a>(library: &'a str, text: &str) -> &'a str {
    library.split("</entry>").find(|entry| entry.contains(text)).unwrap()
}

#[test]
fn f01_a_missing_playlist_file_removes_no_playlist() {
    let desk = Desk::new();
    desk.link();
    let before = desk.contents();
    let playlists = desk.rhythmdb().with_file_name("playlists.xml");
    fs::remove_file(&playlists).unwrap();
    let ran = desk.run(&["sync"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let strawberry = |files: &std::collections::BTreeMap<std::path::PathBuf, Vec<u8>>| {
        files.iter().find(|(path, _)| path.ends_with("strawberry.db")).unwrap().1.clone()
    };
    assert!(strawberry(&desk.contents()) == strawberry(&before), "Strawberry lost a list");
    let text = fs::read_to_string(&playlists).unwrap();
    assert!(text.contains("Road Trip"), "{text}");
    assert!(desk.run(&["sync"]).err.contains("nothing to do"));
}

#[test]
fn f33_undo_and_redo_go_back_and_forth() {
    let desk = Desk::new();
    let original = desk.contents();
    desk.link();
    let linked = desk.contents();
    for _ in 0..2 {
        assert_eq!(desk.run(&["undo"]).code, 0);
        assert!(rhythmbox(desk.contents()) == rhythmbox(original.clone()), "undone");
        assert_eq!(desk.run(&["redo"]).code, 0);
        assert!(rhythmbox(desk.contents()) == rhythmbox(linked.clone()), "redone");
        assert!(desk.run(&["sync"]).err.contains("nothing to do"));
    }
}

/// Rhythmbox's files.
fn rhythmbox(
    mut files: std::collections::BTreeMap<std::path::PathBuf, Vec<u8>>,
) -> std::collections::BTreeMap<std::path::PathBuf, Vec<u8>> {
    files.retain(|path, _| path.to_string_lossy().contains("rhythmbox/"));
    files
}
