//! A player that keeps `hello.json`: a `format`, and its `songs` by path with `title` and `rating`.
use segue_translator::file_app::{App, Folder, Signs};
use segue_translator::json_file::{JsonFile, json_of, value_of};
use segue_translator::model::music::{MUSIC, RATING, TITLE};
use segue_translator::model::{Field, Item, Value};
use segue_translator::{Capabilities, FieldSupport};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

type Song = Map<String, Json>;

static FIELDS: [FieldSupport; 2] =
    [FieldSupport::exact(&RATING), FieldSupport::exact(&TITLE).read_only()];

/// The whole file; `Hello::translator()` is the translator.
#[derive(Serialize, Deserialize)]
pub struct Hello {
    format: Json,
    songs: BTreeMap<String, Song>,
    #[serde(flatten)]
    unknown: Map<String, Json>,
}

impl JsonFile for Hello {
    const APP: App = App {
        capabilities: Capabilities::of("hello", &MUSIC, &FIELDS),
        folders: &[Folder::data("hello")],
        files: &["hello.json"],
        signs: Signs::processes(&["hello"]),
    };

    fn read_only(&self) -> Option<String> {
        (self.format != 1).then(|| format!("format {} is not known", self.format))
    }

    fn rows(&mut self) -> Vec<(Item, &mut Song)> {
        self.songs.iter_mut().map(|(path, song)| (Item::at(path), song)).collect()
    }

    fn value(song: &Song, field: &Field) -> Result<Option<Value>, String> {
        value_of(song.get(field.name), field)
    }

    fn set(song: &mut Song, field: &Field, value: Option<&Value>) {
        song.insert(field.name.to_owned(), json_of(value));
    }
}
