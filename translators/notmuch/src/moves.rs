//! Moves messages: their files as a Maildir's, then notmuch looks where they are.
//!
//! What notmuch finds in a file's new name it takes for its tags. So the name says on the way what the tags
//! say: whoever has notmuch look next, it finds the tags that it had. Where one name cannot say it, because a
//! second file says something else, the tags are given back.
//!
//! Invariant: nothing moves to where notmuch would not find it, and nothing while it would forget messages that are
//! away. Between the move and the look each message is told from where it lies.

use std::collections::{BTreeMap, BTreeSet};

use segue_mail::Key;
use segue_mail::marks::{FLAGS, Flag, Tag};
use segue_maildir::Move;
use segue_translator::model::{ChangeSet, FieldEdit, NativeId, mail};
use segue_translator::{Error, ErrorKind, Refusal, Unable, Written};

use crate::format::Edit;
use crate::read::Mail;
use crate::state::{Places, State};
use crate::write::{self, Edits};

/// The moves by the messages that they move.
type Moves = BTreeMap<Key, Move>;

/// What became of moves.
pub(crate) struct Moved {
    /// What is there after them.
    pub(crate) state: State,
    /// Whether any was made.
    pub(crate) is_any: bool,
    /// Whether nothing else changed.
    pub(crate) is_alone: bool,
    pub(crate) refused: Vec<Refusal>,
    pub(crate) unable: Vec<Unable>,
}

impl Moved {
    fn nothing(state: State, refused: Vec<Refusal>) -> Self {
        Self { state, is_any: false, is_alone: true, refused, unable: Vec::new() }
    }
}

/// Makes those edits that say where messages lie.
pub(crate) fn make(mail: &Mail, state: State, changes: &ChangeSet) -> Result<Moved, Error> {
    let edits: Vec<&FieldEdit> =
        changes.fields.iter().filter(|edit| *edit.field == mail::FOLDERS).collect();
    if edits.is_empty() {
        return Ok(Moved::nothing(state, Vec::new()));
    }
    let settings = Settings::read(mail)?;
    let plan = |state: &State| Ok(plan(state, &settings, &edits));
    let is_behind = |state: &State, key: &Key| state.is_unclear(*key);
    let (state, moves, mut refused) = write::settle(mail, "write", state, plan, is_behind)?;
    if moves.is_empty() {
        return Ok(Moved::nothing(state, refused));
    }
    write::none_are_forgotten(mail, "write", &state)?;
    let Written { refused: impossible, unable, .. } =
        mail.tree.place(state.files.listed(), moves.values().cloned())?;
    let after = tell(mail, &state, &moves).map_err(half_made)?;
    let is_made = |key: &Key| {
        let id = NativeId::from(key.id());
        let mut ids = impossible.iter().map(|one| &one.id).chain(unable.iter().map(|one| &one.id));
        !ids.any(|one| *one == id)
    };
    let places = moves.iter().filter(|(key, _)| is_made(key));
    let places: Places = places.map(|(key, one)| (*key, there(&state, one))).collect();
    let is_alone = state.tells_as(&after, &places);
    refused.extend(impossible);
    Ok(Moved { state: after, is_any: true, is_alone, refused, unable })
}

/// Has notmuch look where the files are; returns what it knows then, tags included.
fn tell(mail: &Mail, old: &State, moves: &Moves) -> Result<State, Error> {
    // Tags that somebody set until now stay too.
    let moved = mail.state()?;
    write::none_are_forgotten(mail, "write", &moved)?;
    mail.database.index()?;
    let after = mail.state()?;
    let lost = lost(old, &moved, &after, moves);
    if lost.is_empty() {
        return Ok(after);
    }
    mail.database.wait_for_lock()?;
    mail.database.tag(&write::lines(&after, &lost))?;
    mail.state()
}

/// The error of a write that has made its moves: whoever is told that somebody else was first takes it that nothing
/// was written.
pub(crate) fn half_made(error: Error) -> Error {
    let is_nothing = matches!(error.kind, ErrorKind::Busy | ErrorKind::Stale);
    Error { kind: if is_nothing { ErrorKind::TimedOut } else { error.kind }, ..error }
}

/// What of notmuch's settings moves depend on.
struct Settings {
    /// Whether the letters of names are tags.
    synchronizes: bool,
    /// Names, and patterns between slashes, of what notmuch does not look at.
    ignored: Vec<Vec<u8>>,
}

impl Settings {
    fn read(mail: &Mail) -> Result<Self, Error> {
        let said = mail.database.setting("maildir.synchronize_flags")?;
        let synchronizes = said.first().is_none_or(|said| said != b"false");
        Ok(Self { synchronizes, ignored: mail.database.setting("new.ignore")? })
    }

