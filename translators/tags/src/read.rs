//! One folder as a [`Library`]: reads its files, one by one, in the order of their paths.
//!
//! A file that cannot be read is left out and reported, and the others are read: one bad file in fifty
//! thousand is no reason to carry nothing. The parsers are foreign and files come from anywhere, so a panic
//! is such a failure too.
//!
//! Invariant: no file is opened for writing, and what is read is the folder at one instant, or an error.

use std::error::Error;
use std::io::{self, BufReader};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::thread::Builder;

use segue_translator::model::{ChangeSet, Item, Location, NativeId};
use segue_translator::{
    Capabilities, Container, Error as Failure, ErrorKind, Library, Loss, Reading, Revision, Sink,
    Want, Written, file,
};

use crate::column::CAPABILITIES;
use crate::format::{self, Contents};
use crate::walk::{self, Found};
use crate::write;

/// Longest explanation of a parser that is shown, in characters.
const DETAIL_MAX: usize = 200;
/// Room for the frames in frames that [`meter`](crate::meter) lets through, each some 8 KiB of stack.
const STACK_BYTES: usize = 16 << 20;

/// A folder of audio files.
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Sends every file; what cannot be carried is added to `losses`.
    fn send(
        &self,
        files: Vec<Found>,
        sink: &mut dyn Sink,
        losses: &mut Vec<Loss>,
    ) -> Result<(), Failure> {
        for found in files {
            let path = self.path.join(std::ffi::OsStr::from_bytes(&found.id));
            let id = NativeId::new(found.id);
            let contents = match contents(&path, found.size)? {
                Ok(contents) => contents,
                Err(what) => {
                    losses.push(Loss { id, what });
                    continue;
                }
            };
            let lost = contents.losses.into_iter();
            losses.extend(lost.map(|what| Loss { id: id.clone(), what }));
            let mut item = Item::new(id.clone());
            item.location = Some(Location::new(path.into_os_string().into_vec()));
            item.fields = contents.fields;
            sink.item(item)?;
            for limit in contents.limits {
                sink.limit(&id, limit)?;
            }
        }
        Ok(())
    }
}

/// What the file at `path` says, or why nobody can tell. A file that went away meanwhile is an error: then
/// the folder is not what it was when the walk began.
fn contents(path: &Path, size: u64) -> Result<Result<Contents, String>, Failure> {
    let file = match file::open_bounded(path, u64::MAX) {
        Ok(file) => file,
        Err(error) if error.kind == ErrorKind::Absent => return Err(stale(path)),
        Err(error) => return Ok(Err(in_short(&error.detail))),
    };
    guarded(|| format::read(path, size, BufReader::new(file)))
        .map_err(|error| Failure::io("read", path, &error))
}

/// Runs a foreign parser in a thread of its own, where it may panic and has room for what files nest.
fn guarded<E: Error>(
    read: impl FnOnce() -> Result<Contents, E> + Send,
) -> io::Result<Result<Contents, String>> {
    let read = || read().map_err(|error| in_short(&told(&error)));
    std::thread::scope(|scope| {
        let parser = Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, read)?;
        let gave_up = |_| Err("its tags cannot be read: the parser gave up".to_owned());
        Ok(parser.join().unwrap_or_else(gave_up))
    })
}

/// An error and what it came from.
fn told(error: &dyn Error) -> String {
    let sources = std::iter::successors(Some(error), |error: &&dyn Error| (*error).source());
    sources.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn in_short(detail: &str) -> String {
    let detail: String = detail.chars().take(DETAIL_MAX).collect();
    format!("it cannot be read: {detail}")
}

fn stale(path: &Path) -> Failure {
    Failure::new(ErrorKind::Stale, "read", path, "the files changed meanwhile")
}

impl Library for Folder {
    fn capabilities(&self) -> &'static Capabilities {
        &CAPABILITIES
    }

    /// Whoever plays the files is in nobody's way.
    fn running(&self) -> Option<String> {
        None
    }

    fn revision(&self) -> Result<Revision, Failure> {
        Ok(walk::revision(&walk::files(&self.path)?))
    }

    fn read(&self, sink: &mut dyn Sink) -> Result<Reading, Failure> {
        let files = walk::files(&self.path)?;
        let revision = walk::revision(&files);
        let mut losses = Vec::new();
        let container = Container { id: NativeId::from(""), revision: revision.clone() };
        if sink.container(container) == Want::Items {
            self.send(files, sink, &mut losses)?;
        }
        if self.revision()? != revision {
            return Err(stale(&self.path));
        }
        Ok(Reading {
            revision,
            roots: vec![Location::new(self.path.as_os_str().as_bytes())],
            losses,
            ..Reading::default()
        })
    }

    fn write(&self, expected: &Revision, changes: &ChangeSet) -> Result<Written, Failure> {
        write::write(&self.path, self.revision()?, expected, changes)
    }

    fn back_up(&self, _: &Path) -> Result<Vec<PathBuf>, Failure> {
        Ok(Vec::new())
    }

    fn restore(&self, _: &Revision, _: &Path) -> Result<Revision, Failure> {
        Err(write::restore(&self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parser_that_panics_has_lost_one_file() {
        let read = |read: fn() -> io::Result<Contents>| guarded(read).unwrap();
        let lost = read(|| panic!("index out of bounds"));
        assert_eq!(lost, Err("its tags cannot be read: the parser gave up".to_owned()));
        let failed = read(|| Err(io::Error::other("no sound ".repeat(99))));
        assert!(failed.is_err_and(|what| what.starts_with("it cannot be read: no sound")));
        assert_eq!(read(|| Ok(Contents::default())), Ok(Contents::default()));
    }
}
