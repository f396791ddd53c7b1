//! Writes marks and places: the headers of each copy of a message, in each mailbox that has one, and in
//! which mailboxes there are copies.
//!
//! What is written is the difference that an edit makes, not the whole set, so what copies differ in
//! stays. What moves is appended where it goes, read back, and only then taken out where it was.
//!
//! Invariant: all mailboxes are locked and are as they were read before the first is written. Nothing is taken out
//! before all that was appended is there, durable.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use segue_mail::Key;
use segue_mail::marks::{FLAGS, FORWARDED};
use segue_translator::model::{ChangeSet, CollectionEdit, FieldEdit, NativeId, Rule, Value, mail};
use segue_translator::{
    Access, Capabilities, Error, ErrorKind, Library as _, Refusal, Revision, Unable, Written,
};

use crate::carried::Carried;
use crate::draft::{Arrival, Draft, Work};
use crate::format::Text as _;
use crate::header::Change;
use crate::journal::{BYTES_MAX, Edit};
use crate::layout::{self, Layout};
use crate::listing::{self, Content, Copy, Known, Listing};
use crate::lock::Locked;
use crate::place::{self, Placement};
use crate::read::Store;
use crate::tree::{self, Mailbox};
use crate::view::View;
use crate::{rewrite, settle};

/// All that one write may append. Headers need room beside it.
const CARRIED_BYTES_MAX: u64 = BYTES_MAX / 2;

/// What is added to a message's marks and places, and taken from them.
#[derive(Debug, Default)]
struct Plan {
    marks: Change,
    into: BTreeSet<Box<str>>,
    out_of: BTreeSet<Box<str>>,
    placement: Placement,
    /// What is appended to which mailbox, by its place in the placement.
    carried: Vec<Carried>,
}

/// What becomes of messages, by what they are called.
type Planned = BTreeMap<NativeId, Plan>;

/// Makes the edits of marks and places; all others are refused.
pub(crate) fn write(
    store: &Store,
    expected: &Revision,
    changes: &ChangeSet,
) -> Result<Written, Error> {
    let mut known = store.known();
    let listing = Listing::make(&store.root, &mut known)?;
    if listing.revision() != *expected {
        return Err(stale(&store.root, "the mail changed since it was read"));
    }
    let mut refused: Vec<Refusal> = Refusal::of_listing(changes).collect();
    refused.extend(changes.collections.iter().map(refuse_collection));
    let (mut planned, mut unable) = (Planned::new(), Vec::new());
    for edit in &changes.fields {
        if let Some(damaged) = damaged(&listing, edit) {
            unable.push(damaged);
            continue;
        }
        let plan = planned.entry(edit.item.clone()).or_default();
        if let Err(reason) = add(&listing, edit, store.capabilities(), plan) {
            refused.push(Refusal { id: edit.item.clone(), reason });
        }
    }
    let mut listing = with_mailboxes(store, &mut known, listing, &planned)?;
    place(store, &listing, &mut planned, &mut refused)?;
    let mut works = works(&listing, &planned)?;
    // What an interrupted write left is taken out at the first occasion.
    for index in listing.interrupted() {
        works.entry(index).or_default();
    }
    make(&mut listing, &mut known, &works)?;
    Ok(Written { revision: listing.revision(), refused, unable, ..Written::default() })
}

fn stale(path: &Path, detail: &str) -> Error {
    Error::new(ErrorKind::Stale, "write", path, detail)
}

/// Makes the mailboxes that messages go to and that are not there; returns the listing with them.
fn with_mailboxes(
    store: &Store,
    known: &mut Known,
    listing: Listing,
    planned: &Planned,
) -> Result<Listing, Error> {
    let wanted: BTreeSet<&Box<str>> = planned.values().flat_map(|plan| &plan.into).collect();
    let missing = wanted.into_iter().filter(|path| place::mailbox(&listing, path).is_none());
    let layout = Layout::of(&store.root, &listing.mailboxes);
    let mut made = false;
    for path in missing {
        // One that cannot be made is refused with what would lie in it. What was made is in the way of others.
        if let Ok(relative) = layout.relative(path) {
            layout::make(&store.root, &relative, like(&listing, &relative))?;
            made = true;
        }
    }
    if !made {
        return Ok(listing);
    }
    let now = Listing::make(&store.root, known)?;
    let states = |listing: &Listing| -> BTreeMap<PathBuf, String> {
        let paths = listing.mailboxes.iter().map(|mailbox| mailbox.relative.clone());
        paths.zip(listing.stamps.iter().cloned()).collect()
    };
    let (old, new) = (states(&listing), states(&now));
    if old.iter().all(|(path, stamp)| new.get(path) == Some(stamp)) {
        Ok(now)
    } else {
        Err(stale(&store.root, "the mail changed while a mailbox was made"))
    }
}

