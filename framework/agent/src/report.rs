//! What a draft or an operation comes to, in numbers and words.

use std::collections::{BTreeMap, BTreeSet};

use segue_document::{Record, resolve};
use segue_model::{ChangeSet, CollectionEdit, FieldEdit, ListingEdit, Rule, Schema, Value};
use segue_reconcile::identify::Rung;
use segue_store::Reader;
use serde_json::Value as Json;

use crate::command::{
    ConflictRow, ConflictValue, Found, HeldBatch, LOSSES_MAX, LibraryPlan, LibraryState, LossRow,
    Lost, PlanReport,
};
use crate::failure::Failure;
use crate::limits::Outlook;
use crate::names::Names;
use crate::outlook;
use crate::pass::{Draft, Member, MemberDraft};

/// How many edits there are of each field, and of playlists.
pub(crate) fn counts(schema: &Schema, edits: &ChangeSet) -> Vec<(String, u64)> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for edit in &edits.fields {
        let name = if schema.is_places(edit.field) { journey(edit) } else { edit.field.name };
        *counts.entry(name).or_default() += 1;
    }
    for edit in &edits.copies {
        *counts.entry(edit.field.name).or_default() += 1;
    }
    let count = |hides: bool| {
        let is_it = |edit: &&ListingEdit| matches!(edit, ListingEdit::Hide { .. }) == hides;
        edits.listing.iter().filter(is_it).count() as u64
    };
    let lists = edits.collections.len() as u64;
    let mut counts: Vec<_> =
        counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
    for (name, count) in [("playlists", lists), ("hidden", count(true)), ("shown", count(false))] {
        if count > 0 {
            counts.push((name.into(), count));
        }
    }
    counts
}

/// Adds counts of what was written to others, name by name.
pub(crate) fn add_counts(sum: &mut Vec<(String, u64)>, more: &[(String, u64)]) {
    for (name, count) in more {
        match sum.iter_mut().find(|(known, _)| known == name) {
            Some((_, sum)) => *sum += count,
            None => sum.push((name.clone(), *count)),
        }
    }
}

impl Found {
    /// A library to which nothing was done yet.
    pub(crate) fn new(library: &str, state: LibraryState) -> Self {
        Self {
            library: library.to_owned(),
            state,
            written: 0,
            lifted: 0,
            meanwhile: 0,
            lost: Lost::default(),
            reason: None,
            backup: Vec::new(),
            fields: Vec::new(),
        }
    }

    /// Adds what a later round of the same operation did: how far it came is how far that came.
    pub(crate) fn add(&mut self, later: Self) {
        let is_quiet = later.state == LibraryState::Unchanged && self.written > 0;
        self.state = if is_quiet { LibraryState::Written } else { later.state };
        self.written += later.written;
        self.lifted += later.lifted;
        (self.meanwhile, self.lost) = (later.meanwhile, later.lost);
        self.reason = later.reason;
        self.backup.extend(later.backup);
        add_counts(&mut self.fields, &later.fields);
    }
}

/// What becomes of an item that lies elsewhere then.
fn journey(edit: &FieldEdit) -> &'static str {
    let places = |places: &Option<Value>| -> BTreeSet<Box<str>> {
        let places = places.as_ref().and_then(Value::as_list);
        places.unwrap_or_default().iter().cloned().collect()
    };
    let (old, new) = (places(&edit.old), places(&edit.new));
    match (old.is_subset(&new), new.is_subset(&old)) {
        (true, _) if old.is_empty() => PUT_BACK,
        (true, _) => COPIED,
        (_, true) => TAKEN_OUT,
        _ => MOVED,
    }
}

const COPIED: &str = "copied";
const MOVED: &str = "moved";
const PUT_BACK: &str = "put back";
const TAKEN_OUT: &str = "taken out";

/// How many items lie elsewhere since, in brackets. One that was moved to two places at once is told as copied.
fn journeys(fields: &[(String, u64)]) -> String {
    let all = [MOVED, COPIED, PUT_BACK, TAKEN_OUT];
    let some = fields.iter().filter(|(name, _)| all.contains(&name.as_str()));
    let told: Vec<String> = some.map(|(name, count)| format!("{count} {name}")).collect();
    if told.is_empty() { String::new() } else { format!(" ({})", told.join(", ")) }
}

/// One sentence for the log.
pub(crate) fn summary(what: &str, number: i64, libraries: &[Found]) -> String {
    let parts: Vec<String> = libraries
        .iter()
        .filter(|found| {
            found.written > 0
                || found.lifted > 0
                || found.state == LibraryState::Waiting
                || not_held(found, number).is_some()
        })
        .map(|found| {
            let said = match found.state {
                LibraryState::Waiting => format!("{} waits", found.library),
                _ if found.written > 0 => {
                    format!("{} got {}{}", found.library, found.written, journeys(&found.fields))
                }
                _ if found.lifted > 0 => format!("{} gave {}", found.library, found.lifted),
                _ => found.library.clone(),
            };
            let more = not_held(found, number);
            said + &more.map(|more| format!(" and cannot hold {more}")).unwrap_or_default()
        })
        .collect();
    if parts.is_empty() {
        return what.to_owned();
    }
    format!("{what}: {}", parts.join(", "))
}

