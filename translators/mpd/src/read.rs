//! Asks a server for everything that it holds, in pieces that fit its answers.
//!
//! MPD ends the conversation when an answer would be longer than `max_output_buffer_size`, so songs
//! are asked for by the thousand and stickers song by song, many in one go. It writes nothing.
//!
//! Invariant: what MPD lists is a song only if its name is a path below the music folder; a read is
//! whole or an error.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::ffi::OsStrExt as _;

use mpd_protocol::command::Command;
use mpd_protocol::response::Frame;
use segue_translator::model::{Collection, Item, Location, NativeId, music};
use segue_translator::{Error, ErrorKind, Loss, Reading, Revision};

use crate::client::{Client, NOT_THERE};
use crate::config::Config;
use crate::format::{STICKERS, Song, lift};
use crate::revision;

/// Songs in one answer.
const WINDOW: usize = 1_000;
/// Longest path of a song, in bytes.
const PATH_BYTES_MAX: usize = 4_096;

/// The stickers of one song, by name; `None` if there is no such song.
pub(crate) type Stickers = Option<BTreeMap<String, String>>;

/// Everything that a server holds.
pub(crate) struct Contents {
    pub(crate) items: Vec<Item>,
    pub(crate) collections: Vec<Collection>,
    pub(crate) reading: Reading,
}

/// Reads everything, at one instant.
pub(crate) fn read(client: &mut Client, config: &Config) -> Result<Contents, Error> {
    if client.ask("status", &[])?.find("updating_db").is_some() {
        return Err(client.error(ErrorKind::Stale, "MPD is updating its database"));
    }
    let before = revision::now(client, config)?;
    let mut losses = Vec::new();
    let mut items = Vec::new();
    each_song(client, |song| {
        let mut item = song.item(&mut losses);
        if let Some(music) = config.music.as_ref().filter(|_| !song.is_part()) {
            item.location = Some(Location::new(music.join(song.uri).as_os_str().as_bytes()));
        }
        items.push(item);
    })?;
    items.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    if let Some(pair) = items.windows(2).find(|pair| pair[0].id == pair[1].id) {
        return Err(client.error(ErrorKind::Corrupt, format!("MPD lists `{}` twice", pair[0].id)));
    }
    if config.stickers.is_some() {
        add_stickers(client, &mut items, &mut losses)?;
    }
    let collections = match &config.playlists {
        Some(_) => collections(client, &items, &mut losses)?,
        None => Vec::new(),
    };
    if revision::now(client, config)? != before {
        return Err(stale(client));
    }
    let roots = config.music.iter().map(|root| Location::new(root.as_os_str().as_bytes()));
    let reading = Reading {
        revision: before,
        roots: roots.collect(),
        read_only: client.unknown_version(),
        losses,
        ..Reading::default()
    };
    Ok(Contents { items, collections, reading })
}

pub(crate) fn stale(client: &Client) -> Error {
    client.error(ErrorKind::Stale, "the library changed meanwhile")
}

/// Fails unless the server is at `expected`.
pub(crate) fn refuse_stale(
    client: &mut Client,
    config: &Config,
    expected: &Revision,
) -> Result<(), Error> {
    if revision::now(client, config)? == *expected { Ok(()) } else { Err(stale(client)) }
}

/// Shows every song of the database.
pub(crate) fn each_song(client: &mut Client, mut show: impl FnMut(Song<'_>)) -> Result<(), Error> {
    let mut start = 0;
    loop {
        let window = format!("{start}:{}", start + WINDOW);
        let frame = client.ask("search", &["(file != \"\")", "window", &window])?;
        let songs = songs(client, &frame)?;
        let count = songs.len();
        songs.into_iter().for_each(&mut show);
        start += count;
        if count > WINDOW || start > client.limits().count {
            let detail = format!("MPD lists more than {} songs", client.limits().count);
            return Err(client.error(ErrorKind::TooLarge, detail));
        }
        if count < WINDOW {
            return Ok(());
        }
    }
}

fn songs<'a>(client: &Client, frame: &'a Frame) -> Result<Vec<Song<'a>>, Error> {
    let mut songs: Vec<Song<'a>> = Vec::new();
    for (key, value) in frame.fields() {
        match (key, songs.last_mut()) {
            ("file", _) if is_path(value) => songs.push(Song { uri: value, tags: Vec::new() }),
            (key, Some(song)) if key != "file" => song.tags.push((key, value)),
            _ => {
                let detail = format!("MPD lists a song at {value:.100}, which is no path");
                return Err(client.error(ErrorKind::Corrupt, detail));
            }
        }
    }
    Ok(songs)
}

