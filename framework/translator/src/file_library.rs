//! A library of a few whole files, guarded for its format.
//!
//! Invariant: a file takes its place only after the whole proposal was read and is the old library
//! with the edits, while the app does not run and nothing has changed since.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use segue_model::{CarriedLimit, ChangeSet, Collection, Item, NativeId};

use crate::file::{self, Replacement};
use crate::file_app::{App, FILE_BYTES_MAX, Files, Format, main_file};
use crate::proposal::Proposal;
use crate::{
    Capabilities, Collector, Container, Error, ErrorKind, Host, Library, Probe, Reading, Revision,
    Sink, Want, Written,
};

/// An open library.
pub(crate) struct Opened<F> {
    pub(crate) app: &'static App,
    pub(crate) folder: PathBuf,
    pub(crate) host: Arc<dyn Host>,
    pub(crate) format: Arc<F>,
}

impl<F: Format> Library for Opened<F> {
    fn capabilities(&self) -> &'static Capabilities {
        &self.app.capabilities
    }

    fn running(&self) -> Option<String> {
        self.host.running(&Probe {
            processes: self.app.signs.processes,
            bus_names: self.app.signs.bus_names,
            library: &main_file(self.app, &self.folder),
            holds_open: self.app.signs.holds_open,
        })
    }

    fn revision(&self) -> Result<Revision, Error> {
        let mut all = String::new();
        for path in self.paths() {
            let stamp = file::stamp(&path)?;
            if all.is_empty() && stamp.0 == "-" {
                return Err(self.error(ErrorKind::Absent, "it is gone"));
            }
            all.push_str(&stamp.0);
            all.push(';');
        }
        Ok(Revision(all))
    }

    fn read(&self, sink: &mut dyn Sink) -> Result<Reading, Error> {
        let revision = self.revision()?;
        self.check_files(&self.folder)?;
        let container = Container { id: NativeId::from(""), revision: revision.clone() };
        let want = sink.container(container);
        let mut items = Items { inner: sink, want };
        let reading = self.format.read(self.files(&self.folder), &mut items)?;
        if self.revision()? != revision {
            return Err(self.error(ErrorKind::Stale, "it changed while it was read"));
        }
        Ok(Reading { revision, ..reading })
    }

    fn write(&self, expected: &Revision, changes: &ChangeSet) -> Result<Written, Error> {
        self.check(expected)?;
        let (old, reading) = Collector::collect(self)?;
        if let Some(why) = reading.read_only {
            return Err(self.error(ErrorKind::Unsupported, &why));
        }
        let mut proposal = Proposal::new(&self.app.capabilities, old, changes);
        let refused = std::mem::take(&mut proposal.refused);
        if proposal.asked.is_empty() {
            let revision = self.revision()?;
            return Ok(Written { revision, refused, ..Written::default() });
        }
        let stage = self.stage()?;
        let now = self.files(&self.folder);
        let mut written = self.format.rewrite(now, &proposal.asked, stage.path())?;
        self.check_files(stage.path())?;
        let changed = self.complete(stage.path())?;
        let mut collector = Collector::default();
        self.format.read(self.files(stage.path()), &mut collector)?;
        let new = collector.catalog;
        // Files that say the same in other bytes are left alone.
        let is_same = proposal.is_old(&new);
        proposal.check(&new, &written).map_err(|why| {
            self.error(ErrorKind::Translator, &format!("a write would go wrong: {why}"))
        })?;
        if !is_same {
            self.replace(expected, stage.path(), &changed)?;
        }
        written.refused.extend(refused);
        Ok(Written { revision: self.revision()?, ..written })
    }

    fn back_up(&self, into: &Path) -> Result<Vec<PathBuf>, Error> {
        let mut copies = Vec::new();
        for name in self.present(&self.folder) {
            let copy = into.join(name);
            file::copy(&self.folder.join(name), &copy)?;
            copies.push(copy);
        }
        Ok(copies)
    }

    fn restore(&self, expected: &Revision, from: &Path) -> Result<Revision, Error> {
        self.check(expected)?;
        self.replace(expected, from, &self.present(from))?;
        let mut made_since = self.present(&self.folder);
        made_since.retain(|name| !from.join(name).exists());
        for name in made_since {
            let path = self.folder.join(name);
            fs::remove_file(&path).map_err(|error| Error::io("restore", &path, &error))?;
        }
        self.revision()
    }
}

