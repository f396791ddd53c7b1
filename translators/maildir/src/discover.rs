//! How a folder becomes a library.
//!
//! None is looked for: nothing in a home folder says which of several mail stores a person uses, and a
//! server's are elsewhere. A person names it.
//!
//! Invariant: what is opened holds at least one folder of mail.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use segue_translator::{Capabilities, Error, Host, Library, Place, Translator};

use crate::column::CAPABILITIES;
use crate::listing::{KEYS, Known};
use crate::read::Store;
use crate::tree;

/// The translator for stores of mail in Maildir.
#[derive(Debug, Clone, Copy, Default)]
pub struct Maildir;

impl Translator for Maildir {
    fn capabilities(&self) -> &'static Capabilities {
        &CAPABILITIES
    }

    fn discover(&self, _: &Place) -> Vec<PathBuf> {
        Vec::new()
    }

    fn open(&self, path: &Path, host: Arc<dyn Host>) -> Result<Box<dyn Library>, Error> {
        tree::folders(path)?;
        let known = Known::of(&*host, path, KEYS);
        Ok(Box::new(Store::new(path.to_owned(), known)))
    }
}
