//! The `music` schema: tracks, playlists and folders.
//!
//! Units: ratings 0–100 (0 is a rating, absent is unrated), times in Unix seconds UTC,
//! `duration` in milliseconds, ReplayGain in decibels (gain) and linear amplitude (peak).

use crate::schema::{CollectionKind, Schema, Shape, TIME, fields};

const COUNT: Shape = Shape::Int(0, u32::MAX as i64);
const NUMBER: Shape = Shape::Int(1, u32::MAX as i64);

fields! {
    /// When the track came into the library.
    ADDED_AT = "added_at", Register, TIME, false;
    /// The album's title.
    ALBUM = "album", Register, Shape::Text, true;
    /// The album's artist.
    ALBUM_ARTIST = "album_artist", Register, Shape::Text, true;
    /// The artists, in order.
    ARTIST = "artist", Register, Shape::List, true;
    /// Beats per minute.
    BPM = "bpm", Register, Shape::Real, true;
    /// A remark in the file's tags.
    COMMENT = "comment", Register, Shape::Text, true;
    /// Whether the track belongs to a compilation.
    COMPILATION = "compilation", Register, Shape::Flag, true;
    /// The composer.
    COMPOSER = "composer", Register, Shape::Text, true;
    /// Number of the disc, from 1.
    DISC = "disc", Register, NUMBER, true;
    /// How many discs there are.
    DISC_TOTAL = "disc_total", Register, NUMBER, true;
    /// Length in milliseconds.
    DURATION = "duration", Register, NUMBER, true;
    /// The genres, in order.
    GENRE = "genre", Register, Shape::List, true;
    /// A work or movement that groups tracks.
    GROUPING = "grouping", Register, Shape::Text, true;
    /// When the track was last played to its end.
    LAST_PLAYED = "last_played", Max, TIME, false;
    /// MusicBrainz release artist.
    MB_ALBUM_ARTIST = "mb_album_artist", Register, Shape::Text, true;
    /// MusicBrainz artist.
    MB_ARTIST = "mb_artist", Register, Shape::Text, true;
    /// MusicBrainz recording.
    MB_RECORDING = "mb_recording", Register, Shape::Text, true;
    /// MusicBrainz release.
    MB_RELEASE = "mb_release", Register, Shape::Text, true;
    /// How often the track was played to its end.
    PLAY_COUNT = "play_count", Counter, COUNT, false;
    /// 0–100; absent is unrated.
    RATING = "rating", Register, Shape::Int(0, 100), false;
    /// ReplayGain of the album, in decibels.
    REPLAYGAIN_ALBUM_GAIN = "replaygain_album_gain", Register, Shape::Real, true;
    /// Peak of the album, linear.
    REPLAYGAIN_ALBUM_PEAK = "replaygain_album_peak", Register, Shape::Real, true;
    /// ReplayGain of the track, in decibels.
    REPLAYGAIN_TRACK_GAIN = "replaygain_track_gain", Register, Shape::Real, true;
    /// Peak of the track, linear.
    REPLAYGAIN_TRACK_PEAK = "replaygain_track_peak", Register, Shape::Real, true;
    /// How often the track was skipped.
    SKIP_COUNT = "skip_count", Counter, COUNT, false;
    /// The title.
    TITLE = "title", Register, Shape::Text, true;
    /// Number on the disc, from 1.
    TRACK = "track", Register, NUMBER, true;
    /// How many tracks the disc has.
    TRACK_TOTAL = "track_total", Register, NUMBER, true;
    /// Year of the recording or release.
    YEAR = "year", Register, Shape::Int(1, 9999), true;
}

/// An ordered list of tracks that a person made; the same track may stand twice.
pub static PLAYLIST: CollectionKind = CollectionKind::list("playlist");
/// A list that an app computes from a rule; carried and shown, never edited.
pub static SMART_PLAYLIST: CollectionKind = CollectionKind::without_entries("smart_playlist");
/// A folder of playlists.
pub static FOLDER: CollectionKind = CollectionKind::without_entries("folder");

/// The `music` schema.
pub static MUSIC: Schema = Schema {
    name: "music",
    items: ["track", "tracks"],
    lists: ["playlist", "playlists"],
    fields: FIELDS,
    kinds: &[&PLAYLIST, &SMART_PLAYLIST, &FOLDER],
    key: None,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rule;

    #[test]
    fn the_table_is_sorted_so_that_names_can_be_found() {
        assert!(MUSIC.fields.is_sorted_by(|a, b| a.name < b.name));
        assert_eq!(MUSIC.field("rating").map(|field| field.rule), Some(Rule::Register));
        assert!(MUSIC.field("stars").is_none());
    }
}
