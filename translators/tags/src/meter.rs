//! A reader that stops: what a file of any content can make a parser do is bounded.
//!
//! It counts what is read and how often, not time, so that the same file always reads the same. It counts
//! chapters too: they may hold chapters, which parsers follow on the stack, and a full stack ends the whole
//! program. It does not bound memory; the parsers' own limits do.
//!
//! Invariant: a parser that does not end by itself, or digs too deep, gets an error.

use std::io::{self, Read, Seek, SeekFrom};

/// What one call costs, in bytes: a parser that moves about without reading ends too.
const CALL: u64 = 64;
/// As many as a table of contents can list.
const CHAPTERS_MAX: u32 = 255;
/// Frames that hold frames.
const CHAPTERS: [u32; 2] = [u32::from_be_bytes(*b"CHAP"), u32::from_be_bytes(*b"CTOC")];

/// A reader with a budget.
pub(crate) struct Meter<R> {
    inner: R,
    left: u64,
    /// The last four bytes.
    last: u32,
    chapters: u32,
}

impl<R> Meter<R> {
    /// Lets so many bytes through.
    pub(crate) fn new(inner: R, bytes_max: u64) -> Self {
        Self { inner, left: bytes_max, last: 0, chapters: 0 }
    }

    fn spend(&mut self, bytes: u64) -> io::Result<()> {
        let end = "reading it does not come to an end";
        self.left = self.left.checked_sub(bytes).ok_or_else(|| too_large(end))?;
        Ok(())
    }

    fn count_chapters(&mut self, bytes: &[u8]) -> io::Result<()> {
        for byte in bytes {
            self.last = self.last << 8 | u32::from(*byte);
            self.chapters += u32::from(CHAPTERS.contains(&self.last));
        }
        if self.chapters > CHAPTERS_MAX {
            Err(too_large("it has too many chapters"))
        } else {
            Ok(())
        }
    }
}

fn too_large(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, why)
}

impl<R: Read> Read for Meter<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.spend(CALL)?;
        let count = self.inner.read(buffer)?;
        self.spend(count as u64)?;
        self.count_chapters(&buffer[..count])?;
        Ok(count)
    }
}

impl<R: Seek> Seek for Meter<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.spend(CALL)?;
        self.last = 0;
        self.inner.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_and_moving_about_end() {
        let mut meter = Meter::new(io::Cursor::new([7; 100]), 1_000);
        let mut rounds = 0;
        while meter.rewind().and_then(|()| meter.read_exact(&mut [0; 100])).is_ok() {
            rounds += 1;
        }
        assert_eq!(rounds, 4, "of 64 + 64 + 100 bytes each");
        assert_eq!(meter.rewind().unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn more_chapters_than_there_can_be_are_an_error() {
        let read = |count| {
            let chapters = b"CHAP______CTOC".repeat(count);
            Meter::new(io::Cursor::new(chapters), 1 << 20).read_to_end(&mut Vec::new())
        };
        assert!(read(127).is_ok() && read(128).is_err());
    }
}
