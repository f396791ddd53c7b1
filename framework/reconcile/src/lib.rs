//! Who is who, what an app changed, what it shall hold: pure planning.
//!
//! The agent reads libraries and loads shards; this crate decides. [`identify`] binds native ids to
//! items, [`arrival`] recognises what moved, a `ladder` for each schema says by what, and [`key`] names those that say
//! themselves what they are; [`lift`] turns an app's edits into writes of the
//! document, [`project`] turns a record into edits of an app, [`list`] does both for collections,
//! [`guard`] stops what looks like an accident, a [`policy`] withholds, and an [`exclusion`] says what stays on
//! this device.
//!
//! Invariants: nothing here does IO, reads a clock or draws a random number, so every plan can be
//! made again from the same inputs. Nothing here merges values: edits are committed at what the app
//! had been shown, and the document merges.

pub mod arrival;
pub mod exclusion;
pub mod guard;
pub mod identify;
pub mod key;
mod ladder;
pub mod lift;
pub mod list;
pub mod policy;
pub mod project;
mod view;

pub use view::{LinkView, Writing};
