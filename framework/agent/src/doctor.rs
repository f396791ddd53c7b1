//! Checks everything, and proves every cache equal to what the log makes.

use std::collections::BTreeSet;

use segue_access::{Node, Role, SignedStatement, admission, verify_change};
use segue_model::{ChangeHash, DocumentId};
use segue_reconcile::exclusion::Exclusion;
use segue_store::{DocumentRow, LogEntry, StatementRow};

use crate::agent::Agent;
use crate::command::{Check, DoctorReport, LibraryLost, Lost};
use crate::failure::Failure;
use crate::libraries;
use crate::limits::seats;
use crate::peers::circle::Circle;
use crate::peers::settle;
use crate::progress::Progress;
use crate::shards;
use crate::views;

/// Checks the store, the log, the caches, the links and the backups.
pub(crate) fn doctor(agent: &mut Agent, progress: &dyn Progress) -> Result<DoctorReport, Failure> {
    let mut lost = Vec::new();
    let mut checks = vec![check("store", agent.home.store.check().map(|()| "sound".to_owned()))];
    for row in agent.home.store.documents()? {
        progress.step(&format!("Checking {}", row.schema), None);
        let name = format!("{} {}", row.schema, &row.id.to_string()[..8]);
        checks.push(check(&format!("{name}: members"), members(agent, &row)));
        checks.push(check(&format!("{name}: log"), log(agent, &row.id, progress)));
        checks.push(check(&format!("{name}: caches"), caches(agent, &row.id)));
        let seats = seats::check(agent, &row.id);
        if seats.is_err() {
            checks.push(check(&format!("{name}: seats"), seats));
        }
    }
    for row in agent.home.store.links()?.into_iter().filter(|row| row.active) {
        let found = libraries::open(agent, &row.app, &row.path).and_then(|library| {
            let (store, schema) = (&agent.home.store, library.capabilities().schema);
            let read = crate::reading::read(&*library, store, Some(row.id), &Exclusion::default())?;
            let own = crate::losses::of_reading(store, row.id, schema, &read)?;
            Ok((own, format!("{} items", read.items)))
        });
        let name = format!("{} {}", row.app, row.path.display());
        checks.push(check(&name, found.as_ref().map(|(_, items)| items.clone())));
        if let Ok((own, _)) = found
            && own != Lost::default()
        {
            lost.push(LibraryLost { library: name, lost: own });
        }
    }
    let waiting = agent.home.store.intents()?.len();
    let journal = match waiting {
        0 => "empty".to_owned(),
        some => format!("{some} writes were interrupted; the next `segue sync` finishes them"),
    };
    checks.push(Check { name: "journal".into(), passed: true, detail: journal });
    let sound = checks.iter().all(|check| check.passed);
    Ok(DoctorReport { checks, lost, sound })
}

fn check<E: std::fmt::Display>(name: &str, result: Result<String, E>) -> Check {
    let (passed, detail) = match result {
        Ok(detail) => (true, detail),
        Err(error) => (false, error.to_string()),
    };
    Check { name: name.to_owned(), passed, detail }
}

/// The root statement makes the document's id, every statement is signed, and this device has a role.
fn members(agent: &Agent, row: &DocumentRow) -> Result<String, Failure> {
    let circle = Circle::load(&agent.home.store, &row.id)?;
    let (members, me) = (&circle.members, agent.home.device.id());
    let stored = agent.home.store.statements(&row.id)?;
    let is_its_own = |(row, signed): &(StatementRow, &SignedStatement)| {
        row.hash == signed.hash() && signed.verify().is_ok()
    };
    if members.owner().is_none()
        || !stored.into_iter().zip(&circle.statements).all(|s| is_its_own(&s))
    {
        let sentence = "a statement about who may what is not signed, or the document has no root";
        return Err(Failure::refused(sentence, "restore the store from a backup"));
    }
    let role = members.role(&me);
    if role < Some(Role::Read) {
        return Err(Failure::refused("this device has no right to read", "join again"));
    }
    let devices = members.devices().count();
    let devices = if devices == 1 { "1 device".into() } else { format!("{devices} devices") };
    Ok(if role < Some(Role::Write) { format!("{devices}; this one only reads") } else { devices })
}

