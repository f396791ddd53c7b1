//! Which characters XML can hold, and how Rhythmbox writes them.
//!
//! The bytes are those that libxml2 makes for the app, so that writing a value back gives the
//! bytes that the app wrote.

use std::fmt::Write;

/// Whether XML 1.0 can hold this character.
pub(crate) fn is_character(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        other => other >= ' ',
    }
}

/// Only the characters that XML 1.0 can hold.
pub(crate) fn without_forbidden(text: &str) -> String {
    text.chars().filter(|character| is_character(*character)).collect()
}

/// Writes a text as Rhythmbox does: everything beyond ASCII as a numeric reference.
pub(crate) fn escape(text: &str) -> String {
    escape_with(text, false)
}

/// The same for the value of an attribute in double quotes.
pub(crate) fn escape_attribute(text: &str) -> String {
    escape_with(text, true)
}

fn escape_with(text: &str, attribute: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' if attribute => out.push_str("&quot;"),
            '\t' | '\n' if attribute => {
                out.push_str(if character == '\t' { "&#9;" } else { "&#10;" });
            }
            '\r' => out.push_str("&#13;"),
            other if other.is_ascii() => out.push(other),
            other => {
                let _ = write!(out, "&#x{:X};", u32::from(other));
            }
        }
    }
    out
}
