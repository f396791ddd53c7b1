//! The same shards, kept in step by automerge's own sync protocol: what the same costs there.
//!
//! Its documents hold the very changes that the agents made, one document for each shard. The state of each
//! conversation is kept, as between two that stay connected, and counted are the bytes of its messages alone.

use std::collections::BTreeMap;

use automerge::sync::{Message, State, SyncDoc};
use automerge::{Automerge, Change};
use rusqlite::{Connection, OpenFlags};
use segue_document::Shard;

use crate::Outcome;
use crate::device::Device;

/// Changes of a log by shard.
type Changes = BTreeMap<u8, Vec<Vec<u8>>>;

/// What was read of a device's log.
#[derive(Clone)]
pub(crate) struct Log {
    changes: Changes,
    last: i64,
}

impl Log {
    /// All of it.
    pub(crate) fn of(device: &Device) -> Outcome<Self> {
        let mut log = Self { changes: Changes::new(), last: 0 };
        log.changes = log.news(device)?;
        Ok(log)
    }

    /// What came since, in this device's log or that of another in step with it.
    pub(crate) fn news(&mut self, device: &Device) -> Outcome<Changes> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let connection = Connection::open_with_flags(device.store(), flags)?;
        let mut sql =
            connection.prepare("SELECT n, shard, raw FROM log WHERE n > ?1 ORDER BY n")?;
        let mut rows = sql.query([self.last])?;
        let mut changes = Changes::new();
        while let Some(row) = rows.next()? {
            self.last = row.get(0)?;
            changes.entry(row.get(1)?).or_default().push(row.get(2)?);
        }
        Ok(changes)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.changes.values().flatten().map(|raw| raw.len() as u64).sum()
    }
}

/// One shard on two devices, and what each knows of the other.
struct Twin {
    here: Automerge,
    there: Automerge,
    of_there: State,
    of_here: State,
}

/// All shards.
pub(crate) struct Twins {
    twins: BTreeMap<u8, Twin>,
    empty: Automerge,
}

impl Twins {
    /// One side has a log, the other nothing; returns what it takes to bring that over.
    pub(crate) fn joined(log: &Log) -> Outcome<(Self, u64)> {
        let empty = Automerge::load(&Shard::create([0; 16])?.save())?;
        let mut twins = Self { twins: BTreeMap::new(), empty };
        let bytes = twins.get(&log.changes)?;
        Ok((twins, bytes))
    }

    /// One side has more; returns what it takes to bring that over.
    pub(crate) fn get(&mut self, news: &Changes) -> Outcome<u64> {
        self.both(news, &Changes::new())
    }

    /// Both sides have more.
    pub(crate) fn both(&mut self, here: &Changes, there: &Changes) -> Outcome<u64> {
        let mut bytes = 0;
        for shard in 0..=u8::MAX {
            let (here, there) = (here.get(&shard), there.get(&shard));
            if here.is_none() && there.is_none() {
                continue;
            }
            let empty = &self.empty;
            let twin = self.twins.entry(shard).or_insert_with(|| Twin::of(empty));
            apply(&mut twin.here, here)?;
            apply(&mut twin.there, there)?;
            bytes += twin.meet()?;
        }
        Ok(bytes)
    }

    /// The connection was lost; what both know of each other is as it was kept.
    pub(crate) fn meet_again(&mut self) -> Outcome<u64> {
        let mut bytes = 0;
        for twin in self.twins.values_mut() {
            for state in [&mut twin.of_here, &mut twin.of_there] {
                *state = State::decode(&state.encode())?;
            }
            bytes += twin.meet()?;
        }
        Ok(bytes)
    }
}

fn apply(document: &mut Automerge, changes: Option<&Vec<Vec<u8>>>) -> Outcome<()> {
    let changes = changes.into_iter().flatten().map(|raw| Change::from_bytes(raw.clone()));
    Ok(document.apply_changes(changes.collect::<Result<Vec<_>, _>>()?)?)
}

impl Twin {
    fn of(empty: &Automerge) -> Self {
        let (of_here, of_there) = (State::new(), State::new());
        Self { here: empty.clone(), there: empty.clone(), of_there, of_here }
    }

    /// Talks until both are silent; returns the bytes of all messages.
    fn meet(&mut self) -> Outcome<u64> {
        let mut bytes = 0;
        loop {
            let out = self.here.generate_sync_message(&mut self.of_there).map(Message::encode);
            if let Some(out) = &out {
                bytes += out.len() as u64;
                self.there.receive_sync_message(&mut self.of_here, Message::decode(out)?)?;
            }
            let back = self.there.generate_sync_message(&mut self.of_here).map(Message::encode);
            if let Some(back) = &back {
                bytes += back.len() as u64;
                self.here.receive_sync_message(&mut self.of_there, Message::decode(back)?)?;
            }
            if out.is_none() && back.is_none() {
                return Ok(bytes);
            }
        }
    }
}
