//! A person's rules of what stays on this device: kept in the store, never in a document.
//!
//! What a rule means is in `segue-reconcile`; where it is enforced, `pass/aside.rs`. Here are the rules, the
//! moment by which they are judged, and what held for each link when it was last brought in step: a
//! rule that begins or ends is found by the difference.
//!
//! Invariant: rules that cannot be read stop every pass; they are never taken for none.

pub(crate) mod command;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use segue_limits::Limits;
use segue_model::{ItemId, LinkId, Location};
use segue_reconcile::exclusion::{Exclusion, Now, Target, Term};
use segue_store::{LinkRow, Reader, StoreError, Tx};
use serde::{Deserialize, Serialize};

use crate::agent::Agent;
use crate::failure::Failure;
use crate::limits;
use crate::pass::{Member, MemberDraft};

const SETTING: &str = "exclusions";

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rule {
    /// By this a person names it; never used again.
    number: u64,
    target: Kept,
    /// The app of the libraries that it is about; without, all.
    app: Option<String>,
    /// The one library, if there are several of the app.
    path: Option<PathBuf>,
    from: Option<i64>,
    until: Option<i64>,
}

/// A target as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kept {
    Field(String),
    Item(String),
    /// Paths need not be text.
    Place(OsString),
    Collection {
        name: Option<String>,
        kind: Option<String>,
    },
}

impl Kept {
    fn of(target: &Target) -> Self {
        let text = |text: &Option<Box<str>>| text.as_deref().map(str::to_owned);
        match target {
            Target::Field(name) => Self::Field(name.to_string()),
            Target::Item(item) => Self::Item(item.to_string()),
            Target::Place(place) => Self::Place(OsString::from_vec(place.as_bytes().to_vec())),
            Target::Collection { name, kind } => {
                Self::Collection { name: text(name), kind: text(kind) }
            }
        }
    }

    fn target(&self) -> Result<Target, Failure> {
        let text = |text: &Option<String>| text.as_deref().map(Into::into);
        Ok(match self {
            Self::Field(name) => Target::Field(name.as_str().into()),
            Self::Item(item) => Target::Item(item.parse::<ItemId>().map_err(unreadable)?),
            Self::Place(place) => Target::Place(Location::new(place.as_bytes())),
            Self::Collection { name, kind } => {
                Target::Collection { name: text(name), kind: text(kind) }
            }
        })
    }
}

fn unreadable(error: impl std::fmt::Display) -> Failure {
    Failure::refused(
        format!("what stays on this device cannot be read: {error}"),
        "nothing is passed on until it can; a later version of Segue may have written it",
    )
}

impl Rule {
    fn term(&self) -> Term {
        Term { from: self.from, until: self.until }
    }

    fn is_about(&self, row: &LinkRow) -> bool {
        self.app.as_ref().is_none_or(|app| *app == row.app)
            && self.path.as_ref().is_none_or(|path| *path == row.path)
    }
}

/// All rules as they are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct All {
    /// The number of the last rule that was ever made.
    last: u64,
    rules: Vec<Rule>,
}

impl All {
    fn load(reader: &Reader) -> Result<Self, Failure> {
        let Some(text) = reader.setting(SETTING)? else { return Ok(Self::default()) };
        serde_json::from_str(&text).map_err(unreadable)
    }

    fn keep(&self, tx: &Tx<'_>) -> Result<(), Failure> {
        let text = serde_json::to_string(self).map_err(unreadable)?;
        Ok(tx.put_setting(SETTING, &text)?)
    }
}

/// The rules with the moment by which they are judged.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    rules: Vec<(Rule, Target)>,
    now: Now,
}

impl Rules {
    /// The rules of this device, now.
    pub(crate) fn now(agent: &Agent) -> Result<Self, Failure> {
        let all = All::load(&agent.home.store)?.rules;
        let rules = all.into_iter().map(|rule| {
            let target = rule.target.target()?;
            Ok((rule, target))
        });
        Ok(Self { rules: rules.collect::<Result<_, Failure>>()?, now: moment(agent)? })
    }

