//! From the `file://` URIs of GIO to the bytes of a path.
//!
//! The URI itself is the key of a song and is never rewritten; only what it means is read here.

/// The absolute path that this URI stands for, if it is a file on this computer. File names are
/// bytes, so the path need not be UTF-8.
pub(crate) fn path(uri: &str) -> Option<Vec<u8>> {
    let rest = uri.strip_prefix("file://")?;
    let rest = rest.strip_prefix("localhost").unwrap_or(rest);
    if !rest.starts_with('/') || rest.contains('#') {
        return None;
    }
    let mut path = Vec::with_capacity(rest.len());
    let mut bytes = rest.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            path.push(byte);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16).map(|digit| digit as u8);
        let byte = digit()? << 4 | digit()?;
        if byte == 0 {
            return None;
        }
        path.push(byte);
    }
    Some(path)
}

/// The last part of a path, as GIO shows it to people.
pub(crate) fn shown_name(uri: &str) -> Option<String> {
    let path = path(uri)?;
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    Some(match std::str::from_utf8(name) {
        Ok(name) => name.to_owned(),
        Err(_) => format!("{} (invalid encoding)", String::from_utf8_lossy(name)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As GIO escapes the path of a local file.
    fn gio(path: &[u8]) -> String {
        let bare = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@/".contains(byte);
        let escape = |byte: &u8| {
            if bare(byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") }
        };
        format!("file://{}", path.iter().map(escape).collect::<String>())
    }

    #[test]
    fn f13_every_byte_of_a_file_name_comes_back() {
        let name: Vec<u8> = (1..=255).filter(|byte| *byte != b'/').collect();
        let whole = [b"/music/".as_slice(), &name].concat();
        assert_eq!(path(&gio(&whole)), Some(whole));
    }

    #[test]
    fn what_the_app_wrote() {
        let uri = "file:///m/Odd%20Names/a:b%7Cc%5Cd*e.mp3";
        assert_eq!(path(uri).unwrap(), b"/m/Odd Names/a:b|c\\d*e.mp3");
        assert_eq!(gio(&path(uri).unwrap()), uri);
        assert_eq!(path("file://localhost/a").unwrap(), b"/a");
    }

    #[test]
    fn what_is_no_file_here_has_no_path() {
        for uri in ["http://a/b", "smb://a/b", "file://host/a", "file:a", "", "file:///a#b"] {
            assert_eq!(path(uri), None, "{uri}");
        }
        for uri in ["file:///%", "file:///%4", "file:///%zz", "file:///a%00b"] {
            assert_eq!(path(uri), None, "{uri}");
        }
    }

    #[test]
    fn names_that_are_no_text_are_shown_as_gio_shows_them() {
        assert_eq!(shown_name("file:///a/b%20c.mp3").unwrap(), "b c.mp3");
        assert_eq!(shown_name("file:///a/b%FF.mp3").unwrap(), "b\u{fffd}.mp3 (invalid encoding)");
    }
}
