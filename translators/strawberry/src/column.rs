//! Which column of `songs` says which field, and what the app may hold of it.
//!
//! Invariant: every field that [`capabilities`] names is one line of [`COLUMNS`], with its unit.

use segue_translator::model::{Field, Value, music};
use segue_translator::{Access, Capabilities, CollectionSupport, FieldSupport, Names};

use crate::format::Unit;

/// A column that says a field.
#[derive(Debug)]
pub(crate) struct Column {
    /// The field.
    pub(crate) field: &'static Field,
    /// The column's name.
    pub(crate) name: &'static str,
    /// How it holds values.
    pub(crate) unit: Unit,
    /// The schema version that brought it.
    pub(crate) since: i64,
    /// The column of the app's search table that repeats it.
    pub(crate) search: Option<&'static str>,
}

impl Column {
    /// The expression to select: a compilation is what the tag or the person says. What the app
    /// only guesses from the songs in one folder changes by itself and is nobody's opinion.
    pub(crate) fn expression(&self) -> &'static str {
        match self.unit {
            Unit::Flag => {
                "CASE WHEN compilation_off THEN 0 WHEN compilation_on OR compilation THEN 1 END"
            }
            _ => self.name,
        }
    }
}

macro_rules! columns {
    ($($field:ident = $name:literal, $unit:ident, $since:literal, $search:expr, |$support:ident| $access:expr;)*) => {
        /// Every column that says a field, oldest schema version first.
        pub(crate) static COLUMNS: &[Column] = &[$(Column {
            field: &music::$field,
            name: $name,
            unit: Unit::$unit,
            since: $since,
            search: $search,
        }),*];

        static FIELDS: &[FieldSupport] = &[$({
            fn hold(value: &Value) -> Option<Value> {
                Unit::$unit.hold(value)
            }
            let $support = FieldSupport::exact(&music::$field).held_as(hold);
            $access
        }),*];

        const fn fields_of(version: i64) -> &'static [FieldSupport] {
            let since = [$($since),*];
            let mut count = 0;
            while count < since.len() && since[count] <= version {
                count += 1;
            }
            FIELDS.split_at(count).0
        }
    };
}

columns! {
    ALBUM = "album", Text, 15, Some("ftsalbum"), |field| field;
    ALBUM_ARTIST = "albumartist", Text, 15, Some("ftsalbumartist"), |field| field;
    ARTIST = "artist", Joined, 15, Some("ftsartist"), |field| field.lossy();
    COMMENT = "comment", Text, 15, Some("ftscomment"), |field| field;
    COMPILATION = "compilation", Flag, 15, None, |field| field;
    COMPOSER = "composer", Text, 15, Some("ftscomposer"), |field| field;
    DISC = "disc", Number, 15, None, |field| field;
    DURATION = "length", Nanoseconds, 15, None, |field| field.read_only();
    GENRE = "genre", Joined, 15, Some("ftsgenre"), |field| field.lossy();
    GROUPING = "grouping", Text, 15, Some("ftsgrouping"), |field| field;
    LAST_PLAYED = "lastplayed", Time, 15, None, |field| field;
    PLAY_COUNT = "playcount", Count, 15, None, |field| field;
    RATING = "rating", Rating, 15, None, |field| field;
    SKIP_COUNT = "skipcount", Count, 15, None, |field| field;
    TITLE = "title", Text, 15, Some("ftstitle"), |field| field;
    TRACK = "track", Number, 15, None, |field| field;
    YEAR = "year", Number, 15, None, |field| field;
    MB_ALBUM_ARTIST = "musicbrainz_album_artist_id", Text, 16, None, |field| field;
    MB_ARTIST = "musicbrainz_artist_id", Text, 16, None, |field| field;
    MB_RECORDING = "musicbrainz_recording_id", Text, 16, None, |field| field;
    MB_RELEASE = "musicbrainz_album_id", Text, 16, None, |field| field;
    BPM = "bpm", Beats, 21, None, |field| field;
}

static COLLECTIONS: &[CollectionSupport] = &[
    CollectionSupport {
        kind: &music::PLAYLIST,
        access: Access::Write,
        repeats: true,
        names: Names::Any,
    },
    CollectionSupport {
        kind: &music::SMART_PLAYLIST,
        access: Access::Read,
        repeats: true,
        names: Names::Any,
    },
];

const fn capabilities_of(version: i64) -> Capabilities {
    Capabilities {
        app: "strawberry",
        schema: &music::MUSIC,
        fields: fields_of(version),
        collections: COLLECTIONS,
        hides: true,
        piecewise: false,
        cannot_hold: &[
            "a rating of 0 that is not the same as no rating",
            "several artists or genres apart: they are one text, joined by spaces",
            "folders of playlists",
            "smart playlists made elsewhere",
            "a song in a playlist that is not in its collection",
        ],
    }
}

static PLAIN: Capabilities = capabilities_of(15);
static WITH_MUSICBRAINZ: Capabilities = capabilities_of(16);
static WITH_BPM: Capabilities = capabilities_of(21);

/// What Strawberry can hold in a database of this schema version.
pub(crate) fn capabilities(version: i64) -> &'static Capabilities {
    match version {
        21.. => &WITH_BPM,
        16.. => &WITH_MUSICBRAINZ,
        _ => &PLAIN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_can_hold_what_its_columns_say() {
        assert!(COLUMNS.is_sorted_by_key(|column| column.since));
        for version in [15, 16, 20, 21, 23] {
            let columns: Vec<_> = COLUMNS
                .iter()
                .filter(|column| column.since <= version)
                .map(|column| column.field)
                .collect();
            let fields: Vec<_> =
                capabilities(version).fields.iter().map(|support| support.field).collect();
            assert_eq!(columns, fields, "{version}");
        }
    }
}
