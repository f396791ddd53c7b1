//! Formats of one JSON file with an object for each item: the shortest way to a translator.
//!
//! A [`JsonFile`] says what the file is made of; [`Rows`] makes a [`Format`] of it that reads in
//! order, reports losses and compares before it sets. There are no collections in such a file, and
//! numbers keep their value, not their spelling; for more, implement [`Format`].

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::marker::PhantomData;
use std::path::Path;

use segue_model::{ChangeSet, Field, FieldEdit, Item, NativeId, Real, Shape, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

use crate::file_app::{App, FileApp, Files, Format};
use crate::{Error, ErrorKind, Loss, Reading, Refusal, Sink, Written};

/// One JSON file with an object for each item; the type is the parsed file.
///
/// What is not modelled must be part of the type (`#[serde(flatten)]`), or it is lost.
pub trait JsonFile: Serialize + DeserializeOwned + 'static {
    /// What there is to know about the app.
    const APP: App;

    /// Why the file must not be written, such as an unknown version.
    fn read_only(&self) -> Option<String>;

    /// The objects, in any order, each with its item as far as it has no fields yet.
    fn rows(&mut self) -> Vec<(Item, &mut Map<String, Json>)>;

    /// What an object says of a field; [`value_of`] helps.
    ///
    /// # Errors
    /// What is lost, in words: what it says is no value.
    fn value(row: &Map<String, Json>, field: &Field) -> Result<Option<Value>, String>;

    /// Sets a field of an object, which holds another value; [`json_of`] helps.
    fn set(row: &mut Map<String, Json>, field: &Field, value: Option<&Value>);

    /// The translator.
    fn translator() -> FileApp<Rows<Self>> {
        FileApp::new(Rows(PhantomData))
    }
}

/// A value as JSON says it; null says nothing, as what is not there.
///
/// # Errors
/// If the field cannot be that, in words.
pub fn value_of(json: Option<&Json>, field: &Field) -> Result<Option<Value>, String> {
    let Some(json) = json else { return Ok(None) };
    let text = |json: &Json| json.as_str().map(Box::<str>::from);
    let value = match field.shape {
        _ if json.is_null() => return Ok(None),
        Shape::Int(..) => json.as_i64().map(Value::Int),
        Shape::Real => json.as_f64().map(|number| Value::Real(Real(number))),
        Shape::Flag => json.as_bool().map(Value::Flag),
        Shape::Text => text(json).map(Value::Text),
        Shape::List => {
            let texts = json.as_array().and_then(|all| all.iter().map(text).collect());
            texts.map(Value::List)
        }
    };
    let value = value.filter(|value| field.shape.admits(value));
    value.map(Some).ok_or_else(|| {
        let said: String = json.to_string().chars().take(80).collect();
        format!("{said} is no {}", field.name)
    })
}

/// A value as JSON; nothing is null.
pub fn json_of(value: Option<&Value>) -> Json {
    match value {
        None => Json::Null,
        Some(Value::Int(number)) => Json::from(*number),
        Some(Value::Real(number)) => Json::from(number.0),
        Some(Value::Flag(flag)) => Json::from(*flag),
        Some(Value::Text(text)) => Json::from(&**text),
        Some(Value::List(texts)) => texts.iter().map(|text| Json::from(&**text)).collect(),
    }
}

/// The format of a [`JsonFile`].
#[derive(Debug)]
pub struct Rows<T>(PhantomData<fn() -> T>);

impl<T: JsonFile> Format for Rows<T> {
    fn app(&self) -> &'static App {
        const { &T::APP }
    }

    fn read(&self, files: Files<'_>, sink: &mut dyn Sink) -> Result<Reading, Error> {
        let mut content = self.content(files)?;
        let mut reading = Reading { read_only: content.read_only(), ..Reading::default() };
        let (rows, losses) = sorted(content.rows());
        reading.losses = losses;
        for (id, (mut item, row)) in rows {
            for support in self.app().capabilities.fields {
                match Self::value(row, support.field) {
                    Ok(value) => item.fields.set(support.field, value),
                    Err(what) => reading.losses.push(Loss { id: id.clone(), what }),
                }
            }
            sink.item(item)?;
        }
        Ok(reading)
    }

    fn rewrite(
        &self,
        files: Files<'_>,
        changes: &ChangeSet,
        stage: &Path,
    ) -> Result<Written, Error> {
        let mut content = self.content(files)?;
        let mut written = Written::default();
        let (mut rows, _) = sorted(content.rows());
        for edit in &changes.fields {
            let row = rows.get_mut(&edit.item).ok_or_else(|| "there is no such item".to_owned());
            if let Err(reason) = row.and_then(|(_, row)| Self::edit(row, edit)) {
                written.refused.push(Refusal { id: edit.item.clone(), reason });
            }
        }
        let name = self.name();
        let fault = |why: String| files.error(ErrorKind::Translator, name, why);
        let bytes =
            serde_json::to_vec_pretty(&content).map_err(|error| fault(error.to_string()))?;
        let path = stage.join(name);
        std::fs::write(&path, bytes).map_err(|error| Error::io("write", path, &error))?;
        Ok(written)
    }
}

impl<T: JsonFile> Rows<T> {
    fn name(&self) -> &'static str {
        self.app().files.first().copied().unwrap_or_default()
    }

    fn content(&self, files: Files<'_>) -> Result<T, Error> {
        let bytes = files.bytes(self.name())?;
        serde_json::from_slice(&bytes)
            .map_err(|error| files.error(ErrorKind::Corrupt, self.name(), error.to_string()))
    }

    /// The row's value, if the field can be that.
    fn value(row: &Map<String, Json>, field: &'static Field) -> Result<Option<Value>, String> {
        match T::value(row, field)? {
            Some(value) if !field.shape.admits(&value) => {
                Err(format!("{value:?} is no {}", field.name))
            }
            value => Ok(value),
        }
    }

    /// Makes one edit. What cannot be read is not overwritten: it is no value that was expected.
    fn edit(row: &mut Map<String, Json>, edit: &FieldEdit) -> Result<(), String> {
        if Self::value(row, edit.field)? != edit.old {
            return Err(format!("`{}` is no longer what it was", edit.field.name));
        }
        T::set(row, edit.field, edit.new.as_ref());
        Ok(())
    }
}

type Sorted<'a> = BTreeMap<NativeId, (Item, &'a mut Map<String, Json>)>;

/// Rows by id; of several with one id the first counts.
fn sorted(rows: Vec<(Item, &mut Map<String, Json>)>) -> (Sorted<'_>, Vec<Loss>) {
    let (mut sorted, mut losses) = (Sorted::new(), Vec::new());
    for (item, row) in rows {
        let id = item.id.clone();
        match sorted.entry(id.clone()) {
            Entry::Vacant(place) => {
                place.insert((item, row));
            }
            Entry::Occupied(_) => {
                losses.push(Loss { id, what: "a second object with the same id".into() });
            }
        }
    }
    (sorted, losses)
}
