//! The kinds of apps that the reference translator can be, each a static table of capabilities.

use segue_translator::capability::{Access, Capabilities, CollectionSupport, FieldSupport, Names};
use segue_translator::model::music::{self, MUSIC, PLAYLIST, SMART_PLAYLIST};
use segue_translator::model::{CollectionKind, Field, Rule, Schema, Shape, Value, mail};

use crate::Scale;

/// Which app the translator is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Holds everything exactly.
    Exact,
    /// Holds ratings as whole stars.
    Stars,
    /// Holds ratings as half stars and no song twice in a playlist.
    NoRepeat,
    /// Holds ratings as bytes, artists joined with a space, and the first genre.
    Lossy,
    /// Holds ratings in steps of 20 and times in minutes, and lets nobody write its playlists.
    Coarse,
    /// Holds the [`NOTES`] schema, whose `tags` are a set.
    Tags,
    /// Holds mail: messages that lie in folders, with flags and keywords.
    Mail,
}

impl Kind {
    /// Every kind but [`Kind::Mail`], whose items are what their keys say: nobody makes up one.
    pub const ALL: [Self; 6] =
        [Self::Exact, Self::Stars, Self::NoRepeat, Self::Lossy, Self::Coarse, Self::Tags];

    /// What the app can hold.
    pub const fn capabilities(self) -> &'static Capabilities {
        match self {
            Self::Exact => &EXACT,
            Self::Stars => &STARS,
            Self::NoRepeat => &NO_REPEAT,
            Self::Lossy => &LOSSY,
            Self::Coarse => &COARSE,
            Self::Tags => &TAGS,
            Self::Mail => &MAIL,
        }
    }

    /// The scale on which the app holds ratings.
    pub const fn scale(self) -> Scale {
        match self {
            Self::Exact | Self::Tags | Self::Mail => Scale::Exact,
            Self::Stars => Scale::Stars,
            Self::NoRepeat => Scale::HalfStars,
            Self::Lossy => Scale::Bytes,
            Self::Coarse => Scale::Twenties,
        }
    }
}

static NOTE: Field =
    Field { name: "note", rule: Rule::Register, shape: Shape::Text, descriptive: true };
static READS: Field = Field {
    name: "reads",
    rule: Rule::Counter,
    shape: Shape::Int(0, u32::MAX as i64),
    descriptive: false,
};
static SEEN: Field = Field {
    name: "seen",
    rule: Rule::Max,
    shape: Shape::Int(0, 253_402_300_799),
    descriptive: false,
};
static TAGS_FIELD: Field =
    Field { name: "tags", rule: Rule::Set, shape: Shape::List, descriptive: false };
static SHELF: CollectionKind = CollectionKind::list("shelf");

/// A schema of notes with a set of tags, so that histories exercise sets: `note` (register),
/// `reads` (counter), `seen` (max), `tags` (set); collections are `shelf`.
pub static NOTES: Schema = Schema {
    name: "notes",
    items: ["note", "notes"],
    lists: ["shelf", "shelves"],
    fields: &[&NOTE, &READS, &SEEN, &TAGS_FIELD],
    kinds: &[&SHELF],
    key: None,
};

/// Every descriptive field that is held exactly by all music kinds but `memory-coarse`.
macro_rules! music_fields {
    ($($special:expr),* $(,)?) => {
        &[
            FieldSupport::exact(&music::ADDED_AT), FieldSupport::exact(&music::ALBUM),
            FieldSupport::exact(&music::ALBUM_ARTIST), FieldSupport::exact(&music::BPM),
            FieldSupport::exact(&music::COMMENT), FieldSupport::exact(&music::COMPILATION),
            FieldSupport::exact(&music::COMPOSER), FieldSupport::exact(&music::DISC),
            FieldSupport::exact(&music::DISC_TOTAL), FieldSupport::exact(&music::DURATION),
            FieldSupport::exact(&music::GROUPING), FieldSupport::exact(&music::LAST_PLAYED),
            FieldSupport::exact(&music::MB_ALBUM_ARTIST), FieldSupport::exact(&music::MB_ARTIST),
            FieldSupport::exact(&music::MB_RECORDING), FieldSupport::exact(&music::MB_RELEASE),
            FieldSupport::exact(&music::PLAY_COUNT),
            FieldSupport::exact(&music::REPLAYGAIN_ALBUM_GAIN),
            FieldSupport::exact(&music::REPLAYGAIN_ALBUM_PEAK),
            FieldSupport::exact(&music::REPLAYGAIN_TRACK_GAIN),
            FieldSupport::exact(&music::REPLAYGAIN_TRACK_PEAK),
            FieldSupport::exact(&music::SKIP_COUNT), FieldSupport::exact(&music::TITLE),
            FieldSupport::exact(&music::TRACK), FieldSupport::exact(&music::TRACK_TOTAL),
            FieldSupport::exact(&music::YEAR), $($special),*
        ]
    };
}

const PLAYLISTS: CollectionSupport =
    CollectionSupport { kind: &PLAYLIST, access: Access::Write, repeats: true, names: Names::Any };
const SMART: CollectionSupport = CollectionSupport {
    kind: &SMART_PLAYLIST,
    access: Access::Read,
    repeats: false,
    names: Names::Any,
};

