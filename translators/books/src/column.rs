//! What a folder of EPUBs holds: all that a package says of its book, none of it written.

use segue_translator::model::books;
use segue_translator::{Capabilities, FieldSupport};

static FIELDS: [FieldSupport; 11] = [
    FieldSupport::exact(&books::AUTHORS).read_only(),
    FieldSupport::exact(&books::DESCRIPTION).read_only(),
    FieldSupport::exact(&books::IDENTIFIERS).read_only(),
    FieldSupport::exact(&books::LANGUAGES).read_only(),
    FieldSupport::exact(&books::PUBLISHED).read_only(),
    FieldSupport::exact(&books::PUBLISHER).read_only(),
    FieldSupport::exact(&books::SERIES).read_only(),
    FieldSupport::exact(&books::SERIES_INDEX).read_only(),
    FieldSupport::exact(&books::SUBJECTS).read_only(),
    FieldSupport::exact(&books::TITLE).read_only(),
    FieldSupport::exact(&books::TITLE_SORT).read_only(),
];

/// What a folder holds.
pub(crate) static CAPABILITIES: Capabilities = Capabilities {
    cannot_hold: &[
        "ratings",
        "when a book was finished",
        "your own tags",
        "shelves",
        "corrected titles and authors: Segue does not write into EPUBs yet",
    ],
    ..Capabilities::of("books", &books::BOOKS, &FIELDS)
};
