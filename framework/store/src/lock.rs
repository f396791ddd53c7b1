//! One writing process per folder, by a lock of the operating system that ends with the process.
//!
//! It does not wait by itself: the caller decides how often and how long, with its own clock.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::open::make_folder;
use crate::{Store, StoreError};

/// Held while this process may write in the folder, or is its agent.
#[derive(Debug)]
pub struct HomeLock {
    /// Closing it releases the lock.
    _file: File,
}

impl Store {
    /// Takes the folder's lock. While another process holds it, `again` is asked, with that
    /// process's id if known, whether to try once more; it may wait before it answers.
    ///
    /// # Errors
    /// `Locked` once `again` declines, or the file system's.
    pub fn lock(
        home: &Path,
        again: impl FnMut(Option<u32>) -> bool,
    ) -> Result<HomeLock, StoreError> {
        Self::lock_file(home, "lock", again)
    }

    /// Takes the lock of the one agent that stays in the folder; it does not keep others from
    /// writing.
    ///
    /// # Errors
    /// `Locked` if there is one already, or the file system's.
    pub fn lock_agent(home: &Path) -> Result<HomeLock, StoreError> {
        Self::lock_file(home, "agent.lock", |_| false)
    }

    fn lock_file(
        home: &Path,
        name: &str,
        mut again: impl FnMut(Option<u32>) -> bool,
    ) -> Result<HomeLock, StoreError> {
        make_folder(home)?;
        let path = home.join(name);
        let failed = |error| StoreError::io("lock", &path, &error);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(failed(error)),
                Err(TryLockError::WouldBlock) => {
                    let holder = read_holder(&mut file);
                    if !again(holder) {
                        return Err(StoreError::Locked { holder });
                    }
                }
            }
        }
        write_holder(&mut file).map_err(failed)?;
        Ok(HomeLock { _file: file })
    }
}

/// The process that wrote itself into the file; only ever shown.
fn read_holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_holder(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_holds_it_and_gets_it_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        let held = Store::lock(&home, |_| false).unwrap();
        let mut asked = Vec::new();
        let error = Store::lock(&home, |holder| {
            asked.push(holder);
            asked.len() < 3
        })
        .unwrap_err();
        assert_eq!(asked, [Some(std::process::id()); 3]);
        assert!(error.to_string().contains(&format!("process {}", std::process::id())));
        let mut held = Some(held);
        let second = Store::lock(&home, |_| held.take().is_some());
        assert!(second.is_ok());
    }

    #[test]
    fn the_one_agent_keeps_no_writer_away() {
        let home = tempfile::tempdir().unwrap();
        let agent = Store::lock_agent(home.path()).unwrap();
        let second = Store::lock_agent(home.path()).unwrap_err();
        assert!(matches!(second, StoreError::Locked { holder: Some(_) }));
        assert!(Store::lock(home.path(), |_| false).is_ok());
        drop(agent);
        assert!(Store::lock_agent(home.path()).is_ok());
    }
}
