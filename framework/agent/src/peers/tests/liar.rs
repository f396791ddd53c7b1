//! A peer that speaks the protocol well, and whose replica is not what it says.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use segue_access::SignedStatement;
use segue_document::RawChange;
use segue_model::{ChangeHash, DeviceId, Heads};
use segue_sync::{
    Closing, Effect, Event, Ingested, Replica, Session, ShortHash, Side, SignedChange, StatementId,
    statement_id,
};

use super::company::Company;
use super::device::Device;
use crate::peers::ingest::ingest;
use crate::peers::replica::StoredReplica;

/// A replica with changes and statements that no honest one would pass on.
struct Liar {
    real: StoredReplica,
    heads: BTreeMap<u8, Heads>,
    changes: Vec<(ChangeHash, SignedChange)>,
    ids: BTreeSet<StatementId>,
    statements: BTreeMap<StatementId, SignedStatement>,
}

impl Liar {
    fn of(
        device: &Device,
        lies: Vec<(ChangeHash, SignedChange)>,
        statements: Vec<SignedStatement>,
    ) -> Self {
        let real = replica(device);
        let mut heads = real.heads().clone();
        for (hash, change) in &lies {
            heads.insert(change.shard, Heads::new(vec![*hash]));
        }
        let statements: BTreeMap<_, _> =
            statements.into_iter().map(|said| (statement_id(&said), said)).collect();
        let ids = real.statements().iter().chain(statements.keys()).copied().collect();
        Self { real, heads, changes: lies, ids, statements }
    }
}

impl Replica for Liar {
    fn may_read(&self, _: &DeviceId) -> bool {
        true
    }

    fn statements(&self) -> &BTreeSet<StatementId> {
        &self.ids
    }

    fn statement(&self, id: &StatementId) -> Option<SignedStatement> {
        self.statements.get(id).cloned().or_else(|| self.real.statement(id))
    }

    fn heads(&self) -> &BTreeMap<u8, Heads> {
        &self.heads
    }

    fn holds(&self, shard: u8, hash: &ShortHash) -> bool {
        self.real.holds(shard, hash)
    }

    fn locator(&self, shard: u8) -> Vec<ShortHash> {
        self.real.locator(shard)
    }

    fn missing(
        &self,
        shard: u8,
        known: &BTreeSet<ShortHash>,
        _: usize,
    ) -> Vec<(ChangeHash, SignedChange)> {
        let lies = self.changes.iter().filter(|(hash, change)| {
            change.shard == shard && !known.contains(&segue_sync::short(hash))
        });
        lies.cloned().collect()
    }
}

pub(super) fn replica(device: &Device) -> StoredReplica {
    let (reader, now) = (device.agent.home.store.reader().unwrap(), &device.agent.world.now);
    StoredReplica::open(reader, device.document(), Arc::clone(now)).unwrap()
}

impl Company {
    /// Device `from` talks to device `to` and lies: it also has these changes of a shard, and statements.
    /// Returns how the honest one ended it, if it did.
    pub(super) fn lie(
        &mut self,
        (from, to): (usize, usize),
        shard: u8,
        lies: &[RawChange],
        statements: Vec<SignedStatement>,
    ) -> Option<Closing> {
        let signed = |change| (change, self.devices[from].sign(shard, change));
        let lies = lies.iter().map(signed).map(|(change, signed)| (change.hash, signed));
        let liar = Liar::of(&self.devices[from], lies.collect(), statements);
        let (them, me) = (self.devices[from].id(), self.devices[to].id());
        let victim = &mut self.devices[to];
        let document = victim.document();
        let mut theirs = Session::new(Side::Dialer, them, me, document);
        let mut ours = Session::new(Side::Answerer, me, them, document);
        let mut honest = replica(victim);
        let mut events = VecDeque::from([(true, Event::Opened), (false, Event::Opened)]);
        while let Some((is_ours, event)) = events.pop_front() {
            let (session, seen): (_, &dyn Replica) =
                if is_ours { (&mut ours, &honest) } else { (&mut theirs, &liar) };
            for effect in session.handle(event, seen, 0) {
                match effect {
                    Effect::Send(frame) => events.push_back((!is_ours, Event::Frame(frame))),
                    Effect::Ingest { number, batch } if is_ours => {
                        let done = ingest(&mut victim.agent, document, number, batch).unwrap().0;
                        honest.refresh().unwrap();
                        events.push_front((true, Event::Ingested(done)));
                    }
                    Effect::Ingest { number, .. } => {
                        let done = Ingested { number, ..Ingested::default() };
                        events.push_back((false, Event::Ingested(done)));
                    }
                    Effect::Culprit { who, why } if is_ours => victim.note(&who, &why),
                    Effect::Close(closing) if is_ours => return Some(closing),
                    _ => {}
                }
            }
        }
        None
    }
}
