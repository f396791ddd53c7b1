//! How often the same value was written to the same field: a rival that puts its own value back
//! is noticed by this count, and then left alone.

use segue_model::{LinkId, NativeId};

use crate::sql::Columns;
use crate::{Reader, StoreError, Tx};

impl Reader {
    /// How often [`Tx::note_write`] counted this.
    pub fn times_written(
        &self,
        link: LinkId,
        native: &NativeId,
        field: &str,
        value_hash: u64,
    ) -> Result<u32, StoreError> {
        let Some(link) = self.find_link(link)? else { return Ok(0) };
        let sql = "SELECT times FROM written_value
            WHERE link_no = ?1 AND native = ?2 AND field = ?3 AND value_hash = ?4";
        let params = (link, native.as_bytes(), field, value_hash.cast_signed());
        let times = self.first(sql, params, |row| row.count(0))?.unwrap_or(0);
        Ok(u32::try_from(times).unwrap_or(u32::MAX))
    }

    /// Whether anything was counted for a link.
    pub fn has_writes(&self, link: LinkId) -> Result<bool, StoreError> {
        let Some(link) = self.find_link(link)? else { return Ok(false) };
        let sql = "SELECT EXISTS (SELECT 1 FROM written_value WHERE link_no = ?1)";
        Ok(self.first(sql, [link], |row| row.flag(0))?.unwrap_or(false))
    }
}

impl Tx<'_> {
    /// Counts a write of a value, named by its hash; returns how often it was written since
    /// [`Tx::clear_writes`].
    pub fn note_write(
        &self,
        link: LinkId,
        native: &NativeId,
        field: &str,
        value_hash: u64,
    ) -> Result<u32, StoreError> {
        let sql = "INSERT INTO written_value (link_no, native, field, value_hash, times)
            VALUES (?1, ?2, ?3, ?4, 1)
            ON CONFLICT (link_no, native, field, value_hash) DO UPDATE SET times = times + 1
            RETURNING times";
        let params = (self.link_no(link)?, native.as_bytes(), field, value_hash.cast_signed());
        let times = self.first(sql, params, |row| row.count(0))?.unwrap_or(1);
        Ok(u32::try_from(times).unwrap_or(u32::MAX))
    }

    /// Forgets the writes to a field, because the app kept the value or a person settled it.
    pub fn clear_writes(
        &self,
        link: LinkId,
        native: &NativeId,
        field: &str,
    ) -> Result<(), StoreError> {
        let sql = "DELETE FROM written_value WHERE link_no = ?1 AND native = ?2 AND field = ?3";
        self.execute(sql, (self.link_no(link)?, native.as_bytes(), field)).map(drop)
    }
}
