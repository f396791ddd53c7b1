//! The file format, pure: bytes to a document and back, a document to a catalog.
//!
//! Invariant: what is not modelled stays in the document, so writing it back loses nothing.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value as Json};

use segue_translator::ErrorKind;
use segue_translator::model::{
    Availability, CarriedLimit, Catalog, Collection, Field, Item, Location, NativeId, Proof, Real,
    Rule, Shape, Terms, Value,
};
use segue_translator::{FieldSupport, Loss};

use crate::Kind;

/// The largest file that is read.
pub(crate) const BYTES_MAX: u64 = 1 << 30;
/// The most items, and the most collections, that are read.
const COUNT_MAX: usize = 4_000_000;
const FORMAT: i64 = 1;

/// Why bytes are no library.
pub(crate) type Malformed = (ErrorKind, String);

/// A library file with everything in it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Document {
    root: Map<String, Json>,
}

impl Document {
    /// An empty library.
    pub(crate) fn empty() -> Self {
        let mut root = Map::new();
        root.insert("format".into(), FORMAT.into());
        root.insert("items".into(), Json::Array(Vec::new()));
        root.insert("collections".into(), Json::Array(Vec::new()));
        Self { root }
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let corrupt = |detail: String| (ErrorKind::Corrupt, detail);
        let root = match serde_json::from_slice(bytes) {
            Ok(Json::Object(root)) => root,
            Ok(_) => return Err(corrupt("the file is no JSON object".into())),
            Err(error) => return Err(corrupt(error.to_string())),
        };
        if root.get("format").and_then(Json::as_i64).is_none() {
            return Err(corrupt("`format` is missing or no number".into()));
        }
        for key in ["items", "collections"] {
            let Some(list) = root.get(key).and_then(Json::as_array) else {
                return Err(corrupt(format!("`{key}` is missing or no list")));
            };
            if list.len() > COUNT_MAX {
                let detail = format!("{} {key}; at most {COUNT_MAX} are accepted", list.len());
                return Err((ErrorKind::TooLarge, detail));
            }
            if let Some(index) = list.iter().position(|entry| id_of(entry).is_none()) {
                return Err(corrupt(format!("entry {index} of `{key}` has no `id`")));
            }
        }
        Ok(Self { root })
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        // Keys are texts and numbers finite, so nothing in here can fail to serialise.
        let mut bytes = serde_json::to_vec_pretty(&self.root).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// Why the document must not be written.
    pub(crate) fn read_only(&self) -> Option<String> {
        let format = self.root.get("format")?;
        (*format != FORMAT).then(|| format!("format {format} is not known; {FORMAT} is"))
    }

    pub(crate) fn roots(&self) -> Vec<Location> {
        let roots = self.root.get("roots").and_then(Json::as_array);
        roots.into_iter().flatten().filter_map(Json::as_str).map(Location::from).collect()
    }

    pub(crate) fn items(&self) -> &[Json] {
        self.list("items")
    }

    pub(crate) fn collections(&self) -> &[Json] {
        self.list("collections")
    }

    pub(crate) fn items_mut(&mut self) -> &mut Vec<Json> {
        list_mut(&mut self.root, "items")
    }

    pub(crate) fn collections_mut(&mut self) -> &mut Vec<Json> {
        list_mut(&mut self.root, "collections")
    }

    /// The limits that items carry.
    pub(crate) fn limits(&self) -> BTreeMap<NativeId, CarriedLimit> {
        let carried = |json: &Json| Some((native_id(json), limit(json.get("licence")?)));
        self.items().iter().filter_map(carried).collect()
    }

    fn list(&self, key: &str) -> &[Json] {
        self.root.get(key).and_then(Json::as_array).map_or(&[], Vec::as_slice)
    }

    /// The catalog that an app of `kind` shows, sorted, and what it could not carry.
    pub(crate) fn catalog(&self, kind: Kind) -> (Catalog, Vec<Loss>) {
        let mut losses = Vec::new();
        let mut catalog = Catalog::default();
        catalog.items.extend(self.items().iter().map(|json| item(kind, json, &mut losses)));
        let collections = self.collections().iter();
        catalog.collections.extend(collections.filter_map(|json| {
            collection(kind, json)
                .inspect_err(|what| {
                    losses.push(Loss { id: native_id(json), what: (*what).to_owned() });
                })
                .ok()
        }));
        catalog.items.sort_by(|a, b| a.id.cmp(&b.id));
        catalog.collections.sort_by(|a, b| a.id.cmp(&b.id));
        keep_first(&mut catalog.items, |item| &item.id, &mut losses);
        keep_first(&mut catalog.collections, |collection| &collection.id, &mut losses);
        (catalog, losses)
    }
}

/// What an item's `licence` says: the end in Unix seconds; anything else cannot be read.
fn limit(licence: &Json) -> CarriedLimit {
    let terms = match licence.as_i64() {
        Some(end) => Terms { valid_until: Some(end), ..Terms::default() },
        None => Terms { unknown: ["unreadable licence".into()].into(), ..Terms::default() },
    };
    CarriedLimit {
        carrier: "memory",
        issuer: "memory".into(),
        licence: "memory".into(),
        serial: 0,
        issued_at: None,
        terms,
        proof: Proof::Unverified("nobody signs it".into()),
        note: None,
        evidence: None,
    }
}

/// Of several with one id the first counts, as in [`super::write`].
fn keep_first<T>(sorted: &mut Vec<T>, id: impl Fn(&T) -> &NativeId, losses: &mut Vec<Loss>) {
    sorted.dedup_by(|later, earlier| {
        let same = id(later) == id(earlier);
        if same {
            losses.push(Loss { id: id(later).clone(), what: "a second entry of this id".into() });
        }
        same
    });
}

fn list_mut<'a>(root: &'a mut Map<String, Json>, key: &str) -> &'a mut Vec<Json> {
    let slot = root.entry(key).or_insert(Json::Null);
    if !slot.is_array() {
        *slot = Json::Array(Vec::new());
    }
    slot.as_array_mut().expect("it was made a list above")
}

