//! Writes marks and places: each change of a message is one rename of each of its copies.
//!
//! What is written is the difference that an edit makes, not the whole set: what a mail program did
//! to the same file meanwhile stays. A keyword that a folder has no letter for gets one first, under
//! Dovecot's own lock; where none is left the copies in that folder do without, and it is said. A folder that is
//! not there is made.
//!
//! Invariant: a file keeps what stands before the colon unless another file has that in the folder it moves to,
//! and no name is taken that another file has. No message is removed, or opened for writing.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use segue_mail::Key;
use segue_mail::marks::{DELETED_LETTER, FLAGS, FORWARDED, FORWARDED_KEYWORD};
use segue_translator::model::{ChangeSet, CollectionEdit, FieldEdit, NativeId, Rule, Value, mail};
use segue_translator::{Access, Error, ErrorKind, Refusal, Revision, Unable, Written};

use crate::column::CAPABILITIES;
use crate::files::Move;
use crate::format;
use crate::layout::{self, Layout};
use crate::letters::give_letters;
use crate::listing::{self, Copy, Listing, Marks};
use crate::place::{self, Placement, Taken, Target};
use crate::read::Store;
use crate::tree::{CUR, NEW};

/// So often a file is looked for again that mail programs rename at the same time.
const RENAMES_MAX: usize = 16;

/// What is added to a message's marks and places, and taken from them.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub(crate) add: Marks,
    pub(crate) remove: Marks,
    /// Letters that come and go, whatever they mean.
    letters: (BTreeSet<u8>, BTreeSet<u8>),
    pub(crate) into: BTreeSet<Box<str>>,
    pub(crate) out_of: BTreeSet<Box<str>>,
    pub(crate) placement: Placement,
}

impl From<Move> for Change {
    fn from(one: Move) -> Self {
        let letters = (one.add, one.remove);
        Self { into: one.into, out_of: one.out_of, letters, ..Self::default() }
    }
}

/// The changes of messages by what they are called.
pub(crate) type Planned = BTreeMap<NativeId, Change>;

/// Makes the edits of marks and places; all others are refused.
pub(crate) fn write(
    store: &Store,
    expected: &Revision,
    changes: &ChangeSet,
) -> Result<Written, Error> {
    let listing = store.list()?;
    if listing.revision != *expected {
        return Err(stale(store));
    }
    let mut written = Written::default();
    written.refused.extend(Refusal::of_listing(changes));
    written.refused.extend(changes.collections.iter().map(refuse_collection));
    let mut planned = Planned::new();
    for edit in &changes.fields {
        if let Err(reason) = listing.marks(&listing.copies[range(&listing, &edit.item)]) {
            written.unable.push(unclear(edit, reason));
            continue;
        }
        let change = planned.entry(edit.item.clone()).or_default();
        if let Err(reason) = plan(&listing, edit, change) {
            written.refused.push(Refusal { id: edit.item.clone(), reason });
        }
    }
    for edit in changes.copies.iter().filter(|edit| *edit.field == mail::KEYWORDS) {
        let marks = listing.marks(&listing.copies[range(&listing, &edit.item)]);
        let has = |marks: &Marks| edit.elements.iter().all(|name| marks.keywords.contains(name));
        if marks.as_ref().is_ok_and(has) {
            let change = planned.entry(edit.item.clone()).or_default();
            change.add.keywords.extend(edit.elements.iter().cloned());
        } else {
            let reason = "it was changed meanwhile".to_owned();
            written.refused.push(Refusal { id: edit.item.clone(), reason });
        }
    }
    written.revision = carry_out(store, listing, planned, &mut written)?;
    Ok(written)
}

