//! Which tag says which field. Reading and capabilities come from this one table.
//!
//! Names of tags differ between formats; `lofty` knows them by [`ItemKey`]. What it does not know (ratings,
//! counts) is in [`rating`](crate::rating).
//!
//! Invariant: every value that is lifted is one that its field admits, and 0 where it says nothing is
//! absent.

use lofty::tag::{ItemKey, Tag};
use segue_translator::model::music::{self, MUSIC};
use segue_translator::model::{Field, Fields, Real, Value};
use segue_translator::{Capabilities, FieldSupport, Hold};

/// Longest text that is carried, in bytes: what is longer is no title or comment.
const TEXT_BYTES_MAX: usize = 16 << 10;
/// Most artists or genres of one track.
const TEXTS_MAX: usize = 64;
/// Numbers beyond are none of beats, decibels or peaks.
const REAL_MAX: f64 = 100_000.0;

/// What texts of a tag mean.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// The first text.
    Text,
    /// All texts.
    List,
    /// The number before a slash: 3 of `3/12`.
    Number,
    /// The number after a slash, or the only one.
    Total,
    /// The first four digits of a date.
    Year,
    /// A number with a fraction, and perhaps ` dB`.
    Real,
    /// The same; 0 is none.
    Beats,
    /// 1 or 0.
    Flag,
}

/// A field and its tags.
#[derive(Clone, Copy)]
struct Column {
    support: FieldSupport,
    key: ItemKey,
    /// Where it is looked for if not there.
    other: Option<ItemKey>,
    kind: Kind,
}

const fn column(field: &'static Field, key: ItemKey, kind: Kind) -> Column {
    let support = FieldSupport::exact(field).read_only();
    // Of several values only the first is carried.
    let support = if matches!(kind, Kind::Text) { support.lossy() } else { support };
    Column { support, key, other: None, kind }
}

const fn exact(field: &'static Field, key: ItemKey, kind: Kind) -> Column {
    let support = FieldSupport::exact(field).read_only();
    Column { support, key, other: None, kind }
}

const fn or(column: Column, other: ItemKey) -> Column {
    Column { other: Some(other), ..column }
}

const COLUMNS: [Column; 22] = [
    exact(&music::ALBUM, ItemKey::AlbumTitle, Kind::Text),
    column(&music::ALBUM_ARTIST, ItemKey::AlbumArtist, Kind::Text),
    column(&music::ARTIST, ItemKey::TrackArtist, Kind::List),
    or(column(&music::BPM, ItemKey::Bpm, Kind::Beats), ItemKey::IntegerBpm),
    column(&music::COMMENT, ItemKey::Comment, Kind::Text),
    column(&music::COMPILATION, ItemKey::FlagCompilation, Kind::Flag),
    column(&music::COMPOSER, ItemKey::Composer, Kind::Text),
    column(&music::DISC, ItemKey::DiscNumber, Kind::Number),
    or(column(&music::DISC_TOTAL, ItemKey::DiscTotal, Kind::Total), ItemKey::DiscNumber),
    column(&music::GENRE, ItemKey::Genre, Kind::List),
    or(
        column(&music::GROUPING, ItemKey::ContentGroup, Kind::Text),
        ItemKey::AppleId3v2ContentGroup,
    ),
    column(&music::MB_ALBUM_ARTIST, ItemKey::MusicBrainzReleaseArtistId, Kind::Text),
    column(&music::MB_ARTIST, ItemKey::MusicBrainzArtistId, Kind::Text),
    exact(&music::MB_RECORDING, ItemKey::MusicBrainzRecordingId, Kind::Text),
    exact(&music::MB_RELEASE, ItemKey::MusicBrainzReleaseId, Kind::Text),
    column(&music::REPLAYGAIN_ALBUM_GAIN, ItemKey::ReplayGainAlbumGain, Kind::Real),
    column(&music::REPLAYGAIN_ALBUM_PEAK, ItemKey::ReplayGainAlbumPeak, Kind::Real),
    column(&music::REPLAYGAIN_TRACK_GAIN, ItemKey::ReplayGainTrackGain, Kind::Real),
    column(&music::REPLAYGAIN_TRACK_PEAK, ItemKey::ReplayGainTrackPeak, Kind::Real),
    exact(&music::TITLE, ItemKey::TrackTitle, Kind::Text),
    column(&music::TRACK, ItemKey::TrackNumber, Kind::Number),
    or(column(&music::TRACK_TOTAL, ItemKey::TrackTotal, Kind::Total), ItemKey::TrackNumber),
];

