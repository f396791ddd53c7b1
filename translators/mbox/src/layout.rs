//! Where a mailbox that is not there yet would lie, and how it is made: as those that are there.
//!
//! A mailbox that exists is never looked for by what its name would be; new ones lie below their parent as
//! that is called on disk. A file cannot also be a folder: where others lie in `Archive.sbd`, so does a new one, and
//! elsewhere there is none below a mailbox.
//!
//! Invariant: what is made is read as the path that was asked for, and lies in the store. A path that
//! cannot be told in this store is refused.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown,
};
use std::path::{Path, PathBuf};

use segue_mail::{column, utf7};
use segue_translator::model::{Value, mail};
use segue_translator::{Error, ErrorKind};

use crate::journal::sync_folder;
use crate::tree::{self, BELOW, DEPTH_MAX, INBOX, Mailbox, SUBSCRIPTIONS};

/// Most file systems take no longer name than 255 bytes, and a lock and a journal have longer ones.
const NAME_BYTES_MAX: usize = 230;
/// A folder with this in it is a Maildir.
const OTHER_MAIL: &str = "cur";

/// Those folders that could have a name in some store.
pub(crate) fn held(value: &Value) -> Option<Value> {
    column::list(value.as_list()?.iter().filter(|path| names(path).is_some()).cloned())
}

/// The one folder that a mailbox by itself is.
pub(crate) fn held_alone(value: &Value) -> Option<Value> {
    column::list(value.as_list()?.iter().filter(|path| &***path == INBOX).cloned())
}

/// The names on the way to a folder, if no store would take them for others.
fn names(path: &str) -> Option<Vec<String>> {
    mail::names(path).filter(|names| names.len() <= DEPTH_MAX)
}

/// How a store keeps its mailboxes.
#[derive(Debug)]
pub(crate) struct Layout<'a> {
    root: &'a Path,
    mailboxes: &'a [Mailbox],
    /// Named in modified UTF-7, and not in UTF-8.
    is_utf7: bool,
    /// What lies below a mailbox lies in a folder of its name with an end.
    is_beside: bool,
}

impl<'a> Layout<'a> {
    /// How these are kept.
    pub(crate) fn of(root: &'a Path, mailboxes: &'a [Mailbox]) -> Self {
        let paths = || mailboxes.iter().map(|mailbox| &mailbox.relative);
        let is_shifted = |path: &PathBuf| {
            let text = path.to_string_lossy();
            text.split('/').any(|name| utf7::decode(name).is_some_and(|decoded| decoded != name))
        };
        let is_served = |name: &str| root.join(name).symlink_metadata().is_ok();
        let served = [SUBSCRIPTIONS, ".subscriptions", ".imap"];
        Self {
            root,
            mailboxes,
            is_utf7: paths().all(|path| path.as_os_str().is_ascii())
                && (paths().any(is_shifted) || served.into_iter().any(is_served)),
            is_beside: paths().filter_map(|path| path.parent()).flatten().any(is_below),
        }
    }

    /// Where a mailbox of this path would lie below the store, or why there can be none.
    pub(crate) fn relative(&self, path: &str) -> Result<PathBuf, String> {
        if self.root.is_file() {
            return Err("the store is one mailbox, and has no other folders".to_owned());
        }
        if mail::ROLES.iter().any(|role| role.others.contains(&path)) {
            return Err(format!("a folder `{path}` would be taken for one with a role here"));
        }
        let Some(names) = names(path) else {
            return Err(format!("`{path:.200}` is no name of a folder"));
        };
        let (folder, rest) = self.parent(&names);
        let mut relative = folder;
        for (at, name) in rest.iter().enumerate() {
            let name = if self.is_utf7 { utf7::encode(name) } else { name.clone() };
            let is_last = at + 1 == rest.len();
            relative.push(if is_last || !self.is_beside { name } else { name + BELOW });
        }
        if !is_told(&relative) || tree::name_of(&relative) != path {
            return Err(format!("`{path:.200}` cannot be told as the name of a folder here"));
        }
        self.is_free(&relative)?;
        Ok(relative)
    }

