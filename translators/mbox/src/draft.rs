//! What becomes of each mailbox in a write: other headers, messages that are appended, messages that are
//! taken out.
//!
//! A keyword that a mailbox does not name yet is named in its first message too, because servers take no
//! other words for keywords. Where that message is taken out, the next one says what it said of the mailbox.
//!
//! Invariant: what is taken out is so after all that is appended.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;
use std::ops::Range;
use std::time::UNIX_EPOCH;

use segue_mail::Key;
use segue_translator::Error;

use crate::carried::Carried;
use crate::format::Text as _;
use crate::header::{self, Change};
use crate::journal::{Edit, Expected};
use crate::listing::{Listing, Message};
use crate::view::View;

/// What becomes of one mailbox.
#[derive(Debug, Default)]
pub(crate) struct Draft<'a> {
    /// Messages with other marks, and whether those are marked as deleted that were not, or the other way.
    pub(crate) marked: Vec<(&'a Message, &'a Change, Option<bool>)>,
    pub(crate) arrivals: Vec<Arrival<'a>>,
    pub(crate) taken_out: Vec<&'a Message>,
}

/// A message that comes from another mailbox.
#[derive(Debug)]
pub(crate) struct Arrival<'a> {
    /// Where it lies there: they come in that order.
    pub(crate) from: (usize, u64),
    pub(crate) carried: &'a Carried,
    pub(crate) change: &'a Change,
}

/// The edits of one mailbox, sorted, and apart from each other.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Work {
    /// What is made at first.
    pub(crate) first: Vec<Edit>,
    /// Messages that are there then, and were not, with what they call themselves.
    pub(crate) arrived: Vec<(Key, u64)>,
    /// How many bytes the first edits append.
    pub(crate) appended_bytes: u64,
    /// What is made once all that arrives anywhere is there; offsets are those after the first edits.
    pub(crate) then: Vec<Edit>,
}

/// Where a message begins, and where its header stands.
type Next = (u64, Range<u64>);

/// The header of the message that says what concerns the whole mailbox.
struct First {
    old: Vec<u8>,
    /// With all keywords that come.
    new: Vec<u8>,
    /// Whether it is there, and stays.
    stays: bool,
}

