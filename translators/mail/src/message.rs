//! What a message is, and what its headers say.
//!
//! A message is known by its Message-ID and its body; without a Message-ID, or with an empty one, by
//! all of its text but for what mail programs keep in headers. Line ends are LF, and empty lines at
//! the end are none, because stores differ in these. The body is streamed and never parsed.
//!
//! Invariant: what is made of the same message is the same for ever, whatever parses headers: keys
//! are made from bytes alone.

use std::io::{self, BufRead, Read};

use data_encoding::HEXLOWER;
use mail_parser::{Address, HeaderName, MessageParser};
use segue_translator::model::{Fields, NativeId, Value, mail};
use sha2::{Digest as _, Sha256};

/// More headers than this are taken for body.
pub const HEADER_BYTES_MAX: usize = 256 << 10;
const TEXT_CHARS_MAX: usize = 1_000;
const ADDRESSES_MAX: usize = 50;
const TIME_MAX: i64 = 253_402_300_799;

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub [u8; 16]);

impl Key {
    /// What a message is called wherever it lies: its key in hexadecimal.
    pub fn id(self) -> String {
        HEXLOWER.encode(&self.0)
    }

    /// The key of what is called so; `None` if this is no [`Key::id`].
    pub fn of(id: &NativeId) -> Option<Self> {
        let bytes = HEXLOWER.decode(id.as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// What a message without a Message-ID calls itself.
    pub fn ident(self) -> u64 {
        self.0.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
    }
}

/// What a message with this header calls itself, shortened: its Message-ID. Pieces of one message call themselves
/// the same.
pub fn ident(header: &[u8]) -> Option<u64> {
    let hash = Sha256::digest(message_id(header)?);
    hash.first_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

/// A message with this header, in words.
pub fn subject(header: &[u8]) -> String {
    match read_header(header).value(&mail::SUBJECT).and_then(Value::as_text) {
        Some(subject) => format!("the message `{subject:.100}`"),
        None => "a message without a subject".to_owned(),
    }
}

/// Headers in which mail programs keep state, or that a store makes.
const STATE: [&str; 11] = [
    "status",
    "x-status",
    "x-keywords",
    "x-uid",
    "x-imap",
    "x-imapbase",
    "content-length",
    "lines",
    "x-mozilla-status",
    "x-mozilla-status2",
    "x-mozilla-keys",
];

/// The key of a message.
///
/// # Errors
/// The reader's.
pub fn key(reader: &mut impl BufRead) -> io::Result<Key> {
    let header = header(reader)?;
    let mut hasher = Sha256::new();
    hasher.update(b"segue message v1\0");
    if let Some(id) = message_id(&header) {
        hasher.update([b"id\0", &id[..], b"\0"].concat());
    } else {
        hasher.update(b"text\0");
        fields(&header).filter(|field| !is_state(field)).for_each(|field| hasher.update(field));
        hasher.update(b"\0");
    }
    hasher.update(body(reader)?);
    let mut key = [0; 16];
    key.copy_from_slice(&hasher.finalize()[..16]);
    Ok(Key(key))
}

/// The header of a message with LF line ends, without the empty line; the reader then stands at its body.
/// What is beyond [`HEADER_BYTES_MAX`] is body.
///
/// # Errors
/// The reader's.
pub fn header(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut header = Vec::new();
    let mut line = Vec::new();
    while header.len() < HEADER_BYTES_MAX {
        line.clear();
        let left = (HEADER_BYTES_MAX - header.len()) as u64;
        reader.by_ref().take(left).read_until(b'\n', &mut line)?;
        if line.ends_with(b"\r\n") {
            line.truncate(line.len() - 2);
            line.push(b'\n');
        }
        if line.is_empty() || line == b"\n" {
            break;
        }
        header.extend_from_slice(&line);
    }
    Ok(header)
}

/// The fields of a header, each with the lines that continue it.
fn fields(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = header;
    std::iter::from_fn(move || {
        let lines = rest.split_inclusive(|byte| *byte == b'\n');
        let is_more = |line: &&[u8]| matches!(line.first(), Some(b' ' | b'\t'));
        let more: usize = lines.clone().skip(1).take_while(is_more).map(<[u8]>::len).sum();
        let length = lines.clone().next()?.len() + more;
        let (field, after) = rest.split_at(length);
        rest = after;
        Some(field)
    })
}

fn name(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == b':').next().unwrap_or_default().trim_ascii_end()
}

/// Whether a mail program keeps its own in this field.
fn is_state(field: &[u8]) -> bool {
    STATE.iter().any(|known| name(field).eq_ignore_ascii_case(known.as_bytes()))
}

/// The first Message-ID, unfolded; an empty one is none.
fn message_id(header: &[u8]) -> Option<Vec<u8>> {
    let field = fields(header).find(|field| name(field).eq_ignore_ascii_case(b"message-id"))?;
    let value = field.splitn(2, |byte| *byte == b':').nth(1)?;
    let unfolded: Vec<u8> = value.iter().copied().filter(|byte| *byte != b'\n').collect();
    let id = unfolded.trim_ascii();
    (!id.is_empty() && id != b"<>").then(|| id.to_vec())
}

/// The hash of what is left to read, with LF line ends and no empty lines at the end.
fn body(reader: &mut impl BufRead) -> io::Result<[u8; 32]> {
    let mut body = Body { hasher: Sha256::new(), lines: 0, returns: 0 };
    loop {
        let chunk = reader.fill_buf()?;
        if chunk.is_empty() {
            return Ok(body.hasher.finalize().into());
        }
        for piece in chunk.split_inclusive(|byte| *byte == b'\n') {
            body.take(piece);
        }
        let length = chunk.len();
        reader.consume(length);
    }
}

struct Body {
    hasher: Sha256,
    /// Ends of lines after which nothing came yet.
    lines: usize,
    /// Carriage returns after which nothing came yet; those right before the end of a line say nothing.
    returns: usize,
}

impl Body {
    /// Takes a line, or a part of one at the end of what was read.
    fn take(&mut self, piece: &[u8]) {
        let ended = piece.strip_suffix(b"\n");
        let text = ended.unwrap_or(piece);
        let count = text.iter().rev().take_while(|byte| **byte == b'\r').count();
        let text = &text[..text.len() - count];
        if !text.is_empty() {
            for _ in 0..std::mem::take(&mut self.returns) {
                self.text(b"\r");
            }
            self.text(text);
        }
        self.returns = if ended.is_some() { 0 } else { self.returns + count };
        self.lines += usize::from(ended.is_some());
    }

    fn text(&mut self, text: &[u8]) {
        if text.is_empty() {
            return;
        }
        for _ in 0..std::mem::take(&mut self.lines) {
            self.hasher.update(b"\n");
        }
        self.hasher.update(text);
    }
}

/// What a header says, as fields.
pub fn read_header(header: &[u8]) -> Fields {
    let parser = MessageParser::new()
        .header_text(HeaderName::Subject)
        .header_address(HeaderName::From)
        .header_address(HeaderName::To)
        .header_date(HeaderName::Date)
        .header_id(HeaderName::MessageId);
    let mut fields = Fields::default();
    let Some(message) = parser.parse_headers(header) else { return fields };
    let date =
        message.date().filter(|date| date.is_valid()).map(mail_parser::DateTime::to_timestamp);
    let date = date.filter(|time| (0..=TIME_MAX).contains(time));
    fields.set(&mail::DATE, date.map(Value::Int));
    fields.set(&mail::FROM, message.from().and_then(addresses));
    fields.set(&mail::TO, message.to().and_then(addresses));
    fields.set(&mail::SUBJECT, message.subject().and_then(text).map(Value::Text));
    fields.set(&mail::MESSAGE_ID, message.message_id().and_then(text).map(Value::Text));
    fields
}

fn addresses(all: &Address<'_>) -> Option<Value> {
    let one = |address: &mail_parser::Addr<'_>| match (address.name(), address.address()) {
        (Some(name), Some(address)) => text(&format!("{name} <{address}>")),
        (name, address) => name.or(address).and_then(text),
    };
    let all: Box<[Box<str>]> = all.iter().filter_map(one).take(ADDRESSES_MAX).collect();
    (!all.is_empty()).then_some(Value::List(all))
}

/// A text in one line.
fn text(text: &str) -> Option<Box<str>> {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let text = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let text: String = text.chars().take(TEXT_CHARS_MAX).collect();
    (!text.is_empty()).then(|| text.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    /// Reads through a buffer of this size, so that lines and line ends are torn.
    fn torn(message: &[u8], size: usize) -> Key {
        key(&mut BufReader::with_capacity(size, message)).unwrap()
    }

    fn of(message: &str) -> Key {
        torn(message.as_bytes(), 4096)
    }

    #[test]
    fn the_key_is_made_of_the_message_id_and_the_body() {
        let one = of("Message-ID: <a@b>\nSubject: x\n\nHello\n");
        for same in [
            "Message-ID: <a@b>\r\nSubject: x\r\n\r\nHello\r\n",
            "Received: elsewhere\nSubject: [list] x\nMESSAGE-ID:\n <a@b> \n\nHello\n\n\n",
            "Message-ID: <a@b>\n\nHello",
        ] {
            assert_eq!(of(same), one, "{same:?}");
        }
        for other in [
            "Message-ID: <a@c>\n\nHello\n",
            "Message-ID: <a@b>\n\nHello \n",
            "Message-ID: <a@b>\n\n\nHello\n",
            "Subject: x\n\nHello\n",
        ] {
            assert_ne!(of(other), one, "{other:?}");
        }
        assert_eq!(data_encoding::HEXLOWER.encode(&one.0), "2d5b11cd6875545a271ef3578b0614e5");
    }

    #[test]
    fn without_a_message_id_all_but_state_counts() {
        let one = of("From: a\nSubject: x\n\nHello\n");
        for same in [
            "Status: RO\nFrom: a\nX-Keywords: a\n b\nSubject: x\n\nHello\n",
            "From: a\r\nSubject: x\r\nContent-Length: 7\r\n\r\nHello\r\n",
        ] {
            assert_eq!(of(same), one, "{same:?}");
        }
        for other in ["From: b\nSubject: x\n\nHello\n", "From: a\n\nHello\n"] {
            assert_ne!(of(other), one, "{other:?}");
        }
        let empty = |subject| of(&format!("Message-ID: <>\nSubject: {subject}\n\nHello\n"));
        assert_ne!(empty("x"), empty("y"));
    }

    #[test]
    fn it_does_not_matter_where_reading_is_interrupted() {
        let message = b"Message-ID: <a@b>\r\n\r\none\r\n\rtwo\r\r\n\r\n\nthree\r\n.\r\n\r\n";
        let whole = torn(message, 4096);
        for size in 1..message.len() {
            assert_eq!(torn(message, size), whole, "{size}");
        }
        let unix: Vec<u8> = message
            .split(|byte| *byte == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
            .collect::<Vec<_>>()
            .join(&b'\n');
        assert_eq!(torn(&unix, 7), whole);
    }

    #[test]
    fn headers_are_read_as_people_write_them() {
        let header = "From: =?utf-8?q?J=C3=BCrgen?= <j@b>\nTo: a@b, \"C, D\" <c@d>\n\
             Subject: =?iso-8859-1?q?gr=FC=DFe?=\n and  more\nDate: Mon, 1 Jan 2024 11:00:07 +0100\n\
             Message-ID: <a@b>\n";
        let fields = read_header(header.as_bytes());
        assert_eq!(fields.value(&mail::FROM), Some(&Value::list(["Jürgen <j@b>"])));
        assert_eq!(fields.value(&mail::TO), Some(&Value::list(["a@b", "C, D <c@d>"])));
        assert_eq!(fields.value(&mail::SUBJECT), Some(&Value::text("grüße and more")));
        assert_eq!(fields.value(&mail::DATE), Some(&Value::Int(1_704_103_207)));
        assert_eq!(fields.value(&mail::MESSAGE_ID), Some(&Value::text("a@b")));
    }

    #[test]
    fn what_no_header_should_say_is_left_out() {
        let fields = read_header(b"Subject:  \nDate: yesterday\nFrom:\nTo: ,,\nMessage-ID: <>\n");
        assert!(fields.is_empty(), "{fields:?}");
        assert!(read_header(b"").is_empty());
        let long = format!("Subject: {}\n", "x".repeat(5_000));
        let subject = read_header(long.as_bytes());
        let subject = subject.value(&mail::SUBJECT).and_then(Value::as_text).map(str::len);
        assert_eq!(subject, Some(TEXT_CHARS_MAX));
    }

    #[test]
    fn a_header_without_an_end_is_cut() {
        let endless = vec![b'x'; HEADER_BYTES_MAX * 3];
        let mut reader = BufReader::new(&endless[..]);
        assert_eq!(header(&mut reader).unwrap().len(), HEADER_BYTES_MAX);
    }

    #[test]
    fn bytes_at_random_are_a_message_too() {
        let mut rng = fastrand::Rng::with_seed(1);
        let start =
            b"From: a <b@c>, d: e@f;\nTo: =?utf-8?b?eA==?= <\nDate: 1 Jan 2024\nSubject: =?x?q?=\n";
        for _ in 0..20_000 {
            let mut bytes = start.to_vec();
            for _ in 0..rng.usize(1..8) {
                let at = rng.usize(..bytes.len());
                bytes[at] = rng.u8(..);
            }
            let fields = read_header(&bytes);
            for (field, value) in fields.iter() {
                assert!(field.shape.admits(value), "{field:?} {value:?}");
            }
        }
    }
}
