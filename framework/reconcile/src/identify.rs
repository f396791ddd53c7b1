//! Says which native items of different libraries are the same thing.
//!
//! Evidence is a ladder of rungs. One rung must match exactly, on exactly one candidate on either
//! side, and nothing may speak against it; otherwise nothing is matched, and what is doubtful
//! becomes a question to a person. Zero false merges is the rule; recall is only measured.

use std::collections::HashMap;
use std::num::NonZeroU128;

use segue_document::{Record, resolve};
use segue_model::{Field, Item, ItemId, LinkId, Location, Value, music};
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;

use crate::LinkView;

/// Lengths of the same recording as two apps state them differ by at most this.
const DURATION_MS_MAX: u64 = 2_000;

/// Lengths of the same file, stated in whole seconds by one of them, differ by at most this.
const SECOND_MS: u64 = 1_000;

/// More questions than this help nobody.
const QUESTIONS_MAX: usize = 1_000;

/// A hash of one piece of evidence.
type Key = Option<NonZeroU128>;

/// The rungs, the most certain first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rung {
    /// The same file on this device.
    File,
    /// The same MusicBrainz recording and release.
    Recording,
    /// The same path below the root, and equal length.
    Path,
    /// The same artist, album, disc, track and title, and nearly the same length.
    Tags,
}

const RUNGS: [Rung; 4] = [Rung::File, Rung::Recording, Rung::Path, Rung::Tags];

/// What is known about one item that can tell it from others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Evidence {
    file: Key,
    path: Key,
    release_track: Key,
    recording: Key,
    tags: Key,
    loose: Key,
    title: Key,
    artist: Key,
    duration_ms: Option<i64>,
}

impl Evidence {
    /// The evidence that a library gives for one of its items.
    pub fn of_item(view: &LinkView<'_>, item: &Item) -> Self {
        let value = |field: &'static Field| item.fields.value(field).cloned();
        let path = view.relative(item.location.as_ref());
        Self::of_values(&value, item.location.as_ref(), path.as_ref())
    }

    /// The evidence that the document gives for an item, once for each place where a link has it.
    /// `file` turns a link's relative location into a path of this device, where that is known.
    pub fn of_record(
        record: &Record,
        file: &dyn Fn(LinkId, &Location) -> Option<Location>,
    ) -> Vec<Self> {
        let value = |field: &'static Field| resolve::value(record, field);
        let mut all: Vec<Self> = record
            .origins
            .keys()
            .filter_map(|link| {
                let path = record.location(*link)?;
                Some(Self::of_values(&value, file(*link, path).as_ref(), Some(path)))
            })
            .collect();
        if all.is_empty() {
            all.push(Self::of_values(&value, None, None));
        }
        all
    }

