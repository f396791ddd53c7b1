//! Whether the computer's clock can be believed, by the latest moment at which Segue did something.
//!
//! A clock that was set by days would date everything wrongly, so a pass waits for a person. What
//! counts as set is in [`segue_reconcile::guard`]; here the latest moment is kept and compared.
//!
//! Invariant: a moment is only replaced by a later one, or by one that a person let pass.

use segue_reconcile::guard::{Moment, clock_set};

use crate::agent::Agent;
use crate::command::{Found, HeldBatch, LibraryState, Limited, PassReport};
use crate::failure::Failure;
use crate::libraries;

const SETTING: &str = "latest moment";
const DAY: i64 = 86_400;

/// What is wrong with the clock, in words, if something is.
pub(crate) fn complaint(agent: &Agent) -> Result<Option<String>, Failure> {
    let Some(latest) = latest(agent)? else { return Ok(None) };
    let set = clock_set(&latest, &now(agent));
    let days = |seconds: i64| seconds.unsigned_abs() / DAY.unsigned_abs();
    Ok(set.map(|set| match set {
        0.. => format!("the clock was set {} days ahead", days(set)),
        _ => format!("the clock was set {} days back", days(set)),
    }))
}

/// The answer of a pass that did nothing, because the clock is wrong.
pub(crate) fn held(agent: &Agent, reason: &str) -> Result<PassReport, Failure> {
    let links = agent.home.store.links()?.into_iter().filter(|row| row.active);
    let all: Vec<_> = links.map(|row| (row.app, row.path)).collect();
    let labels = all.iter().map(|(app, path)| libraries::label(app, path, &all));
    let found = |library: String| Found {
        reason: Some(reason.to_owned()),
        ..Found::new(&library, LibraryState::Held)
    };
    Ok(PassReport {
        operation: None,
        libraries: labels.map(found).collect(),
        conflicts: 0,
        held: batches(agent, reason)?,
        kept: Vec::new(),
        away: Vec::new(),
        ending: Limited::default(),
    })
}

/// What waits for a person, library by library.
pub(crate) fn batches(agent: &Agent, reason: &str) -> Result<Vec<HeldBatch>, Failure> {
    let links = agent.home.store.links()?.into_iter().filter(|row| row.active);
    let all: Vec<_> = links.map(|row| (row.app, row.path)).collect();
    let labels = all.iter().map(|(app, path)| libraries::label(app, path, &all));
    let batch = |library: String| HeldBatch {
        library,
        reason: reason.to_owned(),
        items: 0,
        lasting: false,
    };
    Ok(labels.map(batch).collect())
}

/// Remembers that something was done now; `confirmed` if a person says that the clock is right.
pub(crate) fn note(agent: &mut Agent, confirmed: bool) -> Result<(), Failure> {
    let now = now(agent);
    let is_later = |latest: Moment| latest.time < now.time;
    if !confirmed && !latest(agent)?.is_none_or(is_later) {
        return Ok(());
    }
    let (start, seconds) = now.since_start.unwrap_or_default();
    let tx = agent.home.store.transaction()?;
    tx.put_setting(SETTING, &format!("{} {seconds} {start}", now.time))?;
    Ok(tx.commit()?)
}

/// What the clock should show by the seconds since the computer's start, if it did not start again.
pub(crate) fn expected(agent: &Agent) -> Result<Option<i64>, Failure> {
    let (Some(latest), now) = (latest(agent)?, now(agent)) else { return Ok(None) };
    let (Some((start, then)), Some((same, since))) = (latest.since_start, now.since_start) else {
        return Ok(None);
    };
    let passed = i64::from(since) - i64::from(then);
    Ok((start == same && passed >= 0).then(|| latest.time.saturating_add(passed)))
}

fn now(agent: &Agent) -> Moment {
    Moment { time: (agent.world.now)(), since_start: agent.world.host.since_start() }
}

/// The latest moment; what cannot be read is as if nothing was ever done.
fn latest(agent: &Agent) -> Result<Option<Moment>, Failure> {
    let text = agent.home.store.setting(SETTING)?.unwrap_or_default();
    let mut words = text.splitn(3, ' ');
    let mut number = || words.next()?.parse::<i64>().ok();
    let (Some(time), Some(seconds)) = (number(), number()) else { return Ok(None) };
    let start = words.next().filter(|start| !start.is_empty()).map(str::to_owned);
    let since_start = start.zip(u32::try_from(seconds).ok());
    Ok(Some(Moment { time, since_start }))
}