    /// The folder on the way to a path that exists, or would beside a mailbox that does, and what of the path is
    /// beyond it.
    fn parent<'n>(&self, names: &'n [String]) -> (PathBuf, &'n [String]) {
        for length in (1..names.len()).rev() {
            let (above, rest) = names.split_at(length);
            let path = mail::path(above.iter().map(String::as_str));
            let mut folders =
                self.mailboxes.iter().flat_map(|mailbox| mailbox.relative.ancestors().skip(1));
            let is_it = |folder: &&Path| name_of_folder(folder) == path;
            if let Some(folder) = folders.find(is_it) {
                return (folder.to_owned(), rest);
            }
            let mut mailboxes = self.mailboxes.iter().filter(|_| self.is_beside);
            let parent = mailboxes.find(|mailbox| tree::name_of(&mailbox.relative) == path);
            if let Some(mailbox) = parent {
                let mut folder = OsString::from(&mailbox.relative);
                folder.push(BELOW);
                return (folder.into(), rest);
            }
        }
        (PathBuf::new(), names)
    }

    /// Why no file can be made there, if none can.
    fn is_free(&self, relative: &Path) -> Result<(), String> {
        for above in relative.ancestors().skip(1) {
            let meta = self.root.join(above).symlink_metadata();
            if !above.as_os_str().is_empty() && meta.is_ok_and(|meta| !meta.is_dir()) {
                return Err(format!(
                    "`{}` is a file here, and so can have no folders below it",
                    above.display()
                ));
            }
        }
        match self.root.join(relative).symlink_metadata() {
            Ok(meta) if meta.is_dir() => Err(format!(
                "`{}` is a folder of mailboxes here, and so can be none itself",
                relative.display()
            )),
            Ok(_) => Err(format!("something else is called `{}` here already", relative.display())),
            Err(_) => Ok(()),
        }
    }
}

fn is_below(name: &OsStr) -> bool {
    name.as_bytes().ends_with(BELOW.as_bytes())
}

/// The path of a folder of mailboxes.
fn name_of_folder(relative: &Path) -> String {
    // As a mailbox in it has it, without that one's name.
    let inner = tree::name_of(&relative.join("x"));
    inner.strip_suffix("/x").unwrap_or_default().to_owned()
}

/// Whether a walk finds a mailbox there.
fn is_told(relative: &Path) -> bool {
    let is_name = |name: &OsStr| {
        name.len() <= NAME_BYTES_MAX
            && name != OTHER_MAIL
            && !name.as_bytes().starts_with(b".")
            && !name.as_bytes().contains(&0)
    };
    let is_plain = relative.components().all(|one| matches!(one, std::path::Component::Normal(_)));
    is_plain
        && relative.iter().all(is_name)
        && relative.file_name().is_some_and(|name| tree::is_read(name.as_bytes()))
}

/// Makes an empty mailbox, which those may read who may read `like`; one that is there already is left as it is.
pub(crate) fn make(root: &Path, relative: &Path, like: Option<&Mailbox>) -> Result<(), Error> {
    let fail = |path: &Path, error: &io::Error| Error::io("make", path, error);
    let store = fs::metadata(root).map_err(|error| fail(root, &error))?;
    let mut path = root.to_owned();
    for name in relative.parent().unwrap_or(Path::new("")) {
        path.push(name);
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => {
                let made = File::open(&path).and_then(|folder| {
                    own(&folder, &store);
                    folder.set_permissions(Permissions::from_mode(store.mode() & 0o7777))
                });
                made.and_then(|()| sync_folder(&path)).map_err(|error| fail(&path, &error))?;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_folder(&path) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let detail = "something that is no folder has this name";
                return Err(Error::new(ErrorKind::Unsupported, "make", &path, detail));
            }
            Err(error) => return Err(fail(&path, &error)),
        }
    }
    let path = root.join(relative);
    let like = like.and_then(|mailbox| fs::metadata(&mailbox.path).ok());
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    let made = match made {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        made => made.and_then(|file| {
            own(&file, like.as_ref().unwrap_or(&store));
            let mode = like.as_ref().map_or(0o600, |like| like.mode() & 0o666);
            file.set_permissions(Permissions::from_mode(mode))?;
            file.sync_all()?;
            sync_folder(&path)
        }),
    };
    made.map_err(|error| fail(&path, &error))
}

