//! What frames of ID3v2 say of a licence: who sold the file, on which terms, what else was on offer.
//!
//! No frame can forbid much, for none is made to be read by programs. So each denies only that the file is
//! given to other people, and terms in words stand in the note, for a person. They are not the law: they
//! are claims of whoever wrote the tag, and nothing proves them.
//!
//! Invariant: a frame that is there and cannot be read denies as much as one that can.

use jiff::civil::Date;
use segue_translator::model::{CarriedLimit, Proof, Terms, Use};
use sha2::{Digest as _, Sha256};

use crate::frames::Limiting;

/// Longest note, in characters.
const NOTE_MAX: usize = 2_000;
/// Longest name of a seller or licence, in characters.
const NAME_MAX: usize = 200;
/// Years in which somebody may have sold a tagged file.
const YEARS: std::ops::RangeInclusive<i16> = 1980..=2199;
/// What follows the host in links to licences that let everybody share.
const SHARED: [&str; 4] =
    ["licenses/by", "licenses/publicdomain", "publicdomain/zero", "publicdomain/mark"];

/// What the frame says; `links` are what the tag says of copyright beside it.
pub(crate) fn carried(frame: &Limiting, links: &[&str]) -> CarriedLimit {
    let read = frame.content.as_deref().and_then(|content| match frame.id {
        "OWNE" => owned(content),
        "USER" => used(content, links),
        _ => offered(content),
    });
    read.unwrap_or_else(|| {
        let note = format!("a frame {} is there that cannot be read", frame.id);
        let licence = format!("{}:unreadable", frame.id.to_ascii_lowercase());
        limit("id3", "", &licence, [Use::Share], Some(&note))
    })
}

/// A limit that nothing proves.
pub(crate) fn limit(
    carrier: &'static str,
    issuer: &str,
    licence: &str,
    denied: impl IntoIterator<Item = Use>,
    note: Option<&str>,
) -> CarriedLimit {
    let issuer = if issuer.trim().is_empty() { "unnamed" } else { issuer.trim() };
    CarriedLimit {
        carrier,
        issuer: cut(issuer, NAME_MAX),
        licence: cut(licence, NAME_MAX),
        serial: 0,
        issued_at: None,
        terms: Terms { denied: denied.into_iter().collect(), ..Terms::default() },
        proof: Proof::Unverified("tags carry no signature".into()),
        note: note.map(str::trim).filter(|note| !note.is_empty()).map(|note| cut(note, NOTE_MAX)),
        evidence: None,
    }
}

/// A short name for something that must not be named in a document, or is too long to be a name.
pub(crate) fn short(tag: &str, text: &str) -> String {
    let digest = Sha256::digest(format!("segue {tag} v1\0{text}"));
    let first = digest.iter().take(8).fold(0, |all, byte| all << 8 | u64::from(*byte));
    format!("{first:016x}")
}

/// The second at which a day begins, if it is one on which somebody may have sold a file.
pub(crate) fn day(date: Date) -> Option<i64> {
    let zoned = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    YEARS.contains(&date.year()).then(|| zoned.timestamp().as_second())
}

fn cut(text: &str, characters: usize) -> Box<str> {
    text.chars().take(characters).collect::<String>().into()
}

/// A receipt: what was paid, when, to whom.
fn owned(content: &[u8]) -> Option<CarriedLimit> {
    let (encoding, rest) = content.split_first()?;
    let (_price, rest) = ended(0, rest)?;
    let (date, seller) = rest.split_at_checked(8)?;
    let seller = text(*encoding, seller)?;
    let said = String::from_utf8_lossy(date);
    let issued_at = eight_digits(date).and_then(day);
    let note = format!("a date of purchase `{said}` that is none");
    let note = issued_at.is_none().then_some(note.as_str());
    let licence = if issued_at.is_some() { format!("owne:{said}") } else { "owne".to_owned() };
    Some(CarriedLimit { issued_at, ..limit("id3", &seller, &licence, [Use::Share], note) })
}

