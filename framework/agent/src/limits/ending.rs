//! What may be used now and soon no longer, told before it happens.
//!
//! A command tells it each time that it is asked. The agent tells each end twice at most: a week before, and a day before.
//! What it told is kept with the end, so that a renewal is news and a restart is none.
//!
//! Invariant: whatever the number of items, what is told at once is one sentence with a few titles.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use segue_document::DOCUMENT_RECORD;
use segue_model::{DocumentId, ItemId};

use super::seats::View;
use super::{Withholding, report, unsaid};
use crate::agent::Agent;
use crate::command::{LIMITED_MAX, Limited, LimitedItem};
use crate::failure::Failure;
use crate::pass::SameAs;
use crate::shards::Shards;
use crate::views;

const DAY: i64 = 86_400;

/// How near an end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Near {
    /// Within a week.
    Week,
    /// Within a day.
    Day,
}

impl Near {
    fn of(until: i64, now: i64) -> Option<Self> {
        match until.saturating_sub(now) {
            0..=DAY => Some(Self::Day),
            left if left < report::SOON => Some(Self::Week),
            _ => None,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Week => "within 7 days",
            Self::Day => "within a day",
        }
    }
}

/// An item that may be used until then.
type End = (i64, ItemId);

/// What ends within a week, the first end first.
fn ends(agent: &Agent, document: DocumentId) -> Result<(Vec<End>, i64), Failure> {
    let said = agent.said.of(&agent.home.store, &document)?;
    let own = unsaid::of_document(&agent.home.store, document)?;
    if said.limits.items().next().is_none() && own.is_empty() {
        return Ok((Vec::new(), 0));
    }
    let mut shards = Shards::new(&agent.home.store, document, agent.home.actor)?;
    let same = SameAs::of(&shards.record(&DOCUMENT_RECORD, None)?);
    let view = View::of(agent, document, &said);
    let policy = Withholding::here(agent, &said.limits, &own, &same, &view)?;
    let ending = policy.ending(report::SOON).filter(|(_, item)| same.shown(*item) == *item);
    let mut ends: Vec<End> = ending.collect();
    ends.sort_unstable();
    Ok((ends, policy.now))
}

/// The same for people: how many there are, and the first few with their titles.
fn limited(agent: &Agent, document: DocumentId, ends: &[End]) -> Result<Limited, Failure> {
    let mut shards = Shards::new(&agent.home.store, document, agent.home.actor)?;
    let same = SameAs::of(&shards.record(&DOCUMENT_RECORD, None)?);
    let mut first = Vec::new();
    for (until, item) in ends.iter().take(LIMITED_MAX) {
        let component = same.component(item).cloned().unwrap_or_else(|| [*item].into());
        let title = crate::report::title(&views::merged(&mut shards, *item, &component)?);
        first.push(LimitedItem::ending(*item, title, *until));
    }
    Ok(Limited { count: ends.len() as u64, first })
}

/// What ends within a week, in all documents.
pub(crate) fn all(agent: &Agent) -> Result<Limited, Failure> {
    let mut all = Limited::default();
    for row in agent.home.store.documents()? {
        let (ends, _) = ends(agent, row.id)?;
        all.add(limited(agent, row.id, &ends)?);
    }
    Ok(all)
}

/// What the agent has to say of ends and has not said yet, which is then kept as said.
pub(crate) fn news(agent: &mut Agent) -> Result<Vec<String>, Failure> {
    let mut sentences = Vec::new();
    for row in agent.home.store.documents()? {
        let (ends, now) = ends(agent, row.id)?;
        let key = format!("told of ends {}", row.id);
        let old = agent.home.store.setting(&key)?.unwrap_or_default();
        let told: BTreeMap<&str, Near> = old.lines().filter_map(told).collect();
        let mut fresh: BTreeMap<Near, Vec<End>> = BTreeMap::new();
        let mut new = String::new();
        for end in ends {
            let Some(near) = Near::of(end.0, now) else { continue };
            let name = format!("{} {}", end.1, end.0);
            if told.get(&*name).is_none_or(|said| *said < near) {
                fresh.entry(near).or_default().push(end);
            }
            let _ = writeln!(new, "{name} {}", if near == Near::Day { "day" } else { "week" });
        }
        for (near, ends) in fresh {
            sentences.push(sentence(&limited(agent, row.id, &ends)?, near.words()));
        }
        if new != old {
            let tx = agent.home.store.transaction()?;
            tx.put_setting(&key, &new)?;
            tx.commit()?;
        }
    }
    Ok(sentences)
}

/// A line of what was told: an item with its end, and how near that was.
fn told(line: &str) -> Option<(&str, Near)> {
    let (end, near) = line.rsplit_once(' ')?;
    Some((end, if near == "day" { Near::Day } else { Near::Week }))
}

/// What ends, in one sentence.
pub(crate) fn sentence(ending: &Limited, within: &str) -> String {
    let titles: Vec<String> =
        ending.first.iter().map(|one| format!("{} ({})", one.title, one.words)).collect();
    let verb = if ending.count == 1 { "item ends" } else { "items end" };
    let more = match ending.count.saturating_sub(ending.first.len() as u64) {
        0 => String::new(),
        more => format!(", and {more} more: segue licences"),
    };
    format!("{} {verb} {within}: {}{more}", ending.count, titles.join(", "))
}
