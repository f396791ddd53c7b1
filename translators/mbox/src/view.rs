//! A mailbox as it is read: its file, without what interrupted writes left in it.
//!
//! Reading changes nothing, not even the time at which the file was read last, by which programs tell
//! new mail.
//!
//! Invariant: offsets are those that the file has once what was left is taken out.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read};
use std::ops::Range;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use rustix::fs::OFlags;
use segue_translator::{Error, ErrorKind};

use crate::format::Text;
use crate::journal::{Expected, Journal};
use crate::lock::{self, Locked};

/// An open mailbox.
#[derive(Debug)]
pub(crate) struct View {
    file: Arc<File>,
    bytes: u64,
    /// What an interrupted write was about to do.
    journal: Option<Journal>,
    /// Bytes of the file that are no mail, sorted and apart from each other.
    holes: Vec<Range<u64>>,
}

impl View {
    /// Opens a mailbox, under the lock of a reader.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let file = open(path)?;
        lock::shared(&file, path)?;
        Self::of(Arc::new(file), path)
    }

    /// Opens a mailbox without a lock, to look at what a reader found that had one.
    pub(crate) fn open_again(path: &Path) -> Result<Self, Error> {
        Self::of(Arc::new(open(path)?), path)
    }

    /// A mailbox whose locks are held. It is not opened again: to close it would give them up.
    pub(crate) fn locked(mailbox: &Locked) -> Result<Self, Error> {
        Self::of(Arc::clone(&mailbox.file), &mailbox.path)
    }

    fn of(file: Arc<File>, path: &Path) -> Result<Self, Error> {
        let fail = |error: &io::Error| Error::io("read", path, error);
        let bytes = file.metadata().map_err(|error| fail(&error))?.len();
        let journal = Journal::read(path)?;
        let holes = journal.as_ref().map(|journal| journal.holes(&file)).transpose();
        let holes = holes.map_err(|error| fail(&error))?.flatten().unwrap_or_default();
        Ok(Self { file, bytes, journal, holes })
    }

    /// The journal of an interrupted write, and what that left.
    pub(crate) fn left(self) -> Option<(Journal, Vec<Range<u64>>)> {
        self.journal.map(|journal| (journal, self.holes))
    }

    /// How often messages may be there, if a write was interrupted.
    pub(crate) fn expected(&self) -> Option<&[Expected]> {
        self.journal.as_ref().map(|journal| &*journal.expected)
    }

    /// When the file was changed last.
    pub(crate) fn modified(&self) -> io::Result<SystemTime> {
        self.file.metadata()?.modified()
    }

    /// Reads a part.
    pub(crate) fn reader(&self, range: Range<u64>) -> BufReader<Part<'_>> {
        BufReader::with_capacity(1 << 16, Part { view: self, at: range.start, end: range.end })
    }

    /// The bytes of a part.
    pub(crate) fn bytes(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        let expected = range.end - range.start;
        let mut bytes = Vec::new();
        self.reader(range).read_to_end(&mut bytes)?;
        if bytes.len() as u64 == expected {
            Ok(bytes)
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }
}

/// Opens a file for reading. What is no regular file is refused: a pipe would block for ever.
fn open(path: &Path) -> Result<File, Error> {
    let fail = |error: io::Error| Error::io("read", path, &error);
    if !std::fs::metadata(path).map_err(fail)?.is_file() {
        return Err(Error::new(ErrorKind::Corrupt, "read", path, "this is not a regular file"));
    }
    // Only the owner of a file may read it without a trace.
    let flags = OFlags::NOATIME.bits().cast_signed();
    let untraced = OpenOptions::new().read(true).custom_flags(flags).open(path);
    untraced.or_else(|_| File::open(path)).map_err(fail)
}

impl Text for View {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let (mut at, mut room) = (offset, into.len());
        for hole in &self.holes {
            if at < hole.start {
                room = usize::try_from(hole.start - at).unwrap_or(usize::MAX).min(room);
                break;
            }
            at += hole.end - hole.start;
        }
        self.file.read_at(&mut into[..room], at)
    }

    fn length(&self) -> u64 {
        self.bytes - self.holes.iter().map(|hole| hole.end - hole.start).sum::<u64>()
    }
}

/// A reader of a part of a mailbox.
pub(crate) struct Part<'a> {
    view: &'a View,
    at: u64,
    end: u64,
}

impl Read for Part<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let room = left.min(into.len());
        let bytes = self.view.read_at(self.at, &mut into[..room])?;
        self.at += bytes as u64;
        Ok(bytes)
    }
}
