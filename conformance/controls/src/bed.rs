//! A copy of the repository in which guards are switched off.
//!
//! The copy stays from run to run, and a file that is as it was is not touched, so that only what
//! differs is built again. Whatever a killed run left switched off is put right by the next copy.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::{Control, Switch};

/// The copy.
#[derive(Debug)]
pub struct Bed {
    tree: PathBuf,
}

impl Bed {
    /// Copies the repository at `root` into `tree`, which lies in the build folder `built`.
    ///
    /// # Errors
    /// The file system's.
    pub fn lay(root: &Path, built: &Path, tree: &Path) -> io::Result<Self> {
        let mut wanted = BTreeSet::new();
        list(root, Path::new(""), built, &mut wanted)?;
        let mut there = BTreeSet::new();
        if tree.exists() {
            list(tree, Path::new(""), built, &mut there)?;
        }
        for path in there.difference(&wanted) {
            fs::remove_file(tree.join(path))?;
        }
        for path in &wanted {
            let (from, to) = (root.join(path), tree.join(path));
            let bytes = fs::read(&from)?;
            if fs::read(&to).is_ok_and(|old| old == bytes) {
                continue;
            }
            to.parent().map_or(Ok(()), fs::create_dir_all)?;
            // A new file: cargo looks at its time.
            let _ = fs::remove_file(&to);
            fs::copy(&from, &to)?;
        }
        Ok(Self { tree: tree.to_owned() })
    }

    /// Where the copy lies.
    pub fn tree(&self) -> &Path {
        &self.tree
    }

    /// Does `work` while the guard is off, and then switches it on again.
    ///
    /// # Errors
    /// If a text does not occur exactly once, and the file system's.
    pub fn without<T>(&self, control: &Control, work: impl FnOnce() -> T) -> Result<T, String> {
        let mut on = Vec::new();
        let switched: Result<(), String> =
            control.switches.iter().try_for_each(|switch| self.switch_off(switch, &mut on));
        let result = switched.map(|()| work());
        for (path, source) in on.into_iter().rev() {
            // Written now, and so newer than what was built without the guard.
            fs::write(&path, source).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        result
    }

    fn switch_off(&self, switch: &Switch, on: &mut Vec<(PathBuf, String)>) -> Result<(), String> {
        let path = self.tree.join(&switch.file);
        let fail = |error: io::Error| format!("{}: {error}", switch.file);
        let source = fs::read_to_string(&path).map_err(fail)?;
        let without = switch.applied(&source)?;
        on.push((path.clone(), source));
        fs::write(&path, without).map_err(fail)
    }
}

/// Collects the files of `root`, but nothing that is built.
fn list(root: &Path, below: &Path, built: &Path, files: &mut BTreeSet<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        let is_ours = path != Path::new(".git") && path != Path::new("target");
        if !is_ours || entry.path() == built {
            continue;
        }
        if entry.file_type()?.is_dir() {
            list(root, &path, built, files)?;
        } else {
            files.insert(path);
        }
    }
    Ok(())
}
