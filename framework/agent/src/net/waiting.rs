//! Devices that showed a ticket and wait for a person's answer.
//!
//! Invariant: those that went away are forgotten, and of one device only the last question is kept.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use super::knock::{Answer, Knock};
use crate::command::WaitingRow;

/// Devices that wait for a person's answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Waiting(Arc<Mutex<Vec<Knock>>>);

impl Waiting {
    /// One more. What it asked before is no longer of use.
    pub(crate) fn put(&self, knock: Knock) {
        let mut all = self.all();
        all.retain(|other| other.device != knock.device);
        all.push(knock);
    }

    /// Those who are meant.
    pub(crate) fn take(&self, is_it: &dyn Fn(&Knock) -> bool) -> Vec<Knock> {
        self.all().extract_if(.., |knock| is_it(knock)).collect()
    }

    /// What a person is shown of each.
    pub(crate) fn rows(&self) -> Vec<WaitingRow> {
        let row = |knock: &Knock| WaitingRow {
            id: knock.device.to_string(),
            name: knock.asked.name.clone(),
            words: knock.asked.words.join(" "),
        };
        self.all().iter().map(row).collect()
    }

    /// Those who are still there.
    fn all(&self) -> std::sync::MutexGuard<'_, Vec<Knock>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|knock| !knock.answer.is_closed());
        all
    }
}

/// What is said to a device that waits.
pub(crate) fn say(knock: &mpsc::UnboundedSender<Answer>, answer: Answer) -> bool {
    knock.send(answer).is_ok()
}
