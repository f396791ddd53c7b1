//! The world as a translator may see it: folders by variable, and which apps run.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Where to look for libraries: a home folder and the variables that move its parts.
#[derive(Debug, Clone, Default)]
pub struct Place {
    home: PathBuf,
    vars: BTreeMap<String, OsString>,
}

impl Place {
    /// A home folder with these environment variables.
    pub fn new(home: impl Into<PathBuf>, vars: BTreeMap<String, OsString>) -> Self {
        Self { home: home.into(), vars }
    }

    /// The home folder.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// What a variable says, unless it is empty.
    pub fn variable(&self, name: &str) -> Option<&OsStr> {
        self.vars.get(name).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// `$XDG_DATA_HOME`, or `~/.local/share`.
    pub fn data_home(&self) -> PathBuf {
        self.xdg("XDG_DATA_HOME", ".local/share")
    }

    /// `$XDG_CONFIG_HOME`, or `~/.config`.
    pub fn config_home(&self) -> PathBuf {
        self.xdg("XDG_CONFIG_HOME", ".config")
    }

    /// Every folder in which an app may keep its data: the desktop's, its Flatpak's, its snap's.
    pub fn data_homes(&self, flatpak: &str, snap: &str) -> Vec<PathBuf> {
        vec![
            self.data_home(),
            self.home.join(".var/app").join(flatpak).join("data"),
            self.home.join("snap").join(snap).join("current/.local/share"),
            self.home.join("snap").join(snap).join("common/.local/share"),
        ]
    }

    /// The XDG specification: a relative path in a variable is ignored.
    fn xdg(&self, var: &str, default: &str) -> PathBuf {
        match self.vars.get(var).map(Path::new) {
            Some(path) if path.is_absolute() => path.to_owned(),
            _ => self.home.join(default),
        }
    }
}

/// How to tell that an app has a library open.
#[derive(Debug, Clone, Copy)]
pub struct Probe<'a> {
    /// Names of its process.
    pub processes: &'a [&'a str],
    /// Names that it owns on the session bus.
    pub bus_names: &'a [&'a str],
    /// The library's main file or folder: a process of that name with another library is no danger.
    pub library: &'a Path,
    /// Whether the app keeps that file open all the time. If not, any process of the name whose
    /// home folder leads to the library counts.
    pub holds_open: bool,
}

/// What a library, and the agent, ask about the rest of the computer.
pub trait Host: Send + Sync {
    /// What is running that has the library open, in words for a person; `None` if nothing is.
    /// When in doubt, it is running.
    fn running(&self, probe: &Probe<'_>) -> Option<String>;

    /// A name for the computer's last start, and the seconds since, sleep included; `None` where
    /// nobody counts them. Nobody can set this clock.
    fn since_start(&self) -> Option<(String, u32)> {
        None
    }

    /// The folder in which this library's [`Cache`](crate::Cache) is kept; `None` if nothing is. It need not
    /// exist yet, and whatever lies in it may be removed at any time.
    fn cache_folder(&self) -> Option<PathBuf> {
        None
    }
}

/// A host on which no app runs: for tests, and for libraries that no app has open.
#[derive(Debug, Clone, Copy, Default)]
pub struct Idle;

impl Host for Idle {
    fn running(&self, _: &Probe<'_>) -> Option<String> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xdg_variables_win_unless_relative() {
        let vars = |value: &str| BTreeMap::from([("XDG_DATA_HOME".to_owned(), value.into())]);
        let data = |value| Place::new("/home/a", vars(value)).data_home();
        assert_eq!(data("/data"), Path::new("/data"));
        assert_eq!(data("data"), Path::new("/home/a/.local/share"));
    }
}
