//! What a write that was interrupted left in a mailbox: which bytes are no mail.
//!
//! Until the journal says that all was appended, those are no mail that were; from then on those before them. Mail that
//! came meanwhile is mail, and so is whatever is not exactly ours. Where another program wrote over anything that this
//! depends on, nothing is known: then all bytes are mail, and [`Expected`] tells whether a message is there too often,
//! or torn.
//!
//! Invariant: no byte counts as no mail that was not proven to be ours, by comparing it or by its hash.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

use segue_mail::Key;

use crate::format::is_from_line;
use crate::journal::{CHUNK_BYTES, Expected, GAP_BYTES, Journal, blank, hash};
use crate::listing::Content;

/// A longer line is none with which a message begins.
const LINE_BYTES_MAX: usize = 1_000;
/// So many empty lines whoever delivers puts before a message, at most.
const LINES_MAX: usize = 4;

impl Journal {
    /// Which bytes of a file are no mail after this write was interrupted, sorted and apart from each other; `None` if
    /// another program wrote it since, and so that cannot be told.
    pub(crate) fn holes(&self, file: &File) -> io::Result<Option<Vec<Range<u64>>>> {
        let size = file.metadata()?.len();
        let Some(appended) = self.appended else {
            return if size >= self.length && self.is_old(file)? {
                self.begun(file, size)
            } else {
                Ok(None)
            };
        };
        let (first, start) = (self.first(), self.start());
        let (done, end) = (first + self.new_bytes(), start + self.new_bytes());
        if size == done && hash(file, first..size)? == appended {
            return Ok(Some(Vec::new()));
        }
        let is_there = end <= size && hash(file, start..end)? == appended;
        let is_known = is_there && self.is_old_or_new(file)?;
        Ok(is_known.then(|| std::iter::once(first..start).collect()))
    }

    /// Whether a file has what there was before.
    fn is_old(&self, file: &File) -> io::Result<bool> {
        for page in self.old_pages(file) {
            if !page?.1 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether what there was, and the empty lines after it, are as they were or as they are once all is copied.
    fn is_old_or_new(&self, file: &File) -> io::Result<bool> {
        let (first, start) = (self.first(), self.start());
        let done = first + self.new_bytes();
        let is_new = |page: &Range<u64>| {
            let from = start + (page.start - first);
            let bytes = page.end - page.start;
            Ok::<_, io::Error>(
                page.end <= done && read(file, page.start, bytes)? == read(file, from, bytes)?,
            )
        };
        for page in self.old_pages(file) {
            let (page, is_old) = page?;
            if !is_old && !is_new(&page)? {
                return Ok(false);
            }
        }
        let mut at = self.length;
        while at < start {
            let there = read(file, at, (start - at).min(CHUNK_BYTES))?;
            let new =
                read(file, start + (at - first), done.saturating_sub(at).min(there.len() as u64))?;
            let is_known =
                |(index, byte): (usize, &u8)| *byte == b'\n' || new.get(index) == Some(byte);
            if there.is_empty() || !there.iter().enumerate().all(is_known) {
                return Ok(false);
            }
            at += there.len() as u64;
        }
        Ok(true)
    }

    /// What was appended so far. Where it goes on as we would not have, mail came after it.
    fn begun(&self, file: &File, size: u64) -> io::Result<Option<Vec<Range<u64>>>> {
        let same = self.same(file)?;
        let mut holes = self.left.clone();
        if same == size || self.is_blank_or_ours(file, same..size)? {
            holes.extend((self.length < size).then_some(self.length..size));
            return Ok(Some(holes));
        }
        let parting = if self.only_appends() { self.parting() } else { GAP_BYTES };
        if same <= self.length + self.gap().max(parting) {
            return Ok(Some(holes));
        }
        // What came needs an empty line before it.
        let start = self.length + parting;
        let end = last_beginning(file, start..same)?;
        holes.extend(end.map(|end| start..end));
        Ok(Some(holes))
    }

    /// Whether a part of what was appended, up to the end, is as this write has it but for zeros: what a disk has of a file that
    /// grew, and nobody delivers.
    fn is_blank_or_ours(&self, file: &File, part: Range<u64>) -> io::Result<bool> {
        let (mut at, mut is_ours) = (self.length, true);
        let mut compare = |ours: &[u8]| {
            let there = read(file, at, ours.len() as u64)?;
            let skipped = usize::try_from(part.start.saturating_sub(at)).unwrap_or(usize::MAX);
            let mut pairs = ours.iter().zip(&there).skip(skipped);
            is_ours &= pairs.all(|(ours, there)| ours == there || *there == 0);
            at += there.len() as u64;
            Ok(is_ours && at < part.end)
        };
        if blank(self.gap(), &mut compare)? {
            self.content(file, &mut compare)?;
        }
        Ok(is_ours && at == part.end)
    }

    /// Up to where what comes after the old mailbox is what this write appends.
    fn same(&self, file: &File) -> io::Result<u64> {
        let mut same = self.length;
        let mut compare = |ours: &[u8]| {
            let there = read(file, same, ours.len() as u64)?;
            let equal = ours.iter().zip(&there).take_while(|(a, b)| a == b).count();
            same += equal as u64;
            Ok(equal == ours.len())
        };
        if blank(self.gap(), &mut compare)? {
            self.content(file, &mut compare)?;
        }
        Ok(same)
    }
}

/// What there is of a part of a file.
fn read(file: &File, start: u64, bytes: u64) -> io::Result<Vec<u8>> {
    let mut all = vec![0; usize::try_from(bytes).unwrap_or_default()];
    let mut there = 0;
    while there < all.len() {
        match file.read_at(&mut all[there..], start + there as u64)? {
            0 => break,
            more => there += more,
        }
    }
    all.truncate(there);
    Ok(all)
}

/// The last beginning of a message in the end of a part, or after it and empty lines.
fn last_beginning(file: &File, range: Range<u64>) -> io::Result<Option<u64>> {
    let start = range.start.max(range.end.saturating_sub(CHUNK_BYTES));
    let bytes = read(file, start, range.end - start + (LINES_MAX + LINE_BYTES_MAX) as u64)?;
    let ours = usize::try_from(range.end - start).unwrap_or_default();
    let after = bytes.get(ours..).unwrap_or_default();
    let lines = after.iter().take(LINES_MAX).take_while(|byte| **byte == b'\n').count();
    let mut found = None;
    let mut at = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if at > 0 && at <= ours + lines && is_from_line(line) {
            found = Some(start + at as u64);
        }
        at += line.len();
    }
    Ok(found)
}

/// How many messages are there too often, or are pieces of one that is expected.
pub(crate) fn too_many(expected: &[Expected], content: &Content) -> usize {
    let mut room: HashMap<u64, (Vec<Key>, u32)> = HashMap::new();
    for Expected { ident, key, copies } in expected {
        let (keys, left) = room.entry(*ident).or_default();
        keys.push(*key);
        *left = left.saturating_add(*copies);
    }
    let is_too_many = |(ident, key): (u64, Key)| {
        let Some((keys, left)) = room.get_mut(&ident) else { return false };
        let is_one = keys.contains(&key) && *left > 0;
        *left -= u32::from(is_one);
        !is_one
    };
    let messages = content.messages.iter().map(|message| (message.ident, message.key));
    messages.map(is_too_many).filter(|is_too_many| *is_too_many).count() + content.torn()
}