    fn of_values(
        value: &dyn Fn(&'static Field) -> Option<Value>,
        file: Option<&Location>,
        path: Option<&Location>,
    ) -> Self {
        let text = |field: &'static Field| value(field).map(|value| text_key(Some(&value)));
        let (title, artist, album) =
            (text(&music::TITLE), text(&music::ARTIST), text(&music::ALBUM));
        let number = |field| value(field).and_then(|value| value.as_int());
        let disc = number(&music::DISC).unwrap_or(1).to_string();
        let track = number(&music::TRACK).unwrap_or(0).to_string();
        let recording = text(&music::MB_RECORDING).map(|id| id.to_lowercase());
        let release = text(&music::MB_RELEASE).map(|id| id.to_lowercase());
        let path = path.filter(|path| !path.as_bytes().is_empty());
        Self {
            file: file.and_then(|file| hash(&[file.as_bytes()])),
            path: path.and_then(|path| hash(&[path.as_bytes()])),
            release_track: all_of(&[&recording, &release]),
            recording: all_of(&[&recording]),
            tags: all_of(&[&artist, &album, &Some(disc), &Some(track), &title]),
            loose: all_of(&[&artist, &title]),
            title: all_of(&[&title]),
            artist: all_of(&[&artist]),
            duration_ms: number(&music::DURATION),
        }
    }

    fn key(&self, rung: Rung) -> Key {
        match rung {
            Rung::File => self.file,
            Rung::Recording => self.release_track,
            Rung::Path => self.path,
            Rung::Tags => self.tags,
        }
    }

    /// Whether nothing speaks against the rung's match.
    fn agrees(&self, rung: Rung, other: &Self) -> bool {
        let apart = match (self.duration_ms, other.duration_ms) {
            (Some(a), Some(b)) => Some(a.abs_diff(b)),
            _ => None,
        };
        let near = |most: u64| apart.is_some_and(|apart| apart <= most);
        let differ = |a: Key, b: Key| a.is_some() && b.is_some() && a != b;
        let other_recording = differ(self.recording, other.recording);
        let other_song = differ(self.title, other.title) && differ(self.artist, other.artist);
        match rung {
            // One file on one device is one thing, unless one app still describes another file
            // that lay there before.
            Rung::File => {
                near(DURATION_MS_MAX) || (self.title.is_some() && self.title == other.title)
            }
            Rung::Recording => apart.is_none() || near(DURATION_MS_MAX),
            Rung::Path => near(SECOND_MS) && !other_recording && !other_song,
            Rung::Tags => near(DURATION_MS_MAX) && !other_recording,
        }
    }
}

/// An item of the document with its evidence.
#[derive(Debug, Clone)]
pub struct Known {
    /// The item.
    pub item: ItemId,
    /// What is known about it.
    pub evidence: Vec<Evidence>,
    /// Links of this device that are bound to it.
    pub bound: Vec<LinkId>,
}

/// A library's unbound items.
#[derive(Debug)]
pub struct Party {
    /// The link.
    pub link: LinkId,
    /// Evidence of each unbound item.
    pub items: Vec<Evidence>,
}

/// Two items that may be the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// One item.
    pub item: ItemId,
    /// The other.
    pub other: ItemId,
    /// Why they may be, and why that is not certain.
    pub reason: &'static str,
}

/// Who is who.
#[derive(Debug, Default)]
pub struct Identified {
    /// For each party and each of its items, the item of the document.
    pub items: Vec<Vec<ItemId>>,
    /// How many matched on each rung.
    pub matched: HashMap<Rung, u64>,
    /// What is doubtful.
    pub questions: Vec<Question>,
}

struct Slot {
    item: ItemId,
    evidence: Vec<Evidence>,
    bound: Vec<LinkId>,
}

#[derive(Default)]
struct Slots {
    all: Vec<Slot>,
    rungs: HashMap<(Rung, NonZeroU128), Vec<u32>>,
    loose: HashMap<NonZeroU128, Vec<u32>>,
}

impl Slots {
    fn add(&mut self, item: ItemId, bound: Vec<LinkId>) -> u32 {
        self.all.push(Slot { item, evidence: Vec::new(), bound });
        self.all.len() as u32 - 1
    }

    fn learn(&mut self, slot: u32, evidence: Evidence) {
        self.all[slot as usize].evidence.push(evidence);
        for rung in RUNGS {
            if let Some(key) = evidence.key(rung) {
                let slots = self.rungs.entry((rung, key)).or_default();
                if !slots.contains(&slot) {
                    slots.push(slot);
                }
            }
        }
        if let Some(key) = evidence.loose {
            self.loose.entry(key).or_default().push(slot);
        }
    }

    /// The one free slot that `evidence` matches on `rung`.
    fn candidate(&self, link: LinkId, rung: Rung, evidence: &Evidence) -> Option<u32> {
        let slots = self.rungs.get(&(rung, evidence.key(rung)?))?;
        let mut free = slots.iter().filter(|slot| !self.all[**slot as usize].bound.contains(&link));
        let (slot, more) = (*free.next()?, free.next());
        let agrees = |other: &Evidence| {
            other.key(rung) == evidence.key(rung) && evidence.agrees(rung, other)
        };
        (more.is_none() && self.all[slot as usize].evidence.iter().any(agrees)).then_some(slot)
    }