impl<F: Format> Opened<F> {
    fn paths(&self) -> impl Iterator<Item = PathBuf> {
        self.app.files.iter().map(|name| self.folder.join(name))
    }

    fn files<'a>(&'a self, folder: &'a Path) -> Files<'a> {
        Files { library: &self.folder, folder }
    }

    fn error(&self, kind: ErrorKind, detail: &str) -> Error {
        Error::new(kind, "use", main_file(self.app, &self.folder), detail)
    }

    /// The files that are in a folder, in their order.
    fn present(&self, folder: &Path) -> Vec<&'static str> {
        let there = |name: &&&str| fs::symlink_metadata(folder.join(name)).is_ok();
        self.app.files.iter().filter(there).copied().collect()
    }

    /// Regular files of a bearable size are all that anybody may open: a pipe would block for ever.
    fn check_files(&self, folder: &Path) -> Result<(), Error> {
        let mut present = self.present(folder).into_iter();
        present
            .try_for_each(|name| file::open_bounded(&folder.join(name), FILE_BYTES_MAX).map(drop))
    }

    fn check(&self, expected: &Revision) -> Result<(), Error> {
        match self.running() {
            Some(what) => Err(self.error(ErrorKind::Busy, &what)),
            None if self.revision()? != *expected => {
                Err(self.error(ErrorKind::Stale, "it changed since it was read"))
            }
            None => Ok(()),
        }
    }

    fn stage(&self) -> Result<tempfile::TempDir, Error> {
        let staging = self.format.staging();
        tempfile::Builder::new()
            .prefix("segue-stage-")
            .tempdir_in(&staging)
            .map_err(|error| Error::io("write", staging, &error))
    }

    /// Completes the stage with the files that it lacks; returns those that it changes.
    fn complete(&self, stage: &Path) -> Result<Vec<&'static str>, Error> {
        let mut changed = Vec::new();
        let now = self.files(&self.folder);
        for name in self.present(&self.folder) {
            let staged = stage.join(name);
            match fs::symlink_metadata(&staged) {
                Ok(meta) if !meta.is_file() => {
                    return Err(self.error(ErrorKind::Translator, "a link or folder was staged"));
                }
                Ok(_) if self.files(stage).bytes(name)? == now.bytes(name)? => {}
                Ok(_) => changed.push(name),
                Err(_) => file::copy(&self.folder.join(name), &staged)?,
            }
        }
        let known = self.present(&self.folder);
        changed.extend(self.present(stage).into_iter().filter(|name| !known.contains(name)));
        Ok(changed)
    }

    /// Puts files in place, each whole or not at all. All are durable before the first takes its
    /// place, and the last look at the app and the library is right before that.
    fn replace(&self, expected: &Revision, from: &Path, names: &[&str]) -> Result<(), Error> {
        let mut replacements = Vec::new();
        for name in names {
            let path = self.folder.join(name);
            let bytes = self.files(from).bytes(name)?;
            let mut replacement = Replacement::create(&path)?;
            replacement.write_all(&bytes).map_err(|error| Error::io("write", &path, &error))?;
            replacements.push(replacement);
        }
        let mut first = true;
        for replacement in replacements {
            let look = || if first { self.check(expected) } else { Ok(()) };
            replacement.commit(look)?;
            first = false;
        }
        Ok(())
    }
}

/// Lets items through if they are wanted.
struct Items<'a> {
    inner: &'a mut dyn Sink,
    want: Want,
}

