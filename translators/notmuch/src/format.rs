//! How notmuch spells tags and messages in its text forms, and what a tag means. Pure.
//!
//! `+two%20words -unread -- id:"a@b"`: one line of `notmuch tag --batch` and of a dump. Tags are
//! percent-encoded by bytes, the message is not; in quotes a `"` is doubled.
//!
//! Invariant: a tag is lifted under one name, and what is not lifted is never written.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use segue_mail::marks::{FLAGS, FORWARDED, FORWARDED_KEYWORD, Flag, Tag};

/// Longer tags notmuch takes from nobody (`NOTMUCH_TAG_MAX`).
pub(crate) const TAG_BYTES_MAX: usize = 200;

/// Tags that notmuch makes from what a message holds, each time when it indexes one.
const OF_THE_INDEXER: [&str; 3] = ["attachment", "encrypted", "signed"];

/// What a tag says of a message that has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// It has this flag.
    Flag(&'static str),
    /// It lacks this flag.
    NoFlag(&'static str),
    /// It has this keyword.
    Keyword(String),
    /// Nothing that a person said.
    Nothing,
    /// What no keyword can say: it is no text, or would be another's name.
    Lost,
}

/// What a tag means.
pub(crate) fn meaning(tag: &[u8]) -> Meaning {
    let Ok(tag) = std::str::from_utf8(tag) else { return Meaning::Lost };
    if let Some(flag) = flag(tag) {
        return flag;
    }
    match tag.to_lowercase() {
        _ if OF_THE_INDEXER.contains(&tag) => Meaning::Nothing,
        keyword if keyword == FORWARDED_KEYWORD => Meaning::Flag(FORWARDED),
        keyword if is_held(&keyword) => Meaning::Keyword(keyword),
        _ => Meaning::Lost,
    }
}

fn flag(tag: &str) -> Option<Meaning> {
    FLAGS.iter().find_map(|flag: &'static Flag| match flag.tag {
        Tag::Present(name) => (name == tag).then_some(Meaning::Flag(flag.name)),
        Tag::Absent(name) => (name == tag).then_some(Meaning::NoFlag(flag.name)),
    })
}

/// The flags that a message has because it has no tag that says otherwise.
pub(crate) fn flags_by_absence(lacks: &BTreeSet<&str>) -> impl Iterator<Item = &'static str> {
    let by_absence = FLAGS.iter().filter(|flag| matches!(flag.tag, Tag::Absent(_)));
    by_absence.map(|flag| flag.name).filter(|name| !lacks.contains(name))
}

/// Whether notmuch can hold a keyword, as the document tells it, as a tag of that name.
pub(crate) fn is_held(keyword: &str) -> bool {
    (1..=TAG_BYTES_MAX).contains(&keyword.len())
        && !keyword.contains('\0')
        && keyword.to_lowercase() == keyword
        && flag(keyword).is_none()
        && keyword != FORWARDED_KEYWORD
        && !OF_THE_INDEXER.contains(&keyword)
}

/// Whether notmuch makes a tag itself.
pub(crate) fn is_of_the_indexer(tag: &[u8]) -> bool {
    OF_THE_INDEXER.iter().any(|own| own.as_bytes() == tag)
}

/// What finds the messages with a text that notmuch indexed under this prefix, and no other.
pub(crate) fn term(prefix: &str, text: &[u8]) -> Vec<u8> {
    let mut term = [prefix.as_bytes(), b":\""].concat();
    for byte in text {
        term.extend(std::iter::repeat_n(*byte, if *byte == b'"' { 2 } else { 1 }));
    }
    term.push(b'"');
    term
}

/// Whether a message can be named in a line.
pub(crate) fn is_nameable(id: &[u8]) -> bool {
    !id.is_empty() && !id.contains(&b'\n') && !id.contains(&b'\0')
}

/// One change of a message's tags.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Edit {
    /// It gets this tag.
    Add(Box<[u8]>),
    /// It loses this tag.
    Remove(Box<[u8]>),
}

/// The line that makes these changes of a message, with its end.
pub(crate) fn line(id: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut line = Vec::new();
    for edit in edits {
        let (sign, tag) = match edit {
            Edit::Add(tag) => (b'+', tag),
            Edit::Remove(tag) => (b'-', tag),
        };
        line.push(sign);
        line.extend_from_slice(&encoded(tag));
        line.push(b' ');
    }
    line.extend_from_slice(b"-- ");
    line.extend_from_slice(&term("id", id));
    line.push(b'\n');
    line
}

