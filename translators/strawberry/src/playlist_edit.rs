//! Makes edits of playlists inside the transaction of a write.
//!
//! Rows that stay are copied with all their columns and the old ones removed, as the app does when
//! it saves a playlist: the order of a playlist is that of its rows. Rows before the first
//! difference are not touched.
//!
//! Invariant: a new playlist never takes a number that a row, even one left behind, has used.

use std::collections::BTreeMap;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};
use segue_translator::model::{CollectionEdit, CollectionKind, NativeId, music};

use crate::playlist::{self, Entry, Place, Playlist, arrange};
use crate::schema::Schema;
use crate::songs::Index;
use crate::write::Stop;

/// The playlists of the library as they are in the transaction.
pub(crate) struct Playlists<'a> {
    connection: &'a Connection,
    index: &'a Index,
    visible: BTreeMap<i64, Playlist>,
    next_id: i64,
    copy: String,
    insert: String,
    /// Whether any edit wrote anything.
    pub(crate) changed: bool,
}

impl<'a> Playlists<'a> {
    pub(crate) fn load(
        connection: &'a Connection,
        index: &'a Index,
        schema: &Schema,
    ) -> Result<Self, rusqlite::Error> {
        // Beyond the middle of all numbers SQLite may begin to choose rows at random.
        let last = "SELECT max(coalesce((SELECT max(rowid) FROM playlists), 0), \
                    coalesce((SELECT max(playlist) FROM playlist_items \
                    WHERE typeof(playlist) = 'integer'), 0)), \
                    coalesce((SELECT max(rowid) FROM playlist_items), 0)";
        let (id, row): (i64, i64) =
            connection.query_row(last, [], |found| Ok((found.get(0)?, found.get(1)?)))?;
        if id.max(row) > i64::MAX / 2 {
            return Err(rusqlite::Error::IntegralValueOutOfRange(0, id.max(row)));
        }
        let columns = schema.item_columns.join(", ");
        let values: Vec<&str> = schema.item_columns.iter().map(|name| cell_of_new(name)).collect();
        Ok(Self {
            connection,
            index,
            visible: playlist::load(connection, index, &mut Vec::new())?,
            next_id: id + 1,
            copy: format!(
                "INSERT INTO playlist_items ({columns}) SELECT {columns} FROM playlist_items \
                 WHERE rowid = ?1"
            ),
            insert: format!(
                "INSERT INTO playlist_items ({columns}) VALUES ({})",
                values.join(", ")
            ),
            changed: false,
        })
    }

    /// Makes one edit; returns the native id of what it created.
    pub(crate) fn edit(&mut self, edit: &CollectionEdit) -> Result<Option<NativeId>, Stop> {
        match edit {
            CollectionEdit::Create { kind, name, parent, entries } => {
                self.create(kind, name, parent.as_ref(), entries).map(Some)
            }
            CollectionEdit::Rename { id, old, new } => self.rename(id, old, new).map(|()| None),
            CollectionEdit::Reorder { id, old, new } => self.reorder(id, old, new).map(|()| None),
            CollectionEdit::Remove { id, old } => self.remove(id, old).map(|()| None),
        }
    }

    fn create(
        &mut self,
        kind: &CollectionKind,
        name: &str,
        parent: Option<&NativeId>,
        songs: &[NativeId],
    ) -> Result<NativeId, Stop> {
        if *kind != music::PLAYLIST {
            return Err("the app lets nobody else make this kind of collection".into());
        }
        if parent.is_some() {
            return Err("the app has no folders of playlists".into());
        }
        self.refuse_strangers(songs)?;
        let id = self.next_id;
        // Open as the last tab, and a favourite, so that closing the tab does not delete it.
        self.connection.execute(
            "INSERT INTO playlists (rowid, name, ui_order, is_favorite, special_type, ui_path, \
             dynamic_playlist_type, dynamic_playlist_backend) VALUES (?1, ?2, \
             (SELECT max(coalesce(max(ui_order), -1), -1) + 1 FROM playlists), 1, '', '', 0, '')",
            params![id, name],
        )?;
        self.next_id += 1;
        self.changed = true;
        let mut entries = Vec::with_capacity(songs.len());
        for song in songs {
            entries.push(self.insert(id, song)?);
        }
        self.visible.insert(id, Playlist { name: name.into(), rule: None, entries });
        Ok(NativeId::from(id.to_string()))
    }

    fn rename(&mut self, id: &NativeId, old: &str, new: &str) -> Result<(), Stop> {
        let (id, playlist) = self.editable(id)?;
        if playlist.name != old {
            return Err("the playlist has another name now".into());
        }
        if old == new {
            return Ok(());
        }
        new.clone_into(&mut playlist.name);
        self.changed = true;
        self.connection
            .execute("UPDATE playlists SET name = ?2 WHERE rowid = ?1", params![id, new])?;
        Ok(())
    }

