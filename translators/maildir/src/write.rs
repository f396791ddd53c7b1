//! Writes marks: each change of a message is one rename of each of its copies.
//!
//! What is written is the difference that an edit makes, not the whole set: what a mail program did
//! to the same file meanwhile stays. A keyword that a folder has no letter for gets one first, under
//! Dovecot's own lock.
//!
//! Invariant: a file is renamed within its folder, only its letters change, and no name is taken that
//! another file has. Nothing is copied, removed, or opened for writing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use segue_mail::Key;
use segue_mail::marks::{FLAGS, FORWARDED, FORWARDED_KEYWORD};
use segue_translator::model::{ChangeSet, CollectionEdit, FieldEdit, NativeId, Rule, Value, mail};
use segue_translator::{Access, Error, ErrorKind, Refusal, Revision, Written};

use crate::column::CAPABILITIES;
use crate::format;
use crate::keywords::Keywords;
use crate::listing::{self, Copy, Listing, Marks};
use crate::lock::Lock;
use crate::read::Store;
use crate::tree::{CUR, Folder, NEW};

/// So often a file is looked for again that mail programs rename at the same time.
const RENAMES_MAX: usize = 16;

/// What is added to a message's marks, and taken from them.
#[derive(Debug, Default)]
struct Change {
    add: Marks,
    remove: Marks,
}

/// Makes the edits of marks; all others are refused.
pub(crate) fn write(
    store: &Store,
    expected: &Revision,
    changes: &ChangeSet,
) -> Result<Written, Error> {
    let mut listing = store.list()?;
    if listing.revision != *expected {
        let detail = "the mail changed since it was read";
        return Err(Error::new(ErrorKind::Stale, "write", &store.root, detail));
    }
    let mut refused: Vec<Refusal> = Refusal::of_listing(changes).collect();
    refused.extend(changes.collections.iter().map(refuse_collection));
    let mut planned: BTreeMap<NativeId, Change> = BTreeMap::new();
    for edit in &changes.fields {
        let change = planned.entry(edit.item.clone()).or_default();
        if let Err(reason) = plan(&listing, edit, change) {
            refused.push(Refusal { id: edit.item.clone(), reason });
        }
    }
    let has_lines = give_letters(&mut listing, &mut planned, &mut refused)?;
    let mut marked = Vec::new();
    for (id, change) in &planned {
        for index in range(&listing, id) {
            match mark(&listing, &listing.copies[index], change)? {
                Ok(name) => marked.extend(name.map(|name| (index, name))),
                Err(reason) => refused.push(Refusal { id: id.clone(), reason }),
            }
        }
    }
    if marked.is_empty() && !has_lines {
        return Ok(Written { revision: listing.revision, created: Vec::new(), refused });
    }
    sync(&listing, &marked)?;
    for (index, name) in marked {
        let copy = &mut listing.copies[index];
        *copy = Copy { name: name.into(), is_new: false, ..copy.clone() };
    }
    listing.copies.sort_unstable();
    Ok(Written { revision: revision(store, &listing)?, created: Vec::new(), refused })
}

/// The state after a write that left the store as `ours`. Where somebody else wrote at the same time
/// it is none that a reader knows, so that what they did is found.
pub(crate) fn revision(store: &Store, ours: &Listing) -> Result<Revision, Error> {
    let now = store.list()?;
    let is_ours =
        now.folders == ours.folders && now.copies == ours.copies && now.keywords == ours.keywords;
    Ok(if is_ours { now.revision } else { Revision(format!("{} and more", now.revision.0)) })
}

/// The copies of what is called so.
fn range(listing: &Listing, id: &NativeId) -> Range<usize> {
    Key::of(id).map_or(0..0, |key| listing.message(key))
}

fn refuse_collection(edit: &CollectionEdit) -> Refusal {
    let id = match edit {
        CollectionEdit::Create { name, .. } => NativeId::from(&**name),
        CollectionEdit::Rename { id, .. }
        | CollectionEdit::Reorder { id, .. }
        | CollectionEdit::Remove { id, .. } => id.clone(),
    };
    Refusal { id, reason: "Segue does not make, rename or remove folders of mail yet".to_owned() }
}

