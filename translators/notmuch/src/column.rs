//! What notmuch holds, and which values it can hold: one table for reading, writing and capabilities.

use segue_mail::column::{flags, header, list};
use segue_translator::model::{Value, mail};
use segue_translator::{Access, Capabilities, CollectionSupport, FieldSupport, Names};

use crate::format;

/// Those keywords that are tags of their own.
fn keywords(value: &Value) -> Option<Value> {
    list(value.as_list()?.iter().filter(|keyword| format::is_held(keyword)).cloned())
}

static FIELDS: [FieldSupport; 9] = [
    header(&mail::DATE),
    FieldSupport::exact(&mail::FLAGS).held_as(flags),
    FieldSupport::exact(&mail::FOLDERS).held_as(segue_maildir::held_folders),
    header(&mail::FROM),
    FieldSupport::exact(&mail::KEY).read_only().fixed(),
    FieldSupport::exact(&mail::KEYWORDS).held_as(keywords),
    FieldSupport::exact(&mail::MESSAGE_ID).read_only().fixed(),
    header(&mail::SUBJECT),
    header(&mail::TO),
];

/// What a database holds.
pub(crate) static CAPABILITIES: Capabilities = Capabilities {
    app: "notmuch",
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
        "keywords of more than 200 bytes, or called as notmuch calls what it knows itself: attachment, signed, encrypted",
        "two messages with one Message-ID: notmuch has the same tags for both",
        "messages that are not indexed yet, and mail outside of Maildir folders",
        "folders that notmuch is told to ignore, or whose names cannot be told in the layout of its mail",
        "folders in which no message lies are not made",
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_tag_of_another_meaning_is_not_held() {
        let all = ["two words", "unread", "größe", "Work", "signed", "inbox"];
        assert_eq!(keywords(&Value::list(all)), Some(Value::list(["two words", "größe", "inbox"])));
        assert_eq!(keywords(&Value::list(["replied"])), None);
    }
}
