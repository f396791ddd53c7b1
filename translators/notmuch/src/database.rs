//! One database of notmuch: what is asked of it and told to it, each by one command.
//!
//! `notmuch dump` is not among the questions: it takes the lock that writers take, so that it would wait for
//! them and they for it.
//!
//! Invariant: a question changes no byte.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::OpenOptions;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, fcntl_lock};
use segue_translator::{Error, ErrorKind};

use crate::client::{CONFIGURATION, Client, End};
use crate::format;

/// The query that finds every message.
pub(crate) const ALL: &str = "*";
const LOCK_POLL: Duration = Duration::from_millis(50);

/// What says where a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Configuration {
    /// A file of notmuch's.
    File(PathBuf),
    /// None: this folder has the database.
    None(PathBuf),
}

impl Configuration {
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::None(path) => path,
        }
    }

    /// The variables that name it to notmuch. Where there is none, an empty one is still to be named.
    pub(crate) fn variables(&self) -> Vec<(&'static str, OsString)> {
        match self {
            Self::None(folder) => vec![("NOTMUCH_DATABASE", folder.as_os_str().to_owned())],
            Self::File(file) => {
                let mut variables = vec![(CONFIGURATION, file.as_os_str().to_owned())];
                if let Some((home, profile)) = home_and_profile(file) {
                    variables.push(("HOME", home.into()));
                    variables.extend(profile.map(|profile| ("NOTMUCH_PROFILE", profile)));
                }
                variables
            }
        }
    }
}

/// The home folder and the profile whose configuration is one that lies in its usual place: paths in it
/// are relative to that home.
fn home_and_profile(file: &Path) -> Option<(&Path, Option<OsString>)> {
    let name = file.file_name()?;
    let folder = file.parent()?;
    if let Some(profile) = name.as_bytes().strip_prefix(b".notmuch-config") {
        let profile = profile.strip_prefix(b".").map(|name| OsStr::from_bytes(name).to_owned());
        return Some((folder, profile));
    }
    let home =
        folder.parent().filter(|all| all.ends_with(".config/notmuch"))?.parent()?.parent()?;
    (name == "config").then(|| (home, folder.file_name().map(OsStr::to_owned)))
}

/// The state of a database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// How many messages it has: that one was removed nothing else tells.
    pub(crate) messages: usize,
    /// Its name; another one if it was made anew.
    uuid: String,
    /// How often it was changed.
    changes: u64,
}

impl Stamp {
    fn parse(line: &[u8]) -> Option<Self> {
        let mut parts = std::str::from_utf8(line).ok()?.split('\t');
        let messages = parts.next()?.parse().ok()?;
        let uuid = parts.next().filter(|uuid| !uuid.is_empty())?.to_owned();
        Some(Self { messages, uuid, changes: parts.next()?.parse().ok()? })
    }

    /// What finds the messages that changed since another state of the same database.
    pub(crate) fn since(&self, old: &Self) -> Option<String> {
        let is_later = self.uuid == old.uuid && self.changes > old.changes;
        is_later.then(|| format!("lastmod:{}..{}", old.changes + 1, self.changes))
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}:{}", self.messages, self.uuid, self.changes)
    }
}

/// What takes the records of an answer.
type Take<'t> = &'t mut dyn FnMut(&[u8]) -> Result<(), Error>;

/// One database.
#[derive(Debug)]
pub(crate) struct Database {
    client: Client,
    /// The folder with the mail.
    pub(crate) root: PathBuf,
    /// The file that a writer locks.
    lock: PathBuf,
}

impl Database {
    pub(crate) fn open(client: Client) -> Result<Self, Error> {
        let said = |key: &str| {
            let value = setting(&client, key)?.pop().unwrap_or_default();
            Ok::<_, Error>(PathBuf::from(OsString::from_vec(value)))
        };
        let path = said("database.path")?;
        let root = Some(said("database.mail_root")?).filter(|root| !root.as_os_str().is_empty());
        let indexes = [path.join(".notmuch/xapian"), path.join("xapian")];
        let index = indexes.into_iter().find(|index| index.is_dir());
        let Some(index) = index.filter(|_| path.is_absolute()) else {
            let detail = "there is no database where the configuration says: run `notmuch new`";
            return Err(Error::new(ErrorKind::Absent, "open", &path, detail));
        };
        Ok(Self { client, root: root.unwrap_or(path), lock: index.join("flintlock") })
    }

    /// The folder with the files of the database.
    pub(crate) fn folder(&self) -> PathBuf {
        self.lock.parent().unwrap_or(&self.root).to_owned()
    }

    /// The lines of a setting.
    pub(crate) fn setting(&self, key: &str) -> Result<Vec<Vec<u8>>, Error> {
        setting(&self.client, key)
    }

