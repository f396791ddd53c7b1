//! How often everything happened, so that one sees that it does.

use crate::merge::History;
use crate::step::Step;

/// Kinds of steps, by the names under which they are counted.
pub(crate) const STEPS: [&str; 15] = [
    "edit", "pass", "tell", "tell-old", "forget", "remove", "add", "lose", "find", "unmount",
    "mount", "keep", "restore", "crash", "list",
];

/// What happened in a history, or in many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Histories that ended well.
    pub histories: u64,
    /// Steps, by what happens in them.
    pub steps: [u64; STEPS.len()],
    /// Passes in which a person edited while the device wrote.
    pub late: u64,
    /// What people did, as it was noticed.
    pub edits: u64,
    /// Puts in the document.
    pub puts: u64,
    /// Ratings of which several are left.
    pub conflicts: u64,
    /// Items that were deleted and stayed so.
    pub deleted: u64,
    /// Entries of lists that are left.
    pub entries: u64,
    /// The most rounds until everything was at rest.
    pub rounds_max: u64,
}

impl Counters {
    pub(crate) const fn step(&mut self, step: Step) {
        self.steps[step.number()] += 1;
        self.late += matches!(step, Step::Pass(_, Some(_))) as u64;
    }

    /// The history came to rest.
    pub(crate) fn ended(mut self, rounds: u64, records: &[History]) -> Self {
        (self.histories, self.rounds_max) = (1, rounds);
        self.puts = records.iter().map(|record| record.len() as u64).sum();
        self
    }

    /// Adds those of other histories.
    pub fn add(&mut self, other: &Self) {
        self.histories += other.histories;
        for (mine, theirs) in self.steps.iter_mut().zip(other.steps) {
            *mine += theirs;
        }
        self.late += other.late;
        self.edits += other.edits;
        self.puts += other.puts;
        self.conflicts += other.conflicts;
        self.deleted += other.deleted;
        self.entries += other.entries;
        self.rounds_max = self.rounds_max.max(other.rounds_max);
    }
}

impl Counters {
    /// Each with what it counts.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let rest = [
            ("late edits", self.late),
            ("noticed", self.edits),
            ("puts", self.puts),
            ("conflicts", self.conflicts),
            ("deleted", self.deleted),
            ("entries", self.entries),
            ("rounds at most", self.rounds_max),
        ];
        STEPS.into_iter().zip(self.steps).chain(rest)
    }
}

impl std::fmt::Display for Counters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all = self.all().filter(|(_, count)| *count > 0);
        let all: Vec<String> = all.map(|(what, count)| format!("{count} {what}")).collect();
        f.write_str(&all.join(", "))
    }
}