/// Terms of use in words.
fn used(content: &[u8], links: &[&str]) -> Option<CarriedLimit> {
    let (encoding, rest) = content.split_first()?;
    let (language, words) = rest.split_at_checked(3)?;
    let words = text(*encoding, words)?;
    let is_shared = links.iter().copied().chain([words.as_str()]).any(lets_everybody_share);
    let denied = (!is_shared).then_some(Use::Share);
    let language = String::from_utf8_lossy(language).to_lowercase();
    let licence = format!("user:{language}:{}", short("terms of use", &words));
    Some(limit("id3", "", &licence, denied, Some(&words)))
}

/// An offer. Its date is that until which the price is offered; what was bought does not end with it.
fn offered(content: &[u8]) -> Option<CarriedLimit> {
    let (encoding, rest) = content.split_first()?;
    let (price, rest) = ended(0, rest)?;
    let (until, rest) = rest.split_at_checked(8)?;
    let (contact, rest) = ended(0, rest)?;
    let (_received_as, rest) = rest.split_first()?;
    let (seller, rest) = ended(*encoding, rest)?;
    let (description, _logo) = ended(*encoding, rest).or_else(|| {
        // The last text of a frame need not be ended.
        text(*encoding, rest).map(|description| (description, &rest[rest.len()..]))
    })?;
    let until = eight_digits(until)
        .map_or_else(|| format!("`{}`", String::from_utf8_lossy(until)), |date| date.to_string());
    let note = format!("an offer: {price} until {until}; {contact}; {description}");
    let licence = format!("comr:{}", short("offer", &note));
    Some(limit("id3", &seller, &licence, [Use::Share], Some(&note)))
}

/// Whether a text links to a licence with which everybody may share the file. What else such a licence
/// wants (the name, no money, no changes) no program can keep for a person.
fn lets_everybody_share(text: &str) -> bool {
    const HOST: &str = "creativecommons.org/";
    let text = text.to_lowercase();
    text.match_indices(HOST).any(|(at, host)| {
        let before = text[..at].strip_suffix("www.").unwrap_or(&text[..at]);
        let is_host = before.ends_with("//") || !before.ends_with(|c: char| !c.is_whitespace());
        is_host && SHARED.iter().any(|path| text[at + host.len()..].starts_with(path))
    })
}

fn eight_digits(date: &[u8]) -> Option<Date> {
    let digits =
        std::str::from_utf8(date).ok().filter(|date| date.bytes().all(|b| b.is_ascii_digit()))?;
    let year = digits.get(..4)?.parse().ok()?;
    Date::new(year, digits.get(4..6)?.parse().ok()?, digits.get(6..8)?.parse().ok()?).ok()
}

/// The text up to its end mark, and what follows.
fn ended(encoding: u8, bytes: &[u8]) -> Option<(String, &[u8])> {
    let (end, mark) = match encoding {
        1 | 2 => (bytes.chunks_exact(2).position(|unit| unit == [0, 0])? * 2, 2),
        _ => (bytes.iter().position(|byte| *byte == 0)?, 1),
    };
    Some((text(encoding, &bytes[..end])?, &bytes[end + mark..]))
}

