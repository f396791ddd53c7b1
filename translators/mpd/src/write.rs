//! Makes a set of edits through the protocol.
//!
//! Everything is asked again and compared, and right before the first command is sent nothing may
//! have changed since; what no longer fits is refused. The
//! rest becomes one list of commands, which MPD starts when it has all of it and goes through
//! without serving anybody else. So Segue can be killed at any moment: the library is the old or the new
//! one. What is left if MPD itself dies in the middle, `docs.md` says.
//!
//! Invariant: if nothing is to be changed, nothing is sent that changes anything.

use std::collections::{BTreeMap, BTreeSet};

use mpd_protocol::command::Command;
use segue_translator::model::{ChangeSet, CollectionEdit, FieldEdit, NativeId, Value};
use segue_translator::{Access, Capabilities, Error, ErrorKind, Refusal, Revision, Written};

use crate::client::Client;
use crate::config::Config;
use crate::format::{lift, lower, sticker_of};
use crate::playlist_edits::Shelf;
use crate::read::{self, Stickers};
use crate::revision;

/// Most commands that are told at once. MPD takes 2 MiB by default; more is told in several goes.
const COMMANDS_MAX: usize = 5_000;
/// Most bytes of their arguments.
const BYTES_MAX: usize = 1 << 20;

/// What one edit comes to.
pub(crate) struct Step {
    pub(crate) id: NativeId,
    pub(crate) commands: Vec<Command>,
    pub(crate) bytes: usize,
    /// The playlist that it makes.
    pub(crate) created: Option<NativeId>,
}

impl Step {
    pub(crate) fn new(id: NativeId) -> Self {
        Self { id, commands: Vec::new(), bytes: 0, created: None }
    }

    /// Adds a command, or says why MPD cannot be told so.
    pub(crate) fn add(&mut self, name: &str, arguments: &[&str]) -> Result<(), String> {
        self.commands.push(Client::command(name, arguments)?);
        // Each byte may be escaped.
        self.bytes += 2 * arguments.iter().map(|one| one.len() + 3).sum::<usize>() + name.len();
        Ok(())
    }
}

/// Makes `changes` if the server is still at `expected`.
pub(crate) fn write(
    client: &mut Client,
    config: &Config,
    capabilities: &Capabilities,
    expected: &Revision,
    changes: &ChangeSet,
) -> Result<Written, Error> {
    read::refuse_stale(client, config, expected)?;
    if let Some(why) = client.unknown_version() {
        return Err(client.error(ErrorKind::Unsupported, why));
    }
    let mut written = Written::default();
    written.refused.extend(Refusal::of_listing(changes));
    let mut steps = stickers(client, capabilities, &changes.fields, &mut written.refused)?;
    if config.playlists.is_some() && !changes.collections.is_empty() {
        steps.extend(playlists(client, &changes.collections, &mut written.refused)?);
    } else {
        written.refused.extend(changes.collections.iter().map(|edit| Refusal {
            id: subject(edit),
            reason: "MPD has no folder for playlists".into(),
        }));
    }
    if !steps.is_empty() {
        // Reading a large library takes a while, and MPD sets without comparing.
        read::refuse_stale(client, config, expected)?;
    }
    tell(client, steps, &mut written)?;
    written.revision = revision::now(client, config)?;
    Ok(written)
}

fn stickers(
    client: &mut Client,
    capabilities: &Capabilities,
    edits: &[FieldEdit],
    refused: &mut Vec<Refusal>,
) -> Result<Vec<Step>, Error> {
    let uris: BTreeSet<String> = edits.iter().map(|edit| edit.item.to_string()).collect();
    let uris: Vec<&str> =
        uris.iter().map(String::as_str).filter(|uri| !uri.contains(['\0', '\n'])).collect();
    let writable = capabilities.fields.iter().any(|support| support.access == Access::Write);
    let held = if writable { read::stickers(client, &uris)? } else { Vec::new() };
    let mut held: BTreeMap<&str, Stickers> = uris.into_iter().zip(held).collect();
    let mut steps = Vec::new();
    for edit in edits {
        let uri = edit.item.to_string();
        let song = held.get_mut(uri.as_str()).and_then(Option::as_mut);
        match sticker(capabilities, edit, &uri, song) {
            Ok(step) => steps.extend(step),
            Err(reason) => refused.push(Refusal { id: edit.item.clone(), reason }),
        }
    }
    Ok(steps)
}

