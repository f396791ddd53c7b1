//! Names and reasons of others as a person may see them.

use super::{NAME_CHARS_MAX, TEXT_BYTES_MAX};

/// The text in one line, without what moves a cursor, turns a line around or shows as nothing.
pub(super) fn printable(text: &str) -> String {
    let plain: String = text.chars().filter(|c| c.is_whitespace() || !is_unseen(*c)).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The beginning of a printable name, if anything is left of it.
pub(super) fn short_name(name: &str) -> Option<String> {
    let short: String = printable(name).chars().take(NAME_CHARS_MAX).collect();
    (!short.is_empty()).then_some(short)
}

/// As much of a text as fits into a frame.
pub(super) fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT_BYTES_MAX)]
}

fn is_unseen(character: char) -> bool {
    let is_format = matches!(
        character,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    );
    character.is_control() || is_format
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_deceive_is_left_out() {
        let text = " Änne's\u{1b}[2J\r\n\t  lap\u{200b}top\u{202e}\u{2028}ok\u{feff}\u{e0041} ";
        assert_eq!(printable(text), "Änne's[2J laptop ok");
        assert_eq!(printable("\u{7}\u{200f} \u{2066}"), "");
    }

    #[test]
    fn a_name_is_short_and_not_empty() {
        assert_eq!(short_name(&"ö".repeat(100)), Some("ö".repeat(NAME_CHARS_MAX)));
        assert_eq!(short_name("\u{0} \u{200b}"), None);
    }
}
