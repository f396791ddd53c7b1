//! What happens in one history: people, networks, accidents and liars, all drawn from a seed.

use std::collections::BTreeSet;

use super::super::statement::{Lease, LeaseHash, Link, Party, To, Token};
use super::super::{CLOCK_BOUND_MS, Event, Offer, TERM_MAX_MS};
use super::world::{Clock, Kind, LICENCE, Machine, OFFICE, World};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;
const MACHINES_MAX: usize = 8;

impl World {
    /// The beginning of a history.
    pub(super) fn draw(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let kind = match seed % 20 {
            0..=8 => Kind::Sound,
            9..=12 => Kind::OneClock,
            13..=15 => Kind::SetBack,
            16 | 17 => Kind::Hostile,
            18 => Kind::Broken,
            _ => Kind::Twins,
        };
        let devices = rng.usize(2..=5);
        let wrong = rng.usize(0..=devices);
        let mut machines: Vec<Machine> = (0..=devices)
            .map(|at| {
                let is_wrong = at == wrong || kind == Kind::Broken && rng.bool();
                Machine::new(at as u8, clock(&mut rng, kind, is_wrong))
            })
            .collect();
        if kind == Kind::Hostile {
            machines[rng.usize(1..=devices)].is_hostile = true;
        }
        let devices: BTreeSet<_> = machines.iter().map(|machine| machine.party.device).collect();
        let term_ms = [30 * MINUTE, 30 * MINUTE, DAY, 3 * DAY][rng.usize(0..4)];
        let seats = if rng.bool() { 1 } else { rng.u32(2..=3) };
        let offer = Offer { seats, term_ms, until: None, devices };
        let mut world = Self::new(rng, kind, machines, offer);
        for at in 0..world.machines.len() {
            world.open(at);
        }
        world.step(OFFICE, Event::Founded);
        world.drain(OFFICE);
        world
    }

    /// Something happens.
    pub(super) fn act(&mut self) {
        let at = self.rng.usize(0..self.machines.len());
        match self.rng.u8(0..100) {
            0..=17 => self.time_passes(),
            18..=39 => self.person(at),
            40..=54 => self.office_answers(),
            55..=77 => self.sync(at),
            78..=82 => self.machines.iter_mut().for_each(|machine| machine.group = 0),
            83..=86 => self.part(),
            87..=91 => self.machines[at].crash(),
            92..=95 => self.disk(at),
            _ => self.misfortune(at),
        }
        let at = self.rng.usize(0..self.machines.len());
        if self.machines[at].running.is_none() {
            self.open(at);
        }
    }

    /// A little time, or until about when some term ends or is over.
    fn time_passes(&mut self) {
        let ends = self.statements.iter().filter_map(|one| match one.lease() {
            Lease::Link(link) if link.end + 4 * CLOCK_BOUND_MS > self.now => Some(link.end),
            _ => None,
        });
        let ends: Vec<i64> = ends.collect();
        let step = match (self.rng.u8(0..4), self.rng.choice(&ends)) {
            (0 | 1, Some(end)) => {
                let about = self.rng.i64(-2 * CLOCK_BOUND_MS..=4 * CLOCK_BOUND_MS);
                (end + about - self.now).max(0)
            }
            (2, _) => self.rng.i64(0..CLOCK_BOUND_MS),
            _ => self.rng.i64(0..MINUTE),
        };
        self.now += step;
        for at in 0..self.machines.len() {
            self.step(at, Event::Tick);
        }
    }

    /// Somebody wants a seat, or gives theirs away.
    fn person(&mut self, at: usize) {
        let users = (0..self.machines.len()).filter(|at| !self.machines[*at].using.is_empty());
        let users: Vec<usize> = users.collect();
        let at = self.rng.choice(&users).copied().filter(|_| self.rng.bool()).unwrap_or(at);
        let has_one = !self.machines[at].using.is_empty();
        let event = match self.rng.u8(0..6) {
            0 if has_one => Event::Give(LICENCE, To::Office),
            1 | 2 if has_one => Event::Give(LICENCE, To::Device(self.somebody())),
            0 => Event::Give(LICENCE, To::Device(self.somebody())),
            _ => Event::Take(LICENCE),
        };
        self.step(at, event);
        self.go_on(at);
    }

