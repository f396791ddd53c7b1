//! Edits made from a seed, and the catalog that they must lead to.
//!
//! Invariant: the same seed, catalog and capabilities give the same edits, so a second process can
//! make them again.

use std::collections::BTreeSet;

use fastrand::Rng;

use segue_translator::model::{
    Catalog, ChangeSet, Collection, CollectionEdit, Field, FieldEdit, Item, NativeId, Real, Rule,
    Shape, Value,
};
use segue_translator::{Access, Capabilities, CollectionSupport, FieldSupport, Reading, Written};

/// Texts that have broken libraries: markup, paths, directions, twins, planes.
pub(crate) const NAMES: &[&str] = &[
    "AC/DC \"live\" <one> & 'two' &amp; ]]>",
    "../up\\down%20%s.txt",
    "\u{05e9}\u{05dc}\u{05d5}\u{05dd} \u{200f}abc\u{202e}def\u{202c}",
    "Caf\u{e9} \u{1e69}",
    "Cafe\u{301} s\u{323}\u{307}",
    "\u{1f3b5}\u{1f469}\u{200d}\u{1f4bb} \u{10ffff}",
    "; DROP TABLE songs; --",
    "NULL",
    "0",
    "-1",
    "two\twords  apart",
    "  spaces around  ",
    "UPPER and lower; one, two / three",
];

/// Words that sets of marks and labels are made of.
const WORDS: &[&str] = &["seen", "flagged", "work", "todo", "$label1", "x"];

/// The fields that may be written.
pub(crate) fn writable(capabilities: &Capabilities) -> impl Iterator<Item = &'static FieldSupport> {
    capabilities.fields.iter().filter(|support| support.access == Access::Write)
}

/// The items of which all could be read. What could not is a loss, and is protected from being written.
pub(crate) fn legible<'a>(
    catalog: &'a Catalog,
    reading: &'a Reading,
) -> impl Iterator<Item = &'a Item> {
    catalog.items.iter().filter(|item| reading.losses.iter().all(|loss| loss.id != item.id))
}

/// A kind of collection that may be written and has entries.
pub(crate) fn writable_collection(
    capabilities: &Capabilities,
) -> Option<&'static CollectionSupport> {
    let may =
        |support: &&CollectionSupport| support.access == Access::Write && support.kind.has_entries;
    capabilities.collections.iter().find(may)
}

/// A value that the field's shape admits: often at an edge, often small, sometimes anything.
pub(crate) fn value(rng: &mut Rng, field: &Field) -> Value {
    match field.shape {
        Shape::Int(low, high) => Value::Int(match rng.u8(0..4) {
            0 => low,
            1 => high,
            2 => rng.i64(low..=high.min(low.saturating_add(2_000))),
            _ => rng.i64(low..=high),
        }),
        Shape::Real => Value::Real(Real((rng.f64() - 0.5) * 200.0)),
        Shape::Flag => Value::Flag(rng.bool()),
        Shape::Text => Value::text(text(rng)),
        Shape::List => {
            let count = rng.usize(1..4);
            if field.rule != Rule::Set {
                return Value::list((0..count).map(|_| text(rng)));
            }
            let words = |rng: &mut Rng| {
                let word = WORDS[rng.usize(0..WORDS.len())];
                if rng.bool() { word.to_owned() } else { text(rng) }
            };
            Value::list((0..count).map(|_| words(rng)).collect::<BTreeSet<_>>())
        }
    }
}

/// A value that the app holds as none of these.
pub(crate) fn value_but(
    rng: &mut Rng,
    support: &FieldSupport,
    avoid: &[Option<Value>],
) -> Option<Value> {
    let mut values = std::iter::repeat_with(|| value(rng, support.field)).take(200);
    values.find(|new| {
        let held = support.hold(new);
        held.is_some() && !avoid.contains(&held)
    })
}

/// A text that the app can give a collection as a name.
fn name(rng: &mut Rng, support: &CollectionSupport) -> String {
    let mut texts = std::iter::repeat_with(|| text(rng)).take(100);
    texts.find(|text| support.holds_name(text)).unwrap_or_default()
}

fn text(rng: &mut Rng) -> String {
    format!("{} {}", NAMES[rng.usize(0..NAMES.len())], rng.u16(..))
}

/// An edit of `item` to `new`, expecting what the item holds.
pub(crate) fn edit(item: &Item, field: &'static Field, new: Option<Value>) -> FieldEdit {
    FieldEdit { item: item.id.clone(), field, old: item.fields.value(field).cloned(), new }
}

