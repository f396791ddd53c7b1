//! Libraries that hold the same files: what is written to one changes the other.
//!
//! notmuch gives files other names when it is given tags, and these names are what a Maildir of the same tree is. So after
//! a write every other library that shares files with it is looked at again, and what reached it that way is in its base,
//! as if it had been written there. What else differs is its user's, and is lifted in the next round of the same
//! operation. Which lists another library made is told only by its own part of the plan.
//!
//! Invariant: what we wrote through one library is no edit of another's user, and what its user did is.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use segue_model::{
    BaseItem, Catalog, ChangeSet, FieldEdit, Heads, LinkId, Listing, NativeId, Schema,
};
use segue_reconcile::exclusion::Exclusion;
use segue_store::{Intent, LinkRow, OperationLink, Reader, Tx};
use segue_translator::{Library, Revision};

use crate::failure::Failure;
use crate::home::Home;
use crate::journal::Note;
use crate::pass::{Member, MemberDraft};
use crate::pieces;
use crate::reading::Difference;

/// So often one operation plans again because its own writes met.
pub(crate) const ROUNDS_MAX: u32 = 4;

/// Where a library's writes change files.
pub(crate) fn places(row: &LinkRow, library: &dyn Library) -> Vec<PathBuf> {
    // One that is not there shares nothing.
    let real = |path: &PathBuf| std::fs::canonicalize(path).ok();
    let mut places = library.shares();
    places.push(row.path.clone());
    places.iter().filter_map(real).collect()
}

/// Whether two libraries may hold the same files.
pub(crate) fn overlap(some: &[PathBuf], others: &[PathBuf]) -> bool {
    let within = |one: &Path, other: &Path| one.starts_with(other) || other.starts_with(one);
    some.iter().any(|one| others.iter().any(|other| within(one, other)))
}

/// What one round of an operation wrote.
#[derive(Default)]
pub(crate) struct Round {
    wrote: Vec<Wrote>,
    /// Members that were found changed when they were to be written.
    stale: Vec<usize>,
}

struct Wrote {
    member: usize,
    after: Revision,
    places: Vec<PathBuf>,
    /// Whether some of its edits were made, and some were not because it held something else.
    is_partly: bool,
}

impl Round {
    /// A member was written.
    pub(crate) fn wrote(
        &mut self,
        index: usize,
        member: &Member,
        after: Revision,
        is_partly: bool,
    ) {
        let places = member.places.clone();
        self.wrote.push(Wrote { member: index, after, places, is_partly });
    }

    /// A member was found changed. Says whether it shares files with one that was written before.
    pub(crate) fn is_ours(&mut self, index: usize, member: &Member) -> bool {
        if !self.wrote.is_empty() {
            self.stale.push(index);
        }
        self.wrote.iter().any(|wrote| overlap(&wrote.places, &member.places))
    }
}

/// Looks at every member again that shares files with one that was written. Says whether the pass has to be planned
/// again, because something is left to write or to lift.
pub(crate) fn settle(
    home: &mut Home,
    number: i64,
    members: &[Member],
    drafts: &[MemberDraft],
    round: &Round,
) -> Result<bool, Failure> {
    let mut again = !round.stale.is_empty() || met_before(home, number, members, round)?;
    for (index, member) in members.iter().enumerate() {
        let own = round.wrote.iter().find(|wrote| wrote.member == index);
        let sources: Vec<(LinkId, &ChangeSet)> = round
            .wrote
            .iter()
            .filter(|wrote| wrote.member != index && overlap(&wrote.places, &member.places))
            .map(|wrote| (members[wrote.member].row.id, &drafts[wrote.member].edits))
            .collect();
        let known = own.map_or_else(|| member.revision_read(), |own| &own.after);
        let is_as_known = || member.library.revision().is_ok_and(|now| now == *known);
        let is_stale = round.stale.contains(&index);
        if sources.is_empty() || (!is_stale && is_as_known()) {
            continue;
        }
        let link = member.row.id;
        let intents = home.store.intents()?;
        let is_own = |intent: &&Intent| intent.operation == number && intent.link == link;
        let intent = intents.iter().find(is_own);
        let seen =
            Seen { row: &member.row, library: &*member.library, exclusion: &member.exclusion };
        again |= !follow(home, number, &seen, intent, &sources)?;
    }
    Ok(again)
}

/// Whether an edit was refused in a library that shares files with one that this operation wrote in an earlier round, or
/// brought back: what it held is what was written there.
fn met_before(
    home: &Home,
    number: i64,
    members: &[Member],
    round: &Round,
) -> Result<bool, Failure> {
    let touched = home.store.operation_links(number)?;
    let is_touched = |link| touched.iter().any(|noted| noted.link == link && noted.written > 0);
    Ok(round.wrote.iter().filter(|wrote| wrote.is_partly).any(|wrote| {
        members.iter().enumerate().any(|(index, other)| {
            let is_other = index != wrote.member && is_touched(other.row.id);
            is_other && overlap(&wrote.places, &other.places)
        })
    }))
}

/// A library whose files were changed through another.
pub(crate) struct Seen<'a> {
    pub(crate) row: &'a LinkRow,
    pub(crate) library: &'a dyn Library,
    pub(crate) exclusion: &'a Exclusion,
}

