//! A library that consists of hostile files, read and written as the agent does it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use segue_model::{
    CarriedLimit, Catalog, ChangeSet, Collection, FieldEdit, Item, NativeId, Value, music,
};
use segue_translator::{
    Collector, Container, Error, ErrorKind, Idle, Library, Reading, Sink, Translator, Want,
};

use crate::target::Outcome;

/// A file's path in the repository's root, read.
pub(crate) fn fixture(path: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = root.join(path);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A sink that takes no more than bytes can honestly hold.
struct Bounded {
    inner: Collector,
    left: usize,
}

impl Bounded {
    fn take(&mut self) -> Result<(), Error> {
        let flood = || Error::new(ErrorKind::TooLarge, "read", "", "more than the bytes can hold");
        self.left = self.left.checked_sub(1).ok_or_else(flood)?;
        Ok(())
    }
}

impl Sink for Bounded {
    fn container(&mut self, container: Container) -> Want {
        self.inner.container(container)
    }

    fn item(&mut self, item: Item) -> Result<(), Error> {
        self.take()?;
        self.inner.item(item)
    }

    fn limit(&mut self, item: &NativeId, limit: CarriedLimit) -> Result<(), Error> {
        self.take()?;
        self.inner.limit(item, limit)
    }

    fn collection(&mut self, collection: Collection) -> Result<(), Error> {
        self.take()?;
        self.inner.collection(collection)
    }
}

fn read(library: &dyn Library, bytes: usize) -> Result<(Catalog, Reading), Error> {
    let mut sink = Bounded { inner: Collector::default(), left: 64 + bytes };
    let reading = library.read(&mut sink)?;
    assert!(sink.left > 0, "more items than bytes");
    Ok((sink.inner.catalog, reading))
}

/// Opens a folder with these files, of which the last is the hostile one.
///
/// Whatever it is: reading touches no file, and two reads are equal; an error has words. What can be
/// read can be written, and then reads as it did but for the edit.
pub(crate) fn take(translator: &dyn Translator, files: &[(&str, &[u8])]) -> Outcome {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder can be made");
        fs::write(path, bytes).expect("a file can be written");
    }
    let size = files.iter().map(|(_, bytes)| bytes.len()).sum();
    let untouched = || {
        let is_same = |(name, bytes): &(&str, &[u8])| {
            fs::read(folder.path().join(name)).is_ok_and(|now| now == *bytes)
        };
        files.iter().all(is_same)
    };
    let opened = translator.open(folder.path(), Arc::new(Idle));
    let opened = opened.and_then(|library| Ok((read(&*library, size)?, library)));
    assert!(untouched(), "reading wrote");
    let ((catalog, reading), library) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            assert!(!error.to_string().is_empty(), "an error without words");
            return Outcome::Refused;
        }
    };
    let (again, _) = read(&*library, size).expect("what was read can be read");
    assert_eq!(catalog, again, "two reads differ");
    if reading.read_only.is_none() {
        rate(&*library, catalog, size);
    }
    Outcome::Read
}

/// Gives the first song another rating.
fn rate(library: &dyn Library, mut before: Catalog, size: usize) {
    let is_music = library.capabilities().fields.iter().any(|one| *one.field == music::RATING);
    let Some(item) = before.items.first_mut().filter(|_| is_music) else { return };
    let old = item.fields.value(&music::RATING).cloned();
    let new = Value::Int(if old == Some(Value::Int(60)) { 80 } else { 60 });
    let edit =
        FieldEdit { item: item.id.clone(), field: &music::RATING, old, new: Some(new.clone()) };
    let changes = ChangeSet { fields: vec![edit], ..ChangeSet::default() };
    let Ok(revision) = library.revision() else { return };
    let Ok(written) = library.write(&revision, &changes) else { return };
    if written.refused.is_empty() && written.unable.is_empty() {
        item.fields.set(&music::RATING, new);
    }
    let (after, _) = read(library, size + 4_096).expect("what was written can be read");
    assert_eq!(after, before, "a write changed more than was asked, or less");
}
