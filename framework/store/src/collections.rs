//! The collections in a link's base.

use segue_model::{BaseCollection, CollectionId, EntryId, LinkId, NativeId, Schema};

use crate::base_packed::unpack_collection;
use crate::packed::{heads_from, heads_to, malformed};
use crate::sql::Columns;
use crate::{Reader, StoreError, Tx, pack_collection};

impl Reader {
    /// The collections of a base, in the order of native ids.
    pub fn base_collections(
        &self,
        link: LinkId,
        schema: &'static Schema,
    ) -> Result<Vec<BaseCollection>, StoreError> {
        let sql = "SELECT native, collection, entries, shown, packed FROM base_collection
            WHERE link_no = (SELECT no FROM link WHERE id = ?1) ORDER BY native";
        self.all(sql, [&link.0], |row| read_collection(row, schema))
    }
}

fn read_collection(
    row: &rusqlite::Row<'_>,
    schema: &'static Schema,
) -> Result<BaseCollection, StoreError> {
    let held = unpack_collection(row.bytes(0)?, row.bytes(4)?, schema)?;
    let (entries, rest) = row.bytes(2)?.as_chunks::<8>();
    if !rest.is_empty() || entries.len() != held.entries.len() {
        return Err(malformed("a list of entries"));
    }
    Ok(BaseCollection {
        collection: CollectionId(row.array(1)?),
        held,
        entries: entries.iter().copied().map(EntryId).collect(),
        shown: row.optional_bytes(3)?.map(heads_from).transpose()?,
    })
}

impl Tx<'_> {
    /// Records what the library holds of a collection.
    ///
    /// # Errors
    /// `Refused` if there is not one entry id for each entry.
    pub fn put_base_collection(
        &self,
        link: LinkId,
        base: &BaseCollection,
    ) -> Result<(), StoreError> {
        if base.entries.len() != base.held.entries.len() {
            let detail = format!("`{}` needs one entry id for each entry", base.held.name);
            return Err(StoreError::Refused { detail });
        }
        let sql = "INSERT INTO base_collection
            (link_no, native, collection, entries, shown, packed)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6)
            ON CONFLICT (link_no, native) DO UPDATE SET collection = excluded.collection,
            entries = excluded.entries, shown = excluded.shown, packed = excluded.packed";
        let entries: Vec<u8> = base.entries.iter().flat_map(|entry| entry.0).collect();
        let params = (
            self.link_no(link)?,
            base.held.id.as_bytes(),
            &base.collection.0,
            entries,
            base.shown.as_ref().map(heads_to),
            pack_collection(&base.held),
        );
        self.execute(sql, params).map(drop)
    }

    /// Forgets a native collection.
    pub fn remove_base_collection(
        &self,
        link: LinkId,
        native: &NativeId,
    ) -> Result<(), StoreError> {
        let sql = "DELETE FROM base_collection WHERE link_no = ?1 AND native = ?2";
        self.execute(sql, (self.link_no(link)?, native.as_bytes())).map(drop)
    }
}