/// What one edit comes to, if anything; `song` then holds it.
fn sticker(
    capabilities: &Capabilities,
    edit: &FieldEdit,
    uri: &str,
    song: Option<&mut BTreeMap<String, String>>,
) -> Result<Option<Step>, String> {
    let support = capabilities.field(edit.field).filter(|one| one.access == Access::Write);
    let (Some(support), Some(name)) = (support, sticker_of(edit.field)) else {
        return Err("MPD does not let others write this field".into());
    };
    let song = song.ok_or("MPD has no such song")?;
    let held = song.get(name).map(|text| lift(edit.field, text)).transpose()?;
    if held != edit.old {
        return Err("MPD holds another value now".into());
    }
    if edit.new.as_ref().is_some_and(|new| !edit.field.shape.admits(new)) {
        return Err("the new value is none of this field".into());
    }
    let new: Option<Value> = edit.new.as_ref().and_then(|new| support.hold(new));
    if new == held {
        return Ok(None);
    }
    let mut step = Step::new(edit.item.clone());
    if let Some(new) = new {
        let text = lower(edit.field, &new);
        step.add("sticker", &["set", "song", uri, name, &text])?;
        song.insert(name.to_owned(), text);
    } else {
        step.add("sticker", &["delete", "song", uri, name])?;
        song.remove(name);
    }
    Ok(Some(step))
}

fn playlists(
    client: &mut Client,
    edits: &[CollectionEdit],
    refused: &mut Vec<Refusal>,
) -> Result<Vec<Step>, Error> {
    let mut shelf = Shelf::load(client, edits)?;
    let mut steps = Vec::new();
    for edit in edits {
        match shelf.edit(edit) {
            Ok(step) => steps.extend(step),
            Err(reason) => refused.push(Refusal { id: subject(edit), reason }),
        }
    }
    Ok(steps)
}

/// Has the steps made, as many at once as MPD takes. What fails is refused, and the next goes on.
pub(crate) fn tell(
    client: &mut Client,
    steps: Vec<Step>,
    written: &mut Written,
) -> Result<(), Error> {
    let mut steps = std::collections::VecDeque::from(steps);
    while !steps.is_empty() {
        let (mut commands, mut owners, mut bytes) = (Vec::new(), Vec::new(), 0);
        for (position, step) in steps.iter().enumerate() {
            let fits = commands.len() + step.commands.len() <= COMMANDS_MAX
                && bytes + step.bytes <= BYTES_MAX;
            if !fits && position > 0 {
                break;
            }
            bytes += step.bytes;
            commands.extend_from_slice(&step.commands);
            owners.resize(commands.len(), position);
        }
        let told = owners.last().map_or(0, |last| last + 1);
        let (_, no) = client.tell(commands)?;
        let failed = no.as_ref().and_then(|no| owners.get(no.index).copied());
        let done = failed.unwrap_or(told);
        written.created.extend(steps.drain(..done).filter_map(|step| step.created));
        if let (Some(no), Some(step)) = (no, failed.and_then(|_| steps.pop_front())) {
            written.refused.push(Refusal { id: step.id, reason: format!("MPD says: {}", no.why) });
        }
    }
    Ok(())
}

fn subject(edit: &CollectionEdit) -> NativeId {
    match edit {
        CollectionEdit::Create { name, .. } => name.to_string().into(),
        CollectionEdit::Rename { id, .. }
        | CollectionEdit::Reorder { id, .. }
        | CollectionEdit::Remove { id, .. } => id.clone(),
    }
}
