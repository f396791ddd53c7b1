#![doc = include_str!("../docs.md")]

pub mod column;
pub mod marks;
pub mod message;
pub mod utf7;

pub use message::Key;
