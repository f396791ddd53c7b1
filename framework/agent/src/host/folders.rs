//! Where a process keeps its data, by its environment.
//!
//! Apps find their library through `HOME`, `XDG_DATA_HOME` and `XDG_CONFIG_HOME`; a Flatpak or a
//! snap is the same app with other values in them. This module only compares paths.
//!
//! Invariant: [`elsewhere`] says yes only if the variables rule the library out.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::library::Library;

/// The variables that move an app's folders, and where those are without them.
const MOVED: [(&str, &str); 2] =
    [("XDG_DATA_HOME", ".local/share"), ("XDG_CONFIG_HOME", ".config")];
/// Folders of a home that belong to sandboxed apps, which have variables of their own.
const SANDBOXES: [&str; 2] = [".var/app", "snap"];
/// Names that mark the inside of a home folder.
const MARKS: [&str; 3] = [".local", ".config", ".var"];

/// Whether a process with this environment certainly has its data away from the library.
pub(super) fn elsewhere(environment: &[u8], library: &Library) -> bool {
    let Some(home) = folder(environment, "HOME") else { return false };
    let moved: Vec<PathBuf> = MOVED
        .iter()
        .map(|(name, usual)| folder(environment, name).unwrap_or_else(|| home.join(usual)))
        .collect();
    !library.paths.iter().any(|path| leads_to(&home, &moved, path))
}

fn leads_to(home: &Path, moved: &[PathBuf], library: &Path) -> bool {
    if moved.iter().any(|folder| below(folder, library).is_some()) {
        return true;
    }
    let Some(rest) = below(home, library) else { return false };
    let usual = MOVED.iter().map(|(_, usual)| *usual);
    // Its variables would have led there; or it is another home inside this one.
    let other_app = usual.chain(SANDBOXES).any(|folder| rest.starts_with(folder));
    let other_home = rest.iter().skip(1).any(|part| MARKS.iter().any(|mark| part == *mark));
    !other_app && !other_home
}

/// The library's path below a folder, if it is there by either of the folder's names.
fn below(folder: &Path, library: &Path) -> Option<PathBuf> {
    let real = fs::canonicalize(folder).ok();
    let rest = |folder: &Path| library.strip_prefix(folder).ok().map(Path::to_owned);
    rest(folder).or_else(|| rest(&real?))
}

/// A variable that holds an absolute path.
fn folder(environment: &[u8], name: &str) -> Option<PathBuf> {
    environment.split(|byte| *byte == 0).find_map(|variable| {
        let value = variable.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
        Some(PathBuf::from(OsStr::from_bytes(value))).filter(|path| path.is_absolute())
    })
}
