//! The names of folders as IMAP servers write them: modified UTF-7 (RFC 3501, 5.1.3).
//!
//! A folder that exists keeps the name that it has on disk, also where another spelling says the same.

use data_encoding::{BASE64_NOPAD, Encoding, Specification};

/// The text of a name; `None` if the name is not of this form, as where folders are named in UTF-8.
pub fn decode(name: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = name;
    while let Some((plain, shifted)) = rest.split_once('&') {
        out.push_str(plain);
        let (coded, after) = shifted.split_once('-')?;
        out.push_str(&shift(coded)?);
        rest = after;
    }
    out.push_str(rest);
    name.bytes().all(|byte| (0x20..0x7f).contains(&byte)).then_some(out)
}

/// The name of a folder of this text.
///
/// ```
/// use segue_mail::utf7::{decode, encode};
/// assert_eq!(encode("Entwürfe & R"), "Entw&APw-rfe &- R");
/// assert_eq!(decode("&TtVOiw-").as_deref(), Some("仕事"));
/// ```
pub fn encode(text: &str) -> String {
    let mut out = String::new();
    let mut shifted = String::new();
    for c in text.chars() {
        if matches!(c, ' '..='~') {
            unshift(&mut out, &mut shifted);
            out.push(c);
            if c == '&' {
                out.push('-');
            }
        } else {
            shifted.push(c);
        }
    }
    unshift(&mut out, &mut shifted);
    out
}

/// Ends a run of characters that stand between `&` and `-`.
fn unshift(out: &mut String, shifted: &mut String) {
    if shifted.is_empty() {
        return;
    }
    let bytes: Vec<u8> = shifted.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let coded = BASE64_NOPAD.encode(&bytes).replace('/', ",");
    out.extend(["&", &coded, "-"]);
    shifted.clear();
}

/// What stands between `&` and `-`.
fn shift(coded: &str) -> Option<String> {
    if coded.is_empty() {
        return Some("&".to_owned());
    }
    let bytes = alphabet()?.decode(coded.as_bytes()).ok()?;
    if bytes.len() % 2 != 0 {
        return None;
    }
    let units = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    char::decode_utf16(units).collect::<Result<_, _>>().ok()
}

/// Base64 with a comma in place of the slash, in which bits that say nothing may be anything.
fn alphabet() -> Option<Encoding> {
    let mut alphabet: Specification = BASE64_NOPAD.specification();
    alphabet.symbols = alphabet.symbols.replace('/', ",");
    alphabet.check_trailing_bits = false;
    alphabet.encoding().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_told_and_read_back() {
        for text in ["", "Archive", "Entwürfe", "R&D", "仕事", "a😀b", "ü&ü", "~\t", "平仮名"]
        {
            assert_eq!(decode(&encode(text)).as_deref(), Some(text), "{}", encode(text));
        }
    }

    #[test]
    fn names_as_dovecot_wrote_them() {
        for (name, text) in [
            ("INBOX", "INBOX"),
            ("Entw&APw-rfe", "Entwürfe"),
            ("R&-D", "R&D"),
            ("&TtVOiw-", "仕事"),
            ("AC&IhU-DC tickets", "AC∕DC tickets"),
            ("&2D3eAA-", "😀"),
        ] {
            assert_eq!(decode(name).as_deref(), Some(text), "{name}");
        }
    }

    #[test]
    fn what_is_not_of_this_form_is_left_to_others() {
        for name in ["Entwürfe", "R&D", "a&APw", "&2D0-", "&AP-", "&!!-", "tab\there"] {
            assert_eq!(decode(name), None, "{name}");
        }
    }
}
