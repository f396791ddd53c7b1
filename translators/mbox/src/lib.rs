#![doc = include_str!("../docs.md")]

mod backup;
mod carried;
mod column;
mod discover;
mod draft;
mod format;
mod header;
mod journal;
mod layout;
mod left;
mod listing;
mod lock;
mod place;
mod quoted;
mod read;
mod rewrite;
mod settle;
mod tree;
mod view;
mod write;

pub use discover::Mbox;
