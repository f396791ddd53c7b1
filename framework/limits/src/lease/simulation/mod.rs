//! Random histories of devices that share seats, and what must hold of each at every instant of
//! true time.
//!
//! - **One user**: at most one device uses a token. With clocks within the bound, with one that is wrong by
//!   up to twice the bound, and with one that is set back while its agent runs, without exception.
//! - **Honest devices never contradict themselves**, whatever crashes, copies and backups do.
//! - **Nobody uses what they know to be contradicted**. A seat that went through the hands of a
//!   liar, or of a copy that does not know that it is one, may have two users until they hear
//!   of each other; how often is printed.
//! - **Nobody trusts a clock that was shown to be wrong.** What nothing ever showed is counted, too.
//! - **It comes to an end**: when everybody is connected again, who asks gets a seat, and a seat
//!   that is given goes over at once.

mod history;
mod world;

use std::collections::BTreeMap;

use super::statement::{To, Token};
use super::{Denied, Effect, Event};
use world::{Kind, LICENCE, OFFICE, World};

const HISTORIES: u64 = 50_000;
const ACTS: usize = 60;
const DAY: i64 = 24 * 60 * 60 * 1000;

impl World {
    /// Whom this machine's agent lets use what, now.
    fn look(&mut self, at: usize) {
        let seats = self.offer.seats;
        let machine = &mut self.machines[at];
        let is_stopping = machine.pending.iter().any(|effect| matches!(effect, Effect::Stop(_)));
        if !is_stopping {
            machine.using.clear();
        }
        let Some(running) = machine.running.as_ref().filter(|_| !machine.is_hostile) else {
            machine.using.clear();
            return;
        };
        let now = machine.clock.show(self.now);
        if running.holds(&LICENCE, seats, now).is_err() {
            return;
        }
        let held = running.leases().standings(&LICENCE, seats).filter_map(|(token, standing)| {
            running.judge(&token, standing, now).ok().map(|tip| (token, tip.term))
        });
        let held: Vec<(Token, i64)> = held.collect();
        machine.using.extend(held);
    }

    /// The oracle.
    fn judge(&mut self) {
        let mut users: BTreeMap<Token, Vec<(usize, i64)>> = BTreeMap::new();
        for at in 0..self.machines.len() {
            self.look(at);
            for (token, term) in &self.machines[at].using {
                users.entry(*token).or_default().push((at, *term));
            }
        }
        for (token, users) in users {
            for (at, term) in &users {
                self.count("used");
                self.knows_no_contradiction(*at, &token, *term);
            }
            if users.len() > 1 {
                self.excuse(&token, &users);
            }
        }
    }

    /// Two use one token: there must be a reason that nobody could know.
    fn excuse(&mut self, token: &Token, users: &[(usize, i64)]) {
        let is_tainted = users.iter().any(|(_, term)| self.is_tainted(token, *term));
        let why = match self.kind {
            Kind::Hostile if is_tainted => "two by a lie that they had not heard",
            Kind::Twins if is_tainted => "two by a copy that did not know",
            Kind::Broken => "two by a clock that nothing had shown to be wrong",
            _ => panic!("{:?}: {token:?} is used by {users:?} at {}", self.kind, self.now),
        };
        self.count(why);
    }

    fn knows_no_contradiction(&self, at: usize, token: &Token, term: i64) {
        for statements in self.forks(token, term) {
            let known = statements.iter().filter(|one| self.machines[at].knows(**one)).count();
            assert!(known < 2, "{at} uses {token:?}");
        }
    }

    fn must_be_denied(&mut self, at: usize) {
        let machine = &self.machines[at];
        let now = machine.clock.show(self.now);
        if let Some(running) = &machine.running {
            let answer = running.holds(&LICENCE, self.offer.seats, now);
            assert!(matches!(answer, Err(Denied::Clock(_))), "{at} trusts its clock: {answer:?}");
        }
    }

    fn everybody_is_connected(&mut self) {
        for at in 0..self.machines.len() {
            self.drain(at);
            if self.machines[at].running.is_none() {
                self.open(at);
                self.drain(at);
            }
        }
        for _ in 0..2 {
            for at in 0..self.machines.len() {
                self.tell(OFFICE, at, true);
                self.tell(at, OFFICE, true);
                self.drain(at);
            }
        }
        self.drain(OFFICE);
        self.judge();
    }

    fn answer(&self, at: usize) -> Option<Result<i64, Denied>> {
        let machine = &self.machines[at];
        let now = machine.clock.show(self.now);
        machine.running.as_ref().map(|seats| seats.holds(&LICENCE, self.offer.seats, now))
    }

    fn holds(&self, at: usize) -> bool {
        self.answer(at).is_some_and(|answer| answer.is_ok())
    }

    fn seats_of(&self, at: usize) -> usize {
        self.machines[at].using.len()
    }

