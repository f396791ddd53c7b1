//! The locks that mail programs take: `fcntl` on the mailbox, then `NAME.lock` beside it.
//!
//! In this order, as mutt, Dovecot and Debian's policy have them; a reader takes the first alone. None is
//! waited for long: who cannot have them tries again in the next pass.
//!
//! Invariant: a lock of a living process, of another computer, or of nobody who is known is never taken
//! away.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind as Io, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use segue_translator::{Error, ErrorKind, file};

/// So often a lock is tried, and so long is waited between.
const ATTEMPTS: usize = 40;
const PAUSE: Duration = Duration::from_millis(25);
/// A longer file is nobody's lock.
const BYTES_MAX: u64 = 1 << 10;

/// A mailbox that nobody else reads or writes, until this is dropped.
#[derive(Debug)]
pub(crate) struct Locked {
    pub(crate) file: Arc<File>,
    /// Where the mailbox lies, links followed.
    pub(crate) path: PathBuf,
    dotlock: PathBuf,
}

impl Locked {
    /// Takes both locks of a mailbox.
    pub(crate) fn take(path: &Path) -> Result<Self, Error> {
        let fail = |error: &io::Error| Error::io("lock", path, error);
        let path = fs::canonicalize(path).map_err(|error| fail(&error))?;
        let file = OpenOptions::new().read(true).write(true).open(&path);
        let file = file.map_err(|error| fail(&error))?;
        if !fcntl(&file, FlockOperation::NonBlockingLockExclusive).map_err(|e| fail(&e))? {
            return Err(busy(&path, "a mail program is using this mailbox"));
        }
        let dotlock = beside(&path, "", ".lock");
        take_dotlock(&path, &dotlock)?;
        Ok(Self { file: Arc::new(file), path, dotlock })
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // What cannot be removed now says who held it, and is removed by the next. The other lock goes
        // with the file.
        let _ = fs::remove_file(&self.dotlock);
    }
}

/// Takes a reader's lock, which goes when the file is closed. Where the file system has no locks, a
/// mailbox is read without.
pub(crate) fn shared(file: &File, path: &Path) -> Result<(), Error> {
    match fcntl(file, FlockOperation::NonBlockingLockShared) {
        Ok(false) => Err(busy(path, "a mail program is writing this mailbox")),
        Err(error) if error.kind() != Io::Unsupported && !is_without_locks(&error) => {
            Err(Error::io("lock", path, &error))
        }
        _ => Ok(()),
    }
}

fn is_without_locks(error: &io::Error) -> bool {
    [Errno::NOLCK, Errno::INVAL].iter().any(|one| error.raw_os_error() == Some(one.raw_os_error()))
}

fn busy(path: &Path, detail: &str) -> Error {
    Error::new(ErrorKind::Busy, "lock", path, detail)
}

/// Whether the lock was got.
fn fcntl(file: &File, operation: FlockOperation) -> io::Result<bool> {
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            std::thread::sleep(PAUSE);
        }
        match fcntl_lock(file, operation) {
            Err(Errno::AGAIN | Errno::ACCESS) => {}
            taken => return taken.map(|()| true).map_err(io::Error::from),
        }
    }
    Ok(false)
}

/// Makes the lock file, which says at once whose it is.
///
/// The other lock is held already, so no two of us take a dead one's away at the same time.
fn take_dotlock(mailbox: &Path, dotlock: &Path) -> Result<(), Error> {
    let fail = |error: &io::Error| {
        let error = Error::io("lock", dotlock, error);
        let detail =
            format!("{}; a mailbox is written only where its lock can be made", error.detail);
        Error { detail, ..error }
    };
    let own = own(mailbox);
    // One that is left of a killed process may be the lock file itself under another name.
    let _ = fs::remove_file(&own);
    put_own(&own).map_err(|error| fail(&error))?;
    let mut taken = Err(Io::AlreadyExists.into());
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            std::thread::sleep(PAUSE);
        }
        if is_left_behind(dotlock) {
            // It may be gone by now.
            let _ = fs::remove_file(dotlock);
        }
        taken = fs::hard_link(&own, dotlock);
        if !matches!(&taken, Err(error) if error.kind() == Io::AlreadyExists) {
            break;
        }
    }
    let _ = fs::remove_file(&own);
    taken.map_err(|error| match error.kind() {
        Io::AlreadyExists => {
            busy(dotlock, "a mail program has locked this mailbox; if none runs, remove this file")
        }
        _ => fail(&error),
    })
}

/// Writes whose lock it is. After a power cut a lock that does not say it would be held for ever, so it does before it is one.
fn put_own(own: &Path) -> io::Result<()> {
    let mut file = File::create(own)?;
    write!(file, "{}:{}", std::process::id(), computer())?;
    file.sync_all()
}

/// The file of this name beside a mailbox: its name with something before and after.
pub(crate) fn beside(mailbox: &Path, before: &str, after: &str) -> PathBuf {
    let mut name = OsString::from(before);
    name.push(mailbox.file_name().unwrap_or_default());
    name.push(after);
    mailbox.with_file_name(name)
}

/// What becomes the lock file. Its name ends as that of a lock does: Dovecot shows every other file as a mailbox.
fn own(mailbox: &Path) -> PathBuf {
    beside(mailbox, ".", ".segue-own.lock")
}

/// Whether a process of this computer that is no more left a lock of a mailbox.
pub(crate) fn is_left(mailbox: &Path) -> bool {
    let Ok(path) = fs::canonicalize(mailbox) else { return false };
    let own = own(&path);
    // What becomes a lock is nobody's where it does not say whose.
    let is_cut = || fs::metadata(&own).is_ok_and(|meta| meta.len() == 0);
    is_left_behind(&beside(&path, "", ".lock")) || is_left_behind(&own) || is_cut()
}

