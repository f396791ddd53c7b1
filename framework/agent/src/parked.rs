//! Items that a library brings to its first contact, put aside by shard until a pass is at that shard.
//!
//! A plan is made whole before anything of it is done, and a store of mail has a million messages. A pass looks at one
//! shard after the other, so only the items of that one need be in memory; the others lie beside the store, as the
//! base will hold them. A few stay in memory as they are.
//!
//! Parked is only what nothing but its own shard is asked about: items whose key says what they are, that have no
//! place of their own, that the app can reach, of a kind whose collections name no items.
//!
//! Invariant: what was parked comes back equal, in the order in which it was parked.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::Range;

use segue_model::{Availability, Heads, Item, ItemId, Schema};
use segue_reconcile::key;
use segue_store::{Reader, Spill, StoreError, pack, unpack};

/// So many bytes of a shard are put aside at once.
const PAGE_BYTES: usize = 16 << 10;

/// Before each row: the item's id, and the lengths of its native id and of the rest.
const ID_BYTES: usize = 16;
const LENGTH_BYTES: usize = 4;

/// Items that were put aside.
#[derive(Debug)]
pub(crate) struct Parked {
    schema: &'static Schema,
    spill: Spill,
    shards: BTreeMap<u8, Shelf>,
}

/// The items of one shard.
#[derive(Debug, Default)]
struct Shelf {
    /// Where the pages that are full lie.
    pages: Vec<Range<u64>>,
    last: Vec<u8>,
    count: usize,
    /// What the app has been shown of them, where that differs from the shard.
    shown: Option<Heads>,
}

/// One item as it lies there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'p> {
    pub(crate) item: ItemId,
    pub(crate) native: &'p [u8],
    pub(crate) packed: &'p [u8],
}

impl Parked {
    /// A place for items of a kind, if they can be parked.
    pub(crate) fn new(store: &Reader, schema: &'static Schema) -> Option<Self> {
        let name_items = schema.kinds.iter().any(|kind| kind.has_entries);
        let fits = schema.key.is_some() && !name_items;
        fits.then(|| Self { schema, spill: store.spill(), shards: BTreeMap::new() })
    }

