//! All files of a store at one instant, each with the message that it is a copy of.
//!
//! Flags, keywords and folders stand in names, so a listing is the whole state; only files that were
//! never seen are opened. Mail programs rename files at any time: a listing counts if no folder
//! changed while it was made, and a file that has another name since is found by what stays of it.
//!
//! Invariant: a file is opened once for its key, because a message's bytes never change. Another message under a name
//! that one had before is another file: it has another number, size or time.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::{self, BufReader};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use segue_mail::marks::{FLAGS, FORWARDED, FORWARDED_KEYWORD};
use segue_mail::{Key, message};
use segue_translator::model::{Field, NativeId, Value, mail};
use segue_translator::{Cache, Error, ErrorKind, Loss, Revision, file};
use sha2::{Digest as _, Sha256};

use crate::format;
use crate::keywords::Keywords;
use crate::place;
use crate::tree::{self, CUR, Folder, NEW};

/// So often a listing is begun anew, because somebody changed the store meanwhile.
const ATTEMPTS: usize = 8;
const COPIES_MAX: usize = 5_000_000;
const MESSAGE_BYTES_MAX: u64 = 1 << 30;

/// Keys by what files are.
pub(crate) type Known = Cache;

/// What keys are kept for. Whoever changes how a key is made, or what says which file it is, gives it
/// another number.
pub(crate) const KEYS: &str = "keys of messages 1";

/// A file with a message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Copy {
    pub(crate) key: Key,
    /// Its place among the folders.
    pub(crate) folder: usize,
    pub(crate) name: Box<[u8]>,
    /// Whether no mail program has seen it.
    pub(crate) is_new: bool,
}

/// A store at one instant.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) folders: Vec<Folder>,
    /// What letters mean, by folder.
    pub(crate) keywords: Vec<Keywords>,
    /// Copies of one message stand together.
    pub(crate) copies: Vec<Copy>,
    pub(crate) revision: Revision,
    /// Files that are no messages.
    pub(crate) losses: Vec<Loss>,
    /// Files that are there and could not be read: the folder and the name of each.
    pub(crate) unseen: Unseen,
    /// Messages of which a file that was known is not there: only they may be what could not be read. None if that
    /// is not known.
    pub(crate) suspects: Option<BTreeSet<Key>>,
}

/// What a message is marked with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    pub(crate) flags: BTreeSet<Box<str>>,
    pub(crate) keywords: BTreeSet<Box<str>>,
}

impl Marks {
    pub(crate) fn value(texts: &BTreeSet<Box<str>>) -> Option<Value> {
        (!texts.is_empty()).then(|| Value::list(texts.iter().cloned()))
    }
}

impl Listing {
    /// Lists the store below `root`.
    pub(crate) fn make(root: &Path, known: &mut Known) -> Result<Self, Error> {
        for _ in 0..ATTEMPTS {
            let folders = tree::folders(root)?;
            let revision = tree::revision(&folders)?;
            let (keywords, mut losses) = all_keywords(&folders);
            let names = names(&folders)?;
            if tree::revision(&tree::folders(root)?)? != revision {
                continue;
            }
            let mut unseen = Vec::new();
            let copies = identify(&folders, names, known, (&mut losses, &mut unseen));
            let Some(mut copies) = copies else { continue };
            let suspects = suspects(known, &copies, &unseen);
            copies.sort_unstable();
            return Ok(Self { folders, keywords, copies, revision, losses, unseen, suspects });
        }
        let detail = "mail programs change it faster than it can be read";
        Err(Error::new(ErrorKind::Stale, "read", root, detail))
    }

    /// The copies of each message.
    pub(crate) fn messages(&self) -> impl Iterator<Item = &[Copy]> {
        self.copies.chunk_by(|a, b| a.key == b.key)
    }

    /// Where the copies of one message stand.
    pub(crate) fn message(&self, key: Key) -> Range<usize> {
        let start = self.copies.partition_point(|copy| copy.key < key);
        start..self.copies.partition_point(|copy| copy.key <= key)
    }

    /// What all copies of a message together are marked with, or why that cannot be told.
    pub(crate) fn marks(&self, copies: &[Copy]) -> Result<Marks, String> {
        let mut marks = Marks::default();
        for copy in copies {
            let what = |what: String| format!("{what}: {}", self.shown(copy));
            let letters = format::letters(&copy.name)
                .ok_or_else(|| what("a file has marks of another kind".to_owned()))?;
            let keywords = &self.keywords[copy.folder];
            for letter in letters {
                if let Some(flag) = FLAGS.iter().find(|flag| flag.letter == *letter) {
                    marks.flags.insert(flag.name.into());
                } else if letter.is_ascii_lowercase() {
                    let name = keywords.name(*letter).ok_or_else(|| {
                        what(format!("nothing says which keyword is `{}`", char::from(*letter)))
                    })?;
                    if name == FORWARDED_KEYWORD {
                        marks.flags.insert(FORWARDED.into());
                    } else {
                        marks.keywords.insert(name.into());
                    }
                }
            }
        }
        Ok(marks)
    }

