//! Stops what looks like an accident.
//!
//! A library that suddenly reads as empty is far more often an unmounted disk than a decision. A
//! batch over budget is held and named; everything else proceeds; a person lets it pass with
//! `segue sync --yes`. Pure: it counts, it reads nothing.
//!
//! Invariant: a held batch leaves the document and the library untouched, and the base with it, so
//! that it is found again in the next pass.

use std::collections::BTreeMap;

use segue_model::{Field, Rule, Schema, Value};

/// Kinds of change that have a budget of their own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Batch {
    /// Items that a person removed from the app.
    Removals,
    /// Entries and whole collections removed.
    ListRemovals,
    /// A field that lost its value.
    Blanked(&'static str),
    /// A set of marks that lost the last of them, as it does each day where people mark what is left to do.
    Unmarked(&'static str),
    /// Items that came.
    Additions,
    /// Values that Segue would clear in the app.
    LowerBlanked(&'static str),
    /// Sets of marks that Segue would empty in the app.
    LowerUnmarked(&'static str),
    /// Entries and collections that Segue would remove in the app.
    LowerListRemovals,
    /// Edits of a device that may only read the document. Held whatever their number, for as long as
    /// that is so: nobody would take them.
    Reading,
}

impl Batch {
    /// Values of a field that apps lost.
    pub fn lost(schema: &Schema, field: &Field) -> Self {
        if is_of_marks(schema, field) {
            Self::Unmarked(field.name)
        } else {
            Self::Blanked(field.name)
        }
    }

    /// Values of a field that Segue would clear.
    pub fn cleared(schema: &Schema, field: &Field) -> Self {
        if is_of_marks(schema, field) {
            Self::LowerUnmarked(field.name)
        } else {
            Self::LowerBlanked(field.name)
        }
    }

    /// The field that it is about, if it is about one.
    pub const fn field(&self) -> Option<&'static str> {
        match self {
            Self::Blanked(field)
            | Self::Unmarked(field)
            | Self::LowerBlanked(field)
            | Self::LowerUnmarked(field) => Some(field),
            _ => None,
        }
    }

    const fn is_marks(&self) -> bool {
        matches!(self, Self::Unmarked(_) | Self::LowerUnmarked(_))
    }

    /// The name under which what was spent is remembered.
    pub fn key(&self) -> String {
        match self {
            Self::Removals => "removals".into(),
            Self::ListRemovals => "list removals".into(),
            Self::Blanked(field) | Self::Unmarked(field) => format!("blanked {field}"),
            Self::Additions => "additions".into(),
            Self::LowerBlanked(field) | Self::LowerUnmarked(field) => {
                format!("would blank {field}")
            }
            Self::LowerListRemovals => "would remove entries".into(),
            Self::Reading => "reading".into(),
        }
    }

    /// What happened, for a person.
    pub fn sentence(&self, count: u64, total: u64) -> String {
        match self {
            Self::Removals => format!("{count} of {total} items were removed"),
            Self::ListRemovals => format!("{count} of {total} playlist entries were removed"),
            Self::Blanked(field) | Self::Unmarked(field) => {
                format!("{count} of {total} items lost their {field}")
            }
            Self::Additions => format!("{count} items came to {total}"),
            Self::LowerBlanked(field) | Self::LowerUnmarked(field) => {
                format!("would clear {field} of {count} of {total} items")
            }
            Self::LowerListRemovals => format!("would remove {count} of {total} playlist entries"),
            Self::Reading => {
                let edits =
                    if count == 1 { "1 edit stays" } else { &format!("{count} edits stay") };
                format!("this device may read this document, not write it: {edits} in the app")
            }
        }
    }

    /// Whether no person can let it pass.
    pub const fn is_lasting(&self) -> bool {
        matches!(self, Self::Reading)
    }
}

/// Whether a value is lost, where it is another now: all of it, or of where an item lies a part and nothing in its
/// place. A folder that is gone takes all copies in it along.
pub fn is_loss(schema: &Schema, field: &Field, old: Option<&Value>, new: Option<&Value>) -> bool {
    match (old, new) {
        (Some(_), None) => true,
        (Some(Value::List(old)), Some(Value::List(new))) if schema.is_places(field) => {
            new.len() < old.len() && new.iter().all(|place| old.contains(place))
        }
        _ => false,
    }
}

/// Whether a field has what people mark items with. Where an item lies is no mark: what lies nowhere was
/// deleted.
fn is_of_marks(schema: &Schema, field: &Field) -> bool {
    field.rule == Rule::Set && !schema.is_places(field)
}

/// How often each kind of change happened, and how much there was to lose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<Batch, Count>);

/// One kind of change in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// How many changed.
    pub changed: u64,
    /// How many there were.
    pub total: u64,
}

impl Tally {
    /// Counts `changed` more.
    pub fn add(&mut self, batch: Batch, changed: u64) {
        self.0.entry(batch).or_default().changed += changed;
    }

    /// Says how many there were.
    pub fn total(&mut self, batch: Batch, total: u64) {
        self.0.entry(batch).or_default().total += total;
    }

    /// All kinds that changed.
    pub fn iter(&self) -> impl Iterator<Item = (&Batch, Count)> {
        self.0.iter().filter(|(_, count)| count.changed > 0).map(|(batch, count)| (batch, *count))
    }

    /// The batches over budget, by the given limits. `spent` says how many of a kind already passed since a person last
    /// confirmed: many small accidents are one large one.
    pub fn over_budget(
        &self,
        budgets: &Budgets,
        spent: &dyn Fn(&Batch) -> u64,
    ) -> Vec<(Batch, Count)> {
        self.iter()
            .filter(|(batch, count)| budgets.exceeded(batch, *count, spent(batch)))
            .map(|(batch, count)| (batch.clone(), count))
            .collect()
    }
}

/// How much may change before a person is asked. Never a ratio alone: a library of three may lose
/// one, one of 100,000 may not lose 5 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budgets {
    /// Losses above this share, in percent, and above `losses`, are held.
    pub loss_percent: u64,
    /// See `loss_percent`.
    pub losses: u64,
    /// Losses of marks above this share, in percent, and above `losses`, are held. Each time is judged for itself.
    pub marks_percent: u64,
    /// Losing everything is held from this many on.
    pub everything: u64,
    /// Additions above this share, in percent, and above `additions`, are held.
    pub addition_percent: u64,
    /// See `addition_percent`.
    pub additions: u64,
}

