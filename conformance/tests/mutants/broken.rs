//! The reference translator with one defect.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use segue_memory::{Kind, Memory};
use segue_translator::model::{
    Catalog, ChangeSet, CollectionEdit, Fields, Item, ListingEdit, NativeId, Value, mail, music,
};
use segue_translator::{
    Capabilities, Collector, Container, Error, ErrorKind, FieldSupport, Host, Idle, Library, Place,
    Probe, Reading, Revision, Sink, Translator, Written,
};
use serde_json::Value as Json;

use crate::bend;

/// What is wrong with a mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Defect {
    None(Kind),
    FindsNothing,
    FindsAlways,
    ForgivesErrors,
    ForgetsAnItem,
    TouchesOnRead,
    Reverses,
    ReadsNonsense,
    ReadsOtherRevision,
    SendsUnwanted,
    TouchesOnWrite,
    DropsComposer,
    ConstantRevision,
    StripsUnknown,
    SilentlyReadOnly,
    Erodes,
    HoldsHalf,
    ShortCounters,
    ShortTimes,
    ZeroIsAbsent,
    ComposesText,
    ShortLists,
    CreatesEmpty,
    KeepsNames,
    LosesRenamed,
    SortsEntries,
    DropsRepeats,
    KeepsRemoved,
    CleansNames,
    JoinsNames,
    IgnoresRevision,
    IgnoresOld,
    SkipsStrangers,
    NeverAsks,
    AsksOnce,
    WritesUnknown,
    RestoresNothing,
    TouchesOnBackup,
    Panics,
    HangsReading,
    HangsWriting,
    ReadsPipes,
    WritesInPlace,
    SwallowsErrors,
    Milliseconds,
    WholeMinutes,
    SummerHour,
    TrimsText,
    LowersText,
    DropsEmoji,
    JoinsSpaces,
    EscapesTwice,
    SplitsLists,
    WholeStars,
    FirstOnly,
    AbsentIsZero,
    SwapsEntries,
    DropsLast,
    AppendsEntries,
    RemovesNamesakes,
    Clamps,
    DropsStrangeEntries,
    SkipsUnknown,
    TrimsIds,
    FoldsIds,
    DropsParents,
    OwnParent,
    CachesReads,
    LocalTimes,
    Leaks,
    LossyPaths,
    ReplacesLinks,
    OpensModes,
    LeavesLitter,
    WritesOutside,
    RestoresBesideTheApp,
    ReversesTheFile,
    RestoresAnotherLayout,
    DayRevisions,
    FindsTwice,
    RemovesFirst,
    PanicsOnHalves,
    ComparesEarly,
    TriesAgain,
    PutsBack,
    FieldsFirst,
    HidesNothing,
    HidesForGood,
    ShowsBare,
    SkipsHiding,
    HidesUnasked,
    SendsTooLittle,
    OverwritesSets,
    MakesNoPlaces,
    CopiesItems,
    LosesCopies,
    KeepsOldPlaces,
    ForgetsHomeless,
    MovesToNowhere,
    LeadsOutOfPlaces,
    EmptiesUnread,
}

pub(crate) struct Mutant {
    defect: Defect,
}

impl Mutant {
    pub(crate) const fn new(defect: Defect) -> Self {
        Self { defect }
    }

    pub(crate) const fn kind(&self) -> Kind {
        match self.defect {
            Defect::None(kind) => kind,
            Defect::ShortLists => Kind::Tags,
            Defect::OverwritesSets
            | Defect::MakesNoPlaces
            | Defect::CopiesItems
            | Defect::LosesCopies
            | Defect::KeepsOldPlaces
            | Defect::ForgetsHomeless
            | Defect::MovesToNowhere
            | Defect::LeadsOutOfPlaces
            | Defect::EmptiesUnread => Kind::Mail,
            Defect::SilentlyReadOnly | Defect::HidesUnasked => Kind::Coarse,
            _ => Kind::Exact,
        }
    }
}

