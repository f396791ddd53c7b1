//! What other devices' clocks show.
//!
//! A seat is used only while this device's clock is not in doubt, and another device can show that it is wrong
//! (`docs/leases.md`). This is where what a session learned of a member's clock arrives, under the folder's lock.
//!
//! Invariant: it comes once a session at most, and only of a device that may read the document now.

use segue_limits::lease::Observation;
use segue_model::DocumentId;

use crate::agent::Agent;
use crate::failure::Failure;

/// Takes in what a member's clock showed beside ours. No seats are kept on this device yet, so nothing follows.
#[expect(clippy::unnecessary_wraps, reason = "what follows is to be stored, which may fail")]
pub(crate) fn observed(
    _agent: &mut Agent,
    _document: DocumentId,
    _seen: Observation,
) -> Result<(), Failure> {
    Ok(())
}
