//! Folders of books, made for one test each.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use segue_books::Books;
use segue_translator::model::{Catalog, Field, Value};
use segue_translator::{Collector, Error, Idle, Library, Reading, Translator as _};
use zip::write::SimpleFileOptions;

pub(crate) const CONTAINER: &str = "<container><rootfiles><rootfile full-path='p.opf' \
    media-type='application/oebps-package+xml'/></rootfiles></container>";

/// A folder that is removed afterwards.
pub(crate) struct Shelf(tempfile::TempDir);

impl Shelf {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Puts a file there, and the folders above it.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Puts a book of this title there.
    pub(crate) fn book(&self, name: &str, title: &str) -> PathBuf {
        self.put(name, &book(title, &[]))
    }

    pub(crate) fn open(&self) -> Box<dyn Library> {
        Books.open(self.path(), Arc::new(Idle)).unwrap()
    }

    pub(crate) fn try_read(&self) -> Result<(Catalog, Reading), Error> {
        Collector::collect(&*self.open())
    }

    pub(crate) fn read(&self) -> (Catalog, Reading) {
        self.try_read().unwrap()
    }

    /// The id and title of each book.
    pub(crate) fn titles(&self) -> Vec<(String, String)> {
        let (catalog, _) = self.read();
        let title = &segue_translator::model::books::TITLE;
        let items = catalog.items.iter();
        items.map(|item| (item.id.to_string(), text(item.fields.value(title)))).collect()
    }

    /// What is lost, as `id: why`.
    pub(crate) fn losses(&self) -> Vec<String> {
        let (_, reading) = self.read();
        reading.losses.iter().map(|loss| format!("{}: {}", loss.id, loss.what)).collect()
    }
}

pub(crate) fn text(value: Option<&Value>) -> String {
    match value {
        None => "-".into(),
        Some(Value::Text(text)) => text.to_string(),
        Some(Value::List(texts)) => texts.join(" | "),
        Some(Value::Real(number)) => number.0.to_string(),
        Some(other) => format!("{other:?}"),
    }
}

/// Each field of an item, as `name: value`.
pub(crate) fn fields(catalog: &Catalog, id: &str) -> Vec<String> {
    let item = catalog.item(&id.into()).unwrap();
    let shown =
        |(field, value): (&'static Field, &Value)| format!("{}: {}", field.name, text(Some(value)));
    item.fields.iter().map(shown).collect()
}

/// The bytes of a book with this title and these files beside its package.
pub(crate) fn book(title: &str, files: &[(&str, &[u8])]) -> Vec<u8> {
    let package = format!("<package><metadata><title>{title}</title></metadata></package>");
    let own: [(&str, &[u8]); 3] = [
        ("mimetype", b"application/epub+zip"),
        ("META-INF/container.xml", CONTAINER.as_bytes()),
        ("p.opf", package.as_bytes()),
    ];
    packed(&own.iter().chain(files).copied().collect::<Vec<_>>())
}

/// Files in a container.
pub(crate) fn packed(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        let method = match *name {
            "mimetype" => zip::CompressionMethod::Stored,
            _ => zip::CompressionMethod::Deflated,
        };
        writer.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}
