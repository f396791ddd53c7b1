//! From the two files to items and collections.
//!
//! It judges nothing: what cannot be carried becomes a [`Loss`]. Songs are sent sorted by
//! location, those that a limit hides as missing; entries of playlists only where the library lists the song.
//!
//! Invariant: reading the same bytes twice gives the same items, collections and losses.

use std::collections::BTreeMap;

use segue_translator::model::{Availability, Collection, Fields, Item, Location, NativeId, music};
use segue_translator::{Container, Error, Loss, Reading, Sink, Want};

use crate::column::COLUMNS;
use crate::files::{Files, in_file, text};
use crate::format::{Bounds, Song, Songs, Tag};
use crate::playlists::{self, Playlist};
use crate::uri;

/// Elements that the schema has no field for, and a person would miss.
const CARRIED: [Tag; 5] = [
    Tag::AlbumArtistSortname,
    Tag::AlbumSortname,
    Tag::ArtistSortname,
    Tag::ComposerSortname,
    Tag::Keyword,
];

/// Reads the whole library into `sink`.
pub(crate) fn read(files: &Files, bounds: Bounds, sink: &mut dyn Sink) -> Result<Reading, Error> {
    let contents = files.load(bounds.bytes)?;
    let mut reading = Reading { revision: contents.revision.clone(), ..Reading::default() };
    let body = text(&files.library, &contents.library)?;
    let (mut items, hidden) = items(files, bounds, body, &mut reading)?;
    reading.collections_missing = contents.playlists.is_none();
    let collections = match &contents.playlists {
        Some(bytes) => collections(files, bounds, bytes, &items, &mut reading.losses)?,
        None => Vec::new(),
    };
    items.extend(hidden);
    items.sort_by(|a, b| a.id.cmp(&b.id));
    // What stands there also as a song, or is hidden twice.
    items.dedup_by(|second, first| second.id == first.id);
    let container = Container { id: NativeId::from(""), revision: contents.revision };
    if sink.container(container) == Want::Items {
        items.into_iter().try_for_each(|item| sink.item(item))?;
    }
    collections.into_iter().try_for_each(|collection| sink.collection(collection))?;
    Ok(reading)
}

/// The songs that Rhythmbox lists, sorted, and those that are hidden there.
fn items(
    files: &Files,
    bounds: Bounds,
    body: &str,
    reading: &mut Reading,
) -> Result<(Vec<Item>, Vec<Item>), Error> {
    let fail = in_file(&files.library);
    let mut songs = Songs::open(body, bounds).map_err(&fail)?.with_ignored();
    reading.read_only = songs.read_only();
    let (mut items, mut hidden) = (Vec::new(), Vec::new());
    let mut song = Song::default();
    while songs.next(&mut song).map_err(&fail)? {
        if song.is_ignored {
            hidden.extend(hidden_song(&song, &mut reading.losses));
            continue;
        }
        match song.location() {
            Some(location) => items.push(item(location, &song, &mut reading.losses)),
            None => reading.losses.push(Loss {
                id: NativeId::from(""),
                what: "a song without a location, which Rhythmbox drops".to_owned(),
            }),
        }
    }
    // Stable: of several entries for one location the first in the file stays first.
    items.sort_by(|a: &Item, b: &Item| a.id.cmp(&b.id));
    items.dedup_by(|second, first| {
        let same = second.id == first.id;
        if same {
            let what = "a second entry with the same location, which Rhythmbox adds to the first \
                        when it starts";
            reading.losses.push(Loss { id: first.id.clone(), what: what.to_owned() });
        }
        same
    });
    Ok((items, hidden))
}

fn item(location: &str, song: &Song<'_>, losses: &mut Vec<Loss>) -> Item {
    let mut item = Item::new(location);
    item.location = uri::path(location).map(Location::new);
    item.availability = availability(song);
    item.fields = fields(&item.id, song, losses);
    let carried = carried(song);
    item.ext = (!carried.is_empty()).then(|| Box::new(carried));
    item
}

/// A song that was hidden by a limit. What Rhythmbox ignores of its own accord, because it is no sound, has no
/// title.
fn hidden_song(song: &Song<'_>, losses: &mut Vec<Loss>) -> Option<Item> {
    song.element(Tag::Title)?;
    let item = item(song.location()?, song, losses);
    Some(Item { availability: Availability::Missing, ..item })
}

/// Rhythmbox hides a song when its file is gone, its volume is not mounted, or it is in the
/// trash; it keeps what it knows and shows the song again when the file is back.
fn availability(song: &Song<'_>) -> Availability {
    let hidden = song.text(Tag::Hidden).and_then(|text| text.trim_ascii().parse::<u64>().ok());
    if hidden.unwrap_or(0) == 0 { Availability::Present } else { Availability::Missing }
}