fn is_path(uri: &str) -> bool {
    uri.len() <= PATH_BYTES_MAX
        && !uri.contains('\0')
        && uri.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

fn add_stickers(
    client: &mut Client,
    items: &mut [Item],
    losses: &mut Vec<Loss>,
) -> Result<(), Error> {
    let uris: Vec<String> = items.iter().map(|item| item.id.to_string()).collect();
    let uris: Vec<&str> = uris.iter().map(String::as_str).collect();
    let all = stickers(client, &uris)?;
    for (item, stickers) in items.iter_mut().zip(all) {
        let stickers = stickers.ok_or_else(|| stale(client))?;
        for (name, field) in &STICKERS {
            match stickers.get(*name).map(|text| lift(field, text)) {
                None => {}
                Some(Ok(value)) => item.fields.set(field, Some(value)),
                Some(Err(what)) => losses.push(Loss { id: item.id.clone(), what }),
            }
        }
        item.fields.shrink();
    }
    Ok(())
}

/// The stickers of these songs, in their order; those that are fields.
pub(crate) fn stickers(client: &mut Client, uris: &[&str]) -> Result<Vec<Stickers>, Error> {
    let mut all = Vec::with_capacity(uris.len());
    while all.len() < uris.len() {
        let asked = uris[all.len()..].iter().take(WINDOW);
        let commands: Result<Vec<Command>, String> =
            asked.map(|uri| Client::command("sticker", &["list", "song", uri])).collect();
        let commands = commands.map_err(|why| client.error(ErrorKind::Unsupported, why))?;
        let (frames, no) = client.tell(commands)?;
        for frame in &frames {
            let pairs = frame.fields().filter(|(key, _)| *key == "sticker");
            let pairs = pairs.filter_map(|(_, pair)| pair.split_once('='));
            let known = pairs.filter(|(name, _)| STICKERS.iter().any(|(known, _)| known == name));
            all.push(Some(known.map(|(name, text)| (name.to_owned(), text.to_owned())).collect()));
        }
        match no {
            Some(no) if no.code == NOT_THERE => all.push(None),
            Some(no) => return Err(client.refused(&no)),
            None => {}
        }
    }
    Ok(all)
}

/// The names of the stored playlists.
pub(crate) fn list_names(client: &mut Client) -> Result<BTreeSet<String>, Error> {
    let frame = client.ask("listplaylists", &[])?;
    let names = frame.fields().filter(|(key, _)| *key == "playlist");
    Ok(names.map(|(_, name)| name.to_owned()).collect())
}

/// The lines of a stored playlist.
pub(crate) fn list_lines(client: &mut Client, name: &str) -> Result<Vec<String>, Error> {
    let frame = client.ask("listplaylist", &[name])?;
    let lines = frame.fields().filter(|(key, _)| *key == "file");
    Ok(lines.map(|(_, line)| line.to_owned()).collect())
}

fn collections(
    client: &mut Client,
    items: &[Item],
    losses: &mut Vec<Loss>,
) -> Result<Vec<Collection>, Error> {
    let (mut collections, mut count) = (Vec::new(), 0);
    for name in list_names(client)? {
        let lines = list_lines(client, &name)?;
        count += lines.len();
        if count > client.limits().count {
            let detail =
                format!("MPD's playlists have more than {} entries", client.limits().count);
            return Err(client.error(ErrorKind::TooLarge, detail));
        }
        let id = NativeId::from(name.clone());
        let is_song = |line: &NativeId| items.binary_search_by(|item| item.id.cmp(line)).is_ok();
        let all = lines.len();
        let entries: Vec<_> = lines.into_iter().map(NativeId::from).filter(is_song).collect();
        if entries.len() < all {
            let what = format!("{} entries that are not in the database", all - entries.len());
            losses.push(Loss { id: id.clone(), what });
        }
        collections.push(Collection {
            id,
            kind: &music::PLAYLIST,
            name: name.into(),
            parent: None,
            entries,
            rule: None,
        });
    }
    collections.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    Ok(collections)
}
