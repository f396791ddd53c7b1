//! Who is connected and how far each is, as of now.

use std::collections::{BTreeMap, BTreeSet};

use segue_model::{DeviceId, DocumentId};

/// What the network knows that the store does not.
#[derive(Debug, Clone, Default)]
pub(crate) struct Live {
    /// Whether there is a network at all; without a reason for one there is none.
    pub(crate) is_bound: bool,
    pub(crate) names: BTreeMap<DeviceId, String>,
    /// Bytes of what came in batches.
    pub(crate) received: u64,
    online: BTreeSet<DeviceId>,
    /// Whether both hold the same, of each document that a session is about.
    steps: BTreeMap<(DeviceId, DocumentId), bool>,
    /// Devices with which everything was in step at some time since the agent started.
    met: BTreeSet<DeviceId>,
    reasons: BTreeMap<DeviceId, String>,
    /// Devices of which a person was told, since they are connected, that they are in step.
    told: BTreeSet<DeviceId>,
}

impl Live {
    /// Whether a device is connected.
    pub(crate) fn is_online(&self, device: &DeviceId) -> bool {
        self.online.contains(device)
    }

    /// Whether all that is shared with a connected device is in step.
    pub(crate) fn is_in_step(&self, device: &DeviceId) -> bool {
        let mut own = self.steps.iter().filter(|((other, _), _)| other == device).peekable();
        self.is_online(device) && own.peek().is_some() && own.all(|(_, in_step)| *in_step)
    }

    /// Every device of which something is known.
    pub(crate) fn devices(&self) -> BTreeSet<DeviceId> {
        let known = self.names.keys().chain(&self.online).chain(self.reasons.keys());
        known.copied().collect()
    }

    /// Whether all that is shared with a device was in step at some time since the agent started.
    pub(crate) fn has_met(&self, device: &DeviceId) -> bool {
        self.met.contains(device)
    }

    /// Why a device is not connected, or nothing is shared with it any more.
    pub(crate) fn reason(&self, device: &DeviceId) -> Option<&str> {
        self.reasons.get(device).map(String::as_str)
    }

    /// What people call a device.
    pub(crate) fn name(&self, device: &DeviceId) -> String {
        let id = || device.to_string().chars().take(8).collect();
        self.names.get(device).cloned().unwrap_or_else(id)
    }

    pub(super) fn up(&mut self, device: &DeviceId) -> String {
        self.online.insert(*device);
        self.reasons.remove(device);
        self.name(device)
    }

    pub(super) fn down(&mut self, device: &DeviceId, why: &str) -> String {
        self.online.remove(device);
        self.told.remove(device);
        self.steps.retain(|(other, _), _| other != device);
        self.reasons.insert(*device, why.to_owned());
        self.name(device)
    }

    /// It is nobody's device any more.
    pub(super) fn forget(&mut self, device: &DeviceId) -> String {
        let name = self.down(device, "");
        self.reasons.remove(device);
        self.met.remove(device);
        name
    }

    /// Nobody is connected any more; what came and whom it met stays so.
    pub(super) fn begins_anew(&mut self) {
        let Self { names, received, met, .. } = std::mem::take(self);
        *self = Self { names, received, met, ..Self::default() };
    }

    pub(super) fn unreached(&mut self, device: &DeviceId, why: &str) {
        self.reasons.insert(*device, why.to_owned());
    }

    /// Nothing is said of a document that is not shared any more.
    pub(super) fn apart(&mut self, device: &DeviceId, document: &DocumentId) {
        self.steps.remove(&(*device, *document));
    }

    /// Notes how far a session is; returns the name of a device that is in step for the first time since it
    /// is connected.
    pub(super) fn step(
        &mut self,
        device: &DeviceId,
        document: DocumentId,
        in_step: bool,
    ) -> Option<String> {
        self.steps.insert((*device, document), in_step);
        if !self.is_in_step(device) {
            return None;
        }
        self.met.insert(*device);
        self.told.insert(*device).then(|| self.name(device))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: DeviceId = DeviceId([1; 32]);

    #[test]
    fn a_device_is_in_step_when_all_that_is_shared_is_and_that_is_told_once_a_connection() {
        let mut live = Live::default();
        let documents = [DocumentId([1; 32]), DocumentId([2; 32])];
        assert!(!live.is_in_step(&PEER));
        live.up(&PEER);
        assert!(!live.is_in_step(&PEER), "nothing was compared yet");
        assert_eq!(live.step(&PEER, documents[0], false), None);
        assert_eq!(live.step(&PEER, documents[1], true), None);
        assert_eq!(live.step(&PEER, documents[0], true).as_deref(), Some("01010101"));
        assert_eq!(live.step(&PEER, documents[0], false), None);
        assert_eq!(live.step(&PEER, documents[0], true), None, "it was told");
        live.down(&PEER, "it left");
        assert!(!live.is_in_step(&PEER) && live.has_met(&PEER));
        assert_eq!(live.reason(&PEER), Some("it left"));
        live.up(&PEER);
        live.step(&PEER, documents[0], true);
        assert!(live.is_in_step(&PEER) && live.reason(&PEER).is_none());
    }
}
