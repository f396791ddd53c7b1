//! Settles several shards at once: nothing of one depends on another, but for the room aside.
//!
//! Invariant: the result is what settling them one after the other gives.

use std::thread::ScopedJoinHandle;

use segue_store::{LogEntry, Reader, Store};

use super::settle::{Place, Settled, settle};
use crate::failure::Failure;

/// So many shards are judged at once at most: each takes memory.
const HANDS_MAX: usize = 4;

/// For fewer shards than this another thread is not worth its beginning.
const SHARDS_EACH: usize = 3;

/// Shards, with what came of each.
pub(super) type Came = Vec<(u8, Vec<LogEntry>)>;

/// Settles the shards, in their order. `place` is that of each but for its number.
pub(super) fn settle_all(
    store: &Store,
    place: &Place<'_>,
    came: Came,
) -> Result<Vec<(u8, Settled)>, Failure> {
    let hands = std::thread::available_parallelism().map_or(1, usize::from).min(HANDS_MAX);
    let hands = hands.min(came.len() / SHARDS_EACH);
    if hands < 2 {
        return one_by_one(place, came);
    }
    let settled = at_once(store, place, came.clone(), hands)?;
    let aside: u64 = settled.iter().map(|(_, settled)| settled.aside_bytes()).sum();
    // Each was given all the room that there is. That rarely matters, and then their order does.
    if aside <= place.room { Ok(settled) } else { one_by_one(place, came) }
}

pub(super) fn one_by_one(place: &Place<'_>, came: Came) -> Result<Vec<(u8, Settled)>, Failure> {
    let mut room = place.room;
    let one = |(shard, came)| {
        let settled = settle(&Place { shard, room, ..*place }, came)?;
        room = room.saturating_sub(settled.aside_bytes());
        Ok((shard, settled))
    };
    came.into_iter().map(one).collect()
}

/// Deals the shards out, and settles those of each hand on a thread with a connection of its own.
pub(super) fn at_once(
    store: &Store,
    place: &Place<'_>,
    came: Came,
    hands: usize,
) -> Result<Vec<(u8, Settled)>, Failure> {
    let mut shares: Vec<Came> = vec![Vec::new(); hands];
    for (number, shard) in came.into_iter().enumerate() {
        shares[number % hands].push(shard);
    }
    let Place { document, me, actor, members, room, .. } = *place;
    let hand = |reader: &Reader, share: Came| {
        let place = Place { reader, document, shard: 0, me, actor, members, room };
        let one = |(shard, came)| Ok((shard, settle(&Place { shard, ..place }, came)?));
        share.into_iter().map(one).collect::<Result<Vec<_>, Failure>>()
    };
    let done: Vec<Result<Vec<_>, Failure>> = std::thread::scope(|scope| {
        let begin = |share| {
            let reader = store.reader();
            scope.spawn(move || hand(&reader?, share))
        };
        let begun: Vec<_> = shares.into_iter().map(begin).collect();
        let join = |hand: ScopedJoinHandle<'_, _>| {
            hand.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        begun.into_iter().map(join).collect()
    });
    let mut settled = Vec::new();
    for share in done {
        settled.extend(share?);
    }
    settled.sort_by_key(|(shard, _)| *shard);
    Ok(settled)
}