    fn doubt(&self, link: LinkId, evidence: &Evidence) -> Option<(u32, &'static str)> {
        let near = |other: &Evidence| {
            other.loose == evidence.loose
                && matches!((other.duration_ms, evidence.duration_ms),
                    (Some(a), Some(b)) if a.abs_diff(b) <= DURATION_MS_MAX)
        };
        let slot = self.loose.get(&evidence.loose?)?.iter().find(|slot| {
            let slot = &self.all[**slot as usize];
            !slot.bound.contains(&link) && slot.evidence.iter().any(near)
        })?;
        Some((*slot, "same artist, title and length, but the rest does not decide"))
    }
}

/// Binds every unbound item to an item of the document, known or new. `fresh` names new ones.
pub fn identify(
    known: Vec<Known>,
    parties: &[Party],
    fresh: &dyn Fn(LinkId, usize) -> ItemId,
) -> Identified {
    let mut slots = Slots::default();
    for Known { item, evidence, bound } in known {
        let slot = slots.add(item, bound);
        for evidence in evidence {
            slots.learn(slot, evidence);
        }
    }
    let mut out = Identified::default();
    for party in parties {
        let found = match_party(&mut slots, party, &mut out.matched);
        let mut items = Vec::with_capacity(party.items.len());
        let mut doubts = Vec::new();
        for (index, (evidence, slot)) in party.items.iter().zip(found).enumerate() {
            let slot = slot.unwrap_or_else(|| {
                let doubt = slots.doubt(party.link, evidence);
                let slot = slots.add(fresh(party.link, index), vec![party.link]);
                doubts.extend(doubt.map(|(other, reason)| (slot, other, reason)));
                slot
            });
            items.push(slots.all[slot as usize].item);
            slots.learn(slot, *evidence);
        }
        for (slot, other, reason) in doubts.into_iter().take(QUESTIONS_MAX) {
            // Who was free may have been matched by a later item of the same library.
            if !slots.all[other as usize].bound.contains(&party.link) {
                let (item, other) = (slots.all[slot as usize].item, slots.all[other as usize].item);
                out.questions.push(Question { item, other, reason });
            }
        }
        out.items.push(items);
    }
    out
}

fn match_party(
    slots: &mut Slots,
    party: &Party,
    matched: &mut HashMap<Rung, u64>,
) -> Vec<Option<u32>> {
    let mut found = vec![None; party.items.len()];
    for rung in RUNGS {
        let mut own: HashMap<NonZeroU128, u32> = HashMap::new();
        for evidence in &party.items {
            if let Some(key) = evidence.key(rung) {
                *own.entry(key).or_default() += 1;
            }
        }
        for (evidence, found) in party.items.iter().zip(&mut found) {
            let Some(key) = evidence.key(rung).filter(|_| found.is_none()) else { continue };
            if own[&key] > 1 {
                continue;
            }
            if let Some(slot) = slots.candidate(party.link, rung, evidence) {
                slots.all[slot as usize].bound.push(party.link);
                *found = Some(slot);
                *matched.entry(rung).or_default() += 1;
            }
        }
    }
    found
}

/// A text in the form in which it is compared: two spellings of one name are one name.
pub(crate) fn text_key(value: Option<&Value>) -> String {
    let normal = |text: &str| text.trim().nfc().collect::<String>();
    match value {
        None => String::new(),
        Some(Value::Text(text)) => normal(text),
        Some(Value::List(texts)) => {
            texts.iter().map(|text| normal(text)).collect::<Vec<_>>().join("\u{1e}")
        }
        Some(Value::Int(number)) => number.to_string(),
        Some(other) => format!("{other:?}"),
    }
}

fn all_of(parts: &[&Option<String>]) -> Key {
    let parts: Option<Vec<&[u8]>> =
        parts.iter().map(|part| part.as_ref().map(String::as_bytes)).collect();
    hash(&parts?)
}

fn hash(parts: &[&[u8]]) -> Key {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let digest = hasher.finalize();
    let mut key = [0; 16];
    key.copy_from_slice(&digest[..16]);
    NonZeroU128::new(u128::from_le_bytes(key))
}
