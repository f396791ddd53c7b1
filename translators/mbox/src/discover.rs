//! How a mailbox, or a folder of them, becomes a library.
//!
//! None is looked for: nothing in a home folder says which files are mailboxes that a person uses. A
//! person names them.
//!
//! Invariant: what is opened holds at least one mailbox.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use segue_translator::{Capabilities, Error, Host, Library, Place, Translator};

use crate::column::CAPABILITIES;
use crate::read::Store;
use crate::tree;

/// The translator for mailboxes in mbox.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mbox;

impl Translator for Mbox {
    fn capabilities(&self) -> &'static Capabilities {
        &CAPABILITIES
    }

    fn discover(&self, _: &Place) -> Vec<PathBuf> {
        Vec::new()
    }

    fn open(&self, path: &Path, _: Arc<dyn Host>) -> Result<Box<dyn Library>, Error> {
        tree::walk(path)?;
        let is_alone = !path.is_dir();
        Ok(Box::new(Store { root: path.to_owned(), is_alone, known: Mutex::new(HashMap::new()) }))
    }
}