impl Draft<'_> {
    /// What has to be written of the mailbox with this place among all.
    pub(crate) fn work(mut self, listing: &Listing, index: usize) -> Result<Work, Error> {
        self.marked.sort_unstable_by_key(|(message, ..)| message.start);
        self.taken_out.sort_unstable_by_key(|message| message.start);
        self.arrivals.sort_by_key(|arrival| arrival.from);
        let path = &listing.mailboxes[index].path;
        let view = View::open(path)?;
        let work = self.edits(&view, listing, index);
        work.map_err(|error| Error::io("write", path, &error))
    }

    fn edits(&self, view: &View, listing: &Listing, index: usize) -> io::Result<Work> {
        let place = &listing.first[index];
        let old = view.bytes(place.clone())?;
        let known = header::base(&old).unwrap_or_default();
        let carried = |one: &Arrival<'_>| header::with(&one.carried.header, one.change, &known);
        let mut arriving: Vec<Vec<u8>> = self.arrivals.iter().map(carried).collect();
        let first = self.first(view, old, &arriving, place.start)?;
        let next = self.next(listing, index).filter(|_| !first.stays);
        if let (None, false, Some(header)) = (&next, first.stays, arriving.first_mut()) {
            *header = [header::base_lines(&first.new), header].concat();
        }
        let mut work = Work::default();
        let start = self.marks(view, (place.start, &first), &known, &mut work.first)?;
        let inserted: &[u8] = match &next {
            Some((_, header)) if header::base_lines(&view.bytes(header.clone())?).is_empty() => {
                header::base_lines(&first.new)
            }
            _ => b"",
        };
        let start = start.or((!arriving.is_empty()).then(|| view.length()));
        let mut parting: &[u8] = b"";
        if !arriving.is_empty() {
            parting = parting_after(view)?;
            let text = self.appended(parting, &arriving);
            work.appended_bytes = text.len() as u64;
            work.arrived =
                self.arrivals.iter().map(|one| (one.carried.key, one.carried.ident)).collect();
            work.first.push(Edit { old: view.length()..view.length(), new: text });
        }
        self.change_the_length(&mut work, inserted.len() as u64);
        if let (Some(start), Some(edit)) = (start, work.first.first_mut()) {
            edit.extend_to(start, view)?;
        }
        let end = (view.length(), parting.len() as u64);
        self.then(&mut work, end, next, inserted);
        Ok(work)
    }

    /// The header of the first message, which is to name the keywords of these headers too.
    fn first(
        &self,
        view: &View,
        old: Vec<u8>,
        arriving: &[Vec<u8>],
        header: u64,
    ) -> io::Result<First> {
        let states: Vec<_> = arriving.iter().map(|header| header::state(header).marks).collect();
        let marked = self.marked.iter().flat_map(|(_, change, _)| header::wanted(&change.add));
        let words: BTreeSet<&str> = marked.chain(states.iter().flat_map(header::wanted)).collect();
        let words: Vec<&str> = words.into_iter().collect();
        let new = header::with_base(&old, &words, view.validity()?);
        let goes = self.taken_out.first().is_some_and(|message| message.header.start == header);
        Ok(First { old, new, stays: view.length() > 0 && !goes })
    }

    /// The first message of those that stay: where it and its header stand.
    fn next(&self, listing: &Listing, index: usize) -> Option<Next> {
        if self.taken_out.is_empty() {
            return None;
        }
        let gone: BTreeSet<u64> = self.taken_out.iter().map(|message| message.start).collect();
        let read = listing.in_mailbox(index).map(|one| (one.start, one.header.clone()));
        let unread = listing.unread[index].iter().map(|one| (one.start, one.header.clone()));
        let stays = read.chain(unread).filter(|(start, _)| !gone.contains(start));
        stays.min_by_key(|(start, _)| *start)
    }

    /// Headers that are others; returns where the first message begins that has one.
    fn marks(
        &self,
        view: &View,
        (place, first): (u64, &First),
        known: &[Box<str>],
        edits: &mut Vec<Edit>,
    ) -> io::Result<Option<u64>> {
        let mut start = None;
        let is_first = |message: &Message| message.header.start == place;
        let is_marked = self.marked.first().is_some_and(|(message, ..)| is_first(message));
        if first.stays && first.new != first.old && !is_marked {
            start = Some(0);
            let old = place..place + first.old.len() as u64;
            edits.push(Edit { old, new: first.new.clone() });
        }
        for (message, change, deleted) in &self.marked {
            let old = view.bytes(message.header.clone())?;
            let base = if is_first(message) { &first.new } else { &old };
            let mut new = header::with(base, change, known);
            if let Some(deleted) = deleted {
                new = header::with_deleted(&new, *deleted);
            }
            if new != old {
                start.get_or_insert(message.start);
                edits.push(Edit { old: message.header.clone(), new });
            }
        }
        Ok(start)
    }

    /// What is appended.
    fn appended(&self, parting: &[u8], headers: &[Vec<u8>]) -> Vec<u8> {
        let arrivals = self.arrivals.iter().zip(headers);
        let texts = arrivals.map(|(arrival, header)| arrival.carried.text(header));
        std::iter::once(parting.to_vec()).chain(texts).collect::<Vec<_>>().concat()
    }

    /// Sees to it that the mailbox has another length in the end, by a byte that says nothing.
    fn change_the_length(&self, work: &mut Work, inserted: u64) {
        let come: u64 = work.first.iter().map(|edit| edit.new.len() as u64).sum();
        let gone: u64 = work.first.iter().map(|edit| edit.old.end - edit.old.start).sum();
        let taken: u64 = self.taken_out.iter().map(|message| message.end - message.start).sum();
        let Some(last) = work.first.last_mut().filter(|_| come + inserted == gone + taken) else {
            return;
        };
        if work.appended_bytes > 0 {
            last.new.push(b'\n');
            work.appended_bytes += 1;
        } else {
            last.new = header::padded(&last.new);
        }
    }

    /// What is taken out after the first edits; the message that is the first then gets what was said of the mailbox.
    fn then(
        &self,
        work: &mut Work,
        (length, parting): (u64, u64),
        next: Option<Next>,
        inserted: &[u8],
    ) {
        for message in &self.taken_out {
            work.take_out(message.start..message.end);
        }
        // What parts the last message from those that were appended goes with it.
        let last = self.taken_out.last().filter(|message| message.end == length);
        if let (Some(_), Some(edit)) = (last, work.then.last_mut()) {
            edit.old.end += parting;
        }
        if let Some((start, header)) = next.filter(|_| !inserted.is_empty()) {
            let at = work.start_after(start) + (header.start - start);
            work.then.push(Edit { old: at..at, new: inserted.to_vec() });
            work.then.sort_by_key(|edit| edit.old.start);
        }
    }
}

