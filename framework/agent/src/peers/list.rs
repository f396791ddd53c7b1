//! The other devices, as far as the store knows them.

use std::collections::BTreeMap;

use segue_model::DeviceId;

use crate::agent::Agent;
use crate::command::{InvitationView, PeerRow, PeersReport, RefusedView};
use crate::failure::Failure;

/// What is listed of what was refused.
const REFUSED_MAX: usize = 20;

/// Every device with a role in a document of ours, tickets that are good, and what was refused.
pub(crate) fn list(agent: &mut Agent) -> Result<PeersReport, Failure> {
    let now = (agent.world.now)();
    let me = agent.home.device.id();
    let mut peers: BTreeMap<DeviceId, PeerRow> = BTreeMap::new();
    let mut roles = BTreeMap::new();
    for document in agent.home.store.documents()? {
        let circle = agent.circles.of(&agent.home.store, &document.id)?;
        let members = &circle.members;
        for (device, role) in members.devices().filter(|(device, _)| *device != me) {
            let grants = members.grants(&device).filter(|(_, other, _)| *other == role);
            let until = grants.map(|(.., until)| until.unwrap_or(i64::MAX)).max();
            let row = peers.entry(device).or_insert_with(|| PeerRow {
                id: device.to_string(),
                name: members.name(&device).map(str::to_owned),
                role: String::new(),
                until: until.filter(|until| *until < i64::MAX),
                online: false,
                in_step: false,
                seen_at: None,
                documents: Vec::new(),
                reason: None,
            });
            row.documents.push(document.id.to_string());
            let highest = roles.entry(device).or_insert(role);
            *highest = role.max(*highest);
            row.role = highest.to_string();
        }
    }
    for row in agent.home.store.peers()? {
        if let Some(peer) = peers.get_mut(&row.device) {
            peer.seen_at = row.seen_at;
        }
    }
    let good = agent
        .home
        .store
        .invitations()?
        .into_iter()
        .filter(|row| row.expires > now && matches!(row.state.as_str(), "open" | "bound"));
    let invitations = good.map(|row| InvitationView {
        document: row.document.to_string(),
        role: row.role,
        expires: row.expires,
        device: row.device.map(|device| device.to_string()),
    });
    let invitations = invitations.collect();
    let refused = agent.home.store.culprits()?.into_iter().take(REFUSED_MAX).map(|row| {
        let (why, times, last_at) = (row.why, row.times, row.last_at);
        RefusedView { id: row.device.to_string(), why, times, last_at }
    });
    let refused = refused.collect();
    Ok(PeersReport {
        me: me.to_string(),
        network: None,
        peers: peers.into_values().collect(),
        waiting: Vec::new(),
        invitations,
        refused,
    })
}
