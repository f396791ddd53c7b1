//! Where the agent's socket is, also where the path of its folder is too long for one.
//!
//! The system takes names of sockets up to 107 bytes. A longer one is reached through the folder,
//! held open, as Linux shows it under `/proc`.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

/// The socket's name in the agent's folder.
pub(super) const NAME: &str = "agent.sock";
/// With the end of text that the system wants.
const NAME_BYTES_MAX: usize = 107;

/// A name by which the system can find the socket, good while this lives.
pub(super) struct Address {
    path: PathBuf,
    _folder: Option<File>,
}

impl Address {
    pub(super) fn of(folder: &Path) -> io::Result<Self> {
        let path = folder.join(NAME);
        if path.as_os_str().len() <= NAME_BYTES_MAX {
            return Ok(Self { path, _folder: None });
        }
        let folder = File::open(folder)?;
        let path = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(NAME);
        Ok(Self { path, _folder: Some(folder) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}