/// Makes changes of a store that was just listed; returns its state after them. `written` gets what could not be
/// done.
pub(crate) fn carry_out(
    store: &Store,
    listing: Listing,
    mut planned: Planned,
    written: &mut Written,
) -> Result<Revision, Error> {
    let before = listing.revision.clone();
    let mut listing = with_folders(store, listing, &mut planned, &mut written.refused)?;
    for (id, change) in &mut planned {
        let copies = range(&listing, id);
        change.placement = Placement::of(&listing, copies, &change.into, &change.out_of);
    }
    let has_lines = give_letters(&mut listing, &mut planned, &mut written.unable)?;
    let mut outcome = Outcome::default();
    let mut taken = Taken::of(&listing, &targets(&planned));
    for (id, change) in &planned {
        if let Err(reason) = make(&listing, range(&listing, id), change, &mut taken, &mut outcome)?
        {
            written.refused.push(Refusal { id: id.clone(), reason });
        }
    }
    if outcome.is_empty() && !has_lines && listing.revision == before {
        return Ok(before);
    }
    outcome.sync(&listing)?;
    outcome.note(&mut listing);
    revision(store, &listing)
}

pub(crate) fn stale(store: &Store) -> Error {
    let detail = "the mail changed since it was read";
    Error::new(ErrorKind::Stale, "write", &store.root, detail)
}

/// What was done to files.
#[derive(Debug, Default)]
struct Outcome {
    /// Which copies have other names, and which ones.
    renamed: Vec<(usize, Copy)>,
    /// Names that files have as well.
    linked: Vec<Copy>,
}

impl Outcome {
    fn is_empty(&self) -> bool {
        self.renamed.is_empty() && self.linked.is_empty()
    }

    /// Makes it durable.
    fn sync(&self, listing: &Listing) -> Result<(), Error> {
        let part = |copy: &Copy| (copy.folder, if copy.is_new { NEW } else { CUR });
        let old = self.renamed.iter().map(|(index, _)| part(&listing.copies[*index]));
        let new = self.renamed.iter().map(|(_, copy)| part(copy));
        let parts: BTreeSet<(usize, &str)> =
            old.chain(new).chain(self.linked.iter().map(part)).collect();
        for (folder, part) in parts {
            sync_folder(&listing.folders[folder].path.join(part))?;
        }
        Ok(())
    }

    /// Brings a listing to what was done.
    fn note(self, listing: &mut Listing) {
        for (index, copy) in self.renamed {
            listing.copies[index] = copy;
        }
        listing.copies.extend(self.linked);
        listing.copies.sort_unstable();
    }
}

/// Makes the folders that messages go to and that are not there; returns the listing with them.
fn with_folders(
    store: &Store,
    listing: Listing,
    planned: &mut Planned,
    refused: &mut Vec<Refusal>,
) -> Result<Listing, Error> {
    let wanted: BTreeSet<&Box<str>> = planned.values().flat_map(|change| &change.into).collect();
    let missing = wanted.into_iter().filter(|path| place::folder(&listing, path).is_none());
    let layout = Layout::of(&store.root, &listing.folders);
    let told = missing.map(|path| (path.clone(), layout.relative(path, &listing.folders)));
    let (mut made, mut impossible) = (false, BTreeMap::new());
    for (path, relative) in told.collect::<Vec<_>>() {
        match relative {
            Ok(relative) => {
                layout::make(&store.root, &relative)?;
                made = true;
            }
            Err(reason) => _ = impossible.insert(path, reason),
        }
    }
    for (id, change) in planned.iter_mut() {
        let reason = change.into.iter().find_map(|path| impossible.get(path));
        if let Some(reason) = reason.cloned() {
            refused.push(Refusal { id: id.clone(), reason });
            (change.into, change.out_of) = Default::default();
        }
    }
    if !made {
        return Ok(listing);
    }
    let now = store.list()?;
    let places = |listing: &Listing| -> Vec<(Key, Box<Path>, Box<[u8]>)> {
        let each = listing.copies.iter().map(|copy| {
            let folder = listing.folders[copy.folder].relative.clone();
            (copy.key, folder.into_boxed_path(), copy.name.clone())
        });
        each.collect()
    };
    if places(&now) == places(&listing) { Ok(now) } else { Err(stale(store)) }
}

