//! Keeps mailboxes as they are, and brings their bytes back.
//!
//! Invariant: messages come back to all mailboxes before any is taken out of one, and none is taken out
//! that is not among what comes back.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufRead as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

use segue_mail::{Key, message};
use segue_translator::{Error, ErrorKind, Revision};

use crate::draft::Work;
use crate::format::{self, Frame, Text as _};
use crate::header;
use crate::journal::{Edit, sync_folder};
use crate::listing::{self, Listing};
use crate::read::Store;
use crate::view::View;
use crate::{tree, write};

/// Copies all mailboxes.
pub(crate) fn back_up(root: &Path, into: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut copies = Vec::new();
    for mailbox in tree::walk(root)?.mailboxes {
        let to = into.join(&mailbox.relative);
        let view = View::open(&mailbox.path)?;
        let copied = copy(&view, &to);
        copied.map_err(|error| Error::io("back up", &mailbox.path, &error))?;
        copies.push(to);
    }
    Ok(copies)
}

fn copy(view: &View, to: &Path) -> io::Result<()> {
    to.parent().map_or(Ok(()), fs::create_dir_all)?;
    let mut file = File::create(to)?;
    io::copy(&mut view.reader(0..view.length()), &mut file)?;
    file.sync_all()?;
    sync_folder(to)
}

/// Gives mailboxes the bytes back that they had. One that was not there stays, empty.
pub(crate) fn restore(store: &Store, expected: &Revision, from: &Path) -> Result<Revision, Error> {
    let mut known = store.known();
    let mut listing = Listing::make(&store.root, &mut known)?;
    if listing.revision() != *expected {
        let detail = "the mail changed since it was written";
        return Err(Error::new(ErrorKind::Stale, "restore", &store.root, detail));
    }
    let (mut works, mut had, mut taken_out) = (BTreeMap::new(), BTreeSet::new(), Vec::new());
    for (index, mailbox) in listing.mailboxes.iter().enumerate() {
        let fail = |error: io::Error| Error::io("restore", &mailbox.path, &error);
        let kept = from.join(&mailbox.relative);
        let kept = kept.exists().then(|| View::open(&kept)).transpose()?;
        let there = kept.as_ref().map_or_else(|| Ok(Vec::new()), messages).map_err(fail)?;
        let now = View::open(&mailbox.path)?;
        let here = messages(&now).map_err(fail)?;
        had.extend(there.iter().filter_map(|message| message.key));
        let back = Back { now: &now, here: &here, kept: kept.as_ref(), there: &there };
        let (work, gone) = back.work().map_err(fail)?;
        taken_out.extend(gone.iter().filter_map(|message| message.key));
        if work != Work::default() {
            works.insert(index, work);
        }
    }
    if taken_out.iter().any(|key| !had.contains(key)) {
        let detail = "a message came that is not in what was kept, so nothing is brought back";
        return Err(Error::new(ErrorKind::Corrupt, "restore", &store.root, detail));
    }
    write::make(&mut listing, &mut known, &works)?;
    Ok(listing.revision())
}

/// A message of a mailbox.
struct Message {
    frame: Frame,
    header: Vec<u8>,
    /// `None` if it is none, or cannot be read.
    key: Option<Key>,
}

impl Message {
    /// What it calls itself.
    fn ident(&self, key: Key) -> u64 {
        message::ident(&self.header).unwrap_or_else(|| key.ident())
    }
}

fn messages(view: &View) -> io::Result<Vec<Message>> {
    let mut messages = Vec::new();
    format::scan(view, |frame, header| {
        let is_none = messages.is_empty() && header::is_internal(&header);
        let reader = || view.reader(frame.header..frame.end);
        let is_one = !is_none && frame.broken.is_none() && !frame.is_too_long;
        let key = is_one.then(|| listing::key(reader(), frame.is_quoted)).transpose()?;
        messages.push(Message { frame, header, key });
        Ok(())
    })?;
    Ok(messages)
}

/// A mailbox as it is, and as it was.
struct Back<'a> {
    now: &'a View,
    here: &'a [Message],
    kept: Option<&'a View>,
    there: &'a [Message],
}

impl<'a> Back<'a> {
    /// What brings it back, and the messages that this takes out.
    fn work(&self) -> io::Result<(Work, &'a [Message])> {
        let (mut work, mut rest) = (Work::default(), self.here);
        let mut edits: Vec<Edit> = Vec::new();
        for old in self.there {
            let at = rest.first().map_or(self.now.length(), |new| new.frame.start);
            let (true, Some((new, after))) = (self.is_same(rest.first(), old)?, rest.split_first())
            else {
                let bytes = self.bytes(old.frame.start..old.frame.end)?;
                work.arrived.extend(old.key.map(|key| (key, old.ident(key))));
                match edits.last_mut().filter(|edit| edit.old == (at..at)) {
                    Some(edit) => edit.new.extend(bytes),
                    None => edits.push(Edit { old: at..at, new: bytes }),
                }
                continue;
            };
            rest = after;
            if new.header != old.header {
                let end = new.frame.header + new.header.len() as u64;
                let mut edit = Edit { old: new.frame.header..end, new: old.header.clone() };
                if edits.is_empty() {
                    edit.extend_to(new.frame.start, self.now)?;
                }
                edits.push(edit);
            }
        }
        let mut parting = 0;
        if let Some(first) = rest.first() {
            let start = first.frame.start;
            // The last message of a mailbox needs no empty line after it, as long as it is the last.
            let last = edits.last_mut().filter(|edit| edit.old == (start..start));
            if let Some(last) = last.filter(|edit| !edit.new.ends_with(b"\n\n")) {
                last.new.extend(b"\n\n");
                parting = 2;
            }
            work.first = edits;
            work.take_out(start..self.now.length());
        } else {
            work.first = edits;
        }
        if let Some(edit) = work.then.last_mut() {
            edit.old.start -= parting;
        }
        Ok((work, rest))
    }

    /// Whether two messages differ in their headers, if at all.
    fn is_same(&self, new: Option<&Message>, old: &Message) -> io::Result<bool> {
        let Some(new) = new else { return Ok(false) };
        let from = |message: &Message| message.frame.start..message.frame.header;
        let rest = |message: &Message| {
            message.frame.header + message.header.len() as u64..message.frame.end
        };
        Ok(new.key == old.key
            && self.are_equal(from(new), from(old))?
            && self.are_equal(rest(new), rest(old))?)
    }

    fn are_equal(&self, ours: Range<u64>, theirs: Range<u64>) -> io::Result<bool> {
        let Some(kept) = self.kept else { return Ok(false) };
        let is_as_long = ours.end - ours.start == theirs.end - theirs.start;
        let (mut ours, mut theirs) = (self.now.reader(ours), kept.reader(theirs));
        if !is_as_long {
            return Ok(false);
        }
        loop {
            let (one, other) = (ours.fill_buf()?, theirs.fill_buf()?);
            let bytes = one.len().min(other.len());
            if one[..bytes] != other[..bytes] {
                return Ok(false);
            }
            if bytes == 0 {
                return Ok(true);
            }
            ours.consume(bytes);
            theirs.consume(bytes);
        }
    }

    fn bytes(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        self.kept.map_or_else(|| Ok(Vec::new()), |kept| kept.bytes(range))
    }
}
