//! What people did, and what they had seen when they did it. Nothing here knows the planner.

use std::collections::{BTreeMap, BTreeSet};

use segue_model::{Field, music};

use crate::step::MARK_NAMES;

/// A set of events: each is one bit.
pub(crate) type Seen = u128;

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Slot {
    /// The rating.
    Rating,
    /// A mark: the field's name and the mark's.
    Mark(&'static str, &'static str),
}

/// What somebody meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meant {
    /// The app had this rating when it was linked; it may stand for others.
    Had(i64),
    /// What the document says already, and no longer what it had.
    Agreed,
    /// This rating, or none.
    Rated(Option<i64>),
    /// The mark, or that it shall not be there.
    Marked(bool),
}

/// Which events an app had been shown, by what they are about.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shown {
    /// Of what is not in `of`.
    rest: Seen,
    of: BTreeMap<Slot, Seen>,
}

impl Shown {
    pub(crate) fn of(&self, slot: Slot) -> Seen {
        self.of.get(&slot).copied().unwrap_or(self.rest)
    }

    pub(crate) fn set(&mut self, slot: Slot, seen: Seen) {
        self.of.insert(slot, seen);
    }

    pub(crate) fn everything(&mut self, seen: Seen) {
        (self.rest, self.of) = (seen, BTreeMap::new());
    }

    /// All that is about a field.
    pub(crate) fn field(&mut self, field: &Field, seen: Seen) {
        let marks = MARK_NAMES.iter().filter(|(of, _)| *of == field);
        let marks = marks.map(|(of, name)| Slot::Mark(of.name, name));
        let rating = (*field == music::RATING).then_some(Slot::Rating);
        self.of.extend(marks.chain(rating).map(|slot| (slot, seen)));
    }
}

/// One edit of a person, or what an app had when it was linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Event {
    /// Of which item.
    pub(crate) item: u8,
    /// Of what.
    pub(crate) slot: Slot,
    /// What was meant.
    pub(crate) meant: Meant,
    /// In the app of which link.
    pub(crate) link: u8,
    /// What the app had been shown by then.
    pub(crate) seen: Seen,
}

/// All events of a history, in the order in which they were noticed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Events(Vec<Event>);

impl Events {
    /// Adds one; its bit.
    pub(crate) fn add(&mut self, event: Event) -> Seen {
        self.0.push(event);
        1 << (self.0.len() - 1)
    }

    /// Whether one more may be too much.
    pub(crate) fn is_full(&self) -> bool {
        self.0.len() + 16 > Seen::BITS as usize
    }

    /// What was meant of an item and not superseded: nobody meant something else who had seen it.
    pub(crate) fn standing(&self, item: u8, slot: Slot) -> Vec<&Event> {
        let about = |event: &&Event| event.item == item && event.slot == slot;
        let superseded = self.0.iter().filter(about).fold(0, |all, event| all | event.seen);
        let bits = self.0.iter().enumerate();
        bits.filter(|(bit, event)| about(event) && superseded & (1 << bit) == 0)
            .map(|(_, event)| event)
            .collect()
    }

    /// What of an item anybody ever meant something by.
    pub(crate) fn slots(&self, item: u8) -> BTreeSet<Slot> {
        self.0.iter().filter(|event| event.item == item).map(|event| event.slot).collect()
    }
}
