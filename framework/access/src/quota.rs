//! How much one author may add to one document.
//!
//! A quota protects a replica's disk and time. Replicas see an author's changes in different orders,
//! so a quota decides what one of them takes in, and never what is admitted: it is no part of
//! what peers agree on. Counting is the caller's.
//!
//! Invariant: what exactly reaches the quota passes, and no sum overflows.

/// What an author may have stored in one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Changes.
    pub changes_max: u64,
    /// The bytes of its changes and statements.
    pub bytes_max: u64,
    /// Statements.
    pub statements_max: u64,
}

/// A hundred changes a day for fifty years, and a large import; far from what fills a disk.
impl Default for Quota {
    fn default() -> Self {
        Self { changes_max: 2_000_000, bytes_max: 1 << 30, statements_max: 10_000 }
    }
}

/// What an author has stored, or wants to add.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Changes.
    pub changes: u64,
    /// The bytes of its changes and statements.
    pub bytes: u64,
    /// Statements.
    pub statements: u64,
}

/// An author wants to store more than they may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the author may store {max} {what} in this document, and this would be {wanted}")]
pub struct OverQuota {
    /// Of what there would be too much.
    pub what: &'static str,
    /// How much that would be.
    pub wanted: u64,
    /// How much may be.
    pub max: u64,
}

impl Quota {
    /// Whether `more` may be added to what is `used`.
    ///
    /// # Errors
    /// The first limit that is passed.
    pub fn check(&self, used: &Usage, more: &Usage) -> Result<(), OverQuota> {
        let sums = [
            ("changes", used.changes.saturating_add(more.changes), self.changes_max),
            ("bytes", used.bytes.saturating_add(more.bytes), self.bytes_max),
            ("statements", used.statements.saturating_add(more.statements), self.statements_max),
        ];
        sums.into_iter().try_for_each(|(what, wanted, max)| {
            if wanted > max { Err(OverQuota { what, wanted, max }) } else { Ok(()) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_reached_and_not_passed() {
        let quota = Quota { changes_max: 10, bytes_max: 100, statements_max: 3 };
        let used = Usage { changes: 9, bytes: 90, statements: 2 };
        let fits = Usage { changes: 1, bytes: 10, statements: 1 };
        assert_eq!(quota.check(&used, &fits), Ok(()));
        for (more, what) in [
            (Usage { changes: 2, ..fits }, "changes"),
            (Usage { bytes: 11, ..fits }, "bytes"),
            (Usage { statements: u64::MAX, ..fits }, "statements"),
        ] {
            assert_eq!(quota.check(&used, &more).map_err(|over| over.what), Err(what));
        }
    }
}