/// The folders that files come to.
fn targets(planned: &Planned) -> BTreeSet<usize> {
    let placements = || planned.values().map(|change| &change.placement);
    let moved = placements().flat_map(|all| all.targets.iter().map(|(_, target)| target.folder));
    moved.chain(placements().flat_map(|all| all.links.iter().map(|(_, to)| *to))).collect()
}

/// Changes all copies of a message. The inner error is why one could not be changed, the outer one ends the
/// write.
fn make(
    listing: &Listing,
    copies: Range<usize>,
    change: &Change,
    taken: &mut Taken,
    outcome: &mut Outcome,
) -> Result<Result<(), String>, Error> {
    for (index, folder) in &change.placement.links {
        let copy = &listing.copies[*index];
        let Some(letters) = format::letters(&copy.name) else {
            return Ok(Err(STRANGE.to_owned()));
        };
        let target = Target { folder: *folder, is_deleted: false };
        let Some(letters) = marked(listing, copy.folder, letters, change, Some(target)) else {
            return Ok(Err(MARKED.to_owned()));
        };
        let Some(base) = taken.free(*folder, format::base(&copy.name)) else {
            return Ok(Err("too many files have its name there".to_owned()));
        };
        let name = format::with_letters(&base, letters);
        let from = (&listing.folders[copy.folder], copy);
        if let Err(reason) = place::link(from, (&listing.folders[*folder], &name))? {
            return Ok(Err(reason));
        }
        outcome.linked.push(Copy {
            folder: *folder,
            name: name.into(),
            is_new: false,
            ..copy.clone()
        });
    }
    for index in copies {
        let copy = &listing.copies[index];
        match mark(listing, copy, change, change.placement.target(index), taken)? {
            Ok(renamed) => outcome.renamed.extend(renamed.map(|copy| (index, copy))),
            Err(reason) => return Ok(Err(reason)),
        }
    }
    Ok(Ok(()))
}

const STRANGE: &str = "its file has marks of another kind";
const MARKED: &str = "its file was marked meanwhile";

/// The state after a write that left the store as `ours`. Where somebody else wrote at the same time
/// it is none that a reader knows, so that what they did is found.
pub(crate) fn revision(store: &Store, ours: &Listing) -> Result<Revision, Error> {
    let now = store.list()?;
    let is_ours =
        now.folders == ours.folders && now.copies == ours.copies && now.keywords == ours.keywords;
    Ok(if is_ours { now.revision } else { Revision(format!("{} and more", now.revision.0)) })
}

/// The copies of what is called so.
pub(crate) fn range(listing: &Listing, id: &NativeId) -> Range<usize> {
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
    let (held, add, remove) = if *edit.field == mail::FLAGS {
        (marks.flags, &mut change.add.flags, &mut change.remove.flags)
    } else if *edit.field == mail::KEYWORDS {
        (marks.keywords, &mut change.add.keywords, &mut change.remove.keywords)
    } else {
        (listing.places(copies), &mut change.into, &mut change.out_of)
    };
    if edit.old != Marks::value(&held) {
        return Err("it was changed meanwhile".to_owned());
    }
    let new = match &edit.new {
        Some(new) if !edit.field.shape.admits(new) || edit.field.rule != Rule::Set => {
            return Err("this is no set".to_owned());
        }
        new => new.as_ref().and_then(|new| support.hold(new)),
    };
    let new = new.as_ref().and_then(Value::as_list).unwrap_or_default();
    let new: BTreeSet<Box<str>> = new.iter().cloned().collect();
    add.extend(new.difference(&held).cloned());
    remove.extend(held.difference(&new).cloned());
    Ok(())
}

/// Says that not all marks of a message can be told.
fn unclear(edit: &FieldEdit, reason: String) -> Unable {
    // A reading names it as a loss for as long.
    let (lacks, obstacle) = (Vec::new(), String::new());
    Unable { id: edit.item.clone(), field: edit.field, lacks, reason, obstacle }
}

