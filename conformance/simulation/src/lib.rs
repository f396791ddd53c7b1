//! Histories of devices, libraries and people, without sockets, clocks or files: the planner against a
//! plain model of what people did.
//!
//! A history is a list of [`Step`]s, drawn from a seed ([`random`]) or enumerated ([`exhaustive`]). The planner is the
//! real one (`segue-reconcile`, with the merge rules of `segue-document`); the document is the plain one of [`merge`], and
//! the round around the planner is as short as it can be. So a history takes microseconds, and what goes wrong once in a
//! million is found. What once failed is a file of [`kept`], and is tried first.
//!
//! What is judged, of what must hold in every history:
//!
//! | | here | elsewhere |
//! | --- | --- | --- |
//! | O1 | all devices know the same, and every library shows it | with automerge and SQLite: `segue-agent` |
//! | O2 | no edit is lost; an edit beside a deletion wins; plays are counted once | |
//! | O3 | what was deleted by those who had seen everything stays so | |
//! | O4 | a round that changes nothing ends a history, or it fails | files and their times: `segue-agent`, `segue-conformance` |
//! | O5 | | what translators write: `segue-conformance` |
//! | O6 | whole libraries written or not before a kill | inside a write: `segue-agent`, the translators |
//! | O7 | nothing is lifted that nobody did, and what only an app rounds is no conflict | `segue-conformance` |
//! | O8 | what is not there for an app is not deleted, nor are values that it lost meanwhile | reads that are cut: `segue-agent` |
//! | O9 | | `segue-limits`, `segue-access` |
//! | O10 | everything is at rest within 8 rounds; the same steps leave the same trace | |
//!
//! Not modelled: who is who (items are known by their keys, and one list by its place), guards, limits, grants, undo and
//! same-as. A playlist keeps its base where a link loses that of its items, and is nowhere deleted. A device that goes on
//! from a backup takes what it had shown its libraries since for its users' doing: plays may count twice, and entries
//! stand twice; that nothing is lost is judged there too, but for lists.
//!
//! Invariant: the same steps give the same history, everywhere.

mod counters;
mod device;
mod event;
mod explore;
pub mod kept;
mod list;
pub mod merge;
mod notice;
mod oracle;
mod pass;
mod reduce;
mod shrink;
mod step;
mod text;
mod world;

pub use counters::Counters;
pub use explore::{Failure, Report, Wish, exhaustive, random};
pub use oracle::Violation;
pub use reduce::Reduction;
pub use shrink::shrunk;
pub use step::{Act, Kind, ListAct, Setup, Step, drawn, every_step};
pub use text::{History, ParseError};
pub use world::{Outcome, run};
