//! Reads a library against its base, item by item, and keeps only what differs.
//!
//! Both sides come sorted by native id, so a million unchanged items need no memory. What never changes of an item that
//! the base has, a translator need not send: it is taken from there. An error voids
//! the whole reading: a library that could not be read to its end has lost nothing. What a translator
//! names as a loss, and does not send, stays as the base has it.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap, HashSet};

use segue_model::{
    Availability, BaseItem, CarriedLimit, Collection, Field, Item, LinkId, Listing, NativeId,
    Value, music,
};
use segue_reconcile::exclusion::Exclusion;
use segue_store::{BaseCursor, RawBase, Reader, StoreError, Tx, pack};
use segue_translator::{
    Capabilities, Container, Error, ErrorKind, Library, Narrow, Reading, Sink, Want,
};

use crate::failure::Failure;
use crate::parked::Parked;
use crate::pass::Member;

/// How a library differs from its base.
#[derive(Debug, Default)]
pub(crate) struct Difference {
    /// What the translator says about the read.
    pub(crate) reading: Reading,
    /// Items that the base does not have, but for those that are parked.
    pub(crate) arrived: Vec<Item>,
    /// Of a library that has no base yet, what need not be at hand.
    pub(crate) parked: Option<Parked>,
    /// Items that differ from the base, and those that were gone and are back.
    pub(crate) changed: Vec<(BaseItem, Item)>,
    /// Items of the base that the library does not list, those included that were gone already.
    pub(crate) vanished: Vec<BaseItem>,
    /// All collections.
    pub(crate) collections: Vec<Collection>,
    /// The limits that items carry.
    pub(crate) limits: Vec<(NativeId, CarriedLimit)>,
    /// Elements that items are taken to have still although they were sent without them.
    pub(crate) kept: HashMap<NativeId, Vec<(&'static Field, Box<str>)>>,
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

    /// What the library itself has of an item's field, of which an element may have been kept.
    pub(crate) fn without_kept(&self, id: &NativeId, field: &Field, value: &mut Option<Value>) {
        for (kept, element) in self.kept.get(id).into_iter().flatten() {
            let Some(all) = value.as_ref().and_then(Value::as_list).filter(|_| *kept == field)
            else {
                continue;
            };
            let left: Vec<_> = all.iter().filter(|one| *one != element).cloned().collect();
            *value = (!left.is_empty()).then(|| Value::list(left));
        }
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
    link: Option<LinkId>,
    exclusion: &Exclusion,
) -> Result<Difference, Failure> {
    let base = link.map(|link| store.base_cursor(link)).transpose()?;
    let capabilities = library.capabilities();
    let fixed: Vec<_> =
        match link.map(|link| store.setting(&has_fixed(link))).transpose()?.flatten() {
            Some(known) if known == names(fixed(capabilities, exclusion)) => {
                fixed(capabilities, exclusion).collect()
            }
            _ => Vec::new(),
        };
    let parked = link.is_none().then(|| Parked::new(store, capabilities.schema)).flatten();
    let mut merge = Merge {
        is_new: base.is_none(),
        base,
        capabilities,
        exclusion,
        fixed,
        is_known: false,
        out: Difference { parked, ..Difference::default() },
        last: None,
        failed: None,
    };
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
    forgive_narrow(&mut merge.out.changed, &reading.narrow);
    keep_unseen(&mut merge.out, &reading);
    merge.out.reading = reading;
    Ok(merge.out)
}

/// Gives items the elements back that they had and that may be there unseen.
fn keep_unseen(out: &mut Difference, reading: &Reading) {
    if reading.unseen.is_empty() {
        return;
    }
    let is_suspect =
        |id: &NativeId| reading.suspects.as_ref().is_none_or(|all| all.binary_search(id).is_ok());
    for (base, now) in out.changed.iter_mut().filter(|(_, now)| is_suspect(&now.id)) {
        for (field, element) in &reading.unseen {
            let mut set = elements(now, field);
            if elements(&base.held, field).contains(element) && set.insert(element.clone()) {
                now.fields.set(field, Some(Value::list(set)));
                out.kept.entry(now.id.clone()).or_default().push((field, element.clone()));
            }
        }
    }
    out.changed.retain(|(base, now)| base.listing != Listing::Listed || base.held != *now);
}

/// Takes elements from the base that an item lacks and cannot have where it lies: nobody removed them.
fn forgive_narrow(changed: &mut [(BaseItem, Item)], narrow: &[Narrow]) {
    if narrow.is_empty() {
        return;
    }
    let mut by_item: HashMap<&NativeId, Vec<&Narrow>> = HashMap::new();
    for one in narrow {
        by_item.entry(&one.id).or_default().push(one);
    }
    for (base, now) in changed.iter_mut() {
        for one in by_item.get(&now.id).into_iter().flatten() {
            let (mut had, has) = (elements(&base.held, one.field), elements(now, one.field));
            had.retain(|element| has.contains(element) || one.holds.contains(element));
            base.held.fields.set(one.field, (!had.is_empty()).then(|| Value::list(had)));
        }
    }
}

fn elements(item: &Item, field: &Field) -> BTreeSet<Box<str>> {
    let set = item.fields.value(field).and_then(Value::as_list);
    set.unwrap_or_default().iter().cloned().collect()
}

/// Whether people did something with an item: rated it, played it.
pub(crate) fn has_use(item: &Item) -> bool {
    item.fields.iter().any(|(field, _)| !field.descriptive && field.name != "added_at")
}

/// The names of the fields that never change, as far as the base has them: those that stay on this device it may
/// lack.
fn fixed(
    capabilities: &'static Capabilities,
    exclusion: &Exclusion,
) -> impl Iterator<Item = &'static Field> {
    let fields = capabilities.fields.iter().filter(|support| support.fixed);
    fields.map(|support| support.field).filter(|field| !exclusion.field(field.name))
}

fn names<'f>(fields: impl Iterator<Item = &'f Field>) -> String {
    fields.map(|field| field.name).collect::<Vec<_>>().join(" ")
}

