//! Letters for the keywords that messages are to have: each folder has 26 at most.
//!
//! A keyword that a folder has no letter for gets one first, under Dovecot's own lock. Where none is left, the copies
//! in that folder do without, and it is said; Segue frees no letter, because what Dovecot knows of it is Dovecot's.
//!
//! Invariant: a message goes to no folder in which it would lose a keyword.

use std::collections::{BTreeMap, BTreeSet};

use segue_mail::marks::{FORWARDED, FORWARDED_KEYWORD};
use segue_translator::model::{Field, NativeId, mail};
use segue_translator::{Error, Unable};

use crate::format;
use crate::keywords::{self, Keywords};
use crate::listing::{self, Copy, Listing};
use crate::lock::Lock;
use crate::place::Placement;
use crate::read::Store;
use crate::tree::{self, Folder};
use crate::write::{Change, Planned, range};

/// The keywords that each folder needs letters for, because a copy lies there or comes there.
fn wanted_keywords(listing: &Listing, planned: &Planned) -> BTreeMap<usize, BTreeSet<Box<str>>> {
    let mut wanted: BTreeMap<usize, BTreeSet<Box<str>>> = BTreeMap::new();
    for (id, change) in planned {
        for (copy, folder) in places_after(listing, id, change) {
            let names = wanted.entry(folder).or_default();
            names.extend(needed_keywords(listing, copy, folder, change));
            // Where keywords are kept at all, clients look for this one.
            if change.add.flags.contains(FORWARDED) && listing.keywords[folder].is_kept {
                names.insert(FORWARDED_KEYWORD.into());
            }
        }
    }
    wanted
}

/// The copies of a message with the folders in which they lie when it is changed.
fn places_after<'l>(
    listing: &'l Listing,
    id: &NativeId,
    change: &'l Change,
) -> impl Iterator<Item = (&'l Copy, usize)> {
    let stay = range(listing, id).map(|index| {
        let copy = &listing.copies[index];
        (copy, change.placement.target(index).map_or(copy.folder, |target| target.folder))
    });
    let links = change.placement.links.iter().map(|(copy, to)| (&listing.copies[*copy], *to));
    stay.chain(links)
}

/// The keywords that a copy has to have in a folder.
fn needed_keywords<'l>(
    listing: &'l Listing,
    copy: &'l Copy,
    folder: usize,
    change: &'l Change,
) -> impl Iterator<Item = Box<str>> + 'l {
    carried_keywords(listing, copy, folder, change).chain(change.add.keywords.iter().cloned())
}

/// Those that it brings from another folder.
fn carried_keywords<'l>(
    listing: &'l Listing,
    copy: &'l Copy,
    folder: usize,
    change: &'l Change,
) -> impl Iterator<Item = Box<str>> + 'l {
    let carried = (folder != copy.folder).then(|| format::letters(&copy.name)).flatten();
    let carried = carried.unwrap_or_default().iter();
    let carried = carried.filter_map(|letter| listing.keywords[copy.folder].name(*letter));
    carried.filter(|name| !change.remove.keywords.contains(*name)).map(Box::from)
}

/// Gives letters to the keywords that come, folder by folder, and says whether any line was added. A message goes
/// to no folder that has none left for what it brings; what it is to get, its copies get where there is one.
pub(crate) fn give_letters(
    listing: &mut Listing,
    planned: &mut Planned,
    unable: &mut Vec<Unable>,
) -> Result<bool, Error> {
    let mut has_lines = false;
    for (folder, names) in wanted_keywords(listing, planned) {
        let lacks = |keywords: &Keywords| names.iter().any(|name| keywords.letter(name).is_none());
        if lacks(&listing.keywords[folder]) {
            let in_use = letters_in_use(listing, folder);
            let names = names.iter().map(|name| &**name);
            let keywords = with_lines(&listing.folders[folder], names, &in_use)?;
            has_lines |= keywords != listing.keywords[folder];
            listing.keywords[folder] = keywords;
        }
    }
    for (id, change) in planned.iter_mut() {
        let mut carried = places_after(listing, id, change).filter_map(|(copy, folder)| {
            let mut carried = carried_keywords(listing, copy, folder, change);
            let lacking = carried.find(|name| listing.keywords[folder].letter(name).is_none());
            Some((folder, lacking?))
        });
        if let Some((folder, name)) = carried.next() {
            let lacks = Vec::new();
            unable.push(without_letter(listing, folder, id, &mail::FOLDERS, &name, lacks));
            drop(carried);
            change.placement = Placement::default();
        }
        let mut lacking: BTreeMap<usize, Vec<Box<str>>> = BTreeMap::new();
        for (_, folder) in places_after(listing, id, change) {
            let names = change.add.keywords.iter();
            let names = names.filter(|name| listing.keywords[folder].letter(name).is_none());
            lacking.entry(folder).or_insert_with(|| names.cloned().collect());
        }
        for (folder, lacks) in lacking {
            let Some(name) = lacks.first().cloned() else { continue };
            unable.push(without_letter(listing, folder, id, &mail::KEYWORDS, &name, lacks));
        }
    }
    Ok(has_lines)
}

/// Says that a folder has no letter for a keyword.
fn without_letter(
    listing: &Listing,
    folder: usize,
    id: &NativeId,
    field: &'static Field,
    name: &str,
    lacks: Vec<Box<str>>,
) -> Unable {
    let path = &listing.folders[folder].name;
    let reason =
        format!("the folder `{path}` has its 26 keywords already, and `{name}` is none of them");
    Unable { id: id.clone(), field, lacks, reason, obstacle: format!("{path}\n{name}") }
}

/// Whether a folder still has no letter for a keyword.
pub(crate) fn stands(store: &Store, obstacle: &str) -> Result<bool, Error> {
    let Some((path, name)) = obstacle.split_once('\n') else { return Ok(false) };
    let folders = tree::folders(&store.root)?;
    let Some(folder) = folders.iter().find(|folder| folder.name == path) else { return Ok(false) };
    let mut keywords = Keywords::read(&folder.path)?;
    let names = listing::names(std::slice::from_ref(folder))?;
    keywords.add([name].into_iter(), &keywords::in_use(names.iter().map(|copy| &*copy.name)));
    Ok(keywords.letter(name).is_none())
}

fn letters_in_use(listing: &Listing, folder: usize) -> Vec<u8> {
    let copies = listing.copies.iter().filter(|copy| copy.folder == folder);
    let unseen = listing.unseen.iter().filter(|(index, _)| *index == folder);
    let names = copies.map(|copy| &*copy.name).chain(unseen.map(|(_, name)| &**name));
    keywords::in_use(names)
}

/// The keywords of a folder with lines for these names, as far as there is room.
fn with_lines<'n>(
    folder: &Folder,
    names: impl Iterator<Item = &'n str>,
    in_use: &[u8],
) -> Result<Keywords, Error> {
    let _lock = Lock::take(&folder.path)?;
    // A server may have added some before the lock was ours.
    let old = Keywords::read(&folder.path)?;
    let mut new = old.clone();
    new.add(names, in_use);
    if new.is_as(&old) {
        return Ok(old);
    }
    new.write(&folder.path)?;
    Keywords::read(&folder.path)
}
