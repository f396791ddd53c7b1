//! Which changes of one shard count, after changes or statements came: the log is brought to exactly that.
//!
//! Most of the time something new by a member follows what is there, and is simply taken in. Whenever
//! anything is doubtful (an author who may not write, a missing past, two changes of one number, something
//! that lies aside) the whole shard is judged anew by the access rules. What can never count, because it
//! is no change that a commit makes, is left out of that: it must not drive out what is sound.
//!
//! Pure but for reading: [`settle`] says what is to be done, and [`Settled::persist`] does it.

use std::collections::{BTreeMap, BTreeSet};

use segue_access::{Admission, DeviceKey, Members, Node, admission};
use segue_document::{ChangeHeader, Intake, RawChange, Refusal, Shard};
use segue_model::{ChangeHash, DeviceId, DocumentId, Heads, OperationId};
use segue_store::{LinkRow, LogEntry, Reader, StoreError, Tx};

use super::past::Past;
use crate::failure::Failure;
use crate::shards::{self, Loading};

/// So often a shard is judged again without what was refused. Whoever signs more that cannot count is
/// left out as a whole, until the next time.
const ROUNDS_MAX: usize = 8;

/// What becomes of a shard.
#[derive(Default)]
pub(crate) struct Settled {
    shard: u8,
    /// What counts now and did not before, in causal order.
    pub(crate) counts: Vec<LogEntry>,
    /// What came and does not count yet.
    pub(crate) aside: Vec<LogEntry>,
    /// What came, does not count, and finds no room.
    pub(crate) left: Vec<(ChangeHash, DeviceId)>,
    /// What counted and does no longer.
    lost: Vec<ChangeHash>,
    /// What lay aside and does no longer: it counts, or never can.
    taken_up: Vec<ChangeHash>,
    /// What can never count, with its author.
    pub(crate) refused: Vec<(ChangeHash, DeviceId, Refusal)>,
    /// What came and waits for changes that are not here.
    pub(crate) waiting: Vec<ChangeHash>,
    /// Who wrote two changes under one number.
    pub(crate) equivocators: BTreeSet<DeviceId>,
    /// This device's own that are set aside because of them and were not before, in causal order.
    own: Vec<LogEntry>,
    /// What says the same as these.
    anew: Vec<RawChange>,
    /// The state of the shard, if it changed.
    heads: Option<Heads>,
    /// Its cache, if it is due: its state then, and after so many entries of the log.
    saved: Option<(Heads, Vec<u8>, u64)>,
    /// The shard, where something is to be written anew.
    held: Option<Shard>,
    /// What follows what, where the whole shard was judged.
    past: Past,
}

/// The shard that is judged.
pub(crate) struct Place<'a> {
    pub(crate) reader: &'a Reader,
    pub(crate) document: &'a DocumentId,
    pub(crate) shard: u8,
    pub(crate) me: DeviceId,
    pub(crate) actor: [u8; 16],
    pub(crate) members: &'a Members,
    /// Bytes of what does not count that may still be laid aside.
    pub(crate) room: u64,
}

/// Judges a shard with what came.
pub(crate) fn settle(place: &Place<'_>, came: Vec<LogEntry>) -> Result<Settled, Failure> {
    let aside = place.reader.aside(place.document, place.shard)?;
    let is_plain =
        aside.is_empty() && came.iter().all(|entry| place.members.may_write(&entry.author));
    if is_plain && !came.is_empty() {
        let mut loaded = shards::load(place.reader, place.document, place.shard, place.actor)?;
        let intake = loaded.shard.take_in(place.shard, &raws(&came));
        if intake.rivals.is_empty() && intake.waiting.is_empty() {
            let mut settled = Settled { shard: place.shard, ..Settled::default() };
            settled.take(came, &intake);
            settled.cache(&loaded, intake.saved);
            return Ok(settled);
        }
    }
    Trial::begin(place, aside, came)?.judge()
}

/// The whole shard: what is in the log, what lies aside, and what came.
struct Trial<'p> {
    place: &'p Place<'p>,
    genesis: ChangeHash,
    log: Vec<LogEntry>,
    aside: Vec<LogEntry>,
    came: Vec<LogEntry>,
    refused: BTreeMap<ChangeHash, Refusal>,
    /// Authors of too much that was refused.
    left_out: BTreeSet<DeviceId>,
}

impl<'p> Trial<'p> {
    fn begin(
        place: &'p Place<'p>,
        aside: Vec<LogEntry>,
        came: Vec<LogEntry>,
    ) -> Result<Self, Failure> {
        let log = place.reader.log(place.document, place.shard)?;
        let (refused, left_out) = (BTreeMap::new(), BTreeSet::new());
        Ok(Self { place, genesis: shards::genesis()?, log, aside, came, refused, left_out })
    }

