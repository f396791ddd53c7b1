//! The files of the repository, or of a small one made for a test.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Paths below the root with `/`, and their text; what is no text is there and empty.
pub(crate) struct Tree(BTreeMap<String, String>);

impl Tree {
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        Self(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect())
    }

    pub(crate) fn of_repository() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut files = BTreeMap::new();
        collect(root, root, &mut files);
        Self(files)
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Files whose name ends so.
    pub(crate) fn ending(&self, end: &'static str) -> impl Iterator<Item = (&str, &str)> {
        self.files().filter(move |(path, _)| path.ends_with(end))
    }

    /// Files that people write: fixtures come from apps, and the lock file from cargo.
    pub(crate) fn written(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files().filter(|(path, _)| !path.contains("/fixtures/") && *path != "Cargo.lock")
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    /// The names of the folders in `folder`, which ends with a slash.
    pub(crate) fn folders(&self, folder: &str) -> Vec<String> {
        let below = self.0.keys().filter_map(|path| path.strip_prefix(folder));
        let names = below.filter_map(|path| path.split_once('/')).map(|(name, _)| name.to_owned());
        names.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
    }
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
        if name == "target" || name == ".git" {
            continue;
        }
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let text = fs::read(&path).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            files.insert(name, text.unwrap_or_default());
        }
    }
}
