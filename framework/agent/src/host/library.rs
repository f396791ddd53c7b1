//! One library, by every name and number that a process may know it by.
//!
//! Links and moved mounts give a file many paths; its device and inode stay. This module only
//! compares; [`process`](super::process) reads what is compared.
//!
//! Invariant: what cannot be read matches nothing here; doubt is the asker's to handle.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The library in question.
#[derive(Debug)]
pub(super) struct Library {
    /// As given, and with links resolved.
    pub(super) paths: Vec<PathBuf>,
    file: Option<(u64, u64)>,
    /// Who may have it open: its owner and we; `None` if we do not know who we are.
    pub(super) users: Option<[u32; 2]>,
}

impl Library {
    pub(super) fn new(path: &Path, own_uid: Option<u32>) -> Self {
        let mut paths = vec![path.to_owned()];
        paths.extend(fs::canonicalize(path).ok().filter(|real| real != path));
        let metadata = fs::metadata(path).ok();
        let file = metadata.as_ref().map(|found| (found.dev(), found.ino()));
        let users = own_uid.map(|own| [own, metadata.map_or(own, |found| found.uid())]);
        Self { paths, file, users }
    }

    /// Whether an open file is the library, or inside it.
    pub(super) fn is_open_as(&self, link: &Path) -> bool {
        let Ok(target) = fs::read_link(link) else { return false };
        // Sockets and pipes have targets that are no paths.
        target.is_absolute()
            && (self.paths.iter().any(|path| target.starts_with(path))
                || self.file.is_some()
                    && fs::metadata(link).ok().map(|found| (found.dev(), found.ino())) == self.file)
    }

    /// Whether an argument (`/a/b`, `--file=/a/b`) is the library or its folder.
    pub(super) fn is_named_in(&self, arguments: &[u8]) -> bool {
        arguments.split(|byte| *byte == 0).any(|argument| {
            let start = argument.iter().position(|byte| *byte == b'/').unwrap_or(argument.len());
            let named = Path::new(OsStr::from_bytes(&argument[start..]));
            self.paths.iter().any(|path| named == path || path.parent() == Some(named))
        })
    }
}
