//! What a header says of the state of a message, and the same header with another state. Pure.
//!
//! `Status` has `R` (seen), `X-Status` letters for other flags and `D` for a copy that is to be removed,
//! `X-Keywords` words, `X-Label` what mutt calls a label. The first message of a mailbox has
//! `X-IMAPbase`, which names all its keywords: a server takes no others for keywords.
//!
//! Invariant: only the values of these fields change, and of these only the letter or the word that is
//! meant.

use std::collections::BTreeSet;
use std::ops::Range;

use segue_mail::marks::{FLAGS, FORWARDED, FORWARDED_KEYWORD, is_keyword};

const STATUS: &[u8] = b"Status";
const X_STATUS: &[u8] = b"X-Status";
const X_KEYWORDS: &[u8] = b"X-Keywords";
const X_LABEL: &[u8] = b"X-Label";
const BASE: &[u8] = b"X-IMAPbase";
/// The same in a message that is there for nothing else.
const INTERNAL: &[u8] = b"X-IMAP";
const X_UID: &[u8] = b"X-UID";
const CONTENT_LENGTH: &[u8] = b"Content-Length";
/// What a message has only in the mailbox in which it lies.
const OWN: [&[u8]; 4] = [X_UID, BASE, INTERNAL, CONTENT_LENGTH];
const DELETED: u8 = b'D';
/// How `$Forwarded` is written: as its RFC does.
const FORWARDED_WORD: &str = "$Forwarded";

/// What a message is marked with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    /// Names of flags.
    pub(crate) flags: BTreeSet<&'static str>,
    /// Keywords, in lower case.
    pub(crate) keywords: BTreeSet<Box<str>>,
}

/// What is added to a message's marks, and taken from them.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub(crate) add: Marks,
    pub(crate) remove: Marks,
}

/// What a header says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) marks: Marks,
    /// Whether the copy is to be removed.
    pub(crate) is_deleted: bool,
}

/// The state that a header tells. What several fields of one name say counts together.
pub(crate) fn state(header: &[u8]) -> State {
    let mut state = State::default();
    for field in fields(header) {
        let value = &header[field.value.clone()];
        let name = &header[field.name.clone()];
        for flag in &FLAGS {
            let Some((header, letter)) = flag.header else { continue };
            if name.eq_ignore_ascii_case(header.as_bytes()) && value.contains(&letter) {
                state.marks.flags.insert(flag.name);
            }
        }
        state.is_deleted |= name.eq_ignore_ascii_case(X_STATUS) && value.contains(&DELETED);
        if is_words(name) {
            for word in words(value) {
                let word = keyword(&value[word]);
                if word == FORWARDED_KEYWORD {
                    state.marks.flags.insert(FORWARDED);
                } else if is_keyword(&word) {
                    state.marks.keywords.insert(word.into());
                }
            }
        }
    }
    state
}

/// Whether this is the message in which some servers keep what they know of a mailbox.
pub(crate) fn is_internal(header: &[u8]) -> bool {
    let subject = find(header, b"subject").map(|field| header[field.value].trim_ascii());
    let is_no_mail = |subject: &[u8]| subject.starts_with(b"DON'T DELETE THIS MESSAGE");
    find(header, INTERNAL).is_some() && subject.is_some_and(is_no_mail)
}

/// How many bytes the body has, if the header says so.
pub(crate) fn content_length(header: &[u8]) -> Option<u64> {
    let field = find(header, CONTENT_LENGTH)?;
    let digits = header[field.value].trim_ascii();
    let are_digits = digits.iter().all(u8::is_ascii_digit);
    are_digits.then(|| std::str::from_utf8(digits).ok()?.parse().ok()).flatten()
}

/// The header with other marks. Keywords are spelled as `known` does.
pub(crate) fn with(header: &[u8], change: &Change, known: &[Box<str>]) -> Vec<u8> {
    let mut header = header.to_vec();
    for flag in &FLAGS {
        let Some((name, letter)) = flag.header else { continue };
        if change.remove.flags.contains(flag.name) {
            header = without_letter(&header, name.as_bytes(), letter);
        }
        if change.add.flags.contains(flag.name) {
            header = with_letter(&header, name.as_bytes(), letter);
        }
    }
    for word in change.remove.keywords.iter().map(|word| &**word).chain(forwarded(&change.remove)) {
        header = without_word(&header, word);
    }
    for word in change.add.keywords.iter().map(|word| &**word).chain(forwarded(&change.add)) {
        header = with_word(&header, spelled(word, known));
    }
    header
}

