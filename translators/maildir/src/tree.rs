//! Which folders of mail a store has, in each of the layouts in use.
//!
//! Maildir++ keeps all folders beside the inbox, as `.Archive.2024`; others nest them, as
//! `Archive/2024`. Names are modified UTF-7 where they can be, else UTF-8. Links to folders are not
//! followed.
//!
//! Invariant: a folder that cannot be looked into is an error, never a store with less mail. So is a
//! store without any folder.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use segue_mail::utf7;
use segue_translator::model::mail;
use segue_translator::{Error, ErrorKind, Revision, file};
use sha2::{Digest as _, Sha256};

use crate::keywords;

const DEPTH_MAX: usize = 32;
/// So many files and folders are walked past at most, those with messages aside.
const WALKED_MAX: usize = 200_000;

/// The folders of a folder of mail in which its messages lie.
pub(crate) const NEW: &str = "new";
/// Those that a mail program has seen.
pub(crate) const CUR: &str = "cur";

/// One folder of mail.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Folder {
    /// The path below the store, as it is on disk; `.` for the store itself.
    pub(crate) relative: PathBuf,
    pub(crate) path: PathBuf,
    /// As a person knows it.
    pub(crate) name: String,
}

/// All folders of mail in a store, sorted by their paths on disk.
pub(crate) fn folders(root: &Path) -> Result<Vec<Folder>, Error> {
    let mut walk = Walk { root, walked: 0, found: Vec::new() };
    walk.visit(root, &mut Vec::new())?;
    if walk.found.is_empty() {
        let detail =
            "there is no Maildir here: neither the folder nor one in it has a folder `cur`";
        return Err(Error::new(ErrorKind::Absent, "read", root, detail));
    }
    walk.found.sort_unstable();
    Ok(walk.found)
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
    fn visit(&mut self, folder: &Path, components: &mut Vec<String>) -> Result<(), Error> {
        let too_large = |what: String| Error::new(ErrorKind::TooLarge, "read", folder, what);
        if components.len() > DEPTH_MAX {
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
        let is_root = components.is_empty();
        for name in below {
            let bytes = name.as_bytes();
            match bytes.strip_prefix(b".") {
                _ if bytes == CUR.as_bytes() => self.found(folder, components),
                _ if bytes == NEW.as_bytes() || bytes == b"tmp" => {}
                Some(flat) if is_root && folder.join(&name).join(CUR).is_dir() => {
                    let parts = flat.split(|byte| *byte == b'.');
                    let parts: Vec<String> = parts.map(|part| unescaped(&text(part))).collect();
                    self.found(&folder.join(&name), &parts);
                }
                Some(_) => {}
                None => {
                    components.push(text(bytes));
                    self.visit(&folder.join(&name), components)?;
                    components.pop();
                }
            }
        }
        Ok(())
    }

    fn found(&mut self, path: &Path, components: &[String]) {
        let relative = path.strip_prefix(self.root).unwrap_or(path);
        let is_root = relative.as_os_str().is_empty();
        let relative = if is_root { Path::new(OsStr::new(".")) } else { relative };
        let name = match components {
            [] => "INBOX".to_owned(),
            components => mail::path(components.iter().map(String::as_str)),
        };
        self.found.push(Folder { relative: relative.to_owned(), path: path.to_owned(), name });
    }
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
            ".Entw&APw-rfe",
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
            "Entwürfe",
            "INBOX",
            "Lists.notmuch",
            "Nested/R&D",
            "Nested/R&D",
            "仕事",
        ];
        assert_eq!(found, expected);
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