    /// The effects are carried out, some of them for now, or some before the folder is copied or
    /// the agent is killed.
    fn go_on(&mut self, at: usize) {
        match self.rng.u8(0..6) {
            0 => {
                for _ in 0..self.rng.usize(0..3) {
                    self.carry_out(at);
                }
                if !self.machines[at].pending.is_empty() {
                    self.count("killed between effects");
                    self.machines[at].crash();
                }
            }
            1 => {
                self.carry_out(at);
                let may_copy = self.kind == Kind::Sound && self.machines.len() < MACHINES_MAX;
                if may_copy && self.rng.u8(0..4) == 0 {
                    self.copy(at);
                }
            }
            _ => self.drain(at),
        }
    }

    /// A party of the document, as others know it.
    fn somebody(&mut self) -> Party {
        let at = self.rng.usize(0..self.machines.len());
        self.machines[at].party
    }

    /// Whatever might be the office hears who is near, answers, and is perhaps heard.
    fn office_answers(&mut self) {
        let office = self.machines[OFFICE].party.device;
        for at in 0..self.machines.len() {
            if self.machines[at].party.device == office && self.machines[at].running.is_some() {
                self.meet(at, |world, peer| world.tell(peer, at, false));
                self.step(at, Event::Serve([(LICENCE, self.offer.clone())].into()));
                self.go_on(at);
                self.meet(at, |world, peer| world.tell(at, peer, false));
            }
        }
    }

    /// Some of those that this one can hear.
    fn meet(&mut self, at: usize, does: impl Fn(&mut Self, usize)) {
        for peer in self.near(at) {
            if self.machines[at].running.is_some() && self.rng.bool() {
                does(self, peer);
            }
        }
    }

    fn near(&self, at: usize) -> Vec<usize> {
        let group = self.machines[at].group;
        (0..self.machines.len())
            .filter(|other| *other != at && self.machines[*other].group == group)
            .filter(|other| self.machines[*other].running.is_some())
            .collect()
    }

    /// Two that can hear each other get in step, perhaps not wholly, and may compare their clocks.
    fn sync(&mut self, at: usize) {
        let near = self.near(at);
        let Some(peer) = self.rng.choice(&near).copied() else { return };
        if self.machines[at].running.is_none() {
            return;
        }
        // Where one clock is wrong it shall go on long enough to do harm.
        if self.rng.u8(0..12) < if self.kind == Kind::OneClock { 1 } else { 4 } {
            self.compare(at, peer);
            self.compare(peer, at);
        }
        self.tell(at, peer, false);
        self.tell(peer, at, false);
    }

    fn compare(&mut self, at: usize, peer: usize) {
        let seen = self.observation(at, peer);
        self.step(at, Event::Observed(seen));
        if Self::contradict(&seen) {
            self.count("contradicted");
            self.must_be_denied(at);
        }
    }

    fn part(&mut self) {
        for at in 0..self.machines.len() {
            self.machines[at].group = self.rng.u8(0..3);
        }
        self.count("parted");
    }

    /// A backup is made, or brought back.
    fn disk(&mut self, at: usize) {
        let at = if self.rng.u8(0..3) == 0 { OFFICE } else { at };
        let Some(disk) = self.machines[at].backup.clone().filter(|_| self.rng.bool()) else {
            self.machines[at].backup = Some(self.machines[at].disk.clone());
            return;
        };
        self.machines[at].crash();
        self.machines[at].disk = disk;
        self.count("restored");
        if self.kind == Kind::Twins && at != OFFICE && self.rng.bool() {
            self.twins.insert(self.machines[at].party);
        } else {
            self.machines[at].party.incarnation = self.incarnation();
        }
        self.open(at);
        if at == OFFICE && self.rng.bool() {
            self.step(at, Event::TookOffice);
        }
    }

    fn misfortune(&mut self, at: usize) {
        match self.kind {
            Kind::SetBack => self.set_back(),
            Kind::Hostile => (0..2).for_each(|_| self.lie()),
            Kind::Broken if self.rng.bool() => {
                self.machines[at].clock.set += self.rng.i64(-TERM_MAX_MS..DAY) / 300;
            }
            _ if self.machines.len() < MACHINES_MAX && self.rng.bool() => self.copy(at),
            _ => {}
        }
    }