/// What of this operation a library cannot hold, if there is anything.
fn not_held(found: &Found, operation: i64) -> Option<String> {
    let first = &found.lost.refused.first;
    let mut now = first.iter().filter(|one| one.operation == Some(operation));
    let one = now.next()?;
    let more = if now.next().is_some() || found.lost.refused.count > first.len() as u64 {
        " and more"
    } else {
        ""
    };
    Some(format!("{} of {}{more}: {}", words(one), one.item, one.why))
}

/// Which value it is: "keywords urgent".
fn words(one: &LossRow) -> String {
    let field = one.field.as_deref().unwrap_or_default();
    let value = match &one.value {
        Json::Null => return field.to_owned(),
        Json::String(text) => text.clone(),
        Json::Array(all) => all.iter().filter_map(Json::as_str).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    };
    format!("{field} {value}")
}

/// A value as JSON.
pub(crate) fn json(value: Option<&Value>) -> Json {
    match value {
        None => Json::Null,
        Some(Value::Int(number)) => Json::from(*number),
        Some(Value::Real(number)) => Json::from(number.0),
        Some(Value::Flag(flag)) => Json::from(*flag),
        Some(Value::Text(text)) => Json::from(&**text),
        Some(Value::List(texts)) => texts.iter().map(|text| Json::from(&**text)).collect(),
    }
}

/// Title and artist of an item, or the name of a collection.
pub(crate) fn title(record: &Record) -> String {
    let text = |name: &str| resolve::register(record, name).winner().map(plain);
    if record.kind.is_some() {
        return text("name").unwrap_or_else(|| "Unnamed".into());
    }
    headline(text).unwrap_or_else(|| {
        record.any_location().map_or_else(
            || "Untitled".into(),
            |path| {
                let path = path.to_string();
                path.rsplit('/').next().unwrap_or(&path).to_owned()
            },
        )
    })
}

/// What an item is called and who made it, from the texts of its fields; `None` if it has no title.
pub(crate) fn headline(text: impl Fn(&str) -> Option<String>) -> Option<String> {
    let first = |names: &[&str]| names.iter().find_map(|name| text(name));
    let title = first(&["title", "subject"])?;
    let author = first(&["artist", "authors", "from"]);
    Some(author.map_or(title.clone(), |author| format!("{title} — {author}")))
}

fn plain(value: &Value) -> String {
    match value {
        Value::Text(text) => text.to_string(),
        Value::List(texts) => texts.join(", "),
        Value::Int(number) => number.to_string(),
        Value::Real(number) => number.0.to_string(),
        Value::Flag(flag) => flag.to_string(),
    }
}

/// One conflict with everybody's value.
pub(crate) fn conflict(
    store: &Reader,
    record: &Record,
    field: &str,
    names: &Names,
) -> Result<ConflictRow, Failure> {
    let candidates = resolve::register(record, field);
    let mut values = Vec::new();
    for candidate in &candidates.0 {
        let source = names.source(store, candidate.operation)?;
        let value = json(candidate.value.as_ref());
        let held = |library: String, link| ConflictValue {
            value: value.clone(),
            library,
            device: names.holder(link, &source),
            at: source.at,
        };
        if candidate.links.is_empty() {
            values.push(held("you".into(), None));
        }
        let links = candidate.links.iter();
        values.extend(links.map(|link| held(names.library(*link), Some(*link))));
    }
    values.sort_by(|a, b| (&a.library, &a.device).cmp(&(&b.library, &b.device)));
    Ok(ConflictRow {
        item: segue_model::ItemId(record.id).to_string(),
        title: title(record),
        field: field.to_owned(),
        shown: json(candidates.winner()),
        values,
    })
}

/// A draft as a person reads it.
pub(crate) fn plan(
    store: &Reader,
    draft: &Draft,
    members: &[Member],
    names: &Names,
    id: String,
) -> Result<PlanReport, Failure> {
    let libraries: Vec<LibraryPlan> = members
        .iter()
        .zip(&draft.members)
        .map(|(member, plan)| library(store, member, plan, &draft.limited))
        .collect::<Result<_, _>>()?;
    let held = members.iter().zip(&draft.members).flat_map(|(m, d)| held(&m.label, d)).collect();
    let matched: u64 = draft.matched.iter().map(|(_, count)| count).sum();
    let examples = draft.conflicts.values().flat_map(|found| &found.examples).take(3);
    let mut conflict_examples = Vec::new();
    for record in examples {
        for field in crate::conflicts::of_record(record, members[0].capabilities.schema).take(1) {
            conflict_examples.push(conflict(store, record, field, names)?);
        }
    }
    conflict_examples.sort_by(|a, b| (&a.title, &a.item).cmp(&(&b.title, &b.item)));
    let items = match draft.items {
        Some(items) => items,
        None => distinct(store, members)?,
    };
    Ok(PlanReport {
        plan: id,
        libraries,
        items,
        matched,
        rungs: draft.matched.iter().map(|(rung, n)| (rung_name(*rung).to_owned(), *n)).collect(),
        doubtful: draft.questions.len() as u64,
        conflicts: crate::conflicts::total_after(store, draft)?,
        conflict_examples,
        held,
    })
}

