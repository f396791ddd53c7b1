//! Saves a library as Rhythmbox does: both files anew, from what it knows.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use segue_translator::model::{Catalog, Field, Item, NativeId, Value, music};

use crate::uri::uri;

/// Writes `rhythmdb.xml` and `playlists.xml`.
pub(crate) fn save(folder: &Path, catalog: &Catalog) {
    let mut songs =
        "<?xml version=\"1.0\" standalone=\"yes\"?>\n<rhythmdb version=\"2.0\">\n".to_owned();
    for item in &catalog.items {
        songs += &song(item);
    }
    fs::write(folder.join("rhythmdb.xml"), songs + "</rhythmdb>\n").unwrap();
    let mut lists = "<?xml version=\"1.0\"?>\n<rhythmdb-playlists>\n".to_owned();
    for list in &catalog.collections {
        let name = escape(&list.name);
        let _ = writeln!(
            lists,
            "  <playlist name=\"{name}\" show-browser=\"true\" browser-position=\"180\" search-type=\"search-match\" type=\"static\">"
        );
        for entry in &list.entries {
            if let Some(place) = place(catalog, entry) {
                let _ = writeln!(lists, "    <location>{}</location>", escape(&place));
            }
        }
        lists += "  </playlist>\n";
    }
    fs::write(folder.join("playlists.xml"), lists + "</rhythmdb-playlists>\n").unwrap();
}

fn place(catalog: &Catalog, entry: &NativeId) -> Option<String> {
    Some(uri(catalog.item(entry)?.location.as_ref()?))
}

fn song(item: &Item) -> String {
    let mut song = "  <entry type=\"song\">\n".to_owned();
    let mut element = |name: &str, text: Option<String>| {
        if let Some(text) = text {
            let _ = writeln!(song, "    <{name}>{}</{name}>", escape(&text));
        }
    };
    let int = |field: &Field| item.fields.value(field).and_then(Value::as_int);
    let number = |field: &Field| int(field).map(|number| number.to_string());
    let text = |field: &Field| item.fields.value(field).and_then(Value::as_text).map(str::to_owned);
    let first = |field: &Field| Some(item.fields.value(field)?.as_list()?.first()?.to_string());
    element("title", text(&music::TITLE));
    element("genre", first(&music::GENRE));
    element("artist", first(&music::ARTIST));
    element("album", text(&music::ALBUM));
    element("track-number", number(&music::TRACK));
    element("duration", int(&music::DURATION).map(|length| (length / 1_000).to_string()));
    element("location", item.location.as_ref().map(uri));
    element("first-seen", number(&music::ADDED_AT));
    let stars = int(&music::RATING).map(|rating| (rating + 10) / 20).filter(|stars| *stars > 0);
    element("rating", stars.map(|stars| stars.to_string()));
    element("play-count", number(&music::PLAY_COUNT));
    element("last-played", number(&music::LAST_PLAYED));
    // What no translator models, and every app writes.
    element("media-type", Some("application/ogg".into()));
    song + "  </entry>\n"
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