    fn judge(mut self) -> Result<Settled, Failure> {
        for round in 0.. {
            let nodes = self.nodes();
            let admitted = admission(self.place.members, self.place.shard, &self.genesis, &nodes);
            let candidates: Vec<RawChange> = self
                .others()
                .filter(|entry| admitted.admitted.contains(&entry.hash))
                .map(raw)
                .collect();
            if self.came.is_empty() && round == 0 && self.is_settled(&admitted, &candidates) {
                return Ok(Settled { shard: self.place.shard, ..Settled::default() });
            }
            let mut loaded = self.load(&admitted)?;
            let intake = loaded.shard.take_in(self.place.shard, &candidates);
            if intake.refused.is_empty() {
                let past = Past::of(&nodes, self.genesis, &admitted.admitted);
                return Ok(self.settled(&admitted, past, loaded, intake));
            }
            let refused: BTreeMap<ChangeHash, Refusal> = intake.refused.into_iter().collect();
            if round >= ROUNDS_MAX {
                let authors = self.others().filter(|entry| refused.contains_key(&entry.hash));
                let authors: BTreeSet<DeviceId> = authors.map(|entry| entry.author).collect();
                self.left_out.extend(authors);
            }
            self.refused.extend(refused);
        }
        Err(Failure::refused("a shard was judged for ever", ""))
    }

    /// Whether the log holds what counts already.
    fn is_settled(&self, admitted: &Admission, candidates: &[RawChange]) -> bool {
        candidates.is_empty() && admitted.admitted.len() == self.log.len()
    }

    /// What is not in the log, and may count.
    fn others(&self) -> impl Iterator<Item = &LogEntry> {
        self.aside.iter().chain(&self.came).filter(|entry| self.is_heard(entry))
    }

    fn is_heard(&self, entry: &LogEntry) -> bool {
        !self.refused.contains_key(&entry.hash) && !self.left_out.contains(&entry.author)
    }

    fn nodes(&self) -> Vec<Node> {
        self.log.iter().chain(self.others()).filter_map(node).collect()
    }

    /// The shard with what counts of the log.
    fn load(&self, admitted: &Admission) -> Result<Loading, Failure> {
        let Place { reader, document, shard, actor, .. } = *self.place;
        let left = self.log.iter().filter(|entry| admitted.admitted.contains(&entry.hash));
        let left: Vec<Vec<u8>> = left.map(|entry| entry.raw.clone()).collect();
        if left.len() == self.log.len() {
            return shards::load(reader, document, shard, actor);
        }
        let mut shard = Shard::create(actor)?;
        shard.apply(&left)?;
        Ok(Loading { shard, log_len: left.len() as u64, cached_len: 0, lag_bytes: 0 })
    }

    fn settled(self, admitted: &Admission, past: Past, loaded: Loading, intake: Intake) -> Settled {
        let counts = |entry: &LogEntry| admitted.admitted.contains(&entry.hash);
        let lost: Vec<ChangeHash> =
            self.log.iter().filter(|entry| !counts(entry)).map(|entry| entry.hash).collect();
        let equivocators = admitted.equivocations.iter().map(|two| two.author).collect();
        let own = self.own(admitted);
        let refused: Vec<_> = self
            .aside
            .iter()
            .chain(&self.came)
            .filter_map(|entry| Some((entry.hash, entry.author, *self.refused.get(&entry.hash)?)))
            .collect();
        let waited: BTreeSet<ChangeHash> = self.aside.iter().map(|entry| entry.hash).collect();
        let gone = intake.taken.iter().chain(refused.iter().map(|(hash, ..)| hash));
        let taken_up = gone.filter(|hash| waited.contains(hash)).copied().collect();
        let mut settled = Settled {
            shard: self.place.shard,
            lost,
            taken_up,
            refused,
            equivocators,
            own,
            past,
            ..Settled::default()
        };
        let (heard, unheard): (Vec<_>, Vec<_>) = self
            .came
            .into_iter()
            .filter(|entry| !self.refused.contains_key(&entry.hash))
            .partition(|entry| !self.left_out.contains(&entry.author));
        settled.left.extend(unheard.iter().map(|entry| (entry.hash, entry.author)));
        let rest = settled.take(self.aside.into_iter().chain(heard).collect(), &intake);
        let news = rest.into_iter().filter(|entry| !waited.contains(&entry.hash));
        settled.lay_aside(news.collect(), self.place, &admitted.quarantined);
        settled.cache(&loaded, intake.saved);
        if !settled.own.is_empty() {
            settled.held = Some(loaded.shard);
        }
        settled
    }

    /// What this device has to write anew. What lies aside already was written anew when it came to lie there.
    fn own(&self, admitted: &Admission) -> Vec<LogEntry> {
        let Place { me, members, .. } = self.place;
        if !members.may_write(me) {
            return Vec::new();
        }
        let news = self.log.iter().chain(&self.came);
        let own =
            news.filter(|entry| entry.author == *me && admitted.quarantined.contains(&entry.hash));
        let mut own: Vec<LogEntry> = own.cloned().collect();
        own.sort_by_key(|entry| ChangeHeader::read(&entry.raw).map_or(0, |header| header.start_op));
        own
    }
}

