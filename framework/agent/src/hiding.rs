//! What a library lists no longer because a limit withholds it: before, during and after the write.
//!
//! An app may list a hidden item again, from a scan of its folders. That is hidden again, but not for ever:
//! after three times it is left alone until it may be listed, and a person is told, because two programs that undo
//! each other's work do nobody any good.
//!
//! What is hidden without the base saying so is found in `pass/withholding.rs`.
//!
//! Invariant: the absence of what we hid is no removal, whatever was killed on the way.

use std::collections::{BTreeSet, HashMap, HashSet};

use segue_model::{
    Availability, BaseItem, Catalog, ChangeSet, Item, LinkId, Listing, ListingEdit, NativeId,
    Schema,
};
use segue_store::{Reader, StoreError, Tx};

use crate::pass::{Member, MemberDraft};
use crate::reading::Difference;

/// So often what an app lists again is hidden again.
pub(crate) const AGAIN_MAX: u32 = 3;

/// How often an app listed an item again that was hidden there.
pub(crate) fn times_again(
    reader: &Reader,
    link: LinkId,
    native: &NativeId,
) -> Result<u32, StoreError> {
    let times = reader.setting(&again(link, native))?;
    Ok(times.and_then(|times| times.parse().ok()).unwrap_or(0))
}

fn again(link: LinkId, native: &NativeId) -> String {
    format!("listed again {link} {}", native.as_bytes().escape_ascii())
}

/// What may be listed is hidden anew when it next may not, however often that was in vain.
pub(crate) fn forgive(tx: &Tx<'_>, link: LinkId, allowed: &[NativeId]) -> Result<(), StoreError> {
    allowed.iter().try_for_each(|native| tx.remove_setting(&again(link, native)))
}

/// What a policy withholds, by its name for that, and the shards that it concerns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) name: String,
    pub(crate) shards: BTreeSet<u8>,
}

impl Mark {
    /// What was withheld from a library when all of that was written, or nothing was to be.
    pub(crate) fn known(reader: &Reader, link: LinkId) -> Result<Self, StoreError> {
        let text = reader.setting(&key(link))?.unwrap_or_default();
        let (name, shards) = text.split_once(' ').unwrap_or((&text, ""));
        let shards = shards.split(' ').filter_map(|shard| shard.parse().ok()).collect();
        Ok(Self { name: name.to_owned(), shards })
    }
}

fn key(link: LinkId) -> String {
    format!("withheld {link}")
}

/// Remembers that a library holds what it may.
pub(crate) fn put_mark(tx: &Tx<'_>, link: LinkId, plan: &MemberDraft) -> Result<(), StoreError> {
    match &plan.mark {
        None => Ok(()),
        Some(mark) if mark.name.is_empty() => tx.remove_setting(&key(link)),
        Some(mark) => {
            let shards: Vec<String> = mark.shards.iter().map(ToString::to_string).collect();
            tx.put_setting(&key(link), &format!("{} {}", mark.name, shards.join(" ")))
        }
    }
}

/// Base rows of what was hidden or shown, after a write. Returns whether all is as it was asked for.
pub(crate) fn settle(
    tx: &Tx<'_>,
    member: &Member,
    plan: &MemberDraft,
    refused: &HashSet<&NativeId>,
    difference: &Difference,
) -> Result<bool, StoreError> {
    let link = member.row.id;
    let schema = member.capabilities.schema;
    let listed: HashMap<&NativeId, &Item> =
        difference.changed.iter().map(|(_, now)| (&now.id, now)).collect();
    let vanished: HashSet<&NativeId> =
        difference.vanished.iter().map(|base| &base.held.id).collect();
    let mut is_done = true;
    for edit in &plan.edits.listing {
        let native = edit.item();
        if refused.contains(native) {
            is_done = false;
            continue;
        }
        let Some(base) = tx.base_item(link, native, schema)? else { continue };
        match edit {
            ListingEdit::Hide { .. } => {
                let now = listed.get(native);
                let is_hidden = now.map_or(vanished.contains(native), |now| {
                    now.availability == Availability::Missing
                });
                is_done &= is_hidden;
                if is_hidden {
                    tx.put_base_item(link, &BaseItem { listing: Listing::Hidden, ..base })?;
                }
                if plan.listed_again.contains(native) {
                    let times = times_again(tx, link, native)? + 1;
                    tx.put_setting(&again(link, native), &times.to_string())?;
                }
            }
            ListingEdit::Show { .. } => {
                let Some(now) = listed.get(native) else {
                    is_done = false;
                    continue;
                };
                let held = (*now).clone();
                let row = BaseItem { held, shown: None, listing: Listing::Listed, ..base };
                tx.put_base_item(link, &row)?;
                tx.remove_setting(&again(link, native))?;
            }
        }
    }
    if is_done && refused.is_empty() {
        put_mark(tx, link, plan)?;
    }
    Ok(is_done)
}

/// Base rows of what a killed write hid or showed: what is not listed now was hidden by us, and whatever
/// is listed is.
pub(crate) fn recover(
    tx: &Tx<'_>,
    link: LinkId,
    schema: &'static Schema,
    changes: &ChangeSet,
    now: &Catalog,
) -> Result<(), StoreError> {
    for edit in &changes.listing {
        let Some(base) = tx.base_item(link, edit.item(), schema)? else { continue };
        let is_listed = is_listed(now, edit.item());
        let row = match edit {
            ListingEdit::Hide { .. } if !is_listed => BaseItem { listing: Listing::Hidden, ..base },
            ListingEdit::Show { item } if is_listed => BaseItem {
                held: item.clone(),
                shown: None,
                listing: Listing::Listed,
                item: base.item,
            },
            _ => continue,
        };
        tx.put_base_item(link, &row)?;
    }
    Ok(())
}

/// 1 if the edit was made, as far as the list tells, -1 if not.
pub(crate) fn says(edit: &ListingEdit, now: &Catalog) -> i64 {
    match (edit, is_listed(now, edit.item())) {
        (ListingEdit::Hide { .. }, false) | (ListingEdit::Show { .. }, true) => 1,
        _ => -1,
    }
}

/// Some apps list what is hidden as missing.
fn is_listed(now: &Catalog, native: &NativeId) -> bool {
    now.item(native).is_some_and(|item| item.availability == Availability::Present)
}
