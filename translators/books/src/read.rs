//! Reads a folder: each EPUB is one item, with the licences inside of it and beside it.
//!
//! Invariant: a damaged book is a loss with its name, and the end of nothing. What changes while it is
//! read is an error, for which all is read again.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use segue_translator::model::{CarriedLimit, ChangeSet, Item, Location, NativeId};
use segue_translator::{
    Capabilities, Container, Error, ErrorKind, Library, Loss, Reading, Revision, Sink, Want,
    Written, file,
};

use crate::column::CAPABILITIES;
use crate::folder::{self, Found, Kind};
use crate::{epub, format, lcp, write};

/// A folder of books.
#[derive(Debug)]
pub(crate) struct Shelves {
    pub(crate) folder: PathBuf,
}

impl Library for Shelves {
    fn capabilities(&self) -> &'static Capabilities {
        &CAPABILITIES
    }

    /// Readers open books for reading, and nothing is written here.
    fn running(&self) -> Option<String> {
        None
    }

    fn revision(&self) -> Result<Revision, Error> {
        Ok(folder::revision(&folder::files(&self.folder)?))
    }

    fn read(&self, sink: &mut dyn Sink) -> Result<Reading, Error> {
        let files = folder::files(&self.folder)?;
        let revision = folder::revision(&files);
        let mut reading =
            Reading { revision, roots: vec![location(&self.folder)?], ..Reading::default() };
        let container = Container { id: NativeId::from(""), revision: reading.revision.clone() };
        if sink.container(container) == Want::Items {
            let licences = Licences::of(&files);
            for book in files.iter().filter(|file| file.kind == Kind::Book) {
                read_book(book, &licences, sink, &mut reading.losses)?;
            }
        }
        if self.revision()? != reading.revision {
            let detail = "the folder changed while it was read";
            return Err(Error::new(ErrorKind::Stale, "read", &self.folder, detail));
        }
        Ok(reading)
    }

    fn write(&self, expected: &Revision, changes: &ChangeSet) -> Result<Written, Error> {
        write::write(self, expected, changes)
    }

    /// Copies nothing: books are large, and never written.
    fn back_up(&self, _: &Path) -> Result<Vec<PathBuf>, Error> {
        Ok(Vec::new())
    }

    fn restore(&self, _: &Revision, _: &Path) -> Result<Revision, Error> {
        Err(write::restore(self))
    }
}

/// The absolute path of a file, without its links resolved: as people see it.
fn location(path: &Path) -> Result<Location, Error> {
    use std::os::unix::ffi::OsStringExt as _;
    let path = std::path::absolute(path).map_err(|error| Error::io("read", path, &error))?;
    Ok(Location::new(path.into_os_string().into_vec()))
}

fn read_book(
    book: &Found,
    licences: &Licences<'_>,
    sink: &mut dyn Sink,
    losses: &mut Vec<Loss>,
) -> Result<(), Error> {
    let id = NativeId::new(book.relative.as_slice());
    let mut lose = |what: String| losses.push(Loss { id: id.clone(), what });
    let read = if book.is_file { epub::read(&book.path) } else { Err("it is no file".into()) };
    let read = read.and_then(|book| Ok((format::package(&book.package)?, book.licence)));
    let (package, inside) = match read {
        Ok(read) => read,
        Err(why) => {
            lose(format!("a book that cannot be read: {why}"));
            return Ok(());
        }
    };
    package.losses.into_iter().for_each(&mut lose);
    let mut limits: Vec<CarriedLimit> = Vec::new();
    let beside = licences.beside(book).map(read_licence);
    for limit in inside.into_iter().chain(beside) {
        if let Some(why) = limit.terms.unknown.get(lcp::UNREADABLE).and(limit.note.as_deref()) {
            lose(format!("a licence that cannot be read: {why}"));
        }
        if !limits.contains(&limit) {
            limits.push(limit);
        }
    }
    let mut item = Item::new(id.clone());
    item.location = Some(location(&book.path)?);
    item.fields = package.fields;
    item.fields.shrink();
    sink.item(item)?;
    limits.into_iter().try_for_each(|limit| sink.limit(&id, limit))
}

fn read_licence(licence: &Found) -> CarriedLimit {
    if !licence.is_file {
        return lcp::unreadable(b"", "it is no file");
    }
    match file::read_bounded(&licence.path, lcp::BYTES_MAX as u64) {
        Ok(bytes) => lcp::read(&bytes),
        Err(error) => lcp::unreadable(b"", &error.detail),
    }
}

/// Licences that lie beside books, by the book's name without its ending.
struct Licences<'a>(HashMap<&'a [u8], Vec<&'a Found>>);

impl<'a> Licences<'a> {
    fn of(files: &'a [Found]) -> Self {
        let mut all: HashMap<&[u8], Vec<&Found>> = HashMap::new();
        for file in files.iter().filter(|file| file.kind == Kind::Licence) {
            let name = without_ending(&file.relative);
            // `name.lcpl` and `name.epub.lcpl` are both of `name.epub`.
            let is_double = name.len() > 5 && name[name.len() - 5..].eq_ignore_ascii_case(b".epub");
            let name = if is_double { without_ending(name) } else { name };
            all.entry(name).or_default().push(file);
        }
        Self(all)
    }

    fn beside(&self, book: &Found) -> impl Iterator<Item = &'a Found> {
        self.0.get(without_ending(&book.relative)).into_iter().flatten().copied()
    }
}

fn without_ending(name: &[u8]) -> &[u8] {
    &name[..name.len().saturating_sub(5)]
}
