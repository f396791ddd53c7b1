//! Where Rhythmbox keeps its library, and how a path becomes one.
//!
//! It looks only at whether files exist; nothing is read or started.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use segue_translator::{Capabilities, Error, ErrorKind, Host, Library, Place, Translator};

use crate::column::CAPABILITIES;
use crate::files::Files;
use crate::format::BOUNDS;
use crate::library::Opened;

/// The translator for Rhythmbox.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rhythmbox;

/// The main file below a folder, nearest first: the app's folder, a data folder, a home folder.
const BELOW: [&str; 3] =
    ["rhythmdb.xml", "rhythmbox/rhythmdb.xml", ".local/share/rhythmbox/rhythmdb.xml"];

impl Translator for Rhythmbox {
    fn capabilities(&self) -> &'static Capabilities {
        &CAPABILITIES
    }

    fn discover(&self, place: &Place) -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> = Vec::new();
        for home in place.data_homes("org.gnome.Rhythmbox3", "rhythmbox") {
            let folder = home.join("rhythmbox");
            if folder.join("rhythmdb.xml").is_file() && !found.contains(&folder) {
                found.push(folder);
            }
        }
        found
    }

    fn open(&self, path: &Path, host: Arc<dyn Host>) -> Result<Box<dyn Library>, Error> {
        let inside = BELOW.iter().map(|name| path.join(name));
        let library = std::iter::once(path.to_owned()).chain(inside).find(|file| file.is_file());
        let library = library.ok_or_else(|| {
            let detail = "there is no library of Rhythmbox (rhythmdb.xml)";
            Error::new(ErrorKind::Absent, "open", path, detail)
        })?;
        Ok(Box::new(Opened { files: Files::of(library), bounds: BOUNDS, host }))
    }
}
