//! Which mailboxes a store has, and what a person calls them.
//!
//! A store is one mailbox, which is the inbox, or a folder of them as Dovecot's mbox layout and `~/mail`
//! are: each file is a mailbox, and folders nest. Names are modified UTF-7 where they can be, else UTF-8.
//! Dotfiles, locks, and folders of mail of another kind are passed by; links to folders are not followed.
//!
//! Invariant: what cannot be looked at is an error, never a store with less mail. So is a store
//! without any mailbox.

use std::collections::HashSet;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use segue_mail::utf7;
use segue_translator::model::{NativeId, mail};
use segue_translator::{Error, ErrorKind, Loss, Revision, file};
use sha2::{Digest as _, Sha256};
use walkdir::{DirEntry, WalkDir};

use crate::journal::Journal;

pub(crate) const DEPTH_MAX: usize = 32;
/// So many files and folders are walked past at most.
const WALKED_MAX: usize = 200_000;
pub(crate) const INBOX: &str = "INBOX";
/// How Thunderbird and others call the folder of what lies below a mailbox.
pub(crate) const BELOW: &str = ".sbd";
/// Files of mail programs that are no mailboxes, by the ends of their names.
const BESIDE: [&str; 7] =
    [".lock", ".cmeta", ".ev-summary", ".ev-summary-meta", ".ibex.index", ".ibex.index.data", "~"];
/// Where a server keeps which folders a person wants to see.
pub(crate) const SUBSCRIPTIONS: &str = "subscriptions";
/// The end of the names of files that Thunderbird has beside its mailboxes.
const FOREIGN: &str = ".msf";
/// Mailboxes that are packed, and not read.
const PACKED: [&str; 5] = [".gz", ".bz2", ".xz", ".zst", ".zip"];

/// One mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mailbox {
    /// The path below the store, as it is on disk; the name of the file, if that is the store.
    pub(crate) relative: PathBuf,
    pub(crate) path: PathBuf,
    /// As a person knows it.
    pub(crate) name: String,
}

impl Mailbox {
    pub(crate) fn id(&self) -> NativeId {
        NativeId::new(self.relative.as_os_str().as_bytes())
    }
}

/// All mailboxes of a store, sorted by their paths on disk, and what else was found.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) mailboxes: Vec<Mailbox>,
    pub(crate) losses: Vec<Loss>,
}

/// Looks for the mailboxes of a store.
pub(crate) fn walk(root: &Path) -> Result<Tree, Error> {
    let meta = fs::metadata(root).map_err(|error| Error::io("read", root, &error))?;
    if !meta.is_dir() {
        let relative = root.file_name().unwrap_or_default().into();
        let one = Mailbox { relative, path: root.to_owned(), name: INBOX.to_owned() };
        return Ok(Tree { mailboxes: vec![one], losses: Vec::new() });
    }
    let mut walk =
        Walk { tree: Tree { mailboxes: Vec::new(), losses: Vec::new() }, seen: HashSet::new() };
    let entries = WalkDir::new(root).min_depth(1).sort_by_file_name().into_iter();
    for (walked, entry) in entries.filter_entry(is_looked_at).enumerate() {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(root).to_owned();
            Error::io("read", path, &error.into())
        })?;
        let too_large = |what| Err(Error::new(ErrorKind::TooLarge, "read", entry.path(), what));
        if walked > WALKED_MAX {
            return too_large(format!("more than {WALKED_MAX} files and folders"));
        }
        if entry.depth() > DEPTH_MAX {
            return too_large(format!("folders lie more than {DEPTH_MAX} deep"));
        }
        if !entry.file_type().is_dir() {
            walk.file(root, entry.path())?;
        }
    }
    let mut tree = walk.tree;
    if tree.mailboxes.is_empty() {
        let detail = "there is no mailbox here";
        return Err(Error::new(ErrorKind::Absent, "read", root, detail));
    }
    tree.mailboxes.sort_unstable_by(|a, b| a.relative.cmp(&b.relative));
    let names: Vec<String> = tree.mailboxes.iter().map(|one| one.name.clone()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for (index, role) in mail::roles(&names) {
        role.path.clone_into(&mut tree.mailboxes[index].name);
    }
    Ok(tree)
}

