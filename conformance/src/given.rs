//! What lies among the fixtures beside the versions: answers that only an author knows, as files.
//!
//! A program has no test to give them, and a test need not. `unknown-version` is a library of a version
//! that nobody knows, `large` one of very many items, and each line of `unmodelled.txt` a text that
//! lies in the fixtures and that no write may lose, change, double or move before another.
//!
//! Invariant: these are never taken for versions.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::laid::{copy_folder, files_below};
use crate::subject::{Enlarge, Inspect};

const UNKNOWN: &str = "unknown-version";
const LARGE: &str = "large";
const UNMODELLED: &str = "unmodelled.txt";

/// The folders with one version each, in their order.
pub(crate) fn versions(fixtures: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(fixtures).into_iter().flatten().flatten();
    let is_version = |path: &PathBuf| {
        path.is_dir() && ![UNKNOWN, LARGE].iter().any(|given| path.ends_with(given))
    };
    let mut folders: Vec<_> = entries.map(|entry| entry.path()).filter(is_version).collect();
    folders.sort();
    folders
}

/// Makes a library one of a version that nobody knows.
pub(crate) fn unknown_version(fixtures: &Path) -> Option<Inspect<()>> {
    let given = folder(fixtures, UNKNOWN)?;
    Some(Arc::new(move |path: &Path| replace(path, &given)))
}

/// Makes a library a large one, however many items are wanted.
pub(crate) fn large(fixtures: &Path) -> Option<Enlarge> {
    let given = folder(fixtures, LARGE)?;
    Some(Arc::new(move |path: &Path, _| replace(path, &given)))
}

fn folder(fixtures: &Path, name: &str) -> Option<PathBuf> {
    Some(fixtures.join(name)).filter(|path| path.is_dir())
}

fn replace(path: &Path, given: &Path) -> Result<(), String> {
    fs::remove_dir_all(path)
        .and_then(|()| copy_folder(given, path))
        .map_err(|error| format!("{}: {error}", given.display()))
}

/// Says which of the texts lie in the files of a library, in the order in which they do.
pub(crate) fn unmodelled(fixtures: &Path) -> Option<Inspect<String>> {
    let list = fs::read_to_string(fixtures.join(UNMODELLED)).ok()?;
    let texts: Vec<String> =
        list.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
    Some(Arc::new(move |path: &Path| {
        let files = files_below(path).map_err(|error| error.to_string())?;
        let mut digest = String::new();
        for (name, (bytes, _)) in &files {
            let found = (0..bytes.len())
                .flat_map(|at| texts.iter().filter(move |text| lies_at(bytes, at, text)));
            for text in found {
                digest +=
                    &format!("{}: {text}\n", name.strip_prefix(path).unwrap_or(name).display());
            }
        }
        let missing = texts.iter().find(|text| !digest.contains(&format!(": {text}\n")));
        missing.map_or(Ok(digest), |text| Err(format!("{text:?} does not lie in it")))
    }))
}

fn lies_at(bytes: &[u8], at: usize, text: &str) -> bool {
    bytes[at..].starts_with(text.as_bytes())
}
