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
                let room = BATCH_BYTES_AIM - bytes;
                let Some(changes) = self.next_changes(shard, own, room, turn) else { break };
                for (_, change) in changes {
                    bytes += change.raw.len();
                    batch.changes.push(change);
                }
            }
        }
        batch
    }

    /// Some changes of a shard that the peer lacks; `None` once it lacks none, or if we do not know.
    fn next_changes(
        &mut self,
        shard: u8,
        own: &Holdings,
        room: usize,
        turn: &mut Turn<'_>,
    ) -> Option<Vec<(ChangeHash, SignedChange)>> {
        let (known, skip) = self.peer.shard(shard)?;
        let heads = own.heads.get(&shard).map(Heads::hashes).unwrap_or_default();
        if known.iter().copied().eq(heads.iter().map(short)) {
            return None;
        }
        let mut changes = turn.replica.missing(shard, known, room);
        if changes.is_empty() {
            // It has all that we have, so our heads say the same, and shorter.
            *known = own.of_shard(shard);
            return None;
        }
        // One change may exceed the room, which is what the frame's limit allows for.
        changes.truncate(fitting(&changes, room));
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

/// How many of the changes go into the room; at least one.
fn fitting(changes: &[(ChangeHash, SignedChange)], room: usize) -> usize {
    let mut left = room;
    let fits = |(_, change): &&(ChangeHash, SignedChange)| {
        let fits = change.raw.len() <= left;
        left = left.saturating_sub(change.raw.len());
        fits
    };
    changes.iter().take(CHANGES_MAX).take_while(fits).count().max(1)
}
