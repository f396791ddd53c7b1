//! Finds the programs that are translators.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What the name of such a program begins with; the app's name follows.
pub const PREFIX: &str = "segue-translator-";

/// The programs on a `PATH`, by app. As in a shell the first of a name counts, and relative folders
/// are passed over: what runs must not depend on where one stands.
pub fn search(path: &OsStr) -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    for folder in std::env::split_paths(path).filter(|folder| folder.is_absolute()) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let app = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
            let Some(app) = app.filter(|app| is_app(app)) else { continue };
            if is_executable(&entry.path()) {
                found.entry(app.to_owned()).or_insert_with(|| entry.path());
            }
        }
    }
    found
}

/// Whether this can be the name of an app on the command line.
pub(crate) fn is_app(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=32).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(fits)
}

fn is_executable(path: &Path) -> bool {
    std::fs::metadata(path)
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_first_executable_of_a_name_on_the_path_counts() {
        let folder = tempfile::tempdir().unwrap();
        let put = |below: &str, name: &str, mode| {
            let folder = folder.path().join(below);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(name), "").unwrap();
            fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode)).unwrap();
        };
        put("a", "segue-translator-one", 0o755);
        put("b", "segue-translator-one", 0o755);
        put("b", "segue-translator-two", 0o644);
        put("b", "segue-translator-Four", 0o755);
        put("b", "segue-translator-", 0o755);
        let path = std::env::join_paths(["a", "b", "-"].map(|name| folder.path().join(name)));
        let found = search(&path.unwrap());
        let one = folder.path().join("a/segue-translator-one");
        assert_eq!(found, BTreeMap::from([("one".to_owned(), one)]));
        assert!(search(OsStr::new("relative:")).is_empty());
    }
}
