//! What a translator found out about files whose content never changes, kept for the next process.
//!
//! Sixteen bytes about each file, by sixteen bytes that say which file it is. Whoever uses it makes these of
//! everything that must be the same for the rest to be true: name, size, time. Then another file under a name
//! that was used before is another file here too.
//!
//! It is one file in the folder that [`Host::cache_folder`] names, and may be removed at any time. A few files that
//! were learned are not worth a write where there are very many; the next process learns them again.
//!
//! Invariant: what is damaged, cut short, or of another library or purpose counts as empty, and nothing that happens to
//! the cache is an error.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File};
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::{Error, Host, file};

const NAME: &str = "found-out";
/// Format and version, what it is about, how many entries follow.
const HEADER_BYTES: usize = 8 + 16 + 8;
const MAGIC: &[u8; 8] = b"seguefo1";
const SUM_BYTES: usize = 32;
const ENTRIES_MAX: usize = 5_000_000;
/// One in so many entries must be new for a write to be worth it, where there are more than [`ALWAYS_MAX`].
const WORTH: usize = 4_096;
/// So many are written whenever one is new: that costs less than a file system's wait.
const ALWAYS_MAX: usize = 1 << 17;
/// Not a file: that nothing is unknown.
const WHOLE: [u8; 16] = [0xff; 16];

/// Sixteen bytes that say which file something is about, and sixteen that were found out.
type Entry = [u8; 32];

/// What was found out about files, by what they are.
#[derive(Debug, Default)]
pub struct Cache {
    file: Option<PathBuf>,
    about: [u8; 16],
    is_loaded: bool,
    /// The file has what is known here, but for what is unwritten.
    is_written: bool,
    /// Sorted.
    known: Vec<Entry>,
    /// Which of these were asked for since the last [`Cache::keep`].
    asked: Vec<bool>,
    learned: BTreeMap<[u8; 16], [u8; 16]>,
    /// How many entries came and went since it was written.
    unwritten: (usize, usize),
}

impl Cache {
    /// An empty one that is not kept.
    pub fn new() -> Self {
        Self::default()
    }

    /// That of a library, if its host keeps any. What is kept for one purpose, which names its version too, is
    /// nothing for another. It is opened when it is first asked.
    pub fn of(host: &dyn Host, library: &Path, purpose: &'static str) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(purpose);
        hasher.update(b"\0");
        hasher.update(library.as_os_str().as_bytes());
        let mut about = [0; 16];
        about.copy_from_slice(&hasher.finalize()[..16]);
        let file = host.cache_folder().map(|folder| folder.join(NAME));
        Self { file, about, ..Self::default() }
    }

    /// What was found out about a file.
    pub fn value(&mut self, file: &[u8; 16]) -> Option<[u8; 16]> {
        self.load();
        if let Ok(place) = self.known.binary_search_by(|entry| entry[..16].cmp(file)) {
            self.asked[place] = true;
            return self.known[place][16..].try_into().ok();
        }
        self.learned.get(file).copied()
    }

    /// Remembers what was found out about a file.
    pub fn learn(&mut self, file: [u8; 16], value: [u8; 16]) {
        self.learned.insert(file, value);
    }

    /// Whether everything that there was at some time is known, and all that came since as far as it could be found out:
    /// [`Cache::note_whole`] said so.
    pub fn is_whole(&mut self) -> bool {
        self.value(&WHOLE).is_some() && self.known.len() <= ALWAYS_MAX
    }

    /// Says that there is nothing that is unknown and matters.
    pub fn note_whole(&mut self) {
        if self.value(&WHOLE).is_none() {
            self.learn(WHOLE, WHOLE);
        }
    }

