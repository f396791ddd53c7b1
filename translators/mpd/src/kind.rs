//! What MPD can hold: tags to read, stickers to write, stored playlists by name.
//!
//! A server without a `sticker_file` holds no ratings and counts, one without a
//! `playlist_directory` no playlists; both follow from the configuration alone, so that the
//! answer is the same whether MPD runs or not.
//!
//! Invariant: every field that `format` reads is here.

use segue_translator::model::music::{self, MUSIC};
use segue_translator::{Access, Capabilities, CollectionSupport, FieldSupport, Hold, Names};

/// Ten levels above zero; 0 is a rating of its own, and no sticker is none.
const RATING: FieldSupport =
    FieldSupport::exact(&music::RATING).held(Hold::Levels { count: 10, zero: true });

const fn tag(field: &'static segue_translator::model::Field) -> FieldSupport {
    FieldSupport::exact(field).read_only()
}

const TAGS: [FieldSupport; 18] = [
    tag(&music::ALBUM),
    tag(&music::ALBUM_ARTIST).lossy(),
    tag(&music::ARTIST),
    tag(&music::COMMENT).lossy(),
    tag(&music::COMPOSER).lossy(),
    tag(&music::DISC),
    tag(&music::DISC_TOTAL),
    tag(&music::DURATION),
    tag(&music::GENRE),
    tag(&music::GROUPING).lossy(),
    tag(&music::MB_ALBUM_ARTIST).lossy(),
    tag(&music::MB_ARTIST).lossy(),
    tag(&music::MB_RECORDING),
    tag(&music::MB_RELEASE),
    tag(&music::TITLE),
    tag(&music::TRACK),
    tag(&music::TRACK_TOTAL),
    tag(&music::YEAR),
];

const fn with_stickers() -> [FieldSupport; 22] {
    let mut all = [RATING; 22];
    let mut index = 0;
    while index < TAGS.len() {
        all[index] = TAGS[index];
        index += 1;
    }
    all[18] = FieldSupport::exact(&music::PLAY_COUNT);
    all[19] = FieldSupport::exact(&music::SKIP_COUNT);
    all[20] = FieldSupport::exact(&music::LAST_PLAYED);
    all
}

static READ_ONLY: [FieldSupport; 18] = TAGS;
static ALL: [FieldSupport; 22] = with_stickers();

static PLAYLISTS: [CollectionSupport; 1] = [CollectionSupport {
    kind: &music::PLAYLIST,
    access: Access::Write,
    repeats: true,
    // A name is that of a file, with `.m3u` and what a copy of it needs.
    names: Names::Unique { without: "/\n\r\0", except: &[], bytes_max: 240 },
}];

/// Whether MPD takes this name for a playlist.
pub(crate) fn is_a_name(name: &str) -> bool {
    PLAYLISTS[0].holds_name(name)
}

const fn capabilities_of(
    fields: &'static [FieldSupport],
    collections: &'static [CollectionSupport],
    cannot_hold: &'static [&'static str],
) -> Capabilities {
    Capabilities { collections, cannot_hold, ..Capabilities::of("mpd", &MUSIC, fields) }
}

const NAMES: &str = "playlists with `/` or a line break in the name, or with the name of another";
const SMART: &str = "smart playlists and folders";
const NO_STICKERS: &str = "ratings and counts: its configuration has no sticker_file";
const NO_LISTS: &str = "playlists: its configuration has no playlist_directory";

static WHOLE: Capabilities = capabilities_of(&ALL, &PLAYLISTS, &[NAMES, SMART]);
static LISTS: Capabilities = capabilities_of(&READ_ONLY, &PLAYLISTS, &[NO_STICKERS, NAMES, SMART]);
static STICKERS: Capabilities = capabilities_of(&ALL, &[], &[NO_LISTS]);
static NEITHER: Capabilities = capabilities_of(&READ_ONLY, &[], &[NO_STICKERS, NO_LISTS]);

/// What a server holds that has stickers and stored playlists, or not.
pub(crate) fn capabilities(stickers: bool, lists: bool) -> &'static Capabilities {
    match (stickers, lists) {
        (true, true) => &WHOLE,
        (false, true) => &LISTS,
        (true, false) => &STICKERS,
        (false, false) => &NEITHER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_mpd_refuses_are_not_held() {
        for name in ["", "AC/DC", "a\nb", "a\rb", "a\0b", &"a".repeat(241)] {
            assert!(!is_a_name(name), "{name:?}");
        }
        for name in ["Été & \"Hiver\" <mix>", ".", "two\ttabs", &"a".repeat(240)] {
            assert!(is_a_name(name), "{name:?}");
        }
    }

    #[test]
    fn each_field_is_declared_once() {
        let names: std::collections::BTreeSet<_> = ALL.iter().map(|one| one.field.name).collect();
        assert_eq!(names.len(), ALL.len());
    }
}
