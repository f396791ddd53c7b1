//! Tickets: made, shown by a device that wants in, and answered with a grant.
//!
//! Invariant: a grant is signed only for an invitation that is bound to the device, and in the transaction
//! that makes the invitation a used one.

use segue_access::{Invitation, Refusal, Role, Secret, SignedStatement, State, Statement, Ticket};
use segue_model::{DeviceId, DocumentId};
use segue_store::{DocumentRow, InvitationRow, PeerRow, Reader};
use segue_sync::join::{Asked, Refused};

use super::circle::Circle;
use super::ingest;
use crate::agent::Agent;
use crate::command::{AdmitReport, InviteReport, RoleName};
use crate::failure::Failure;
use crate::net::knock::{Answer, Knock};
use crate::net::waiting::say;

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Read => Self::Read,
            RoleName::Write => Self::Write,
            RoleName::Admin => Self::Admin,
        }
    }
}

/// What a ticket shall give.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) document: Option<String>,
    pub(crate) role: RoleName,
    /// For how long it is good.
    pub(crate) seconds: i64,
    /// Whoever comes with it is let in without being asked about.
    pub(crate) approved: bool,
}

/// Makes a ticket. `addresses` are those of this device.
pub(crate) fn invite(
    agent: &mut Agent,
    wish: &Wish,
    addresses: Vec<String>,
) -> Result<InviteReport, Failure> {
    let document = choose(agent, wish.document.as_deref())?;
    let circle = agent.circles.of(&agent.home.store, &document.id)?;
    let me = agent.home.device.id();
    if !circle.members.is_admin(&me) {
        let sentence = "this device may not invite others into this document";
        return Err(Failure::refused(sentence, "invite from a device that may: segue peers"));
    }
    let (secret, now) = (Secret(agent.world.random_bytes()), (agent.world.now)());
    let expires = now.saturating_add(wish.seconds);
    let role = Role::from(wish.role);
    let invitation = Invitation::open(&secret, document.id, role, now, expires)
        .map_err(|refusal| Failure::refused(refusal.to_string(), "say --expires 24h or less"))?;
    let ticket = Ticket {
        document: document.id,
        secret,
        inviter: me,
        role,
        expires,
        addresses,
        name: Some(agent.world.device.chars().take(64).collect()),
    };
    let text = ticket.encode().map_err(|error| Failure::refused(error.to_string(), ""))?;
    let tx = agent.home.store.transaction()?;
    tx.put_invitation(&row(&invitation, wish.approved))?;
    tx.commit()?;
    Ok(InviteReport {
        ticket: text,
        document: document.id.to_string(),
        schema: document.schema,
        role: wish.role,
        expires,
        cancelled: 0,
    })
}

/// Takes back every ticket that nobody has used; returns how many.
pub(crate) fn cancel(agent: &mut Agent) -> Result<u64, Failure> {
    let mut cancelled = 0;
    let rows = agent.home.store.invitations()?;
    let now = (agent.world.now)();
    let tx = agent.home.store.transaction()?;
    for row in rows {
        let (mut invitation, approved) = (invitation(&row)?, row.approved);
        let is_good = matches!(invitation.state, State::Open | State::Bound(_));
        if is_good && invitation.cancel().is_ok() {
            cancelled += u64::from(row.expires > now);
            tx.put_invitation(&self::row(&invitation, approved))?;
        }
    }
    tx.commit()?;
    Ok(cancelled)
}

/// The document that is meant: the one with this id or schema, else the only one that is in use.
fn choose(agent: &Agent, named: Option<&str>) -> Result<DocumentRow, Failure> {
    let documents = agent.home.store.documents()?;
    if let Some(named) = named {
        let is_it = |row: &DocumentRow| {
            row.schema == named || (named.len() >= 4 && row.id.to_string().starts_with(named))
        };
        let mut found = documents.into_iter().filter(is_it);
        return match (found.next(), found.next()) {
            (Some(row), None) => Ok(row),
            (Some(_), Some(_)) => {
                let sentence = format!("`{named}` names several documents");
                Err(Failure::refused(sentence, "say the id, as segue status --json prints it"))
            }
            (None, _) => {
                let sentence = format!("there is no document `{named}`");
                Err(Failure::refused(sentence, "say its id or its kind, such as music"))
            }
        };
    }
    let links = agent.home.store.links()?;
    let in_use = |row: &DocumentRow| links.iter().any(|l| l.active && l.document == row.id);
    let (used, other): (Vec<_>, Vec<_>) = documents.into_iter().partition(in_use);
    let mut candidates = if used.is_empty() { other } else { used };
    match candidates.len() {
        0 => Err(Failure::refused(
            "there is nothing to share yet",
            "link a library first: segue plan rhythmbox",
        )),
        1 => Ok(candidates.remove(0)),
        _ => Err(Failure::refused(
            "there are several documents",
            "say which: segue invite --document music",
        )),
    }
}