/// Edits of random fields of up to 40 random items; each field of an item at most once. There are some
/// wherever a field may be written.
pub(crate) fn random_fields(
    rng: &mut Rng,
    items: &[&Item],
    capabilities: &Capabilities,
) -> Vec<FieldEdit> {
    let mut sets = std::iter::repeat_with(|| some_fields(rng, items, capabilities)).take(100);
    sets.find(|edits| !edits.is_empty()).unwrap_or_default()
}

fn some_fields(rng: &mut Rng, items: &[&Item], capabilities: &Capabilities) -> Vec<FieldEdit> {
    let mut edits = Vec::new();
    for item in choose(rng, items, 40) {
        for support in writable(capabilities) {
            match rng.u8(0..6) {
                0 | 1 => {
                    let new = value(rng, support.field);
                    edits.push(edit(item, support.field, Some(new)));
                }
                2 => edits.push(edit(item, support.field, None)),
                _ => {}
            }
        }
    }
    edits
}

/// Random edits of fields that can be read, and of collections where they may be written: one is made,
/// the first is renamed and reordered.
pub(crate) fn random(
    rng: &mut Rng,
    (catalog, reading): (&Catalog, &Reading),
    capabilities: &Capabilities,
) -> ChangeSet {
    let items: Vec<&Item> = legible(catalog, reading).collect();
    let fields = random_fields(rng, &items, capabilities);
    let mut collections = existing(rng, catalog, capabilities);
    if let Some(support) = writable_collection(capabilities) {
        collections.push(CollectionEdit::Create {
            kind: support.kind,
            name: name(rng, support).into(),
            parent: None,
            entries: entries(rng, catalog),
        });
    }
    ChangeSet { fields, collections, ..ChangeSet::default() }
}

/// A new name and new entries for the first collection that may be written.
pub(crate) fn existing(
    rng: &mut Rng,
    catalog: &Catalog,
    capabilities: &Capabilities,
) -> Vec<CollectionEdit> {
    let Some(support) = writable_collection(capabilities) else { return Vec::new() };
    let first = catalog.collections.iter().find(|one| one.kind == support.kind);
    first.map_or_else(Vec::new, |one| {
        vec![rename(one, &name(rng, support)), reorder(one, entries(rng, catalog))]
    })
}

/// Up to 12 entries, some of them twice.
pub(crate) fn entries(rng: &mut Rng, catalog: &Catalog) -> Vec<NativeId> {
    if catalog.items.is_empty() {
        return Vec::new();
    }
    let count = rng.usize(2..=12);
    (0..count).map(|_| catalog.items[rng.usize(0..catalog.items.len())].id.clone()).collect()
}

pub(crate) fn rename(one: &Collection, new: &str) -> CollectionEdit {
    CollectionEdit::Rename { id: one.id.clone(), old: one.name.clone(), new: new.into() }
}

pub(crate) fn reorder(one: &Collection, new: Vec<NativeId>) -> CollectionEdit {
    CollectionEdit::Reorder { id: one.id.clone(), old: one.entries.clone(), new }
}

fn choose<T: Copy>(rng: &mut Rng, from: &[T], count_max: usize) -> Vec<T> {
    let mut chosen = from.to_vec();
    rng.shuffle(&mut chosen);
    chosen.truncate(count_max);
    chosen
}

/// What the library must read as after `changes`, none of them refused.
pub(crate) fn expected(
    before: &Catalog,
    changes: &ChangeSet,
    written: &Written,
    capabilities: &Capabilities,
) -> Catalog {
    let mut after = before.clone();
    for edit in &changes.fields {
        let Ok(index) = after.items.binary_search_by(|item| item.id.cmp(&edit.item)) else {
            continue;
        };
        let support = capabilities.field(edit.field);
        let held = edit.new.as_ref().and_then(|new| support?.hold(new));
        after.items[index].fields.set(edit.field, held);
    }
    let mut created = written.created.iter();
    for edit in &changes.collections {
        apply(&mut after.collections, edit, &mut created, capabilities);
    }
    after.collections.sort_by(|a, b| a.id.cmp(&b.id));
    after
}

/// Gives renamed collections the ids that they were found with, where the app's ids follow names
/// and the new one cannot be known before.
pub(crate) fn follow_names(expected: &mut Catalog, found: &Catalog, changes: &ChangeSet) {
    for edit in &changes.collections {
        let CollectionEdit::Rename { id, .. } = edit else { continue };
        if found.collection(id).is_some() {
            continue;
        }
        let Some(index) = expected.collections.iter().position(|one| one.id == *id) else {
            continue;
        };
        let mut strangers = found.collections.iter().filter(|one| {
            one.name == expected.collections[index].name && expected.collection(&one.id).is_none()
        });
        if let Some(stranger) = strangers.next() {
            expected.collections[index].id = stranger.id.clone();
        }
    }
    expected.collections.sort_by(|a, b| a.id.cmp(&b.id));
}

