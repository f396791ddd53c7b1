//! Joining a document with a ticket: what this device stores of it, and what becomes of the links that
//! it has already.
//!
//! A library belongs to one document. Whoever joins with libraries of their own keeps these linked to the old
//! document until they say that they shall move; then they are as new to the joined one, where a first
//! contact deletes nothing. The old document stays.

use segue_access::{SignedStatement, Statement, Ticket, TicketError};
use segue_model::DocumentId;
use segue_store::{DocumentRow, PeerRow, Reader, StoreError};
use segue_sync::join::Welcomed;

use super::circle;
use crate::agent::Agent;
use crate::command::{JoinReport, LibrarySpec};
use crate::failure::Failure;
use crate::{libraries, undo};

/// Reads a ticket, and refuses one that this device has no use for.
pub(crate) fn ticket(agent: &Agent, text: &str) -> Result<Ticket, Failure> {
    let ticket = Ticket::decode(text).map_err(|error| {
        let hint = match error {
            TicketError::Newer => "update Segue on this computer",
            _ => "copy it whole, from `segue1` to its end, as segue invite printed it",
        };
        Failure::refused(error.to_string(), hint)
    })?;
    if ticket.inviter == agent.home.device.id() {
        let sentence = "this ticket is for another device: this one made it";
        return Err(Failure::refused(sentence, "join from the other device"));
    }
    if super::invite::is_here(agent, &ticket.document)? {
        let sentence = "this device has joined that document already";
        return Err(Failure::refused(sentence, "see how it is: segue peers"));
    }
    if (agent.world.now)() >= ticket.expires {
        let hint = "ask for another: segue invite, on the other device";
        return Err(Failure::refused("the ticket has expired", hint));
    }
    Ok(ticket)
}

/// Other devices are reached only by an agent.
pub(crate) fn no_agent() -> Failure {
    Failure::refused("the agent is not running", "start it: segue up")
}

/// The statement by which this device's person vouches for it.
pub(crate) fn vouch(agent: &Agent) -> Result<SignedStatement, Failure> {
    let (person, device) = (&agent.home.person, agent.home.device.id());
    let name: String = agent.world.device.chars().filter(|c| !c.is_control()).take(64).collect();
    let name = if name.trim().is_empty() { "another device".to_owned() } else { name };
    let said = Statement::Device { person: person.id(), device, name: name.into() };
    person.sign(&said).map_err(|error| Failure::refused(error.to_string(), ""))
}

/// Stores what the inviter gave. With `moves` the libraries that belong to another document of the kind
/// leave it.
pub(crate) fn begin(
    agent: &mut Agent,
    ticket: &Ticket,
    welcomed: &Welcomed,
    moves: bool,
) -> Result<JoinReport, Failure> {
    let Ok(Statement::Root { schema, .. }) = welcomed.root.verify() else {
        return Err(Failure::refused("the document has no root", ""));
    };
    let mut addresses = welcomed.addresses.clone();
    addresses.extend(ticket.addresses.iter().filter(|a| !welcomed.addresses.contains(a)).cloned());
    let row = DocumentRow {
        id: ticket.document,
        schema: schema.to_string(),
        root_statement: welcomed.root.bytes.clone(),
        created_at: (agent.world.now)(),
    };
    let peer = PeerRow { device: ticket.inviter, addresses, seen_at: None };
    let tx = agent.home.store.transaction()?;
    tx.put_document(&row)?;
    for statement in std::iter::once(&welcomed.root).chain(&welcomed.statements) {
        circle::keep(&tx, &ticket.document, statement)?;
    }
    tx.put_peer(&peer)?;
    tx.put_setting(&current_key(&schema), &ticket.document.to_string())?;
    tx.commit()?;
    let (other_links, moved) = links_elsewhere(agent, &ticket.document, &schema, moves)?;
    Ok(JoinReport {
        document: ticket.document.to_string(),
        schema: schema.to_string(),
        peer: ticket.inviter.to_string(),
        name: ticket.name.clone(),
        role: welcomed.role.to_string(),
        items: 0,
        in_step: false,
        other_links,
        moved,
    })
}

/// Libraries of this kind that belong to other documents: those that stay there, and those that left.
fn links_elsewhere(
    agent: &mut Agent,
    joined: &DocumentId,
    schema: &str,
    moves: bool,
) -> Result<(Vec<String>, Vec<String>), Failure> {
    let (mut stay, mut moved) = (Vec::new(), Vec::new());
    for row in agent.home.store.links()? {
        if !row.active || row.document == *joined {
            continue;
        }
        let document = agent.home.store.document(&row.document)?;
        if document.is_none_or(|document| document.schema != schema) {
            continue;
        }
        let all = [(row.app.clone(), row.path.clone())];
        let label = libraries::label(&row.app, &row.path, &all);
        if moves {
            let path = Some(row.path.clone());
            undo::unlink(agent, &LibrarySpec { app: row.app, path, root: None })?;
            moved.push(label);
        } else {
            stay.push(label);
        }
    }
    Ok((stay, moved))
}

/// The document that new libraries of a kind are linked to, if one was joined.
pub(crate) fn current(reader: &Reader, schema: &str) -> Result<Option<DocumentId>, StoreError> {
    Ok(reader.setting(&current_key(schema))?.and_then(|text| text.parse().ok()))
}

fn current_key(schema: &str) -> String {
    format!("joined {schema}")
}
