#![doc = include_str!("../docs.md")]

mod discover;
mod format;
mod kind;
mod read;
mod scale;
mod store;
mod write;

pub use discover::Memory;
pub use kind::{Kind, NOTES};
pub use scale::Scale;
pub use store::Store;
