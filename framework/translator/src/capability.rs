//! What an app can hold, declared: the engine withholds the rest and never takes it for deleted.

use segue_model::{CollectionKind, Field, NativeId, Schema, Shape, Value};

/// Whether Segue may write something into the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Lifted, never written.
    Read,
    /// Lifted and written.
    Write,
}

/// What an app would show of a value that it is given. Always idempotent, and of two numbers the
/// larger is never held as the smaller one.
#[derive(Debug, Clone, Copy)]
pub enum Hold {
    /// All of it.
    Exact,
    /// A rating on a scale of so many levels above zero: 5 for stars, 10 for half stars. The nearest
    /// level; without a `zero`, 0 is nothing and every other rating at least one level.
    Levels {
        /// How many levels there are above zero, 1 to 1,000.
        count: i64,
        /// Whether 0 is a rating too.
        zero: bool,
    },
    /// A whole number rounded down to a multiple of `step`, at most `most`; without a `zero`, what
    /// rounds to 0 is nothing.
    Steps {
        /// Such as 1,000 for whole seconds of milliseconds; at least 1.
        step: i64,
        /// What the app has room for.
        most: i64,
        /// Whether 0 is a number that the app tells from nothing.
        zero: bool,
    },
    /// Of several texts the first.
    First,
    /// Of a set those of its elements that are among these.
    Only(&'static [&'static str]),
    /// Of a set those of its elements that can be such names.
    Elements(Names),
    /// What this function says; pure, and idempotent.
    By(fn(&Value) -> Option<Value>),
}

impl Hold {
    fn hold(self, value: &Value) -> Option<Value> {
        match (self, value) {
            (Self::By(hold), value) => hold(value),
            (Self::Levels { count, zero }, Value::Int(rating)) => {
                let (rating, count) = (*rating, count.clamp(1, 1_000));
                let level = (rating.clamp(0, 100) * count + 50) / 100;
                let level = if zero || rating == 0 { level } else { level.max(1) };
                (zero || level > 0).then(|| Value::Int((level * 100 + count / 2) / count))
            }
            (Self::Steps { step, most, zero }, Value::Int(number)) => {
                let number = (*number).min(most);
                let number = number - number.rem_euclid(step.max(1));
                (zero || number != 0).then_some(Value::Int(number))
            }
            (Self::First, Value::List(texts)) => {
                texts.first().map(|first| Value::list([first.clone()]))
            }
            (Self::Only(all), Value::List(texts)) => some(texts, |text| all.contains(&text)),
            (Self::Elements(names), Value::List(texts)) => some(texts, |text| names.holds(text)),
            (_, value) => Some(value.clone()),
        }
    }
}

/// The elements that are held; nothing if there are none.
fn some(texts: &[Box<str>], is_held: impl Fn(&str) -> bool) -> Option<Value> {
    let held: Box<[Box<str>]> = texts.iter().filter(|text| is_held(text)).cloned().collect();
    (!held.is_empty()).then_some(Value::List(held))
}

/// How an app holds one field.
#[derive(Debug, Clone, Copy)]
pub struct FieldSupport {
    /// The field.
    pub field: &'static Field,
    /// Whether Segue may write it.
    pub access: Access,
    /// What the app would show of a value.
    pub held: Hold,
    /// Whether what is read may be less than the user's value without a trace of it: only the
    /// first of several artists, values joined with a space. Such a value is an opinion that never
    /// replaces a richer one.
    pub lossy: bool,
    /// Whether the value never changes as long as the item has its native id: what a message says of itself. A
    /// receiver that [knows](crate::Sink::knows) the item need not be sent it again.
    pub fixed: bool,
}

impl FieldSupport {
    /// A field that the app holds exactly and lets others write.
    pub const fn exact(field: &'static Field) -> Self {
        Self { field, access: Access::Write, held: Hold::Exact, lossy: false, fixed: false }
    }

    /// The same, read-only.
    pub const fn read_only(self) -> Self {
        Self { access: Access::Read, ..self }
    }

    /// The same, never changing.
    pub const fn fixed(self) -> Self {
        Self { fixed: true, ..self }
    }

    /// The same, held as `hold` says.
    pub const fn held_as(self, hold: fn(&Value) -> Option<Value>) -> Self {
        self.held(Hold::By(hold))
    }

    /// The same, held so.
    pub const fn held(self, held: Hold) -> Self {
        Self { held, ..self }
    }

    /// The value as the app would hold it, `None` where it would hold nothing: stars for a rating
    /// of 73, whole seconds for milliseconds. Pure and idempotent: what is held is held as it is.
    pub fn hold(&self, value: &Value) -> Option<Value> {
        self.held.hold(value).filter(|held| self.field.shape.admits(held))
    }

