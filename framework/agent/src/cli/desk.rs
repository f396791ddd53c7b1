//! The inviter's screen: the ticket, the words, and what a person says to them.

use std::io::{self, BufRead};

use super::exit::Exit;
use super::output::Output;
use crate::command::{InviteReport, WaitingRow};
use crate::up::Reception;

/// Who is shown the ticket and asked.
pub(super) struct Desk<'d, 'o> {
    pub(super) output: &'d mut Output<'o>,
    /// Whether a person can be asked.
    pub(super) asks: bool,
    /// How printing the ticket went.
    pub(super) broken: Exit,
}

impl Reception for Desk<'_, '_> {
    fn ticket(&mut self, report: &InviteReport) {
        self.broken = self.output.ticket(report, self.asks);
    }

    fn admits(&mut self, row: &WaitingRow) -> Option<bool> {
        if !self.asks {
            return None;
        }
        let (name, words) = (&row.name, &row.words);
        self.output.said(&format!("{name} wants to join. Both screens must say: {words}"));
        Some(confirm(self.output, "Same words?"))
    }

    fn said(&mut self, sentence: &str) {
        self.output.said(sentence);
    }

    fn stays(&self) -> bool {
        self.asks
    }
}

/// Asks on the terminal; whatever is not yes is no.
pub(super) fn confirm(output: &mut Output<'_>, question: &str) -> bool {
    output.question(question);
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line);
    read.is_ok() && matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}
