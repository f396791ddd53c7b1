//! What a write is about to do, beside the mailbox: with it a write that was interrupted is told.
//!
//! A write first appends its new messages to the mailbox, after empty lines, and then copies them to
//! where they belong. So at each instant the file has every message whole at least once, and this
//! tells which bytes are none of it: those that were appended, as long as not all were, and from then on
//! those before them.
//!
//! It does not judge mail that came meanwhile: whatever is not exactly ours is mail.
//!
//! Invariant: no byte counts as ours that was not proven so, by comparing it or by its hash.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::ops::Range;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use segue_translator::{Error, ErrorKind, file};
use sha2::{Digest as _, Sha256};

use crate::format::is_from_line;
use crate::lock::beside;

const MAGIC: &str = "segue mbox write 1";
/// All that one write may put into a mailbox.
pub(crate) const BYTES_MAX: u64 = 256 << 20;
const CHUNK_BYTES: usize = 1 << 20;
/// Empty lines between a mailbox and what is appended, at least.
const GAP_BYTES: u64 = 2;

/// Other bytes in place of some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edit {
    pub(crate) old: Range<u64>,
    pub(crate) new: Vec<u8>,
}

/// A write of one mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Journal {
    /// How long the mailbox was.
    pub(crate) length: u64,
    /// At least one, sorted, and apart from each other.
    edits: Vec<Edit>,
    /// The hash of what was appended, once all of it is there.
    pub(crate) appended: Option<[u8; 32]>,
}

impl Journal {
    /// A write of a mailbox of this length.
    pub(crate) fn new(length: u64, edits: Vec<Edit>) -> Self {
        Self { length, edits, appended: None }
    }

    /// The file in which a mailbox's journal is.
    pub(crate) fn path(mailbox: &Path) -> PathBuf {
        beside(mailbox, ".", ".segue")
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

    /// Puts it into place, whole or not at all.
    pub(crate) fn write(&self, mailbox: &Path) -> Result<(), Error> {
        let path = Self::path(mailbox);
        let fail = |error: io::Error| Error::io("write", &path, &error);
        let new = beside(mailbox, ".", ".segue-new");
        let result = (|| {
            let options =
                OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new);
            let mut file = options?;
            file.write_all(&self.bytes())?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            sync_folder(&path)
        })();
        result.map_err(|error| {
            let _ = fs::remove_file(&new);
            fail(error)
        })
    }

    /// Takes it away: the write is done, or was none.
    pub(crate) fn remove(mailbox: &Path) -> Result<(), Error> {
        let path = Self::path(mailbox);
        let removed = match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            removed => removed.and_then(|()| sync_folder(&path)),
        };
        removed.map_err(|error| Error::io("write", &path, &error))
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{MAGIC}\n{} {}\n", self.length, self.edits.len()).into_bytes();
        for Edit { old, new } in &self.edits {
            bytes
                .extend_from_slice(format!("{} {} {}\n", old.start, old.end, new.len()).as_bytes());
            bytes.extend_from_slice(new);
        }
        let hash = self.appended.map_or_else(String::new, |hash| HEXLOWER.encode(&hash));
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
        let [length, count] = numbers(&line(&mut rest)?)?;
        let mut edits = Vec::new();
        for _ in 0..count {
            let [start, end, bytes] = numbers(&line(&mut rest)?)?;
            let (new, after) = rest.split_at_checked(usize::try_from(bytes).ok()?)?;
            edits.push(Edit { old: start..end, new: new.to_vec() });
            rest = after;
        }
        let hash = line(&mut rest)?;
        let hash = HEXLOWER.decode(hash.as_bytes()).ok()?;
        let appended = if hash.is_empty() { None } else { Some(hash.try_into().ok()?) };
        let are_apart = edits.windows(2).all(|pair| pair[0].old.end <= pair[1].old.start);
        let lie_within = |edit: &Edit| edit.old.start <= edit.old.end && edit.old.end <= length;
        let is_sound = !edits.is_empty() && are_apart && edits.iter().all(lie_within);
        is_sound.then_some(Self { length, edits, appended })
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

