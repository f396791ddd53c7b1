//! What must be so once everything is at rest. It knows what people did, and the rules by their words
//! only: design by contract, and none of the planner's code but what an app can hold.

use std::collections::BTreeSet;

use segue_document::{Record, Write, resolve};
use segue_model::{Field, Item, Value, music};
use segue_translator::FieldSupport;

use crate::event::{Fate, Meant, Slot};
use crate::list::count;
use crate::step::MARK_NAMES;
use crate::world::{Link, World};

/// A rule that did not hold, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation(String);

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Violation {}

impl Violation {
    pub(crate) fn edit_of_nobody(link: u8, item: u8, writes: &[Write]) -> Self {
        let told: BTreeSet<String> = writes.iter().map(|write| format!("{write:?}")).collect();
        Self(format!("O7: nobody edited item {item} in link {link}, and it was lifted: {told:?}"))
    }

    pub(crate) fn reordered(link: u8, list: &[u8]) -> Self {
        Self(format!("O2: in link {link} the list is {list:?}, and that is not what was lifted"))
    }

    pub(crate) fn no_rest() -> Self {
        Self("O10: it does not come to rest".into())
    }
}

/// Judges a world at rest.
pub(crate) fn judge(world: &mut World) -> Result<(), Violation> {
    if world.records.len() > usize::from(world.count) {
        list(world)?;
    }
    for item in world.items() {
        let known = world.devices[0].known[usize::from(item)];
        if world.devices.iter().any(|other| other.known[usize::from(item)].version != known.version)
        {
            return Err(Violation("O1: devices know different things".into()));
        }
        let record = world.records[usize::from(item)].record(known.version);
        life(world, item, &record)?;
        rating(world, item, &record)?;
        for (field, name) in MARK_NAMES {
            mark(world, item, &record, field, name)?;
        }
        plays(world, item, &record)?;
    }
    Ok(())
}

/// The list has what people put in and did not take out; what nobody touched keeps its order; every app shows it.
fn list(world: &mut World) -> Result<(), Violation> {
    let place = world.list_place();
    let version = world.devices[0].known[usize::from(place)].version;
    let record = world.records[usize::from(place)].record(version);
    let items = record.ordered().into_iter().map(|(_, entry)| entry.item.0[0].saturating_sub(1));
    let items: Vec<u8> = items.collect();
    world.counters.entries += items.len() as u64;
    let fail = |what: String| Err(Violation(format!("{what}: the list is {items:?}")));
    // Who was restored counts what it had been shown since as put in once more.
    let entries = if world.is_restored { &[][..] } else { &world.entries };
    for (item, truth) in (0_u8..).zip(entries) {
        let count = count(&items, item);
        if count + truth.taken < truth.put || count > truth.put {
            return fail(format!(
                "O2: item {item} was put {} times into the list and {} times taken out",
                truth.put, truth.taken
            ));
        }
    }
    let is_untouched = |item: &&u8| !world.entries[usize::from(**item)].is_touched;
    let untouched: Vec<&u8> = items.iter().filter(is_untouched).collect();
    if !untouched.is_sorted() && !world.is_restored {
        return fail("O2: what nobody touched changed its order".into());
    }
    for (number, link) in world.links.iter().enumerate() {
        let is_there = |item: &&u8| link.items[usize::from(**item)].is_listed();
        let expected: Vec<u8> = items.iter().filter(is_there).copied().collect();
        if link.list.now.as_ref().is_some_and(|now| *now != expected)
            || (link.list.now.is_none() && !expected.is_empty())
        {
            return fail(format!("O1: link {number} shows {:?}", link.list.now));
        }
    }
    Ok(())
}

/// What was deleted is dead, unless somebody did something with it who had not heard; nothing else is.
fn life(world: &mut World, item: u8, record: &Record) -> Result<(), Violation> {
    let known = world.devices[0].known[usize::from(item)].events;
    let lives = record.live.is_some();
    match world.truth[usize::from(item)].events.fate(known) {
        Fate::Lives if !lives => Err(Violation(format!(
            "O2: item {item} is deleted, and somebody did something with it who had not heard"
        ))),
        Fate::Dead if lives && known != 0 => {
            Err(Violation(format!("O3: item {item} was deleted and lives")))
        }
        _ => {
            world.counters.deleted += u64::from(known != 0 && !lives);
            Ok(())
        }
    }
}

/// The links whose library must show what the document says of an item.
fn showing<'w>(
    world: &'w World,
    item: u8,
    field: &'w Field,
    record: &'w Record,
) -> impl Iterator<Item = (usize, &'w Item, &'static FieldSupport)> {
    let links = world.links.iter().enumerate().filter(|_| record.live.is_some());
    links.filter_map(move |(number, link)| {
        let slotted = &link.items[usize::from(item)];
        let is_shown = slotted.is_listed() && !slotted.is_held;
        Some((number, is_shown.then_some(&*slotted.now)?, support(link, field)?))
    })
}

