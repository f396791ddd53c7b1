//! A translator around another one, which lets a test act at every call: edit the library, fail, or
//! die as a killed process does.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use segue_translator::model::{CarriedLimit, ChangeSet, Collection, Item, NativeId};
use segue_translator::{
    Capabilities, Container, Error, ErrorKind, Host, Library, Place, Reading, Revision, Sink,
    Translator, Want, Written,
};

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Open,
    Revision,
    Read,
    Item,
    ReadDone,
    BackUp,
    Write,
    Written,
    Restore,
    Restored,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Go,
    Fail(ErrorKind),
    /// The process is killed: nothing that it does later happens.
    Kill,
}

/// Called at each step with the app and the number of the step since the hook was set.
pub(crate) type Hook = Box<dyn FnMut(&str, Step, u64) -> Act + Send>;

/// What a killed process unwinds with.
pub(crate) struct Killed;

/// What an app makes of a write that it does not hold as it declares.
pub(crate) type Bend = fn(&mut ChangeSet);

/// Where a test hooks in.
#[derive(Default)]
pub(crate) struct Steps(Mutex<(Option<Hook>, u64)>, Mutex<Option<(&'static str, Bend)>>);

impl Steps {
    pub(crate) fn set(&self, hook: Hook) {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = (Some(hook), 0);
    }

    /// Bends every later write of an app.
    pub(crate) fn bend(&self, app: &'static str, bend: Bend) {
        *self.1.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some((app, bend));
    }

    fn bent(&self, app: &str, changes: &ChangeSet) -> ChangeSet {
        let mut changes = changes.clone();
        match *self.1.lock().unwrap_or_else(std::sync::PoisonError::into_inner) {
            Some((bent, bend)) if bent == app => bend(&mut changes),
            _ => {}
        }
        changes
    }

    /// Ends the hook; returns how many steps it saw.
    pub(crate) fn clear(&self) -> u64 {
        let mut inner = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        inner.0 = None;
        std::mem::take(&mut inner.1)
    }

    fn at(&self, app: &str, step: Step) -> Result<(), Error> {
        let act = {
            let mut inner = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let (hook, count) = &mut *inner;
            let Some(hook) = hook else { return Ok(()) };
            *count += 1;
            hook(app, step, *count)
        };
        match act {
            Act::Go => Ok(()),
            Act::Fail(kind) => Err(Error::new(kind, "read", app, "made to fail by the test")),
            Act::Kill => std::panic::resume_unwind(Box::new(Killed)),
        }
    }
}

/// The wrapping translator.
pub(crate) struct Wrapped {
    pub(crate) inner: Arc<dyn Translator>,
    pub(crate) steps: Arc<Steps>,
}

impl Translator for Wrapped {
    fn capabilities(&self) -> &'static Capabilities {
        self.inner.capabilities()
    }

    fn discover(&self, place: &Place) -> Vec<PathBuf> {
        self.inner.discover(place)
    }

    fn open(&self, path: &Path, host: Arc<dyn Host>) -> Result<Box<dyn Library>, Error> {
        self.steps.at(self.capabilities().app, Step::Open)?;
        let inner = self.inner.open(path, host)?;
        Ok(Box::new(Open { inner, steps: self.steps.clone() }))
    }
}

struct Open {
    inner: Box<dyn Library>,
    steps: Arc<Steps>,
}

impl Open {
    fn at(&self, step: Step) -> Result<(), Error> {
        self.steps.at(self.inner.capabilities().app, step)
    }
}

impl Library for Open {
    fn capabilities(&self) -> &'static Capabilities {
        self.inner.capabilities()
    }

    fn running(&self) -> Option<String> {
        self.inner.running()
    }

    fn revision(&self) -> Result<Revision, Error> {
        self.at(Step::Revision)?;
        self.inner.revision()
    }

    fn read(&self, sink: &mut dyn Sink) -> Result<Reading, Error> {
        self.at(Step::Read)?;
        let reading = self.inner.read(&mut Tap { sink, open: self })?;
        self.at(Step::ReadDone)?;
        Ok(reading)
    }

    fn write(&self, expected: &Revision, changes: &ChangeSet) -> Result<Written, Error> {
        self.at(Step::Write)?;
        let changes = self.steps.bent(self.inner.capabilities().app, changes);
        let written = self.inner.write(expected, &changes)?;
        self.at(Step::Written)?;
        Ok(written)
    }

    fn back_up(&self, into: &Path) -> Result<Vec<PathBuf>, Error> {
        self.at(Step::BackUp)?;
        self.inner.back_up(into)
    }

    fn restore(&self, expected: &Revision, from: &Path) -> Result<Revision, Error> {
        self.at(Step::Restore)?;
        let revision = self.inner.restore(expected, from)?;
        self.at(Step::Restored)?;
        Ok(revision)
    }
}

struct Tap<'a> {
    sink: &'a mut dyn Sink,
    open: &'a Open,
}

impl Sink for Tap<'_> {
    fn container(&mut self, container: Container) -> Want {
        self.sink.container(container)
    }

    fn knows(&mut self, item: &NativeId) -> Result<bool, Error> {
        self.sink.knows(item)
    }

    fn item(&mut self, item: Item) -> Result<(), Error> {
        self.open.at(Step::Item)?;
        self.sink.item(item)
    }

    fn limit(&mut self, item: &NativeId, limit: CarriedLimit) -> Result<(), Error> {
        self.sink.limit(item, limit)
    }

    fn collection(&mut self, collection: Collection) -> Result<(), Error> {
        self.open.at(Step::Item)?;
        self.sink.collection(collection)
    }
}
