//! Reads songs and playlists of one transaction into memory.
//!
//! Everything is collected before any of it is sent on: songs come in the order of their rows, and
//! a receiver that takes its time must not hold the app's lock. It never writes.
//!
//! Invariant: a read is whole or an error; a cell that no value can say is a [`Loss`].

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use segue_translator::model::{Availability, Collection, Item, Location, NativeId};
use segue_translator::{Error, ErrorKind, Loss};

use crate::column::Column;
use crate::connection::sqlite;
use crate::format::{Held, lift_text, path_of};
use crate::playlist;
use crate::schema::{Schema, columns_of};
use crate::songs::{COLLECTION, Index, identity};

/// Most songs, and most entries of playlists, that are read.
const ROWS_MAX: i64 = 2_000_000;
/// Columns before those of the fields.
const FIXED: usize = 9;

/// Everything that a library holds.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub(crate) items: Vec<Item>,
    pub(crate) collections: Vec<Collection>,
    pub(crate) roots: Vec<Location>,
    pub(crate) losses: Vec<Loss>,
    pub(crate) read_only: Option<String>,
}

/// Reads everything.
///
/// # Errors
/// `Corrupt`, `Unsupported`, `TooLarge`.
pub(crate) fn read(connection: &Connection, path: &Path) -> Result<Contents, Error> {
    let schema = Schema::inspect(connection, "read", path)?;
    let fail = |error| sqlite("read", path, &error);
    for table in ["songs", "playlist_items", "playlists"] {
        let count = format!("SELECT count(*) FROM {table}");
        let rows: i64 = connection.query_row(&count, [], |row| row.get(0)).map_err(fail)?;
        if rows > ROWS_MAX {
            let detail = format!("table `{table}` has {rows} rows; at most {ROWS_MAX} are read");
            return Err(Error::new(ErrorKind::TooLarge, "read", path, detail));
        }
    }
    let mut contents = Contents { read_only: schema.read_only, ..Contents::default() };
    let index = contents.read_songs(connection, schema.version).map_err(fail)?;
    contents.read_playlists(connection, &index).map_err(fail)?;
    contents.roots = roots(connection).map_err(fail)?;
    Ok(contents)
}

impl Contents {
    fn read_songs(
        &mut self,
        connection: &Connection,
        version: i64,
    ) -> Result<Index, rusqlite::Error> {
        let columns: Vec<&Column> = columns_of(version).collect();
        let expressions: Vec<&str> = columns.iter().map(|column| column.expression()).collect();
        let all = format!(
            "SELECT rowid, source, url, beginning, cue_path, unavailable, performer, lyrics, \
             originalyear, {} FROM songs ORDER BY rowid",
            expressions.join(", ")
        );
        let mut index = Index::default();
        let mut statement = connection.prepare(&all)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let number: i64 = row.get(0)?;
            match self.identify(row, number)? {
                Some(id) if index.add(number, id.clone()) => {
                    let item = self.song(row, id, &columns)?;
                    self.items.push(item);
                }
                Some(id) => {
                    let what = format!("a second entry for the same file (row {number})");
                    self.losses.push(Loss { id, what });
                }
                None => {}
            }
        }
        self.items.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        Ok(index)
    }

    fn identify(
        &mut self,
        row: &Row<'_>,
        number: i64,
    ) -> Result<Option<NativeId>, rusqlite::Error> {
        let id = identity(row.get_ref(2)?, row.get_ref(3)?, row.get_ref(4)?);
        let what = match (row.get_ref(1)?, &id) {
            (ValueRef::Integer(COLLECTION), Some(_)) => return Ok(id),
            (ValueRef::Integer(COLLECTION), None) => "a song whose address is no text",
            _ => "a song that is not of the collection",
        };
        let id = NativeId::from(format!("songs row {number}"));
        self.losses.push(Loss { id, what: what.into() });
        Ok(None)
    }

    fn song(
        &mut self,
        row: &Row<'_>,
        id: NativeId,
        columns: &[&Column],
    ) -> Result<Item, rusqlite::Error> {
        let mut item = Item::new(id);
        if let ValueRef::Text(url) = row.get_ref(2)? {
            item.location = path_of(url);
        }
        if !matches!(row.get_ref(5)?, ValueRef::Null | ValueRef::Integer(0)) {
            item.availability = Availability::Missing;
        }
        for (position, column) in columns.iter().enumerate() {
            let cell = row.get_ref(FIXED + position)?;
            match column.unit.lift(column.field.shape, cell) {
                Held::Absent => {}
                Held::Value(value) => item.fields.set(column.field, value),
                Held::Unreadable(why) => self.losses.push(Loss {
                    id: item.id.clone(),
                    what: format!("its {}: {why}", column.field.name),
                }),
            }
        }
        item.fields.shrink();
        add_beyond(&mut item, row)?;
        Ok(item)
    }

    fn read_playlists(
        &mut self,
        connection: &Connection,
        index: &Index,
    ) -> Result<(), rusqlite::Error> {
        for (id, playlist) in playlist::load(connection, index, &mut self.losses)? {
            let (collection, loss) = playlist.lift(id);
            self.collections.push(collection);
            self.losses.extend(loss);
        }
        self.collections.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        Ok(())
    }
}

/// Adds what the app holds of a song beyond the schema.
fn add_beyond(item: &mut Item, row: &Row<'_>) -> Result<(), rusqlite::Error> {
    let mut ext = BTreeMap::<Box<str>, Box<str>>::new();
    for (position, name) in [(6, "performer"), (7, "lyrics")] {
        if let Ok(Some(text)) = lift_text(row.get_ref(position)?) {
            ext.insert(name.into(), text.into());
        }
    }
    if let ValueRef::Integer(year @ 1..) = row.get_ref(8)? {
        ext.insert("originalyear".into(), year.to_string().into());
    }
    item.ext = (!ext.is_empty()).then(|| Box::new(ext));
    Ok(())
}

/// Folders in which the app looks for songs; none if it does not say.
fn roots(connection: &Connection) -> Result<Vec<Location>, rusqlite::Error> {
    let table = "SELECT count(*) FROM pragma_table_xinfo('directories') AS c \
                 JOIN pragma_table_list('directories') AS t \
                 WHERE c.name = 'path' AND t.type = 'table' AND t.schema = 'main'";
    if connection.query_row(table, [], |row| row.get::<_, i64>(0))? != 1 {
        return Ok(Vec::new());
    }
    let mut statement =
        connection.prepare("SELECT path FROM directories ORDER BY rowid LIMIT 10000")?;
    let mut rows = statement.query([])?;
    let mut roots = Vec::new();
    while let Some(row) = rows.next()? {
        if let ValueRef::Text(path) = row.get_ref(0)? {
            let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
            if path.starts_with(b"/") && end > 0 {
                roots.push(Location::new(&path[..end]));
            }
        }
    }
    Ok(roots)
}