/// What follows when a device shows a ticket.
#[derive(Debug)]
pub(crate) enum Presented {
    /// It is not let in.
    Refused(Refusal),
    /// A person has to compare the words.
    Waits(Role),
    /// A person said yes beforehand: it is in.
    In(Role, Vec<SignedStatement>),
}

/// A device shows a ticket.
pub(crate) fn present(
    agent: &mut Agent,
    device: &DeviceId,
    asked: &Asked,
) -> Result<Presented, Failure> {
    let secret = Invitation::secret_hash(&asked.secret);
    let Some(known) = agent.home.store.invitation(&secret)? else {
        return Ok(Presented::Refused(Refusal::Unknown));
    };
    let (mut invitation, now) = (invitation(&known)?, (agent.world.now)());
    // The Welcome may have got lost: who was let in by this ticket, and still is, is told once more.
    if invitation.state == State::Used(*device) && invitation.document == asked.document {
        let circle = agent.circles.of(&agent.home.store, &invitation.document)?;
        if let Some(role) = circle.members.role_at(device, now) {
            return Ok(Presented::In(role, circle.statements.clone()));
        }
    }
    match invitation.present(&asked.secret, &asked.document, now, device) {
        Err(refusal) => Ok(Presented::Refused(refusal)),
        Ok(role) => {
            let tx = agent.home.store.transaction()?;
            tx.put_invitation(&row(&invitation, known.approved))?;
            tx.commit()?;
            if !known.approved {
                return Ok(Presented::Waits(role));
            }
            let statements = grant(agent, device, asked)?;
            Ok(Presented::In(role, statements))
        }
    }
}

/// Lets a device in whose ticket is bound to it. Returns the statements of the document.
pub(crate) fn grant(
    agent: &mut Agent,
    device: &DeviceId,
    asked: &Asked,
) -> Result<Vec<SignedStatement>, Failure> {
    let secret = Invitation::secret_hash(&asked.secret);
    let known = agent.home.store.invitation(&secret)?;
    let known = known.ok_or_else(|| Failure::refused(Refusal::Unknown.to_string(), ""))?;
    let mut invitation = invitation(&known)?;
    if (agent.world.now)() >= invitation.expires {
        return Err(Failure::refused(Refusal::Expired.to_string(), "make another: segue invite"));
    }
    invitation.complete(device).map_err(|refusal| {
        Failure::refused(refusal.to_string(), "make another ticket: segue invite")
    })?;
    let document = invitation.document;
    let said = Statement::Grant {
        document,
        nonce: agent.world.random_bytes(),
        to: *device,
        role: invitation.role,
        until: None,
    };
    let signed =
        agent.home.device.sign(&said).map_err(|error| Failure::refused(error.to_string(), ""))?;
    let peer = PeerRow { device: *device, addresses: asked.addresses.clone(), seen_at: None };
    let row = row(&invitation, known.approved);
    // Whoever comes back may have changes here that count again.
    ingest::say(agent, document, &[asked.vouch.clone(), signed], &|tx| {
        tx.put_invitation(&row)?;
        tx.put_peer(&peer)
    })?;
    Ok(Circle::load(&agent.home.store, &document)?.statements)
}

/// Says no to a device: its ticket is good for nobody any more.
pub(crate) fn decline(agent: &mut Agent, asked: &Asked) -> Result<(), Failure> {
    let secret = Invitation::secret_hash(&asked.secret);
    let Some(known) = agent.home.store.invitation(&secret)? else { return Ok(()) };
    let mut invitation = invitation(&known)?;
    if invitation.cancel().is_ok() {
        let tx = agent.home.store.transaction()?;
        tx.put_invitation(&row(&invitation, known.approved))?;
        tx.commit()?;
    }
    Ok(())
}

/// Takes back what is open, as an answer.
pub(crate) fn cancelled(agent: &mut Agent) -> Result<InviteReport, Failure> {
    let cancelled = cancel(agent)?;
    Ok(InviteReport {
        ticket: String::new(),
        document: String::new(),
        schema: String::new(),
        role: RoleName::Read,
        expires: 0,
        cancelled,
    })
}