/// The keywords that marks need in a mailbox.
pub(crate) fn wanted(marks: &Marks) -> impl Iterator<Item = &str> {
    marks.keywords.iter().map(|word| &**word).chain(forwarded(marks))
}

fn forwarded(marks: &Marks) -> Option<&'static str> {
    marks.flags.contains(FORWARDED).then_some(FORWARDED_KEYWORD)
}

fn spelled<'a>(word: &'a str, known: &'a [Box<str>]) -> &'a str {
    let same = known.iter().find(|one| one.eq_ignore_ascii_case(word));
    match same {
        Some(same) => same,
        None if word == FORWARDED_KEYWORD => FORWARDED_WORD,
        None => word,
    }
}

/// The keywords that the first message names, as they are spelled there; `None` if it names none.
pub(crate) fn base(header: &[u8]) -> Option<Vec<Box<str>>> {
    let field = find(header, BASE).or_else(|| find(header, INTERNAL))?;
    let value = &header[field.value];
    let words = words(value).skip(2).map(|word| String::from_utf8_lossy(&value[word]).into());
    Some(words.collect())
}

/// The header of the first message with these among the keywords of the mailbox. Where nobody gave it a
/// `UIDVALIDITY` yet, it is this one.
pub(crate) fn with_base(header: &[u8], words: &[&str], validity: u32) -> Vec<u8> {
    let mut known = base(header).unwrap_or_default();
    let mut added = String::new();
    for word in words {
        if !known.iter().any(|one| one.eq_ignore_ascii_case(word)) {
            let word = spelled(word, &[]);
            known.push(word.into());
            added.push(' ');
            added.push_str(word);
        }
    }
    match find(header, BASE).or_else(|| find(header, INTERNAL)) {
        _ if added.is_empty() => header.to_vec(),
        Some(field) => {
            let end = field.value.start + header[field.value.clone()].trim_ascii_end().len();
            spliced(header, end..end, added.as_bytes())
        }
        None => with_field(header, BASE, format!("{validity} {:010}{added}", 0).as_bytes()),
    }
}

/// The header as another mailbox gets it: without what says something of this one alone.
pub(crate) fn carried(header: &[u8]) -> Vec<u8> {
    let mut carried = Vec::with_capacity(header.len());
    let mut stays = true;
    for line in header.split_inclusive(|byte| *byte == b'\n') {
        if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            let name = line.split(|byte| *byte == b':').next().unwrap_or_default().trim_ascii_end();
            stays = !OWN.iter().any(|own| name.eq_ignore_ascii_case(own));
        }
        if stays {
            carried.extend_from_slice(line);
        }
    }
    carried
}

/// The header of a copy that is to be removed, or of one that is not.
pub(crate) fn with_deleted(header: &[u8], is_deleted: bool) -> Vec<u8> {
    if is_deleted {
        with_letter(header, X_STATUS, DELETED)
    } else {
        without_letter(header, X_STATUS, DELETED)
    }
}

/// Whether the first message of a mailbox, which has this header, says that programs keep it which write how long bodies
/// are. That keywords are named there says nothing, because we do that too.
pub(crate) fn is_served(header: &[u8]) -> bool {
    let has = |name| find(header, name).is_some();
    has(INTERNAL) || has(BASE) && has(X_UID) || content_length(header).is_some()
}

/// The header with how many bytes the body has, which it did not say.
pub(crate) fn with_length(header: &[u8], bytes: usize) -> Vec<u8> {
    with_field(header, CONTENT_LENGTH, bytes.to_string().as_bytes())
}

/// The lines in which the first message of a mailbox names its keywords; none, if it does not.
pub(crate) fn base_lines(header: &[u8]) -> &[u8] {
    let Some(field) = find(header, BASE) else { return b"" };
    let rest = &header[field.value.end..];
    let end = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
    &header[field.name.start..field.value.end + end]
}

