//! A batch: signed statements and signed changes on their way, packed.
//!
//! The content is one CBOR value with [lean](crate::lean) changes, deflated where that makes it smaller. What it inflates to,
//! and what then becomes of it, is capped meanwhile, so a bomb costs no more than the caps.

use std::io::Read;

use flate2::Compression;
use flate2::read::{DeflateDecoder, DeflateEncoder};
use minicbor::{Decode, Encode};
use segue_access::{Signature, SignedStatement};
use segue_model::DeviceId;

use crate::frame::{BatchFrame, Malformed};
use crate::lean::{Lean, Rebuilder, Slimmer};
use crate::limits::{
    CHANGES_MAX, EARLIER_MAX, IDS_MAX, INFLATED_BYTES_MAX, STATEMENT_BYTES_MAX, STATEMENTS_MAX,
};
use crate::packed::{List, Packed};

/// A change as it travels. Nothing about it is believed before it was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedChange {
    /// The shard it says it belongs to.
    pub shard: u8,
    /// Who is said to have made it.
    pub author: DeviceId,
    /// The signature over document, shard and hash.
    pub signature: Signature,
    /// The change's bytes.
    pub raw: Vec<u8>,
}

/// What came or goes in one frame: statements first, then changes, each after those it builds on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// Statements, not verified.
    pub statements: Vec<SignedStatement>,
    /// Changes, not verified.
    pub changes: Vec<SignedChange>,
}

#[derive(Default, Encode, Decode)]
#[cbor(map)]
struct Content {
    #[cbor(n(0), default)]
    statements: List<WireStatement, STATEMENTS_MAX>,
    #[cbor(n(1), default)]
    changes: List<WireChange, CHANGES_MAX>,
    /// One for each change. Together, because no two bytes of them are alike, and between the changes
    /// they would spoil what deflating saves.
    #[cbor(n(2), default)]
    signatures: Packed<64, CHANGES_MAX>,
    /// What was taken out of the changes: apart for the same reason.
    #[cbor(n(3), default)]
    ids: Packed<16, IDS_MAX>,
}

/// A statement on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct WireStatement {
    #[cbor(n(0), with = "minicbor::bytes")]
    signer: [u8; 32],
    #[cbor(n(1), with = "minicbor::bytes")]
    signature: [u8; 64],
    #[cbor(n(2), with = "minicbor::bytes")]
    bytes: Vec<u8>,
}

impl From<SignedStatement> for WireStatement {
    fn from(SignedStatement { bytes, signature, signer }: SignedStatement) -> Self {
        Self { signer, signature, bytes }
    }
}

impl From<WireStatement> for SignedStatement {
    fn from(WireStatement { signer, signature, bytes }: WireStatement) -> Self {
        Self { bytes, signature, signer }
    }
}

#[derive(Encode, Decode)]
struct WireChange {
    #[n(0)]
    shard: u8,
    /// The dependencies that are earlier changes, if it is lean.
    #[n(1)]
    earlier: Option<List<u16, EARLIER_MAX>>,
    /// The text of a lean change, or the change as it is.
    #[cbor(n(2), with = "minicbor::bytes")]
    bytes: Vec<u8>,
    /// Absent: the sender of the frame.
    #[cbor(n(3), with = "minicbor::bytes")]
    author: Option<[u8; 32]>,
}

impl Batch {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty() && self.changes.is_empty()
    }

    /// Packs it into a frame that `sender` sends.
    pub(crate) fn pack(self, number: u64, sender: &DeviceId) -> BatchFrame {
        let statements = self.statements.into_iter().map(WireStatement::from);
        let signatures = self.changes.iter().map(|change| change.signature).collect();
        let mut slimmer = Slimmer::default();
        let changes =
            self.changes.into_iter().map(|SignedChange { shard, author, raw, .. }| {
                let (earlier, bytes) = match slimmer.slim(shard, &raw) {
                    Some(Lean { earlier, text }) => (Some(List(earlier)), text),
                    None => (None, raw),
                };
                WireChange {
                    shard,
                    earlier,
                    bytes,
                    author: (author != *sender).then_some(author.0),
                }
            });
        let content = Content {
            statements: List(statements.collect()),
            changes: List(changes.collect()),
            signatures: Packed(signatures),
            ids: Packed(slimmer.ids),
        };
        // Writing into a vector cannot fail, and neither can reading from one.
        let plain = minicbor::to_vec(&content).unwrap_or_default();
        let mut deflated = Vec::new();
        let done =
            DeflateEncoder::new(&plain[..], Compression::default()).read_to_end(&mut deflated);
        if done.is_ok() && deflated.len() < plain.len() {
            BatchFrame { number, plain: None, deflated: Some(deflated) }
        } else {
            BatchFrame { number, plain: Some(plain), deflated: None }
        }
    }

    /// Unpacks what `sender` sent.
    pub(crate) fn unpack(frame: BatchFrame, sender: &DeviceId) -> Result<Self, Malformed> {
        let bytes = match (frame.plain, frame.deflated) {
            (Some(plain), None) if plain.len() <= INFLATED_BYTES_MAX => plain,
            (None, Some(deflated)) => inflate(&deflated)?,
            _ => return Err(Malformed("the batch has no content, two, or too much")),
        };
        let content: Content = minicbor::decode(&bytes)?;
        if content.signatures.0.len() != content.changes.0.len() {
            return Err(Malformed("there is not one signature for each change"));
        }
        let statements: Vec<SignedStatement> =
            content.statements.0.into_iter().map(SignedStatement::from).collect();
        if statements.iter().any(|said| said.bytes.len() > STATEMENT_BYTES_MAX) {
            return Err(Malformed("a statement is too large"));
        }
        let said: usize = statements.iter().map(|said| said.bytes.len()).sum();
        let room = INFLATED_BYTES_MAX.saturating_sub(said);
        let mut rebuilder = Rebuilder::new(content.ids.0, room);
        let signed = content.changes.0.into_iter().zip(content.signatures.0);
        let changes = signed.map(|(change, signature)| {
            let WireChange { shard, earlier, bytes, author } = change;
            let raw = match earlier {
                Some(List(earlier)) => rebuilder.lean(shard, &Lean { earlier, text: bytes }),
                None => rebuilder.whole(shard, bytes),
            };
            let author = author.map_or(*sender, DeviceId);
            Ok(SignedChange { shard, author, signature, raw: raw? })
        });
        let changes = changes.collect::<Result<_, Malformed>>()?;
        if !rebuilder.is_done() {
            return Err(Malformed("there are ids that no change has"));
        }
        Ok(Self { statements, changes })
    }
}

pub(crate) fn inflate(deflated: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut bytes = Vec::new();
    let limit = INFLATED_BYTES_MAX as u64 + 1;
    let read = DeflateDecoder::new(deflated).take(limit).read_to_end(&mut bytes);
    if read.is_err() {
        return Err(Malformed("the batch does not inflate"));
    }
    if bytes.len() > INFLATED_BYTES_MAX {
        return Err(Malformed("the batch inflates to more than is allowed"));
    }
    Ok(bytes)
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
