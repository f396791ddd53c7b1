//! What the agent said lately, for `segue service LIBRARY log`.
//!
//! Invariant: it does not grow: of each library, and of the agent itself, the last
//! [`LINES_MAX`] lines stay.

use std::collections::{BTreeMap, VecDeque};

use segue_model::LinkId;

use crate::command::ServiceLogRow;

/// So many lines of each library.
const LINES_MAX: usize = 200;

/// Lines by library, each with its number; without a library, of the agent itself.
#[derive(Debug, Default)]
pub(super) struct Record {
    lines: BTreeMap<Option<LinkId>, VecDeque<(u64, ServiceLogRow)>>,
    kept: u64,
}

impl Record {
    /// Keeps a line.
    pub(super) fn keep(&mut self, link: Option<LinkId>, row: ServiceLogRow) {
        let lines = self.lines.entry(link).or_default();
        if lines.len() == LINES_MAX {
            lines.pop_front();
        }
        lines.push_back((self.kept, row));
        self.kept += 1;
    }

    /// The lines of these libraries, or all, in the order in which they were said.
    pub(super) fn lines(&self, only: Option<&[LinkId]>) -> Vec<ServiceLogRow> {
        let wanted = |link: &Option<LinkId>| match (only, link) {
            (None, _) => true,
            (Some(only), Some(link)) => only.contains(link),
            (Some(_), None) => false,
        };
        let lines = self.lines.iter().filter(|(link, _)| wanted(link));
        let mut lines: Vec<_> = lines.flat_map(|(_, lines)| lines).collect();
        lines.sort_by_key(|(number, _)| *number);
        lines.into_iter().map(|(_, row)| row.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_of_each_library_stay() {
        let mut record = Record::default();
        let row = |at| ServiceLogRow { at, library: None, what: at.to_string() };
        let (busy, quiet) = (LinkId([1; 8]), LinkId([2; 8]));
        record.keep(Some(quiet), row(0));
        for at in 1..=500 {
            record.keep(Some(busy), row(at));
        }
        record.keep(None, row(501));
        assert_eq!(record.lines(Some(&[quiet])), [row(0)]);
        let all = record.lines(None);
        assert_eq!(all.len(), LINES_MAX + 2);
        assert_eq!((all[0].at, all[1].at, all[LINES_MAX + 1].at), (0, 301, 501));
        // The clock was set back; the order is that in which it was said.
        record.keep(Some(quiet), row(77));
        record.keep(Some(busy), row(77));
        let last: Vec<_> = record.lines(None).into_iter().rev().take(3).map(|row| row.at).collect();
        assert_eq!(last, [77, 77, 501]);
    }
}
