//! What must be so once everything is at rest. It knows what people did, and the rules by their words
//! only: design by contract, and none of the planner's code but what an app can hold.

use segue_document::resolve;
use segue_model::{Field, Value, mail, music};
use segue_translator::FieldSupport;

use crate::event::{Meant, Slot};
use crate::step::ITEMS;
use crate::world::{Link, World, id, told};

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
    pub(crate) fn edit_of_nobody(link: u8, item: u8, writes: &[segue_document::Write]) -> Self {
        Self(format!(
            "O7: nobody edited item {item} in link {link}, and it was lifted: {}",
            told(writes)
        ))
    }

    pub(crate) fn no_rest() -> Self {
        Self("O10: it does not come to rest".into())
    }
}

/// Judges a world at rest; how many conflicts are left.
pub(crate) fn judge(world: &World) -> Result<usize, Violation> {
    let version = world.devices[0].version;
    if world.devices.iter().any(|device| device.version != version) {
        return Err(Violation("O1: devices know different things".into()));
    }
    let mut conflicts = 0;
    for item in 0..ITEMS {
        let record = world.history.record(version, &id(item).0);
        for slot in world.events.slots(item) {
            match slot {
                Slot::Rating => conflicts += usize::from(rating(world, item, &record)?),
                Slot::Mark(field, name) => mark(world, item, &record, field, name)?,
            }
        }
        plays(world, item)?;
    }
    Ok(conflicts)
}

/// Whoever meant a rating, and was not superseded, has it among the candidates, and nobody else has.
fn rating(world: &World, item: u8, record: &segue_document::Record) -> Result<bool, Violation> {
    let standing = world.events.standing(item, Slot::Rating);
    let mut expected: Vec<Option<i64>> = Vec::new();
    let mut had: Vec<(u64, i64, &FieldSupport)> = Vec::new();
    for event in standing {
        match event.meant {
            Meant::Rated(rating) => expected.push(rating),
            Meant::Had(rating) => {
                let support = support(&world.links[usize::from(event.link)], &music::RATING);
                let Some(support) = support else { continue };
                let (below, above) = support.alike(rating);
                had.push((below + above, rating, support));
            }
            Meant::Agreed | Meant::Marked(_) => {}
        }
    }
    let candidates = resolve::register(record, music::RATING.name);
    let mut told: Vec<Option<i64>> =
        candidates.0.iter().map(|c| c.value.as_ref().and_then(Value::as_int)).collect();
    let winner = told.last().copied().flatten();
    told.sort_unstable();
    let may_be = &world.allowed[usize::from(item)];
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
    for (number, link) in world.links.iter().enumerate() {
        let Some(support) = support(link, &music::RATING) else { continue };
        let hold =
            |rating: Option<i64>| rating.and_then(|rating| support.hold(&Value::Int(rating)));
        let held = link.items[usize::from(item)].now.fields.value(&music::RATING);
        let is_one = told.len() > 1 && told.iter().any(|rating| hold(*rating).as_ref() == held);
        if !is_one && hold(winner).as_ref() != held {
            return Err(Violation(format!(
                "O1: item {item}: link {number} holds {held:?}, the document says {told:?}"
            )));
        }
    }
    Ok(told.len() > 1)
}

/// A mark is there if anybody set it whom nobody superseded, and in every app that can hold it.
fn mark(
    world: &World,
    item: u8,
    record: &segue_document::Record,
    field: &str,
    name: &str,
) -> Result<(), Violation> {
    let slots = world.events.slots(item);
    let slot =
        slots.iter().find(|slot| matches!(slot, Slot::Mark(f, n) if *f == field && *n == name));
    let Some(slot) = slot else { return Ok(()) };
    let standing = world.events.standing(item, *slot);
    let expected = standing.iter().any(|event| event.meant == Meant::Marked(true));
    let is = record.sets.get(field).is_some_and(|all| all.contains(name));
    let is_loose = world.loose.contains(&(item, *slot));
    if is != expected && !(is_loose && is) {
        return Err(Violation(format!(
            "O2: item {item}: {name} is {is} in the document and should be {expected}"
        )));
    }
    let field: &Field = if field == mail::FLAGS.name { &mail::FLAGS } else { &mail::KEYWORDS };
    for (number, link) in world.links.iter().enumerate() {
        let Some(support) = support(link, field) else { continue };
        let can = support.hold(&Value::list([name])).is_some();
        let held = link.items[usize::from(item)].now.fields.value(field);
        let has = held.and_then(Value::as_list).unwrap_or_default().iter().any(|m| **m == *name);
        if has != (can && is) {
            return Err(Violation(format!(
                "O1: item {item}: {name} is {has} in link {number} and {is} in the document"
            )));
        }
    }
    Ok(())
}

/// No play is lost and none is counted twice.
fn plays(world: &World, item: u8) -> Result<(), Violation> {
    let plays = &world.plays[usize::from(item)];
    let total = plays.baseline + plays.since;
    for (number, link) in world.links.iter().enumerate() {
        let fields = &link.items[usize::from(item)].now.fields;
        let value = |field| fields.value(field).and_then(Value::as_int);
        if support(link, &music::PLAY_COUNT).is_some() {
            let count = value(&music::PLAY_COUNT).unwrap_or(0);
            if count != total {
                return Err(Violation(format!(
                    "O2: item {item}: link {number} counts {count} plays of {total}"
                )));
            }
        }
        let latest = value(&music::LAST_PLAYED);
        if support(link, &music::LAST_PLAYED).is_some() && latest != plays.latest {
            return Err(Violation(format!(
                "O2: item {item}: link {number} has {latest:?} as the last play, not {:?}",
                plays.latest
            )));
        }
    }
    Ok(())
}

fn support(link: &Link, field: &Field) -> Option<&'static FieldSupport> {
    link.capabilities.field(field)
}
