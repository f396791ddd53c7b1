//! Numbers, days, stars and names as people read them.
//!
//! Invariant: [`clean`] text has no character that could move a cursor or turn a line around,
//! and what is shown of a title is always clean.

use indicatif::HumanCount;
use jiff::Timestamp;
use segue_model::Schema;
use serde_json::Value as Json;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Titles are cut to this width on the screen.
const TITLE_WIDTH: usize = 60;

/// The text with control characters, line ends and signs of direction spelt out.
pub(in crate::cli) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if is_hostile(character) {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    out
}

/// Whether a terminal might obey the character instead of showing it.
pub(in crate::cli) fn is_hostile(character: char) -> bool {
    let turns = matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    character.is_control() || turns || matches!(character, '\u{2028}' | '\u{2029}')
}

/// A title, clean and not too wide.
pub(super) fn title(text: &str) -> String {
    let text = clean(text);
    if text.width() <= TITLE_WIDTH {
        return text;
    }
    let mut width = 1;
    let fits = |character: &char| {
        width += character.width().unwrap_or(0);
        width <= TITLE_WIDTH
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

/// The first part of an id: enough to type, and to tell it from others.
pub(super) fn short_id(id: &str) -> String {
    clean(id).chars().take(8).collect()
}

/// A word as a shell reads it back.
pub(super) fn shell_word(text: &str) -> String {
    let text = clean(text);
    let plain = |c: char| c.is_alphanumeric() || "-_=/.,:@+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// `12,408`.
pub(super) fn number(number: u64) -> String {
    HumanCount(number).to_string()
}

/// `1 track`, `12,408 tracks`.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", self::number(number), if number == 1 { one } else { many })
}

/// `+9,871`.
pub(super) fn growth(by: i64) -> String {
    format!("{}{}", if by < 0 { '-' } else { '+' }, number(by.unsigned_abs()))
}

/// The UTC day, `2026-11-21`.
pub(super) fn day(seconds: i64) -> String {
    moment(seconds, "%Y-%m-%d")
}

/// The UTC minute, `2026-11-21 19:02 UTC`.
pub(in crate::cli) fn minute(seconds: i64) -> String {
    moment(seconds, "%Y-%m-%d %H:%M UTC")
}

fn moment(seconds: i64, format: &str) -> String {
    Timestamp::from_second(seconds)
        .map_or_else(|_| seconds.to_string(), |time| time.strftime(format).to_string())
}

/// `★★★½☆`; what is no whole half of a star is also said as a number.
pub(super) fn stars(rating: i64) -> String {
    if !(0..=100).contains(&rating) {
        return rating.to_string();
    }
    let halves = usize::try_from((rating + 5) / 10).unwrap_or(0);
    let (whole, half) = (halves / 2, halves % 2);
    let stars = "★".repeat(whole) + &"½".repeat(half) + &"☆".repeat(5 - whole - half);
    if rating % 10 == 0 { stars } else { format!("{stars} {rating}") }
}

/// The value of a field.
pub(super) fn value(field: &str, value: &Json) -> String {
    match value {
        Json::Null => "not set".to_owned(),
        Json::Bool(flag) => if *flag { "yes" } else { "no" }.to_owned(),
        Json::String(text) => title(text),
        Json::Array(texts) => {
            let texts: Vec<String> = texts.iter().map(|text| self::value("", text)).collect();
            title(&texts.join(", "))
        }
        Json::Number(number) => match number.as_i64() {
            Some(number) => whole(field, number),
            None => number.to_string(),
        },
        Json::Object(_) => title(&value.to_string()),
    }
}

fn whole(field: &str, value: i64) -> String {
    match field {
        "rating" => stars(value),
        "last_played" | "finished_at" | "added_at" => minute(value),
        "duration" => format!("{}:{:02}", value / 60_000, value / 1000 % 60),
        "play_count" | "skip_count" => HumanCount(value.unsigned_abs()).to_string(),
        _ => value.to_string(),
    }
}

/// So many of a field: `1 rating`, `212 play counts`.
pub(super) fn of_field(number: u64, field: &str) -> String {
    format!("{} {}", self::number(number), field_name(field, number))
}

/// The field's name for so many of them.
pub(super) fn field_name(field: &str, number: u64) -> String {
    let (one, many) = match field {
        "last_played" => ("last-played date", "last-played dates"),
        "added_at" => ("added date", "added dates"),
        "playlists" => ("playlist", "playlists"),
        "flags" => ("flag", "flags"),
        "keywords" => ("keyword", "keywords"),
        journey @ ("copied" | "moved" | "put back" | "taken out") => (journey, journey),
        "replaygain_track_peak" | "replaygain_album_peak" => {
            ("ReplayGain peak", "ReplayGain peaks")
        }
        "replaygain_track_gain" | "replaygain_album_gain" => ("ReplayGain", "ReplayGains"),
        other => {
            let ending = if number == 1 || other.ends_with('s') { "" } else { "s" };
            return clean(&other.replace('_', " ")) + ending;
        }
    };
    if number == 1 { one } else { many }.to_owned()
}

/// What a schema calls its items and collections: one, many; one, many.
pub(super) fn nouns(schema: &str) -> [&'static str; 4] {
    match Schema::named(schema) {
        Some(Schema { items: [item, items], lists: [list, lists], .. }) => {
            [item, items, list, lists]
        }
        None => ["item", "items", "collection", "collections"],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn half_stars_are_shown_and_odd_ratings_keep_their_number() {
        let shown: Vec<String> = [0, 5, 10, 50, 70, 80, 87, 100, 101, -1].map(stars).into();
        insta::assert_debug_snapshot!(shown, @r#"
        [
            "☆☆☆☆☆",
            "½☆☆☆☆ 5",
            "½☆☆☆☆",
            "★★½☆☆",
            "★★★½☆",
            "★★★★☆",
            "★★★★½ 87",
            "★★★★★",
            "101",
            "-1",
        ]
        "#);
    }

    #[test]
    fn values_are_shown_by_their_field() {
        let shown = |field: &str, json: Json| value(field, &json);
        assert_eq!(shown("rating", json!(null)), "not set");
        assert_eq!(shown("play_count", json!(12_408)), "12,408");
        assert_eq!(shown("year", json!(1959)), "1959");
        assert_eq!(shown("duration", json!(337_000)), "5:37");
        assert_eq!(shown("last_played", json!(1_795_287_720)), "2026-11-21 19:02 UTC");
        assert_eq!(
            shown("artist", json!(["Miles Davis", "Bill Evans"])),
            "Miles Davis, Bill Evans"
        );
        assert_eq!(shown("bpm", json!(92.5)), "92.5");
        assert_eq!(shown("compilation", json!(true)), "yes");
    }

    #[test]
    fn times_out_of_any_calendar_are_shown_as_numbers() {
        assert_eq!(day(0), "1970-01-01");
        assert_eq!(day(i64::MAX), i64::MAX.to_string());
    }

    #[test]
    fn wide_titles_are_cut_by_what_they_take_on_the_screen() {
        assert_eq!(title(&"あ".repeat(100)).width(), 59);
        assert_eq!(title(&"x".repeat(60)), "x".repeat(60));
    }

    #[test]
    fn what_could_move_the_cursor_is_spelt_out() {
        assert_eq!(
            clean("a\u{1b}[2Jb\r\nc\u{9b}d\u{202e}e\u{7f}"),
            r"a\u{1b}[2Jb\r\nc\u{9b}d\u{202e}e\u{7f}"
        );
        assert_eq!(clean("Ænima — Björk 日本"), "Ænima — Björk 日本");
    }

    #[test]
    fn words_are_quoted_for_the_shell_where_they_must_be() {
        assert_eq!(shell_word("rhythmbox=/mnt/old"), "rhythmbox=/mnt/old");
        assert_eq!(shell_word("a b"), "'a b'");
        assert_eq!(shell_word("it's;rm"), r"'it'\''s;rm'");
    }
}