fn encoded(tag: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_@=.,".contains(&byte);
    let mut text = Vec::with_capacity(tag.len());
    for byte in tag.iter().copied() {
        if is_plain(byte) {
            text.push(byte);
        } else {
            text.extend([b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
    }
    text
}

/// What a line that adds tags says: these, and of which message.
pub(crate) type Added = (Vec<Box<[u8]>>, Vec<u8>);

/// Reads a line that adds tags; `None` if it is no such line.
pub(crate) fn parse(line: &[u8]) -> Option<Added> {
    let mut rest = line;
    let mut tags = Vec::new();
    while let Some(tag) = rest.strip_prefix(b"+") {
        let end = tag.iter().position(|byte| *byte == b' ')?;
        tags.push(decoded(&tag[..end])?);
        rest = &tag[end + 1..];
    }
    let quoted = rest.strip_prefix(b"-- id:\"")?.strip_suffix(b"\"")?;
    let mut id = Vec::with_capacity(quoted.len());
    let mut bytes = quoted.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte == b'"' && bytes.next() != Some(b'"') {
            return None;
        }
        id.push(byte);
    }
    Some((tags, id))
}

fn decoded(text: &[u8]) -> Option<Box<[u8]>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let mut tag = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        tag.push(match byte {
            b'%' => digit(bytes.next()?)? << 4 | digit(bytes.next()?)?,
            byte => byte,
        });
    }
    Some(tag.into())
}

/// The letters of a file's name.
pub(crate) fn letters(path: &Path) -> Vec<u8> {
    let name = path.file_name().map(OsStrExt::as_bytes).unwrap_or_default();
    let marks = name.iter().position(|byte| *byte == b':').map(|start| &name[start..]);
    marks.and_then(|marks| marks.strip_prefix(b":2,")).unwrap_or_default().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use segue_translator::model::mail;

    #[test]
    fn each_flag_is_a_tag_or_the_absence_of_one() {
        for flag in &FLAGS {
            let (tag, expected) = match flag.tag {
                Tag::Present(tag) => (tag, Meaning::Flag(flag.name)),
                Tag::Absent(tag) => (tag, Meaning::NoFlag(flag.name)),
            };
            assert_eq!(meaning(tag.as_bytes()), expected);
            assert!(!is_held(tag) && mail::FLAGS_KNOWN.contains(&flag.name));
        }
        assert_eq!(meaning(b"$Forwarded"), Meaning::Flag(FORWARDED));
    }

    #[test]
    fn all_other_tags_are_keywords_in_lower_case() {
        for (tag, keyword) in [
            ("Work", "work"),
            ("two words", "two words"),
            ("GRÖẞE", "größe"),
            ("deleted", "deleted"),
        ] {
            assert_eq!(meaning(tag.as_bytes()), Meaning::Keyword(keyword.to_owned()));
            assert!(is_held(keyword));
        }
        assert_eq!(meaning(b"signed"), Meaning::Nothing);
        for lost in [&b"\xff"[..], b"Unread", b"Signed", b""] {
            assert_eq!(meaning(lost), Meaning::Lost);
        }
    }

    #[test]
    fn what_notmuch_does_not_take_is_not_held() {
        assert!(is_held(&"x".repeat(200)) && is_held("-minus") && is_held("\"'%\n"));
        for keyword in [&*"x".repeat(201), "", "Work", "unread", "attachment", "$forwarded", "a\0"]
        {
            assert!(!is_held(keyword), "{keyword}");
        }
    }

    #[test]
    fn lines_are_read_as_they_are_written() {
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..2_000 {
            let text = |rng: &mut fastrand::Rng| -> Vec<u8> {
                (0..rng.usize(1..9)).map(|_| rng.u8(1..)).collect()
            };
            let tags: Vec<Box<[u8]>> = (0..rng.usize(..4)).map(|_| text(&mut rng).into()).collect();
            let mut id = text(&mut rng);
            id.retain(|byte| *byte != b'\n');
            let edits: Vec<Edit> = tags.iter().cloned().map(Edit::Add).collect();
            let line = line(&id, &edits);
            assert_eq!(parse(line.strip_suffix(b"\n").unwrap()), Some((tags, id)));
        }
        let edits = [Edit::Add((*b"two w").into()), Edit::Remove((*b"unread").into())];
        assert_eq!(line(b"\"q\"@x", &edits), b"+two%20w -unread -- id:\"\"\"q\"\"@x\"\n");
    }

    #[test]
    fn letters_are_those_of_the_name() {
        for (path, letters) in
            [("cur/1,U=5:2,SFa", "SFa"), ("a:2,F/new/1", ""), ("cur/1:1,S", ""), ("cur/1:2,", "")]
        {
            assert_eq!(super::letters(Path::new(path)), letters.as_bytes(), "{path}");
        }
    }

    #[test]
    fn what_is_no_line_is_none() {
        for text in
            ["", "#notmuch-dump", "+a", "+a -- id:x", "+%2 -- id:\"x\"", "+a -- id:\"x\"y\""]
        {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
