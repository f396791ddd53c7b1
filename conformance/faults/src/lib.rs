//! What a power cut may leave on a disk, and what becomes of it.
//!
//! A command is recorded once: every call with which the real `segue`, SQLite in it, changes files of its home. From
//! these operations are made the disks that a crash may leave by the weakest rules that a file system keeps: cut off,
//! with the last write in part, without what was not synced, or without any part of that. Each is laid out, and Segue
//! goes on with it: each part of the apps' libraries must be the old or the new one, the next commands must lead to
//! exactly what an undisturbed run leads to, and `undo` must take all of it back.
//!
//! A killed process cannot show any of this, because what it wrote is in the kernel's memory and stays.
//!
//! Invariant: nothing that was synced is ever lost in a state that is tried.

mod calls;
mod crash;
mod desk;
mod disk;
mod explore;
mod kills;
mod mail;
mod music;
mod record;
mod scene;
mod state;

pub use desk::{missing, program};
pub use explore::{Report, Violation, Wish, explore};
pub use kills::kill;

/// Whatever went wrong.
pub type Failed = Box<dyn std::error::Error + Send + Sync>;
