//! Copies away what may be written, and brings it back: stickers as values, playlists as files.
//!
//! Stickers go back through the protocol, only those that are fields and only where they differ.
//! MPD reads the file of a playlist at each use and keeps none open, so these are copied and
//! replaced whole: that alone brings back comments and lines that the protocol does not take.
//!
//! Invariant: a killed restore can be repeated; each sticker and each playlist is old or new.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use segue_translator::model::NativeId;
use segue_translator::{Error, ErrorKind, Revision, Written, file};

use crate::client::Client;
use crate::config::Config;
use crate::read;
use crate::revision;
use crate::write::{Step, tell};

/// The stickers' file: by song, by name.
const STICKERS: &str = "stickers.json";
/// The folder of the playlists' files.
const LISTS: &str = "playlists";
/// A million songs with four stickers each.
const STICKERS_BYTES_MAX: u64 = 1 << 30;
const LIST_BYTES_MAX: u64 = 64 << 20;

type Stickers = BTreeMap<String, BTreeMap<String, String>>;

/// Copies everything into the empty folder `into`.
pub(crate) fn back_up(
    client: &mut Client,
    config: &Config,
    into: &Path,
) -> Result<Vec<PathBuf>, Error> {
    let fail = |error: std::io::Error| Error::io("back up", into, &error);
    let before = revision::now(client, config)?;
    let mut copies = Vec::new();
    if config.stickers.is_some() {
        let path = into.join(STICKERS);
        let bytes = serde_json::to_vec(&stickers(client)?).map_err(|error| fail(error.into()))?;
        let mut copy = fs::File::create_new(&path).map_err(fail)?;
        copy.write_all(&bytes).and_then(|()| copy.sync_all()).map_err(fail)?;
        copies.push(path);
    }
    if let Some(folder) = &config.playlists {
        fs::create_dir(into.join(LISTS)).map_err(fail)?;
        for name in lists(folder)? {
            let path = into.join(LISTS).join(&name);
            file::copy(&folder.join(&name), &path)?;
            copies.push(path);
        }
    }
    if revision::now(client, config)? == before { Ok(copies) } else { Err(read::stale(client)) }
}

/// Gives the server what the backup in `from` holds.
pub(crate) fn restore(
    client: &mut Client,
    config: &Config,
    expected: &Revision,
    from: &Path,
) -> Result<Revision, Error> {
    read::refuse_stale(client, config, expected)?;
    if config.stickers.is_some() {
        restore_stickers(client, &from.join(STICKERS))?;
    }
    if let Some(folder) = &config.playlists {
        restore_lists(folder, &from.join(LISTS))?;
    }
    revision::now(client, config)
}

/// The stickers of all songs that have any.
fn stickers(client: &mut Client) -> Result<Stickers, Error> {
    let mut uris = Vec::new();
    read::each_song(client, |song| uris.push(song.uri.to_owned()))?;
    let names: Vec<&str> = uris.iter().map(String::as_str).collect();
    let all = read::stickers(client, &names)?;
    let pairs = uris.into_iter().zip(all);
    let pairs = pairs.filter_map(|(uri, held)| Some((uri, held.filter(|held| !held.is_empty())?)));
    Ok(pairs.collect())
}

fn restore_stickers(client: &mut Client, backup: &Path) -> Result<(), Error> {
    let bytes = file::read_bounded(backup, STICKERS_BYTES_MAX)?;
    let wanted: Stickers = serde_json::from_slice(&bytes)
        .map_err(|error| Error::new(ErrorKind::Corrupt, "restore", backup, error.to_string()))?;
    let held = stickers(client)?;
    let mut steps = Vec::new();
    let none = BTreeMap::new();
    let uris: BTreeSet<&String> = wanted.keys().chain(held.keys()).collect();
    for uri in uris {
        let (new, old) = (wanted.get(uri).unwrap_or(&none), held.get(uri).unwrap_or(&none));
        let mut step = Step::new(NativeId::from(uri.clone()));
        let unfit = |why| Error::new(ErrorKind::Corrupt, "restore", backup, why);
        for (name, value) in new.iter().filter(|(name, value)| old.get(*name) != Some(value)) {
            step.add("sticker", &["set", "song", uri, name, value]).map_err(unfit)?;
        }
        for name in old.keys().filter(|name| !new.contains_key(*name)) {
            step.add("sticker", &["delete", "song", uri, name]).map_err(unfit)?;
        }
        if !step.commands.is_empty() {
            steps.push(step);
        }
    }
    let mut written = Written::default();
    tell(client, steps, &mut written)?;
    // A song that went away meanwhile has no place for its stickers; the others are back.
    match written.refused.iter().find(|refusal| !refusal.reason.contains("No such song")) {
        Some(refusal) => {
            let detail = format!("{}: {}", refusal.id, refusal.reason);
            Err(client.error(ErrorKind::Io, detail))
        }
        None => Ok(()),
    }
}

fn restore_lists(folder: &Path, backup: &Path) -> Result<(), Error> {
    let wanted = lists(backup)?;
    for name in &wanted {
        let (path, new) =
            (folder.join(name), file::read_bounded(&backup.join(name), LIST_BYTES_MAX)?);
        if fs::read(&path).is_ok_and(|old| old == new) {
            continue;
        }
        let mut replacement = file::Replacement::create(&path)?;
        replacement.write_all(&new).map_err(|error| Error::io("restore", &path, &error))?;
        replacement.commit(|| Ok(()))?;
    }
    for name in lists(folder)?.iter().filter(|name| !wanted.contains(*name)) {
        let path = folder.join(name);
        fs::remove_file(&path).map_err(|error| Error::io("restore", &path, &error))?;
    }
    Ok(())
}

/// The names of the files of playlists.
fn lists(folder: &Path) -> Result<BTreeSet<OsString>, Error> {
    Ok(revision::lists(folder)?.into_iter().map(|(name, _)| name).collect())
}