/// The mailbox that one beside it is made like.
fn like<'l>(listing: &'l Listing, relative: &Path) -> Option<&'l Mailbox> {
    let is_beside = |mailbox: &&Mailbox| mailbox.relative.parent() == relative.parent();
    listing.mailboxes.iter().find(is_beside).or(listing.mailboxes.first())
}

/// Says where the copies of each message shall lie, and reads what is appended elsewhere. What cannot lie where it
/// should stays where it is.
fn place(
    store: &Store,
    listing: &Listing,
    planned: &mut Planned,
    refused: &mut Vec<Refusal>,
) -> Result<(), Error> {
    let layout = Layout::of(&store.root, &listing.mailboxes);
    let mut left = CARRIED_BYTES_MAX;
    let mut open = None;
    for (id, plan) in planned {
        let missing = plan.into.iter().find(|path| place::mailbox(listing, path).is_none());
        let copies = listing.message(id);
        let placed = if let Some(path) = missing {
            Err(layout.relative(path).err().unwrap_or_else(|| {
                format!("something else is in the place of a mailbox for `{path:.200}`")
            }))
        } else {
            plan.placement = Placement::of(listing, copies, &plan.into, &plan.out_of);
            carried(listing, &plan.placement, &mut left, &mut open)?
        };
        match placed {
            Ok(carried) => plan.carried = carried,
            Err(reason) => {
                refused.push(Refusal { id: id.clone(), reason });
                plan.placement = Placement::default();
            }
        }
    }
    Ok(())
}

/// Reads what is appended elsewhere. The inner error is why that cannot be, the outer one ends the write.
fn carried(
    listing: &Listing,
    placement: &Placement,
    left: &mut u64,
    open: &mut Option<(usize, View)>,
) -> Result<Result<Vec<Carried>, String>, Error> {
    let damaged = placement.mailboxes(listing).into_iter().find_map(|to| listing.damaged.get(&to));
    if let Some(what) = damaged {
        return Ok(Err(format!("a mailbox to which it goes has {what}")));
    }
    if let Some(reason) = placement.appended.iter().find_map(|(_, to)| sealed(listing, *to)) {
        return Ok(Err(reason));
    }
    let mut all = Vec::new();
    for (copy, to) in &placement.appended {
        let Copy { mailbox, message } = &listing.copies[*copy];
        let Some(rest) = left.checked_sub(message.end - message.start) else {
            return Ok(Err("so much mail cannot be moved at once".to_owned()));
        };
        *left = rest;
        let path = &listing.mailboxes[*mailbox].path;
        let view = match open.take().filter(|(index, _)| index == mailbox) {
            Some((_, view)) => view,
            None => View::open(path)?,
        };
        let is_served = listing.is_served[*to].or(listing.is_served[*mailbox]);
        let carried = Carried::read(&view, message, is_served == Some(true));
        *open = Some((*mailbox, view));
        match carried.map_err(|error| Error::io("read", path, &error))? {
            Ok(carried) => all.push(carried),
            Err(reason) => return Ok(Err(reason)),
        }
    }
    Ok(Ok(all))
}

/// Why a mailbox cannot name more keywords, if it cannot.
fn sealed(listing: &Listing, mailbox: usize) -> Option<String> {
    let what = listing.is_sealed(mailbox)?;
    let name = &listing.mailboxes[mailbox].name;
    Some(format!("keywords are named in the first message of `{name}`, and {what}"))
}

