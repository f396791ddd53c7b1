#![doc = include_str!("../docs.md")]

pub mod column;
mod ears;
pub mod marks;
pub mod message;
pub mod utf7;

pub use ears::{Ears, FOLDERS_MAX};
pub use message::Key;
