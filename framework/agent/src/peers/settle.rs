//! Which changes of one shard count, after changes or statements came: the log is brought to exactly that.
//!
//! Most of the time something new by a member follows what is there, and is simply taken in. Whenever
//! anything is doubtful (an author who may not write, a missing past, two changes of one number, something
//! that lies aside) the whole shard is judged anew by the access rules.
//!
//! Pure but for reading: [`settle`] says what is to be done, and [`Settled::persist`] does it.

use std::collections::{BTreeMap, BTreeSet};

use segue_access::{Members, Node, admission};
use segue_document::{ChangeHeader, RawChange, Refusal, Shard};
use segue_model::{ChangeHash, DeviceId, DocumentId, Heads};
use segue_store::{LinkRow, LogEntry, Reader, StoreError, Tx};

use crate::failure::Failure;
use crate::shards;

/// What becomes of a shard.
#[derive(Default)]
pub(crate) struct Settled {
    shard: u8,
    /// What counts now and did not before, in causal order.
    pub(crate) counts: Vec<LogEntry>,
    /// What came and does not count yet.
    pub(crate) aside: Vec<LogEntry>,
    /// What counted and does no longer.
    pub(crate) lost: Vec<ChangeHash>,
    /// What lay aside and does no longer: it counts, or never can.
    taken_up: Vec<ChangeHash>,
    /// What can never count, with its author.
    pub(crate) refused: Vec<(ChangeHash, DeviceId, Refusal)>,
    /// What waits for changes that are not here.
    pub(crate) waiting: Vec<ChangeHash>,
    /// Who wrote two changes under one number.
    pub(crate) equivocators: BTreeSet<DeviceId>,
    /// What is set aside because of them, in causal order.
    pub(crate) quarantined: Vec<LogEntry>,
    /// The state of the shard, if it changed.
    heads: Option<Heads>,
    /// Its cache, if it is due, after so many entries of the log.
    saved: Option<(Vec<u8>, u64)>,
    /// What follows what, where something was lost.
    past: Past,
}

/// The shard that is judged.
pub(crate) struct Place<'a> {
    pub(crate) reader: &'a Reader,
    pub(crate) document: &'a DocumentId,
    pub(crate) shard: u8,
    pub(crate) actor: [u8; 16],
    pub(crate) members: &'a Members,
}

/// Judges a shard with what came.
pub(crate) fn settle(place: &Place<'_>, came: Vec<LogEntry>) -> Result<Settled, Failure> {
    let aside = place.reader.aside(place.document, place.shard)?;
    let is_plain =
        aside.is_empty() && came.iter().all(|entry| place.members.may_write(&entry.author));
    if is_plain && !came.is_empty() {
        let mut loaded = shards::load(place.reader, place.document, place.shard, place.actor)?;
        let intake = loaded.shard.take_in(&raws(&came));
        if intake.rivals.is_empty() && intake.waiting.is_empty() {
            let mut settled = Settled { shard: place.shard, ..Settled::default() };
            settled.take(came, &intake.taken, intake.refused);
            settled.cache(&loaded.shard, loaded.log_len, loaded.cached_len);
            return Ok(settled);
        }
    }
    judge(place, aside, came)
}

