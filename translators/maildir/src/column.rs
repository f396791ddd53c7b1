//! What a Maildir holds, and which values it can hold: one table for reading, writing and capabilities.

use segue_mail::column::{flags, header, keywords};
use segue_translator::model::mail;
use segue_translator::{Access, Capabilities, CollectionSupport, FieldSupport, Names};

use crate::layout;

static FIELDS: [FieldSupport; 9] = [
    header(&mail::DATE),
    FieldSupport::exact(&mail::FLAGS).held_as(flags),
    FieldSupport::exact(&mail::FOLDERS).held_as(layout::held),
    header(&mail::FROM),
    FieldSupport::exact(&mail::KEY).read_only().fixed(),
    FieldSupport::exact(&mail::KEYWORDS).held_as(keywords),
    FieldSupport::exact(&mail::MESSAGE_ID).read_only().fixed(),
    header(&mail::SUBJECT),
    header(&mail::TO),
];

/// What a store holds.
pub(crate) static CAPABILITIES: Capabilities = Capabilities {
    app: "maildir",
    schema: &mail::MAIL,
    fields: &FIELDS,
    collections: &[CollectionSupport {
        kind: &mail::FOLDER,
        access: Access::Read,
        repeats: false,
        names: Names::Any,
    }],
    hides: false,
    piecewise: true,
    cannot_hold: &[
        "keywords with spaces, brackets, quotes, letters beyond ASCII, or of more than 50 bytes",
        "more than 26 different keywords in one folder",
        "folders whose names cannot be told in the layout of this store: with a dot in Maildir++, with a slash",
        "folders in which no message lies are not made",
    ],
};
