//! The one allowed byte form of statements and state: fixed order, big-endian, nothing after the
//! end. Signatures cover these bytes, so two forms of one meaning must not exist.

use segue_access::AccessError;

/// Writes fields one after the other.
#[derive(Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn time(&mut self, milliseconds: i64) -> &mut Self {
        self.bytes(&milliseconds.to_be_bytes())
    }

    pub(super) fn number(&mut self, number: u32) -> &mut Self {
        self.bytes(&number.to_be_bytes())
    }

    /// The count of the elements, and each.
    pub(super) fn each<T>(
        &mut self,
        elements: impl ExactSizeIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        self.number(elements.len() as u32);
        elements.for_each(|element| write(self, element));
        self
    }
}

/// Reads what [`Writer`] wrote, and nothing else.
pub(super) struct Reader<'b>(pub(super) &'b [u8]);

impl Reader<'_> {
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], AccessError> {
        let cut = AccessError::Malformed("cut off");
        let (taken, rest) = self.0.split_first_chunk().ok_or(cut)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, AccessError> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn time(&mut self) -> Result<i64, AccessError> {
        self.array().map(i64::from_be_bytes)
    }

    pub(super) fn number(&mut self) -> Result<u32, AccessError> {
        self.array().map(u32::from_be_bytes)
    }

    /// Elements with ascending keys, so that a map has one form.
    pub(super) fn map<K: Ord, V>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<(K, V), AccessError>,
    ) -> Result<std::collections::BTreeMap<K, V>, AccessError> {
        let mut map = std::collections::BTreeMap::new();
        for _ in 0..self.number()? {
            let (key, value) = read(self)?;
            if map.last_key_value().is_some_and(|(last, _)| *last >= key) {
                return Err(AccessError::Malformed("keys that do not ascend"));
            }
            map.insert(key, value);
        }
        Ok(map)
    }

    pub(super) fn end(&self) -> Result<(), AccessError> {
        if self.0.is_empty() { Ok(()) } else { Err(AccessError::Malformed("bytes after the end")) }
    }
}