static EXACT: Capabilities = Capabilities {
    app: "memory-exact",
    schema: &MUSIC,
    fields: music_fields![
        FieldSupport::exact(&music::ARTIST),
        FieldSupport::exact(&music::GENRE),
        FieldSupport::exact(&music::RATING),
    ],
    collections: &[PLAYLISTS, SMART],
    hides: true,
    piecewise: false,
    cannot_hold: &[],
};

static STARS: Capabilities = Capabilities {
    app: "memory-stars",
    schema: &MUSIC,
    fields: music_fields![
        FieldSupport::exact(&music::ARTIST),
        FieldSupport::exact(&music::GENRE),
        FieldSupport::exact(&music::RATING).held_as(|rating| Scale::Stars.hold(rating)),
    ],
    collections: &[PLAYLISTS, SMART],
    hides: true,
    piecewise: false,
    cannot_hold: &["a rating of 0", "ratings between whole stars"],
};

static NO_REPEAT: Capabilities = Capabilities {
    app: "memory-norepeat",
    schema: &MUSIC,
    fields: music_fields![
        FieldSupport::exact(&music::ARTIST),
        FieldSupport::exact(&music::GENRE),
        FieldSupport::exact(&music::RATING).held_as(|rating| Scale::HalfStars.hold(rating)),
    ],
    collections: &[CollectionSupport { repeats: false, ..PLAYLISTS }, SMART],
    hides: true,
    piecewise: false,
    cannot_hold: &["a song twice in one playlist", "ratings between half stars"],
};

static LOSSY: Capabilities = Capabilities {
    app: "memory-lossy",
    schema: &MUSIC,
    fields: music_fields![
        FieldSupport::exact(&music::ARTIST).held_as(joined).lossy(),
        FieldSupport::exact(&music::GENRE).held_as(first).lossy(),
        FieldSupport::exact(&music::RATING).held_as(|rating| Scale::Bytes.hold(rating)),
    ],
    collections: &[PLAYLISTS, SMART],
    hides: true,
    piecewise: false,
    cannot_hold: &["several artists apart", "more than one genre"],
};

static COARSE: Capabilities = Capabilities {
    app: "memory-coarse",
    schema: &MUSIC,
    fields: &[
        FieldSupport::exact(&music::ADDED_AT).held_as(minutes),
        FieldSupport::exact(&music::ALBUM).read_only(),
        FieldSupport::exact(&music::ARTIST).read_only(),
        FieldSupport::exact(&music::DURATION).read_only(),
        FieldSupport::exact(&music::LAST_PLAYED).held_as(minutes),
        FieldSupport::exact(&music::PLAY_COUNT),
        FieldSupport::exact(&music::RATING).held_as(|rating| Scale::Twenties.hold(rating)),
        FieldSupport::exact(&music::TITLE).read_only(),
        FieldSupport::exact(&music::TRACK).read_only(),
    ],
    collections: &[CollectionSupport { access: Access::Read, ..PLAYLISTS }],
    hides: false,
    piecewise: false,
    cannot_hold: &["ratings between steps of 20", "seconds of times", "skip counts", "playlists"],
};

static TAGS: Capabilities = Capabilities {
    app: "memory-tags",
    schema: &NOTES,
    fields: &[
        FieldSupport::exact(&NOTE),
        FieldSupport::exact(&READS),
        FieldSupport::exact(&SEEN),
        FieldSupport::exact(&TAGS_FIELD).held_as(sorted),
    ],
    collections: &[CollectionSupport {
        kind: &SHELF,
        access: Access::Write,
        repeats: true,
        names: Names::Any,
    }],
    hides: false,
    piecewise: false,
    cannot_hold: &[],
};

static MAIL: Capabilities = Capabilities {
    app: "memory-mail",
    schema: &mail::MAIL,
    fields: &[
        FieldSupport::exact(&mail::FLAGS).held_as(flags),
        FieldSupport::exact(&mail::FOLDERS).held_as(paths),
        FieldSupport::exact(&mail::KEY).read_only().fixed(),
        FieldSupport::exact(&mail::KEYWORDS).held_as(sorted),
        FieldSupport::exact(&mail::SUBJECT).read_only().lossy().fixed(),
    ],
    collections: &[CollectionSupport {
        kind: &mail::FOLDER,
        access: Access::Read,
        repeats: false,
        names: Names::Any,
    }],
    hides: false,
    piecewise: false,
    cannot_hold: &["folders in which no message lies are not made"],
};

fn flags(flags: &Value) -> Option<Value> {
    some_of(flags, |flag| mail::FLAGS_KNOWN.contains(&flag))
}

fn paths(folders: &Value) -> Option<Value> {
    some_of(folders, |path| mail::names(path).is_some())
}

fn some_of(set: &Value, is_held: impl Fn(&str) -> bool) -> Option<Value> {
    let held: Vec<Box<str>> = set.as_list()?.iter().filter(|text| is_held(text)).cloned().collect();
    (!held.is_empty()).then(|| Value::list(held)).as_ref().and_then(sorted)
}

fn joined(artists: &Value) -> Option<Value> {
    Some(Value::list([artists.as_list()?.join(" ")]))
}

fn first(genres: &Value) -> Option<Value> {
    genres.as_list()?.first().map(|genre| Value::list([genre.clone()]))
}

fn minutes(time: &Value) -> Option<Value> {
    time.as_int().map(|seconds| Value::Int(seconds.div_euclid(60) * 60))
}

fn sorted(tags: &Value) -> Option<Value> {
    let mut tags = tags.as_list()?.to_vec();
    tags.sort();
    tags.dedup();
    Some(Value::list(tags))
}