/// Adds what an edit changes to `change`, or says why it cannot be made.
fn plan(listing: &Listing, edit: &FieldEdit, change: &mut Change) -> Result<(), String> {
    let copies = &listing.copies[range(listing, &edit.item)];
    if copies.is_empty() {
        return Err("there is no such message".to_owned());
    }
    let support = CAPABILITIES.field(edit.field).filter(|one| one.access == Access::Write);
    let support = support.ok_or_else(|| "it is read from messages and not written".to_owned())?;
    let marks = listing.marks(copies)?;
    let is_flags = *edit.field == mail::FLAGS;
    let held = if is_flags { marks.flags } else { marks.keywords };
    if edit.old != Marks::value(&held) {
        return Err("its marks changed meanwhile".to_owned());
    }
    let new = match &edit.new {
        Some(new) if !edit.field.shape.admits(new) || edit.field.rule != Rule::Set => {
            return Err("this is no set of marks".to_owned());
        }
        new => new.as_ref().and_then(|new| support.hold(new)),
    };
    let new = new.as_ref().and_then(Value::as_list).unwrap_or_default();
    let new: BTreeSet<Box<str>> = new.iter().cloned().collect();
    let (add, remove) = if is_flags {
        (&mut change.add.flags, &mut change.remove.flags)
    } else {
        (&mut change.add.keywords, &mut change.remove.keywords)
    };
    add.extend(new.difference(&held).cloned());
    remove.extend(held.difference(&new).cloned());
    Ok(())
}

/// Gives letters to the keywords that come, folder by folder, and says whether any line was added. A
/// message whose folder has none left keeps the keywords that it has.
fn give_letters(
    listing: &mut Listing,
    planned: &mut BTreeMap<NativeId, Change>,
    refused: &mut Vec<Refusal>,
) -> Result<bool, Error> {
    let mut has_lines = false;
    let mut wanted: BTreeMap<usize, BTreeSet<Box<str>>> = BTreeMap::new();
    for (id, change) in planned.iter() {
        for copy in &listing.copies[range(listing, id)] {
            let names = wanted.entry(copy.folder).or_default();
            names.extend(change.add.keywords.iter().cloned());
            // Where keywords are kept at all, clients look for this one.
            if change.add.flags.contains(FORWARDED) && listing.keywords[copy.folder].is_kept {
                names.insert(FORWARDED_KEYWORD.into());
            }
        }
    }
    for (folder, names) in wanted {
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
        let missing = listing.copies[range(listing, id)].iter().find_map(|copy| {
            let keywords = &listing.keywords[copy.folder];
            let mut added = change.add.keywords.iter();
            Some((copy.folder, added.find(|name| keywords.letter(name).is_none())?))
        });
        if let Some((folder, name)) = missing {
            let reason = format!(
                "the folder `{}` has its 26 keywords already, and `{name}` is none of them",
                listing.folders[folder].name
            );
            refused.push(Refusal { id: id.clone(), reason });
            change.add.keywords.clear();
            change.remove.keywords.clear();
        }
    }
    Ok(has_lines)
}

fn letters_in_use(listing: &Listing, folder: usize) -> Vec<u8> {
    let names = listing.copies.iter().filter(|copy| copy.folder == folder);
    let letters: BTreeSet<u8> =
        names.flat_map(|copy| format::letters(&copy.name).unwrap_or_default()).copied().collect();
    letters.into_iter().collect()
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

/// Marks one copy; returns its new name, if it has one. The inner error is why that could not be done,
/// the outer one ends the write.
fn mark(
    listing: &Listing,
    copy: &Copy,
    change: &Change,
) -> Result<Result<Option<Vec<u8>>, String>, Error> {
    let folder = &listing.folders[copy.folder];
    let fail = |error: &io::Error| Error::io("write", &folder.path, error);
    let (mut is_new, mut name) = (copy.is_new, copy.name.clone());
    for _ in 0..RENAMES_MAX {
        let Some(letters) = format::letters(&name) else {
            return Ok(Err("its file has marks of another kind".to_owned()));
        };
        let marked = marked(letters, change, &listing.keywords[copy.folder]);
        if letters.iter().copied().collect::<BTreeSet<u8>>() == marked {
            return Ok(Ok(None));
        }
        let to = format::with_letters(&name, marked);
        let paths = (listing::path(folder, is_new, &name), listing::path(folder, false, &to));
        match rename(&paths.0, &paths.1) {
            Ok(()) => return Ok(Ok(Some(to))),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Ok(Err("two files have its name".to_owned()));
            }
            // Another program renamed it first.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(fail(&error)),
        }
        match listing::find(folder, format::base(&copy.name)).map_err(|error| fail(&error))? {
            Some(found) => (is_new, name) = found,
            None => return Ok(Err("its file went away meanwhile".to_owned())),
        }
    }
    Ok(Err("other programs rename its file all the time".to_owned()))
}

