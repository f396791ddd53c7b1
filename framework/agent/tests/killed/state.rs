//! What both apps would read, and what Segue says of it, in a form that is the same in every run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value as Json;

use crate::desk::{self, Desk};

/// What the apps keep: each is one write, so each is the old or the new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Apps(BTreeMap<&'static str, String>);

impl Apps {
    /// Reads a copy, because to open a database is to finish what was interrupted in it.
    pub(crate) fn of(desk: &Desk) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let copy = tempfile::tempdir().unwrap();
        let name = |path: &std::path::Path| path.file_name().unwrap().to_owned();
        for entry in fs::read_dir(desk.strawberry().parent().unwrap()).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, copy.path().join(name(&path))).unwrap();
        }
        let database = copy.path().join(name(&desk.strawberry()));
        let check = desk::sql(&database, "PRAGMA integrity_check; PRAGMA foreign_key_check;");
        assert_eq!(check, "ok\n", "Strawberry's database");
        Self(BTreeMap::from([
            ("rhythmdb.xml", text(fs::read(desk.rhythmdb()).unwrap())),
            ("playlists.xml", text(fs::read(desk.playlists()).unwrap())),
            ("strawberry.db", desk::sql(&database, ".dump")),
        ]))
    }

    /// The first file that is neither as in `before` nor as in one of `after`.
    pub(crate) fn torn(&self, states: &[&Self]) -> Option<&'static str> {
        let known = |name: &str, now: &String| states.iter().any(|state| state.0[name] == *now);
        self.0.iter().find(|(name, now)| !known(name, now)).map(|(name, _)| *name)
    }

    /// Lines that one has and the other lacks.
    pub(crate) fn difference(&self, other: &Self) -> String {
        let file = |(name, is): (&&str, &String)| {
            let lines = lines(is, &other.0[name]);
            if lines.is_empty() { lines } else { format!("{name}:\n{lines}") }
        };
        self.0.iter().map(file).collect()
    }
}

/// Everything that must be the same however often the way to it was interrupted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) apps: Apps,
    document: BTreeSet<String>,
    conflicts: BTreeSet<String>,
    links: BTreeSet<String>,
    /// Files in the apps' folders.
    files: BTreeSet<String>,
}

impl State {
    pub(crate) fn of(desk: &Desk) -> Self {
        let json = |words: &[&str]| -> Json {
            let ran = desk.run(words);
            assert_eq!(ran.code, Some(0), "{words:?}: {}", ran.err);
            serde_json::from_str(&ran.out).unwrap()
        };
        let rows = |json: &Json| json.as_array().unwrap().clone();
        let conflict = |row: &Json| {
            let value = |value: &Json| format!("{} {}", value["library"], value["value"]);
            let values: BTreeSet<String> = rows(&row["values"]).iter().map(value).collect();
            format!("{} {} {values:?}", row["field"], row["shown"])
        };
        let link = |row: &Json| format!("{} {}", row["library"], row["state"]);
        Self {
            apps: Apps::of(desk),
            document: document(&json(&["export"])),
            conflicts: rows(&json(&["conflicts", "--json"])).iter().map(conflict).collect(),
            links: rows(&json(&["status", "--json"])["links"]).iter().map(link).collect(),
            files: files(desk),
        }
    }

    /// What differs, for a person.
    pub(crate) fn difference(&self, other: &Self) -> Option<String> {
        if self == other {
            return None;
        }
        let mut said = Vec::new();
        said.push(self.apps.difference(&other.apps));
        for (name, one, two) in [
            ("document", &self.document, &other.document),
            ("conflicts", &self.conflicts, &other.conflicts),
            ("links", &self.links, &other.links),
            ("files", &self.files, &other.files),
        ] {
            let only = one.symmetric_difference(two).map(|line| {
                format!("{} {line}", if one.contains(line) { "is" } else { "should be" })
            });
            said.extend(only.map(|line| format!("{name}: {line}")));
        }
        Some(said.join("\n"))
    }
}

/// Lines of one text that the other lacks.
fn lines(is: &str, should: &str) -> String {
    let set = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    let (is, should) = (set(is), set(should));
    let line = |line: &String| {
        format!("  {} {line}\n", if is.contains(line) { "is" } else { "should be" })
    };
    is.symmetric_difference(&should).map(line).collect()
}

/// The export with places instead of drawn ids.
fn document(export: &Json) -> BTreeSet<String> {
    let place = |item: &Json| item["location"].to_string();
    let rows = |name: &str| export[name].as_array().unwrap().clone();
    let names: BTreeMap<String, String> =
        rows("items").iter().map(|item| (item["id"].to_string(), place(item))).collect();
    let items =
        rows("items").into_iter().map(|item| format!("{} {}", place(&item), item["fields"]));
    let lists = rows("collections").into_iter().map(|list| {
        let entries = list["entries"].as_array().unwrap().iter();
        let entries: Vec<_> = entries.map(|id| names.get(&id.to_string()).cloned()).collect();
        format!("{} {} {entries:?}", list["kind"], list["name"])
    });
    items.chain(lists).collect()
}

/// A journal is the app's to remove.
fn files(desk: &Desk) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for folder in [desk.rhythmdb(), desk.strawberry()] {
        for entry in fs::read_dir(folder.parent().unwrap()).unwrap() {
            let name = entry.unwrap().file_name().to_string_lossy().into_owned();
            names.extend((!name.ends_with("-journal")).then_some(name));
        }
    }
    names
}
