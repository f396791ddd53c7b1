//! A generated store of mail, and one message of it that gets other marks.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::Outcome;

const SEED: u64 = 1;

/// A store that is removed after use.
pub(crate) struct Store {
    folder: TempDir,
    pub(crate) files: u32,
}

impl Store {
    pub(crate) fn new(files: u32) -> Outcome<Self> {
        let folder = tempfile::Builder::new().prefix("segue-bench-mail").tempdir()?;
        segue_library_generator::mail(files, SEED, &folder.path().join("mail"))?;
        Ok(Self { folder, files })
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("mail")
    }

    /// Gives a message of the inbox these marks, as a mail program does.
    pub(crate) fn mark(&self, marks: &str) -> Outcome<PathBuf> {
        mark(&self.path(), marks)
    }
}

/// The same in any store; returns the file.
pub(crate) fn mark(store: &Path, marks: &str) -> Outcome<PathBuf> {
    let path = first(store)?.ok_or("the inbox is empty")?;
    let base = base(&path)?;
    let to = path.with_file_name(format!("{base}:2,{marks}"));
    if path == to {
        return Err(format!("{} has these marks already", path.display()).into());
    }
    fs::rename(path, &to)?;
    Ok(to)
}

/// The first file of the inbox by name.
pub(crate) fn first(store: &Path) -> Outcome<Option<PathBuf>> {
    let entries = fs::read_dir(store.join("cur"))?.map(|entry| Ok(entry?.path()));
    let paths = entries.collect::<std::io::Result<Vec<_>>>()?;
    Ok(paths.into_iter().min())
}

/// What of a file's name stays.
pub(crate) fn base(path: &Path) -> Outcome<String> {
    let name = path.file_name().and_then(|name| name.to_str()).ok_or("a name is no text")?;
    Ok(name.split(':').next().unwrap_or_default().to_owned())
}
