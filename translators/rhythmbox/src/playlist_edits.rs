//! Edits of playlists, as splices of `playlists.xml`.
//!
//! Edits are made in their order on a draft of the file; only then the touched playlists become
//! splices. What stands in a playlist and is no entry (a location that the library does not have,
//! a comment) stays behind the entry that it followed. The second place of a song goes when its
//! playlist is reordered: wherever it stood, it could come before the first.
//!
//! Invariant: ids in edits are those of the file as it was read, also after a renaming.

use std::collections::{HashMap, HashSet};

use segue_translator::Refusal;
use segue_translator::model::{CollectionEdit, CollectionKind, NativeId, music};

use crate::escape::{escape, escape_attribute, without_forbidden};
use crate::playlists::{Child, Ordinals, Playlist, Shelf, start_tag};
use crate::song_edits::Known;
use crate::splice::Splice;

/// A file without playlists, for a library that has none yet.
pub(crate) const EMPTY: &str =
    "<?xml version=\"1.0\"?>\n<rhythmdb-playlists>\n</rhythmdb-playlists>\n";

/// What became of the edits.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// The changes to the text.
    pub(crate) splices: Vec<Splice>,
    /// Ids of created playlists.
    pub(crate) created: Vec<NativeId>,
    /// Edits that are not made.
    pub(crate) refused: Vec<Refusal>,
}

/// One playlist as it shall be.
struct Draft<'a> {
    /// As it stands in the file, unless it is new.
    origin: Option<&'a Playlist>,
    kind: &'static CollectionKind,
    name: String,
    entries: Vec<String>,
    removed: bool,
}

/// Works out what `edits` do to the playlists of `body`.
pub(crate) fn plan(body: &str, shelf: &Shelf, edits: &[CollectionEdit], known: &Known) -> Outcome {
    let mut drafts: Vec<Draft<'_>> =
        shelf.playlists.iter().map(|list| draft(list, known)).collect();
    let mut outcome = Outcome::default();
    for edit in edits {
        if let Err(refusal) = make(edit, &mut drafts, known) {
            outcome.refused.push(refusal);
        }
    }
    let mut ordinals = Ordinals::default();
    let mut added = String::new();
    for draft in drafts.iter().filter(|draft| !draft.removed || draft.origin.is_some()) {
        if let Some(origin) = draft.origin {
            outcome.splices.extend(changed(body, origin, draft, known));
        } else {
            added.push_str("\n  ");
            added.push_str(&new_playlist(draft));
        }
        if !draft.removed {
            let id = ordinals.next_id(draft.kind, &draft.name);
            outcome.created.extend(draft.origin.is_none().then_some(id));
        }
    }
    if !added.is_empty() {
        outcome.splices.push(append(body, shelf, added));
    }
    outcome
}

fn draft<'a>(playlist: &'a Playlist, known: &Known) -> Draft<'a> {
    Draft {
        origin: Some(playlist),
        kind: playlist.kind,
        name: playlist.name.clone(),
        entries: current(playlist, known),
        removed: false,
    }
}

fn current(playlist: &Playlist, known: &Known) -> Vec<String> {
    let entries = playlist.entries(|uri| known.was_listed(uri));
    entries.into_iter().flatten().map(str::to_owned).collect()
}

/// Makes one edit on the drafts.
fn make(edit: &CollectionEdit, drafts: &mut Vec<Draft<'_>>, known: &Known) -> Result<(), Refusal> {
    match edit {
        CollectionEdit::Create { kind, name, parent, entries } => {
            let refuse = |reason: &str| refusal(&NativeId::from(&**name), reason);
            if **kind != music::PLAYLIST {
                return Err(refuse("Rhythmbox lets others make static playlists only"));
            }
            if parent.is_some() {
                return Err(refuse("Rhythmbox has no folders of playlists"));
            }
            let entries = songs(entries, known).map_err(|reason| refuse(&reason))?;
            let name = without_forbidden(name);
            drafts.push(Draft { origin: None, kind, name, entries, removed: false });
        }
        CollectionEdit::Rename { id, old, new } => {
            let draft = find(drafts, id)?;
            if draft.name != **old {
                return Err(refusal(id, &format!("it is now named `{}`", draft.name)));
            }
            draft.name = without_forbidden(new);
        }
        CollectionEdit::Reorder { id, old, new } => {
            let draft = find(drafts, id)?;
            expect_entries(id, draft, old)?;
            draft.entries = songs(new, known).map_err(|reason| refusal(id, &reason))?;
        }
        CollectionEdit::Remove { id, old } => {
            let draft = find(drafts, id)?;
            expect_entries(id, draft, old)?;
            draft.removed = true;
        }
    }
    Ok(())
}

fn refusal(id: &NativeId, reason: &str) -> Refusal {
    Refusal { id: id.clone(), reason: reason.to_owned() }
}

/// The static playlist of this id.
fn find<'d, 'a>(drafts: &'d mut [Draft<'a>], id: &NativeId) -> Result<&'d mut Draft<'a>, Refusal> {
    let is_it = |draft: &&mut Draft<'_>| {
        !draft.removed && draft.origin.is_some_and(|origin| origin.id == *id)
    };
    let draft = drafts
        .iter_mut()
        .find(is_it)
        .ok_or_else(|| refusal(id, "the library has no such playlist"))?;
    if draft.kind == &music::PLAYLIST {
        Ok(draft)
    } else {
        Err(refusal(id, "Rhythmbox computes its entries; it is read-only"))
    }
}

