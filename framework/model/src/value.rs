//! Values of fields, and the small sorted map that holds an item's.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use crate::Field;

/// A finite or infinite number with a total order, so that values can be keys.
#[derive(Debug, Clone, Copy)]
pub struct Real(pub f64);

impl PartialEq for Real {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Real {}
impl PartialOrd for Real {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Real {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}
impl Hash for Real {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

/// One value of one field. Absence is not a value: a field that is absent is not in [`Fields`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// A whole number: a rating 0–100, a count, Unix seconds, milliseconds.
    Int(i64),
    /// A number with a fraction: beats per minute, decibels.
    Real(Real),
    /// Yes or no.
    Flag(bool),
    /// Text as the app holds it, not normalised.
    Text(Box<str>),
    /// Several texts whose order matters, such as artists; or the elements of a set, sorted.
    List(Box<[Box<str>]>),
}

impl Value {
    /// A text value.
    pub fn text(text: impl Into<Box<str>>) -> Self {
        Self::Text(text.into())
    }

    /// A list of texts, in the given order.
    pub fn list<T: Into<Box<str>>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::List(texts.into_iter().map(Into::into).collect())
    }

    /// The number, if it is a whole one.
    pub const fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub const fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The texts, if it is a list.
    pub const fn as_list(&self) -> Option<&[Box<str>]> {
        match self {
            Self::List(texts) => Some(texts),
            _ => None,
        }
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

/// The fields of one item or collection, sorted by name.
///
/// Fields are references into a schema's table, so a field costs one pointer, and a value that
/// belongs to no schema cannot be stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(Vec<(&'static Field, Value)>);

impl Fields {
    /// The value of `field`, if present.
    pub fn value(&self, field: &Field) -> Option<&Value> {
        self.find(field).ok().map(|index| &self.0[index].1)
    }

    /// Sets `field`, or clears it with `None`.
    pub fn set(&mut self, field: &'static Field, value: impl Into<Option<Value>>) {
        match (self.find(field), value.into()) {
            (Ok(index), Some(value)) => self.0[index].1 = value,
            (Ok(index), None) => {
                self.0.remove(index);
            }
            (Err(index), Some(value)) => self.0.insert(index, (field, value)),
            (Err(_), None) => {}
        }
    }

    /// All present fields, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Field, &Value)> {
        self.0.iter().map(|(field, value)| (*field, value))
    }

    /// How many fields are present.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no field is present.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives back unused memory; worth calling on what is kept by the hundred thousand.
    pub fn shrink(&mut self) {
        self.0.shrink_to_fit();
    }

    fn find(&self, field: &Field) -> Result<usize, usize> {
        // Tables are static: the very same field is found without comparing names.
        if let Some(index) = self.0.iter().position(|(present, _)| std::ptr::eq(*present, field)) {
            return Ok(index);
        }
        self.0.binary_search_by(|(present, _)| present.name.cmp(field.name))
    }
}

impl FromIterator<(&'static Field, Value)> for Fields {
    fn from_iter<I: IntoIterator<Item = (&'static Field, Value)>>(pairs: I) -> Self {
        let mut fields = Self::default();
        for (field, value) in pairs {
            fields.set(field, value);
        }
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::music;

    #[test]
    fn fields_stay_sorted_and_absent_is_not_zero() {
        let mut fields = Fields::default();
        fields.set(&music::TITLE, Value::text("b"));
        fields.set(&music::RATING, Value::Int(0));
        assert_eq!(fields.iter().map(|(f, _)| f.name).collect::<Vec<_>>(), ["rating", "title"]);
        assert_eq!(fields.value(&music::RATING), Some(&Value::Int(0)));
        fields.set(&music::RATING, None);
        assert_eq!(fields.value(&music::RATING), None);
    }
}
