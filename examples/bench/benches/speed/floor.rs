//! The least that a step could take: the same files read and written without any engine.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;

use quick_xml::events::Event;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use segue_library_generator::{rhythmbox_folder, strawberry_database};

use crate::Outcome;

/// Only parses Rhythmbox's two files.
pub(crate) fn parse_rhythmbox(home: &Path) -> Outcome<u64> {
    let mut size = 0;
    for name in ["rhythmdb.xml", "playlists.xml"] {
        let file = BufReader::new(File::open(rhythmbox_folder(home).join(name))?);
        let mut reader = quick_xml::Reader::from_reader(file);
        let mut buffer = Vec::new();
        loop {
            match reader.read_event_into(&mut buffer)? {
                Event::Eof => break,
                Event::Text(text) => size += text.len() as u64,
                _ => {}
            }
            buffer.clear();
        }
    }
    Ok(size)
}

/// Only steps the rows of Strawberry's songs and playlists.
pub(crate) fn step_strawberry(home: &Path) -> Outcome<u64> {
    let connection = Connection::open(strawberry_database(home))?;
    let mut size = 0;
    for sql in ["SELECT * FROM songs", "SELECT * FROM playlist_items"] {
        let mut statement = connection.prepare(sql)?;
        let columns = statement.column_count();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            for column in 0..columns {
                size += match row.get_ref(column)? {
                    ValueRef::Text(text) => text.len() as u64,
                    _ => 1,
                };
            }
        }
    }
    Ok(size)
}

/// Only copies Rhythmbox's songs into a new file, makes that durable and puts it in place.
pub(crate) fn rewrite_rhythmbox(home: &Path) -> Outcome<u64> {
    let path = rhythmbox_folder(home).join("rhythmdb.xml");
    let fresh = path.with_extension("new");
    let size = fs::copy(&path, &fresh)?;
    File::open(&fresh)?.sync_all()?;
    fs::rename(&fresh, &path)?;
    Ok(size)
}

/// Only updates one row of Strawberry's songs, durably.
pub(crate) fn rewrite_strawberry(home: &Path) -> Outcome<u64> {
    let connection = Connection::open(strawberry_database(home))?;
    let sql = "UPDATE songs SET skipcount = skipcount
        WHERE rowid = (SELECT min(rowid) FROM songs)";
    Ok(connection.execute(sql, [])? as u64)
}
