//! Finds the configuration that a user's notmuch reads, and opens the database that it names.
//!
//! notmuch reads the first of several that is there. A folder stands for the `config` in it, or is a
//! database of its own, which is opened as notmuch opens one without a configuration.
//!
//! Invariant: what [`Translator::discover`] gives, [`Translator::open`] takes; looking for it runs
//! nothing.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use segue_mail::Ears;
use segue_maildir::Tree;
use segue_translator::{Capabilities, Error, ErrorKind, Host, Library, Place, Translator};

use crate::client::{Client, Limits};
use crate::column::CAPABILITIES;
use crate::database::{Configuration, Database};
use crate::read::Mail;

/// The name of a configuration in its own folder.
const NAME: &str = "config";

/// The translator for notmuch.
#[derive(Debug, Clone, Copy, Default)]
pub struct Notmuch {
    limits: Limits,
}

impl Notmuch {
    /// The translator with other limits than the usual.
    pub fn with_limits(limits: Limits) -> Self {
        Self { limits }
    }
}

impl Translator for Notmuch {
    fn capabilities(&self) -> &'static Capabilities {
        &CAPABILITIES
    }

    fn discover(&self, place: &Place) -> Vec<PathBuf> {
        configuration(place).or_else(|| database(place)).into_iter().collect()
    }

    fn open(&self, path: &Path, host: Arc<dyn Host>) -> Result<Box<dyn Library>, Error> {
        let configuration = if path.is_file() {
            Configuration::File(path.to_owned())
        } else if path.join(NAME).is_file() {
            Configuration::File(path.join(NAME))
        } else if is_database(path) {
            Configuration::None(path.to_owned())
        } else {
            let detail = "there is neither a configuration nor a database of notmuch here: name the \
                          file .notmuch-config, or the folder of mail with .notmuch in it";
            return Err(Error::new(ErrorKind::Absent, "open", path, detail));
        };
        let database = Database::open(Client::new(&configuration, self.limits))?;
        let tree = Tree::of(database.root.clone(), &*host, path);
        Ok(Box::new(Mail { database, tree, last: Mutex::new(None), ears: Ears::default() }))
    }
}

fn is_database(path: &Path) -> bool {
    path.join(".notmuch/xapian").is_dir() || path.join("xapian").is_dir()
}

/// The configuration that notmuch would read.
fn configuration(place: &Place) -> Option<PathBuf> {
    if let Some(named) = place.variable("NOTMUCH_CONFIG") {
        return Some(PathBuf::from(named)).filter(|path| path.is_absolute() && path.is_file());
    }
    let profile = place.variable("NOTMUCH_PROFILE");
    let folder = place.config_home().join("notmuch").join(profile.unwrap_or("default".as_ref()));
    if folder.join(NAME).is_file() {
        return Some(folder);
    }
    let mut name = std::ffi::OsString::from(".notmuch-config");
    if let Some(profile) = profile {
        name.push(".");
        name.push(profile);
    }
    Some(place.home().join(name)).filter(|path| path.is_file())
}

/// The database that notmuch would open without a configuration.
fn database(place: &Place) -> Option<PathBuf> {
    let named = ["NOTMUCH_DATABASE", "MAILDIR"].map(|name| place.variable(name).map(PathBuf::from));
    let mut all = named.into_iter().flatten().chain([place.home().join("mail")]);
    all.find(|path| path.is_absolute() && is_database(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::ffi::OsString;
    use std::fs;

    #[test]
    fn a_configuration_is_looked_for_where_notmuch_looks() {
        let home = tempfile::tempdir().unwrap();
        let path = |below: &str| home.path().join(below);
        let found = |variables: &[(&str, &Path)]| {
            let variables = variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), OsString::from(value.as_os_str())));
            Notmuch::default()
                .discover(&Place::new(home.path(), variables.collect::<BTreeMap<_, _>>()))
        };
        let none: &[PathBuf] = &[];
        assert_eq!(found(&[]), none);
        // From the last to the first: each is found although the ones before it are there.
        let steps = ["mail/.notmuch/xapian/", "other/.notmuch/xapian/", ".notmuch-config"];
        fs::create_dir_all(path(steps[0])).unwrap();
        assert_eq!(found(&[]), [path("mail")]);
        fs::create_dir_all(path(steps[1])).unwrap();
        assert_eq!(found(&[("MAILDIR", &path("other"))]), [path("other")]);
        fs::write(path(steps[2]), "").unwrap();
        assert_eq!(found(&[("MAILDIR", &path("other"))]), [path(".notmuch-config")]);
        fs::create_dir_all(path(".config/notmuch/default")).unwrap();
        assert_eq!(found(&[]), [path(".notmuch-config")]);
        fs::write(path(".config/notmuch/default/config"), "").unwrap();
        assert_eq!(found(&[]), [path(".config/notmuch/default")]);
        let second = ("NOTMUCH_PROFILE", Path::new("second"));
        fs::write(path(".notmuch-config.second"), "").unwrap();
        assert_eq!(found(&[second]), [path(".notmuch-config.second")]);
        fs::create_dir_all(path("elsewhere/notmuch/second")).unwrap();
        fs::write(path("elsewhere/notmuch/second/config"), "").unwrap();
        let elsewhere = path("elsewhere");
        assert_eq!(
            found(&[second, ("XDG_CONFIG_HOME", &elsewhere)]),
            [path("elsewhere/notmuch/second")]
        );
        fs::write(path("named"), "").unwrap();
        assert_eq!(found(&[("NOTMUCH_CONFIG", &path("named"))]), [path("named")]);
        // Nothing takes the place of one that is named.
        let gone = path("gone");
        assert_eq!(found(&[("NOTMUCH_CONFIG", &gone)]), [path("mail")]);
    }
}
