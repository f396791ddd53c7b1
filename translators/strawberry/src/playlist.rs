//! Playlists as the database holds them: rows in order, of which only some are songs of the
//! collection.
//!
//! The app saves a playlist by writing all its rows anew, so a row has no lasting number; what
//! Segue cannot name (a stream, a file outside of the collection) keeps its place after the
//! row before it. It writes nothing.
//!
//! Invariant: [`arrange`] keeps every row that is no song.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt::Write as _;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use segue_translator::Loss;
use segue_translator::model::{Collection, NativeId, music};

use crate::format::lift_text;
use crate::songs::{Index, identity};

/// One row of a playlist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its number now.
    pub(crate) row: i64,
    /// The song, if it is one of the collection.
    pub(crate) song: Option<NativeId>,
}

/// One playlist that a person sees.
#[derive(Debug)]
pub(crate) struct Playlist {
    /// Its name.
    pub(crate) name: String,
    /// The rule of one that the app fills by itself.
    pub(crate) rule: Option<String>,
    /// Its rows in order.
    pub(crate) entries: Vec<Entry>,
}

impl Playlist {
    /// The songs that are lifted.
    pub(crate) fn songs(&self) -> impl Iterator<Item = &NativeId> {
        self.entries.iter().filter_map(|entry| entry.song.as_ref())
    }

    /// The playlist as the model has it, and what of it could not be carried.
    pub(crate) fn lift(&self, id: i64) -> (Collection, Option<Loss>) {
        let native = NativeId::from(id.to_string());
        let is_list = self.rule.is_none();
        let left = self.entries.iter().filter(|entry| entry.song.is_none()).count();
        let loss = (is_list && left > 0).then(|| Loss {
            id: native.clone(),
            what: format!("{left} entries that are not in the collection"),
        });
        let collection = Collection {
            id: native,
            kind: if is_list { &music::PLAYLIST } else { &music::SMART_PLAYLIST },
            name: self.name.as_str().into(),
            parent: None,
            entries: if is_list { self.songs().cloned().collect() } else { Vec::new() },
            rule: self.rule.as_deref().map(Into::into),
        };
        (collection, loss)
    }
}

/// Reads the playlists that a person sees: open in a tab or kept as a favourite, not the app's own.
pub(crate) fn load(
    connection: &Connection,
    index: &Index,
    losses: &mut Vec<Loss>,
) -> Result<BTreeMap<i64, Playlist>, rusqlite::Error> {
    let visible = "SELECT rowid, name, dynamic_playlist_type, dynamic_playlist_backend, \
                   dynamic_playlist_data FROM playlists \
                   WHERE (ui_order <> -1 OR is_favorite <> 0) AND coalesce(special_type, '') = '' \
                   ORDER BY rowid";
    let mut playlists = BTreeMap::new();
    let mut statement = connection.prepare(visible)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        match lift_text(row.get_ref(1)?) {
            Ok(name) => {
                let name = name.unwrap_or_default().to_owned();
                playlists.insert(id, Playlist { name, rule: rule(row)?, entries: Vec::new() });
            }
            Err(why) => {
                let id = NativeId::from(id.to_string());
                losses.push(Loss { id, what: format!("a playlist whose name is {why}") });
            }
        }
    }
    fill(connection, index, &mut playlists)?;
    Ok(playlists)
}

/// The rule of a playlist that the app fills by itself; its words are the app's, in hexadecimal.
fn rule(row: &Row<'_>) -> Result<Option<String>, rusqlite::Error> {
    let kind = match row.get_ref(2)? {
        ValueRef::Integer(kind) if kind > 0 => kind,
        _ => return Ok(None),
    };
    let backend = lift_text(row.get_ref(3)?).ok().flatten().unwrap_or_default().to_owned();
    let words = match row.get_ref(4)? {
        ValueRef::Blob(bytes) | ValueRef::Text(bytes) => bytes,
        _ => &[],
    };
    let mut rule = format!("type={kind} backend={backend} data=");
    for byte in words {
        let _ = write!(rule, "{byte:02x}");
    }
    Ok(Some(rule))
}