    /// Whether notmuch may not look into a folder. What it has found something in, it looks into.
    fn ignores(&self, state: &State, path: &str) -> bool {
        if self.ignored.is_empty() || state.is_indexed(path) {
            return false;
        }
        let folders = state.files.folders();
        let there = folders.iter().filter(|folder| &*folder.name == path);
        let mut names: BTreeSet<Vec<u8>> = path.split('/').map(Into::into).collect();
        names.insert(format!(".{}", path.replace('/', ".")).into());
        for folder in there {
            names.extend(folder.id.as_bytes().split(|byte| *byte == b'/').map(Into::into));
        }
        self.ignored.iter().any(|one| one.starts_with(b"/") || names.contains(one))
    }
}

fn plan(state: &State, settings: &Settings, edits: &[&FieldEdit]) -> (Moves, Vec<Refusal>) {
    let (mut moves, mut refused) = (Moves::new(), Vec::new());
    for edit in edits {
        match one(state, settings, edit) {
            Ok(one) if one.into.is_empty() && one.out_of.is_empty() => {}
            Ok(one) => _ = moves.insert(one.key, one),
            Err(reason) => refused.push(Refusal { id: edit.item.clone(), reason }),
        }
    }
    (moves, refused)
}

fn one(state: &State, settings: &Settings, edit: &FieldEdit) -> Result<Move, String> {
    let (key, held, new) = write::checked(state, edit)?;
    let into: BTreeSet<Box<str>> = new.difference(&held).cloned().collect();
    if let Some(path) = into.iter().find(|path| settings.ignores(state, path)) {
        return Err(format!(
            "notmuch may be told to ignore the folder `{path}`, and would forget the message there: see its \
             setting new.ignore"
        ));
    }
    let (add, remove) = match state.messages_of(key) {
        [(_, message)] if settings.synchronizes => letters(state, *message),
        _ => Default::default(),
    };
    Ok(Move { key, into, out_of: held.difference(&new).cloned().collect(), add, remove })
}

/// The letters that the names of a message's files lack, and those that they have without the tag.
fn letters(state: &State, message: usize) -> (BTreeSet<u8>, BTreeSet<u8>) {
    let tags: Vec<&[u8]> = state.index.tags(message).collect();
    let said = FLAGS.iter().filter(|flag| is_said(flag, &tags)).map(|flag| flag.letter).collect();
    let named = state.letters(message);
    (&said - &named, &named - &said)
}

/// Whether the tags that notmuch itself writes into names say so.
fn is_said(flag: &Flag, tags: &[&[u8]]) -> bool {
    match flag.tag {
        Tag::Present(tag) => tags.contains(&tag.as_bytes()),
        Tag::Absent(tag) => !tags.contains(&tag.as_bytes()),
    }
}

/// Where a message lies then.
fn there(state: &State, one: &Move) -> BTreeSet<Box<str>> {
    &(&state.places(one.key) - &one.out_of) | &one.into
}

/// The tags that `notmuch new` took or gave, although nobody but us changed the letter that says so.
fn lost(old: &State, moved: &State, after: &State, moves: &Moves) -> Edits {
    let mut edits = Edits::new();
    for one in moves.values() {
        for (_, message) in after.messages_of(one.key) {
            let id = &after.index.messages[*message].id;
            let number = |state: &State| state.named(one.key, id);
            let (Some(before), Some(between)) = (number(old), number(moved)) else { continue };
            let (old, now) = (old.letters(before), after.letters(*message));
            // Another file of the message may keep a letter that ours lost.
            let ours = [&(&old | &one.add) - &one.remove, old];
            let had: Vec<&[u8]> = moved.index.tags(between).collect();
            let has: Vec<&[u8]> = after.index.tags(*message).collect();
            for flag in &FLAGS {
                let has_letter = |letters: &BTreeSet<u8>| letters.contains(&flag.letter);
                let is_ours = ours.iter().any(|ours| has_letter(ours) == has_letter(&now));
                let (Tag::Present(tag) | Tag::Absent(tag)) = flag.tag;
                let tag = tag.as_bytes();
                let edit = match (had.contains(&tag), has.contains(&tag)) {
                    (true, false) if is_ours => Edit::Add(tag.into()),
                    (false, true) if is_ours => Edit::Remove(tag.into()),
                    _ => continue,
                };
                edits.entry(*message).or_default().push(edit);
            }
        }
    }
    edits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f29_after_a_move_no_error_says_that_nothing_was_written() {
        for kind in [ErrorKind::Busy, ErrorKind::Stale] {
            let error = Error::new(kind, "write", "/mail", "somebody was first");
            assert_eq!(half_made(error).kind, ErrorKind::TimedOut);
        }
        let error = Error::new(ErrorKind::Full, "write", "/mail", "the disk is full");
        assert_eq!(half_made(error).kind, ErrorKind::Full);
    }
}
