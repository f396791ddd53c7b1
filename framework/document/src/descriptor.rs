//! What the document says of its links: of which app and on which device each one is.
//!
//! A link is a library of one device, and only that device knows its row. So that the others can
//! name it, and know when it ended, the document's own record has a register for each link:
//! `link/<link id>`, a list of the app and the device id, null once the link ended. Only the link's
//! own device writes it. A link without one began before there were descriptors: it is not known,
//! and nobody may take it for ended.

use std::collections::BTreeMap;

use segue_model::{DeviceId, LinkId, Value};

use crate::record::Record;
use crate::resolve;
use crate::write::Write;

/// What registers that describe links are called, before the link's id.
const PREFIX: &str = "link/";

/// What a link is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// The app whose library it is.
    pub app: String,
    /// The device on which that is.
    pub device: DeviceId,
}

impl Descriptor {
    /// Says what `link` is, in the document's own record.
    pub fn write(&self, link: LinkId) -> Write {
        let value = Value::list([self.app.clone(), self.device.to_string()]);
        Write::Register { name: name(link), value: Some(value), link: Some(link) }
    }

    /// Says that `link` ended, also where nothing was said of it.
    pub fn clear(link: LinkId) -> Write {
        Write::Compete { name: name(link), value: None, link: Some(link) }
    }

    fn of(value: &Value) -> Option<Self> {
        let [app, device] = value.as_list()? else { return None };
        Some(Self { app: app.to_string(), device: device.parse().ok()? })
    }
}

/// The links of which the document's own record says something; `None` for those that ended. What
/// a newer Segue says in other words is left out; where a link ended for one copy of a device and
/// not for another, it did not.
pub fn descriptors(record: &Record) -> BTreeMap<LinkId, Option<Descriptor>> {
    let link = |name: &str| name.strip_prefix(PREFIX)?.parse::<LinkId>().ok();
    let links = record.registers.keys().filter_map(|name| Some((link(name)?, name)));
    let said = links.filter_map(|(link, name)| {
        let candidates = resolve::register(record, name).0;
        let mut values = candidates.iter().rev().filter_map(|candidate| candidate.value.as_ref());
        match values.next() {
            None => Some((link, None)),
            Some(value) => Some((link, Some(Descriptor::of(value)?))),
        }
    });
    said.collect()
}

fn name(link: LinkId) -> String {
    format!("{PREFIX}{link}")
}

#[cfg(test)]
mod tests {
    use segue_model::OperationId;

    use super::*;
    use crate::{COLLECTION_SHARD, DOCUMENT_RECORD, Shard};

    const LINK: LinkId = LinkId([7; 8]);

    fn said(shard: &Shard) -> BTreeMap<LinkId, Option<Descriptor>> {
        descriptors(&shard.record(&DOCUMENT_RECORD, None).unwrap())
    }

    fn put(shard: &mut Shard, operation: u8, write: Write) -> usize {
        let writes = BTreeMap::from([(DOCUMENT_RECORD, vec![write])]);
        let made = shard.commit(None, OperationId([operation; 8]), 0, &writes).unwrap();
        made.map_or(0, |made| made.changes.len())
    }

    #[test]
    fn a_link_is_described_ends_and_begins_again() {
        let mut shard = Shard::create([1; 16]).unwrap();
        let described = Descriptor { app: "rhythmbox".into(), device: DeviceId([9; 32]) };
        assert_eq!(put(&mut shard, 1, described.write(LINK)), 1);
        assert_eq!(put(&mut shard, 2, described.write(LINK)), 0, "said already");
        assert_eq!(said(&shard), BTreeMap::from([(LINK, Some(described.clone()))]));
        put(&mut shard, 3, Descriptor::clear(LINK));
        assert_eq!(said(&shard), BTreeMap::from([(LINK, None)]));
        put(&mut shard, 4, described.write(LINK));
        assert_eq!(said(&shard)[&LINK], Some(described));
        let record = shard.record(&DOCUMENT_RECORD, None).unwrap();
        assert_eq!(record.live, None, "the document's own record is no item");
        assert_eq!(crate::shard_of(&DOCUMENT_RECORD), COLLECTION_SHARD);
    }

    #[test]
    fn a_link_that_nobody_described_can_end() {
        let mut shard = Shard::create([1; 16]).unwrap();
        put(&mut shard, 1, Descriptor::clear(LINK));
        assert_eq!(said(&shard), BTreeMap::from([(LINK, None)]));
    }

    #[test]
    fn a_descriptor_wins_over_a_concurrent_end() {
        let mut shard = Shard::create([1; 16]).unwrap();
        let described = Descriptor { app: "rhythmbox".into(), device: DeviceId([9; 32]) };
        put(&mut shard, 1, described.write(LINK));
        let again = Descriptor { app: "copy".into(), ..described };
        let mut copies = [2, 3].map(|actor| Shard::open(&shard.save(), [actor; 16]).unwrap());
        put(&mut copies[0], 2, Descriptor::clear(LINK));
        put(&mut copies[1], 3, again.write(LINK));
        for copy in copies {
            let changes: Vec<_> = copy.changes().into_iter().map(|change| change.bytes).collect();
            shard.apply(&changes).unwrap();
        }
        assert_eq!(said(&shard)[&LINK], Some(again));
    }
}