fn fill(
    connection: &Connection,
    index: &Index,
    playlists: &mut BTreeMap<i64, Playlist>,
) -> Result<(), rusqlite::Error> {
    let all = "SELECT rowid, playlist, type, collection_id, url, beginning, cue_path \
               FROM playlist_items ORDER BY rowid";
    let mut statement = connection.prepare(all)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let ValueRef::Integer(playlist) = row.get_ref(1)? else { continue };
        let Some(playlist) = playlists.get_mut(&playlist) else { continue };
        let file = identity(row.get_ref(4)?, row.get_ref(5)?, row.get_ref(6)?);
        let song = index.entry(row.get_ref(2)?, row.get_ref(3)?, file.as_ref());
        playlist.entries.push(Entry { row: row.get(0)?, song });
    }
    Ok(())
}

/// One place of a playlist that shall be written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    /// The old row with this position.
    Kept(usize),
    /// A song that has no row yet.
    New(&'a NativeId),
}

/// The order in which a playlist shows `songs`: each song takes the first old row of its own that is
/// left, and a row that is no song follows the row that it followed, or the one before that.
pub(crate) fn arrange<'a>(entries: &[Entry], songs: &'a [NativeId]) -> Vec<Place<'a>> {
    let mut free: HashMap<&NativeId, VecDeque<usize>> = HashMap::new();
    for (position, entry) in entries.iter().enumerate() {
        if let Some(song) = &entry.song {
            free.entry(song).or_default().push_back(position);
        }
    }
    let mut chosen = Vec::with_capacity(songs.len());
    let mut kept = vec![false; entries.len()];
    for song in songs {
        let position = free.get_mut(song).and_then(VecDeque::pop_front);
        if let Some(position) = position {
            kept[position] = true;
        }
        chosen.push((song, position));
    }
    let (mut leading, mut after) = (Vec::new(), HashMap::<usize, Vec<usize>>::new());
    let mut anchor = None;
    for (position, entry) in entries.iter().enumerate() {
        match (&entry.song, anchor) {
            (Some(_), _) if kept[position] => anchor = Some(position),
            (Some(_), _) => {}
            (None, None) => leading.push(position),
            (None, Some(anchor)) => after.entry(anchor).or_default().push(position),
        }
    }
    let mut places: Vec<Place<'a>> = leading.into_iter().map(Place::Kept).collect();
    for (song, position) in chosen {
        places.push(position.map_or(Place::New(song), Place::Kept));
        let followers = position.and_then(|position| after.remove(&position));
        places.extend(followers.into_iter().flatten().map(Place::Kept));
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Old rows and new songs as letters, `-` is a row that is no song; kept rows are shown by
    /// their position, new ones by their letter.
    fn check(old: &str, new: &str) -> String {
        let song = |letter: char| NativeId::from(letter.to_string());
        let entries: Vec<Entry> = old
            .chars()
            .map(|letter| Entry { row: 0, song: (letter != '-').then(|| song(letter)) })
            .collect();
        let songs: Vec<NativeId> = new.chars().map(song).collect();
        let places = arrange(&entries, &songs);
        places
            .iter()
            .map(|place| match place {
                Place::Kept(position) => position.to_string(),
                Place::New(song) => song.to_string(),
            })
            .collect()
    }

    #[test]
    fn rows_that_are_no_songs_keep_their_neighbour() {
        assert_eq!(check("abc", "abc"), "012");
        assert_eq!(check("a-b", "ba"), "201");
        assert_eq!(check("-a-b-", "b"), "0234");
        assert_eq!(check("a-", ""), "1");
        assert_eq!(check("ab--c", "ca"), "4023");
        assert_eq!(check("", "xx"), "xx");
    }

    #[test]
    fn f21_repeats_are_rows_of_their_own() {
        assert_eq!(check("aab", "abaa"), "021a");
        assert_eq!(check("a-a-", "aa"), "0123");
    }
}
