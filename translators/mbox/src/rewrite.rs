//! Changes a mailbox in its place, so that it can be told what an interrupted change left.
//!
//! The file is never replaced by another: a program that waits for its lock would go on with the old
//! one, and mail that it appends would be lost. What is new is appended, made durable, copied to where
//! it belongs, and the file is cut ([`journal`](crate::journal)). Whoever looks without a lock sees
//! messages twice, and one of these torn, but each whole once.
//!
//! Invariant: the file's length changes, because mutt looks at nothing else, and would write over what
//! it did not see.

use std::fs::{File, FileTimes};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

use segue_translator::{Error, ErrorKind};
use sha2::{Digest as _, Sha256};

use crate::journal::{BYTES_MAX, CHUNK_BYTES, Edit, Expected, Journal, blank};
use crate::lock::Locked;

/// Makes edits, sorted and apart from each other. From the first on there are these messages, before or after.
pub(crate) fn rewrite(
    mailbox: &Locked,
    edits: Vec<Edit>,
    expected: Vec<Expected>,
) -> Result<(), Error> {
    let fail = |error: io::Error| Error::io("write", &mailbox.path, &error);
    let bytes: u64 = edits.iter().map(|edit| edit.new.len() as u64 + 100).sum();
    if bytes > BYTES_MAX {
        let detail = "so much of one mailbox cannot be changed at once";
        return Err(Error::new(ErrorKind::TooLarge, "write", &mailbox.path, detail));
    }
    let before = mailbox.file.metadata().map_err(fail)?;
    let journal = Journal::new(&mailbox.file, edits, expected).map_err(fail)?;
    carry_out(mailbox, journal)?;
    Journal::remove(&mailbox.path)?;
    see_to_be_seen(&mailbox.file, &before).map_err(fail)
}

/// Makes the edits of a journal, which stays.
pub(crate) fn carry_out(mailbox: &Locked, journal: Journal) -> Result<(), Error> {
    let journal = begin(mailbox, journal)?;
    if !journal.only_appends() {
        let finished = finish(&journal, &mailbox.file);
        finished.map_err(|error| Error::io("write", &mailbox.path, &error))?;
    }
    Ok(())
}

/// Appends what is new, and says so in the journal; until then the mailbox is as it was.
fn begin(mailbox: &Locked, mut journal: Journal) -> Result<Journal, Error> {
    let fail = |error: io::Error| Error::io("write", &mailbox.path, &error);
    journal.write(&mailbox.path)?;
    let file = &mailbox.file;
    let appended = append(&journal, file).map_err(fail).and_then(|hash| {
        if journal.only_appends() {
            return Ok(());
        }
        journal.appended = Some(hash);
        journal.write(&mailbox.path)
    });
    if let Err(error) = appended {
        // What cannot be taken back now is told by the journal, and is by the next write; so is what an earlier one left.
        let is_back = file.set_len(journal.length).and_then(|()| file.sync_all()).is_ok();
        if is_back && journal.left.is_empty() {
            let _ = Journal::remove(&mailbox.path);
        }
        return Err(error);
    }
    Ok(journal)
}

/// Appends what is new; returns its hash.
fn append(journal: &Journal, file: &File) -> io::Result<[u8; 32]> {
    let mut at = journal.length;
    let mut put = |bytes: &[u8]| {
        file.write_all_at(bytes, at)?;
        at += bytes.len() as u64;
        Ok(true)
    };
    blank(journal.gap(), &mut put)?;
    let mut hasher = Sha256::new();
    journal.content(file, |bytes| {
        hasher.update(bytes);
        put(bytes)
    })?;
    file.sync_all()?;
    Ok(hasher.finalize().into())
}

/// Copies what was appended to where it belongs, in pieces that end as pages do, and cuts the file.
pub(crate) fn finish(journal: &Journal, file: &File) -> io::Result<()> {
    let (mut from, mut at) = (journal.start(), journal.first());
    let end = from + journal.new_bytes();
    while from < end {
        let room = CHUNK_BYTES - at % CHUNK_BYTES;
        let mut piece = vec![0; usize::try_from(room.min(end - from)).unwrap_or_default()];
        file.read_exact_at(&mut piece, from)?;
        file.write_all_at(&piece, at)?;
        from += piece.len() as u64;
        at += piece.len() as u64;
    }
    file.sync_all()?;
    file.set_len(at)?;
    file.sync_all()
}

/// Gives a file times by which others see that it changed, and not that mail came: Dovecot looks at
/// seconds, and whoever tells new mail at whether a mailbox was changed after it was read.
pub(crate) fn see_to_be_seen(file: &File, before: &std::fs::Metadata) -> io::Result<()> {
    let least = before.modified()? + Duration::from_secs(1);
    let modified = file.metadata()?.modified()?.max(least);
    let has_news = before.accessed()? < before.modified()?;
    let accessed = if has_news { before.accessed()? } else { modified };
    let times = FileTimes::new().set_modified(modified).set_accessed(accessed);
    match file.set_times(times) {
        // Only the owner of a file may; a change within one second of another is then seen with the next.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        set => set,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    use crate::lock::Locked;

    #[test]
    fn f29_nothing_is_copied_before_the_journal_says_that_all_was_appended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("box");
        fs::write(&path, "old text").unwrap();
        let mailbox = Locked::take(&path).unwrap();
        let edits = vec![Edit { old: 4..8, new: b"bytes".to_vec() }];
        let journal = Journal::new(&mailbox.file, edits, Vec::new()).unwrap();
        let journal = begin(&mailbox, journal).unwrap();
        assert_eq!(Journal::read(&path).unwrap().as_ref(), Some(&journal));
        assert_eq!(fs::read_to_string(&path).unwrap(), "old text\n\n\nbytes");
        let holes = journal.holes(&mailbox.file).unwrap().unwrap();
        assert_eq!((holes.len(), holes.first()), (1, Some(&(4..11))));
    }

    #[test]
    fn edits_of_any_length_are_made_and_nothing_is_left() {
        let mut rng = fastrand::Rng::with_seed(1);
        for round in 0..100 {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("box");
            let most = if round < 90 { 400 } else { 3 << 20 };
            let old: Vec<u8> = (0..rng.usize(1..most)).map(|_| rng.u8(..)).collect();
            fs::write(&path, &old).unwrap();
            let (mut new, mut edits, mut at) = (Vec::new(), Vec::new(), 0);
            while at < old.len() {
                let (start, end) = (rng.usize(at..old.len()), rng.usize(at..=old.len()));
                let (start, end) = (start.min(end), start.max(end));
                let bytes: Vec<u8> = (0..rng.usize(..40)).map(|_| rng.u8(..)).collect();
                new.extend_from_slice(&old[at..start]);
                new.extend_from_slice(&bytes);
                edits.push(Edit { old: start as u64..end as u64, new: bytes });
                at = end + 1;
                new.extend_from_slice(old.get(end..at).unwrap_or_default());
            }
            rewrite(&Locked::take(&path).unwrap(), edits, Vec::new()).unwrap();
            assert_eq!(fs::read(&path).unwrap(), new);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }
}
