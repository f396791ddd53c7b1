//! What `mpd.conf` says about where things are.
//!
//! It reads the few settings at the top level that a client of the same computer needs, and skips
//! blocks and all else. It opens nothing but configuration files.
//!
//! Invariant: bounded in size, number and depth of files.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use segue_translator::{Error, ErrorKind, file};

/// A configuration is a page long; this is a thousand times that.
const BYTES_MAX: u64 = 1 << 20;
/// How deep files may include files, and how many there may be.
const DEPTH_MAX: usize = 8;
const FILES_MAX: usize = 64;
const PORT: u16 = 6600;

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    Unix(PathBuf),
    Tcp(SocketAddr),
}

/// What is known of one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Config {
    /// The file that says so.
    pub(crate) path: PathBuf,
    pub(crate) music: Option<PathBuf>,
    pub(crate) playlists: Option<PathBuf>,
    pub(crate) stickers: Option<PathBuf>,
    /// Never empty.
    pub(crate) addresses: Vec<Address>,
}

impl Config {
    /// Reads the configuration at `path`.
    ///
    /// # Errors
    /// `Absent`, `TooLarge`, `Corrupt`.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let mut settings = Settings { home: home_of(path), files: 0, found: Vec::new() };
        settings.read(path, 0)?;
        let corrupt = |why: String| Error::new(ErrorKind::Corrupt, "open", path, why);
        settings.config(path).map_err(corrupt)
    }
}

/// The home folder that `~` means, where the configuration's own place tells it.
fn home_of(path: &Path) -> Option<PathBuf> {
    let home = |levels| path.ancestors().nth(levels).map(Path::to_owned);
    match path {
        _ if path.ends_with(".config/mpd/mpd.conf") => home(3),
        _ if path.ends_with(".mpd/mpd.conf") => home(2),
        _ if path.ends_with(".mpdconf") => home(1),
        _ => None,
    }
}

struct Settings {
    home: Option<PathBuf>,
    files: usize,
    found: Vec<(String, String)>,
}

