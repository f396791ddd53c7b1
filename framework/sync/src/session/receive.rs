//! Taking in frames, and what became of batches.

use std::collections::{BTreeMap, BTreeSet};

use super::{Closing, Effect, Fault, Ingested, Session, Stop, Turn, weight};
use crate::allowance;
use crate::frame::{BatchFrame, Bye, Frame, Taken};
use crate::limits::{TAKEN_MAX, WINDOW};
use crate::{Batch, statement_id};

impl Session {
    pub(super) fn receive(&mut self, bytes: &[u8], turn: &mut Turn<'_>) -> Result<(), Stop> {
        let frame = Frame::decode(bytes)?;
        self.quiet_since_ms = turn.now.steady_ms;
        match frame {
            Frame::Hello(hello) => self.hello(&hello, turn),
            Frame::Welcome(welcome) => self.welcome(welcome, turn),
            Frame::Want(want) => self.want(want, turn),
            Frame::Batch(batch) => self.batch(batch, bytes.len() as u64, turn),
            Frame::Taken(Taken { number }) => {
                if self.untaken.remove(&number) {
                    self.moved();
                    return Ok(());
                }
                self.charge(allowance::FRAME, turn.now.steady_ms)
            }
            Frame::Have(have) => self.have(&have, turn),
            Frame::Clock(clock) => self.clock(clock, turn),
            Frame::Bye(bye) => Err(left(&bye).into()),
            Frame::Unknown => {
                self.charge(allowance::FRAME + bytes.len() as u64, turn.now.steady_ms)
            }
        }
    }

    fn batch(&mut self, frame: BatchFrame, size: u64, turn: &mut Turn<'_>) -> Result<(), Stop> {
        let number = frame.number;
        let is_known = self.ingesting.contains_key(&number) || self.taken.contains(&number);
        if !self.is_greeted() || is_known || self.ingesting.len() >= WINDOW {
            self.charge(allowance::FRAME + size, turn.now.steady_ms)?;
            if self.taken.contains(&number) {
                turn.send(&Frame::Taken(Taken { number }));
            }
            return Ok(());
        }
        let batch = Batch::unpack(frame, &self.them)?;
        if batch.is_empty() {
            return Err(Closing::Malformed("the batch is empty").into());
        }
        for statement in &batch.statements {
            self.peer.sent_statement(statement_id(statement));
        }
        self.ingesting.insert(number, weight(&batch));
        turn.effects.push(Effect::Ingest { number, batch });
        Ok(())
    }

    pub(super) fn ingested(&mut self, done: Ingested, turn: &mut Turn<'_>) -> Result<(), Stop> {
        let Some(weight) = self.ingesting.remove(&done.number) else { return Ok(()) };
        self.taken.insert(done.number);
        while self.taken.len() > TAKEN_MAX {
            self.taken.pop_first();
        }
        self.quiet_since_ms = turn.now.steady_ms;
        turn.send(&Frame::Taken(Taken { number: done.number }));
        for (shard, hash) in done.held {
            self.peer.sent_change(shard, &hash);
        }
        for refused in done.refused {
            if let Some((shard, hash)) = refused.change {
                self.shunned.insert(shard, &hash);
            }
            match refused.fault {
                Fault::Sender => return Err(Closing::Forged(refused.why).into()),
                Fault::Author => {
                    let (who, why) = (refused.author, refused.why);
                    turn.effects.push(Effect::Culprit { who, why });
                }
                Fault::Unknown => {}
            }
        }
        if done.brought_news {
            self.moved();
        } else {
            self.charge(weight, turn.now.steady_ms)?;
        }
        let lacking: BTreeSet<u8> = done.waiting.iter().map(|(shard, _)| *shard).collect();
        for (shard, hash) in done.waiting {
            self.shunned.insert(shard, &hash);
        }
        self.ask(lacking, false, &BTreeMap::new(), turn);
        Ok(())
    }
}

fn left(bye: &Bye) -> Closing {
    Closing::Left { code: bye.code, text: bye.shown() }
}
