//! Everything durable in one SQLite file.
//!
//! The signed log, statements, links, bases, operations and intents are truth; saved shards,
//! heads and views are caches that can be dropped and rebuilt from them (`docs/storage-format.md`).
//! The store keeps bytes and rows: it knows no automerge document, checks no signature, reads no
//! clock, and decides nothing.
//!
//! [`Store`] is the one writer; all writes are methods of its [`Tx`]. Reads are methods of
//! [`Reader`], which `Store` and `Tx` lend; other threads get their own by [`Store::reader`].
//!
//! Invariant: after [`Tx::commit`] returned, a crash or a power cut loses nothing of it; without
//! it, nothing of the transaction is ever seen.

mod aside;
mod base;
mod base_cursor;
mod base_packed;
mod collections;
mod contested;
mod documents;
mod error;
mod fold;
mod journal;
mod links;
mod lock;
mod log;
mod looked_at;
mod open;
mod operations;
mod packed;
mod peers;
mod plans;
mod spill;
mod sql;
mod transaction;
mod views;

pub use aside::UsageRow;
pub use base_cursor::{BaseCursor, RawBase};
pub use base_packed::{pack, pack_changes, pack_collection, unpack, unpack_changes};
pub use documents::{DocumentRow, StatementRow};
pub use error::StoreError;
pub use journal::Intent;
pub use links::LinkRow;
pub use lock::HomeLock;
pub use log::{LogEntry, SavedShard};
pub use open::{FORMAT, Store};
pub use operations::{OperationLink, OperationRow};
pub use peers::{CulpritRow, InvitationRow, PeerRow};
pub use plans::Question;
pub use spill::Spill;
pub use sql::Reader;
pub use transaction::Tx;
pub use views::{ConflictRow, ViewRow};
