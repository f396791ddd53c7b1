//! What names a book elsewhere, as `scheme:value`: one name has one form, however a package says it.
//!
//! A number that counts only in one app's library names nothing elsewhere and is none; nor is a name
//! without a scheme, such as `bookid`.
//!
//! Invariant: the scheme is in lower case and never empty, and neither is the value.

/// Schemes of numbers that are given anew in each library.
const LOCAL: &[&str] = &["calibre", "calibre_id"];

/// The identifier, if `said`, of which the package may say the scheme, is one. An error is what it is
/// not.
pub(crate) fn identifier(said: &str, scheme: Option<&str>) -> Result<Option<String>, String> {
    let said = said.trim();
    let lower = said.to_lowercase();
    let scheme = scheme.map(known_scheme).filter(|scheme| !scheme.is_empty());
    let after = |prefixes: &[&str]| {
        prefixes.iter().find_map(|prefix| {
            Some(said.get(prefix.len()..)?).filter(|_| lower.starts_with(prefix))
        })
    };
    if let Some(number) = after(&["urn:isbn:", "isbn:"]) {
        return isbn(number).map(Some);
    }
    if let Some(id) = after(&["urn:uuid:", "uuid:"]) {
        return Ok(named("uuid", &id.to_lowercase()));
    }
    if let Some(id) = after(&[
        "urn:doi:",
        "doi:",
        "https://doi.org/",
        "http://dx.doi.org/",
        "http://doi.org/",
        "https://dx.doi.org/",
    ]) {
        return Ok(named("doi", &id.to_lowercase()));
    }
    match scheme.as_deref() {
        Some("isbn") => isbn(said).map(Some),
        Some("uuid" | "doi") => Ok(named(scheme.as_deref().unwrap_or_default(), &lower)),
        Some(local) if LOCAL.contains(&local) => Ok(None),
        _ if after(&["http://", "https://"]).is_some() => Ok(named("url", said)),
        Some("uri" | "url" | "urn" | "id") | None => Ok(by_form(&lower)),
        Some(scheme) => Ok(named(scheme, said)),
    }
}

fn named(scheme: &str, value: &str) -> Option<String> {
    let value = value.trim();
    (!value.is_empty()).then(|| format!("{scheme}:{value}"))
}

/// A scheme in its plain form; numbers are those of ONIX code list 5.
fn known_scheme(said: &str) -> String {
    match said.trim() {
        "02" | "15" => "isbn".into(),
        "06" => "doi".into(),
        "01" => "id".into(),
        other => {
            let plain = other.to_lowercase();
            let plain = plain.strip_prefix("urn:").unwrap_or(&plain);
            let of = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
            let plain: String = plain.chars().take(40).map(of).collect();
            if ["isbn-13", "isbn13", "isbn-10", "isbn10"].contains(&&*plain) {
                "isbn".into()
            } else {
                plain
            }
        }
    }
}

/// What only its form tells: a UUID, or an ISBN of thirteen digits.
fn by_form(lower: &str) -> Option<String> {
    let lengths = lower.split('-').map(str::len);
    if lengths.eq([8, 4, 4, 4, 12]) && lower.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit()) {
        return named("uuid", lower);
    }
    let is_isbn = lower.starts_with("978") || lower.starts_with("979");
    isbn(lower).ok().filter(|_| is_isbn)
}

/// An ISBN as thirteen digits; one of ten is the same number in another form.
fn isbn(said: &str) -> Result<String, String> {
    let digits: String =
        said.chars().filter(|c| !c.is_whitespace() && !"-–‐".contains(*c)).collect();
    let bytes = digits.as_bytes();
    let are_digits = |some: &[u8]| some.iter().all(u8::is_ascii_digit);
    match bytes.len() {
        13 if are_digits(bytes) => Ok(format!("isbn:{digits}")),
        10 if are_digits(&bytes[..9]) && (are_digits(&bytes[9..]) || b"xX".contains(&bytes[9])) => {
            let number = format!("978{}", &digits[..9]);
            let weighed = number.bytes().zip([1, 3].into_iter().cycle());
            let sum: u32 = weighed.map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
            Ok(format!("isbn:{number}{}", (10 - sum % 10) % 10))
        }
        _ => Err(format!("`{said:.40}` is no ISBN")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_has_one_form() {
        let uuid = "uuid:d3275932-2e1e-4e82-8524-236f16dbf701";
        let cases = [
            ("urn:isbn:978-0-14-143958-7", None, "isbn:9780141439587"),
            ("0-14-143958-7", Some("ISBN"), "isbn:9780141439587"),
            ("080442957X", Some("02"), "isbn:9780804429573"),
            ("9780141439587", None, "isbn:9780141439587"),
            ("9780141439587", Some("15"), "isbn:9780141439587"),
            ("D3275932-2E1E-4E82-8524-236F16DBF701", None, uuid),
            ("urn:uuid:D3275932-2E1E-4E82-8524-236F16DBF701", Some("uuid"), uuid),
            ("https://doi.org/10.1000/ABC", None, "doi:10.1000/abc"),
            (
                "http://www.gutenberg.org/ebooks/158",
                Some("URI"),
                "url:http://www.gutenberg.org/ebooks/158",
            ),
            ("B00X", Some("MOBI ASIN"), "mobi-asin:B00X"),
            ("21", Some("calibre"), ""),
            ("bookid", None, ""),
            ("", Some("uuid"), ""),
        ];
        for (said, scheme, expected) in cases {
            let found = identifier(said, scheme).unwrap().unwrap_or_default();
            assert_eq!(found, expected, "{said} {scheme:?}");
        }
        assert!(identifier("12345", Some("ISBN")).is_err());
    }

    #[test]
    fn odd_texts_are_no_panic() {
        for said in ["é", "İsbn:1", "urn:isbn:", "isbn:é123456789", "-", "978é"] {
            let _ = identifier(said, None);
            let _ = identifier(said, Some(said));
        }
    }
}
