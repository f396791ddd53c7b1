#![doc = include_str!("../docs.md")]

mod column;
mod discover;
mod epub;
mod folder;
mod format;
mod identifier;
mod language;
pub mod lcp;
mod markup;
mod read;
mod write;

pub use discover::Books;