/// Whoever meant a rating, and was not superseded, has it among the candidates, and nobody else has.
fn rating(world: &mut World, item: u8, record: &Record) -> Result<(), Violation> {
    let known = world.devices[0].known[usize::from(item)].events;
    let truth = &world.truth[usize::from(item)];
    if !truth.events.is_about(known, Slot::Rating) {
        return Ok(());
    }
    let standing = truth.events.standing(known, Slot::Rating);
    let mut expected: Vec<Option<i64>> = Vec::new();
    let mut had: Vec<(u64, i64, &FieldSupport)> = Vec::new();
    let mut may_be = truth.allowed.clone();
    for (bit, event) in standing {
        match event.meant {
            Meant::Rated(Some(rating)) | Meant::Had(rating) if truth.doubtful & bit != 0 => {
                may_be.insert(rating);
            }
            Meant::Rated(rating) => expected.push(rating),
            Meant::Had(rating) => {
                let support = support(&world.links[usize::from(event.link)], &music::RATING);
                let Some(support) = support else { continue };
                let (below, above) = support.alike(rating);
                had.push((below + above, rating, support));
            }
            _ => {}
        }
    }
    let candidates = resolve::register(record, music::RATING.name);
    let mut told: Vec<Option<i64>> =
        candidates.0.iter().map(|c| c.value.as_ref().and_then(Value::as_int)).collect();
    let winner = told.last().copied().flatten();
    told.sort_unstable();
    let is_allowed = |rating: &i64| may_be.contains(rating) && told.contains(&Some(*rating));
    // What an app had may be only how it shows what somebody else meant, the most exact first.
    had.sort_by_key(|(width, ..)| *width);
    let allowed = may_be.iter().filter(|rating| is_allowed(rating));
    let mut more_exact: Vec<(u64, i64)> =
        expected.iter().flatten().chain(allowed).map(|rating| (0, *rating)).collect();
    for (width, rating, support) in had {
        let shows = |(other_width, other): &(u64, i64)| {
            *other_width < width && support.hold(&Value::Int(*other)) == Some(Value::Int(rating))
        };
        if !more_exact.iter().any(|other| other.1 != rating && shows(other)) {
            more_exact.push((width, rating));
            expected.push(Some(rating));
        }
    }
    expected.sort_unstable();
    expected.dedup();
    let is_meant =
        |rating: &Option<i64>| expected.contains(rating) || rating.as_ref().is_some_and(is_allowed);
    if !expected.iter().all(|rating| told.contains(rating)) || !told.iter().all(is_meant) {
        return Err(Violation(format!(
            "O2: item {item}: people meant {expected:?}, the document has {told:?}"
        )));
    }
    for (number, now, support) in showing(world, item, &music::RATING, record) {
        let hold =
            |rating: Option<i64>| rating.and_then(|rating| support.hold(&Value::Int(rating)));
        let held = now.fields.value(&music::RATING);
        let is_one = told.len() > 1 && told.iter().any(|rating| hold(*rating).as_ref() == held);
        if !is_one && hold(winner).as_ref() != held {
            return Err(Violation(format!(
                "O1: item {item}: link {number} holds {held:?}, the document says {told:?}"
            )));
        }
    }
    world.counters.conflicts += u64::from(told.len() > 1);
    Ok(())
}

/// A mark is there if anybody set it whom nobody superseded, and in every app that can hold it.
fn mark(
    world: &World,
    item: u8,
    record: &Record,
    field: &'static Field,
    name: &'static str,
) -> Result<(), Violation> {
    let slot = Slot::Mark(field.name, name);
    let known = world.devices[0].known[usize::from(item)].events;
    let truth = &world.truth[usize::from(item)];
    let standing = truth.events.standing(known, slot);
    let expected = standing.iter().any(|(_, event)| event.meant == Meant::Marked(true));
    let is = record.sets.get(field.name).is_some_and(|all| all.contains(name));
    let is_loose = truth.loose.contains(&slot);
    if is != expected && !(is_loose && is) {
        return Err(Violation(format!(
            "O2: item {item}: {name} is {is} in the document and should be {expected}"
        )));
    }
    for (number, now, support) in showing(world, item, field, record) {
        let can = support.hold(&Value::list([name])).is_some();
        let held = now.fields.value(field).and_then(Value::as_list).unwrap_or_default();
        let has = held.iter().any(|mark| **mark == *name);
        if has != (can && is) {
            return Err(Violation(format!(
                "O1: item {item}: {name} is {has} in link {number} and {is} in the document"
            )));
        }
    }
    Ok(())
}

/// No play is lost and none is counted twice, but by a device that was restored.
fn plays(world: &World, item: u8, record: &Record) -> Result<(), Violation> {
    let known = &world.devices[0].known[usize::from(item)];
    let plays = &world.truth[usize::from(item)].plays;
    let total = plays.baseline + plays.since;
    let least = if plays.twice > 0 { plays.since } else { total };
    for (number, now, _) in showing(world, item, &music::PLAY_COUNT, record) {
        let count = number_of(now, &music::PLAY_COUNT).unwrap_or(0);
        if count < least || count > total + plays.twice {
            return Err(Violation(format!(
                "O2: item {item}: link {number} counts {count} plays of {total}"
            )));
        }
    }
    for (number, now, _) in showing(world, item, &music::LAST_PLAYED, record) {
        let latest = number_of(now, &music::LAST_PLAYED);
        if latest != known.latest {
            return Err(Violation(format!(
                "O2: item {item}: link {number} has {latest:?} as the last play, not {:?}",
                known.latest
            )));
        }
    }
    Ok(())
}

fn number_of(item: &Item, field: &Field) -> Option<i64> {
    item.fields.value(field).and_then(Value::as_int)
}

fn support(link: &Link, field: &Field) -> Option<&'static FieldSupport> {
    link.capabilities.field(field)
}
