#![doc = include_str!("../docs.md")]

mod backup;
mod column;
mod connection;
mod discover;
mod format;
mod library;
mod listing;
mod playlist;
mod playlist_edit;
mod read;
mod schema;
mod songs;
mod write;

pub use discover::Strawberry;