/// Capabilities whose rating halves each time it is held.
static HALVING: Capabilities = Capabilities {
    app: "memory-exact",
    schema: &music::MUSIC,
    fields: &[FieldSupport::exact(&music::RATING)
        .held_as(|rating| rating.as_int().map(|number| Value::Int(number / 2)))],
    collections: &[],
    hides: false,
    piecewise: false,
    cannot_hold: &[],
};

impl Translator for Mutant {
    fn capabilities(&self) -> &'static Capabilities {
        if self.defect == Defect::HoldsHalf { &HALVING } else { self.kind().capabilities() }
    }

    fn discover(&self, place: &Place) -> Vec<PathBuf> {
        match self.defect {
            Defect::FindsNothing => Vec::new(),
            Defect::FindsTwice => {
                [Memory(self.kind()).discover(place), Memory(self.kind()).discover(place)].concat()
            }
            Defect::FindsAlways => vec![place.data_home().join("memory-exact")],
            _ => Memory(self.kind()).discover(place),
        }
    }

    fn open(&self, path: &Path, host: Arc<dyn Host>) -> Result<Box<dyn Library>, Error> {
        let host: Arc<dyn Host> = match self.defect {
            Defect::NeverAsks => Arc::new(Idle),
            Defect::AsksOnce => Arc::new(Forgetful { host, first: OnceLock::new() }),
            _ => host,
        };
        let text = path.to_string_lossy();
        let path = if self.defect == Defect::LossyPaths { Path::new(&*text) } else { path };
        let inner = Memory(self.kind()).open(path, host)?;
        let file = path.join("library.json");
        Ok(Box::new(Broken {
            inner,
            defect: self.defect,
            file,
            odd: AtomicBool::new(false),
            seen: OnceLock::new(),
        }))
    }
}

/// Remembers the first answer for ever.
struct Forgetful {
    host: Arc<dyn Host>,
    first: OnceLock<Option<String>>,
}

impl Host for Forgetful {
    fn running(&self, probe: &Probe<'_>) -> Option<String> {
        self.first.get_or_init(|| self.host.running(probe)).clone()
    }
}

struct Broken {
    inner: Box<dyn Library>,
    defect: Defect,
    file: PathBuf,
    odd: AtomicBool,
    seen: OnceLock<(Catalog, Reading)>,
}