fn is_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|meta| meta.is_dir())
}

/// Gives a file to the owner of another. Only root can give one away; elsewhere it stays ours.
fn own(file: &File, like: &fs::Metadata) {
    let _ = fchown(file, Some(like.uid()), Some(like.gid()));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a mailbox of this path would lie, among these.
    fn relative(relatives: &[&str], path: &str) -> Result<String, String> {
        let store = tempfile::tempdir().unwrap();
        for relative in relatives {
            let path = store.path().join(relative);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let mailboxes = tree::walk(store.path()).unwrap().mailboxes;
        let found = Layout::of(store.path(), &mailboxes).relative(path)?;
        make(store.path(), &found, mailboxes.first()).unwrap();
        let names: Vec<String> =
            tree::walk(store.path()).unwrap().mailboxes.into_iter().map(|one| one.name).collect();
        assert!(names.iter().any(|name| name == path), "{path} is none of {names:?}");
        Ok(found.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_new_mailbox_lies_and_is_spelled_as_the_others() {
        for (others, path, expected) in [
            (&["INBOX"][..], "Archive/2024", "Archive/2024"),
            (&["INBOX", "Entw&APw-rfe"], "Größe", "Gr&APYA3w-e"),
            (&["INBOX", "Größe"], "Entwürfe/ü", "Entwürfe/ü"),
            (&["INBOX", "R&-D/a"], "R&D/ü/b", "R&-D/&APw-/b"),
            (&["INBOX", "Archive.sbd/2024"], "Archive/2025", "Archive.sbd/2025"),
            (&["INBOX", "Archive.sbd/2024"], "INBOX/a/b", "INBOX.sbd/a.sbd/b"),
            (&["Archive.sbd/2024"], "Archive", "Archive"),
            (&["Sent Items", "a.sbd/b"], "Sent Items/x", "Sent Items.sbd/x"),
            (&["Sent"], "100%25", "100%"),
        ] {
            assert_eq!(relative(others, path).as_deref(), Ok(expected), "{path}");
        }
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
            "AC%2FDC",
            "cur",
            "a/cur",
            "%2E%2E",
            "a/%2E%2E/x",
            "%00",
            "inbox",
            "subscriptions",
            "x.lock",
            "x~",
            "x.gz",
            "x.msf",
            "x.sbd/y",
            "x.sbd",
        ] {
            let found = relative(&["INBOX"], path);
            assert!(found.is_err() || path == "x.sbd", "{path:?} is {found:?}");
        }
        assert!(relative(&["INBOX"], &"a/".repeat(40)).is_err());
        assert!(relative(&["INBOX"], &"a".repeat(250)).is_err());
    }

    #[test]
    fn a_file_cannot_be_a_folder_too() {
        let error = relative(&["INBOX", "Archive"], "Archive/2024").unwrap_err();
        assert!(error.contains("`Archive` is a file here"), "{error}");
        let error = relative(&["INBOX", "Archive/2024"], "Archive").unwrap_err();
        assert!(error.contains("`Archive` is a folder of mailboxes"), "{error}");
    }

    #[test]
    fn a_new_mailbox_may_be_read_by_whom_the_others_may_be() {
        let store = tempfile::tempdir().unwrap();
        let inbox = store.path().join("INBOX");
        fs::write(&inbox, "").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        for (number, like) in [0o640, 0o600].into_iter().enumerate() {
            fs::set_permissions(&inbox, Permissions::from_mode(like)).unwrap();
            let mailboxes = tree::walk(store.path()).unwrap().mailboxes;
            let relative = format!("folder/{number}");
            make(store.path(), Path::new(&relative), mailboxes.first()).unwrap();
            make(store.path(), Path::new(&relative), None).unwrap();
            assert_eq!(mode(&store.path().join(&relative)), like);
        }
        assert_eq!(mode(&store.path().join("folder")), mode(store.path()));
        make(store.path(), Path::new("alone"), None).unwrap();
        assert_eq!(mode(&store.path().join("alone")), 0o600);
    }
}
