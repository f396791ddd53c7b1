//! Links: libraries joined to documents on this device, and what each was last shown.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use segue_model::{DocumentId, Heads, LinkId, Location};

use crate::packed::{heads_from, heads_to};
use crate::sql::{Columns, number};
use crate::{Reader, StoreError, Tx};

/// One link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRow {
    /// Its global id.
    pub id: LinkId,
    /// The document.
    pub document: DocumentId,
    /// The app's name.
    pub app: String,
    /// Where the library is on this device.
    pub path: PathBuf,
    /// The folder below which its content lies.
    pub root: Option<Location>,
    /// Whether the person asked for descriptive fields to be written.
    pub writes_tags: bool,
    /// Whether it takes part; unlinking ends that and keeps the row.
    pub active: bool,
    /// The library's revision when it was last read.
    pub revision: Option<String>,
    /// Why it must not be written.
    pub read_only: Option<String>,
    /// When it was linked, in Unix seconds.
    pub linked_at: i64,
    /// When a person last confirmed what is done to it, in Unix seconds.
    pub confirmed_at: i64,
}

const LINKS: &str = "SELECT link.id, document.id, app, path, root, writes_tags, active, revision,
    read_only, linked_at, confirmed_at FROM link JOIN document ON document.no = document_no";

fn read_link(row: &rusqlite::Row<'_>) -> Result<LinkRow, StoreError> {
    Ok(LinkRow {
        id: LinkId(row.array(0)?),
        document: DocumentId(row.array(1)?),
        app: row.text(2)?,
        path: OsStr::from_bytes(row.bytes(3)?).into(),
        root: row.optional_bytes(4)?.map(Location::new),
        writes_tags: row.flag(5)?,
        active: row.flag(6)?,
        revision: row.optional_text(7)?,
        read_only: row.optional_text(8)?,
        linked_at: row.int(9)?,
        confirmed_at: row.int(10)?,
    })
}

impl Reader {
    /// All links, in the order in which they were made, ended ones too.
    pub fn links(&self) -> Result<Vec<LinkRow>, StoreError> {
        self.all(&format!("{LINKS} ORDER BY link.no"), (), read_link)
    }

    /// One link.
    pub fn link(&self, id: LinkId) -> Result<Option<LinkRow>, StoreError> {
        self.first(&format!("{LINKS} WHERE link.id = ?1"), [&id.0], read_link)
    }

    /// The document state that the library was last shown, by shard.
    pub fn link_heads(&self, link: LinkId) -> Result<BTreeMap<u8, Heads>, StoreError> {
        let sql = "SELECT shard, heads FROM link_heads
            WHERE link_no = (SELECT no FROM link WHERE id = ?1)";
        self.all(sql, [&link.0], |row| Ok((row.byte(0)?, heads_from(row.bytes(1)?)?)))
    }

    /// How much of a guard's budget was used since it was last reset.
    pub fn budget(&self, link: LinkId, kind: &str) -> Result<u64, StoreError> {
        let sql = "SELECT used FROM budget
            WHERE link_no = (SELECT no FROM link WHERE id = ?1) AND kind = ?2";
        Ok(self.first(sql, (&link.0, kind), |row| row.count(0))?.unwrap_or(0))
    }

    pub(crate) fn find_link(&self, id: LinkId) -> Result<Option<i64>, StoreError> {
        self.first("SELECT no FROM link WHERE id = ?1", [&id.0], |row| row.int(0))
    }
}

impl Tx<'_> {
    /// Adds a link, or replaces its row; its base stays.
    pub fn put_link(&self, row: &LinkRow) -> Result<(), StoreError> {
        let sql = "INSERT INTO link (id, document_no, app, path, root, writes_tags, active,
            revision, read_only, linked_at, confirmed_at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
            ON CONFLICT (id) DO UPDATE SET document_no = excluded.document_no, app = excluded.app,
            path = excluded.path, root = excluded.root, writes_tags = excluded.writes_tags,
            active = excluded.active, revision = excluded.revision,
            read_only = excluded.read_only, linked_at = excluded.linked_at,
            confirmed_at = excluded.confirmed_at";
        let params = (
            &row.id.0,
            self.document_no(&row.document)?,
            &row.app,
            row.path.as_os_str().as_bytes(),
            row.root.as_ref().map(Location::as_bytes),
            row.writes_tags,
            row.active,
            &row.revision,
            &row.read_only,
            row.linked_at,
            row.confirmed_at,
        );
        self.execute(sql, params).map(drop)
    }

    /// Records the document state that the library was shown.
    pub fn put_link_heads(&self, link: LinkId, shard: u8, heads: &Heads) -> Result<(), StoreError> {
        let sql = "INSERT INTO link_heads (link_no, shard, heads) VALUES (?1, ?2, ?3)
            ON CONFLICT (link_no, shard) DO UPDATE SET heads = excluded.heads";
        self.execute(sql, (self.link_no(link)?, shard, heads_to(heads))).map(drop)
    }

    /// Uses up some of a guard's budget; returns what is used now.
    pub fn add_budget(&self, link: LinkId, kind: &str, amount: u64) -> Result<u64, StoreError> {
        let used = self.budget(link, kind)?.saturating_add(amount);
        let sql = "INSERT INTO budget (link_no, kind, used) VALUES (?1, ?2, ?3)
            ON CONFLICT (link_no, kind) DO UPDATE SET used = excluded.used";
        self.execute(sql, (self.link_no(link)?, kind, number(used)?))?;
        Ok(used)
    }

    /// Begins all budgets of a link anew, because a person confirmed.
    pub fn reset_budgets(&self, link: LinkId) -> Result<(), StoreError> {
        self.execute("DELETE FROM budget WHERE link_no = ?1", [self.link_no(link)?]).map(drop)
    }
}
