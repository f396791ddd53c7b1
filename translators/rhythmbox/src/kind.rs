//! How values become the texts of elements, and back: one small module a kind.
//!
//! Each has `lift` (text to value; `None` for "none", a reason for nonsense), `hold` (the value as
//! the app would hold it) and `encode` (value to text). They know neither fields nor XML.
//!
//! Invariant: `lift(encode(hold(value))) == hold(value)`.

use segue_translator::model::{Real, Value};

use crate::{date, escape, placeholder};

fn whole(text: &str) -> Result<Option<i64>, &'static str> {
    match text.trim_ascii().parse::<i64>() {
        Ok(0) => Ok(None),
        Ok(number) => Ok(Some(number)),
        Err(_) if text.trim_ascii().is_empty() => Ok(None),
        Err(_) => Err("it is no whole number"),
    }
}

fn fraction(text: &str) -> Result<Option<f64>, &'static str> {
    match text.trim_ascii().parse::<f64>() {
        Ok(number) if !number.is_finite() => Err("it is no finite number"),
        Ok(number) if number.abs() < 0.001 => Ok(None),
        Ok(number) => Ok(Some(number)),
        Err(_) if text.trim_ascii().is_empty() => Ok(None),
        Err(_) => Err("it is no number"),
    }
}

/// A number as C's `%.17g` writes it, which the app uses; beyond the range of people's numbers it
/// is written out in full.
fn digits(number: f64) -> String {
    let scientific = format!("{number:.16e}");
    let exponent = scientific.rsplit('e').next().and_then(|text| text.parse::<i32>().ok());
    match exponent.filter(|exponent| (-4..16).contains(exponent)) {
        None => number.to_string(),
        Some(exponent) => {
            let decimals = usize::try_from(16 - exponent).unwrap_or_default();
            let fixed = format!("{number:.decimals$}");
            fixed.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    }
}

/// Counts, numbers and times: zero is "none".
pub(crate) mod number {
    use super::{Value, whole};

    pub(crate) fn lift(text: &str) -> Result<Option<Value>, &'static str> {
        Ok(whole(text)?.map(Value::Int))
    }

    pub(crate) fn hold(value: &Value) -> Option<Value> {
        value.as_int().filter(|number| *number > 0).map(Value::Int)
    }

    pub(crate) fn encode(value: &Value) -> String {
        value.as_int().unwrap_or_default().to_string()
    }
}

/// Milliseconds, held as whole seconds; the app cuts the rest off.
pub(crate) mod seconds {
    use super::{Value, whole};

    pub(crate) fn lift(text: &str) -> Result<Option<Value>, &'static str> {
        Ok(whole(text)?.map(|number| Value::Int(number.saturating_mul(1000))))
    }

    pub(crate) fn hold(value: &Value) -> Option<Value> {
        let seconds = value.as_int()? / 1000;
        (seconds > 0).then_some(Value::Int(seconds * 1000))
    }

    pub(crate) fn encode(value: &Value) -> String {
        (value.as_int().unwrap_or_default() / 1000).to_string()
    }
}

/// A rating, held as stars with a fraction; no stars is "unrated". Other programs have stored
/// more than five stars, which the app shows as five.
pub(crate) mod stars {
    use super::{Value, digits, fraction};

    pub(crate) fn lift(text: &str) -> Result<Option<Value>, &'static str> {
        let rating =
            fraction(text)?.map_or(0, |stars| (stars.clamp(0.0, 5.0) * 20.0).round() as i64);
        Ok((rating > 0).then_some(Value::Int(rating)))
    }

    pub(crate) fn hold(value: &Value) -> Option<Value> {
        value.as_int().filter(|rating| *rating > 0).map(|rating| Value::Int(rating.min(100)))
    }

    pub(crate) fn encode(value: &Value) -> String {
        digits(value.as_int().unwrap_or_default() as f64 / 20.0)
    }
}