fn expect_entries(id: &NativeId, draft: &Draft<'_>, old: &[NativeId]) -> Result<(), Refusal> {
    let same = draft.entries.iter().map(String::as_bytes).eq(old.iter().map(NativeId::as_bytes));
    if same { Ok(()) } else { Err(refusal(id, "its entries are no longer those expected")) }
}

/// The locations of these songs, each once.
fn songs(entries: &[NativeId], known: &Known) -> Result<Vec<String>, String> {
    let mut seen = HashSet::new();
    let mut songs = Vec::with_capacity(entries.len());
    for entry in entries {
        let uri = std::str::from_utf8(entry.as_bytes()).unwrap_or_default();
        if !known.is_listed(uri) {
            return Err(format!("the library has no song {entry}"));
        }
        if seen.insert(uri) {
            songs.push(uri.to_owned());
        }
    }
    Ok(songs)
}

/// The splices that turn a playlist into its draft.
fn changed(body: &str, origin: &Playlist, draft: &Draft<'_>, known: &Known) -> Vec<Splice> {
    if draft.removed {
        return vec![Splice::new(origin.lead..origin.span.end, "")];
    }
    let renamed = (draft.name != origin.name).then(|| renamed(origin, &draft.name));
    let reordered = (draft.entries != current(origin, known))
        .then(|| reordered(body, origin, &draft.entries, known));
    let attributes = renamed.as_ref().unwrap_or(&origin.attributes);
    let Some(inner) = &origin.inner else {
        let text = match (&renamed, reordered) {
            (None, None) => return Vec::new(),
            (_, None) => start_tag(attributes.iter(), "/>"),
            (_, Some(children)) => {
                start_tag(attributes.iter(), ">") + &children + "\n  </playlist>"
            }
        };
        return vec![Splice::new(origin.span.clone(), text)];
    };
    let mut splices = Vec::new();
    if let Some(attributes) = renamed {
        let tag = start_tag(attributes.iter(), ">");
        splices.push(Splice::new(origin.span.start..inner.start, tag));
    }
    if let Some(children) = reordered {
        let end = origin.children.last().map_or(inner.start, |child| child.span.end);
        splices.push(Splice::new(inner.start..end, children));
    }
    splices
}

fn renamed(origin: &Playlist, name: &str) -> Vec<(String, String)> {
    let mut attributes = origin.attributes.clone();
    for (attribute, raw) in &mut attributes {
        if attribute == "name" {
            *raw = escape_attribute(name);
        }
    }
    attributes
}

/// The children of a playlist with these entries.
fn reordered<'t>(body: &str, origin: &'t Playlist, entries: &'t [String], known: &Known) -> String {
    let mut own: HashMap<&str, &Child> = HashMap::new();
    let mut after: HashMap<Option<&'t str>, Vec<&Child>> = HashMap::new();
    let mut anchor = None;
    let mut anchors = vec![None];
    for (child, entry) in origin.children.iter().zip(origin.entries(|uri| known.was_listed(uri))) {
        if let Some(uri) = entry {
            own.insert(uri, child);
            anchor = Some(uri);
            anchors.push(anchor);
        } else if !child.location.as_deref().is_some_and(|uri| known.was_listed(uri)) {
            after.entry(anchor).or_default().push(child);
        }
    }
    let mut out = String::new();
    let mut follow = |out: &mut String, anchor: Option<&'t str>| {
        for child in after.remove(&anchor).unwrap_or_default() {
            out.push_str(&body[child.span.clone()]);
        }
    };
    follow(&mut out, None);
    for uri in entries {
        match own.get(&**uri) {
            Some(child) => out.push_str(&body[child.span.clone()]),
            None => out.push_str(&location(uri)),
        }
        follow(&mut out, Some(&**uri));
    }
    for anchor in anchors {
        follow(&mut out, anchor);
    }
    out
}

fn location(uri: &str) -> String {
    format!("\n    <location>{}</location>", escape(uri))
}

/// A new playlist as the app writes one.
fn new_playlist(draft: &Draft<'_>) -> String {
    let name = escape_attribute(&draft.name);
    let attributes = [
        ("name", name.as_str()),
        ("show-browser", "true"),
        ("browser-position", "180"),
        ("search-type", "search-match"),
        ("type", "static"),
    ]
    .map(|(name, raw)| (name.to_owned(), raw.to_owned()));
    if draft.entries.is_empty() {
        return start_tag(attributes.iter(), "/>");
    }
    let entries: String = draft.entries.iter().map(|uri| location(uri)).collect();
    start_tag(attributes.iter(), ">") + &entries + "\n  </playlist>"
}

/// Puts new playlists at the end of the file.
fn append(body: &str, shelf: &Shelf, added: String) -> Splice {
    if shelf.tail.is_empty() {
        return Splice::new(shelf.tail.clone(), added);
    }
    let open = body[shelf.tail.clone()].trim_end_matches("/>").trim_ascii_end();
    let whole = format!("{open}>{added}\n</rhythmdb-playlists>");
    Splice::new(shelf.tail.clone(), whole)
}
