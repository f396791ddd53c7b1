//! Which paths beside a library's content were looked at, and how they were then.

use std::collections::BTreeMap;

use segue_model::{LinkId, Location};

use crate::sql::Columns;
use crate::{Reader, StoreError, Tx};

impl Reader {
    /// The paths that were looked at for a link, each with its stamp.
    pub fn looked_at(&self, link: LinkId) -> Result<BTreeMap<Location, String>, StoreError> {
        let sql = "SELECT path, stamp FROM looked_at
            WHERE link_no = (SELECT no FROM link WHERE id = ?1)";
        self.all(sql, [&link.0], |row| Ok((Location::new(row.bytes(0)?), row.text(1)?)))
    }
}

impl Tx<'_> {
    /// Remembers how a path was when it was looked at.
    pub fn put_looked_at(
        &self,
        link: LinkId,
        path: &Location,
        stamp: &str,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO looked_at VALUES (?1, ?2, ?3)
            ON CONFLICT DO UPDATE SET stamp = excluded.stamp";
        self.execute(sql, (self.link_no(link)?, path.as_bytes(), stamp)).map(drop)
    }

    /// Forgets a path.
    pub fn remove_looked_at(&self, link: LinkId, path: &Location) -> Result<(), StoreError> {
        let sql = "DELETE FROM looked_at WHERE link_no = ?1 AND path = ?2";
        self.execute(sql, (self.link_no(link)?, path.as_bytes())).map(drop)
    }
}
