//! A copy of the fixture that a test may change, and the questions that all tests ask of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use segue_strawberry::Strawberry;
use segue_translator::model::{
    Catalog, ChangeSet, CollectionEdit, Field, FieldEdit, NativeId, Value,
};
use segue_translator::{
    Collector, Error, Host, Idle, Library, Reading, Refusal, Translator, Written,
};
use tempfile::TempDir;

/// A copy of the fixture in a folder of its own.
pub(crate) struct Copy {
    pub(crate) folder: TempDir,
}

impl Copy {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/1.0.14/strawberry.db");
        fs::write(folder.path().join("strawberry.db"), fs::read(fixture).unwrap()).unwrap();
        Self { folder }
    }

    /// A copy with its schema or content changed.
    pub(crate) fn with(sql: &str) -> Self {
        let copy = Self::new();
        copy.sql(sql);
        copy
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("strawberry.db")
    }

    pub(crate) fn sql(&self, sql: &str) {
        Connection::open(self.path()).unwrap().execute_batch(sql).unwrap();
    }

    /// One cell as SQLite writes it.
    pub(crate) fn cell(&self, sql: &str) -> String {
        let connection = Connection::open(self.path()).unwrap();
        let quoted = format!("SELECT group_concat(quote(cell), ' ') FROM (SELECT ({sql}) AS cell)");
        connection.query_row(&quoted, [], |row| row.get(0)).unwrap()
    }

    pub(crate) fn open(&self) -> Box<dyn Library> {
        self.open_with(Idle)
    }

    pub(crate) fn open_with(&self, host: impl Host + 'static) -> Box<dyn Library> {
        Strawberry.open(self.folder(), Arc::new(host)).unwrap()
    }

    pub(crate) fn read(&self) -> (Catalog, Reading) {
        Collector::collect(&*self.open()).unwrap()
    }

    pub(crate) fn write(&self, changes: &ChangeSet) -> Result<Written, Error> {
        let library = self.open();
        library.write(&library.revision().unwrap(), changes)
    }

    /// Writes without a refusal and checks the database as the app does.
    pub(crate) fn put(&self, changes: &ChangeSet) -> Written {
        let written = self.write(changes).unwrap();
        assert_eq!(written.refused, []);
        self.check();
        written
    }

    /// What SQLite and its search say about the database.
    pub(crate) fn check(&self) {
        let connection = Connection::open(self.path()).unwrap();
        let answer: String =
            connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(answer, "ok");
        connection
            .execute("INSERT INTO songs_fts (songs_fts) VALUES ('integrity-check')", [])
            .unwrap();
        let files: Vec<_> = fs::read_dir(self.folder()).unwrap().collect();
        assert_eq!(files.len(), 1, "{files:?}");
    }

    /// Everything in the database as text, without the tables that hold the search.
    pub(crate) fn dump(&self) -> Vec<String> {
        let connection = Connection::open(self.path()).unwrap();
        let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
        let mut statement = connection.prepare(tables).unwrap();
        let names: Vec<String> =
            statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let visible = names.iter().filter(|name| !name.starts_with("songs_fts_"));
        visible.flat_map(|name| dump_table(&connection, name)).collect()
    }

    /// The native id of the only song whose address ends with this.
    pub(crate) fn song(&self, end: &str) -> NativeId {
        let (catalog, _) = self.read();
        let mut found = catalog
            .items
            .iter()
            .map(|item| &item.id)
            .filter(|id| id.as_bytes().ends_with(end.as_bytes()));
        let id = found.next().unwrap_or_else(|| panic!("no song ends with {end}")).clone();
        assert_eq!(found.next(), None);
        id
    }

    pub(crate) fn value(&self, end: &str, field: &Field) -> Option<Value> {
        let id = self.song(end);
        self.read().0.item(&id).unwrap().fields.value(field).cloned()
    }
}

fn dump_table(connection: &Connection, table: &str) -> Vec<String> {
    let mut statement = connection
        .prepare(&format!("SELECT rowid, * FROM {table}"))
        .unwrap_or_else(|_| connection.prepare(&format!("SELECT 0, * FROM {table}")).unwrap());
    let names: Vec<String> = statement.column_names().map(Into::into).collect();
    let mut rows = statement.query([]).unwrap();
    let mut lines = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let number = row.get_ref(0).unwrap();
        for (column, name) in names.iter().enumerate().skip(1) {
            let cell = row.get_ref(column).unwrap();
            let cell = match cell {
                ValueRef::Text(text) => format!("{:?}", String::from_utf8_lossy(text)),
                cell => format!("{cell:?}"),
            };
            lines.push(format!("{table} {number:?} {name} {cell}"));
        }
    }
    lines
}

/// What one list of lines has and the other has not.
pub(crate) fn difference(before: &[String], after: &[String]) -> Vec<String> {
    let gone = before.iter().filter(|line| !after.contains(line)).map(|line| format!("- {line}"));
    let new = after.iter().filter(|line| !before.contains(line)).map(|line| format!("+ {line}"));
    gone.chain(new).collect()
}

pub(crate) fn set(
    item: &NativeId,
    field: &'static Field,
    old: Option<Value>,
    new: Option<Value>,
) -> ChangeSet {
    ChangeSet {
        fields: vec![FieldEdit { item: item.clone(), field, old, new }],
        ..ChangeSet::default()
    }
}

pub(crate) fn on_playlists(edits: impl IntoIterator<Item = CollectionEdit>) -> ChangeSet {
    ChangeSet { collections: edits.into_iter().collect(), ..ChangeSet::default() }
}

pub(crate) fn reasons(refused: &[Refusal]) -> Vec<&str> {
    refused.iter().map(|refusal| refusal.reason.as_str()).collect()
}