/// The header one byte longer, so that programs which look at sizes see a change.
pub(crate) fn padded(header: &[u8]) -> Vec<u8> {
    let all = fields(header);
    let is_state = |field: &&Field| {
        let name = &header[field.name.clone()];
        [STATUS, X_STATUS, X_KEYWORDS, BASE].iter().any(|one| name.eq_ignore_ascii_case(one))
    };
    match all.iter().rev().find(is_state) {
        Some(field) => spliced(header, field.value.end..field.value.end, b" "),
        None => with_field(header, STATUS, b""),
    }
}

/// Where a field of a header stands.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    name: Range<usize>,
    /// What stands after the colon, without the end of the last line.
    pub(crate) value: Range<usize>,
}

/// The first field of this name.
pub(crate) fn find(header: &[u8], name: &[u8]) -> Option<Field> {
    fields(header).into_iter().find(|field| header[field.name.clone()].eq_ignore_ascii_case(name))
}

fn fields(header: &[u8]) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    let mut start = 0;
    for line in header.split_inclusive(|byte| *byte == b'\n') {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let end = start + text.strip_suffix(b"\r").unwrap_or(text).len();
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            if let Some(field) = fields.last_mut() {
                field.value.end = end;
            }
        } else if let Some(colon) = header[start..end].iter().position(|byte| *byte == b':') {
            let name = header[start..start + colon].trim_ascii_end().len();
            fields.push(Field { name: start..start + name, value: start + colon + 1..end });
        }
        start += line.len();
    }
    fields
}

fn is_words(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(X_KEYWORDS) || name.eq_ignore_ascii_case(X_LABEL)
}

/// Words between blanks and commas.
fn words(value: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    let between = |byte: &u8| byte.is_ascii_whitespace() || *byte == b',';
    let parts = value.split(between).map(move |part| {
        let range = start..start + part.len();
        start = range.end + 1;
        range
    });
    parts.filter(|range| !range.is_empty())
}

fn keyword(word: &[u8]) -> String {
    String::from_utf8_lossy(word).to_ascii_lowercase()
}

fn spliced(header: &[u8], range: Range<usize>, new: &[u8]) -> Vec<u8> {
    [&header[..range.start], new, &header[range.end..]].concat()
}

/// A field more, after all others.
fn with_field(header: &[u8], name: &[u8], value: &[u8]) -> Vec<u8> {
    let end: &[u8] = if header.ends_with(b"\r\n") { b"\r\n" } else { b"\n" };
    [header, name, b": ", value, end].concat()
}

fn named<'a>(header: &'a [u8], name: &'a [u8]) -> impl DoubleEndedIterator<Item = Field> + 'a {
    let all = fields(header).into_iter();
    all.filter(move |field| header[field.name.clone()].eq_ignore_ascii_case(name))
}

fn with_letter(header: &[u8], name: &[u8], letter: u8) -> Vec<u8> {
    let Some(field) = named(header, name).next_back() else {
        return with_field(header, name, &[letter]);
    };
    let value = &header[field.value.clone()];
    if named(header, name).any(|field| header[field.value].contains(&letter)) {
        return header.to_vec();
    }
    // Letters stand in the order of the alphabet but for `RO`, whose reverse nobody writes.
    let at = value.iter().position(|byte| !byte.is_ascii_whitespace());
    let letters = value.trim_ascii();
    let before = letters.iter().take_while(|one| name != STATUS && **one < letter).count();
    match at {
        Some(at) => {
            let at = field.value.start + at + before;
            spliced(header, at..at, &[letter])
        }
        None => spliced(header, field.value, &[b' ', letter]),
    }
}

fn without_letter(header: &[u8], name: &[u8], letter: u8) -> Vec<u8> {
    let values: Vec<Range<usize>> = named(header, name).map(|field| field.value).collect();
    let is_it = |at: usize| header[at] == letter && values.iter().any(|value| value.contains(&at));
    (0..header.len()).filter(|at| !is_it(*at)).map(|at| header[at]).collect()
}

