//! The songs: what each is called, and what each player holds of it.
//!
//! Every song is computed from its number alone, so a million of them need no memory. How often the
//! players differ is decided here and nowhere else.

use super::MUSIC;
use super::random::Random;
use super::words::{GENRES, TAILS, name};

const SONGS_PER_ALBUM: u32 = 12;
const ALBUMS_PER_ARTIST: u32 = 3;
/// Names of artists are three words; an odd factor spreads neighbours without two being equal.
const ARTISTS: u32 = 64 * 64 * 64;
const SPREAD: u32 = 2_654_435_769;
/// Prime, and larger than any library: steps of it visit every song once.
const STEP: u64 = 4_294_967_291;
/// The first of January 2015, in Unix seconds.
const FIRST_DAY: i64 = 1_420_070_400;
const TEN_YEARS: u32 = 315_360_000;

/// How a file is coded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Coding {
    pub(super) ending: &'static str,
    pub(super) media_type: &'static str,
    /// Strawberry's number for it.
    pub(super) filetype: u32,
    pub(super) bitrate: u32,
    pub(super) sample_rate: u32,
}

const CODINGS: [Coding; 5] = [
    Coding {
        ending: "mp3",
        media_type: "audio/mpeg",
        filetype: 8,
        bitrate: 320,
        sample_rate: 44_100,
    },
    Coding {
        ending: "flac",
        media_type: "audio/x-flac",
        filetype: 2,
        bitrate: 900,
        sample_rate: 44_100,
    },
    Coding {
        ending: "ogg",
        media_type: "audio/x-vorbis",
        filetype: 5,
        bitrate: 192,
        sample_rate: 44_100,
    },
    Coding {
        ending: "opus",
        media_type: "audio/x-opus",
        filetype: 6,
        bitrate: 128,
        sample_rate: 48_000,
    },
    Coding {
        ending: "m4a",
        media_type: "audio/x-aac",
        filetype: 9,
        bitrate: 256,
        sample_rate: 44_100,
    },
];

/// What one player holds of a song beyond its tags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Held {
    /// 1 to 5.
    pub(super) stars: Option<u8>,
    pub(super) plays: u32,
    /// Unix seconds; only if it was played.
    pub(super) last_played: i64,
}

/// One song.
#[derive(Debug, Clone)]
pub(super) struct Song {
    pub(super) title: String,
    pub(super) artist: String,
    pub(super) album: String,
    pub(super) genre: &'static str,
    pub(super) track: u32,
    pub(super) year: u32,
    pub(super) duration_ms: u32,
    pub(super) size_bytes: u64,
    pub(super) modified: i64,
    pub(super) added: i64,
    pub(super) coding: Coding,
    pub(super) artist_folder: String,
    pub(super) album_folder: String,
    pub(super) path: String,
    pub(super) rhythmbox: Option<Held>,
    pub(super) strawberry: Option<Held>,
}

/// All songs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Songs {
    pub(super) count: u32,
    pub(super) seed: u64,
}

impl Songs {
    pub(super) fn new(count: u32, seed: u64) -> Self {
        Self { count, seed }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Song> {
        let songs = *self;
        (0..songs.count).map(move |index| songs.song(index))
    }

    /// The numbers of all songs in an order that looks like a hash table's, from any start.
    pub(super) fn scattered(&self, start: u32) -> impl Iterator<Item = u32> + use<> {
        let count = u64::from(self.count);
        (0..count).map(move |place| ((u64::from(start) + place * (STEP % count)) % count) as u32)
    }

    /// The song of this number.
    pub(super) fn song(&self, index: u32) -> Song {
        let album_index = index / SONGS_PER_ALBUM;
        let artist_index = album_index / ALBUMS_PER_ARTIST;
        let mut of_album = Random::new(self.seed ^ 0xA1B, u64::from(album_index));
        let mut random = Random::new(self.seed, u64::from(index));

        let artist = name(artist_index.wrapping_mul(SPREAD) % ARTISTS, 3);
        let album = name(album_index.wrapping_mul(SPREAD) % 4_096, 2);
        let (genre, year) = (*of_album.pick(&GENRES), 1960 + of_album.below(65));
        let coding = *of_album.pick(&CODINGS);
        let mut title = name(random.below(4_096), 2);
        if random.below(40) == 0 {
            title.push_str(random.pick::<&str>(&TAILS));
        }
        let track = index % SONGS_PER_ALBUM + 1;
        let duration_ms = 120_000 + random.below(300_000);
        let added = FIRST_DAY + i64::from(of_album.below(TEN_YEARS));
        let artist_folder = format!("{MUSIC}/{artist}");
        let album_folder = format!("{artist_folder}/{album}");
        let path = format!("{album_folder}/{track:02} {title}.{}", coding.ending);
        let (rhythmbox, strawberry) = held(&mut random, added);
        Song {
            title,
            artist,
            album,
            genre,
            track,
            year,
            duration_ms,
            size_bytes: u64::from(duration_ms) * u64::from(coding.bitrate) / 8,
            modified: added - i64::from(random.below(10_000_000)),
            added,
            coding,
            artist_folder,
            album_folder,
            path,
            rhythmbox,
            strawberry,
        }
    }
}

/// What both hold: 3 % of files in one only; 30 % rated in one only, 5 % equally, 0.1 % differently;
/// a third played, most of those in one only.
fn held(random: &mut Random, added: i64) -> (Option<Held>, Option<Held>) {
    let (mut one, mut other) = (Held::default(), Held::default());
    let stars = 1 + random.below(5) as u8;
    match random.below(1_000) {
        0..150 => one.stars = Some(stars),
        150..300 => other.stars = Some(stars),
        300..350 => (one.stars, other.stars) = (Some(stars), Some(stars)),
        350 => (one.stars, other.stars) = (Some(stars), Some(stars % 5 + 1)),
        _ => {}
    }
    match random.below(100) {
        0..15 => play(&mut one, random, added),
        15..30 => play(&mut other, random, added),
        30..33 => {
            play(&mut one, random, added);
            other.plays = one.plays;
            other.last_played = one.last_played;
        }
        33..35 => {
            play(&mut one, random, added);
            play(&mut other, random, added);
        }
        _ => {}
    }
    match random.below(1_000) {
        0..15 => (Some(one), None),
        15..30 => (None, Some(other)),
        _ => (Some(one), Some(other)),
    }
}

fn play(held: &mut Held, random: &mut Random, added: i64) {
    held.plays = 1 + random.below(40);
    held.last_played = added + i64::from(random.below(30_000_000));
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn paths_are_unique() {
        let songs = Songs::new(100_000, 7);
        let paths: HashSet<String> = songs.iter().map(|song| song.path).collect();
        assert_eq!(paths.len(), 100_000);
    }

    #[test]
    fn scattered_visits_every_song_once() {
        for count in [1, 2, 5, 1_000, 12_345] {
            let songs = Songs::new(count, 7);
            let seen: HashSet<u32> = songs.scattered(count / 2).collect();
            assert_eq!(seen.len(), count as usize);
        }
        assert_eq!(Songs::new(0, 7).scattered(0).count(), 0);
    }
}
