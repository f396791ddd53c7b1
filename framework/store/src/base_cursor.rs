//! A walk through a link's base in the order of native ids, for merging with a library's reader.
//!
//! It reads pages by key, so nothing is borrowed from the database between two steps: a
//! transaction may write to the base while it walks, and rows behind the page are seen as written.

use std::ops::Range;

use segue_model::{BaseItem, ItemId, LinkId, Listing, Schema};

use crate::packed::heads_from;
use crate::sql::{Columns, Snapshot};
use crate::{Reader, StoreError, unpack};

const PAGE_ROWS: usize = 1024;

/// One row of a base, not decoded.
#[derive(Debug, Clone, Copy)]
pub struct RawBase<'r> {
    /// What the library calls the item.
    pub native: &'r [u8],
    /// The item of the document.
    pub item: ItemId,
    /// Whether the library lists it.
    pub listing: Listing,
    /// What the library held, as [`pack`](crate::pack) writes it.
    pub packed: &'r [u8],
    shown: Option<&'r [u8]>,
}

impl RawBase<'_> {
    /// The row as a value.
    ///
    /// # Errors
    /// As [`unpack`].
    pub fn decode(&self, schema: &'static Schema) -> Result<BaseItem, StoreError> {
        Ok(BaseItem {
            item: self.item,
            held: unpack(self.native, self.packed, schema)?,
            shown: self.shown.map(heads_from).transpose()?,
            listing: self.listing,
        })
    }

    /// A row that holds native id, item, gone, shown and packed, in this order.
    pub(crate) fn read<'r>(row: &'r rusqlite::Row<'_>) -> Result<RawBase<'r>, StoreError> {
        Ok(RawBase {
            native: row.bytes(0)?,
            item: ItemId(row.array(1)?),
            listing: listing_from(row.int(2)?)?,
            shown: row.optional_bytes(3)?,
            packed: row.bytes(4)?,
        })
    }
}

/// The number that stands for it in the column `gone`, which was a flag once.
pub(crate) fn listing_to(listing: Listing) -> i64 {
    match listing {
        Listing::Listed => 0,
        Listing::Gone => 1,
        Listing::Hidden => 2,
    }
}

fn listing_from(number: i64) -> Result<Listing, StoreError> {
    let all = [Listing::Listed, Listing::Gone, Listing::Hidden];
    let known = all.into_iter().find(|listing| listing_to(*listing) == number);
    known.ok_or_else(|| StoreError::NewerRecord { what: "an item that is listed otherwise".into() })
}

/// Rows copied out of the database, so that steps between pages cost nothing.
#[derive(Default)]
struct Page {
    bytes: Vec<u8>,
    rows: Vec<PageRow>,
}

struct PageRow {
    native: Range<usize>,
    item: ItemId,
    listing: Listing,
    shown: Option<Range<usize>>,
    packed: Range<usize>,
}

impl Page {
    fn push(&mut self, raw: &RawBase<'_>) {
        let mut keep = |part: &[u8]| {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(part);
            start..self.bytes.len()
        };
        let row = PageRow {
            native: keep(raw.native),
            item: raw.item,
            listing: raw.listing,
            shown: raw.shown.map(&mut keep),
            packed: keep(raw.packed),
        };
        self.rows.push(row);
    }

    fn row(&self, index: usize) -> Option<RawBase<'_>> {
        let row = self.rows.get(index)?;
        Some(RawBase {
            native: &self.bytes[row.native.clone()],
            item: row.item,
            listing: row.listing,
            shown: row.shown.clone().map(|shown| &self.bytes[shown]),
            packed: &self.bytes[row.packed.clone()],
        })
    }
}

/// Steps through a base; see [`Reader::base_cursor`].
pub struct BaseCursor<'s> {
    reader: &'s Reader,
    link_no: Option<i64>,
    page: Page,
    step: usize,
    is_last_page: bool,
    _snapshot: Snapshot<'s>,
}

impl Reader {
    /// A cursor before the first item of the base. It walks one state of the store, even if
    /// another connection commits meanwhile. A link that is not in the store has an empty base.
    pub fn base_cursor(&self, link: LinkId) -> Result<BaseCursor<'_>, StoreError> {
        Ok(BaseCursor {
            _snapshot: Snapshot::begin(self)?,
            reader: self,
            link_no: self.find_link(link)?,
            page: Page::default(),
            step: 0,
            is_last_page: false,
        })
    }
}

impl BaseCursor<'_> {
    /// The next row, without stepping over it.
    pub fn peek(&mut self) -> Result<Option<RawBase<'_>>, StoreError> {
        if self.step == self.page.rows.len() && !self.is_last_page {
            self.turn()?;
        }
        Ok(self.page.row(self.step))
    }

    /// Steps over the next row and returns it.
    #[expect(clippy::should_implement_trait, reason = "the row is lent, which Iterator cannot")]
    pub fn next(&mut self) -> Result<Option<RawBase<'_>>, StoreError> {
        if self.peek()?.is_none() {
            return Ok(None);
        }
        self.step += 1;
        Ok(self.page.row(self.step - 1))
    }

    /// Reads the page behind the last row.
    fn turn(&mut self) -> Result<(), StoreError> {
        let mut page = std::mem::take(&mut self.page);
        let from = page.rows.last().map_or_else(Vec::new, |last| {
            // The smallest byte string behind a key is the key and a zero.
            [&page.bytes[last.native.clone()], &[0]].concat()
        });
        page.bytes.clear();
        page.rows.clear();
        let sql = "SELECT native, item, gone, shown, packed FROM base_item
            WHERE link_no = ?1 AND container = x'' AND native >= ?2 ORDER BY native LIMIT ?3";
        self.reader.each(sql, (self.link_no, from, PAGE_ROWS as i64), |row| {
            page.push(&RawBase::read(row)?);
            Ok(())
        })?;
        self.is_last_page = page.rows.len() < PAGE_ROWS;
        self.page = page;
        self.step = 0;
        Ok(())
    }
}
