//! The peer on this computer: it looks at the apps here, plans, applies and answers for Segue.
//!
//! The one crate that knows of every translator and of the ambient world; everything below it gets
//! time, paths and the list of running apps as arguments. [`Agent::run`] answers one
//! [`command::Request`]; a pass (`pass`) works out what would be written, `operate` writes it.

mod agent;
mod backup;
pub mod cli;
mod clock;
pub mod command;
mod command_line;
mod committed;
mod conflicts;
pub mod conform;
mod contested;
mod doctor;
mod document_library;
mod doubt;
mod exclusion;
mod failure;
mod hiding;
mod home;
pub mod host;
mod inverse;
mod journal;
mod libraries;
mod limits;
mod links;
mod lists_after;
mod look;
mod losses;
mod members;
mod names;
mod net;
mod operate;
mod outlook;
mod parked;
mod pass;
mod peers;
mod pieces;
mod plan;
mod progress;
mod query;
mod read_back;
mod reading;
mod record;
mod recover;
pub mod registry;
mod report;
mod restore;
mod rounds;
mod services;
mod settle;
mod shards;
mod shared;
mod shown;
mod sync;
mod undo;
mod unheld;
pub mod up;
mod views;
pub mod world;

pub use agent::Agent;
pub use command_line::command_line;
pub use document_library::Segue;
pub use failure::Failure;
pub use net::choice::Reach;
pub use progress::{Moment, Progress, Quiet};
pub use world::World;
