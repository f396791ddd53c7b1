//! Hears of changes in the folders in which mail lies.
//!
//! Mail programs deliver and mark by names: a file comes, goes, or gets another name. Linux tells of that; elsewhere nobody
//! is told, and whoever wants to know has to look. So it is where a person's programs watch as many folders as the
//! system lets them: that is said once, and what is watched already goes on.
//!
//! Invariant: reading is no change.

use std::path::PathBuf;
use std::time::Duration;

use segue_translator::{Error, Heard};

/// So many folders are watched at most.
pub const FOLDERS_MAX: usize = 2_048;

/// What hears of one library.
#[derive(Debug, Default)]
pub struct Ears(system::Ears);

impl Ears {
    /// Waits, for at most `patience`, until a name changes in one of the folders. What changed since the last call is
    /// told at once; what changed before a folder was first named here is not.
    ///
    /// # Errors
    /// `TooLarge`, once, if not all folders can be watched.
    pub fn listen(&self, folders: &[PathBuf], patience: Duration) -> Result<Heard, Error> {
        self.0.listen(folders, patience, FOLDERS_MAX)
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::os::fd::OwnedFd;
    use std::path::PathBuf;
    use std::sync::{Mutex, PoisonError};
    use std::time::Duration;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
    use rustix::io::{Errno, read};
    use segue_translator::{Error, ErrorKind, Heard};

    #[derive(Debug, Default)]
    pub(super) struct Ears(Mutex<State>);

    #[derive(Debug, Default)]
    struct State {
        /// `None` before the first call, and where the system has none left.
        queue: Option<OwnedFd>,
        /// It was said that not all is heard.
        was_said: bool,
    }

    impl Ears {
        pub(super) fn listen(
            &self,
            folders: &[PathBuf],
            patience: Duration,
            folders_max: usize,
        ) -> Result<Heard, Error> {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if state.queue.is_none() {
                state.queue = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok();
            }
            let is_all = state.queue.as_ref().is_some_and(|queue| {
                let few = &folders[..folders.len().min(folders_max)];
                watch(queue, few) && few.len() == folders.len()
            });
            if !is_all && !std::mem::replace(&mut state.was_said, true) {
                let place = folders.first().cloned().unwrap_or_default();
                let detail = "the system does not watch so many folders; what changes in the others is seen by \
                              looking, every few seconds";
                return Err(Error::new(ErrorKind::TooLarge, "listen to", place, detail));
            }
            match &state.queue {
                Some(queue) => Ok(wait(queue, patience)),
                None => Ok(Heard::Mute),
            }
        }
    }

    /// Watches folders; one that is watched already stays so. Says whether the system had room for all of them.
    fn watch(queue: &OwnedFd, folders: &[PathBuf]) -> bool {
        let names = WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR;
        // A folder that is not there has no names.
        folders.iter().all(|folder| inotify::add_watch(queue, folder, names) != Err(Errno::NOSPC))
    }

    fn wait(queue: &OwnedFd, patience: Duration) -> Heard {
        let patience = Timespec {
            tv_sec: i64::try_from(patience.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: patience.subsec_nanos().into(),
        };
        let mut ready = [PollFd::new(queue, PollFlags::IN)];
        if !matches!(poll(&mut ready, Some(&patience)), Ok(1..)) {
            return Heard::Nothing;
        }
        // What it was is not asked, only that it was; nothing of it may be left.
        let mut events = [0; 16 << 10];
        while matches!(read(queue, &mut events), Ok(1..)) {}
        Heard::Change
    }

    #[cfg(test)]
    mod tests {
        use std::fs;

        use super::*;

        const PATIENCE: Duration = Duration::from_mins(1);

        #[test]
        fn a_name_that_changes_is_heard_and_a_read_is_not() {
            let store = tempfile::tempdir().unwrap();
            let [one, two] = ["one", "two"].map(|name| store.path().join(name));
            let ears = Ears::default();
            let folders = [one.clone(), store.path().join("not there"), two.clone()];
            let listen = |patience| ears.listen(&folders, patience, 3).unwrap();
            for folder in [&one, &two] {
                fs::create_dir(folder).unwrap();
                fs::write(folder.join("1:2,"), "text").unwrap();
            }
            assert_eq!(listen(Duration::ZERO), Heard::Nothing);
            fs::read(one.join("1:2,")).unwrap();
            assert_eq!(listen(Duration::ZERO), Heard::Nothing, "a read");
            let changes: [&dyn Fn(); 3] = [
                &|| fs::rename(one.join("1:2,"), one.join("1:2,S")).unwrap(),
                &|| fs::rename(one.join("1:2,S"), two.join("2:2,S")).unwrap(),
                &|| fs::remove_file(two.join("2:2,S")).unwrap(),
            ];
            for change in changes {
                change();
                assert_eq!(listen(PATIENCE), Heard::Change);
                assert_eq!(listen(Duration::ZERO), Heard::Nothing, "it is told once");
            }
            // Another folder of the same name.
            fs::rename(&one, store.path().join("three")).unwrap();
            fs::create_dir(&one).unwrap();
            assert_eq!(listen(PATIENCE), Heard::Change);
            listen(Duration::ZERO);
            fs::write(one.join("3:2,"), "text").unwrap();
            assert_eq!(listen(PATIENCE), Heard::Change);
        }

        #[test]
        fn what_is_too_much_is_said_once_and_the_rest_is_heard() {
            let store = tempfile::tempdir().unwrap();
            let folders = ["one", "two"].map(|name| store.path().join(name));
            for folder in &folders {
                fs::create_dir(folder).unwrap();
            }
            let ears = Ears::default();
            let error = ears.listen(&folders, Duration::ZERO, 1).unwrap_err();
            assert_eq!(error.kind, ErrorKind::TooLarge);
            assert_eq!(ears.listen(&folders, Duration::ZERO, 1).unwrap(), Heard::Nothing);
            fs::write(folders[1].join("1:2,"), "text").unwrap();
            assert_eq!(ears.listen(&folders, Duration::ZERO, 1).unwrap(), Heard::Nothing);
            fs::write(folders[0].join("1:2,"), "text").unwrap();
            assert_eq!(ears.listen(&folders, PATIENCE, 1).unwrap(), Heard::Change);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::path::PathBuf;
    use std::time::Duration;

    use segue_translator::{Error, Heard};

    #[derive(Debug, Default)]
    pub(super) struct Ears;

    impl Ears {
        #[expect(clippy::unused_self, reason = "the shape that it has elsewhere")]
        #[expect(clippy::unnecessary_wraps, reason = "the shape that it has elsewhere")]
        pub(super) fn listen(&self, _: &[PathBuf], _: Duration, _: usize) -> Result<Heard, Error> {
            Ok(Heard::Mute)
        }
    }
}
