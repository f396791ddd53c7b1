//! Makes a set of edits in one transaction.
//!
//! Every edit is compared with what the row holds at that moment; the ones that no longer fit are
//! refused one by one. Rows of songs are never made or removed: only the app knows how to scan a
//! file. What the app derives from a field (search table, sort columns) is kept in step.
//!
//! Invariant: if nothing is to be changed, nothing is written, not even a transaction.

use std::path::Path;

use rusqlite::types::Value as Cell;
use rusqlite::{Connection, params};
use segue_translator::model::{ChangeSet, CollectionEdit, FieldEdit};
use segue_translator::{Access, Error, ErrorKind, Refusal, Revision, Written};

use crate::column::{Column, capabilities};
use crate::connection::{self, Opened, sqlite, stale};
use crate::format::{Held, Unit};
use crate::playlist_edit::Playlists;
use crate::schema::{Schema, columns_of};
use crate::songs::Index;

/// Why one edit was not made.
pub(crate) enum Stop {
    /// The library does not hold what the edit expects, or cannot hold what it wants.
    Refused(String),
    /// Nothing more can be done.
    Failed(rusqlite::Error),
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<&str> for Stop {
    fn from(reason: &str) -> Self {
        Self::Refused(reason.into())
    }
}

/// Makes `changes` if the database is still at `expected` and `running` says that nothing has it
/// open, before and after.
pub(crate) fn write(
    path: &Path,
    running: &dyn Fn() -> Result<(), Error>,
    expected: &Revision,
    changes: &ChangeSet,
) -> Result<Written, Error> {
    running()?;
    if changes.is_empty() {
        return unchanged(path, expected);
    }
    let expected = &connection::recover(path, "write", expected, |connection| {
        inspect(connection, path)?;
        refuse_damaged(connection, "write", path)?;
        running()
    })?;
    let opened = open_at(path, "write", expected)?;
    let fail = |error: rusqlite::Error| sqlite("write", path, &error);
    opened.connection.execute_batch("PRAGMA foreign_keys = ON; BEGIN IMMEDIATE").map_err(fail)?;
    if connection::revision_with(path, &opened.header)? != *expected {
        return Err(stale("write", path));
    }
    let schema = inspect(&opened.connection, path)?;
    refuse_damaged(&opened.connection, "write", path)?;
    let mut edits = Edits::new(&opened.connection, schema).map_err(fail)?;
    edits.make(changes).map_err(fail)?;
    let Edits { mut written, changed, .. } = edits;
    running()?;
    let end = if changed { "COMMIT" } else { "ROLLBACK" };
    opened.connection.execute_batch(end).map_err(fail)?;
    drop(opened);
    written.revision = connection::revision(path)?;
    Ok(written)
}

/// What a write of nothing did.
fn unchanged(path: &Path, expected: &Revision) -> Result<Written, Error> {
    if connection::revision(path)? != *expected {
        return Err(stale("write", path));
    }
    Ok(Written { revision: expected.clone(), ..Written::default() })
}

/// The schema, if it may be written.
fn inspect(connection: &Connection, path: &Path) -> Result<Schema, Error> {
    let schema = Schema::inspect(connection, "write", path)?;
    match schema.read_only {
        Some(reason) => Err(Error::new(ErrorKind::Unsupported, "write", path, reason)),
        None => Ok(schema),
    }
}

/// Opens for writing a database that is at `expected`.
pub(crate) fn open_at(
    path: &Path,
    operation: &'static str,
    expected: &Revision,
) -> Result<Opened, Error> {
    let opened = Opened::for_writing(path, operation)?;
    if connection::revision_with(path, &opened.header)? != *expected {
        return Err(stale(operation, path));
    }
    Ok(opened)
}

/// SQLite's own check of all pages, without what it would cost to compare indexes with tables.
pub(crate) fn refuse_damaged(
    connection: &Connection,
    operation: &'static str,
    path: &Path,
) -> Result<(), Error> {
    let check = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    match check {
        Ok(answer) if answer == "ok" => Ok(()),
        Ok(answer) => Err(Error::new(ErrorKind::Corrupt, operation, path, answer)),
        Err(error) => Err(sqlite(operation, path, &error)),
    }
}

/// The edits of one transaction.
pub(crate) struct Edits<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) schema: Schema,
    pub(crate) index: Index,
    written: Written,
    changed: bool,
}

impl<'a> Edits<'a> {
    fn new(connection: &'a Connection, schema: Schema) -> Result<Self, rusqlite::Error> {
        let index = Index::load(connection)?;
        Ok(Self { connection, schema, index, written: Written::default(), changed: false })
    }

    fn make(&mut self, changes: &ChangeSet) -> Result<(), rusqlite::Error> {
        for edit in &changes.listing {
            match self.list(edit) {
                Ok(changed) => self.changed |= changed,
                Err(Stop::Refused(reason)) => {
                    self.written.refused.push(Refusal { id: edit.item().clone(), reason });
                }
                Err(Stop::Failed(error)) => return Err(error),
            }
        }
        for edit in &changes.fields {
            match self.set_field(edit) {
                Ok(changed) => self.changed |= changed,
                Err(Stop::Refused(reason)) => {
                    self.written.refused.push(Refusal { id: edit.item.clone(), reason });
                }
                Err(Stop::Failed(error)) => return Err(error),
            }
        }
        if changes.collections.is_empty() {
            return Ok(());
        }
        let mut playlists = Playlists::load(self.connection, &self.index, &self.schema)?;
        for edit in &changes.collections {
            let made = playlists.edit(edit);
            match made {
                Ok(created) => self.written.created.extend(created),
                Err(Stop::Refused(reason)) => {
                    self.written.refused.push(Refusal { id: subject(edit), reason });
                }
                Err(Stop::Failed(error)) => return Err(error),
            }
        }
        self.changed |= playlists.changed;
        Ok(())
    }

