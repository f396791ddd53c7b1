//! What other devices' clocks show.
//!
//! A seat is used only while this device's clock is not in doubt, and another device can show that it is wrong
//! (`docs/leases.md`). This is where what a session learned of a member's clock arrives, under the folder's lock.
//!
//! Invariant: it comes once a session at most, and only of a device that may read the document now.

use segue_limits::lease::{Event, Observation};
use segue_model::DocumentId;

use super::seats;
use crate::agent::Agent;
use crate::failure::Failure;

/// Takes in what a member's clock showed beside ours.
pub(crate) fn observed(
    agent: &mut Agent,
    document: DocumentId,
    seen: Observation,
) -> Result<(), Failure> {
    seats::tell(agent, document, Event::Observed(seen)).map(drop)
}
