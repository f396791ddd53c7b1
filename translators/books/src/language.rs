//! Languages as BCP 47 tags: what older packages and calibre say in three letters has one tag of two.
//!
//! Only languages in which many books are published are in the table; any other tag stays as it is.

/// Three letters (both forms where there are two) and the tag of two.
const SHORTER: &[(&str, &str)] = &[
    ("ara", "ar"),
    ("bul", "bg"),
    ("cat", "ca"),
    ("ces", "cs"),
    ("chi", "zh"),
    ("cze", "cs"),
    ("dan", "da"),
    ("deu", "de"),
    ("dut", "nl"),
    ("ell", "el"),
    ("eng", "en"),
    ("epo", "eo"),
    ("est", "et"),
    ("eus", "eu"),
    ("fas", "fa"),
    ("fin", "fi"),
    ("fra", "fr"),
    ("fre", "fr"),
    ("ger", "de"),
    ("gle", "ga"),
    ("glg", "gl"),
    ("gre", "el"),
    ("heb", "he"),
    ("hin", "hi"),
    ("hrv", "hr"),
    ("hun", "hu"),
    ("ice", "is"),
    ("ind", "id"),
    ("isl", "is"),
    ("ita", "it"),
    ("jpn", "ja"),
    ("kor", "ko"),
    ("lat", "la"),
    ("lav", "lv"),
    ("lit", "lt"),
    ("may", "ms"),
    ("msa", "ms"),
    ("nld", "nl"),
    ("nor", "no"),
    ("per", "fa"),
    ("pol", "pl"),
    ("por", "pt"),
    ("ron", "ro"),
    ("rum", "ro"),
    ("rus", "ru"),
    ("slk", "sk"),
    ("slo", "sk"),
    ("slv", "sl"),
    ("spa", "es"),
    ("srp", "sr"),
    ("swe", "sv"),
    ("tha", "th"),
    ("tur", "tr"),
    ("ukr", "uk"),
    ("vie", "vi"),
    ("wel", "cy"),
    ("cym", "cy"),
    ("zho", "zh"),
];

/// The tag for what a package says; `None` where it says that nobody knows.
pub(crate) fn tag(said: &str) -> Option<String> {
    let said = said.trim().replace('_', "-");
    let (first, rest) = match said.split_once('-') {
        Some((first, rest)) => (first, Some(rest)),
        None => (said.as_str(), None),
    };
    let first = first.to_ascii_lowercase();
    if first.is_empty() || ["und", "mul", "zxx"].contains(&&*first) {
        return None;
    }
    let shorter = SHORTER.iter().find(|(long, _)| *long == first).map_or(&*first, |(_, tag)| tag);
    Some(rest.map_or_else(|| shorter.to_owned(), |rest| format!("{shorter}-{rest}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_language_has_one_tag() {
        let cases = ["de", "deu", "GER", "en_GB", "en-GB", "tlh", "und", ""];
        let tags = ["de", "de", "de", "en-GB", "en-GB", "tlh", "", ""];
        assert_eq!(cases.map(|said| tag(said).unwrap_or_default()), tags);
    }
}
