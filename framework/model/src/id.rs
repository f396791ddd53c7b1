//! Ids: newtypes made by one macro, so that mixing two is a compile error.
//!
//! An [`ItemId`] is never derived from a path or a title; a [`NativeId`] never leaves its library.

use std::fmt;
use std::str::FromStr;

/// A text that is no id of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdError {
    /// What was expected, such as `item id`.
    pub expected: &'static str,
    /// The text that was given.
    pub text: String,
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no {}", self.text, self.expected)
    }
}

impl std::error::Error for IdError {}

macro_rules! byte_ids {
    ($($(#[$doc:meta])* $name:ident($len:literal, $what:literal);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// The bytes of the id.
            pub const fn as_bytes(&self) -> &[u8; $len] { &self.0 }

            /// The id with these bytes, if their number fits.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> { bytes.try_into().ok().map(Self) }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                parse_hex::<$len>(text).map(Self)
                    .ok_or_else(|| IdError { expected: $what, text: text.chars().take(80).collect() })
            }
        }
    )*};
}

byte_ids! {
    /// An item of a document: a track, a message, a book.
    ItemId(16, "item id");
    /// A collection of a document: a playlist, a folder.
    CollectionId(16, "collection id");
    /// One place in a collection; the same item may have several.
    EntryId(8, "entry id");
    /// A library joined to a document; global, so that peers can tell whose value is whose.
    LinkId(8, "link id");
    /// One applied plan or pass: the unit of log and undo.
    OperationId(8, "operation id");
    /// The hash of one change of a document.
    ChangeHash(32, "hash of a change");
    /// A document: the hash of its root key, schema and nonce.
    DocumentId(32, "document id");
    /// A device's ed25519 public key.
    DeviceId(32, "device id");
    /// A person's ed25519 public key.
    PersonId(32, "person id");
}

fn parse_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let bytes = text.as_bytes();
    if bytes.len() != 2 * N {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let mut out = [0; N];
    for (slot, pair) in out.iter_mut().zip(bytes.chunks_exact(2)) {
        *slot = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(out)
}

macro_rules! byte_strings {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<[u8]>);

        impl $name {
            /// Takes the bytes as they are: they need not be UTF-8.
            pub fn new(bytes: impl Into<Box<[u8]>>) -> Self { Self(bytes.into()) }

            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8] { &self.0 }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self { Self(text.as_bytes().into()) }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self { Self(text.into_bytes().into()) }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&String::from_utf8_lossy(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    )*};
}

byte_strings! {
    /// What one library calls an item or a collection. Bytes, because file names are bytes.
    NativeId;
    /// Where content lies: an absolute path on this device as a translator reads it, relative to
    /// the link's root inside a document. Bytes, because file names are bytes.
    Location;
}

impl Location {
    /// This path below `root`, if it lies there. `root` has no trailing slash.
    ///
    /// ```
    /// use segue_model::Location;
    /// let song = Location::from("/music/a/b.mp3");
    /// assert_eq!(song.below(&Location::from("/music")), Some(Location::from("a/b.mp3")));
    /// assert_eq!(song.below(&Location::from("/mus")), None);
    /// ```
    pub fn below(&self, root: &Self) -> Option<Self> {
        let rest = self.0.strip_prefix(root.as_bytes())?;
        let rest = if root.as_bytes().ends_with(b"/") { rest } else { rest.strip_prefix(b"/")? };
        Some(Self::new(rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_print_and_parse_as_hex() {
        let id = OperationId([0, 1, 0xab, 0xff, 4, 5, 6, 7]);
        assert_eq!(id.to_string(), "0001abff04050607");
        assert_eq!("0001abff04050607".parse(), Ok(id));
        assert!("0001abff0405060".parse::<OperationId>().is_err());
        assert!("0001abff0405060x".parse::<OperationId>().is_err());
        assert!("é001abff040506é".parse::<OperationId>().is_err());
    }
}