    /// How many numbers right below and right above `held` the app shows as `held` too, within the
    /// field's range: 0 and 999 for whole seconds of milliseconds, both 0 where it tells `held` from
    /// every other number.
    pub fn alike(&self, held: i64) -> (u64, u64) {
        let Shape::Int(low, high) = self.field.shape else { return (0, 0) };
        if matches!(self.held, Hold::Exact) || !(low..=high).contains(&held) {
            return (0, 0);
        }
        let alike = |number| self.hold(&Value::Int(number)) == Some(Value::Int(held));
        (
            reach(held.abs_diff(low), |below| alike(held.saturating_sub_unsigned(below))),
            reach(held.abs_diff(high), |above| alike(held.saturating_add_unsigned(above))),
        )
    }

    /// The same, possibly less than the user's value.
    pub const fn lossy(self) -> Self {
        Self { lossy: true, ..self }
    }
}

/// The largest number up to `room` for which `is_within`, which never holds again after the first
/// positive number for which it does not.
fn reach(room: u64, is_within: impl Fn(u64) -> bool) -> u64 {
    let (mut within, mut step) = (0, 1);
    while step <= room - within && is_within(within + step) {
        within += step;
        step = step.saturating_mul(2);
    }
    while step > 1 {
        step /= 2;
        if step <= room - within && is_within(within + step) {
            within += step;
        }
    }
    within
}

/// Which names an app can give a collection.
#[derive(Debug, Clone, Copy)]
pub enum Names {
    /// Any text, also that of another.
    Any,
    /// Each once among those of its kind, and not every text: the names of files, for instance. No
    /// name is empty.
    Unique {
        /// Characters that no name has.
        without: &'static str,
        /// Texts that are no names.
        except: &'static [&'static str],
        /// How long a name can be.
        bytes_max: usize,
    },
}

impl Names {
    /// Whether this can be one of them, if no other has it.
    pub fn holds(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Unique { without, except, bytes_max } => {
                (1..=*bytes_max).contains(&name.len())
                    && !name.contains(|c| without.contains(c))
                    && !except.contains(&name)
            }
        }
    }
}

/// How an app holds one kind of collection.
#[derive(Debug, Clone, Copy)]
pub struct CollectionSupport {
    /// The kind.
    pub kind: &'static CollectionKind,
    /// Whether Segue may write it.
    pub access: Access,
    /// Whether an item may stand in it twice.
    pub repeats: bool,
    /// Which names it can have. Under another it is withheld, and keeps the name that it has.
    pub names: Names,
}

impl CollectionSupport {
    /// Whether the app could give one this name, if no other has it.
    pub fn holds_name(&self, name: &str) -> bool {
        self.names.holds(name)
    }

    /// Whether no two can have the same name.
    pub fn is_unique(&self) -> bool {
        matches!(self.names, Names::Unique { .. })
    }

    /// The entries as the app would hold them: without repeats where it cannot hold any.
    pub fn hold(&self, entries: &[NativeId]) -> Vec<NativeId> {
        if self.repeats {
            return entries.to_vec();
        }
        let mut seen = std::collections::HashSet::new();
        entries.iter().filter(|entry| seen.insert(*entry)).cloned().collect()
    }
}

/// What an app can hold.
#[derive(Debug, Clone, Copy)]
pub struct Capabilities {
    /// The app's name on the command line, such as `rhythmbox`.
    pub app: &'static str,
    /// The schema of its libraries.
    pub schema: &'static Schema,
    /// The fields it holds; others are not lifted and withheld.
    pub fields: &'static [FieldSupport],
    /// The kinds of collections it holds.
    pub collections: &'static [CollectionSupport],
    /// Whether it can hide an item and list it again: [`ListingEdit`](segue_model::ListingEdit). An
    /// item that a limit withholds stays listed in an app that cannot. What is hidden is read as missing, so
    /// that whoever did not hide it takes it for no removal.
    pub hides: bool,
    /// Whether a write is made piece by piece, because each item is a file of its own: one that was
    /// interrupted leaves some fields new and others old, and of a set some elements. Each value is
    /// then one that the app itself could have written.
    pub piecewise: bool,
    /// What it cannot hold, in words for a person: "a song twice in one playlist".
    pub cannot_hold: &'static [&'static str],
}

impl Capabilities {
    /// An app that holds these fields and no collections.
    pub const fn of(
        app: &'static str,
        schema: &'static Schema,
        fields: &'static [FieldSupport],
    ) -> Self {
        Self {
            app,
            schema,
            fields,
            collections: &[],
            hides: false,
            piecewise: false,
            cannot_hold: &[],
        }
    }

