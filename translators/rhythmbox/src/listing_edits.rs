//! Songs that Rhythmbox lists no longer, and lists again, as splices of `rhythmdb.xml`.
//!
//! A hidden song is an entry of the type `ignore`, as Rhythmbox itself makes for files that it shall not
//! list: it keeps all their elements, saves them as they are, and does not import the file again (seen with
//! 3.4.6, also where it watches the folder). What Rhythmbox marks `<hidden>` is its own: it shows that again as
//! soon as it sees the file.
//!
//! Invariant: hiding and showing a song gives back every byte of its entry but those of the fields that
//! were to be set.

use std::collections::{BTreeMap, HashMap};

use segue_translator::model::{Item, ListingEdit};
use segue_translator::{Access, Refusal};

use crate::column::COLUMNS;
use crate::escape::escape;
use crate::format::{Song, Tag};
use crate::song_edits::{Change, make};
use crate::splice::Splice;

/// The edits of one write, and what became of each so far.
#[derive(Debug)]
pub(crate) struct Listing<'e> {
    edits: &'e [ListingEdit],
    by_location: HashMap<&'e [u8], usize>,
    outcomes: Vec<Outcome>,
}

#[derive(Debug, Clone)]
enum Outcome {
    /// No entry of the song was seen yet.
    Unseen,
    Made(Vec<Splice>),
    Refused(&'static str),
}

impl<'e> Listing<'e> {
    pub(crate) fn new(edits: &'e [ListingEdit]) -> Self {
        let by_location =
            edits.iter().enumerate().map(|(index, edit)| (edit.item().as_bytes(), index));
        let outcomes = vec![Outcome::Unseen; edits.len()];
        Self { edits, by_location: by_location.collect(), outcomes }
    }

    /// Takes one entry; returns whether Rhythmbox lists it afterwards.
    pub(crate) fn see(&mut self, body: &str, song: &Song<'_>, location: &str) -> bool {
        let Some(&index) = self.by_location.get(location.as_bytes()) else {
            return !song.is_ignored;
        };
        let outcome = &mut self.outcomes[index];
        let is_first = matches!(outcome, Outcome::Unseen);
        match (&self.edits[index], song.is_ignored) {
            (ListingEdit::Hide { .. }, false) if is_first => {
                let retyped = retype(body, song, "song", "ignore").map(|splice| vec![splice]);
                *outcome = retyped.map_or(Outcome::Refused(STRANGE), Outcome::Made);
                matches!(outcome, Outcome::Refused(_))
            }
            (ListingEdit::Show { item }, true) if is_first => {
                let shown = retype(body, song, "ignore", "song").map(|splice| {
                    std::iter::once(splice).chain(fields(body, song, item)).collect()
                });
                *outcome = shown.map_or(Outcome::Refused(STRANGE), Outcome::Made);
                matches!(outcome, Outcome::Made(_))
            }
            (ListingEdit::Hide { .. }, false) => {
                *outcome = Outcome::Refused("it stands twice; Rhythmbox will make one of the two");
                true
            }
            (ListingEdit::Show { .. }, false) => {
                *outcome = Outcome::Refused("Rhythmbox lists it already");
                true
            }
            (_, true) => false,
        }
    }

    /// Makes entries at `tail` for songs that are to be shown and have none; returns all splices, refusals,
    /// and the locations that are listed now because of that.
    pub(crate) fn finish(self, tail: Option<usize>) -> (Vec<Splice>, Vec<Refusal>, Vec<Box<str>>) {
        let (mut splices, mut refused, mut made) = (Vec::new(), Vec::new(), Vec::new());
        for (edit, outcome) in self.edits.iter().zip(self.outcomes) {
            let mut refuse = |reason: &str| {
                refused.push(Refusal { id: edit.item().clone(), reason: reason.to_owned() });
            };
            match (outcome, edit, tail) {
                (Outcome::Made(more), ..) => splices.extend(more),
                (Outcome::Refused(reason), ..) => refuse(reason),
                (Outcome::Unseen, ListingEdit::Show { item }, Some(tail)) => match entry(item) {
                    Some((location, text)) => {
                        splices.push(Splice::new(tail..tail, text));
                        made.push(location);
                    }
                    None => refuse("its location is no text"),
                },
                (Outcome::Unseen, ..) => refuse("the library has no such song"),
            }
        }
        (splices, refused, made)
    }
}

const STRANGE: &str = "its entry is written in a way that Segue does not know";

/// Gives an entry another type.
fn retype(body: &str, song: &Song<'_>, old: &str, new: &str) -> Option<Splice> {
    let tag = &body[song.start..song.head];
    let quoted = [format!("type=\"{old}\""), format!("type='{old}'")];
    let mut places = quoted.iter().flat_map(|text| tag.match_indices(text.as_str()));
    let (at, found) = places.next()?;
    if places.next().is_some() {
        return None;
    }
    let from = song.start + at + "type='".len();
    Some(Splice::new(from..from + found.len() - "type=''".len(), new))
}

/// What makes the elements of an entry say what an item holds.
fn fields(body: &str, song: &Song<'_>, item: &Item) -> Vec<Splice> {
    let changes = COLUMNS.iter().filter(|column| column.support.access == Access::Write);
    let changes = changes.filter_map(|column| {
        let new = item.fields.value(column.support.field);
        let is = column.lift(song).ok().flatten();
        let wanted = new.and_then(|new| column.support.hold(new));
        (is != wanted).then(|| column.change(new))
    });
    make(body, song, changes)
}

/// A new entry; Rhythmbox reads everything that is not there from the file.
fn entry(item: &Item) -> Option<(Box<str>, String)> {
    let location = std::str::from_utf8(item.id.as_bytes()).ok()?;
    let mut elements = BTreeMap::from([(Tag::Location, location.to_owned())]);
    for column in COLUMNS {
        if let Change::Put(tag, text) = column.change(item.fields.value(column.support.field)) {
            elements.entry(tag).or_insert(text);
        }
    }
    let elements = elements.iter().filter(|(_, text)| !text.is_empty());
    let lines = elements.map(|(tag, text)| {
        let name = tag.name();
        format!("    <{name}>{}</{name}>\n", escape(text))
    });
    let text = format!("  <entry type=\"song\">\n{}  </entry>\n", lines.collect::<String>());
    Some((location.into(), text))
}
