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

use crate::journal::{BYTES_MAX, Edit, Journal, blank, chunks};
use crate::lock::Locked;

/// Makes edits, sorted and apart from each other.
pub(crate) fn rewrite(mailbox: &Locked, edits: Vec<Edit>) -> Result<(), Error> {
    let fail = |error: io::Error| Error::io("write", &mailbox.path, &error);
    let bytes: u64 = edits.iter().map(|edit| edit.new.len() as u64 + 100).sum();
    if bytes > BYTES_MAX {
        let detail = "so much of one mailbox cannot be changed at once";
        return Err(Error::new(ErrorKind::TooLarge, "write", &mailbox.path, detail));
    }
    let before = mailbox.file.metadata().map_err(fail)?;
    let journal = begin(mailbox, Journal::new(before.len(), edits))?;
    if !journal.only_appends() {
        finish(&journal, &mailbox.file).map_err(fail)?;
    }
    Journal::remove(&mailbox.path)?;
    see_to_be_seen(&mailbox.file, &before).map_err(fail)
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
        // What cannot be taken back now is told by the journal, and is by the next write.
        if file.set_len(journal.length).and_then(|()| file.sync_all()).is_ok() {
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

/// Copies what was appended, and what came after it, to where it belongs.
fn finish(journal: &Journal, file: &File) -> io::Result<()> {
    let from = journal.length + journal.gap()..file.metadata()?.len();
    let mut at = journal.first();
    chunks(file, from, &mut |bytes| {
        file.write_all_at(bytes, at)?;
        at += bytes.len() as u64;
        Ok(true)
    })?;
    file.sync_all()?;
    file.set_len(at)?;
    file.sync_all()
}

/// Takes out of a mailbox what an interrupted write left in it.
pub(crate) fn settle(mailbox: &Locked) -> Result<(), Error> {
    let fail = |error: io::Error| Error::io("write", &mailbox.path, &error);
    let Some(journal) = Journal::read(&mailbox.path)? else {
        return Journal::remove(&mailbox.path);
    };
    let file = &mailbox.file;
    let before = file.metadata().map_err(fail)?;
    let Some(hole) = journal.hole(file).map_err(fail)? else {
        return Journal::remove(&mailbox.path);
    };
    let after = before.len() - hole.end;
    if after > 0 && (journal.appended.is_none() || after > hole.end - hole.start) {
        // Mail came meanwhile, and is moved as any other.
        let moved = rewrite(mailbox, vec![Edit { old: hole, new: Vec::new() }]);
        // What is known of the first write is still so.
        return moved.or_else(|error| journal.write(&mailbox.path).and(Err(error)));
    }
    if after > 0 {
        finish(&journal, file).map_err(fail)?;
    } else {
        file.set_len(hole.start).and_then(|()| file.sync_all()).map_err(fail)?;
    }
    Journal::remove(&mailbox.path)?;
    see_to_be_seen(file, &before).map_err(fail)
}

/// Gives a file times by which others see that it changed, and not that mail came: Dovecot looks at
/// seconds, and whoever tells new mail at whether a mailbox was changed after it was read.
fn see_to_be_seen(file: &File, before: &std::fs::Metadata) -> io::Result<()> {
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
    use std::io::Read as _;
    use std::path::Path;

    use crate::format::Text as _;
    use crate::view::View;

    const FROM: &str = "From a@b Mon Jan  1 10:00:00 2024\n";

    fn message(name: &str, header: &str) -> String {
        format!("{FROM}Subject: {name}\n{header}\nHello {name}\n\n")
    }

    /// A mailbox, the edits of one write, and the mailbox after it.
    fn write() -> (String, Vec<Edit>, String) {
        let old = message("a", "Status: O\n") + &message("b", "") + &message("c", "X-Status: F\n");
        let new =
            message("a", "Status: RO\n") + &message("b", "") + &message("c", "X-Status: AFT\n");
        let edit = |from: &str, to: &str| {
            let start = old.find(from).unwrap() as u64;
            Edit { old: start..start + from.len() as u64, new: to.into() }
        };
        let start = message("a", "Status: O\n").find("\n\n").unwrap();
        let first = Edit { old: 0..start as u64, new: new[..=start].into() };
        let edits = vec![first, edit("X-Status: F", "X-Status: AFT")];
        (old, edits, new)
    }

    fn seen(path: &Path) -> String {
        let view = View::open(path).unwrap();
        let mut text = String::new();
        view.reader(0..view.length()).read_to_string(&mut text).unwrap();
        text
    }

    /// What a mailbox looks like at each instant of a write, with the journal that it has then.
    fn instants() -> Vec<(Vec<u8>, Journal)> {
        let (old, edits, new) = write();
        let mut journal = Journal::new(old.len() as u64, edits);
        let first = journal.first() as usize;
        let gap = "\n".repeat(journal.gap() as usize);
        let tail = &new.as_bytes()[first..];
        let appended = [gap.as_bytes(), tail].concat();
        let mut all: Vec<(Vec<u8>, Journal)> = (0..=appended.len())
            .map(|bytes| ([old.as_bytes(), &appended[..bytes]].concat(), journal.clone()))
            .collect();
        journal.appended = Some(Sha256::digest(tail).into());
        for bytes in 0..=tail.len() {
            let mut text = [old.as_bytes(), &appended].concat();
            text[first..first + bytes].copy_from_slice(&tail[..bytes]);
            all.push((text, journal.clone()));
        }
        all.push((new.into_bytes(), journal.clone()));
        all
    }

    #[test]
    fn f29_interrupted_anywhere_it_reads_as_old_or_new_and_becomes_that() {
        let (old, _, new) = write();
        for (text, journal) in instants().into_iter().rev().step_by(2) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("box");
            fs::write(&path, &text).unwrap();
            journal.write(&path).unwrap();
            let expected = if journal.appended.is_some() { &new } else { &old };
            assert_eq!(&seen(&path), expected);
            settle(&Locked::take(&path).unwrap()).unwrap();
            assert_eq!(&fs::read_to_string(&path).unwrap(), expected);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn f29_nothing_is_copied_before_the_journal_says_that_all_was_appended() {
        let (old, edits, new) = write();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("box");
        fs::write(&path, &old).unwrap();
        let mailbox = Locked::take(&path).unwrap();
        let journal = begin(&mailbox, Journal::new(old.len() as u64, edits)).unwrap();
        assert_eq!(Journal::read(&path).unwrap().as_ref(), Some(&journal));
        let tail = &new[journal.first() as usize..];
        let gap = "\n".repeat(journal.gap() as usize);
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{old}{gap}{tail}"));
        drop(mailbox);
        assert_eq!(seen(&path), new);
    }

    #[test]
    fn f29_at_each_instant_the_file_has_every_message_whole() {
        let (old, _, new) = write();
        for (text, _) in instants() {
            let text = String::from_utf8(text).unwrap();
            for (old, new) in old.split_inclusive("\n\n").zip(new.split_inclusive("\n\n")) {
                assert!(text.contains(old) || text.contains(new), "{old} is not in {text}");
            }
        }
    }

    #[test]
    fn f29_mail_that_came_after_an_interrupted_write_stays() {
        let more = message("more", "");
        for (text, journal) in instants().into_iter().step_by(5) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("box");
            let text = String::from_utf8(text).unwrap();
            // Whoever delivers sees to it that the line before has an end.
            let end = if text.ends_with("\n\n") { "" } else { "\n\n" };
            fs::write(&path, format!("{text}{end}{more}")).unwrap();
            journal.write(&path).unwrap();
            for _ in 0..2 {
                let now = seen(&path);
                assert!(now.ends_with(&format!("\n\n{more}")), "{now}");
                for name in ["a", "b", "c"] {
                    assert!(now.contains(&format!("\nHello {name}\n\n")), "{name} in {now}");
                }
                settle(&Locked::take(&path).unwrap()).unwrap();
            }
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn f29_mail_that_came_after_a_mailbox_without_an_empty_line_at_its_end_begins_all_the_same() {
        let (old, edits, _) = write();
        let (old, more) = (old.trim_end().to_owned() + "\n", message("more", ""));
        let journal = Journal::new(old.len() as u64, edits);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("box");
        let mailbox = || Locked::take(&path).unwrap();
        for appended in [1, 2, 3, 50, 200] {
            fs::write(&path, &old).unwrap();
            begin(&mailbox(), journal.clone()).unwrap();
            mailbox().file.set_len(old.len() as u64 + appended).unwrap();
            journal.write(&path).unwrap();
            let torn = fs::read_to_string(&path).unwrap();
            fs::write(&path, format!("{torn}\n\n{more}")).unwrap();
            settle(&mailbox()).unwrap();
            let now = fs::read_to_string(&path).unwrap();
            assert!(now.starts_with(&old) && now.ends_with(&format!("\n\n{more}")), "{now}");
        }
    }

    #[test]
    fn f29_what_another_program_made_of_it_since_is_left_alone() {
        let (_, _, new) = write();
        for (_, journal) in instants().into_iter().step_by(50) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("box");
            let others = new.repeat(4);
            fs::write(&path, &others).unwrap();
            journal.write(&path).unwrap();
            assert_eq!(seen(&path), others);
            settle(&Locked::take(&path).unwrap()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), others);
        }
    }

    #[test]
    fn f29_a_message_that_was_appended_in_part_is_none_and_mail_after_it_stays() {
        let more = message("more", "");
        for old in [String::new(), message("a", ""), message("a", "").trim_end().to_owned() + "\n"]
        {
            let parting = if old.is_empty() || old.ends_with("\n\n") { "" } else { "\n" };
            let new = format!("{parting}{}{}", message("b", ""), message("c", ""));
            let end = old.len() as u64;
            let edit = Edit { old: end..end, new: new.clone().into() };
            let journal = Journal::new(end, vec![edit]);
            for bytes in 0..=new.len() {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("box");
                let text = format!("{old}{}", &new[..bytes]);
                fs::write(&path, &text).unwrap();
                journal.write(&path).unwrap();
                assert_eq!(seen(&path), old);
                // Whoever delivers sees to it that the line before has an end.
                let end = if text.is_empty() || text.ends_with("\n\n") { "" } else { "\n\n" };
                fs::write(&path, format!("{text}{end}{more}")).unwrap();
                settle(&Locked::take(&path).unwrap()).unwrap();
                let now = fs::read_to_string(&path).unwrap();
                assert!(now.starts_with(&old) && now.ends_with(&more), "{bytes}: {now}");
                assert!(now.starts_with("From "), "{bytes}: {now}");
            }
        }
    }

    #[test]
    fn edits_of_any_length_are_made_and_nothing_is_left() {
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..100 {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("box");
            let old: Vec<u8> = (0..rng.usize(1..400)).map(|_| rng.u8(..)).collect();
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
            rewrite(&Locked::take(&path).unwrap(), edits).unwrap();
            assert_eq!(fs::read(&path).unwrap(), new);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }
}