fn apply<'a>(
    collections: &mut Vec<Collection>,
    edit: &CollectionEdit,
    created: &mut impl Iterator<Item = &'a NativeId>,
    capabilities: &Capabilities,
) {
    let held = |kind, entries: &[NativeId]| {
        capabilities.collection(kind).map_or_else(Vec::new, |support| support.hold(entries))
    };
    let position =
        |id: &NativeId, collections: &[Collection]| collections.iter().position(|c| c.id == *id);
    match edit {
        CollectionEdit::Create { kind, name, parent, entries } => {
            if let Some(id) = created.next() {
                collections.push(Collection {
                    id: id.clone(),
                    kind,
                    name: name.clone(),
                    parent: parent.clone(),
                    entries: held(kind, entries),
                    rule: None,
                });
            }
        }
        CollectionEdit::Rename { id, new, .. } => {
            if let Some(index) = position(id, collections) {
                collections[index].name = new.clone();
            }
        }
        CollectionEdit::Reorder { id, new, .. } => {
            if let Some(index) = position(id, collections) {
                collections[index].entries = held(collections[index].kind, new);
            }
        }
        CollectionEdit::Remove { id, .. } => collections.retain(|one| one.id != *id),
    }
}

/// Whether a collection was made because an item was put there.
fn is_place_of_any(found: &Catalog, collection: &Collection) -> bool {
    let Some(field) = collection.kind.named_in else { return false };
    found.items.iter().any(|item| {
        let places = item.fields.value(field).and_then(Value::as_list).unwrap_or_default();
        places.contains(&collection.name)
    })
}

/// Leaves out the collections that `before` lacks and that were made because items were put there.
pub(crate) fn without_new_places(before: &Catalog, found: &mut Catalog) {
    let is_new =
        |one: &&Collection| before.collection(&one.id).is_none() && is_place_of_any(found, one);
    let new: Vec<NativeId> =
        found.collections.iter().filter(is_new).map(|one| one.id.clone()).collect();
    found.collections.retain(|one| !new.contains(&one.id));
}

/// Leaves out the places that `before` lacks and in which nothing lies: what was put there was taken out.
pub(crate) fn without_empty_places(before: &Catalog, found: &mut Catalog) {
    let is_new = |one: &&Collection| {
        let is_place = one.kind.named_in.is_some() && before.collection(&one.id).is_none();
        is_place && !is_place_of_any(found, one)
    };
    let new: Vec<NativeId> =
        found.collections.iter().filter(is_new).map(|one| one.id.clone()).collect();
    found.collections.retain(|one| !new.contains(&one.id));
}

/// The first difference between two catalogs, in words. Places that items were put into may have been made.
pub(crate) fn difference(expected: &Catalog, found: &Catalog) -> Option<String> {
    if found
        .collections
        .iter()
        .any(|one| one.kind.named_in.is_some() && expected.collection(&one.id).is_none())
    {
        let mut rest = found.clone();
        without_new_places(expected, &mut rest);
        return first_difference(expected, &rest);
    }
    first_difference(expected, found)
}

fn first_difference(expected: &Catalog, found: &Catalog) -> Option<String> {
    let counts = (expected.items.len(), expected.collections.len());
    if counts != (found.items.len(), found.collections.len()) {
        return Some(format!(
            "expected {} items and {} collections, found {} and {}",
            counts.0,
            counts.1,
            found.items.len(),
            found.collections.len()
        ));
    }
    for (one, other) in expected.items.iter().zip(&found.items) {
        if one != other {
            return Some(item_difference(one, other));
        }
    }
    let mut pairs = expected.collections.iter().zip(&found.collections);
    if let Some((one, other)) = pairs.find(|(one, other)| one != other) {
        return Some(format!("expected {}, found {}", in_short(one), in_short(other)));
    }
    let limits = (&expected.limits, &found.limits);
    (limits.0 != limits.1).then(|| format!("expected {:?}, found {:?}", limits.0, limits.1))
}

/// A collection without the length of its entries.
fn in_short(one: &Collection) -> String {
    let entries: Vec<_> = one.entries.iter().take(3).collect();
    let (name, count) = (&one.name, one.entries.len());
    format!("`{}` ({} {name:?} of {count}: {entries:?}…)", one.id, one.kind.name)
}

fn item_difference(one: &Item, other: &Item) -> String {
    let names = one.fields.iter().chain(other.fields.iter()).map(|(field, _)| field);
    for field in names {
        let values = (one.fields.value(field), other.fields.value(field));
        if values.0 != values.1 {
            return format!(
                "`{}` of `{}`: expected {:?}, found {:?}",
                field.name, one.id, values.0, values.1
            );
        }
    }
    format!("expected {one:?}, found {other:?}")
}
