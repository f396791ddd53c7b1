//! Names of links and devices for people, and where a value came from.
//!
//! What links of this device are is in the store. Those of other devices are named by what the
//! document says of them, and by the names that its statements give to devices.

use std::collections::BTreeMap;

use segue_access::Members;
use segue_document::{ChangeHeader, DOCUMENT_RECORD, Descriptor, descriptors};
use segue_model::{DeviceId, DocumentId, LinkId, OperationId};
use segue_store::Reader;

use crate::agent::Agent;
use crate::failure::Failure;
use crate::members::members;
use crate::pass::Member;
use crate::shards::Shards;

/// Names for one report.
pub(crate) struct Names {
    /// What people call libraries of this device.
    labels: BTreeMap<LinkId, String>,
    /// Links of other devices that have not ended.
    others: BTreeMap<LinkId, Descriptor>,
    documents: Vec<(DocumentId, Members)>,
    own: DeviceId,
    /// What this device calls itself.
    hostname: String,
}

/// Where a value came from.
pub(crate) struct Source {
    /// The operation's number, if it is one of this device.
    pub(crate) number: Option<i64>,
    /// When, in Unix seconds, by the clock of the device that made it.
    pub(crate) at: Option<i64>,
    /// Which device made it.
    device: Option<DeviceId>,
}

impl Names {
    /// The names of all links, ended ones too, and of those in `members` that do not exist yet.
    pub(crate) fn of(agent: &Agent, linking: &[Member]) -> Result<Self, Failure> {
        let store = &agent.home.store;
        let mut labels: BTreeMap<LinkId, String> =
            store.links()?.into_iter().map(|row| (row.id, row.app)).collect();
        labels.extend(linking.iter().map(|member| (member.row.id, member.label.clone())));
        let (mut others, mut documents) = (BTreeMap::new(), Vec::new());
        for row in store.documents()? {
            let mut shards = Shards::new(store, row.id, agent.home.actor)?;
            let said = descriptors(&shards.record(&DOCUMENT_RECORD, None)?);
            others.extend(said.into_iter().filter_map(|(link, said)| Some((link, said?))));
            documents.push((row.id, members(store, &row.id)?));
        }
        let (own, hostname) = (agent.home.device.id(), agent.world.device.clone());
        Ok(Self { labels, others, documents, own, hostname })
    }

    /// The app of a link, or what people call the library where this device has several of the app.
    pub(crate) fn library(&self, link: LinkId) -> String {
        let own = self.labels.get(&link).cloned();
        let described = || self.others.get(&link).map(|said| said.app.clone());
        own.or_else(described).unwrap_or_else(|| format!("another device ({link})"))
    }

    /// The library of a link, with the device if that is another one.
    pub(crate) fn link(&self, link: LinkId) -> String {
        match self.others.get(&link).filter(|_| !self.labels.contains_key(&link)) {
            Some(said) => format!("{}@{}", said.app, self.device(said.device)),
            None => self.library(link),
        }
    }

    /// Whether `text` names the link: its library, or that and the device.
    pub(crate) fn is_called(&self, link: LinkId, text: &str) -> bool {
        let library = self.library(link);
        text == self.link(link)
            || text == library
            || self.place(link).is_some_and(|place| {
                text.strip_prefix(&*library).and_then(|rest| rest.strip_prefix('@'))
                    == Some(&self.device(place))
            })
    }

    /// Whether a link is of this device.
    pub(crate) fn is_own(&self, link: LinkId) -> bool {
        self.labels.contains_key(&link)
    }

    /// The name of the device that holds a value: the link's, else the one that the value came from;
    /// empty if neither is known.
    pub(crate) fn holder(&self, link: Option<LinkId>, source: &Source) -> String {
        let device = link.and_then(|link| self.place(link)).or(source.device);
        device.map(|device| self.device(device)).unwrap_or_default()
    }

    /// Where the value of an operation came from: this device's own log, else the signed one.
    pub(crate) fn source(&self, store: &Reader, operation: OperationId) -> Result<Source, Failure> {
        if let Some(row) = store.operation_by_id(operation)? {
            let device = Some(self.own);
            return Ok(Source { number: Some(row.n), at: Some(row.at), device });
        }
        for (document, _) in &self.documents {
            if let Some(entry) = store.log_operation_first(document, operation)? {
                let at = ChangeHeader::read(&entry.raw).ok().map(|header| header.time);
                return Ok(Source { number: None, at, device: Some(entry.author) });
            }
        }
        Ok(Source { number: None, at: None, device: None })
    }

    fn place(&self, link: LinkId) -> Option<DeviceId> {
        if self.labels.contains_key(&link) {
            return Some(self.own);
        }
        self.others.get(&link).map(|said| said.device)
    }

    /// What the documents' statements call a device, else what it calls itself, else how its id
    /// begins.
    fn device(&self, device: DeviceId) -> String {
        let said = self.documents.iter().find_map(|(_, members)| members.name(&device));
        match said {
            Some(name) => name.to_owned(),
            None if device == self.own => self.hostname.clone(),
            None => device.to_string()[..8].to_owned(),
        }
    }
}