impl Default for Budgets {
    fn default() -> Self {
        Self {
            loss_percent: 5,
            losses: 20,
            marks_percent: 50,
            everything: 10,
            addition_percent: 50,
            additions: 1_000,
        }
    }
}

impl Budgets {
    fn exceeded(&self, batch: &Batch, count: Count, spent: u64) -> bool {
        let spent = if batch.is_marks() { 0 } else { spent };
        let sum = count.changed.saturating_add(spent);
        // What was there when the person last confirmed.
        let whole = count.total.saturating_add(spent);
        let share = |percent: u64| u128::from(sum) * 100 > u128::from(whole) * u128::from(percent);
        if *batch == Batch::Additions {
            return sum > self.additions && share(self.addition_percent);
        }
        let percent = if batch.is_marks() { self.marks_percent } else { self.loss_percent };
        let everything = count.changed >= self.everything && count.changed >= count.total;
        (sum > self.losses && share(percent)) || everything
    }
}

/// Whether an app rebuilt its library from files: nearly everybody who had something lost it all.
/// Then the loss is no edit, and what was lost is written again.
pub const fn looks_rebuilt(had_use: u64, lost_all_use: u64) -> bool {
    lost_all_use >= 10 && lost_all_use.saturating_mul(10) >= had_use.saturating_mul(9)
}

/// A clock that differs by more than this from what is known is asked about: two days.
pub const CLOCK_SECONDS_MAX: i64 = 2 * 86_400;

/// A time, with what a clock that nobody can set says beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// Unix seconds, by the clock that a person or a network may set.
    pub time: i64,
    /// Which start of the computer it was, and the seconds since; where that is known.
    pub since_start: Option<(String, u32)>,
}

/// How far a clock was set, if that looks like an accident: in seconds, ahead or (below zero) back.
///
/// `latest` is the latest moment that was recorded. Back is behind that. Ahead is only what the
/// seconds since the computer's start contradict: else nobody could stay away for a week.
pub fn clock_set(latest: &Moment, now: &Moment) -> Option<i64> {
    let passed = now.time.saturating_sub(latest.time);
    let expected = match (&latest.since_start, &now.since_start) {
        (Some((then, from)), Some((start, to))) if then == start && from <= to => {
            i64::from(to - from)
        }
        _ => passed.max(0),
    };
    let set = passed.saturating_sub(expected);
    (set.saturating_abs() > CLOCK_SECONDS_MAX).then_some(set)
}

#[cfg(test)]
mod tests {
    use super::*;
    use segue_model::mail;

    const DAY: i64 = 86_400;

    fn moment(days: i64, start: &str, since: u32) -> Moment {
        let since_start = (!start.is_empty()).then(|| (start.to_owned(), since * 86_400));
        Moment { time: days * DAY, since_start }
    }

