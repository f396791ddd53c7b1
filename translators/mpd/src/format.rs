//! What MPD's words mean: the tags of a song, and the stickers in which clients keep ratings and
//! counts. Pure: texts in, values out, and back.
//!
//! MPD gives stickers no meaning. The names and the scale are those of its clients: `rating` is
//! 0 to 10, half stars; the rest are plain numbers.
//!
//! Invariant: `lift(lower(hold(value))) == hold(value)`.

use segue_translator::Loss;
use segue_translator::model::{Field, Fields, Item, NativeId, Shape, Value, music};

/// The stickers that are fields.
pub(crate) static STICKERS: [(&str, &Field); 4] = [
    ("lastPlayed", &music::LAST_PLAYED),
    ("playCount", &music::PLAY_COUNT),
    ("rating", &music::RATING),
    ("skipCount", &music::SKIP_COUNT),
];

/// The sticker of a field.
pub(crate) fn sticker_of(field: &Field) -> Option<&'static str> {
    STICKERS.iter().find(|(_, other)| *other == field).map(|(name, _)| *name)
}

/// What a rating's level is worth.
const LEVEL: i64 = 10;

/// The value that a sticker says.
pub(crate) fn lift(field: &Field, text: &str) -> Result<Value, String> {
    let number = text.parse::<i64>().ok();
    let number = if *field == music::RATING {
        number.and_then(|level| level.checked_mul(LEVEL))
    } else {
        number
    };
    let value = number.map(Value::Int).filter(|value| field.shape.admits(value));
    value.ok_or_else(|| format!("its sticker for {} says {:?}", field.name, short(text)))
}

/// What a sticker says for a value that MPD can hold.
pub(crate) fn lower(field: &Field, held: &Value) -> String {
    let number = held.as_int().unwrap_or_default();
    if *field == music::RATING { number / LEVEL } else { number }.to_string()
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

/// How the values of a tag are read.
#[derive(Clone, Copy)]
enum Read {
    /// The first.
    Text,
    /// All of them.
    List,
    /// A number, and perhaps after a slash how many there are.
    Number(Option<&'static Field>),
    /// The year of a date.
    Year,
}

static TAGS: [(&str, &Field, Read); 15] = [
    ("Album", &music::ALBUM, Read::Text),
    ("AlbumArtist", &music::ALBUM_ARTIST, Read::Text),
    ("Artist", &music::ARTIST, Read::List),
    ("Comment", &music::COMMENT, Read::Text),
    ("Composer", &music::COMPOSER, Read::Text),
    ("Date", &music::YEAR, Read::Year),
    ("Disc", &music::DISC, Read::Number(Some(&music::DISC_TOTAL))),
    ("Genre", &music::GENRE, Read::List),
    ("Grouping", &music::GROUPING, Read::Text),
    ("MUSICBRAINZ_ALBUMARTISTID", &music::MB_ALBUM_ARTIST, Read::Text),
    ("MUSICBRAINZ_ALBUMID", &music::MB_RELEASE, Read::Text),
    ("MUSICBRAINZ_ARTISTID", &music::MB_ARTIST, Read::Text),
    ("MUSICBRAINZ_TRACKID", &music::MB_RECORDING, Read::Text),
    ("Title", &music::TITLE, Read::Text),
    ("Track", &music::TRACK, Read::Number(Some(&music::TRACK_TOTAL))),
];

/// A song as MPD lists it: its address and its tags.
pub(crate) struct Song<'a> {
    pub(crate) uri: &'a str,
    pub(crate) tags: Vec<(&'a str, &'a str)>,
}

impl Song<'_> {
    /// Whether it is a part of a file, such as a track of a cue sheet.
    pub(crate) fn is_part(&self) -> bool {
        self.tags.iter().any(|(key, _)| *key == "Range")
    }

    /// The song as the model has it; what no value can say is a loss.
    pub(crate) fn item(&self, losses: &mut Vec<Loss>) -> Item {
        let mut item = Item::new(NativeId::from(self.uri.to_owned()));
        for (key, field, read) in &TAGS {
            let values = self.tags.iter().filter(|(other, _)| other == key);
            let values: Vec<&str> =
                values.map(|(_, value)| *value).filter(|value| !value.is_empty()).collect();
            if values.is_empty() {
                continue;
            }
            if let Err(why) = set(&mut item.fields, field, *read, &values) {
                losses
                    .push(Loss { id: item.id.clone(), what: format!("its {}: {why}", field.name) });
            }
        }
        if let Some((_, seconds)) = self.tags.iter().find(|(key, _)| *key == "duration") {
            item.fields.set(&music::DURATION, milliseconds(seconds));
        }
        item.fields.shrink();
        item
    }
}