/// Which has two names that mean the same.
const YEAR: Column = or(exact(&music::YEAR, ItemKey::RecordingDate, Kind::Year), ItemKey::Year);

/// No counter says 0 for a song that was never played: it is not there, or it was reset.
const PLAYS: FieldSupport = FieldSupport::exact(&music::PLAY_COUNT).read_only().held(Hold::Steps {
    step: 1,
    most: u32::MAX as i64,
    zero: false,
});

const fn supports() -> [FieldSupport; 26] {
    let mut all = [PLAYS; 26];
    let mut index = 0;
    while index < COLUMNS.len() {
        all[index] = COLUMNS[index].support;
        index += 1;
    }
    all[22] = YEAR.support;
    all[23] = FieldSupport::exact(&music::DURATION).read_only();
    all[24] = FieldSupport::exact(&music::RATING).read_only();
    all
}

static FIELDS: [FieldSupport; 26] = supports();

/// What tags hold; none of it is written.
pub(crate) static CAPABILITIES: Capabilities = Capabilities {
    app: "tags",
    schema: &MUSIC,
    fields: &FIELDS,
    collections: &[],
    hides: false,
    piecewise: false,
    cannot_hold: &["playlists", "anything new: tags are read and never written"],
};

/// Sets what `tags` say, the first that says it; what cannot be a value is added to `losses`.
pub(crate) fn lift(tags: &[Tag], fields: &mut Fields, losses: &mut Vec<String>) {
    for column in COLUMNS.iter().chain([&YEAR]) {
        let keys = [Some(column.key), column.other];
        let keys = keys.into_iter().flatten().enumerate();
        let found = keys
            .flat_map(|(place, key)| tags.iter().map(move |tag| (place, key, tag)))
            .find_map(|(place, key, tag)| column.value(place, &texts(tag, key)).transpose());
        match found {
            None => {}
            Some(Ok(value)) => fields.set(column.support.field, value),
            Some(Err(what)) => losses.push(what),
        }
    }
}

/// The texts under a key, without remarks that programs leave for themselves (`iTunNORM`).
fn texts(tag: &Tag, key: ItemKey) -> Vec<&str> {
    let items = tag.get_items(key).filter(|item| item.description().is_empty());
    let texts = items.filter_map(|item| item.value().text());
    texts.map(|text| text.trim_end_matches('\0')).filter(|text| !text.is_empty()).collect()
}

impl Column {
    /// `place` is 0 for texts under the first key, 1 for those under the other.
    fn value(&self, place: usize, texts: &[&str]) -> Result<Option<Value>, String> {
        let Some(first) = texts.first() else { return Ok(None) };
        let name = self.support.field.name;
        let long = texts.iter().find(|text| text.len() > TEXT_BYTES_MAX);
        if let Some(long) = long.or((texts.len() > TEXTS_MAX).then_some(first)) {
            let (count, bytes) = (texts.len(), long.len());
            return Err(format!("{name} of {count} texts, one of {bytes} bytes"));
        }
        let strange = || format!("{name} `{first:.60}`, which is none");
        let trimmed = first.trim();
        let value = match self.kind {
            Kind::Text => Some(Value::text(*first)),
            Kind::List => Some(Value::list(texts.iter().copied())),
            Kind::Number => number(trimmed.split('/').next().ok_or_else(strange)?, strange)?,
            Kind::Total => match trimmed.split_once('/') {
                Some((_, total)) => number(total, strange)?,
                None if place == 0 => number(trimmed, strange)?,
                None => None,
            },
            Kind::Year => Some(Value::Int(year(trimmed).ok_or_else(strange)?)),
            Kind::Real => Some(Value::Real(real(trimmed).ok_or_else(strange)?)),
            Kind::Beats => {
                let beats = real(trimmed).ok_or_else(strange)?;
                (beats.0 > 0.0).then_some(Value::Real(beats))
            }
            Kind::Flag => Some(Value::Flag(match trimmed {
                "1" | "true" | "yes" => true,
                "0" | "false" | "no" => false,
                _ => return Err(strange()),
            })),
        };
        match value {
            Some(value) if !self.support.field.shape.admits(&value) => Err(strange()),
            value => Ok(value),
        }
    }
}

