//! A fixture laid into a home of its own, and what can be asked of it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use segue_translator::model::{Catalog, ChangeSet};
use segue_translator::{Collector, Error, Host, Idle, Library, Reading, Revision, Written};

use crate::subject::{Running, Subject};
use crate::trial::{OrFail as _, Verdict, fail, skip};

/// A copy of a fixture; gone when dropped.
pub(crate) struct Laid {
    /// The app, if the library is live. The first field: it ends before its folder goes.
    running: Mutex<Option<Running>>,
    folder: tempfile::TempDir,
    home: OsString,
    fixture: PathBuf,
    subject: Subject,
}

/// Every file of a library: its content and when it was changed.
pub(crate) type Files = BTreeMap<PathBuf, (Vec<u8>, Option<SystemTime>)>;

impl Laid {
    pub(crate) fn new(subject: &Subject, fixture: &Path) -> Verdict<Self> {
        Self::in_home(subject, fixture, OsStr::new("home"))
    }

    /// In a home folder of this name.
    pub(crate) fn in_home(subject: &Subject, fixture: &Path, home: &OsStr) -> Verdict<Self> {
        let laid = Self::quiet(subject, fixture, home)?;
        laid.wake()?;
        Ok(laid)
    }

    /// The same, with no app running even if the library is live.
    pub(crate) fn asleep(subject: &Subject, fixture: &Path) -> Verdict<Self> {
        Self::quiet(subject, fixture, OsStr::new("home"))
    }

    fn quiet(subject: &Subject, fixture: &Path, home: &OsStr) -> Verdict<Self> {
        let folder = tempfile::tempdir().or_fail("cannot make a folder")?;
        let (home, fixture) = (home.to_owned(), fixture.to_owned());
        let running = Mutex::new(None);
        let laid = Self { running, folder, home, fixture, subject: subject.clone() };
        laid.lay()?;
        Ok(laid)
    }

    /// The home folder.
    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join(&self.home)
    }

    /// The library.
    pub(crate) fn path(&self) -> PathBuf {
        self.home().join(&self.subject.home)
    }

    /// An existing folder of this name beside the home, for backups and traces.
    pub(crate) fn beside(&self, name: &str) -> Verdict<PathBuf> {
        let folder = self.folder.path().join(name);
        fs::create_dir_all(&folder).or_fail("cannot make a folder")?;
        Ok(folder)
    }

    /// Lays the fixture anew, at the same path.
    pub(crate) fn again(&self) -> Verdict {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.lay()?;
        self.wake()
    }

    /// Starts the app, if the library is live.
    pub(crate) fn wake(&self) -> Verdict {
        let Some(start) = &self.subject.live else { return Ok(()) };
        match start(&self.path()) {
            Ok(running) => {
                *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
                Ok(())
            }
            Err(why) if why.starts_with("here:") => skip(why),
            Err(why) => fail(format!("cannot start the app: {why}")),
        }
    }

    fn lay(&self) -> Verdict {
        let home = self.home();
        if home.exists() {
            fs::remove_dir_all(&home).or_fail("cannot empty the home")?;
        }
        copy_folder(&self.fixture, &self.path()).or_fail("cannot copy the fixture")
    }

    pub(crate) fn open(&self) -> Verdict<Box<dyn Library>> {
        self.open_with(Arc::new(Idle))
    }

    pub(crate) fn open_with(&self, host: Arc<dyn Host>) -> Verdict<Box<dyn Library>> {
        self.subject.translator.open(&self.path(), host).or_fail("cannot open the library")
    }

    /// Opens and reads.
    pub(crate) fn read(&self) -> Verdict<(Catalog, Reading)> {
        Collector::collect(&*self.open()?).or_fail("cannot read the library")
    }

    /// Opens and writes at the current revision.
    pub(crate) fn try_write(&self, changes: &ChangeSet) -> Verdict<Result<Written, Error>> {
        let library = self.open()?;
        let revision = library.revision().or_fail("cannot tell the revision")?;
        Ok(library.write(&revision, changes))
    }

    /// Writes, which must succeed; then the library must still be sound.
    pub(crate) fn write(&self, changes: &ChangeSet) -> Verdict<Written> {
        let written = self.try_write(changes)?.or_fail("cannot write")?;
        self.sound()?;
        Ok(written)
    }

    pub(crate) fn revision(&self) -> Verdict<Revision> {
        self.open()?.revision().or_fail("cannot tell the revision")
    }

    pub(crate) fn sound(&self) -> Verdict {
        (self.subject.sound)(&self.path()).or_fail("the app would not accept the library")
    }

    /// Every file below the library. The shared memory of SQLite is left out: it has no content.
    pub(crate) fn files(&self) -> Verdict<Files> {
        let mut files = files_below(&self.path()).or_fail("cannot look at the files")?;
        files.retain(|path, _| !path.to_string_lossy().ends_with("-shm"));
        Ok(files)
    }

    /// The content of every file.
    pub(crate) fn bytes(&self) -> Verdict<BTreeMap<PathBuf, Vec<u8>>> {
        Ok(self.files()?.into_iter().map(|(path, (bytes, _))| (path, bytes)).collect())
    }
}

pub(crate) fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Every regular file below a folder.
pub(crate) fn files_below(folder: &Path) -> io::Result<Files> {
    let mut files = Files::new();
    collect_files(folder, &mut files)?;
    Ok(files)
}

fn collect_files(folder: &Path, files: &mut Files) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            collect_files(&entry.path(), files)?;
        } else if kind.is_file() {
            let modified = entry.metadata()?.modified().ok();
            files.insert(entry.path(), (fs::read(entry.path())?, modified));
        }
    }
    Ok(())
}
