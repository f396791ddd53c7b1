//! Judges what a peer sent: statements first, then changes, and stores what is good in one transaction.
//!
//! Nothing is decoded before its signature was verified and its size, header and author's quota were
//! checked. What an author may not write is kept aside, within bounds, because a member may have built
//! on it; whoever broke a rule is noted.
//!
//! Invariant: what is reported as held is durable.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use segue_access::{Members, Quota, SignedStatement, Standing, Usage, is_actor_of, verify_change};
use segue_document::ChangeHeader;
use segue_model::{ChangeHash, DeviceId, DocumentId, OperationId};
use segue_store::{LinkRow, LogEntry, StoreError, Tx};
use segue_sync::{Batch, Fault, Ingested, Refused, SignedChange, statement_id};

use super::circle::{self, Circle};
use super::hands;
use super::settle::{Place, Settled};
use crate::agent::Agent;
use crate::failure::Failure;
use crate::limits::seats;

/// Bytes of changes that may lie aside in one document because they came and do not count: they wait, or
/// their authors may not write. What counted once and does no longer is always kept.
const ASIDE_BYTES_MAX: u64 = 16 << 20;
/// So many culprits may be devices that nobody let in: whoever makes up keys must not fill the record.
const STRANGERS_NOTED_MAX: usize = 64;

/// What came of a batch, beside what its session is told.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// The document has other values now.
    pub(crate) document: bool,
}

