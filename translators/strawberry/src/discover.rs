//! Finds Strawberry's databases and opens them.
//!
//! The app keeps one database for each of its installations: the desktop's, its Flatpak's, its
//! snap's. It reads no setting.
//!
//! Invariant: what [`Translator::discover`] gives, [`Translator::open`] takes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use segue_translator::{Capabilities, Error, ErrorKind, Host, Library, Place, Translator};

use crate::backup::NAME;
use crate::column::capabilities;
use crate::library::Database;

/// Where the database lies below a data folder; the doubled folder is the app's.
const FOLDER: &str = "strawberry/strawberry";

/// The translator for the Strawberry music player.
#[derive(Debug, Clone, Copy, Default)]
pub struct Strawberry;

impl Translator for Strawberry {
    fn capabilities(&self) -> &'static Capabilities {
        capabilities(i64::MAX)
    }

    fn discover(&self, place: &Place) -> Vec<PathBuf> {
        let homes = place.data_homes("org.strawberrymusicplayer.strawberry", "strawberry");
        let folders = homes.into_iter().map(|home| home.join(FOLDER));
        folders.filter(|folder| folder.join(NAME).is_file()).collect()
    }

    fn open(&self, path: &Path, host: Arc<dyn Host>) -> Result<Box<dyn Library>, Error> {
        let candidates = [
            path.to_owned(),
            path.join(NAME),
            path.join(FOLDER).join(NAME),
            path.join(".local/share").join(FOLDER).join(NAME),
        ];
        // A database's own journal has the name of the file, not of a link to it.
        let found = candidates
            .iter()
            .filter_map(|candidate| fs::canonicalize(candidate).ok())
            .find(|candidate| candidate.is_file());
        match found {
            Some(database) => Ok(Box::new(Database::new(database, host))),
            None => Err(Error::new(ErrorKind::Absent, "open", path, format!("there is no {NAME}"))),
        }
    }
}
