//! How all of them hold the fields of a message.

use segue_translator::FieldSupport;
use segue_translator::model::{Field, Value, mail};

use crate::marks;

/// A header that can be read: it is what one copy says, and another that came by another way may differ. What
/// was read first stays.
pub const fn header(field: &'static Field) -> FieldSupport {
    FieldSupport::exact(field).read_only().lossy().fixed()
}

/// Those flags that there are.
pub fn flags(value: &Value) -> Option<Value> {
    let all = value.as_list()?.iter();
    list(all.filter(|flag| mail::FLAGS_KNOWN.contains(&&***flag)).cloned())
}

/// Those keywords that an IMAP server takes.
pub fn keywords(value: &Value) -> Option<Value> {
    list(value.as_list()?.iter().filter(|keyword| marks::is_keyword(keyword)).cloned())
}

/// The value of a set; `None` if it is empty.
pub fn list(texts: impl IntoIterator<Item = Box<str>>) -> Option<Value> {
    let texts: Box<[Box<str>]> = texts.into_iter().collect();
    (!texts.is_empty()).then_some(Value::List(texts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_server_takes_is_not_held() {
        let all = ["$label1", "a", "two words", "größe", "Work", "a]", "$forwarded"];
        assert_eq!(keywords(&Value::list(all)), Some(Value::list(["$label1", "a"])));
        assert_eq!(keywords(&Value::list(["two words"])), None);
        assert_eq!(flags(&Value::list(["deleted", "seen"])), Some(Value::list(["seen"])));
    }
}