    /// Where a copy lies, as people find it.
    fn shown(&self, copy: &Copy) -> String {
        let folder = &self.folders[copy.folder];
        shown(folder, copy.is_new, &copy.name)
    }

    /// What some message may be marked with, and where it may lie, because its file could not be read.
    pub(crate) fn unseen(&self) -> BTreeSet<(&'static Field, Box<str>)> {
        let mut all = BTreeSet::new();
        for (folder, name) in &self.unseen {
            all.insert((&mail::FOLDERS, self.folders[*folder].name.as_str().into()));
            let keywords = &self.keywords[*folder];
            // Of marks of another kind nothing is known, so they may be any.
            let letters = format::letters(name);
            let has = |letter: u8| letters.is_none_or(|letters| letters.contains(&letter));
            let flags = FLAGS.iter().filter(|flag| has(flag.letter));
            all.extend(flags.map(|flag| (&mail::FLAGS, flag.name.into())));
            let letters = (b'a'..=b'z').filter(|letter| has(*letter));
            let names = letters.filter_map(|letter| keywords.name(letter));
            all.extend(names.map(|name| match name {
                FORWARDED_KEYWORD => (&mail::FLAGS, FORWARDED.into()),
                name => (&mail::KEYWORDS, name.into()),
            }));
        }
        all
    }

    /// Which folders have no letter left, in their order.
    pub(crate) fn full(&self) -> Vec<bool> {
        let mut in_use = vec![BTreeSet::new(); self.folders.len()];
        let copies = self.copies.iter().map(|copy| (copy.folder, &*copy.name));
        let unseen = self.unseen.iter().map(|(folder, name)| (*folder, &**name));
        for (folder, name) in copies.chain(unseen) {
            in_use[folder].extend(format::letters(name).unwrap_or_default());
        }
        let all = self.keywords.iter().zip(in_use);
        all.map(|(keywords, in_use)| keywords.is_full(&in_use)).collect()
    }

    /// Where the file of a copy lies.
    pub(crate) fn path(&self, copy: &Copy) -> PathBuf {
        path(&self.folders[copy.folder], copy.is_new, &copy.name)
    }

    /// The folders in which these lie. What was marked as deleted lies in none.
    pub(crate) fn places(&self, copies: &[Copy]) -> BTreeSet<Box<str>> {
        let lie = copies.iter().filter(|copy| place::lies(copy));
        lie.map(|copy| self.folders[copy.folder].name.as_str().into()).collect()
    }
}

/// Where a file of a folder lies.
pub(crate) fn path(folder: &Folder, is_new: bool, name: &[u8]) -> PathBuf {
    folder.path.join(if is_new { NEW } else { CUR }).join(OsStr::from_bytes(name))
}

/// Finds a file that may have been renamed; `None` if it is gone, or two have its name.
pub(crate) fn find(folder: &Folder, base: &[u8]) -> io::Result<Option<(bool, Box<[u8]>)>> {
    let mut found = None;
    for is_new in [false, true] {
        for name in files_of(folder, is_new)?.into_iter().filter(|name| format::base(name) == base)
        {
            if found.replace((is_new, name)).is_some() {
                return Ok(None);
            }
        }
    }
    Ok(found)
}

/// Opens a copy, under another name too if it was renamed meanwhile.
pub(crate) fn open(folder: &Folder, copy: &Copy) -> io::Result<BufReader<File>> {
    let open = |is_new, name: &[u8]| File::open(path(folder, is_new, name));
    let file = match open(copy.is_new, &copy.name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let (is_new, name) = find(folder, format::base(&copy.name))?.ok_or(error)?;
            open(is_new, &name)?
        }
        file => file?,
    };
    Ok(BufReader::with_capacity(1 << 15, file))
}

fn all_keywords(folders: &[Folder]) -> (Vec<Keywords>, Vec<Loss>) {
    let mut losses = Vec::new();
    let all = folders.iter().map(|folder| {
        Keywords::read(&folder.path).unwrap_or_else(|error| {
            let id = NativeId::new(
                folder.relative.join(crate::keywords::FILE).into_os_string().into_encoded_bytes(),
            );
            losses.push(Loss { id, what: format!("the keywords of a folder: {}", error.detail) });
            Keywords::default()
        })
    });
    (all.collect(), losses)
}

/// Files that could not be read, by folder and name.
type Unseen = Vec<(usize, Box<[u8]>)>;

/// Every file, of which nobody knows yet what message it is.
pub(crate) fn names(folders: &[Folder]) -> Result<Vec<Copy>, Error> {
    let mut names = Vec::new();
    for (index, folder) in folders.iter().enumerate() {
        for is_new in [true, false] {
            let files = files_of(folder, is_new)
                .map_err(|error| Error::io("read", &folder.path, &error))?;
            let copy = |name| Copy { key: Key([0; 16]), folder: index, name, is_new };
            names.extend(files.into_iter().map(copy));
            if names.len() > COPIES_MAX {
                let detail = format!("more than {COPIES_MAX} messages");
                return Err(Error::new(ErrorKind::TooLarge, "read", &folder.path, detail));
            }
        }
    }
    Ok(names)
}

