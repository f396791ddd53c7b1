#![doc = include_str!("../docs.md")]

mod atoms;
mod column;
mod discover;
mod format;
mod frames;
mod licence;
mod meter;
mod purchase;
mod rating;
mod read;
mod walk;
mod write;

pub use discover::Tags;
