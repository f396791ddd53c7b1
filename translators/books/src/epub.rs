//! The container of an EPUB: finds its package and its licence, and unpacks only these.
//!
//! Nothing is written anywhere, so names in it lead nowhere. A container may claim any number of files
//! of any size; how many bytes of it are read, and to how many they may inflate, is bounded before.
//!
//! Invariant: what is damaged is an error in words, and never more than [`READ_MAX`] bytes are read for it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use segue_translator::file;
use segue_translator::model::CarriedLimit;
use zip::ZipArchive;

use crate::{format, lcp};

/// The largest file that is opened.
const FILE_MAX: u64 = 4 << 30;
/// So much of it is read at most, directory included.
const READ_MAX: u64 = 16 << 20;
/// So many files may be in it.
const FILES_MAX: usize = 20_000;
const PACKAGE_MAX: u64 = 4 << 20;
const CONTAINER_MAX: u64 = 1 << 20;
/// A comment, the end of the directory, and what stands before it.
const TAIL: u64 = (1 << 16) + 22 + 20;

const CONTAINER: &str = "META-INF/container.xml";
const LICENCE: &str = "META-INF/license.lcpl";

/// What is read of a book.
#[derive(Debug)]
pub(crate) struct Book {
    /// The package document.
    pub(crate) package: Vec<u8>,
    /// The licence inside, if there is one.
    pub(crate) licence: Option<CarriedLimit>,
}

/// Reads a book, or says why it cannot be read.
pub(crate) fn read(path: &Path) -> Result<Book, String> {
    let mut file = file::open_bounded(path, FILE_MAX).map_err(|error| error.detail)?;
    refuse_zip64(&mut file).map_err(|error| error.to_string())?;
    let metered = Metered { file, left: READ_MAX };
    let mut archive = ZipArchive::new(metered).map_err(|error| error.to_string())?;
    if archive.len() > FILES_MAX {
        return Err(format!("{} files; at most {FILES_MAX} are accepted", archive.len()));
    }
    let container = unpack(&mut archive, CONTAINER, CONTAINER_MAX)?;
    let name = format::package_name(&container)?;
    let package = unpack(&mut archive, &name, PACKAGE_MAX)?;
    let licence = archive.index_for_name(LICENCE).map(|_| {
        let bytes = unpack(&mut archive, LICENCE, lcp::BYTES_MAX as u64);
        bytes.map_or_else(|why| lcp::unreadable(b"", &why), |bytes| lcp::read(&bytes))
    });
    Ok(Book { package, licence })
}

fn unpack(archive: &mut ZipArchive<Metered>, name: &str, max: u64) -> Result<Vec<u8>, String> {
    let entry = archive.by_name(name).map_err(|error| format!("{name}: {error}"))?;
    let mut bytes = Vec::new();
    entry.take(max + 1).read_to_end(&mut bytes).map_err(|error| format!("{name}: {error}"))?;
    if bytes.len() as u64 > max {
        return Err(format!("{name}: more than {max} bytes"));
    }
    Ok(bytes)
}

/// Refuses the form for archives beyond 4 GiB or 65,535 files: in the other form a directory cannot
/// claim so many files that making room for them is the harm.
fn refuse_zip64(file: &mut File) -> io::Result<()> {
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    file.by_ref().take(TAIL).read_to_end(&mut tail)?;
    file.rewind()?;
    let is_end = |at: &usize| tail[*at..].starts_with(b"PK\x05\x06");
    let has_locator = |at: usize| at >= 20 && tail[at - 20..].starts_with(b"PK\x06\x07");
    if (0..tail.len()).filter(is_end).any(has_locator) {
        return Err(io::Error::other("a ZIP64 container, which no book needs"));
    }
    Ok(())
}

/// A file of which only so many bytes can be read.
struct Metered {
    file: File,
    left: u64,
}

impl Read for Metered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::other(format!("more than {READ_MAX} bytes had to be read")));
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.file.read(&mut buffer[..most])?;
        self.left -= count as u64;
        Ok(count)
    }
}

impl Seek for Metered {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}
