//! Bytes that a pass puts aside on disk while it is worked out, so that it need not hold them.
//!
//! They lie in a file without a name in the store's folder, which is made when the first are put there. Nobody else can
//! open it, and the system removes it with the process, however that ends: nothing of it is durable, and nothing in
//! it is needed after a crash.
//!
//! Invariant: what was put there is what comes back, or an error.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::{Reader, StoreError};

/// A file for what is put aside.
#[derive(Debug)]
pub struct Spill {
    folder: PathBuf,
    file: Option<File>,
    end: u64,
}

impl Reader {
    /// A place beside the store for what need not be held; nothing is made until something is put there.
    pub fn spill(&self) -> Spill {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        Spill { folder: folder.unwrap_or(Path::new(".")).to_owned(), file: None, end: 0 }
    }
}

impl Spill {
    /// Puts bytes aside; says where they lie.
    ///
    /// # Errors
    /// `Full`, or the file system's. Then nothing counts as put aside.
    pub fn put(&mut self, bytes: &[u8]) -> Result<Range<u64>, StoreError> {
        let fail =
            |error: io::Error| StoreError::io("write beside the store in", &self.folder, &error);
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile_in(&self.folder).map_err(fail)?),
        };
        file.write_all_at(bytes, self.end).map_err(fail)?;
        let start = self.end;
        self.end += bytes.len() as u64;
        Ok(start..self.end)
    }

    /// The bytes that lie there.
    ///
    /// # Errors
    /// The file system's.
    pub fn get(&self, place: &Range<u64>) -> Result<Vec<u8>, StoreError> {
        let fail = |error| StoreError::io("read beside the store in", &self.folder, &error);
        let is_there = place.start <= place.end && place.end <= self.end;
        let (Some(file), true) = (&self.file, is_there) else {
            return Err(fail(io::ErrorKind::UnexpectedEof.into()));
        };
        let mut bytes = vec![0; (place.end - place.start) as usize];
        file.read_exact_at(&mut bytes, place.start).map_err(fail)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Store, StoreError};

    #[test]
    fn what_is_put_aside_comes_back_and_leaves_nothing_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("segue.db")).unwrap();
        let names = || std::fs::read_dir(folder.path()).unwrap().count();
        let before = names();
        let mut spill = store.spill();
        let places: Vec<_> =
            ["one", "", "three"].iter().map(|text| spill.put(text.as_bytes()).unwrap()).collect();
        assert_eq!(names(), before);
        let texts =
            places.iter().map(|place| String::from_utf8(spill.get(place).unwrap()).unwrap());
        assert_eq!(texts.collect::<Vec<_>>(), ["one", "", "three"]);
        assert!(matches!(spill.get(&(5..9)), Err(StoreError::Io { .. })));
        assert!(matches!(store.spill().get(&(0..1)), Err(StoreError::Io { .. })));
    }
}
