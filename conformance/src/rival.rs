//! Another writer of the same library, in a process of its own.
//!
//! It reads, changes one value, and where asked makes a collection, all in one write, and reports
//! the value that it saw and the one that the app then holds. A library that is busy is an answer
//! too: somebody holds a lock.
//!
//! Invariant: the same catalog gives the same edit, in every process.

use std::path::Path;
use std::sync::Arc;

use segue_translator::model::{Catalog, ChangeSet, CollectionEdit, FieldEdit, NativeId, Shape};
use segue_translator::{Capabilities, Collector, Error, ErrorKind, FieldSupport, Idle, Reading};

use crate::edits;
use crate::subject::Subject;

/// The name of the collection that it makes.
pub(crate) const ELSEWHERE: &str = "Made elsewhere";
/// What it reports instead of a value if somebody holds a lock.
pub(crate) const BUSY: &str = "busy";

/// What it changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// Another item than the write that it meets.
    Another,
    /// The same field of the same item.
    Same,
    /// Another item, and the collections.
    Collections,
}

impl Target {
    const ALL: [Self; 3] = [Self::Another, Self::Same, Self::Collections];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Another => "another",
            Self::Same => "same",
            Self::Collections => "collections",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|target| target.name() == name)
    }
}

/// The edit of a value: of the first legible item, or of the second if that is what others write.
pub(crate) fn edit_of(
    target: Target,
    (catalog, reading): (&Catalog, &Reading),
    capabilities: &Capabilities,
) -> Option<FieldEdit> {
    let item = edits::legible(catalog, reading).nth(usize::from(target == Target::Same))?;
    // Of yes and no there is not always a third.
    let mut supports = edits::writable(capabilities);
    let support: &FieldSupport = supports.find(|support| support.field.shape != Shape::Flag)?;
    let mut rng = fastrand::Rng::with_seed(0);
    let now = item.fields.value(support.field).cloned();
    let new = edits::value_but(&mut rng, support, &[now])?;
    Some(edits::edit(item, support.field, Some(new)))
}

/// Entries of a new collection.
pub(crate) fn entries(catalog: &Catalog) -> Vec<NativeId> {
    catalog.items.iter().take(2).map(|item| item.id.clone()).collect()
}

/// A new collection of this name, if the race is about those.
pub(crate) fn made_in(
    target: Target,
    name: &str,
    catalog: &Catalog,
    capabilities: &Capabilities,
) -> Vec<CollectionEdit> {
    let support = edits::writable_collection(capabilities);
    let support = support.filter(|_| target == Target::Collections);
    let create = |kind| CollectionEdit::Create {
        kind,
        name: name.into(),
        parent: None,
        entries: entries(catalog),
    };
    support.map(|support| create(support.kind)).into_iter().collect()
}

/// Writes once and reports it in the file `report`.
///
/// # Errors
/// Those of the library, unless it is busy.
pub(crate) fn write(
    subject: &Subject,
    path: &Path,
    target: &str,
    report: &Path,
) -> Result<(), Error> {
    let fail = |why: &str| Error::new(ErrorKind::Translator, "race", path, why);
    let target = Target::named(target).ok_or_else(|| fail("there is no such race"))?;
    let said = match change(subject, path, target) {
        Ok((changes, saw)) => {
            let library = subject.translator.open(path, Arc::new(Idle))?;
            let (catalog, _) = Collector::collect(&*library)?;
            let held = changes
                .fields
                .first()
                .and_then(|edit| catalog.item(&edit.item)?.fields.value(edit.field).cloned());
            format!("{saw}\n{held:?}")
        }
        Err(error) if error.kind == ErrorKind::Busy => BUSY.to_owned(),
        Err(error) => return Err(error),
    };
    std::fs::write(report, said).map_err(|error| Error::io("report", report, &error))
}

/// Makes the edits; returns them and the value that was there.
fn change(subject: &Subject, path: &Path, target: Target) -> Result<(ChangeSet, String), Error> {
    let fail = |why: String| Error::new(ErrorKind::Translator, "race", path, why);
    let library = subject.translator.open(path, Arc::new(Idle))?;
    let (catalog, reading) = Collector::collect(&*library)?;
    let capabilities = library.capabilities();
    let edit = edit_of(target, (&catalog, &reading), capabilities);
    let edit = edit.ok_or_else(|| fail("there is nothing to change".into()))?;
    let saw = format!("{:?}", edit.old);
    let collections = made_in(target, ELSEWHERE, &catalog, capabilities);
    let changes = ChangeSet { fields: vec![edit], collections, ..ChangeSet::default() };
    let written = library.write(&reading.revision, &changes)?;
    match written.refused.first() {
        Some(refusal) => Err(fail(format!("refused: {refusal:?}"))),
        None => Ok((changes, saw)),
    }
}
