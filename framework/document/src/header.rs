//! The outside of a change, read before anything decodes it.
//!
//! A hundred bytes can claim billions of operations, because columns are run-length encoded, and
//! automerge makes them all before it looks at the first. So this reads a change chunk
//! (<https://automerge.org/automerge-binary-format-spec/#_change_chunks>) without making anything: who, when, on what, and how
//! much it would become. It says nothing about whether the operations are sound; that is
//! [`intake`](crate::intake).
//!
//! Invariant: a change whose header was read costs no more memory than a small multiple of its bytes.

use segue_model::{ChangeHash, OperationId};
use sha2::{Digest, Sha256};

/// The largest change: what commits is split long before.
pub const CHANGE_BYTES_MAX: usize = 4 << 20;

pub(crate) const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
pub(crate) const CHANGE: u8 = 1;
/// Less than an operation of ours takes: its key alone is longer. Each costs automerge some 500 bytes, for
/// a while.
const OPERATION_BYTES_MIN: u64 = 24;
const OPERATIONS_ALWAYS: u64 = 64;
const ACTOR_BYTES_MAX: u64 = 32;

/// The columns of a change chunk: what each may hold is told by its type, the lowest three bits.
const COLUMNS: [u32; 13] =
    [0x01, 0x02, 0x11, 0x13, 0x15, 0x34, 0x42, 0x56, 0x57, 0x70, 0x71, 0x73, 0x94];

/// What a change says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeHeader {
    /// Its hash, computed from its bytes.
    pub hash: ChangeHash,
    /// Who made it, as automerge names them.
    pub actor: Box<[u8]>,
    /// Its number among those of its actor, from 1.
    pub seq: u64,
    /// The number of its first operation.
    pub start_op: u64,
    /// How many operations it has, at least one.
    pub operations: u64,
    /// What its author had seen.
    pub deps: Vec<ChangeHash>,
    /// When it was made, by its author's clock, in Unix seconds. For people; nothing follows from it.
    pub time: i64,
    /// The operation that it belongs to, if it says so as our commits do.
    pub operation: Option<OperationId>,
}

/// Why bytes are no change that could count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Larger than any honest change.
    #[error("a change of more than 4 MiB")]
    TooLarge,
    /// Another chunk, or none.
    #[error("bytes that are no plain change")]
    NoChange,
    /// The bytes end early, go on, or contradict themselves.
    #[error("a malformed change: {0}")]
    Malformed(&'static str),
    /// More operations than its bytes can honestly hold.
    #[error("a change that claims more operations than its bytes can hold")]
    Inflated,
}

use HeaderError::Malformed;

impl ChangeHeader {
    /// Reads the header of one change chunk, which has to be all of `bytes`.
    ///
    /// # Errors
    /// Any [`HeaderError`]; then the bytes must not reach automerge.
    pub fn read(bytes: &[u8]) -> Result<Self, HeaderError> {
        if bytes.len() > CHANGE_BYTES_MAX {
            return Err(HeaderError::TooLarge);
        }
        let mut input = Input(bytes);
        let magic = input.array::<4>()?;
        let checksum = input.array::<4>()?;
        if magic != MAGIC || input.0.first() != Some(&CHANGE) {
            return Err(HeaderError::NoChange);
        }
        let hash: [u8; 32] = Sha256::digest(input.0).into();
        if hash[..4] != checksum {
            return Err(Malformed("its checksum is wrong"));
        }
        input.take(1)?;
        let length = input.unsigned()?;
        if length != input.0.len() as u64 {
            return Err(Malformed("its length is wrong"));
        }
        let count = input.count(32)?;
        let deps = (0..count).map(|_| Ok(ChangeHash(input.array()?))).collect::<Result<_, _>>()?;
        let actor: Box<[u8]> = input.sized(ACTOR_BYTES_MAX)?.into();
        let (seq, start_op) = (input.unsigned()?, input.unsigned()?);
        if seq == 0 || start_op == 0 || u32::try_from(seq).is_err() {
            return Err(Malformed("its numbers are out of range"));
        }
        let time = input.signed()?;
        let message = input.unsigned()?;
        let message = std::str::from_utf8(input.take(message)?).ok();
        let operation = message.and_then(|message| message.parse().ok());
        for _ in 0..input.count(1)? {
            input.sized(ACTOR_BYTES_MAX)?;
        }
        let operations = columns(&mut input, bytes.len() as u64)?;
        let last = start_op.checked_add(operations).ok_or(Malformed("its numbers overflow"))?;
        if u32::try_from(last).is_err() {
            return Err(Malformed("its numbers overflow"));
        }
        let hash = ChangeHash(hash);
        Ok(Self { hash, actor, seq, start_op, operations, deps, time, operation })
    }

    /// The number of its last operation.
    pub fn last_op(&self) -> u64 {
        self.start_op + self.operations - 1
    }
}

