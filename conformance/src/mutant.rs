//! A translator broken on purpose, once for each law, whatever its format is.
//!
//! That a trial can fail is shown on the reference translator, defect by defect, by the tests of
//! this crate. These mutants show it where it matters: on the real format, with the fixtures and the
//! questions that the translator's author gave. They know no format; what needs one, such as harm to
//! what is not modelled, the author gives.
//!
//! Invariant: each law of the list in `docs/conformance.md` has a mutant.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use segue_translator::model::{ChangeSet, Field, Value};
use segue_translator::{
    Access, Capabilities, Collector, Error, ErrorKind, Host, Idle, Library, Place, Reading,
    Revision, Sink, Translator, Written,
};

use crate::laid::files_below;
use crate::subject::{Inspect, Subject};
use crate::trial::{Trial, trials};

/// A subject with one defect.
pub struct Mutant {
    /// What it is called, by the law that it breaks.
    pub name: &'static str,
    /// Which of the ten laws it breaks.
    pub law: u8,
    /// The law in short.
    pub promise: &'static str,
    /// Its defect, in words.
    pub defect: &'static str,
    /// The trial that must see it.
    pub trial: &'static str,
    pub(crate) subject: Subject,
}

impl Mutant {
    /// The trial that must fail, on each fixture.
    pub fn caught(&self) -> Vec<Trial> {
        let all = trials(self.subject.clone()).into_iter();
        all.filter(|trial| trial.name == self.trial).collect()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Defect {
    TouchesOnRead,
    TouchesOnWrite,
    DropsAField,
    Spoils,
    WritesInPlace,
    Erodes,
    NeverAsks,
    IgnoresOld,
    ForgivesErrors,
    KnowsEveryVersion,
}

/// The law and its words, the defect, its name and words, the trial.
const TABLE: &[(u8, &str, Defect, &str, &str, &str)] = &[
    (
        1,
        "reading changes no byte",
        Defect::TouchesOnRead,
        "law_1_reading_touches_a_file",
        "reading touches a file",
        "read::changes_no_byte",
    ),
    (
        2,
        "writing nothing writes nothing",
        Defect::TouchesOnWrite,
        "law_2_writing_nothing_touches_a_file",
        "writing nothing touches a file",
        "write::nothing_writes_nothing",
    ),
    (
        3,
        "what is written reads back, as far as declared",
        Defect::DropsAField,
        "law_3_one_field_is_never_written",
        "one field is never written",
        "write::random_edits_read_back",
    ),
    (
        4,
        "what is not modelled survives",
        Defect::Spoils,
        "law_4_a_write_harms_what_is_not_modelled",
        "a write harms what is not modelled",
        "write::unmodelled_content_survives",
    ),
    (
        5,
        "killed at any call, it is the old library or the new one",
        Defect::WritesInPlace,
        "law_5_files_are_written_in_place",
        "files are written in place",
        "crash::f29_killed_it_is_old_or_new",
    ),
    (
        6,
        "coarse values do not erode",
        Defect::Erodes,
        "law_6_a_rating_loses_a_tenth_with_each_write",
        "a rating loses a tenth with each write",
        "values::f23_ratings_do_not_erode",
    ),
    (
        7,
        "a running app's library is not written",
        Defect::NeverAsks,
        "law_7_nobody_asks_whether_the_app_runs",
        "nobody asks whether the app runs",
        "guard::f28_running_app_is_busy",
    ),
    (
        8,
        "a value that changed meanwhile is not overwritten",
        Defect::IgnoresOld,
        "law_8_what_an_edit_expects_is_not_compared",
        "what an edit expects is not compared",
        "guard::f19_changed_values_are_refused_and_the_rest_written",
    ),
    (
        9,
        "hostile input is an error",
        Defect::ForgivesErrors,
        "law_9_garbage_is_an_empty_library",
        "garbage is an empty library",
        "hostile::garbage_is_an_error",
    ),
    (
        10,
        "an unknown version is read-only",
        Defect::KnowsEveryVersion,
        "law_10_an_unknown_version_is_taken_for_known",
        "an unknown version is taken for known",
        "guard::f31_unknown_version_is_read_only",
    ),
];

/// The subject once for each law, broken.
pub fn mutants(subject: &Subject) -> Vec<Mutant> {
    let all = TABLE.iter().map(|&(law, promise, kind, name, defect, trial)| {
        let broken = BrokenTranslator {
            inner: Arc::clone(&subject.translator),
            defect: kind,
            spoil: subject.spoil.clone(),
            is_live: subject.live.is_some(),
        };
        // Without anything to spoil there is nothing to see, and the trial says so.
        let blind = kind == Defect::Spoils && subject.spoil.is_none();
        let subject = Subject {
            name: format!("{} {name}", subject.name),
            translator: Arc::new(broken),
            unmodelled: subject.unmodelled.clone().filter(|_| !blind),
            ..subject.clone()
        };
        Mutant { name, law, promise, defect, trial, subject }
    });
    all.collect()
}

struct BrokenTranslator {
    inner: Arc<dyn Translator>,
    defect: Defect,
    spoil: Option<Inspect<()>>,
    is_live: bool,
}

impl Translator for BrokenTranslator {
    fn capabilities(&self) -> &'static Capabilities {
        self.inner.capabilities()
    }

    fn discover(&self, place: &Place) -> Vec<PathBuf> {
        self.inner.discover(place)
    }

    fn open(&self, path: &Path, host: Arc<dyn Host>) -> Result<Box<dyn Library>, Error> {
        let told: Arc<dyn Host> = match self.defect {
            Defect::NeverAsks => Arc::new(Idle),
            _ => Arc::clone(&host),
        };
        let library = Broken {
            inner: self.inner.open(path, told)?,
            honest: self.inner.open(path, host)?,
            translator: Arc::clone(&self.inner),
            defect: self.defect,
            spoil: self.spoil.clone(),
            path: path.to_owned(),
            is_live: self.is_live,
        };
        Ok(Box::new(library))
    }
}

struct Broken {
    inner: Box<dyn Library>,
    honest: Box<dyn Library>,
    translator: Arc<dyn Translator>,
    defect: Defect,
    spoil: Option<Inspect<()>>,
    path: PathBuf,
    /// Then no file is written, in place or otherwise; what is torn is the set of edits.
    is_live: bool,
}

impl Broken {
    fn io<T>(&self, result: std::io::Result<T>) -> Result<T, Error> {
        result.map_err(|error| Error::io("break", &self.path, &error))
    }

