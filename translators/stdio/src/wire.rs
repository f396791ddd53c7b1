//! The messages as they travel; `docs/translator-protocol.md` is their meaning.
//!
//! Only shapes are known here, and no key beyond them is taken. What values mean is checked where
//! they become Segue's own types: [`hello`](crate::hello), [`convert`](crate::convert).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// The version that we speak.
pub(crate) const PROTOCOL: u64 = 1;

/// Bytes: a string where they are text, else an object with their base64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Bytes {
    Text(String),
    Other(Base64),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Base64 {
    bytes: String,
}

impl Bytes {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Other(Base64 { bytes: STANDARD.encode(bytes) }),
        }
    }

    pub(crate) fn decode(self) -> Result<Vec<u8>, String> {
        match self {
            Self::Text(text) => Ok(text.into_bytes()),
            Self::Other(other) => STANDARD
                .decode(other.bytes)
                .map_err(|error| format!("`bytes` are no base64: {error}")),
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Request<'a, P> {
    pub(crate) id: u64,
    pub(crate) method: &'a str,
    pub(crate) params: &'a P,
}

/// One line of an answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answer<T> {
    pub(crate) id: u64,
    pub(crate) part: Option<T>,
    pub(crate) result: Option<T>,
    pub(crate) error: Option<Fault>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    pub(crate) kind: String,
    pub(crate) message: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct HelloParams {
    pub(crate) protocol: u64,
    pub(crate) segue: &'static str,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hello {
    pub(crate) protocol: u64,
    pub(crate) app: String,
    #[serde(default)]
    pub(crate) name: Option<String>,
    pub(crate) schema: String,
    pub(crate) folders: Vec<Folder>,
    pub(crate) files: Vec<String>,
    pub(crate) running: Running,
    pub(crate) fields: BTreeMap<String, Field>,
    #[serde(default)]
    pub(crate) collections: BTreeMap<String, CollectionKind>,
    #[serde(default)]
    pub(crate) cannot_hold: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Folder {
    pub(crate) below: Below,
    pub(crate) path: String,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Below {
    Home,
    Data,
    Config,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Running {
    #[serde(default)]
    pub(crate) processes: Vec<String>,
    #[serde(default)]
    pub(crate) bus_names: Vec<String>,
    #[serde(default)]
    pub(crate) holds_open: bool,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Access {
    Read,
    Write,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Field {
    pub(crate) access: Access,
    #[serde(default)]
    pub(crate) hold: Option<Hold>,
    #[serde(default)]
    pub(crate) lossy: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Hold {
    Levels {
        count: i64,
        zero: bool,
    },
    Steps {
        step: i64,
        most: i64,
        #[serde(default = "yes")]
        zero: bool,
    },
    First {},
    Only(Vec<String>),
    Elements(UniqueNames),
}

fn yes() -> bool {
    true
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CollectionKind {
    pub(crate) access: Access,
    #[serde(default)]
    pub(crate) repeats: bool,
    #[serde(default)]
    pub(crate) names: Option<Names>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Names {
    Unique(UniqueNames),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UniqueNames {
    #[serde(default)]
    pub(crate) without: String,
    #[serde(default)]
    pub(crate) except: Vec<String>,
    #[serde(default = "name_bytes")]
    pub(crate) bytes_max: usize,
}

/// As many as the name of a file can have.
fn name_bytes() -> usize {
    255
}

#[derive(Debug, Serialize)]
pub(crate) struct ReadParams {
    pub(crate) library: Bytes,
    pub(crate) files: BTreeMap<String, Bytes>,
}

/// What a read says, in one part or many.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ReadPart {
    pub(crate) items: Vec<Item>,
    pub(crate) collections: Vec<Collection>,
    pub(crate) losses: Vec<Loss>,
    pub(crate) roots: Vec<Bytes>,
    pub(crate) read_only: Option<String>,
    pub(crate) collections_missing: bool,
    /// Elements by field.
    pub(crate) unseen: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Item {
    pub(crate) id: Bytes,
    #[serde(default)]
    pub(crate) location: Option<Bytes>,
    #[serde(default)]
    pub(crate) missing: bool,
    #[serde(default)]
    pub(crate) fields: BTreeMap<String, Json>,
    #[serde(default)]
    pub(crate) ext: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Collection {
    pub(crate) id: Bytes,
    pub(crate) kind: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) parent: Option<Bytes>,
    #[serde(default)]
    pub(crate) entries: Vec<Bytes>,
    #[serde(default)]
    pub(crate) rule: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Loss {
    pub(crate) id: Bytes,
    pub(crate) what: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct WriteParams {
    pub(crate) library: Bytes,
    pub(crate) files: BTreeMap<String, Bytes>,
    pub(crate) stage: Bytes,
    pub(crate) edits: Vec<Edit>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Edit {
    Field { item: Bytes, field: &'static str, old: Json, new: Json },
    Create { create: Create },
    Rename { rename: Renamed },
    Reorder { reorder: Reordered },
    Remove { remove: Removed },
}

#[derive(Debug, Serialize)]
pub(crate) struct Create {
    pub(crate) kind: &'static str,
    pub(crate) name: String,
    pub(crate) parent: Option<Bytes>,
    pub(crate) entries: Vec<Bytes>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Renamed {
    pub(crate) collection: Bytes,
    pub(crate) old: String,
    pub(crate) new: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct Reordered {
    pub(crate) collection: Bytes,
    pub(crate) old: Vec<Bytes>,
    pub(crate) new: Vec<Bytes>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Removed {
    pub(crate) collection: Bytes,
    pub(crate) old: Vec<Bytes>,
}

/// What a write says, in one part or many: an outcome for each edit, in their order.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct WritePart {
    pub(crate) results: Vec<Outcome>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Ok,
    Refused(String),
    Created(Bytes),
}
