//! Licences that lie beside the files of a library: `NAME.segue-licence` beside `NAME`.
//!
//! A folder is listed when a library first has a file in it, and again when it changed; a licence is read
//! when it changed, or when its file is new to the library. So a pass in which nothing changed costs one look at each folder. One that cannot be
//! read is looked at in each pass, because it denies for as long as it cannot; on a device that may only read the document each one is,
//! because it says none of them to anybody.
//!
//! It looks for the licences of files whose place the library knows, and follows no link out of it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use segue_limits::sidecar;
use segue_model::{CarriedLimit, Item, LinkId, Location, NativeId};
use segue_store::{Reader, StoreError, Tx};
use segue_translator::file;
use sha2::{Digest, Sha256};

use super::is_unreadable;
use crate::failure::Failure;
use crate::pass::Member;

/// No licence is larger.
const BYTES_MAX: u64 = 64 << 10;

/// What was found, and what is to be remembered of it.
#[derive(Debug, Default)]
pub(crate) struct Looked {
    /// How paths were; `None` for those that are gone.
    pub(crate) stamps: BTreeMap<Location, Option<String>>,
}

impl Looked {
    /// Remembers it, so that only what changes is looked at again. A licence of which nobody is told is looked at
    /// again in each pass.
    pub(crate) fn keep(
        &self,
        tx: &Tx<'_>,
        link: LinkId,
        may_write: bool,
    ) -> Result<(), StoreError> {
        for (path, stamp) in &self.stamps {
            match stamp {
                Some(_) if !may_write && !is_folder(path) => {
                    tx.put_looked_at(link, path, UNREAD)?;
                }
                Some(stamp) => tx.put_looked_at(link, path, stamp)?,
                None => tx.remove_looked_at(link, path)?,
            }
        }
        Ok(())
    }
}

/// Looks for licences beside a library's files; what they say is added to what the library carries.
pub(crate) fn look(store: &Reader, member: &mut Member) -> Result<Looked, Failure> {
    let known = if member.pairing { BTreeMap::new() } else { store.looked_at(member.row.id)? };
    let mut looked = Looked::default();
    let known_folders = known.keys().filter(|path| is_folder(path)).cloned();
    let folders: BTreeSet<Location> = known_folders.chain(new_folders(member)).collect();
    let mut found: BTreeSet<Location> =
        known.keys().filter(|path| !is_folder(path)).cloned().collect();
    for folder in folders {
        let stamp = stamp(&folder);
        if stamp.as_ref() == known.get(&folder) {
            continue;
        }
        if stamp.is_some() {
            found.extend(licences_in(&folder));
        }
        looked.stamps.insert(folder, stamp);
    }
    // A licence may have lain there before the app listed its file.
    let new: BTreeSet<&Location> =
        new_items(member).filter_map(|item| item.location.as_ref()).collect();
    let mut read: Vec<(Location, CarriedLimit)> = Vec::new();
    for path in found {
        let now = stamp(&path);
        if now.is_none() {
            looked.stamps.insert(path, None);
            continue;
        }
        if now.as_ref() == known.get(&path) && !new.contains(&file_of(&path)) {
            continue;
        }
        let limit = match file::read_bounded(&as_path(&path), BYTES_MAX) {
            Ok(bytes) => sidecar::read(&bytes),
            // Not there any more, or not to be read: what is no text of a licence denies.
            Err(_) => sidecar::read(b""),
        };
        let stamp = if is_unreadable(&limit) { UNREAD.to_owned() } else { now.unwrap_or_default() };
        looked.stamps.insert(path.clone(), Some(stamp));
        read.push((path, limit));
    }
    let carried = of_items(store, member, read)?;
    member.carried.extend(carried);
    Ok(looked)
}

/// How the folders and licences of a library are now, in a word.
pub(crate) fn fingerprint(store: &Reader, link: LinkId) -> Result<String, StoreError> {
    let mut hasher = Sha256::new();
    for path in store.looked_at(link)?.keys() {
        hasher.update(stamp(path).unwrap_or_default());
        hasher.update([0]);
    }
    let mut word = [0; 8];
    word.copy_from_slice(&hasher.finalize()[..8]);
    Ok(format!("{:016x}", u64::from_be_bytes(word)))
}

/// The stamp of a licence that has to be looked at again.
const UNREAD: &str = "?";

/// What the library lists anew, or otherwise than before.
fn new_items(member: &Member) -> impl Iterator<Item = &Item> {
    let difference = member.difference.iter();
    difference.flat_map(|difference| {
        difference.arrived.iter().chain(difference.changed.iter().map(|(_, now)| now))
    })
}

/// The folders of what is new in the library.
fn new_folders(member: &Member) -> Vec<Location> {
    let places = new_items(member).filter_map(|item| item.location.as_ref());
    places.filter_map(folder_of).collect()
}

/// The file that a licence is for.
fn file_of(licence: &Location) -> Location {
    let bytes = licence.as_bytes();
    Location::new(bytes.strip_suffix(sidecar::SUFFIX.as_bytes()).unwrap_or(bytes))
}

fn is_folder(path: &Location) -> bool {
    path.as_bytes().last() == Some(&b'/')
}

fn folder_of(place: &Location) -> Option<Location> {
    let end = place.as_bytes().iter().rposition(|byte| *byte == b'/')?;
    Some(Location::new(&place.as_bytes()[..=end]))
}

fn as_path(place: &Location) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(place.as_bytes()))
}

fn stamp(place: &Location) -> Option<String> {
    let meta = fs::symlink_metadata(as_path(place)).ok()?;
    // Not the time of the content, which anybody can set.
    Some(format!("{}.{} {} {}", meta.ctime(), meta.ctime_nsec(), meta.size(), meta.ino()))
}

fn licences_in(folder: &Location) -> Vec<Location> {
    let Ok(entries) = fs::read_dir(as_path(folder)) else { return Vec::new() };
    let names = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
    let licences = names.filter(|name| name.as_bytes().ends_with(sidecar::SUFFIX.as_bytes()));
    licences
        .map(|name| {
            Location::new(Path::new(&as_path(folder)).join(name).into_os_string().into_vec())
        })
        .collect()
}

/// The items beside whose files the licences lie.
fn of_items(
    store: &Reader,
    member: &Member,
    read: Vec<(Location, CarriedLimit)>,
) -> Result<Vec<(NativeId, CarriedLimit)>, Failure> {
    if read.is_empty() {
        return Ok(Vec::new());
    }
    let licences: HashMap<Location, CarriedLimit> =
        read.into_iter().map(|(path, limit)| (file_of(&path), limit)).collect();
    let (mut out, mut taken) = (Vec::new(), HashSet::new());
    // One file may have several tracks, and so be several items.
    let mut take = |native: &NativeId, place: Option<&Location>| {
        let found = place.and_then(|place| licences.get(place));
        if let Some(limit) = found.filter(|_| taken.insert(native.clone())) {
            out.push((native.clone(), limit.clone()));
        }
    };
    new_items(member).for_each(|item| take(&item.id, item.location.as_ref()));
    if !member.pairing {
        let mut cursor = store.base_cursor(member.row.id)?;
        while let Some(raw) = cursor.next()? {
            let base = raw.decode(member.capabilities.schema)?;
            take(&base.held.id, base.held.location.as_ref());
        }
    }
    Ok(out)
}
