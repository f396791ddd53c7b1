//! Files that no app wrote: an error or the truth, never a panic, a shorter library, or a write.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use segue_translator::model::{CarriedLimit, Catalog, ChangeSet, Collection, Item, NativeId};
use segue_translator::{Collector, Container, Error, ErrorKind, Library, Reading, Sink, Want};

use super::write::some_change;
use crate::edits;
use crate::laid::Laid;
use crate::trial::{Case, Law, OrFail as _, Stop, Verdict, ensure, fail, panic_text, skip};

pub(crate) const LAWS: &[Law] = &[
    Law { name: "hostile::f06_truncated_is_not_a_shorter_library", check: truncated },
    Law { name: "hostile::empty_is_not_an_empty_library", check: empty },
    Law { name: "hostile::garbage_is_an_error", check: garbage },
    Law { name: "hostile::flipped_bytes_do_no_harm", check: flipped },
    Law { name: "hostile::folder_in_place_of_a_file_is_an_error", check: folder },
    Law { name: "hostile::pipe_in_place_of_a_file_is_an_error", check: pipe },
];

/// A pipe that nobody writes to blocks its reader for ever; a refusal takes no time at all.
const PIPE_WAIT: Duration = Duration::from_secs(5);

/// A sink that takes as much as a fixture can hold, and not what a small hostile file may claim.
struct Bounded {
    inner: Collector,
    left: usize,
}

