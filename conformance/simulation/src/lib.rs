//! Histories of devices, libraries and people, without sockets, clocks or files: the planner against a
//! plain model of what people did.
//!
//! A history is a list of [`Step`]s, drawn from a seed or enumerated. The planner is the real one
//! (`segue-reconcile`, with the merge rules of `segue-document`); the document is the plain one of
//! [`merge`], and the round around the planner is that of [`run`], as short as it can be. So a history takes
//! microseconds, and what goes wrong once in a million is found. Histories through automerge, SQLite,
//! guards, journals and the translators' files are tried by the tests of `segue-agent`.
//!
//! Invariant: the same steps give the same history, everywhere.

mod event;
pub mod merge;
mod notice;
mod oracle;
mod shrink;
mod step;
mod world;

pub use oracle::Violation;
pub use shrink::shrunk;
pub use step::{Kind, Setup, Step, drawn, every_step};
pub use world::{Outcome, run};
