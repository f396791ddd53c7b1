//! Apps that know one number more or less exactly: what the document says does not depend on who
//! joined it first, and nobody is told what it shows already.

#![expect(clippy::unwrap_used, reason = "a test fails where something is missing")]

use std::collections::BTreeSet;

use proptest::prelude::*;
use segue_document::{Record, Register, Write, resolve, revert};
use segue_model::{Field, Item, LinkId, OperationId, Value, music};
use segue_reconcile::{LinkView, Writing, lift, project};
use segue_translator::{Capabilities, FieldSupport, Hold};

const OP: OperationId = OperationId([1; 8]);

macro_rules! app {
    ($name:ident, $rating:expr, $duration:expr, $added:expr) => {
        static $name: Capabilities = Capabilities::of(
            stringify!($name),
            &music::MUSIC,
            &[
                FieldSupport::exact(&music::ADDED_AT).held($added),
                FieldSupport::exact(&music::DURATION).held($duration),
                FieldSupport::exact(&music::RATING).held($rating),
            ],
        );
    };
}

const fn steps(step: i64) -> Hold {
    Hold::Steps { step, most: i64::MAX, zero: true }
}

app!(EXACT, Hold::Exact, Hold::Exact, Hold::Exact);
app!(OTHER, Hold::Exact, Hold::Exact, Hold::Exact);
app!(STARS, Hold::Levels { count: 5, zero: false }, steps(1_000), steps(60));
app!(HALF_STARS, Hold::Levels { count: 10, zero: true }, steps(250), steps(86_400));
app!(TWENTIES, steps(20), Hold::By(nearest), Hold::Exact);

/// The nearest second.
fn nearest(value: &Value) -> Option<Value> {
    value.as_int().map(|number| Value::Int((number + 500) / 1_000 * 1_000))
}

static APPS: [&Capabilities; 5] = [&EXACT, &STARS, &HALF_STARS, &TWENTIES, &OTHER];

fn view(app: usize) -> LinkView<'static> {
    LinkView {
        link: LinkId([app as u8 + 1; 8]),
        capabilities: APPS[app],
        root: None,
        writing: Writing::UseAndTags,
        in_doubt: false,
    }
}

/// What an app holds where each of these was meant.
fn held(app: usize, field: &'static Field, meant: i64) -> Item {
    let mut item = Item::new("song");
    let value = APPS[app].field(field).unwrap().hold(&Value::Int(meant));
    if let Some(value) = value {
        item.fields.set(field, value);
    }
    item
}

