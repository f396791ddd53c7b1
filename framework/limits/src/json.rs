//! JSON as licences use it: text, whole numbers, truth, lists and objects.
//!
//! Stricter than JSON, so that one licence cannot be read in two ways: no key twice, no fraction,
//! no exponent, nothing below zero, no null. It does not know what the keys mean.
//!
//! Invariant: whatever the input, no more than its size is held, and the depth is bounded.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Serialize, Serializer};

const BYTES_MAX: usize = 64 << 10;
const DEPTH_MAX: usize = 8;

/// A value. Objects are sorted by key, as the canonical form is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Json {
    Text(String),
    Number(u64),
    Truth(bool),
    List(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

impl Json {
    /// Reads one value and nothing else; otherwise says what is wrong.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > BYTES_MAX {
            return Err(format!("it has more than {BYTES_MAX} bytes"));
        }
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        let value = Within(DEPTH_MAX).deserialize(&mut reader);
        let ended = value.and_then(|value| reader.end().map(|()| value));
        ended.map_err(|error| error.to_string())
    }

    /// Without white space, keys sorted by their bytes.
    pub(crate) fn canonical(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// For people, a line for each value.
    pub(crate) fn pretty(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::Truth(truth) => serializer.serialize_bool(*truth),
            Self::List(list) => serializer.collect_seq(list),
            Self::Object(object) => serializer.collect_map(object),
        }
    }
}

/// Reads a value that is at most so deep.
#[derive(Clone, Copy)]
struct Within(usize);

impl Within {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        self.0.checked_sub(1).map(Self).ok_or_else(|| E::custom("nested too deeply"))
    }
}

impl<'de> DeserializeSeed<'de> for Within {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Within {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a whole number from 0 on, true, false, a list or an object")
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Json, E> {
        Ok(Json::Truth(truth))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Json, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(value) = values.next_element_seed(inner)? {
            list.push(value);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut values: A) -> Result<Json, A::Error> {
        let inner = self.deeper()?;
        let mut object = BTreeMap::new();
        while let Some(key) = values.next_key::<String>()? {
            let value = values.next_value_seed(inner)?;
            match object.entry(key) {
                Entry::Vacant(entry) => drop(entry.insert(value)),
                Entry::Occupied(entry) => {
                    return Err(A::Error::custom(format!("`{}` stands there twice", entry.key())));
                }
            }
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> Result<String, String> {
        let json = Json::read(text.as_bytes())?;
        Ok(String::from_utf8(json.canonical().unwrap()).unwrap())
    }

    #[test]
    fn the_canonical_form_has_sorted_keys_and_no_space() {
        let text = r#" { "b" : [ 1, true, "\u00e4\/\u0001\n\"" ] , "a" : { } } "#;
        assert_eq!(canonical(text).unwrap(), "{\"a\":{},\"b\":[1,true,\"ä/\\u0001\\n\\\"\"]}");
        let most = format!("[{}]", u64::MAX);
        assert_eq!(canonical(&most).unwrap(), most);
    }

    #[test]
    fn f41_what_could_be_read_in_two_ways_is_not_read() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            "1.0",
            "1e2",
            "-1",
            "-0",
            "18446744073709551616",
            "NaN",
            "null",
            "1 2",
            "",
            "\"\\ud800\"",
            "[1,]",
        ] {
            assert!(canonical(text).is_err(), "{text}");
        }
        assert!(Json::read(b"\"\xff\"").is_err());
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(canonical(&nested(DEPTH_MAX)).is_ok());
        assert!(canonical(&nested(DEPTH_MAX + 1)).unwrap_err().contains("too deeply"));
        assert!(canonical(&nested(30_000)).is_err());
        let long = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
        assert!(canonical(&long(BYTES_MAX)).is_ok());
        assert!(canonical(&long(BYTES_MAX + 1)).is_err());
    }
}
