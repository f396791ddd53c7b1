//! Where a folder that is not there yet would lie, and how it is made: as those that are there.
//!
//! A folder that exists is never looked for by what its name would be; new ones lie below their parent
//! as that is called on disk.
//!
//! Invariant: what is made is read as the path that was asked for, and lies in the store. A path that
//! cannot be told in this store is refused.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use segue_mail::{column, utf7};
use segue_translator::model::{Value, mail};
use segue_translator::{Error, ErrorKind};

use crate::listing::Listing;
use crate::tree::{self, CUR, DEPTH_MAX, Folder, NEW, TMP};

/// Most file systems take no longer name.
const NAME_BYTES_MAX: usize = 255;
/// The empty file that says so of a folder in Maildir++.
const IS_FOLDER: &str = "maildirfolder";

/// Those of a list of folders that could have a name in some store.
pub fn held(value: &Value) -> Option<Value> {
    column::list(value.as_list()?.iter().filter(|path| names(path).is_some()).cloned())
}

/// The names on the way to a folder, if no store would take them for others.
fn names(path: &str) -> Option<Vec<String>> {
    let names = mail::names(path).filter(|names| names.len() <= DEPTH_MAX);
    names.filter(|names| names.iter().all(|name| !name.is_empty()))
}

/// How a store keeps its folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// All beside the first one, as Maildir++ has them, and not one in another.
    is_flat: bool,
    /// Named in modified UTF-7, and not in UTF-8.
    is_utf7: bool,
    /// Dots in names are escaped, as Dovecot's listescape plugin does.
    escapes: bool,
}

impl Layout {
    /// How these are kept.
    pub(crate) fn of(root: &Path, folders: &[Folder]) -> Self {
        let names = || folders.iter().map(|folder| folder.relative.as_os_str().as_bytes());
        let is_below = |name: &[u8]| name.len() > 1 && name.starts_with(b".");
        let has_inbox = names().any(|name| name == b".");
        let is_nested = names().any(|name| !name.starts_with(b"."));
        let is_served = |folder: &Folder| folder.path.join("dovecot-uidlist").exists();
        let is_shifted = |name: &[u8]| {
            let text = String::from_utf8_lossy(name);
            utf7::decode(&text).is_some_and(|decoded| decoded != text)
        };
        Self {
            is_flat: names().any(is_below) || (has_inbox && !is_nested),
            is_utf7: names().all(<[u8]>::is_ascii)
                && (names().any(is_shifted)
                    || folders.iter().any(is_served)
                    || root.join("subscriptions").exists()),
            escapes: names().any(|name| name.windows(3).any(|part| part == b"\\2e")),
        }
    }

    /// Where a folder of this path would lie below the store, or why there can be none.
    pub(crate) fn relative(self, path: &str, folders: &[Folder]) -> Result<PathBuf, String> {
        if is_taken(path) {
            return Err(format!("a folder `{path}` would be taken for one with a role here"));
        }
        let Some(names) = names(path) else {
            return Err(format!("`{path:.200}` is no name of a folder"));
        };
        let (parent, rest) = parent(&names, folders);
        let spelled = rest.iter().map(|name| self.spelled(name));
        let relative = if self.is_flat {
            let parent = parent.map_or(OsStr::new(""), Path::as_os_str).as_bytes();
            let names: Vec<String> = spelled.map(|name| format!(".{name}")).collect();
            PathBuf::from(OsStr::from_bytes(&[parent, names.concat().as_bytes()].concat()))
        } else {
            spelled.fold(parent.unwrap_or(Path::new("")).to_owned(), |path, name| path.join(name))
        };
        if relative.iter().any(|name| !self.is_name(name)) || tree::name(&relative) != path {
            return Err(format!("`{path:.200}` cannot be told as the name of a folder here"));
        }
        Ok(relative)
    }

    /// Whether a folder can have this name on disk.
    fn is_name(self, name: &OsStr) -> bool {
        let parts = [CUR, NEW, TMP, ".", ".."].map(OsStr::new);
        name.len() <= NAME_BYTES_MAX
            && !name.as_bytes().contains(&0)
            && !parts.contains(&name)
            && (self.is_flat || !name.as_bytes().starts_with(b"."))
    }