impl Settings {
    fn read(&mut self, path: &Path, depth: usize) -> Result<(), Error> {
        let fail = |kind, why: &str| Err(Error::new(kind, "open", path, why));
        self.files += 1;
        if depth > DEPTH_MAX || self.files > FILES_MAX {
            return fail(ErrorKind::TooLarge, "it includes too many files");
        }
        let bytes = file::read_bounded(path, BYTES_MAX)?;
        let Ok(text) = String::from_utf8(bytes) else {
            return fail(ErrorKind::Corrupt, "it is no text");
        };
        let mut blocks = 0_usize;
        for line in text.lines().map(str::trim) {
            if line.starts_with('#') || line.is_empty() {
            } else if line.starts_with('}') {
                blocks = blocks.saturating_sub(1);
            } else if line.split('#').next().unwrap_or_default().trim_end().ends_with('{') {
                blocks += 1;
            } else if blocks == 0 {
                let Some((name, value)) = setting(line) else {
                    return fail(ErrorKind::Corrupt, &format!("what does `{line}` mean?"));
                };
                self.take(path, name, value, depth)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, path: &Path, name: &str, value: String, depth: usize) -> Result<(), Error> {
        let is_optional = name == "include_optional";
        if name != "include" && !is_optional {
            self.found.push((name.to_owned(), value));
            return Ok(());
        }
        let corrupt = |why: String| Error::new(ErrorKind::Corrupt, "open", path, why);
        let included = self.expand(&value).map_err(corrupt)?;
        let included = path.parent().unwrap_or(path).join(included);
        if is_optional && !included.exists() { Ok(()) } else { self.read(&included, depth + 1) }
    }

    fn expand(&self, value: &str) -> Result<PathBuf, String> {
        let below = match value.strip_prefix('~') {
            None => return Ok(PathBuf::from(value)),
            Some("") => "",
            Some(rest) => rest.strip_prefix('/').ok_or(format!("whose home is `{value}`?"))?,
        };
        let home = self.home.as_ref();
        let home = home.ok_or(format!("`{value}` is below no home folder that is known here"))?;
        Ok(home.join(below))
    }

    fn last(&self, name: &str) -> Option<&str> {
        let found = self.found.iter().rev().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    fn path(&self, name: &str) -> Result<Option<PathBuf>, String> {
        self.last(name).map(|value| self.expand(value)).transpose()
    }

    fn config(&self, path: &Path) -> Result<Config, String> {
        Ok(Config {
            path: path.to_owned(),
            // A remote one is an address and no folder.
            music: self.path("music_directory")?.filter(|path| path.is_absolute()),
            playlists: self.path("playlist_directory")?,
            stickers: self.path("sticker_file")?,
            addresses: self.addresses()?,
        })
    }

    /// The sockets first: who comes through one is a user of this computer.
    fn addresses(&self) -> Result<Vec<Address>, String> {
        let port = match self.last("port") {
            Some(port) => port.parse().map_err(|_| format!("`{port}` is no port"))?,
            None => PORT,
        };
        let named = self.found.iter().filter(|(name, _)| name == "bind_to_address");
        let (mut addresses, mut others) = (Vec::new(), Vec::new());
        for (_, value) in named {
            if value.starts_with(['/', '~']) {
                addresses.push(Address::Unix(self.expand(value)?));
            } else if let Some(address) = reachable(value, port) {
                others.push(Address::Tcp(address));
            }
        }
        addresses.extend(others);
        if addresses.is_empty() {
            addresses.push(Address::Tcp((Ipv4Addr::LOCALHOST, port).into()));
        }
        Ok(addresses)
    }
}

/// How this computer reaches a server that listens there; names are not looked up.
fn reachable(value: &str, port: u16) -> Option<SocketAddr> {
    let host = |text: &str| match text {
        "any" | "localhost" => Some(IpAddr::from(Ipv4Addr::LOCALHOST)),
        _ => match text.parse().ok()? {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Some(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Some(Ipv6Addr::LOCALHOST.into()),
            address => Some(address),
        },
    };
    if let Some(address) = host(value) {
        return Some((address, port).into());
    }
    let (before, port) = value.rsplit_once(':')?;
    Some((host(before.trim_matches(['[', ']']))?, port.parse().ok()?).into())
}

/// A line `name "value"`; within the quotes a backslash takes the next character as it is.
fn setting(line: &str) -> Option<(&str, String)> {
    let (name, rest) = line.split_once(|c: char| c.is_whitespace())?;
    let rest = rest.trim_start();
    let Some(quoted) = rest.strip_prefix('"') else {
        return rest.split_whitespace().next().map(|value| (name, value.to_owned()));
    };
    let mut value = String::new();
    let mut characters = quoted.chars();
    loop {
        match characters.next()? {
            '"' => return Some((name, value)),
            '\\' => value.push(characters.next()?),
            character => value.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Config, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".mpdconf");
        std::fs::write(folder.path().join("more"), "port \"7000\"\n").unwrap();
        std::fs::write(&path, text).unwrap();
        let mut config = Config::read(&path)?;
        let short = |path: PathBuf| path.strip_prefix(folder.path()).unwrap().to_owned();
        config.music = config.music.map(short);
        Ok(config)
    }

    fn tcp(text: &str) -> Address {
        Address::Tcp(text.parse().unwrap())
    }

    #[test]
    fn settings_are_found_outside_of_blocks_and_comments() {
        let config = parsed(
            "# music_directory \"/no\"\nmusic_directory \"~/Mus\\\"ic\"\ninclude \"more\"\n\
             include_optional \"none\"\nbind_to_address \"any\"\nbind_to_address \"/run/mpd\"\n\
             audio_output {\n  type \"null\"\n  sticker_file \"/no\"\n}\n",
        );
        let config = config.unwrap();
        assert_eq!(config.music, Some("Mus\"ic".into()));
        assert_eq!(config.stickers, None);
        assert_eq!(config.addresses, [Address::Unix("/run/mpd".into()), tcp("127.0.0.1:7000")]);
    }

    #[test]
    fn a_server_is_reached_where_it_listens() {
        let addresses =
            |value: &str| parsed(&format!("bind_to_address \"{value}\"\n")).unwrap().addresses;
        assert_eq!(parsed("").unwrap().addresses, [tcp("127.0.0.1:6600")]);
        assert_eq!(addresses("::"), [tcp("[::1]:6600")]);
        assert_eq!(addresses("192.0.2.1:7"), [tcp("192.0.2.1:7")]);
        assert_eq!(addresses("[::1]:7"), [tcp("[::1]:7")]);
        assert_eq!(addresses("host.example"), [tcp("127.0.0.1:6600")]);
    }

    #[test]
    fn what_is_no_configuration_is_an_error() {
        for text in ["include \".mpdconf\"", "music_directory", "a \"b", "port \"x\"", "stray"] {
            assert!(parsed(text).is_err(), "{text}");
        }
        assert!(parsed("sticker_file \"~other/x\"").is_err());
    }
}
