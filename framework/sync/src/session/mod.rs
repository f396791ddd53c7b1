//! The session: one peer, one document, events in and effects out.
//!
//! `greet` finds out what differs and asks, `deliver` sends what the peer lacks, `receive` takes in, `clocks` compares
//! the time.

mod clocks;
mod closing;
mod deliver;
mod greet;
mod receive;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use segue_access::Signature;
use segue_model::{ChangeHash, DeviceId, DocumentId};

use clocks::Clocks;
pub use clocks::{Compared, Now};
pub use closing::Closing;
use closing::Stop;

use crate::allowance::{self, Allowance};
use crate::frame::{Bye, Frame};
use crate::limits::{PATIENCE_MS, PATIENCE_MS_MAX, ROUNDS_IN_VAIN_MAX};
use crate::peer::{Holdings, Peer, Shunned};
use crate::{Batch, Replica, Root, Side};

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The connection stands.
    Opened,
    /// A frame came from the peer.
    Frame(Vec<u8>),
    /// The replica's admitted heads or statements, or the peer's role, may have changed.
    Advanced,
    /// A batch was judged, and what is good of it is durable.
    Ingested(Ingested),
    /// Time passed; see [`Session::wakes_at`].
    Tick,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ingested {
    /// The number from [`Effect::Ingest`].
    pub number: u64,
    /// The log did not hold all of it before.
    pub brought_news: bool,
    /// The changes that the log holds now, new or not.
    pub held: Vec<(u8, ChangeHash)>,
    /// Those among them that wait for changes which are not there.
    pub waiting: Vec<(u8, ChangeHash)>,
    /// What the log did not take.
    pub refused: Vec<Refused>,
}

/// A statement or change that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Which change, if its hash could be found out.
    pub change: Option<(u8, ChangeHash)>,
    /// Who is said to have signed it.
    pub author: DeviceId,
    /// Whose fault it is.
    pub fault: Fault,
    /// Why, for a person.
    pub why: String,
}

/// Whose fault it is that something is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The sender's: it should have seen that the signature or form is wrong. Ends the session.
    Sender,
    /// The author's, who signed something that breaks the rules, or that we cannot apply.
    Author,
    /// Nobody's, as far as we know: the author's role may still come.
    Unknown,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Send a frame to the peer.
    Send(Vec<u8>),
    /// Judge these, store what is good, and report [`Event::Ingested`] with this number. Batches are
    /// judged in the order in which they come.
    Ingest {
        /// Names the batch.
        number: u64,
        /// What came.
        batch: Batch,
    },
    /// Both replicas hold the same now. Comes once for each state.
    InStep,
    /// The peer's clock was compared with ours. Comes once at most.
    Compared(Compared),
    /// Somebody broke the rules; for the record.
    Culprit {
        /// Who.
        who: DeviceId,
        /// What they did.
        why: String,
    },
    /// Close the connection. The session does nothing any more.
    Close(Closing),
}

/// One peer and one document, as long as a connection stands.
#[derive(Debug)]
pub struct Session {
    side: Side,
    me: DeviceId,
    them: DeviceId,
    document: DocumentId,
    own: Option<Arc<Holdings>>,
    peer: Peer,
    stage: Stage,
    /// What we held when we last showed the peer our state.
    offered: Option<Arc<Holdings>>,
    /// The root that the peer last heard from us.
    told: Option<Root>,
    /// The number of our last Want, and what was asked and not answered.
    want_number: u64,
    asked: Asked,
    /// The peer's Want that we have not answered with a Have.
    owed: Option<u64>,
    shunned: Shunned,
    next_number: u64,
    untaken: BTreeSet<u64>,
    /// Batches that are being judged, with their bytes.
    ingesting: BTreeMap<u64, u64>,
    taken: BTreeSet<u64>,
    shown_in_step: Option<Root>,
    /// Something moved since the last Hello or Welcome.
    has_moved: bool,
    /// Our root and theirs, and how many whole rounds in a row moved nothing between these.
    in_vain: Option<(Root, Root, u8)>,
    quiet_since_ms: u64,
    patience_ms: u64,
    clocks: Clocks,
    theirs: Allowance,
    ours: Allowance,
}

/// How far the two know each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nobody said Hello.
    Silent,
    /// We said Hello, and no Welcome came yet.
    AwaitsWelcome,
    /// We sent a Welcome with a summary, and no Want came yet: what it will not name is equal.
    AwaitsWant,
    /// They have compared.
    Greeted,
    /// It is over.
    Closed,
}

/// What a Want asked for.
#[derive(Debug, Default)]
struct Asked {
    shards: BTreeSet<u8>,
    statements: bool,
}

/// One call of [`Session::handle`].
struct Turn<'r> {
    replica: &'r dyn Replica,
    now: Now,
    effects: Vec<Effect>,
}

impl Turn<'_> {
    fn send(&mut self, frame: &Frame) {
        self.effects.push(Effect::Send(frame.encode()));
    }
}

impl Session {
    /// A session of the device `me` with the device `them`, whose key the transport has proven.
    pub fn new(side: Side, me: DeviceId, them: DeviceId, document: DocumentId) -> Self {
        Self {
            side,
            me,
            them,
            document,
            own: None,
            peer: Peer::default(),
            stage: Stage::Silent,
            offered: None,
            told: None,
            want_number: 0,
            asked: Asked::default(),
            owed: None,
            shunned: Shunned::default(),
            next_number: 1,
            untaken: BTreeSet::new(),
            ingesting: BTreeMap::new(),
            taken: BTreeSet::new(),
            shown_in_step: None,
            has_moved: false,
            in_vain: None,
            quiet_since_ms: 0,
            patience_ms: first_patience_ms(side),
            clocks: Clocks::default(),
            theirs: Allowance::theirs(),
            ours: Allowance::ours(),
        }
    }

