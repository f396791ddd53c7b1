#![doc = include_str!("../docs.md")]

pub mod column;
pub mod marks;
pub mod message;

pub use message::Key;
