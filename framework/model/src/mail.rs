//! The `mail` schema: messages, what people mark them with, and the folders in which they lie.
//!
//! The bytes of a message are content and never edited. Headers are what one copy says of them;
//! copies of one message that came by different ways may say different things.
//!
//! Units: times in Unix seconds UTC. A path of folders is Unicode: names joined by `/`, in which what
//! would be taken for something else is escaped ([`path`]).

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
pub static FOLDER: CollectionKind =
    CollectionKind { name: "folder", has_entries: false, named_in: Some(&FOLDERS) };

/// The `mail` schema.
pub static MAIL: Schema = Schema {
    name: "mail",
    items: ["message", "messages"],
    lists: ["folder", "folders"],
    fields: FIELDS,
    kinds: &[&FOLDER],
    key: Some(&KEY),
};

/// A folder that stands for one purpose in every mail program, whatever it is called (RFC 6154).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Role {
    /// Its [`path`] in the document.
    pub path: &'static str,
    /// What else programs call it, the more usual name first.
    pub others: &'static [&'static str],
}

/// The special folders that are told by their names. A name that means something else in some language is
/// not among them.
pub static ROLES: [Role; 4] = [
    Role { path: "Drafts", others: &["Draft", "Entwürfe", "Brouillons", "Borradores"] },
    Role { path: "Junk", others: &["Spam", "Junk E-mail", "Junk Email", "Junk Mail", "Bulk Mail"] },
    Role {
        path: "Sent",
        others: &[
            "Sent Items",
            "Sent Messages",
            "Sent Mail",
            "sent-mail",
            "Gesendet",
            "Gesendete Objekte",
            "Gesendete Elemente",
        ],
    },
    Role {
        path: "Trash",
        others: &["Deleted Items", "Deleted Messages", "Papierkorb", "Gelöschte Elemente"],
    },
];

/// Which of a store's folders have a role: for each role at most one, called as the document does if
/// there is such a folder, else the one with the more usual name. The others keep their own paths.
///
/// ```
/// use segue_model::mail::roles;
/// let of = |paths: &[&str]| roles(paths).map(|(at, role)| (at, role.path)).collect::<Vec<_>>();
/// assert_eq!(of(&["INBOX", "Sent Items"]), [(1, "Sent")]);
/// assert_eq!(of(&["Sent Items", "Sent"]), [(1, "Sent")]);
/// ```
pub fn roles(paths: &[&str]) -> impl Iterator<Item = (usize, &'static Role)> {
    let at = |name: &str| paths.iter().position(|path| *path == name);
    ROLES.iter().filter_map(move |role| {
        let mut names = std::iter::once(role.path).chain(role.others.iter().copied());
        Some((names.find_map(at)?, role))
    })
}

/// The path of a folder from the names on the way to it. A name with a slash, a percent sign, a control
/// character, or a dot at its start has them as `%` and two digits for each byte; an empty one is `%00`.
///
/// ```
/// use segue_model::mail::{names, path};
/// assert_eq!(path(["Archive", "AC/DC", "100%"]), "Archive/AC%2FDC/100%25");
/// assert_eq!(names("Archive/AC%2FDC").unwrap(), ["Archive", "AC/DC"]);
/// assert_eq!(names("Archive/%41"), None, "an A is an A");
/// ```
pub fn path<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(escaped).collect::<Vec<_>>().join("/")
}

/// The names on the way to a folder; `None` if this is no [`path`].
pub fn names(path: &str) -> Option<Vec<String>> {
    path.split('/').map(|name| unescaped(name).filter(|text| escaped(text) == name)).collect()
}

fn escaped(name: &str) -> String {
    if name.is_empty() {
        return "%00".to_owned();
    }
    let mut out = String::new();
    for (at, c) in name.char_indices() {
        if matches!(c, '%' | '/') || c.is_control() || (c == '.' && at == 0) {
            let bytes = name[at..at + c.len_utf8()].bytes();
            out.extend(bytes.flat_map(|byte| ['%', hex(byte >> 4), hex(byte & 15)]));
        } else {
            out.push(c);
        }
    }
    out
}

fn hex(digit: u8) -> char {
    char::from_digit(digit.into(), 16).unwrap_or('0').to_ascii_uppercase()
}

fn unescaped(name: &str) -> Option<String> {
    if name == "%00" {
        return Some(String::new());
    }
    let mut bytes = Vec::new();
    let mut parts = name.split('%');
    bytes.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
    for part in parts {
        let digits =
            part.get(..2).filter(|digits| digits.bytes().all(|d| d.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).ok()
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

    #[test]
    fn f13_every_name_has_one_path_and_is_read_back() {
        for text in
            ["INBOX", "..", ".hidden", "a/b", "100%", "%2F", "two\nlines", "\u{85}", "", "ü", "\0"]
        {
            let path = path(["Archive", text]);
            let names = names(&path);
            // What has no text of its own is told as nothing.
            let text = if text == "\0" { "" } else { text };
            assert_eq!(names.unwrap(), ["Archive", text], "{path}");
        }
        for path in
            ["", "a//b", "/a", ".a", "a/..", "%", "%2", "%2f", "%zz", "a%41", "%FF", "a\nb", "%é"]
        {
            assert_eq!(names(path), None, "{path:?}");
        }
    }

    #[test]
    fn no_name_stands_for_two_roles() {
        let names = ROLES.iter().flat_map(|role| role.others.iter().copied().chain([role.path]));
        let mut names: Vec<&str> = names.collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