    /// The files of the library, in order.
    fn files(&self) -> std::io::Result<Vec<PathBuf>> {
        let entries = fs::read_dir(&self.path)?.map(|entry| entry.map(|entry| entry.path()));
        let mut files = entries.collect::<std::io::Result<Vec<_>>>()?;
        files.retain(|path| path.is_file());
        files.sort();
        Ok(files)
    }

    /// Gives every file another time, as writing its own bytes to it would.
    fn touch(&self) -> std::io::Result<()> {
        for path in self.files()? {
            let file = fs::OpenOptions::new().write(true).open(path)?;
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1))?;
        }
        Ok(())
    }

    /// Makes the edits on a copy, and writes its bytes over the files piece by piece.
    fn write_in_place(&self, changes: &ChangeSet) -> Result<Written, Error> {
        let copy = self.io(tempfile::tempdir())?;
        let name = |path: &Path| copy.path().join(path.file_name().unwrap_or_default());
        for path in self.io(self.files())? {
            self.io(fs::copy(&path, name(&path)))?;
        }
        let library = self.translator.open(copy.path(), Arc::new(Idle))?;
        let written = library.write(&library.revision()?, changes)?;
        for path in self.io(self.files())? {
            let bytes = self.io(fs::read(name(&path)))?;
            let mut file = self.io(fs::File::create(&path))?;
            for piece in bytes.chunks(bytes.len().div_ceil(16).max(1)) {
                self.io(file.write_all(piece))?;
            }
        }
        Ok(written)
    }

    /// Makes the edits one after the other, each for itself.
    fn write_piecemeal(&self, changes: &ChangeSet) -> Result<Written, Error> {
        let mut written = Written { revision: self.revision()?, ..Written::default() };
        let fields = changes
            .fields
            .iter()
            .map(|edit| ChangeSet { fields: vec![edit.clone()], ..ChangeSet::default() });
        let lists = ChangeSet { collections: changes.collections.clone(), ..ChangeSet::default() };
        for piece in fields.chain([lists]) {
            let next = self.inner.write(&written.revision, &piece)?;
            written.revision = next.revision;
            written.created.extend(next.created);
            written.refused.extend(next.refused);
        }
        Ok(written)
    }

    /// Makes the edits, and takes each file away and puts it back, as a copy in its place would.
    fn write_with_gaps(&self, expected: &Revision, changes: &ChangeSet) -> Result<Written, Error> {
        let written = self.inner.write(expected, changes)?;
        let files: Vec<PathBuf> = self.io(files_below(&self.path))?.into_keys().collect();
        let away = |number: usize| self.path.with_file_name(format!("away {number}"));
        for (number, path) in files.iter().enumerate() {
            self.io(fs::rename(path, away(number)))?;
        }
        for (number, path) in files.iter().enumerate() {
            self.io(fs::rename(away(number), path))?;
        }
        Ok(Written { revision: self.revision()?, ..written })
    }

    /// The edits as the defect makes them.
    fn bent(&self, changes: &ChangeSet) -> Result<ChangeSet, Error> {
        let mut changes = changes.clone();
        match self.defect {
            Defect::DropsAField => {
                let mut fields = self.capabilities().fields.iter();
                let dropped = fields.rfind(|support| support.access == Access::Write);
                changes.fields.retain(|edit| Some(edit.field) != dropped.map(|one| one.field));
            }
            Defect::Erodes => {
                let ratings = changes.fields.iter_mut().filter(|edit| is_rating(edit.field));
                for edit in ratings {
                    let new = edit.new.as_ref().and_then(Value::as_int);
                    edit.new = new.map(|rating| Value::Int(rating - rating.div_euclid(10)));
                }
            }
            Defect::IgnoresOld => {
                let (catalog, _) = Collector::collect(&*self.inner)?;
                for edit in &mut changes.fields {
                    let item = catalog.item(&edit.item);
                    edit.old = item.and_then(|item| item.fields.value(edit.field).cloned());
                }
            }
            _ => {}
        }
        Ok(changes)
    }
}

