//! Writes tags: what an edit adds and takes away, as one batch that notmuch makes under its own lock. Moves come first.
//!
//! Only differences are written, so a tag that somebody sets meanwhile stays. Where a file has another name
//! than notmuch knows, its marks are newer than the tags: notmuch looks at the files first, and what
//! it finds there counts.
//!
//! Invariant: a tag that Segue does not lift is never written, and mail is never removed;
//! notmuch renames files to say what their tags say, as it always does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use segue_mail::Key;
use segue_mail::marks::{Tag, flag};
use segue_translator::model::{ChangeSet, CollectionEdit, FieldEdit, NativeId, Rule, Value, mail};
use segue_translator::{Access, Error, ErrorKind, Refusal, Revision, Written};

use crate::column::CAPABILITIES;
use crate::format::{self, Edit, Meaning};
use crate::moves;
use crate::read::Mail;
use crate::state::{Marks, Places, State};

/// So often a write is planned anew, because somebody wrote right before it.
const ATTEMPTS: usize = 4;
/// As many messages may be gone from the disk when notmuch is to look at it, or one in [`GONE_SHARE`]: it forgets
/// the tags of those.
const GONE_MAX: usize = 20;
const GONE_SHARE: usize = 20;

type Set = BTreeSet<Box<str>>;

/// The changes of each message of notmuch.
pub(crate) type Edits = BTreeMap<usize, Vec<Edit>>;

/// Makes the edits of places and marks; all others are refused.
pub(crate) fn write(
    mail: &Mail,
    expected: &Revision,
    changes: &ChangeSet,
) -> Result<Written, Error> {
    let moved = moves::make(mail, read(mail, "write", expected)?, changes)?;
    let mut refused: Vec<Refusal> = Refusal::of_listing(changes).collect();
    refused.extend(changes.collections.iter().map(refuse_collection));
    refused.extend(moved.refused);
    let plan = |state: &State| {
        let (mut edits, mut refused) = (Edits::new(), Vec::new());
        for edit in changes.fields.iter().filter(|edit| *edit.field != mail::FOLDERS) {
            if let Err(reason) = plan(state, edit, &mut edits) {
                refused.push(Refusal { id: edit.item.clone(), reason });
            }
        }
        Ok((edits, refused))
    };
    let tagged = tag(mail, "write", moved.state, plan);
    let (mut revision, more) =
        if moved.is_any { tagged.map_err(moves::half_made)? } else { tagged? };
    if !moved.is_alone {
        revision = shared(&revision);
    }
    refused.extend(more);
    Ok(Written { revision, refused, unable: moved.unable, ..Written::default() })
}

/// What is there, if it is what was read.
pub(crate) fn read(
    mail: &Mail,
    operation: &'static str,
    expected: &Revision,
) -> Result<State, Error> {
    let state = mail.state()?;
    if state.revision != *expected {
        let detail = "it changed since it was read";
        return Err(Error::new(ErrorKind::Stale, operation, &mail.database.root, detail));
    }
    Ok(state)
}

/// The state after a write when somebody else wrote at the same time: none that a reader knows, so that
/// what they did is found.
fn shared(now: &Revision) -> Revision {
    Revision(format!("{} and more", now.0))
}

/// Makes the changes that `plan` finds for what is there; returns the state after.
pub(crate) fn tag<T>(
    mail: &Mail,
    operation: &'static str,
    state: State,
    plan: impl Fn(&State) -> Result<(Edits, T), Error>,
) -> Result<(Revision, T), Error> {
    let is_behind = |state: &State, message: &usize| state.is_behind(*message);
    let (mut state, edits, told) = settle(mail, operation, state, plan, is_behind)?;
    if edits.is_empty() {
        return Ok((state.revision, told));
    }
    mail.database.tag(&lines(&state, &edits))?;
    let index = Arc::make_mut(&mut state.index);
    for (message, edits) in &edits {
        index.apply(*message, edits);
    }
    let after = mail.state()?;
    let is_ours = state.tells_as(&after, &Places::new());
    Ok((if is_ours { after.revision } else { shared(&after.revision) }, told))
}

/// Plans for what is there, again if somebody changed it meanwhile, and after notmuch has looked at files that
/// changed. Returns for what it was planned; it is what is there, and nobody writes, unless nothing is planned.
pub(crate) fn settle<K: Ord, V, T>(
    mail: &Mail,
    operation: &'static str,
    mut state: State,
    plan: impl Fn(&State) -> Result<(BTreeMap<K, V>, T), Error>,
    is_behind: impl Fn(&State, &K) -> bool,
) -> Result<(State, BTreeMap<K, V>, T), Error> {
    let mut is_indexed = false;
    for _ in 0..ATTEMPTS {
        let (planned, told) = plan(&state)?;
        if planned.is_empty() {
            return Ok((state, planned, told));
        }
        mail.database.wait_for_lock()?;
        if !is_indexed && planned.keys().any(|one| is_behind(&state, one)) {
            none_are_forgotten(mail, operation, &state)?;
            mail.database.index()?;
            is_indexed = true;
        } else if mail.now()? == state.revision {
            return Ok((state, planned, told));
        }
        state = mail.state()?;
    }
    let detail = "other programs change it all the time";
    Err(Error::new(ErrorKind::Stale, operation, &mail.database.root, detail))
}

