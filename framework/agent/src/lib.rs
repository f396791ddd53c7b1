//! The peer on this computer: it looks at the apps here, plans, applies and answers for Segue.
//!
//! The one crate that knows of every translator and of the ambient world; everything below it gets
//! time, paths and the list of running apps as arguments.

pub mod cli;
pub mod command;
mod failure;
pub mod host;
mod progress;

pub use failure::Failure;
pub use progress::{Progress, Quiet};
