//! How far this device reaches: what was said on the command line, in the environment, or last time.
//!
//! Invariant: nothing outside of the local network is contacted unless a person said `internet` and named
//! the servers.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use segue_iroh::{Internet, Network};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// The file that names servers, in the agent's folder.
const FILE: &str = "network.toml";
/// A file of settings is never longer.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// How far packets may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// This computer.
    Loopback,
    /// The local network; devices in it are found by mDNS.
    #[default]
    Lan,
    /// Everywhere, with the servers that `network.toml` names.
    Internet,
}

impl Reach {
    /// What was said: the option, else `SEGUE_NETWORK`, else what was said last, else the local network.
    pub(crate) fn chosen(
        option: Option<Self>,
        variable: Option<&str>,
        last: Option<&str>,
    ) -> Result<Self, Failure> {
        if let Some(reach) = option {
            return Ok(reach);
        }
        match variable.filter(|text| !text.is_empty()) {
            Some(text) => text.parse().map_err(|()| {
                let sentence = format!("SEGUE_NETWORK is `{text}`, which is no network");
                Failure::refused(sentence, "say loopback, lan or internet")
            }),
            None => Ok(last.and_then(|text| text.parse().ok()).unwrap_or_default()),
        }
    }
}

impl FromStr for Reach {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "loopback" => Ok(Self::Loopback),
            "lan" => Ok(Self::Lan),
            "internet" => Ok(Self::Internet),
            _ => Err(()),
        }
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Loopback => "loopback",
            Self::Lan => "lan",
            Self::Internet => "internet",
        })
    }
}

/// What `network.toml` says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Servers {
    /// Servers that pass packets on where devices cannot reach each other.
    #[serde(default)]
    relays: Vec<String>,
    /// The server that knows where devices are.
    registry: Option<String>,
    /// Whether devices in the local network are looked for too.
    #[serde(default = "yes")]
    mdns: bool,
}

const fn yes() -> bool {
    true
}

/// The network of the transport.
pub(crate) fn network(reach: Reach, folder: &Path) -> Result<Network, Failure> {
    Ok(match reach {
        Reach::Loopback => Network::Loopback,
        Reach::Lan => Network::Lan,
        Reach::Internet => {
            let Servers { relays, registry, mdns } = servers(folder)?;
            Network::Internet(Internet { relays, registry, mdns })
        }
    })
}

fn servers(folder: &Path) -> Result<Servers, Failure> {
    let path = folder.join(FILE);
    let fail = |error| Failure::from(segue_translator::Error::io("read", &path, &error));
    let text = match std::fs::metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(fail(error)),
        Ok(meta) if meta.len() > FILE_BYTES_MAX => {
            let sentence = format!("{} is too long", path.display());
            return Err(Failure::refused(sentence, "it names relays and a registry"));
        }
        Ok(_) => std::fs::read_to_string(&path).map_err(fail)?,
    };
    toml::from_str(&text).map_err(|error| {
        let sentence = format!("{} is not understood: {}", path.display(), error.message());
        let hint = "it may say: relays = [\"https://…/\"], registry = \"https://…/\", mdns = true";
        Failure::refused(sentence, hint)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_counts_before_the_variable_and_that_before_the_last_time() {
        let chosen = |option, variable, last| Reach::chosen(option, variable, last).unwrap();
        assert_eq!(chosen(Some(Reach::Lan), Some("loopback"), Some("internet")), Reach::Lan);
        assert_eq!(chosen(None, Some("loopback"), Some("internet")), Reach::Loopback);
        assert_eq!(chosen(None, Some(""), Some("internet")), Reach::Internet);
        assert_eq!(chosen(None, None, None), Reach::Lan);
        assert!(Reach::chosen(None, Some("everywhere"), None).is_err());
    }

    #[test]
    fn servers_are_those_that_the_file_names_and_none_without_one() {
        let folder = tempfile::tempdir().unwrap();
        let internet = |text: Option<&str>| {
            if let Some(text) = text {
                std::fs::write(folder.path().join(FILE), text).unwrap();
            }
            network(Reach::Internet, folder.path())
        };
        let none = Internet { relays: Vec::new(), registry: None, mdns: true };
        assert_eq!(internet(None).unwrap(), Network::Internet(none));
        let own = "relays = [\"https://relay.example/\"]\nmdns = false\n";
        let relays = vec!["https://relay.example/".to_owned()];
        let own_only = Internet { relays, registry: None, mdns: false };
        assert_eq!(internet(Some(own)).unwrap(), Network::Internet(own_only));
        assert!(internet(Some("relay = 1")).unwrap_err().to_string().contains("network.toml"));
        assert_eq!(network(Reach::Lan, folder.path()).unwrap(), Network::Lan);
    }
}
