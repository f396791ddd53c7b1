//! What a suite tried and what it skipped, as a file that is kept.
//!
//! Each subject has a line of its own, with skips or without: `mpd 0.23.12: laws, mutants`. A line
//! for each skip follows: `mpd 0.23.12 values::sets_read_back: declares: no sets`. What a record does
//! not list was tried and has passed, so the table of `docs/conformance.md` is made from these files.
//!
//! Invariant: skips that begin with `here:` are about this computer and never change a record.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

/// What was tried of one subject on one fixture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Tried {
    mutants: bool,
    skips: BTreeMap<String, String>,
    /// What could not be tried on this computer.
    here: BTreeSet<String>,
}

/// Every subject that was tried, and its skips with their reasons.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record(BTreeMap<String, Tried>);

impl Record {
    /// A subject is tried on a fixture.
    pub fn tries(&mut self, subject: &str, fixture: &str) {
        self.of(subject, fixture);
    }

    /// A subject is also broken, once for each law.
    pub(crate) fn breaks(&mut self, subject: &str, fixture: &str) {
        self.of(subject, fixture).mutants = true;
    }

    /// A trial was skipped.
    pub fn skip(&mut self, (subject, fixture): (&str, &str), trial: &str, reason: &str) {
        let tried = self.of(subject, fixture);
        if reason.starts_with("here:") {
            tried.here.insert(trial.to_owned());
        } else {
            tried.skips.insert(trial.to_owned(), reason.to_owned());
        }
    }

    fn of(&mut self, subject: &str, fixture: &str) -> &mut Tried {
        self.0.entry(format!("{subject} {fixture}")).or_default()
    }

    /// What a file says.
    ///
    /// # Errors
    /// If it cannot be read or a line is none of a record, in words.
    pub fn read(file: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(file);
        text.map_err(|error| error.to_string())
            .and_then(|text| Self::parse(&text))
            .map_err(|why| format!("{}: {why}", file.display()))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut record = Self::default();
        for line in text.lines() {
            record.line(line).ok_or_else(|| format!("{line:?} is no line of a record"))?;
        }
        Ok(record)
    }

    fn line(&mut self, line: &str) -> Option<()> {
        let (left, right) = line.split_once(": ")?;
        if ["laws", "laws, mutants"].contains(&right) {
            let mutants = right != "laws";
            self.0.insert(left.to_owned(), Tried { mutants, ..Tried::default() });
            return Some(());
        }
        let (subject, trial) = left.rsplit_once(' ')?;
        self.0.get_mut(subject)?.skips.insert(trial.to_owned(), right.to_owned());
        Some(())
    }

    /// The file for this record.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (subject, tried) in &self.0 {
            let what = if tried.mutants { "laws, mutants" } else { "laws" };
            // Writing into a string does not fail.
            let _ = writeln!(text, "{subject}: {what}");
            for (trial, reason) in &tried.skips {
                let _ = writeln!(text, "{subject} {trial}: {reason}");
            }
        }
        text
    }

    /// Subjects with their fixtures.
    pub fn subjects(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether a subject was broken, once for each law.
    pub fn is_broken(&self, subject: &str) -> bool {
        self.0.get(subject).is_some_and(|tried| tried.mutants)
    }

    /// Why a subject skips a trial, if it does.
    pub fn reason(&self, subject: &str, trial: &str) -> Option<&str> {
        self.0.get(subject)?.skips.get(trial).map(String::as_str)
    }

    /// With what was known of trials that this computer cannot try.
    fn completed(&self, recorded: &Self) -> Self {
        let mut all = self.clone();
        for (subject, tried) in &mut all.0 {
            for trial in &tried.here {
                if let Some(reason) = recorded.reason(subject, trial) {
                    tried.skips.insert(trial.clone(), reason.to_owned());
                }
            }
        }
        all
    }

    /// What a file that holds `recorded` should hold instead; `None` if it holds that.
    fn instead_of(&self, recorded: &str) -> Option<String> {
        let known = Self::parse(recorded).unwrap_or_default();
        Some(self.completed(&known).to_text()).filter(|found| found != recorded)
    }

    /// Whether the file holds exactly this; says on stderr how they differ. `SEGUE_BLESS=1` writes
    /// the file.
    pub fn is_that_of(&self, file: &Path) -> bool {
        let recorded = std::fs::read_to_string(file).unwrap_or_default();
        let Some(found) = self.instead_of(&recorded) else { return true };
        if std::env::var_os("SEGUE_BLESS").is_some() {
            return std::fs::write(file, found).is_ok();
        }
        let [recorded, found]: [BTreeSet<&str>; 2] =
            [recorded.lines().collect(), found.lines().collect()];
        let mut out = std::io::stderr().lock();
        // Nobody is left to tell if stderr is gone.
        let _ = writeln!(out, "What was tried and skipped is not what {} says:", file.display());
        for line in recorded.difference(&found) {
            let _ = writeln!(out, "- {line}");
        }
        for line in found.difference(&recorded) {
            let _ = writeln!(out, "+ {line}");
        }
        let _ = writeln!(out, "Hint: run again with SEGUE_BLESS=1 if this is meant.");
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_names_who_skips_nothing_and_reads_back() {
        let mut record = Record::default();
        record.tries("whole", "1");
        record.tries("part", "2.0");
        record.breaks("part", "2.0");
        record.skip(("part", "2.0"), "a::b", "declares: no c");
        let text = "part 2.0: laws, mutants\npart 2.0 a::b: declares: no c\nwhole 1: laws\n";
        assert_eq!(record.to_text(), text);
        assert_eq!(Record::parse(text).as_ref(), Ok(&record));
        assert_eq!(record.instead_of(text), None);
        for odd in ["part 2.0: all\n", "part 2.0 a::b: never named before\n", "no colon\n"] {
            assert!(Record::parse(odd).is_err(), "{odd}");
            assert_eq!(record.instead_of(odd).as_deref(), Some(text), "{odd}");
        }
    }

    #[test]
    fn what_cannot_be_tried_here_is_neither_skipped_nor_passed() {
        let mut record = Record::default();
        record.skip(("a", "1"), "b::c", "here: no strace");
        assert_eq!(record.instead_of("a 1: laws\n"), None);
        assert_eq!(record.instead_of("a 1: laws\na 1 b::c: declares: no d\n"), None);
        assert!(record.instead_of("a 1: laws\na 1 b::e: declares: no d\n").is_some());
    }
}