fn with_word(header: &[u8], word: &str) -> Vec<u8> {
    let is_there = |field: Field| {
        let value = &header[field.value];
        words(value).any(|range| value[range].eq_ignore_ascii_case(word.as_bytes()))
    };
    if [X_KEYWORDS, X_LABEL].iter().any(|name| named(header, name).any(is_there)) {
        return header.to_vec();
    }
    let Some(field) = named(header, X_KEYWORDS).next_back() else {
        return with_field(header, X_KEYWORDS, word.as_bytes());
    };
    let end = field.value.start + header[field.value.clone()].trim_ascii_end().len();
    spliced(header, end..end, format!(" {word}").as_bytes())
}

fn without_word(header: &[u8], word: &str) -> Vec<u8> {
    let mut header = header.to_vec();
    while let Some(range) = place_of(&header, word) {
        header = spliced(&header, range, b"");
    }
    header
}

/// Where a word stands, with what parts it from the one before, or else from the one after.
fn place_of(header: &[u8], word: &str) -> Option<Range<usize>> {
    let all = fields(header).into_iter();
    for field in all.filter(|field| is_words(&header[field.name.clone()])) {
        let value = &header[field.value.clone()];
        let all: Vec<Range<usize>> = words(value).collect();
        let is_it =
            |range: &Range<usize>| value[range.clone()].eq_ignore_ascii_case(word.as_bytes());
        let Some(at) = all.iter().position(is_it) else { continue };
        let range = match (at.checked_sub(1), all.get(at + 1)) {
            (Some(before), _) => all[before].end..all[at].end,
            (None, Some(after)) => all[at].start..after.start,
            (None, None) => all[at].clone(),
        };
        return Some(field.value.start + range.start..field.value.start + range.end);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(add: &[&'static str], remove: &[&'static str]) -> Change {
        let marks = |names: &[&'static str]| {
            let mut marks = Marks::default();
            for name in names {
                match FLAGS.iter().find(|flag| flag.name == *name) {
                    Some(flag) => _ = marks.flags.insert(flag.name),
                    None => _ = marks.keywords.insert((*name).into()),
                }
            }
            marks
        };
        Change { add: marks(add), remove: marks(remove) }
    }

    fn after(header: &str, add: &[&'static str], remove: &[&'static str]) -> String {
        let new = with(header.as_bytes(), &change(add, remove), &["Work".into()]);
        String::from_utf8(new).unwrap()
    }

    #[test]
    fn only_the_letter_or_the_word_that_is_meant_changes() {
        for (old, add, remove, new) in [
            ("A: 1\n", &["seen"][..], &[][..], "A: 1\nStatus: R\n"),
            ("A: 1\r\n", &["seen"], &[], "A: 1\r\nStatus: R\r\n"),
            ("STATUS:O\nA: 1\n", &["seen"], &[], "STATUS:RO\nA: 1\n"),
            ("Status: \n", &["seen"], &[], "Status: R\n"),
            ("Status: RO\nStatus: R\n", &[], &["seen"], "Status: O\nStatus: \n"),
            ("X-Status: FDx  \n", &["answered", "draft"], &["flagged"], "X-Status: ADTx  \n"),
            ("X-Keywords:      \n", &["work"], &[], "X-Keywords: Work      \n"),
            ("X-Keywords: a Work b\n", &["x"], &["work"], "X-Keywords: a b x\n"),
            ("X-Keywords: a\n b\n\tc\n", &[], &["b"], "X-Keywords: a\n\tc\n"),
            ("X-Keywords: a\n b\n", &[], &["a"], "X-Keywords: b\n"),
            ("X-Label: a, b\n", &["c"], &["a"], "X-Label: b\nX-Keywords: c\n"),
            ("X-Label: a, b\n", &["a"], &["b"], "X-Label: a\n"),
            ("A: 1\n", &["forwarded"], &[], "A: 1\nX-Keywords: $Forwarded\n"),
            ("X-Keywords: $FORWARDED\n", &[], &["forwarded"], "X-Keywords: \n"),
            ("A: Status: R\n B: 1\n", &[], &["seen"], "A: Status: R\n B: 1\n"),
            ("", &["flagged"], &[], "X-Status: F\n"),
        ] {
            assert_eq!(after(old, add, remove), new, "{old:?}");
        }
    }

    #[test]
    fn what_was_added_is_told_and_what_was_removed_is_not() {
        let marks = ["answered", "draft", "flagged", "forwarded", "seen", "work", "x"];
        for header in ["", "Status: O\nX-Status: D\nX-Keywords: other\n", "X-Label: a\r\n"] {
            for mark in marks {
                let new = after(header, &[mark], &[]);
                let told = state(new.as_bytes());
                assert!(told.marks.flags.contains(mark) || told.marks.keywords.contains(mark));
                assert_eq!(after(&new, &[mark], &[]), new, "it is added once");
                assert_eq!(state(after(&new, &[], &[mark]).as_bytes()), state(header.as_bytes()));
            }
        }
    }

    #[test]
    fn the_first_message_names_keywords() {
        let named = |header: &str, words: &[&str]| {
            String::from_utf8(with_base(header.as_bytes(), words, 17)).unwrap()
        };
        let base = "X-IMAPbase: 3 0000000009 Work   \n";
        assert_eq!(named(base, &["work"]), base);
        assert_eq!(named(base, &["x", "work"]), "X-IMAPbase: 3 0000000009 Work x   \n");
        assert_eq!(named("A: 1\n", &[]), "A: 1\n");
        assert_eq!(
            named("A: 1\n", &["$forwarded"]),
            "A: 1\nX-IMAPbase: 17 0000000000 $Forwarded\n"
        );
        assert_eq!(super::base(base.as_bytes()), Some(vec!["Work".into()]));
    }

    #[test]
    fn what_belongs_to_one_mailbox_is_not_carried_into_another() {
        let header = "X-IMAPbase: 1 2\n a\nSubject: x\n y\nx-uid : 3\nX-IMAP: 1 2\nnonsense\n z\n\
            CONTENT-LENGTH:\n\t9\nStatus: RO\nX-UIDs: 4\n";
        let carried = String::from_utf8(carried(header.as_bytes())).unwrap();
        assert_eq!(carried, "Subject: x\n y\nnonsense\n z\nStatus: RO\nX-UIDs: 4\n");
        assert_eq!(base_lines(header.as_bytes()), b"X-IMAPbase: 1 2\n a\n");
        assert_eq!(base_lines(carried.as_bytes()), b"");
        let deleted = with_deleted(carried.as_bytes(), true);
        assert!(state(&deleted).is_deleted);
        assert!(!state(&with_deleted(&deleted, false)).is_deleted);
    }

    #[test]
    fn padding_is_one_byte_more_that_says_nothing() {
        for (old, new) in [
            ("Status: RO\nX-Status: F\nA: 1\n", "Status: RO\nX-Status: F \nA: 1\n"),
            ("A: 1\n", "A: 1\nStatus: \n"),
        ] {
            assert_eq!(String::from_utf8(padded(old.as_bytes())).unwrap(), new);
            assert_eq!(state(new.as_bytes()), state(old.as_bytes()));
        }
    }

    #[test]
    fn a_length_is_a_number() {
        for (header, length) in [
            ("Content-Length: 12\n", Some(12)),
            ("CONTENT-length:\n 12 \r\n", Some(12)),
            ("Content-Length: -1\n", None),
            ("Content-Length: \n", None),
            ("Content-Length: 99999999999999999999\n", None),
        ] {
            assert_eq!(content_length(header.as_bytes()), length, "{header}");
        }
    }

    #[test]
    fn bytes_at_random_are_a_header_too() {
        let mut rng = fastrand::Rng::with_seed(1);
        let start =
            "Status: RO\nX-Status: AF\nX-Keywords: a, b\n c\nX-IMAPbase: 1 2 a\nX-Label: d\n";
        let all = ["answered", "flagged", "seen", "a", "d"];
        for _ in 0..5_000 {
            let mut bytes = start.as_bytes().to_vec();
            for _ in 0..rng.usize(1..8) {
                let at = rng.usize(..bytes.len());
                bytes[at] = rng.u8(..);
            }
            let (known, without) = (base(&bytes).unwrap_or_default(), change(&[], &all));
            let new = with(&with_base(&bytes, &["x"], 1), &without, &known);
            let told = state(&new).marks;
            assert!(
                all.iter().all(|mark| !told.flags.contains(mark) && !told.keywords.contains(*mark))
            );
        }
    }
}
