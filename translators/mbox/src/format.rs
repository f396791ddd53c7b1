//! Where the messages of a mailbox begin and end. Pure: it reads through [`Text`].
//!
//! A message begins with a line `From SENDER DATE`, at the beginning of the file or after an empty line,
//! and ends where the next begins. A `Content-Length` counts only if what follows it is such a line or
//! the end, because messages bring wrong ones with them.
//!
//! Invariant: every byte of a mailbox belongs to one message. What does not end as a message ends was
//! cut, and is told so.

use std::io;

use segue_mail::message::HEADER_BYTES_MAX;

use crate::header;

/// Of a line so much is looked at.
const LINE_BYTES_MAX: usize = 1_000;
const CHUNK_BYTES: usize = 1 << 16;

/// Bytes that can be read anywhere.
pub(crate) trait Text {
    /// Reads what there is at `offset`, up to the length of `into`; nothing at the end.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize>;
    /// How many bytes there are.
    fn length(&self) -> u64;
}

impl Text for Vec<u8> {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.get(offset..));
        let rest = rest.unwrap_or_default();
        let bytes = rest.len().min(into.len());
        into[..bytes].copy_from_slice(&rest[..bytes]);
        Ok(bytes)
    }

    fn length(&self) -> u64 {
        self.len() as u64
    }
}

/// Where a message stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Where its line `From ` begins.
    pub(crate) start: u64,
    /// Where its header begins, after that line.
    pub(crate) header: u64,
    /// Where the next begins.
    pub(crate) end: u64,
    /// Whether lines of its body that begin with `From ` have a `>` too many.
    pub(crate) is_quoted: bool,
    /// Whether its header is longer than is read.
    pub(crate) is_too_long: bool,
    /// Why it is no whole message, if it is none.
    pub(crate) broken: Option<String>,
}

