//! Which of many histories that are the same but for names and for the order of what is independent is tried.
//!
//! Devices are alike, and so are items: a history with two of them exchanged is the same history. So is one in which two
//! neighbours change places that have nothing to do with each other. Of all that are the same the least is tried, by the
//! order of the steps; and with it a few more, because each of the two is asked for itself. Which of concurrent values
//! wins does depend on the names of devices; no rule of the oracle asks for that.
//!
//! Invariant: of every history at least one that is the same is among those that are tried.

use crate::step::{Setup, Step};

/// The steps of a small world, and what is the same about them.
pub struct Reduction {
    steps: Vec<Step>,
    /// What each exchange of devices and items makes of each step.
    exchanges: Vec<Vec<usize>>,
    /// By two steps, whether their order matters.
    depends: Vec<Vec<bool>>,
}

impl Reduction {
    /// Of steps that are closed under exchanges, in a setup whose devices are alike.
    pub fn of(setup: &Setup, steps: Vec<Step>) -> Self {
        let place = |step: &Step| steps.iter().position(|other| other == step);
        let mut exchanges = Vec::new();
        for devices in permutations(setup.devices.len() as u8) {
            for items in permutations(setup.items) {
                let names = Names { setup, devices: &devices, items: &items };
                let exchanged = steps.iter().map(|step| place(&names.exchanged(*step)));
                // What is not closed under it is no symmetry.
                exchanges.extend(exchanged.collect::<Option<Vec<_>>>());
            }
        }
        let parts: Vec<Parts> = steps.iter().map(|step| Parts::of(setup, *step)).collect();
        let row = |one: &Parts| parts.iter().map(|two| one.meets(two)).collect();
        let depends = parts.iter().map(row).collect();
        Self { steps, exchanges, depends }
    }

    /// All steps; a history is a list of their places.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whether a history is tried, if all but its last step was.
    pub fn is_tried(&self, history: &[usize]) -> bool {
        self.is_in_order(history) && self.is_least(history)
    }

    /// Whether the last step is not one that could as well have been made before a greater one.
    fn is_in_order(&self, history: &[usize]) -> bool {
        let Some((last, before)) = history.split_last() else { return true };
        let free = before.iter().rev().take_while(|other| !self.depends[*last][**other]);
        !free.into_iter().any(|other| other > last)
    }

    fn is_least(&self, history: &[usize]) -> bool {
        let mut exchanged = self.exchanges.iter();
        !exchanged.any(|names| history.iter().map(|step| names[*step]).lt(history.iter().copied()))
    }

    /// All histories that are the same as one, itself among them: found by exchanging names and neighbours.
    pub fn same(&self, history: &[usize]) -> std::collections::BTreeSet<Vec<usize>> {
        let mut all = std::collections::BTreeSet::from([history.to_vec()]);
        let mut open = vec![history.to_vec()];
        while let Some(one) = open.pop() {
            let named = self.exchanges.iter().map(|names| one.iter().map(|s| names[*s]).collect());
            let mut others: Vec<Vec<usize>> = named.collect();
            for at in 1..one.len() {
                if !self.depends[one[at - 1]][one[at]] {
                    let mut other = one.clone();
                    other.swap(at - 1, at);
                    others.push(other);
                }
            }
            others.retain(|other| all.insert(other.clone()));
            open.extend(others);
        }
        all
    }
}

/// All orders of so many.
fn permutations(count: u8) -> Vec<Vec<u8>> {
    let mut all = vec![Vec::new()];
    for next in 0..count {
        let places = |order: &Vec<u8>| {
            let order = order.clone();
            (0..=order.len()).map(move |at| {
                let mut longer = order.clone();
                longer.insert(at, next);
                longer
            })
        };
        all = all.iter().flat_map(places).collect();
    }
    all
}

/// New names of devices and items.
struct Names<'a> {
    setup: &'a Setup,
    devices: &'a [u8],
    items: &'a [u8],
}

impl Names<'_> {
    fn link(&self, link: u8) -> u8 {
        let (device, place) = self.setup.place(link);
        self.setup.first_link(self.devices[usize::from(device)]) + place
    }

    fn exchanged(&self, step: Step) -> Step {
        let (device, item) =
            (|it: u8| self.devices[usize::from(it)], |it: u8| self.items[usize::from(it)]);
        let link = |it: u8| self.link(it);
        match step {
            Step::Edit(l, i, act) => Step::Edit(link(l), item(i), act),
            Step::Pass(d, late) => {
                Step::Pass(device(d), late.map(|(l, i, act)| (link(l), item(i), act)))
            }
            Step::Tell(one, two) => Step::Tell(device(one), device(two)),
            Step::TellOld(one, two) => Step::TellOld(device(one), device(two)),
            Step::Forget(l) => Step::Forget(link(l)),
            Step::Remove(l, i) => Step::Remove(link(l), item(i)),
            Step::Add(l, i) => Step::Add(link(l), item(i)),
            Step::Lose(l, i) => Step::Lose(link(l), item(i)),
            Step::Find(l, i, is_bare) => Step::Find(link(l), item(i), is_bare),
            Step::Unmount(l) => Step::Unmount(link(l)),
            Step::Mount(l) => Step::Mount(link(l)),
            // A list is in an order, so that its items are not alike.
            Step::List(l, act) => Step::List(link(l), act),
            Step::Keep(d) => Step::Keep(device(d)),
            Step::Restore(d) => Step::Restore(device(d)),
            Step::Crash(d, writes) => Step::Crash(device(d), writes),
        }
    }
}

/// What of the world a step reads and changes.
struct Parts {
    /// Items in libraries: one bit for each.
    items: u128,
    /// What devices know, and remember of their libraries: one bit for each.
    reads: u8,
    writes: u8,
}

impl Parts {
    fn of(setup: &Setup, step: Step) -> Self {
        let slot = |link: u8, item: u8| 1_u128 << (link * setup.items + item);
        let library = |link| (0..setup.items).fold(0, |all, item| all | slot(link, item));
        let device = |device: u8| {
            let first = setup.first_link(device);
            let links = first..first + setup.devices[usize::from(device)].len() as u8;
            links.fold(0, |all, link| all | library(link))
        };
        let (items, reads, writes) = match step {
            Step::Edit(link, item, _)
            | Step::Remove(link, item)
            | Step::Add(link, item)
            | Step::Lose(link, item)
            | Step::Find(link, item, _) => (slot(link, item), 0, 0),
            Step::Unmount(link) | Step::Mount(link) | Step::List(link, _) => (library(link), 0, 0),
            Step::Forget(link) => (library(link), 0, 1 << setup.place(link).0),
            Step::Pass(at, _) | Step::Crash(at, _) | Step::Keep(at) | Step::Restore(at) => {
                (device(at), 0, 1 << at)
            }
            Step::Tell(from, to) | Step::TellOld(from, to) => (0, 1 << from, 1 << to),
        };
        Self { items, reads, writes }
    }

    /// Whether their order matters.
    const fn meets(&self, other: &Self) -> bool {
        self.items & other.items != 0
            || self.writes & (other.reads | other.writes) != 0
            || self.reads & other.writes != 0
    }
}
