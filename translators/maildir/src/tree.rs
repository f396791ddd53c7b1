//! Which folders of mail a store has, in each of the layouts in use.
//!
//! Maildir++ keeps all folders beside the inbox, as `.Archive.2024`; others nest them, as
//! `Archive/2024`. Names are modified UTF-7 where they can be, else UTF-8. Links to folders are not
//! followed.
//!
//! Invariant: a folder that cannot be looked into is an error, never a store with less mail. So is a
//! store without any folder.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use segue_mail::utf7;
use segue_translator::model::mail;
use segue_translator::{Error, ErrorKind, Revision, file};
use sha2::{Digest as _, Sha256};

use crate::keywords;

pub(crate) const DEPTH_MAX: usize = 32;
/// So many files and folders are walked past at most, those with messages aside.
const WALKED_MAX: usize = 200_000;

/// The folders of a folder of mail in which its messages lie.
pub(crate) const NEW: &str = "new";
/// Those that a mail program has seen.
pub(crate) const CUR: &str = "cur";
/// Those that are being written.
pub(crate) const TMP: &str = "tmp";
/// The path of the first folder.
const INBOX: &str = "INBOX";

/// One folder of mail.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Folder {
    /// The path below the store, as it is on disk; `.` for the store itself.
    pub(crate) relative: PathBuf,
    pub(crate) path: PathBuf,
    /// Its path in the document.
    pub(crate) name: String,
}

/// All folders of mail in a store, sorted by their paths on disk.
pub(crate) fn folders(root: &Path) -> Result<Vec<Folder>, Error> {
    let mut walk = Walk { root, walked: 0, found: Vec::new() };
    walk.visit(root, Path::new(""))?;
    if walk.found.is_empty() {
        let detail =
            "there is no Maildir here: neither the folder nor one in it has a folder `cur`";
        return Err(Error::new(ErrorKind::Absent, "read", root, detail));
    }
    walk.found.sort_unstable();
    give_roles(&mut walk.found);
    Ok(walk.found)
}

/// Calls folders that have a role as the document does.
fn give_roles(folders: &mut [Folder]) {
    let paths: Vec<&str> = folders.iter().map(|folder| &*folder.name).collect();
    let roles: Vec<_> = mail::roles(&paths).collect();
    for (index, role) in roles {
        role.path.clone_into(&mut folders[index].name);
    }
}

/// The path of a folder as a person knows it, roles aside, from where it lies below the store.
pub(crate) fn name(relative: &Path) -> String {
    let parts: Vec<&[u8]> = relative.iter().map(OsStrExt::as_bytes).collect();
    let names: Vec<String> = match parts[..] {
        [] | [b"."] => return INBOX.to_owned(),
        [flat] if flat.starts_with(b".") => {
            flat[1..].split(|byte| *byte == b'.').map(|part| unescaped(&text(part))).collect()
        }
        _ => parts.into_iter().map(text).collect(),
    };
    mail::path(names.iter().map(String::as_str))
}

/// The state of a store's folders, from their times alone.
pub(crate) fn revision(folders: &[Folder]) -> Result<Revision, Error> {
    let mut hasher = Sha256::new();
    for folder in folders {
        hasher.update(folder.relative.as_os_str().as_bytes());
        hasher.update(b"\0");
        for part in [CUR, NEW, keywords::FILE] {
            hasher.update(file::stamp(&folder.path.join(part))?.0);
            hasher.update(b"\0");
        }
    }
    let digits = data_encoding::HEXLOWER.encode(&hasher.finalize()[..16]);
    Ok(Revision(format!("{}:{digits}", folders.len())))
}

struct Walk<'a> {
    root: &'a Path,
    walked: usize,
    found: Vec<Folder>,
}

impl Walk<'_> {
    /// Looks into what lies at `relative` below the store.
    fn visit(&mut self, folder: &Path, relative: &Path) -> Result<(), Error> {
        let too_large = |what: String| Error::new(ErrorKind::TooLarge, "read", folder, what);
        if relative.iter().count() > DEPTH_MAX {
            return Err(too_large(format!("folders lie more than {DEPTH_MAX} deep")));
        }
        let fail = |error| Error::io("read", folder, &error);
        let mut below = Vec::new();
        for entry in fs::read_dir(folder).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            self.walked += 1;
            if self.walked > WALKED_MAX {
                return Err(too_large(format!("more than {WALKED_MAX} files and folders")));
            }
            if entry.file_type().map_err(fail)?.is_dir() {
                below.push(entry.file_name());
            }
        }
        is_whole(folder)?;
        let is_root = relative.as_os_str().is_empty();
        for name in below {
            let (path, inner) = (folder.join(&name), relative.join(&name));
            match name.as_bytes() {
                name if name == CUR.as_bytes() => self.found(relative)?,
                name if name == NEW.as_bytes() || name == TMP.as_bytes() => {}
                [b'.', ..] if is_root && path.join(CUR).is_dir() => self.found(&inner)?,
                [b'.', ..] if is_root => is_whole(&path)?,
                [b'.', ..] => {}
                _ => self.visit(&path, &inner)?,
            }
        }
        Ok(())
    }

    fn found(&mut self, relative: &Path) -> Result<(), Error> {
        let is_root = relative.as_os_str().is_empty();
        let path = if is_root { self.root.to_owned() } else { self.root.join(relative) };
        let relative = if is_root { Path::new(".") } else { relative }.to_owned();
        let name = name(&relative);
        if name.split('/').count() > DEPTH_MAX {
            let detail = format!("a folder lies more than {DEPTH_MAX} deep");
            return Err(Error::new(ErrorKind::TooLarge, "read", path, detail));
        }
        self.found.push(Folder { relative, path, name });
        Ok(())
    }
}

