//! Where a device can be reached, as text that fits into a ticket.
//!
//! Invariant: what [`Address`] prints it reads again, and an address never leads out of the
//! network that the person allowed.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use iroh::{RelayUrl, TransportAddr};

/// The longest text of an address.
const TEXT_BYTES_MAX: usize = 255;

/// The most addresses that are tried for one peer.
pub(crate) const ADDRESSES_MAX: usize = 16;

/// A place where a device listens: `192.0.2.7:4433`, `[2001:db8::1]:4433` or `relay:https://relay.example/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(Place);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Place {
    Direct(SocketAddr),
    Relay(RelayUrl),
}

/// How far a packet may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    Loopback,
    Lan,
    Internet,
}

/// A text that is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address: expected `ip:port` or `relay:https://host/`")]
pub struct AddressError(String);

impl Address {
    /// The address of a socket.
    pub fn direct(socket: SocketAddr) -> Self {
        Self(Place::Direct(socket))
    }

    pub(crate) fn from_foreign(foreign: &TransportAddr) -> Option<Self> {
        match foreign {
            TransportAddr::Ip(socket) => Some(Self::direct(*socket)),
            TransportAddr::Relay(url) => Some(Self(Place::Relay(url.clone()))),
            _ => None,
        }
    }

    pub(crate) fn to_foreign(&self) -> TransportAddr {
        match &self.0 {
            Place::Direct(socket) => TransportAddr::Ip(*socket),
            Place::Relay(url) => TransportAddr::Relay(url.clone()),
        }
    }

    /// How far a packet to this address goes.
    pub(crate) fn reach(&self) -> Reach {
        match &self.0 {
            Place::Relay(_) => Reach::Internet,
            Place::Direct(socket) => reach_of(socket.ip().to_canonical()),
        }
    }

    /// Whether it can be dialled at all.
    pub(crate) fn is_definite(&self) -> bool {
        match &self.0 {
            Place::Relay(_) => true,
            Place::Direct(socket) => {
                let ip = socket.ip().to_canonical();
                socket.port() != 0 && !ip.is_unspecified() && !ip.is_multicast()
            }
        }
    }
}

fn reach_of(ip: IpAddr) -> Reach {
    let is_local = match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
    };
    match (ip.is_loopback(), is_local) {
        (true, _) => Reach::Loopback,
        (false, true) => Reach::Lan,
        (false, false) => Reach::Internet,
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Direct(socket) => socket.fmt(f),
            Place::Relay(url) => write!(f, "relay:{url}"),
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let refuse = || AddressError(text.chars().take(80).collect());
        if text.len() > TEXT_BYTES_MAX {
            return Err(refuse());
        }
        let place = match text.strip_prefix("relay:") {
            Some(url) => Place::Relay(relay_url(url).ok_or_else(refuse)?),
            None => Place::Direct(text.parse().map_err(|_| refuse())?),
        };
        let address = Self(place);
        if address.is_definite() { Ok(address) } else { Err(refuse()) }
    }
}

/// A URL of a relay: `https`, or `http` for one's own behind a tunnel, with a host.
pub(crate) fn relay_url(text: &str) -> Option<RelayUrl> {
    let url: RelayUrl = text.parse().ok()?;
    let is_web = url.scheme() == "https" || url.scheme() == "http";
    (is_web && url.has_host() && url.username().is_empty()).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_again() {
        for text in ["127.0.0.1:4433", "[::1]:1", "[2001:db8::7]:65535", "relay:https://r.example/"]
        {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
            assert_eq!(Address::from_foreign(&address.to_foreign()), Some(address));
        }
    }

    #[test]
    fn what_is_no_address_is_refused_by_its_text() {
        let long = format!("relay:https://{}.example/", "a".repeat(300));
        for text in ["", "host:1", "127.0.0.1", "127.0.0.1:0", "0.0.0.0:9", "relay:", "[::]:9"] {
            let error = text.parse::<Address>().unwrap_err();
            assert!(error.to_string().contains(&format!("`{text}`")), "{error}");
        }
        for text in
            ["relay:ftp://a/", "relay:file:///etc", "relay:https://me@a/", "224.0.0.1:1", &long]
        {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }

    #[test]
    fn how_far_a_packet_would_go_is_told() {
        let reach = |text: &str| text.parse::<Address>().unwrap().reach();
        for text in ["127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert_eq!(reach(text), Reach::Loopback, "{text}");
        }
        for text in ["192.168.1.2:1", "10.0.0.1:1", "169.254.1.1:1", "[fd00::1]:1", "[fe80::1]:1"] {
            assert_eq!(reach(text), Reach::Lan, "{text}");
        }
        for text in ["8.8.8.8:1", "[2001:db8::1]:1", "relay:https://localhost/"] {
            assert_eq!(reach(text), Reach::Internet, "{text}");
        }
    }
}
