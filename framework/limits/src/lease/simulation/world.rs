//! Devices with clocks, disks and a network, in true time. Nothing here knows what is right.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use segue_model::{DeviceId, DocumentId, ItemId, PersonId};

use super::super::statement::{
    Incarnation, Lease, LeaseHash, Licence, Link, Party, To, Token, VerifiedLease,
};
use super::super::{CLOCK_BOUND_MS, Effect, Event, Leases, Observation, Offer, Seats, State};

pub(super) const LICENCE: Licence =
    Licence { document: DocumentId([1; 32]), item: ItemId([2; 16]), issuer: [3; 32] };
pub(super) const OWNER: PersonId = PersonId([250; 32]);
/// The machine that founded the document.
pub(super) const OFFICE: usize = 0;

/// What a history is to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// All is as it should be, but for the network, crashes, copies and restored backups.
    Sound,
    /// So, and one clock is wrong by up to twice the bound.
    OneClock,
    /// So, and one clock, right before, is set back while its agent runs.
    SetBack,
    /// Clocks are wrong by any amount.
    Broken,
    /// One device signs whatever it likes.
    Hostile,
    /// Copies that do not know that they are copies.
    Twins,
}

/// What a device's clock shows: the true time, a constant error, and one that grows up to a bound.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    pub(super) offset: i64,
    pub(super) drift_ppm: i64,
    pub(super) bound: i64,
    pub(super) set: i64,
}

impl Clock {
    pub(super) fn show(&self, now: i64) -> i64 {
        let error = self.offset + now * self.drift_ppm / 1_000_000;
        now + error.clamp(-self.bound, self.bound) + self.set
    }
}

/// What survives a crash.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk {
    pub(super) state: State,
    pub(super) stored: BTreeSet<usize>,
}

/// A computer with one folder.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) party: Party,
    pub(super) clock: Clock,
    pub(super) disk: Disk,
    pub(super) backup: Option<Disk>,
    pub(super) running: Option<Seats>,
    pub(super) pending: VecDeque<Effect>,
    /// Published since it was started.
    fresh: BTreeSet<usize>,
    /// Whom it can hear: who is in the same group.
    pub(super) group: u8,
    pub(super) is_hostile: bool,
    /// What it uses, and in which term.
    pub(super) using: BTreeMap<Token, i64>,
}

impl Machine {
    pub(super) fn new(device: u8, clock: Clock) -> Self {
        let party = Party { device: DeviceId([device; 32]), incarnation: Incarnation([0; 4]) };
        Self {
            party,
            clock,
            disk: Disk::default(),
            backup: None,
            running: None,
            pending: VecDeque::new(),
            fresh: BTreeSet::new(),
            group: 0,
            is_hostile: false,
            using: BTreeMap::new(),
        }
    }

    /// Another computer with a copy of this one's folder.
    pub(super) fn copy(&self, incarnation: Incarnation, clock: Clock) -> Self {
        let party = Party { incarnation, ..self.party };
        Self { party, disk: self.disk.clone(), ..Self::new(0, clock) }
    }

    pub(super) fn crash(&mut self) {
        self.running = None;
        self.pending.clear();
        self.fresh.clear();
    }

    pub(super) fn knows(&self, statement: usize) -> bool {
        self.disk.stored.contains(&statement) || self.fresh.contains(&statement)
    }

    fn known(&self) -> impl Iterator<Item = usize> {
        self.disk.stored.union(&self.fresh).copied()
    }
}

/// Where a statement stands in its chain, and by whom: there must be one.
pub(super) type Place = (Token, i64, u32, [u8; 32], LeaseHash);

/// Everything there is.
pub(super) struct World {
    pub(super) rng: fastrand::Rng,
    pub(super) kind: Kind,
    /// The true time.
    pub(super) now: i64,
    pub(super) machines: Vec<Machine>,
    pub(super) statements: Vec<VerifiedLease>,
    pub(super) offer: Offer,
    /// Statements by place.
    pub(super) places: BTreeMap<Place, BTreeSet<usize>>,
    /// Parties of which there are two without knowing it.
    pub(super) twins: BTreeSet<Party>,
    pub(super) trace: Option<Vec<String>>,
    pub(super) counts: BTreeMap<&'static str, u64>,
    fresh_incarnation: u32,
}