/// Judges the whole shard: what is in the log, what lies aside, and what came.
fn judge(place: &Place<'_>, aside: Vec<LogEntry>, came: Vec<LogEntry>) -> Result<Settled, Failure> {
    let log = place.reader.log(place.document, place.shard)?;
    let genesis = shards::genesis()?;
    let all = || log.iter().chain(&aside).chain(&came);
    let nodes: Vec<Node> = all().filter_map(node).collect();
    let admitted = admission(place.members, place.shard, &genesis, &nodes);
    let counts = |entry: &&LogEntry| admitted.admitted.contains(&entry.hash);
    let mut settled = Settled { shard: place.shard, ..Settled::default() };
    settled.equivocators = admitted.equivocations.iter().map(|two| two.author).collect();
    let lost: Vec<&LogEntry> = log.iter().filter(|entry| !counts(entry)).collect();
    settled.lost = lost.iter().map(|entry| entry.hash).collect();
    let is_quarantined = |entry: &&LogEntry| admitted.quarantined.contains(&entry.hash);
    settled.quarantined = all().filter(is_quarantined).cloned().collect();
    let kept = (log.len() - lost.len()) as u64;
    let mut loaded = if lost.is_empty() {
        shards::load(place.reader, place.document, place.shard, place.actor)?
    } else {
        let left: Vec<Vec<u8>> = log.iter().filter(counts).map(|entry| entry.raw.clone()).collect();
        let mut shard = Shard::create(place.actor)?;
        shard.apply(&left)?;
        shards::Loading { shard, log_len: kept, cached_len: 0 }
    };
    let waited: BTreeSet<ChangeHash> = aside.iter().map(|entry| entry.hash).collect();
    settled.past = Past::of(&nodes, genesis, &admitted.admitted);
    let (candidates, rest): (Vec<LogEntry>, Vec<LogEntry>) =
        aside.into_iter().chain(came).partition(|entry| counts(&entry));
    let intake = loaded.shard.take_in(&raws(&candidates));
    settled.waiting.clone_from(&intake.waiting);
    settled.waiting.extend(
        rest.iter()
            .map(|entry| entry.hash)
            .filter(|hash| !admitted.quarantined.contains(hash) && settled.past.lacks(hash)),
    );
    let left = settled.take(candidates, &intake.taken, intake.refused);
    settled.aside =
        left.into_iter().chain(rest).filter(|entry| !waited.contains(&entry.hash)).collect();
    let gone = settled.counts.iter().map(|entry| entry.hash);
    let gone = gone.chain(settled.refused.iter().map(|(hash, ..)| *hash));
    settled.taken_up = gone.filter(|hash| waited.contains(hash)).collect();
    settled.cache(&loaded.shard, loaded.log_len, loaded.cached_len);
    Ok(settled)
}

fn raws(entries: &[LogEntry]) -> Vec<RawChange> {
    let raw = |entry: &LogEntry| RawChange { hash: entry.hash, bytes: entry.raw.clone() };
    entries.iter().map(raw).collect()
}

/// A change as the access rules see it.
pub(crate) fn node(entry: &LogEntry) -> Option<Node> {
    let header = ChangeHeader::read(&entry.raw).ok()?;
    Some(Node {
        hash: header.hash,
        author: entry.author,
        actor: header.actor.into(),
        seq: header.seq,
        deps: header.deps,
    })
}

impl Settled {
    /// Whether the document is another one now.
    pub(crate) fn advances(&self) -> bool {
        !self.counts.is_empty() || !self.lost.is_empty()
    }

    /// Sorts what was offered into what counts and what can never; returns the rest.
    fn take(
        &mut self,
        offered: Vec<LogEntry>,
        taken: &[ChangeHash],
        refused: Vec<(ChangeHash, Refusal)>,
    ) -> Vec<LogEntry> {
        let mut offered: BTreeMap<ChangeHash, LogEntry> =
            offered.into_iter().map(|entry| (entry.hash, entry)).collect();
        for (hash, refusal) in refused {
            if let Some(entry) = offered.remove(&hash) {
                self.refused.push((hash, entry.author, refusal));
            }
        }
        self.counts.extend(taken.iter().filter_map(|hash| offered.remove(hash)));
        offered.into_values().collect()
    }

    fn cache(&mut self, shard: &Shard, log_len: u64, cached_len: u64) {
        if !self.advances() {
            return;
        }
        let log_len = log_len + self.counts.len() as u64;
        self.heads = Some(shard.heads());
        if !self.lost.is_empty() || log_len - cached_len >= shards::CACHE_LAG_MAX {
            self.saved = Some((shard.save(), log_len));
        }
    }