fn is_rating(field: &Field) -> bool {
    field.name == "rating"
}

impl Library for Broken {
    fn capabilities(&self) -> &'static Capabilities {
        self.inner.capabilities()
    }

    fn running(&self) -> Option<String> {
        self.honest.running()
    }

    fn revision(&self) -> Result<Revision, Error> {
        self.inner.revision()
    }

    fn finish(&self) -> Result<(), Error> {
        self.inner.finish()
    }

    fn read(&self, sink: &mut dyn Sink) -> Result<Reading, Error> {
        let read = self.inner.read(sink);
        match self.defect {
            Defect::TouchesOnRead => {
                self.io(self.touch())?;
                read
            }
            Defect::ForgivesErrors => {
                Ok(Reading { losses: Vec::new(), ..read.unwrap_or_default() })
            }
            Defect::KnowsEveryVersion => match read {
                Err(error) if error.kind == ErrorKind::Unsupported => Ok(Reading::default()),
                read => read.map(|reading| Reading { read_only: None, ..reading }),
            },
            _ => read,
        }
    }

    fn write(&self, expected: &Revision, changes: &ChangeSet) -> Result<Written, Error> {
        let changes = &self.bent(changes)?;
        let mut written = match self.defect {
            Defect::WritesInPlace if self.capabilities().piecewise => {
                self.write_with_gaps(expected, changes)?
            }
            Defect::WritesInPlace if self.is_live => self.write_piecemeal(changes)?,
            Defect::WritesInPlace => self.write_in_place(changes)?,
            _ => self.inner.write(expected, changes)?,
        };
        match (self.defect, &self.spoil) {
            (Defect::TouchesOnWrite, _) => self.io(self.touch())?,
            (Defect::Spoils, Some(spoil)) => spoil(&self.path)
                .map_err(|why| Error::new(ErrorKind::Io, "break", &self.path, why))?,
            _ => return Ok(written),
        }
        written.revision = self.revision()?;
        Ok(written)
    }

    fn back_up(&self, into: &Path) -> Result<Vec<PathBuf>, Error> {
        self.inner.back_up(into)
    }

    fn restore(&self, expected: &Revision, from: &Path) -> Result<Revision, Error> {
        self.inner.restore(expected, from)
    }
}
