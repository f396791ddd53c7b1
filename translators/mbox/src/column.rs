//! What a folder of mailboxes holds, and which values it can hold: one table for reading, writing and
//! capabilities.

use segue_mail::column::{flags, header, keywords};
use segue_translator::model::{Value, mail};
use segue_translator::{Access, Capabilities, CollectionSupport, FieldSupport, Names};

use crate::layout;

static FIELDS: [FieldSupport; 9] = fields(layout::held);

/// Those of a store that is one mailbox.
static FIELDS_ALONE: [FieldSupport; 9] = fields(layout::held_alone);

const fn fields(folders: fn(&Value) -> Option<Value>) -> [FieldSupport; 9] {
    [
        header(&mail::DATE),
        FieldSupport::exact(&mail::FLAGS).held_as(flags),
        FieldSupport::exact(&mail::FOLDERS).held_as(folders),
        header(&mail::FROM),
        FieldSupport::exact(&mail::KEY).read_only(),
        FieldSupport::exact(&mail::KEYWORDS).held_as(keywords),
        FieldSupport::exact(&mail::MESSAGE_ID).read_only(),
        header(&mail::SUBJECT),
        header(&mail::TO),
    ]
}

/// What a store holds. A write is whole within a mailbox, and not over several of them.
pub(crate) static CAPABILITIES: Capabilities = IN_FOLDERS;

const IN_FOLDERS: Capabilities = Capabilities {
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
        "keywords with spaces, brackets, quotes, letters beyond ASCII, or of more than 50 bytes",
        "folders below a mailbox, unless others lie in `NAME.sbd`: a file is no folder",
        "folders other than the inbox, if the store is one mailbox",
        "folders in which no message lies are not made",
    ],
};

/// What a store holds that is one mailbox: one folder.
pub(crate) static CAPABILITIES_ALONE: Capabilities =
    Capabilities { fields: &FIELDS_ALONE, ..IN_FOLDERS };