    fn reorder(&mut self, id: &NativeId, old: &[NativeId], new: &[NativeId]) -> Result<(), Stop> {
        let (id, _) = self.editable_with(id, old)?;
        if old == new {
            return Ok(());
        }
        self.refuse_strangers(new)?;
        let entries = std::mem::take(&mut self.editable_row(id)?.entries);
        let places = arrange(&entries, new);
        let same = |(position, place): &(usize, &Place<'_>)| **place == Place::Kept(*position);
        let prefix = places.iter().enumerate().take_while(same).count();
        let mut written = entries[..prefix].to_vec();
        for place in &places[prefix..] {
            let entry = match place {
                Place::New(song) => self.insert(id, song)?,
                Place::Kept(position) => self.copy(&entries[*position])?,
            };
            written.push(entry);
        }
        for entry in &entries[prefix..] {
            let delete = "DELETE FROM playlist_items WHERE rowid = ?1";
            self.connection.prepare_cached(delete)?.execute([entry.row])?;
        }
        self.follow_last_played(id, &places)?;
        self.editable_row(id)?.entries = written;
        self.changed = true;
        Ok(())
    }

    fn remove(&mut self, id: &NativeId, old: &[NativeId]) -> Result<(), Stop> {
        let (id, _) = self.editable_with(id, old)?;
        self.connection.execute("DELETE FROM playlists WHERE rowid = ?1", [id])?;
        self.connection.execute("DELETE FROM playlist_items WHERE playlist = ?1", [id])?;
        self.visible.remove(&id);
        self.changed = true;
        Ok(())
    }

    /// The playlist, if it is one that people edit.
    fn editable(&mut self, id: &NativeId) -> Result<(i64, &mut Playlist), Stop> {
        let number = std::str::from_utf8(id.as_bytes()).ok().and_then(|id| id.parse().ok());
        let number = number.ok_or("the library has no such playlist")?;
        Ok((number, self.editable_row(number)?))
    }

    fn editable_row(&mut self, number: i64) -> Result<&mut Playlist, Stop> {
        match self.visible.get_mut(&number) {
            Some(playlist) if playlist.rule.is_none() => Ok(playlist),
            Some(_) => Err("the app fills this playlist by itself".into()),
            None => Err("the library has no such playlist".into()),
        }
    }

    fn editable_with(
        &mut self,
        id: &NativeId,
        old: &[NativeId],
    ) -> Result<(i64, &mut Playlist), Stop> {
        let (id, playlist) = self.editable(id)?;
        if playlist.songs().eq(old) {
            return Ok((id, playlist));
        }
        Err("the playlist has other entries now".into())
    }

    fn refuse_strangers(&self, songs: &[NativeId]) -> Result<(), Stop> {
        match songs.iter().find(|song| self.index.row(song).is_none()) {
            Some(song) => Err(Stop::Refused(format!("the library has no song {song}"))),
            None => Ok(()),
        }
    }

    fn insert(&self, playlist: i64, song: &NativeId) -> Result<Entry, Stop> {
        let row = self.index.row(song);
        self.connection.prepare_cached(&self.insert)?.execute(params![playlist, row])?;
        Ok(Entry { row: self.connection.last_insert_rowid(), song: Some(song.clone()) })
    }

    fn copy(&self, entry: &Entry) -> Result<Entry, Stop> {
        self.connection.prepare_cached(&self.copy)?.execute([entry.row])?;
        Ok(Entry { row: self.connection.last_insert_rowid(), song: entry.song.clone() })
    }

    /// Lets the app's mark for the song it played last follow its row.
    fn follow_last_played(&self, id: i64, places: &[Place<'_>]) -> Result<(), Stop> {
        let get = "SELECT last_played FROM playlists WHERE rowid = ?1";
        let old = self.connection.query_row(get, [id], |row| {
            Ok(match row.get_ref(0)? {
                ValueRef::Integer(position) => usize::try_from(position).ok(),
                _ => None,
            })
        })?;
        let Some(old) = old else { return Ok(()) };
        let new = places.iter().position(|place| *place == Place::Kept(old));
        let new = new.map_or(-1, |position| position as i64);
        let set = "UPDATE playlists SET last_played = ?2 WHERE rowid = ?1";
        self.connection.execute(set, params![id, new])?;
        Ok(())
    }
}

/// What the app itself writes into each column for a song of the collection: nothing, because it
/// looks up the song each time.
fn cell_of_new(column: &str) -> &'static str {
    match column {
        "playlist" => "?1",
        "collection_id" => "?2",
        "type" | "source" => "2",
        "playlist_url"
        | "uuid"
        | "cue_path"
        | "directory_id"
        | "ebur128_integrated_loudness_lufs"
        | "ebur128_loudness_range_lu" => "NULL",
        "track"
        | "disc"
        | "year"
        | "originalyear"
        | "length"
        | "bitrate"
        | "samplerate"
        | "bitdepth"
        | "lastplayed"
        | "lastseen"
        | "effective_originalyear"
        | "rating"
        | "bpm" => "-1",
        "compilation"
        | "beginning"
        | "filetype"
        | "filesize"
        | "mtime"
        | "ctime"
        | "unavailable"
        | "playcount"
        | "skipcount"
        | "compilation_detected"
        | "compilation_on"
        | "compilation_off"
        | "compilation_effective"
        | "art_embedded"
        | "art_unset" => "0",
        _ => "''",
    }
}
