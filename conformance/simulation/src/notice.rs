//! Takes down what a person did since the last look: from what the app holds, never from what the planner
//! made of it. What the document says is asked where an app that is linked may say nothing new by what it holds.

use segue_document::{Record, resolve};
use segue_model::{Field, Item, Rule, Value, music};
use segue_translator::FieldSupport;

use crate::event::{Event, Meant, Seen, Slot, Touch};
use crate::pass::Twin;
use crate::step::MARK_NAMES;
use crate::world::{Slotted, World};

/// What happened to an item in a library since it was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sight {
    /// Nothing that would be lifted.
    Nothing,
    /// It came, or its base was lost.
    New,
    /// Its fields are others.
    Changed,
    /// It was gone and is back. Values that it lost on the way are no edits.
    Again,
    /// Its file is not there.
    Gone,
    /// A person removed it.
    Dropped,
}

/// Who looks at what.
struct Look<'a> {
    link: u8,
    item: u8,
    sight: Sight,
    /// What the app had been shown, or all that is known if it is linked.
    record: &'a Record,
    before: Slotted,
}

/// An item of a link is looked at. `record` is what its app had been shown, or all that is known if it is linked.
pub(crate) fn take_down(
    world: &mut World,
    (link, item): (u8, u8),
    sight: Sight,
    record: &Record,
    twins: &[Twin],
) {
    let before = world.slotted(link, item).clone();
    let look = Look { link, item, sight, record, before };
    if sight == Sight::Dropped {
        return dropped(world, &look);
    }
    if look.before.is_new() {
        look_again(world, &look);
    }
    let capabilities = world.links[usize::from(link)].capabilities;
    for support in capabilities.fields {
        match support.field.rule {
            Rule::Register => rating(world, &look, support, twins),
            Rule::Set => {
                let names = MARK_NAMES.iter().filter(|(field, _)| *field == support.field);
                for (field, name) in names {
                    mark(world, &look, field, name);
                }
            }
            Rule::Counter => plays(world, &look),
            Rule::Max => {
                let latest = number(&look.before.now, support.field);
                let known = world.known(world.links[usize::from(link)].device, item);
                known.latest = known.latest.max(latest);
            }
        }
    }
}

fn number(item: &Item, field: &Field) -> Option<i64> {
    item.fields.value(field).and_then(Value::as_int)
}

/// It is in the app for the first time, or anew.
fn look_again(world: &mut World, look: &Look<'_>) {
    let (clock, device) = (world.clock, world.links[usize::from(look.link)].device);
    let known = world.known(device, look.item);
    let present = known.events;
    known.members[usize::from(look.link)] = clock.max(1);
    world.slot(look.link, look.item).seen = present;
    let alive = Event {
        slot: Slot::Life,
        meant: Meant::Alive,
        link: look.link,
        seen: 0,
        touch: Touch::Yes,
    };
    add(world, look, alive);
}

/// A person removed it. The last app that had it takes it from all, as far as its device knows.
fn dropped(world: &mut World, look: &Look<'_>) {
    let (clock, device) = (world.clock, world.links[usize::from(look.link)].device);
    let known = world.known(device, look.item);
    known.members[usize::from(look.link)] = -clock.max(1);
    if !known.is_elsewhere(look.link) {
        let (meant, seen) = (Meant::Deleted, look.before.seen);
        let event = Event { slot: Slot::Life, meant, link: look.link, seen, touch: Touch::No };
        add(world, look, event);
    }
}

/// Adds an event; the device knows it from now on, and the app has been shown it.
fn add(world: &mut World, look: &Look<'_>, event: Event) -> Seen {
    let bit = world.truth[usize::from(look.item)].events.add(event);
    let device = world.links[usize::from(look.link)].device;
    world.known(device, look.item).events |= bit;
    world.slot(look.link, look.item).seen |= bit;
    world.counters.edits += 1;
    bit
}

