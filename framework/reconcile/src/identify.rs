//! Says which native items of different libraries are the same thing.
//!
//! Evidence is a ladder of rungs. One rung must match exactly, on exactly one candidate on either
//! side, and nothing may speak against it; otherwise nothing is matched, and what is doubtful
//! becomes a question to a person. Zero false merges is the rule; recall is only measured.

use std::collections::HashMap;
use std::num::NonZeroU128;

use segue_document::{Record, resolve};
use segue_model::{Field, Item, ItemId, LinkId, Location, Schema, Value};
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;

use crate::LinkView;
use crate::ladder::{By, Check, Ladder, Part, STEPS_MAX, TRAITS_MAX};

/// Lengths of what may be the same differ by at most this.
const LENGTH_MS_MAX: u64 = 2_000;

/// More questions than this help nobody.
const QUESTIONS_MAX: usize = 1_000;

/// A hash of one piece of evidence.
type Key = Option<NonZeroU128>;

/// The rungs, the most certain first. Which of them a kind of library has, the tables in `ladder.rs` say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rung {
    /// The same key: what it is, and not only what speaks for it.
    Key,
    /// The same file on this device.
    File,
    /// The same MusicBrainz recording and release.
    Recording,
    /// The same identifier: an ISBN, a UUID.
    Identifier,
    /// The same path below the root, and nothing that it says of itself speaks against it.
    Path,
    /// The same description: artist, album, disc, track, title and nearly the same length.
    Tags,
}

/// What is known about one item that can tell it from others.
#[derive(Debug, Clone)]
pub struct Evidence {
    ladder: &'static Ladder,
    /// By step, for those with one piece of evidence.
    keys: [Key; STEPS_MAX],
    /// For the step with several.
    elements: Box<[NonZeroU128]>,
    /// By trait.
    traits: [Key; TRAITS_MAX],
    loose: Key,
    length: Option<i64>,
}

impl Evidence {
    /// The evidence that a library gives for one of its items.
    pub fn of_item(view: &LinkView<'_>, item: &Item) -> Self {
        let value = |field: &'static Field| item.fields.value(field).cloned();
        let path = view.relative(item.location.as_ref());
        let ladder = Ladder::of(view.capabilities.schema);
        Self::of_values(ladder, &value, item.location.as_ref(), path.as_ref())
    }

    /// The evidence that the document gives for an item, once for each place where a link has it.
    /// `file` turns a link's relative location into a path of this device, where that is known.
    pub fn of_record(
        schema: &Schema,
        record: &Record,
        file: &dyn Fn(LinkId, &Location) -> Option<Location>,
    ) -> Vec<Self> {
        let ladder = Ladder::of(schema);
        let value = |field: &'static Field| resolve::value(record, field);
        let mut all: Vec<Self> = record
            .origins
            .keys()
            .filter_map(|link| {
                let path = record.location(*link)?;
                Some(Self::of_values(ladder, &value, file(*link, path).as_ref(), Some(path)))
            })
            .collect();
        if all.is_empty() {
            all.push(Self::of_values(ladder, &value, None, None));
        }
        all
    }

