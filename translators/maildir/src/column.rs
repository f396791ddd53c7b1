//! What a Maildir holds, and which values it can hold: one table for reading, writing and capabilities.

use segue_translator::model::{Value, mail};
use segue_translator::{Access, Capabilities, CollectionSupport, FieldSupport, Names};

use crate::format::FORWARDED_KEYWORD;

/// Longer keywords Dovecot takes from nobody.
const KEYWORD_BYTES_MAX: usize = 50;

/// Headers are what one copy says: another that came by another way may differ.
const fn header(field: &'static segue_translator::model::Field) -> FieldSupport {
    FieldSupport::exact(field).read_only().lossy()
}

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
        "messages that were moved elsewhere: Segue reads folders and does not write them yet",
        "keywords with spaces, brackets, quotes, letters beyond ASCII, or of more than 50 bytes",
        "more than 26 different keywords in one folder",
        "that a message was marked as deleted: that is said of one copy",
    ],
};

/// Those flags that there is a letter for.
fn flags(value: &Value) -> Option<Value> {
    let all = value.as_list()?.iter();
    list(all.filter(|flag| mail::FLAGS_KNOWN.contains(&&***flag)).cloned())
}

/// Those keywords that an IMAP server takes.
fn keywords(value: &Value) -> Option<Value> {
    list(value.as_list()?.iter().filter(|keyword| is_keyword(keyword)).cloned())
}

fn list(texts: impl Iterator<Item = Box<str>>) -> Option<Value> {
    let texts: Box<[Box<str>]> = texts.collect();
    (!texts.is_empty()).then_some(Value::List(texts))
}

/// Whether a text is a keyword as it is told in the document: an atom (RFC 3501, 9) in lower case,
/// and none that is a flag.
pub(crate) fn is_keyword(text: &str) -> bool {
    let is_atom = |byte: u8| byte.is_ascii_graphic() && !b"(){%*\"\\]".contains(&byte);
    (1..=KEYWORD_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| is_atom(byte) && !byte.is_ascii_uppercase())
        && text != FORWARDED_KEYWORD
}

#[cfg(test)]
mod tests {
    use super::*;
    use segue_translator::model::Value;

    #[test]
    fn what_no_server_takes_is_not_held() {
        let all = ["$label1", "a", "two words", "größe", "Work", "a]", "$forwarded"];
        assert_eq!(keywords(&Value::list(all)), Some(Value::list(["$label1", "a"])));
        assert_eq!(keywords(&Value::list(["two words"])), None);
        assert!(is_keyword(&"x".repeat(50)) && !is_keyword(&"x".repeat(51)) && !is_keyword(""));
        assert_eq!(flags(&Value::list(["deleted", "seen"])), Some(Value::list(["seen"])));
    }
}