impl Broken {
    fn is(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    /// Waits for what never comes.
    fn hang(&self, is_so: bool) {
        if is_so {
            loop {
                std::thread::park();
            }
        }
    }

    /// Writes the file with its own bytes.
    fn touch(&self) {
        let bytes = fs::read(&self.file).unwrap();
        fs::write(&self.file, bytes).unwrap();
    }

    fn alter(&self, alter: impl FnOnce(&mut Json)) {
        let mut json = serde_json::from_slice(&fs::read(&self.file).unwrap()).unwrap();
        alter(&mut json);
        fs::write(&self.file, json.to_string()).unwrap();
    }

    fn show(&self, catalog: &mut Catalog) {
        match self.defect {
            Defect::ForgetsAnItem if self.odd.fetch_xor(true, Ordering::Relaxed) => {
                catalog.items.pop();
            }
            Defect::Reverses => catalog.items.reverse(),
            Defect::ReadsNonsense => {
                catalog.items[0].fields.set(&music::RATING, Value::Int(1_000));
            }
            Defect::CopiesItems => {
                let copies = catalog.items.iter().filter(|item| folders(item).len() > 1);
                let copies = copies.cloned().map(|mut item| {
                    item.id = NativeId::from(&*format!("{}+", item.id));
                    item
                });
                let copies: Vec<_> = copies.collect();
                catalog.items.extend(copies);
                catalog.items.sort_by(|a, b| a.id.cmp(&b.id));
            }
            Defect::ForgetsHomeless => catalog.items.retain(|item| !folders(item).is_empty()),
            Defect::OwnParent => catalog.collections[0].parent = Some("1".into()),
            Defect::LocalTimes if std::env::var("TZ").is_ok_and(|zone| zone != "UTC0") => {
                for item in &mut catalog.items {
                    let time = item.fields.value(&music::LAST_PLAYED).and_then(Value::as_int);
                    let local = time.map(|time| Value::Int(time + 3_600));
                    item.fields.set(&music::LAST_PLAYED, local);
                }
            }
            Defect::Leaks => {
                catalog.items.iter().for_each(|_| std::mem::forget(vec![1_u8; 12_000]));
            }
            _ => {}
        }
    }

    /// Makes the edits on a copy, and writes its bytes over the file in two halves.
    fn write_in_place(&self, changes: &ChangeSet) -> Result<Written, Error> {
        let copy = tempfile::tempdir().unwrap();
        fs::copy(&self.file, copy.path().join("library.json")).unwrap();
        let library = Memory(Kind::Exact).open(copy.path(), Arc::new(Idle))?;
        let mut written = library.write(&library.revision()?, changes)?;
        let bytes = fs::read(copy.path().join("library.json")).unwrap();
        let mut file = fs::File::create(&self.file).unwrap();
        let (first, second) = bytes.split_at(bytes.len() / 2);
        std::io::Write::write_all(&mut file, first).unwrap();
        std::io::Write::write_all(&mut file, second).unwrap();
        written.revision = self.inner.revision()?;
        Ok(written)
    }

    /// Makes the edits on a copy, and asks about the app only then; nobody compares again.
    fn write_compared_early(
        &self,
        expected: &Revision,
        changes: &ChangeSet,
    ) -> Result<Written, Error> {
        let copy = tempfile::tempdir().unwrap();
        fs::copy(&self.file, copy.path().join("library.json")).unwrap();
        let library = Memory(Kind::Exact).open(copy.path(), Arc::new(Idle))?;
        let written = library.write(&library.revision()?, changes)?;
        let error = |kind, why: &str| Err(Error::new(kind, "write", &self.file, why));
        if self.inner.revision()? != *expected {
            return error(ErrorKind::Stale, "it changed");
        }
        if let Some(what) = self.inner.running() {
            return error(ErrorKind::Busy, &what);
        }
        fs::copy(copy.path().join("library.json"), &self.file).unwrap();
        Ok(written)
    }

    /// Makes the edits as often as it takes, whatever they expect.
    fn write_again(&self, expected: &Revision, changes: &ChangeSet) -> Result<Written, Error> {
        match self.inner.write(expected, changes) {
            Err(error) if error.kind == ErrorKind::Stale => {
                let (now, reading) = Collector::collect(&*self.inner)?;
                let changes = bend::bend(Defect::IgnoresOld, changes, &now);
                self.inner.write(&reading.revision, &changes)
            }
            written => written,
        }
    }

    /// Makes the edits; if that fails, the file is what it was.
    fn write_or_put_back(
        &self,
        expected: &Revision,
        changes: &ChangeSet,
    ) -> Result<Written, Error> {
        let bytes = fs::read(&self.file).unwrap();
        let written = self.inner.write(expected, changes);
        if written.is_err() {
            fs::write(&self.file, bytes).unwrap();
        }
        written
    }

    /// Makes the edits of fields, and then those of collections.
    fn write_in_two(&self, expected: &Revision, changes: &ChangeSet) -> Result<Written, Error> {
        let ChangeSet { listing, fields, collections, .. } = changes.clone();
        let first = ChangeSet { listing, fields, ..ChangeSet::default() };
        let first = self.inner.write(expected, &first)?;
        let second = ChangeSet { collections, ..ChangeSet::default() };
        let mut written = self.inner.write(&first.revision, &second)?;
        written.refused.extend(first.refused);
        Ok(written)
    }

    /// What spoils a write after it was made.
    fn spoil(&self, changes: &ChangeSet) {
        let bytes = || fs::read(&self.file).unwrap();
        match self.defect {
            Defect::TouchesOnWrite => self.touch(),
            Defect::StripsUnknown => self.alter(|json| json["window"] = Json::Null),
            Defect::ReversesTheFile => {
                self.alter(|json| json["items"].as_array_mut().unwrap().reverse());
            }
            Defect::ReplacesLinks => {
                let bytes = bytes();
                fs::remove_file(&self.file).unwrap();
                fs::write(&self.file, bytes).unwrap();
            }
            Defect::RemovesFirst => {
                let new = self.file.with_extension("new");
                fs::write(&new, bytes()).unwrap();
                fs::remove_file(&self.file).unwrap();
                fs::rename(new, &self.file).unwrap();
            }
            Defect::OpensModes => {
                fs::set_permissions(&self.file, fs::Permissions::from_mode(0o644)).unwrap();
            }
            Defect::HidesForGood => self.alter(|json| {
                let items = json["items"].as_array_mut().unwrap();
                let hides = |edit: &ListingEdit, id: &str| {
                    matches!(edit, ListingEdit::Hide { item } if item.as_bytes() == id.as_bytes())
                };
                items.retain(|item| {
                    let id = item["id"].as_str().unwrap_or_default();
                    !changes.listing.iter().any(|edit| hides(edit, id))
                });
            }),
            Defect::MakesNoPlaces => self.alter(|json| {
                let collections = json["collections"].as_array_mut().unwrap();
                collections.retain(|one| !one["name"].as_str().unwrap().starts_with("Elsewhere"));
            }),
            Defect::LeadsOutOfPlaces => {
                let news = changes.fields.iter().filter_map(|edit| edit.new.as_ref()?.as_list());
                for name in news.flatten().filter(|name| name.starts_with("..")) {
                    let _ = fs::write(self.file.with_file_name(&**name), "");
                }
            }
            Defect::LeavesLitter => fs::write(self.file.with_extension("tmp"), "").unwrap(),
            Defect::WritesOutside => {
                for edit in &changes.collections {
                    if let CollectionEdit::Create { name, .. } = edit {
                        // Not every name is one of a file.
                        let _ = fs::write(self.file.with_file_name(&**name), "");
                    }
                }
            }
            _ => {}
        }
    }

    fn bent(&self, changes: &ChangeSet) -> ChangeSet {
        let (now, _) = Collector::collect(&*self.inner).unwrap_or_default();
        bend::bend(self.defect, changes, &now)
    }
}

/// The messages of the fixture without anything about them.
fn bare() -> Result<(Catalog, Reading), Error> {
    let path = crate::folder().join("../translators/memory/fixtures/mail/1");
    let (mut catalog, reading) =
        Collector::collect(&*Memory(Kind::Mail).open(&path, Arc::new(Idle))?)?;
    catalog.items.iter_mut().for_each(|item| item.fields = Fields::default());
    Ok((catalog, reading))
}

/// Where a message lies.
fn folders(item: &Item) -> &[Box<str>] {
    item.fields.value(&mail::FOLDERS).and_then(Value::as_list).unwrap_or_default()
}

impl Library for Broken {
    fn capabilities(&self) -> &'static Capabilities {
        Mutant::new(self.defect).capabilities()
    }