/// What has to be written, by mailboxes.
fn works(listing: &Listing, planned: &Planned) -> Result<BTreeMap<usize, Work>, Error> {
    let mut drafts: BTreeMap<usize, Draft<'_>> = BTreeMap::new();
    for (id, plan) in planned {
        let Plan { marks, placement, .. } = plan;
        for index in listing.message(id) {
            let Copy { mailbox, message } = &listing.copies[index];
            let draft = drafts.entry(*mailbox).or_default();
            if placement.taken_out.contains(&index) {
                draft.taken_out.push(message);
            } else {
                let deleted = placement.deleted.iter().find(|(copy, _)| *copy == index);
                draft.marked.push((message, marks, deleted.map(|(_, is_deleted)| *is_deleted)));
            }
        }
        for ((copy, to), carried) in placement.appended.iter().zip(&plan.carried) {
            let Copy { mailbox, message } = &listing.copies[*copy];
            let from = (*mailbox, message.start);
            let arrival = Arrival { from, carried, change: marks };
            drafts.entry(*to).or_default().arrivals.push(arrival);
        }
    }
    let mut works = BTreeMap::new();
    for (index, draft) in drafts {
        let work = draft.work(listing, index)?;
        if work != Work::default() {
            works.insert(index, work);
        }
    }
    Ok(works)
}

/// Writes mailboxes, which are given by their places; brings the listing's states up to date.
pub(crate) fn make(
    listing: &mut Listing,
    known: &mut Known,
    works: &BTreeMap<usize, Work>,
) -> Result<(), Error> {
    let mut all = Vec::new();
    for (index, work) in works {
        let mailbox = Locked::take(&listing.mailboxes[*index].path)?;
        if tree::stamp(&mailbox.path)? != listing.stamps[*index] {
            return Err(stale(&mailbox.path, "a mail program changed this mailbox meanwhile"));
        }
        all.push((*index, mailbox, work));
    }
    all.sort_by_key(|(_, _, work)| work.arrived.is_empty());
    for (index, mailbox, work) in &all {
        settle::settle(mailbox)?;
        if !work.first.is_empty() {
            rewrite::rewrite(mailbox, work.first.clone(), work.expected(listing, *index))?;
        }
    }
    let mut seen = Vec::new();
    for (index, mailbox, work) in all.iter().filter(|(_, _, work)| !work.arrived.is_empty()) {
        let content = look_for(listing, *index, mailbox, work)?;
        if work.then.is_empty() {
            seen.push((*index, content));
        }
    }
    for (index, mailbox, work) in all.iter().filter(|(_, _, work)| !work.then.is_empty()) {
        rewrite::rewrite(mailbox, work.then.clone(), work.expected(listing, *index))?;
    }
    for (index, mailbox, _) in &all {
        listing.stamps[*index] = tree::stamp(&mailbox.path)?;
    }
    for (index, content) in seen {
        let path = listing.mailboxes[index].path.clone();
        known.insert(path, (listing.stamps[index].clone(), Arc::new(content)));
    }
    Ok(())
}

/// Reads a mailbox again, in which messages must have arrived. If they have not, they are taken out.
fn look_for(
    listing: &Listing,
    index: usize,
    mailbox: &Locked,
    work: &Work,
) -> Result<Content, Error> {
    let view = View::locked(mailbox)?;
    let content = listing::content(&view, &mailbox.path)?;
    let mut missing: BTreeMap<Key, usize> = BTreeMap::new();
    let arrived = || work.arrived.iter().map(|(key, _)| *key);
    let copies = arrived().chain(listing.in_mailbox(index).map(|message| message.key));
    copies.for_each(|key| *missing.entry(key).or_default() += 1);
    for message in &content.messages {
        missing.entry(message.key).and_modify(|count| *count = count.saturating_sub(1));
    }
    if arrived().all(|key| missing.get(&key) == Some(&0)) {
        return Ok(content);
    }
    let end = view.length();
    let old = end.saturating_sub(work.appended_bytes)..end;
    if !old.is_empty() {
        let edits = vec![Edit { old, new: Vec::new() }];
        rewrite::rewrite(mailbox, edits, work.expected(listing, index))?;
    }
    let detail =
        "a message that was appended here could not be read back, so it stays where it was";
    Err(Error::new(ErrorKind::Corrupt, "write", &mailbox.path, detail))
}

fn refuse_collection(edit: &CollectionEdit) -> Refusal {
    let id = match edit {
        CollectionEdit::Create { name, .. } => NativeId::from(&**name),
        CollectionEdit::Rename { id, .. }
        | CollectionEdit::Reorder { id, .. }
        | CollectionEdit::Remove { id, .. } => id.clone(),
    };
    Refusal { id, reason: "Segue does not make, rename or remove mailboxes yet".to_owned() }
}

