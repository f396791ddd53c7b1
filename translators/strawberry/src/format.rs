//! Units of the columns and the coding of addresses: pure functions, no file and no query.
//!
//! Each column holds "nothing" in its own way (`''`, `-1`, `0`, NULL); all of these are lifted as
//! absent, and clearing writes the one that the app itself would write.
//!
//! Invariant: what [`Unit::lower`] writes, [`Unit::lift`] reads as the value that [`Unit::hold`]
//! gives, and as absent where it gives none.

use rusqlite::types::{Value as Cell, ValueRef};
use segue_translator::model::{Location, NativeId, Real, Shape, Value};

/// Longest text that is lifted or written.
pub(crate) const TEXT_BYTES_MAX: usize = 1 << 20;

/// What a cell holds, as far as Segue can say it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Held {
    /// The app's way of saying nothing.
    Absent,
    /// A value of the schema.
    Value(Value),
    /// Something that no value of the schema says; never lifted, never overwritten.
    Unreadable(&'static str),
}

impl Held {
    /// The value, if there is one.
    pub(crate) fn value(self) -> Option<Value> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Unreadable(_) => None,
        }
    }
}

/// How a column holds its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// 0.0 to 1.0; -1 and any other negative number is unrated, and so is 0, which the app shows as
    /// no stars and turns into -1 when it scans the file again.
    Rating,
    /// A number; 0 is the state of a song never counted.
    Count,
    /// Unix seconds; -1 and 0 are never.
    Time,
    /// A number of the app's 32 bits, -1 and 0 are unknown.
    Number,
    /// Nanoseconds; -1 and 0 are unknown.
    Nanoseconds,
    /// Beats per minute as a 32-bit float, -1 is unknown.
    Beats,
    /// Text, empty is absent.
    Text,
    /// Several texts joined by a space, which cannot be taken apart again.
    Joined,
    /// 0 or 1; NULL is no opinion.
    Flag,
}

impl Unit {
    /// Reads a cell; values outside of `shape` are unreadable.
    pub(crate) fn lift(self, shape: Shape, cell: ValueRef<'_>) -> Held {
        let held = match self {
            Self::Rating => lift_rating(cell),
            Self::Count | Self::Time | Self::Number => lift_positive(cell, 1),
            Self::Nanoseconds => lift_positive(cell, 1_000_000),
            Self::Beats => lift_beats(cell),
            Self::Text => lift_text(cell).map(|text| text.map(Value::text)),
            Self::Joined => lift_text(cell).map(|text| text.map(|text| Value::list([text]))),
            Self::Flag => lift_number(cell).map(|flag| flag.map(|flag| Value::Flag(flag != 0.0))),
        };
        match held {
            Ok(None) => Held::Absent,
            Ok(Some(value)) if shape.admits(&value) => Held::Value(value),
            Ok(Some(_)) => Held::Unreadable("out of range"),
            Err(why) => Held::Unreadable(why),
        }
    }

    /// The value as the app holds it.
    pub(crate) fn hold(self, value: &Value) -> Option<Value> {
        match (self, value) {
            (Self::Rating, Value::Int(1..=100)) | (Self::Flag, Value::Flag(_)) => {
                Some(value.clone())
            }
            (Self::Count | Self::Time | Self::Nanoseconds, Value::Int(1..)) => Some(value.clone()),
            (Self::Number, Value::Int(number)) if (1..=i64::from(i32::MAX)).contains(number) => {
                Some(value.clone())
            }
            (Self::Beats, Value::Real(Real(beats))) => single(*beats).map(Value::Real),
            (Self::Text, Value::Text(text)) if fits(text) => Some(value.clone()),
            (Self::Joined, Value::List(texts)) => {
                let joined = texts.join(" ");
                fits(&joined).then(|| Value::list([joined]))
            }
            _ => None,
        }
    }

    /// The cell that says what the app holds of `value`: nothing, where it can hold nothing of it.
    pub(crate) fn lower(self, value: Option<&Value>) -> Cell {
        let Some(held) = value.and_then(|value| self.hold(value)) else { return self.nothing() };
        match (self, held) {
            (Self::Rating, Value::Int(rating)) => Cell::Real(rating as f64 / 100.0),
            (_, Value::Int(number)) => Cell::Integer(number),
            (_, Value::Real(Real(number))) => Cell::Real(number),
            (_, Value::Flag(flag)) => Cell::Integer(i64::from(flag)),
            (_, Value::Text(text)) => Cell::Text(text.into()),
            (_, Value::List(texts)) => Cell::Text(texts.join(" ")),
        }
    }

    /// The cell that the app writes for nothing.
    fn nothing(self) -> Cell {
        match self {
            Self::Text | Self::Joined => Cell::Text(String::new()),
            Self::Count | Self::Flag => Cell::Integer(0),
            Self::Rating | Self::Time | Self::Number | Self::Nanoseconds | Self::Beats => {
                Cell::Integer(-1)
            }
        }
    }
}

