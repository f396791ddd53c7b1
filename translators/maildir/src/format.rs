//! What the name of a message's file says. Pure.
//!
//! `1795229518.M259621P31624.host,S=606,W=620:2,FSa`: what stands before the colon is the file's own
//! for ever; after `:2,` each letter is a mark, in ASCII order.
//!
//! Invariant: a letter that is not known here stands in every name that is made of one that had it.

use std::collections::BTreeSet;

/// What stands before the colon.
pub(crate) fn base(name: &[u8]) -> &[u8] {
    name.split(|byte| *byte == b':').next().unwrap_or_default()
}

/// The letters of a name: none where it has no marks, `None` where these are not of the one known kind.
pub(crate) fn letters(name: &[u8]) -> Option<&[u8]> {
    match name.get(base(name).len()..).unwrap_or_default() {
        b"" => Some(b""),
        marks => {
            let letters = marks.strip_prefix(b":2,")?;
            // What some servers keep behind the letters is no letter, and what is sorted among them is lost.
            letters.iter().all(u8::is_ascii_alphanumeric).then_some(letters)
        }
    }
}

/// The name with these letters.
pub(crate) fn with_letters(name: &[u8], letters: BTreeSet<u8>) -> Vec<u8> {
    let letters: Vec<u8> = letters.into_iter().collect();
    [base(name), b":2,", &letters].concat()
}

/// How many bytes the file has, if its name says so.
pub(crate) fn size(name: &[u8]) -> Option<u64> {
    let mut said = base(name).split(|byte| *byte == b',').skip(1);
    let digits = said.find_map(|part| part.strip_prefix(b"S="))?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_apart_and_put_together() {
        let name = b"17.M2P3.vm,S=606,W=620:2,FSa";
        assert_eq!(base(name), b"17.M2P3.vm,S=606,W=620");
        assert_eq!(letters(name), Some(&b"FSa"[..]));
        assert_eq!(size(name), Some(606));
        assert_eq!(
            with_letters(name, b"aSRF".iter().copied().collect()),
            b"17.M2P3.vm,S=606,W=620:2,FRSa"
        );
        assert_eq!(with_letters(b"17.M2P3.vm", BTreeSet::new()), b"17.M2P3.vm:2,");
    }

    #[test]
    fn names_of_other_programs_are_names_too() {
        assert_eq!((letters(b"17"), size(b"17")), (Some(&b""[..]), None));
        assert_eq!(letters(b"17,U=4:2,"), Some(&b""[..]));
        for strange in [&b"17:1,S"[..], b"17:", b"17:2", b"17:2,S,X=1", b"17:2,S:2,R"] {
            assert_eq!(letters(strange), None);
        }
        for no_size in [&b"17,S=:2,"[..], b"17,S=x", b"17:2,S=5", b"17,S=99999999999999999999"] {
            assert_eq!(size(no_size), None);
        }
    }
}
