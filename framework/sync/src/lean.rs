//! Lean changes: what a batch need not say of a change, because the receiver can work it out.
//!
//! Three things are left out. The *envelope* (a constant, a checksum and a length) follows from the content. A
//! *dependency* on a change of the same shard that comes earlier in the batch is named by how many changes lie
//! between. And *ids*, which stand in keys as 32 hexadecimal digits, are taken out of the text: as 16 bytes
//! apart from it, and once where the same id comes several times in a row, as in the keys of one record.
//! Hexadecimal digits that occur once deflate to more than the bytes that they stand for.
//!
//! All of it is about one batch, so that nobody must agree on anything that another frame said. What would not come
//! back as exactly the same bytes, or not be shorter, is sent as it is. Nothing is judged here: a change that was
//! put together from lies has another hash, which nobody has signed.
//!
//! Invariant: whatever a batch says, what becomes of it stays within a limit that is checked while it grows.

use std::collections::{BTreeMap, HashMap};

use segue_document::{ChangeContent, chunk_hash};
use segue_model::ChangeHash;

use crate::frame::Malformed;
use crate::limits::{CHANGE_BYTES_MAX, EARLIER_MAX};

/// In a text: the next id.
const NEXT_ID: u8 = 0xf8;
/// In a text: the id that came last.
const SAME_ID: u8 = 0xf9;
/// In a text: the byte that follows is meant itself. None of these three occurs in UTF-8.
const ITSELF: u8 = 0xfa;

const DIGITS: usize = 32;

/// An id of a record.
pub(crate) type Id = [u8; 16];

/// A change without what was left out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Lean {
    /// The dependencies among the earlier changes of its shard in the batch: 1 is the one right before it.
    pub(crate) earlier: Vec<u16>,
    /// The content with all other dependencies, without ids.
    pub(crate) text: Vec<u8>,
}

/// Makes the changes of one batch lean, in order.
#[derive(Default)]
pub(crate) struct Slimmer {
    /// The place of each change among those of its shard, and how many these are.
    places: HashMap<(u8, ChangeHash), usize>,
    counts: BTreeMap<u8, usize>,
    /// What was taken out.
    pub(crate) ids: Vec<Id>,
}

impl Slimmer {
    /// A change in lean form; `None` if it has to be sent as it is.
    pub(crate) fn slim(&mut self, shard: u8, raw: &[u8]) -> Option<Lean> {
        let lean = self.try_slim(shard, raw);
        let count = self.counts.entry(shard).or_default();
        self.places.insert((shard, chunk_hash(raw)), *count);
        *count += 1;
        lean
    }

    fn try_slim(&mut self, shard: u8, raw: &[u8]) -> Option<Lean> {
        let mut content =
            ChangeContent::of_chunk(raw).filter(|content| content.deps.is_sorted())?;
        let mut earlier = Vec::new();
        content.deps.retain(|dep| {
            let steps = self.steps_to(shard, dep).filter(|_| earlier.len() < EARLIER_MAX);
            earlier.extend(steps);
            steps.is_none()
        });
        let known = self.ids.len();
        let text = self.take_ids(&content.write());
        let size = text.len() + size_of::<Id>() * (self.ids.len() - known);
        if size >= raw.len() {
            self.ids.truncate(known);
            return None;
        }
        Some(Lean { earlier, text })
    }

    fn steps_to(&self, shard: u8, dep: &ChangeHash) -> Option<u16> {
        let place = self.places.get(&(shard, *dep))?;
        u16::try_from(self.counts.get(&shard)? - place).ok()
    }

    fn take_ids(&mut self, content: &[u8]) -> Vec<u8> {
        let mut text = Vec::with_capacity(content.len());
        let mut run = 0;
        for byte in content {
            if matches!(byte, b'0'..=b'9' | b'a'..=b'f') {
                run += 1;
            } else {
                self.take_id(&mut text, run);
                run = 0;
                if (NEXT_ID..=ITSELF).contains(byte) {
                    text.push(ITSELF);
                }
            }
            text.push(*byte);
        }
        self.take_id(&mut text, run);
        text
    }

    /// Takes an id from the end of a text that ends with so many digits. A length before a key may look
    /// like one more digit, so the last ones count.
    fn take_id(&mut self, text: &mut Vec<u8>, digits: usize) {
        let id = text.last_chunk::<DIGITS>().filter(|_| digits >= DIGITS).map(from_hex);
        let Some(id) = id else { return };
        text.truncate(text.len() - DIGITS);
        if self.ids.last() == Some(&id) {
            text.push(SAME_ID);
        } else {
            text.push(NEXT_ID);
            self.ids.push(id);
        }
    }
}

