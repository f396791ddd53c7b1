//! What the elements of a song mean: one table of fields, elements and conversions.
//!
//! Reading, writing and the declared capabilities all come from this table, so that they cannot
//! disagree. It knows nothing of XML.
//!
//! Invariant: what `hold` lets pass, `encode` writes and `lift` reads back equal.

use segue_translator::model::{Field, Value, music};
use segue_translator::{Capabilities, CollectionSupport, FieldSupport, Names};

use crate::format::{Song, Tag};
use crate::kind::{day, first, number, real, seconds, stars, tag_text, text};
use crate::uri;

/// How one field is stored.
#[derive(Debug)]
pub(crate) struct Column {
    /// The field, and what of it the app can hold.
    pub(crate) support: FieldSupport,
    /// The element.
    pub(crate) tag: Tag,
    /// What the app writes where it has no value; `None` if it leaves the element out.
    pub(crate) cleared: Option<&'static str>,
    /// The value that a text means, `None` where it means "none"; a reason where it means nothing.
    lift: fn(&str) -> Result<Option<Value>, &'static str>,
    /// The text of a value that passed `hold`.
    encode: fn(&Value) -> String,
}

impl Column {
    /// How `field` is stored, if it is.
    pub(crate) fn of(field: &Field) -> Option<&'static Self> {
        COLUMNS.iter().find(|column| column.support.field == field)
    }

    /// What a song holds of this field.
    ///
    /// # Errors
    /// Why what it holds is no value of the field.
    pub(crate) fn lift(&self, song: &Song<'_>) -> Result<Option<Value>, &'static str> {
        let Some(text) = song.text(self.tag) else { return Ok(None) };
        let value = (self.lift)(text)?;
        if self.tag == Tag::Title && song.location().is_some_and(|uri| is_file_name(uri, text)) {
            return Ok(None);
        }
        match value {
            Some(value) if !self.support.field.shape.admits(&value) => Err("it is out of range"),
            value => Ok(value),
        }
    }

    /// The text that the app would hold for this value, `None` where it would hold none.
    pub(crate) fn encode(&self, value: &Value) -> Option<String> {
        let held = self.support.hold(value)?;
        self.support.field.shape.admits(&held).then(|| (self.encode)(&held))
    }
}

/// The app shows the file's name where it knows no title.
fn is_file_name(uri: &str, title: &str) -> bool {
    uri::shown_name(uri).is_some_and(|name| name == title)
}

macro_rules! columns {
    ($($field:ident, $tag:ident, $kind:ident $(, $with:ident)?;)*) => {
        /// Every field that the app knows, sorted by name.
        pub(crate) static COLUMNS: &[Column] = &[$(Column {
            support: FieldSupport::exact(&music::$field).held_as($kind::hold)$(.$with())?,
            tag: Tag::$tag,
            cleared: cleared(Tag::$tag),
            lift: $kind::lift,
            encode: $kind::encode,
        }),*];
        static FIELDS: &[FieldSupport] = &[
            $(FieldSupport::exact(&music::$field).held_as($kind::hold)$(.$with())?),*
        ];
    };
}

columns! {
    ADDED_AT, FirstSeen, number;
    ALBUM, Album, tag_text;
    ALBUM_ARTIST, AlbumArtist, text;
    ARTIST, Artist, first, lossy;
    BPM, Bpm, real;
    COMMENT, Comment, text;
    COMPOSER, Composer, tag_text;
    DISC, DiscNumber, number;
    DISC_TOTAL, DiscTotal, number;
    DURATION, Duration, seconds, read_only;
    GENRE, Genre, first, lossy;
    LAST_PLAYED, LastPlayed, number;
    MB_ALBUM_ARTIST, MbAlbumArtist, text;
    MB_ARTIST, MbArtist, text;
    MB_RECORDING, MbTrack, text;
    MB_RELEASE, MbAlbum, text;
    PLAY_COUNT, PlayCount, number;
    RATING, Rating, stars;
    TITLE, Title, text;
    TRACK, TrackNumber, number;
    TRACK_TOTAL, TrackTotal, number;
    YEAR, Date, day;
}

/// What Rhythmbox can hold.
pub(crate) static CAPABILITIES: Capabilities = Capabilities {
    app: "rhythmbox",
    schema: &music::MUSIC,
    fields: FIELDS,
    collections: &[
        CollectionSupport {
            kind: &music::PLAYLIST,
            access: segue_translator::Access::Write,
            repeats: false,
            names: Names::Any,
        },
        CollectionSupport {
            kind: &music::SMART_PLAYLIST,
            access: segue_translator::Access::Read,
            repeats: false,
            names: Names::Any,
        },
    ],
    hides: true,
    piecewise: false,
    cannot_hold: &[
        "a rating of 0 that is not the same as no rating",
        "a second artist or genre",
        "a song twice in one playlist",
        "a folder of playlists",
        "fractions of a second",
        "control characters in a text",
        "the word `Unknown`, in any language, as artist, album, genre or composer",
        "a song's file name as its title",
    ],
};

const fn cleared(tag: Tag) -> Option<&'static str> {
    match tag {
        Tag::Title | Tag::Genre | Tag::Artist | Tag::Album => Some(""),
        Tag::Date => Some("0"),
        _ => None,
    }
}