fn apply(record: &mut Record, writes: Vec<Write>) {
    for write in writes {
        match write {
            Write::Origin(link, origin) => _ = record.origins.insert(link, origin),
            Write::Forget(link) => _ = record.origins.remove(&link),
            Write::Register { name, value, link } => {
                let named = record.origins.keys().copied().collect();
                let register = Register { value, named, link, operation: OP };
                record.registers.insert(name, vec![register]);
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Apps that join in one pass see each other's values.
fn join(record: &mut Record, pass: &[(usize, &Item)]) {
    for (app, item) in pass {
        let others = pass.iter().filter(|(other, _)| other != app);
        let twins: Vec<_> = others.map(|(other, item)| (APPS[*other], *item)).collect();
        let writes = lift::item(&view(*app), record, lift::Seen::New(item), &twins, OP).writes;
        apply(record, writes);
    }
}

type Said = (Option<Value>, BTreeSet<(Option<Value>, BTreeSet<LinkId>)>);

/// The winner, and every candidate with its links.
fn said(record: &Record, field: &Field) -> Said {
    let candidates = resolve::register(record, field.name);
    let winner = candidates.winner().cloned();
    let all = candidates.0.into_iter();
    (winner, all.map(|found| (found.value, found.links.into_iter().collect())).collect())
}

fn edits(record: &Record, app: usize, item: &Item) -> usize {
    project::item(&view(app), record, item, &|_| false).len()
}

fn meant(field: &'static Field) -> BoxedStrategy<i64> {
    match field.name {
        "rating" => (0..=100_i64).boxed(),
        "duration" => prop_oneof![1..5_000_i64, 180_000..184_000_i64].boxed(),
        _ => prop_oneof![0..200_000_i64, 1_700_000_000..1_700_000_100_i64].boxed(),
    }
}

/// A field; what is meant in each app, often one number in all; two orders in which they join, each
/// with marks where a new pass begins.
#[expect(clippy::type_complexity, reason = "it is taken apart where it is used")]
fn histories() -> impl Strategy<Value = (&'static Field, Vec<i64>, [(Vec<usize>, Vec<bool>); 2])> {
    let field = prop_oneof![Just(&music::RATING), Just(&music::DURATION), Just(&music::ADDED_AT)];
    field.prop_flat_map(|field| {
        let own = prop::collection::vec(prop::option::weighted(0.4, meant(field)), APPS.len());
        let near = prop::collection::vec(-12..=12_i64, APPS.len());
        let all = (meant(field), own, near).prop_map(|(shared, own, near)| {
            let number =
                |(own, near): (Option<i64>, i64)| own.unwrap_or((shared + near / 4).max(0));
            own.into_iter().zip(near).map(number).collect::<Vec<_>>()
        });
        let order = || {
            let apps: Vec<usize> = (0..APPS.len()).collect();
            (Just(apps).prop_shuffle(), prop::collection::vec(any::<bool>(), APPS.len()))
        };
        (Just(field), all, (2..=APPS.len()), [order(), order()]).prop_map(
            |(field, meant, apps, orders)| {
                let of_them = |(mut order, marks): (Vec<usize>, Vec<bool>)| {
                    order.retain(|app| *app < apps);
                    (order, marks)
                };
                (field, meant, orders.map(of_them))
            },
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_order_of_joining_decides_nothing((field, meant, orders) in histories()) {
        let items: Vec<Item> =
            meant.iter().enumerate().map(|(app, meant)| held(app, field, *meant)).collect();
        let [first, second] = orders.map(|(order, marks)| {
            let mut record = Record::default();
            let mut pass = Vec::new();
            for (app, ends) in order.iter().zip(marks) {
                pass.push((*app, &items[*app]));
                if ends {
                    join(&mut record, &std::mem::take(&mut pass));
                }
            }
            join(&mut record, &pass);
            (record, order)
        });
        prop_assert_eq!(said(&first.0, field), said(&second.0, field));
        let (record, order) = first;
        for app in order {
            let candidates = resolve::register(&record, field.name).0;
            let (support, held) = (APPS[app].field(field).unwrap(), items[app].fields.value(field));
            let shows = |value: &Value| support.hold(value).as_ref() == held;
            let is_shown = candidates.iter().filter_map(|all| all.value.as_ref()).any(shows);
            // It is told nothing, unless it holds none of the values: it came without one.
            let told = usize::from(!is_shown && !candidates.is_empty());
            prop_assert_eq!(edits(&record, app, &items[app]), told);
            prop_assert!(is_shown || held.is_none());
        }
    }

    /// 70 shown as four stars, and seen for the first time again, stays 70.
    #[test]
    fn what_is_shown_and_read_again_says_nothing_new((field, meant, orders) in histories()) {
        let mut record = Record::default();
        let app = orders[0].0[0];
        let exact = held(0, field, meant[0]);
        join(&mut record, &[(0, &exact)]);
        let before = said(&record, field);
        let Some(Value::Int(value)) = before.0 else { return Ok(()) };
        let shown = held(app, field, value);
        if app != 0 {
            join(&mut record, &[(app, &shown)]);
            prop_assert_eq!(said(&record, field).0, before.0);
        }
        prop_assert_eq!(edits(&record, app, &shown), 0);
    }
}

#[test]
fn an_edit_in_the_coarse_app_wins_and_one_back_to_what_it_showed_counts() {
    let (stars, exact) = (held(1, &music::RATING, 80), held(0, &music::RATING, 70));
    let mut record = Record::default();
    join(&mut record, &[(1, &stars)]);
    join(&mut record, &[(0, &exact)]);
    assert_eq!(said(&record, &music::RATING).0, Some(Value::Int(70)));
    let mut base = stars;
    for meant in [60, 80] {
        let now = held(1, &music::RATING, meant);
        let seen = lift::Seen::Changed { base: &base, now: &now };
        let writes = lift::item(&view(1), &record, seen, &[], OP).writes;
        apply(&mut record, writes);
        let (winner, all) = said(&record, &music::RATING);
        assert_eq!((winner, all.len()), (Some(Value::Int(meant)), 1));
        assert_eq!(edits(&record, 0, &exact), 1, "the exact app is told");
        base = now;
    }
}

#[test]
fn undoing_a_first_contact_brings_back_the_coarse_value() {
    let (stars, exact) = (held(1, &music::RATING, 80), held(0, &music::RATING, 70));
    let mut before = Record::default();
    join(&mut before, &[(1, &stars)]);
    let mut after = before.clone();
    join(&mut after, &[(0, &exact)]);
    let (writes, kept) = revert(&before, &after, &after, OperationId([2; 8]));
    let mut now = after.clone();
    apply(&mut now, writes);
    assert_eq!(kept, Vec::<String>::new());
    assert_eq!(said(&now, &music::RATING), said(&before, &music::RATING));
    // Redone: the exact app's first sight comes back, and explains it again.
    let (writes, _) = revert(&after, &now, &now, OperationId([3; 8]));
    apply(&mut now, writes);
    assert_eq!(said(&now, &music::RATING), said(&after, &music::RATING));
}

#[test]
fn what_an_exact_value_explains_makes_no_origin_larger() {
    let (seconds, exact) = (held(1, &music::DURATION, 1_358), held(0, &music::DURATION, 1_358));
    for first in [0, 1] {
        let mut record = Record::default();
        let pass = [(1, &seconds), (0, &exact)];
        join(&mut record, &[pass[first], pass[1 - first]]);
        assert!(record.origins[&view(1).link].fields.is_empty(), "in one pass");
    }
    let mut record = Record::default();
    join(&mut record, &[(0, &exact)]);
    join(&mut record, &[(1, &seconds)]);
    assert!(record.origins[&view(1).link].fields.is_empty(), "the exact one first");
}