/// Fails for a folder that has what one of mail has, but for the part in which its messages lie: they were not removed.
fn is_whole(folder: &Path) -> Result<(), Error> {
    let has = |part: &str| folder.join(part).is_dir();
    if has(NEW) && has(TMP) && !has(CUR) {
        let detail =
            "a folder of mail without its `cur`: its messages lie elsewhere, or its disk is away";
        return Err(Error::new(ErrorKind::Absent, "read", folder, detail));
    }
    Ok(())
}

fn text(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    utf7::decode(&text).unwrap_or_else(|| text.into_owned())
}

/// Dovecot's listescape plugin writes `\2e` for a dot, which would begin another folder.
fn unescaped(name: &str) -> String {
    name.replace("\\2e", ".").replace("\\2f", "/").replace("\\5c", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(root: &Path) -> Vec<String> {
        folders(root).unwrap().into_iter().map(|folder| folder.name).collect()
    }

    #[test]
    fn folders_are_found_in_both_layouts_and_in_either_spelling() {
        let root = tempfile::tempdir().unwrap();
        let make = |path: &str| fs::create_dir_all(root.path().join(path).join(CUR)).unwrap();
        for path in [
            "",
            ".Archive.2024",
            ".Lists\\2enotmuch",
            ".Entw&APw-rfe.alt",
            "Nested/R&D",
            "Nested/R&-D",
            "仕事",
        ] {
            make(path);
        }
        fs::create_dir_all(root.path().join(".notmuch/xapian")).unwrap();
        let mut found = names(root.path());
        found.sort();
        let expected = [
            "Archive/2024",
            "Entwürfe/alt",
            "INBOX",
            "Lists.notmuch",
            "Nested/R&D",
            "Nested/R&D",
            "仕事",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn f01_a_folder_that_lost_its_messages_is_an_error_and_no_folder_less() {
        for folder in [".Archive", "Archive/2024", "."] {
            let root = tempfile::tempdir().unwrap();
            for part in [".Archive/cur", "Archive/2024/cur", "cur"] {
                for other in [CUR, NEW, TMP] {
                    let path = root.path().join(part).with_file_name(other);
                    fs::create_dir_all(path).unwrap();
                }
            }
            assert_eq!(names(root.path()).len(), 3);
            fs::remove_dir(root.path().join(folder).join(CUR)).unwrap();
            assert_eq!(folders(root.path()).unwrap_err().kind, ErrorKind::Absent, "{folder}");
        }
    }

    #[test]
    fn a_special_folder_has_one_path_whatever_it_is_called() {
        let root = tempfile::tempdir().unwrap();
        let make = |path: &str| fs::create_dir_all(root.path().join(path).join(CUR)).unwrap();
        make("Sent Items");
        make("Sent Items/2024");
        make("Entw&APw-rfe");
        let mut found = names(root.path());
        found.sort();
        assert_eq!(found, ["Drafts", "Sent", "Sent Items/2024"]);
        make("Drafts");
        assert!(names(root.path()).contains(&"Entwürfe".to_owned()), "the role is taken");
    }

    #[test]
    fn a_folder_that_cannot_be_walked_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        let deep = "d/".repeat(DEPTH_MAX + 1);
        fs::create_dir_all(root.path().join(deep)).unwrap();
        assert_eq!(folders(root.path()).unwrap_err().kind, ErrorKind::TooLarge);
        assert_eq!(folders(&root.path().join("none")).unwrap_err().kind, ErrorKind::Absent);
    }

    #[test]
    fn f13_a_slash_in_a_name_begins_no_folder() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join(".AC\\2fDC.100%").join(CUR)).unwrap();
        assert_eq!(names(root.path()), ["AC%2FDC/100%25"]);
    }
}
