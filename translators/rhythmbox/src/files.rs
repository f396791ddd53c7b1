//! The two files of a library, read and replaced together.
//!
//! Rhythmbox keeps songs in `rhythmdb.xml` and playlists beside it in `playlists.xml`, which may
//! be missing. Both are read as they were at one instant, or not at all. It knows no format.
//!
//! Invariant: after a failed replacement both files hold what they held before, unless the
//! computer stopped or somebody else wrote between the two; then each of them is whole, and either
//! old or new, or what the other wrote.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use segue_translator::file::{self, Replacement};
use segue_translator::{Error, ErrorKind, Host, Probe, Revision};

use crate::markup::Malformed;

/// Where a library lies.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    /// `rhythmdb.xml`.
    pub(crate) library: PathBuf,
    /// `playlists.xml`.
    pub(crate) playlists: PathBuf,
}

/// What both files hold.
#[derive(Debug)]
pub(crate) struct Contents {
    /// Of `rhythmdb.xml`.
    pub(crate) library: Vec<u8>,
    /// Of `playlists.xml`, if there is one.
    pub(crate) playlists: Option<Vec<u8>>,
    /// The state both were in.
    pub(crate) revision: Revision,
}

impl Files {
    /// The files of the library whose main file is `library`.
    pub(crate) fn of(library: PathBuf) -> Self {
        let playlists = library.with_file_name("playlists.xml");
        Self { library, playlists }
    }

    /// The state of both files.
    pub(crate) fn stamp(&self) -> Result<Revision, Error> {
        let (library, playlists) = (file::stamp(&self.library)?, file::stamp(&self.playlists)?);
        Ok(Revision(format!("{}|{}", library.0, playlists.0)))
    }

    /// The state of a library that is there.
    pub(crate) fn revision(&self) -> Result<Revision, Error> {
        let revision = self.stamp()?;
        if revision.0.starts_with("-|") {
            let detail = "there is no such file";
            return Err(Error::new(ErrorKind::Absent, "read", &self.library, detail));
        }
        Ok(revision)
    }

    /// Reads both files at one instant.
    pub(crate) fn load(&self, bytes_max: u64) -> Result<Contents, Error> {
        let revision = self.revision()?;
        let library = file::read_bounded(&self.library, bytes_max)?;
        let playlists = match file::read_bounded(&self.playlists, bytes_max) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind == ErrorKind::Absent => None,
            Err(error) => return Err(error),
        };
        self.check(&revision, "read")?;
        Ok(Contents { library, playlists, revision })
    }

    /// Fails unless both files are as they were.
    pub(crate) fn check(&self, expected: &Revision, operation: &'static str) -> Result<(), Error> {
        if self.stamp()? == *expected {
            return Ok(());
        }
        let detail = "the library changed meanwhile";
        Err(Error::new(ErrorKind::Stale, operation, &self.library, detail))
    }

    /// What has the library open, in words.
    pub(crate) fn running(&self, host: &dyn Host) -> Option<String> {
        host.running(&Probe {
            processes: &["rhythmbox"],
            bus_names: &["org.gnome.Rhythmbox3", "org.mpris.MediaPlayer2.rhythmbox"],
            library: &self.library,
            holds_open: false,
        })
    }

    /// Fails if the app is running.
    pub(crate) fn check_idle(&self, host: &dyn Host, operation: &'static str) -> Result<(), Error> {
        match self.running(host) {
            None => Ok(()),
            Some(what) => Err(Error::new(ErrorKind::Busy, operation, &self.library, what)),
        }
    }

    /// Puts new content in place of what `old` says is there, where it differs: first the library,
    /// then the playlists (`None` removes them). If the second fails, the first is put back.
    pub(crate) fn replace(
        &self,
        host: &dyn Host,
        old: &Contents,
        library: &[u8],
        playlists: Option<&[u8]>,
    ) -> Result<Revision, Error> {
        let library_differs = old.library != library;
        let playlists_differ = old.playlists.as_deref() != playlists;
        let prepared = match playlists.filter(|_| playlists_differ) {
            Some(bytes) => Some(prepare(&self.playlists, bytes)?),
            None => None,
        };
        if library_differs {
            prepare(&self.library, library)?.commit(|| {
                self.check_idle(host, "write")?;
                self.check(&old.revision, "write")
            })?;
        }
        if !playlists_differ {
            return self.revision();
        }
        let unchanged = || {
            self.check_idle(host, "write")?;
            let mark = file::stamp(&self.playlists)?;
            if old.revision.0.ends_with(&format!("|{}", mark.0)) {
                return Ok(());
            }
            let detail = "the playlists changed meanwhile";
            Err(Error::new(ErrorKind::Stale, "write", &self.playlists, detail))
        };
        let second = match prepared {
            Some(replacement) => replacement.commit(unchanged),
            None => unchanged().and_then(|()| {
                fs::remove_file(&self.playlists)
                    .map_err(|error| Error::io("write", &self.playlists, &error))
            }),
        };
        match second {
            Ok(()) => self.revision(),
            Err(error) if library_differs => Err(self.put_back(old, library, error)),
            Err(error) => Err(error),
        }
    }

    /// Undoes the first of two replacements, that by `ours`, after the second failed with `error`.
    /// What somebody wrote since is theirs, and stays.
    fn put_back(&self, old: &Contents, ours: &[u8], mut error: Error) -> Error {
        let is_ours = || {
            let now = file::read_bounded(&self.library, ours.len() as u64);
            if now.is_ok_and(|now| now == ours) {
                return Ok(());
            }
            let detail = "it changed meanwhile";
            Err(Error::new(ErrorKind::Stale, "write", &self.library, detail))
        };
        let undone = prepare(&self.library, &old.library).and_then(|old| old.commit(is_ours));
        if let Err(undo) = undone {
            // No longer a library that is as it was and may be tried again.
            error.kind = undo.kind;
            error.detail = format!(
                "{}; and {} could not be put back: {}",
                error.detail,
                self.library.display(),
                undo.detail
            );
        }
        error
    }
}

fn prepare(path: &Path, bytes: &[u8]) -> Result<Replacement, Error> {
    let mut replacement = Replacement::create(path)?;
    replacement
        .write_all(bytes)
        .and_then(|()| replacement.flush())
        .map_err(|error| Error::io("write", path, &error))?;
    Ok(replacement)
}

/// The text of a file, without the mark at its beginning that some editors leave.
pub(crate) fn text<'a>(path: &Path, bytes: &'a [u8]) -> Result<&'a str, Error> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let detail = format!("byte {} is no UTF-8", error.valid_up_to());
        Error::new(ErrorKind::Corrupt, "read", path, detail)
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// Names the file in which something is wrong.
pub(crate) fn in_file(path: &Path) -> impl Fn(Malformed) -> Error {
    move |malformed| Error::new(malformed.kind, "read", path, malformed.detail)
}
