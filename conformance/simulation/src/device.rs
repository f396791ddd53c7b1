//! What devices know, and what of it is kept for another day.

use crate::event::Seen;
use crate::list::Listed;
use crate::merge::Version;
use crate::world::Slotted;

/// As many as a history can have.
pub(crate) const LINKS_MAX: usize = 6;

/// What a device knows of one item.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) version: Version,
    pub(crate) events: Seen,
    /// Plays by link.
    pub(crate) plays: [i64; LINKS_MAX],
    /// When it was played last.
    pub(crate) latest: Option<i64>,
    /// When a link was last heard to have it or (below zero) no longer; 0 if never.
    pub(crate) members: [i64; LINKS_MAX],
}

impl Known {
    fn learn(&mut self, other: &Self) {
        self.version |= other.version;
        self.events |= other.events;
        self.latest = self.latest.max(other.latest);
        for (mine, theirs) in self.plays.iter_mut().zip(other.plays) {
            *mine = (*mine).max(theirs);
        }
        for (mine, theirs) in self.members.iter_mut().zip(other.members) {
            if theirs.abs() > mine.abs() {
                *mine = theirs;
            }
        }
    }

    /// Whether any other link than this one has it, as far as is known.
    pub(crate) fn is_elsewhere(&self, link: u8) -> bool {
        let others = self.members.iter().enumerate();
        others.filter(|(other, _)| *other != usize::from(link)).any(|(_, heard)| *heard > 0)
    }
}

/// One device.
#[derive(Debug, Clone, Default)]
pub(crate) struct Device {
    /// By item.
    pub(crate) known: Vec<Known>,
    /// What it knew once: a message that is still under way, a backup.
    pub(crate) kept: Option<Box<Kept>>,
    /// How often it was restored.
    pub(crate) restored: u8,
}

/// A state of a device.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) known: Vec<Known>,
    /// Its links, with what they remember of their libraries.
    pub(crate) links: Vec<(u8, Vec<Slotted>, Listed)>,
}

impl Device {
    /// One that knows nothing of so many items.
    pub(crate) fn new(items: usize) -> Self {
        Self { known: vec![Known::default(); items], ..Self::default() }
    }

    /// Learns what somebody tells; whether that was something.
    pub(crate) fn learn(&mut self, told: &[Known]) -> bool {
        let mut is_new = false;
        for (mine, theirs) in self.known.iter_mut().zip(told) {
            is_new |= mine.version | theirs.version != mine.version;
            mine.learn(theirs);
        }
        is_new
    }

    /// Who its changes are by: another after it was restored.
    pub(crate) fn actor(&self, number: u8) -> u8 {
        number + 8 * self.restored
    }
}
