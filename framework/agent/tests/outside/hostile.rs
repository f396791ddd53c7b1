//! Programs on the path that hang, flood, lie and die: each is named in one sentence, the rest goes
//! on, nothing is written, and it takes a bounded time.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::desk::{Desk, rhythmdb};

/// What any command may take, however many programs hang: they get 5 seconds, all at once.
const BOUND: Duration = Duration::from_secs(9);

/// A program that reads what its one file says; `first` is done before hello, `on_read` on a read.
fn script(first: &str, hello: &str, on_read: &str) -> String {
    format!(
        r#"#!/bin/sh
n=0
answer() {{ printf '{{"id":%s,"result":%s}}\n' "$n" "$1"; }}
item() {{ answer "{{\"items\":[{{\"id\":\"/a\",$1}}]}}"; }}
{first}
while read -r line; do
    n=$((n + 1))
    case "$line" in
    *'"method":"hello"'*) answer '{hello}' ;;
    *'"method":"read"'*) file=$(printf '%s' "$line" | sed 's|.*"x.json":"\([^"]*\)".*|\1|'); {on_read} ;;
    esac
done
"#
    )
}

fn hello(app: &str) -> String {
    format!(
        r#"{{"protocol":1,"app":"{app}","schema":"music","folders":[{{"below":"data","path":"{app}"}}],"files":["x.json"],"running":{{}},"fields":{{"rating":{{"access":"write"}},"title":{{"access":"read"}}}}}}"#
    )
}

const READ: &str = r#"answer "$(cat "$file")""#;
const LIBRARY: &str = r#"{"items":[{"id":"/a","fields":{"rating":60,"title":"A"}}]}"#;

/// A desk with two libraries that are in order.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.library("rhythmbox", "rhythmdb.xml", &rhythmdb("file:///m/a.mp3", ""));
    desk.program("good", &script("", &hello("good"), READ));
    desk.library("good", "x.json", LIBRARY);
    desk
}