impl Bounded {
    fn take(&mut self) -> Result<(), Error> {
        self.left = self.left.checked_sub(1).ok_or_else(|| {
            Error::new(ErrorKind::TooLarge, "read", "", "more than the file can hold")
        })?;
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

/// A library with one of its files to be damaged.
struct Damage<'a> {
    case: &'a Case<'a>,
    laid: Laid,
    whole: Catalog,
    changes: ChangeSet,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl<'a> Damage<'a> {
    /// The files are those that a backup copies, as far as they lie in the library under the same
    /// name; otherwise all.
    fn new(case: &'a Case<'a>) -> Verdict<Self> {
        if case.subject.live.is_some() {
            return skip("declares: a live library, whose files are the app's to read");
        }
        let laid = case.lay()?;
        let (whole, _) = laid.read()?;
        // A folder of which nothing may be written is damaged all the same.
        let changes = match some_change(case, &laid) {
            Err(Stop::Skipped(_)) if case.subject.named.is_some() => ChangeSet::default(),
            changes => changes?,
        };
        let into = laid.beside("backup")?;
        let copies = laid.open()?.back_up(&into).or_fail("cannot back up")?;
        let own = |path: &Path| {
            let below = path.strip_prefix(laid.path()).unwrap_or(path);
            copies.iter().any(|copy| copy.ends_with(below))
        };
        let all = laid.bytes()?;
        let mut files = all.clone();
        files.retain(|path, _| own(path));
        if files.is_empty() {
            files = all;
        }
        Ok(Self { case, laid, whole, changes, files })
    }

    /// Reads and writes the damaged library. `Some` is what was read.
    fn look(&self, what: &str) -> Verdict<Option<(Catalog, Reading)>> {
        let before = self.laid.bytes()?;
        let host = std::sync::Arc::new(segue_translator::Idle);
        let translator = &self.case.subject.translator;
        let attempt = catch_unwind(AssertUnwindSafe(|| {
            let library = translator.open(&self.laid.path(), host)?;
            let left = 1_000 + 2 * (self.whole.items.len() + self.whole.collections.len());
            let mut sink = Bounded { inner: Collector::default(), left };
            let reading = library.read(&mut sink);
            if reading.is_err() {
                self.try_write(&*library);
            }
            reading.map(|reading: Reading| (sink.inner.catalog, reading))
        }));
        let read = match attempt {
            Ok(read) => read,
            Err(panic) => return fail(format!("{what}: panicked: {}", panic_text(&*panic))),
        };
        ensure!(self.laid.bytes()? == before, "{what}: a file was touched");
        Ok(read.ok())
    }

    /// Whatever this answers, no byte may change; the caller compares.
    fn try_write(&self, library: &dyn Library) {
        if let Ok(revision) = library.revision() {
            let _ = library.write(&revision, &self.changes);
        }
    }

    /// What can be read of a damaged library is all of it, or nothing.
    fn is_whole_or_error(&self, what: &str) -> Verdict {
        let Some((read, reading)) = self.look(what)? else { return Ok(()) };
        if self.case.subject.named.is_some() {
            return self.names_what_is_lost(what, &read, &reading);
        }
        edits::difference(&self.whole, &read)
            .map_or(Ok(()), |difference| fail(format!("{what} was read: {difference}")))
    }

    /// Of a folder each item is read as it was, or named as lost.
    fn names_what_is_lost(&self, what: &str, read: &Catalog, reading: &Reading) -> Verdict {
        let is_lost = |id: &NativeId| reading.losses.iter().any(|loss| loss.id == *id);
        for item in &self.whole.items {
            let (id, found) = (&item.id, read.item(&item.id));
            ensure!(found == Some(item) || is_lost(id), "{what}: `{id}` became {found:?}, untold");
            let limits = (limits(&self.whole, id), limits(read, id));
            ensure!(limits.0 == limits.1 || is_lost(id), "{what}: `{id}` has other limits, untold");
        }
        let stranger = read.items.iter().find(|item| self.whole.item(&item.id).is_none());
        ensure!(stranger.is_none(), "{what}: {stranger:?} appeared");
        Ok(())
    }

    fn is_error(&self, what: &str) -> Verdict {
        let read = self.look(what)?;
        if let (Some((read, reading)), Some(_)) = (&read, &self.case.subject.named) {
            let whole = edits::difference(&self.whole, read).is_none() && reading.losses.is_empty();
            ensure!(!whole, "{what} was read as if nothing were wrong");
            return self.names_what_is_lost(what, read, reading);
        }
        ensure!(read.is_none(), "{what} was read without an error");
        Ok(())
    }
}

/// What an item carries, without the bytes that say so: a blank among them is no other limit.
fn limits(catalog: &Catalog, id: &NativeId) -> Vec<CarriedLimit> {
    let limits = catalog.limits.get(id).into_iter().flatten().cloned();
    limits.map(|limit| CarriedLimit { evidence: None, ..limit }).collect()
}

/// Skips what asks for an error where a file with less in it is a library with less in it.
fn tells_its_length(case: &Case<'_>) -> Verdict {
    match &case.subject.shrinks {
        Some(why) => skip(format!("declares: its files may shrink, {why}")),
        None => Ok(()),
    }
}

fn put(path: &Path, bytes: &[u8]) -> Verdict {
    fs::write(path, bytes).or_fail("cannot damage a file")
}

fn truncated(case: &Case<'_>) -> Verdict {
    tells_its_length(case)?;
    let damage = Damage::new(case)?;
    for (path, bytes) in &damage.files {
        // Near both ends every byte, between them 60 places.
        let (length, step) = (bytes.len(), (bytes.len() / 60).max(1));
        let near = (1..length.min(40)).chain(length.saturating_sub(40).max(1)..length);
        for keep in near.chain((1..length).step_by(step)) {
            put(path, &bytes[..keep])?;
            damage.is_whole_or_error(&format!("{} cut at {keep}", path.display()))?;
        }
        put(path, bytes)?;
    }
    Ok(())
}

fn empty(case: &Case<'_>) -> Verdict {
    tells_its_length(case)?;
    let damage = Damage::new(case)?;
    for (path, bytes) in &damage.files {
        put(path, b"")?;
        damage.is_error(&format!("{} made empty", path.display()))?;
        put(path, bytes)?;
    }
    Ok(())
}

fn garbage(case: &Case<'_>) -> Verdict {
    let damage = Damage::new(case)?;
    let mut rng = fastrand::Rng::with_seed(case.subject.seed);
    for (path, bytes) in &damage.files {
        let noise: Vec<u8> = (0..5_000).map(|_| rng.u8(..)).collect();
        let deep = "[".repeat(200_000);
        let nested = "<a>".repeat(200_000);
        // Half of a surrogate pair is no text, though its escape looks like one.
        let half = br#"{"a": "\ud800", "\udfff": 1}"#;
        let floods: [&[u8]; 7] =
            [&noise, &[0; 5_000], b"{}", b"<", half, deep.as_bytes(), nested.as_bytes()];
        for (number, flood) in floods.iter().enumerate() {
            put(path, flood)?;
            damage.is_error(&format!("{} as garbage {number}", path.display()))?;
        }
        put(path, bytes)?;
    }
    Ok(())
}

/// A flipped byte may well be another title; it must be no panic and no write.
fn flipped(case: &Case<'_>) -> Verdict {
    let damage = Damage::new(case)?;
    let mut rng = fastrand::Rng::with_seed(case.subject.seed);
    for (path, bytes) in &damage.files {
        for _ in 0..150 {
            let mut mutant = bytes.clone();
            for _ in 0..rng.usize(1..4) {
                if !mutant.is_empty() {
                    let place = rng.usize(0..mutant.len());
                    mutant[place] = rng.u8(..);
                }
            }
            put(path, &mutant)?;
            let before = damage.laid.bytes()?;
            damage.look(&format!("{} with flipped bytes", path.display()))?;
            ensure!(damage.laid.bytes()? == before, "reading touched a file");
        }
        put(path, bytes)?;
    }
    Ok(())
}

fn folder(case: &Case<'_>) -> Verdict {
    tells_its_length(case)?;
    let damage = Damage::new(case)?;
    for (path, bytes) in &damage.files {
        fs::remove_file(path).or_fail("cannot remove a file")?;
        fs::create_dir(path).or_fail("cannot make a folder")?;
        damage.is_error(&format!("{} as a folder", path.display()))?;
        fs::remove_dir(path).or_fail("a folder was filled")?;
        put(path, bytes)?;
    }
    Ok(())
}

fn pipe(case: &Case<'_>) -> Verdict {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let damage = Damage::new(case)?;
    for (path, bytes) in &damage.files {
        fs::remove_file(path).or_fail("cannot remove a file")?;
        mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
            .or_fail("cannot make a pipe")?;
        let (sender, answer) = mpsc::channel();
        let translator = std::sync::Arc::clone(&case.subject.translator);
        let library = damage.laid.path();
        std::thread::spawn(move || {
            let host = std::sync::Arc::new(segue_translator::Idle);
            let opened = translator.open(&library, host);
            let read = opened.and_then(|library| Collector::collect(&*library));
            // The receiver is gone if we took too long.
            let _ = sender.send(read.map_err(|error| error.to_string()));
        });
        let read = answer.recv_timeout(PIPE_WAIT);
        // A reader that waits gets its end of file, and its thread ends.
        let unblock = fs::OpenOptions::new().read(true).write(true).open(path);
        drop(unblock);
        fs::remove_file(path).or_fail("the pipe is gone")?;
        put(path, bytes)?;
        match read {
            Ok(Err(_)) => {}
            Ok(Ok((read, reading))) if case.subject.named.is_some() => {
                damage.names_what_is_lost("a pipe", &read, &reading)?;
            }
            Ok(Ok(_)) => return fail("a pipe was read without an error"),
            Err(mpsc::RecvTimeoutError::Timeout) => return fail("reading waits for a pipe"),
            Err(mpsc::RecvTimeoutError::Disconnected) => return fail("reading a pipe panicked"),
        }
    }
    Ok(())
}
