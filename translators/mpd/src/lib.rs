#![doc = include_str!("../docs.md")]

mod backup;
mod client;
mod config;
mod discover;
mod format;
mod kind;
mod library;
mod playlist_edits;
mod read;
mod revision;
mod write;

pub use client::Limits;
pub use discover::Mpd;