    /// How many bytes of empty lines there are before a message that is appended alone.
    fn parting(&self) -> u64 {
        let new = self.edits.iter().flat_map(|edit| &edit.new);
        new.take_while(|byte| **byte == b'\n').count() as u64
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

    /// Which bytes of a file are no mail after this write was interrupted; `None` if all are: it had
    /// not begun, or it was done.
    pub(crate) fn hole(&self, file: &File) -> io::Result<Option<Range<u64>>> {
        let size = file.metadata()?.len();
        if size <= self.length {
            return Ok(None);
        }
        let Some(appended) = self.appended else { return self.begun(file, size) };
        let start = self.length + self.gap();
        let end = start + self.new_bytes();
        let is_there = end <= size && hash(file, start..end)? == appended;
        Ok(is_there.then(|| self.first()..start))
    }

    /// What was appended so far. Where it goes on as we would not have, mail came after it.
    fn begun(&self, file: &File, size: u64) -> io::Result<Option<Range<u64>>> {
        let mut same = self.length;
        let mut compare = |ours: &[u8]| {
            let mut there = vec![0; ours.len()];
            let bytes = read_full(file, same, &mut there)?;
            let equal = ours.iter().zip(&there[..bytes]).take_while(|(a, b)| a == b).count();
            same += equal as u64;
            Ok(equal == ours.len())
        };
        if blank(self.gap(), &mut compare)? {
            self.content(file, &mut compare)?;
        }
        if same == size {
            return Ok(Some(self.length..size));
        }
        if same <= self.length + self.gap() {
            return Ok(None);
        }
        // What came needs an empty line before it.
        let start = self.length + if self.only_appends() { self.parting() } else { GAP_BYTES };
        match last_beginning(file, start..same)? {
            None if self.only_appends() => torn_line(file, start, same),
            end => Ok(end.map(|end| start..end)),
        }
    }
}

/// Gives `take` so many empty lines.
pub(crate) fn blank(
    bytes: u64,
    take: &mut impl FnMut(&[u8]) -> io::Result<bool>,
) -> io::Result<bool> {
    let mut left = bytes;
    while left > 0 {
        let lines = vec![b'\n'; usize::try_from(left).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES)];
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
    let mut chunk = vec![0; CHUNK_BYTES];
    while at < range.end {
        let room = usize::try_from(range.end - at).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
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

fn read_full(file: &File, offset: u64, into: &mut [u8]) -> io::Result<usize> {
    let mut bytes = 0;
    while bytes < into.len() {
        match file.read_at(&mut into[bytes..], offset + bytes as u64)? {
            0 => break,
            more => bytes += more,
        }
    }
    Ok(bytes)
}

fn hash(file: &File, range: Range<u64>) -> io::Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    chunks(file, range, &mut |chunk| {
        hasher.update(chunk);
        Ok(true)
    })?;
    Ok(hasher.finalize().into())
}

/// The last beginning of a message in the end of a part, or right after it.
fn last_beginning(file: &File, range: Range<u64>) -> io::Result<Option<u64>> {
    let start = range.start.max(range.end.saturating_sub(CHUNK_BYTES as u64));
    let mut bytes = vec![0; usize::try_from(range.end - start).unwrap_or_default() + 1_000];
    let there = read_full(file, start, &mut bytes)?;
    let mut found = None;
    let mut at = start;
    for line in bytes[..there].split_inclusive(|byte| *byte == b'\n') {
        if at > range.end {
            break;
        }
        if at > start && is_from_line(line) {
            found = Some(at);
        }
        at += line.len() as u64;
    }
    Ok(found)
}

/// A line `From ` that was begun, up to the mail after it; `None` if it is whole, and so may be that of others.
fn torn_line(file: &File, start: u64, same: u64) -> io::Result<Option<Range<u64>>> {
    let mut bytes = vec![0; 1_000];
    let there = read_full(file, start, &mut bytes)?;
    let line = bytes[..there].split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
    let mut after = [0; 4];
    let there = read_full(file, same, &mut after)?;
    let ends = after[..there].iter().take_while(|byte| **byte == b'\n').count() as u64;
    Ok((!is_from_line(line)).then(|| start..same + ends))
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

fn numbers<const N: usize>(line: &str) -> Option<[u64; N]> {
    let numbers: Option<Vec<u64>> = line.split(' ').map(|number| number.parse().ok()).collect();
    numbers?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_a_write_reads_back_and_nothing_else_does() {
        let edit = |old, new: &[u8]| Edit { old, new: new.to_vec() };
        let mut journal = Journal::new(99, vec![edit(1..3, b"a\nb\xff"), edit(9..9, b"")]);
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
        let edit = |old| Edit { old, new: Vec::new() };
        for edits in [
            vec![],
            vec![edit(3..9)],
            vec![edit(Range { start: 3, end: 1 })],
            vec![edit(3..5), edit(4..5)],
            vec![edit(4..5), edit(1..2)],
        ] {
            assert_eq!(Journal::parse(&Journal::new(5, edits).bytes()), None);
        }
    }
}
