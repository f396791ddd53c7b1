//! Opens a folder that a person names. Nothing is looked for: which of a person's folders holds music,
//! and whether the tags in it are an opinion worth carrying, only that person can say.
//!
//! Invariant: what is opened is a folder, and opening reads none of its files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use segue_translator::{Capabilities, Error, ErrorKind, Host, Library, Place, Translator};

use crate::column::CAPABILITIES;
use crate::read::Folder;

/// The translator for a folder of audio files.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tags;

impl Translator for Tags {
    fn capabilities(&self) -> &'static Capabilities {
        &CAPABILITIES
    }

    fn discover(&self, _: &Place) -> Vec<PathBuf> {
        Vec::new()
    }

    fn open(&self, path: &Path, _: Arc<dyn Host>) -> Result<Box<dyn Library>, Error> {
        if path.is_dir() {
            return Ok(Box::new(Folder::new(path)));
        }
        Err(Error::new(ErrorKind::Absent, "open", path, "there is no such folder"))
    }
}