/// How many different items linked libraries list.
fn distinct(store: &Reader, members: &[Member]) -> Result<u64, Failure> {
    let mut items = std::collections::HashSet::new();
    for member in members {
        store.bindings(member.row.id, |_, item, gone| {
            if !gone {
                items.insert(item);
            }
        })?;
    }
    Ok(items.len() as u64)
}

impl PlanReport {
    /// Adds what the same pass would do over another document.
    pub(crate) fn add(&mut self, other: Self) {
        self.libraries.extend(other.libraries);
        self.items += other.items;
        self.matched += other.matched;
        for (rung, count) in other.rungs {
            match self.rungs.iter_mut().find(|(known, _)| *known == rung) {
                Some((_, sum)) => *sum += count,
                None => self.rungs.push((rung, count)),
            }
        }
        self.doubtful += other.doubtful;
        self.conflicts += other.conflicts;
        self.conflict_examples.extend(other.conflict_examples);
        self.held.extend(other.held);
    }
}

const fn rung_name(rung: Rung) -> &'static str {
    match rung {
        Rung::File => "file",
        Rung::Key => "key",
        Rung::Recording => "recording",
        Rung::Identifier => "identifier",
        Rung::Path => "path",
        Rung::Tags => "tags",
    }
}

/// Batches of one library that a guard holds.
pub(crate) fn held(library: &str, draft: &MemberDraft) -> Vec<HeldBatch> {
    draft
        .held
        .iter()
        .map(|held| HeldBatch {
            library: library.to_owned(),
            reason: held.batch.sentence(held.count.changed, held.count.total),
            items: held.count.changed,
            lasting: held.batch.is_lasting(),
        })
        .collect()
}

fn library(
    store: &Reader,
    member: &Member,
    draft: &MemberDraft,
    limited: &[Outlook],
) -> Result<LibraryPlan, Failure> {
    let (withheld, ending) = outlook::of(store, member, draft, limited)?;
    let mut growth: BTreeMap<&str, i64> = BTreeMap::new();
    for edit in draft.edits.fields.iter().filter(|edit| edit.field.rule == Rule::Counter) {
        let number = |value: &Option<Value>| value.as_ref().and_then(Value::as_int).unwrap_or(0);
        *growth.entry(edit.field.name).or_default() += number(&edit.new) - number(&edit.old);
    }
    let made = draft.edits.collections.iter().filter_map(|edit| match edit {
        CollectionEdit::Create { entries, .. } => Some(entries.len() as u64),
        _ => None,
    });
    let made: Vec<u64> = made.collect();
    let mut fields = counts(member.capabilities.schema, &draft.edits);
    fields.retain(|(name, _)| name != "playlists");
    Ok(LibraryPlan {
        library: member.label.clone(),
        schema: member.capabilities.schema.name.to_owned(),
        running: member.running.is_some(),
        waits: member.waits(),
        sets: draft.edits.fields.len() as u64,
        adds: 0,
        removes: 0,
        collections: draft.edits.collections.len() as u64,
        items: member.items(store)?,
        only_here: draft.alone(),
        fields,
        growth: growth.into_iter().map(|(name, by)| (name.to_owned(), by)).collect(),
        new_collections: made.len() as u64,
        new_entries: made.iter().sum(),
        lacking_entries: draft.lacking,
        lifts: draft.lifts,
        excluded: draft.aside.left_out.row(),
        root: member.proposal.as_ref().map(|found| found.root.to_string()),
        root_files: member.proposal.as_ref().map(|found| found.files),
        cannot_hold: member.capabilities.cannot_hold.iter().map(|&s| s.to_owned()).collect(),
        hides: member.capabilities.hides,
        withheld: outlook::bounded(withheld),
        ending: outlook::bounded(ending),
        lost: crate::losses::of_member(store, member, Some(LOSSES_MAX))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_over_two_documents_is_one_report() {
        let one = |library: &str, rung: &str| PlanReport {
            libraries: vec![LibraryPlan { library: library.into(), ..Default::default() }],
            items: 2,
            matched: 1,
            rungs: vec![("file".into(), 1), (rung.into(), 3)],
            conflicts: 4,
            ..Default::default()
        };
        let mut sum = one("rhythmbox", "path");
        sum.add(one("calibre", "tags"));
        let names: Vec<&str> = sum.libraries.iter().map(|plan| plan.library.as_str()).collect();
        assert_eq!(names, ["rhythmbox", "calibre"]);
        assert_eq!((sum.items, sum.matched, sum.conflicts), (4, 2, 8));
        let rungs = [("file", 2), ("path", 3), ("tags", 3)].map(|(name, n)| (name.to_owned(), n));
        assert_eq!(sum.rungs, rungs);
    }
}
