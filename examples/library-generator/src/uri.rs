//! Paths as `file://` URIs, spelt as each player spells them.
//!
//! The two agree on what a path means and not on its letters: GIO escapes what Qt leaves bare.

use std::fmt::Write;

const BARE: &[u8] = b"-._~!$&'()*+,=:@/";
const BARE_IN_QT_ONLY: &[u8] = b"[];";

/// As GIO, and so Rhythmbox, writes it.
pub(super) fn gio(path: &str) -> String {
    escape(path, |byte| BARE.contains(&byte))
}

/// As Qt, and so Strawberry, writes it.
pub(super) fn qt(path: &str) -> String {
    escape(path, |byte| BARE.contains(&byte) || BARE_IN_QT_ONLY.contains(&byte))
}

fn escape(path: &str, bare: impl Fn(u8) -> bool) -> String {
    let mut uri = String::from("file://");
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || bare(byte) {
            uri.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}