/// What does not get as far as to be a translator, and what is said of it.
fn no_translators() -> Vec<(&'static str, String, &'static str)> {
    let said = |from: &str, to: &str| script("", &hello("x").replace(from, to), READ);
    let before = |first: &str| script(first, &hello("x"), READ);
    let flood = "while :; do printf 'xxxxxxxxxxxxxxxx'; done";
    let hog = "#!/usr/bin/env python3\nimport mmap\na = []\nwhile True: a.append(mmap.mmap(-1, 1 << 30))\n";
    let mut all = vec![
        ("hangs", before("sleep 1000"), "no answer within 5s"),
        ("hangs-too", before("trap '' TERM HUP; sleep 1000"), "no answer within 5s"),
        ("moves-out", before("exec setsid sleep 1000"), "ended without an answer"),
        ("floods", before(flood), "its line has more than 1048576 bytes"),
        ("chatters", before("while :; do echo '{}'; done"), "missing field `id`"),
        ("complains", before(&format!("({flood}) >&2")), "no answer within 5s"),
        ("garbage", before("head -c 4000 /dev/urandom; echo"), "to `hello`"),
        ("torn", before(r#"printf '{"id":1,"res'; exit 0"#), "it ended without an answer"),
        ("dies", before("kill -9 $$"), "it ended without an answer"),
        ("no-interpreter", "#!/no/such/thing\n".into(), "cannot start the translator"),
        ("climbs", said("\"x.json\"", "\"../../.ssh/id\""), "`files` are not"),
        ("absolute", said("\"x.json\"", "\"/etc/passwd\""), "`files` are not"),
        ("elsewhere", said("\"path\":\"x\"", "\"path\":\"../..\""), "`../..` is no path below"),
        ("outside", said("\"path\":\"x\"", "\"path\":\"/etc\""), "`/etc` is no path below"),
        ("claims", said("\"app\":\"x\"", "\"app\":\"rhythmbox\""), "its app is rhythmbox"),
        ("rhythmbox", script("", &hello("rhythmbox"), READ), "rhythmbox is built in"),
        ("esc", before("printf '\\033[2J\\033]0;x\\007' >&2; exit 1"), "ended without an answer"),
    ];
    if crate::has_python() {
        all.push(("hog", hog.into(), "Cannot allocate memory"));
    }
    all
}

/// What is a translator until it is asked to read, and what is said of its library.
const LIARS: [(&str, &str); 11] = [
    (r#"item '"location":"/m/../../etc/passwd"'"#, "`/m/../../etc/passwd` is no absolute path"),
    (r#"item '"location":"etc/passwd"'"#, "`etc/passwd` is no absolute path"),
    (r#"item '"fields":{"rating":900}'"#, "rating"),
    (r#"item '"fields":{"play_count":1}'"#, "`play_count` of `/a` is not declared"),
    (r#"answer '{"items":[{"id":"/b"},{"id":"/a"}]}'"#, "`/a` is not in order"),
    (r#"printf '{"id":2,"result":{"items":[{"id":"/a'; exit 0"#, "ended without an answer"),
    ("head -c 4000 /dev/urandom; echo", "to `read`"),
    ("head -c 3000000 /dev/zero", "its line has more than 1048576 bytes"),
    ("kill -9 $$", "ended without an answer"),
    ("kill -9 $PPID; kill -9 0; sleep 1000", "ended without an answer"),
    (r#"answer '{"surprise":1}'"#, "unknown field `surprise`"),
];

type Files = BTreeMap<PathBuf, (u32, Vec<u8>)>;

/// Every file of the home that is not Segue's own.
fn files(folder: &Path, all: &mut Files) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let (path, meta) = (entry.path(), entry.metadata().unwrap());
        if meta.is_dir() && !path.ends_with(".local/share/segue") {
            files(&path, all);
        } else if meta.is_file() {
            all.insert(path.clone(), (meta.permissions().mode(), fs::read(path).unwrap()));
        }
    }
}

fn all_files(desk: &Desk) -> Files {
    let mut all = Files::new();
    files(desk.folder.path(), &mut all);
    all
}

/// The answer of a command that must not write, nor take long.
fn asked(desk: &Desk, words: &[&str]) -> Json {
    let (before, start) = (all_files(desk), Instant::now());
    let answer = desk.json(words);
    assert!(start.elapsed() < BOUND, "{words:?} took {:?}", start.elapsed());
    assert!(all_files(desk) == before, "{words:?} wrote");
    answer
}

fn names(rows: &Json) -> Vec<&str> {
    rows.as_array().unwrap().iter().map(|row| row["library"].as_str().unwrap()).collect()
}

#[test]
fn programs_that_are_no_translators_are_named_and_in_nobodys_way() {
    let desk = desk();
    for (name, script, _) in no_translators() {
        desk.program(name, &script);
    }
    let look = asked(&desk, &[]);
    assert_eq!(names(&look["libraries"]), ["rhythmbox", "good"], "{look}");
    assert_eq!(
        (&look["libraries"][0]["items"], &look["libraries"][1]["rated"]),
        (&1.into(), &1.into())
    );
    let notes: Vec<&str> =
        look["notes"].as_array().unwrap().iter().filter_map(Json::as_str).collect();
    for (name, _, why) in no_translators() {
        let start = format!("{}/segue-translator-{name} is not used: ", desk.bin().display());
        let about: Vec<_> = notes.iter().filter(|note| note.starts_with(&start)).collect();
        assert_eq!(about.len(), 1, "{name}: {notes:?}");
        assert!(about[0].contains(why), "{name} should be told as {why:?}: {}", about[0]);
        assert!(!about[0].contains(char::is_control), "{:?}", about[0]);
    }
    let plan = asked(&desk, &["plan", "rhythmbox", "good"]);
    assert_eq!(names(&plan["libraries"]), ["rhythmbox", "good"], "{plan}");
    // What needs no app waits for no program.
    let start = Instant::now();
    assert!(desk.segue(&["log"]).status.success());
    assert!(start.elapsed() < Duration::from_secs(4), "it took {:?}", start.elapsed());
}

/// A desk with three libraries that are linked; there is something to sync from the good one.
fn linked() -> Desk {
    let desk = desk();
    desk.program("evil", &script("", &hello("evil"), READ));
    desk.library("evil", "x.json", LIBRARY);
    let plan = desk.json(&["plan", "rhythmbox", "good", "evil"]);
    assert!(desk.segue(&["apply", plan["plan"].as_str().unwrap()]).status.success());
    desk.library("good", "x.json", &LIBRARY.replace("60", "80"));
    desk
}

/// The overview and the plan name what is wrong with the evil library, and no other.
fn only_evil_is_wrong(desk: &Desk, why: &str) {
    let look = asked(desk, &[]);
    let mut libraries = names(&look["libraries"]);
    libraries.sort_unstable();
    assert_eq!(libraries, ["evil", "good", "rhythmbox"], "{look}");
    for row in look["libraries"].as_array().unwrap() {
        let error = row["error"].as_str().unwrap_or_default();
        assert_eq!(error.contains(why), row["library"] == "evil", "{why}: {row}");
    }
    for words in [&["plan"][..], &["sync", "--dry-run"]] {
        let plan = asked(desk, words);
        let rows = plan["libraries"].as_array().unwrap();
        assert_eq!(rows.len(), 3, "{why}: {plan}");
        for row in rows {
            let waits = row["waits"].as_str().unwrap_or_default();
            assert_eq!(waits.contains(why), row["library"] == "evil", "{why}: {row}");
        }
    }
}

#[test]
fn programs_that_lie_about_a_linked_library_stop_no_other() {
    let desk = linked();
    for (on_read, why) in LIARS {
        desk.program("evil", &script("", &hello("evil"), on_read));
        // As an app that wrote: only what changed is read.
        desk.library("evil", "x.json", &LIBRARY.replace("60", "40"));
        only_evil_is_wrong(&desk, why);
    }
}

#[test]
fn a_linked_library_whose_translator_is_away_stops_no_other() {
    let desk = linked();
    desk.program("evil", &script("sleep 1000", &hello("evil"), READ));
    only_evil_is_wrong(&desk, "no answer within 5s");
    fs::remove_file(desk.bin().join("segue-translator-evil")).unwrap();
    only_evil_is_wrong(&desk, "`evil` is no app that Segue knows");
    let sync = desk.json(&["sync"]);
    let rows = sync["libraries"].as_array().unwrap();
    let state = |app: &str| rows.iter().find(|row| row["library"] == app).unwrap()["state"].clone();
    assert_eq!((state("evil"), state("good") == "failed"), ("failed".into(), false), "{sync}");
    let plan = asked(&desk, &["plan"]);
    let planned = desk.segue(&["apply", plan["plan"].as_str().unwrap()]);
    assert!(planned.status.success(), "{planned:?}");
    let unlinked = desk.segue(&["unlink", "evil"]);
    assert!(unlinked.status.success(), "{unlinked:?}");
    assert_eq!(names(&asked(&desk, &[])["libraries"]), ["rhythmbox", "good"]);
}

/// Whatever the end of Segue is, it is the end of what it started.
#[test]
fn programs_do_not_outlive_a_segue_that_is_killed() {
    let desk = desk();
    let number = r#"echo $$ > "$TMPDIR/number.new"; mv "$TMPDIR/number.new" "$TMPDIR/number""#;
    desk.program("hangs", &script(&format!("{number}; sleep 1000"), &hello("hangs"), READ));
    let temporary = desk.folder.path().join("temporary");
    fs::create_dir(&temporary).unwrap();
    let mut segue = desk.command(&[]).env("TMPDIR", &temporary).spawn().unwrap();
    let begin = Instant::now();
    let soon = || assert!(begin.elapsed() < Duration::from_secs(20));
    let number = loop {
        soon();
        let mut folders = fs::read_dir(&temporary).unwrap().flatten();
        let said = folders.find_map(|one| fs::read_to_string(one.path().join("number")).ok());
        if let Some(number) = said {
            break number;
        }
    };
    let stat = format!("/proc/{}/stat", number.trim());
    assert!(Path::new(&stat).exists());
    segue.kill().unwrap();
    segue.wait().unwrap();
    while fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
        soon();
        std::thread::yield_now();
    }
}