impl World {
    pub(super) fn new(
        rng: fastrand::Rng,
        kind: Kind,
        machines: Vec<Machine>,
        offer: Offer,
    ) -> Self {
        Self {
            rng,
            kind,
            now: 0,
            machines,
            statements: Vec::new(),
            offer,
            places: BTreeMap::new(),
            twins: BTreeSet::new(),
            trace: None,
            counts: BTreeMap::new(),
            fresh_incarnation: 0,
        }
    }

    pub(super) fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    pub(super) fn note(&mut self, line: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{now} {}", line()));
        }
    }

    pub(super) fn incarnation(&mut self) -> Incarnation {
        self.fresh_incarnation += 1;
        Incarnation(self.fresh_incarnation.to_be_bytes())
    }

    /// Starts a machine's agent. Its disk is read as bytes, as it would be.
    pub(super) fn open(&mut self, at: usize) {
        let machine = &mut self.machines[at];
        let mut leases = Leases::new(OWNER);
        for statement in &machine.disk.stored {
            leases.insert(&self.statements[*statement]);
        }
        let state = State::decode(&machine.disk.state.encode()).expect("what was encoded");
        let now = machine.clock.show(self.now);
        let (seats, effects) = Seats::open(machine.party, leases, state, now);
        machine.running = Some(seats);
        machine.pending = effects.into();
    }

    /// Lets an event happen where an agent runs; it finishes what it was at first.
    pub(super) fn step(&mut self, at: usize, event: Event) {
        self.drain(at);
        self.note(|| format!("{at}: {event:?}"));
        let machine = &mut self.machines[at];
        let now = machine.clock.show(self.now);
        if let Some(seats) = &mut machine.running {
            machine.pending = seats.step(event, now).into();
        }
    }

    /// Carries all effects out.
    pub(super) fn drain(&mut self, at: usize) {
        while self.carry_out(at) {}
    }

    /// Carries the next effect out, if there is one.
    pub(super) fn carry_out(&mut self, at: usize) -> bool {
        let machine = &mut self.machines[at];
        let Some(effect) = machine.pending.pop_front() else { return false };
        self.note(|| format!("{at}: {effect:?}"));
        let machine = &mut self.machines[at];
        match effect {
            Effect::Persist(state) => machine.disk.state = state,
            Effect::Stop(_) => machine.using.clear(),
            Effect::Publish(lease) => self.publish(at, lease),
            Effect::Refuse(_) => self.count("refused"),
        }
        true
    }

    fn publish(&mut self, at: usize, lease: Lease) {
        let DeviceId(device) = self.machines[at].party.device;
        let signer = if lease.is_of_office() { OWNER.0 } else { device };
        self.sign(at, signer, lease);
    }

    /// Somebody is handed a statement that nobody else has.
    pub(super) fn sign_for(&mut self, victim: usize, signer: [u8; 32], lease: Lease) {
        let number = self.signed(signer, lease);
        self.machines[victim].disk.stored.insert(number);
        self.step(victim, Event::Heard(self.statements[number]));
    }

    /// A statement begins to exist where it was signed.
    pub(super) fn sign(&mut self, at: usize, signer: [u8; 32], lease: Lease) {
        let number = self.signed(signer, lease);
        self.machines[at].fresh.insert(number);
    }

    /// The number of a statement among all, which it gets when it is signed first.
    fn signed(&mut self, signer: [u8; 32], lease: Lease) -> usize {
        let signed = VerifiedLease::own(signer, lease);
        let same = self.statements.iter().position(|other| other.hash() == signed.hash());
        let number = same.unwrap_or(self.statements.len());
        if same.is_none() {
            self.statements.push(signed);
            if let Lease::Link(link) = lease {
                self.places.entry(place(&link, signer)).or_default().insert(number);
                self.count(match link {
                    Link { number: 0, .. } => "issued",
                    Link { to: To::Office, .. } => "given back",
                    Link { to: To::Device(_), .. } => "given",
                });
            }
        }
        number
    }

    /// One machine hears of another what it lacks, or some of it, in any order and perhaps twice.
    pub(super) fn tell(&mut self, from: usize, to: usize, is_all: bool) {
        let mut news: Vec<usize> =
            self.machines[from].known().filter(|one| !self.machines[to].knows(*one)).collect();
        self.rng.shuffle(&mut news);
        if !is_all && self.rng.bool() {
            news.truncate(self.rng.usize(0..=news.len()));
        }
        if let (Some(first), 0) = (news.first().copied(), self.rng.u8(0..8)) {
            news.push(first);
        }
        for statement in news {
            self.machines[to].disk.stored.insert(statement);
            self.step(to, Event::Heard(self.statements[statement]));
        }
    }

    /// What `at` sees of the clock of `peer`.
    pub(super) fn observation(&mut self, at: usize, peer: usize) -> Observation {
        let longest = if self.rng.u8(0..4) == 0 { 60_000 } else { 500 };
        let round_trip = self.rng.i64(0..=longest);
        let spoken = self.now - self.rng.i64(0..=round_trip);
        // A clock goes on evenly during the round trip, as long as nobody sets it.
        let asked = self.machines[at].clock.show(self.now - round_trip);
        let ours = self.machines[at].clock.show(self.now);
        let round_trip = round_trip.max(ours - asked);
        let theirs = self.machines[peer].clock.show(spoken);
        Observation { peer: self.machines[peer].party.device, theirs, ours, round_trip }
    }

    /// Whether the seat of this term went through hands that lie, or are two.
    pub(super) fn is_tainted(&self, token: &Token, term: i64) -> bool {
        let mut here = self.places.range((*token, term, 0, [0; 32], [0; 32])..);
        let mut twins = here
            .by_ref()
            .take_while(|((of, when, ..), _)| (of, *when) == (token, term))
            .flat_map(|(_, statements)| statements);
        twins.any(|one| self.is_to_twin(*one)) || self.forks(token, term).next().is_some()
    }

    /// Where in this term's chain somebody who had the seat said two things.
    pub(super) fn forks(&self, token: &Token, term: i64) -> impl Iterator<Item = &BTreeSet<usize>> {
        let here = self.places.range((*token, term, 0, [0; 32], [0; 32])..);
        let here = here.take_while(move |((of, when, ..), _)| (*of, *when) == (*token, term));
        let two = here.map(|(_, statements)| statements).filter(|statements| statements.len() > 1);
        two.filter(|statements| statements.iter().all(|one| self.is_by_holder(*one)))
    }

    /// Whether this was said by who had the seat, back to the office.
    fn is_by_holder(&self, statement: usize) -> bool {
        let said = &self.statements[statement];
        let Lease::Link(link) = said.lease() else { return false };
        if link.number == 0 {
            return *said.signer() == OWNER.0;
        }
        let before = (0..self.statements.len())
            .find(|before| self.statements[*before].hash() == link.previous);
        before.is_some_and(|at| {
            let Lease::Link(before) = self.statements[at].lease() else { return false };
            let To::Device(holder) = before.to else { return false };
            (before.token, before.term, before.end) == (link.token, link.term, link.end)
                && before.number + 1 == link.number
                && holder.device.0 == *said.signer()
                && self.is_by_holder(at)
        })
    }

    fn is_to_twin(&self, statement: usize) -> bool {
        match self.statements[statement].lease() {
            Lease::Link(Link { to: To::Device(party), .. }) => self.twins.contains(party),
            _ => false,
        }
    }

    /// Whether a clock is so wrong that another, within the bound, must see it.
    pub(super) fn contradict(seen: &Observation) -> bool {
        let ahead = seen.theirs - seen.ours;
        ahead > 2 * CLOCK_BOUND_MS || ahead + seen.round_trip < -2 * CLOCK_BOUND_MS
    }
}

fn place(link: &Link, signer: [u8; 32]) -> Place {
    let previous = if link.number == 0 { [0; 32] } else { link.previous };
    (link.token, link.term, link.number, signer, previous)
}
