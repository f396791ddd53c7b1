//! Keeps mailboxes as they are, and brings their bytes back.
//!
//! Invariant: only headers are brought back, which is all that a write changes; if a mailbox differs in
//! anything else it was not us, and it stays.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use segue_translator::{Error, ErrorKind, Revision};

use crate::format::{self, Frame, Text as _};
use crate::journal::{Edit, sync_folder};
use crate::listing::Listing;
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

/// Gives mailboxes the headers back that they had.
pub(crate) fn restore(store: &Store, expected: &Revision, from: &Path) -> Result<Revision, Error> {
    let mut known = store.known();
    let mut listing = Listing::make(&store.root, &mut known)?;
    if listing.revision() != *expected {
        let detail = "the mail changed since it was written";
        return Err(Error::new(ErrorKind::Stale, "restore", &store.root, detail));
    }
    let mut edits = BTreeMap::new();
    for (index, mailbox) in listing.mailboxes.iter().enumerate() {
        let kept = from.join(&mailbox.relative);
        if !kept.exists() {
            continue;
        }
        let made = differences(&View::open(&mailbox.path)?, &View::open(&kept)?);
        let made = made.map_err(|error| Error::io("restore", &mailbox.path, &error))?;
        if !made.is_empty() {
            edits.insert(index, made);
        }
    }
    write::make(&mut listing, edits)?;
    Ok(listing.revision())
}

/// The headers that differ.
fn differences(now: &View, kept: &View) -> io::Result<Vec<Edit>> {
    let (here, there) = (messages(now)?, messages(kept)?);
    let mut edits = Vec::new();
    for ((frame, new), (_, old)) in here.iter().zip(&there) {
        if new != old {
            let place = frame.header..frame.header + new.len() as u64;
            let mut edit = Edit { old: place, new: old.clone() };
            if edits.is_empty() {
                edit.extend_to(frame.start, now)?;
            }
            edits.push(edit);
        }
    }
    let come: u64 = edits.iter().map(|edit| edit.new.len() as u64).sum();
    let gone: u64 = edits.iter().map(|edit| edit.old.end - edit.old.start).sum();
    if here.len() != there.len() || now.length() + come - gone != kept.length() {
        let what = "more than headers differs from what was kept";
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    Ok(edits)
}

fn messages(view: &View) -> io::Result<Vec<(Frame, Vec<u8>)>> {
    let mut messages = Vec::new();
    format::scan(view, |frame, header| {
        messages.push((frame, header));
        Ok(())
    })?;
    Ok(messages)
}
