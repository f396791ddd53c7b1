//! The base of a link: which native item is which item, and what the library held.
//!
//! Keys carry a container, so that mail folders can be read one by one later; it is empty today.

use std::ops::ControlFlow;

use segue_model::{BaseItem, Heads, ItemId, LinkId, Listing, NativeId, Schema};

use crate::base_cursor::{RawBase, listing_to};
use crate::packed::heads_to;
use crate::sql::Columns;
use crate::{Reader, StoreError, Tx, pack};

macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT native, item, gone, shown, packed FROM base_item
            WHERE link_no = (SELECT no FROM link WHERE id = ?1) AND ",
            $condition
        )
    };
}

impl Reader {
    /// Shows every row of the base in the order of native ids, until `take` breaks.
    pub fn base_items(
        &self,
        link: LinkId,
        take: &mut dyn FnMut(RawBase<'_>) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let mut cursor = self.base_cursor(link)?;
        while let Some(raw) = cursor.next()? {
            if take(raw).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Shows which native item is which item, and whether it is not listed, in the order of native ids.
    pub fn bindings(
        &self,
        link: LinkId,
        mut take: impl FnMut(&[u8], ItemId, bool),
    ) -> Result<(), StoreError> {
        let sql = "SELECT native, item, gone FROM base_item
            WHERE link_no = (SELECT no FROM link WHERE id = ?1) ORDER BY container, native";
        self.each(sql, [&link.0], |row| {
            take(row.bytes(0)?, ItemId(row.array(1)?), row.int(2)? != 0);
            Ok(())
        })
    }

    /// The items that the library lists no longer because we hid them.
    pub fn hidden(&self, link: LinkId) -> Result<Vec<ItemId>, StoreError> {
        let sql = "SELECT item FROM base_item
            WHERE link_no = (SELECT no FROM link WHERE id = ?1) AND gone = ?2";
        let hidden = listing_to(Listing::Hidden);
        self.all(sql, (&link.0, hidden), |row| Ok(ItemId(row.array(0)?)))
    }

    /// How many items the base holds, gone ones too.
    pub fn base_len(&self, link: LinkId) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM base_item
            WHERE link_no = (SELECT no FROM link WHERE id = ?1)";
        Ok(self.first(sql, [&link.0], |row| row.count(0))?.unwrap_or(0))
    }

    /// The rows whose items lie in a shard, sorted by item.
    pub fn base_of_shard(
        &self,
        link: LinkId,
        shard: u8,
        schema: &'static Schema,
    ) -> Result<Vec<BaseItem>, StoreError> {
        let mut last = [0xff; 16];
        last[0] = shard;
        let sql = select!("item BETWEEN ?2 AND ?3 ORDER BY item, native");
        self.all(sql, (&link.0, [shard], last), |row| RawBase::read(row)?.decode(schema))
    }

    /// The row of a native item.
    pub fn base_item(
        &self,
        link: LinkId,
        native: &NativeId,
        schema: &'static Schema,
    ) -> Result<Option<BaseItem>, StoreError> {
        let sql = select!("container = x'' AND native = ?2");
        self.first(sql, (&link.0, native.as_bytes()), |row| RawBase::read(row)?.decode(schema))
    }

    /// The rows bound to an item; a library may hold it twice.
    pub fn base_by_item(
        &self,
        link: LinkId,
        item: ItemId,
        schema: &'static Schema,
    ) -> Result<Vec<BaseItem>, StoreError> {
        let sql = select!("item = ?2 ORDER BY native");
        self.all(sql, (&link.0, &item.0), |row| RawBase::read(row)?.decode(schema))
    }
}

impl Tx<'_> {
    /// Records what the library holds of an item.
    pub fn put_base_item(&self, link: LinkId, base: &BaseItem) -> Result<(), StoreError> {
        let (native, packed) = (base.held.id.as_bytes(), pack(&base.held));
        self.put_base(
            link,
            native,
            base.item,
            listing_to(base.listing),
            base.shown.as_ref(),
            &packed,
        )
    }

    /// The same of an item that the library lists, as [`pack`] made it.
    pub fn put_packed_base_item(
        &self,
        link: LinkId,
        native: &[u8],
        item: ItemId,
        shown: Option<&Heads>,
        packed: &[u8],
    ) -> Result<(), StoreError> {
        self.put_base(link, native, item, listing_to(Listing::Listed), shown, packed)
    }

    fn put_base(
        &self,
        link: LinkId,
        native: &[u8],
        item: ItemId,
        listing: i64,
        shown: Option<&Heads>,
        packed: &[u8],
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO base_item (link_no, container, native, item, gone, shown, packed)
            VALUES (?1, x'', ?2, ?3, ?4, ?5, ?6)
            ON CONFLICT (link_no, container, native) DO UPDATE SET item = excluded.item,
            gone = excluded.gone, shown = excluded.shown, packed = excluded.packed";
        let params = (self.link_no(link)?, native, &item.0, listing, shown.map(heads_to), packed);
        self.execute(sql, params).map(drop)
    }

    /// Forgets a native item.
    pub fn remove_base_item(&self, link: LinkId, native: &NativeId) -> Result<(), StoreError> {
        let sql = "DELETE FROM base_item
            WHERE link_no = ?1 AND container = x'' AND native = ?2";
        self.execute(sql, (self.link_no(link)?, native.as_bytes())).map(drop)
    }

    /// Forgets the whole base of a link: items, collections, what it was shown, what was written.
    pub fn clear_base(&self, link: LinkId) -> Result<(), StoreError> {
        let no = self.link_no(link)?;
        self.execute("DELETE FROM base_item WHERE link_no = ?1", [no])?;
        self.execute("DELETE FROM base_collection WHERE link_no = ?1", [no])?;
        self.execute("DELETE FROM link_heads WHERE link_no = ?1", [no])?;
        self.execute("DELETE FROM looked_at WHERE link_no = ?1", [no])?;
        self.execute("DELETE FROM written_value WHERE link_no = ?1", [no]).map(drop)
    }
}