    fn of_values(
        ladder: &'static Ladder,
        value: &dyn Fn(&'static Field) -> Option<Value>,
        file: Option<&Location>,
        path: Option<&Location>,
    ) -> Self {
        let all = |parts: &[Part]| {
            let texts = parts.iter().map(|part| part.text(value(part.field).as_ref()));
            let texts: Option<Vec<String>> = texts.collect();
            hash(&texts?.iter().map(String::as_bytes).collect::<Vec<_>>())
        };
        let place = |place: Option<&Location>| {
            place.filter(|path| !path.as_bytes().is_empty()).and_then(|at| hash(&[at.as_bytes()]))
        };
        let mut keys = [None; STEPS_MAX];
        let mut elements = Box::default();
        for (key, step) in keys.iter_mut().zip(ladder.steps) {
            match step.by {
                By::File => *key = place(file),
                By::Path => *key = place(path),
                By::Parts(parts) => *key = all(parts),
                By::Elements(field) => elements = hashes(value(field).as_ref()),
            }
        }
        let mut traits = [None; TRAITS_MAX];
        for (key, part) in traits.iter_mut().zip(ladder.traits) {
            *key = all(std::slice::from_ref(part));
        }
        let loose = ladder.doubt.and_then(|(parts, _)| all(parts));
        let length = ladder.length.and_then(value).and_then(|value| value.as_int());
        Self { ladder, keys, elements, traits, loose, length }
    }

    /// What it can match by on this step.
    fn keys(&self, step: usize) -> &[NonZeroU128] {
        match self.ladder.steps.get(step).map(|step| &step.by) {
            Some(By::Elements(_)) => &self.elements,
            _ => self.keys[step].as_slice(),
        }
    }

    /// Whether nothing speaks against a match on this step.
    fn agrees(&self, step: usize, other: &Self) -> bool {
        let differ = |which: &usize| {
            let (one, other) = (self.traits[*which], other.traits[*which]);
            one.is_some() && other.is_some() && one != other
        };
        let stands = |check: &Check| match check {
            Check::Near(most) => self.apart(other).is_some_and(|apart| apart <= *most),
            Check::NotFar(most) => self.apart(other).is_none_or(|apart| apart <= *most),
            Check::Same(which) => {
                self.traits[*which].is_some() && self.traits[*which] == other.traits[*which]
            }
            Check::NotOther(which) => !which.iter().all(differ),
        };
        let rows = self.ladder.steps.get(step).map_or(&[][..], |step| step.holds);
        rows.iter().any(|row| row.iter().all(stands))
    }

    /// By how much their lengths differ, if both are known.
    fn apart(&self, other: &Self) -> Option<u64> {
        Some(self.length?.abs_diff(other.length?))
    }

    /// Whether they may be the same although no step says so.
    fn is_like(&self, other: &Self) -> bool {
        let near = match self.ladder.length {
            Some(_) => self.apart(other).is_some_and(|apart| apart <= LENGTH_MS_MAX),
            None => true,
        };
        near && self.loose == other.loose
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
    steps: HashMap<(usize, NonZeroU128), Vec<u32>>,
    loose: HashMap<NonZeroU128, Vec<u32>>,
}

impl Slots {
    fn add(&mut self, item: ItemId, bound: Vec<LinkId>) -> u32 {
        self.all.push(Slot { item, evidence: Vec::new(), bound });
        self.all.len() as u32 - 1
    }

    fn learn(&mut self, slot: u32, evidence: Evidence) {
        for step in 0..evidence.ladder.steps.len() {
            for key in evidence.keys(step) {
                let slots = self.steps.entry((step, *key)).or_default();
                if !slots.contains(&slot) {
                    slots.push(slot);
                }
            }
        }
        if let Some(key) = evidence.loose {
            self.loose.entry(key).or_default().push(slot);
        }
        self.all[slot as usize].evidence.push(evidence);
    }

    /// The one free slot that `evidence` matches on this step by one of these keys.
    fn candidate(
        &self,
        link: LinkId,
        step: usize,
        evidence: &Evidence,
        keys: &[NonZeroU128],
    ) -> Option<u32> {
        let slots = keys.iter().filter_map(|key| self.steps.get(&(step, *key))).flatten();
        let mut free = slots.filter(|slot| !self.all[**slot as usize].bound.contains(&link));
        let slot = *free.next()?;
        let is_only = free.all(|other| *other == slot);
        let agrees = |other: &Evidence| {
            let shares = |key: &NonZeroU128| keys.contains(key);
            other.keys(step).iter().any(shares) && evidence.agrees(step, other)
        };
        (is_only && self.all[slot as usize].evidence.iter().any(agrees)).then_some(slot)
    }

    fn doubt(&self, link: LinkId, evidence: &Evidence) -> Option<(u32, &'static str)> {
        let (_, reason) = evidence.ladder.doubt?;
        let slot = self.loose.get(&evidence.loose?)?.iter().find(|slot| {
            let slot = &self.all[**slot as usize];
            !slot.bound.contains(&link) && slot.evidence.iter().any(|other| evidence.is_like(other))
        })?;
        Some((*slot, reason))
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
            slots.learn(slot, evidence.clone());
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
    let steps = party.items.first().map_or(&[][..], |evidence| evidence.ladder.steps);
    for (number, step) in steps.iter().enumerate() {
        let mut own: HashMap<NonZeroU128, u32> = HashMap::new();
        for key in party.items.iter().flat_map(|evidence| evidence.keys(number)) {
            *own.entry(*key).or_default() += 1;
        }
        for (evidence, found) in party.items.iter().zip(&mut found) {
            if found.is_some() {
                continue;
            }
            // What two of one library share, tells neither from the other.
            let keys = evidence.keys(number).iter().copied().filter(|key| own[key] == 1);
            let keys: Vec<NonZeroU128> = keys.collect();
            if let Some(slot) = slots.candidate(party.link, number, evidence, &keys) {
                slots.all[slot as usize].bound.push(party.link);
                *found = Some(slot);
                *matched.entry(step.rung).or_default() += 1;
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

/// A hash of each element, once.
fn hashes(value: Option<&Value>) -> Box<[NonZeroU128]> {
    let texts = value.and_then(Value::as_list).unwrap_or_default();
    let text = |text: &str| text_key(Some(&Value::text(text)));
    let mut all: Vec<_> = texts.iter().filter_map(|one| hash(&[text(one).as_bytes()])).collect();
    all.sort_unstable();
    all.dedup();
    all.into()
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
