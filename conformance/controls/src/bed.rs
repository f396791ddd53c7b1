//! A copy of the repository in which guards are switched off.
//!
//! Its sources have a switch for every guard that can have one, so that it is built once for all of
//! them. The copy stays from run to run, and a file that is as it was is not touched, so that only what
//! differs is built again. Whatever a killed run left switched off is put right by the next copy.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::schemata::with_switches;
use crate::{Control, Switch};

/// The copy.
#[derive(Debug)]
pub struct Bed {
    /// What was copied.
    root: PathBuf,
    tree: PathBuf,
    /// Names the control that is off now, if it has a switch.
    off: PathBuf,
    /// The controls without a switch.
    alone: BTreeSet<String>,
    /// The sources with switches, by path.
    switched: BTreeMap<String, String>,
}

impl Bed {
    /// Copies the repository at `root` into `tree`, which lies in the build folder `built`, with
    /// switches for the `controls`, each with its name.
    ///
    /// # Errors
    /// The file system's.
    pub fn lay(
        root: &Path,
        built: &Path,
        tree: &Path,
        controls: &[(String, &Control)],
    ) -> io::Result<Self> {
        let off = std::path::absolute(tree.with_extension("off"))?;
        all_on(&off)?;
        let (switched, alone) = switched(root, &off, controls);
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
            let source = path.to_str().and_then(|path| switched.get(path));
            let bytes = source.map_or_else(|| fs::read(&from), |text| Ok(text.clone().into()))?;
            if fs::read(&to).is_ok_and(|old| old == bytes) {
                continue;
            }
            to.parent().map_or(Ok(()), fs::create_dir_all)?;
            // A new file: cargo looks at its time.
            let _ = fs::remove_file(&to);
            fs::copy(&from, &to)?;
            if source.is_some() {
                fs::write(&to, bytes)?;
            }
        }
        Ok(Self { root: root.to_owned(), tree: tree.to_owned(), off, alone, switched })
    }

    /// Where the copy lies.
    pub fn tree(&self) -> &Path {
        &self.tree
    }

    /// Whether a control has no switch, so that what is built is built again for it.
    pub fn is_alone(&self, name: &str) -> bool {
        self.alone.contains(name)
    }

    /// Does `work` while the guard is off, and then switches it on again.
    ///
    /// # Errors
    /// If a text does not occur exactly once, and the file system's.
    pub fn without<T>(
        &self,
        (name, control): (&str, &Control),
        work: impl FnOnce() -> T,
    ) -> Result<T, String> {
        if !self.is_alone(name) {
            let fail = |error: io::Error| format!("{}: {error}", self.off.display());
            fs::write(&self.off, name).map_err(fail)?;
            let result = work();
            return all_on(&self.off).map_err(fail).map(|()| result);
        }
        let without = sources_without(&self.root, control)?;
        let write = |path: &str, source: &str| {
            fs::write(self.tree.join(path), source).map_err(|error| format!("{path}: {error}"))
        };
        without.iter().try_for_each(|(path, (_, off))| write(path, off))?;
        let result = work();
        for (path, (on, _)) in &without {
            // Written now, and so newer than what was built without the guard.
            write(path, self.switched.get(path).unwrap_or(on))?;
        }
        Ok(result)
    }
}

fn all_on(off: &Path) -> io::Result<()> {
    match fs::remove_file(off) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The sources with switches, and the controls that can have none.
fn switched(
    root: &Path,
    off: &Path,
    controls: &[(String, &Control)],
) -> (BTreeMap<String, String>, BTreeSet<String>) {
    let alone = controls.iter().filter(|(_, control)| control.alone);
    let mut alone: BTreeSet<String> = alone.map(|(name, _)| name.clone()).collect();
    loop {
        let before = alone.len();
        let mut files: BTreeMap<&str, Vec<(&str, &Switch)>> = BTreeMap::new();
        for (name, control) in controls.iter().filter(|(name, _)| !alone.contains(name)) {
            for switch in &control.switches {
                files.entry(&switch.file).or_default().push((name, switch));
            }
        }
        let mut switched = BTreeMap::new();
        for (path, switches) in files {
            let source = fs::read_to_string(root.join(path)).unwrap_or_default();
            match with_switches(&source, &switches, off) {
                Ok(text) => _ = switched.insert(path.to_owned(), text),
                Err(names) => alone.extend(names),
            }
        }
        // One that has no switch in one file must have none in another.
        if alone.len() == before {
            return (switched, alone);
        }
    }
}

/// By path: the source as it is, and without the guard.
fn sources_without(
    root: &Path,
    control: &Control,
) -> Result<BTreeMap<String, (String, String)>, String> {
    let mut sources = BTreeMap::new();
    for switch in &control.switches {
        let (_, without) = match sources.entry(switch.file.clone()) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => {
                let source = fs::read_to_string(root.join(&switch.file))
                    .map_err(|error| format!("{}: {error}", switch.file))?;
                entry.insert((source.clone(), source))
            }
        };
        *without = switch.applied(without)?;
    }
    Ok(sources)
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