    /// Another computer gets a copy of the folder; it knows, unless it is the same in every bit.
    fn copy(&mut self, at: usize) {
        let is_busy = |machine: &Machine| !machine.pending.is_empty();
        let at = self.machines.iter().position(is_busy).unwrap_or(at);
        let clock = clock(&mut self.rng, Kind::Sound, false);
        let is_twin = self.kind == Kind::Twins && at != OFFICE;
        let incarnation =
            if is_twin { self.machines[at].party.incarnation } else { self.incarnation() };
        if is_twin {
            self.twins.insert(self.machines[at].party);
        }
        let copy = self.machines[at].copy(incarnation, clock);
        self.machines.push(copy);
        self.open(self.machines.len() - 1);
        self.count("copied");
    }

    /// The one whose clock is not steady sets it back while its agent runs, which may then be killed.
    fn set_back(&mut self) {
        let unsteady = |machine: &Machine| machine.clock.drift_ppm == 0;
        let Some(at) = self.machines.iter().position(unsteady) else { return };
        if self.machines[at].running.is_none() {
            return;
        }
        self.step(at, Event::Tick);
        self.drain(at);
        let most = [1, 6, 40][self.rng.usize(0..3)];
        let back = self.rng.i64(0..most * CLOCK_BOUND_MS);
        self.machines[at].clock.set -= back;
        if self.rng.bool() {
            self.machines[at].crash();
            self.open(at);
        }
        self.step(at, Event::Tick);
        self.drain(at);
        self.count("set back");
        if back > CLOCK_BOUND_MS / 2 {
            self.must_be_denied(at);
        }
    }

    /// The hostile device signs a second statement where there can be one, or where it has no right.
    fn lie(&mut self) {
        let Some(at) = self.machines.iter().position(|machine| machine.is_hostile) else { return };
        let me = self.machines[at].party;
        let links: Vec<(Link, [u8; 32])> = (0..self.statements.len())
            .filter(|one| self.machines[at].knows(*one))
            .filter_map(|one| match self.statements[one].lease() {
                Lease::Link(link) => Some((*link, self.statements[one].hash())),
                Lease::Request(_) => None,
            })
            .collect();
        let mine: Vec<_> =
            links.iter().filter(|(link, _)| link.to == To::Device(me)).copied().collect();
        self.count("lied");
        match (self.rng.choice(&mine).copied(), self.rng.choice(&links).copied()) {
            (Some((link, hash)), _) if self.rng.bool() => self.give_twice(at, &link, hash),
            (_, Some((link, hash))) => self.forge(at, &link, hash),
            _ => {}
        }
    }

    /// Gives a seat that it had to whoever is near, to each as if there were nobody else.
    fn give_twice(&mut self, at: usize, link: &Link, hash: LeaseHash) {
        self.meet(at, |world, victim| {
            world.tell(at, victim, true);
            let to = To::Device(world.machines[victim].party);
            let at_time = world.now.min(link.end - 1);
            let gift = Link { number: link.number + 1, previous: hash, to, at: at_time, ..*link };
            world.sign_for(victim, world.machines[at].party.device.0, Lease::Link(gift));
        });
    }

    /// Signs what it has no right to sign: from nowhere, with a gap, for another seat.
    fn forge(&mut self, at: usize, link: &Link, hash: LeaseHash) {
        let to = if self.rng.u8(0..3) == 0 { To::Office } else { To::Device(self.somebody()) };
        let forged = Link {
            number: [0, link.number + 1, link.number + 2][self.rng.usize(0..3)],
            previous: if self.rng.bool() { hash } else { [9; 32] },
            token: Token { seat: self.rng.u32(0..self.offer.seats), ..link.token },
            to,
            at: self.now.min(link.end - 1),
            ..*link
        };
        self.sign(at, self.machines[at].party.device.0, Lease::Link(forged));
    }
}

/// A clock as this kind of history has them.
fn clock(rng: &mut fastrand::Rng, kind: Kind, is_wrong: bool) -> Clock {
    let bound = match kind {
        Kind::OneClock if is_wrong => 2 * CLOCK_BOUND_MS,
        Kind::Broken if is_wrong => 40 * CLOCK_BOUND_MS,
        _ => CLOCK_BOUND_MS,
    };
    let offset = match rng.u8(0..4) {
        0 => -bound,
        1 => bound,
        _ => rng.i64(-bound..=bound),
    };
    let is_unsteady = kind == Kind::SetBack && is_wrong;
    let drift_ppm = if is_unsteady { 0 } else { rng.i64(1..=10_000) * [-1, 1][rng.usize(0..2)] };
    Clock { offset, drift_ppm, bound, set: 0 }
}
