//! Places: a set of each item that names collections, such as the folders in which a message lies.
//!
//! A copy more or less is still the same item, a place that is not there comes with the first item,
//! and what cannot be a place moves nothing.

use std::collections::BTreeSet;

use segue_translator::model::{Catalog, ChangeSet, NativeId, Value};
use segue_translator::{Capabilities, FieldSupport};

use crate::edits;
use crate::laid::{Laid, files_below};
use crate::trial::{Case, Law, OrFail as _, Verdict, ensure, fail, skip};

pub(crate) const LAWS: &[Law] = &[
    Law { name: "places::are_made_with_the_first_item", check: made },
    Law { name: "places::copies_are_one_item", check: copies },
    Law { name: "places::moved_items_lie_only_there", check: moved },
    Law { name: "places::items_in_no_place_are_still_items", check: nowhere },
    Law { name: "places::f13_names_that_are_no_places_move_nothing", check: odd_names },
];

/// Places that hardly any library has already.
const NEW: &[&str] = &["Elsewhere", "Elsewhere else", "elsewhere"];

/// Texts that lead out of a library, or that are no names.
const ODD: &[&str] =
    &["", ".", "..", "../beside", "/", "/beside", "a//b", ".hidden", "a\0b", "two\nlines", "%zz"];

type Names = BTreeSet<Box<str>>;

/// A library with an item that lies somewhere.
struct Placed {
    capabilities: &'static Capabilities,
    support: &'static FieldSupport,
    laid: Laid,
    id: NativeId,
    /// What was read first, and where the item lay.
    first: Catalog,
    lay: Names,
    /// A place that is not there yet.
    new: &'static str,
}

impl Placed {
    fn of(case: &Case<'_>) -> Verdict<Self> {
        let capabilities = case.capabilities()?;
        let mut supports = edits::writable(capabilities);
        let Some(support) = supports.find(|one| capabilities.schema.is_places(one.field)) else {
            return skip("declares: no places may be written");
        };
        let laid = case.lay()?;
        let (first, reading) = laid.read()?;
        let mut items = edits::legible(&first, &reading);
        let Some(item) = items.find(|item| item.fields.value(support.field).is_some()) else {
            return fail("the fixture has no item that lies anywhere");
        };
        let (id, lay) = (item.id.clone(), names(&first, &item.id, support));
        drop(items);
        let is_new = |name: &&&str| {
            let one = Value::list([**name]);
            let taken = first.collections.iter().any(|place| *place.name == ***name);
            !taken && support.hold(&one) == Some(one)
        };
        let new = NEW.iter().find(is_new).copied();
        let Some(new) = new else { return skip("declares: it holds no place that is not there") };
        Ok(Self { capabilities, support, laid, id, first, lay, new })
    }

    fn with(&self, name: &str) -> Names {
        self.lay.iter().cloned().chain([name.into()]).collect()
    }

    /// The edit that puts the item into these places and no others.
    fn edit(&self, now: &Catalog, places: &Names) -> Verdict<ChangeSet> {
        let Some(item) = now.item(&self.id) else { return fail("the item is gone") };
        let new = (!places.is_empty()).then(|| Value::list(places.iter().cloned()));
        let fields = vec![edits::edit(item, self.support.field, new)];
        Ok(ChangeSet { fields, ..ChangeSet::default() })
    }

    /// Puts the item into these places; it must lie there and nowhere else, and nothing else may have changed.
    fn put(&self, places: &Names) -> Verdict<Catalog> {
        let (before, _) = self.laid.read()?;
        let changes = self.edit(&before, places)?;
        let written = self.laid.write(&changes)?;
        if let Some(refusal) = written.refused.first() {
            return fail(format!("{places:?} is refused: {}", refusal.reason));
        }
        let (after, _) = self.laid.read()?;
        let mut expected = edits::expected(&before, &changes, &written, self.capabilities);
        // A place in which nothing is left may be gone.
        expected.collections.retain(|one| {
            one.kind.named_in != Some(self.support.field) || after.collection(&one.id).is_some()
        });
        let difference = edits::difference(&expected, &after);
        difference.map_or(Ok(after), |why| fail(format!("put into {places:?}: {why}")))
    }
}

/// Where an item lies.
fn names(catalog: &Catalog, id: &NativeId, support: &FieldSupport) -> Names {
    let value = catalog.item(id).and_then(|item| item.fields.value(support.field));
    value.and_then(Value::as_list).unwrap_or_default().iter().cloned().collect()
}

fn made(case: &Case<'_>) -> Verdict {
    let placed = Placed::of(case)?;
    let after = placed.put(&placed.with(placed.new))?;
    let field = placed.support.field;
    let mut kinds = placed.capabilities.collections.iter().map(|support| support.kind);
    let Some(kind) = kinds.find(|kind| kind.named_in == Some(field)) else { return Ok(()) };
    let is_it =
        |one: &&segue_translator::model::Collection| one.kind == kind && *one.name == *placed.new;
    let count = after.collections.iter().filter(is_it).count();
    ensure!(count == 1, "an item was put into {:?}, of which there are {count}", placed.new);
    Ok(())
}

fn copies(case: &Case<'_>) -> Verdict {
    let placed = Placed::of(case)?;
    placed.put(&placed.with(placed.new))?;
    placed.put(&[placed.new.into()].into())?;
    placed.put(&placed.with(placed.new))?;
    placed.put(&placed.lay)?;
    Ok(())
}

fn moved(case: &Case<'_>) -> Verdict {
    let placed = Placed::of(case)?;
    placed.put(&[placed.new.into()].into())?;
    back(&placed)
}

fn nowhere(case: &Case<'_>) -> Verdict {
    let placed = Placed::of(case)?;
    placed.put(&Names::new())?;
    back(&placed)
}

/// Puts the item where it lay; the library then holds what it held.
fn back(placed: &Placed) -> Verdict {
    let mut after = placed.put(&placed.lay)?;
    edits::without_empty_places(&placed.first, &mut after);
    edits::difference(&placed.first, &after).map_or(Ok(()), fail)
}

fn odd_names(case: &Case<'_>) -> Verdict {
    let placed = Placed::of(case)?;
    let others = || {
        let mut files = files_below(&placed.laid.home()).or_fail("cannot look at the home")?;
        files.retain(|path, _| !path.starts_with(placed.laid.path()));
        Verdict::Ok(files)
    };
    let long = "x".repeat(5_000);
    let around = others()?;
    let (mut before, _) = placed.laid.read()?;
    for name in ODD.iter().copied().chain([&*long]) {
        let changes = placed.edit(&before, &placed.with(name))?;
        let written = placed.laid.write(&changes)?;
        let (after, _) = placed.laid.read()?;
        let made = if written.refused.is_empty() { &changes } else { &ChangeSet::default() };
        let expected = edits::expected(&before, made, &written, placed.capabilities);
        let shown: String = name.chars().take(20).collect();
        if let Some(why) = edits::difference(&expected, &after) {
            return fail(format!("put into {shown:?} as well: {why}"));
        }
        ensure!(others()? == around, "{shown:?}: a file beside the library was touched");
        if after != before {
            before = placed.put(&placed.lay)?;
        }
    }
    Ok(())
}