/// The letters of a copy after a change.
fn marked(letters: &[u8], change: &Change, keywords: &Keywords) -> BTreeSet<u8> {
    let mut marked: BTreeSet<u8> = letters.iter().copied().collect();
    let of = |marks: &Marks| {
        let flags = FLAGS.iter().filter(|flag| marks.flags.contains(flag.name));
        let forwarded = marks.flags.contains(FORWARDED).then_some(FORWARDED_KEYWORD);
        let names = marks.keywords.iter().map(|name| &**name).chain(forwarded);
        let words = names.filter_map(|name| keywords.letter(name));
        flags.map(|flag| flag.letter).chain(words).collect::<Vec<u8>>()
    };
    marked.extend(of(&change.add));
    let removed = of(&change.remove);
    marked.retain(|letter| !removed.contains(letter));
    marked
}

/// Renames a file, unless another has that name.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Network file systems do not know this; two files of one folder do not share a name there either.
        Err(Errno::INVAL | Errno::NOSYS) if to.symlink_metadata().is_ok() => {
            Err(io::ErrorKind::AlreadyExists.into())
        }
        Err(Errno::INVAL | Errno::NOSYS) => std::fs::rename(from, to),
        renamed => Ok(renamed?),
    }
}

/// Makes renames durable.
fn sync(listing: &Listing, marked: &[(usize, Vec<u8>)]) -> Result<(), Error> {
    let copies = marked.iter().map(|(index, _)| &listing.copies[*index]);
    let parts: BTreeSet<(usize, &str)> = copies
        .flat_map(|copy| {
            let from = if copy.is_new { NEW } else { CUR };
            [(copy.folder, CUR), (copy.folder, from)]
        })
        .collect();
    for (folder, part) in parts {
        sync_folder(&listing.folders[folder].path.join(part))?;
    }
    Ok(())
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(path: &Path) -> Result<(), Error> {
    let synced = File::open(path).and_then(|folder| folder.sync_all());
    synced.map_err(|error| Error::io("write", path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listing::Known;
    use std::fs;

    #[test]
    fn f19_what_a_mail_program_did_to_the_same_file_meanwhile_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for part in [CUR, NEW] {
            fs::create_dir(path(part)).unwrap();
        }
        let (add, remove) = (Marks::default(), Marks::default());
        let mut change = Change { add, remove };
        change.add.flags.insert("answered".into());
        change.remove.flags.insert("seen".into());
        for (listed, now, after) in [
            ("cur/1:2,S", "cur/1:2,FST", "cur/1:2,FRT"),
            ("new/1", "cur/1:2,S", "cur/1:2,R"),
            ("cur/1:2,S", "cur/1:2,R", "cur/1:2,R"),
        ] {
            fs::write(path(listed), "Message-ID: <a@b>\n\nHello\n").unwrap();
            let listing = Listing::make(folder.path(), &mut Known::new()).unwrap();
            fs::rename(path(listed), path(now)).unwrap();
            mark(&listing, &listing.copies[0], &change).unwrap().unwrap();
            fs::remove_file(path(after)).unwrap_or_else(|_| panic!("{now} became no {after}"));
        }
        fs::write(path("cur/1:2,S"), "Message-ID: <a@b>\n\nHello\n").unwrap();
        let listing = Listing::make(folder.path(), &mut Known::new()).unwrap();
        fs::remove_file(path("cur/1:2,S")).unwrap();
        assert!(mark(&listing, &listing.copies[0], &change).unwrap().is_err());
    }
}