/// What is stored in the same transaction.
type Also<'a> = &'a dyn Fn(&Tx<'_>) -> Result<(), StoreError>;

/// Judges and stores a batch.
pub(crate) fn ingest(
    agent: &mut Agent,
    document: DocumentId,
    number: u64,
    batch: Batch,
) -> Result<(Ingested, News), Failure> {
    let mut judge = Judge::new(agent, document, number)?;
    let fresh = judge.statements(agent, batch.statements)?;
    let circle = judge.widened(&fresh);
    let came = judge.changes(agent, batch.changes)?;
    let state = seats::heard(agent, &document, &circle.members, &fresh)?;
    let keep = |tx: &Tx<'_>| state.iter().try_for_each(|state| seats::put(tx, &document, state));
    let news = judge.follow(agent, &circle, &fresh, came, &keep)?;
    Ok((judge.done, news))
}

/// Stores statements of this device with all that follows from them, and `also`, in one transaction.
pub(crate) fn say(
    agent: &mut Agent,
    document: DocumentId,
    statements: &[SignedStatement],
    also: Also<'_>,
) -> Result<(), Failure> {
    let mut judge = Judge::new(agent, document, 0)?;
    let circle = judge.widened(statements);
    judge.follow(agent, &circle, statements, BTreeMap::new(), also)?;
    Ok(())
}

/// Whether the changes of anybody who wrote something count otherwise than before.
fn has_moved(
    agent: &Agent,
    document: &DocumentId,
    before: &Members,
    after: &Members,
) -> Result<bool, Failure> {
    let authors = agent.home.store.authors(document)?;
    Ok(authors.iter().any(|author| before.standing(author) != after.standing(author)))
}

struct Judge {
    document: DocumentId,
    now: i64,
    quota: Quota,
    circle: Arc<Circle>,
    done: Ingested,
    /// What is added to each author's account by this batch.
    added: BTreeMap<DeviceId, Usage>,
    /// Somebody writes as this device who is not this store: it was copied or restored.
    is_cloned: bool,
}

impl Judge {
    fn new(agent: &mut Agent, document: DocumentId, number: u64) -> Result<Self, Failure> {
        Ok(Self {
            document,
            now: (agent.world.now)(),
            quota: Quota::default(),
            circle: agent.circles.of(&agent.home.store, &document)?,
            done: Ingested { number, ..Ingested::default() },
            added: BTreeMap::new(),
            is_cloned: false,
        })
    }

    fn refuse(
        &mut self,
        change: Option<(u8, ChangeHash)>,
        author: DeviceId,
        fault: Fault,
        why: &dyn ToString,
    ) {
        self.done.refused.push(Refused { change, author, fault, why: why.to_string() });
    }

    /// Whether an author may store so much more, which is then counted.
    fn may_add(
        &mut self,
        agent: &Agent,
        author: &DeviceId,
        more: Usage,
    ) -> Result<Result<(), String>, Failure> {
        let stored = agent.home.store.usage(&self.document, author)?;
        let added = self.added.entry(*author).or_default();
        let used = Usage {
            changes: stored.changes + added.changes,
            bytes: stored.bytes + added.bytes,
            statements: stored.statements + added.statements,
        };
        if let Err(over) = self.quota.check(&used, &more) {
            return Ok(Err(over.to_string()));
        }
        added.changes += more.changes;
        added.bytes += more.bytes;
        added.statements += more.statements;
        Ok(Ok(()))
    }

    /// The statements that are valid, new and matter.
    fn statements(
        &mut self,
        agent: &Agent,
        came: Vec<SignedStatement>,
    ) -> Result<Vec<SignedStatement>, Failure> {
        let known: BTreeSet<_> = self.circle.statements.iter().map(statement_id).collect();
        let mut fresh = Vec::new();
        for statement in came {
            let author = DeviceId(statement.signer);
            if known.contains(&statement_id(&statement)) {
                continue;
            }
            if let Err(error) = statement.verify() {
                self.refuse(None, author, Fault::Sender, &error);
                continue;
            }
            fresh.push(statement);
        }
        let members = self.widened(&fresh);
        let (matter, rest): (Vec<_>, Vec<_>) =
            fresh.into_iter().partition(|statement| members.members.is_relevant(statement));
        for statement in rest {
            let author = DeviceId(statement.signer);
            // Of somebody who is not known the grant may come in the next batch.
            let is_known = members.members.role(&author).is_some();
            let fault = if is_known { Fault::Author } else { Fault::Unknown };
            self.refuse(None, author, fault, &"a statement of somebody who has no say here");
        }
        let mut kept = Vec::new();
        for statement in matter {
            let author = DeviceId(statement.signer);
            let bytes = statement.bytes.len() as u64;
            match self.may_add(agent, &author, Usage { changes: 0, bytes, statements: 1 })? {
                Ok(()) => kept.push(statement),
                Err(over) => self.refuse(None, author, Fault::Author, &over),
            }
        }
        Ok(kept)
    }

    /// The circle with these statements too.
    fn widened(&self, fresh: &[SignedStatement]) -> Arc<Circle> {
        if fresh.is_empty() {
            return Arc::clone(&self.circle);
        }
        let all = self.circle.statements.iter().chain(fresh).cloned().collect();
        Arc::new(Circle::of(all, &self.document))
    }

    /// The changes to be settled, by shard. What is here already is only noted.
    fn changes(
        &mut self,
        agent: &Agent,
        came: Vec<SignedChange>,
    ) -> Result<BTreeMap<u8, Vec<LogEntry>>, Failure> {
        let mut shards: BTreeMap<u8, Vec<LogEntry>> = BTreeMap::new();
        let mut aside: BTreeMap<u8, BTreeSet<ChangeHash>> = BTreeMap::new();
        for change in came {
            let shard = change.shard;
            if let std::collections::btree_map::Entry::Vacant(entry) = aside.entry(shard) {
                let hashes = agent.home.store.aside_hashes(&self.document, shard)?;
                entry.insert(hashes.into_iter().collect());
            }
            let is_aside = |hash: &ChangeHash| aside[&shard].contains(hash);
            if let Some(entry) = self.change(agent, change, &is_aside)? {
                let others = shards.entry(shard).or_default();
                if others.iter().all(|other| other.hash != entry.hash) {
                    others.push(entry);
                }
            }
        }
        Ok(shards)
    }

    fn change(
        &mut self,
        agent: &Agent,
        change: SignedChange,
        is_aside: &dyn Fn(&ChangeHash) -> bool,
    ) -> Result<Option<LogEntry>, Failure> {
        let SignedChange { shard, author, signature, raw } = change;
        let header = match ChangeHeader::read(&raw) {
            Ok(header) => header,
            Err(error) => {
                self.refuse(None, author, Fault::Sender, &error);
                return Ok(None);
            }
        };
        let at = (shard, header.hash);
        let store = &agent.home.store;
        if is_aside(&header.hash) || store.log_has(&self.document, shard, &header.hash)? {
            self.done.held.push(at);
            return Ok(None);
        }
        if let Err(error) = verify_change(&author, &self.document, shard, &header.hash, &signature)
        {
            self.refuse(Some(at), author, Fault::Sender, &error);
            return Ok(None);
        }
        if !is_actor_of(&author, &header.actor) {
            self.refuse(Some(at), author, Fault::Author, &"a change under another device's name");
            return Ok(None);
        }
        if author == agent.home.device.id() && header.actor.ends_with(&agent.home.actor) {
            self.is_cloned = true;
        }
        let bytes = raw.len() as u64;
        if let Err(over) =
            self.may_add(agent, &author, Usage { changes: 1, bytes, statements: 0 })?
        {
            self.refuse(Some(at), author, Fault::Author, &over);
            return Ok(None);
        }
        let (document, hash, operation) = (self.document, header.hash, header.operation);
        Ok(Some(LogEntry { document, shard, hash, author, signature, operation, raw }))
    }

    /// Works out what follows for every shard, and stores it.
    fn follow(
        &mut self,
        agent: &mut Agent,
        circle: &Circle,
        fresh: &[SignedStatement],
        mut came: BTreeMap<u8, Vec<LogEntry>>,
        also: Also<'_>,
    ) -> Result<News, Failure> {
        let store = &agent.home.store;
        let mut touched: BTreeSet<u8> = came.keys().copied().collect();
        if has_moved(agent, &self.document, &self.circle.members, &circle.members)? {
            touched.extend(store.shards_with_log(&self.document)?.into_keys());
            touched.extend(store.shards_with_aside(&self.document)?.into_keys());
        }
        let came =
            touched.into_iter().map(|shard| (shard, came.remove(&shard).unwrap_or_default()));
        let place = Place {
            reader: store,
            document: &self.document,
            shard: 0,
            me: agent.home.device.id(),
            actor: agent.home.actor,
            members: &circle.members,
            room: ASIDE_BYTES_MAX.saturating_sub(store.aside_bytes(&self.document)?),
        };
        let mut settled = hands::settle_all(store, &place, came.collect())?;
        self.store(agent, circle, fresh, &mut settled, also)?;
        Ok(News { document: settled.iter().any(|(_, settled)| settled.advances()) })
    }

    /// One transaction with all that is good, with what this device writes anew because of it, and with what
    /// is to be noted.
    fn store(
        &mut self,
        agent: &mut Agent,
        circle: &Circle,
        fresh: &[SignedStatement],
        settled: &mut [(u8, Settled)],
        also: Also<'_>,
    ) -> Result<(), Failure> {
        let operation = OperationId(agent.world.random_bytes());
        let is_another = self.is_cloned || settled.iter().any(|(_, settled)| settled.has_own());
        let incarnation =
            is_another.then(|| agent.home.next_incarnation(&agent.world)).transpose()?;
        for (shard, settled) in settled.iter_mut() {
            if let Some(incarnation) = &incarnation {
                settled.author_again(incarnation.actor, operation, self.now)?;
            }
            self.report(*shard, settled, &circle.members);
        }
        let links: Vec<LinkRow> = agent.home.store.links()?;
        let links: Vec<LinkRow> =
            links.into_iter().filter(|row| row.document == self.document).collect();
        let tx = agent.home.store.transaction()?;
        for statement in fresh {
            self.done.brought_news |= circle::keep(&tx, &self.document, statement)?;
        }
        for (_, settled) in settled.iter() {
            let by = (&agent.home.device, operation);
            settled.persist(&tx, &self.document, &links, by)?;
        }
        self.note_culprits(&tx, circle, settled, agent.home.device.id())?;
        if let Some(incarnation) = &incarnation {
            incarnation.put(&tx)?;
        }
        also(&tx)?;
        tx.commit()?;
        if let Some(incarnation) = incarnation {
            (agent.home.incarnation, agent.home.actor) = (incarnation.number, incarnation.actor);
        }
        Ok(())
    }

    fn note_culprits(
        &self,
        tx: &Tx<'_>,
        circle: &Circle,
        settled: &[(u8, Settled)],
        me: DeviceId,
    ) -> Result<(), Failure> {
        let authors = self.done.refused.iter().filter(|refused| refused.fault == Fault::Author);
        let mut strangers = None;
        for refused in authors {
            let is_stranger = circle.members.role(&refused.author).is_none()
                && circle.members.standing(&refused.author) == Standing::Stranger;
            if is_stranger {
                let noted = match &mut strangers {
                    Some(noted) => noted,
                    None => strangers.insert(noted_strangers(tx, circle)?),
                };
                if noted.len() >= STRANGERS_NOTED_MAX && !noted.contains(&refused.author) {
                    continue;
                }
                noted.insert(refused.author);
            }
            tx.note_culprit(&refused.author, &refused.why, self.now)?;
        }
        let two = settled.iter().flat_map(|(_, settled)| &settled.equivocators);
        for author in two.filter(|author| **author != me) {
            tx.note_culprit(author, "two changes under one number", self.now)?;
        }
        Ok(())
    }

    /// Tells the session what became of the changes of a shard.
    fn report(&mut self, shard: u8, settled: &Settled, members: &Members) {
        let kept = settled.counts.iter().chain(&settled.aside);
        self.done.held.extend(kept.map(|entry| (shard, entry.hash)));
        self.done.brought_news |= settled.advances() || !settled.aside.is_empty();
        self.done.waiting.extend(settled.waiting.iter().map(|hash| (shard, *hash)));
        for entry in &settled.aside {
            let waits = settled.waiting.contains(&entry.hash);
            let why = match members.standing(&entry.author) {
                Standing::Stranger => "a change by a device that may not write this document",
                Standing::Cut(_) if !waits => {
                    "a change that came after its author's rights had ended"
                }
                _ => continue,
            };
            self.refuse(Some((shard, entry.hash)), entry.author, Fault::Author, &why);
        }
        for (hash, author) in &settled.left {
            let why = "too much that does not count waits here already";
            self.refuse(Some((shard, *hash)), *author, Fault::Unknown, &why);
        }
        for (hash, author, refusal) in &settled.refused {
            self.refuse(Some((shard, *hash)), *author, Fault::Author, refusal);
        }
    }
}

/// The culprits that nobody let in.
fn noted_strangers(tx: &Tx<'_>, circle: &Circle) -> Result<BTreeSet<DeviceId>, Failure> {
    let is_stranger = |device: &DeviceId| {
        circle.members.role(device).is_none()
            && circle.members.standing(device) == Standing::Stranger
    };
    let devices = tx.culprits()?.into_iter().map(|row| row.device);
    Ok(devices.filter(is_stranger).collect())
}