impl Sink for Items<'_> {
    fn container(&mut self, _: Container) -> Want {
        self.want
    }

    fn knows(&mut self, item: &NativeId) -> Result<bool, Error> {
        if self.want == Want::Items { self.inner.knows(item) } else { Ok(false) }
    }

    fn item(&mut self, item: Item) -> Result<(), Error> {
        if self.want == Want::Items { self.inner.item(item) } else { Ok(()) }
    }

    fn limit(&mut self, item: &NativeId, limit: CarriedLimit) -> Result<(), Error> {
        if self.want == Want::Items { self.inner.limit(item, limit) } else { Ok(()) }
    }

    fn collection(&mut self, collection: Collection) -> Result<(), Error> {
        self.inner.collection(collection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file_app::{FileApp, Folder, Signs};
    use crate::{FieldSupport, Idle, Translator};
    use segue_model::music::{MUSIC, RATING};
    use segue_model::{FieldEdit, Value};

    static FIELDS: [FieldSupport; 1] = [FieldSupport::exact(&RATING)];
    static TWO: App = App {
        capabilities: Capabilities::of("two", &MUSIC, &FIELDS),
        folders: &[Folder::data("two")],
        files: &["a", "b"],
        signs: Signs::processes(&["two"]),
    };

    /// Each file is one rating; `b` need not be there.
    struct Two;

    impl Format for Two {
        fn app(&self) -> &'static App {
            &TWO
        }

        fn read(&self, files: Files<'_>, sink: &mut dyn Sink) -> Result<Reading, Error> {
            for name in TWO.files.iter().filter(|name| files.folder.join(name).exists()) {
                let text = String::from_utf8_lossy(&files.bytes(name)?).into_owned();
                let rating = text
                    .trim()
                    .parse()
                    .map_err(|_| files.error(ErrorKind::Corrupt, name, "no number"))?;
                let mut item = Item::new(*name);
                item.fields.set(&RATING, Value::Int(rating));
                sink.item(item)?;
            }
            Ok(Reading::default())
        }

        fn rewrite(
            &self,
            files: Files<'_>,
            changes: &ChangeSet,
            stage: &Path,
        ) -> Result<crate::Written, Error> {
            for name in TWO.files.iter().filter(|name| files.folder.join(name).exists()) {
                let edit = changes.fields.iter().find(|edit| edit.item == NativeId::from(*name));
                let rating = edit.and_then(|edit| edit.new.as_ref()?.as_int());
                let bytes = rating.map_or_else(|| files.bytes(name), |r| Ok(r.to_string().into()));
                fs::write(stage.join(name), bytes?).map_err(|e| Error::io("write", stage, &e))?;
            }
            Ok(Written::default())
        }
    }

    fn rate(name: &str, old: i64, new: i64) -> ChangeSet {
        let (old, new) = (Some(Value::Int(old)), Some(Value::Int(new)));
        let fields = vec![FieldEdit { item: name.into(), field: &RATING, old, new }];
        ChangeSet { fields, ..ChangeSet::default() }
    }

    fn laid(b: Option<&str>) -> (tempfile::TempDir, Box<dyn Library>) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "1\n").unwrap();
        if let Some(text) = b {
            fs::write(folder.path().join("b"), text).unwrap();
        }
        let library = FileApp::new(Two).open(&folder.path().join("a"), Arc::new(Idle)).unwrap();
        (folder, library)
    }

    #[test]
    fn only_what_changes_is_replaced_and_links_are_written_through() {
        let (folder, library) = laid(None);
        let real = folder.path().join("real");
        fs::write(&real, "2\n").unwrap();
        std::os::unix::fs::symlink(&real, folder.path().join("b")).unwrap();
        let untouched = file::stamp(&folder.path().join("a")).unwrap();
        let revision = library.revision().unwrap();
        let written = library.write(&revision, &rate("b", 2, 50)).unwrap();
        assert_eq!(library.revision().unwrap(), written.revision);
        assert_eq!(fs::read_to_string(real).unwrap(), "50");
        assert_eq!(file::stamp(&folder.path().join("a")).unwrap(), untouched);
        assert!(fs::symlink_metadata(folder.path().join("b")).unwrap().is_symlink());
        let stale = library.write(&revision, &rate("a", 1, 2)).unwrap_err();
        assert_eq!(stale.kind, ErrorKind::Stale);
    }

    #[test]
    fn a_file_that_was_made_after_the_backup_is_gone_after_it_is_restored() {
        let (folder, library) = laid(None);
        let backup = tempfile::tempdir().unwrap();
        assert_eq!(library.back_up(backup.path()).unwrap().len(), 1);
        fs::write(folder.path().join("a"), "7\n").unwrap();
        fs::write(folder.path().join("b"), "7\n").unwrap();
        library.restore(&library.revision().unwrap(), backup.path()).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("a")).unwrap(), "1\n");
        assert!(!folder.path().join("b").exists());
    }
}
