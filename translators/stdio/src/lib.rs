#![doc = include_str!("../docs.md")]

mod convert;
mod hello;
mod keeper;
mod launch;
mod limits;
mod outside;
mod process;
mod search;
mod wire;
mod write;

pub use launch::{Launcher, launch, unconfined};
pub use limits::Limits;
pub use outside::{Outside, Surroundings, Watch, Way};
pub use search::{PREFIX, search};
