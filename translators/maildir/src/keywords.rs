//! What the small letters of one folder mean: its file `dovecot-keywords`, a line for each letter.
//!
//! The same letter means another keyword in each folder. Lines are added and never changed, and what
//! a file says beyond them is kept.
//!
//! Invariant: a letter gets a meaning only if no file of the folder bears it yet.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use segue_mail::marks::{FORWARDED_KEYWORD, is_keyword};
use segue_translator::{Error, ErrorKind, file};

use crate::format;

pub(crate) const FILE: &str = "dovecot-keywords";
const BYTES_MAX: u64 = 64 << 10;

/// The keywords of one folder by letter, in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Keywords {
    names: BTreeMap<u8, String>,
    /// Letters that have lines, whatever these say.
    taken: Vec<u8>,
    bytes: Vec<u8>,
    /// Whether there is such a file.
    pub(crate) is_kept: bool,
}

impl Keywords {
    /// What a folder's file says; nothing, if there is none.
    pub(crate) fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(FILE);
        match file::read_bounded(&path, BYTES_MAX) {
            Ok(bytes) => Self::parse(bytes)
                .map_err(|what| Error::new(ErrorKind::Corrupt, "read", path, what)),
            Err(error) if error.kind == ErrorKind::Absent => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    fn parse(bytes: Vec<u8>) -> Result<Self, String> {
        let mut keywords = Self { is_kept: true, ..Self::default() };
        let text = std::str::from_utf8(&bytes).map_err(|_| "a keyword is no text".to_owned())?;
        if !text.ends_with('\n') {
            return Err("the last line of the keywords has no end".to_owned());
        }
        for line in text.lines() {
            let (number, name) = line.split_once(' ').unwrap_or((line, ""));
            let number: u8 = number.parse().map_err(|_| format!("{line:.80?} is no keyword"))?;
            let Some(letter) = letter_of(number) else { continue };
            let name = name.to_ascii_lowercase();
            if keywords.taken.contains(&letter) {
                return Err(format!("the keyword {number} comes twice"));
            }
            keywords.taken.push(letter);
            if is_keyword(&name) || name == FORWARDED_KEYWORD {
                keywords.names.insert(letter, name);
            }
        }
        keywords.bytes = bytes;
        Ok(keywords)
    }

    /// What a letter means.
    pub(crate) fn name(&self, letter: u8) -> Option<&str> {
        self.names.get(&letter).map(String::as_str)
    }

    /// The letter of a keyword.
    pub(crate) fn letter(&self, name: &str) -> Option<u8> {
        self.names.iter().find(|(_, known)| *known == name).map(|(letter, _)| *letter)
    }

    /// Gives a letter to each of these that has none, as long as there are letters that `in_use`
    /// does not name.
    pub(crate) fn add<'n>(&mut self, names: impl Iterator<Item = &'n str>, in_use: &[u8]) {
        for name in names {
            if self.letter(name).is_some() {
                continue;
            }
            let is_free = |letter: &u8| !self.taken.contains(letter) && !in_use.contains(letter);
            let Some(letter) = (b'a'..=b'z').find(is_free) else { return };
            self.taken.push(letter);
            self.names.insert(letter, name.to_owned());
            self.bytes.extend_from_slice(format!("{} {name}\n", letter - b'a').as_bytes());
        }
    }

    /// Whether no letter is left for another keyword.
    pub(crate) fn is_full(&self, in_use: &BTreeSet<u8>) -> bool {
        (b'a'..=b'z').all(|letter| self.taken.contains(&letter) || in_use.contains(&letter))
    }

    /// The keywords that have letters.
    pub(crate) fn all(&self) -> impl Iterator<Item = &str> {
        self.names.values().map(String::as_str)
    }

    /// Whether the other file says the same.
    pub(crate) fn is_as(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }

