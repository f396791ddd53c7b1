//! The JSON in which values stand in the document.
//!
//! Numbers without a fraction are [`Value::Int`], with one [`Value::Real`]; null is a cleared field.
//! What does not decode was written by a newer Segue or by an enemy: it is no opinion.

use std::fmt::Write as _;

use segue_model::{LinkId, Location, OperationId, Real, Value};
use serde_json::{Map, Value as Json};

use crate::record::{Entry, Origin, Register, Weight};

/// Texts longer than this are not decoded.
const TEXT_MAX: usize = 1 << 20;

/// Where an origin says how coarse its numbers are, by field name: how many numbers above are
/// alike, or how many below and how many above. A Segue that does not know this key takes it for a
/// field with no value.
const COARSE: &str = "+";

pub(crate) fn value_json(value: &Value) -> Json {
    match value {
        Value::Int(number) => Json::from(*number),
        Value::Real(number) => Json::from(number.0),
        Value::Flag(flag) => Json::from(*flag),
        Value::Text(text) => Json::from(&**text),
        Value::List(texts) => texts.iter().map(|text| Json::from(&**text)).collect(),
    }
}

pub(crate) fn json_value(json: Json) -> Option<Value> {
    Some(match json {
        Json::Number(number) => match number.as_i64() {
            Some(number) => Value::Int(number),
            None => Value::Real(Real(number.as_f64()?)),
        },
        Json::Bool(flag) => Value::Flag(flag),
        Json::String(text) => Value::text(text),
        Json::Array(texts) => Value::List(
            texts
                .into_iter()
                .map(|text| match text {
                    Json::String(text) => Some(text.into_boxed_str()),
                    _ => None,
                })
                .collect::<Option<_>>()?,
        ),
        Json::Null | Json::Object(_) => return None,
    })
}

/// A path as text: as it is where it is UTF-8 without `%`, else with those bytes escaped.
pub(crate) fn location_text(location: &Location) -> String {
    let mut out = String::new();
    for chunk in location.as_bytes().utf8_chunks() {
        out.push_str(&chunk.valid().replace('%', "%25"));
        chunk.invalid().iter().for_each(|byte| _ = write!(out, "%{byte:02X}"));
    }
    out
}

pub(crate) fn text_location(text: &str) -> Option<Location> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?];
            out.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            out.push(byte);
        }
    }
    Some(Location::new(out))
}

pub(crate) fn origin_text(origin: &Origin) -> String {
    let mut map = Map::new();
    map.insert("#".into(), Json::from(origin.operation.to_string()));
    if let Some(location) = &origin.location {
        map.insert("@".into(), Json::from(location_text(location)));
    }
    let mut coarse = Map::new();
    for (name, (value, weight)) in &origin.fields {
        let name = match weight {
            Weight::Full => name.clone(),
            Weight::Coarse { below, above } => {
                coarse.insert(name.clone(), alike_json(*below, *above));
                name.clone()
            }
            Weight::Weak => format!("~{name}"),
        };
        map.insert(name, value_json(value));
    }
    if !coarse.is_empty() {
        map.insert(COARSE.into(), Json::Object(coarse));
    }
    Json::Object(map).to_string()
}

pub(crate) fn text_origin(text: &str) -> Option<Origin> {
    let Json::Object(map) = parse(text)? else { return None };
    let mut origin = Origin {
        operation: OperationId([0; 8]),
        location: None,
        fields: std::collections::BTreeMap::new(),
    };
    let mut alike = Json::Null;
    for (name, json) in map {
        match (name.as_str(), json) {
            ("#", Json::String(text)) => origin.operation = text.parse().ok()?,
            ("@", Json::String(text)) => origin.location = text_location(&text),
            (COARSE, json) => alike = json,
            (_, json) => {
                let (name, weight) = match name.strip_prefix('~') {
                    Some(name) => (name.to_owned(), Weight::Weak),
                    None => (name, Weight::Full),
                };
                if let Some(value) = json_value(json) {
                    origin.fields.insert(name, (value, weight));
                }
            }
        }
    }
    // Of a form that is not known, the value counts as exact.
    for (name, json) in alike.as_object().into_iter().flatten() {
        if let Some((Value::Int(_), weight @ Weight::Full)) = origin.fields.get_mut(name) {
            *weight = json_alike(json).unwrap_or(Weight::Full);
        }
    }
    Some(origin)
}

fn alike_json(below: u64, above: u64) -> Json {
    if below == 0 { Json::from(above) } else { Json::from(vec![below, above]) }
}

fn json_alike(json: &Json) -> Option<Weight> {
    let (below, above) = match json {
        Json::Number(above) => (0, above.as_u64()?),
        Json::Array(both) => match &both[..] {
            [below, above] => (below.as_u64()?, above.as_u64()?),
            _ => return None,
        },
        _ => return None,
    };
    Some(Weight::Coarse { below, above })
}

pub(crate) fn register_text(register: &Register) -> String {
    let named: Json = register.named.iter().map(|link| Json::from(link.to_string())).collect();
    // A link that is named already is a number: a rating is the most frequent change there is.
    let link = register.link.map_or(Json::Null, |link| {
        let index = register.named.iter().position(|named| *named == link);
        index.map_or_else(|| Json::from(link.to_string()), Json::from)
    });
    let value = register.value.as_ref().map_or(Json::Null, value_json);
    Json::from(vec![value, named, link, Json::from(register.operation.to_string())]).to_string()
}