impl Work {
    /// Takes messages out after the first edits.
    pub(crate) fn take_out(&mut self, old: Range<u64>) {
        // What was appended at their end comes after them.
        let end = self.shifted(old.end, |edit| edit.old.start < old.end);
        self.then.push(Edit { old: self.start_after(old.start)..end, new: Vec::new() });
    }

    /// Where what begins there begins after the first edits.
    fn start_after(&self, offset: u64) -> u64 {
        self.shifted(offset, |edit| edit.old.end <= offset)
    }

    /// How often each message may be in the mailbox with this place among all, from the first that changes on, until
    /// all is made.
    pub(crate) fn expected(&self, listing: &Listing, index: usize) -> Vec<Expected> {
        let edits = [&self.first, &self.then].map(|edits| edits.first());
        let first = edits.into_iter().flatten().map(|edit| edit.old.start).min();
        let mut copies: HashMap<(u64, Key), (u32, bool)> = HashMap::new();
        for message in listing.in_mailbox(index) {
            let (copies, is_behind) = copies.entry((message.ident, message.key)).or_default();
            *copies += 1;
            *is_behind |= first.is_some_and(|first| message.start >= first);
        }
        for (key, ident) in &self.arrived {
            let (copies, is_behind) = copies.entry((*ident, *key)).or_default();
            (*copies, *is_behind) = (*copies + 1, true);
        }
        // Another one that calls itself as one that changes does is no piece of it.
        let changes: HashSet<u64> = copies
            .iter()
            .filter(|(_, (_, is_behind))| *is_behind)
            .map(|((ident, _), _)| *ident)
            .collect();
        let expected = copies.into_iter().filter(|((ident, _), _)| changes.contains(ident));
        let mut expected: Vec<Expected> =
            expected.map(|((ident, key), (copies, _))| Expected { ident, key, copies }).collect();
        expected.sort_unstable_by_key(|one| (one.ident, one.key));
        expected
    }

    fn shifted(&self, offset: u64, is_before: impl Fn(&Edit) -> bool) -> u64 {
        let before = self.first.iter().filter(|edit| is_before(edit));
        before.fold(offset, |at, edit| at + edit.new.len() as u64 - (edit.old.end - edit.old.start))
    }
}

/// What has to stand between the end of a mailbox and a message that is appended.
fn parting_after(view: &View) -> io::Result<&'static [u8]> {
    let end = view.bytes(view.length().saturating_sub(3)..view.length())?;
    Ok(match &end[..] {
        [] | [.., b'\n', b'\n'] | [b'\n', b'\r', b'\n'] => b"",
        [.., b'\n'] => b"\n",
        _ => b"\n\n",
    })
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
