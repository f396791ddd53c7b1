//! Takes down what a person did since the last look: from what the app holds, never from what the planner
//! made of it. What the document says is asked where an app that is linked may say nothing new by what it holds.

use segue_document::{Record, resolve};
use segue_model::{Field, Rule, Value, music};
use segue_translator::FieldSupport;

use crate::event::{Event, Meant, Seen, Slot};
use crate::step::MARK_NAMES;
use crate::world::{Slotted, Twin, World, id};

/// An item of a link is looked at. `record` is what its app had been shown, or all that is known if it is linked.
pub(crate) fn take_down(world: &mut World, at: (u8, u8), record: &Record, twins: &[Twin]) {
    let (link, item) = at;
    let capabilities = world.links[usize::from(link)].capabilities;
    let before = world.slotted(link, item).clone();
    for support in capabilities.fields {
        match support.field.rule {
            Rule::Register => rating(world, at, &before, record, (support, twins)),
            Rule::Set => {
                let names = MARK_NAMES.iter().filter(|(field, _)| *field == support.field);
                for (field, name) in names {
                    mark(world, at, &before, record, (field, name));
                }
            }
            Rule::Counter => plays(world, at, &before),
            Rule::Max => {}
        }
    }
}

fn number(item: &segue_model::Item, field: &Field) -> Option<i64> {
    item.fields.value(field).and_then(Value::as_int)
}

/// Adds an event; the device knows it from now on.
fn add(world: &mut World, event: Event) -> Seen {
    let bit = world.events.add(event);
    let device = usize::from(world.links[usize::from(event.link)].device);
    world.devices[device].events |= bit;
    bit
}

fn rating(
    world: &mut World,
    (link, item): (u8, u8),
    before: &Slotted,
    record: &Record,
    (support, twins): (&FieldSupport, &[Twin]),
) {
    let slot = Slot::Rating;
    let (old, new) = (number(&before.agreed, &music::RATING), number(&before.now, &music::RATING));
    let present = world.devices[usize::from(world.links[usize::from(link)].device)];
    let (seen, allowed) = (before.shown.of(slot), &mut world.allowed[usize::from(item)]);
    let said = match (before.is_new(), new, before.first) {
        (false, ..) if old != new => {
            if before.is_behind {
                // Beside what it was never shown stay its own older values too.
                let record = world.history.record(present.version, &id(item).0);
                let known = resolve::register(&record, music::RATING.name).0.into_iter();
                allowed.extend(known.filter_map(|candidate| candidate.value?.as_int()));
            }
            Some((Meant::Rated(new), seen))
        }
        (true, Some(_), None) if is_shown(record, support, new, twins) => None,
        (true, Some(rating), None) => Some((Meant::Had(rating), 0)),
        (true, Some(rating), Some((had, own))) => {
            allowed.insert(rating);
            // What it had at first was known to all, and what stood there already is no edit.
            let is_edit = old != new && had != new;
            let meant =
                if is_said(record, support, new) { Meant::Agreed } else { Meant::Had(rating) };
            is_edit.then_some((meant, own))
        }
        _ => None,
    };
    let event = said.map(|(meant, seen)| Event { item, slot, meant, link, seen });
    let bit = event.map_or(0, |event| add(world, event));
    let slotted = &mut world.links[usize::from(link)].items[usize::from(item)];
    if before.is_new() {
        // What its first sight says of it from now on.
        let (had, own) = before.first.unwrap_or((None, 0));
        let had = if is_shown(record, support, new, twins) { had } else { new.or(had) };
        slotted.first = Some((had, own | bit));
        let agrees = is_said(record, support, new);
        slotted.shown.set(slot, if agrees { present.events | bit } else { bit });
    } else {
        slotted.shown.set(slot, seen | bit);
    }
}

/// Whether anything that is known would be held so, or nothing is known.
fn is_said(record: &Record, support: &FieldSupport, new: Option<i64>) -> bool {
    let hold = |value: &Value| support.hold(value).and_then(|held| held.as_int());
    let known = resolve::register(record, support.field.name).0;
    known.is_empty() || known.iter().any(|known| known.value.as_ref().and_then(hold) == new)
}

/// Whether a rating is only how its app would show an exact one that is known, or comes at the same time.
fn is_shown(record: &Record, support: &FieldSupport, new: Option<i64>, twins: &[Twin]) -> bool {
    let shows = |value: i64| {
        let held = support.hold(&Value::Int(value)).and_then(|held| held.as_int());
        held == new && Some(value) != new
    };
    let known = resolve::register(record, support.field.name).0.into_iter();
    let exact = known.filter(|candidate| candidate.is_exact);
    let twins = twins.iter().filter_map(|(capabilities, twin)| {
        let value = number(twin, support.field)?;
        (capabilities.field(support.field)?.alike(value) == (0, 0)).then_some(value)
    });
    exact.filter_map(|candidate| candidate.value?.as_int()).chain(twins).any(shows)
}

fn mark(
    world: &mut World,
    (link, item): (u8, u8),
    before: &Slotted,
    record: &Record,
    (field, name): (&'static Field, &'static str),
) {
    let slot = Slot::Mark(field.name, name);
    let has = |item: &segue_model::Item| {
        let marks = item.fields.value(field).and_then(Value::as_list).unwrap_or_default();
        marks.iter().any(|mark| **mark == *name)
    };
    let (had, set) = (has(&before.agreed), has(&before.now));
    let known = record.sets.get(field.name).is_some_and(|all| all.contains(name));
    // What an app lacks when it is linked was not taken away.
    let is_edit = if before.is_new() { set && !known } else { set != had };
    let seen = before.shown.of(slot);
    if is_edit && before.is_behind && !before.is_new() {
        world.loose.insert((item, slot));
    }
    let event = Event { item, slot, meant: Meant::Marked(set), link, seen };
    let bit = if is_edit { add(world, event) } else { 0 };
    let present = world.devices[usize::from(world.links[usize::from(link)].device)].events;
    let shown = match before.is_new() {
        true if set == known => present | bit,
        true => bit,
        false => seen | bit,
    };
    let slotted = &mut world.links[usize::from(link)].items[usize::from(item)];
    slotted.shown.set(slot, shown);
}

fn plays(world: &mut World, (link, item): (u8, u8), before: &Slotted) {
    let (place, owner) = (usize::from(item), usize::from(link));
    let device = usize::from(world.links[owner].device);
    let plays = &mut world.plays[place];
    if before.is_new() {
        // What is known of others' plays may be among what the app counts.
        let known: i64 = world.devices[device].plays[place].iter().sum();
        let count = number(&before.now, &music::PLAY_COUNT).unwrap_or(0);
        plays.baseline = plays.baseline.max(count - known);
    } else {
        plays.since += before.plays;
        world.devices[device].plays[place][owner] += before.plays;
    }
}