pub(crate) fn text_register(text: &str) -> Option<Register> {
    let Json::Array(parts) = parse(text)? else { return None };
    let mut parts = parts.into_iter();
    let value = match parts.next()? {
        Json::Null => None,
        json => Some(json_value(json)?),
    };
    let Json::Array(named) = parts.next()? else { return None };
    let named: Vec<LinkId> = named.iter().map(json_link).collect::<Option<_>>()?;
    let link = match parts.next()? {
        Json::Null => None,
        Json::Number(index) => Some(*named.get(usize::try_from(index.as_u64()?).ok()?)?),
        json => Some(json_link(&json)?),
    };
    let operation = parts.next()?.as_str()?.parse().ok()?;
    Some(Register { value, named, link, operation })
}

fn json_link(json: &Json) -> Option<LinkId> {
    json.as_str()?.parse().ok()
}

pub(crate) fn counter_text(baseline: i64, added: i64) -> String {
    format!("[{baseline},{added}]")
}

pub(crate) fn text_counter(text: &str) -> Option<(i64, i64)> {
    let (baseline, added) = text.strip_prefix('[')?.strip_suffix(']')?.split_once(',')?;
    Some((baseline.parse().ok()?, added.parse().ok()?))
}

pub(crate) fn entry_text(entry: &Entry) -> String {
    format!("{} {}", entry.position, entry.item)
}

pub(crate) fn text_entry(text: &str) -> Option<Entry> {
    let (position, item) = text.split_once(' ')?;
    if position.len() > 4_096 {
        return None;
    }
    Some(Entry { position: position.to_owned(), item: item.parse().ok()? })
}

fn parse(text: &str) -> Option<Json> {
    // serde_json bounds nesting by itself.
    if text.len() > TEXT_MAX { None } else { serde_json::from_str(text).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn locations_that_are_no_text_survive() {
        for bytes in [&b"a/b.mp3"[..], b"100%.mp3", b"\xff\xfe/%41", "é".as_bytes(), b""] {
            let location = Location::new(bytes);
            assert_eq!(text_location(&location_text(&location)), Some(location));
        }
    }

    #[test]
    fn registers_and_origins_survive() {
        let link = LinkId([3; 8]);
        let operation = OperationId([5; 8]);
        for value in [None, Some(Value::Int(0)), Some(Value::Real(Real(120.0))), Some("é".into())]
        {
            for named in [vec![link], vec![]] {
                let value = value.clone();
                let register = Register { value, named, link: Some(link), operation };
                assert_eq!(text_register(&register_text(&register)), Some(register));
            }
        }
        let fields = BTreeMap::from([
            ("artist".to_owned(), (Value::list(["a", "b"]), Weight::Weak)),
            ("compilation".to_owned(), (Value::Flag(true), Weight::Full)),
        ]);
        let origin = Origin { operation, location: Some(Location::from("x/y")), fields };
        insta::assert_snapshot!(origin_text(&origin), @r##"{"#":"0505050505050505","@":"x/y","compilation":true,"~artist":["a","b"]}"##);
        assert_eq!(text_origin(&origin_text(&origin)), Some(origin));
    }

    #[test]
    fn an_origin_says_how_coarse_its_numbers_are() {
        let coarse = |below, above| Weight::Coarse { below, above };
        let fields = BTreeMap::from([
            ("duration".to_owned(), (Value::Int(1_000), coarse(0, 999))),
            ("rating".to_owned(), (Value::Int(80), coarse(10, 9))),
            ("year".to_owned(), (Value::Int(1999), Weight::Full)),
        ]);
        let origin = Origin { operation: OperationId([5; 8]), location: None, fields };
        let text = origin_text(&origin);
        insta::assert_snapshot!(text, @r##"{"#":"0505050505050505","+":{"duration":999,"rating":[10,9]},"duration":1000,"rating":80,"year":1999}"##);
        assert_eq!(text_origin(&text), Some(origin));
    }

    /// An import writes each song's length; where an app has whole seconds this is what it costs.
    #[test]
    fn whole_seconds_cost_an_origin_21_bytes() {
        let text = |weight| {
            let fields = BTreeMap::from([("duration".to_owned(), (Value::Int(181_000), weight))]);
            origin_text(&Origin { operation: OperationId([5; 8]), location: None, fields }).len()
        };
        let coarse = Weight::Coarse { below: 0, above: 999 };
        assert_eq!(text(coarse) - text(Weight::Full), 21);
    }

    #[test]
    fn what_is_not_known_of_an_origin_leaves_its_values_exact() {
        for coarse in
            ["0.5", "-1", "\"9\"", "null", "[]", "[1]", "[1,2,3]", "[1,-2]", "{\"step\":1000}"]
        {
            for map in [format!("{{\"rating\":{coarse}}}"), coarse.to_owned()] {
                let text = format!(r##"{{"#":"0505050505050505","+":{map},"rating":80}}"##);
                let origin = text_origin(&text).unwrap();
                let expected = ("rating".to_owned(), (Value::Int(80), Weight::Full));
                assert_eq!(origin.fields, BTreeMap::from([expected]), "{text}");
            }
        }
        let odd = r##"{"#":"0505050505050505","+":{"album":9,"genre":9,"year":9},"album":"a","~year":1999}"##;
        let fields = text_origin(odd).unwrap().fields;
        assert!(fields.values().all(|(_, weight)| weight.width() == 0), "{fields:?}");
    }

    proptest! {
        #[test]
        fn hostile_texts_are_no_opinion_and_no_panic(text in ".*") {
            let _ = (text_origin(&text), text_register(&text), text_counter(&text));
            let _ = (text_entry(&text), text_location(&text));
        }
    }
}
