//! Edits of songs, as splices of `rhythmdb.xml`.
//!
//! Only the element of an edited field is touched. A song that stands twice is not edited: when
//! it starts next, Rhythmbox adds the two up, and what was written would not be what it holds.
//!
//! Invariant: an edit that changes nothing makes no splice.

use std::collections::{BTreeMap, HashMap, HashSet};

use segue_translator::model::{ChangeSet, FieldEdit, Value};
use segue_translator::{Access, Refusal};

use crate::column::Column;
use crate::escape::escape;
use crate::format::{Song, Songs, Tag};
use crate::listing_edits::Listing;
use crate::markup::Malformed;
use crate::splice::Splice;

/// What became of the edits.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// The changes to the text.
    pub(crate) splices: Vec<Splice>,
    /// Edits that are not made, in the order of the edits.
    pub(crate) refused: Vec<Refusal>,
    /// Every location of the library, if asked for.
    pub(crate) known: Known,
}

/// The songs of a library, before a write and after it.
#[derive(Debug, Default)]
pub(crate) struct Known {
    before: HashSet<Box<str>>,
    hidden: HashSet<Box<str>>,
    shown: HashSet<Box<str>>,
}

impl Known {
    fn note(&mut self, uri: &str, before: bool, after: bool) {
        if before {
            self.before.insert(uri.into());
        }
        match (before, after) {
            (true, false) => _ = self.hidden.insert(uri.into()),
            (false, true) => _ = self.shown.insert(uri.into()),
            _ => {}
        }
    }

    /// Whether Rhythmbox listed a song before the write.
    pub(crate) fn was_listed(&self, uri: &str) -> bool {
        self.before.contains(uri)
    }

    /// Whether it lists the song afterwards.
    pub(crate) fn is_listed(&self, uri: &str) -> bool {
        self.shown.contains(uri) || (self.was_listed(uri) && !self.hidden.contains(uri))
    }
}

/// Works out what `changes` do to the songs of `body`.
pub(crate) fn plan(
    body: &str,
    mut songs: Songs<'_>,
    changes: &ChangeSet,
    with_known: bool,
) -> Result<Outcome, Malformed> {
    let edits = &changes.fields;
    let mut listing = Listing::new(&changes.listing);
    if !changes.listing.is_empty() {
        songs = songs.with_ignored();
    }
    let mut wanted: HashMap<&[u8], Vec<usize>> = HashMap::new();
    for (index, edit) in edits.iter().enumerate() {
        wanted.entry(edit.item.as_bytes()).or_default().push(index);
    }
    let mut reasons = vec![Some("the library has no such song".to_owned()); edits.len()];
    let mut splices: BTreeMap<&[u8], Vec<Splice>> = BTreeMap::new();
    let mut outcome = Outcome::default();
    let mut song = Song::default();
    while songs.next(&mut song)? {
        let Some(location) = song.location() else { continue };
        let is_listed = listing.see(body, &song, location);
        if with_known {
            outcome.known.note(location, !song.is_ignored, is_listed);
        }
        if !is_listed {
            continue;
        }
        let Some((&item, indices)) = wanted.get_key_value(location.as_bytes()) else { continue };
        if splices.contains_key(item) {
            splices.insert(item, Vec::new());
            for &index in indices {
                reasons[index] = Some("it stands twice; Rhythmbox will add the two up".to_owned());
            }
            continue;
        }
        splices.insert(item, edit_song(body, &song, indices, edits, &mut reasons));
    }
    let made: Vec<Box<str>>;
    (outcome.splices, outcome.refused, made) = listing.finish(songs.tail());
    outcome.known.shown.extend(made);
    outcome.splices.extend(splices.into_values().flatten());
    let refused = edits.iter().zip(reasons);
    outcome.refused.extend(
        refused
            .filter_map(|(edit, reason)| Some(Refusal { id: edit.item.clone(), reason: reason? })),
    );
    Ok(outcome)
}

/// The splices of all edits of one song; sets the reason of each.
fn edit_song(
    body: &str,
    song: &Song<'_>,
    indices: &[usize],
    edits: &[FieldEdit],
    reasons: &mut [Option<String>],
) -> Vec<Splice> {
    let mut made = Vec::new();
    let mut seen = HashSet::new();
    for &index in indices {
        let edit = &edits[index];
        let change = if seen.insert(edit.field.name) {
            change(song, edit)
        } else {
            Err("the field is edited twice in one write".to_owned())
        };
        reasons[index] = change.as_ref().err().cloned();
        made.extend(change);
    }
    make(body, song, made)
}