    /// Parks an item; gives it back if it has to stay at hand. They come in the order of their native ids.
    pub(crate) fn park(&mut self, item: Item) -> Result<Option<Item>, StoreError> {
        let may = item.location.is_none() && item.availability == Availability::Present;
        let Some(id) = key::item_of(self.schema, &item).filter(|_| may) else {
            return Ok(Some(item));
        };
        let (native, packed) = (item.id.as_bytes(), pack(&item));
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).ok();
        let (Some(native_bytes), Some(packed_bytes)) = (length(native), length(&packed)) else {
            return Ok(Some(item));
        };
        let shelf = self.shards.entry(segue_document::shard_of(&id.0)).or_default();
        shelf.last.extend_from_slice(&id.0);
        shelf.last.extend_from_slice(&native_bytes.to_le_bytes());
        shelf.last.extend_from_slice(&packed_bytes.to_le_bytes());
        shelf.last.extend_from_slice(native);
        shelf.last.extend_from_slice(&packed);
        shelf.count += 1;
        if shelf.last.len() >= PAGE_BYTES {
            shelf.pages.push(self.spill.put(&shelf.last)?);
            shelf.last.clear();
        }
        Ok(None)
    }

    /// The shards that have some.
    pub(crate) fn shards(&self) -> impl Iterator<Item = u8> {
        self.shards.keys().copied()
    }

    /// How many a shard has.
    pub(crate) fn count(&self, shard: u8) -> usize {
        self.shards.get(&shard).map_or(0, |shelf| shelf.count)
    }

    /// What the app has been shown of those of a shard.
    pub(crate) fn shown(&self, shard: u8) -> Option<&Heads> {
        self.shards.get(&shard)?.shown.as_ref()
    }

    /// Remembers what the app has been shown of those of a shard.
    pub(crate) fn show(&mut self, shard: u8, shown: Option<Heads>) {
        if let Some(shelf) = self.shards.get_mut(&shard) {
            shelf.shown = shown;
        }
    }

    /// The ids of a shard's items.
    pub(crate) fn ids(&self, shard: u8) -> Result<Vec<ItemId>, StoreError> {
        self.of_shard(shard, |row| Ok(row.item))
    }

    /// The items of a shard.
    pub(crate) fn items(&self, shard: u8) -> Result<Vec<(ItemId, Item)>, StoreError> {
        self.of_shard(shard, |row| Ok((row.item, self.item(row)?)))
    }

    /// What the library has of one item.
    pub(crate) fn named(&self, item: ItemId) -> Result<Vec<Item>, StoreError> {
        let held = |row: Row<'_>| (row.item == item).then(|| self.item(row)).transpose();
        let found = self.of_shard(segue_document::shard_of(&item.0), held)?;
        Ok(found.into_iter().flatten().collect())
    }

    /// The item that a row is.
    pub(crate) fn item(&self, row: Row<'_>) -> Result<Item, StoreError> {
        unpack(row.native, row.packed, self.schema)
    }

    /// Shows all rows in the order of their native ids, with what the app has been shown of each.
    pub(crate) fn each(
        &self,
        mut take: impl FnMut(Row<'_>, Option<&Heads>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut cursors = Vec::with_capacity(self.shards.len());
        let mut next = BinaryHeap::new();
        for shelf in self.shards.values() {
            let mut cursor = Cursor::new(&self.spill, shelf);
            if cursor.step()? {
                next.push(Reverse((cursor.row()?.native.to_vec(), cursors.len())));
            }
            cursors.push(cursor);
        }
        while let Some(Reverse((mut native, place))) = next.pop() {
            let cursor = &mut cursors[place];
            take(cursor.row()?, cursor.shelf.shown.as_ref())?;
            if cursor.step()? {
                native.clear();
                native.extend_from_slice(cursor.row()?.native);
                next.push(Reverse((native, place)));
            }
        }
        Ok(())
    }

    fn of_shard<T>(
        &self,
        shard: u8,
        read: impl Fn(Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let Some(shelf) = self.shards.get(&shard) else { return Ok(Vec::new()) };
        let mut all = Vec::with_capacity(shelf.count);
        let mut cursor = Cursor::new(&self.spill, shelf);
        while cursor.step()? {
            all.push(read(cursor.row()?)?);
        }
        Ok(all)
    }
}

/// A walk along one shelf, with one page in memory.
struct Cursor<'p> {
    spill: &'p Spill,
    shelf: &'p Shelf,
    /// The page, the row in it, and how many pages of the shelf were begun.
    page: Vec<u8>,
    row: Range<usize>,
    begun: usize,
}

impl<'p> Cursor<'p> {
    fn new(spill: &'p Spill, shelf: &'p Shelf) -> Self {
        Self { spill, shelf, page: Vec::new(), row: 0..0, begun: 0 }
    }

    /// Steps to the next row; says whether there is one.
    fn step(&mut self) -> Result<bool, StoreError> {
        if self.row.end == self.page.len() {
            let Some(page) = self.turn()? else { return Ok(false) };
            (self.page, self.row) = (page, 0..0);
        }
        let start = self.row.end;
        let (native, packed) = self.lengths(start)?;
        self.row = start..start + ID_BYTES + 2 * LENGTH_BYTES + native + packed;
        Ok(true)
    }

    fn turn(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        self.begun += 1;
        match self.shelf.pages.get(self.begun - 1) {
            Some(place) => self.spill.get(place).map(Some),
            None if self.begun == self.shelf.pages.len() + 1 && !self.shelf.last.is_empty() => {
                Ok(Some(self.shelf.last.clone()))
            }
            None => Ok(None),
        }
    }

    fn lengths(&self, start: usize) -> Result<(usize, usize), StoreError> {
        let length = |at: usize| {
            let (bytes, _) = self.page.get(start + at..)?.split_first_chunk()?;
            Some(u32::from_le_bytes(*bytes) as usize)
        };
        let both = length(ID_BYTES).zip(length(ID_BYTES + LENGTH_BYTES));
        both.ok_or_else(cut)
    }