/// The mark of an item that is listed as missing: its file is gone, or it was hidden.
pub(crate) const MISSING: &str = "missing";

pub(crate) fn id_of(json: &Json) -> Option<&str> {
    json.get("id")?.as_str()
}

fn native_id(json: &Json) -> NativeId {
    NativeId::from(id_of(json).unwrap_or_default())
}

fn item(kind: Kind, json: &Json, losses: &mut Vec<Loss>) -> Item {
    let mut item = Item::new(native_id(json));
    item.location = json.get("location").and_then(Json::as_str).map(Location::from);
    if json.get(MISSING).and_then(Json::as_bool) == Some(true) {
        item.availability = Availability::Missing;
    }
    for support in kind.capabilities().fields {
        match field(kind, support, json) {
            Ok(value) => item.fields.set(support.field, value),
            Err(what) => losses.push(Loss { id: item.id.clone(), what }),
        }
    }
    let ext = json.get("ext").and_then(Json::as_object).into_iter().flatten();
    let ext = ext.filter_map(|(name, text)| Some((name.as_str().into(), text.as_str()?.into())));
    let ext: std::collections::BTreeMap<_, _> = ext.collect();
    item.ext = (!ext.is_empty()).then(|| Box::new(ext));
    item
}

/// The value of a field as the app shows it; in words, why it is none.
pub(crate) fn field(
    kind: Kind,
    support: &FieldSupport,
    item: &Json,
) -> Result<Option<Value>, String> {
    let name = support.field.name;
    let Some(json) = item.get("fields").and_then(|fields| fields.get(name)) else {
        return Ok(None);
    };
    let value = decode(kind, support.field, json);
    if value.is_none() && is_unrated(kind, support.field, json) {
        return Ok(None);
    }
    let value = value.filter(|value| support.field.shape.admits(value));
    let held = value.and_then(|value| support.hold(&value));
    held.map(Some).ok_or_else(|| format!("`{name}` is {json}, which this app does not show"))
}

fn is_unrated(kind: Kind, field: &Field, json: &Json) -> bool {
    field.name == "rating" && kind.scale() == crate::Scale::Stars && *json == 0
}

fn decode(kind: Kind, field: &Field, json: &Json) -> Option<Value> {
    match field.shape {
        Shape::Int(..) if field.name == "rating" => {
            kind.scale().from_native(json.as_i64()?).map(Value::Int)
        }
        Shape::Int(..) => json.as_i64().map(Value::Int),
        Shape::Real => json.as_f64().map(|number| Value::Real(Real(number))),
        Shape::Flag => json.as_bool().map(Value::Flag),
        Shape::Text => json.as_str().map(Value::text),
        Shape::List => {
            let texts: Option<Vec<&str>> = json.as_array()?.iter().map(Json::as_str).collect();
            let mut texts = texts?;
            if field.rule == Rule::Set {
                texts.sort_unstable();
                texts.dedup();
            }
            Some(Value::list(texts))
        }
    }
}

/// The JSON of a value that the app holds; `None` for an unrated rating and what JSON cannot say.
pub(crate) fn encode(kind: Kind, field: &Field, value: &Value) -> Option<Json> {
    Some(match value {
        Value::Int(number) if field.name == "rating" => kind.scale().to_native(*number)?.into(),
        Value::Int(number) => (*number).into(),
        Value::Real(number) => Json::Number(Number::from_f64(number.0)?),
        Value::Flag(flag) => (*flag).into(),
        Value::Text(text) => text.as_ref().into(),
        Value::List(texts) => texts.iter().map(AsRef::as_ref).collect::<Vec<&str>>().into(),
    })
}

pub(crate) fn collection(kind: Kind, json: &Json) -> Result<Collection, &'static str> {
    let text = |key: &str| json.get(key).and_then(Json::as_str);
    let of = text("kind").and_then(|name| kind.capabilities().schema.kind(name));
    let support = of.and_then(|of| kind.capabilities().collection(of));
    let support = support.ok_or("a collection of a kind that this app does not show")?;
    let entries = json.get("entries").and_then(Json::as_array).into_iter().flatten();
    let entries: Vec<_> = entries.filter_map(Json::as_str).map(NativeId::from).collect();
    Ok(Collection {
        id: native_id(json),
        kind: support.kind,
        name: text("name").ok_or("a collection without a name")?.into(),
        parent: text("parent").map(NativeId::from),
        entries: support.hold(&entries),
        rule: text("rule").map(Into::into),
    })
}