fn number(text: &str, strange: impl Fn() -> String) -> Result<Option<Value>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let number: i64 = text.parse().map_err(|_| strange())?;
    Ok((number != 0).then_some(Value::Int(number)))
}

fn year(text: &str) -> Option<i64> {
    let digits = text.get(..4).filter(|year| year.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse().ok()
}

fn real(text: &str) -> Option<Real> {
    let bare = text.strip_suffix("dB").or(text.strip_suffix("db")).unwrap_or(text).trim();
    let number: f64 = bare.parse().ok()?;
    // Of two zeros one: `-0.00 dB` is no other gain.
    number.is_finite().then_some(Real(number + 0.0)).filter(|real| real.0.abs() <= REAL_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lofty::tag::TagType;

    fn lifted(texts: &[(ItemKey, &str)]) -> (Vec<(&'static str, Value)>, Vec<String>) {
        let mut tag = Tag::new(TagType::VorbisComments);
        for (key, text) in texts {
            let text = lofty::tag::ItemValue::Text((*text).to_owned());
            tag.push_unchecked(lofty::tag::TagItem::new(*key, text));
        }
        let (mut fields, mut losses) = (Fields::default(), Vec::new());
        lift(&[tag], &mut fields, &mut losses);
        (fields.iter().map(|(field, value)| (field.name, value.clone())).collect(), losses)
    }

    #[test]
    fn each_field_is_declared_once_and_none_is_written() {
        let names: std::collections::BTreeSet<_> =
            FIELDS.iter().map(|one| one.field.name).collect();
        assert_eq!(names.len(), FIELDS.len());
        assert!(FIELDS.iter().all(|one| one.access == segue_translator::Access::Read));
    }

    #[test]
    fn several_artists_are_a_list_and_numbers_are_of_a_total() {
        let (fields, losses) = lifted(&[
            (ItemKey::TrackArtist, "Björk"),
            (ItemKey::TrackArtist, "Bjo\u{308}rk"),
            (ItemKey::TrackNumber, "03/12"),
            (ItemKey::DiscNumber, "1"),
            (ItemKey::RecordingDate, "2011-04-07"),
            (ItemKey::ReplayGainTrackGain, "-7.25 dB"),
            (ItemKey::ReplayGainAlbumGain, "-0.00 dB"),
            (ItemKey::FlagCompilation, "0"),
        ]);
        assert_eq!(losses, Vec::<String>::new());
        assert_eq!(
            fields,
            [
                ("artist", Value::list(["Björk", "Bjo\u{308}rk"])),
                ("compilation", Value::Flag(false)),
                ("disc", Value::Int(1)),
                ("replaygain_album_gain", Value::Real(Real(0.0))),
                ("replaygain_track_gain", Value::Real(Real(-7.25))),
                ("track", Value::Int(3)),
                ("track_total", Value::Int(12)),
                ("year", Value::Int(2011)),
            ]
        );
    }

    #[test]
    fn what_is_no_value_is_a_loss_and_what_says_nothing_is_absent() {
        let long = "x".repeat(TEXT_BYTES_MAX + 1);
        let (fields, losses) = lifted(&[
            (ItemKey::TrackNumber, "A1"),
            (ItemKey::DiscNumber, "0"),
            (ItemKey::DiscTotal, "0"),
            (ItemKey::Bpm, "0"),
            (ItemKey::RecordingDate, "unknown"),
            (ItemKey::ReplayGainTrackPeak, "inf"),
            (ItemKey::FlagCompilation, "perhaps"),
            (ItemKey::Comment, &long),
            (ItemKey::TrackTitle, ""),
        ]);
        assert_eq!(fields, []);
        assert_eq!(
            losses,
            [
                "comment of 1 texts, one of 16385 bytes",
                "compilation `perhaps`, which is none",
                "replaygain_track_peak `inf`, which is none",
                "track `A1`, which is none",
                "year `unknown`, which is none",
            ]
        );
    }
}
