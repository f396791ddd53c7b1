//! What one kind of library is made of: a table of fields with types and merge rules.
//!
//! The engine knows merge rules, never "rating". A new kind of library is a new table.
//! Invariant: a name never changes its rule, because documents carry both.

use crate::{Value, books, mail, music};

/// Every kind of library that this version knows.
static ALL: [&Schema; 3] = [&books::BOOKS, &mail::MAIL, &music::MUSIC];

/// Unix seconds up to 9999-12-31T23:59:59Z, the last second that every app's calendar can show.
pub(crate) const TIME: Shape = Shape::Int(0, 253_402_300_799);

/// How concurrent values of a field become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// The causally latest value; truly concurrent, unequal values are kept as a conflict.
    Register,
    /// The larger value; a fall is ignored.
    Max,
    /// Each link adds its own differences to the largest baseline.
    Counter,
    /// Per element; adding wins over a concurrent removal. The value is a sorted list.
    Set,
}

impl Rule {
    /// The letter that stands for the rule in stored keys. It never changes.
    pub const fn letter(self) -> char {
        match self {
            Self::Register => 'r',
            Self::Max => 'm',
            Self::Counter => 'c',
            Self::Set => 's',
        }
    }
}

/// The type of a field's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// [`Value::Int`] within these bounds, both included.
    Int(i64, i64),
    /// [`Value::Real`], finite.
    Real,
    /// [`Value::Flag`].
    Flag,
    /// [`Value::Text`], not empty.
    Text,
    /// [`Value::List`] of non-empty texts, not empty.
    List,
}

impl Shape {
    /// Whether `value` has this type and lies in its range.
    pub fn admits(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Int(low, high), Value::Int(number)) => (low..=high).contains(number),
            (Self::Real, Value::Real(number)) => number.0.is_finite(),
            (Self::Flag, Value::Flag(_)) => true,
            (Self::Text, Value::Text(text)) => !text.is_empty(),
            (Self::List, Value::List(texts)) => {
                !texts.is_empty() && texts.iter().all(|text| !text.is_empty())
            }
            _ => false,
        }
    }
}

/// One field of a schema. Tables are `static`, and the rest of Segue passes `&'static Field`.
#[derive(Debug)]
pub struct Field {
    /// The name in documents, plans and JSON.
    pub name: &'static str,
    /// How concurrent values become one.
    pub rule: Rule,
    /// The type of the values.
    pub shape: Shape,
    /// Whether it describes the content (a title) rather than what a person did with it (a rating).
    /// Descriptive fields are written into apps only where a person asks for it.
    pub descriptive: bool,
}

impl PartialEq for Field {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}
impl Eq for Field {}
impl PartialOrd for Field {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Field {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.name.cmp(other.name)
    }
}

/// One kind of collection.
#[derive(Debug, PartialEq, Eq)]
pub struct CollectionKind {
    /// The name in documents, plans and JSON.
    pub name: &'static str,
    /// Whether its entries are edited by people. If not, its `rule` is carried and shown, and
    /// copies of its content are never lifted.
    pub has_entries: bool,
    /// The set of an item in which such collections are named that it lies in. One that is named there and
    /// is not in a library yet is made with it.
    pub named_in: Option<&'static Field>,
}

impl CollectionKind {
    /// Collections that people fill, in an order that they choose.
    pub const fn list(name: &'static str) -> Self {
        Self { name, has_entries: true, named_in: None }
    }

    /// Collections whose content is not edited through them.
    pub const fn without_entries(name: &'static str) -> Self {
        Self { name, has_entries: false, named_in: None }
    }
}

/// One kind of library.
#[derive(Debug)]
pub struct Schema {
    /// The name in documents.
    pub name: &'static str,
    /// What people call an item, and several: `track`, `tracks`.
    pub items: [&'static str; 2],
    /// What they call a collection, and several: `playlist`, `playlists`.
    pub lists: [&'static str; 2],
    /// Fields of items, sorted by name.
    pub fields: &'static [&'static Field],
    /// Kinds of collections.
    pub kinds: &'static [&'static CollectionKind],
    /// The field whose value says which item it is, on every device: a hash of the content. Items of
    /// a kind without one are told apart by evidence.
    pub key: Option<&'static Field>,
}

impl Schema {
    /// The kind of library with this name, if this version knows it.
    pub fn named(name: &str) -> Option<&'static Self> {
        ALL.into_iter().find(|schema| schema.name == name)
    }

    /// The field with this name.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        let index = self.fields.binary_search_by(|field| field.name.cmp(name)).ok()?;
        Some(self.fields[index])
    }

    /// Whether a field says in which collections an item lies.
    pub fn is_places(&self, field: &Field) -> bool {
        self.kinds.iter().any(|kind| kind.named_in == Some(field))
    }

    /// The kind of collection with this name.
    pub fn kind(&self, name: &str) -> Option<&'static CollectionKind> {
        self.kinds.iter().copied().find(|kind| kind.name == name)
    }
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}
impl Eq for Schema {}

/// A schema's fields: a static for each, and the table of all, `FIELDS`.
macro_rules! fields {
    ($($(#[$doc:meta])* $constant:ident = $name:literal, $rule:ident, $shape:expr, $descriptive:literal;)*) => {
        $($(#[$doc])*
        pub static $constant: $crate::Field = $crate::Field {
            name: $name,
            rule: $crate::Rule::$rule,
            shape: $shape,
            descriptive: $descriptive,
        };)*
        static FIELDS: &[&$crate::Field] = &[$(&$constant),*];
    };
}
pub(crate) use fields;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_found_by_its_name_and_a_strange_one_is_not() {
        for schema in ALL {
            assert!(Schema::named(schema.name).is_some_and(|found| std::ptr::eq(found, schema)));
            assert!(schema.key.is_none_or(|key| schema.field(key.name) == Some(key)));
        }
        assert!(Schema::named("moons").is_none());
    }
}