/// A text in one of the four encodings of ID3v2.
fn text(encoding: u8, bytes: &[u8]) -> Option<String> {
    let wide = |bytes: &[u8], order: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).map(|unit| order([unit[0], unit[1]]));
        String::from_utf16(&units.collect::<Vec<_>>()).ok()
    };
    let text = match (encoding, bytes) {
        (0, latin) => latin.iter().map(|byte| char::from(*byte)).collect(),
        (1, [0xff, 0xfe, rest @ ..]) => wide(rest, u16::from_le_bytes)?,
        (1, [0xfe, 0xff, rest @ ..]) | (2, rest) => wide(rest, u16::from_be_bytes)?,
        (1, []) => String::new(),
        (3, utf8) => String::from_utf8(utf8.to_vec()).ok()?,
        _ => return None,
    };
    Some(text.trim_end_matches('\0').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(id: &'static str, content: &[u8], links: &[&str]) -> CarriedLimit {
        carried(&Limiting { id, content: Some(content.to_vec()) }, links)
    }

    fn denies(limit: &CarriedLimit) -> Vec<Use> {
        assert_eq!(limit.serial, 0);
        assert_eq!(limit.proof, Proof::Unverified("tags carry no signature".into()));
        let terms = Terms { denied: limit.terms.denied.clone(), ..Terms::default() };
        assert_eq!(limit.terms, terms, "nothing else is limited");
        limit.terms.denied.iter().copied().collect()
    }

    #[test]
    fn a_receipt_names_the_seller_and_the_day() {
        let receipt = of("OWNE", b"\0USD1.99\x0020110407Example Tunes", &[]);
        assert_eq!(denies(&receipt), [Use::Share]);
        assert_eq!((&*receipt.issuer, &*receipt.licence), ("Example Tunes", "owne:20110407"));
        assert_eq!(receipt.issued_at, Some(1_302_134_400));
        assert_eq!(receipt.note, None);
    }

    #[test]
    fn absurd_dates_are_notes() {
        for date in ["20110231", "00000000", "99999999", "2011-4-7", "\u{ff}\u{ff}\u{ff}\u{ff}"] {
            let receipt = of("OWNE", &[b"\0\0", date.as_bytes(), b"Shop"].concat(), &[]);
            assert_eq!(denies(&receipt), [Use::Share]);
            assert_eq!((receipt.issued_at, &*receipt.licence), (None, "owne"), "{date}");
            assert!(receipt.note.is_some());
        }
    }

    #[test]
    fn terms_of_use_deny_sharing_unless_they_name_a_licence_that_allows_it() {
        let terms = |words: &str, links: &[&str]| {
            denies(&of("USER", &[b"\x03eng", words.as_bytes()].concat(), links))
        };
        assert_eq!(terms("For private use only.", &[]), [Use::Share]);
        for link in [
            "http://creativecommons.org/licenses/by/3.0/",
            "Licensed to the public under https://www.creativecommons.org/licenses/by-nc-nd/4.0",
            "HTTPS://CREATIVECOMMONS.ORG/publicdomain/zero/1.0/",
            "creativecommons.org/licenses/by-sa/2.0",
        ] {
            assert_eq!(terms(link, &[]), [], "{link}");
            assert_eq!(terms("see the link", &["2011 Nadia", link]), [], "{link}");
        }
        for link in [
            "http://creativecommons.org.example.com/licenses/by/3.0/",
            "http://notcreativecommons.org/licenses/by/3.0/",
            "http://creativecommons.org/",
            "CC BY 3.0",
        ] {
            assert_eq!(terms(link, &[link]), [Use::Share], "{link}");
        }
    }

    #[test]
    fn long_terms_are_cut_and_all_encodings_are_read() {
        let long = of("USER", &[b"\0eng", &[0xe9; 9_000][..]].concat(), &[]);
        assert_eq!(long.note.map(|note| note.chars().count()), Some(2_000));
        let wide: Vec<u8> = "für dich".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let wide = of("USER", &[b"\x01deu\xff\xfe", &wide[..]].concat(), &[]);
        assert_eq!(wide.note.as_deref(), Some("für dich"));
        assert_eq!(denies(&of("USER", b"\x03engbad \xff", &[])), [Use::Share]);
    }

    #[test]
    fn the_end_of_an_offer_is_no_end_of_the_licence() {
        let content = b"\0EUR3/USD4\x0020301231http://shop.example/\0\x01Example Tunes\0Deluxe\0";
        let offer = of("COMR", content, &[]);
        assert_eq!(denies(&offer), [Use::Share]);
        assert_eq!(offer.terms.valid_until, None);
        let note = "an offer: EUR3/USD4 until 2030-12-31; http://shop.example/; Deluxe";
        assert_eq!((&*offer.issuer, offer.note.as_deref()), ("Example Tunes", Some(note)));
        assert_eq!(of("COMR", &content[..content.len() - 1], &[]).note.as_deref(), Some(note));
    }

    #[test]
    fn what_is_there_and_cannot_be_read_denies_sharing() {
        for id in ["OWNE", "USER", "COMR"] {
            let packed = carried(&Limiting { id, content: None }, &[]);
            assert_eq!(denies(&packed), [Use::Share]);
            for content in [&b""[..], b"\0", b"\x09abc", b"\x01\0\0\0", b"\x03USD"] {
                assert_eq!(denies(&of(id, content, &[])), [Use::Share], "{id} {content:?}");
            }
        }
    }
}