/// Puts the changes of one batch together again, in order.
pub(crate) struct Rebuilder {
    /// The changes so far, by shard.
    before: BTreeMap<u8, Vec<ChangeHash>>,
    ids: std::vec::IntoIter<Id>,
    last: Option<Id>,
    /// So many more bytes may become of the batch.
    room: usize,
}

impl Rebuilder {
    /// With the ids that were taken out, and room for so many bytes.
    pub(crate) fn new(ids: Vec<Id>, room: usize) -> Self {
        Self { before: BTreeMap::new(), ids: ids.into_iter(), last: None, room }
    }

    /// A change that was sent as it is.
    pub(crate) fn whole(&mut self, shard: u8, raw: Vec<u8>) -> Result<Vec<u8>, Malformed> {
        self.keep(shard, chunk_hash(&raw), raw)
    }

    /// A change that was sent lean.
    pub(crate) fn lean(&mut self, shard: u8, lean: &Lean) -> Result<Vec<u8>, Malformed> {
        let content = self.put_ids(&lean.text)?;
        let mut content = ChangeContent::read(&content).ok_or(CUT)?;
        for steps in &lean.earlier {
            let dep = self.back(shard, *steps);
            content
                .deps
                .push(dep.ok_or(Malformed("a change builds on one that is not before it"))?);
        }
        content.deps.sort_unstable();
        let (hash, raw) = content.chunk();
        self.keep(shard, hash, raw)
    }

    /// Whether all that was taken out was put back.
    pub(crate) fn is_done(&self) -> bool {
        self.ids.len() == 0
    }

    fn back(&self, shard: u8, steps: u16) -> Option<ChangeHash> {
        let before = self.before.get(&shard)?;
        before.get(before.len().checked_sub(usize::from(steps))?).copied()
    }

    fn keep(&mut self, shard: u8, hash: ChangeHash, raw: Vec<u8>) -> Result<Vec<u8>, Malformed> {
        self.check(raw.len())?;
        self.room -= raw.len();
        self.before.entry(shard).or_default().push(hash);
        Ok(raw)
    }

    fn check(&self, size: usize) -> Result<(), Malformed> {
        if size > CHANGE_BYTES_MAX {
            return Err(TOO_LARGE);
        }
        if size > self.room { Err(TOO_MUCH) } else { Ok(()) }
    }

    fn put_ids(&mut self, text: &[u8]) -> Result<Vec<u8>, Malformed> {
        let mut content = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.iter().position(|byte| (NEXT_ID..=ITSELF).contains(byte)) {
            content.extend_from_slice(&rest[..at]);
            let mark = rest[at];
            rest = &rest[at + 1..];
            if mark == ITSELF {
                let (itself, more) = rest.split_first().ok_or(CUT)?;
                content.push(*itself);
                rest = more;
                continue;
            }
            if mark == NEXT_ID {
                self.last = Some(self.ids.next().ok_or(NO_ID)?);
            }
            content.extend(to_hex(&self.last.ok_or(NO_ID)?));
            self.check(content.len())?;
        }
        content.extend_from_slice(rest);
        Ok(content)
    }
}

const CUT: Malformed = Malformed("a lean change is cut off");
const NO_ID: Malformed = Malformed("a change has an id that was not sent");
const TOO_LARGE: Malformed = Malformed("a change is too large");
const TOO_MUCH: Malformed = Malformed("the changes of a batch become more than is allowed");

fn from_hex(digits: &[u8; DIGITS]) -> Id {
    let value = |digit: u8| if digit <= b'9' { digit - b'0' } else { digit - b'a' + 10 };
    std::array::from_fn(|at| value(digits[2 * at]) << 4 | value(digits[2 * at + 1]))
}

fn to_hex(id: &Id) -> [u8; DIGITS] {
    const DIGIT: &[u8; 16] = b"0123456789abcdef";
    std::array::from_fn(|at| {
        let byte = id[at / 2];
        DIGIT[usize::from(if at % 2 == 0 { byte >> 4 } else { byte & 15 })]
    })
}

#[cfg(test)]
#[path = "lean_tests.rs"]
mod tests;