    /// Makes one edit; returns whether it changed anything.
    pub(crate) fn set_field(&self, edit: &FieldEdit) -> Result<bool, Stop> {
        let column = self.column(edit)?;
        let Some(row) = self.index.row(&edit.item) else {
            return Err("the library has no such song".into());
        };
        let held = self.held(row, column)?;
        if let Held::Unreadable(why) = held {
            return Err(Stop::Refused(format!("the app holds something else there: {why}")));
        }
        let held = held.value();
        if held != edit.old {
            return Err("the app holds another value now".into());
        }
        if edit.new.as_ref().is_some_and(|new| !column.field.shape.admits(new)) {
            return Err("the new value is none of this field".into());
        }
        if held == edit.new.as_ref().and_then(|new| column.unit.hold(new)) {
            return Ok(false);
        }
        if column.unit == Unit::Flag {
            self.say_compilation(row, edit)?;
        } else {
            self.say(row, column, &column.unit.lower(edit.new.as_ref()))?;
        }
        Ok(true)
    }

    pub(crate) fn column(&self, edit: &FieldEdit) -> Result<&'static Column, Stop> {
        let support = capabilities(self.schema.version).field(edit.field);
        let column = columns_of(self.schema.version).find(|column| column.field == edit.field);
        match (support, column) {
            (Some(support), Some(column)) if support.access == Access::Write => Ok(column),
            (Some(_), Some(_)) => Err("the app does not let others write this field".into()),
            _ => Err("this version of the app has no such field".into()),
        }
    }

    pub(crate) fn held(&self, row: i64, column: &Column) -> Result<Held, rusqlite::Error> {
        let one = format!("SELECT {} FROM songs WHERE rowid = ?1", column.expression());
        let mut statement = self.connection.prepare_cached(&one)?;
        statement
            .query_row([row], |found| Ok(column.unit.lift(column.field.shape, found.get_ref(0)?)))
    }

    fn say(&self, row: i64, column: &Column, cell: &Cell) -> Result<(), Stop> {
        let name = column.name;
        self.update(&format!("UPDATE songs SET {name} = ?2 WHERE rowid = ?1"), params![row, cell])?;
        if let Some(repeated) = column.search.filter(|_| self.schema.search) {
            // The app leaves a song alone that its search does not know, and so does this.
            let search = format!("UPDATE songs_fts SET {repeated} = ?2 WHERE rowid = ?1");
            self.connection.prepare_cached(&search)?.execute(params![row, cell])?;
        }
        let derived = match name {
            "artist" | "albumartist" => {
                "UPDATE songs SET effective_albumartist = CASE WHEN coalesce(albumartist, '') = '' \
                 THEN coalesce(artist, '') ELSE albumartist END WHERE rowid = ?1"
            }
            "year" => {
                "UPDATE songs SET effective_originalyear = max(CASE \
                 WHEN coalesce(originalyear, -1) < 0 THEN year ELSE originalyear END, -1) \
                 WHERE rowid = ?1"
            }
            _ => return Ok(()),
        };
        self.update(derived, params![row])
    }

    /// Sets what a person says about a compilation; what the file's tag says is not ours.
    fn say_compilation(&self, row: i64, edit: &FieldEdit) -> Result<(), Stop> {
        use segue_translator::model::Value::Flag;
        let (on, off) = match edit.new {
            Some(Flag(true)) => (1, 0),
            Some(Flag(false)) => (0, 1),
            _ => (0, 0),
        };
        let tag = "SELECT coalesce(compilation, 0) <> 0 FROM songs WHERE rowid = ?1";
        let tagged: bool = self.connection.query_row(tag, [row], |found| found.get(0))?;
        if edit.new.is_none() && tagged {
            return Err("the file's own tag says that it is a compilation".into());
        }
        self.update(
            "UPDATE songs SET compilation_on = ?2, compilation_off = ?3, compilation_effective = \
             ((coalesce(compilation, 0) OR coalesce(compilation_detected, 0) OR ?2) AND NOT ?3) \
             WHERE rowid = ?1",
            params![row, on, off],
        )
    }

    /// Runs an update of exactly one row.
    pub(crate) fn update(&self, sql: &str, values: &[&dyn rusqlite::ToSql]) -> Result<(), Stop> {
        match self.connection.prepare_cached(sql)?.execute(values)? {
            1 => Ok(()),
            _ => Err(Stop::Failed(rusqlite::Error::QueryReturnedNoRows)),
        }
    }
}

fn subject(edit: &CollectionEdit) -> segue_translator::model::NativeId {
    match edit {
        CollectionEdit::Create { name, .. } => name.to_string().into(),
        CollectionEdit::Rename { id, .. }
        | CollectionEdit::Reorder { id, .. }
        | CollectionEdit::Remove { id, .. } => id.clone(),
    }
}
