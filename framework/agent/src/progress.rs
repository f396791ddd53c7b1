//! How long work reports that it goes on.

/// Receives what is being done. Called often; must be cheap.
pub trait Progress: Sync {
    /// A new step begins, such as `Reading rhythmbox`; `total` is how much there is, if known.
    fn step(&self, what: &str, total: Option<u64>);
    /// So much of the step is done.
    fn advance(&self, done: u64);
    /// Something that a person has to read while it goes on.
    fn say(&self, _sentence: &str) {}
    /// A pass has come so far.
    fn reached(&self, _moment: Moment) {}
}

/// How far a pass has come, for those who measure it or go on from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// All libraries were read that may have changed.
    Read,
    /// What their apps changed is in the document, durably.
    Committed,
    /// A library's own files hold what it was to get.
    Written,
}

/// Reports nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quiet;

impl Progress for Quiet {
    fn step(&self, _: &str, _: Option<u64>) {}
    fn advance(&self, _: u64) {}
}