    fn row(&self) -> Result<Row<'_>, StoreError> {
        let (native, _) = self.lengths(self.row.start)?;
        let row = self.page.get(self.row.clone()).ok_or_else(cut)?;
        let (item, rest) = row.split_first_chunk().ok_or_else(cut)?;
        let (native, packed) = rest
            .get(2 * LENGTH_BYTES..)
            .and_then(|rest| rest.split_at_checked(native))
            .ok_or_else(cut)?;
        Ok(Row { item: ItemId(*item), native, packed })
    }
}

fn cut() -> StoreError {
    StoreError::Damaged { detail: "what was put aside beside it is cut off".into() }
}

#[cfg(test)]
mod tests {
    use segue_model::{Value, mail, music};
    use segue_store::Store;

    use super::*;

    fn message(number: u32) -> Item {
        let mut item = Item::new(format!("{number:06}"));
        item.fields.set(&mail::KEY, Value::text(format!("key {number}")));
        item.fields.set(&mail::SUBJECT, Value::text("long ".repeat((number % 50) as usize)));
        item
    }

    fn parked(count: u32) -> (tempfile::TempDir, Parked) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("segue.db")).unwrap();
        let mut parked = Parked::new(&store, &mail::MAIL).unwrap();
        for number in 0..count {
            assert_eq!(parked.park(message(number)).unwrap(), None);
        }
        (folder, parked)
    }

    #[test]
    fn what_was_parked_comes_back_by_shard_and_in_order() {
        for count in [0, 1, 300, 60_000] {
            let (_folder, parked) = parked(count);
            let mut next = 0;
            parked
                .each(|row, shown| {
                    assert_eq!(parked.item(row)?, message(next));
                    assert_eq!(Some(row.item), key::item_of(&mail::MAIL, &message(next)));
                    assert_eq!(shown, None);
                    next += 1;
                    Ok(())
                })
                .unwrap();
            assert_eq!(next, count);
            let mut sum = 0;
            for shard in parked.shards() {
                let items = parked.items(shard).unwrap();
                sum += items.len();
                assert_eq!(items.len(), parked.count(shard));
                assert!(items.is_sorted_by_key(|(_, item)| item.id.clone()));
                let ids: Vec<ItemId> = items.iter().map(|(id, _)| *id).collect();
                assert_eq!(ids, parked.ids(shard).unwrap());
                assert!(ids.iter().all(|id| segue_document::shard_of(&id.0) == shard));
                let (id, first) = &items[0];
                assert_eq!(parked.named(*id).unwrap(), std::slice::from_ref(first));
            }
            assert_eq!(sum, count as usize);
            let is_on_disk = parked.shards.values().any(|shelf| !shelf.pages.is_empty());
            assert_eq!(is_on_disk, count > 10_000, "only many are written");
        }
    }

    #[test]
    fn what_the_app_was_shown_is_kept_by_shard() {
        let (_folder, mut parked) = parked(300);
        let shard = parked.shards().next().unwrap();
        let heads = Heads::new(vec![segue_model::ChangeHash([7; 32])]);
        parked.show(shard, Some(heads.clone()));
        let mut shown = 0;
        parked
            .each(|row, now| {
                let is_its = segue_document::shard_of(&row.item.0) == shard;
                assert_eq!(now, is_its.then_some(&heads));
                shown += usize::from(is_its);
                Ok(())
            })
            .unwrap();
        assert_eq!(shown, parked.count(shard));
    }

    #[test]
    fn what_more_than_its_shard_is_asked_about_stays_at_hand() {
        let (_folder, mut parked) = parked(0);
        let keyless = Item::new("1");
        let mut placed = message(2);
        placed.location = Some("/m/2".into());
        let mut missing = message(3);
        missing.availability = Availability::Missing;
        for item in [keyless, placed, missing] {
            assert_eq!(parked.park(item.clone()).unwrap(), Some(item));
        }
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("segue.db")).unwrap();
        assert!(Parked::new(&store, &music::MUSIC).is_none());
    }
}