    /// What was found out about files that were asked for once and not since the last [`Cache::keep`].
    pub fn missed(&self) -> impl Iterator<Item = [u8; 16]> + '_ {
        let all = self.known.iter().zip(&self.asked);
        let missed = all.filter(|(_, asked)| !**asked).map(|(entry, _)| entry);
        missed.filter_map(|entry| entry[16..].try_into().ok())
    }

    /// As [`Cache::keep`], but forgets nothing: what was not asked for may be there.
    pub fn keep_all(&mut self) {
        self.load();
        self.asked.fill(true);
        self.keep();
    }

    /// Forgets what nobody asked for since the last time, and writes the rest if that is worth it. To be called when
    /// everything that there is was asked for.
    pub fn keep(&mut self) {
        self.load();
        let gone = self.asked.iter().filter(|asked| !**asked).count();
        if gone > 0 || !self.learned.is_empty() {
            self.unwritten.0 += self.learned.len();
            self.unwritten.1 += gone;
            let mut asked = self.asked.iter();
            self.known.retain(|_| asked.next() == Some(&true));
            self.known.reserve_exact(self.learned.len());
            let entry = |(file, value): ([u8; 16], [u8; 16])| {
                let mut entry = [0; 32];
                entry[..16].copy_from_slice(&file);
                entry[16..].copy_from_slice(&value);
                entry
            };
            self.known.extend(std::mem::take(&mut self.learned).into_iter().map(entry));
            self.known.sort_unstable();
        }
        self.asked = vec![false; self.known.len()];
        let (came, went) = self.unwritten;
        let is_small = self.known.len() <= ALWAYS_MAX;
        let is_worth_it = came * WORTH > self.known.len() || went * 2 > self.known.len();
        let is_worth_it = is_worth_it || (came > 0 && is_small);
        let fits = self.known.len() <= ENTRIES_MAX;
        if let Some(path) = self.file.as_ref().filter(|_| is_worth_it && fits) {
            // What cannot be written is found out again; what was written once must not be taken for all.
            self.is_written = self.write(path).is_ok();
            if !self.is_written {
                let _ = std::fs::remove_file(path);
            }
            self.unwritten = (0, 0);
        }
        if self.is_written && self.unwritten == (0, 0) {
            // Nothing is asked for a while now, and of a million files it is 32 MB.
            (self.known, self.asked, self.is_loaded) = (Vec::new(), Vec::new(), false);
        }
    }

    fn load(&mut self) {
        if std::mem::replace(&mut self.is_loaded, true) {
            return;
        }
        let kept = self.file.as_deref().and_then(|path| read(path, &self.about));
        self.is_written = kept.is_some();
        self.known = kept.unwrap_or_default();
        self.asked = vec![false; self.known.len()];
    }

    fn write(&self, path: &Path) -> Result<(), Error> {
        let fail = |error| Error::io("write", path, &error);
        let folder = path.parent().unwrap_or(path);
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(fail)?;
        let header = [&MAGIC[..], &self.about, &(self.known.len() as u64).to_le_bytes()].concat();
        let entries = self.known.as_flattened();
        let sum = Sha256::new().chain_update(&header).chain_update(entries).finalize();
        let mut file = file::Replacement::create_private(path)?;
        for part in [&header, entries, &sum] {
            file.write_all(part).map_err(fail)?;
        }
        file.commit(|| Ok(()))
    }
}