/// Whether the holder of a lock was a process of this computer that is no more.
fn is_left_behind(dotlock: &Path) -> bool {
    let Ok(said) = file::read_bounded(dotlock, BYTES_MAX) else { return false };
    let said = String::from_utf8_lossy(&said);
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
    use std::io::{BufRead as _, BufReader, Read as _};
    use std::process::{Child, ChildStdout, Command, Stdio};

    /// Names the mailbox that another process is to lock.
    const HELD: &str = "SEGUE_TEST_HOLDS";

    /// Another process that holds the first lock alone, as a program that knows no other, until its input
    /// ends.
    struct Other(Child, BufReader<ChildStdout>);

    impl Other {
        fn holds(mailbox: &Path) -> Self {
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "lock::tests::holds_a_lock_for_another_test", "--nocapture"])
                .env(HELD, mailbox)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut said = BufReader::new(child.stdout.take().unwrap());
            let mut line = String::new();
            while !line.ends_with("held\n") {
                assert!(said.read_line(&mut line).unwrap() > 0, "{line}");
            }
            Self(child, said)
        }
    }

    impl Drop for Other {
        fn drop(&mut self) {
            drop(self.0.stdin.take());
            let _ = self.1.read_to_end(&mut Vec::new());
            let _ = self.0.wait();
        }
    }

    #[test]
    fn holds_a_lock_for_another_test() {
        let Some(mailbox) = std::env::var_os(HELD) else { return };
        let file = OpenOptions::new().read(true).write(true).open(mailbox).unwrap();
        assert!(fcntl(&file, FlockOperation::NonBlockingLockExclusive).unwrap());
        println!("held");
        std::io::stdout().flush().unwrap();
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
    }

    fn mailbox() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("INBOX");
        fs::write(&path, "").unwrap();
        (folder, path)
    }

    #[test]
    fn f28_who_holds_a_lock_is_waited_for() {
        let (folder, path) = mailbox();
        let other = Other::holds(&path);
        assert_eq!(Locked::take(&path).unwrap_err().kind, ErrorKind::Busy);
        let file = File::open(&path).unwrap();
        assert_eq!(shared(&file, &path).unwrap_err().kind, ErrorKind::Busy);
        drop(other);
        shared(&file, &path).unwrap();
        drop(Locked::take(&path).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn f28_mutt_waits_for_our_locks() {
        for program in ["/usr/bin/mutt", "/usr/bin/script"] {
            if !Path::new(program).exists() {
                let _ = writeln!(io::stderr(), "here: {program} is not installed");
                return;
            }
        }
        let (folder, path) = mailbox();
        let text = "From a@b Mon Jan  1 10:00:00 2024\nSubject: x\n\nHello\n\n";
        fs::write(&path, text).unwrap();
        let settings = format!("set folder={}\nset quit=yes\n", folder.path().display());
        fs::write(folder.path().join("rc"), settings).unwrap();
        let locked = Locked::take(&path).unwrap();
        let mut mutt = Command::new("script")
            .args(["-qefc", "mutt -n -F rc -f INBOX", "seen"])
            .current_dir(folder.path())
            .envs([("TERM", "xterm"), ("LINES", "30"), ("COLUMNS", "120")])
            .env("HOME", folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (mut shown, mut chunk) = (String::new(), [0; 4096]);
        while !shown.contains("Timeout exceeded while attempting fcntl lock") {
            let bytes = mutt.stdout.as_mut().unwrap().read(&mut chunk).unwrap();
            assert!(bytes > 0, "mutt opened it all the same: {shown}");
            shown += &String::from_utf8_lossy(&chunk[..bytes]);
        }
        mutt.stdin.take().unwrap().write_all(b"q").unwrap();
        let _ = mutt.stdout.take().unwrap().read_to_end(&mut Vec::new());
        mutt.wait().unwrap();
        drop(locked);
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }

    #[test]
    fn both_locks_are_held_and_given_back() {
        let (folder, path) = mailbox();
        let locked = Locked::take(&path).unwrap();
        let said = fs::read_to_string(folder.path().join("INBOX.lock")).unwrap();
        assert_eq!(said, format!("{}:{}", std::process::id(), computer()));
        assert_eq!(take_dotlock(&path, &locked.dotlock).unwrap_err().kind, ErrorKind::Busy);
        drop(locked);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_lock_of_a_dead_process_of_this_computer_is_taken_over() {
        let (_folder, path) = mailbox();
        let mut child = Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        for (left, is_left) in [
            (format!("{}:{}", child.id(), computer()), true),
            (format!("{}:{}\n", child.id(), computer()), true),
            (format!("{}:{}x", child.id(), computer()), false),
            (format!("{}:{}", std::process::id(), computer()), false),
            (child.id().to_string(), false),
            (String::new(), false),
        ] {
            let dotlock = beside(&path, "", ".lock");
            let _ = fs::remove_file(&dotlock);
            fs::write(&dotlock, &left).unwrap();
            // Killed before it could remove the other name.
            fs::hard_link(&dotlock, own(&path)).unwrap();
            assert_eq!(is_left_behind(&dotlock), is_left, "{left}");
            assert_eq!(Locked::take(&path).is_ok(), is_left, "{left}");
            let _ = fs::remove_file(own(&path));
        }
    }

    #[test]
    fn a_lock_lies_beside_the_file_that_a_link_leads_to() {
        let (folder, path) = mailbox();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let _locked = Locked::take(&link).unwrap();
        assert!(folder.path().join("INBOX.lock").exists());
    }
}
