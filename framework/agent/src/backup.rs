//! Backups of an app's files: made before the first write of an operation, and never all rotated
//! out.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use segue_translator::{Error, Library};

use crate::failure::Failure;
use crate::home::Home;

/// So many backups of one library are kept, and its first.
const KEPT: usize = 50;

/// Copies a library's files into `folder`, which is below the agent's folder `home`; returns names and sizes of the copies.
/// They are on the disk then, by their names.
pub(crate) fn make(
    home: &Path,
    folder: &Path,
    library: &dyn Library,
) -> Result<Vec<(String, u64)>, Error> {
    let fail = |error: io::Error| Error::io("back up", folder, &error);
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(fail)?;
    }
    fs::create_dir_all(folder).map_err(fail)?;
    let copies = library.back_up(folder)?;
    sync_names(home, folder, &copies).map_err(fail)?;
    let name = |path: &PathBuf| path.file_name().map(|n| n.to_string_lossy().into_owned());
    let size = |path: &PathBuf| fs::metadata(path).map_or(0, |meta| meta.len());
    Ok(copies.iter().filter_map(|path| Some((name(path)?, size(path)))).collect())
}

/// Makes the names of copies durable, and those of all folders above them up to the agent's: a folder may be new, or one that
/// a killed process made.
fn sync_names(home: &Path, folder: &Path, copies: &[PathBuf]) -> io::Result<()> {
    let above = copies.iter().filter_map(|copy| copy.parent()).chain([folder]);
    let folders: BTreeSet<&Path> =
        above.flat_map(Path::ancestors).filter(|folder| folder.starts_with(home)).collect();
    folders.into_iter().try_for_each(|folder| File::open(folder)?.sync_all())
}

/// Removes backups that are neither a library's first nor among its newest.
pub(crate) fn prune(home: &Home) -> Result<(), Failure> {
    let mut backups = Vec::new();
    for row in home.store.operations()? {
        for link in home.store.operation_links(row.n)? {
            let folder = link.backup.filter(|name| home.backup_folder(name).exists());
            backups.extend(folder.map(|folder| (row.n, link.link, folder)));
        }
    }
    for name in superfluous(&backups) {
        // What cannot be removed now is tried again after the next operation.
        let folder = home.backup_folder(name);
        crate::inverse::forget(&folder);
        let _ = fs::remove_dir_all(folder);
    }
    Ok(())
}

/// All but the first and the newest [`KEPT`] backups of each library.
///
/// `backups` are (operation, library, folder), oldest first.
fn superfluous<L: Ord + Copy>(backups: &[(i64, L, String)]) -> Vec<&str> {
    let mut by_library: std::collections::BTreeMap<L, Vec<&str>> =
        std::collections::BTreeMap::new();
    for (_, library, folder) in backups {
        by_library.entry(*library).or_default().push(folder);
    }
    by_library
        .values()
        .flat_map(|folders| {
            let last = folders.len().saturating_sub(KEPT).max(1);
            folders[1.min(folders.len())..last.min(folders.len())].iter().copied()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f33_the_first_good_backup_is_never_rotated_out() {
        let all: Vec<_> = (1..=200).map(|n| (n, 'a', format!("{n}/a"))).collect();
        let gone = superfluous(&all);
        assert_eq!(gone.len(), 200 - KEPT - 1);
        assert!(!gone.contains(&"1/a") && gone.contains(&"2/a") && !gone.contains(&"151/a"));
        assert!(superfluous(&all[..1]).is_empty() && superfluous::<char>(&[]).is_empty());
    }
}
