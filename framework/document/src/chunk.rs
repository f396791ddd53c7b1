//! The envelope of a change: what of its bytes follows from the others.
//!
//! A change chunk begins with a constant, the beginning of its own hash, and its length. Whoever sends many small
//! changes need not send these; see `segue-sync`. Nothing here says that a change is one:
//! that is [`ChangeHeader`](crate::ChangeHeader)'s.
//!
//! Invariant: whatever the bytes, taking them apart or putting them together costs memory in proportion to them.

use segue_model::ChangeHash;
use sha2::{Digest, Sha256};

use crate::header::{CHANGE, Input, MAGIC};

/// The content of a change chunk: what it builds on, and the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeContent<'b> {
    /// What it builds on, in the order in which it stands there.
    pub deps: Vec<ChangeHash>,
    /// All that follows.
    pub rest: &'b [u8],
}

impl<'b> ChangeContent<'b> {
    /// Takes a change chunk apart. `None` unless [`ChangeContent::chunk`] makes exactly these bytes again.
    pub fn of_chunk(bytes: &'b [u8]) -> Option<Self> {
        let mut input = Input(bytes);
        input.take(4 + 4 + 1).ok()?;
        input.unsigned().ok()?;
        let content = Self::read(input.0)?;
        (content.chunk().1 == bytes).then_some(content)
    }

    /// Reads what [`ChangeContent::write`] wrote.
    pub fn read(bytes: &'b [u8]) -> Option<Self> {
        let mut input = Input(bytes);
        let count = input.count(32).ok()?;
        let deps = (0..count).map(|_| input.array().map(ChangeHash)).collect::<Result<_, _>>();
        Some(Self { deps: deps.ok()?, rest: input.0 })
    }

    /// The content as it stands in the chunk.
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(10 + 32 * self.deps.len() + self.rest.len());
        put_unsigned(&mut bytes, self.deps.len());
        bytes.extend(self.deps.iter().flat_map(|dep| dep.0));
        bytes.extend_from_slice(self.rest);
        bytes
    }

    /// The hash and the bytes of the chunk with this content.
    pub fn chunk(&self) -> (ChangeHash, Vec<u8>) {
        let content = self.write();
        let mut bytes = Vec::with_capacity(20 + content.len());
        bytes.extend(MAGIC);
        bytes.extend([0; 4]);
        bytes.push(CHANGE);
        put_unsigned(&mut bytes, content.len());
        bytes.extend(content);
        let hash = chunk_hash(&bytes);
        bytes[4..8].copy_from_slice(&hash.0[..4]);
        (hash, bytes)
    }
}

/// The hash of a chunk. Of bytes that are none it is a hash that no change has.
pub fn chunk_hash(bytes: &[u8]) -> ChangeHash {
    ChangeHash(Sha256::digest(bytes.get(8..).unwrap_or_default()).into())
}

/// Appends a LEB128 number.
fn put_unsigned(bytes: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use segue_model::OperationId;

    use super::*;
    use crate::{ChangeHeader, RawChange, Shard, Write};

    fn change() -> RawChange {
        let mut shard = Shard::create([1; 16]).unwrap();
        let writes = BTreeMap::from([([7; 16], vec![Write::Raise("last_played".into(), 5)])]);
        let made = shard.commit(None, OperationId([2; 8]), 0, &writes).unwrap().unwrap();
        made.changes.into_iter().next().unwrap()
    }

    #[test]
    fn a_change_is_put_together_as_it_was() {
        let change = change();
        let content = ChangeContent::of_chunk(&change.bytes).unwrap();
        assert_eq!(content.chunk(), (change.hash, change.bytes.clone()));
        assert_eq!(chunk_hash(&change.bytes), change.hash);
        let deps = vec![change.hash, ChangeHash([7; 32])];
        let other = ChangeContent { deps: deps.clone(), rest: content.rest };
        let (hash, bytes) = other.chunk();
        let header = ChangeHeader::read(&bytes).unwrap();
        assert_eq!((header.hash, header.deps), (hash, deps));
        assert_eq!(ChangeContent::of_chunk(&bytes), Some(other));
    }

    #[test]
    fn what_would_become_other_bytes_is_not_taken_apart() {
        let change = change().bytes;
        for at in 0..9 {
            let mut other = change.clone();
            other[at] ^= 1;
            assert_eq!(ChangeContent::of_chunk(&other), None, "byte {at}");
        }
        // The same length, in more bytes than it needs.
        let mut input = Input(&change[9..]);
        let length = input.unsigned().unwrap();
        let spare =
            [length as u8 | 0x80, (length >> 7) as u8 | 0x80, (length >> 14) as u8 | 0x80, 0];
        let mut longer = [&change[..9], &spare, input.0].concat();
        let hash = chunk_hash(&longer);
        longer[4..8].copy_from_slice(&hash.0[..4]);
        assert_eq!(ChangeHeader::read(&longer).map(|header| header.hash), Ok(hash));
        assert_eq!(ChangeContent::of_chunk(&longer), None);
        for length in 0..change.len() {
            assert_eq!(ChangeContent::of_chunk(&change[..length]), None);
        }
    }
}
