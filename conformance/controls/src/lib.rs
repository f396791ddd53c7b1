//! Negative controls: each guard is switched off once, and the test of its failure class must fail.
//!
//! A test that passes without its guard guards nothing. `classes/fNN.toml` says for each class what
//! the guard is, how it is switched off (a text of a source file and what stands there instead), and
//! which tests must see it. `cargo controls` does it on a copy of the repository, built once for nearly all of
//! them; the tests here only check, in no time, that the table still fits the sources.
//!
//! It judges neither whether a guard is the right one nor whether its tests are all that it needs.
//!
//! Invariant: nothing is written outside of the build folder.

mod bed;
mod class;
mod page;
mod run;
mod schemata;
mod seed;

pub use bed::Bed;
pub use class::{Class, Control, Switch, all, root};
pub use page::page;
pub use run::{Cargo, Verdict};