/// What becomes of an element.
pub(crate) enum Change {
    Nothing,
    Put(Tag, String),
    Remove(Tag),
}

/// The splices of changes of one song's elements.
pub(crate) fn make(
    body: &str,
    song: &Song<'_>,
    changes: impl IntoIterator<Item = Change>,
) -> Vec<Splice> {
    let (mut puts, mut splices) = (BTreeMap::new(), Vec::new());
    for change in changes {
        match change {
            Change::Nothing => {}
            Change::Put(tag, text) => drop(puts.insert(tag, text)),
            Change::Remove(tag) => splices.extend(remove(song, tag, 0)),
        }
    }
    for (tag, text) in puts {
        splices.extend(put(body, song, tag, &text));
    }
    splices
}

impl Column {
    /// What makes an element hold this value.
    pub(crate) fn change(&self, new: Option<&Value>) -> Change {
        match (new.and_then(|new| self.encode(new)), self.cleared) {
            (Some(text), _) => Change::Put(self.tag, text),
            (None, Some(cleared)) => Change::Put(self.tag, cleared.to_owned()),
            (None, None) => Change::Remove(self.tag),
        }
    }
}

/// What an edit does, or why it is refused.
fn change(song: &Song<'_>, edit: &FieldEdit) -> Result<Change, String> {
    let no_such = || format!("Rhythmbox has no field `{}`", edit.field.name);
    let column = Column::of(edit.field).ok_or_else(no_such)?;
    if column.support.access == Access::Read {
        return Err(format!("`{}` is read-only in Rhythmbox", edit.field.name));
    }
    if edit.new.as_ref().is_some_and(|new| !edit.field.shape.admits(new)) {
        return Err(format!("the new value is no `{}`", edit.field.name));
    }
    let unreadable =
        |reason| format!("what it holds of `{}` is unclear: {reason}", edit.field.name);
    let current = column.lift(song).map_err(unreadable)?;
    if current != edit.old {
        let current = current.as_ref().map_or_else(|| "nothing".to_owned(), in_words);
        return Err(format!("`{}` now holds {current}", edit.field.name));
    }
    let held = edit.new.as_ref().and_then(|new| column.support.hold(new));
    if held == current {
        return Ok(Change::Nothing);
    }
    Ok(column.change(edit.new.as_ref()))
}

fn in_words(value: &Value) -> String {
    match value {
        Value::Int(number) => number.to_string(),
        Value::Real(number) => number.0.to_string(),
        Value::Flag(flag) => flag.to_string(),
        Value::Text(text) => format!("`{text}`"),
        Value::List(texts) => format!("`{}`", texts.join("`, `")),
    }
}

/// Removes the elements of this kind, except the last `keep`.
fn remove(song: &Song<'_>, tag: Tag, keep: usize) -> Vec<Splice> {
    let all: Vec<_> = song.elements.iter().filter(|e| e.tag == Some(tag)).collect();
    all[..all.len().saturating_sub(keep)]
        .iter()
        .map(|element| Splice::new(element.lead..element.span.end, ""))
        .collect()
}

/// Gives an element this text, or inserts it where the app would write it.
fn put(body: &str, song: &Song<'_>, tag: Tag, text: &str) -> Vec<Splice> {
    let mut splices = remove(song, tag, 1);
    let text = escape(text);
    let name = tag.name();
    let Some(element) = song.element(tag) else {
        let before = song.elements.iter().rfind(|other| other.tag.is_some_and(|t| t < tag));
        let (place, blanks) = match before.or_else(|| song.elements.first()) {
            Some(sibling) => (
                before.map_or(song.head, |before| before.span.end),
                &body[sibling.lead..sibling.span.start],
            ),
            None => (song.head, "\n    "),
        };
        let blanks = if blanks.trim_ascii().is_empty() { blanks } else { "" };
        splices.push(Splice::new(place..place, format!("{blanks}<{name}>{text}</{name}>")));
        return splices;
    };
    if let Some(inner) = &element.inner {
        splices.push(Splice::new(inner.clone(), text));
    } else {
        let open = body[element.span.clone()].trim_end_matches("/>").trim_ascii_end();
        splices.push(Splice::new(element.span.clone(), format!("{open}>{text}</{name}>")));
    }
    splices
}
