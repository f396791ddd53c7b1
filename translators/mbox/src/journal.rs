//! What a write is about to do, beside the mailbox: with it a write that was interrupted is told.
//!
//! A write first appends its new messages to the mailbox, after empty lines, and then copies them to
//! where they belong. So at each instant the file has every message whole at least once. The journal says what there
//! was, what there shall be, and how often each message may be there; [`left`](crate::left) makes of it which bytes
//! are no mail.
//!
//! It lies beside the mailbox, where whoever opens that finds it, and its name ends as that of a lock does: Dovecot shows
//! every other file as a mailbox.
//!
//! Invariant: one that is there is whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::ops::Range;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use segue_mail::Key;
use segue_translator::{Error, ErrorKind, file};
use sha2::{Digest as _, Sha256};

use crate::lock::beside;

const MAGIC: &str = "segue mbox write 3";
/// All that one write may put into a mailbox.
pub(crate) const BYTES_MAX: u64 = 256 << 20;
pub(crate) const CHUNK_BYTES: u64 = 1 << 20;
/// A disk has of a file that was being written each of these as it was or as it shall be: a sector.
const PAGE_BYTES: u64 = 1 << 9;
/// So much of the end tells whether a mailbox to which is only appended is as it was.
const END_BYTES: u64 = 1 << 12;
/// Empty lines between a mailbox and what is appended, at least.
pub(crate) const GAP_BYTES: u64 = 2;

/// Other bytes in place of some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edit {
    pub(crate) old: Range<u64>,
    pub(crate) new: Vec<u8>,
}

/// How often a message may be in a mailbox, before a write and after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expected {
    /// As it calls itself: one that was torn calls itself the same, and has another key.
    pub(crate) ident: u64,
    pub(crate) key: Key,
    pub(crate) copies: u32,
}

const EXPECTED_BYTES: usize = 28;
type Mark = [u8; 8];

/// A write of one mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Journal {
    /// How long the mailbox was.
    pub(crate) length: u64,
    /// What of that an earlier write left, and is no mail: sorted, apart from each other, and among what is taken out.
    pub(crate) left: Vec<Range<u64>>,
    /// At least one, sorted, and apart from each other.
    edits: Vec<Edit>,
    /// The messages from the first that changes on.
    pub(crate) expected: Vec<Expected>,
    /// Hashes of the [pages](Self::pages), before.
    pages: Vec<Mark>,
    /// The hash of what was appended, once all of it is there.
    pub(crate) appended: Option<[u8; 32]>,
}

impl Journal {
    /// A write of a mailbox as it is now.
    pub(crate) fn new(file: &File, edits: Vec<Edit>, expected: Vec<Expected>) -> io::Result<Self> {
        let length = file.metadata()?.len();
        let (left, pages) = (Vec::new(), Vec::new());
        let mut journal = Self { length, left, edits, expected, pages, appended: None };
        journal.pages = journal.pages().map(|page| mark(file, page)).collect::<Result<_, _>>()?;
        Ok(journal)
    }

    /// A write that takes out what an earlier one left.
    pub(crate) fn taking_out(
        file: &File,
        left: Vec<Range<u64>>,
        expected: Vec<Expected>,
    ) -> io::Result<Self> {
        let edit = |old: &Range<u64>| Edit { old: old.clone(), new: Vec::new() };
        let journal = Self::new(file, left.iter().map(edit).collect(), expected)?;
        Ok(Self { left, ..journal })
    }

    /// The file in which a mailbox's journal is.
    pub(crate) fn path(mailbox: &Path) -> PathBuf {
        beside(mailbox, ".", ".segue.lock")
    }

    /// What becomes the journal.
    fn new_path(mailbox: &Path) -> PathBuf {
        beside(mailbox, ".", ".segue-new.lock")
    }

