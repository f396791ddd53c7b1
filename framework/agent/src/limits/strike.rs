//! Strikes: the owner ends what a member said of limits of its own account.
//!
//! What may be struck is [`Limits::strikable`]'s to say. All serials of a limit are struck at once, since an earlier one
//! holds again when the last is gone. Nothing else loosens what somebody else said.
//!
//! Invariant: only the owner's person key signs a strike, and only of what then counts no longer.

use std::collections::BTreeMap;

use segue_access::{PersonKey, SignedStatement, Statement, StatementHash};
use segue_document::DOCUMENT_RECORD;
use segue_limits::{Body, Effective, Heard, Limits, MEMBER};
use segue_model::{DeviceId, DocumentId, ItemId, Proof};

use super::{Said, report};
use crate::agent::Agent;
use crate::command::{StrikeReport, StrikeRow};
use crate::failure::Failure;
use crate::pass::SameAs;
use crate::peers::ingest::say;
use crate::query;
use crate::shards::Shards;

/// A limit as it is struck: what holds of it, and all statements that say it.
struct Limit<'a> {
    latest: (StatementHash, &'a Heard),
    statements: Vec<StatementHash>,
}

/// Strikes a limit of an item, or says which can be struck.
pub(crate) fn strike(
    agent: &mut Agent,
    item: &str,
    limit: Option<&str>,
) -> Result<StrikeReport, Failure> {
    let (document, id) = query::named(agent, item)?;
    let record = query::shown_record(agent, document, id)?;
    let said = agent.said.of(&agent.home.store, &document)?;
    let title = crate::report::title(&record);
    let items = component(agent, document, ItemId(id))?;
    let effective = said.limits.effective(&items);
    if effective.heard.is_empty() {
        let hint = "see what is limited: segue licences";
        return Err(Failure::refused(format!("nothing limits {title}"), hint));
    }
    refuse_others(agent, &said)?;
    let limits = limits(&said.limits, &items);
    let chosen: Vec<&Limit<'_>> = match limit {
        None => limits.iter().collect(),
        Some(text) => vec![named(&said, &effective, &limits, text)?],
    };
    let mut report = StrikeReport {
        item: ItemId(id).to_string(),
        title,
        struck: Vec::new(),
        choices: limits.iter().map(|limit| row(&said, limit)).collect(),
    };
    match chosen[..] {
        [] => return Err(none(&said, &effective)),
        [one] => {
            let statements = sign(&agent.home.person, document, &one.statements)?;
            report.struck.push(row(&said, one));
            say(agent, document, &statements, &|_| Ok(()))?;
        }
        _ => {}
    }
    Ok(report)
}

/// The items that read as one with this one.
fn component(agent: &Agent, document: DocumentId, item: ItemId) -> Result<Vec<ItemId>, Failure> {
    let mut shards = Shards::new(&agent.home.store, document, agent.home.actor)?;
    let same = SameAs::of(&shards.record(&DOCUMENT_RECORD, None)?);
    let component = same.component(&item).cloned().unwrap_or_else(|| [item].into());
    Ok(component.into_iter().collect())
}

/// Nobody hears a strike of anybody but the owner.
fn refuse_others(agent: &Agent, said: &Said) -> Result<(), Failure> {
    // In a document that nobody else has heard of, its owner has said so, too.
    if said.members.owner() == Some(agent.home.person.id()) {
        return Ok(());
    }
    let sentence = "only the owner of the document can strike a limit";
    Err(Failure::refused(sentence, "do it in the folder (--home) in which the document began"))
}

/// What may be struck, one for each that says it of each licence.
fn limits<'l>(limits: &'l Limits, items: &[ItemId]) -> Vec<Limit<'l>> {
    let mut all: BTreeMap<_, Limit<'l>> = BTreeMap::new();
    for (statement, heard) in limits.strikable(items) {
        let key = (heard.said_by, &heard.carrier, &heard.issuer, &heard.licence);
        let new = Limit { latest: (statement, heard), statements: Vec::new() };
        let limit = all.entry(key).or_insert(new);
        limit.statements.push(statement);
        if heard.serial > limit.latest.1.serial {
            limit.latest = (statement, heard);
        }
    }
    all.into_values().collect()
}

