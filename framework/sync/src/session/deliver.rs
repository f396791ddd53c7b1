//! Sending what the peer lacks: statements first, then changes, at most a few batches ahead.

use segue_model::{ChangeHash, Heads};

use super::{Effect, Session, Turn};
use crate::frame::{Frame, Have};
use crate::limits::{BATCH_BYTES_AIM, CHANGE_BYTES_MAX, CHANGES_MAX, STATEMENTS_MAX, WINDOW};
use crate::peer::Holdings;
use crate::{Batch, SignedChange, short};

impl Session {
    /// Sends as much as the window lets through, and says so when that was all.
    pub(super) fn deliver(&mut self, turn: &mut Turn<'_>) {
        // What is being stored is in a moment known to be theirs.
        if !self.is_greeted() || !self.ingesting.is_empty() {
            return;
        }
        let Some(own) = self.own.clone() else { return };
        if self.peer.statements().is_none() {
            return;
        }
        while self.untaken.len() < WINDOW {
            let batch = self.next_batch(&own, turn);
            if batch.is_empty() {
                self.say_have(&own, turn);
                return;
            }
            let number = self.next_number;
            self.next_number += 1;
            self.untaken.insert(number);
            (self.has_moved, self.in_vain) = (true, None);
            self.quiet_since_ms = turn.now.steady_ms;
            turn.send(&Frame::Batch(batch.pack(number, &self.me)));
        }
    }

    fn say_have(&mut self, own: &Holdings, turn: &mut Turn<'_>) {
        let answers = self.owed.take();
        if answers.is_none() && self.told == Some(own.root) {
            return;
        }
        self.told = Some(own.root);
        self.quiet_since_ms = turn.now.steady_ms;
        turn.send(&Frame::Have(Have { root: own.root.0, answers }));
    }

    fn next_batch(&mut self, own: &Holdings, turn: &mut Turn<'_>) -> Batch {
        let mut batch = Batch::default();
        let mut bytes = 0;
        if let Some(theirs) = self.peer.statements() {
            for id in &own.statements {
                if bytes >= BATCH_BYTES_AIM || batch.statements.len() == STATEMENTS_MAX {
                    break;
                }
                if theirs.insert(*id)
                    && let Some(statement) = turn.replica.statement(id)
                {
                    bytes += statement.bytes.len();
                    batch.statements.push(statement);
                }
            }
        }
        for shard in 0..=u8::MAX {
            while bytes < BATCH_BYTES_AIM && batch.changes.len() < CHANGES_MAX {
                let room = Room {
                    bytes: BATCH_BYTES_AIM - bytes,
                    changes: CHANGES_MAX - batch.changes.len(),
                    is_all: batch.is_empty(),
                };
                let Some(changes) = self.next_changes(shard, own, room, turn) else { break };
                for (_, change) in changes {
                    bytes += change.raw.len();
                    batch.changes.push(change);
                }
            }
        }
        batch
    }

    /// Some changes of a shard that the peer lacks; `None` once it lacks none that fit, or if we do not know.
    fn next_changes(
        &mut self,
        shard: u8,
        own: &Holdings,
        room: Room,
        turn: &mut Turn<'_>,
    ) -> Option<Vec<(ChangeHash, SignedChange)>> {
        let (known, skip) = self.peer.shard(shard)?;
        let heads = own.heads.get(&shard).map(Heads::hashes).unwrap_or_default();
        if known.iter().copied().eq(heads.iter().map(short)) {
            return None;
        }
        let mut changes = turn.replica.missing(shard, known, room.bytes);
        if changes.is_empty() {
            // It has all that we have, so our heads say the same, and shorter.
            *known = own.of_shard(shard);
            return None;
        }
        changes.truncate(room.fitting(&changes));
        if changes.is_empty() {
            return None;
        }
        known.extend(changes.iter().map(|(hash, _)| short(hash)));
        changes.retain(|(hash, change)| {
            let fits = change.raw.len() <= CHANGE_BYTES_MAX;
            if !fits {
                let why = format!("change {hash} is too large to be sent");
                turn.effects.push(Effect::Culprit { who: change.author, why });
            }
            fits && !skip.is_some_and(|skip| skip.contains(&short(hash)))
        });
        Some(changes)
    }
}

/// What may still go into a batch.
#[derive(Clone, Copy)]
struct Room {
    bytes: usize,
    changes: usize,
    /// The batch is empty. Then one change may be larger, which is what the frame's limit allows for.
    is_all: bool,
}

impl Room {
    /// How many of the changes go into it.
    fn fitting(self, changes: &[(ChangeHash, SignedChange)]) -> usize {
        let mut left = self.bytes;
        let fits = |(_, change): &&(ChangeHash, SignedChange)| {
            let fits = change.raw.len() <= left;
            left = left.saturating_sub(change.raw.len());
            fits
        };
        let count = changes.iter().take(self.changes).take_while(fits).count();
        count.max(usize::from(self.is_all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DeviceId;

    fn changes(sizes: &[usize]) -> Vec<(ChangeHash, SignedChange)> {
        let change = |size: &usize| SignedChange {
            shard: 1,
            author: DeviceId([1; 32]),
            signature: [2; 64],
            raw: vec![0; *size],
        };
        sizes.iter().map(|size| (ChangeHash([3; 32]), change(size))).collect()
    }

    #[test]
    fn only_an_empty_batch_takes_a_change_that_is_too_large() {
        let room = |bytes, changes, is_all| Room { bytes, changes, is_all };
        let sizes = changes(&[30, 30, 900]);
        assert_eq!(room(1000, 5, true).fitting(&sizes), 3);
        assert_eq!(room(100, 5, false).fitting(&sizes), 2);
        assert_eq!(room(1000, 1, false).fitting(&sizes), 1);
        assert_eq!(room(20, 5, true).fitting(&sizes), 1);
        assert_eq!(room(20, 5, false).fitting(&sizes), 0);
    }
}
