//! The moment by which limits are judged on this device.

use segue_limits::{Clock, Limits, Time};

use crate::agent::Agent;
use crate::exclusion;
use crate::failure::Failure;

/// Whether anything is limited in any document.
fn is_any_limit(agent: &Agent) -> Result<bool, Failure> {
    for document in agent.home.store.documents()? {
        let said = agent.said.of(&agent.home.store, &document.id)?;
        if said.limits.items().next().is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

const RECORD: &str = "latest moment of limits";

/// The record is kept no finer than this, in seconds: a pass that changes nothing writes nothing.
const GRAIN: i64 = 600;

/// The time to judge by: the clock, unless this device or an issuer knows a later moment.
pub(crate) fn now(agent: &Agent, limits: &Limits) -> Result<Time, Failure> {
    let recorded = agent.home.store.setting(RECORD)?.and_then(|text| text.parse().ok());
    let shows = (agent.world.now)();
    let expected = crate::clock::expected(agent)?;
    Ok(Clock { shows, expected, recorded }.time(limits.issued()))
}

/// Keeps the latest moment, so that setting the clock back revives nothing; `confirmed` if a person says
/// that the clock is right. Where nothing is limited, and no exclusion begins,
/// nothing is kept.
pub(crate) fn record(agent: &mut Agent, confirmed: bool) -> Result<(), Failure> {
    if confirmed {
        super::seats::clock_confirmed(agent)?;
    }
    let recorded: Option<i64> =
        agent.home.store.setting(RECORD)?.and_then(|text| text.parse().ok());
    let time = now(agent, &Limits::default())?;
    let record = if confirmed { time.record.max((agent.world.now)()) } else { time.record };
    let is_due = match recorded {
        Some(recorded) => record >= recorded.saturating_add(GRAIN),
        None => is_any_limit(agent)?,
    };
    if !is_due && !exclusion::is_any_begun(agent, recorded, record)? {
        return Ok(());
    }
    let tx = agent.home.store.transaction()?;
    tx.put_setting(RECORD, &record.to_string())?;
    Ok(tx.commit()?)
}
