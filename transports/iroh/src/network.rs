//! How far a node may reach, and what it asks and tells on the way.
//!
//! Invariant: nothing is contacted that the person did not choose. The public servers of the library
//! below are used only where [`Internet`] names them.

use std::borrow::Cow;

use iroh::address_lookup::{AddrFilter, PkarrPublisher, PkarrResolver};
use iroh::endpoint::{BindOpts, Builder, RelayMode, presets};
use iroh::{Endpoint, TransportAddr};

use crate::address::{Address, Reach, relay_url};
use crate::error::BindError;
use crate::neighbours::Neighbours;

/// How far a node may reach.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Network {
    /// This computer: only loopback addresses are bound and dialled, and no packet leaves.
    #[default]
    Loopback,
    /// The local network: private and link-local addresses, and devices find each other by mDNS, which tells
    /// everybody in this network the device's id and addresses.
    Lan,
    /// Any address, and everything that the configuration names.
    Internet(Internet),
}

/// What a person chose. Without anything, addresses are dialled and nobody is asked or told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Internet {
    /// URLs of relays, which pass on encrypted packets where there is no direct way.
    pub relays: Vec<String>,
    /// The URL of a registry (a pkarr relay) that is told at which relay this device is, and asked for others.
    pub registry: Option<String>,
    /// Whether devices in the local network find each other by mDNS as in [`Network::Lan`].
    pub mdns: bool,
}

impl Network {
    pub(crate) fn reach(&self) -> Reach {
        match self {
            Self::Loopback => Reach::Loopback,
            Self::Lan => Reach::Lan,
            Self::Internet(_) => Reach::Internet,
        }
    }

    /// Whether a device can be found without any address of it.
    pub(crate) fn looks_up(&self) -> bool {
        match self {
            Self::Loopback => false,
            Self::Lan => true,
            Self::Internet(chosen) => chosen.mdns || chosen.registry.is_some(),
        }
    }

    /// What the endpoint binds, uses and announces.
    pub(crate) fn builder(&self, port: u16) -> Result<Builder, BindError> {
        let builder = Endpoint::builder(presets::Minimal)
            .relay_mode(RelayMode::Disabled)
            .clear_address_lookup()
            .addr_filter(within(self.reach()));
        match self {
            Self::Loopback => {
                bound(builder, [format!("127.0.0.1:{port}"), format!("[::1]:{port}")])
            }
            Self::Lan => {
                let builder = bound(builder, everywhere(port))?;
                Ok(builder.address_lookup(Neighbours::within(Reach::Lan)))
            }
            Self::Internet(chosen) => chosen.apply(bound(builder, everywhere(port))?),
        }
    }
}

/// Keeps the addresses that lie in the allowed network.
pub(crate) fn within(reach: Reach) -> AddrFilter {
    let is_within = move |foreign: &TransportAddr| {
        Address::from_foreign(foreign).is_some_and(|address| address.reach() <= reach)
    };
    AddrFilter::new(move |addresses| {
        Cow::Owned(addresses.iter().filter(|address| is_within(address)).cloned().collect())
    })
}

fn everywhere(port: u16) -> [String; 2] {
    [format!("0.0.0.0:{port}"), format!("[::]:{port}")]
}

/// Binds these and nothing else. A computer without IPv6 does without the second.
fn bound(builder: Builder, [v4, v6]: [String; 2]) -> Result<Builder, BindError> {
    let optional = BindOpts::default().set_is_required(false);
    let bound = builder.clear_ip_transports().bind_addr(v4);
    let bound = bound.and_then(|builder| builder.bind_addr_with_opts(v6, optional));
    bound.map_err(|error| BindError::Socket(error.to_string()))
}

impl Internet {
    fn apply(&self, builder: Builder) -> Result<Builder, BindError> {
        let parse = |text: &String| relay_url(text).ok_or_else(|| BindError::Url(text.clone()));
        let relays = self.relays.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        let builder =
            if relays.is_empty() { builder } else { builder.relay_mode(RelayMode::custom(relays)) };
        let builder = if self.mdns {
            builder.address_lookup(Neighbours::within(Reach::Internet))
        } else {
            builder
        };
        let Some(registry) = &self.registry else { return Ok(builder) };
        let url = parse(registry)?;
        Ok(builder
            .address_lookup(PkarrPublisher::builder(url.clone().into()))
            .address_lookup(PkarrResolver::builder(url.into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn internet(relays: &[&str], registry: Option<&str>, mdns: bool) -> Network {
        let relays = relays.iter().map(ToString::to_string).collect();
        Network::Internet(Internet { relays, registry: registry.map(str::to_owned), mdns })
    }

    #[test]
    fn nobody_is_asked_where_a_device_is_unless_that_was_chosen() {
        let looks_up = |network: Network| network.looks_up();
        assert!(!looks_up(Network::default()));
        assert!(looks_up(Network::Lan));
        assert!(!looks_up(Network::Internet(Internet::default())));
        assert!(!looks_up(internet(&["https://r.example/"], None, false)));
        assert!(looks_up(internet(&[], Some("https://p.example/"), false)));
        assert!(looks_up(internet(&[], None, true)));
    }

    #[test]
    fn a_server_that_is_no_url_is_refused_by_its_text() {
        for network in
            [internet(&["ftp://r.example/"], None, false), internet(&[], Some("pkarr"), false)]
        {
            let error = network.builder(0).err().unwrap().to_string();
            assert!(error.contains("`ftp://r.example/`") || error.contains("`pkarr`"), "{error}");
        }
    }
}