    fn office_serves(&mut self) {
        self.step(OFFICE, Event::Serve([(LICENCE, self.offer.clone())].into()));
        self.everybody_is_connected();
    }

    /// Whoever asks gets a seat, which can be given on and back, and is free again.
    fn ends_well(&mut self) {
        self.everybody_is_connected();
        self.step(OFFICE, Event::TookOffice);
        for at in 0..self.machines.len() {
            // A copy's clock may be behind that of the computer where it was made.
            self.step(at, Event::ClockConfirmed);
        }
        let honest: Vec<usize> = (0..self.machines.len())
            .filter(|at| !self.machines[*at].is_hostile)
            .filter(|at| !self.twins.contains(&self.machines[*at].party))
            .collect();
        // No term is longer, so what is given below has just begun.
        self.now += 4 * DAY;
        let asks = *self.rng.choice(&honest).expect("the office is honest");
        let mut days = 0;
        while !self.holds(asks) {
            assert!(days < 100, "{asks} got nothing: {:?}", self.answer(asks));
            if days % 20 == 0 {
                self.step(asks, Event::Take(LICENCE));
                self.everybody_is_connected();
            }
            self.now += DAY;
            days += 1;
            self.office_serves();
        }
        let others: Vec<usize> = honest.into_iter().filter(|at| *at != asks).collect();
        let Some(other) = self.rng.choice(&others).copied() else { return };
        if self.holds(other) {
            return;
        }
        let to = To::Device(self.machines[other].party);
        let has_two = self.seats_of(asks) > 1;
        self.step(asks, Event::Give(LICENCE, to));
        self.everybody_is_connected();
        assert!(self.holds(other) && (has_two || !self.holds(asks)), "what is given goes over");
        self.step(other, Event::Give(LICENCE, To::Office));
        self.step(asks, Event::Take(LICENCE));
        self.everybody_is_connected();
        let issued = self.counts["issued"];
        let has_another = self.holds(asks);
        assert!(!self.holds(other), "what was given back is gone");
        self.now += 1;
        self.office_serves();
        let is_issued = has_another || self.counts["issued"] > issued;
        assert!(is_issued, "what comes back is free");
        self.count("ended well");
    }

    fn run(&mut self) {
        for _ in 0..ACTS {
            self.act();
            self.judge();
        }
        let is_honest = self.places.values().all(|statements| statements.len() == 1);
        let may_lie = matches!(self.kind, Kind::Hostile | Kind::Twins);
        assert!(is_honest || may_lie, "an honest device contradicts itself");
        if matches!(self.kind, Kind::Sound | Kind::Hostile | Kind::Twins) {
            self.ends_well();
        }
    }
}

fn every_history() -> BTreeMap<(Kind, &'static str), u64> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads)
            .map(|part| {
                scope.spawn(move || {
                    let mut counts: BTreeMap<_, u64> = BTreeMap::new();
                    for seed in (part..HISTORIES).step_by(threads as usize) {
                        let mut world = World::draw(seed);
                        let run = std::panic::AssertUnwindSafe(|| world.run());
                        if let Err(panic) = std::panic::catch_unwind(run) {
                            eprintln!("history {seed}");
                            std::panic::resume_unwind(panic);
                        }
                        for (what, count) in &world.counts {
                            *counts.entry((world.kind, *what)).or_default() += count;
                        }
                    }
                    counts
                })
            })
            .collect();
        let mut all: BTreeMap<_, u64> = BTreeMap::new();
        for part in parts {
            let counts = part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            for (what, count) in counts {
                *all.entry(what).or_default() += count;
            }
        }
        all
    })
}

#[test]
fn f42_at_most_one_device_uses_a_seat_and_whoever_asks_gets_one() {
    let counts = every_history();
    let sum =
        |what| counts.iter().filter(|((_, one), _)| *one == what).map(|(_, n)| n).sum::<u64>();
    for ((kind, what), count) in &counts {
        println!("{kind:?}: {what}: {count}");
    }
    for (what, least) in [
        ("issued", HISTORIES * 2),
        ("given", HISTORIES / 2),
        ("given back", HISTORIES / 2),
        ("used", HISTORIES * 10),
        ("copied", HISTORIES / 2),
        ("restored", HISTORIES / 10),
        ("killed between effects", HISTORIES / 10),
        ("lied", HISTORIES / 10),
        ("set back", HISTORIES / 10),
        ("contradicted", HISTORIES / 10),
        ("ended well", HISTORIES / 3),
    ] {
        assert!(sum(what) > least, "{what}: {} of at least {least}", sum(what));
    }
}

#[test]
fn one_seed_is_one_history() {
    for seed in 0..200 {
        let trace = || {
            let mut world = World::draw(seed);
            world.trace = Some(Vec::new());
            world.run();
            world.trace.expect("what was begun above")
        };
        let first = trace();
        assert!(first.len() > ACTS && first == trace(), "history {seed}");
    }
}
