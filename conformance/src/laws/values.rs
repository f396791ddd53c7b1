//! Single values: ratings, counters, times, absence, names, sets.

use std::collections::BTreeSet;

use segue_translator::model::{Catalog, ChangeSet, Field, Rule, Shape, Value};
use segue_translator::{Access, FieldSupport};

use crate::edits::{self, NAMES};
use crate::laid::Laid;
use crate::trial::{Case, Law, Verdict, ensure, fail, skip};

pub(crate) const LAWS: &[Law] = &[
    Law { name: "values::f23_ratings_do_not_erode", check: ratings },
    Law { name: "values::holding_is_idempotent", check: hold_twice },
    Law { name: "values::counters_read_back", check: counters },
    Law { name: "values::f25_times_far_away_read_back", check: times },
    Law { name: "values::f24_absent_is_not_zero", check: absent },
    Law { name: "values::f13_names_read_back", check: names },
    Law { name: "values::sets_read_back", check: sets },
    Law { name: "values::f19_elements_that_came_meanwhile_stay", check: meanwhile },
];

/// Writes `value` to one item, expecting what it holds; returns what it then reads as. Everything
/// else must stay as it was.
fn put(laid: &Laid, support: &FieldSupport, new: Option<Value>) -> Verdict<Option<Value>> {
    let (before, reading) = laid.read()?;
    let Some(item) = edits::legible(&before, &reading).next() else {
        return fail("the fixture has no item of which all can be read");
    };
    let edit = edits::edit(item, support.field, new);
    let changes = ChangeSet { fields: vec![edit], ..ChangeSet::default() };
    let written = laid.write(&changes)?;
    if let Some(refusal) = written.refused.first() {
        let (name, new) = (support.field.name, &changes.fields[0].new);
        return fail(format!("`{name}` set to {new:?} is refused: {}", refusal.reason));
    }
    let (after, _) = laid.read()?;
    let Some(found) = after.item(&item.id) else { return fail("the item is gone") };
    let found = found.fields.value(support.field).cloned();
    let mut rest: Catalog = after;
    edits::without_new_places(&before, &mut rest);
    if let Some(other) = rest.items.iter_mut().find(|other| other.id == item.id) {
        other.fields.set(support.field, item.fields.value(support.field).cloned());
    }
    edits::difference(&before, &rest).map_or(Ok(found), fail)
}

/// Every value must read back as the app declares to hold it.
fn put_all(laid: &Laid, support: &FieldSupport, values: &[Option<Value>]) -> Verdict {
    for value in values {
        let held = value.as_ref().and_then(|value| support.hold(value));
        let found = put(laid, support, value.clone())?;
        ensure!(
            found == held,
            "`{}` set to {value:?}: declared {held:?}, found {found:?}",
            support.field.name
        );
    }
    Ok(())
}

fn matching(
    case: &Case<'_>,
    which: impl Fn(&Field) -> bool,
) -> Verdict<Vec<&'static FieldSupport>> {
    let capabilities = case.capabilities()?;
    Ok(edits::writable(capabilities).filter(|support| which(support.field)).collect())
}

fn is_rating(field: &Field) -> bool {
    field.rule == Rule::Register && field.shape == Shape::Int(0, 100)
}

/// The shape of times: Unix seconds up to the year 9999.
fn is_time(field: &Field) -> bool {
    field.shape == Shape::Int(0, 253_402_300_799)
}

fn ratings(case: &Case<'_>) -> Verdict {
    let supports = matching(case, is_rating)?;
    let Some(support) = supports.first() else {
        return skip("declares: no rating may be written");
    };
    let laid = case.lay()?;
    // Each value the app can show, ten times read and written back.
    let mut shown: Vec<_> =
        (0..=100).filter_map(|rating| support.hold(&Value::Int(rating))).collect();
    shown.sort();
    shown.dedup();
    ensure!(!shown.is_empty(), "declares a rating that may be written and holds none");
    for first in shown {
        let mut value = Some(first.clone());
        for round in 1..=10 {
            value = put(&laid, support, value)?;
            ensure!(value.as_ref() == Some(&first), "round {round}: {first:?} became {value:?}");
            if round == 1 {
                // Away and back, so that a write which is skipped as equal hides nothing.
                put(&laid, support, None)?;
            }
        }
    }
    let all: Vec<_> = (0..=100).map(|rating| Some(Value::Int(rating))).collect();
    put_all(&laid, support, &all)
}

