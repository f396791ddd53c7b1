//! Bytes of records: lengths, texts, values, heads.
//!
//! Invariant: each value has exactly one form, and the reader accepts no other. So equal values
//! are equal bytes, and what does not read back to itself is an error.

use segue_model::{ChangeHash, Heads, Real, Value};

use crate::StoreError;

/// Writes fields one after the other.
#[derive(Default)]
pub(crate) struct Writer(pub(crate) Vec<u8>);

impl Writer {
    /// Seven bits a byte, the low ones first.
    pub(crate) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    pub(crate) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    pub(crate) fn each<T>(
        &mut self,
        all: impl ExactSizeIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        self.number(all.len() as u64);
        all.for_each(|one| write(self, one));
    }

    pub(crate) fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.byte(value.is_some().into());
        if let Some(value) = value {
            write(self, value);
        }
    }

    pub(crate) fn value(&mut self, value: &Value) {
        match value {
            Value::Int(number) => {
                self.byte(0);
                // Small numbers of either sign stay short.
                self.number(((number << 1) ^ (number >> 63)).cast_unsigned());
            }
            Value::Real(number) => {
                self.byte(1);
                self.0.extend_from_slice(&number.0.to_bits().to_be_bytes());
            }
            Value::Flag(flag) => self.byte(2 + u8::from(*flag)),
            Value::Text(text) => {
                self.byte(4);
                self.text(text);
            }
            Value::List(texts) => {
                self.byte(5);
                self.each(texts.iter(), |writer, text| writer.text(text));
            }
        }
    }
}

/// Reads what [`Writer`] wrote.
pub(crate) struct Bytes<'b>(pub(crate) &'b [u8]);

impl<'b> Bytes<'b> {
    pub(crate) fn byte(&mut self) -> Result<u8, StoreError> {
        let (first, rest) = self.0.split_first().ok_or_else(cut)?;
        self.0 = rest;
        Ok(*first)
    }

    pub(crate) fn number(&mut self) -> Result<u64, StoreError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits || (byte == 0 && shift > 0) {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(malformed("a number"))
    }

    fn slice(&mut self, length: u64) -> Result<&'b [u8], StoreError> {
        let length = usize::try_from(length).map_err(|_| cut())?;
        let (taken, rest) = self.0.split_at_checked(length).ok_or_else(cut)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn bytes(&mut self) -> Result<&'b [u8], StoreError> {
        let length = self.number()?;
        self.slice(length)
    }

    pub(crate) fn text(&mut self) -> Result<&'b str, StoreError> {
        str::from_utf8(self.bytes()?).map_err(|_| malformed("a text"))
    }

    /// Nothing is reserved for the count: every element takes a byte at least, so one that lies
    /// ends where the bytes end.
    pub(crate) fn each<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let count = self.number()?;
        (0..count).map(|_| read(self)).collect()
    }

    pub(crate) fn optional<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        match self.byte()? {
            0 => Ok(None),
            1 => read(self).map(Some),
            _ => Err(malformed("an optional value")),
        }
    }

    pub(crate) fn value(&mut self) -> Result<Value, StoreError> {
        Ok(match self.byte()? {
            0 => {
                let folded = self.number()?;
                Value::Int((folded >> 1).cast_signed() ^ -((folded & 1).cast_signed()))
            }
            1 => {
                let (bits, rest) = self.0.split_first_chunk().ok_or_else(cut)?;
                self.0 = rest;
                Value::Real(Real(f64::from_bits(u64::from_be_bytes(*bits))))
            }
            2 => Value::Flag(false),
            3 => Value::Flag(true),
            4 => Value::text(self.text()?),
            5 => Value::list(self.each(Self::text)?),
            kind => {
                let what = format!("a value of kind {kind}");
                return Err(StoreError::NewerRecord { what });
            }
        })
    }

    pub(crate) fn end(&self) -> Result<(), StoreError> {
        if self.0.is_empty() { Ok(()) } else { Err(malformed("the end of a record")) }
    }
}

fn cut() -> StoreError {
    StoreError::damaged("a record is cut off")
}

pub(crate) fn malformed(what: &str) -> StoreError {
    StoreError::damaged(format!("{what} is not in its one form"))
}

/// Heads as bytes: the hashes, sorted, one after the other.
pub(crate) fn heads_to(heads: &Heads) -> Vec<u8> {
    heads.hashes().iter().flat_map(|hash| hash.0).collect()
}

pub(crate) fn heads_from(bytes: &[u8]) -> Result<Heads, StoreError> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    if !rest.is_empty() || !hashes.is_sorted() {
        return Err(malformed("a list of heads"));
    }
    Ok(Heads::new(hashes.iter().copied().map(ChangeHash).collect()))
}
