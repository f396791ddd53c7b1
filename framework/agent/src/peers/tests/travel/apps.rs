//! The players of a device, with libraries as the players themselves write them.
//!
//! They are made and edited here without the translators, which only read them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, params};
use segue_model::{Availability, Field, Item, Value, music};
use segue_rhythmbox::Rhythmbox;
use segue_strawberry::Strawberry;
use segue_translator::{Collector, Idle, Translator};

/// A database that Strawberry 1.0.14 made.
const STRAWBERRY: &[u8] =
    include_bytes!("../../../../../../examples/two-players/fixtures/strawberry/strawberry.db");

/// A song as a player has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Song {
    /// The name of its file, without `.mp3`; also its title.
    pub(super) name: &'static str,
    /// The folder of its file: below the music, and with its `/`.
    pub(super) folder: &'static str,
    pub(super) seconds: i64,
    /// In stars.
    pub(super) stars: i64,
    pub(super) plays: i64,
    /// Whether it stands in the playlist.
    pub(super) is_played: bool,
}

impl Song {
    /// Its file, below a device's folder.
    pub(super) fn place(&self) -> String {
        format!("music/{}{}.mp3", self.folder, self.name)
    }

    fn uri(&self, device: &Path) -> String {
        format!("file://{}/{}", device.display(), self.place())
    }
}

/// Makes Rhythmbox's library, with one playlist.
pub(super) fn make_rhythmbox(folder: &Path, device: &Path, songs: &[Song]) {
    let mut library =
        "<?xml version=\"1.0\" standalone=\"yes\"?>\n<rhythmdb version=\"2.0\">\n".to_owned();
    let mut list = String::new();
    for song in songs {
        let uri = song.uri(device);
        let _ = write!(
            library,
            "  <entry type=\"song\">\n    <title>{}</title>\n    <artist>Ada</artist>\n    \
             <duration>{}</duration>\n    <location>{uri}</location>\n    <mtime>1</mtime>\n",
            song.name, song.seconds
        );
        if song.stars > 0 {
            let _ = writeln!(library, "    <rating>{}</rating>", song.stars);
        }
        let _ = writeln!(library, "    <play-count>{}</play-count>\n  </entry>", song.plays);
        if song.is_played {
            let _ = writeln!(list, "    <location>{uri}</location>");
        }
    }
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("rhythmdb.xml"), library + "</rhythmdb>\n").unwrap();
    let lists = format!(
        "<?xml version=\"1.0\"?>\n<rhythmdb-playlists>\n  <playlist name=\"{LIST}\" \
         show-browser=\"true\" browser-position=\"180\" search-type=\"search-match\" \
         type=\"static\">\n{list}  </playlist>\n</rhythmdb-playlists>\n"
    );
    fs::write(folder.join("playlists.xml"), lists).unwrap();
}

/// The playlist.
pub(super) const LIST: &str = "List";

/// Makes Strawberry's library, with the same playlist.
pub(super) fn make_strawberry(folder: &Path, device: &Path, songs: &[Song]) {
    fs::create_dir_all(folder).unwrap();
    let file = folder.join("strawberry.db");
    fs::write(&file, STRAWBERRY).unwrap();
    let mut connection = Connection::open(&file).unwrap();
    connection.execute_batch("PRAGMA synchronous = OFF").unwrap();
    let write = connection.transaction().unwrap();
    for table in ["songs", "playlists", "playlist_items", "directories", "subdirectories"] {
        write.execute(&format!("DELETE FROM {table}"), []).unwrap();
    }
    write
        .execute("INSERT INTO playlists (rowid, name, ui_order) VALUES (1, ?1, 1)", [LIST])
        .unwrap();
    let song = "INSERT INTO songs (rowid, url, source, directory_id, title, artist, length, rating, playcount)
        VALUES (?1, ?2, 2, 1, ?3, 'Ada', ?4, ?5, ?6)";
    let entry = "INSERT INTO playlist_items (playlist, type, collection_id, source, url)
        VALUES (1, 2, ?1, 2, '')";
    for (row, one) in (1_i64..).zip(songs) {
        let rating = if one.stars > 0 { one.stars as f64 / 5.0 } else { -1.0 };
        let length = one.seconds * 1_000_000_000;
        let values = params![row, one.uri(device), one.name, length, rating, one.plays];
        write.execute(song, values).unwrap();
        if one.is_played {
            write.execute(entry, [row]).unwrap();
        }
    }
    write.commit().unwrap();
}

/// Moves the last song of a playlist to its front, as Rhythmbox saves that.
pub(super) fn move_in_rhythmbox(folder: &Path) {
    let file = folder.join("playlists.xml");
    let text = fs::read_to_string(&file).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    let places = lines.iter().enumerate().filter(|(_, line)| line.contains("<location>"));
    let places: Vec<usize> = places.map(|(at, _)| at).collect();
    if let (Some(first), Some(last)) = (places.first(), places.last()) {
        lines[*first..=*last].rotate_right(1);
    }
    fs::write(&file, lines.join("\n") + "\n").unwrap();
}

/// What a player lists: each song with its rating and count, and each playlist.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) songs: BTreeMap<String, (Option<i64>, Option<i64>)>,
    pub(super) lists: BTreeMap<String, Vec<String>>,
}

pub(super) fn translator(app: &str) -> Arc<dyn Translator> {
    if app == "rhythmbox" { Arc::new(Rhythmbox) } else { Arc::new(Strawberry) }
}

/// Reads what a player would list.
pub(super) fn shown(app: &str, folder: &Path) -> Shown {
    let library = translator(app).open(folder, Arc::new(Idle)).unwrap();
    let catalog = Collector::collect(&*library).unwrap().0;
    let mut shown = Shown::default();
    let int = |item: &Item, field: &Field| item.fields.value(field).and_then(Value::as_int);
    for item in catalog.items.iter().filter(|item| item.availability == Availability::Present) {
        let values = (int(item, &music::RATING), int(item, &music::PLAY_COUNT));
        shown.songs.insert(name_of(item), values);
    }
    for list in catalog.collections.iter().filter(|list| list.kind.has_entries) {
        let entries = list.entries.iter().filter_map(|entry| catalog.item(entry)).map(name_of);
        shown.lists.insert(list.name.to_string(), entries.collect());
    }
    shown
}

fn name_of(item: &Item) -> String {
    let place = item.location.as_ref().map(ToString::to_string).unwrap_or_default();
    let name = place.rsplit('/').next().unwrap_or_default();
    name.strip_suffix(".mp3").unwrap_or(name).to_owned()
}