fn set(
    fields: &mut Fields,
    field: &'static Field,
    read: Read,
    values: &[&str],
) -> Result<(), String> {
    let number = |field: &Field, text: &str| -> Result<Option<Value>, String> {
        let number = text.trim().parse::<i64>();
        let number = number.map_err(|_| format!("{:?} is no number", short(text)))?;
        // 0 is what a tagger writes for nothing.
        Ok(Some(Value::Int(number)).filter(|value| field.shape.admits(value)))
    };
    let first = values[0];
    match read {
        Read::Text => fields.set(field, Some(Value::text(first))),
        Read::List => fields.set(field, Some(Value::list(values.iter().copied()))),
        Read::Year => {
            let year: String = first.chars().take_while(char::is_ascii_digit).take(4).collect();
            fields.set(field, number(field, &year)?);
        }
        Read::Number(total) => {
            let (one, all) = first.split_once('/').unwrap_or((first, ""));
            fields.set(field, number(field, one)?);
            if let Some(total) = total.filter(|_| !all.is_empty()) {
                fields.set(total, number(total, all)?);
            }
        }
    }
    Ok(())
}

/// Seconds with three decimals, as MPD prints them.
fn milliseconds(text: &str) -> Option<Value> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = part.bytes().take(3).all(|byte| byte.is_ascii_digit());
    let part = format!("{part:0<3}");
    let part: i64 = part.get(..3).filter(|_| digits)?.parse().ok()?;
    let whole: u32 = whole.parse().ok()?;
    let value = Value::Int(i64::from(whole) * 1_000 + part);
    let Shape::Int(..) = music::DURATION.shape else { return None };
    music::DURATION.shape.admits(&value).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(tags: &[(&'static str, &'static str)]) -> (Item, Vec<Loss>) {
        let mut losses = Vec::new();
        let item = Song { uri: "a/b.ogg", tags: tags.to_vec() }.item(&mut losses);
        (item, losses)
    }

    #[test]
    fn tags_become_fields() {
        let (item, losses) = read(&[
            ("Artist", "a"),
            ("Artist", "b"),
            ("Composer", "first"),
            ("Composer", "second"),
            ("Track", "03/12"),
            ("Disc", "0"),
            ("Date", "1999-12-31"),
            ("duration", "61.5"),
            ("Title", ""),
        ]);
        let int = |field| item.fields.value(field).and_then(Value::as_int);
        assert_eq!(item.fields.value(&music::ARTIST), Some(&Value::list(["a", "b"])));
        assert_eq!(item.fields.value(&music::COMPOSER), Some(&Value::text("first")));
        assert_eq!((int(&music::TRACK), int(&music::TRACK_TOTAL)), (Some(3), Some(12)));
        assert_eq!((int(&music::YEAR), int(&music::DISC)), (Some(1999), None));
        assert_eq!(int(&music::DURATION), Some(61_500));
        assert_eq!(item.fields.value(&music::TITLE), None);
        assert!(losses.is_empty(), "{losses:?}");
    }

    #[test]
    fn what_is_no_number_is_a_loss() {
        let (item, losses) = read(&[("Track", "A1"), ("Date", "soon"), ("duration", "x.y")]);
        assert_eq!(item.fields.iter().count(), 0);
        let what: Vec<_> = losses.iter().map(|loss| loss.what.as_str()).collect();
        assert_eq!(what, ["its year: \"\" is no number", "its track: \"A1\" is no number"]);
    }

    #[test]
    fn stickers_are_numbers_in_range() {
        assert_eq!(lift(&music::RATING, "7"), Ok(Value::Int(70)));
        assert_eq!(lift(&music::RATING, "0"), Ok(Value::Int(0)));
        assert_eq!(lower(&music::RATING, &Value::Int(70)), "7");
        for text in ["11", "-1", "great", "", "3.5", "9223372036854775807"] {
            assert!(lift(&music::RATING, text).is_err(), "{text}");
        }
        assert!(lift(&music::PLAY_COUNT, "4294967296").is_err());
    }
}
