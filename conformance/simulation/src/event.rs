//! What people did, and what they had seen when they did it. Nothing here knows the planner.

use std::collections::BTreeMap;

use segue_model::{Field, music};

use crate::step::MARK_NAMES;

/// A set of events of one item: each is one bit.
pub(crate) type Seen = u128;

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Slot {
    /// Whether it exists.
    Life,
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
    /// That it exists: it came, or was played.
    Alive,
    /// That it exists no longer: the last app that had it has it no more.
    Deleted,
}

/// Whether an event says beside what it means that the item exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Touch {
    /// It says nothing of that.
    No,
    /// It may: what was meant is what the document said already.
    Maybe,
    /// It does.
    Yes,
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
        self.rest = seen;
        self.of.clear();
    }

    /// All that is about a field.
    pub(crate) fn field(&mut self, field: &Field, seen: Seen) {
        let marks = MARK_NAMES.iter().filter(|(of, _)| *of == field);
        let marks = marks.map(|(of, name)| Slot::Mark(of.name, name));
        let rating = (*field == music::RATING).then_some(Slot::Rating);
        self.of.extend(marks.chain(rating).map(|slot| (slot, seen)));
    }
}

/// One act of a person, or what an app had when it was linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Event {
    /// Of what.
    pub(crate) slot: Slot,
    /// What was meant.
    pub(crate) meant: Meant,
    /// In the app of which link.
    pub(crate) link: u8,
    /// What the app had been shown by then.
    pub(crate) seen: Seen,
    /// Whether the item exists because of it.
    pub(crate) touch: Touch,
}

/// All events of an item, in the order in which they were noticed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Events(Vec<Event>);

/// What must come of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nobody ever meant that it is there no longer, or somebody who had not seen that meant otherwise.
    Lives,
    /// Either is right.
    Either,
    /// It was deleted by those who had seen all that was done with it.
    Dead,
}

impl Events {
    /// Adds one; its bit.
    pub(crate) fn add(&mut self, event: Event) -> Seen {
        self.0.push(event);
        1 << (self.0.len() - 1)
    }

    /// Whether what a whole round of all links adds may be too much.
    pub(crate) const fn is_full(&self) -> bool {
        self.0.len() + 40 > Seen::BITS as usize
    }

    fn known(&self, known: Seen) -> impl Iterator<Item = (Seen, &Event)> {
        let bits = (0..).map(|bit| 1 << bit).zip(&self.0);
        bits.filter(move |(bit, _)| known & bit != 0)
    }

    /// What of the known was meant and not superseded, each with its bit: nobody meant something else who had seen it.
    pub(crate) fn standing(&self, known: Seen, slot: Slot) -> Vec<(Seen, &Event)> {
        let about = |(_, event): &(Seen, &Event)| event.slot == slot;
        let all = self.known(known).filter(about);
        let superseded = all.fold(0, |all, (_, event)| all | event.seen);
        let about = self.known(known).filter(about);
        about.filter(|(bit, _)| superseded & bit == 0).collect()
    }

    /// Whether there is an event about it.
    pub(crate) fn is_about(&self, known: Seen, slot: Slot) -> bool {
        self.known(known).any(|(_, event)| event.slot == slot)
    }

    /// Whether the item exists after all that is known.
    pub(crate) fn fate(&self, known: Seen) -> Fate {
        let deletions = self.known(known).filter(|(_, event)| event.meant == Meant::Deleted);
        let deleted = deletions.fold(0, |all, (_, event)| all | event.seen);
        let touch = self.known(known & !deleted).map(|(_, event)| event.touch).max();
        match touch {
            Some(Touch::Yes) => Fate::Lives,
            Some(Touch::Maybe) => Fate::Either,
            _ => Fate::Dead,
        }
    }
}