/// Says that a message lies in a mailbox which is not written, because not all of it can be read.
fn damaged(listing: &Listing, edit: &FieldEdit) -> Option<Unable> {
    let copies = &listing.copies[listing.message(&edit.item)];
    let (mailbox, what) =
        copies.iter().find_map(|copy| listing.damaged.get_key_value(&copy.mailbox))?;
    let mailbox = &listing.mailboxes[*mailbox];
    Some(Unable {
        id: edit.item.clone(),
        field: edit.field,
        lacks: Vec::new(),
        reason: format!("the mailbox `{}` is not written while it has {what}", mailbox.name),
        obstacle: mailbox.name.clone(),
    })
}

/// Whether a mailbox is still not written.
pub(crate) fn stands(listing: &Listing, obstacle: &str) -> bool {
    let mut damaged = listing.damaged.keys().map(|index| &listing.mailboxes[*index].name);
    damaged.any(|name| name == obstacle)
}

/// Adds what an edit changes to `plan`, or says why it cannot be made.
fn add(
    listing: &Listing,
    edit: &FieldEdit,
    capabilities: &Capabilities,
    plan: &mut Plan,
) -> Result<(), String> {
    let copies = &listing.copies[listing.message(&edit.item)];
    if copies.is_empty() {
        return Err("there is no such message".to_owned());
    }
    let support = capabilities.field(edit.field).filter(|one| one.access == Access::Write);
    let support = support.ok_or_else(|| "it is read from messages and not written".to_owned())?;
    let new = match &edit.new {
        Some(new) if !edit.field.shape.admits(new) || edit.field.rule != Rule::Set => {
            return Err("this is no set".to_owned());
        }
        new => new.as_ref().and_then(|new| support.hold(new)),
    };
    let elements = |set: Option<&Value>| -> BTreeSet<Box<str>> {
        set.and_then(Value::as_list).unwrap_or_default().iter().cloned().collect()
    };
    let marks = listing::marks(copies);
    let is_flags = *edit.field == mail::FLAGS;
    let held: BTreeSet<Box<str>> = if is_flags {
        marks.flags.iter().map(|flag| (*flag).into()).collect()
    } else if *edit.field == mail::FOLDERS {
        listing.places(copies)
    } else {
        marks.keywords
    };
    if elements(edit.old.as_ref()) != held {
        return Err("it was changed meanwhile".to_owned());
    }
    let new = elements(new.as_ref());
    let is_word = |name: &str| !is_flags || name == FORWARDED;
    if *edit.field != mail::FOLDERS && new.difference(&held).any(|name| is_word(name)) {
        let sealed = copies.iter().find_map(|copy| sealed(listing, copy.mailbox));
        sealed.map_or(Ok(()), Err)?;
    }
    if is_flags {
        let named = |of: &BTreeSet<Box<str>>, without: &BTreeSet<Box<str>>| {
            let names = FLAGS.iter().map(|flag| flag.name);
            names.filter(|name| of.contains(*name) && !without.contains(*name)).collect::<Vec<_>>()
        };
        plan.marks.add.flags.extend(named(&new, &held));
        plan.marks.remove.flags.extend(named(&held, &new));
        return Ok(());
    }
    let (add, remove) = if *edit.field == mail::FOLDERS {
        (&mut plan.into, &mut plan.out_of)
    } else {
        (&mut plan.marks.add.keywords, &mut plan.marks.remove.keywords)
    };
    add.extend(new.difference(&held).cloned());
    remove.extend(held.difference(&new).cloned());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use std::fs;

    #[test]
    fn f19_what_changes_before_the_lock_is_ours_is_stale_and_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let text = "From a@b Mon Jan  1 10:00:00 2024\nSubject: x\n\nHello\n\n";
        for name in ["INBOX", "Other"] {
            fs::write(path(name), text).unwrap();
        }
        let mut known = HashMap::new();
        let mut listing = Listing::make(folder.path(), &mut known).unwrap();
        let more = text.repeat(2);
        fs::write(path("Other"), &more).unwrap();
        let edit = Edit { old: 0..4, new: b"From".to_vec() };
        let work = || Work { first: vec![edit.clone()], ..Work::default() };
        let works = BTreeMap::from([(0, work()), (1, work())]);
        let error = make(&mut listing, &mut known, &works).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Stale, "{error}");
        assert_eq!(fs::read_to_string(path("INBOX")).unwrap(), text);
        assert_eq!(fs::read_to_string(path("Other")).unwrap(), more);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "a lock was left");
    }
}