/// The limit that a person means by the beginning of an id.
fn named<'l, 'a>(
    said: &Said,
    effective: &Effective,
    limits: &'l [Limit<'a>],
    text: &str,
) -> Result<&'l Limit<'a>, Failure> {
    let is_it = |statement: &StatementHash| name(statement).starts_with(text);
    let found: Vec<&Limit<'_>> =
        limits.iter().filter(|limit| limit.statements.iter().any(is_it)).collect();
    match found[..] {
        [one] if text.len() >= 4 => Ok(one),
        [] if effective.heard.keys().any(is_it) && text.len() >= 4 => Err(none(said, effective)),
        _ => {
            let sentence = format!("`{text}` names no limit of this item, or more than one");
            Err(Failure::refused(sentence, "see their ids: segue licences strike ITEM"))
        }
    }
}

/// Why nothing of what holds can be struck.
fn none(said: &Said, effective: &Effective) -> Failure {
    let is_proven = |heard: &&Heard| matches!(heard.proof, Proof::Signed { .. });
    match effective.heard.values().find(|heard| !is_proven(heard)) {
        None => Failure::refused(
            "its issuer signed that, and only the issuer can loosen it",
            "ask the issuer to renew it: segue licences says who that is",
        ),
        Some(found) => {
            let name = said.members.name(&DeviceId(found.said_by)).unwrap_or("a device");
            let sentence = format!("{name} found that in a file, and would find it again");
            let hint = format!("renew or remove that licence ({}), then sync", found.carrier);
            Failure::refused(sentence, hint)
        }
    }
}

fn row(said: &Said, limit: &Limit<'_>) -> StrikeRow {
    let (statement, heard) = limit.latest;
    StrikeRow { id: name(&statement), licence: report::licence(said, heard) }
}

/// A statement as people see it.
pub(crate) fn name(statement: &StatementHash) -> String {
    statement.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Signs that these statements count no longer.
fn sign(
    owner: &PersonKey,
    document: DocumentId,
    statements: &[StatementHash],
) -> Result<Vec<SignedStatement>, Failure> {
    let refused = |error: String| Failure::refused(error, "");
    let sign = |statement: &StatementHash| {
        let body = Body::Strike { statement: *statement }.encode();
        let body = body.map_err(|error| refused(error.to_string()))?;
        let said = Statement::Limit { document, body };
        owner.sign(&said).map_err(|error| refused(error.to_string()))
    };
    statements.iter().map(sign).collect()
}

/// What a device said of limits.
pub(crate) struct OfMember {
    /// How many limits hold on.
    pub(crate) kept: u64,
    /// How many end.
    pub(crate) struck: u64,
    /// The strikes that end them.
    pub(crate) strikes: Vec<SignedStatement>,
}

/// What a device said of a document's limits; `ends` says whether what it said of its own account shall end.
///
/// # Errors
/// If there is something to strike, and this is not the owner's folder.
pub(crate) fn of_member(
    agent: &Agent,
    document: DocumentId,
    device: DeviceId,
    ends: bool,
) -> Result<OfMember, Failure> {
    let said = agent.said.of(&agent.home.store, &document)?;
    let heard = said.limits.items().flat_map(|(_, effective)| effective.heard.values());
    let holding: Vec<&Heard> = heard.filter(|heard| heard.said_by == device.0).collect();
    let is_own = |heard: &Heard| heard.said_by == device.0 && *heard.carrier == *MEMBER;
    let of_own = holding.iter().filter(|heard| is_own(heard)).count();
    let (mut struck, mut strikes) = (0, Vec::new());
    if ends {
        let items: Vec<ItemId> = said.limits.items().map(|(item, _)| *item).collect();
        let all = said.limits.strikable(&items);
        let own = all.iter().filter(|(_, heard)| is_own(heard));
        let statements: Vec<StatementHash> = own.map(|(statement, _)| *statement).collect();
        if !statements.is_empty() {
            refuse_others(agent, &said)?;
        }
        struck = of_own;
        strikes = sign(&agent.home.person, document, &statements)?;
    }
    Ok(OfMember { kept: (holding.len() - struck) as u64, struck: struck as u64, strikes })
}