/// Marks one copy and puts it where it shall lie; returns it as it is then, if it changed. The inner error is why
/// that could not be done, the outer one ends the write.
fn mark(
    listing: &Listing,
    copy: &Copy,
    change: &Change,
    target: Option<Target>,
    taken: &mut Taken,
) -> Result<Result<Option<Copy>, String>, Error> {
    let folder = &listing.folders[copy.folder];
    let to = target.map_or(copy.folder, |target| target.folder);
    let fail = |error: &io::Error| Error::io("write", &folder.path, error);
    let base = format::base(&copy.name);
    let base = if to == copy.folder { Some(base.into()) } else { taken.free(to, base) };
    let Some(base) = base else { return Ok(Err("too many files have its name there".to_owned())) };
    let (mut is_new, mut name) = (copy.is_new, copy.name.clone());
    for _ in 0..RENAMES_MAX {
        let Some(letters) = format::letters(&name) else {
            return Ok(Err(STRANGE.to_owned()));
        };
        let Some(marked) = marked(listing, copy.folder, letters, change, target) else {
            return Ok(Err(MARKED.to_owned()));
        };
        if to == copy.folder && letters.iter().copied().collect::<BTreeSet<u8>>() == marked {
            return Ok(Ok(None));
        }
        let new = format::with_letters(&base, marked);
        let from = listing::path(folder, is_new, &name);
        match rename(&from, &listing::path(&listing.folders[to], false, &new)) {
            Ok(()) => {
                let (name, is_new) = (new.into(), false);
                return Ok(Ok(Some(Copy { folder: to, name, is_new, ..copy.clone() })));
            }
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

/// The letters that a copy has after a change, which had these in `folder`: a keyword may have another letter in
/// another folder. `None` if one has come meanwhile that nothing is known of there.
fn marked(
    listing: &Listing,
    folder: usize,
    letters: &[u8],
    change: &Change,
    target: Option<Target>,
) -> Option<BTreeSet<u8>> {
    let old = &listing.keywords[folder];
    let new = target.map_or(old, |target| &listing.keywords[target.folder]);
    let is_here = target.is_none_or(|target| target.folder == folder);
    let told = |letter: &u8| match letter {
        b'a'..=b'z' if !is_here => new.letter(old.name(*letter)?),
        letter => Some(*letter),
    };
    let gone =
        |letter: &&u8| old.name(**letter).is_none_or(|name| !change.remove.keywords.contains(name));
    let mut marked = letters.iter().filter(gone).map(told).collect::<Option<BTreeSet<u8>>>()?;
    let of = |marks: &Marks| {
        let flags = FLAGS.iter().filter(|flag| marks.flags.contains(flag.name));
        let forwarded = marks.flags.contains(FORWARDED).then_some(FORWARDED_KEYWORD);
        let names = marks.keywords.iter().map(|name| &**name).chain(forwarded);
        let words = names.filter_map(|name| new.letter(name));
        flags.map(|flag| flag.letter).chain(words).collect::<Vec<u8>>()
    };
    marked.extend(of(&change.add));
    let removed = of(&change.remove);
    marked.retain(|letter| !removed.contains(letter));
    marked.extend(&change.letters.0);
    marked.retain(|letter| !change.letters.1.contains(letter));
    match target {
        Some(Target { is_deleted: true, .. }) => _ = marked.insert(DELETED_LETTER),
        Some(_) => _ = marked.remove(&DELETED_LETTER),
        None => {}
    }
    Some(marked)
}

/// A name of a file, from its bytes.
pub(crate) fn os(name: &[u8]) -> &OsStr {
    OsStr::from_bytes(name)
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
        let mut change = Change::default();
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
            let mut taken = Taken::default();
            mark(&listing, &listing.copies[0], &change, None, &mut taken).unwrap().unwrap();
            fs::remove_file(path(after)).unwrap_or_else(|_| panic!("{now} became no {after}"));
        }
        fs::write(path("cur/1:2,S"), "Message-ID: <a@b>\n\nHello\n").unwrap();
        let listing = Listing::make(folder.path(), &mut Known::new()).unwrap();
        fs::remove_file(path("cur/1:2,S")).unwrap();
        let made = mark(&listing, &listing.copies[0], &change, None, &mut Taken::default());
        assert!(made.unwrap().is_err());
    }
}
