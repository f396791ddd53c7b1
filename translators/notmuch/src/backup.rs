//! Keeps the tags of all messages and the names of their files, and brings them back.
//!
//! Of tags a dump is kept as notmuch writes one, so that `notmuch restore` can read it too; it is made
//! from what is read, because notmuch dumps only under the lock of writers. Names are kept as a Maildir's.
//!
//! Invariant: restoring renames files and removes none, and then writes differences of tags alone; what came since
//! keeps its own.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use segue_translator::{Error, ErrorKind, Revision, file};

use crate::format::{self, Edit};
use crate::read::Mail;
use crate::state::{Index, State};
use crate::write::{self, Edits};

const TAGS: &str = "tags.dump";
const FIRST: &[u8] = b"#notmuch-dump batch-tag:3 tags";
const BYTES_MAX: u64 = 2 << 30;

/// Writes down the tags of all messages, and where their files lie.
pub(crate) fn back_up(state: &State, into: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut copies = vec![back_up_tags(&state.index, into)?];
    copies.extend(state.files.back_up(into)?);
    Ok(copies)
}

fn back_up_tags(index: &Index, into: &Path) -> Result<PathBuf, Error> {
    let path = into.join(TAGS);
    let fail = |error| Error::io("back up", into, &error);
    let mut dump = BufWriter::new(File::create_new(&path).map_err(fail)?);
    dump.write_all(FIRST).and_then(|()| dump.write_all(b"\n")).map_err(fail)?;
    for (number, message) in index.messages.iter().enumerate() {
        if format::is_nameable(&message.id) {
            let tags: Vec<Edit> = index.tags(number).map(|tag| Edit::Add(tag.into())).collect();
            dump.write_all(&format::line(&message.id, &tags)).map_err(fail)?;
        }
    }
    let dump = dump.into_inner().map_err(|error| fail(error.into_error()))?;
    dump.sync_all().and_then(|()| File::open(into)?.sync_all()).map_err(fail)?;
    Ok(path)
}

/// Gives files their names back, and messages the tags that they had.
pub(crate) fn restore(mail: &Mail, expected: &Revision, from: &Path) -> Result<Revision, Error> {
    let path = from.join(TAGS);
    let dump = file::read_bounded(&path, BYTES_MAX)?;
    let old = tags_by_id(&dump).ok_or_else(|| {
        Error::new(ErrorKind::Corrupt, "restore", &path, "this is no dump of tags")
    })?;
    let mut state = write::read(mail, "restore", expected)?;
    write::none_are_forgotten(mail, "restore", &state)?;
    let listed = state.files.listed();
    if mail.tree.restore(listed, from)? != *listed {
        mail.database.wait_for_lock()?;
        mail.database.index()?;
        state = mail.state()?;
    }
    let (revision, ()) =
        write::tag(mail, "restore", state, |state| Ok((differences(state, &old), ())))?;
    Ok(revision)
}

type Tags = BTreeSet<Box<[u8]>>;

fn tags_by_id(dump: &[u8]) -> Option<HashMap<Vec<u8>, Tags>> {
    let mut lines = dump.strip_suffix(b"\n")?.split(|byte| *byte == b'\n');
    if lines.next() != Some(FIRST) {
        return None;
    }
    lines
        .map(|line| format::parse(line).map(|(tags, id)| (id, tags.into_iter().collect())))
        .collect()
}

/// What is to be added and taken away, but for tags that notmuch makes itself.
fn differences(state: &State, old: &HashMap<Vec<u8>, Tags>) -> Edits {
    let mut edits = Edits::new();
    for (number, message) in state.index.messages.iter().enumerate() {
        let Some(old) = old.get(&*message.id) else { continue };
        let now: Tags = state.index.tags(number).map(Into::into).collect();
        let add = old.difference(&now).cloned().map(Edit::Add);
        let remove = now.difference(old).cloned().map(Edit::Remove);
        let is_ours = |edit: &Edit| {
            let (Edit::Add(tag) | Edit::Remove(tag)) = edit;
            !format::is_of_the_indexer(tag)
        };
        let all: Vec<Edit> = add.chain(remove).filter(is_ours).collect();
        if !all.is_empty() {
            edits.insert(number, all);
        }
    }
    edits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_dump_is_not_restored() {
        let tags = |dump: &str| tags_by_id(dump.as_bytes());
        let one = tags("#notmuch-dump batch-tag:3 tags\n+a +b -- id:\"x\"\n-- id:\"y\"\n").unwrap();
        assert_eq!(one.len(), 2);
        assert_eq!(one[&b"x"[..]].len(), 2);
        let first = "#notmuch-dump batch-tag:3 tags";
        for torn in [
            "",
            first,
            "+a -- id:\"x\"\n",
            &format!("{first}\n+a -- id:\"x"),
            &format!("{first}\n+a\n"),
        ] {
            assert_eq!(tags(torn), None, "{torn:?}");
        }
    }
}
