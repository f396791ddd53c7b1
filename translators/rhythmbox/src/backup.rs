//! Copies of both files, and their way back.
//!
//! A library without playlists is remembered as such by an empty file beside the copies, so that
//! a copy that was cut short never removes the playlists.

use std::path::{Path, PathBuf};

use segue_translator::{Error, ErrorKind, Host, Revision, file};

use crate::files::Files;
use crate::format::Bounds;

const LIBRARY: &str = "rhythmdb.xml";
const PLAYLISTS: &str = "playlists.xml";
const NO_PLAYLISTS: &str = "playlists.xml.absent";

/// Copies both files, as they are at one instant, into the empty folder `into`.
pub(crate) fn back_up(files: &Files, into: &Path) -> Result<Vec<PathBuf>, Error> {
    let revision = files.revision()?;
    let library = into.join(LIBRARY);
    file::copy(&files.library, &library)?;
    let mut beside = into.join(PLAYLISTS);
    if let Err(error) = file::copy(&files.playlists, &beside) {
        if error.kind != ErrorKind::Absent {
            return Err(error);
        }
        beside = into.join(NO_PLAYLISTS);
        file::Replacement::create(&beside)?.commit(|| Ok(()))?;
    }
    files.check(&revision, "back up")?;
    Ok(vec![library, beside])
}

/// Brings the copies in `from` back, if the library is still at `expected`.
pub(crate) fn restore(
    files: &Files,
    bounds: Bounds,
    host: &dyn Host,
    expected: &Revision,
    from: &Path,
) -> Result<Revision, Error> {
    files.check(expected, "restore")?;
    files.check_idle(host, "restore")?;
    let library = file::read_bounded(&from.join(LIBRARY), bounds.bytes)?;
    let playlists = match file::read_bounded(&from.join(PLAYLISTS), bounds.bytes) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind != ErrorKind::Absent => return Err(error),
        Err(_) if from.join(NO_PLAYLISTS).is_file() => None,
        Err(_) => {
            let detail = "the backup holds no playlists and does not say that there were none";
            return Err(Error::new(ErrorKind::Corrupt, "restore", from, detail));
        }
    };
    let old = files.load(bounds.bytes)?;
    files.check(expected, "restore")?;
    files.replace(host, &old, &library, playlists.as_deref())
}