fn fits(text: &str) -> bool {
    !text.is_empty() && text.len() <= TEXT_BYTES_MAX
}

/// The number as the app's 32-bit float has it.
fn single(number: f64) -> Option<Real> {
    let narrow = number as f32;
    (narrow.is_finite() && narrow > 0.0).then(|| Real(f64::from(narrow)))
}

fn lift_number(cell: ValueRef<'_>) -> Result<Option<f64>, &'static str> {
    match cell {
        ValueRef::Null => Ok(None),
        ValueRef::Integer(number) => Ok(Some(number as f64)),
        ValueRef::Real(number) => Ok(Some(number)),
        ValueRef::Text(_) | ValueRef::Blob(_) => Err("no number"),
    }
}

fn lift_rating(cell: ValueRef<'_>) -> Result<Option<Value>, &'static str> {
    match lift_number(cell)? {
        Some(rating) if rating > 1.0 => Err("a rating above 1"),
        Some(rating) => {
            let hundredths = (rating * 100.0).round() as i64;
            Ok((hundredths > 0).then_some(Value::Int(hundredths)))
        }
        None => Ok(None),
    }
}

fn lift_positive(cell: ValueRef<'_>, divisor: i64) -> Result<Option<Value>, &'static str> {
    let number = match cell {
        ValueRef::Null => return Ok(None),
        ValueRef::Integer(number) => number,
        ValueRef::Real(_) => return Err("no whole number"),
        ValueRef::Text(_) | ValueRef::Blob(_) => return Err("no number"),
    };
    Ok((number / divisor > 0).then_some(Value::Int(number / divisor)))
}

fn lift_beats(cell: ValueRef<'_>) -> Result<Option<Value>, &'static str> {
    Ok(lift_number(cell)?.and_then(single).map(Value::Real))
}

/// The text of a cell; an empty one is none.
pub(crate) fn lift_text(cell: ValueRef<'_>) -> Result<Option<&str>, &'static str> {
    match cell {
        ValueRef::Null => Ok(None),
        ValueRef::Text(bytes) if bytes.len() > TEXT_BYTES_MAX => Err("longer than 1 MiB"),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Ok((!text.is_empty()).then_some(text)),
            Err(_) => Err("not UTF-8"),
        },
        ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Blob(_) => Err("no text"),
    }
}

/// What the library calls a song: its address and, for one of several tracks in a file that a cue
/// sheet divides, where it begins. Row ids are no names: the app uses them again.
pub(crate) fn native_id(url: &[u8], beginning: i64, has_cue: bool) -> NativeId {
    let mut id = url.to_vec();
    if has_cue || beginning > 0 {
        id.extend_from_slice(format!("#{beginning}").as_bytes());
    }
    NativeId::new(id)
}

/// The path of a `file:///` address, `None` for anything else.
///
/// The app escapes the bytes of the path with `%XX`, but leaves `[ ] ; & ' ( ) + , = : @ ! $ * ~`
/// as they are; other apps draw the line elsewhere, so that only decoded paths can be compared.
pub(crate) fn path_of(url: &[u8]) -> Option<Location> {
    let rest = url.strip_prefix(b"file://")?;
    if !rest.starts_with(b"/") {
        return None;
    }
    let mut path = Vec::with_capacity(rest.len());
    let mut bytes = rest.iter().copied();
    while let Some(byte) = bytes.next() {
        path.push(if byte == b'%' { hex(bytes.next()?)? << 4 | hex(bytes.next()?)? } else { byte });
    }
    (!path.contains(&0)).then(|| Location::new(path))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use segue_translator::model::music;

    #[test]
    fn every_rating_survives_the_scale_of_the_app() {
        for rating in (1..=100).map(Value::Int) {
            let cell = Unit::Rating.lower(Some(&rating));
            let lift = |cell| Unit::Rating.lift(music::RATING.shape, cell);
            assert_eq!(lift(ValueRef::from(&cell)), Held::Value(rating.clone()));
            // The app keeps ratings as 32-bit floats.
            let Cell::Real(number) = cell else { panic!("{cell:?}") };
            let narrow = f64::from(number as f32);
            assert_eq!(lift(ValueRef::Real(narrow)), Held::Value(rating));
        }
    }

    #[test]
    fn f24_each_sentinel_is_absent_and_each_real_value_is_not() {
        let lift = |unit: Unit, shape, cell: Cell| unit.lift(shape, ValueRef::from(&cell));
        let int = Cell::Integer;
        let rating = |cell| lift(Unit::Rating, music::RATING.shape, cell);
        assert_eq!(rating(int(-1)), Held::Absent);
        assert_eq!(rating(Cell::Real(-1.0)), Held::Absent);
        assert_eq!(rating(Cell::Null), Held::Absent);
        // A rescan keeps ratings above 0 only, and must not look like a person's clearing.
        assert_eq!(rating(int(0)), Held::Absent);
        assert_eq!(rating(Cell::Real(0.004)), Held::Absent);
        assert_eq!(rating(Cell::Real(0.005)), Held::Value(Value::Int(1)));
        assert_eq!(Unit::Rating.hold(&Value::Int(0)), None);
        assert_eq!(Unit::Rating.lower(Some(&Value::Int(0))), int(-1));
        assert_eq!(rating(int(1)), Held::Value(Value::Int(100)));
        assert_eq!(rating(int(5)), Held::Unreadable("a rating above 1"));
        assert_eq!(rating(Cell::Text("x".into())), Held::Unreadable("no number"));

        let played = |cell| lift(Unit::Time, music::LAST_PLAYED.shape, cell);
        assert_eq!(played(int(-1)), Held::Absent);
        assert_eq!(played(int(0)), Held::Absent);
        assert_eq!(played(int(1)), Held::Value(Value::Int(1)));
        assert_eq!(played(int(i64::MAX)), Held::Unreadable("out of range"));
        let count = |cell| lift(Unit::Count, music::PLAY_COUNT.shape, cell);
        assert_eq!(count(int(0)), Held::Absent);
        assert_eq!(count(int(3)), Held::Value(Value::Int(3)));
        let year = |cell| lift(Unit::Number, music::YEAR.shape, cell);
        assert_eq!(year(int(-1)), Held::Absent);
        assert_eq!(year(int(10_000)), Held::Unreadable("out of range"));
        let title = |cell| lift(Unit::Text, music::TITLE.shape, cell);
        assert_eq!(title(Cell::Text(String::new())), Held::Absent);
        assert_eq!(title(Cell::Null), Held::Absent);
        assert_eq!(title(Cell::Blob(vec![1])), Held::Unreadable("no text"));
        let bpm = |cell| lift(Unit::Beats, music::BPM.shape, cell);
        assert_eq!(bpm(int(-1)), Held::Absent);
        assert_eq!(bpm(Cell::Real(0.5)), Held::Value(Value::Real(Real(0.5))));
        let duration = |cell| lift(Unit::Nanoseconds, music::DURATION.shape, cell);
        assert_eq!(duration(int(-1)), Held::Absent);
        assert_eq!(duration(int(1_358_999_999)), Held::Value(Value::Int(1358)));
    }

    #[test]
    fn what_is_held_is_held_again_and_read_back() {
        let units = [
            (Unit::Rating, &music::RATING, Value::Int(73)),
            (Unit::Count, &music::PLAY_COUNT, Value::Int(4_000_000_000)),
            (Unit::Time, &music::LAST_PLAYED, Value::Int(1_700_000_000)),
            (Unit::Number, &music::TRACK, Value::Int(7)),
            (Unit::Beats, &music::BPM, Value::Real(Real(128.1))),
            (Unit::Text, &music::TITLE, Value::text(" a\0b ")),
            (Unit::Joined, &music::ARTIST, Value::list(["A B", "C"])),
            (Unit::Flag, &music::COMPILATION, Value::Flag(false)),
        ];
        for (unit, field, value) in units {
            let held = unit.hold(&value).unwrap();
            assert_eq!(unit.hold(&held), Some(held.clone()));
            let cell = unit.lower(Some(&value));
            assert_eq!(unit.lift(field.shape, ValueRef::from(&cell)), Held::Value(held));
        }
        let nothing = [
            (Unit::Count, Value::Int(0), Cell::Integer(0)),
            (Unit::Number, Value::Int(1 << 31), Cell::Integer(-1)),
            (Unit::Text, Value::text("x".repeat(TEXT_BYTES_MAX + 1)), Cell::Text(String::new())),
            (Unit::Text, Value::Int(1), Cell::Text(String::new())),
        ];
        for (unit, value, cell) in nothing {
            assert_eq!(unit.hold(&value), None);
            assert_eq!(unit.lower(Some(&value)), cell);
        }
    }

    #[test]
    fn addresses_are_decoded_as_the_app_encodes_them() {
        let path = |url: &str| path_of(url.as_bytes());
        let odd = "file:///m/%20a%25%23%3F%22%7B%7D%7C%5C%60[];&'()+,=:@!$*~%C3%85";
        assert_eq!(path(odd), Some(Location::from("/m/ a%#?\"{}|\\`[];&'()+,=:@!$*~Å")));
        assert_eq!(path("file:///percent%2520literal"), Some(Location::from("/percent%20literal")));
        assert_eq!(path_of(b"file:///%FF\xFE"), Some(Location::new(&b"/\xFF\xFE"[..])));
        for none in [
            "",
            "file://",
            "file://host/a",
            "http://a/b",
            "file:///%",
            "file:///%4",
            "file:///%zz",
            "file:///%00",
        ] {
            assert_eq!(path(none), None, "{none}");
        }
        assert_eq!(native_id(b"file:///a", 0, false), NativeId::from("file:///a"));
        assert_eq!(native_id(b"file:///a", 0, true), NativeId::from("file:///a#0"));
        assert_eq!(native_id(b"file:///a", 9, false), NativeId::from("file:///a#9"));
    }
}
