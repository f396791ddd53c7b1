//! Writes marks: the headers of each copy of a message, in each mailbox that has one.
//!
//! What is written is the difference that an edit makes, not the whole set, so what copies differ in
//! stays. A keyword that a mailbox does not name yet is named in its first message too, because servers
//! take no other words for keywords.
//!
//! Invariant: all mailboxes are locked and are as they were read before the first is written.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::time::UNIX_EPOCH;

use segue_mail::marks::FLAGS;
use segue_translator::model::{ChangeSet, CollectionEdit, FieldEdit, NativeId, Rule, Value, mail};
use segue_translator::{Access, Error, ErrorKind, Refusal, Revision, Written};

use crate::column::CAPABILITIES;
use crate::header::{self, Change};
use crate::journal::Edit;
use crate::listing::{self, Listing, Message};
use crate::lock::Locked;
use crate::read::Store;
use crate::rewrite;
use crate::tree;
use crate::view::View;

/// Makes the edits of marks; all others are refused.
pub(crate) fn write(
    store: &Store,
    expected: &Revision,
    changes: &ChangeSet,
) -> Result<Written, Error> {
    let mut known = store.known();
    let mut listing = Listing::make(&store.root, &mut known)?;
    if listing.revision() != *expected {
        let detail = "the mail changed since it was read";
        return Err(Error::new(ErrorKind::Stale, "write", &store.root, detail));
    }
    let mut refused: Vec<Refusal> = Refusal::of_listing(changes).collect();
    refused.extend(changes.collections.iter().map(refuse_collection));
    let mut planned: BTreeMap<NativeId, Change> = BTreeMap::new();
    for edit in &changes.fields {
        let change = planned.entry(edit.item.clone()).or_default();
        if let Err(reason) = plan(&listing, edit, change) {
            refused.push(Refusal { id: edit.item.clone(), reason });
        }
    }
    let mut edits = edits(&listing, &planned)?;
    // What an interrupted write left is taken out at the first occasion.
    for index in listing.interrupted() {
        edits.entry(index).or_default();
    }
    make(&mut listing, edits)?;
    Ok(Written { revision: listing.revision(), created: Vec::new(), refused })
}