    fn spelled(self, name: &str) -> String {
        let name = if self.escapes && self.is_flat {
            name.replace('\\', "\\5c").replace('.', "\\2e").replace('/', "\\2f")
        } else {
            name.to_owned()
        };
        if self.is_utf7 { utf7::encode(&name) } else { name }
    }
}

/// Whether a folder of this name would be read as another, because of a role.
fn is_taken(path: &str) -> bool {
    mail::ROLES.iter().any(|role| role.others.contains(&path))
}

/// The folder that exists on the way to a path, and what of the path is beyond it.
fn parent<'n, 'f>(names: &'n [String], folders: &'f [Folder]) -> (Option<&'f Path>, &'n [String]) {
    for length in (1..names.len()).rev() {
        let (above, rest) = names.split_at(length);
        let path = mail::path(above.iter().map(String::as_str));
        let is_it = |folder: &&Folder| tree::name(&folder.relative) == path;
        let mut below = folders.iter().filter(|folder| folder.relative != Path::new("."));
        if let Some(folder) = below.find(is_it) {
            return (Some(&folder.relative), rest);
        }
    }
    (None, names)
}

/// Makes an empty folder of mail; one that is there already is left as it is.
pub(crate) fn make(root: &Path, relative: &Path) -> Result<(), Error> {
    let fail = |path: &Path, error: &io::Error| Error::io("make", path, error);
    // Who may look into the store may look into its folders.
    let mode =
        fs::metadata(root).map_err(|error| fail(root, &error))?.permissions().mode() & 0o7777;
    let mut path = root.to_owned();
    let mut made = Vec::new();
    for name in relative {
        let above = path.clone();
        path.push(name);
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => made.push(path.clone()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let is_folder = path.symlink_metadata().is_ok_and(|meta| meta.is_dir());
                if !is_folder {
                    let detail = "something that is no folder has this name";
                    return Err(Error::new(ErrorKind::Unsupported, "make", &path, detail));
                }
            }
            Err(error) => return Err(fail(&path, &error)),
        }
        crate::write::sync_folder(&above)?;
    }
    if relative.as_os_str().as_bytes().starts_with(b".") {
        let mark = path.join(IS_FOLDER);
        let made = fs::OpenOptions::new().write(true).create(true).truncate(false).open(&mark);
        made.map_err(|error| fail(&mark, &error))?;
    }
    // A folder without `cur` that has the others lost it: that comes first, and goes last.
    for part in [CUR, NEW, TMP] {
        let part = path.join(part);
        match DirBuilder::new().mode(0o700).create(&part) {
            Ok(()) => made.push(part),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(fail(&part, &error)),
        }
    }
    for path in made {
        let set = fs::set_permissions(&path, Permissions::from_mode(mode));
        set.map_err(|error| fail(&path, &error))?;
    }
    crate::write::sync_folder(&path)
}

/// Takes folders away again that are not in `kept` and hold nothing. One that holds anything, or cannot be
/// taken away, stays.
pub(crate) fn take_away(listing: &Listing, kept: impl Fn(&Path) -> bool) {
    for (index, folder) in listing.folders.iter().enumerate() {
        let is_empty = listing.copies.iter().all(|copy| copy.folder != index);
        if kept(&folder.relative) || !is_empty || !is_as_made(&folder.path) {
            continue;
        }
        let parts = [TMP, NEW, CUR].map(|part| folder.path.join(part));
        // What came meanwhile makes one of these fail, and then it is a folder again.
        if parts.iter().all(|part| fs::remove_dir(part).is_ok()) {
            let _ = fs::remove_file(folder.path.join(IS_FOLDER));
            let _ = fs::remove_dir(&folder.path);
        } else {
            for part in parts {
                let _ = DirBuilder::new().mode(0o700).create(part);
            }
        }
    }
}

