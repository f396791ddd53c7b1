//! Where the copies of a message shall lie: moves, copies, and what leaves a mailbox.
//!
//! A copy that leaves one mailbox for another is appended there, and then taken out; those that leave others too are marked
//! as deleted. A mailbox that gets a
//! message which leaves none gets a copy. A copy that leaves and goes nowhere is marked as deleted, and so is out of
//! its mailbox; one that was marked so is taken back where the message comes again.
//!
//! Invariant: only a copy that was appended elsewhere by the same write is taken out. That another copy is there says
//! nothing: a mail server that moves a message has it twice for a moment.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::listing::Listing;

/// What becomes of the copies of one message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Placement {
    /// Which copies are marked as deleted, and which are so no more.
    pub(crate) deleted: Vec<(usize, bool)>,
    /// Which copy is appended to which mailbox.
    pub(crate) appended: Vec<(usize, usize)>,
    /// Which copies are then taken out: each was appended.
    pub(crate) taken_out: Vec<usize>,
}

impl Placement {
    /// Brings a message into folders and out of others. `copies` are all that there are.
    pub(crate) fn of(
        listing: &Listing,
        copies: Range<usize>,
        into: &BTreeSet<Box<str>>,
        out_of: &BTreeSet<Box<str>>,
    ) -> Self {
        let name = |copy: usize| &*listing.mailboxes[listing.copies[copy].mailbox].name;
        let lies = |copy: usize| !listing.copies[copy].message.is_deleted;
        let mut placement = Self::default();
        let mut wanted = Vec::new();
        for path in into {
            // What was deleted there is taken back.
            let deleted = copies.clone().find(|copy| name(*copy) == &**path && !lies(*copy));
            match deleted {
                Some(copy) => placement.deleted.push((copy, false)),
                None => wanted.extend(mailbox(listing, path)),
            }
        }
        let leaving: Vec<usize> =
            copies.clone().filter(|copy| out_of.contains(name(*copy)) && lies(*copy)).collect();
        let mut wanted = wanted.into_iter();
        match wanted.as_slice().first() {
            // A move; where several lay in the old mailbox, of all of them. From a second old one nothing comes, else it
            // would be there twice.
            Some(to) if !leaving.is_empty() => {
                let mailbox = |copy: &usize| listing.copies[*copy].mailbox;
                let old = mailbox(&leaving[0]);
                let (moved, others) =
                    leaving.iter().partition::<Vec<usize>, _>(|copy| mailbox(copy) == old);
                placement.appended.extend(moved.iter().map(|copy| (*copy, *to)));
                placement.taken_out = moved;
                placement.deleted.extend(others.into_iter().map(|copy| (copy, true)));
                wanted.next();
            }
            _ => placement.deleted.extend(leaving.iter().map(|copy| (*copy, true))),
        }
        if let Some(copy) = copies.clone().find(|copy| lies(*copy)).or(copies.clone().next()) {
            placement.appended.extend(wanted.map(|to| (copy, to)));
        }
        placement
    }

    /// The mailboxes that it changes.
    pub(crate) fn mailboxes(&self, listing: &Listing) -> BTreeSet<usize> {
        let of = |copy: &usize| listing.copies[*copy].mailbox;
        let deleted = self.deleted.iter().map(|(copy, _)| of(copy));
        let appended = self.appended.iter().flat_map(|(copy, to)| [of(copy), *to]);
        deleted.chain(appended).chain(self.taken_out.iter().map(of)).collect()
    }
}

/// The mailbox of this path.
pub(crate) fn mailbox(listing: &Listing, path: &str) -> Option<usize> {
    listing.mailboxes.iter().position(|mailbox| mailbox.name == path)
}