/// The entries of a cache that proves to be whole and what it is about.
fn read(path: &Path, about: &[u8; 16]) -> Option<Vec<Entry>> {
    let bytes_max = HEADER_BYTES + ENTRIES_MAX * size_of::<Entry>() + SUM_BYTES;
    let mut file: File = file::open_bounded(path, bytes_max as u64).ok()?;
    let bytes = usize::try_from(file.metadata().ok()?.len()).ok()?;
    let mut header = [0; HEADER_BYTES];
    file.read_exact(&mut header).ok()?;
    let (magic, rest) = header.split_at(MAGIC.len());
    let (said, count) = rest.split_at(about.len());
    let count = usize::try_from(u64::from_le_bytes(count.try_into().ok()?)).ok()?;
    let expected = count.checked_mul(size_of::<Entry>())?.checked_add(HEADER_BYTES + SUM_BYTES)?;
    if magic != MAGIC || said != about || bytes != expected {
        return None;
    }
    let mut entries = vec![[0; size_of::<Entry>()]; count];
    file.read_exact(entries.as_flattened_mut()).ok()?;
    let mut sum = [0; SUM_BYTES];
    file.read_exact(&mut sum).ok()?;
    let is_whole = Sha256::new().chain_update(header).chain_update(entries.as_flattened());
    let is_sorted = entries.is_sorted_by(|a, b| a[..16] < b[..16]);
    (is_sorted && is_whole.finalize()[..] == sum).then_some(entries)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::Probe;

    struct Keeps(PathBuf);

    impl Host for Keeps {
        fn running(&self, _: &Probe<'_>) -> Option<String> {
            None
        }

        fn cache_folder(&self) -> Option<PathBuf> {
            Some(self.0.join("cache/one"))
        }
    }

    fn cache(folder: &Path) -> Cache {
        Cache::of(&Keeps(folder.to_owned()), Path::new("/library"), "test 1")
    }

    fn id(number: u64) -> [u8; 16] {
        let mut id = [7; 16];
        id[..8].copy_from_slice(&number.to_le_bytes());
        id
    }

    /// A folder with a cache of so many entries.
    fn kept(count: u64) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let mut cache = cache(folder.path());
        for number in 0..count {
            assert_eq!(cache.value(&id(number)), None);
            cache.learn(id(number), id(number + 1));
            assert_eq!(cache.value(&id(number)), Some(id(number + 1)));
        }
        cache.keep();
        assert_eq!(cache.value(&id(0)), Some(id(1)));
        let path = folder.path().join("cache/one").join(NAME);
        (folder, path)
    }

    #[test]
    fn what_was_learned_is_known_to_the_next_process_and_to_nobody_else() {
        let (folder, path) = kept(1_000);
        let mut next = cache(folder.path());
        assert!((0..1_000).all(|number| next.value(&id(number)) == Some(id(number + 1))));
        assert_eq!(next.value(&id(1_000)), None);
        let host = Keeps(folder.path().to_owned());
        assert_eq!(Cache::of(&host, Path::new("/other"), "test 1").value(&id(0)), None);
        assert_eq!(Cache::of(&host, Path::new("/library"), "test 2").value(&id(0)), None);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        let bytes = fs::metadata(&path).unwrap().len();
        assert_eq!(bytes, 1_000 * 32 + (HEADER_BYTES + SUM_BYTES) as u64);
    }

    #[test]
    fn f12_a_damaged_cache_is_none_and_is_made_anew() {
        let (folder, path) = kept(50);
        let whole = fs::read(&path).unwrap();
        let mut damaged: Vec<Vec<u8>> = (0..whole.len()).map(|end| whole[..end].to_vec()).collect();
        damaged.extend((0..whole.len()).map(|place| {
            let mut bytes = whole.clone();
            bytes[place] ^= 1;
            bytes
        }));
        damaged.push([&whole[..], b"x"].concat());
        damaged.push([&whole[..24], &[0xff; 8], &whole[32..]].concat());
        for bytes in damaged {
            fs::write(&path, bytes).unwrap();
            assert_eq!(cache(folder.path()).value(&id(0)), None);
        }
        let mut anew = cache(folder.path());
        anew.learn(id(0), id(5));
        anew.keep();
        assert_eq!(cache(folder.path()).value(&id(0)), Some(id(5)));
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(cache(folder.path()).value(&id(0)), None);
        anew.learn(id(1), id(5));
        anew.keep();
        assert_eq!(anew.value(&id(1)), Some(id(5)), "what cannot be kept is known all the same");
    }

    #[test]
    fn what_nobody_asks_for_is_forgotten_and_little_is_not_written() {
        let count = ALWAYS_MAX as u64 + 10_000;
        let (folder, path) = kept(count);
        let written = || fs::read(&path).unwrap();
        let whole = written();
        let mut next = cache(folder.path());
        let ask = |cache: &mut Cache, from| {
            for number in from..count {
                cache.value(&id(number));
            }
        };
        ask(&mut next, 1_000);
        next.learn(id(u64::MAX), id(0));
        next.keep();
        assert_eq!(next.value(&id(0)), None, "forgotten here");
        assert_eq!(next.value(&id(u64::MAX)), Some(id(0)));
        assert_eq!(written(), whole, "and not worth a write");
        ask(&mut next, count - 2_000);
        next.keep();
        assert_eq!(written().len() as u64, whole.len() as u64 - 32 * (count - 2_001));
    }

    #[test]
    fn f06_what_is_missed_is_known_only_while_nothing_is_unknown() {
        let (folder, path) = kept(10);
        let mut next = cache(folder.path());
        assert!(!next.is_whole(), "nobody said so");
        next.note_whole();
        (0..9).for_each(|number| _ = next.value(&id(number)));
        next.keep_all();
        let mut next = cache(folder.path());
        assert!(next.is_whole());
        (0..9).for_each(|number| _ = next.value(&id(number)));
        // What is not there is not forgotten, and each that comes is kept: else it could not be missed.
        assert_eq!(next.missed().collect::<Vec<_>>(), [id(10)]);
        next.learn(id(10), id(11));
        next.keep_all();
        let mut next = cache(folder.path());
        assert!(next.is_whole());
        assert_eq!(next.missed().count(), 11);
        fs::remove_file(path).unwrap();
        assert!(!cache(folder.path()).is_whole());
    }
}
