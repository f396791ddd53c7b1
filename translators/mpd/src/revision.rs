//! A mark of a server's state that costs three answers and a look at a folder.
//!
//! MPD says when its database changed last; for stickers and playlists it says nothing that is
//! exact, so their files are looked at: they are on this computer, because the configuration is.
//! It reads none of their content but the number that SQLite changes with each transaction.
//!
//! Invariant: a song, a sticker or a playlist that changed is another revision.

use std::fmt::Write as _;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use segue_translator::{Error, ErrorKind, Revision, file};
use sha2::{Digest as _, Sha256};

use crate::client::Client;
use crate::config::Config;

/// Most files in the folder of playlists.
const FILES_MAX: usize = 100_000;

/// The state of the server now.
pub(crate) fn now(client: &mut Client, config: &Config) -> Result<Revision, Error> {
    let stats = client.ask("stats", &[])?;
    let mut digest = Sha256::new();
    for key in ["songs", "db_update", "db_playtime"] {
        digest.update(format!("{key} {}\n", stats.find(key).unwrap_or_default()));
    }
    if let Some(path) = &config.stickers {
        digest.update(format!("{} {}\n", file::stamp(path)?.0, transactions(path)));
    }
    if let Some(folder) = &config.playlists {
        for (name, stamp) in lists(folder)? {
            digest.update(name.as_encoded_bytes());
            digest.update(format!("/{stamp}\n"));
        }
    }
    let mut mark = String::new();
    for byte in digest.finalize().iter().take(16) {
        let _ = write!(mark, "{byte:02x}");
    }
    Ok(Revision(mark))
}

/// How often the database was changed: two changes within one tick of the clock have one time.
fn transactions(path: &Path) -> u32 {
    let read = || {
        let mut file = file::open_bounded(path, u64::MAX).ok()?;
        let mut number = [0; 4];
        file.seek(SeekFrom::Start(24)).ok()?;
        file.read_exact(&mut number).ok()?;
        Some(u32::from_be_bytes(number))
    };
    read().unwrap_or_default()
}

/// The files of stored playlists and their stamps, by name.
pub(crate) fn lists(folder: &Path) -> Result<Vec<(std::ffi::OsString, String)>, Error> {
    let fail = |error: std::io::Error| Error::io("read", folder, &error);
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(fail)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(fail)?;
        if entry.path().extension().is_some_and(|extension| extension == "m3u") {
            found.push((entry.file_name(), file::stamp(&entry.path())?.0));
        }
        if found.len() > FILES_MAX {
            let detail = format!("more than {FILES_MAX} playlists");
            return Err(Error::new(ErrorKind::TooLarge, "read", folder, detail));
        }
    }
    found.sort();
    Ok(found)
}