fn fields(id: &NativeId, song: &Song<'_>, losses: &mut Vec<Loss>) -> Fields {
    let mut fields = Fields::default();
    for column in COLUMNS {
        match column.lift(song) {
            Ok(value) => fields.set(column.support.field, value),
            Err(reason) => losses.push(Loss {
                id: id.clone(),
                what: format!(
                    "<{}> holds `{}`; {reason}",
                    column.tag.name(),
                    song.text(column.tag).unwrap_or_default().chars().take(80).collect::<String>()
                ),
            }),
        }
    }
    fields.shrink();
    fields
}

fn carried(song: &Song<'_>) -> BTreeMap<Box<str>, Box<str>> {
    let mut carried: BTreeMap<Box<str>, Box<str>> = BTreeMap::new();
    for element in &song.elements {
        let Some(tag) = element.tag.filter(|tag| CARRIED.contains(tag)) else { continue };
        if element.text.is_empty() {
            continue;
        }
        let text = match carried.get(tag.name()) {
            Some(before) if tag == Tag::Keyword => format!("{before}\n{}", element.text),
            _ => element.text.to_string(),
        };
        carried.insert(tag.name().into(), text.into());
    }
    carried
}

fn collections(
    files: &Files,
    bounds: Bounds,
    bytes: &[u8],
    items: &[Item],
    losses: &mut Vec<Loss>,
) -> Result<Vec<Collection>, Error> {
    let body = text(&files.playlists, bytes)?;
    let shelf = playlists::parse(body, bounds).map_err(in_file(&files.playlists))?;
    losses.extend(shelf.losses.into_iter().map(|what| Loss { id: NativeId::from(""), what }));
    let known =
        |uri: &str| items.binary_search_by(|item| item.id.as_bytes().cmp(uri.as_bytes())).is_ok();
    let mut collections: Vec<Collection> = shelf
        .playlists
        .iter()
        .map(|playlist| {
            let is_static = playlist.kind == &music::PLAYLIST;
            let entries = if is_static { entries(playlist, known, losses) } else { Vec::new() };
            Collection {
                id: playlist.id.clone(),
                kind: playlist.kind,
                name: playlist.name.as_str().into(),
                parent: None,
                entries,
                rule: (!is_static).then(|| playlist.rule(body).into()),
            }
        })
        .collect();
    collections.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(collections)
}

fn entries(
    playlist: &Playlist,
    known: impl Fn(&str) -> bool,
    losses: &mut Vec<Loss>,
) -> Vec<NativeId> {
    let entries = playlist.entries(&known);
    for (child, entry) in playlist.children.iter().zip(&entries) {
        let (Some(uri), None) = (&child.location, entry) else { continue };
        let what = if known(uri) {
            format!("the second place of {uri}, which Rhythmbox drops")
        } else {
            format!("the entry {uri}, which is no song of the library")
        };
        losses.push(Loss { id: playlist.id.clone(), what });
    }
    entries.into_iter().flatten().map(NativeId::from).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use segue_translator::{Collector, ErrorKind};

    use super::*;
    use crate::format::BOUNDS;

    fn error(bounds: Bounds) -> Option<ErrorKind> {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::of(folder.path().join("rhythmdb.xml"));
        let entry = "<entry type=\"song\"><location>file:///a</location></entry>";
        let library = format!("<rhythmdb>{entry}<entry type=\"iradio\"/></rhythmdb>");
        fs::write(&files.library, library).unwrap();
        let list = "<playlist name=\"a\" type=\"static\"><location>file:///a</location>\
                    <location>file:///b</location><x/></playlist>";
        fs::write(&files.playlists, format!("<rhythmdb-playlists>{list}</rhythmdb-playlists>"))
            .unwrap();
        read(&files, bounds, &mut Collector::default()).err().map(|error| error.kind)
    }

    #[test]
    fn bounds_hold_for_both_files() {
        assert_eq!(error(Bounds { bytes: 200, entries: 3, depth: 3 }), None);
        let too_large = Some(ErrorKind::TooLarge);
        assert_eq!(error(Bounds { bytes: 99, ..BOUNDS }), too_large);
        assert_eq!(error(Bounds { bytes: 120, ..BOUNDS }), too_large);
        assert_eq!(error(Bounds { entries: 1, ..BOUNDS }), too_large);
        assert_eq!(error(Bounds { entries: 2, ..BOUNDS }), too_large);
        assert_eq!(error(Bounds { depth: 2, ..BOUNDS }), too_large);
    }
}