fn raws(entries: &[LogEntry]) -> Vec<RawChange> {
    entries.iter().map(raw).collect()
}

fn raw(entry: &LogEntry) -> RawChange {
    RawChange { hash: entry.hash, bytes: entry.raw.clone() }
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
        !self.counts.is_empty() || !self.lost.is_empty() || !self.anew.is_empty()
    }

    /// Whether this device has to write something anew, under another name.
    pub(crate) fn has_own(&self) -> bool {
        !self.own.is_empty()
    }

    /// The bytes that are laid aside.
    pub(crate) fn aside_bytes(&self) -> u64 {
        self.aside.iter().map(|entry| entry.raw.len() as u64).sum()
    }

    /// Sorts what was offered into what counts and what can never; returns the rest, in its order.
    fn take(&mut self, offered: Vec<LogEntry>, intake: &Intake) -> Vec<LogEntry> {
        let order: BTreeMap<ChangeHash, usize> =
            offered.iter().enumerate().map(|(at, entry)| (entry.hash, at)).collect();
        let mut offered: Vec<Option<LogEntry>> = offered.into_iter().map(Some).collect();
        let mut take = |hash: &ChangeHash| offered.get_mut(*order.get(hash)?)?.take();
        for (hash, refusal) in &intake.refused {
            if let Some(entry) = take(hash) {
                self.refused.push((*hash, entry.author, *refusal));
            }
        }
        self.counts.extend(intake.taken.iter().filter_map(take));
        offered.into_iter().flatten().collect()
    }

    /// Keeps what does not count, while there is room. One's own is always kept: it is written anew once.
    fn lay_aside(
        &mut self,
        news: Vec<LogEntry>,
        place: &Place<'_>,
        quarantined: &BTreeSet<ChangeHash>,
    ) {
        let mut room = place.room;
        let incomplete = self.past.incomplete();
        for entry in news {
            let bytes = entry.raw.len() as u64;
            if !quarantined.contains(&entry.hash) && incomplete.contains(&entry.hash) {
                self.waiting.push(entry.hash);
            }
            if bytes <= room || entry.author == place.me {
                room = room.saturating_sub(bytes);
                self.aside.push(entry);
            } else {
                self.left.push((entry.hash, entry.author));
            }
        }
    }

    /// Takes over the shard as it is now, and as what it was `saved` when that was tried.
    fn cache(&mut self, loaded: &Loading, saved: Option<Vec<u8>>) {
        if !self.advances() {
            return;
        }
        let log_len = loaded.log_len + self.counts.len() as u64;
        let heads = loaded.shard.heads();
        self.heads = Some(heads.clone());
        let more: u64 = self.counts.iter().map(|entry| entry.raw.len() as u64).sum();
        let is_large = saved.is_some() && loaded.lag_bytes + more >= shards::CACHE_LAG_BYTES;
        let is_long = log_len - loaded.cached_len >= shards::CACHE_LAG_MAX;
        if is_large || is_long || !self.lost.is_empty() {
            self.saved = Some((heads, saved.unwrap_or_else(|| loaded.shard.save()), log_len));
        }
    }

    /// Writes this device's own changes anew, by `actor`: each on top of what counts of that which it was
    /// made upon, so that it goes on to supersede what it superseded, and nothing else.
    pub(crate) fn author_again(
        &mut self,
        actor: [u8; 16],
        operation: OperationId,
        time: i64,
    ) -> Result<(), Failure> {
        let Some(held) = self.held.take() else { return Ok(()) };
        let mut held = Shard::open(&held.save(), actor)?;
        for lost in &self.own {
            let at = self.past.seen_by(&lost.hash);
            let Some(made) = held.author_again(&at, operation, time, &[raw(lost)])? else {
                continue;
            };
            let anew: Vec<ChangeHash> = made.changes.iter().map(|change| change.hash).collect();
            self.past.replace(lost.hash, &anew, &at);
            self.anew.extend(made.changes);
        }
        self.heads = Some(held.heads());
        Ok(())
    }

    /// Brings the store to it. `links` are those of the document; `operation` wrote anew.
    pub(crate) fn persist(
        &self,
        tx: &Tx<'_>,
        document: &DocumentId,
        links: &[LinkRow],
        (key, operation): (&DeviceKey, OperationId),
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
        for change in &self.anew {
            let change = change.clone();
            tx.append(&shards::signed(key, *document, self.shard, Some(operation), change))?;
        }
        for entry in &self.aside {
            tx.put_aside(entry)?;
        }
        if !self.lost.is_empty() {
            tx.drop_shard(document, self.shard)?;
            self.take_back(tx, links)?;
        }
        if let Some((heads, saved, log_len)) = &self.saved {
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
}