/// Tells `found` each message, with its header, or the lines with which that begins if it is too long.
///
/// # Errors
/// The reader's; `InvalidData` if this is no mailbox.
pub(crate) fn scan(
    text: &impl Text,
    mut found: impl FnMut(Frame, Vec<u8>) -> io::Result<()>,
) -> io::Result<()> {
    let mut lines = Lines::new(text);
    let Some(mut line) = lines.next()? else { return Ok(()) };
    if !is_from_line(&lines.kept) {
        let what = "this is no mailbox, because it does not begin with `From `, a sender and a date; \
            move it elsewhere, or begin its name with a dot";
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    loop {
        let (frame, header, next) = message(&mut lines, &line)?;
        found(frame, header)?;
        match next {
            Some(next) => line = next,
            None => return Ok(()),
        }
    }
}

/// Reads the message after a line `From `, and the next such line.
fn message<T: Text>(
    lines: &mut Lines<'_, T>,
    from: &Line,
) -> io::Result<(Frame, Vec<u8>, Option<Line>)> {
    let start = from.end();
    let mut header = Vec::new();
    let (mut has_end, mut is_too_long) = (false, false);
    loop {
        // Of a header that is too long its end is looked for all the same.
        let room = HEADER_BYTES_MAX.saturating_sub(header.len()).max(LINE_BYTES_MAX);
        let Some(line) = lines.next_within(room)? else { break };
        if is_empty(&lines.kept) {
            has_end = true;
            break;
        }
        is_too_long |= lines.kept.len() as u64 != line.bytes
            || header.len() + lines.kept.len() > HEADER_BYTES_MAX;
        if !is_too_long {
            header.extend_from_slice(&lines.kept);
        }
    }
    let body = lines.offset;
    let said = header::content_length(&header);
    let said = said.and_then(|bytes| body.checked_add(bytes));
    let trusted = said.filter(|end| *end <= lines.text.length());
    let trusted = trusted.map(|end| ends_at(lines.text, end)).transpose()?.flatten();
    let rest = rest(lines, trusted)?;
    let length = lines.text.length();
    let was_processed = header::find(&header, b"x-uid").is_some();
    let is_short = said.is_some_and(|end| end > length);
    let broken = if !has_end {
        Some("it ends within its header".to_owned())
    } else if rest.next.is_none() && is_short && (was_processed || rest.last != Last::Empty) {
        Some("it is shorter than its Content-Length says".to_owned())
    } else if trusted.is_none() && rest.last == Last::Torn {
        Some("its last line has no end".to_owned())
    } else {
        None
    };
    let frame = Frame {
        start: from.start,
        header: start,
        end: rest.next.as_ref().map_or(length, |next| next.start),
        is_quoted: rest.has_quoted && !rest.has_plain,
        is_too_long,
        broken,
    };
    Ok((frame, header, rest.next))
}

/// What was seen after a header.
struct Rest {
    next: Option<Line>,
    /// Whether a line of the body begins with `From `.
    has_plain: bool,
    /// Whether one begins with `>From `, or more of these signs.
    has_quoted: bool,
    last: Last,
}

/// How the last line of a message looks.
#[derive(PartialEq, Eq)]
enum Last {
    Empty,
    Text,
    /// It has no end.
    Torn,
}

/// Reads a body, and the line `From ` after it; before `trusted` there is none.
fn rest<T: Text>(lines: &mut Lines<'_, T>, trusted: Option<u64>) -> io::Result<Rest> {
    let mut rest = Rest { next: None, has_plain: false, has_quoted: false, last: Last::Empty };
    while let Some(line) = lines.next()? {
        let is_body = trusted.is_some_and(|end| line.start < end);
        let may_begin = if trusted.is_some() { !is_body } else { rest.last == Last::Empty };
        if may_begin && is_from_line(&lines.kept) {
            rest.next = Some(line);
            return Ok(rest);
        }
        let unquoted = lines.kept.iter().position(|byte| *byte != b'>').unwrap_or_default();
        if lines.kept[unquoted..].starts_with(FROM) {
            rest.has_plain |= unquoted == 0;
            rest.has_quoted |= unquoted > 0;
        }
        rest.last = match line.is_terminated {
            false => Last::Torn,
            true if is_empty(&lines.kept) => Last::Empty,
            true => Last::Text,
        };
    }
    Ok(rest)
}

pub(crate) const FROM: &[u8] = b"From ";

fn is_empty(line: &[u8]) -> bool {
    line == b"\n" || line == b"\r\n"
}

/// `end`, if a message may end there.
fn ends_at(text: &impl Text, end: u64) -> io::Result<Option<u64>> {
    let mut after = [0; LINE_BYTES_MAX];
    let mut bytes = 0;
    while bytes < after.len() {
        match text.read_at(end + bytes as u64, &mut after[bytes..])? {
            0 => break,
            more => bytes += more,
        }
    }
    let mut rest = &after[..bytes];
    for _ in 0..2 {
        let line_end = rest.strip_prefix(b"\n").or_else(|| rest.strip_prefix(b"\r\n"));
        rest = line_end.unwrap_or(rest);
    }
    let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let may_begin = rest.is_empty() || rest.len() < bytes || is_after_line(text, end)?;
    Ok((may_begin && (rest.is_empty() || is_from_line(line))).then_some(end))
}

fn is_after_line(text: &impl Text, end: u64) -> io::Result<bool> {
    let mut byte = [0];
    let Some(before) = end.checked_sub(1) else { return Ok(false) };
    Ok(text.read_at(before, &mut byte)? == 1 && byte == *b"\n")
}

/// Whether a line begins a message: `From `, and a date as `ctime` writes it, whatever stands between
/// and after them.
pub(crate) fn is_from_line(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(FROM) else { return false };
    let words = rest.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let words: Vec<&[u8]> = words.take(40).collect();
    words.windows(5).any(|words| {
        let [day, month, number, time, year] = words else { return false };
        DAYS.contains(day)
            && MONTHS.contains(month)
            && is_number(number, 1..=2)
            && time.contains(&b':')
            && time.iter().all(|byte| byte.is_ascii_digit() || *byte == b':')
            // A zone may stand before the year.
            && (is_number(year, 4..=4) || year.len() <= 5)
    })
}

fn is_number(word: &[u8], digits: std::ops::RangeInclusive<usize>) -> bool {
    digits.contains(&word.len()) && word.iter().all(u8::is_ascii_digit)
}

const DAYS: [&[u8]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];
const MONTHS: [&[u8]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// A line, as far as it is not kept.
struct Line {
    start: u64,
    bytes: u64,
    is_terminated: bool,
}

impl Line {
    fn end(&self) -> u64 {
        self.start + self.bytes
    }
}

/// The lines of a text, of which only the beginnings are kept.
struct Lines<'a, T> {
    text: &'a T,
    offset: u64,
    chunk: Vec<u8>,
    /// How much of the chunk was used.
    used: usize,
    /// The beginning of the last line.
    kept: Vec<u8>,
}

impl<'a, T: Text> Lines<'a, T> {
    fn new(text: &'a T) -> Self {
        Self { text, offset: 0, chunk: Vec::new(), used: 0, kept: Vec::new() }
    }

    fn next(&mut self) -> io::Result<Option<Line>> {
        self.next_within(LINE_BYTES_MAX)
    }

    /// The next line, of which at most so many bytes are kept.
    fn next_within(&mut self, bytes_max: usize) -> io::Result<Option<Line>> {
        self.kept.clear();
        let start = self.offset;
        loop {
            if self.used == self.chunk.len() {
                self.chunk.resize(CHUNK_BYTES, 0);
                let bytes = self.text.read_at(self.offset, &mut self.chunk)?;
                self.chunk.truncate(bytes);
                self.used = 0;
                if bytes == 0 {
                    let bytes = self.offset - start;
                    return Ok((bytes > 0).then_some(Line { start, bytes, is_terminated: false }));
                }
            }
            let rest = &self.chunk[self.used..];
            let end = rest.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
            let taken = &rest[..end.unwrap_or(rest.len())];
            let room = bytes_max.saturating_sub(self.kept.len()).min(taken.len());
            self.kept.extend_from_slice(&taken[..room]);
            self.used += taken.len();
            self.offset += taken.len() as u64;
            if end.is_some() {
                let bytes = self.offset - start;
                return Ok(Some(Line { start, bytes, is_terminated: true }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: &str = "From a@b Mon Jan  1 10:00:00 2024\n";

    fn frames(text: &str) -> Vec<(Frame, String)> {
        let mut frames = Vec::new();
        scan(&text.as_bytes().to_vec(), |frame, header| {
            frames.push((frame, String::from_utf8_lossy(&header).into_owned()));
            Ok(())
        })
        .unwrap();
        frames
    }

    /// The messages, without what follows a body.
    fn messages(text: &str) -> Vec<String> {
        let text_of = |frame: &Frame| text[frame.header as usize..frame.end as usize].trim_end();
        frames(text).iter().map(|(frame, _)| text_of(frame).to_owned()).collect()
    }

    #[test]
    fn a_line_with_a_date_begins_a_message() {
        for line in [
            "From a@b Mon Jan  1 10:00:00 2024",
            "From a@b  Mon Jan 01 10:00:00 2024\r\n",
            "From - Thu Nov 30 10:00 2023",
            "From  Mon Jan 1 10:00:00 2024",
            "From 17@xxx Mon Jan 01 12:00:00 +0000 2024",
            "From \"a b\"@c Mon Jan  1 10:00:00 CEST 2024 remote from d",
        ] {
            assert!(is_from_line(line.as_bytes()), "{line}");
        }
        for line in [
            "From here on",
            ">From a@b Mon Jan  1 10:00:00 2024",
            "From: a@b Mon Jan  1 10:00:00 2024",
            "From a@b Mon Jan  1 noon 2024",
            "From Mon to Wed it rains",
            "From a@b Xyz Jan  1 10:00:00 2024",
        ] {
            assert!(!is_from_line(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn messages_begin_after_empty_lines() {
        let text = format!(
            "{FROM}A: 1\n\nx\n{FROM}From y\n\nFrom here\n\n{FROM}B: 1\n\n\n{FROM}C: 1\r\n\r\nz\r\n"
        );
        let expected = [
            format!("A: 1\n\nx\n{FROM}From y\n\nFrom here"),
            "B: 1".into(),
            "C: 1\r\n\r\nz".into(),
        ];
        assert_eq!(messages(&text), expected);
        assert_eq!(messages(""), [""; 0]);
    }

    #[test]
    fn a_length_counts_if_a_message_may_end_there() {
        let within = format!("\n{FROM}B: 1\n\nb\n");
        let message = |length: usize| {
            format!("{FROM}Content-Length: {length}\n\nx\n{within}\n{FROM}C: 1\n\n")
        };
        let length = "x\n".len() + within.len();
        assert_eq!(messages(&message(length)).len(), 2);
        assert_eq!(messages(&message(length + 1)).len(), 2, "the empty line is counted by some");
        for wrong in [0, 1, length - 3, length + 3, 99_999, usize::MAX] {
            assert_eq!(messages(&message(wrong)).len(), 3, "{wrong}");
        }
    }

    #[test]
    fn what_is_quoted_is_told() {
        let is_quoted = |body: &str| frames(&format!("{FROM}A: 1\n\n{body}\n"))[0].0.is_quoted;
        assert!(is_quoted(">From x\n>>From y\n"));
        assert!(!is_quoted("From x\n>From y\n"), "who writes this quotes nothing");
        assert!(!is_quoted("> From x\n>Fromage\n"));
    }

    #[test]
    fn f06_what_was_cut_is_told() {
        let whole = format!("{FROM}A: 1\nX-UID: 1\nContent-Length: 4\n\nx\ny\n\n");
        let broken = |text: &str| frames(text)[0].0.broken.clone().unwrap_or_default();
        assert_eq!(broken(&whole), "");
        assert_eq!(broken(&whole[..whole.len() - 1]), "");
        assert!(broken(&whole[..whole.len() - 2]).contains("shorter"));
        assert!(broken(&whole[..FROM.len() + 6]).contains("header"));
        assert!(broken(&format!("{FROM}A: 1\n\nx")).contains("no end"));
        // A length that came with the message says nothing.
        assert_eq!(broken(&format!("{FROM}Content-Length: 99\n\nx\n\n")), "");
        let long = format!("{FROM}A: {}\n\n{FROM}B: 1\n\n", "x".repeat(HEADER_BYTES_MAX));
        assert!(frames(&long)[0].0.is_too_long && broken(&long).is_empty());
        assert_eq!(frames(&long)[1].1, "B: 1\n");
    }

    #[test]
    fn lines_that_are_torn_while_they_are_read_are_the_same_lines() {
        let body = format!("{}\n", "y".repeat(CHUNK_BYTES - FROM.len() - 20));
        for more in 0..60 {
            let text = format!("{FROM}A: 1\n\n{body}{}\n\n{FROM}B: 1\n\n", "z".repeat(more));
            assert_eq!(messages(&text).len(), 2, "{more}");
        }
    }

    #[test]
    fn bytes_at_random_are_no_mailbox_or_one() {
        let mut rng = fastrand::Rng::with_seed(1);
        let start = format!("{FROM}Content-Length: 9\nStatus: R\n\n>From x\n\n{FROM}A: 1\n\nx\n\n");
        for _ in 0..20_000 {
            let mut bytes = start.clone().into_bytes();
            for _ in 0..rng.usize(1..8) {
                let at = rng.usize(..bytes.len());
                bytes[at] = rng.u8(..);
            }
            let length = bytes.len() as u64;
            let mut end = 0;
            let scanned = scan(&bytes, |frame, _| {
                assert!(frame.header > end || end == 0);
                end = frame.end;
                Ok(())
            });
            assert!(scanned.is_err() || end == length);
        }
    }
}
