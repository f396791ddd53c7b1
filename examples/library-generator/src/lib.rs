//! Writes big Rhythmbox and Strawberry libraries, and stores of mail, the same ones for the same seed.
//!
//! Trials need two players that know the same hundred thousand songs and disagree here and there,
//! as the real ones do after some years. [`generate`] writes both libraries into one home folder.
//! There is no audio behind them, and a real app that is started on them drops the songs whose file
//! it misses; with files of the right size and time in place, both apps show all. It imitates what Rhythmbox 3.4.6 and Strawberry 1.0.14 write and
//! models no other version.
//!
//! Invariant: the same number of songs and the same seed give the same XML bytes and the same
//! database content, on every machine; no clock and no randomness of the system is used.

mod error;
mod mail;
mod playlist;
mod random;
mod rhythmbox;
mod song;
mod strawberry;
mod uri;
mod words;

use std::path::{Path, PathBuf};

pub use error::Error;
pub use mail::{Mail, mail};

use playlist::Playlists;
use song::Songs;

/// The most songs that one library may have: names stop being unique beyond.
pub const SONGS_MAX: u32 = 5_000_000;

/// The folder that all songs claim to be in.
pub const MUSIC: &str = "/srv/segue-library";

/// What two generated libraries hold, and how they differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Songs in Rhythmbox.
    pub in_rhythmbox: u32,
    /// Songs in Strawberry.
    pub in_strawberry: u32,
    /// Songs in both.
    pub in_both: u32,
    /// Songs in both that only one of them has rated.
    pub rated_in_one: u32,
    /// Songs in both with the same rating.
    pub rated_equally: u32,
    /// Songs in both with two ratings.
    pub rated_differently: u32,
    /// Songs in both whose play counts differ.
    pub played_differently: u32,
    /// Playlists in Rhythmbox.
    pub playlists_in_rhythmbox: u32,
    /// Playlists in Strawberry, without the empty one that is always open.
    pub playlists_in_strawberry: u32,
    /// Playlists in both, with the same entries.
    pub playlists_in_both: u32,
}

/// Where Rhythmbox keeps its library in a home folder.
pub fn rhythmbox_folder(home: &Path) -> PathBuf {
    home.join(".local/share/rhythmbox")
}

/// Where Strawberry keeps its library in a home folder.
pub fn strawberry_database(home: &Path) -> PathBuf {
    home.join(".local/share/strawberry/strawberry/strawberry.db")
}

/// Writes a Rhythmbox and a Strawberry library of about this many songs into a home folder.
///
/// # Errors
///
/// [`Error::TooMany`] above [`SONGS_MAX`]. Nothing is overwritten: where a library is already, the
/// error is [`Error::Io`] with [`AlreadyExists`](std::io::ErrorKind::AlreadyExists).
pub fn generate(songs: u32, seed: u64, home: &Path) -> Result<Summary, Error> {
    if songs > SONGS_MAX {
        return Err(Error::TooMany { songs });
    }
    let songs = Songs::new(songs, seed);
    let playlists = Playlists::new(&songs);
    rhythmbox::write(&songs, &playlists, &rhythmbox_folder(home))?;
    strawberry::write(&songs, &playlists, &strawberry_database(home))?;
    Ok(summary(&songs, &playlists))
}

fn summary(songs: &Songs, playlists: &Playlists) -> Summary {
    let mut sum = Summary::default();
    for song in songs.iter() {
        let (rhythmbox, strawberry) = (song.rhythmbox.as_ref(), song.strawberry.as_ref());
        sum.in_rhythmbox += u32::from(rhythmbox.is_some());
        sum.in_strawberry += u32::from(strawberry.is_some());
        let (Some(one), Some(other)) = (rhythmbox, strawberry) else { continue };
        sum.in_both += 1;
        match (one.stars, other.stars) {
            (Some(one), Some(other)) if one == other => sum.rated_equally += 1,
            (Some(_), Some(_)) => sum.rated_differently += 1,
            (None, None) => {}
            _ => sum.rated_in_one += 1,
        }
        sum.played_differently += u32::from(one.plays != other.plays);
    }
    for list in playlists.iter() {
        sum.playlists_in_rhythmbox += u32::from(list.in_rhythmbox);
        sum.playlists_in_strawberry += u32::from(list.in_strawberry);
        sum.playlists_in_both += u32::from(list.in_rhythmbox && list.in_strawberry);
    }
    sum
}

#[cfg(test)]
mod tests;
