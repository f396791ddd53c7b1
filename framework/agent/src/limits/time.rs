//! The moment by which limits are judged on this device.

use segue_limits::{Clock, Limits, Time};
use segue_model::Terms;

use super::unsaid;
use crate::agent::Agent;
use crate::exclusion;
use crate::failure::Failure;

/// Whether something is limited in any document, of which this is true.
fn is_any_limit(agent: &Agent, is_it: impl Fn(&Terms) -> bool) -> Result<bool, Failure> {
    for document in agent.home.store.documents()? {
        let said = agent.said.of(&agent.home.store, &document.id)?;
        let own = unsaid::of_document(&agent.home.store, document.id)?;
        let said = said.limits.items().any(|(_, effective)| is_it(&effective.terms));
        if said || own.iter().any(|(_, limit)| is_it(&limit.terms)) {
            return Ok(true);
        }
    }
    Ok(false)
}

const RECORD: &str = "latest moment of limits";

/// The record is kept no finer than this, in seconds, unless something ended: a pass that changes nothing writes nothing.
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
        Some(recorded) => {
            // What ended since then must not come back.
            let ended = |terms: &Terms| {
                terms.valid_until.is_some_and(|end| recorded < end && end <= record)
            };
            record >= recorded.saturating_add(GRAIN) || is_any_limit(agent, ended)?
        }
        None => is_any_limit(agent, |_| true)?,
    };
    if !is_due && !exclusion::is_any_begun(agent, recorded, record)? {
        return Ok(());
    }
    let tx = agent.home.store.transaction()?;
    tx.put_setting(RECORD, &record.to_string())?;
    Ok(tx.commit()?)
}