    #[test]
    fn f17_a_clock_set_by_more_than_two_days_is_seen_and_a_long_absence_is_none() {
        let latest = moment(100, "a", 1);
        for (now, set) in [
            (moment(100, "a", 1), None),
            (moment(102, "a", 1), None),
            (moment(103, "a", 1), Some(3)),
            (moment(99, "a", 2), None),
            (moment(97, "a", 1), Some(-3)),
            // Away for a month, without and with a restart, or nobody knows.
            (moment(130, "a", 31), None),
            (moment(130, "b", 0), None),
            (moment(130, "", 0), None),
            (moment(130, "a", 0), None),
            (moment(97, "b", 0), Some(-3)),
            (moment(97, "", 0), Some(-3)),
        ] {
            assert_eq!(clock_set(&latest, &now), set.map(|days| days * DAY), "{now:?}");
        }
        let ends = [i64::MIN, i64::MAX].map(|time| Moment { time, since_start: None });
        assert!(clock_set(&ends[1], &ends[0]).is_some());
        assert!(clock_set(&ends[0], &ends[1]).is_none());
    }

    fn held(batch: Batch, changed: u64, total: u64, spent: u64) -> bool {
        let mut tally = Tally::default();
        tally.add(batch.clone(), changed);
        tally.total(batch, total);
        !tally.over_budget(&Budgets::default(), &|_| spent).is_empty()
    }

    #[test]
    fn f05_budgets_need_a_share_and_a_number_or_everything() {
        for (changed, total, expected) in [
            (0, 0, false),
            (1, 1, false),
            (9, 9, false),
            (10, 10, true),
            (20, 100, false),
            (21, 100, true),
            (21, 420, false),
            (22, 420, true),
            (5_000, 100_000, false),
            (5_001, 100_000, true),
        ] {
            assert_eq!(held(Batch::Removals, changed, total, 0), expected, "{changed} of {total}");
            let blanked = Batch::Blanked("rating");
            assert_eq!(held(blanked, changed, total, 0), expected, "{changed} of {total}");
        }
        assert!(!held(Batch::Additions, 1_000, 0, 0));
        assert!(held(Batch::Additions, 1_001, 2_001, 0));
        assert!(!held(Batch::Additions, 1_001, 2_002, 0));
    }

    #[test]
    fn f05_marks_that_are_done_with_go_each_day_and_most_at_once_are_asked_about() {
        let done = |changed, total, spent| held(Batch::Unmarked("keywords"), changed, total, spent);
        assert!(!done(200, 400, 0) && !done(100, 400, 10_000) && !done(9, 9, 0));
        assert!(done(201, 400, 0) && done(10, 10, 0));
        let lost = |field: &Field| Batch::lost(&mail::MAIL, field);
        assert_eq!(lost(&mail::KEYWORDS), Batch::Unmarked("keywords"));
        // What lies in no folder was deleted.
        assert_eq!(lost(&mail::FOLDERS), Batch::Blanked("folders"));
        assert_eq!(Batch::cleared(&mail::MAIL, &mail::FLAGS), Batch::LowerUnmarked("flags"));
    }

    #[test]
    fn f05_who_lies_in_fewer_places_lost_one_and_who_moved_did_not() {
        let is_loss = |old: &[&str], new: &[&str]| {
            let [old, new] =
                [old, new].map(|set| (!set.is_empty()).then(|| Value::list(set.iter().copied())));
            is_loss(&mail::MAIL, &mail::FOLDERS, old.as_ref(), new.as_ref())
        };
        assert!(is_loss(&["a", "b"], &["a"]) && is_loss(&["a"], &[]));
        assert!(!is_loss(&["a"], &["b"]) && !is_loss(&["a"], &["a", "b"]) && !is_loss(&[], &["a"]));
        assert!(!is_loss(&["a", "b"], &["a", "c"]) && !is_loss(&["a", "b"], &["c"]));
        let marks = [Value::list(["x", "y"]), Value::list(["x"])];
        let is_loss = |new| super::is_loss(&mail::MAIL, &mail::KEYWORDS, Some(&marks[0]), new);
        assert!(is_loss(None) && !is_loss(Some(&marks[1])));
    }

    #[test]
    fn f05_a_trickle_trips_too() {
        let (mut total, mut spent, mut passes) = (1_000, 0, 0);
        while !held(Batch::Removals, 20, total, spent) {
            (total, spent, passes) = (total - 20, spent + 20, passes + 1);
        }
        assert_eq!(passes, 2, "2 % a pass is held as soon as 5 % are gone");
    }
}
