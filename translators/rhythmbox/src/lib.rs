#![doc = include_str!("../docs.md")]

mod backup;
mod column;
mod date;
mod discover;
mod escape;
mod files;
mod format;
mod kind;
mod library;
mod listing_edits;
mod markup;
mod placeholder;
mod playlist_edits;
mod playlists;
mod read;
mod song_edits;
mod splice;
mod uri;
mod write;

pub use discover::Rhythmbox;