    pub(crate) fn stamp(&self) -> Result<Stamp, Error> {
        let mut stamp = None;
        let arguments = ["count", "--lastmod", "--exclude=false", "*"].map(OsStr::new);
        self.client.run(&arguments, End::Line, |line| {
            stamp = Stamp::parse(line);
            Ok(())
        })?;
        let detail = "notmuch does not say how often its database changed: it is too old";
        stamp.ok_or_else(|| Error::new(ErrorKind::Unsupported, "read", &self.root, detail))
    }

    /// The tags of the messages that a query finds; for [`ALL`] every tag in use.
    pub(crate) fn tags(&self, query: &str, take: Take<'_>) -> Result<(), Error> {
        self.search("tags", "", query.as_ref(), take)
    }

    /// Of the messages that a query finds those with this tag.
    pub(crate) fn tagged(&self, query: &str, tag: &[u8], take: Take<'_>) -> Result<(), Error> {
        let mut both = format::term("tag", tag);
        // Only alone a star finds every message.
        if query != ALL {
            both.extend_from_slice(format!(" and {query}").as_bytes());
        }
        self.ids("", &OsString::from_vec(both), take)
    }

    /// Of the messages that a query finds those with at least so many files, always in the same order.
    pub(crate) fn messages(&self, query: &str, files: usize, take: Take<'_>) -> Result<(), Error> {
        self.ids(&format!("--duplicate={files}"), query.as_ref(), take)
    }

    /// The file of this number of each message that has so many, in the order of
    /// [`Database::messages`].
    pub(crate) fn files(&self, query: &str, number: usize, take: Take<'_>) -> Result<(), Error> {
        self.search("files", &format!("--duplicate={number}"), query.as_ref(), take)
    }

    fn ids(&self, option: &str, query: &OsStr, take: Take<'_>) -> Result<(), Error> {
        let strip = &mut |id: &[u8]| take(id.strip_prefix(b"id:").unwrap_or(id));
        self.search("messages", option, query, strip)
    }

    fn search(
        &self,
        output: &str,
        option: &str,
        query: &OsStr,
        take: Take<'_>,
    ) -> Result<(), Error> {
        let output = format!("--output={output}");
        let usual = ["search", "--format=text0", "--exclude=false", "--sort=oldest-first", &output];
        let mut arguments: Vec<&OsStr> = usual.map(OsStr::new).into();
        arguments.extend(Some(OsStr::new(option)).filter(|option| !option.is_empty()));
        arguments.extend([OsStr::new("--"), query]);
        self.client.run(&arguments, End::Nul, take)
    }

    /// Looks for what changed among the files, without the user's hooks.
    pub(crate) fn index(&self) -> Result<(), Error> {
        let arguments = ["new", "--no-hooks", "--quiet"].map(OsStr::new);
        self.client.run(&arguments, End::Line, |_| Ok(()))
    }

    /// Makes the changes of these lines.
    pub(crate) fn tag(&self, lines: &[u8]) -> Result<(), Error> {
        self.client.tell(&["tag", "--batch"].map(OsStr::new), lines)
    }

    /// Waits until nobody writes.
    pub(crate) fn wait_for_lock(&self) -> Result<(), Error> {
        let start = Instant::now();
        while self.is_locked()? {
            if start.elapsed() >= self.client.limits.lock {
                let detail = "another program is writing into the database of notmuch";
                return Err(Error::new(ErrorKind::Busy, "write", &self.lock, detail));
            }
            std::thread::sleep(LOCK_POLL);
        }
        Ok(())
    }

    fn is_locked(&self) -> Result<bool, Error> {
        let fail = |error: &std::io::Error| Error::io("write", &self.lock, error);
        let file = match OpenOptions::new().write(true).open(&self.lock) {
            // Nobody ever wrote.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            file => file.map_err(|error| fail(&error))?,
        };
        match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(false),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::ACCESS) => Ok(true),
            Err(error) => Err(fail(&error.into())),
        }
    }
}

fn setting(client: &Client, key: &str) -> Result<Vec<Vec<u8>>, Error> {
    let mut lines = Vec::new();
    client.run(&["config", "get", key].map(OsStr::new), End::Line, |line| {
        lines.push(line.to_vec());
        Ok(())
    })?;
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_relative_in_a_configuration_is_below_the_home_in_which_it_lies() {
        let of = |path| {
            home_and_profile(Path::new(path)).map(|(home, profile)| {
                (home.to_str().unwrap().to_owned(), profile.map(|name| name.into_string().unwrap()))
            })
        };
        let some = |profile: &str| Some(("/home/a".to_owned(), Some(profile.to_owned())));
        assert_eq!(of("/home/a/.config/notmuch/second/config"), some("second"));
        assert_eq!(of("/home/a/.notmuch-config"), Some(("/home/a".to_owned(), None)));
        assert_eq!(of("/home/a/.notmuch-config.second"), some("second"));
        assert_eq!(of("/etc/notmuch/config"), None);
    }
}