    /// Takes in what happened and says what to do.
    pub fn handle(
        &mut self,
        event: Event,
        replica: &dyn Replica,
        now: impl Into<Now>,
    ) -> Vec<Effect> {
        let mut turn = Turn { replica, now: now.into(), effects: Vec::new() };
        if self.stage == Stage::Closed {
            return turn.effects;
        }
        if let Err(stop) = self.take_turn(event, &mut turn) {
            self.close(stop, &mut turn);
        }
        turn.effects
    }

    /// When [`Event::Tick`] is due by the steady clock; never, while nothing is awaited.
    pub fn wakes_at(&self) -> Option<u64> {
        let is_due = self.is_unsettled();
        is_due.then_some(self.quiet_since_ms.saturating_add(self.patience_ms))
    }

    /// Whether both replicas held the same when last heard of, and nothing is on the way.
    pub fn is_in_step(&self) -> bool {
        let own = self.own.as_ref().map(|own| own.root);
        self.is_greeted()
            && own.is_some()
            && self.peer.root == own
            && self.untaken.is_empty()
            && self.ingesting.is_empty()
    }

    fn take_turn(&mut self, event: Event, turn: &mut Turn<'_>) -> Result<(), Stop> {
        if !turn.replica.may_read(&self.them) {
            return Err(Closing::NoRole.into());
        }
        self.look(turn.replica);
        match event {
            Event::Opened => {
                self.quiet_since_ms = turn.now.steady_ms;
                if self.side == Side::Dialer {
                    self.say_hello(turn);
                }
            }
            Event::Frame(bytes) => self.receive(&bytes, turn)?,
            Event::Advanced => {}
            Event::Ingested(ingested) => self.ingested(ingested, turn)?,
            Event::Tick => {
                let is_due = self.wakes_at().is_some_and(|at| at <= turn.now.steady_ms);
                if is_due {
                    self.patience_ms = (self.patience_ms * 2).min(PATIENCE_MS_MAX);
                    self.say_hello(turn);
                }
            }
        }
        self.deliver(turn);
        self.show_in_step(turn);
        Ok(())
    }

    /// Learns what the replica holds now.
    fn look(&mut self, replica: &dyn Replica) {
        let is_same = |own: &Arc<Holdings>| {
            own.statements == *replica.statements() && own.heads == *replica.heads()
        };
        if self.own.as_ref().is_some_and(is_same) {
            return;
        }
        let own = Arc::new(Holdings::of(replica));
        // Who had no role may have one now.
        if self.own.as_ref().is_some_and(|old| old.statements != own.statements) {
            self.shunned = Shunned::default();
        }
        self.own = Some(own);
    }

    fn show_in_step(&mut self, turn: &mut Turn<'_>) {
        if !self.is_in_step() {
            self.shown_in_step = None;
        } else if self.shown_in_step != self.peer.root {
            self.shown_in_step = self.peer.root;
            turn.effects.push(Effect::InStep);
        }
    }

    /// Whether something is awaited that may have got lost.
    fn is_unsettled(&self) -> bool {
        let Some(own) = self.own.as_ref().filter(|_| self.stage != Stage::Closed) else {
            return false;
        };
        if self.stage == Stage::AwaitsWelcome || !self.untaken.is_empty() {
            return true;
        }
        let is_hopeless = self.in_vain.is_some_and(|(ours, theirs, rounds)| {
            rounds >= ROUNDS_IN_VAIN_MAX && ours == own.root && Some(theirs) == self.peer.root
        });
        self.is_greeted() && !self.is_in_step() && !is_hopeless
    }

    /// Whether the peer's Hello or Welcome was taken in, and nothing else is waited for.
    fn is_greeted(&self) -> bool {
        matches!(self.stage, Stage::AwaitsWant | Stage::Greeted)
    }

    /// Something came across that was not there before.
    fn moved(&mut self) {
        self.has_moved = true;
        self.in_vain = None;
        self.patience_ms = first_patience_ms(self.side);
    }

    fn charge(&mut self, cost: u64, now_ms: u64) -> Result<(), Stop> {
        if self.theirs.spend(cost, now_ms) { Ok(()) } else { Err(Closing::Flood.into()) }
    }

    fn close(&mut self, stop: Stop, turn: &mut Turn<'_>) {
        self.stage = Stage::Closed;
        let closing = stop.0;
        if closing.is_fault() {
            let why = closing.to_string();
            turn.effects.push(Effect::Culprit { who: self.them, why });
        }
        if let Some((code, text)) = closing.as_said() {
            let versions = closing.versions();
            let (oldest, newest) = (versions.map(|v| v.0), versions.map(|v| v.1));
            turn.send(&Frame::Bye(Bye { code, text: Some(text), oldest, newest }));
        }
        turn.effects.push(Effect::Close(closing));
    }
}

const fn first_patience_ms(side: Side) -> u64 {
    match side {
        Side::Dialer => PATIENCE_MS,
        Side::Answerer => 2 * PATIENCE_MS,
    }
}

/// The bytes that a batch costs here, roughly.
fn weight(batch: &Batch) -> u64 {
    let statements = batch.statements.iter().map(|said| said.bytes.len() + 96);
    let changes = batch.changes.iter().map(|change| change.raw.len() + size_of::<Signature>());
    allowance::FRAME + statements.chain(changes).sum::<usize>() as u64
}
