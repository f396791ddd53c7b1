#![doc = include_str!("../docs.md")]

mod backup;
mod column;
mod discover;
mod format;
mod header;
mod journal;
mod listing;
mod lock;
mod quoted;
mod read;
mod rewrite;
mod tree;
mod view;
mod write;

pub use discover::Mbox;
