//! What sessions learned of other devices' clocks.
//!
//! Invariant: only who may read a document now has a say in whether this device's clock is right.

use segue_access::Role;
use segue_limits::lease::Observation;
use segue_model::DocumentId;

use crate::agent::Agent;
use crate::failure::Failure;
use crate::limits;

/// Takes in what a device's clock showed; returns whether it had a say. The folder must be locked.
pub(crate) fn compared(
    agent: &mut Agent,
    document: DocumentId,
    seen: Observation,
) -> Result<bool, Failure> {
    let now = (agent.world.now)();
    let circle = agent.circles.of(&agent.home.store, &document)?;
    // It may have been put out since its session began.
    if circle.members.role_at(&seen.peer, now) < Some(Role::Read) {
        return Ok(false);
    }
    limits::observed(agent, document, seen)?;
    Ok(true)
}