    fn running(&self) -> Option<String> {
        self.inner.running()
    }

    fn revision(&self) -> Result<Revision, Error> {
        let revision = self.inner.revision()?;
        Ok(match self.defect {
            Defect::ConstantRevision => Revision("same".into()),
            Defect::DayRevisions => {
                let time = fs::metadata(&self.file).unwrap().modified().unwrap();
                let age = time.duration_since(std::time::UNIX_EPOCH).unwrap();
                Revision((age.as_secs() / 86_400).to_string())
            }
            _ => revision,
        })
    }

    fn read(&self, sink: &mut dyn Sink) -> Result<Reading, Error> {
        if self.is(Defect::ReadsPipes) {
            let _ = fs::read(&self.file);
        }
        if self.is(Defect::TouchesOnRead) {
            self.touch();
        }
        if self.is(Defect::PanicsOnHalves) {
            let text = fs::read_to_string(&self.file).unwrap_or_default();
            assert!(!text.contains("\\ud800"), "half of a pair");
        }
        let read = match self.seen.get() {
            Some(seen) if self.is(Defect::CachesReads) => Ok(seen.clone()),
            _ => Collector::collect(&*self.inner),
        };
        if let Ok(read) = &read {
            self.seen.get_or_init(|| read.clone());
        }
        let read = if self.is(Defect::EmptiesUnread) { read.or_else(|_| bare()) } else { read };
        let read =
            if self.is(Defect::ForgivesErrors) { Ok(read.unwrap_or_default()) } else { read };
        let damaged = read.as_ref().is_err_and(|error| error.kind == ErrorKind::Corrupt);
        assert!(!(damaged && self.is(Defect::Panics)), "the file is damaged");
        self.hang(damaged && self.is(Defect::HangsReading));
        let (mut catalog, mut reading) = read?;
        self.show(&mut catalog);
        let container = Container { id: NativeId::from(""), revision: reading.revision.clone() };
        let wanted = matches!(sink.container(container), segue_translator::Want::Items);
        if wanted || self.is(Defect::SendsUnwanted) {
            for mut item in catalog.items {
                if self.is(Defect::SendsTooLittle) && sink.knows(&item.id)? {
                    item.fields = Fields::default();
                }
                sink.item(item)?;
            }
        }
        catalog.collections.into_iter().try_for_each(|one| sink.collection(one))?;
        match self.defect {
            Defect::ReadsOtherRevision => reading.revision = Revision("other".into()),
            Defect::ConstantRevision | Defect::DayRevisions => {
                reading.revision = self.revision()?
            }
            _ => {}
        }
        Ok(reading)
    }