/// Beats per minute; the app drops less than a thousandth.
pub(crate) mod real {
    use super::{Real, Value, digits, fraction};

    pub(crate) fn lift(text: &str) -> Result<Option<Value>, &'static str> {
        Ok(fraction(text)?.map(|number| Value::Real(Real(number))))
    }

    pub(crate) fn hold(value: &Value) -> Option<Value> {
        match value {
            Value::Real(Real(number)) if number.is_finite() && number.abs() >= 0.001 => {
                Some(value.clone())
            }
            _ => None,
        }
    }

    pub(crate) fn encode(value: &Value) -> String {
        match value {
            Value::Real(Real(number)) => digits(*number),
            _ => String::new(),
        }
    }
}

/// A year, held as a day; writing another year makes it the first of January.
pub(crate) mod day {
    use super::{Value, date, whole};

    pub(crate) fn lift(text: &str) -> Result<Option<Value>, &'static str> {
        const LAST_DAY: i64 = 65_536 * 366;
        match whole(text)? {
            Some(day) if !(1..=LAST_DAY).contains(&day) => Err("it is no day of the calendar"),
            day => Ok(day.map(|day| Value::Int(date::year(day)))),
        }
    }

    pub(crate) fn hold(value: &Value) -> Option<Value> {
        value.as_int().filter(|year| (1..=9999).contains(year)).map(Value::Int)
    }

    pub(crate) fn encode(value: &Value) -> String {
        date::first_day(value.as_int().unwrap_or(1)).to_string()
    }
}

/// Text; empty is "none".
pub(crate) mod text {
    use super::{Value, escape};

    #[expect(clippy::unnecessary_wraps, reason = "one of several; others can fail")]
    pub(crate) fn lift(text: &str) -> Result<Option<Value>, &'static str> {
        if text.is_empty() { Ok(None) } else { Ok(Some(Value::text(text))) }
    }

    pub(crate) fn hold(value: &Value) -> Option<Value> {
        let text = escape::without_forbidden(value.as_text()?);
        (!text.is_empty()).then(|| Value::text(text))
    }

    pub(crate) fn encode(value: &Value) -> String {
        value.as_text().unwrap_or_default().to_owned()
    }
}

/// Text for which the app has a word that means "none".
pub(crate) mod tag_text {
    pub(crate) use super::text::encode;
    use super::{Value, placeholder, text};

    pub(crate) fn lift(text: &str) -> Result<Option<Value>, &'static str> {
        if placeholder::is(text) { Ok(None) } else { text::lift(text) }
    }

    pub(crate) fn hold(value: &Value) -> Option<Value> {
        text::hold(value).filter(|held| !held.as_text().is_some_and(placeholder::is))
    }
}

/// The first of a list of such texts.
pub(crate) mod first {
    use super::{Value, tag_text};

    pub(crate) fn lift(text: &str) -> Result<Option<Value>, &'static str> {
        let text = tag_text::lift(text)?;
        Ok(text.as_ref().and_then(Value::as_text).map(|text| Value::list([text])))
    }

    pub(crate) fn hold(value: &Value) -> Option<Value> {
        let first = Value::text(&**value.as_list()?.first()?);
        let held = tag_text::hold(&first)?;
        held.as_text().map(|text| Value::list([text]))
    }

    pub(crate) fn encode(value: &Value) -> String {
        value.as_list().and_then(<[_]>::first).map(ToString::to_string).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_look_as_the_app_writes_them() {
        for (number, text) in [
            (4.0, "4"),
            (3.5, "3.5"),
            (0.05, "0.050000000000000003"),
            (2.8, "2.7999999999999998"),
            (120.25, "120.25"),
            (-4.5, "-4.5"),
            (1000.0, "1000"),
        ] {
            assert_eq!(digits(number), text);
        }
        for number in [0.001, 1e15, 1e16, 123_456_789.125, 1e300, f64::MAX] {
            assert_eq!(digits(number).parse(), Ok(number));
        }
    }
}
