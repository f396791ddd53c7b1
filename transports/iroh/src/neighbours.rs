//! Devices in the same local network, by mDNS.
//!
//! What others announce is a claim: only addresses in the allowed network are passed on, and who is there
//! proves its key when it is dialled. Without a network that knows multicast nothing is found, which is no error.

use iroh::address_lookup::{
    AddrFilter, AddressLookup, AddressLookupBuilder, AddressLookupBuilderError, EndpointData,
    EndpointInfo, Error, Item,
};
use iroh::{Endpoint, EndpointId};
use iroh_mdns_address_lookup::MdnsAddressLookup;
use n0_future::StreamExt;
use n0_future::boxed::BoxStream;
use std::time::Duration;

use crate::address::Reach;
use crate::network::within;

/// The name under which devices announce themselves.
const SERVICE: &str = "segue1";

/// How often is asked who is there.
const CADENCE: Duration = Duration::from_secs(2);

/// What makes the look-up once the endpoint is there.
#[derive(Debug)]
pub(crate) struct Neighbours(Reach);

#[derive(Debug)]
struct Lookup {
    mdns: Option<MdnsAddressLookup>,
    filter: AddrFilter,
}

impl Neighbours {
    pub(crate) fn within(reach: Reach) -> Self {
        Self(reach)
    }
}

impl AddressLookupBuilder for Neighbours {
    fn into_address_lookup(
        self,
        endpoint: &Endpoint,
    ) -> Result<impl AddressLookup, AddressLookupBuilderError> {
        let builder = MdnsAddressLookup::builder().service_name(SERVICE);
        let mdns = builder.discovery_cadence(CADENCE).build(endpoint.id());
        Ok(Lookup { mdns: mdns.ok(), filter: within(self.0) })
    }
}

impl AddressLookup for Lookup {
    fn publish(&self, data: &EndpointData) {
        if let Some(mdns) = &self.mdns {
            mdns.publish(data);
        }
    }

    fn resolve(&self, id: EndpointId) -> Option<BoxStream<Result<Item, Error>>> {
        let found = self.mdns.as_ref()?.resolve(id)?;
        let filter = self.filter.clone();
        Some(Box::pin(found.map(move |item| item.map(|item| filtered(&item, &filter)))))
    }
}

/// The item with those of its addresses that lie in the allowed network.
fn filtered(item: &Item, filter: &AddrFilter) -> Item {
    let data = item.endpoint_info().data.apply_filter(filter).into_owned();
    let info = EndpointInfo::from_parts(item.endpoint_id(), data);
    Item::new(info, item.provenance(), item.last_updated())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_announced_outside_the_allowed_network_is_not_passed_on() {
        let claims =
            ["192.168.7.7:9", "127.0.0.1:9", "8.8.8.8:9", "[2001:db8::1]:9", "[fe80::1]:9"];
        let claims = claims.iter().map(|text| iroh::TransportAddr::Ip(text.parse().unwrap()));
        let relay = iroh::TransportAddr::Relay("https://r.example/".parse().unwrap());
        let data = EndpointData::new(claims.chain([relay]).collect());
        let id = iroh::SecretKey::from_bytes(&[1; 32]).public();
        let item = Item::new(EndpointInfo::from_parts(id, data), "mdns", None);
        let kept = |reach| filtered(&item, &within(reach)).to_endpoint_addr().addrs.len();
        assert_eq!((kept(Reach::Loopback), kept(Reach::Lan), kept(Reach::Internet)), (1, 3, 6));
    }
}