    fn write(&self, expected: &Revision, changes: &ChangeSet) -> Result<Written, Error> {
        self.hang(self.is(Defect::HangsWriting));
        let current = self.inner.revision()?;
        let changes = self.bent(changes);
        let ignores = [Defect::IgnoresRevision, Defect::ConstantRevision, Defect::DayRevisions]
            .contains(&self.defect);
        let expected = if ignores { &current } else { expected };
        let mut written = match self.defect {
            Defect::WritesInPlace => self.write_in_place(&changes)?,
            Defect::ComparesEarly => self.write_compared_early(expected, &changes)?,
            Defect::TriesAgain => self.write_again(expected, &changes)?,
            Defect::PutsBack => self.write_or_put_back(expected, &changes)?,
            Defect::FieldsFirst => self.write_in_two(expected, &changes)?,
            Defect::HidesUnasked => {
                let mut written = self.inner.write(expected, &changes)?;
                written.refused.truncate(changes.fields.len() + changes.collections.len());
                written
            }
            Defect::SwallowsErrors => self.inner.write(expected, &changes).unwrap_or_default(),
            Defect::WritesUnknown => {
                self.alter(|json| json["format"] = 1.into());
                self.inner.write(&self.inner.revision()?, &changes)?
            }
            _ => self.inner.write(expected, &changes)?,
        };
        self.spoil(&changes);
        if self.is(Defect::JoinsNames) {
            written.created.iter_mut().for_each(|id| *id = NativeId::from("1"));
        }
        written.revision = self.revision().unwrap_or_default();
        Ok(written)
    }

    fn back_up(&self, into: &Path) -> Result<Vec<PathBuf>, Error> {
        let copies = self.inner.back_up(into)?;
        if self.is(Defect::TouchesOnBackup) {
            self.touch();
        }
        Ok(copies)
    }

    fn restore(&self, expected: &Revision, from: &Path) -> Result<Revision, Error> {
        match self.defect {
            Defect::RestoresNothing => self.inner.revision(),
            Defect::RestoresBesideTheApp => {
                let library = Memory(Kind::Exact).open(&self.file, Arc::new(Idle))?;
                library.restore(expected, from)
            }
            Defect::RestoresAnotherLayout => {
                self.inner.restore(expected, from)?;
                self.alter(|_| ());
                self.inner.revision()
            }
            Defect::IgnoresRevision => self.inner.restore(&self.inner.revision()?, from),
            _ => self.inner.restore(expected, from),
        }
    }
}
