//! How a folder becomes a library.
//!
//! None is looked for: books lie in folders that people chose, and a computer's only folder of
//! EPUBs is as likely a folder of downloads. A person names it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use segue_translator::{Capabilities, Error, ErrorKind, Host, Library, Place, Translator};

use crate::column::CAPABILITIES;
use crate::read::Shelves;

/// The translator for folders of EPUBs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Books;

impl Translator for Books {
    fn capabilities(&self) -> &'static Capabilities {
        &CAPABILITIES
    }

    fn discover(&self, _: &Place) -> Vec<PathBuf> {
        Vec::new()
    }

    fn open(&self, path: &Path, _: Arc<dyn Host>) -> Result<Box<dyn Library>, Error> {
        let absent = |detail: &str| Error::new(ErrorKind::Absent, "open", path, detail);
        match std::fs::metadata(path) {
            Ok(found) if found.is_dir() => Ok(Box::new(Shelves { folder: path.to_owned() })),
            Ok(_) => Err(absent("this is no folder; name the folder in which the books lie")),
            Err(error) => Err(Error::io("open", path, &error)),
        }
    }
}
