//! Which links an operation began or ended, and turning that back.
//!
//! Invariant: a library has at most one active link.

use std::collections::{BTreeMap, BTreeSet};

use segue_document::{COLLECTION_SHARD, DOCUMENT_RECORD, Descriptor};
use segue_model::{Heads, LinkId, NativeId};
use segue_store::{LinkRow, OperationRow, Reader, StoreError, Tx};

use crate::agent::Agent;
use crate::failure::Failure;
use crate::operate::Operation;
use crate::shards::{Changed, Shards};

/// What an operation did to a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It began.
    Linked,
    /// It ended.
    Unlinked,
}

impl Turn {
    /// What undoing it does.
    pub(crate) const fn back(self) -> Self {
        match self {
            Self::Linked => Self::Unlinked,
            Self::Unlinked => Self::Linked,
        }
    }

    fn key(self, operation: i64) -> String {
        match self {
            Self::Linked => format!("operation {operation} linked"),
            Self::Unlinked => format!("operation {operation} unlinked"),
        }
    }
}

/// Remembers that an operation turned these links.
pub(crate) fn note(
    tx: &Tx<'_>,
    operation: i64,
    turn: Turn,
    links: impl Iterator<Item = LinkId>,
) -> Result<(), StoreError> {
    let links: Vec<String> = links.map(|link| link.to_string()).collect();
    if links.is_empty() {
        return Ok(());
    }
    tx.put_setting(&turn.key(operation), &links.join(" "))
}

/// The links that an operation turned.
pub(crate) fn turned(
    reader: &Reader,
    operation: i64,
    turn: Turn,
) -> Result<Vec<LinkId>, StoreError> {
    let text = reader.setting(&turn.key(operation))?.unwrap_or_default();
    Ok(text.split(' ').filter_map(|link| link.parse().ok()).collect())
}

/// Refuses to take an operation back that would bring links back which others have replaced: two
/// links of one library would both speak for it, and items that were made anew since would stand
/// twice.
pub(crate) fn refuse_replaced(agent: &Agent, undone: &OperationRow) -> Result<(), Failure> {
    let store = &agent.home.store;
    let operations = store.operations()?;
    for link in turned(store, undone.n, Turn::Unlinked)? {
        let Some(row) = store.link(link)? else { continue };
        if active_of(store, &row)?.is_some_and(|other| other.id != link) {
            let sentence = format!("{} was linked anew since", row.app);
            return Err(Failure::refused(sentence, "it is linked; see: segue status"));
        }
        // Ending a link deleted nothing; taking a first contact back deleted what only it brought.
        let replaces = |other: &LinkRow| match undone.kind.as_str() {
            "unlink" => same_library(other, &row),
            _ => other.document == row.document,
        };
        for later in operations.iter().filter(|later| later.n > undone.n && later.kind == "apply") {
            let began = turned(store, later.n, Turn::Linked)?;
            let rows =
                began.into_iter().map(|link| store.link(link)).collect::<Result<Vec<_>, _>>()?;
            if rows.iter().flatten().any(replaces) && stands(&operations, later) {
                let sentence = format!("op {} linked libraries since", later.n);
                let hint = format!("take that back first: segue undo {}", later.n);
                return Err(Failure::refused(sentence, hint));
            }
        }
    }
    Ok(())
}

/// Whether an operation was not taken back, or was brought again.
fn stands(operations: &[OperationRow], row: &OperationRow) -> bool {
    let undo = operations.iter().find(|other| row.undone_by == Some(other.n));
    undo.is_none_or(|undo| !stands(operations, undo))
}

/// Ends the links that operation `undone` began.
pub(crate) fn end(tx: &Tx<'_>, undone: i64, number: i64) -> Result<(), StoreError> {
    turn_back(tx, &turned(tx, undone, Turn::Linked)?, Turn::Linked, number)
}

/// Begins the links again that operation `undone` ended.
pub(crate) fn begin_again(agent: &mut Agent, undone: i64, number: i64) -> Result<(), Failure> {
    let turned = turned(&agent.home.store, undone, Turn::Unlinked)?;
    let mut orphans = Vec::new();
    for link in &turned {
        orphans.push((*link, orphaned(agent, *link)?));
    }
    let tx = agent.home.store.transaction()?;
    turn_back(&tx, &turned, Turn::Unlinked, number)?;
    for (link, natives) in orphans.iter().filter(|(_, natives)| !natives.is_empty()) {
        for native in natives {
            tx.remove_base_item(*link, native)?;
        }
        if let Some(row) = tx.link(*link)? {
            tx.put_link(&LinkRow { revision: None, ..row })?;
        }
    }
    Ok(tx.commit()?)
}

fn turn_back(tx: &Tx<'_>, links: &[LinkId], turn: Turn, number: i64) -> Result<(), StoreError> {
    for link in links {
        if let Some(mut row) = tx.link(*link)? {
            row.active = turn.back() == Turn::Linked;
            tx.put_link(&row)?;
        }
    }
    note(tx, number, turn.back(), links.iter().copied())
}

/// Says in the document that a link ended: what it has keeps nothing alive, on any device. Returns
/// what that changed, and the state that the document's other libraries may then be said to have
/// been shown, if they had been shown all before: it is nothing that they show.
pub(crate) fn say_ended(
    agent: &Agent,
    row: &LinkRow,
    operation: &Operation,
) -> Result<(Changed, BTreeMap<LinkId, Heads>), Failure> {
    let store = &agent.home.store;
    let mut shards = Shards::new(store, row.document, agent.home.actor)?;
    let before = shards.heads(COLLECTION_SHARD);
    if !crate::members::may_write(&agent.home, &row.document)? {
        return Ok((shards.into_changed(), BTreeMap::new()));
    }
    let writes = BTreeMap::from([(DOCUMENT_RECORD, vec![Descriptor::clear(row.id)])]);
    shards.commit(COLLECTION_SHARD, None, operation.id, operation.time, &writes)?;
    let after = shards.heads(COLLECTION_SHARD);
    let mut shown = BTreeMap::new();
    for other in store.links()?.into_iter().filter(|other| other.document == row.document) {
        if store.link_heads(other.id)?.get(&COLLECTION_SHARD) == Some(&before) {
            shown.insert(other.id, after.clone());
        }
    }
    Ok((shards.into_changed(), shown))
}

/// What a link has in its base that was deleted while it had ended: it brings that anew.
fn orphaned(agent: &Agent, link: LinkId) -> Result<Vec<NativeId>, Failure> {
    let store = &agent.home.store;
    let Some(row) = store.link(link)? else { return Ok(Vec::new()) };
    let mut shards = Shards::new(store, row.document, agent.home.actor)?;
    let mut live = BTreeSet::new();
    for shard in shards.written() {
        let records = shards.records(shard)?.into_iter();
        live.extend(records.filter(|(_, record)| record.live.is_some()).map(|(id, _)| id));
        shards.release(shard);
    }
    let mut orphans = Vec::new();
    store.bindings(link, |native, item, gone| {
        if !gone && !live.contains(&item.0) {
            orphans.push(NativeId::new(native));
        }
    })?;
    Ok(orphans)
}

/// The active link of the library that `row` is a link of.
pub(crate) fn active_of(reader: &Reader, row: &LinkRow) -> Result<Option<LinkRow>, StoreError> {
    let links = reader.links()?.into_iter();
    Ok(links.filter(|other| other.active).find(|other| same_library(other, row)))
}

fn same_library(a: &LinkRow, b: &LinkRow) -> bool {
    a.app == b.app && a.path == b.path
}