fn rating(world: &mut World, look: &Look<'_>, support: &FieldSupport, twins: &[Twin]) {
    let (slot, Look { link, item, record, before, .. }) = (Slot::Rating, look);
    let (old, new) = (number(&before.agreed, &music::RATING), number(&before.now, &music::RATING));
    let present = *world.known(world.links[usize::from(*link)].device, *item);
    let seen = before.shown.of(slot);
    let is_lost = look.sight == Sight::Again && new.is_none();
    let said = match (before.is_new(), new, before.first) {
        (false, ..) if old != new && is_lost => {
            world.slot(*link, *item).is_behind = true;
            None
        }
        (false, ..) if old != new => {
            if before.is_behind {
                // Beside what it was never shown stay its own older values too.
                let record = world.records[usize::from(*item)].record(present.version);
                let known = resolve::register(&record, music::RATING.name).0.into_iter();
                let known = known.filter_map(|candidate| candidate.value?.as_int());
                let truth = &mut world.truth[usize::from(*item)];
                truth.allowed.extend(known);
                truth.doubtful |= before.once_shown;
            }
            Some((Meant::Rated(new), seen))
        }
        (true, Some(_), None) if is_shown(record, support, new, twins) => None,
        (true, Some(rating), None) => Some((Meant::Had(rating), 0)),
        (true, Some(rating), Some((had, own))) => {
            world.truth[usize::from(*item)].allowed.insert(rating);
            // What it had at first was known to all, and what stood there already is no edit.
            let is_edit = old != new && had != new;
            let meant =
                if is_said(record, support, new) { Meant::Agreed } else { Meant::Had(rating) };
            is_edit.then_some((meant, own))
        }
        _ => None,
    };
    let touch = match said {
        Some((Meant::Rated(new), _)) if !is_only(record, new) => Touch::Yes,
        _ => Touch::Maybe,
    };
    let event = said.map(|(meant, seen)| Event { slot, meant, link: *link, seen, touch });
    let bit = event.map_or(0, |event| add(world, look, event));
    let slotted = world.slot(*link, *item);
    if before.is_new() {
        // What its first sight says of it from now on.
        let (had, own) = before.first.unwrap_or((None, 0));
        let had = if is_shown(record, support, new, twins) { had } else { new.or(had) };
        slotted.first = Some((had, own | bit));
        // Who has one of several values edits all of them.
        let beside = if new.is_some() { present.events } else { 0 };
        slotted.once_shown |= before.shown.of(slot) | beside;
        let agrees = is_said(record, support, new);
        slotted.shown.set(slot, if agrees { present.events | bit } else { bit });
    } else {
        slotted.shown.set(slot, seen | bit);
    }
}

/// Whether this is what is known, and nothing else.
fn is_only(record: &Record, rating: Option<i64>) -> bool {
    let known = resolve::register(record, music::RATING.name).0;
    let is = |known: Option<&Value>| known.and_then(Value::as_int) == rating;
    known.iter().all(|candidate| is(candidate.value.as_ref()))
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

fn mark(world: &mut World, look: &Look<'_>, field: &'static Field, name: &'static str) {
    let (slot, Look { link, item, record, before, .. }) = (Slot::Mark(field.name, name), look);
    let has = |item: &Item| {
        let marks = item.fields.value(field).and_then(Value::as_list).unwrap_or_default();
        marks.iter().any(|mark| **mark == *name)
    };
    let (had, set) = (has(&before.agreed), has(&before.now));
    let known = record.sets.get(field.name).is_some_and(|all| all.contains(name));
    let is_lost = look.sight == Sight::Again && before.now.fields.value(field).is_none();
    // What an app lacks when it is linked was not taken away.
    let is_edit = if before.is_new() { set && !known } else { set != had && !is_lost };
    let seen = before.shown.of(slot);
    if is_edit && before.is_behind && !before.is_new() {
        world.truth[usize::from(*item)].loose.insert(slot);
    }
    let touch = if set == known { Touch::Maybe } else { Touch::Yes };
    let event = Event { slot, meant: Meant::Marked(set), link: *link, seen, touch };
    let bit = if is_edit { add(world, look, event) } else { 0 };
    let device = world.links[usize::from(*link)].device;
    let present = world.known(device, *item).events;
    let shown = match before.is_new() {
        true if set == known => present | bit,
        true => bit,
        false => seen | bit,
    };
    let slotted = world.slot(*link, *item);
    slotted.is_behind |= is_lost && set != had;
    slotted.shown.set(slot, shown);
}

fn plays(world: &mut World, look: &Look<'_>) {
    let (place, owner) = (usize::from(look.item), usize::from(look.link));
    let device = world.links[owner].device;
    let known = world.known(device, look.item);
    let (old, count) = (
        number(&look.before.agreed, &music::PLAY_COUNT),
        number(&look.before.now, &music::PLAY_COUNT).unwrap_or(0),
    );
    if look.before.is_new() {
        // What is known of others' plays may be among what the app counts.
        let before: i64 = known.plays.iter().sum();
        let plays = &mut world.truth[place].plays;
        plays.baseline = plays.baseline.max(count - before);
        return;
    }
    // A fall is a reset: what was played beside it cannot be told.
    let more = look.before.plays.min((count - old.unwrap_or(0)).max(0));
    known.plays[owner] += more;
    world.truth[place].plays.since += more;
    if more > 0 {
        let (slot, meant) = (Slot::Life, Meant::Alive);
        let event = Event { slot, meant, link: look.link, seen: 0, touch: Touch::Yes };
        add(world, look, event);
    }
}