/// Brings the base to what reached a library of its own part of the plan, and of what was written to those that share
/// its files. Says whether nothing else differs.
pub(crate) fn follow(
    home: &mut Home,
    number: i64,
    seen: &Seen<'_>,
    intent: Option<&Intent>,
    sources: &[(LinkId, &ChangeSet)],
) -> Result<bool, Failure> {
    let link = seen.row.id;
    let difference =
        match crate::reading::read(seen.library, &home.store, Some(link), seen.exclusion) {
            Ok(difference) => difference,
            // Its own part of the next round says why.
            Err(Failure::Library(_)) => return Ok(false),
            Err(other) => return Err(other),
        };
    let schema = seen.library.capabilities().schema;
    let own = intent.map(|intent| intent.changes(schema)).transpose()?.unwrap_or_default();
    let note = intent.map(|intent| Note::parse(&intent.extra)).unwrap_or_default();
    let tx = home.store.transaction()?;
    let mut is_known = settle_items(&tx, seen, &difference, (&own, &note.shown), sources)?;
    let lists = tx.base_collections(link, schema)?;
    if !own.collections.is_empty() {
        let now = Catalog { collections: difference.collections.clone(), ..Catalog::default() };
        crate::recover::settle_lists(&tx, seen.row, lists, &own, &note, &now)?;
    }
    is_known &= are_known(&tx, link, schema, &difference)?;
    let row = tx.link(link)?;
    let after = &difference.reading.revision.0;
    if let Some(row) = row.filter(|_| is_known) {
        tx.put_link(&LinkRow { revision: Some(after.clone()), ..row })?;
    }
    let noted = tx.operation_links(number)?.into_iter().find(|noted| noted.link == link);
    if let Some(noted) = noted {
        // What its user did meanwhile is in the library, and not in the backup.
        let after = Some(after.clone()).filter(|_| is_known);
        tx.put_operation_link(&OperationLink { after, ..noted })?;
    }
    tx.clear_intent(number, link)?;
    tx.commit()?;
    Ok(is_known)
}

/// Base rows of items. Says whether all of them are as the base then says.
fn settle_items(
    tx: &Tx<'_>,
    seen: &Seen<'_>,
    difference: &Difference,
    (own, shown): (&ChangeSet, &std::collections::BTreeMap<u8, Heads>),
    sources: &[(LinkId, &ChangeSet)],
) -> Result<bool, Failure> {
    let own = by_item(own);
    let sources: Vec<_> = sources.iter().map(|(link, edits)| (*link, by_item(edits))).collect();
    let mut is_known = true;
    for (base, now) in &difference.changed {
        if base.listing != Listing::Listed {
            is_known = false;
            continue;
        }
        let mut held = base.held.clone();
        let (mut some, mut whole) = (false, true);
        for edit in own.get(&now.id).into_iter().flatten() {
            let is =
                pieces::reached(held.fields.value(edit.field), edit, now.fields.value(edit.field));
            (some, whole) = (true, whole && is == edit.new);
            held.fields.set(edit.field, is);
        }
        for edit in elsewhere(tx, seen, base, &sources)? {
            let is =
                pieces::reached(held.fields.value(edit.field), &edit, now.fields.value(edit.field));
            held.fields.set(edit.field, is);
        }
        is_known &= held == *now;
        let heads = shown.get(&segue_document::shard_of(&base.item.0));
        let shown = heads.filter(|_| some && whole).cloned().or_else(|| base.shown.clone());
        tx.put_base_item(seen.row.id, &BaseItem { held, shown, ..base.clone() })?;
    }
    Ok(is_known)
}

type ByItem<'e> = HashMap<&'e NativeId, Vec<&'e FieldEdit>>;

fn by_item(edits: &ChangeSet) -> ByItem<'_> {
    let mut all = ByItem::new();
    for edit in &edits.fields {
        all.entry(&edit.item).or_default().push(edit);
    }
    all
}

/// What was written to an item through other libraries, as this one would hold it.
fn elsewhere(
    reader: &Reader,
    seen: &Seen<'_>,
    base: &BaseItem,
    sources: &[(LinkId, ByItem<'_>)],
) -> Result<Vec<FieldEdit>, Failure> {
    let capabilities = seen.library.capabilities();
    let mut found = Vec::new();
    for (link, edits) in sources {
        for other in reader.base_by_item(*link, base.item, capabilities.schema)? {
            for edit in edits.get(&other.held.id).into_iter().flatten() {
                let Some(support) = capabilities.field(edit.field) else { continue };
                let hold = |value: &Option<_>| value.as_ref().and_then(|value| support.hold(value));
                let (old, new) = (hold(&edit.old), hold(&edit.new));
                found.push(FieldEdit { item: base.held.id.clone(), field: edit.field, old, new });
            }
        }
    }
    Ok(found)
}

/// Whether what the library lists is what the base has.
fn are_known(
    tx: &Tx<'_>,
    link: LinkId,
    schema: &'static Schema,
    difference: &Difference,
) -> Result<bool, Failure> {
    let lost = difference.vanished.iter().any(|base| base.listing == Listing::Listed);
    if lost || !difference.arrived.is_empty() {
        return Ok(false);
    }
    let base = tx.base_collections(link, schema)?;
    let is_there = |list: &segue_model::Collection| base.iter().any(|base| base.held == *list);
    Ok(base.len() == difference.collections.len() && difference.collections.iter().all(is_there))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_overlaps_with_what_lies_in_it_and_not_with_what_is_called_alike() {
        let paths = |all: &[&str]| all.iter().map(PathBuf::from).collect::<Vec<_>>();
        let mail = paths(&["/home/a/.config/notmuch", "/home/a/mail"]);
        assert!(overlap(&mail, &paths(&["/home/a/mail"])));
        assert!(
            overlap(&mail, &paths(&["/home/a/mail/work"])) && overlap(&paths(&["/home"]), &mail)
        );
        assert!(!overlap(&mail, &paths(&["/home/a/mail2", "/home/b"])) && !overlap(&mail, &[]));
    }
}