fn hold_twice(case: &Case<'_>) -> Verdict {
    let mut rng = fastrand::Rng::with_seed(case.subject.seed);
    for support in case.capabilities()?.fields {
        let mut values: Vec<_> = (0..200).map(|_| edits::value(&mut rng, support.field)).collect();
        if is_rating(support.field) {
            values.extend((0..=100).map(Value::Int));
        }
        for value in values {
            let once = support.hold(&value);
            let twice = once.as_ref().and_then(|value| support.hold(value));
            let name = support.field.name;
            ensure!(once == twice, "`{name}` {value:?} is held as {once:?}, then {twice:?}");
            ensure!(
                once.as_ref().is_none_or(|held| support.field.shape.admits(held)),
                "`{name}` {value:?} is held as {once:?}, which the field cannot be"
            );
        }
    }
    Ok(())
}

fn counters(case: &Case<'_>) -> Verdict {
    let laid = case.lay()?;
    let supports = matching(case, |field| field.rule == Rule::Counter)?;
    let numbers = [1, 0, 2, 255, 256, 65_535, 65_536, i64::from(i32::MAX), i64::from(u32::MAX), 3];
    for support in &supports {
        put_all(&laid, support, &numbers.map(|number| Some(Value::Int(number))))?;
    }
    if supports.is_empty() { skip("declares: no counter may be written") } else { Ok(()) }
}

fn times(case: &Case<'_>) -> Verdict {
    let laid = case.lay()?;
    let supports = matching(case, is_time)?;
    // Epoch, both ends of 32 bits, both sides of a change to summer time, years 2200 and 9999.
    let seconds = [
        1,
        0,
        59,
        86_399,
        1_774_745_999,
        1_774_746_000,
        1_000_000_001,
        (1 << 31) - 1,
        1 << 31,
        (1 << 32) - 1,
        1 << 32,
        7_258_118_400,
        253_402_300_799,
        1_700_000_003,
    ];
    for support in &supports {
        put_all(&laid, support, &seconds.map(|second| Some(Value::Int(second))))?;
    }
    if supports.is_empty() { skip("declares: no time may be written") } else { Ok(()) }
}

fn absent(case: &Case<'_>) -> Verdict {
    let laid = case.lay()?;
    let supports = matching(case, |_| true)?;
    let mut rng = fastrand::Rng::with_seed(case.subject.seed);
    for support in &supports {
        let some = Some(edits::value(&mut rng, support.field));
        let mut values = vec![some.clone(), None, some.clone()];
        let sentinels: &[Value] = match support.field.shape {
            Shape::Int(..) => &[Value::Int(0), Value::Int(1), Value::Int(100)],
            Shape::Flag => &[Value::Flag(false), Value::Flag(true)],
            Shape::Real => &[Value::Real(segue_translator::model::Real(0.0))],
            _ => &[],
        };
        for sentinel in sentinels.iter().filter(|value| support.field.shape.admits(value)) {
            values.extend([Some(sentinel.clone()), None, Some(sentinel.clone()), some.clone()]);
        }
        put_all(&laid, support, &values)?;
    }
    if supports.is_empty() { skip("declares: nothing may be written") } else { Ok(()) }
}