    /// The journal of a mailbox. One that is not whole was never acted on.
    pub(crate) fn read(mailbox: &Path) -> Result<Option<Self>, Error> {
        let mailbox = fs::canonicalize(mailbox).map_err(|e| Error::io("read", mailbox, &e))?;
        match file::read_bounded(&Self::path(&mailbox), BYTES_MAX * 2) {
            Ok(bytes) => Ok(Self::parse(&bytes)),
            Err(error) if error.kind == ErrorKind::Absent => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether a mailbox has one, whatever it says.
    pub(crate) fn is_left(mailbox: &Path) -> bool {
        fs::canonicalize(mailbox).is_ok_and(|mailbox| Self::path(&mailbox).exists())
    }

    /// Whether one was begun that never became one.
    pub(crate) fn is_begun(mailbox: &Path) -> bool {
        fs::canonicalize(mailbox).is_ok_and(|mailbox| Self::new_path(&mailbox).exists())
    }

    /// Puts it into place, whole or not at all.
    pub(crate) fn write(&self, mailbox: &Path) -> Result<(), Error> {
        let (path, new) = (Self::path(mailbox), Self::new_path(mailbox));
        let result = (|| {
            let options =
                OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new);
            let mut file = options?;
            file.write_all(&self.bytes())?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            sync_folder(&path)
        })();
        result.map_err(|error: io::Error| {
            let _ = fs::remove_file(&new);
            Error::io("write", &path, &error)
        })
    }

    /// Takes it away: the write is done, or was none.
    pub(crate) fn remove(mailbox: &Path) -> Result<(), Error> {
        for path in [Self::new_path(mailbox), Self::path(mailbox)] {
            match fs::remove_file(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                removed => removed.and_then(|()| sync_folder(&path)),
            }
            .map_err(|error| Error::io("write", &path, &error))?;
        }
        Ok(())
    }

    fn bytes(&self) -> Vec<u8> {
        let Self { length, left, edits, expected, pages, appended } = self;
        let counts = [left.len(), edits.len(), expected.len(), pages.len()].map(|n| n.to_string());
        let mut bytes = format!("{MAGIC}\n{length} {}\n", counts.join(" ")).into_bytes();
        for range in left {
            bytes.extend_from_slice(format!("{} {}\n", range.start, range.end).as_bytes());
        }
        for Edit { old, new } in edits {
            bytes
                .extend_from_slice(format!("{} {} {}\n", old.start, old.end, new.len()).as_bytes());
            bytes.extend_from_slice(new);
        }
        for Expected { ident, key, copies } in expected {
            bytes.extend(ident.to_be_bytes().iter().chain(&key.0).chain(&copies.to_be_bytes()));
        }
        bytes.extend(pages.iter().flatten());
        let hash = appended.map_or_else(String::new, |hash| HEXLOWER.encode(&hash));
        bytes.extend_from_slice(format!("{hash}\n").as_bytes());
        let sum = HEXLOWER.encode(&Sha256::digest(&bytes));
        bytes.extend_from_slice(sum.as_bytes());
        bytes
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (content, sum) = bytes.split_at_checked(bytes.len().checked_sub(64)?)?;
        let mut rest = content;
        if HEXLOWER.encode(&Sha256::digest(content)).as_bytes() != sum || line(&mut rest)? != MAGIC
        {
            return None;
        }
        let [length, left_count, edit_count, expected_count, page_count] =
            numbers(&line(&mut rest)?)?;
        let (mut left, mut edits, mut expected) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..left_count {
            let [start, end] = numbers(&line(&mut rest)?)?;
            left.push(start..end);
        }
        for _ in 0..edit_count {
            let [start, end, bytes] = numbers(&line(&mut rest)?)?;
            let new = taken(&mut rest, usize::try_from(bytes).ok()?)?.to_vec();
            edits.push(Edit { old: start..end, new });
        }
        for _ in 0..expected_count {
            let (ident, more) = taken(&mut rest, EXPECTED_BYTES)?.split_first_chunk()?;
            let (key, copies) = more.split_first_chunk()?;
            let copies = u32::from_be_bytes(copies.try_into().ok()?);
            let ident = u64::from_be_bytes(*ident);
            expected.push(Expected { ident, key: Key(*key), copies });
        }
        let mut pages: Vec<Mark> = Vec::new();
        for _ in 0..page_count {
            pages.push(taken(&mut rest, size_of::<Mark>())?.try_into().ok()?);
        }
        let hash = HEXLOWER.decode(line(&mut rest)?.as_bytes()).ok()?;
        let appended = if hash.is_empty() { None } else { Some(hash.try_into().ok()?) };
        let journal = Self { length, left, edits, expected, pages, appended };
        journal.is_sound().then_some(journal)
    }

    fn is_sound(&self) -> bool {
        let is_sound = |ranges: Vec<&Range<u64>>| {
            ranges.windows(2).all(|pair| pair[0].end <= pair[1].start)
                && ranges.iter().all(|one| one.start <= one.end && one.end <= self.length)
        };
        !self.edits.is_empty()
            && is_sound(self.edits.iter().map(|edit| &edit.old).collect())
            && is_sound(self.left.iter().collect())
            && self.pages().count() == self.pages.len()
    }

    /// Where the bytes begin that change.
    pub(crate) fn first(&self) -> u64 {
        self.edits.first().map_or(self.length, |edit| edit.old.start)
    }

    /// How many bytes there are from there on, after the write.
    pub(crate) fn new_bytes(&self) -> u64 {
        let gone: u64 = self.edits.iter().map(|edit| edit.old.end - edit.old.start).sum();
        let come: u64 = self.edits.iter().map(|edit| edit.new.len() as u64).sum();
        self.length - self.first() + come - gone
    }

    /// Whether nothing that is there changes. Then what is new is where it belongs once it is appended.
    pub(crate) fn only_appends(&self) -> bool {
        self.first() == self.length
    }

    /// How many bytes of empty lines come before what is appended: so many that its copy never reaches it.
    pub(crate) fn gap(&self) -> u64 {
        if self.only_appends() {
            return 0;
        }
        self.new_bytes().saturating_sub(self.length - self.first()) + GAP_BYTES
    }

    /// Where what is appended begins, after the empty lines.
    pub(crate) fn start(&self) -> u64 {
        self.length + self.gap()
    }

    /// How many bytes of empty lines there are before a message that is appended alone.
    pub(crate) fn parting(&self) -> u64 {
        let new = self.edits.iter().flat_map(|edit| &edit.new);
        new.take_while(|byte| **byte == b'\n').count() as u64
    }

    /// The old bytes that change, in parts of which each is at any time as it was or as it shall be; of a mailbox in which
    /// none does, its end.
    pub(crate) fn pages(&self) -> impl Iterator<Item = Range<u64>> {
        let (length, kept) = (self.length, self.first() + self.new_bytes());
        let end = length.saturating_sub(END_BYTES);
        let mut at = if self.only_appends() { end } else { self.first() };
        std::iter::from_fn(move || {
            let start = at;
            at = length.min((at / PAGE_BYTES + 1) * PAGE_BYTES);
            if (start + 1..at).contains(&kept) {
                at = kept;
            }
            (start < at).then_some(start..at)
        })
    }

    /// Each of the pages, and whether a file still has it.
    pub(crate) fn old_pages(
        &self,
        file: &File,
    ) -> impl Iterator<Item = io::Result<(Range<u64>, bool)>> {
        self.pages().zip(&self.pages).map(|(page, old)| {
            let is_old = mark(file, page.clone())? == *old;
            Ok((page, is_old))
        })
    }

    /// Gives `take` what comes after the edits' beginning, chunk by chunk, made from a file that still has the
    /// old bytes; stops where it says so.
    pub(crate) fn content(
        &self,
        file: &File,
        mut take: impl FnMut(&[u8]) -> io::Result<bool>,
    ) -> io::Result<()> {
        let mut at = self.first();
        let end = Edit { old: self.length..self.length, new: Vec::new() };
        for edit in self.edits.iter().chain([&end]) {
            let goes_on = chunks(file, at..edit.old.start, &mut take)?;
            if !goes_on || !edit.new.is_empty() && !take(&edit.new)? {
                return Ok(());
            }
            at = edit.old.end;
        }
        Ok(())
    }
}

/// Gives `take` so many empty lines.
pub(crate) fn blank(
    bytes: u64,
    take: &mut impl FnMut(&[u8]) -> io::Result<bool>,
) -> io::Result<bool> {
    let mut left = bytes;
    while left > 0 {
        let lines = vec![b'\n'; chunk_of(left)];
        left -= lines.len() as u64;
        if !take(&lines)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Gives `take` a part of a file; says whether it wants more.
pub(crate) fn chunks(
    file: &File,
    range: Range<u64>,
    take: &mut impl FnMut(&[u8]) -> io::Result<bool>,
) -> io::Result<bool> {
    let mut at = range.start;
    let mut chunk = vec![0; chunk_of(range.end.saturating_sub(at))];
    while at < range.end {
        let room = chunk_of(range.end - at);
        let bytes = file.read_at(&mut chunk[..room], at)?;
        if bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        at += bytes as u64;
        if !take(&chunk[..bytes])? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn chunk_of(bytes: u64) -> usize {
    usize::try_from(bytes.min(CHUNK_BYTES)).unwrap_or_default()
}

/// The hash of a part of a file.
pub(crate) fn hash(file: &File, range: Range<u64>) -> io::Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    chunks(file, range, &mut |chunk| {
        hasher.update(chunk);
        Ok(true)
    })?;
    Ok(hasher.finalize().into())
}

fn mark(file: &File, range: Range<u64>) -> io::Result<Mark> {
    let mut mark = Mark::default();
    mark.copy_from_slice(&hash(file, range)?[..size_of::<Mark>()]);
    Ok(mark)
}

/// Makes the names in a file's folder durable.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Takes a line of text off the front.
fn line(rest: &mut &[u8]) -> Option<String> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let line = std::str::from_utf8(&rest[..end]).ok()?.to_owned();
    *rest = &rest[end + 1..];
    Some(line)
}

/// Takes so many bytes off the front.
fn taken<'a>(rest: &mut &'a [u8], bytes: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(bytes)?;
    *rest = after;
    Some(taken)
}

fn numbers<const N: usize>(line: &str) -> Option<[u64; N]> {
    let numbers: Option<Vec<u64>> = line.split(' ').map(|number| number.parse().ok()).collect();
    numbers?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bytes: &[u8]) -> File {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(bytes, 0).unwrap();
        file
    }

    fn edit(old: Range<u64>, new: &[u8]) -> Edit {
        Edit { old, new: new.to_vec() }
    }

    #[test]
    fn what_is_kept_of_a_write_reads_back_and_nothing_else_does() {
        let file = file(&[b'x'; 99]);
        let expected = vec![Expected { ident: 3, key: Key([b'\n'; 16]), copies: 2 }];
        let edits = vec![edit(1..3, b"a\nb\xff"), edit(9..9, b"")];
        let mut journal = Journal::new(&file, edits, expected).unwrap();
        journal.left = vec![1..2, 4..5];
        for appended in [None, Some([7; 32])] {
            journal.appended = appended;
            let bytes = journal.bytes();
            assert_eq!(Journal::parse(&bytes).as_ref(), Some(&journal));
            for at in 0..bytes.len() {
                assert_eq!(Journal::parse(&bytes[..at]), None);
                let mut other = bytes.clone();
                other[at] ^= 1;
                assert_eq!(Journal::parse(&other), None);
            }
        }
    }

    #[test]
    fn what_no_write_does_is_none() {
        for edits in [
            vec![],
            vec![edit(3..9, b"")],
            vec![edit(Range { start: 3, end: 1 }, b"")],
            vec![edit(3..5, b""), edit(4..5, b"")],
            vec![edit(4..5, b""), edit(1..2, b"")],
        ] {
            let mut journal = Journal::new(&file(b"12345"), vec![edit(1..2, b"")], vec![]).unwrap();
            journal.edits = edits;
            assert!(!journal.is_sound(), "{journal:?}");
        }
    }

    #[test]
    fn pages_are_all_that_changes_and_lie_before_or_after_what_stays() {
        let text = vec![b'x'; 3 * PAGE_BYTES as usize];
        let pages = |edits| -> Vec<Range<u64>> {
            Journal::new(&file(&text), edits, vec![]).unwrap().pages().collect()
        };
        let end = pages(vec![edit(1536..1536, b"more")]);
        assert_eq!(end, [0..512, 512..1024, 1024..1536]);
        assert_eq!(pages(vec![edit(600..601, b"yy")]), [600..1024, 1024..1536]);
        let kept = 600 + 936 - 100;
        let expected = [600..1024, 1024..kept, kept..1536];
        assert_eq!(pages(vec![edit(600..700, b"")]), expected);
    }
}
