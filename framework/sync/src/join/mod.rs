//! How a device with a ticket becomes a member: what a joiner and an inviter say, before they get in step.
//!
//! The joiner, who dials the ticket's inviter, asks; the inviter tells it to wait while a person compares
//! the four words on both screens, and then welcomes or refuses it; the joiner says when it has stored what
//! it was given. [`Joiner`] and [`Inviter`] are the two sides of one such conversation: frames in, steps
//! out. They check signatures, names and order. They do no IO and read no clock, keep no invitation
//! ([`Invitation`](segue_access::Invitation) says whether a ticket is good), and sign nothing.
//!
//! They rely on the transport for three things: frames arrive whole, once and in order; none is above
//! [`FRAME_BYTES_MAX`]; and the other side's key is proven. A conversation that broke off is begun anew, with a
//! new [`Joiner`] and [`Inviter`].
//!
//! Invariant: whatever the other side sends, memory stays in proportion to one frame; after its first
//! error it is not listened to again; and nothing reaches the caller that was not checked.

#[cfg(test)]
mod fixture_tests;
mod frame;
#[cfg(test)]
mod hostile_tests;
mod inviter;
mod joiner;
mod printable;
mod proof;
mod refused;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

pub use inviter::{Asked, Inviter, InviterStep};
pub use joiner::{Joiner, JoinerStep, Welcomed};
pub use refused::Refused;

/// The versions of this conversation that this crate speaks, oldest and newest.
pub const VERSIONS: (u16, u16) = (1, 1);

/// The largest frame. A transport refuses larger ones before it reads them.
pub const FRAME_BYTES_MAX: usize = 64 << 10;

/// Addresses that a side may name.
pub const ADDRESSES_MAX: usize = 16;

/// The longest address, name or reason, in bytes.
pub const TEXT_BYTES_MAX: usize = 255;

/// The longest name as it is shown, in characters.
pub const NAME_CHARS_MAX: usize = 64;

/// Statements in a Welcome, beside the root.
const STATEMENTS_MAX: usize = 256;

/// Frames of one side in one conversation, with those of unknown kinds.
const FRAMES_MAX: u8 = 64;
