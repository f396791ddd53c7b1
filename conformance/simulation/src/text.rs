//! Histories as text, for a person and for another day: what they do stays the same, whatever seeds come to mean.
//!
//! ```text
//! # Why it is kept.
//! music 3
//! device exact stars
//! device halves
//! edit 0 1 rate 70
//! pass 0
//! ```

use std::fmt::{Display, Formatter};
use std::str::FromStr;

use crate::step::{APPS, Act, Kind, ListAct, MARK_NAMES, Setup, Step};

/// Who takes part, and what happens.
#[derive(Debug, Clone)]
pub struct History {
    /// Who takes part.
    pub setup: Setup,
    /// What happens.
    pub steps: Vec<Step>,
}

/// A text that is no history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError(String);

impl Display for ParseError {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "no part of a history: {}", self.0)
    }
}

impl std::error::Error for ParseError {}

impl Display for History {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let kind = match self.setup.kind {
            Kind::Music => "music",
            Kind::Mail => "mail",
        };
        let list = if self.setup.has_list { " list" } else { "" };
        writeln!(f, "{kind} {}{list}", self.setup.items)?;
        for apps in &self.setup.devices {
            write!(f, "device")?;
            apps.iter().try_for_each(|app| write!(f, " {}", app.app))?;
            writeln!(f)?;
        }
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

impl Display for Act {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let mark = |mark: &u8| MARK_NAMES[usize::from(*mark)].1;
        match self {
            Self::Rate(None) => write!(f, "unrate"),
            Self::Rate(Some(rating)) => write!(f, "rate {rating}"),
            Self::Play => write!(f, "play"),
            Self::Mark(one, true) => write!(f, "mark {}", mark(one)),
            Self::Mark(one, false) => write!(f, "unmark {}", mark(one)),
        }
    }
}

impl Display for Step {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let name = crate::counters::STEPS[self.number()];
        match self {
            Self::Edit(link, item, act) => write!(f, "{name} {link} {item} {act}"),
            Self::Pass(device, None) => write!(f, "{name} {device}"),
            Self::Pass(device, Some((link, item, act))) => {
                write!(f, "{name} {device} {link} {item} {act}")
            }
            Self::List(link, ListAct::Put(at, item)) => {
                write!(f, "{name} {link} put {at} {item}")
            }
            Self::List(link, ListAct::Take(at)) => write!(f, "{name} {link} take {at}"),
            Self::List(link, ListAct::Move(from, to)) => {
                write!(f, "{name} {link} move {from} {to}")
            }
            Self::Forget(one)
            | Self::Unmount(one)
            | Self::Mount(one)
            | Self::Keep(one)
            | Self::Restore(one) => write!(f, "{name} {one}"),
            Self::Tell(one, two)
            | Self::TellOld(one, two)
            | Self::Remove(one, two)
            | Self::Add(one, two)
            | Self::Lose(one, two)
            | Self::Crash(one, two)
            | Self::Find(one, two, false) => write!(f, "{name} {one} {two}"),
            Self::Find(one, two, true) => write!(f, "{name} {one} {two} bare"),
        }
    }
}

impl FromStr for History {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let lines = text.lines().map(str::trim);
        let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let first = lines.next().unwrap_or_default();
        let words: Vec<&str> = first.split(' ').collect();
        let (kind, items, has_list) = match words.as_slice() {
            ["music", items, "list"] => (Kind::Music, items, true),
            ["music", items] => (Kind::Music, items, false),
            ["mail", items] => (Kind::Mail, items, false),
            _ => return Err(error(first)),
        };
        let items = items.parse().map_err(|_| error(first))?;
        let (mut devices, mut steps) = (Vec::new(), Vec::new());
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            if let Some(apps) = line.strip_prefix("device ") {
                let app = |name: &str| APPS.into_iter().find(|app| app.app == name);
                let apps: Option<Vec<_>> = apps.split(' ').map(app).collect();
                devices.push(apps.ok_or_else(|| error(line))?);
            } else {
                steps.push(step(&words).ok_or_else(|| error(line))?);
            }
        }
        let setup = Setup { kind, items, has_list, devices };
        let outside = steps.iter().find(|step| !setup.has(**step));
        outside.map_or(Ok(()), |step| Err(error(&step.to_string())))?;
        Ok(Self { setup, steps })
    }
}

fn error(line: &str) -> ParseError {
    ParseError(line.to_owned())
}

fn act(words: &[&str]) -> Option<Act> {
    let mark = |name| MARK_NAMES.iter().position(|(_, mark)| *mark == name);
    Some(match words {
        ["unrate"] => Act::Rate(None),
        ["rate", rating] => Act::Rate(Some(rating.parse().ok()?)),
        ["play"] => Act::Play,
        ["mark", name] => Act::Mark(mark(*name)? as u8, true),
        ["unmark", name] => Act::Mark(mark(*name)? as u8, false),
        _ => return None,
    })
}

fn step(words: &[&str]) -> Option<Step> {
    let number = |word: &str| word.parse::<u8>().ok();
    Some(match words {
        ["edit", link, item, rest @ ..] => Step::Edit(number(link)?, number(item)?, act(rest)?),
        ["pass", device] => Step::Pass(number(device)?, None),
        ["pass", device, link, item, rest @ ..] => {
            Step::Pass(number(device)?, Some((number(link)?, number(item)?, act(rest)?)))
        }
        ["list", link, rest @ ..] => {
            let act = match rest {
                ["put", at, item] => ListAct::Put(number(at)?, number(item)?),
                ["take", at] => ListAct::Take(number(at)?),
                ["move", from, to] => ListAct::Move(number(from)?, number(to)?),
                _ => return None,
            };
            Step::List(number(link)?, act)
        }
        ["tell", from, to] => Step::Tell(number(from)?, number(to)?),
        ["tell-old", from, to] => Step::TellOld(number(from)?, number(to)?),
        ["forget", link] => Step::Forget(number(link)?),
        ["remove", link, item] => Step::Remove(number(link)?, number(item)?),
        ["add", link, item] => Step::Add(number(link)?, number(item)?),
        ["lose", link, item] => Step::Lose(number(link)?, number(item)?),
        ["find", link, item] => Step::Find(number(link)?, number(item)?, false),
        ["find", link, item, "bare"] => Step::Find(number(link)?, number(item)?, true),
        ["unmount", link] => Step::Unmount(number(link)?),
        ["mount", link] => Step::Mount(number(link)?),
        ["keep", device] => Step::Keep(number(device)?),
        ["restore", device] => Step::Restore(number(device)?),
        ["crash", device, writes] => Step::Crash(number(device)?, number(writes)?),
        _ => return None,
    })
}
