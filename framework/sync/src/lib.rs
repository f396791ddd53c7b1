//! How two peers get their replicas of one document in step.
//!
//! A [`Session`] takes events (a frame came, the document changed, time passed) and returns effects (send
//! this, store that, in step). It reads what it needs from a [`Replica`], and a [`Transport`] moves its
//! frames. It does no IO, reads no clock and draws no random number. It does not judge signatures, roles
//! or changes: whoever carries out [`Effect::Ingest`] does, and says what became of them in
//! [`Event::Ingested`].
//!
//! How a device with a ticket becomes a member first, is a conversation of its own: [`join`].
//!
//! Invariant: every frame may be lost, repeated, reordered or invented, and the worst that follows is
//! that something is sent again, or that the session closes and names the culprit. Memory stays
//! within [`WINDOW`] batches and what [`limits`](crate::INFLATED_BYTES_MAX) allow each.

mod allowance;
mod batch;
#[cfg(test)]
mod fixture_tests;
mod frame;
mod history;
pub mod join;
mod lean;
mod limits;
mod packed;
mod peer;
mod replica;
mod root;
mod session;
mod transport;

pub use batch::{Batch, SignedChange};
pub use frame::{Malformed, document_of};
pub use history::History;
pub use limits::{
    CHANGE_BYTES_MAX, FRAME_BYTES_MAX, INFLATED_BYTES_MAX, LOCATOR_MAX, STATEMENT_BYTES_MAX,
    VERSIONS, WINDOW,
};
pub use replica::{Replica, ShortHash, StatementId, short, statement_id};
pub use root::Root;
pub use segue_model::DeviceId;
pub use session::{Closing, Compared, Effect, Event, Fault, Ingested, Now, Refused, Session};
pub use transport::{Arrival, Connection, Side, Transport};
