//! Bytes from strangers, for everything that reads them.
//!
//! A [`Target`] is one way in: it feeds bytes to the code that really reads them, and panics if they do what no
//! bytes may. Beyond "no panic" that is: what is read is written and read as the same, limits hold, an error has
//! words, a file is not touched by reading, and nobody gets a role or a seat by what they sign.
//!
//! The targets are fed from four sides: `fixtures/NAME` keeps what once went wrong, [`mutants`] makes a hundred
//! thousand from real messages, [`worst`] and [`cost`] measure the worst that a mebibyte can do, and
//! `conformance/fuzz` lets a fuzzer look for more.

mod company;
pub mod cost;
mod library;
pub mod mutants;
mod mutate;
mod target;
mod targets;
pub mod worst;

pub use target::{Outcome, TARGETS, Target, target};
