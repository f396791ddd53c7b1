//! The lock that Dovecot takes before it changes what belongs to a folder: `dovecot-uidlist.lock`.
//!
//! The file holds the process and the computer of its holder, as Dovecot writes them, so that each
//! sees whether the other still lives. The list of UIDs itself is never opened.
//!
//! Invariant: a lock of a living process, or of another computer, is waited for and never taken away.

use std::fs;
use std::io::ErrorKind as Io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use segue_translator::{Error, ErrorKind};

pub(crate) const FILE: &str = "dovecot-uidlist.lock";

/// Held until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    path: PathBuf,
}

impl Lock {
    /// Takes a folder's lock.
    pub(crate) fn take(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(FILE);
        let fail = |error: &std::io::Error| Error::io("lock", &path, error);
        // A lock that is there says at once whose it is.
        let own = folder.join(format!("{FILE}.segue-{}", std::process::id()));
        fs::write(&own, format!("{}:{}", std::process::id(), computer())).map_err(|e| fail(&e))?;
        let taken = match fs::hard_link(&own, &path) {
            Err(error) if error.kind() == Io::AlreadyExists && is_left_behind(&path) => {
                fs::remove_file(&path).and_then(|()| fs::hard_link(&own, &path))
            }
            taken => taken,
        };
        let removed = fs::remove_file(&own);
        match taken {
            Ok(()) => {}
            Err(error) if error.kind() == Io::AlreadyExists => {
                let detail = "a mail server is changing this folder; if none runs, remove the file";
                return Err(Error::new(ErrorKind::Busy, "lock", &path, detail));
            }
            Err(error) => return Err(fail(&error)),
        }
        let lock = Self { path: path.clone() };
        removed.map_err(|error| fail(&error))?;
        Ok(lock)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // What cannot be removed now says who held it, and is removed by the next.
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether the holder of a lock was a process of this computer that is no more.
fn is_left_behind(path: &Path) -> bool {
    let Ok(said) = fs::read_to_string(path) else { return false };
    let Some((process, host)) = said.trim_end().split_once(':') else { return false };
    let process = process.parse().ok().and_then(Pid::from_raw);
    let is_dead = |process| test_kill_process(process) == Err(Errno::SRCH);
    host == computer() && process.is_some_and(is_dead)
}

fn computer() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holds_it_and_the_next_may_have_it_after() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::take(folder.path()).unwrap();
        assert_eq!(Lock::take(folder.path()).unwrap_err().kind, ErrorKind::Busy);
        drop(lock);
        drop(Lock::take(folder.path()).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_lock_of_a_dead_process_of_this_computer_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        for (left, is_taken) in [
            (format!("{}:{}", child.id(), computer()), true),
            (format!("{}:{}x", child.id(), computer()), false),
            (format!("{}:{}", std::process::id(), computer()), false),
            ("nobody".to_owned(), false),
            (String::new(), false),
        ] {
            fs::write(&path, &left).unwrap();
            assert_eq!(Lock::take(folder.path()).is_ok(), is_taken, "{left}");
        }
    }
}
