//! What the apps would read, and what Segue says of it, in a form that is the same in every run.

use std::collections::{BTreeMap, BTreeSet};

use segue_agent::command::Request;
use serde_json::Value as Json;

use crate::Failed;
use crate::desk::Desk;

/// What the apps keep, in parts of which each is the old or the new one at any time.
pub(crate) type Parts = BTreeMap<String, String>;

/// Everything that must be the same however often the way to it was interrupted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) parts: Parts,
    document: BTreeSet<String>,
    conflicts: BTreeSet<String>,
    links: BTreeSet<String>,
}

impl State {
    /// Before anything is known.
    pub(crate) fn none() -> Self {
        let (document, conflicts) = (BTreeSet::new(), BTreeSet::new());
        Self { parts: Parts::new(), document, conflicts, links: BTreeSet::new() }
    }

    /// `parts` is what the apps keep.
    pub(crate) fn of(desk: &Desk, parts: Parts) -> Result<Self, Failed> {
        let [export, conflicts, status] =
            desk.ask([Request::Export { document: None }, Request::Conflicts, Request::Status])?;
        let conflict = |row: &Json| {
            let value = |value: &Json| format!("{} {}", value["library"], value["value"]);
            let values: BTreeSet<String> = rows(&row["values"]).map(value).collect();
            format!("{} {} {} {values:?}", row["title"], row["field"], row["shown"])
        };
        let link = |row: &Json| format!("{} {}", row["library"], row["state"]);
        Ok(Self {
            parts,
            document: document(&export),
            conflicts: rows(&conflicts).map(conflict).collect(),
            links: rows(&status["links"]).map(link).collect(),
        })
    }

    /// What differs, for a person.
    pub(crate) fn difference(&self, other: &Self) -> Option<String> {
        if self == other {
            return None;
        }
        let mut said = vec![differ(&self.parts, &other.parts)];
        for (name, one, two) in [
            ("document", &self.document, &other.document),
            ("conflicts", &self.conflicts, &other.conflicts),
            ("links", &self.links, &other.links),
        ] {
            let only = one.symmetric_difference(two).map(|line| {
                format!("{name}: {} {line}", if one.contains(line) { "is" } else { "should be" })
            });
            said.extend(only);
        }
        said.retain(|line| !line.is_empty());
        Some(said.join("\n"))
    }
}

/// The first part that is as in none of these, or is gone.
pub(crate) fn torn(now: &Parts, known: &[Parts]) -> Option<String> {
    let is_known = |name: &String| known.iter().any(|parts| parts.get(name) == now.get(name));
    let names = now.keys().chain(known.iter().flat_map(Parts::keys));
    names.into_iter().find(|name| !is_known(name)).cloned()
}

/// Lines that one has and the other lacks, or has less often.
pub(crate) fn differ(is: &Parts, should: &Parts) -> String {
    let count = |parts: &Parts| {
        let mut lines: BTreeMap<String, usize> = BTreeMap::new();
        for (name, text) in parts {
            lines.insert(name.clone(), 1);
            for line in text.lines() {
                *lines.entry(format!("{name}: {line}")).or_default() += 1;
            }
        }
        lines
    };
    let (is, should) = (count(is), count(should));
    let lines: BTreeSet<&String> = is.keys().chain(should.keys()).collect();
    let differ = lines.into_iter().filter(|line| is.get(*line) != should.get(*line));
    let count = |lines: &BTreeMap<String, usize>, line| lines.get(line).copied().unwrap_or(0);
    let line =
        |line| format!("{} times, should be {}: {line}", count(&is, line), count(&should, line));
    differ.map(line).collect::<Vec<_>>().join("\n")
}

fn rows(json: &Json) -> impl Iterator<Item = &Json> {
    json.as_array().into_iter().flatten()
}

/// The export with places or titles instead of drawn ids.
fn document(export: &Json) -> BTreeSet<String> {
    let place = |item: &Json| match &item["location"] {
        Json::Null => item["fields"]["message_id"].to_string(),
        location => location.to_string(),
    };
    let names: BTreeMap<String, String> =
        rows(&export["items"]).map(|item| (item["id"].to_string(), place(item))).collect();
    let items = rows(&export["items"]).map(|item| format!("{} {}", place(item), item["fields"]));
    let lists = rows(&export["collections"]).map(|list| {
        let name = |id: &Json| names.get(&id.to_string()).map_or("?", String::as_str);
        let entries: Vec<&str> = rows(&list["entries"]).map(name).collect();
        format!("{} {} {entries:?}", list["kind"], list["name"])
    });
    items.chain(lists).collect()
}
