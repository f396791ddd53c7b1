//! The replicated document: automerge shards, and what their values mean.
//!
//! A document is 256 automerge documents, chosen by the first byte of an id. A shard is a flat set
//! of keys (`<id>/<what>[/<element>]`); a [`Record`] is all keys of one id, decoded; [`resolve`] says
//! what value a field has. Writing goes through [`Shard::commit`], which returns raw changes for the
//! signed log.
//! This crate does no IO, reads no clock and draws no random number, and knows nothing of apps.
//!
//! Invariants: this is the only crate that names automerge. Merging is automerge's; what competing
//! values mean is decided by one pure function per rule, in [`resolve`].

mod chunk;
mod commit;
mod descriptor;
mod encode;
mod error;
mod export;
mod header;
mod intake;
mod key;
mod learn;
mod position;
mod record;
pub mod resolve;
mod revert;
mod shard;
mod spelled;
mod write;

pub use chunk::{ChangeContent, chunk_hash};
pub use commit::Committed;
pub use descriptor::{Descriptor, descriptors};
pub use error::DocumentError;
pub use export::{ExportCollection, ExportItem, export};
pub use header::{CHANGE_BYTES_MAX, ChangeHeader, HeaderError};
pub use intake::{Intake, Refusal};
pub use position::{between, spread};
pub use record::{Entry, Origin, Record, Register, Weight};
pub use revert::revert;
pub use shard::{RawChange, Shard, Step};
pub use spelled::spelled;
pub use write::Write;

/// The shard that holds all collections and the document's own record.
///
/// Ids of collections begin with this byte, so that they can be listed without loading the rest.
pub const COLLECTION_SHARD: u8 = 0;

/// The id of the record that belongs to the document itself: its same-as edges, and what its links
/// are. It is no item: it never lives or dies.
pub const DOCUMENT_RECORD: [u8; 16] = [0; 16];

/// The set in the document's own record that holds same-as edges, as `smaller.larger` item ids.
pub const SAME_AS: &str = "same_as";

/// The shard in which an id lives.
pub const fn shard_of(id: &[u8; 16]) -> u8 {
    id[0]
}
