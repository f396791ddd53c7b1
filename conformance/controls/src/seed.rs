//! Takes over what cargo has already built of other people's crates, so that the copy of the
//! repository need not build them a second time.
//!
//! Crates from a registry are the same for the copy. What cargo does not recognise it builds again,
//! so that nothing depends on this but time.

use std::fs::{self, FileTimes};
use std::io;
use std::path::Path;

/// Where cargo keeps them, below a profile's folder, and how the names begin that are wanted.
const FOLDERS: [(&str, &str); 3] = [("deps", "lib"), (".fingerprint", ""), ("build", "")];

/// Copies from the build folder `from` into the new one `to`, and does nothing if there is one.
///
/// # Errors
/// The file system's.
pub(crate) fn seed(from: &Path, to: &Path) -> io::Result<()> {
    let source = from.join("debug");
    if to.exists() || !source.exists() {
        return Ok(());
    }
    // Whole or not at all.
    let new = to.with_extension("new");
    let _ = fs::remove_dir_all(&new);
    for (folder, begin) in FOLDERS {
        let target = new.join("debug").join(folder);
        fs::create_dir_all(&target)?;
        for entry in fs::read_dir(source.join(folder))? {
            let name = entry?.file_name();
            let text = name.to_string_lossy();
            // Our own crates come from other sources there.
            let is_own = ["segue", "libsegue"].iter().any(|own| text.starts_with(own));
            if text.starts_with(begin) && !is_own {
                copy(&source.join(folder).join(&name), &target.join(&name))?;
            }
        }
    }
    fs::rename(&new, to)
}

/// Copies a file or a folder with its time, by which cargo knows what is fresh.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let meta = fs::metadata(from)?;
    if meta.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let name = entry?.file_name();
            copy(&from.join(&name), &to.join(&name))?;
        }
        return Ok(());
    }
    fs::copy(from, to)?;
    let times = FileTimes::new().set_modified(meta.modified()?);
    fs::File::options().append(true).open(to)?.set_times(times)
}
