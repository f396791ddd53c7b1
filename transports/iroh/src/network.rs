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
    /// The local network, and everything that the configuration names.
    Internet(Internet),
}

/// The servers that a person chose. Without any, `Internet` still dials public addresses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Internet {
    /// URLs of relays, which pass on encrypted packets where there is no direct way.
    pub relays: Vec<String>,
    /// The URL of a registry (a pkarr relay) that is told at which relay this device is, and asked for others.
    pub registry: Option<String>,
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
        *self != Self::Loopback
    }

    /// What the endpoint binds, uses and announces.
    pub(crate) fn builder(&self) -> Result<Builder, BindError> {
        let builder = Endpoint::builder(presets::Minimal)
            .relay_mode(RelayMode::Disabled)
            .clear_address_lookup()
            .addr_filter(within(self.reach()));
        match self {
            Self::Loopback => loopback(builder),
            Self::Lan => Ok(builder.address_lookup(Neighbours::within(Reach::Lan))),
            Self::Internet(chosen) => {
                chosen.apply(builder.address_lookup(Neighbours::within(Reach::Internet)))
            }
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

fn loopback(builder: Builder) -> Result<Builder, BindError> {
    let optional = BindOpts::default().set_is_required(false);
    let bound = builder.clear_ip_transports().bind_addr("127.0.0.1:0");
    let bound = bound.and_then(|builder| builder.bind_addr_with_opts("[::1]:0", optional));
    bound.map_err(|error| BindError::Socket(error.to_string()))
}

impl Internet {
    fn apply(&self, builder: Builder) -> Result<Builder, BindError> {
        let parse = |text: &String| relay_url(text).ok_or_else(|| BindError::Url(text.clone()));
        let relays = self.relays.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        let builder =
            if relays.is_empty() { builder } else { builder.relay_mode(RelayMode::custom(relays)) };
        let Some(registry) = &self.registry else { return Ok(builder) };
        let url = parse(registry)?;
        Ok(builder
            .address_lookup(PkarrPublisher::builder(url.clone().into()))
            .address_lookup(PkarrResolver::builder(url.into())))
    }
}
