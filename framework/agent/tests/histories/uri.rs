//! Paths as `file://` URIs, as the players spell them.

use std::fmt::Write as _;

use segue_translator::model::Location;

/// The address of a file.
pub(crate) fn uri(place: &Location) -> String {
    let mut uri = "file://".to_owned();
    for byte in place.as_bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}
