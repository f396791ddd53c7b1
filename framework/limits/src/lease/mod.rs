//! Leases: who may use a licence of which only so many devices may use at one time.
//!
//! Each of a licence's `n` seats is a [`Token`]. The document owner's key issues it to a device
//! until an end, the *term*; the device may hand it on or give it back, by a chain of signed
//! statements, each of which names the one before it. Statements travel in a grow-only set, in any
//! order and more than once. [`Seats`] decides from the statements that its device has, from its
//! own durable [`State`] and from a time that comes in. It does not keep statements, write a disk,
//! read a clock or hold a key: that is the agent's. Nor does it keep a person from copying a file.
//!
//! Invariant: of devices whose clocks are right within [`CLOCK_BOUND_MS`], and whose folders know that they were
//! copied, at most one may use a token at any instant, whatever the network and crashes do. Why it
//! is done so, and what cannot be kept, stands in `docs/decisions/0027-leases.md`.

mod chain;
mod clock;
mod denied;
mod encoding;
mod limited;
mod office;
mod seats;
#[cfg(test)]
mod simulation;
mod state;
mod statement;

pub use chain::{Leases, Standing, Tip};
pub use clock::{Doubt, Observation};
pub use denied::Denied;
pub use limited::seated;
pub use office::Offer;
pub use seats::{Effect, Event, Seats};
pub use state::State;
pub use statement::{
    Incarnation, Lease, LeaseHash, Licence, Link, Party, Request, SignedLease, To, Token,
    VerifiedLease,
};

/// By how much a device's clock may differ from the true time, in milliseconds.
pub const CLOCK_BOUND_MS: i64 = 5 * 60 * 1000;

/// How long a term may last, in milliseconds: a seat that is lost comes back after that.
pub const TERM_MAX_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// A holder stops so long before the end of its term.
const STOP_BEFORE_MS: i64 = CLOCK_BOUND_MS;

/// A term is over so long after its end, for whoever would begin the next.
const OVER_AFTER_MS: i64 = 2 * CLOCK_BOUND_MS;