/// A person answers a device that waits.
pub(crate) fn admit(agent: &mut Agent, text: &str, yes: bool) -> Result<AdmitReport, Failure> {
    let waiting = agent.net()?.waiting();
    let is_it = |knock: &Knock| {
        knock.asked.name == text || (text.len() >= 4 && knock.device.to_string().starts_with(text))
    };
    let mut found = waiting.take(&is_it);
    let Some(knock) = found.pop().filter(|_| found.is_empty()) else {
        for knock in found {
            waiting.put(knock);
        }
        let sentence = format!("no device `{text}` waits to be let in");
        return Err(Failure::refused(sentence, "see who does: segue peers"));
    };
    if !yes {
        decline(agent, &knock.asked)?;
        say(&knock.answer, Answer::Refused(Refused::Declined));
        return Ok(admitted(&knock.device, &knock.asked, Role::Read, false));
    }
    let statements = grant(agent, &knock.device, &knock.asked)?;
    let circle = Circle::of(statements, &knock.asked.document);
    let role = circle.members.role(&knock.device).unwrap_or(Role::Read);
    say(&knock.answer, Answer::Welcome(role, circle.statements));
    Ok(admitted(&knock.device, &knock.asked, role, true))
}

/// A device shows a ticket: it is answered, or waits for a person.
pub(crate) fn hear(agent: &mut Agent, knock: Knock) -> Result<Option<String>, Failure> {
    let answer = match present(agent, &knock.device, &knock.asked)? {
        Presented::Refused(refusal) => {
            say(&knock.answer, Answer::Refused(Refused::Ticket(refusal)));
            return Ok(Some(format!("refused {}: {refusal}", knock.asked.name)));
        }
        Presented::Waits(role) => {
            say(&knock.answer, Answer::Wait);
            let words = knock.asked.words.join(" · ");
            let sentence = format!(
                "was asked by {} to be let in ({role}); both screens must say: {words}; \
                 segue peers --admit {}",
                knock.asked.name,
                &knock.device.to_string()[..8]
            );
            agent.net()?.waiting().put(knock);
            return Ok(Some(sentence));
        }
        Presented::In(role, statements) => {
            say(&knock.answer, Answer::Wait);
            Answer::Welcome(role, statements)
        }
    };
    say(&knock.answer, answer);
    Ok(Some(format!("let {} in", knock.asked.name)))
}

/// Whether anybody may come with a ticket now.
pub(crate) fn is_anybody_expected(reader: &Reader, now: i64) -> Result<bool, Failure> {
    let rows = reader.invitations()?;
    Ok(rows.iter().any(|row| row.expires > now && row.state != "cancelled"))
}

/// What is told of a device that was let in, or not.
pub(crate) fn admitted(device: &DeviceId, asked: &Asked, role: Role, is_in: bool) -> AdmitReport {
    AdmitReport {
        peer: device.to_string(),
        name: asked.name.clone(),
        admitted: is_in,
        role: role.to_string(),
    }
}

fn row(invitation: &Invitation, approved: bool) -> InvitationRow {
    let (state, device) = match invitation.state {
        State::Open => ("open", None),
        State::Bound(device) => ("bound", Some(device)),
        State::Used(device) => ("used", Some(device)),
        State::Cancelled => ("cancelled", None),
    };
    let Invitation { secret, document, role, made, expires, .. } = *invitation;
    let (role, state) = (role.to_string(), state.to_owned());
    InvitationRow { secret, document, role, made, expires, approved, state, device }
}

fn invitation(row: &InvitationRow) -> Result<Invitation, Failure> {
    let damaged = || Failure::refused("what is kept of a ticket is damaged", "segue doctor");
    let roles = [Role::Relay, Role::Read, Role::Write, Role::Admin];
    let role = roles.into_iter().find(|role| role.to_string() == row.role);
    let state = match (row.state.as_str(), row.device) {
        ("open", _) => State::Open,
        ("bound", Some(device)) => State::Bound(device),
        ("used", Some(device)) => State::Used(device),
        ("cancelled", _) => State::Cancelled,
        _ => return Err(damaged()),
    };
    let InvitationRow { secret, document, made, expires, .. } = *row;
    Ok(Invitation { secret, document, role: role.ok_or_else(damaged)?, made, expires, state })
}

/// The document that a ticket names, if it is here.
pub(crate) fn is_here(agent: &Agent, document: &DocumentId) -> Result<bool, Failure> {
    Ok(agent.home.store.document(document)?.is_some())
}
