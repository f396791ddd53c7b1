//! How each program spells flags and keywords: one table for reading and writing, and for the docs.
//!
//! The document has flags by name, and keywords in lower case (RFC 8621, 4.1.1). Whatever a program
//! cannot spell stays in the document and is not written there.

/// How notmuch tells a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// A message with the flag has this tag.
    Present(&'static str),
    /// A message with the flag lacks this tag.
    Absent(&'static str),
}

/// One flag in each spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flag {
    /// Its name in the document.
    pub name: &'static str,
    /// As IMAP says it (RFC 9051, 2.3.2; `$Forwarded`: RFC 5550, 5.9).
    pub imap: &'static str,
    /// Its letter in the name of a Maildir file.
    pub letter: u8,
    /// Its tag in notmuch.
    pub tag: Tag,
    /// The header of an mbox that has it, and its letter there.
    pub header: Option<(&'static str, u8)>,
}

/// All flags, sorted by name. `\Deleted` is none: it is said of one copy.
pub static FLAGS: [Flag; 5] = [
    Flag {
        name: "answered",
        imap: "\\Answered",
        letter: b'R',
        tag: Tag::Present("replied"),
        header: Some(("X-Status", b'A')),
    },
    Flag {
        name: "draft",
        imap: "\\Draft",
        letter: b'D',
        tag: Tag::Present("draft"),
        header: Some(("X-Status", b'T')),
    },
    Flag {
        name: "flagged",
        imap: "\\Flagged",
        letter: b'F',
        tag: Tag::Present("flagged"),
        header: Some(("X-Status", b'F')),
    },
    Flag {
        name: FORWARDED,
        imap: "$Forwarded",
        letter: b'P',
        tag: Tag::Present("passed"),
        header: None,
    },
    Flag {
        name: "seen",
        imap: "\\Seen",
        letter: b'S',
        tag: Tag::Absent("unread"),
        header: Some(("Status", b'R')),
    },
];

/// The flag that [`FORWARDED_KEYWORD`] is.
pub const FORWARDED: &str = "forwarded";

/// What IMAP clients set for [`FORWARDED`]: IMAP has no flag for it.
pub const FORWARDED_KEYWORD: &str = "$forwarded";

/// The letter of a copy that was marked as deleted, in the name of a Maildir file.
pub const DELETED_LETTER: u8 = b'T';

/// Longer keywords Dovecot takes from nobody.
pub const KEYWORD_BYTES_MAX: usize = 50;

/// The flag of this name.
pub fn flag(name: &str) -> Option<&'static Flag> {
    FLAGS.iter().find(|flag| flag.name == name)
}

/// Whether a text is a keyword that an IMAP server takes, as the document tells it: an atom
/// (RFC 3501, 9) in lower case, and none that is a flag.
///
/// ```
/// use segue_mail::marks::is_keyword;
/// assert!(is_keyword("$label1"));
/// assert!(!is_keyword("two words") && !is_keyword("Work") && !is_keyword("$forwarded"));
/// ```
pub fn is_keyword(text: &str) -> bool {
    let is_atom = |byte: u8| byte.is_ascii_graphic() && !b"(){%*\"\\]".contains(&byte);
    (1..=KEYWORD_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| is_atom(byte) && !byte.is_ascii_uppercase())
        && text != FORWARDED_KEYWORD
}

#[cfg(test)]
mod tests {
    use super::*;
    use segue_translator::model::mail;

    #[test]
    fn each_flag_has_one_spelling_of_its_own_in_each_program() {
        assert!(FLAGS.iter().map(|flag| flag.name).eq(mail::FLAGS_KNOWN));
        for (index, one) in FLAGS.iter().enumerate() {
            assert_eq!(flag(one.name), Some(one));
            for other in &FLAGS[..index] {
                assert!(one.letter != other.letter && one.tag != other.tag);
                assert!(one.imap != other.imap && one.header != other.header);
            }
        }
    }

    #[test]
    fn what_no_server_takes_is_no_keyword() {
        assert!(is_keyword(&"x".repeat(50)) && !is_keyword(&"x".repeat(51)) && !is_keyword(""));
        assert!(!is_keyword("größe") && !is_keyword("a]"));
    }
}
