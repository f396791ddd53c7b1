//! The app's own side: what a person does inside the app, saved as the app would.
//!
//! Random histories edit a library through it. It shares the file format with the translator, not
//! its checks: an app asks nobody before it saves.

use std::collections::HashMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json};

use segue_translator::file::Replacement;
use segue_translator::model::{Availability, Catalog, Collection, Item, Location, NativeId};
use segue_translator::{Error, ErrorKind};

use crate::Kind;
use crate::discover::FILE;
use crate::format::{Document, MISSING, id_of};
use crate::read::document;
use crate::write::put;

/// A library as its app has it open.
#[derive(Debug)]
pub struct Store {
    kind: Kind,
    file: PathBuf,
    document: Document,
}

impl Store {
    /// Makes an empty library in `folder`, and the folder.
    ///
    /// # Errors
    /// The file system's.
    pub fn create(kind: Kind, folder: &Path) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(|error| Error::io("create", folder, &error))?;
        let store = Self { kind, file: folder.join(FILE), document: Document::empty() };
        store.flush()?;
        Ok(store)
    }

    /// Opens the library in `folder`.
    ///
    /// # Errors
    /// `Absent`, `Corrupt`, `TooLarge`.
    pub fn open(kind: Kind, folder: &Path) -> Result<Self, Error> {
        let file = folder.join(FILE);
        Ok(Self { kind, document: document(&file)?, file })
    }

    /// What the app shows.
    pub fn catalog(&self) -> Catalog {
        self.document.catalog(self.kind).0
    }

    /// Changes what the app shows and saves it: opens the library, lets `edit` change the catalog,
    /// and saves.
    ///
    /// ```
    /// use segue_memory::{Kind, Store};
    /// use segue_translator::model::{Item, Value, music};
    ///
    /// let folder = tempfile::tempdir()?;
    /// Store::create(Kind::Stars, folder.path())?;
    /// let shown = Store::edit(Kind::Stars, folder.path(), |catalog| {
    ///     let mut song = Item::new("/music/a.mp3");
    ///     song.fields.set(&music::RATING, Value::Int(73));
    ///     catalog.items.push(song);
    /// })?;
    /// assert_eq!(shown.items[0].fields.value(&music::RATING), Some(&Value::Int(80)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Store::open`] and [`Store::save`].
    pub fn edit(
        kind: Kind,
        folder: &Path,
        edit: impl FnOnce(&mut Catalog),
    ) -> Result<Catalog, Error> {
        let mut store = Self::open(kind, folder)?;
        let mut catalog = store.catalog();
        edit(&mut catalog);
        store.save(&catalog)?;
        Ok(store.catalog())
    }

    /// Makes the library show `catalog`, in any order, as far as the app can hold it. What the
    /// catalog does not list is removed; what the app does not show is kept.
    ///
    /// # Errors
    /// `Corrupt` for ids that are no UTF-8; the file system's.
    pub fn save(&mut self, catalog: &Catalog) -> Result<(), Error> {
        let ids = catalog.items.iter().map(|item| &item.id);
        let ids = ids.chain(catalog.collections.iter().map(|collection| &collection.id));
        for id in ids {
            if std::str::from_utf8(id.as_bytes()).is_err() {
                let detail = format!("the id `{id}` is no UTF-8");
                return Err(Error::new(ErrorKind::Corrupt, "save", &self.file, detail));
            }
        }
        let mut known = by_id(self.document.items_mut());
        let items = catalog.items.iter();
        let items = items.map(|item| self.item(known.remove(&item.id), item)).collect();
        *self.document.items_mut() = items;
        // Collections of kinds that the app does not show are none of the catalog's business.
        let mut known = by_id(self.document.collections_mut());
        let mut collections: Vec<Json> = Vec::new();
        for collection in &catalog.collections {
            let old = known.remove(&collection.id);
            collections.push(self.collection(old, collection));
        }
        let hidden =
            known.into_values().filter(|json| crate::format::collection(self.kind, json).is_err());
        collections.extend(hidden);
        *self.document.collections_mut() = collections;
        self.flush()
    }

    fn item(&self, old: Option<Json>, item: &Item) -> Json {
        let mut json = old.unwrap_or_else(|| Json::Object(Map::new()));
        json["id"] = item.id.to_string().into();
        set(&mut json, "location", item.location.as_ref().map(Location::to_string));
        set(&mut json, MISSING, (item.availability == Availability::Missing).then_some(true));
        let ext = item.ext.as_ref().map(|ext| {
            let pairs = ext.iter().map(|(name, text)| (name.to_string(), Json::from(&**text)));
            Json::Object(pairs.collect())
        });
        set(&mut json, "ext", ext);
        for support in self.kind.capabilities().fields {
            let held = item.fields.value(support.field).and_then(|value| support.hold(value));
            let shown = crate::format::field(self.kind, support, &json).ok().flatten();
            if held != shown {
                put(self.kind, &mut json, support.field, held.as_ref());
            }
        }
        json
    }

    fn collection(&self, old: Option<Json>, collection: &Collection) -> Json {
        let mut json = old.unwrap_or_else(|| Json::Object(Map::new()));
        let support = self.kind.capabilities().collection(collection.kind);
        let entries = support.map_or_else(Vec::new, |support| support.hold(&collection.entries));
        json["id"] = collection.id.to_string().into();
        json["kind"] = collection.kind.name.into();
        json["name"] = collection.name.as_ref().into();
        json["entries"] = entries.iter().map(NativeId::to_string).collect::<Vec<_>>().into();
        set(&mut json, "parent", collection.parent.as_ref().map(NativeId::to_string));
        set(&mut json, "rule", collection.rule.as_deref());
        json
    }

    fn flush(&self) -> Result<(), Error> {
        let mut file = Replacement::create(&self.file)?;
        file.write_all(&self.document.to_bytes())
            .map_err(|error| Error::io("save", &self.file, &error))?;
        file.commit(|| Ok(()))
    }
}

/// Takes a list apart; of several with one id the first counts.
fn by_id(list: &mut Vec<Json>) -> HashMap<NativeId, Json> {
    let mut map = HashMap::new();
    for json in list.drain(..) {
        map.entry(NativeId::from(id_of(&json).unwrap_or_default())).or_insert(json);
    }
    map
}

fn set(json: &mut Json, key: &str, value: Option<impl Into<Json>>) {
    match (json.as_object_mut(), value) {
        (Some(object), Some(value)) => {
            object.insert(key.into(), value.into());
        }
        (Some(object), None) => {
            object.remove(key);
        }
        (None, _) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use segue_translator::model::Value;
    use segue_translator::model::music;

    #[test]
    fn what_the_app_does_not_show_survives_its_saving() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        let json = r#"{"format": 1, "mood": "blue", "collections": [{"id": "x", "kind": "odd"}],
            "items": [{"id": "/a", "hue": 3, "fields": {"rating": 60, "skip_count": "many"}}]}"#;
        fs::write(&file, json).unwrap();
        Store::edit(Kind::Coarse, folder.path(), |catalog| {
            catalog.items[0].fields.set(&music::RATING, Value::Int(95));
        })
        .unwrap();
        let saved: Json = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        assert_eq!(saved["mood"], "blue");
        assert_eq!(saved["collections"][0]["kind"], "odd");
        assert_eq!(saved["items"][0]["hue"], 3);
        assert_eq!(saved["items"][0]["fields"]["skip_count"], "many");
        assert_eq!(saved["items"][0]["fields"]["rating"], 100);
    }
}
