//! Folds text for searching: case, accents and compatibility forms make no difference.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The text as searches compare it.
pub(crate) fn fold(text: &str) -> String {
    text.nfkd().filter(|letter| !is_combining_mark(*letter)).flat_map(char::to_lowercase).collect()
}

/// The sort text and every text in the JSON value `body`, folded, one a line.
pub(crate) fn fold_row(sort_text: &str, body: &str) -> String {
    let mut folded = fold(sort_text);
    match serde_json::from_str(body) {
        Ok(value) => add_texts(&value, &mut folded),
        // A body that is no JSON is searched as it stands.
        Err(_) => add_text(body, &mut folded),
    }
    folded
}

fn add_texts(value: &serde_json::Value, folded: &mut String) {
    match value {
        serde_json::Value::String(text) => add_text(text, folded),
        serde_json::Value::Array(values) => {
            for value in values {
                add_texts(value, folded);
            }
        }
        serde_json::Value::Object(values) => {
            for value in values.values() {
                add_texts(value, folded);
            }
        }
        _ => {}
    }
}

fn add_text(text: &str, folded: &mut String) {
    folded.push('\n');
    folded.push_str(&fold(text));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_accents_and_forms_make_no_difference() {
        assert_eq!(fold("BJÖRK"), "bjork");
        assert_eq!(fold("Bjo\u{308}rk"), fold("Björk"));
        assert_eq!(fold("ﬁn"), "fin");
        assert_eq!(fold("東京"), "東京");
    }

    #[test]
    fn every_text_of_a_body_is_found_and_no_key() {
        let folded = fold_row("A", r#"{"fields":{"artist":["Sigur Rós"],"year":1999}}"#);
        assert_eq!(folded, "a\nsigur ros");
        assert_eq!(fold_row("A", "{No JSON"), "a\n{no json");
    }
}