fn names(case: &Case<'_>) -> Verdict {
    let laid = case.lay()?;
    let texts = matching(case, |field| field.shape == Shape::Text)?;
    for support in &texts {
        let values: Vec<_> = NAMES.iter().map(|name| Some(Value::text(*name))).collect();
        put_all(&laid, support, &values)?;
    }
    let lists = matching(case, |field| field.shape == Shape::List && field.rule == Rule::Register)?;
    for support in &lists {
        let one = NAMES.iter().map(|name| Some(Value::list([*name])));
        let all = Value::list(NAMES.iter().copied());
        put_all(&laid, support, &one.chain([Some(all)]).collect::<Vec<_>>())?;
    }
    if texts.is_empty() && lists.is_empty() {
        skip("declares: no text may be written")
    } else {
        Ok(())
    }
}

/// The sets that may be written; a skip where there are none.
fn writable_sets(case: &Case<'_>) -> Verdict<Vec<&'static FieldSupport>> {
    let supports = matching(case, |field| field.rule == Rule::Set)?;
    if supports.is_empty() {
        let mut fields = case.capabilities()?.fields.iter();
        let any = fields.find(|support| support.field.rule == Rule::Set);
        return skip(if any.is_some_and(|support| support.access == Access::Read) {
            "declares: no set may be written"
        } else {
            "declares: no sets"
        });
    }
    Ok(supports)
}

fn sets(case: &Case<'_>) -> Verdict {
    let supports = writable_sets(case)?;
    let laid = case.lay()?;
    let set = |texts: &[&str]| {
        let mut texts = texts.to_vec();
        texts.sort_unstable();
        Some(Value::list(texts))
    };
    for support in supports {
        let values =
            [set(&["b", "a"]), set(&["a"]), set(&["a", "b", "c"]), None, set(NAMES), set(&["z"])];
        put_all(&laid, support, &values)?;
    }
    Ok(())
}

type Elements = BTreeSet<Box<str>>;

fn elements(value: Option<&Value>) -> Elements {
    value.and_then(Value::as_list).unwrap_or_default().iter().cloned().collect()
}

fn set_of(elements: &Elements) -> Option<Value> {
    (!elements.is_empty()).then(|| Value::list(elements.iter().cloned()))
}

/// Two elements that the set does not have and could have, one for each of two writers.
fn two_more(support: &FieldSupport, held: &Elements) -> Option<[Box<str>; 2]> {
    let could = |text: &&&str| {
        let one = Value::list([**text]);
        !held.contains(**text) && support.hold(&one) == Some(one)
    };
    let mut more = ["answered", "draft", "flagged", "work", "todo"].iter().filter(could);
    Some([(*more.next()?).into(), (*more.next()?).into()])
}

/// Somebody adds an element; an edit of the set as it was before is refused, or made around it.
fn meanwhile(case: &Case<'_>) -> Verdict {
    let mut tried = 0;
    for support in writable_sets(case)? {
        let laid = case.lay()?;
        let (before, reading) = laid.read()?;
        let Some(item) = edits::legible(&before, &reading).next() else {
            return fail("the fixture has no item of which all can be read");
        };
        let old = elements(item.fields.value(support.field));
        let Some([ours, theirs]) = two_more(support, &old) else { continue };
        let with = |one: &str| -> Elements { old.iter().cloned().chain([one.into()]).collect() };
        let mut now = elements(put(&laid, support, set_of(&with(&theirs)))?.as_ref());
        for new in [with(&ours), Elements::new()] {
            let fields = vec![edits::edit(item, support.field, set_of(&new))];
            let written = laid.write(&ChangeSet { fields, ..ChangeSet::default() })?;
            if written.refused.is_empty() {
                now.extend(new.difference(&old).cloned());
                now.retain(|one| new.contains(one) || !old.contains(one));
            }
            let (after, _) = laid.read()?;
            let found = after.item(&item.id).and_then(|item| item.fields.value(support.field));
            let (name, found) = (support.field.name, elements(found));
            ensure!(
                found == now,
                "`{name}` was {old:?}, then got {theirs:?}; set to {new:?} it is {found:?}"
            );
        }
        tried += 1;
    }
    if tried == 0 { skip("declares: no set has room for two more elements") } else { Ok(()) }
}