    /// Writes the file whole.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), Error> {
        let path = folder.join(FILE);
        let fail = |error| Error::io("write", &path, &error);
        let old = fs::metadata(&path).and_then(|meta| meta.modified()).ok();
        let mut new = file::Replacement::create(&path)?;
        new.write_all(&self.bytes).map_err(fail)?;
        new.commit(|| Ok(()))?;
        if let Some(old) = old {
            see_to_be_seen(&path, old).map_err(fail)?;
        }
        if !self.is_kept {
            // Who may read the folder may know what its letters mean.
            let mode = fs::metadata(folder).map_err(fail)?.permissions().mode() & 0o666;
            fs::set_permissions(&path, Permissions::from_mode(mode)).map_err(fail)?;
        }
        Ok(())
    }
}

/// Gives a file a time in another second than `old`: Dovecot compares seconds, and a session that read the
/// file within the same one would take new letters for unknown.
fn see_to_be_seen(path: &Path, old: SystemTime) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    let least = old + Duration::from_secs(1);
    if file.metadata()?.modified()? < least { file.set_modified(least) } else { Ok(()) }
}

/// The letters that these names of files bear.
pub(crate) fn in_use<'n>(names: impl Iterator<Item = &'n [u8]>) -> Vec<u8> {
    let letters: BTreeSet<u8> =
        names.flat_map(|name| format::letters(name).unwrap_or_default()).copied().collect();
    letters.into_iter().collect()
}

fn letter_of(number: u8) -> Option<u8> {
    (number < 26).then(|| b'a' + number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Keywords, String> {
        Keywords::parse(text.into())
    }

    #[test]
    fn letters_mean_what_the_folder_says() {
        let keywords = parse("0 $Forwarded\n2 NonJunk\n26 beyond\n").unwrap();
        assert_eq!(keywords.name(b'c'), Some("nonjunk"));
        assert_eq!(keywords.letter("$forwarded"), Some(b'a'));
        assert_eq!((keywords.name(b'b'), keywords.letter("beyond")), (None, None));
    }

    #[test]
    fn a_new_keyword_gets_a_letter_that_nothing_bears() {
        let mut keywords = parse("0 work\n2 NonJunk\n").unwrap();
        keywords.add(["work", "todo", "x"].into_iter(), b"bd");
        assert_eq!(keywords.bytes, b"0 work\n2 NonJunk\n4 todo\n5 x\n");
        assert_eq!(keywords.letter("todo"), Some(b'e'));
    }

    #[test]
    fn there_are_26_and_no_more() {
        let mut keywords = Keywords::default();
        let names: Vec<String> = (0..27).map(|number| format!("k{number}")).collect();
        keywords.add(names.iter().map(String::as_str), b"");
        assert_eq!(keywords.letter("k25"), Some(b'z'));
        assert_eq!(keywords.letter("k26"), None);
    }

    #[test]
    fn f06_a_file_that_was_cut_is_no_file_with_fewer_keywords() {
        for broken in ["", "0 work", "0 work\n1 to", "x work\n", "0 a\n0 b\n", "\n", "0 a\n\0"] {
            assert!(parse(broken).is_err(), "{broken:?}");
        }
    }

    #[test]
    fn a_server_that_compares_seconds_sees_a_new_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let time = || fs::metadata(&path).unwrap().modified().unwrap();
        fs::write(&path, "0 work\n").unwrap();
        // As if it had been written in this very second.
        let old = SystemTime::now() + Duration::from_mins(1);
        OpenOptions::new().write(true).open(&path).unwrap().set_modified(old).unwrap();
        let mut keywords = Keywords::read(folder.path()).unwrap();
        keywords.add(["x"].into_iter(), b"");
        keywords.write(folder.path()).unwrap();
        assert_eq!(time(), old + Duration::from_secs(1));
        assert_eq!(fs::read_to_string(&path).unwrap(), "0 work\n1 x\n");
    }

    #[test]
    fn a_keyword_that_cannot_be_carried_means_nothing_and_keeps_its_letter() {
        let mut keywords = parse("0 größe\n1 \n").unwrap();
        assert_eq!(keywords.name(b'a'), None);
        keywords.add(["a"].into_iter(), b"");
        assert_eq!(keywords.letter("a"), Some(b'c'));
    }
}
