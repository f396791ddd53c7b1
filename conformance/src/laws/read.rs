//! Reading shows all of an unchanged library, in order, and changes nothing.

use std::collections::BTreeSet;

use segue_translator::model::{CarriedLimit, Catalog, Collection, Field, Item, NativeId};
use segue_translator::{Collector, Container, Error, Reading, Sink, Want};

use super::write::some_change;
use crate::edits::difference;
use crate::trial::{Case, Law, OrFail as _, Stop, Verdict, ensure};

pub(crate) const LAWS: &[Law] = &[
    Law { name: "read::two_reads_are_equal", check: twice },
    Law { name: "read::changes_no_byte", check: no_byte },
    Law { name: "read::is_sorted_and_unique", check: sorted },
    Law { name: "read::values_are_what_the_app_holds", check: held },
    Law { name: "read::revision_is_that_of_the_library", check: revision },
    Law { name: "read::parents_are_collections_and_no_circle", check: parents },
    Law { name: "read::sees_what_was_written_elsewhere", check: elsewhere },
    Law { name: "read::unwanted_containers_send_nothing", check: unwanted },
    Law { name: "read::what_is_known_need_not_be_sent", check: known },
];

fn twice(case: &Case<'_>) -> Verdict {
    let laid = case.lay()?;
    let (library, other) = (laid.open()?, laid.open()?);
    let first = Collector::collect(&*library).or_fail("cannot read")?;
    for library in [&library, &other] {
        let next = Collector::collect(&**library).or_fail("cannot read")?;
        if let Some(difference) = difference(&first.0, &next.0) {
            return crate::trial::fail(difference);
        }
        ensure!(first.1 == next.1, "expected {:?}, found {:?}", first.1, next.1);
    }
    Ok(())
}

fn no_byte(case: &Case<'_>) -> Verdict {
    let laid = case.lay()?;
    let before = laid.files()?;
    laid.read()?;
    laid.revision()?;
    let after = laid.files()?;
    for (path, state) in &before {
        ensure!(after.get(path) == Some(state), "{} was touched", path.display());
    }
    ensure!(after.len() == before.len(), "files appeared: {:?}", after.keys());
    laid.sound()
}

fn sorted(case: &Case<'_>) -> Verdict {
    let (catalog, _) = case.lay()?.read()?;
    let mut items = catalog.items.windows(2);
    if let Some(pair) = items.find(|pair| pair[0].id >= pair[1].id) {
        return crate::trial::fail(format!("`{}` comes before `{}`", pair[0].id, pair[1].id));
    }
    let mut collections = catalog.collections.windows(2);
    if let Some(pair) = collections.find(|pair| pair[0].id >= pair[1].id) {
        return crate::trial::fail(format!("`{}` comes before `{}`", pair[0].id, pair[1].id));
    }
    let key = case.capabilities()?.schema.key;
    let keys: Vec<_> = catalog.items.iter().filter_map(|item| item.fields.value(key?)).collect();
    let once: BTreeSet<_> = keys.iter().collect();
    ensure!(once.len() == keys.len(), "several items have one key: {keys:?}");
    for collection in &catalog.collections {
        let stranger = collection.entries.iter().find(|id| catalog.item(id).is_none());
        ensure!(stranger.is_none(), "`{}` lists {stranger:?}, which is no item", collection.name);
    }
    Ok(())
}

fn held(case: &Case<'_>) -> Verdict {
    let capabilities = case.capabilities()?;
    let (catalog, _) = case.lay()?.read()?;
    ensure!(!catalog.items.is_empty(), "the fixture has no items, so it shows nothing");
    for item in &catalog.items {
        for (field, value) in item.fields.iter() {
            let (id, name) = (&item.id, field.name);
            let Some(support) = capabilities.field(field) else {
                return crate::trial::fail(format!("`{name}` of `{id}` is not declared"));
            };
            ensure!(field.shape.admits(value), "`{name}` of `{id}` cannot be {value:?}");
            let held = support.hold(value);
            ensure!(
                held.as_ref() == Some(value),
                "`{name}` of `{id}` reads as {value:?}, but would be held as {held:?}"
            );
        }
    }
    for collection in &catalog.collections {
        let support = capabilities.collection(collection.kind);
        let held = support.map(|support| support.hold(&collection.entries));
        ensure!(
            held.as_ref() == Some(&collection.entries),
            "`{}` would be held as {held:?}",
            collection.name
        );
    }
    Ok(())
}