    /// No rule at all.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self { rules: Vec::new(), now: Now { earliest: 0, latest: 0 } }
    }

    fn holding(&self) -> impl Iterator<Item = &(Rule, Target)> {
        self.rules.iter().filter(|(rule, _)| rule.term().holds(self.now))
    }

    /// What stays in one library.
    pub(crate) fn of(&self, row: &LinkRow) -> Exclusion {
        let about = self.holding().filter(|(rule, _)| rule.is_about(row));
        about.map(|(_, target)| target.clone()).collect()
    }

    /// What stays in every library of this device, whatever the app: what a person says of it stays, too.
    fn everywhere(&self) -> impl Iterator<Item = &(Rule, Target)> {
        self.holding().filter(|(rule, _)| rule.app.is_none())
    }

    /// How many rules hold.
    pub(crate) fn count(&self) -> u64 {
        self.holding().count() as u64
    }
}

/// A rule ends by the clock, unless that jumped ahead; it begins by the latest moment that this device knows.
fn moment(agent: &Agent) -> Result<Now, Failure> {
    let shows = (agent.world.now)();
    let known = limits::now(agent, &Limits::default())?.now;
    Ok(Now { earliest: shows.min(known), latest: shows.max(known) })
}

/// Whether any rule began by `now`, and later than `since`: then this moment is kept, so that setting the clock
/// back does not end it.
pub(crate) fn is_any_begun(agent: &Agent, since: Option<i64>, now: i64) -> Result<bool, Failure> {
    let mut begin = All::load(&agent.home.store)?.rules.into_iter().filter_map(|rule| rule.from);
    Ok(begin.any(|from| from <= now && since.is_none_or(|since| since < from)))
}

/// What stayed in a library when it was last brought in step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) exclusion: Exclusion,
    /// Its lists have to be read in each pass: the base does not say all that they hold.
    pub(crate) rereads: bool,
}

#[derive(Default, Serialize, Deserialize)]
struct KeptKnown {
    targets: Vec<Kept>,
    rereads: bool,
}

fn key(link: LinkId) -> String {
    format!("excluded {link}")
}

impl Known {
    pub(crate) fn of(reader: &Reader, link: LinkId) -> Result<Self, Failure> {
        let Some(text) = reader.setting(&key(link))? else { return Ok(Self::default()) };
        let kept: KeptKnown = serde_json::from_str(&text).map_err(unreadable)?;
        let exclusion = kept.targets.iter().map(Kept::target).collect::<Result<_, _>>()?;
        Ok(Self { exclusion, rereads: kept.rereads })
    }

    fn keep(&self, tx: &Tx<'_>, link: LinkId) -> Result<(), Failure> {
        if *self == Self::default() {
            return Ok(tx.remove_setting(&key(link))?);
        }
        let targets = self.exclusion.targets().map(Kept::of).collect();
        let kept = KeptKnown { targets, rereads: self.rereads };
        let text = serde_json::to_string(&kept).map_err(unreadable)?;
        Ok(tx.put_setting(&key(link), &text)?)
    }
}

/// Whether a rule began or ended for a library since it was last brought in step.
pub(crate) fn turned(agent: &Agent, row: &LinkRow) -> Result<bool, Failure> {
    Ok(Rules::now(agent)?.of(row) != Known::of(&agent.home.store, row.id)?.exclusion)
}

/// Remembers what stays in a library, once nothing of it is held any more.
pub(crate) fn settle(tx: &Tx<'_>, member: &Member, plan: &MemberDraft) -> Result<(), Failure> {
    let link = member.row.id;
    for (item, counters) in &plan.aside.kept_back {
        tx.put_setting(&kept_back(link, *item), &counters.join(" "))?;
    }
    let exclusion = member.exclusion.clone();
    let rereads = exclusion.any_collection() || plan.lists.iter().any(|list| !list.own.is_empty());
    let known = Known { exclusion, rereads };
    if known != member.excluded && !plan.is_held_back() {
        known.keep(tx, link)?;
    }
    Ok(())
}

/// Whether a counter of an item stayed here when the link saw the item first: then nobody ever agreed on it.
pub(crate) fn was_kept_back(
    reader: &Reader,
    link: LinkId,
    item: ItemId,
    counter: &str,
) -> Result<bool, StoreError> {
    let counters = reader.setting(&kept_back(link, item))?.unwrap_or_default();
    Ok(counters.split(' ').any(|kept| kept == counter))
}

fn kept_back(link: LinkId, item: ItemId) -> String {
    format!("kept back {link} {item}")
}