/// Whether an entry of a folder is mail of this kind, by its name and what lies in it.
fn is_looked_at(entry: &DirEntry) -> bool {
    let name = entry.file_name().as_bytes();
    let is_other_mail = |entry: &DirEntry| {
        let marks = ["cur", ".mh_sequences", ".xmhcache", ".claws_mark"];
        marks.iter().any(|mark| entry.path().join(mark).symlink_metadata().is_ok())
    };
    if entry.file_type().is_dir() {
        !name.starts_with(b".") && !is_other_mail(entry)
    } else {
        !is_passed_by(name)
    }
}

/// Whether a file of this name is none of the mailboxes, whatever is in it.
fn is_passed_by(name: &[u8]) -> bool {
    let is_beside = BESIDE.iter().any(|end| name.ends_with(end.as_bytes()));
    name.starts_with(b".") || is_beside || name == SUBSCRIPTIONS.as_bytes()
}

/// Whether a file of this name would be read as a mailbox.
pub(crate) fn is_read(name: &[u8]) -> bool {
    let is_other = PACKED.iter().chain([&FOREIGN]).any(|end| name.ends_with(end.as_bytes()));
    !is_passed_by(name) && !is_other
}

struct Walk {
    tree: Tree,
    /// Files that were found under another name.
    seen: HashSet<(u64, u64)>,
}

impl Walk {
    fn file(&mut self, root: &Path, path: &Path) -> Result<(), Error> {
        let meta = fs::metadata(path).map_err(|error| Error::io("read", path, &error))?;
        if meta.is_dir() {
            return Ok(());
        }
        let relative = path.strip_prefix(root).unwrap_or(path).to_owned();
        let name = relative.as_os_str().as_bytes();
        if name.ends_with(FOREIGN.as_bytes()) {
            let detail =
                "Thunderbird keeps these mailboxes, and what it knows of messages elsewhere";
            return Err(Error::new(ErrorKind::Unsupported, "read", path, detail));
        }
        let lost = if PACKED.iter().any(|end| name.ends_with(end.as_bytes())) {
            Some("a packed file, which is not read")
        } else if !self.seen.insert((meta.dev(), meta.ino())) {
            Some("the same file as another mailbox, which is read once")
        } else {
            None
        };
        if let Some(what) = lost {
            let id = NativeId::new(name);
            self.tree.losses.push(Loss { id, what: what.to_owned() });
            return Ok(());
        }
        let name = name_of(&relative);
        self.tree.mailboxes.push(Mailbox { relative, path: path.to_owned(), name });
        Ok(())
    }
}

/// The path of a mailbox as a person knows it, roles aside, from where it lies below the store.
pub(crate) fn name_of(relative: &Path) -> String {
    let mut parts: Vec<String> = relative.iter().map(|part| text(part.as_bytes())).collect();
    if matches!(&parts[..], [one] if one.eq_ignore_ascii_case(INBOX)) {
        return INBOX.to_owned();
    }
    if let Some((_, above)) = parts.split_last_mut() {
        for part in above {
            let name = part.strip_suffix(BELOW).unwrap_or(part).len();
            part.truncate(name);
        }
    }
    mail::path(parts.iter().map(String::as_str))
}

fn text(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    utf7::decode(&text).unwrap_or_else(|| text.into_owned())
}

/// The state of a mailbox, without reading it.
pub(crate) fn stamp(mailbox: &Path) -> Result<String, Error> {
    let real = fs::canonicalize(mailbox).unwrap_or_else(|_| mailbox.to_owned());
    let (file, journal) = (file::stamp(mailbox)?, file::stamp(&Journal::path(&real))?);
    Ok(format!("{} {}", file.0, journal.0))
}

/// The state of a store whose mailboxes have these.
pub(crate) fn revision(mailboxes: &[Mailbox], stamps: &[String]) -> Revision {
    let mut hasher = Sha256::new();
    for (mailbox, stamp) in mailboxes.iter().zip(stamps) {
        hasher.update(mailbox.relative.as_os_str().as_bytes());
        hasher.update([b"\0", stamp.as_bytes(), b"\0"].concat());
    }
    let digits = data_encoding::HEXLOWER.encode(&hasher.finalize()[..16]);
    Revision(format!("{}:{digits}", mailboxes.len()))
}