    /// Brings the store to it. `links` are those of the document.
    pub(crate) fn persist(
        &self,
        tx: &Tx<'_>,
        document: &DocumentId,
        links: &[LinkRow],
    ) -> Result<(), StoreError> {
        for hash in &self.taken_up {
            tx.remove_aside(document, self.shard, hash)?;
        }
        for hash in &self.lost {
            tx.set_aside(document, self.shard, hash)?;
        }
        for entry in &self.counts {
            tx.append(entry)?;
        }
        for entry in &self.aside {
            tx.put_aside(entry)?;
        }
        if !self.lost.is_empty() {
            tx.drop_shard(document, self.shard)?;
            self.take_back(tx, links)?;
        }
        if let (Some(heads), Some((saved, log_len))) = (&self.heads, &self.saved) {
            tx.put_shard(document, self.shard, heads, saved, *log_len)?;
        }
        if let Some(heads) = &self.heads {
            tx.put_heads(document, self.shard, heads)?;
        }
        Ok(())
    }

    /// A library was shown what no longer counts: it has seen what that was made upon, and all of it
    /// is compared again.
    fn take_back(&self, tx: &Tx<'_>, links: &[LinkRow]) -> Result<(), StoreError> {
        for link in links {
            if let Some(shown) = tx.link_heads(link.id)?.get(&self.shard)
                && let Some(heads) = self.past.mended(shown)
            {
                tx.put_link_heads(link.id, self.shard, &heads)?;
            }
            tx.map_shown(link.id, self.shard, &mut |shown| self.past.mended(shown))?;
            if let Some(row) = tx.link(link.id)? {
                tx.put_link(&LinkRow { revision: None, ..row })?;
            }
        }
        Ok(())
    }

    /// What counts of the past of a change that does not.
    pub(crate) fn seen_by(&self, change: &ChangeHash) -> Heads {
        self.past.counted(&[*change])
    }
}

/// What follows what in a shard, and what of it counts.
#[derive(Default)]
struct Past {
    deps: BTreeMap<ChangeHash, Vec<ChangeHash>>,
    counts: BTreeSet<ChangeHash>,
}

impl Past {
    fn of(nodes: &[Node], genesis: ChangeHash, counts: &BTreeSet<ChangeHash>) -> Self {
        let mut deps: BTreeMap<_, _> =
            nodes.iter().map(|node| (node.hash, node.deps.clone())).collect();
        deps.insert(genesis, Vec::new());
        let mut counts = counts.clone();
        counts.insert(genesis);
        Self { deps, counts }
    }

    /// Whether something of a change's past is not here.
    fn lacks(&self, change: &ChangeHash) -> bool {
        let mut seen = BTreeSet::new();
        let mut from = vec![*change];
        while let Some(hash) = from.pop() {
            if !seen.insert(hash) {
                continue;
            }
            match self.deps.get(&hash) {
                Some(deps) => from.extend(deps),
                None => return true,
            }
        }
        false
    }

    /// A state in which only what counts is named; `None` if it is one already.
    fn mended(&self, shown: &Heads) -> Option<Heads> {
        let is_whole = shown.hashes().iter().all(|hash| self.counts.contains(hash));
        (!is_whole).then(|| self.counted(shown.hashes()))
    }

    /// The last changes that count, of these and their past.
    fn counted(&self, from: &[ChangeHash]) -> Heads {
        let mut found = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut from = from.to_vec();
        while let Some(hash) = from.pop() {
            if !seen.insert(hash) {
                continue;
            }
            if self.counts.contains(&hash) {
                found.insert(hash);
            } else {
                from.extend(self.deps.get(&hash).into_iter().flatten());
            }
        }
        let mut behind = BTreeSet::new();
        let deps = |hash: &ChangeHash| self.deps.get(hash).into_iter().flatten().copied();
        let mut from: Vec<ChangeHash> = found.iter().flat_map(deps).collect();
        while let Some(hash) = from.pop() {
            if behind.insert(hash) {
                from.extend(deps(&hash));
            }
        }
        Heads::new(found.difference(&behind).copied().collect())
    }
}
