//! Puts a device out of every document in which this one may.
//!
//! What the device wrote and this one has counts on: the revoke names it. What it writes afterwards, or wrote
//! and sent to nobody, counts nowhere. What it said of limits holds on, unless the owner strikes it with the same word.

use std::collections::BTreeMap;

use segue_access::{
    Cut, Members, Node, SignedStatement, Statement, StatementHash, admission, cut_heads,
};
use segue_model::{DeviceId, DocumentId};
use segue_store::Reader;

use super::ingest::say;
use super::settle::node;
use crate::agent::Agent;
use crate::command::RevokeReport;
use crate::failure::Failure;
use crate::limits::strike::{OfMember, of_member};
use crate::shards;

/// The device that is meant by an id, the beginning of one, or a name.
pub(crate) fn find(agent: &mut Agent, text: &str) -> Result<DeviceId, Failure> {
    let mut found = BTreeMap::new();
    for row in agent.home.store.documents()? {
        let circle = agent.circles.of(&agent.home.store, &row.id)?;
        for (device, _) in circle.members.devices() {
            let name = circle.members.name(&device);
            let id = device.to_string();
            if (text.len() >= 4 && id.starts_with(text)) || name == Some(text) {
                found.insert(device, name.unwrap_or(&id[..8]).to_owned());
            }
        }
    }
    let mut devices = found.into_iter();
    match (devices.next(), devices.next()) {
        (Some((device, _)), None) => Ok(device),
        (Some(_), Some(_)) => {
            let sentence = format!("`{text}` is more than one device");
            Err(Failure::refused(sentence, "say more of its id: segue peers"))
        }
        (None, _) => {
            let sentence = format!("there is no device `{text}`");
            Err(Failure::refused(sentence, "see which there are: segue peers"))
        }
    }
}

/// Revokes every role of a device, in all documents in which this device may; with `limits` what it said of limits of its
/// own account ends, too.
pub(crate) fn revoke(agent: &mut Agent, text: &str, limits: bool) -> Result<RevokeReport, Failure> {
    let device = find(agent, text)?;
    if device == agent.home.device.id() {
        let hint = "revoke it from another device, or unlink its libraries: segue unlink";
        return Err(Failure::refused("this is the device that you sit at", hint));
    }
    let (mut name, mut done, mut denied) = (None, 0, None);
    let (mut kept, mut struck) = (0, 0);
    let mut said = said_of_limits(agent, device, limits)?;
    for row in agent.home.store.documents()? {
        let circle = agent.circles.of(&agent.home.store, &row.id)?;
        let members = &circle.members;
        let is_owner = members.owner() == Some(agent.home.person.id());
        let grants: Vec<StatementHash> = if is_owner {
            members.unsilenced(&device).collect()
        } else {
            members.grants(&device).map(|(hash, ..)| hash).collect()
        };
        if grants.is_empty() {
            continue;
        }
        name = name.or_else(|| members.name(&device).map(str::to_owned));
        if !is_owner && !members.is_admin(&agent.home.device.id()) {
            denied = Some(row.schema);
            continue;
        }
        let cut = cut(&agent.home.store, &row.id, members, &device)?;
        let mut statements = Vec::new();
        for grant in grants {
            let keeps = members.said_by(&device);
            let said = Statement::Revoke { document: row.id, grant, keeps, cut: cut.clone() };
            statements.push(signed(agent, is_owner, &said)?);
        }
        if let Some(of_limits) = said.remove(&row.id) {
            (kept, struck) = (kept + of_limits.kept, struck + of_limits.struck);
            statements.extend(of_limits.strikes);
        }
        say(agent, row.id, &statements, &|_| Ok(()))?;
        done += 1;
    }
    match (done, denied) {
        (0, Some(schema)) => Err(Failure::refused(
            format!("this device may not revoke others in {schema}"),
            "revoke it from a device that may: segue peers",
        )),
        (0, None) => Err(Failure::refused("that device has no role any more", "segue peers")),
        _ => Ok(RevokeReport {
            peer: device.to_string(),
            name,
            documents: done,
            limits_kept: kept,
            limits_struck: struck,
        }),
    }
}

/// What a device said of limits, by document in which this one may revoke it. Whether all of it can end is known before
/// anything is said.
fn said_of_limits(
    agent: &mut Agent,
    device: DeviceId,
    ends: bool,
) -> Result<BTreeMap<DocumentId, OfMember>, Failure> {
    let mut all = BTreeMap::new();
    for row in agent.home.store.documents()? {
        let circle = agent.circles.of(&agent.home.store, &row.id)?;
        let is_owner = circle.members.owner() == Some(agent.home.person.id());
        if is_owner || circle.members.is_admin(&agent.home.device.id()) {
            all.insert(row.id, of_member(agent, row.id, device, ends)?);
        }
    }
    Ok(all)
}

/// The owner's word cannot be taken away, so the owner signs as a person.
fn signed(agent: &Agent, is_owner: bool, said: &Statement) -> Result<SignedStatement, Failure> {
    let signed = if is_owner { agent.home.person.sign(said) } else { agent.home.device.sign(said) };
    signed.map_err(|error| Failure::refused(error.to_string(), ""))
}

/// Up to where the device's changes count: all of them that count now.
fn cut(
    reader: &Reader,
    document: &DocumentId,
    members: &Members,
    device: &DeviceId,
) -> Result<Cut, Failure> {
    let genesis = shards::genesis()?;
    let mut cut = Cut::new();
    for shard in reader.shards_with_log(document)?.into_keys() {
        let log = reader.log(document, shard)?;
        if log.iter().all(|entry| entry.author != *device) {
            continue;
        }
        let nodes: Vec<Node> = log.iter().filter_map(node).collect();
        let admitted = admission(members, shard, &genesis, &nodes);
        let heads = cut_heads(device, &admitted, &genesis, &nodes);
        if !heads.is_empty() {
            cut.insert(shard, heads);
        }
    }
    Ok(cut)
}
