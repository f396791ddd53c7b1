//! What the base says of items after our write, by what the library then reads as.
//!
//! Invariant: what we asked for and the app made of it is no edit of the app's user, and what its user did since
//! is.

use std::collections::{HashMap, HashSet};

use segue_model::{BaseItem, Item, LinkId, NativeId};
use segue_store::Tx;
use segue_translator::Written;

use crate::failure::Failure;
use crate::pass::{Member, MemberDraft};
use crate::reading::Difference;
use crate::unheld::{Unmade, taken};

/// What was refused stays at what the app had been shown. An item that reads as its base says is not in the
/// difference.
pub(crate) fn keep_refused(
    tx: &Tx<'_>,
    member: &Member,
    plan: &MemberDraft,
    refused: &HashSet<&NativeId>,
) -> Result<(), Failure> {
    for native in refused {
        if let Some(base) = tx.base_item(member.row.id, native, member.capabilities.schema)? {
            let shard = segue_document::shard_of(&base.item.0);
            let shown = base.shown.clone().or_else(|| plan.shown(member, shard).cloned());
            tx.put_base_item(member.row.id, &BaseItem { shown, ..base })?;
        }
    }
    Ok(())
}

/// The items of which the app was not shown all that the document says.
pub(crate) fn unshown(written: &Written) -> HashSet<&NativeId> {
    // Who got all that it can hold was shown the rest: what it changes from now on is newer.
    let unable = written.unable.iter().filter(|one| one.lacks.is_empty()).map(|one| &one.id);
    written.refused.iter().map(|refusal| &refusal.id).chain(unable).collect()
}

/// Remembers what became of the edits, and what could not be read.
pub(crate) fn note_outcome(
    tx: &Tx<'_>,
    member: &Member,
    plan: &MemberDraft,
    difference: &Difference,
    unmade: &Unmade,
) -> Result<(), Failure> {
    note_kept(tx, member.row.id, plan, difference, unmade)?;
    crate::losses::keep(tx, member, difference)?;
    let was = member.difference.as_ref().map_or(&member.revision, |read| &read.reading.revision);
    Ok(unmade.keep(tx, member, plan, &was.0, &difference.reading.revision.0)?)
}

/// Remembers which values the app did not keep.
fn note_kept(
    tx: &Tx<'_>,
    link: LinkId,
    plan: &MemberDraft,
    difference: &Difference,
    unmade: &Unmade,
) -> Result<(), Failure> {
    let read: HashMap<&NativeId, &Item> =
        difference.changed.iter().map(|(_, now)| (&now.id, now)).collect();
    let is_contested = crate::contested::is_any(tx, link)?;
    for edit in plan.edits.fields.iter().filter(|edit| !unmade.is_for_good(edit)) {
        let now = read.get(&edit.item).copied();
        let kept = now.is_some_and(|now| {
            let mut held = now.fields.value(edit.field).cloned();
            difference.without_kept(&edit.item, edit.field, &mut held);
            held == edit.new
        });
        if is_contested || !kept {
            crate::contested::note(tx, link, edit, kept)?;
        }
    }
    Ok(())
}

/// How an item was found after our write.
#[derive(Clone, Copy)]
pub(crate) enum Left {
    /// At the state that the write left: what differs from what was asked is how the app holds it.
    Alone,
    /// At a later state: what differs may be a person's edit, which the next pass has to find.
    Touched,
    /// Some of its edits were refused: those changed nothing.
    Partly,
}

/// What the base says of an item after our write.
pub(crate) fn as_left(
    member: &Member,
    base: &Item,
    now: &Item,
    fields: &[Asked],
    left: Left,
) -> Item {
    let mut held = base.clone();
    for (field, new) in fields {
        let support = member.capabilities.field(field);
        let asked = support.and_then(|support| support.hold(new.as_ref()?));
        let is = now.fields.value(field).cloned();
        match left {
            Left::Alone => held.fields.set(field, is),
            Left::Touched => held.fields.set(field, asked),
            Left::Partly if is == asked => held.fields.set(field, is),
            Left::Partly => {}
        }
    }
    held
}

/// A field with the value that was asked for.
pub(crate) type Asked = (&'static segue_model::Field, Option<segue_model::Value>);

pub(crate) fn edited_fields(
    plan: &MemberDraft,
    written: &Written,
) -> HashMap<NativeId, Vec<Asked>> {
    let mut edited: HashMap<NativeId, Vec<Asked>> = HashMap::new();
    for edit in &plan.edits.fields {
        edited.entry(edit.item.clone()).or_default().push((edit.field, taken(written, edit)));
    }
    edited
}
