//! Reads a library against its base, item by item, and keeps only what differs.
//!
//! Both sides come sorted by native id, so a million unchanged items need no memory. An error voids
//! the whole reading: a library that could not be read to its end has lost nothing. What a translator
//! names as a loss, and does not send, stays as the base has it.

use std::collections::{BTreeSet, HashMap, HashSet};

use segue_model::{
    Availability, BaseItem, CarriedLimit, Collection, Field, Item, Listing, NativeId, Value, music,
};
use segue_reconcile::exclusion::Exclusion;
use segue_store::{BaseCursor, RawBase, Reader, StoreError, pack};
use segue_translator::{Capabilities, Container, Error, ErrorKind, Library, Reading, Sink, Want};

use crate::failure::Failure;

/// How a library differs from its base.
#[derive(Debug, Default)]
pub(crate) struct Difference {
    /// What the translator says about the read.
    pub(crate) reading: Reading,
    /// Items that the base does not have.
    pub(crate) arrived: Vec<Item>,
    /// Items that differ from the base, and those that were gone and are back.
    pub(crate) changed: Vec<(BaseItem, Item)>,
    /// Items of the base that the library does not list, those included that were gone already.
    pub(crate) vanished: Vec<BaseItem>,
    /// All collections.
    pub(crate) collections: Vec<Collection>,
    /// The limits that items carry.
    pub(crate) limits: Vec<(NativeId, CarriedLimit)>,
    /// How many items the library lists.
    pub(crate) items: u64,
    /// How many items the base has.
    pub(crate) base: u64,
    /// How many items people did something with: everything but tags.
    pub(crate) used: u64,
    /// How many items have each field.
    pub(crate) present: HashMap<&'static str, u64>,
}

impl Difference {
    /// How many items are rated; 0 where the schema knows no ratings.
    pub(crate) fn rated(&self) -> u64 {
        self.present.get(music::RATING.name).copied().unwrap_or(0)
    }

    /// How many collections are edited by people.
    pub(crate) fn lists(&self) -> u64 {
        self.collections.iter().filter(|collection| collection.kind.has_entries).count() as u64
    }
}

/// Reads `library` against the base of `link`; without a link everything has arrived. What `exclusion` says
/// stays as the base has it.
pub(crate) fn read(
    library: &dyn Library,
    store: &Reader,
    link: Option<segue_model::LinkId>,
    exclusion: &Exclusion,
) -> Result<Difference, Failure> {
    let base = link.map(|link| store.base_cursor(link)).transpose()?;
    let capabilities = library.capabilities();
    let out = Difference::default();
    let mut merge = Merge { base, capabilities, exclusion, out, last: None, failed: None };
    let reading = match library.read(&mut merge) {
        Ok(reading) => reading,
        Err(error) => return Err(merge.failed.map_or(Failure::Library(error), Failure::Store)),
    };
    while let Some(base) = merge.next_base()? {
        merge.out.vanished.push(base);
    }
    // What is there and cannot be read now is neither gone nor changed.
    let lost: HashSet<&NativeId> = reading.losses.iter().map(|loss| &loss.id).collect();
    merge.out.vanished.retain(|base| !lost.contains(&base.held.id));
    keep_unseen(&mut merge.out.changed, &reading.unseen);
    merge.out.reading = reading;
    Ok(merge.out)
}

/// Gives items the elements back that they had and that may be there unseen.
fn keep_unseen(changed: &mut Vec<(BaseItem, Item)>, unseen: &[(&'static Field, Box<str>)]) {
    if unseen.is_empty() {
        return;
    }
    let elements = |item: &Item, field: &Field| -> BTreeSet<Box<str>> {
        let set = item.fields.value(field).and_then(Value::as_list);
        set.unwrap_or_default().iter().cloned().collect()
    };
    for (base, now) in changed.iter_mut() {
        for (field, element) in unseen {
            let mut set = elements(now, field);
            if elements(&base.held, field).contains(element) && set.insert(element.clone()) {
                now.fields.set(field, Some(Value::list(set)));
            }
        }
    }
    changed.retain(|(base, now)| base.listing != Listing::Listed || base.held != *now);
}

/// Whether people did something with an item: rated it, played it.
pub(crate) fn has_use(item: &Item) -> bool {
    item.fields.iter().any(|(field, _)| !field.descriptive && field.name != "added_at")
}

struct Merge<'s> {
    base: Option<BaseCursor<'s>>,
    capabilities: &'static Capabilities,
    exclusion: &'s Exclusion,
    out: Difference,
    last: Option<NativeId>,
    failed: Option<StoreError>,
}

impl Merge<'_> {
    fn next_base(&mut self) -> Result<Option<BaseItem>, StoreError> {
        let Some(base) = &mut self.base else { return Ok(None) };
        let next = base.next()?.map(|raw| raw.decode(self.capabilities.schema)).transpose()?;
        self.out.base += u64::from(next.is_some());
        Ok(next)
    }

    fn take(&mut self, mut item: Item) -> Result<(), StoreError> {
        loop {
            let order = match &mut self.base {
                None => None,
                Some(base) => match base.peek()? {
                    None => None,
                    Some(raw) if raw.native == item.id.as_bytes() => {
                        if is_as_it_was(&raw, &item) {
                            base.next()?;
                            self.out.base += 1;
                            return Ok(());
                        }
                        Some(std::cmp::Ordering::Equal)
                    }
                    Some(raw) => Some(raw.native.cmp(item.id.as_bytes())),
                },
            };
            match order {
                Some(std::cmp::Ordering::Less) => {
                    let base = self.next_base()?;
                    self.out.vanished.extend(base);
                }
                Some(std::cmp::Ordering::Equal) => {
                    let Some(base) = self.next_base()? else { return Ok(()) };
                    self.exclusion.mask(Some(&base.held), self.capabilities.app, &mut item);
                    if base.listing != Listing::Listed || base.held != item {
                        self.out.changed.push((base, item));
                    }
                    return Ok(());
                }
                Some(std::cmp::Ordering::Greater) | None => {
                    item.fields.shrink();
                    self.out.arrived.push(item);
                    return Ok(());
                }
            }
        }
    }
}

/// Whether an item is as its base says. Some apps list what is hidden as missing.
fn is_as_it_was(raw: &RawBase<'_>, item: &Item) -> bool {
    match raw.listing {
        Listing::Listed => raw.packed == pack(item),
        Listing::Hidden => item.availability == Availability::Missing,
        Listing::Gone => false,
    }
}

impl Sink for Merge<'_> {
    fn container(&mut self, _: Container) -> Want {
        Want::Items
    }

    fn item(&mut self, item: Item) -> Result<(), Error> {
        let stop = |detail: String| Error::new(ErrorKind::Corrupt, "read", "", detail);
        if self.last.as_ref().is_some_and(|last| *last >= item.id) {
            return Err(stop(format!("the translator sent `{}` out of order", item.id)));
        }
        self.last = Some(item.id.clone());
        self.out.items += 1;
        self.out.used += u64::from(has_use(&item));
        for (field, _) in item.fields.iter() {
            *self.out.present.entry(field.name).or_default() += 1;
        }
        self.take(item).map_err(|error| {
            let error_text = error.to_string();
            self.failed = Some(error);
            stop(error_text)
        })
    }

    fn limit(&mut self, item: &NativeId, limit: CarriedLimit) -> Result<(), Error> {
        self.out.limits.push((item.clone(), limit));
        Ok(())
    }

    fn collection(&mut self, collection: Collection) -> Result<(), Error> {
        self.out.collections.push(collection);
        Ok(())
    }
}