/// The names of files that are messages. A folder without `new` has no new ones.
fn files_of(folder: &Folder, is_new: bool) -> io::Result<Vec<Box<[u8]>>> {
    let entries = match fs::read_dir(folder.path.join(if is_new { NEW } else { CUR })) {
        Err(error) if is_new && error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        if !name.as_bytes().starts_with(b".") && !entry.file_type()?.is_dir() {
            names.push(name.as_bytes().into());
        }
    }
    Ok(names)
}

/// Says which message each file is; `None` if one went away meanwhile. There are a million, so each finds its key in
/// its place, and nothing is copied.
fn identify(
    folders: &[Folder],
    mut copies: Vec<Copy>,
    known: &mut Known,
    (losses, unseen): (&mut Vec<Loss>, &mut Unseen),
) -> Option<Vec<Copy>> {
    copies.sort_unstable_by(|a, b| stays(a).cmp(&stays(b)));
    for files in copies.chunk_by_mut(|a, b| stays(a) == stays(b)) {
        let is_alone = files.len() == 1;
        for copy in files {
            let folder = &folders[copy.folder];
            let path = path(folder, copy.is_new, &copy.name);
            let key = if is_alone {
                key(&path, &copy.name, known).map_err(|error| error.detail)
            } else {
                Err("two files have its name".to_owned())
            };
            match key {
                Ok(key) => copy.key = key,
                // A link that leads nowhere is there all the same.
                Err(_) if path.symlink_metadata().is_err() => return None,
                Err(why) => {
                    losses.push(unreadable(folder, copy.is_new, &copy.name, &why));
                    unseen.push((copy.folder, std::mem::take(&mut copy.name)));
                }
            }
        }
    }
    // What could not be read has given its name away.
    copies.retain(|copy| !copy.name.is_empty());
    Some(copies)
}

/// What of a file stays the same in its store.
fn stays(copy: &Copy) -> (usize, &[u8]) {
    (copy.folder, format::base(&copy.name))
}

fn unreadable(folder: &Folder, is_new: bool, name: &[u8], why: &str) -> Loss {
    let id = NativeId::from(shown(folder, is_new, name));
    Loss { id, what: format!("a message that cannot be read: {why}") }
}

/// The path of a file below its store.
fn shown(folder: &Folder, is_new: bool, name: &[u8]) -> String {
    let part = if is_new { NEW } else { CUR };
    let below = folder.relative.strip_prefix(".").unwrap_or(&folder.relative);
    below.join(part).join(OsStr::from_bytes(name)).display().to_string()
}

/// Which messages an unreadable file may be; see [`Listing::suspects`]. What is known of files is kept.
fn suspects(known: &mut Known, copies: &[Copy], unseen: &Unseen) -> Option<BTreeSet<Key>> {
    if unseen.is_empty() {
        known.note_whole();
        known.keep();
        return None;
    }
    let suspects = known.is_whole().then(|| {
        // One name of a file may be there, and another file in the place of the other.
        let names: HashSet<&[u8]> = unseen.iter().map(|(_, name)| format::base(name)).collect();
        let namesakes = copies.iter().filter(|copy| names.contains(format::base(&copy.name)));
        known.missed().map(Key).chain(namesakes.map(|copy| copy.key)).collect()
    });
    known.keep_all();
    suspects
}

/// What says which file it is, wherever in its store it lies: where a message moves, its file does.
fn file_id(name: &[u8], file: &Metadata) -> [u8; 16] {
    let mut hasher = Sha256::new();
    for number in [file.ino(), file.len(), file.mtime() as u64, file.mtime_nsec() as u64] {
        hasher.update(number.to_le_bytes());
    }
    hasher.update(format::base(name));
    let mut id = [0; 16];
    id.copy_from_slice(&hasher.finalize()[..16]);
    id
}

/// The key of a file, which is read if it is not known.
fn key(path: &Path, name: &[u8], known: &mut Known) -> Result<Key, Error> {
    let fail = |error: &io::Error| Error::io("read", path, error);
    let file = fs::metadata(path).map_err(|error| fail(&error))?;
    if let Some(key) = known.value(&file_id(name, &file)) {
        return Ok(Key(key));
    }
    let file = file::open_bounded(path, MESSAGE_BYTES_MAX)?;
    // It may be another by now.
    let opened = file.metadata().map_err(|error| fail(&error))?;
    if let Some(said) = format::size(name).filter(|said| *said != opened.len()) {
        let length = opened.len();
        let detail = format!(
            "it has {length} bytes and its name says S={said}; if it is whole, say S={length} there"
        );
        return Err(Error::new(ErrorKind::Corrupt, "read", path, detail));
    }
    let key = message::key(&mut BufReader::with_capacity(1 << 16, file));
    let key = key.map_err(|error| fail(&error))?;
    known.learn(file_id(name, &opened), key.0);
    Ok(key)
}
