//! What a folder of mailboxes holds, and which values it can hold: one table for reading, writing and
//! capabilities.

use segue_mail::column::{flags, header, keywords};
use segue_translator::model::mail;
use segue_translator::{Access, Capabilities, CollectionSupport, FieldSupport, Names};

static FIELDS: [FieldSupport; 9] = [
    header(&mail::DATE),
    FieldSupport::exact(&mail::FLAGS).held_as(flags),
    FieldSupport::exact(&mail::FOLDERS).read_only(),
    header(&mail::FROM),
    FieldSupport::exact(&mail::KEY).read_only(),
    FieldSupport::exact(&mail::KEYWORDS).held_as(keywords),
    FieldSupport::exact(&mail::MESSAGE_ID).read_only(),
    header(&mail::SUBJECT),
    header(&mail::TO),
];

/// What a store holds. A write is whole within a mailbox, and not over several of them.
pub(crate) static CAPABILITIES: Capabilities = Capabilities {
    app: "mbox",
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
        "messages that were moved elsewhere: Segue reads folders and does not write them yet",
        "keywords with spaces, brackets, quotes, letters beyond ASCII, or of more than 50 bytes",
    ],
};