/// Whether a folder has what [`make`] makes, and nothing else.
fn is_as_made(folder: &Path) -> bool {
    let known = [CUR, NEW, TMP, IS_FOLDER].map(OsStr::new);
    let entries = fs::read_dir(folder);
    entries.is_ok_and(|mut all| {
        all.all(|entry| entry.is_ok_and(|entry| known.contains(&&*entry.file_name())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(relatives: &[&str]) -> Vec<Folder> {
        let folder = |relative: &&str| Folder {
            relative: PathBuf::from(relative),
            path: Path::new("/nowhere").join(relative),
            name: tree::name(Path::new(relative)),
        };
        relatives.iter().map(folder).collect()
    }

    /// Where a folder of this path would lie, among these.
    fn relative(relatives: &[&str], path: &str) -> Result<String, String> {
        let folders = folders(relatives);
        let layout = Layout::of(Path::new("/nowhere"), &folders);
        layout.relative(path, &folders).map(|path| path.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_new_folder_lies_and_is_spelled_as_the_others() {
        for (others, path, expected) in [
            (&["."][..], "Archive/2024", ".Archive.2024"),
            (&[".", ".Entw&APw-rfe"], "Größe", ".Gr&APYA3w-e"),
            (&[".", ".Größe"], "Entwürfe/ü", ".Entwürfe.ü"),
            (&["INBOX", "Archive"], "Archive/2024", "Archive/2024"),
            (&[".", "R&-D"], "R&D/ü", "R&-D/&APw-"),
            (&[".", ".A\\2eB"], "A.B/C.D", ".A\\2eB.C\\2eD"),
            (&[".", ".A\\2eB"], "AC%2FDC", ".AC\\2fDC"),
            (&["Sent"], "100%25", "100%"),
        ] {
            let relative = relative(others, path);
            if path == "Entwürfe/ü" {
                assert_eq!(relative.unwrap(), expected);
            } else {
                assert_eq!(relative.as_deref(), Ok(expected), "{path}");
            }
        }
    }

    #[test]
    fn a_parent_keeps_the_name_that_it_has() {
        assert_eq!(relative(&[".", "R&D", "Größe"], "R&D/x").unwrap(), "R&D/x");
        assert_eq!(relative(&[".", ".Sent Items"], "Sent Items/x").unwrap(), ".Sent Items.x");
    }

    #[test]
    fn f13_a_path_that_leads_elsewhere_or_cannot_be_told_is_refused() {
        for path in [
            "..",
            "../x",
            "a/../../x",
            ".hidden",
            "",
            "/",
            "/etc",
            "a//b",
            "a\0b",
            "a\nb",
            "a/.b",
            "Sent Items",
            "Lists.notmuch",
            "AC%2FDC",
        ] {
            assert!(relative(&["."], path).is_err(), "{path:?}");
        }
        for path in ["AC%2FDC", "cur", "a/new", "a/%2E%2E", "%2E.", "a/%2Eb"] {
            assert!(relative(&["INBOX"], path).is_err(), "{path}");
        }
        assert_eq!(relative(&["INBOX"], "Lists.notmuch").unwrap(), "Lists.notmuch");
        assert!(relative(&["INBOX"], &"a/".repeat(40)).is_err());
        assert!(relative(&["INBOX"], &"a".repeat(300)).is_err());
    }

    #[test]
    fn what_is_made_is_found_and_what_is_there_stays() {
        let store = tempfile::tempdir().unwrap();
        let root = store.path();
        for (relative, path) in [(".Archive.2024", "Archive/2024"), ("Lists/a", "Lists/a")] {
            make(root, Path::new(relative)).unwrap();
            make(root, Path::new(relative)).unwrap();
            let found = tree::folders(root).unwrap();
            assert!(found.iter().any(|folder| folder.name == path), "{found:?}");
        }
        assert!(root.join(".Archive.2024/maildirfolder").exists());
        std::os::unix::fs::symlink("/tmp", root.join("link")).unwrap();
        assert!(make(root, Path::new("link/x")).is_err());
    }
}