    /// How the app holds `field`, if it does.
    pub fn field(&self, field: &Field) -> Option<&'static FieldSupport> {
        self.fields.iter().find(|support| support.field == field)
    }

    /// How the app holds collections of this kind, if it does.
    pub fn collection(&self, kind: &CollectionKind) -> Option<&'static CollectionSupport> {
        self.collections.iter().find(|support| support.kind == kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use segue_model::{mail, music};

    #[test]
    fn every_kind_of_hold_is_idempotent() {
        let holds = [
            (Hold::Levels { count: 5, zero: false }, &music::RATING),
            (Hold::Levels { count: 7, zero: true }, &music::RATING),
            (Hold::Levels { count: 255, zero: true }, &music::RATING),
            (Hold::Steps { step: 1_000, most: 65_535_000, zero: true }, &music::DURATION),
            (Hold::Steps { step: 7, most: 255, zero: true }, &music::PLAY_COUNT),
            (Hold::Steps { step: 7, most: 255, zero: false }, &music::PLAY_COUNT),
        ];
        for (held, field) in holds {
            let support = FieldSupport::exact(field).held(held);
            for number in (0..=300).chain([999, 1_000, 1_001, i64::from(u32::MAX)]) {
                let once = support.hold(&Value::Int(number));
                let twice = once.as_ref().and_then(|value| support.hold(value));
                assert_eq!(once, twice, "{held:?} of {number}");
            }
        }
    }

    #[test]
    fn what_an_app_cannot_tell_apart_is_found() {
        let scales = [
            Hold::Exact,
            Hold::Levels { count: 5, zero: false },
            Hold::Levels { count: 10, zero: true },
            Hold::Levels { count: 255, zero: true },
            Hold::By(|rating| rating.as_int().map(|number| Value::Int(number.min(60)))),
        ];
        for held in scales {
            let support = FieldSupport::exact(&music::RATING).held(held);
            let hold = |number| support.hold(&Value::Int(number)).and_then(|held| held.as_int());
            for number in 0..=100 {
                let (below, above) = support.alike(number);
                let found: Vec<i64> =
                    (0..=100).filter(|other| hold(*other) == Some(number)).collect();
                let range = number - below as i64..=number + above as i64;
                assert!(found.is_empty() || found.into_iter().eq(range), "{held:?} of {number}");
            }
        }
        let seconds = Hold::Steps { step: 1_000, most: 65_535_000, zero: true };
        let seconds = FieldSupport::exact(&music::DURATION).held(seconds);
        assert_eq!(seconds.alike(2_000), (0, 999));
        assert_eq!(seconds.alike(65_535_000), (0, u64::from(u32::MAX) - 65_535_000));
        assert_eq!(seconds.alike(2_500), (0, 0), "no value of this app");
        assert_eq!(seconds.alike(0), (0, 0), "no value of this field");
        assert_eq!(reach(u64::MAX, |_| true), u64::MAX);
    }

    #[test]
    fn a_scale_without_zero_loses_no_rating_but_zero() {
        let stars =
            FieldSupport::exact(&music::RATING).held(Hold::Levels { count: 5, zero: false });
        let hold = |rating| stars.hold(&Value::Int(rating)).and_then(|value| value.as_int());
        assert_eq!([0, 1, 29, 30, 100].map(hold), [None, Some(20), Some(20), Some(40), Some(100)]);
        let seconds = Hold::Steps { step: 1_000, most: 10_000, zero: true };
        let seconds = FieldSupport::exact(&music::DURATION).held(seconds);
        assert_eq!(seconds.hold(&Value::Int(999)), None, "a duration of 0 is none");
        assert_eq!(seconds.hold(&Value::Int(99_999)), Some(Value::Int(10_000)));
        let plays = |zero| {
            let held = Hold::Steps { step: 1, most: 255, zero };
            FieldSupport::exact(&music::PLAY_COUNT).held(held).hold(&Value::Int(0))
        };
        assert_eq!([plays(true), plays(false)], [Some(Value::Int(0)), None]);
        let first = FieldSupport::exact(&music::ARTIST).held(Hold::First);
        assert_eq!(first.hold(&Value::list(["a", "b"])), Some(Value::list(["a"])));
    }

    #[test]
    fn of_a_set_some_elements_are_held() {
        let only = FieldSupport::exact(&mail::FLAGS).held(Hold::Only(&["flagged", "seen"]));
        assert_eq!(only.hold(&Value::list(["answered", "seen"])), Some(Value::list(["seen"])));
        assert_eq!(only.hold(&Value::list(["answered"])), None);
        let names = Names::Unique { without: " ", except: &["x"], bytes_max: 4 };
        let words = FieldSupport::exact(&mail::KEYWORDS).held(Hold::Elements(names));
        let all = ["a", "a b", "abcde", "x"];
        assert_eq!(words.hold(&Value::list(all)), Some(Value::list(["a"])));
    }
}
