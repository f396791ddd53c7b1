//! Finds the configuration that a user's MPD reads, and opens the server that it describes.
//!
//! MPD reads the first that exists of three; so there is at most one library. The system's own
//! instance is another library, and is opened by its path: `mpd=/etc/mpd.conf`.
//!
//! Invariant: what [`Translator::discover`] gives, [`Translator::open`] takes; neither starts MPD
//! or speaks to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use segue_translator::{Capabilities, Error, ErrorKind, Host, Library, Place, Translator};

use crate::client::Limits;
use crate::config::Config;
use crate::kind::capabilities;
use crate::library::Server;

/// The name of the configuration.
const NAME: &str = "mpd.conf";

/// The translator for MPD.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mpd {
    limits: Limits,
}

impl Mpd {
    /// The translator with other limits than the usual.
    pub fn with_limits(limits: Limits) -> Self {
        Self { limits }
    }
}

impl Translator for Mpd {
    fn capabilities(&self) -> &'static Capabilities {
        capabilities(true, true)
    }

    fn discover(&self, place: &Place) -> Vec<PathBuf> {
        let configurations = [
            (place.config_home().join("mpd"), NAME),
            (place.home().join(".mpdconf"), ""),
            (place.home().join(".mpd"), NAME),
        ];
        let mut found = configurations.into_iter().filter(|(path, file)| match *file {
            "" => path.is_file(),
            file => path.join(file).is_file(),
        });
        found.next().map(|(path, _)| path).into_iter().collect()
    }

    fn open(&self, path: &Path, _: Arc<dyn Host>) -> Result<Box<dyn Library>, Error> {
        let candidates = [path.join(NAME), path.to_owned()];
        match candidates.iter().find(|candidate| candidate.is_file()) {
            Some(file) => Ok(Box::new(Server::new(Config::read(file)?, self.limits))),
            None => Err(Error::new(ErrorKind::Absent, "open", path, format!("there is no {NAME}"))),
        }
    }
}
