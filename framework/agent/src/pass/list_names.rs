//! The names of collections: what they are called, and under which names a library shows them.

use std::collections::HashSet;

use segue_document::{Record, resolve};
use segue_model::LinkId;

use super::Member;
use crate::shards::Records;

pub(super) fn name_of(record: &Record) -> Option<String> {
    resolve::register(record, "name").winner()?.as_text().map(str::to_owned)
}

/// Under which names a library may know it: several, while names compete, and its own of old, which an app that
/// cannot rename goes on to show.
pub(super) fn names_of(record: &Record, link: LinkId) -> impl Iterator<Item = String> {
    let candidates = resolve::register(record, "name").0.into_iter();
    let own = record.origins.get(&link).and_then(|origin| origin.fields.get("name"));
    let own = own.map(|(name, _)| name.clone());
    let all = candidates.filter_map(|candidate| candidate.value).chain(own);
    all.filter_map(|name| name.as_text().map(str::to_owned))
}

/// Whether a library may show a collection of this name as `now`: see [`shown_name`]. Whose name it carries
/// depends on who was linked when it was written: one of `apps`.
pub(super) fn is_shown_as(name: &str, now: &str, apps: &HashSet<String>) -> bool {
    let Some(rest) = now.strip_prefix(name) else { return false };
    let from = rest.strip_prefix(" (").and_then(|rest| rest.strip_suffix(')'));
    rest.is_empty() || from.is_some_and(|from| from == "2" || apps.contains(from))
}

/// The name under which a library shows a collection. Where another of the same name and kind is
/// at home in the library, the foreign one carries its app's name.
pub(super) fn shown_name(
    record: &Record,
    records: &Records,
    member: &Member,
    members: &[Member],
    held: Option<&str>,
) -> String {
    let candidates = resolve::register(record, "name");
    let texts = || candidates.0.iter().filter_map(|c| c.value.as_ref()?.as_text());
    if candidates.is_conflict()
        && let Some(held) = held.filter(|held| texts().any(|text| text == *held))
    {
        return held.to_owned();
    }
    let Some(name) = name_of(record) else { return "Unnamed".into() };
    if record.origins.contains_key(&member.row.id) {
        return name;
    }
    let at_home = records.values().any(|other| {
        other.id != record.id
            && other.live.is_some()
            && other.kind == record.kind
            && other.origins.contains_key(&member.row.id)
            && name_of(other).as_ref() == Some(&name)
    });
    // Who takes part in this pass must not decide: a library that is away renames nothing.
    let marked = |held: &&str| held.starts_with(&format!("{name} (")) && held.ends_with(')');
    if let Some(held) = held.filter(marked).filter(|_| at_home) {
        return held.to_owned();
    }
    let from = members.iter().find(|other| record.origins.contains_key(&other.row.id));
    match (at_home, from) {
        (true, Some(from)) => format!("{name} ({})", from.capabilities.app),
        (true, None) => format!("{name} (2)"),
        (false, _) => name,
    }
}
