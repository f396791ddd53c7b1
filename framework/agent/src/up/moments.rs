//! When what happened last, to a fraction of a second: a value's way from one app to another is the
//! difference between the moments of two agents.
//!
//! Invariant: it holds one moment of each kind, and nobody waits for it long.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::net::Net;
use crate::progress::{Moment, Progress};

/// What has a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// The system said that a library's files changed.
    Heard,
    /// A pass began.
    Begun,
    /// It had read the libraries.
    Read,
    /// What their apps changed was in the document.
    Committed,
    /// A peer's changes came.
    Arrived,
    /// They were judged and stored.
    Stored,
    /// A library's files held what it was to get.
    Written,
}

impl Step {
    /// In a word that stays.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Heard => "heard",
            Self::Begun => "begun",
            Self::Read => "read",
            Self::Committed => "committed",
            Self::Arrived => "arrived",
            Self::Stored => "stored",
            Self::Written => "written",
        }
    }
}

/// The last moment of each step, since 1970. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Moments(Arc<Mutex<BTreeMap<Step, Duration>>>);

impl Moments {
    /// It is now.
    pub(super) fn note(&self, step: Step) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(step, now);
    }

    /// All that there are.
    pub(super) fn all(&self) -> BTreeMap<Step, Duration> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Progress of a pass that nobody watches: its moments are noted, and other devices hear of what is in
/// the document before the libraries of this one are written.
pub(super) struct Unwatched<'a> {
    pub(super) moments: &'a Moments,
    pub(super) net: Option<Net>,
}

impl Progress for Unwatched<'_> {
    fn step(&self, _: &str, _: Option<u64>) {}

    fn advance(&self, _: u64) {}

    fn reached(&self, moment: Moment) {
        self.moments.note(match moment {
            Moment::Read => Step::Read,
            Moment::Committed => Step::Committed,
            Moment::Written => Step::Written,
        });
        if let (Moment::Committed, Some(net)) = (moment, &self.net) {
            net.refresh();
        }
    }
}
