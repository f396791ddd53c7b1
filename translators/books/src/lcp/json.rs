//! JSON as a licence needs it: bounded, without keys that come twice, and in the one form that is signed.
//!
//! Invariant: two texts with one canonical form say the same.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

const DEPTH_MAX: usize = 32;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json {
    Null,
    Flag(bool),
    Int(i128),
    Real(f64),
    Text(String),
    List(Vec<Self>),
    /// Sorted by code point, as UTF-8 is.
    Object(BTreeMap<String, Self>),
}

impl Json {
    /// Reads a whole text.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        let json = Depth(DEPTH_MAX).deserialize(&mut reader);
        json.and_then(|json| reader.end().map(|()| json)).map_err(|error| error.to_string())
    }

    /// What stands at `key`; nothing where this is no object, or where it says `null`.
    pub(super) fn at(&self, key: &str) -> Option<&Self> {
        let Self::Object(object) = self else { return None };
        object.get(key).filter(|value| **value != Self::Null)
    }

    /// The text, if it is one.
    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The canonical form: keys sorted, no blanks, only what must be escaped escaped.
    pub(super) fn canonical(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    /// Writing into a string does not fail.
    fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Flag(flag) => drop(write!(out, "{flag}")),
            Self::Int(number) => drop(write!(out, "{number}")),
            Self::Real(number) => drop(write!(out, "{number:E}")),
            Self::Text(text) => quote(text, out),
            Self::List(values) => {
                out.push('[');
                for (at, value) in values.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    value.write(out);
                }
                out.push(']');
            }
            Self::Object(object) => {
                out.push('{');
                for (at, (key, value)) in object.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    quote(key, out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

fn quote(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '\0'..='\x1f' => drop(write!(out, "\\u{:04X}", u32::from(character))),
            _ => out.push(character),
        }
    }
    out.push('"');
}

/// How many more levels are accepted.
#[derive(Clone, Copy)]
struct Depth(usize);

impl Depth {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        let left = self.0.checked_sub(1);
        left.map(Self).ok_or_else(|| E::custom(format!("more than {DEPTH_MAX} levels")))
    }
}

impl<'de> DeserializeSeed<'de> for Depth {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Json, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Depth {
    type Value = Json;

    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Json, E> {
        Ok(Json::Flag(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Int(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Int(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Json, E> {
        Ok(Json::Real(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let (inside, mut values) = (self.deeper()?, Vec::new());
        while let Some(value) = list.next_element_seed(inside)? {
            values.push(value);
        }
        Ok(Json::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let (inside, mut object) = (self.deeper()?, BTreeMap::new());
        while let Some(key) = map.next_key::<String>()? {
            let value = map.next_value_seed(inside)?;
            if let Some((key, _)) = object.insert(key.clone(), value).map(|old| (key, old)) {
                return Err(A::Error::custom(format!("`{key:.40}` comes twice")));
            }
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_canonical_form_is_that_of_the_specification() {
        let text = "{ \"b\" : [ 1, 2.50, -0, 1e2, true, null ],\n\"\u{e9}\": \"é\\u0001\\n/\\\"\\\\\", \"a\": {\"Z\": {}, \"A\": []} }";
        let canonical = Json::parse(text.as_bytes()).unwrap().canonical();
        let expected = "{\"a\":{\"A\":[],\"Z\":{}},\"b\":[1,2.5E0,-0E0,1E2,true,null],\
            \"\u{e9}\":\"é\\u0001\\u000A/\\\"\\\\\"}";
        assert_eq!(canonical, expected);
        assert_eq!(Json::parse(canonical.as_bytes()).unwrap().canonical(), canonical);
    }

    #[test]
    fn what_comes_twice_lies_deep_or_goes_on_is_refused() {
        let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(Json::parse(deep(DEPTH_MAX).as_bytes()).is_ok());
        for refused in [
            deep(DEPTH_MAX + 1).as_str(),
            "[".repeat(100_000).as_str(),
            "{\"a\":1,\"a\":1}",
            "{\"a\":{\"b\":1,\"\\u0062\":2}}",
            "{} {}",
            "NaN",
            "",
            "{\"a\":1e999}",
        ] {
            assert!(Json::parse(refused.as_bytes()).is_err(), "{refused:.40}");
        }
    }
}