/// Every change, in the log and aside, is signed by its author; and the log holds exactly what the rules
/// let count, each change after those that it was made upon.
fn log(agent: &Agent, document: &DocumentId, progress: &dyn Progress) -> Result<String, Failure> {
    let store = &agent.home.store;
    let members = Circle::load(store, document)?.members;
    let (mut count, mut aside_count) = (0, 0);
    let mut shards = store.shards_with_log(document)?;
    shards.extend(store.shards_with_aside(document)?);
    for shard in shards.into_keys() {
        let (log, aside) = (store.log(document, shard)?, store.aside(document, shard)?);
        let nodes = log.iter().chain(&aside).map(|entry| signed(document, shard, entry));
        let nodes = nodes.collect::<Result<Vec<Node>, Failure>>()?;
        in_order(shard, &nodes[..log.len()])?;
        let admitted = admission(&members, shard, &shards::genesis()?, &nodes).admitted;
        let held: BTreeSet<ChangeHash> = log.iter().map(|entry| entry.hash).collect();
        if admitted != held {
            let sentence =
                format!("the log of part {shard} is not what its members may have written");
            return Err(Failure::refused(sentence, "segue sync brings it in order, with any peer"));
        }
        count += log.len() as u64;
        aside_count += aside.len() as u64;
        progress.advance(count);
    }
    let aside = match aside_count {
        0 => String::new(),
        some => format!("; {some} more lie aside and do not count"),
    };
    Ok(format!("{count} changes, all signed{aside}"))
}

fn signed(document: &DocumentId, shard: u8, entry: &LogEntry) -> Result<Node, Failure> {
    let signed = verify_change(&entry.author, document, shard, &entry.hash, &entry.signature);
    let node = settle::node(entry).filter(|node| node.hash == entry.hash && signed.is_ok());
    node.ok_or_else(|| {
        let sentence = format!("a change in part {shard} is not its author's");
        Failure::refused(sentence, "restore the store from a backup")
    })
}

fn in_order(shard: u8, log: &[Node]) -> Result<(), Failure> {
    let mut before = BTreeSet::from([shards::genesis()?]);
    for node in log {
        if !node.deps.iter().all(|dep| before.contains(dep)) {
            let sentence = format!("a change in part {shard} comes before what it was made upon");
            return Err(Failure::refused(sentence, "restore the store from a backup"));
        }
        before.insert(node.hash);
    }
    Ok(())
}

/// Every cached shard and every row of the projection is what the log alone makes; what is not is
/// made anew.
fn caches(agent: &mut Agent, document: &DocumentId) -> Result<String, Failure> {
    let mut wrong = 0;
    let known = agent.home.store.heads(document)?;
    let all = agent.home.store.shards_with_log(document)?;
    for (index, log_len) in &all {
        let rebuilt = shards::rebuild(&agent.home.store, document, *index, agent.home.actor)?;
        let heads = rebuilt.heads();
        let mut same = known.get(index) == Some(&heads);
        if let Some(saved) = agent.home.store.shard(document, *index)? {
            same &= shards::is_equal(&rebuilt, &agent.home.store, document, *index, &saved);
        }
        if !same {
            wrong += 1;
            let tx = agent.home.store.transaction()?;
            tx.put_shard(document, *index, &heads, &rebuilt.save(), *log_len)?;
            tx.put_heads(document, *index, &heads)?;
            tx.commit()?;
        }
    }
    let before = rows(agent, document)?;
    let fresh = views_are_current(agent, document)?;
    let tx = agent.home.store.transaction()?;
    tx.drop_views(document)?;
    tx.commit()?;
    views::refresh(agent, document)?;
    if fresh && rows(agent, document)? != before {
        wrong += 1;
    }
    match wrong {
        0 => Ok(format!("{} parts, equal to the log", all.len())),
        some => Err(Failure::refused(
            format!("{some} caches differed from the log; they were rebuilt"),
            "",
        )),
    }
}

fn views_are_current(agent: &Agent, document: &DocumentId) -> Result<bool, Failure> {
    let store = &agent.home.store;
    Ok(store.view_heads(document)? == store.heads(document)?)
}

fn rows(agent: &Agent, document: &DocumentId) -> Result<Vec<segue_store::ViewRow>, Failure> {
    let mut rows = Vec::new();
    agent.home.store.views(document, &mut |row| {
        rows.push(row);
        std::ops::ControlFlow::Continue(())
    })?;
    Ok(rows)
}
