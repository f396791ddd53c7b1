//! A message as another mailbox gets it: the bytes that are appended there.
//!
//! Its line `From ` stays, with the date in it, and so does what it is marked with; what says something of
//! the old mailbox alone does not. Lines that begin with `From ` are written as the other mailbox has them: where a
//! server keeps it they stay as they are, and the header says how long the body is; elsewhere they are quoted.
//!
//! Invariant: what is made is read as one whole message with the key that it had, or it is refused.

use std::io;

use segue_mail::Key;

use crate::format::{self, FROM};
use crate::header;
use crate::listing::{self, Message};
use crate::view::View;

/// A message for another mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Carried {
    pub(crate) key: Key,
    pub(crate) ident: u64,
    /// Its line `From `.
    pub(crate) from: Vec<u8>,
    pub(crate) header: Vec<u8>,
    /// The empty line, the body, and an empty line.
    pub(crate) rest: Vec<u8>,
}

impl Carried {
    /// Reads a message for a mailbox that a server keeps, or that none does. The inner error is why it cannot be
    /// written there.
    pub(crate) fn read(
        view: &View,
        message: &Message,
        is_served: bool,
    ) -> io::Result<Result<Self, String>> {
        let all = view.bytes(message.start..message.end)?;
        let at = |offset: u64| usize::try_from(offset - message.start).unwrap_or(usize::MAX);
        let (from, rest) = all.split_at(at(message.header.start).min(all.len()));
        let (old, rest) = rest.split_at((at(message.header.end) - from.len()).min(rest.len()));
        let empty: &[u8] = if rest.starts_with(b"\r\n") { b"\r\n" } else { b"\n" };
        let body = body(old, rest.strip_prefix(empty).unwrap_or(rest));
        let plain = if message.is_quoted { unquoted(body) } else { body.to_vec() };
        let has_plain = plain.split(|byte| *byte == b'\n').any(|line| line.starts_with(FROM));
        let stays = !has_plain || is_served != message.is_quoted;
        let mut body = match () {
            // No line begins so, or the other mailbox has them as this one.
            () if stays => body.to_vec(),
            () if is_served => plain,
            () => quoted(&plain),
        };
        if !body.is_empty() && !body.ends_with(b"\n") {
            body.extend_from_slice(empty);
        }
        let mut header = header::with_deleted(&header::carried(old), false);
        if is_served {
            header = header::with_length(&header, body.len());
        }
        let rest = [empty, &body, empty].concat();
        let Message { key, ident, .. } = *message;
        let carried = Self { key, ident, from: from.to_vec(), header, rest };
        Ok(if carried.is_sound() {
            Ok(carried)
        } else {
            Err("it would not be the same message in another mailbox".to_owned())
        })
    }

    /// All of it, with another header.
    pub(crate) fn text(&self, header: &[u8]) -> Vec<u8> {
        [&self.from, header, &self.rest].concat()
    }

    /// Whether it is read as what it was.
    fn is_sound(&self) -> bool {
        let text = self.text(&self.header);
        let mut found = Vec::new();
        let scanned = format::scan(&text, |frame, _| {
            let at = usize::try_from(frame.header).unwrap_or(usize::MAX);
            let bytes = text.get(at..).unwrap_or_default();
            let is_whole = frame.broken.is_none() && !frame.is_too_long;
            found.push((listing::key(bytes, frame.is_quoted)?, is_whole));
            Ok(())
        });
        scanned.is_ok() && found == [(self.key, true)]
    }
}

/// A body without what parts it from the next message.
fn body<'a>(header: &[u8], rest: &'a [u8]) -> &'a [u8] {
    let said = header::content_length(header).and_then(|bytes| usize::try_from(bytes).ok());
    let is_end = |after: &[u8]| after.iter().all(|byte| b"\r\n".contains(byte));
    if let Some((body, after)) = said.and_then(|bytes| rest.split_at_checked(bytes))
        && is_end(after)
    {
        return body;
    }
    let line = rest.strip_suffix(b"\n").map(|rest| rest.strip_suffix(b"\r").unwrap_or(rest));
    line.filter(|rest| rest.is_empty() || rest.ends_with(b"\n")).unwrap_or(rest)
}

/// The lines of a body, each as `each` has it, which is told whether it begins with `From `, or with that after some
/// signs.
fn lines(body: &[u8], each: impl Fn(bool, &[u8]) -> Vec<u8>) -> Vec<u8> {
    let lines = body.split_inclusive(|byte| *byte == b'\n').map(|line| {
        let signs = line.iter().take_while(|byte| **byte == b'>').count();
        each(line[signs..].starts_with(FROM), line)
    });
    lines.collect::<Vec<_>>().concat()
}

fn quoted(body: &[u8]) -> Vec<u8> {
    lines(body, |is_from, line| if is_from { [b">", line].concat() } else { line.to_vec() })
}

fn unquoted(body: &[u8]) -> Vec<u8> {
    lines(body, |is_from, line| if is_from { line[1..].to_vec() } else { line.to_vec() })
}
