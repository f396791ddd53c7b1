//! The `mail` schema: messages, what people mark them with, and the folders in which they lie.
//!
//! The bytes of a message are content and never edited. Headers are what one copy says of them;
//! copies of one message that came by different ways may say different things.
//!
//! Units: times in Unix seconds UTC. A path of folders is Unicode: components joined by `/`, in
//! which `%` and `/` are escaped ([`path`]).

use crate::schema::{CollectionKind, Schema, Shape, TIME, fields};

fields! {
    /// When it was written, as its sender's clock said.
    DATE = "date", Register, TIME, true;
    /// What people and programs did with it: those of [`FLAGS_KNOWN`].
    FLAGS = "flags", Set, Shape::List, false;
    /// The folders in which it lies, each as a [`path`].
    FOLDERS = "folders", Set, Shape::List, false;
    /// Who wrote it: `Name <address>`, or the address.
    FROM = "from", Register, Shape::List, true;
    /// What it is: a hash of its Message-ID and its body, in hexadecimal.
    KEY = "key", Register, Shape::Text, true;
    /// What else it is marked with, in lower case.
    KEYWORDS = "keywords", Set, Shape::List, false;
    /// Its Message-ID, without the brackets.
    MESSAGE_ID = "message_id", Register, Shape::Text, true;
    /// The subject.
    SUBJECT = "subject", Register, Shape::Text, true;
    /// To whom it was written, as `from`.
    TO = "to", Register, Shape::List, true;
}

/// What `flags` may have, sorted. `\Deleted` is none of them: it is said of one copy.
pub const FLAGS_KNOWN: [&str; 5] = ["answered", "draft", "flagged", "forwarded", "seen"];

/// A place where messages lie. Its name is its [`path`].
pub static FOLDER: CollectionKind = CollectionKind { name: "folder", has_entries: false };

/// The `mail` schema.
pub static MAIL: Schema = Schema {
    name: "mail",
    items: ["message", "messages"],
    lists: ["folder", "folders"],
    fields: FIELDS,
    kinds: &[&FOLDER],
    key: Some(&KEY),
};

/// The path of a folder from the names on the way to it.
///
/// ```
/// use segue_model::mail::path;
/// assert_eq!(path(["Archive", "AC/DC", "100%"]), "Archive/AC%2FDC/100%25");
/// ```
pub fn path<'a>(components: impl IntoIterator<Item = &'a str>) -> String {
    let escaped = |name: &str| name.replace('%', "%25").replace('/', "%2F");
    components.into_iter().map(escaped).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rule;

    #[test]
    fn the_tables_are_sorted_so_that_names_can_be_found() {
        assert!(MAIL.fields.is_sorted_by(|a, b| a.name < b.name));
        assert!(FLAGS_KNOWN.is_sorted());
        for set in [&FLAGS, &KEYWORDS, &FOLDERS] {
            assert_eq!(MAIL.field(set.name).map(|field| field.rule), Some(Rule::Set));
        }
        assert!(MAIL.field("rating").is_none());
    }
}
