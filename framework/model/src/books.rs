//! The `books` schema: books, and shelves on which they stand.
//!
//! It is what a book says of itself, and what a reader does with it. Reading positions and
//! highlights are none of it: each app counts places in its own way.
//!
//! Units: ratings 0–100 (0 is a rating, absent is unrated), times in Unix seconds UTC. Dates of
//! publication are text, because books say as much of them as they know: a year, a month, a day.

use crate::schema::{CollectionKind, Schema, Shape, TIME, fields};

fields! {
    /// The authors, in order.
    AUTHORS = "authors", Register, Shape::List, true;
    /// What the book is about, as text or HTML.
    DESCRIPTION = "description", Register, Shape::Text, true;
    /// When it was last read to its end. Absent is not finished.
    FINISHED_AT = "finished_at", Max, TIME, false;
    /// What names the book elsewhere, each as `scheme:value` with the scheme in lower case: `isbn`
    /// (digits only), `uuid`, `doi`, `url`, or an app's or a shop's own.
    IDENTIFIERS = "identifiers", Set, Shape::List, true;
    /// Its languages as BCP 47 tags, in order.
    LANGUAGES = "languages", Register, Shape::List, true;
    /// When it was published, as the book says it: `1813`, `2009-05-01`.
    PUBLISHED = "published", Register, Shape::Text, true;
    /// The publisher.
    PUBLISHER = "publisher", Register, Shape::Text, true;
    /// 0–100; absent is unrated.
    RATING = "rating", Register, Shape::Int(0, 100), false;
    /// The series to which it belongs.
    SERIES = "series", Register, Shape::Text, true;
    /// Its place in the series; 1.5 stands between the first two.
    SERIES_INDEX = "series_index", Register, Shape::Real, true;
    /// What the publisher says it is about, in order.
    SUBJECTS = "subjects", Register, Shape::List, true;
    /// A reader's own words for it.
    TAGS = "tags", Set, Shape::List, false;
    /// The title.
    TITLE = "title", Register, Shape::Text, true;
    /// The title as it is sorted: `Tale of Two Cities, A`.
    TITLE_SORT = "title_sort", Register, Shape::Text, true;
}

/// An ordered list of books that a person made.
pub static SHELF: CollectionKind = CollectionKind::list("shelf");

/// The `books` schema.
pub static BOOKS: Schema = Schema {
    name: "books",
    items: ["book", "books"],
    lists: ["shelf", "shelves"],
    fields: FIELDS,
    kinds: &[&SHELF],
    key: None,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rule;

    #[test]
    fn the_table_is_sorted_so_that_names_can_be_found() {
        assert!(BOOKS.fields.is_sorted_by(|a, b| a.name < b.name));
        assert_eq!(BOOKS.field("identifiers").map(|field| field.rule), Some(Rule::Set));
        assert!(BOOKS.field("artist").is_none());
    }
}