/// Counts the operations, and refuses columns that would become more than `size` allows.
fn columns(input: &mut Input<'_>, size: u64) -> Result<u64, HeaderError> {
    let count = input.count(2)?;
    let mut specs = Vec::new();
    for _ in 0..count {
        let spec = u32::try_from(input.unsigned()?).map_err(|_| Malformed("an unknown column"))?;
        if !COLUMNS.contains(&spec) || specs.last().is_some_and(|(last, _)| *last >= spec) {
            return Err(Malformed("an unknown column"));
        }
        specs.push((spec, input.unsigned()?));
    }
    let most = OPERATIONS_ALWAYS + size / OPERATION_BYTES_MIN;
    let (mut operations, mut rows_most) = (0, 0);
    let (mut predecessors, mut predecessor_rows) = (0, 0);
    let (mut value_bytes, mut values) = (0, 0);
    for (spec, length) in specs {
        let mut column = Input(input.take(length)?);
        let tally = match spec & 7 {
            4 => Tally { rows: booleans(&mut column, most)?, sum: 0 },
            7 => {
                values = length;
                continue;
            }
            kind => runs(&mut column, kind, most)?,
        };
        match spec {
            0x42 => operations = tally.rows,
            0x70 => predecessors = tally.sum,
            0x56 => value_bytes = tally.sum,
            _ => {}
        }
        match spec {
            0x71 | 0x73 => predecessor_rows = tally.rows.max(predecessor_rows),
            _ => rows_most = tally.rows.max(rows_most),
        }
    }
    if operations == 0 || rows_most > operations || predecessor_rows > predecessors {
        return Err(Malformed("its columns do not fit together"));
    }
    if values != value_bytes {
        return Err(Malformed("its values do not fit their lengths"));
    }
    Ok(operations)
}

/// What a column would become.
#[derive(Default)]
struct Tally {
    rows: u64,
    /// Of a group, its members; of values' lengths, their bytes.
    sum: u64,
}

impl Tally {
    fn add(&mut self, rows: u64, each: u64, most: u64) -> Result<(), HeaderError> {
        let sum = rows.checked_mul(each).and_then(|sum| self.sum.checked_add(sum));
        self.rows = self.rows.checked_add(rows).ok_or(HeaderError::Inflated)?;
        self.sum = sum.ok_or(HeaderError::Inflated)?;
        if self.rows > most { Err(HeaderError::Inflated) } else { Ok(()) }
    }
}

/// A run-length encoded column: runs of one value, literal values, runs of nothing.
fn runs(column: &mut Input<'_>, kind: u32, most: u64) -> Result<Tally, HeaderError> {
    let mut tally = Tally::default();
    while !column.0.is_empty() {
        match column.signed()? {
            0 => {
                let absent = column.unsigned()?;
                tally.add(absent, 0, most)?;
            }
            run @ 1.. => {
                let each = column.value(kind)?;
                tally.add(run.unsigned_abs(), each, most)?;
            }
            literal => {
                for _ in 0..literal.unsigned_abs() {
                    let each = column.value(kind)?;
                    tally.add(1, each, most)?;
                }
            }
        }
        if kind == 0 && tally.sum > most {
            return Err(HeaderError::Inflated);
        }
    }
    Ok(tally)
}

/// A column of booleans: lengths of runs, alternately of no and yes.
fn booleans(column: &mut Input<'_>, most: u64) -> Result<u64, HeaderError> {
    let mut tally = Tally::default();
    while !column.0.is_empty() {
        let run = column.unsigned()?;
        tally.add(run, 0, most)?;
    }
    Ok(tally.rows)
}

/// What is still to be read.
pub(crate) struct Input<'b>(pub(crate) &'b [u8]);

impl<'b> Input<'b> {
    pub(crate) fn take(&mut self, length: u64) -> Result<&'b [u8], HeaderError> {
        let length = usize::try_from(length).map_err(|_| CUT)?;
        let (taken, rest) = self.0.split_at_checked(length).ok_or(CUT)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], HeaderError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(CUT)?;
        self.0 = rest;
        Ok(*taken)
    }

    /// A count of things that take at least `each` bytes.
    pub(crate) fn count(&mut self, each: u64) -> Result<u64, HeaderError> {
        let count = self.unsigned()?;
        let most = self.0.len() as u64 / each;
        if count > most { Err(CUT) } else { Ok(count) }
    }

    fn sized(&mut self, most: u64) -> Result<&'b [u8], HeaderError> {
        let length = self.unsigned()?;
        if length > most {
            return Err(Malformed("an actor that is too long"));
        }
        self.take(length)
    }

    /// One value of a column, as what it adds to the column's sum.
    fn value(&mut self, kind: u32) -> Result<u64, HeaderError> {
        match kind {
            3 => self.signed().map(|_| 0),
            5 => {
                let length = self.unsigned()?;
                self.take(length).map(|_| 0)
            }
            0 => self.unsigned(),
            6 => self.unsigned().map(|meta| meta >> 4),
            _ => self.unsigned().map(|_| 0),
        }
    }

    /// LEB128, at most 64 bits.
    pub(crate) fn unsigned(&mut self) -> Result<u64, HeaderError> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            if shift == 63 && byte > 1 {
                return Err(LONG);
            }
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(LONG)
    }

    /// Signed LEB128, at most 64 bits.
    fn signed(&mut self) -> Result<i64, HeaderError> {
        let mut number = 0i64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            if shift == 63 && byte != 0 && byte != 0x7f {
                return Err(LONG);
            }
            number |= i64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let sign_at = shift + 7;
                let is_negative = byte & 0x40 != 0 && sign_at < 64;
                return Ok(if is_negative { number | (-1 << sign_at) } else { number });
            }
        }
        Err(LONG)
    }
}

const CUT: HeaderError = Malformed("cut off");
const LONG: HeaderError = Malformed("a number of more than 64 bits");

#[cfg(test)]
#[path = "header_tests.rs"]
mod tests;
