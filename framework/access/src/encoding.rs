//! The one allowed byte form of statements: fixed order, no optional spellings, nothing after the
//! end. Signatures cover these bytes, so two forms of one meaning must not exist.
//!
//! It knows fields and no statements: which fields one has is said where it is.
//!
//! Invariant: what [`Reader`] takes is what [`Writer`] writes, byte for byte, and nothing else.

use std::collections::BTreeSet;

use crate::AccessError;

/// Writes fields one after the other.
#[derive(Debug, Default)]
pub struct Writer(pub(crate) Vec<u8>);

impl Writer {
    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// The bytes as they are: for fields of a fixed length, and for the last.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// A length byte and the text.
    ///
    /// # Errors
    /// A text of more than 255 bytes.
    pub fn text(&mut self, text: &str) -> Result<&mut Self, AccessError> {
        let length = u8::try_from(text.len())
            .map_err(|_| AccessError::Malformed("a text is longer than 255 bytes"))?;
        Ok(self.bytes(&[length]).bytes(text.as_bytes()))
    }

    /// The length in two bytes, and the bytes.
    ///
    /// # Errors
    /// More than 65,535 bytes.
    pub fn sized(&mut self, bytes: &[u8]) -> Result<&mut Self, AccessError> {
        Ok(self.count(bytes.len())?.bytes(bytes))
    }

    /// A byte 0, or a byte 1 and the number, big-endian.
    pub fn optional(&mut self, number: Option<i64>) -> &mut Self {
        match number {
            None => self.bytes(&[0]),
            Some(number) => self.bytes(&[1]).bytes(&number.to_be_bytes()),
        }
    }

    /// A count in two bytes, big-endian.
    ///
    /// # Errors
    /// A count of more than 65,535.
    pub fn count(&mut self, count: usize) -> Result<&mut Self, AccessError> {
        let count =
            u16::try_from(count).map_err(|_| AccessError::Malformed("more than 65535 of one"))?;
        Ok(self.bytes(&count.to_be_bytes()))
    }

    /// The count of the hashes, and each, ascending.
    ///
    /// # Errors
    /// More than 65,535 hashes.
    pub fn hashes(&mut self, hashes: &BTreeSet<[u8; 32]>) -> Result<&mut Self, AccessError> {
        self.count(hashes.len())?;
        Ok(hashes.iter().fold(self, |writer, hash| writer.bytes(hash)))
    }
}

/// Reads what [`Writer`] wrote, and nothing else. All its errors are [`AccessError::Malformed`].
#[derive(Debug)]
pub struct Reader<'b>(pub(crate) &'b [u8]);

impl<'b> Reader<'b> {
    /// Begins to read these bytes.
    pub fn new(bytes: &'b [u8]) -> Self {
        Self(bytes)
    }

    /// So many bytes.
    ///
    /// # Errors
    /// Fewer are left.
    pub fn slice(&mut self, length: usize) -> Result<&'b [u8], AccessError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(CUT)?;
        self.0 = rest;
        Ok(taken)
    }

    /// A field of a fixed length.
    ///
    /// # Errors
    /// Fewer bytes are left.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], AccessError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(CUT)?;
        self.0 = rest;
        Ok(*taken)
    }

    /// One byte.
    ///
    /// # Errors
    /// None is left.
    pub fn byte(&mut self) -> Result<u8, AccessError> {
        self.array().map(|[byte]| byte)
    }

    /// What [`Writer::text`] wrote.
    ///
    /// # Errors
    /// It is cut off, or not UTF-8.
    pub fn text(&mut self) -> Result<Box<str>, AccessError> {
        let length = self.byte()?;
        let bytes = self.slice(length.into())?;
        let text = str::from_utf8(bytes).map_err(|_| AccessError::Malformed("no UTF-8 text"))?;
        Ok(text.into())
    }

    /// What [`Writer::sized`] wrote.
    ///
    /// # Errors
    /// It is cut off.
    pub fn sized(&mut self) -> Result<&'b [u8], AccessError> {
        let length = self.count()?;
        self.slice(length.into())
    }

    /// What [`Writer::optional`] wrote.
    ///
    /// # Errors
    /// It is cut off, or begins with another byte than 0 and 1.
    pub fn optional(&mut self) -> Result<Option<i64>, AccessError> {
        match self.byte()? {
            0 => Ok(None),
            1 => Ok(Some(i64::from_be_bytes(self.array()?))),
            _ => Err(AccessError::Malformed("neither absent nor present")),
        }
    }

    /// What [`Writer::count`] wrote.
    ///
    /// # Errors
    /// It is cut off.
    pub fn count(&mut self) -> Result<u16, AccessError> {
        self.array().map(u16::from_be_bytes)
    }

    /// What [`Writer::hashes`] wrote.
    ///
    /// # Errors
    /// It is cut off, or the hashes do not ascend.
    pub fn hashes(&mut self) -> Result<BTreeSet<[u8; 32]>, AccessError> {
        let mut hashes = BTreeSet::new();
        for _ in 0..self.count()? {
            let hash = self.array()?;
            if hashes.last().is_some_and(|last| *last >= hash) {
                return Err(AccessError::Malformed("hashes that do not ascend"));
            }
            hashes.insert(hash);
        }
        Ok(hashes)
    }

    /// Nothing is left.
    ///
    /// # Errors
    /// Something is.
    pub fn end(&self) -> Result<(), AccessError> {
        if self.0.is_empty() { Ok(()) } else { Err(AccessError::Malformed("bytes after the end")) }
    }
}

const CUT: AccessError = AccessError::Malformed("cut off");