/// Makes edits of mailboxes, which are given by their places; brings the listing's states up to date.
pub(crate) fn make(listing: &mut Listing, edits: BTreeMap<usize, Vec<Edit>>) -> Result<(), Error> {
    let mut locked = Vec::new();
    for index in edits.keys() {
        let mailbox = Locked::take(&listing.mailboxes[*index].path)?;
        if tree::stamp(&mailbox.path)? != listing.stamps[*index] {
            let detail = "a mail program changed this mailbox meanwhile";
            return Err(Error::new(ErrorKind::Stale, "write", &mailbox.path, detail));
        }
        locked.push(mailbox);
    }
    for ((index, edits), mailbox) in edits.into_iter().zip(&locked) {
        rewrite::settle(mailbox)?;
        if !edits.is_empty() {
            rewrite::rewrite(mailbox, edits)?;
        }
        listing.stamps[index] = tree::stamp(&mailbox.path)?;
    }
    Ok(())
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

/// Adds what an edit changes to `change`, or says why it cannot be made.
fn plan(listing: &Listing, edit: &FieldEdit, change: &mut Change) -> Result<(), String> {
    let copies = &listing.copies[listing.message(&edit.item)];
    if copies.is_empty() {
        return Err("there is no such message".to_owned());
    }
    let support = CAPABILITIES.field(edit.field).filter(|one| one.access == Access::Write);
    let support = support.ok_or_else(|| "it is read from messages and not written".to_owned())?;
    if let Some(what) = copies.iter().find_map(|copy| listing.damaged.get(&copy.mailbox)) {
        return Err(format!("a mailbox in which it lies has {what}"));
    }
    let marks = listing::marks(copies);
    let new = match &edit.new {
        Some(new) if !edit.field.shape.admits(new) || edit.field.rule != Rule::Set => {
            return Err("this is no set of marks".to_owned());
        }
        new => new.as_ref().and_then(|new| support.hold(new)),
    };
    let elements = |set: Option<&Value>| -> BTreeSet<Box<str>> {
        set.and_then(Value::as_list).unwrap_or_default().iter().cloned().collect()
    };
    let is_flags = *edit.field == mail::FLAGS;
    let held: BTreeSet<Box<str>> = if is_flags {
        marks.flags.iter().map(|flag| (*flag).into()).collect()
    } else {
        marks.keywords
    };
    if elements(edit.old.as_ref()) != held {
        return Err("its marks changed meanwhile".to_owned());
    }
    let new = elements(new.as_ref());
    if is_flags {
        let named = |of: &BTreeSet<Box<str>>, without: &BTreeSet<Box<str>>| {
            let names = FLAGS.iter().map(|flag| flag.name);
            names.filter(|name| of.contains(*name) && !without.contains(*name)).collect::<Vec<_>>()
        };
        change.add.flags.extend(named(&new, &held));
        change.remove.flags.extend(named(&held, &new));
    } else {
        change.add.keywords.extend(new.difference(&held).cloned());
        change.remove.keywords.extend(held.difference(&new).cloned());
    }
    Ok(())
}

/// What changes in each mailbox: other headers.
fn edits(
    listing: &Listing,
    planned: &BTreeMap<NativeId, Change>,
) -> Result<BTreeMap<usize, Vec<Edit>>, Error> {
    let mut by_mailbox: BTreeMap<usize, Vec<(&Message, &Change)>> = BTreeMap::new();
    for (id, change) in planned {
        for copy in &listing.copies[listing.message(id)] {
            let headers = by_mailbox.entry(copy.mailbox).or_default();
            headers.push((&copy.message, change));
        }
    }
    let mut edits = BTreeMap::new();
    for (index, headers) in by_mailbox {
        let path = &listing.mailboxes[index].path;
        let made = edits_of(&View::open(path)?, &listing.first[index], headers);
        let made = made.map_err(|error| Error::io("write", path, &error))?;
        if !made.is_empty() {
            edits.insert(index, made);
        }
    }
    Ok(edits)
}

/// The headers of one mailbox that change.
fn edits_of(
    view: &View,
    first: &Range<u64>,
    mut messages: Vec<(&Message, &Change)>,
) -> io::Result<Vec<Edit>> {
    messages.sort_unstable_by_key(|(message, _)| message.start);
    let old_first = view.bytes(first.clone())?;
    let known = header::base(&old_first).unwrap_or_default();
    let words: BTreeSet<&str> =
        messages.iter().flat_map(|(_, change)| header::wanted(&change.add)).collect();
    let words: Vec<&str> = words.into_iter().collect();
    let new_first = header::with_base(&old_first, &words, view.validity()?);
    let mut edits = Vec::new();
    let mut start = None;
    if new_first != old_first && messages.first().is_none_or(|(one, _)| one.header != *first) {
        start = Some(0);
        edits.push(Edit { old: first.clone(), new: new_first.clone() });
    }
    for (message, change) in messages {
        let old = view.bytes(message.header.clone())?;
        let base = if message.header == *first { &new_first } else { &old };
        let new = header::with(base, change, &known);
        if new != old {
            start.get_or_insert(message.start);
            edits.push(Edit { old: message.header.clone(), new });
        }
    }
    let come: u64 = edits.iter().map(|edit| edit.new.len() as u64).sum();
    let gone: u64 = edits.iter().map(|edit| edit.old.end - edit.old.start).sum();
    if let Some(last) = edits.last_mut().filter(|_| come == gone) {
        last.new = header::padded(&last.new);
    }
    if let (Some(start), Some(edit)) = (start, edits.first_mut()) {
        edit.extend_to(start, view)?;
    }
    Ok(edits)
}

impl Edit {
    /// The same from `start` on, which is before: what is written begins as a message does.
    pub(crate) fn extend_to(&mut self, start: u64, view: &View) -> io::Result<()> {
        let mut new = view.bytes(start..self.old.start)?;
        new.append(&mut self.new);
        (self.old.start, self.new) = (start, new);
        Ok(())
    }
}

impl View {
    /// What a mailbox that has no `UIDVALIDITY` may have for one: when it was changed last.
    fn validity(&self) -> io::Result<u32> {
        let since = self.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(u32::try_from(since.as_secs()).unwrap_or(u32::MAX).max(1))
    }
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
        let mut listing = Listing::make(folder.path(), &mut HashMap::new()).unwrap();
        let more = text.repeat(2);
        fs::write(path("Other"), &more).unwrap();
        let edit = Edit { old: 0..4, new: b"From".to_vec() };
        let edits = BTreeMap::from([(0, vec![edit.clone()]), (1, vec![edit])]);
        let error = make(&mut listing, edits).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Stale, "{error}");
        assert_eq!(fs::read_to_string(path("INBOX")).unwrap(), text);
        assert_eq!(fs::read_to_string(path("Other")).unwrap(), more);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "a lock was left");
    }
}
