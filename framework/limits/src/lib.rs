//! What licences allow: who says so, what follows from all of it, and what that means now.
//!
//! Limits are signed statements in the set that also holds grants and revokes. Whose statements
//! count is for `segue-access` to say; here their bodies are read ([`Body`]), all that holds for
//! an item is drawn together ([`Limits`]), and judged for a moment and a device ([`State`]).
//! [`sidecar`] is the one carrier of licences that Segue itself defines. Nothing here withholds or
//! removes anything, reads a clock or touches a file.
//!
//! Invariant: whatever is added, an item's terms only get tighter, unless whoever said something
//! says the next of it, or the owner strikes what a member said. What is not understood denies.

mod effective;
mod error;
mod json;
pub mod lease;
pub mod sidecar;
mod statement;
mod terms;
mod time;
mod verdict;

pub use effective::{Effective, Heard, Limits, Prove, TOO_MANY};
pub use error::LimitError;
pub use statement::{
    BODY_BYTES_MAX, Body, Claim, KIND_CLAIM, KIND_LEASE, KIND_STRIKE, MEMBER, UNREADABLE,
};
pub use time::{Clock, Held, JUMP_SECONDS_MAX, Time};
pub use verdict::{Seat, Situation, State, next_change_after};
