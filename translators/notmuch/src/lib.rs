#![doc = include_str!("../docs.md")]

mod backup;
mod client;
mod column;
mod database;
mod discover;
mod format;
mod moves;
mod read;
mod state;
mod write;

pub use client::Limits;
pub use discover::Notmuch;
