//! Finishes what an interrupted write began, or takes it back, before anything else is written or believed.
//!
//! What it left is looked through by reading, but a mail program takes it for mail. It is taken out as any write is
//! made: at each instant a journal says which bytes are no mail, of this write and of the one before.
//!
//! Invariant: nothing is taken out unless what is there then has each message as often as it may, and none in pieces.
//! Where another program wrote a mailbox since, and it has not, nothing is changed, and a person is told.

use std::io;
use std::ops::Range;

use segue_translator::Error;

use crate::journal::Journal;
use crate::lock::{self, Locked};
use crate::read::Store;
use crate::rewrite::{carry_out, finish, see_to_be_seen};
use crate::view::View;
use crate::{listing, tree};

/// Settles all mailboxes in which something is left.
pub(crate) fn all(store: &Store) -> Result<(), Error> {
    let _known = store.known();
    for mailbox in tree::walk(&store.root)?.mailboxes {
        if Journal::is_left(&mailbox.path) {
            settle(&Locked::take(&mailbox.path)?)?;
        } else if Journal::is_begun(&mailbox.path) || lock::is_left(&mailbox.path) {
            // This is in nobody's way but ours, and may be that of another one of us that is at work.
            let _ = Locked::take(&mailbox.path).and_then(|mailbox| settle(&mailbox));
        }
    }
    Ok(())
}

/// Takes out of a mailbox what an interrupted write left in it.
pub(crate) fn settle(mailbox: &Locked) -> Result<(), Error> {
    let fail = |error: io::Error| Error::io("write", &mailbox.path, &error);
    let view = View::locked(mailbox)?;
    if view.expected().is_none() {
        return Journal::remove(&mailbox.path);
    }
    listing::content(&view, &mailbox.path)?;
    let Some((journal, holes)) = view.left() else { return Ok(()) };
    let before = mailbox.file.metadata().map_err(fail)?;
    take_out(mailbox, journal, holes)?;
    Journal::remove(&mailbox.path)?;
    see_to_be_seen(&mailbox.file, &before).map_err(fail)
}

/// Takes out what is no mail.
fn take_out(mailbox: &Locked, journal: Journal, mut holes: Vec<Range<u64>>) -> Result<(), Error> {
    let fail = |error: io::Error| Error::io("write", &mailbox.path, &error);
    let file = &mailbox.file;
    let size = file.metadata().map_err(fail)?.len();
    let is_last = size == journal.start() + journal.new_bytes();
    if journal.appended.is_some() && is_last && !holes.is_empty() {
        return finish(&journal, file).map_err(fail);
    }
    if let Some(hole) = holes.pop_if(|hole| hole.end == size) {
        file.set_len(hole.start).and_then(|()| file.sync_all()).map_err(fail)?;
    }
    if holes.is_empty() {
        return Ok(());
    }
    // Mail came meanwhile, and is moved as any other.
    let moves = Journal::taking_out(file, holes, journal.expected);
    carry_out(mailbox, moves.map_err(fail)?)
}

#[cfg(test)]
mod tests;
