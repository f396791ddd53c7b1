//! What an MP4 file says of its purchase: boxes that the iTunes Store puts between the tags.
//!
//! Who bought it stands there in clear, as an address and a name. Neither leaves this module: the licence
//! is named by a hash, which is the same for all files of one account and says nothing else.
//!
//! Invariant: a protected file denies all that a copy of its sound would be needed for, and protection is
//! never touched.

use jiff::civil::{Date, DateTime};
use lofty::mp4::{AtomData, AtomIdent, Ilst};
use segue_translator::model::{CarriedLimit, Use};

use crate::licence::{day, limit, short};

/// That an account bought it: its address, its owner's name, the date. Catalogue numbers (`cnID`, `atID`)
/// are no receipt: tagging programs write them too.
const RECEIPT: [&[u8; 4]; 3] = [b"apID", b"ownr", b"purd"];
/// Kinds of samples that cannot be played without a key.
const PROTECTED: [&[u8; 4]; 4] = [b"drms", b"drmi", b"enca", b"encs"];

/// What the boxes of a file are.
pub(crate) struct Boxes {
    /// The names of those between the tags.
    pub(crate) tags: Vec<[u8; 4]>,
    /// The kinds of samples.
    pub(crate) samples: Vec<[u8; 4]>,
    /// Whether the file's name says that it is protected.
    pub(crate) is_m4p: bool,
}

/// The limit that the file carries, if it does.
pub(crate) fn carried(boxes: &Boxes, tags: Option<&Ilst>) -> Option<CarriedLimit> {
    let is_in =
        |names: &[&[u8; 4]], found: &[[u8; 4]]| found.iter().any(|name| names.contains(&name));
    let protected = boxes.is_m4p || is_in(&PROTECTED, &boxes.samples);
    if !protected && !is_in(&RECEIPT, &boxes.tags) {
        return None;
    }
    let said = |name: &[u8; 4]| tags.and_then(|tags| text(tags, *name));
    let account = said(b"apID").or_else(|| said(b"ownr")).map(|who| who.trim().to_lowercase());
    let licence = match account.filter(|who| !who.is_empty()) {
        Some(who) => format!("account:{}", short("mp4 account", &who)),
        None => "account:unknown".to_owned(),
    };
    let denied: &[Use] =
        if protected { &[Use::Transcode, Use::Export, Use::Share] } else { &[Use::Share] };
    let bought = said(b"purd");
    let issued_at = bought.as_deref().and_then(second);
    let strange = bought.filter(|_| issued_at.is_none());
    let strange = strange.map(|date| format!("a date of purchase `{date:.40}` that is none"));
    let notes: Vec<String> = said(b"cprt").into_iter().chain(strange).collect();
    let limit =
        limit("mp4", "iTunes Store", &licence, denied.iter().copied(), Some(&notes.join("; ")));
    Some(CarriedLimit { issued_at, ..limit })
}

fn text(tags: &Ilst, name: [u8; 4]) -> Option<String> {
    match tags.get(&AtomIdent::Fourcc(name))?.data().next()? {
        AtomData::UTF8(text) | AtomData::UTF16(text) => Some(text.clone()),
        AtomData::Unknown { data, .. } => Some(String::from_utf8_lossy(data).into_owned()),
        _ => None,
    }
}

/// `2009-05-12 14:27:36`, which names no zone and is taken for UTC, or a day.
fn second(text: &str) -> Option<i64> {
    let text = text.trim().trim_end_matches('Z');
    let Ok(time) = text.parse::<DateTime>() else { return text.parse::<Date>().ok().and_then(day) };
    let into_day = i64::from(time.hour()) * 3_600 + i64::from(time.minute()) * 60;
    Some(day(time.date())? + into_day + i64::from(time.second()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use lofty::mp4::Atom;

    fn limit_of(tags: &[(&[u8; 4], &str)], samples: &[[u8; 4]]) -> Option<CarriedLimit> {
        let mut ilst = Ilst::new();
        for (name, text) in tags {
            let data = AtomData::UTF8((*text).to_owned());
            ilst.insert(Atom::new(AtomIdent::Fourcc(**name), data));
        }
        let tags = tags.iter().map(|(name, _)| **name).collect();
        let boxes = Boxes { tags, samples: samples.to_vec(), is_m4p: false };
        carried(&boxes, Some(&ilst))
    }

    fn denied(limit: &CarriedLimit) -> Vec<Use> {
        limit.terms.denied.iter().copied().collect()
    }

    const BOUGHT: [(&[u8; 4], &str); 4] = [
        (b"apID", "Nadia@Example.com"),
        (b"ownr", "Nadia Quill"),
        (b"purd", "2009-05-12 14:27:36"),
        (b"cprt", "\u{2117} 2009 The Tin Harbours"),
    ];

    #[test]
    fn a_bought_file_is_not_shared_and_its_buyer_is_not_named() {
        let limit = limit_of(&BOUGHT, &[*b"mp4a"]).unwrap();
        assert_eq!(denied(&limit), [Use::Share]);
        assert_eq!(limit.issued_at, Some(1_242_138_456));
        assert_eq!(limit.note.as_deref(), Some("\u{2117} 2009 The Tin Harbours"));
        let all = format!("{limit:?}").to_lowercase();
        assert!(!all.contains("nadia") && !all.contains("example.com"), "{all}");
        let other = limit_of(&[(b"apID", " nadia@example.com")], &[]).unwrap();
        assert_eq!(other.licence, limit.licence);
        let stranger = limit_of(&[(b"apID", "dj@example.com")], &[]).unwrap();
        assert_ne!(stranger.licence, limit.licence);
    }

    #[test]
    fn a_protected_file_is_not_copied_in_any_form() {
        let all = [Use::Transcode, Use::Export, Use::Share];
        assert_eq!(denied(&limit_of(&BOUGHT, &[*b"drms"]).unwrap()), all);
        assert_eq!(denied(&limit_of(&[], &[*b"enca"]).unwrap()), all);
        let named = Boxes { tags: Vec::new(), samples: Vec::new(), is_m4p: true };
        assert_eq!(denied(&carried(&named, None).unwrap()), all);
    }

    #[test]
    fn catalogue_numbers_copyright_and_advice_to_parents_are_no_limits() {
        assert_eq!(
            limit_of(&[(b"cnID", "1"), (b"atID", "2"), (b"cprt", "me"), (b"rtng", "4")], &[]),
            None
        );
    }

    #[test]
    fn a_receipt_that_cannot_be_read_is_one() {
        let boxes = Boxes { tags: vec![*b"apID"], samples: Vec::new(), is_m4p: false };
        let limit = carried(&boxes, None).unwrap();
        assert_eq!((denied(&limit), &*limit.licence), (vec![Use::Share], "account:unknown"));
        for (date, issued_at) in [
            ("2009-05-12", Some(1_242_086_400)),
            ("2009-05-12T14:27:36Z", Some(1_242_138_456)),
            ("2009-02-30 00:00:00", None),
            ("9999-01-01 00:00:00", None),
            ("soon", None),
        ] {
            let limit = limit_of(&[(b"purd", date)], &[]).unwrap();
            assert_eq!((limit.issued_at, limit.note.is_none()), (issued_at, issued_at.is_some()));
        }
    }
}
