#![doc = include_str!("../docs.md")]

mod backup;
mod column;
mod discover;
mod files;
mod format;
mod keywords;
mod layout;
mod letters;
mod listing;
mod lock;
mod place;
mod read;
mod tree;
mod write;

pub use discover::Maildir;
pub use files::{File, Files, Move, Tree};
pub use layout::held as held_folders;
