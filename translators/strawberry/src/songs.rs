//! Which row is which song.
//!
//! The app gives a row id to another song once the first is gone, so rows are found by the address
//! of the file each time, in the transaction that reads or writes them. It reads no field.
//!
//! Invariant: of several rows with one address the oldest is the song, here and in every read.

use std::collections::HashMap;

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use segue_translator::model::NativeId;

use crate::format::{TEXT_BYTES_MAX, lift_text, native_id};

/// The app's number for songs of the collection, in `songs.source` and `playlist_items.type`.
pub(crate) const COLLECTION: i64 = 2;
/// The app's number for files outside of it.
const LOCAL_FILE: i64 = 1;

/// Rows by song and songs by row.
#[derive(Debug, Default)]
pub(crate) struct Index {
    songs: HashMap<i64, NativeId>,
    rows: HashMap<NativeId, i64>,
}

impl Index {
    /// Reads the addresses of all songs.
    pub(crate) fn load(connection: &Connection) -> Result<Self, rusqlite::Error> {
        let mut index = Self::default();
        let all = "SELECT rowid, url, beginning, cue_path FROM songs WHERE source = ?1 \
                   ORDER BY rowid";
        let mut statement = connection.prepare(all)?;
        let mut rows = statement.query([COLLECTION])?;
        while let Some(row) = rows.next()? {
            if let Some(id) = identity(row.get_ref(1)?, row.get_ref(2)?, row.get_ref(3)?) {
                index.add(row.get(0)?, id);
            }
        }
        Ok(index)
    }

    /// Adds a row; rows come oldest first. Returns whether it is the song's first.
    pub(crate) fn add(&mut self, row: i64, id: NativeId) -> bool {
        let first = !self.rows.contains_key(&id);
        if first {
            self.rows.insert(id.clone(), row);
        }
        self.songs.insert(row, id);
        first
    }

    /// The row of a song.
    pub(crate) fn row(&self, id: &NativeId) -> Option<i64> {
        self.rows.get(id).copied()
    }

    /// The song that an entry of a playlist means: by row if it says so, else by the file.
    pub(crate) fn entry(
        &self,
        kind: ValueRef<'_>,
        row: ValueRef<'_>,
        file: Option<&NativeId>,
    ) -> Option<NativeId> {
        match (kind, row) {
            (ValueRef::Integer(COLLECTION), ValueRef::Integer(row)) => {
                self.songs.get(&row).cloned()
            }
            (ValueRef::Integer(LOCAL_FILE), _) => {
                file.filter(|file| self.rows.contains_key(*file)).cloned()
            }
            _ => None,
        }
    }
}

/// What the library calls the song of a row, if its address can be used.
pub(crate) fn identity(
    url: ValueRef<'_>,
    beginning: ValueRef<'_>,
    cue_path: ValueRef<'_>,
) -> Option<NativeId> {
    let ValueRef::Text(url) = url else { return None };
    if url.is_empty() || url.len() > TEXT_BYTES_MAX {
        return None;
    }
    let beginning = match beginning {
        ValueRef::Integer(beginning) => beginning,
        _ => 0,
    };
    Some(native_id(url, beginning, !matches!(lift_text(cue_path), Ok(None))))
}
