//! What the agent knows of one linked library, and what follows from what it learns.
//!
//! Invariant: a revision that a pass has seen is no reason for another pass, unless the library waits
//! or failed; so a held batch, or an edit that an app refuses, costs one pass and then silence.

use super::event::{End, Glance, Link, Look, Outcome};

/// The first wait after a failure; each further failure doubles it.
pub(crate) const RETRY_MS: u64 = 5_000;
/// No wait is longer.
pub(crate) const RETRY_MS_MAX: u64 = 60_000;

/// How a library is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// A person wants it left alone.
    Paused,
    /// It was not looked at yet, or something is to be passed on.
    Changed,
    /// Nothing is to be done, or nothing more can be.
    InStep,
    /// Its app is in the way, or away.
    Waiting(String),
    /// A guard needs a person.
    Held(String),
    /// It failed, and is tried again.
    Failed(String),
}

impl State {
    /// In words that only grow.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Paused => "paused",
            Self::Changed => "changed",
            Self::InStep => "in step",
            Self::Waiting(_) => "waiting",
            Self::Held(_) => "held",
            Self::Failed(_) => "failed",
        }
    }

    /// Why.
    pub(crate) fn reason(&self) -> Option<&str> {
        match self {
            Self::Waiting(reason) | Self::Held(reason) | Self::Failed(reason) => Some(reason),
            Self::Paused | Self::Changed | Self::InStep => None,
        }
    }
}

/// What a look leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Nothing,
    Pass,
}

/// One library's service.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) link: Link,
    pub(crate) state: State,
    /// When to look at it.
    pub(crate) look_at: Option<u64>,
    /// Since when its files have been changing.
    pub(crate) touched_since: Option<u64>,
    /// It is not tried again before.
    pub(crate) retry_at: Option<u64>,
    /// Edits taken over and written, and failures, since the agent started.
    pub(crate) lifted: u64,
    pub(crate) written: u64,
    pub(crate) failures: u64,
    /// The revision that a pass has seen, or that needs none.
    known: Option<String>,
    failures_in_a_row: u32,
}

impl Service {
    pub(crate) fn new(link: Link, now: u64) -> Self {
        let paused = link.paused;
        Self {
            link,
            state: if paused { State::Paused } else { State::Changed },
            look_at: (!paused).then_some(now),
            touched_since: None,
            retry_at: None,
            lifted: 0,
            written: 0,
            failures: 0,
            known: None,
            failures_in_a_row: 0,
        }
    }

    /// Whether it is looked after.
    pub(crate) fn plays(&self) -> bool {
        !self.link.paused
    }

    /// What is linked changed; says so if it was paused or played.
    pub(crate) fn relink(&mut self, link: Link, now: u64) -> Option<&'static str> {
        let was_paused = std::mem::replace(&mut self.link, link).paused;
        match (was_paused, self.link.paused) {
            (false, true) => {
                self.forgive();
                (self.state, self.look_at, self.touched_since) = (State::Paused, None, None);
                Some("is paused")
            }
            (true, false) => {
                self.state = State::Changed;
                self.look_anew(now);
                Some("is played again")
            }
            _ => None,
        }
    }

    /// Nothing is known any more.
    pub(crate) fn look_anew(&mut self, now: u64) {
        if self.plays() {
            self.known = None;
            self.forgive();
            self.look_at = Some(now);
        }
    }

    /// Failures so far do not count.
    pub(crate) fn forgive(&mut self) {
        self.failures_in_a_row = 0;
        self.retry_at = None;
    }

    /// The question whose answer is due.
    pub(crate) fn glance(&mut self) -> Glance {
        self.look_at = None;
        self.touched_since = None;
        let (is_new, must_be_free) = match self.state {
            State::InStep | State::Held(_) => (false, false),
            State::Waiting(_) => (false, true),
            State::Paused | State::Changed | State::Failed(_) => (true, false),
        };
        let known = self.known.clone().filter(|_| !is_new);
        Glance { link: self.link.id, known, must_be_free }
    }

    /// What follows from a look, and what is to be said.
    pub(crate) fn looked(&mut self, look: Look, now: u64) -> (Turn, Option<String>) {
        match look {
            Look::Same => (Turn::Nothing, None),
            Look::Seen { revision, in_step: true } => {
                self.known = Some(revision);
                self.forgive();
                let before = std::mem::replace(&mut self.state, State::InStep);
                let returns =
                    matches!(before, State::Waiting(_) | State::Held(_) | State::Failed(_));
                (Turn::Nothing, returns.then(|| "is in step".to_owned()))
            }
            Look::Seen { revision, in_step: false } => (self.differs(revision, now), None),
            Look::Away(reason) => {
                // When the obstacle ends it is tried at once, however often it was in vain.
                self.forgive();
                let is_news = !matches!(self.state, State::Waiting(_));
                let said = is_news.then(|| format!("waits: {reason}"));
                if is_news {
                    self.state = State::Waiting(reason);
                }
                (Turn::Nothing, said)
            }
            Look::Failed(reason) => {
                // When it can be had again it is news, whatever its revision.
                self.known = None;
                (Turn::Nothing, self.fail(&reason, now))
            }
        }
    }

    /// A pass is due if it may bring more than the last one did.
    fn differs(&mut self, revision: String, now: u64) -> Turn {
        let is_new = self.known.as_ref() != Some(&revision);
        let tries_again = matches!(self.state, State::Waiting(_) | State::Failed(_))
            && self.retry_at.is_none_or(|at| at <= now);
        if !is_new && !tries_again {
            return Turn::Nothing;
        }
        self.known = Some(revision);
        if self.state == State::InStep {
            self.state = State::Changed;
        }
        Turn::Pass
    }

    /// What follows from a pass; returns what is to be said.
    pub(crate) fn passed(&mut self, outcome: Outcome, now: u64) -> Vec<String> {
        let Outcome { end, lifted, written } = outcome;
        self.lifted += lifted;
        self.written += written;
        let mut said = Vec::new();
        if lifted > 0 {
            said.push(format!("gave {} to the others", edits(lifted)));
        }
        if written > 0 {
            said.push(format!("got {}, written and read back", edits(written)));
        }
        match end {
            End::Done => {
                self.forgive();
                self.state = State::InStep;
            }
            End::Waits(reason) => {
                if !matches!(self.state, State::Waiting(_)) {
                    said.push(format!("waits: {reason}"));
                }
                self.state = State::Waiting(reason);
                self.wait(now);
            }
            End::Held(reason) => {
                let held = State::Held(reason.clone());
                if self.state != held {
                    said.push(format!("is held: {reason}; let it pass: segue sync --yes"));
                }
                self.forgive();
                self.state = held;
            }
            End::Failed(reason) => said.extend(self.fail(&reason, now)),
        }
        said
    }

    /// It failed; returns what is to be said.
    pub(crate) fn fail(&mut self, reason: &str, now: u64) -> Option<String> {
        self.failures += 1;
        self.wait(now);
        let failed = State::Failed(reason.to_owned());
        let is_news = self.state != failed;
        self.state = failed;
        is_news.then(|| format!("failed and is tried again: {reason}"))
    }

    fn wait(&mut self, now: u64) {
        let wait = RETRY_MS << self.failures_in_a_row.min(16);
        self.failures_in_a_row += 1;
        self.retry_at = Some(now + wait.min(RETRY_MS_MAX));
    }
}

fn edits(number: u64) -> String {
    if number == 1 { "1 edit".into() } else { format!("{number} edits") }
}
