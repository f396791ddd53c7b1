//! The playlists: one for every 2,500 songs, of fifty different songs that both players have.

use super::random::Random;
use super::song::Songs;
use super::words::MOODS;

const SONGS_PER_PLAYLIST: u32 = 2_500;
const ENTRIES: usize = 50;

/// One playlist, and who has it.
#[derive(Debug)]
pub(super) struct Playlist {
    pub(super) name: String,
    /// Numbers of songs.
    pub(super) entries: Vec<u32>,
    pub(super) in_rhythmbox: bool,
    pub(super) in_strawberry: bool,
}

/// All playlists.
#[derive(Debug)]
pub(super) struct Playlists(Vec<Playlist>);

impl Playlists {
    pub(super) fn new(songs: &Songs) -> Self {
        let count = songs.count.div_ceil(SONGS_PER_PLAYLIST);
        Self((0..count).map(|index| playlist(songs, index)).collect())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Playlist> {
        self.0.iter()
    }
}

fn playlist(songs: &Songs, index: u32) -> Playlist {
    let mut random = Random::new(songs.seed ^ 0x9A7, u64::from(index));
    let start = random.below(songs.count);
    let in_both = |index: &u32| {
        let song = songs.song(*index);
        song.rhythmbox.is_some() && song.strawberry.is_some()
    };
    let entries = songs.scattered(start).filter(in_both).take(ENTRIES).collect();
    let name = format!("{} {}", random.pick(&MOODS), index + 1);
    // Two of four in both, one in each only.
    Playlist { name, entries, in_rhythmbox: index % 4 != 3, in_strawberry: index % 4 != 2 }
}