/// Fails if notmuch would forget the tags of many messages when it looks at the files.
pub(crate) fn none_are_forgotten(
    mail: &Mail,
    operation: &'static str,
    state: &State,
) -> Result<(), Error> {
    let (gone, all) = (state.gone(), state.index.messages.len());
    if gone > GONE_MAX && gone > all / GONE_SHARE {
        let detail = format!(
            "{gone} of {all} messages are gone from the disk, and notmuch would forget their \
             tags: if they were removed, run `notmuch new`"
        );
        return Err(Error::new(ErrorKind::Stale, operation, &mail.database.root, detail));
    }
    Ok(())
}

/// The lines that tell notmuch of edits.
pub(crate) fn lines(state: &State, edits: &Edits) -> Vec<u8> {
    let line = |(message, edits): (&usize, &Vec<Edit>)| {
        format::line(&state.index.messages[*message].id, edits)
    };
    edits.iter().map(line).collect::<Vec<_>>().concat()
}

fn refuse_collection(edit: &CollectionEdit) -> Refusal {
    let id = match edit {
        CollectionEdit::Create { name, .. } => NativeId::from(&**name),
        CollectionEdit::Rename { id, .. }
        | CollectionEdit::Reorder { id, .. }
        | CollectionEdit::Remove { id, .. } => id.clone(),
    };
    let reason = "Segue does not make, rename or remove folders of notmuch yet".to_owned();
    Refusal { id, reason }
}

/// Which message an edit is of, the set that it has, and the one that it shall have; or why the edit cannot be
/// made.
pub(crate) fn checked(state: &State, edit: &FieldEdit) -> Result<(Key, Set, Set), String> {
    let key = Key::of(&edit.item).filter(|key| !state.messages_of(*key).is_empty());
    let key = key.ok_or_else(|| "there is no such message".to_owned())?;
    let support = CAPABILITIES.field(edit.field).filter(|one| one.access == Access::Write);
    let support = support.ok_or_else(|| "it is read from messages and not written".to_owned())?;
    let held = if *edit.field == mail::FLAGS {
        state.marks(key).flags
    } else if *edit.field == mail::KEYWORDS {
        state.marks(key).keywords
    } else {
        state.places(key)
    };
    if edit.old != Marks::value(&held) {
        return Err("it was changed meanwhile".to_owned());
    }
    let new = match &edit.new {
        Some(new) if !edit.field.shape.admits(new) || edit.field.rule != Rule::Set => {
            return Err("this is no set".to_owned());
        }
        new => new.as_ref().and_then(|new| support.hold(new)),
    };
    let new = new.as_ref().and_then(Value::as_list).unwrap_or_default();
    Ok((key, held, new.iter().cloned().collect()))
}

/// Adds what an edit changes to `edits`, or says why it cannot be made.
fn plan(state: &State, edit: &FieldEdit, edits: &mut Edits) -> Result<(), String> {
    let (key, held, new) = checked(state, edit)?;
    let is_flags = *edit.field == mail::FLAGS;
    let messages = state.messages_of(key).iter().map(|(_, message)| *message);
    if messages.clone().any(|message| !format::is_nameable(&state.index.messages[message].id)) {
        return Err("its Message-ID cannot be told to notmuch".to_owned());
    }
    for message in messages {
        let tags: Vec<&[u8]> = state.index.tags(message).collect();
        let add = new.difference(&held).filter_map(|mark| added(&tags, mark, is_flags));
        let remove = held.difference(&new).flat_map(|mark| removed(&tags, mark, is_flags));
        let all: Vec<Edit> = add.chain(remove).collect();
        if !all.is_empty() {
            edits.entry(message).or_default().extend(all);
        }
    }
    Ok(())
}

/// What gives a message a mark, if it has it not.
fn added(tags: &[&[u8]], mark: &str, is_flag: bool) -> Option<Edit> {
    match is_flag.then(|| flag(mark)).flatten().map(|flag| flag.tag) {
        Some(Tag::Absent(tag)) => {
            let has = tags.contains(&tag.as_bytes());
            has.then(|| Edit::Remove(tag.as_bytes().into()))
        }
        Some(Tag::Present(tag)) => {
            let has = tags.iter().any(|one| says(one, mark, true));
            (!has).then(|| Edit::Add(tag.as_bytes().into()))
        }
        None => {
            let has = tags.iter().any(|one| says(one, mark, false));
            (!has).then(|| Edit::Add(mark.as_bytes().into()))
        }
    }
}

/// What takes a mark from a message.
fn removed(tags: &[&[u8]], mark: &str, is_flag: bool) -> Vec<Edit> {
    if let Some(Tag::Absent(tag)) = is_flag.then(|| flag(mark)).flatten().map(|flag| flag.tag) {
        let has = tags.contains(&tag.as_bytes());
        return if has { Vec::new() } else { vec![Edit::Add(tag.as_bytes().into())] };
    }
    let said = tags.iter().filter(|tag| says(tag, mark, is_flag));
    said.map(|tag| Edit::Remove((*tag).into())).collect()
}

/// Whether a tag says that a message has a mark, however it is spelled.
fn says(tag: &[u8], mark: &str, is_flag: bool) -> bool {
    match format::meaning(tag) {
        Meaning::Flag(flag) => is_flag && flag == mark,
        Meaning::Keyword(keyword) => !is_flag && keyword == mark,
        _ => false,
    }
}