fn has_fixed(link: LinkId) -> String {
    format!("fixed fields {link}")
}

/// Remembers which fields that never change the whole base has, after a read that was kept as it was; the
/// next one need not be told them again.
pub(crate) fn note_fixed(tx: &Tx<'_>, member: &Member, is_whole: bool) -> Result<(), StoreError> {
    let setting = has_fixed(member.row.id);
    let names = names(fixed(member.capabilities, &member.exclusion));
    let known = tx.setting(&setting)?;
    let now = (is_whole && !names.is_empty()).then_some(names);
    match now {
        now if now == known => Ok(()),
        Some(names) => tx.put_setting(&setting, &names),
        None => tx.remove_setting(&setting),
    }
}

struct Merge<'s> {
    base: Option<BaseCursor<'s>>,
    capabilities: &'static Capabilities,
    exclusion: &'s Exclusion,
    /// Fields that never change and that the base has.
    fixed: Vec<&'static Field>,
    /// There is no base, and so nothing that could be taken for lost.
    is_new: bool,
    /// The translator was told that the item of the base's next row is known.
    is_known: bool,
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

    /// Steps over what comes before an item in the base, which the library no longer lists; says whether the base
    /// has the item.
    fn reach(&mut self, item: &NativeId) -> Result<bool, StoreError> {
        loop {
            let Some(base) = &mut self.base else { return Ok(false) };
            match base.peek()?.map(|raw| raw.native.cmp(item.as_bytes())) {
                Some(Ordering::Less) => {
                    let gone = self.next_base()?;
                    self.out.vanished.extend(gone);
                }
                order => return Ok(order == Some(Ordering::Equal)),
            }
        }
    }

    /// Gives an item what it need not have been sent with.
    fn complete(&mut self, item: &mut Item) -> Result<(), StoreError> {
        if !std::mem::take(&mut self.is_known) {
            return Ok(());
        }
        let Some(base) = &mut self.base else { return Ok(()) };
        // It may be another than the one that was asked for.
        let Some(raw) = base.peek()?.filter(|raw| raw.native == item.id.as_bytes()) else {
            return Ok(());
        };
        let held = raw.decode(self.capabilities.schema)?.held;
        for field in &self.fixed {
            item.fields.set(field, held.fields.value(field).cloned());
        }
        Ok(())
    }

    fn take(&mut self, mut item: Item) -> Result<(), StoreError> {
        self.complete(&mut item)?;
        self.out.items += 1;
        self.out.used += u64::from(has_use(&item));
        for (field, _) in item.fields.iter() {
            *self.out.present.entry(field.name).or_default() += 1;
        }
        if !self.reach(&item.id)? {
            item.fields.shrink();
            let left = match &mut self.out.parked {
                Some(parked) => parked.park(item)?,
                None => Some(item),
            };
            self.out.arrived.extend(left);
            return Ok(());
        }
        if let Some(base) = &mut self.base
            && base.peek()?.is_some_and(|raw| is_as_it_was(&raw, &item))
        {
            base.next()?;
            self.out.base += 1;
            return Ok(());
        }
        let Some(base) = self.next_base()? else { return Ok(()) };
        self.exclusion.mask(Some(&base.held), self.capabilities.app, &mut item);
        if base.listing != Listing::Listed || base.held != item {
            self.out.changed.push((base, item));
        }
        Ok(())
    }

    fn stop(&mut self, error: StoreError) -> Error {
        let stopped = Error::new(ErrorKind::Corrupt, "read", "", error.to_string());
        self.failed = Some(error);
        stopped
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

    fn is_new(&self) -> bool {
        self.is_new
    }

    fn knows(&mut self, item: &NativeId) -> Result<bool, Error> {
        let knows = !self.fixed.is_empty();
        self.is_known = knows && self.reach(item).map_err(|error| self.stop(error))?;
        Ok(self.is_known)
    }

    fn item(&mut self, item: Item) -> Result<(), Error> {
        if self.last.as_ref().is_some_and(|last| *last >= item.id) {
            let detail = format!("the translator sent `{}` out of order", item.id);
            return Err(Error::new(ErrorKind::Corrupt, "read", "", detail));
        }
        self.last = Some(item.id.clone());
        self.take(item).map_err(|error| self.stop(error))
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
