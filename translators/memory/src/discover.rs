//! Finds and opens libraries.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use segue_translator::{Capabilities, Error, ErrorKind, Host, Library, Place, Translator};

use crate::Kind;
use crate::read::Open;

/// The name of the file in a library's folder.
pub(crate) const FILE: &str = "library.json";

/// The reference translator, as the app of this kind.
#[derive(Debug, Clone, Copy)]
pub struct Memory(pub Kind);

impl Translator for Memory {
    fn capabilities(&self) -> &'static Capabilities {
        self.0.capabilities()
    }

    fn discover(&self, place: &Place) -> Vec<PathBuf> {
        let folder = place.data_home().join(self.capabilities().app);
        if folder.join(FILE).is_file() { vec![folder] } else { Vec::new() }
    }

    fn open(&self, path: &Path, host: Arc<dyn Host>) -> Result<Box<dyn Library>, Error> {
        let file = if path.ends_with(FILE) { path.to_owned() } else { path.join(FILE) };
        // Only presence counts here: what is no regular file is refused when it is read.
        match fs::metadata(&file) {
            Ok(_) => Ok(Box::new(Open { kind: self.0, file, host })),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(Error::new(ErrorKind::Absent, "open", file, "there is no such file"))
            }
            Err(error) => Err(Error::io("open", file, &error)),
        }
    }
}