fn revision(case: &Case<'_>) -> Verdict {
    let laid = case.lay()?;
    let (_, reading) = laid.read()?;
    let revision = laid.revision()?;
    ensure!(reading.revision == revision, "read {:?}, then {revision:?}", reading.revision);
    Ok(())
}

fn parents(case: &Case<'_>) -> Verdict {
    let (catalog, _) = case.lay()?.read()?;
    for one in &catalog.collections {
        let (mut above, mut depth) = (one.parent.as_ref(), 0);
        while let Some(id) = above {
            let Some(parent) = catalog.collection(id) else {
                return crate::trial::fail(format!("`{}` lies in `{id}`, which is none", one.name));
            };
            depth += 1;
            ensure!(depth <= catalog.collections.len(), "`{}` lies in itself", one.name);
            above = parent.parent.as_ref();
        }
    }
    Ok(())
}

/// A library that is open for long must not show what it was when it was opened.
fn elsewhere(case: &Case<'_>) -> Verdict {
    let laid = case.lay()?;
    let library = laid.open()?;
    let (before, _) = Collector::collect(&*library).or_fail("cannot read")?;
    let written = laid.write(&some_change(case, &laid)?)?;
    let (after, reading) = Collector::collect(&*library).or_fail("cannot read again")?;
    ensure!(reading.revision == written.revision, "read again, it tells another revision");
    let (shown, _) = laid.read()?;
    ensure!(shown != before, "the write changed nothing that can be read");
    difference(&shown, &after).map_or(Ok(()), crate::trial::fail)
}

/// Wants nothing, and complains when it gets something.
struct Reluctant {
    containers: Vec<NativeId>,
    items: usize,
}

impl Sink for Reluctant {
    fn container(&mut self, container: Container) -> Want {
        self.containers.push(container.id);
        Want::Nothing
    }

    fn item(&mut self, _: Item) -> Result<(), Error> {
        self.items += 1;
        Ok(())
    }

    fn limit(&mut self, _: &NativeId, _: CarriedLimit) -> Result<(), Error> {
        self.items += 1;
        Ok(())
    }

    fn collection(&mut self, _: Collection) -> Result<(), Error> {
        Ok(())
    }
}

fn unwanted(case: &Case<'_>) -> Verdict {
    let laid = case.lay()?;
    let mut sink = Reluctant { containers: Vec::new(), items: 0 };
    let _: Reading = laid.open()?.read(&mut sink).or_fail("cannot read")?;
    ensure!(!sink.containers.is_empty(), "no container was announced");
    ensure!(sink.containers.is_sorted_by(|a, b| a < b), "containers are not sorted");
    ensure!(sink.items == 0, "{} items were sent that nobody wanted", sink.items);
    Ok(())
}

/// Read the library before: of what never changes it keeps what it had.
struct Knowing {
    before: Catalog,
    fixed: Vec<&'static Field>,
    asked: Option<NativeId>,
    now: Collector,
}

impl Sink for Knowing {
    fn container(&mut self, _: Container) -> Want {
        Want::Items
    }

    fn knows(&mut self, item: &NativeId) -> Result<bool, Error> {
        self.asked = Some(item.clone());
        Ok(self.before.item(item).is_some())
    }

    fn item(&mut self, mut item: Item) -> Result<(), Error> {
        let asked = self.asked.take().filter(|asked| *asked == item.id);
        if let Some(before) = asked.and_then(|id| self.before.item(&id)) {
            for field in &self.fixed {
                item.fields.set(field, before.fields.value(field).cloned());
            }
        }
        self.now.item(item)
    }

    fn limit(&mut self, item: &NativeId, limit: CarriedLimit) -> Result<(), Error> {
        self.now.limit(item, limit)
    }

    fn collection(&mut self, collection: Collection) -> Result<(), Error> {
        self.now.collection(collection)
    }
}

/// Whatever changed, one who knew the items before ends up with the same as one who knows none.
fn known(case: &Case<'_>) -> Verdict {
    let laid = case.lay()?;
    let (before, _) = laid.read()?;
    match some_change(case, &laid) {
        Ok(change) => drop(laid.write(&change)?),
        // What cannot be written cannot change here.
        Err(Stop::Skipped(_)) => {}
        Err(failed) => return Err(failed),
    }
    let fixed = case.capabilities()?.fields.iter().filter(|support| support.fixed);
    let fixed = fixed.map(|support| support.field).collect();
    let mut sink = Knowing { before, fixed, asked: None, now: Collector::default() };
    laid.open()?.read(&mut sink).or_fail("cannot read what is known")?;
    let (now, _) = laid.read()?;
    difference(&now, &sink.now.catalog).map_or(Ok(()), crate::trial::fail)
}
